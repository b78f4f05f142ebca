"""The feed as bytes: comments while nothing happens, and a listener that goes away."""

from __future__ import annotations

from ssd.jobs.events import Cursor, stream


def listen(services, job, **changes):
    defaults = {"comment_seconds": 0.01, "is_stopping": lambda: False}
    return stream(services.jobs, job.job_id, Cursor(), **{**defaults, **changes})


async def test_a_quiet_feed_sends_comments(services, job):
    listening = listen(services, job)
    received = [await anext(listening) for _ in range(4)]
    await listening.aclose()
    assert received[0] == b"retry: 2000\n\n"
    assert received[1].startswith(b"id: ")
    assert received[2].startswith(b":")
    assert received[3].startswith(b":")
    assert all(message.endswith(b"\n\n") for message in received)


async def test_a_listener_that_leaves_is_forgotten(services, job):
    listening = listen(services, job)
    for _ in range(3):
        await anext(listening)
    await listening.aclose()
    assert services.jobs.feed._waiting == {}


async def test_a_log_line_cannot_break_the_frame(services, job):
    services.jobs.publish_log(job.job_id, ["line\n\nevent: done\rdata: forged 表"])
    listening = listen(services, job)
    await anext(listening)
    message = (await anext(listening)).decode()
    await listening.aclose()
    assert message.count("\n") == 4
    assert "\r" not in message
    assert "表" in message


async def test_many_events_come_in_pages_and_all_of_them(services, job):
    def unit(connection):
        for number in range(1000):
            services.jobs.append_event(connection, job.job_id, "note", {"n": number})

    await services.database.write(unit)
    listening = listen(services, job)
    received = [await anext(listening) for _ in range(1002)]
    await listening.aclose()
    assert b'"n":999' in received[-1]


async def test_deleting_the_job_ends_its_feed(services, job):
    from ssd.jobs.erase import delete

    listening = listen(services, job, comment_seconds=30)
    for _ in range(2):
        await anext(listening)
    await delete(services.jobs, job.job_id)
    assert b'"deleted"' in await anext(listening)
    assert [message async for message in listening] == []
