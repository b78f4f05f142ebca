"""SQL of the tables jobs and job_events. Functions over a connection run inside a unit of work."""

from __future__ import annotations

import sqlite3
from typing import Any, Final

import msgspec

from ssd.db.clock import now_iso
from ssd.jobs.models import Event, Job, JobError, JobStatus, Progress

COLUMNS: Final = """
    job_id, tenant_id, trace_id, status, version, requirement, selected_template_id, progress, error,
    created_at, updated_at, scheduled_at, started_at, finished_at, expires_at"""

INSERT: Final = """
    INSERT INTO jobs (job_id, tenant_id, trace_id, status, version, requirement, created_at, updated_at)
    VALUES (:job_id, :tenant_id, :trace_id, :status, 1, :requirement, :now, :now)"""

# A deleted job is a tombstone: no read of a job may find it.
SELECT: Final = f"""SELECT {COLUMNS} FROM jobs WHERE job_id = ? AND deleted_at IS NULL"""  # noqa: S608

UPDATE: Final = """
    UPDATE jobs SET
        status = :status, version = version + 1, selected_template_id = :selected_template_id,
        progress = :progress, error = :error, updated_at = :updated_at, scheduled_at = :scheduled_at,
        started_at = :started_at, finished_at = :finished_at
    WHERE job_id = :job_id"""

SET_PROGRESS: Final = "UPDATE jobs SET progress = :progress, updated_at = :now WHERE job_id = :job_id"

FILL_REQUIREMENT: Final = """
    UPDATE jobs SET requirement = :requirement, version = version + 1, updated_at = :now
    WHERE job_id = :job_id AND requirement = '' AND status IN ('created', 'draft_ready')"""

SET_REQUIREMENT: Final = """
    UPDATE jobs SET requirement = :requirement, version = version + 1, updated_at = :now WHERE job_id = :job_id"""

APPEND_EVENT: Final = "INSERT INTO job_events (job_id, at, kind, data) VALUES (?, ?, ?, ?)"

EVENTS_AFTER: Final = """
    SELECT event_id, at, kind, data FROM job_events
    WHERE job_id = ? AND event_id > ? ORDER BY event_id LIMIT ?"""

_JSON: Final = msgspec.json.Encoder()
_PROGRESS: Final = msgspec.json.Decoder(Progress)
_ERROR: Final = msgspec.json.Decoder(JobError)
_EVENT_DATA: Final = msgspec.json.Decoder(dict[str, Any])


def job_of(row: sqlite3.Row) -> Job:
    """The record a row of `SELECT` stands for."""
    return Job(
        job_id=row["job_id"],
        tenant_id=row["tenant_id"],
        trace_id=row["trace_id"],
        status=JobStatus(row["status"]),
        version=row["version"],
        requirement=row["requirement"],
        selected_template_id=row["selected_template_id"],
        progress=None if row["progress"] is None else _PROGRESS.decode(row["progress"]),
        error=None if row["error"] is None else _ERROR.decode(row["error"]),
        created_at=row["created_at"],
        updated_at=row["updated_at"],
        scheduled_at=row["scheduled_at"],
        started_at=row["started_at"],
        finished_at=row["finished_at"],
        expires_at=row["expires_at"],
    )


def event_of(row: sqlite3.Row) -> Event:
    return Event(row["event_id"], row["at"], row["kind"], _EVENT_DATA.decode(row["data"]))


def find(connection: sqlite3.Connection, job_id: str) -> Job | None:
    row = connection.execute(SELECT, (job_id,)).fetchone()
    return None if row is None else job_of(row)


def insert(connection: sqlite3.Connection, *, job_id: str, tenant_id: str, trace_id: str, requirement: str) -> None:
    connection.execute(
        INSERT,
        {
            "job_id": job_id,
            "tenant_id": tenant_id,
            "trace_id": trace_id,
            "status": JobStatus.CREATED,
            "requirement": requirement,
            "now": now_iso(),
        },
    )


def update(connection: sqlite3.Connection, job: Job) -> None:
    """Write what may change of a job; the version goes up by one."""
    connection.execute(
        UPDATE,
        {
            "job_id": job.job_id,
            "status": job.status,
            "selected_template_id": job.selected_template_id,
            "progress": as_json(job.progress),
            "error": as_json(job.error),
            "updated_at": job.updated_at,
            "scheduled_at": job.scheduled_at,
            "started_at": job.started_at,
            "finished_at": job.finished_at,
        },
    )


def set_progress(connection: sqlite3.Connection, job_id: str, progress: Progress) -> None:
    connection.execute(SET_PROGRESS, {"job_id": job_id, "progress": as_json(progress), "now": now_iso()})


def fill_requirement(connection: sqlite3.Connection, job_id: str, requirement: str) -> None:
    """Set the requirement of a job that has none and is still open to change."""
    connection.execute(FILL_REQUIREMENT, {"job_id": job_id, "requirement": requirement, "now": now_iso()})


def set_requirement(connection: sqlite3.Connection, job_id: str, requirement: str) -> None:
    """Replace the requirement; the caller has checked that the job may be edited."""
    connection.execute(SET_REQUIREMENT, {"job_id": job_id, "requirement": requirement, "now": now_iso()})


def append_event(connection: sqlite3.Connection, job_id: str, kind: str, data: dict[str, Any]) -> int:
    """The id of the new event; ids grow."""
    cursor = connection.execute(APPEND_EVENT, (job_id, now_iso(), kind, _JSON.encode(data).decode()))
    if cursor.lastrowid is None:
        raise sqlite3.InternalError("an insert into job_events gave no row id")
    return cursor.lastrowid


def as_json(value: msgspec.Struct | None) -> str | None:
    return None if value is None else _JSON.encode(value).decode()
