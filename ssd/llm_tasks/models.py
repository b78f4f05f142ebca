"""Tasks for the model: what a client sends, what is stored, what is shown."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Any, Final, Literal

import msgspec

from ssd.llm.optimize import Goal

Words = Annotated[str, msgspec.Meta(max_length=2000)]
RunId = Annotated[str, msgspec.Meta(pattern="^run_[0-9a-z]{8,40}$")]
RequestId = Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9][A-Za-z0-9._:-]{0,127}$")]
Money = Annotated[float, msgspec.Meta(ge=0, le=1e15)]


class TaskKind(StrEnum):
    """A task is named as the operation it asks for."""

    ROUTE = "route"
    EXPLANATION = "explanation"
    INVESTIGATION = "investigation"
    BUDGET_OPTIMIZATION = "budget_optimization"
    REPORT = "report.write"


class TaskStatus(StrEnum):
    QUEUED = "queued"
    RUNNING = "running"
    """Taken up by a server (`boot_id`) whose lease is fresh. A stale lease means that server is gone."""
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    """Ended with an error; the same request sent again starts another trial."""


class RouteInput(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    request: Annotated[str, msgspec.Meta(min_length=1, max_length=4000)]
    """The words of the person."""


class ExplanationInput(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    question: Annotated[str, msgspec.Meta(min_length=1, max_length=2000)]
    run_id: RunId | None = None
    """A succeeded run of the job; null: the newest one."""


class InvestigationInput(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    question: Words = ""
    run_id: RunId | None = None
    """A run of the job that has ended; null: the newest one."""


class ReportInput(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    question: Words = ""
    """Empty: the requirement of the job."""
    language: Literal["en", "zh"] | None = None
    """Null: the language of the requirement."""
    run_id: RunId | None = None


class Channel(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    name: Annotated[str, msgspec.Meta(min_length=1, max_length=60)]
    spend: Annotated[str, msgspec.Meta(min_length=1, max_length=200)]
    """Column of the primary dataset: what was spent."""
    response: Annotated[str, msgspec.Meta(min_length=1, max_length=200)]
    """Column of the primary dataset: what came of it."""
    min: Money = 0.0
    max: Money | None = None


class BudgetInput(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    channels: Annotated[list[Channel], msgspec.Meta(min_length=1, max_length=30)]
    total_budget: Annotated[float, msgspec.Meta(gt=0, le=1e15)]
    goal: Goal
    question: Words = ""


TaskInput = RouteInput | ExplanationInput | InvestigationInput | ReportInput | BudgetInput
INPUTS: Final[dict[TaskKind, type[TaskInput]]] = {
    TaskKind.ROUTE: RouteInput,
    TaskKind.EXPLANATION: ExplanationInput,
    TaskKind.INVESTIGATION: InvestigationInput,
    TaskKind.BUDGET_OPTIMIZATION: BudgetInput,
    TaskKind.REPORT: ReportInput,
}


class TaskRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a client sends."""

    task: TaskKind
    request_id: RequestId
    """Chosen by the client: the same id with the same content is the same task."""
    input: dict[str, Any] = {}
    max_cost_cents: Annotated[float, msgspec.Meta(ge=0, le=100_000)] | None = None
    """The call is refused when its worst case costs more."""


class TaskError(msgspec.Struct, frozen=True, omit_defaults=True):
    """Why a task failed, in words and as a code."""

    error_code: str
    message: str
    retryable: bool
    hint: str
    block_reason: str | None = None
    failure_reason: str | None = None
    call_id: str | None = None


class Task(msgspec.Struct, frozen=True, kw_only=True):
    """A task as stored."""

    task_id: str
    job_id: str
    tenant_id: str
    user_id: str
    task: TaskKind
    request_id: str
    input: TaskInput
    content_hash: str
    max_cost_cents: float | None
    status: TaskStatus
    trial: int
    deliveries: int
    queued_at: str
    started_at: str | None
    ended_at: str | None
    error: TaskError | None


class TaskView(msgspec.Struct, frozen=True, kw_only=True):
    """A task as the wire shows it."""

    task_id: str
    job_id: str
    task: TaskKind
    request_id: str
    status: TaskStatus
    trial: int
    max_cost_cents: float | None
    created_at: str
    started_at: str | None
    ended_at: str | None
    call_id: str | None
    """Of the ledger, once there is a result."""
    result: dict[str, Any] | None
    error: TaskError | None


class TaskPage(msgspec.Struct, frozen=True):
    job_id: str
    tasks: list[TaskView]
    next_cursor: str | None
