"""Waking watchers and keeping the newest log lines."""

from __future__ import annotations

from ssd.jobs.events import Cursor
from ssd.jobs.feed import Feed


async def test_announcing_wakes_every_watcher_of_the_job_alone():
    feed = Feed()
    with feed.watching("a") as one, feed.watching("a") as two, feed.watching("b") as other:
        feed.announce("a")
        assert one.is_set()
        assert two.is_set()
        assert not other.is_set()
    assert feed._waiting == {}


async def test_only_the_newest_lines_are_kept():
    feed = Feed()
    feed.add_lines("a", [str(number) for number in range(10_000)])
    kept = feed.lines_after("a", 0)
    assert [line for _, line in kept] == [str(number) for number in range(9500, 10_000)]
    assert feed.lines_after("a", kept[-2][0]) == [kept[-1]]


async def test_lines_of_many_jobs_do_not_fill_the_memory():
    feed = Feed()
    for number in range(1000):
        feed.add_lines(str(number), ["x"])
    assert len(feed._tails) == 256
    assert feed.lines_after("0", 0) == []


async def test_line_numbers_grow_over_a_restart():
    before = Feed()
    before.add_lines("a", ["old"])
    [(number, _)] = before.lines_after("a", 0)
    while True:
        after = Feed()
        after.add_lines("a", ["new"])
        if after.lines_after("a", number):
            break


def test_cursors_survive_the_wire():
    assert Cursor.parse(str(Cursor(12, 345))) == Cursor(12, 345)
    assert Cursor.parse("7") == Cursor(7, 0)
    assert Cursor.parse(None) == Cursor()
