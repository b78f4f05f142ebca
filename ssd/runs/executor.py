"""Executing one claimed run: its steps in order, with progress, and one transaction for each thing that became true."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Final, Protocol

import structlog

from ssd.db.clock import now_iso
from ssd.db.database import Database
from ssd.errors import SsdError
from ssd.inputs.service import Inputs
from ssd.jobs import artifact_index
from ssd.jobs.models import ArtifactRecord, JobError, Progress
from ssd.jobs.service import Jobs
from ssd.plans.models import Plan, PlanStep
from ssd.plans.service import Plans
from ssd.runs import store
from ssd.runs.failure import job_error
from ssd.runs.launch import Launcher
from ssd.runs.log_follow import StepLine
from ssd.runs.models import Engine, Run, RunStatus
from ssd.runs.process import Limits, start_ticks
from ssd.runs.step import StepResult, StepTask, run_step
from ssd.settings import Settings

logger = structlog.get_logger(__name__)

_BINDING_PREFIX: Final = "input:"
_CHINESE: Final = re.compile(r"[\u4e00-\u9fff]")


class Formatter(Protocol):
    """Makes the formats a client asked for from the files of a run."""

    async def format(
        self, run: Run, plan: Plan, engine: Engine, job_root: Path, records: list[ArtifactRecord], language: str
    ) -> list[ArtifactRecord]:
        """The records of the files made."""
        ...


class Executor:
    """Runs the steps of a plan through a launcher. It never changes the state of the job: its caller does."""

    def __init__(
        self, settings: Settings, database: Database, jobs: Jobs, inputs: Inputs, plans: Plans, formatter: Formatter
    ) -> None:
        self._settings = settings
        self._database = database
        self._jobs = jobs
        self._inputs = inputs
        self._plans = plans
        self._formatter = formatter

    async def execute(self, run: Run, launcher: Launcher, engine: Engine) -> JobError | None:
        """Run every step; the first failure ends the run. Returns None on success."""
        plan = await self._plans.current(run.job_id)
        if plan is None or plan.plan_id != run.plan_id:
            return job_error("PLAN_MISSING", "The plan of this run is no longer the current one.")
        do_files = await self._plans.do_files(run.job_id)
        records: list[ArtifactRecord] = []
        for position, step in enumerate(plan.steps, 1):
            result = await self._step(run, plan, position, do_files[step.step_id], launcher, engine)
            if result.error is not None:
                return result.error
            records.extend(result.records)
        await self._format(run, plan, engine, records)
        return None

    async def _format(self, run: Run, plan: Plan, engine: Engine, records: list[ArtifactRecord]) -> None:
        root = self._jobs.folder(run.job_id).root
        language = "zh" if _CHINESE.search((await self._jobs.get(run.job_id)).requirement) else "en"
        made = await self._formatter.format(run, plan, engine, root, records, language)

        def unit(connection: sqlite3.Connection) -> None:
            for record in made:
                artifact_index.record(connection, run.job_id, record)

        if made:
            await self._database.write(unit)

    async def _step(
        self, run: Run, plan: Plan, position: int, do_text: str, launcher: Launcher, engine: Engine
    ) -> StepResult:
        step = plan.steps[position - 1]
        task = await self._task(run, step, position, do_text, engine)
        begun = now_iso()

        async def started(pid: int) -> None:
            # Stored after the start, in one commit: every commit before it would delay the child by an fsync.
            # A crash in between loses nothing, because recovery finds the child by its run mark.
            ticks = start_ticks(pid)

            def unit(connection: sqlite3.Connection) -> None:
                store.set_process(connection, run.run_id, pid, ticks, engine)
                store.save_step(
                    connection, run_id=run.run_id, position=position, step_id=step.step_id,
                    status=RunStatus.RUNNING, started_at=begun,
                )  # fmt: skip
                self._jobs.set_progress(connection, run.job_id, _progress(plan, position, None))

            await self._database.write(unit)
            self._jobs.announce(run.job_id)
            logger.info("SS_STATA_RUN_START", job_id=run.job_id, run_id=run.run_id, step_id=step.step_id, pid=pid)

        result = await run_step(task, launcher, watch=self._watcher(run, plan, position), started=started)

        def end(connection: sqlite3.Connection) -> None:
            for record in result.records:
                artifact_index.record(connection, run.job_id, record)
            store.save_step(
                connection, run_id=run.run_id, position=position, step_id=step.step_id,
                status=RunStatus.SUCCEEDED if result.error is None else RunStatus.FAILED,
                started_at=begun, ended_at=now_iso(), exit_code=result.exit_code, error=result.error,
            )  # fmt: skip

        await self._database.write(end)
        return result

    async def _task(self, run: Run, step: PlanStep, position: int, do_text: str, engine: Engine) -> StepTask:
        settings = self._settings
        root = self._jobs.folder(run.job_id).root
        inputs = await self._inputs.current(run.job_id)
        key = step.params.input_bindings["primary_dataset"].removeprefix(_BINDING_PREFIX)
        dataset = next((item for item in inputs.datasets if item.dataset_key == key), None) if inputs else None
        if dataset is None:
            raise SsdError("INPUT_DATASET_NOT_FOUND", f"The plan needs the dataset {key}, which the job does not have.")
        data = root / dataset.prepared_rel_path
        return StepTask(
            run=run,
            step=step,
            position=position,
            job_root=root,
            data=data,
            do_text=do_text,
            engine=engine,
            timeout_seconds=min(step.timeout_seconds, settings.run_timeout_seconds),
            grace_seconds=settings.run_grace_seconds,
            limits=Limits(settings.run_memory_mb, settings.run_file_size_mb),
            log_cap=settings.log_cap_mb * 1_048_576,
        )

    def _watcher(self, run: Run, plan: Plan, position: int) -> Callable[[list[str], StepLine | None], Awaitable[None]]:
        async def watch(lines: list[str], step: StepLine | None) -> None:
            self._jobs.publish_log(run.job_id, lines)
            if step is not None:
                progress = _progress(plan, position, step)
                await self._database.write(lambda connection: self._jobs.set_progress(connection, run.job_id, progress))
                self._jobs.announce(run.job_id)

        return watch


def _progress(plan: Plan, position: int, inner: StepLine | None) -> Progress:
    total = len(plan.steps)
    step = plan.steps[position - 1]
    within = 0.0 if inner is None or inner.total < 1 else min(inner.number - 1, inner.total) / inner.total
    purpose = step.purpose if inner is None else f"{step.purpose} · {inner.title}"
    percent = round(100.0 * (position - 1 + within) / total, 1)
    return Progress(step=position, total_steps=total, step_id=step.step_id, purpose=purpose, percent=percent)
