"""What the server is doing right now, for its operator."""

from __future__ import annotations

import os
import platform
import shutil
import sqlite3
from datetime import datetime
from pathlib import Path
from typing import Final

import anyio.to_thread
import msgspec

from ssd import __version__
from ssd.db.clock import iso, now
from ssd.db.database import Database
from ssd.ops.children import Child, children_of
from ssd.ops.health import Health, Readiness
from ssd.ops.metrics import QUEUE
from ssd.runs.models import Engine
from ssd.runs.supervisor import Supervisor
from ssd.settings import Settings
from ssd.templates.library import Library

RUNNING: Final = """
    SELECT run_id, job_id, tenant_id, attempt, started_at, pid FROM runs WHERE status = 'running'
    ORDER BY started_at"""
LLM_TASKS: Final = """
    SELECT
        (SELECT count(*) FROM llm_tasks WHERE status = 'queued') AS queued,
        (SELECT count(*) FROM llm_tasks WHERE status = 'running') AS running,
        (SELECT min(queued_at) FROM llm_tasks WHERE status = 'queued') AS oldest"""
SCHEMA: Final = "SELECT user_version FROM pragma_user_version"


class Queue(msgspec.Struct, frozen=True):
    queued: int
    running: int
    oldest_queued_at: str | None


class Slots(msgspec.Struct, frozen=True):
    total: int
    used: int


class RunningRun(msgspec.Struct, frozen=True):
    run_id: str
    job_id: str
    tenant_id: str
    attempt: int
    started_at: str | None
    pid: int | None
    resident_bytes: int | None
    """Of the run's whole process tree; null while no process has been started."""


class Disk(msgspec.Struct, frozen=True):
    free_bytes: int
    total_bytes: int
    min_free_bytes: int


class Versions(msgspec.Struct, frozen=True):
    ssd: str
    python: str
    sqlite: str
    schema: int
    engine: Engine | None
    templates: int


class SystemStatus(msgspec.Struct, frozen=True):
    env: str
    pid: int
    boot_id: str
    started_at: str
    uptime_seconds: float
    resident_bytes: int
    health: Readiness
    queue: Queue
    """Of runs."""
    llm_tasks: Queue
    slots: Slots
    runs: list[RunningRun]
    children: list[Child]
    disk: Disk
    versions: Versions


class SystemStatusReader:
    """Looks at the parts of one server."""

    def __init__(
        self, settings: Settings, database: Database, health: Health, supervisor: Supervisor, library: Library
    ) -> None:
        self._settings = settings
        self._database = database
        self._health = health
        self._supervisor = supervisor
        self._library = library
        self._started: Final[datetime] = now()

    async def read(self) -> SystemStatus:
        """Everything at once; the checks of readiness are those of the last few seconds."""
        children = await anyio.to_thread.run_sync(children_of, os.getpid())
        usage = await anyio.to_thread.run_sync(shutil.disk_usage, self._settings.data_dir)
        resident = await anyio.to_thread.run_sync(_own_resident_bytes)
        return SystemStatus(
            env=self._settings.env,
            pid=os.getpid(),
            boot_id=self._supervisor.boot_id,
            started_at=iso(self._started),
            uptime_seconds=round((now() - self._started).total_seconds(), 3),
            resident_bytes=resident,
            health=await self._health.readiness(),
            queue=await self._queue(QUEUE),
            llm_tasks=await self._queue(LLM_TASKS),
            slots=Slots(self._supervisor.slots, len(self._supervisor.running())),
            runs=await self._runs(children),
            children=children,
            disk=Disk(usage.free, usage.total, self._settings.min_free_disk_mb * 1024**2),
            versions=await self._versions(),
        )

    async def _queue(self, sql: str) -> Queue:
        row = await self._database.one(sql)
        assert row is not None
        return Queue(row["queued"], row["running"], row["oldest"])

    async def _runs(self, children: list[Child]) -> list[RunningRun]:
        memory: dict[str | None, int] = {}
        for child in children:
            memory[child.run_id] = memory.get(child.run_id, 0) + child.resident_bytes
        return [
            RunningRun(**dict(row), resident_bytes=memory.get(row["run_id"]))
            for row in await self._database.all(RUNNING)
        ]

    async def _versions(self) -> Versions:
        row = await self._database.one(SCHEMA)
        assert row is not None
        return Versions(
            ssd=__version__,
            python=platform.python_version(),
            sqlite=sqlite3.sqlite_version,
            schema=row["user_version"],
            engine=self._supervisor.engine,
            templates=len(self._library.templates),
        )


def _own_resident_bytes() -> int:
    statm = Path("/proc/self/statm").read_text("ascii")
    return int(statm.split()[1]) * os.sysconf("SC_PAGE_SIZE")
