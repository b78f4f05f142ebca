"""Durable redeem with 64 callers through the group-committing writer, against one transaction each over sqlite3."""

from __future__ import annotations

import asyncio
import os
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any, TypeVar

from bench.measure import Result
from ssd.access.service import TaskCodes
from ssd.db.database import Database, open_for_writing
from ssd.db.migrate import migrate
from ssd.db.writer import Unit
from ssd.jobs.redeem import Redeeming

T = TypeVar("T")

CLIENTS = 64
EACH = 40
ROUNDS = 5


class OneByOne:
    """The same units of work over plain sqlite3, with the same pragmas, each in a transaction of its own."""

    def __init__(self, path: Path) -> None:
        self.connection = open_for_writing(path)
        migrate(self.connection)

    async def write(self, unit: Unit[T]) -> T:
        self.connection.execute("BEGIN IMMEDIATE")
        result = unit(self.connection)
        self.connection.execute("COMMIT")
        return result


async def _redeem_all(database: Any) -> float:
    """Redeems per second by 64 clients, every one acknowledged after its fsync."""
    issuing, redeeming = TaskCodes(database), Redeeming(database, token_ttl_days=30)
    codes: list[str] = []
    while len(codes) < CLIENTS * EACH:
        issued = await issuing.issue(tenant_id="default", count=500, expires_in_days=1, actor="bench")
        codes += [item.task_code for item in issued]

    async def client(number: int) -> None:
        for code in codes[number::CLIENTS]:
            await redeeming.redeem(code, "x", tenant_id="default")

    begin = time.perf_counter()
    await asyncio.gather(*(client(number) for number in range(CLIENTS)))
    return len(codes) / (time.perf_counter() - begin)


async def _ours(folder: Path) -> float:
    database = await Database.open(folder / "ours.sqlite3")
    try:
        return await _redeem_all(database)
    finally:
        await database.close()


async def _theirs(folder: Path) -> float:
    database = OneByOne(folder / "theirs.sqlite3")
    try:
        return await _redeem_all(database)
    finally:
        database.connection.close()


def _fsync_ms(folder: Path) -> float:
    """What one fsync of a small append costs here: the ratio hangs on it."""
    times = []
    with (folder / "probe").open("wb") as handle:
        for _ in range(100):
            handle.write(b"x" * 4096)
            handle.flush()
            begin = time.perf_counter()
            os.fsync(handle.fileno())
            times.append(time.perf_counter() - begin)
    return statistics.median(times) * 1000


def run() -> list[Result]:
    ours, theirs, fsyncs = [], [], []
    # The current folder's disk, not a memory file system: an fsync must cost what it costs.
    for _ in range(ROUNDS):
        with tempfile.TemporaryDirectory(dir=".") as name:
            ours.append(asyncio.run(_ours(Path(name))))
            theirs.append(asyncio.run(_theirs(Path(name))))
            fsyncs.append(_fsync_ms(Path(name)))
    mine, other = statistics.median(ours), statistics.median(theirs)
    ratio = mine / other
    return [
        Result(
            "durable redeem, 64 clients",
            f"{mine:,.0f} redeems/s",
            f"the same work, one transaction each: {other:,.0f}/s (fsync {statistics.median(fsyncs):.2f} ms)",
            f"{ratio:.1f}",
            "≥ 4",
            ratio >= 4,
        )
    ]
