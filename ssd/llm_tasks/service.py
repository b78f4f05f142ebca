"""Taking tasks in and showing them; the supervisor does them."""

from __future__ import annotations

import hashlib
import sqlite3
from typing import Any, Final

import msgspec

from ssd.db.clock import now_iso
from ssd.db.database import Database
from ssd.db.ids import time_ordered
from ssd.drafts.data_facts import columns_of
from ssd.errors import FieldError, SsdError
from ssd.inputs.service import Inputs
from ssd.jobs.llm_scope import scope_of
from ssd.jobs.models import Job
from ssd.jobs.service import Jobs
from ssd.llm.models import Scope
from ssd.llm_tasks import store
from ssd.llm_tasks.models import (
    INPUTS,
    BudgetInput,
    ExplanationInput,
    InvestigationInput,
    ReportInput,
    Task,
    TaskInput,
    TaskPage,
    TaskRequest,
    TaskStatus,
    TaskView,
)
from ssd.llm_tasks.supervisor import TaskSupervisor
from ssd.runs import store as runs_store

MOST_UNFINISHED: Final = 200
"""Tasks of one job that may wait: one client must not fill the queue of all."""
_BODY: Final = msgspec.json.Decoder(dict[str, Any])
_ENDED: Final = frozenset({"succeeded", "failed", "cancelled", "interrupted"})


class LlmTasks:
    """The tasks of the jobs of one store."""

    def __init__(self, database: Database, jobs: Jobs, inputs: Inputs, supervisor: TaskSupervisor | None) -> None:
        """Without a model (`supervisor` None) no task is taken in."""
        self._database = database
        self._jobs = jobs
        self._inputs = inputs
        self._supervisor = supervisor

    async def submit(self, job: Job, request: TaskRequest) -> TaskView:
        """Take a task in, or answer with the one its request_id stands for; after a failure it is tried again.

        Raises INPUT_VALIDATION_FAILED, CONTRACT_COLUMN_NOT_FOUND, INPUTS_MISSING, LLM_REQUEST_CONFLICT for a
        request_id that stood for another content, LLM_TASK_RUN_MISSING, LLM_NOT_CONFIGURED,
        RATE_LIMITED.
        """
        supervisor = self._supervisor
        if supervisor is None:
            raise SsdError("LLM_NOT_CONFIGURED")
        scope = await scope_of(self._database, job)
        given = _input(request)
        digest = _content_hash(request)
        known = await self._database.write(
            lambda connection: store.same_request(connection, scope, job.job_id, request.task, request.request_id)
        )
        # What a first request resolved (the newest run, say) stays, though the job may have moved on.
        resolved = known.input if known is not None else await self._resolved(job, given)

        def unit(connection: sqlite3.Connection) -> str:
            Jobs.load(connection, job.job_id)
            same = store.same_request(connection, scope, job.job_id, request.task, request.request_id)
            if same is None:
                _require_room(connection, job.job_id)
                task = _new_task(job, scope, request, resolved, digest)
                store.insert(connection, task)
                return task.task_id
            if same.content_hash != digest:
                raise SsdError("LLM_REQUEST_CONFLICT", task_id=same.task_id)
            if same.status is TaskStatus.FAILED:
                _require_room(connection, job.job_id)
                store.queue_again(connection, same.task_id)
            return same.task_id

        task_id = await self._database.write(unit)
        supervisor.wake()
        return await self.show(job, task_id)

    async def show(self, job: Job, task_id: str) -> TaskView:
        """Raises LLM_TASK_NOT_FOUND."""
        row = await store.one(self._database, await scope_of(self._database, job), job.job_id, task_id)
        if row is None:
            raise SsdError("LLM_TASK_NOT_FOUND")
        return _view(row)

    async def page(self, job: Job, *, cursor: str | None, limit: int) -> TaskPage:
        """Tasks of a job, oldest first."""
        scope = await scope_of(self._database, job)
        rows = await store.page(self._database, scope, job.job_id, cursor or "", limit + 1)
        views = [_view(row) for row in rows[:limit]]
        return TaskPage(job.job_id, views, views[-1].task_id if len(rows) > limit else None)

    async def _resolved(self, job: Job, given: TaskInput) -> TaskInput:
        """The input with everything named that it leaves to the state of the job."""
        if isinstance(given, BudgetInput):
            return await self._with_stata_names(job, given)
        if isinstance(given, ExplanationInput | ReportInput | InvestigationInput):
            only_good = not isinstance(given, InvestigationInput)
            run = await runs_store.newest(self._database, job.job_id, given.run_id)
            if run is None or run.status not in _ENDED:
                raise SsdError("LLM_TASK_RUN_MISSING")
            if only_good and run.status != "succeeded":
                raise SsdError("LLM_TASK_RUN_MISSING", "The run did not succeed, so it has no results to write about.")
            return msgspec.structs.replace(given, run_id=run.run_id)
        return given

    async def _with_stata_names(self, job: Job, given: BudgetInput) -> BudgetInput:
        profile = (await self._inputs.require(job.job_id)).primary.profile
        columns = columns_of(profile)
        numeric = {c.stata_name for c in profile.columns if c.inferred_type in {"integer", "number", "boolean"}}
        faults, channels = [], []
        for place, channel in enumerate(given.channels):
            names = {}
            for member in ("spend", "response"):
                name = getattr(channel, member)
                field = f"input.channels[{place}].{member}"
                found = columns.resolve(name)
                if found is None:
                    faults.append(
                        FieldError(field, f"the data have no column {name[:64]!r}", _hint(columns.near(name)))
                    )
                elif found not in numeric:
                    faults.append(FieldError(field, f"the column {found} does not hold numbers"))
                names[member] = found or name
            if channel.max is not None and channel.max < channel.min:
                faults.append(FieldError(f"input.channels[{place}].max", "is less than the minimum"))
            channels.append(msgspec.structs.replace(channel, **names))
        if sum(channel.min for channel in channels) > given.total_budget:
            faults.append(FieldError("input.total_budget", "is less than the minima of the channels together"))
        if len({channel.name for channel in channels}) < len(channels):
            faults.append(FieldError("input.channels", "two channels have the same name"))
        if faults:
            raise SsdError("INPUT_VALIDATION_FAILED", "The channels do not fit the data.", errors=tuple(faults))
        return msgspec.structs.replace(given, channels=channels)


def _require_room(connection: sqlite3.Connection, job_id: str) -> None:
    """Raises RATE_LIMITED when too many tasks of the job wait already."""
    if store.unfinished(connection, job_id) >= MOST_UNFINISHED:
        message = f"{MOST_UNFINISHED} tasks of this job wait or are under way."
        raise SsdError("RATE_LIMITED", message, headers={"Retry-After": "5"})


def _input(request: TaskRequest) -> TaskInput:
    try:
        return msgspec.convert(request.input, INPUTS[request.task])
    except msgspec.ValidationError as error:
        message, _, path = str(error).partition(" - at `$")
        field = FieldError("input" + path.rstrip("`"), message)
        raise SsdError(
            "INPUT_VALIDATION_FAILED", f"The input of {request.task} is not valid.", errors=(field,)
        ) from None


def _content_hash(request: TaskRequest) -> str:
    content = [request.task, request.input, request.max_cost_cents]
    return "sha256:" + hashlib.sha256(msgspec.json.encode(content, order="deterministic")).hexdigest()


def _new_task(job: Job, scope: Scope, request: TaskRequest, resolved: TaskInput, digest: str) -> Task:
    return Task(
        task_id=new_task_id(),
        job_id=job.job_id,
        tenant_id=scope.tenant_id,
        user_id=scope.user_id,
        task=request.task,
        request_id=request.request_id,
        input=resolved,
        content_hash=digest,
        max_cost_cents=request.max_cost_cents,
        status=TaskStatus.QUEUED,
        trial=1,
        deliveries=0,
        queued_at=now_iso(),
        started_at=None,
        ended_at=None,
        error=None,
    )


def new_task_id() -> str:
    """Sorts by time: the list of tasks is in the order they came."""
    return f"task_{time_ordered(28)}"


def _view(row: sqlite3.Row) -> TaskView:
    task = store.task_of(row)
    return TaskView(
        task_id=task.task_id,
        job_id=task.job_id,
        task=task.task,
        request_id=task.request_id,
        status=task.status,
        trial=task.trial,
        max_cost_cents=task.max_cost_cents,
        created_at=task.queued_at,
        started_at=task.started_at,
        ended_at=task.ended_at,
        call_id=row["call_id"],
        result=None if row["body"] is None else _BODY.decode(row["body"]),
        error=task.error,
    )


def _hint(near: list[str]) -> str | None:
    return ", ".join(near) or None
