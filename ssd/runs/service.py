"""Queueing, cancelling and retrying the runs of a job."""

from __future__ import annotations

import sqlite3
from typing import Final

from ssd.access import store as access_store
from ssd.db.database import Database
from ssd.errors import FieldError, SsdError
from ssd.jobs.models import Job, JobStatus
from ssd.jobs.service import Jobs
from ssd.plans.models import Plan
from ssd.plans.service import Plans
from ssd.runs import store
from ssd.runs.failure import job_error
from ssd.runs.models import DEFAULT_FORMATS, OUTPUT_FORMATS, RunStatus
from ssd.runs.supervisor import Supervisor, new_run_id

_UNDERWAY: Final = frozenset({JobStatus.QUEUED, JobStatus.RUNNING})
_ENDED_BADLY: Final = frozenset({JobStatus.FAILED, JobStatus.CANCELLED})


def check_formats(formats: list[str] | None) -> list[str]:
    """The formats asked for, in order and once each; the default when none are. Raises OUTPUT_FORMATS_INVALID."""
    if not formats:
        return list(DEFAULT_FORMATS)
    wrong = [item for item in formats if item not in OUTPUT_FORMATS]
    if wrong:
        raise SsdError(
            "OUTPUT_FORMATS_INVALID",
            f"Not an output format: {', '.join(wrong)}.",
            errors=(FieldError("output_formats", "unknown format", ", ".join(OUTPUT_FORMATS)),),
            supported=list(OUTPUT_FORMATS),
        )
    return list(dict.fromkeys(formats))


class Runs:
    """What a client may ask of runs. Nothing here waits for a run to end, except `cancel`."""

    def __init__(self, database: Database, jobs: Jobs, plans: Plans, supervisor: Supervisor) -> None:
        self._database = database
        self._jobs = jobs
        self._plans = plans
        self._supervisor = supervisor

    async def queue(self, job: Job, plan: Plan, formats: list[str], *, actor: str | None = None) -> Job:
        """Queue a frozen plan. While a run is queued, going on or has succeeded, this changes nothing;
        after a failure or a cancel it always makes a new attempt. An operator names themselves as `actor`."""

        def unit(connection: sqlite3.Connection) -> Job:
            current = self._jobs.load(connection, job.job_id)
            if current.status in _UNDERWAY or current.status is JobStatus.SUCCEEDED:
                return current
            if current.status is JobStatus.DRAFT_READY:
                self._jobs.move(connection, job.job_id, JobStatus.CONFIRMED, cause="run")
            store.insert(
                connection,
                run_id=new_run_id(),
                job_id=current.job_id,
                tenant_id=current.tenant_id,
                plan_id=plan.plan_id,
                plan_revision=plan.revision,
                trigger_attempt=1,
                output_formats=formats,
            )
            _audit(connection, actor, "jobs.retry", current)
            return self._jobs.move(connection, job.job_id, JobStatus.QUEUED, cause="run")

        queued = await self._database.write(unit)
        self._jobs.announce(job.job_id)
        self._supervisor.wake()
        return queued

    async def run(self, job: Job, formats: list[str]) -> Job:
        """Queue the job's plan, freezing it first when everything needed is there.

        Raises PLAN_FREEZE_MISSING_REQUIRED when it is not.
        """
        plan = await self._plans.current(job.job_id)
        if plan is None or not await self._plans.is_fresh(job, plan):
            plan = await self._plans.freeze_as_is(job)
        return await self.queue(await self._jobs.get(job.job_id), plan, formats)

    async def retry(self, job: Job, *, actor: str) -> Job:
        """Queue a failed or cancelled job again for an operator, with the formats asked for last.

        Raises JOB_ILLEGAL_TRANSITION for a job in another state, PLAN_MISSING when it never had a plan.
        """
        if job.status not in _ENDED_BADLY:
            raise SsdError(
                "JOB_ILLEGAL_TRANSITION",
                f"The job is {job.status}; only a failed or cancelled job can be retried.",
                job_status=job.status,
            )
        plan = await self._plans.require(job.job_id)
        latest = await self._database.write(lambda connection: store.latest(connection, job.job_id))
        formats = list(DEFAULT_FORMATS) if latest is None else latest.output_formats
        return await self.queue(job, plan, formats, actor=actor)

    async def cancel(self, job: Job, *, actor: str | None = None) -> Job:
        """Stop a queued or running job with its whole process tree; cancelling twice changes nothing."""
        if job.status is JobStatus.CANCELLED:
            return job
        if job.status not in _UNDERWAY:
            raise SsdError(
                "JOB_ILLEGAL_TRANSITION", f"The job is {job.status}; only a queued or running job can be cancelled."
            )

        def unit(connection: sqlite3.Connection) -> str | None:
            run = store.live(connection, job.job_id)
            if run is None:
                return None
            _audit(connection, actor, "jobs.cancel", job)
            if run.status is RunStatus.RUNNING:
                return run.run_id
            store.cancel_queued(connection, run.run_id)
            self._jobs.move(connection, job.job_id, JobStatus.CANCELLED, cause="cancel", error=job_error("CANCELLED"))
            return None

        running = await self._database.write(unit)
        if running is not None:
            await self._supervisor.end(running)
        self._jobs.announce(job.job_id)
        return await self._jobs.get(job.job_id)


def _audit(connection: sqlite3.Connection, actor: str | None, action: str, job: Job) -> None:
    """What an operator does to somebody's job is kept; what its researcher does is in the job's own feed."""
    if actor is not None:
        access_store.audit(
            connection, actor, action, job.job_id, {"tenant_id": job.tenant_id, "job_status": job.status}
        )
