"""Confirm, run, cancel."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
from litestar import Controller, post
from litestar.di import NamedDependency
from litestar.params import JSONBody, QueryParameter

from ssd.errors import SsdError
from ssd.jobs.models import Job, JobStatus
from ssd.jobs.service import Jobs
from ssd.plans.models import FreezeRequest
from ssd.plans.service import Plans
from ssd.runs.service import Runs, check_formats

_FORMATS = QueryParameter(name="output_formats", description="Repeatable; default csv, log and do.")


class ConfirmRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The user's word that the plan is what they want."""

    confirmed: bool
    variable_corrections: dict[str, str] = {}
    answers: dict[str, Any] = {}
    default_overrides: dict[str, Any] = {}
    expert_suggestions_feedback: dict[str, Any] = {}
    notes: str | None = None
    output_formats: list[str] | None = None


class RunRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    output_formats: list[str] | None = None


class Queued(msgspec.Struct, frozen=True):
    """Where the job stands after the request."""

    job_id: str
    status: JobStatus
    scheduled_at: str | None
    message: str = ""


class RunController(Controller):
    """Starting and stopping the run of a job."""

    path = "/v1/jobs/{job_id:str}"
    tags = ("runs",)

    @post("/confirm", status_code=200, summary="Confirm the plan and queue it")
    async def confirm(
        self,
        job: NamedDependency[Job],
        runs: NamedDependency[Runs],
        plans: NamedDependency[Plans],
        data: JSONBody[ConfirmRequest],
    ) -> Queued:
        formats = check_formats(data.output_formats)
        if not data.confirmed:
            return Queued(job.job_id, job.status, job.scheduled_at, "Not confirmed; nothing was changed.")
        request = FreezeRequest(
            notes=data.notes,
            answers=data.answers,
            variable_corrections=data.variable_corrections,
            default_overrides=data.default_overrides,
        )
        try:
            plan = await plans.confirm(job, request)
        except SsdError as error:
            if error.code != "PLAN_FREEZE_MISSING_REQUIRED":
                raise
            raise SsdError("DRAFT_CONFIRM_BLOCKED", error.message, errors=error.errors, **error.members) from error
        queued = await runs.queue(job, plan, formats)
        return Queued(queued.job_id, queued.status, queued.scheduled_at, "The run is queued.")

    @post("/run", status_code=200, summary="Queue the run of the frozen plan")
    async def run(
        self,
        job: NamedDependency[Job],
        runs: NamedDependency[Runs],
        data: JSONBody[RunRequest | None] = None,
        output_formats: Annotated[list[str] | None, _FORMATS] = None,
    ) -> Queued:
        asked = output_formats or (data.output_formats if data else None)
        queued = await runs.run(job, check_formats(asked))
        return Queued(queued.job_id, queued.status, queued.scheduled_at)

    @post("/cancel", status_code=200, summary="Stop the job")
    async def cancel(
        self, job: NamedDependency[Job], jobs: NamedDependency[Jobs], runs: NamedDependency[Runs]
    ) -> Queued:
        ended = await runs.cancel(job)
        return Queued(ended.job_id, ended.status, ended.scheduled_at, "The job is cancelled.")
