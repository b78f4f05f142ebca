"""Durable redeem with 64 callers through the group-committing writer, against one transaction each over sqlite3."""

from __future__ import annotations

import asyncio
import statistics
import tempfile
import time
from pathlib import Path

from bench.measure import Result
from ssd.access.service import TaskCodes
from ssd.db.database import Database, open_for_writing
from ssd.db.migrate import migrate
from ssd.jobs.redeem import Redeeming

CLIENTS = 64
EACH = 40
ROUNDS = 5


async def _ours(folder: Path) -> float:
    """Redeems per second, every one acknowledged after its fsync."""
    database = await Database.open(folder / "ours.sqlite3")
    try:
        issuing = TaskCodes(database)
        codes: list[str] = []
        while len(codes) < CLIENTS * EACH:
            issued = await issuing.issue(tenant_id="default", count=500, expires_in_days=1, actor="bench")
            codes += [item.task_code for item in issued]
        redeeming = Redeeming(database, token_ttl_days=30)

        async def client(number: int) -> None:
            for code in codes[number::CLIENTS]:
                await redeeming.redeem(code, "x", tenant_id="default")

        begin = time.perf_counter()
        await asyncio.gather(*(client(number) for number in range(CLIENTS)))
        return len(codes) / (time.perf_counter() - begin)
    finally:
        await database.close()


def _theirs(folder: Path) -> float:
    """The same rows, each job in a transaction of its own, on one connection with the same pragmas."""
    connection = open_for_writing(folder / "theirs.sqlite3")
    migrate(connection)
    connection.execute("INSERT INTO tenants (tenant_id, created_at) VALUES ('default', 'now')")
    count = CLIENTS * EACH
    begin = time.perf_counter()
    for number in range(count):
        connection.execute("BEGIN IMMEDIATE")
        connection.execute(
            "INSERT INTO jobs (job_id, tenant_id, trace_id, status, version, requirement, created_at, updated_at)"
            " VALUES (?, 'default', 't', 'created', 1, 'x', 'now', 'now')",
            (f"job_{number}",),
        )
        connection.execute(
            "INSERT INTO job_tokens VALUES (?, ?, 'h', 'now', 'later', NULL)", (f"t{number}", f"job_{number}")
        )
        connection.execute("COMMIT")
    rate = count / (time.perf_counter() - begin)
    connection.close()
    return rate


def run() -> list[Result]:
    ours, theirs = [], []
    # The current folder's disk, not a memory file system: an fsync must cost what it costs.
    for _ in range(ROUNDS):
        with tempfile.TemporaryDirectory(dir=".") as name:
            ours.append(asyncio.run(_ours(Path(name))))
            theirs.append(_theirs(Path(name)))
    mine, other = statistics.median(ours), statistics.median(theirs)
    ratio = mine / other
    return [
        Result(
            "durable redeem, 64 clients",
            f"{mine:,.0f} redeems/s",
            f"one transaction each: {other:,.0f}/s",
            f"{ratio:.1f}",
            "≥ 4",
            ratio >= 4,
        )
    ]
