"""Doing one task: gather the material, ask the model, keep the record with the ledger in one transaction."""

from __future__ import annotations

import sqlite3
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

import msgspec

from ssd.db.database import Database
from ssd.drafts.design import DESIGNS
from ssd.drafts.language import language_of
from ssd.errors import SsdError
from ssd.inputs.service import Inputs
from ssd.jobs.models import Job
from ssd.jobs.service import Jobs
from ssd.llm.models import LlmOutcome, LlmRequest, Scope
from ssd.llm.operations import budget_optimization, explanation, investigation, report_write, route
from ssd.llm.operations.asks import Asks
from ssd.llm.operations.framing import as_data
from ssd.llm.operations.investigation import Inquiry
from ssd.llm.operations.numbers import Citation, ResultFact
from ssd.llm.operations.select_families import FamilyFacts
from ssd.llm.optimize import Optimum
from ssd.llm_tasks import store
from ssd.llm_tasks.looking import Looking
from ssd.llm_tasks.models import (
    BudgetInput,
    ExplanationInput,
    InvestigationInput,
    ReportInput,
    RouteInput,
    Task,
)
from ssd.llm_tasks.optimizer import Optimizer
from ssd.llm_tasks.records import (
    ExplanationRecord,
    InvestigationRecord,
    OptimizationRecord,
    ReportRecord,
    RouteRecord,
)
from ssd.llm_tasks.results import RunResults, results_of
from ssd.plans.service import Plans
from ssd.runs import store as runs_store
from ssd.templates.library import Library

T = TypeVar("T", bound=msgspec.Struct)

COMPUTED = "computed"
"""The source named for numbers that were computed for the task: they stand in its record."""


class TaskWork:
    """Does tasks. Delivering one twice does it once: the ledger replays what was answered, the record stays."""

    def __init__(
        self,
        asks: Asks,
        database: Database,
        jobs: Jobs,
        inputs: Inputs,
        library: Library,
        plans: Plans,
        optimizer: Optimizer,
    ) -> None:
        self._asks = asks
        self._database = database
        self._jobs = jobs
        self._inputs = inputs
        self._library = library
        self._plans = plans
        self._optimizer = optimizer

    async def do(self, task: Task) -> None:
        """Do a task to its end, record included. Raises SsdError for everything a client should be told."""
        if await self._database.write(lambda connection: _ended_already(connection, task)):
            return
        job = await self._jobs.get(task.job_id)
        match task.input:
            case RouteInput() as given:
                await self._route(task, given)
            case ExplanationInput() as given:
                await self._explain(task, given)
            case InvestigationInput() as given:
                await self._investigate(task, job, given)
            case BudgetInput() as given:
                await self._optimize(task, job, given)
            case ReportInput() as given:
                await self._report(task, job, given)

    async def _route(self, task: Task, given: RouteInput) -> None:
        families = [
            FamilyFacts(family.id, f"{family.title.en} / {family.title.zh}", family.use_when)
            for family in self._library.families
        ]
        request = route.request(
            **_common(task), words=given.request, designs=DESIGNS, families=families,
        )  # fmt: skip
        await self._ask(task, request, lambda a: RouteRecord(a.design, a.family, a.model_tier, a.reason, a.confidence))

    async def _explain(self, task: Task, given: ExplanationInput) -> None:
        run_id, results = await self._results(task, given.run_id)
        request = explanation.request(
            **_common(task), question=given.question, analysis=results.analysis, results=results.facts
        )
        await self._ask(
            task,
            request,
            lambda a: ExplanationRecord(run_id, a.text, _at_paths(a.citations, results.paths), a.confidence),
        )

    async def _report(self, task: Task, job: Job, given: ReportInput) -> None:
        run_id, results = await self._results(task, given.run_id)
        facts = report_write.numbered(results.facts)
        language = given.language or language_of(given.question or job.requirement)
        request = report_write.request(
            **_common(task),
            question=given.question or job.requirement,
            language={"en": "English", "zh": "Chinese"}[language],
            analysis=results.analysis,
            results=facts,
        )

        def record(answer: report_write.ReportAnswer) -> ReportRecord:
            paragraphs = report_write.written(answer, facts)
            placed = [
                msgspec.structs.replace(
                    paragraph,
                    traces=[
                        msgspec.structs.replace(trace, source_file=results.paths[trace.source_file])
                        for trace in paragraph.traces
                    ],
                )
                for paragraph in paragraphs
            ]
            return ReportRecord(run_id, language, placed, [item for p in placed for item in p.missing])

        await self._ask(task, request, record)

    async def _investigate(self, task: Task, job: Job, given: InvestigationInput) -> None:
        run = await runs_store.newest(self._database, task.job_id, given.run_id)
        if run is None:
            raise SsdError("LLM_TASK_RUN_MISSING")
        inputs = await self._inputs.current(task.job_id)
        profile = inputs.primary.profile if inputs else None
        folder = self._jobs.folder(task.job_id)
        looking = await Looking.at(self._database, folder, profile, task.job_id, run.run_id)
        ends = await runs_store.ends_of_steps(self._database, run.run_id)
        error = await runs_store.error_of(self._database, run.run_id)
        told = [{"step_id": step, "status": status} for step, status, _ in ends]
        given_evidence = [as_data({"run_error": error})] if error else []
        if ends and (tail := await looking.tail(ends[-1][0])) is not None:
            given_evidence.append(tail)
        inquiry = Inquiry(given_evidence or [as_data({"status": run.status})], looking.use)
        request = investigation.request(
            **_common(task),
            question=given.question or job.requirement,
            run={"status": run.status, "steps": told, **looking.contents()},
            inquiry=inquiry,
        )
        await self._ask_with_turns(
            task,
            request,
            lambda o: InvestigationRecord(
                run.run_id, o.value.findings, o.value.synthesis or "", inquiry.used, inquiry.evidence, o.turns
            ),
        )

    async def _optimize(self, task: Task, job: Job, given: BudgetInput) -> None:
        inputs = await self._inputs.require(task.job_id)
        data = self._jobs.folder(task.job_id).root / inputs.primary.prepared_rel_path
        optimum = await self._optimizer.optimum(data, given)
        request = budget_optimization.request(
            **_common(task),
            question=given.question or job.requirement,
            goal={"goal": given.goal, "warnings": optimum.warnings},
            results=facts_of_optimum(optimum),
        )
        await self._ask(task, request, lambda a: OptimizationRecord(optimum, a.text, list(a.citations), a.confidence))

    async def _results(self, task: Task, run_id: str | None) -> tuple[str, RunResults]:
        run = await runs_store.newest(self._database, task.job_id, run_id)
        if run is None:
            raise SsdError("LLM_TASK_RUN_MISSING")
        plan = await self._plans.current(task.job_id)
        results = await results_of(self._database, self._jobs.folder(task.job_id), plan, task.job_id, run.run_id)
        if not results.facts:
            raise SsdError("LLM_TASK_RUN_MISSING", "The run has no table of results to write about.")
        return run.run_id, results

    async def _ask(self, task: Task, request: LlmRequest[T], record: Callable[[T], msgspec.Struct]) -> None:
        await self._ask_with_turns(task, request, lambda outcome: record(outcome.value))

    async def _ask_with_turns(
        self, task: Task, request: LlmRequest[T], record: Callable[[LlmOutcome[T]], msgspec.Struct]
    ) -> None:
        def keep(connection: sqlite3.Connection, outcome: LlmOutcome[Any]) -> None:
            Jobs.load(connection, task.job_id)
            store.record(connection, task, outcome.call_id, record(outcome))
            store.finish(connection, task.task_id, None)

        outcome = await self._asks.call(request, downstream=keep)
        if outcome.replayed:
            # The answer was kept by an earlier delivery, whose record is there unless it was another trial's.
            await self._database.write(lambda connection: keep(connection, outcome))


Work = Callable[[Task], Awaitable[None]]


def _ended_already(connection: sqlite3.Connection, task: Task) -> bool:
    """Whether an earlier delivery wrote the record; then the task ends here."""
    if not store.has_record(connection, task.task_id):
        return False
    store.finish(connection, task.task_id, None)
    return True


def _common(task: Task) -> dict[str, Any]:
    return {
        "scope": Scope(task.tenant_id, task.user_id),
        "request_id": f"{task.task_id}.{task.trial}",
        "job_id": task.job_id,
        "max_cost_cents": task.max_cost_cents,
    }


def _at_paths(citations: list[Citation], paths: dict[str, str]) -> list[Citation]:
    """Citations that name files as the artifacts list does."""
    return [msgspec.structs.replace(item, source_file=paths[item.source_file]) for item in citations]


def facts_of_optimum(optimum: Optimum) -> list[ResultFact]:
    """Every number of an optimum under a name."""
    totals = {
        "total.budget": optimum.total_budget,
        "total.spend": optimum.total_spend,
        "total.response": optimum.total_response,
        "total.response_per_spend": optimum.response_per_spend,
        "total.spend_per_response": optimum.spend_per_response,
    }
    facts = [ResultFact(name, value, COMPUTED) for name, value in totals.items() if value is not None]
    for channel in optimum.channels:
        values = {
            "current_spend": channel.current_spend,
            "optimal_spend": channel.optimal_spend,
            "current_response": channel.current_response,
            "optimal_response": channel.optimal_response,
            "marginal_response": channel.marginal_response,
            "r_squared": channel.curve.r_squared,
        }
        facts += [ResultFact(f"{channel.name}.{name}", value, COMPUTED) for name, value in values.items()]
    return facts
