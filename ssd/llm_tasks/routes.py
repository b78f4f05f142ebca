"""Tasks for the model over HTTP."""

from __future__ import annotations

from typing import Annotated

from litestar import Controller, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery, JSONBody, QueryParameter

from ssd.jobs.models import Job
from ssd.llm_tasks.models import TaskPage, TaskRequest, TaskView
from ssd.llm_tasks.service import LlmTasks


class LlmTaskController(Controller):
    """Explanations, investigations, reports and the like: durable, done in the background."""

    path = "/v1/jobs/{job_id:str}/llm-tasks"
    tags = ("llm tasks",)

    @post("/", status_code=202, summary="Ask for a task")
    async def submit(
        self, job: NamedDependency[Job], llm_tasks: NamedDependency[LlmTasks], data: JSONBody[TaskRequest]
    ) -> TaskView:
        """The same request_id with the same content is the same task, and after a failure another trial of it.
        The status of the job never moves."""
        return await llm_tasks.submit(job, data)

    @get("/", summary="The tasks of a job")
    async def page(
        self,
        job: NamedDependency[Job],
        llm_tasks: NamedDependency[LlmTasks],
        cursor: FromQuery[str | None] = None,
        limit: Annotated[int, QueryParameter(ge=1, le=200)] = 50,
    ) -> TaskPage:
        """Oldest first."""
        return await llm_tasks.page(job, cursor=cursor, limit=limit)

    @get("/{task_id:str}", summary="A task and its result")
    async def show(
        self, job: NamedDependency[Job], llm_tasks: NamedDependency[LlmTasks], task_id: FromPath[str]
    ) -> TaskView:
        """`result` is there once the status is succeeded, `error` once it is failed."""
        return await llm_tasks.show(job, task_id)
