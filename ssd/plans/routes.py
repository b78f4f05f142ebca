"""Freezing the plan and looking at it."""

from __future__ import annotations

from typing import Annotated

from litestar import Controller, MediaType, get, post
from litestar.di import NamedDependency
from litestar.params import JSONBody, QueryParameter

from ssd.jobs.models import Job
from ssd.plans.models import FreezeRequest, PlanView
from ssd.plans.service import Plans


class PlanController(Controller):
    """The execution contract of a job."""

    path = "/v1/jobs/{job_id:str}/plan"
    tags = ("plans",)

    @post("/freeze", status_code=200, summary="Freeze the plan")
    async def freeze(
        self,
        job: NamedDependency[Job],
        plans: NamedDependency[Plans],
        data: JSONBody[FreezeRequest | None] = None,
    ) -> PlanView:
        """Everything that is missing is named at once; then nothing is frozen and the status does not move."""
        return PlanView(job.job_id, await plans.freeze(job, data or FreezeRequest()))

    @get("/", summary="The frozen plan")
    async def show(self, job: NamedDependency[Job], plans: NamedDependency[Plans]) -> PlanView:
        """The newest revision."""
        return PlanView(job.job_id, await plans.require(job.job_id))

    @get("/do-file", media_type=MediaType.TEXT, summary="The exact do-file")
    async def do_file(
        self,
        job: NamedDependency[Job],
        plans: NamedDependency[Plans],
        step_id: Annotated[str | None, QueryParameter(max_length=64)] = None,
    ) -> str:
        """The text that will run: of all steps under headings, or of one step alone."""
        return await plans.do_text(job.job_id, step_id)
