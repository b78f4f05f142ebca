"""Redeeming task codes, and the job itself."""

from __future__ import annotations

import asyncio
import sqlite3
from typing import Annotated, Any, Final

import msgspec
from litestar import Controller, MediaType, Request, delete, get, post
from litestar.di import NamedDependency
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import FromPath, JSONBody, QueryParameter
from litestar.response import Stream
from litestar.response.base import ASGIResponse

from ssd.access import codes
from ssd.access.rate_limit import RateLimit
from ssd.access.tenants import tenant_of
from ssd.jobs import erase, events
from ssd.jobs.guard import Caller
from ssd.jobs.models import EDITABLE, Job, JobStatus
from ssd.jobs.redeem import Redeemed, Redeeming
from ssd.jobs.service import Jobs
from ssd.jobs.view import JobView, StoredView, read_view

_COMMENT_SECONDS: Final = 15.0
_SMALL_BODY: Final = 256 * 1024


class RedeemRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    task_code: Annotated[str, msgspec.Meta(max_length=128)]
    requirement: Annotated[str, msgspec.Meta(max_length=20_000)] = ""
    """What the researcher wants to know, in English or Chinese; may be given later."""


class Reopened(msgspec.Struct, frozen=True):
    job_id: str
    status: JobStatus
    version: int


class TaskCodesController(Controller):
    path = "/v1/task-codes"
    tags = ("task codes",)

    @post("/redeem", status_code=200, request_max_body_size=_SMALL_BODY, summary="Redeem a task code", security=[])
    async def redeem(
        self,
        data: JSONBody[RedeemRequest],
        request: Request[Any, Any, Any],
        redeeming: NamedDependency[Redeeming],
        redeem_limit: NamedDependency[RateLimit],
    ) -> Redeemed:
        """The job of the code and a new token for it; the first time, the job is made."""
        redeem_limit.take(f"address:{request.client.host if request.client else ''}")
        redeem_limit.take(f"code:{codes.fingerprint(data.task_code)}")
        return await redeeming.redeem(data.task_code, data.requirement, tenant_id=tenant_of(request.scope))


class JobsController(Controller):
    path = "/v1/jobs/{job_id:str}"
    tags = ("jobs",)

    @get("/", summary="The job", responses={200: ResponseSpec(JobView, generate_examples=False)})
    async def read(
        self,
        job_id: FromPath[str],
        request: Request[Any, Any, Any],
        jobs: NamedDependency[Jobs],
        wait: Annotated[
            float | None,
            QueryParameter(ge=0, le=60, description="Answer when the job changes, or after this many seconds."),
        ] = None,
        version: Annotated[
            int | None,
            QueryParameter(ge=0, description="With wait: answer at once if the job's version is another one."),
        ] = None,
    ) -> ASGIResponse:
        """Status, progress, error, counts and the latest run. With `wait` it answers when something changes."""
        caller = Caller.of(request.scope)
        if not wait:
            return _json(await read_view(jobs.database, job_id, caller))
        with jobs.feed.watching(job_id) as changed:
            stored = await read_view(jobs.database, job_id, caller)
            if stored.ended or (version is not None and stored.version != version) or jobs.is_stopping():
                return _json(stored)
            try:
                await asyncio.wait_for(changed.wait(), wait)
            except TimeoutError:
                return _json(stored)
            return _json(await read_view(jobs.database, job_id, caller))

    @get("/events", summary="The job's feed as server-sent events", media_type="text/event-stream")
    async def follow(
        self,
        job: NamedDependency[Job],
        request: Request[Any, Any, Any],
        jobs: NamedDependency[Jobs],
    ) -> Stream:
        """`status`, `progress`, `log`, `error`, `done`; resumes after the Last-Event-ID; ends after `done`."""
        cursor = events.Cursor.parse(request.headers.get("last-event-id"))
        return Stream(
            events.stream(jobs, job.job_id, cursor, comment_seconds=_COMMENT_SECONDS, is_stopping=jobs.is_stopping),
            media_type="text/event-stream; charset=utf-8",
            headers={"Cache-Control": "no-cache", "X-Accel-Buffering": "no"},
        )

    @post("/reopen", status_code=200, summary="Reopen a finished job", request_max_body_size=_SMALL_BODY)
    async def reopen(self, job: NamedDependency[Job], jobs: NamedDependency[Jobs]) -> Reopened:
        """Back to `draft_ready`, so that inputs, draft and plan can be corrected; what was stays as history."""

        def unit(connection: sqlite3.Connection) -> Job:
            current = jobs.load(connection, job.job_id)
            if current.status in EDITABLE:
                return current
            return jobs.move(connection, job.job_id, JobStatus.DRAFT_READY, cause="reopen")

        reopened = await jobs.database.write(unit)
        jobs.announce(job.job_id)
        return Reopened(reopened.job_id, reopened.status, reopened.version)

    @delete("/", status_code=204, summary="Delete the job and its data")
    async def remove(self, job: NamedDependency[Job], jobs: NamedDependency[Jobs]) -> None:
        """Removes inputs, runs and artifacts; the code becomes useless."""
        await erase.delete(jobs, job.job_id)


def _json(stored: StoredView) -> ASGIResponse:
    # Already encoded; a Response would be made only to be turned into this.
    return ASGIResponse(body=stored.body, media_type=MediaType.JSON)
