"""The job: its states, the moves between them, and what the wire shows of it."""

from __future__ import annotations

from enum import StrEnum
from typing import Any, Final

import msgspec


class JobStatus(StrEnum):
    """Where a job stands. `MOVES` holds every allowed change."""

    CREATED = "created"
    DRAFT_READY = "draft_ready"
    """A draft exists; inputs, draft and plan may still change."""
    CONFIRMED = "confirmed"
    """The plan is frozen and confirmed, the run not yet queued. A crash may leave a job here; `run` queues it."""
    QUEUED = "queued"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"


MOVES: Final[dict[JobStatus, frozenset[JobStatus]]] = {
    JobStatus.CREATED: frozenset({JobStatus.DRAFT_READY}),
    JobStatus.DRAFT_READY: frozenset({JobStatus.CONFIRMED, JobStatus.DRAFT_READY}),
    JobStatus.CONFIRMED: frozenset({JobStatus.QUEUED, JobStatus.DRAFT_READY}),
    JobStatus.QUEUED: frozenset({JobStatus.RUNNING, JobStatus.CANCELLED, JobStatus.FAILED}),
    JobStatus.RUNNING: frozenset({JobStatus.SUCCEEDED, JobStatus.FAILED, JobStatus.CANCELLED, JobStatus.QUEUED}),
    JobStatus.SUCCEEDED: frozenset({JobStatus.QUEUED, JobStatus.DRAFT_READY}),
    JobStatus.FAILED: frozenset({JobStatus.QUEUED, JobStatus.DRAFT_READY}),
    JobStatus.CANCELLED: frozenset({JobStatus.QUEUED, JobStatus.DRAFT_READY}),
}
"""running → queued is an interrupted run with attempts left."""

EDITABLE: Final = frozenset({JobStatus.CREATED, JobStatus.DRAFT_READY})
"""States in which inputs, draft and plan may change; in any other they answer JOB_LOCKED."""


class StataFailure(msgspec.Struct, frozen=True):
    """What Stata said when it stopped."""

    rc: int | None = None
    command: str | None = None
    line: int | None = None
    message: str | None = None


class JobError(msgspec.Struct, frozen=True):
    """Why a run failed, for a person (`message`, `hint`) and for a program (`error_code`, `retryable`)."""

    error_code: str
    message: str
    retryable: bool
    hint: str
    stata: StataFailure | None = None
    details: dict[str, Any] | None = None


class Progress(msgspec.Struct, frozen=True):
    """How far a running job is; `percent` is 0 to 100."""

    step: int
    total_steps: int
    step_id: str
    purpose: str
    percent: float


class Job(msgspec.Struct, frozen=True):
    """A job as stored."""

    job_id: str
    tenant_id: str
    trace_id: str
    status: JobStatus
    version: int
    requirement: str
    selected_template_id: str | None
    progress: Progress | None
    error: JobError | None
    created_at: str
    updated_at: str
    scheduled_at: str | None
    started_at: str | None
    finished_at: str | None
    expires_at: str | None


class Event(msgspec.Struct, frozen=True):
    """One entry of a job's feed: what server-sent events and the audit show."""

    event_id: int
    at: str
    kind: str
    data: dict[str, Any]


class ArtifactRecord(msgspec.Struct, frozen=True):
    """A file of a job that clients may download. `rel_path` is relative to the job's folder."""

    kind: str
    """plan, manifest, do, log, table, figure, dataset, report, run_meta, selection, contract"""
    rel_path: str
    created_at: str
    size_bytes: int
    sha256: str
    media_type: str
    run_id: str | None = None
    step_id: str | None = None
    title: str = ""
    meta: dict[str, Any] = {}
