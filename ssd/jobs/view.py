"""The job as clients see it, read in one statement."""

from __future__ import annotations

import sqlite3
from typing import Any, Final

import msgspec

from ssd.access import tokens
from ssd.db.database import Database
from ssd.jobs import store
from ssd.jobs.guard import Caller, Guarded
from ssd.jobs.models import JobError, JobStatus, Progress
from ssd.jobs.service import ENDED


class Timestamps(msgspec.Struct, frozen=True):
    created_at: str
    scheduled_at: str | None
    started_at: str | None
    finished_at: str | None


class DraftSummary(msgspec.Struct, frozen=True):
    created_at: str
    text_chars: int


class ArtifactCounts(msgspec.Struct, frozen=True):
    total: int
    by_kind: dict[str, int]


class RunSummary(msgspec.Struct, frozen=True):
    run_id: str
    attempt: int
    status: str
    started_at: str | None
    ended_at: str | None
    artifacts_count: int
    engine: dict[str, Any] | None
    error: JobError | None


class JobView(msgspec.Struct, frozen=True):
    """The answer of `GET /v1/jobs/{job_id}`."""

    job_id: str
    trace_id: str
    status: JobStatus
    version: int
    requirement: str
    selected_template_id: str | None
    timestamps: Timestamps
    draft: DraftSummary | None
    artifacts: ArtifactCounts
    latest_run: RunSummary | None
    progress: Progress | None
    error: JobError | None
    queue_position: int | None
    """1 is next; null unless the job is queued."""
    expires_at: str | None


# Every subselect is answered by an index with the job's or the run's id in front.
SELECT_VIEW: Final = f"""
    SELECT {store.COLUMNS}, {tokens.STORED_AS_JSON} AS tokens,
        (SELECT json_array(d.created_at, d.text_chars) FROM drafts AS d WHERE d.job_id = jobs.job_id) AS draft,
        (SELECT json_group_object(k.kind, k.n) FROM (
            SELECT a.kind, count(*) AS n FROM artifacts AS a WHERE a.job_id = jobs.job_id GROUP BY a.kind) AS k
        ) AS by_kind,
        (SELECT json_object(
                'run_id', r.run_id, 'attempt', r.attempt, 'status', r.status,
                'started_at', r.started_at, 'ended_at', r.ended_at,
                'artifacts_count', (SELECT count(*) FROM artifacts AS a WHERE a.run_id = r.run_id),
                'engine', json(r.engine), 'error', json(r.error))
            FROM runs AS r WHERE r.job_id = jobs.job_id ORDER BY r.attempt DESC LIMIT 1
        ) AS latest_run,
        CASE WHEN jobs.status = 'queued' THEN (
            SELECT 1 + (
                SELECT count(*) FROM runs AS ahead
                WHERE ahead.status = 'queued' AND (ahead.priority > mine.priority
                    OR (ahead.priority = mine.priority AND ahead.queued_at < mine.queued_at)))
            FROM runs AS mine WHERE mine.job_id = jobs.job_id AND mine.status = 'queued'
        ) END AS queue_position
    FROM jobs WHERE jobs.job_id = ? AND jobs.deleted_at IS NULL"""  # noqa: S608

_ENCODER: Final = msgspec.json.Encoder()
_DRAFT: Final = msgspec.json.Decoder(tuple[str, int])
_COUNTS: Final = msgspec.json.Decoder(dict[str, int])
_RUN: Final = msgspec.json.Decoder(RunSummary)


class StoredView(msgspec.Struct, frozen=True):
    """A job's view ready to be sent, and what decides who may have it."""

    guarded: Guarded | None
    """None: there is no such job."""
    ended: bool
    version: int
    body: bytes
    """The JobView as JSON."""

    @classmethod
    def of(cls, row: sqlite3.Row | None) -> StoredView:
        """From a row of `SELECT_VIEW`."""
        if row is None:
            return cls(None, ended=True, version=0, body=b"")
        view = view_of(row)
        return cls(Guarded.of(row), view.status in ENDED, view.version, _ENCODER.encode(view))


async def read_view(database: Database, job_id: str, caller: Caller) -> StoredView:
    """The view of a job as it is now, if the caller may have it. See `Caller.require_access`."""
    stored = await database.remembered(SELECT_VIEW, job_id, StoredView.of)
    caller.require_access(job_id, stored.guarded)
    return stored


def view_of(row: sqlite3.Row) -> JobView:
    """The view a row of `SELECT_VIEW` stands for."""
    job = store.job_of(row)
    by_kind = _COUNTS.decode(row["by_kind"])
    draft = row["draft"]
    latest_run = row["latest_run"]
    return JobView(
        job_id=job.job_id,
        trace_id=job.trace_id,
        status=job.status,
        version=job.version,
        requirement=job.requirement,
        selected_template_id=job.selected_template_id,
        timestamps=Timestamps(job.created_at, job.scheduled_at, job.started_at, job.finished_at),
        draft=None if draft is None else DraftSummary(*_DRAFT.decode(draft)),
        artifacts=ArtifactCounts(sum(by_kind.values()), by_kind),
        latest_run=None if latest_run is None else _RUN.decode(latest_run),
        progress=job.progress,
        error=job.error,
        queue_position=row["queue_position"],
        expires_at=job.expires_at,
    )
