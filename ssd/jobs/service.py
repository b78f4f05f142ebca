"""The job: reading it, moving it between states, and telling those who watch."""

from __future__ import annotations

import secrets
import sqlite3
from pathlib import Path
from typing import Any, Final

import msgspec

from ssd.db.clock import now_iso
from ssd.db.database import Database
from ssd.db.ids import time_ordered
from ssd.errors import SsdError
from ssd.jobs import store
from ssd.jobs.feed import Feed
from ssd.jobs.folder import JobFolder
from ssd.jobs.models import EDITABLE, MOVES, Event, Job, JobStatus, Progress

ENDED: Final = frozenset({JobStatus.SUCCEEDED, JobStatus.FAILED, JobStatus.CANCELLED})


def new_job_id() -> str:
    """`job_`, the time and 80 random bits."""
    return "job_" + time_ordered()


class Jobs:
    """The jobs of one store. The static methods are parts of a unit of work; the others are for the event loop."""

    def __init__(self, database: Database, data_dir: Path) -> None:
        self.database = database
        self.feed = Feed()
        self._data_dir = data_dir
        self._stopping = False

    def is_stopping(self) -> bool:
        """Whether the server is going down; streams end then."""
        return self._stopping

    def stop_listening(self) -> None:
        """Let every stream and every waiting read end."""
        self._stopping = True
        self.feed.announce_all()

    def folder(self, job_id: str) -> JobFolder:
        return JobFolder.of(self._data_dir, job_id)

    async def get(self, job_id: str) -> Job:
        """The job as it is now. Raises JOB_NOT_FOUND."""
        row = await self.database.one(store.SELECT, (job_id,))
        if row is None:
            raise SsdError("JOB_NOT_FOUND")
        return store.job_of(row)

    async def events_after(self, job_id: str, event_id: int, limit: int = 200) -> list[Event]:
        """The events of a job that came after `event_id`, oldest first."""
        rows = await self.database.all(store.EVENTS_AFTER, (job_id, event_id, limit))
        return [store.event_of(row) for row in rows]

    @staticmethod
    def create(connection: sqlite3.Connection, tenant_id: str, requirement: str) -> str:
        """A new job in state `created`; its id."""
        job_id = new_job_id()
        store.insert(
            connection,
            job_id=job_id,
            tenant_id=tenant_id,
            trace_id=secrets.token_hex(16),
            requirement=requirement,
        )
        store.append_event(connection, job_id, "status", {"status": JobStatus.CREATED, "cause": "redeem"})
        return job_id

    @staticmethod
    def load(connection: sqlite3.Connection, job_id: str) -> Job:
        """The job as the unit of work sees it. Raises JOB_NOT_FOUND."""
        job = store.find(connection, job_id)
        if job is None:
            raise SsdError("JOB_NOT_FOUND")
        return job

    @staticmethod
    def move(connection: sqlite3.Connection, job_id: str, to: JobStatus, *, cause: str, **fields: Any) -> Job:
        """Bring a job into another state and append the `status` event, all in the caller's transaction.

        `fields` may hold `error: JobError | None`, `progress: Progress | None` and `selected_template_id`.
        Queueing and reopening clear what an earlier attempt left (error, progress, times).
        Raises JOB_NOT_FOUND, or JOB_ILLEGAL_TRANSITION when `MOVES` does not allow it.
        """
        job = Jobs.load(connection, job_id)
        if to not in MOVES[job.status]:
            raise SsdError(
                "JOB_ILLEGAL_TRANSITION",
                f"The job is {job.status}; it cannot become {to} now.",
                job_status=job.status,
                requested_status=to,
            )
        moment = now_iso()
        changes = {**_effects(to, moment), **fields}
        moved = msgspec.structs.replace(job, status=to, version=job.version + 1, updated_at=moment, **changes)
        store.update(connection, moved)
        data: dict[str, Any] = {"status": to, "previous": job.status, "cause": cause, "version": moved.version}
        if to in ENDED and moved.error is not None:
            data["error"] = msgspec.to_builtins(moved.error)
        store.append_event(connection, job_id, "status", data)
        return moved

    @staticmethod
    def append_event(connection: sqlite3.Connection, job_id: str, kind: str, data: dict[str, Any]) -> int:
        return store.append_event(connection, job_id, kind, data)

    @staticmethod
    def set_progress(connection: sqlite3.Connection, job_id: str, progress: Progress) -> None:
        """Record how far the job is, with a `progress` event. The version stays: nothing was decided."""
        store.set_progress(connection, job_id, progress)
        store.append_event(connection, job_id, "progress", msgspec.to_builtins(progress))

    @staticmethod
    def require_editable(job: Job) -> None:
        """Raises JOB_LOCKED unless inputs, draft and plan of the job may change."""
        if job.status not in EDITABLE:
            raise SsdError(
                "JOB_LOCKED", f"The job is {job.status}; it can no longer be changed.", job_status=job.status
            )

    def announce(self, job_id: str) -> None:
        """Wake the listeners of a job; call it after the commit."""
        self.feed.announce(job_id)

    def publish_log(self, job_id: str, lines: list[str]) -> None:
        """Show log lines to those who watch now; the newest few hundred are kept in memory, none in the store."""
        self.feed.add_lines(job_id, lines)


def _effects(to: JobStatus, moment: str) -> dict[str, Any]:
    """What a move changes beside the status."""
    if to is JobStatus.QUEUED:
        return {"scheduled_at": moment, "started_at": None, "finished_at": None, "error": None, "progress": None}
    if to is JobStatus.RUNNING:
        return {"started_at": moment}
    if to in ENDED:
        return {"finished_at": moment}
    if to is JobStatus.DRAFT_READY:
        return {"scheduled_at": None, "started_at": None, "finished_at": None, "error": None, "progress": None}
    return {}
