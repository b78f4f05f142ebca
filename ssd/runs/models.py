"""A run: one attempt to execute a frozen plan, step by step."""

from __future__ import annotations

from enum import StrEnum

import msgspec

from ssd.jobs.models import JobError


class RunStatus(StrEnum):
    QUEUED = "queued"
    RUNNING = "running"
    """Claimed by a server (`boot_id`) whose lease is fresh. A stale lease means that server is gone."""
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"
    INTERRUPTED = "interrupted"
    """Its server stopped or died; another attempt follows while attempts are left."""


class Engine(msgspec.Struct, frozen=True):
    """Which program made the numbers."""

    name: str
    version: str


class Run(msgspec.Struct, frozen=True):
    """A run as stored."""

    run_id: str
    job_id: str
    tenant_id: str
    plan_id: str
    plan_revision: int
    attempt: int
    trigger_attempt: int
    status: RunStatus
    output_formats: list[str]
    started_at: str | None = None
    ended_at: str | None = None
    boot_id: str | None = None
    pid: int | None = None
    pid_start: int | None = None


class FileHash(msgspec.Struct, frozen=True):
    """A file of a step as run.meta.json lists it."""

    file: str
    size_bytes: int
    sha256: str


class StepMeta(msgspec.Struct, frozen=True, kw_only=True):
    """run.meta.json: everything needed to audit and repeat one step."""

    schema_version: int = 1
    run_id: str
    job_id: str
    step_id: str
    plan_id: str
    template_id: str
    template_version: str
    status: RunStatus
    engine: Engine
    command: list[str]
    exit_code: int | None
    started_at: str
    ended_at: str
    duration_seconds: float
    sandbox: str
    do_sha256: str
    data_sha256: str
    outputs: list[FileHash]
    log_bytes: int
    log_truncated: bool
    error: JobError | None


OUTPUT_FORMATS = ("csv", "xlsx", "dta", "docx", "pdf", "html", "tex", "log", "do")
DEFAULT_FORMATS = ("csv", "log", "do")
