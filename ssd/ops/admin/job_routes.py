"""Looking after everybody's jobs."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
from litestar import Controller, Request, Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery, QueryParameter
from litestar.response import Stream

from ssd.access.admin_models import Administrator
from ssd.artifacts.models import ArtifactPage
from ssd.artifacts.routes import file_answer
from ssd.artifacts.service import Artifacts
from ssd.db.database import Database
from ssd.jobs import listing
from ssd.jobs.listing import JobDetail, ListedJob, Place
from ssd.jobs.models import JobStatus
from ssd.jobs.service import Jobs
from ssd.ops.admin.paging import Cursor, Limit, cursor_of, cut, place_of
from ssd.runs.routes import Queued
from ssd.runs.service import Runs


class JobPage(msgspec.Struct, frozen=True):
    jobs: list[ListedJob]
    next_cursor: str | None


class AdminJobController(Controller):
    path = "/jobs"
    tags = ("administration",)

    @get("/", summary="List jobs, newest first")
    async def page(
        self,
        database: NamedDependency[Database],
        status: Annotated[JobStatus | None, QueryParameter(description="In this state only.")] = None,
        tenant_id: Annotated[str | None, QueryParameter(description="Of this tenant only.")] = None,
        cursor: Cursor = None,
        limit: Limit = 50,
    ) -> JobPage:
        before = place_of(cursor, Place)
        found = await listing.jobs(database, tenant_id=tenant_id, status=status, before=before, limit=limit + 1)
        rows, last = cut(found, limit)
        return JobPage(rows, None if last is None else cursor_of(Place(last.created_at, last.job_id)))

    @get("/{job_id:str}", summary="A job, whose it is, and every run it had")
    async def read(self, job_id: FromPath[str], database: NamedDependency[Database]) -> JobDetail:
        return await listing.job(database, job_id)

    @post("/{job_id:str}/retry", status_code=200, summary="Queue a failed or cancelled job again")
    async def retry(
        self,
        job_id: FromPath[str],
        administrator: NamedDependency[Administrator],
        jobs: NamedDependency[Jobs],
        runs: NamedDependency[Runs],
    ) -> Queued:
        """With the formats asked for last; attempts are counted anew."""
        job = await runs.retry(await jobs.get(job_id), actor=administrator.actor)
        return Queued(job.job_id, job.status, job.scheduled_at, "The run is queued.")

    @post("/{job_id:str}/cancel", status_code=200, summary="Stop a queued or running job")
    async def cancel(
        self,
        job_id: FromPath[str],
        administrator: NamedDependency[Administrator],
        jobs: NamedDependency[Jobs],
        runs: NamedDependency[Runs],
    ) -> Queued:
        job = await runs.cancel(await jobs.get(job_id), actor=administrator.actor)
        return Queued(job.job_id, job.status, job.scheduled_at, "The job is cancelled.")

    @get("/{job_id:str}/artifacts", summary="List the artifacts of a job")
    async def artifacts_page(
        self,
        job_id: FromPath[str],
        jobs: NamedDependency[Jobs],
        artifacts: NamedDependency[Artifacts],
        kind: FromQuery[str | None] = None,
        run_id: FromQuery[str | None] = None,
        cursor: Cursor = None,
        limit: Limit = 50,
    ) -> ArtifactPage:
        job = await jobs.get(job_id)
        return await artifacts.page(job.job_id, kind=kind, run_id=run_id, cursor=cursor, limit=limit)

    @get("/{job_id:str}/artifacts/{rel_path:path}", summary="Download an artifact")
    async def download(
        self,
        request: Request[Any, Any, Any],
        job_id: FromPath[str],
        rel_path: FromPath[str],
        jobs: NamedDependency[Jobs],
        artifacts: NamedDependency[Artifacts],
    ) -> Response[None] | Stream:
        job = await jobs.get(job_id)
        record, path = await artifacts.find(job.job_id, rel_path.removeprefix("/"))
        return file_answer(request, record, path)
