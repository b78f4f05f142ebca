"""The one writer: groups, savepoints, callers that leave, full disks."""

from __future__ import annotations

import asyncio
import sqlite3
import threading

import pytest

from ssd.db.database import Database
from ssd.errors import SsdError

PUT = "INSERT INTO flags (name, value, updated_at) VALUES (?, ?, '')"


def put(name, value=""):
    return lambda connection: connection.execute(PUT, (name, value)) and None


async def names(database):
    return {row["name"] for row in await database.all("SELECT name FROM flags")}


async def test_a_failing_unit_is_undone_alone(database):
    def fail(connection):
        connection.execute(PUT, ("half", ""))
        raise RuntimeError("no")

    units = [put("a"), fail, put("b"), put("a"), put("c")]
    outcomes = await asyncio.gather(*(database.write(unit) for unit in units), return_exceptions=True)
    assert [type(outcome) for outcome in outcomes] == [
        type(None), RuntimeError, type(None), sqlite3.IntegrityError, type(None),
    ]  # fmt: skip
    assert await names(database) == {"a", "b", "c"}


async def test_many_callers_share_commits(database):
    gate = threading.Event()
    first = asyncio.create_task(database.write(lambda _: gate.wait(10)))
    while database.writer._queue.qsize():
        await asyncio.sleep(0)
    others = [asyncio.create_task(database.write(put(str(number)))) for number in range(300)]
    await asyncio.sleep(0)
    before = database.writer.groups
    gate.set()
    await asyncio.gather(first, *others)
    assert len(await names(database)) == 300
    assert database.writer.groups - before <= 4


async def test_a_caller_that_leaves_does_not_undo_its_unit(database):
    gate = threading.Event()

    def slow(connection):
        gate.wait(10)
        connection.execute(PUT, ("slow", ""))

    caller = asyncio.create_task(database.write(slow))
    await asyncio.sleep(0)
    caller.cancel()
    with pytest.raises(asyncio.CancelledError):
        await caller
    gate.set()
    await database.write(put("next"))
    assert await names(database) == {"slow", "next"}


async def test_a_full_disk_is_named_and_the_store_stays_usable(database):
    await database.write(put("before"))

    def limit(connection):
        pages = connection.execute("PRAGMA page_count").fetchone()[0]
        connection.execute(f"PRAGMA max_page_count = {pages + 2}").fetchone()

    await database.write(limit)
    with pytest.raises(SsdError) as full:
        await database.write(put("big", "x" * 1_000_000))
    assert full.value.code == "STORAGE_FULL"
    assert await names(database) == {"before"}
    await database.write(lambda connection: connection.execute("PRAGMA max_page_count = 1000000").fetchone())
    await database.write(put("after", "x" * 1_000_000))
    assert await names(database) == {"before", "after"}


async def test_what_is_remembered_is_never_older_than_the_last_commit(database):
    asked = []

    def derive(row):
        asked.append(row)
        return None if row is None else row["value"]

    def change(value):
        return lambda connection: connection.execute("UPDATE flags SET value = ? WHERE name = 'n'", (value,)) and None

    sql = "SELECT value FROM flags WHERE name = ?"
    await database.write(put("n", "0"))
    for number in range(1, 50):
        await database.write(change(str(number)))
        assert await database.remembered(sql, "n", derive) == str(number)
        assert await database.remembered(sql, "n", derive) == str(number)
    assert len(asked) == 49


async def test_a_closed_store_refuses_writes(tmp_path):
    database = await Database.open(tmp_path / "store.sqlite3")
    await database.close()
    with pytest.raises(SsdError) as refused:
        await database.write(put("late"))
    assert refused.value.code == "SERVICE_SHUTTING_DOWN"


async def test_readers_cannot_write(database):
    with pytest.raises(sqlite3.OperationalError):
        await database.all(PUT, ("x", ""))
