"""The supervisor: claims queued runs, executes them in slots, ends them, and picks up what a dead server left."""

from __future__ import annotations

import os
import secrets
import sqlite3
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Final

import anyio
import anyio.to_thread
import structlog

from ssd.db.database import Database
from ssd.db.durable import storage_error
from ssd.db.ids import time_ordered
from ssd.errors import SsdError
from ssd.jobs.models import JobError, JobStatus
from ssd.jobs.service import Jobs
from ssd.runs import store
from ssd.runs.executor import Executor
from ssd.runs.failure import SELF_HEALING, job_error
from ssd.runs.identity import identify
from ssd.runs.launch import Launcher, launcher
from ssd.runs.models import Engine, Run, RunStatus
from ssd.runs.process import kill_marked
from ssd.settings import Settings

logger = structlog.get_logger(__name__)

LEASE_SECONDS: Final = 60.0
HEARTBEAT_SECONDS: Final = 15.0
TICK_SECONDS: Final = 5.0
"""Wake-ups are immediate; the tick only catches runs whose `not_before` has come."""
RECOVERY_SECONDS: Final = 30.0
_BACKOFF_SECONDS: Final = (1.0, 5.0, 20.0)


class Supervisor:
    """Owns every child process of the server."""

    def __init__(self, settings: Settings, database: Database, jobs: Jobs, executor: Executor) -> None:
        self._settings = settings
        self._database = database
        self._jobs = jobs
        self._executor = executor
        self.boot_id = secrets.token_hex(8)
        self.slots = settings.max_parallel_runs or os.cpu_count() or 1
        self.last_beat = time.monotonic()
        self.engine: Engine | None = None
        self.engine_error: SsdError | None = None
        self._launcher: Launcher | None = None
        self._identified = anyio.Event()
        self._wake = anyio.Event()
        self._stopping = False
        self._active: dict[str, _Active] = {}

    @asynccontextmanager
    async def serving(self) -> AsyncIterator[None]:
        """Serve the queue while the block runs; when it is left, children are interrupted and queued again."""
        await self.recover()
        async with anyio.create_task_group() as group:
            group.start_soon(self._identify)
            group.start_soon(self._every, HEARTBEAT_SECONDS, self._beat)
            group.start_soon(self._every, RECOVERY_SECONDS, self.recover)
            group.start_soon(self._claim_and_run)
            try:
                yield
            finally:
                with anyio.CancelScope(shield=True):
                    await self._stop()
                group.cancel_scope.cancel()

    def wake(self) -> None:
        """Look at the queue now."""
        self._wake.set()

    def running(self) -> list[str]:
        """Run ids of the children of this server."""
        return list(self._active)

    async def end(self, run_id: str) -> bool:
        """Cancel a run of this server and wait until its tree is gone and its end is stored. False: not ours."""
        active = self._active.get(run_id)
        if active is None:
            return False
        active.ending = active.ending or RunStatus.CANCELLED
        active.scope.cancel()
        await active.done.wait()
        return True

    async def recover(self) -> None:
        """Runs whose server is gone: kill what is left of them, mark them interrupted, queue them again."""
        stale = await self._database.write(lambda connection: store.stale(connection, self.boot_id))
        for run in stale:
            if run.run_id in self._active:
                continue
            await anyio.to_thread.run_sync(kill_marked, run.run_id)
            error = job_error("INTERRUPTED", "The server stopped while this run was going on.")
            await self._conclude(run, RunStatus.INTERRUPTED, error)
        if stale:
            self.wake()

    # --- the loop ---

    @staticmethod
    async def _every(seconds: float, act: Callable[[], Awaitable[None]]) -> None:
        while True:
            await anyio.sleep(seconds)
            await act()

    async def _beat(self) -> None:
        await self._database.write(
            lambda connection: store.renew(connection, boot_id=self.boot_id, lease_seconds=LEASE_SECONDS)
        )
        self.last_beat = time.monotonic()

    async def _identify(self) -> None:
        """Find out the engine; while that fails, try again, since a licence or a mount may come back."""
        delay = 1.0
        while True:
            try:
                self._launcher = await anyio.to_thread.run_sync(launcher, self._settings)
                self.engine = await identify(self._launcher)
            except SsdError as error:
                self.engine_error = error
                logger.exception("SS_ENGINE_UNUSABLE", reason=error.message)
                self._identified.set()
                await anyio.sleep(delay)
                delay = min(delay * 2, 60.0)
                continue
            self.engine_error = None
            self._identified.set()
            logger.info("SS_ENGINE_IDENTIFIED", name=self.engine.name, version=self.engine.version)
            return

    async def _claim_and_run(self) -> None:
        async with anyio.create_task_group() as group:
            while not self._stopping:
                self._wake = anyio.Event()
                while len(self._active) < self.slots and not self._stopping:
                    run = await self._database.write(self._claim)
                    if run is None:
                        break
                    active = _Active()
                    self._active[run.run_id] = active
                    self._jobs.announce(run.job_id)
                    group.start_soon(self._supervise, run, active)
                with anyio.move_on_after(TICK_SECONDS):
                    await self._wake.wait()

    def _claim(self, connection: sqlite3.Connection) -> Run | None:
        run = store.claim(
            connection,
            boot_id=self.boot_id,
            lease_seconds=LEASE_SECONDS,
            per_tenant=self._settings.max_parallel_runs_per_tenant,
        )
        if run is not None:
            self._jobs.move(connection, run.job_id, JobStatus.RUNNING, cause="claimed")
            logger.info("SS_RUN_CLAIMED", job_id=run.job_id, run_id=run.run_id)
        return run

    async def _supervise(self, run: Run, active: _Active) -> None:
        error: JobError | None = None
        try:
            with active.scope:
                error = await self._attempt(run)
            with anyio.CancelScope(shield=True):
                if active.ending is RunStatus.CANCELLED:
                    await self._conclude(run, RunStatus.CANCELLED, job_error("CANCELLED"))
                elif active.ending is RunStatus.INTERRUPTED:
                    message = "The server was stopped while this run was going on."
                    await self._conclude(run, RunStatus.INTERRUPTED, job_error("INTERRUPTED", message))
                else:
                    status = RunStatus.SUCCEEDED if error is None else RunStatus.FAILED
                    await self._conclude(run, status, error)
        finally:
            del self._active[run.run_id]
            active.done.set()
            self.wake()

    async def _attempt(self, run: Run) -> JobError | None:
        await self._identified.wait()
        if self.engine is None or self._launcher is None:
            reason = self.engine_error
            return job_error(reason.code, reason.message) if reason else job_error("STATA_SUBPROCESS_FAILED")
        try:
            return await self._executor.execute(run, self._launcher, self.engine)
        except SsdError as error:
            return job_error(error.code, error.message)
        except OSError as error:
            full = storage_error(error)
            if isinstance(full, SsdError):
                return job_error(full.code, full.message)
            logger.exception("SS_RUN_FAULT", job_id=run.job_id, run_id=run.run_id)
            return job_error("SERVICE_INTERNAL_ERROR", "The service failed while it ran the plan.")
        except Exception:  # the run must end with a stored reason, whatever went wrong in the service
            logger.exception("SS_RUN_FAULT", job_id=run.job_id, run_id=run.run_id)
            return job_error("SERVICE_INTERNAL_ERROR", "The service failed while it ran the plan.")

    async def _conclude(self, run: Run, status: RunStatus, error: JobError | None) -> None:
        """Store the end of a run, move its job, and queue another attempt when the cause can pass by itself."""

        def unit(connection: sqlite3.Connection) -> JobStatus | None:
            if not store.finish(connection, run.run_id, status, error):
                return None
            again = (
                error is not None
                and error.retryable
                and error.error_code in SELF_HEALING
                and run.trigger_attempt < self._settings.run_max_attempts
            )
            if again:
                store.insert(
                    connection,
                    run_id=new_run_id(),
                    job_id=run.job_id,
                    tenant_id=run.tenant_id,
                    plan_id=run.plan_id,
                    plan_revision=run.plan_revision,
                    trigger_attempt=run.trigger_attempt + 1,
                    output_formats=run.output_formats,
                    delay_seconds=0.0
                    if status is RunStatus.INTERRUPTED
                    else _BACKOFF_SECONDS[min(run.trigger_attempt, len(_BACKOFF_SECONDS)) - 1],
                )
                return self._jobs.move(connection, run.job_id, JobStatus.QUEUED, cause=status.value).status
            if status is RunStatus.SUCCEEDED:
                return self._jobs.move(
                    connection, run.job_id, JobStatus.SUCCEEDED, cause="run", error=None, progress=None
                ).status
            to = JobStatus.CANCELLED if status is RunStatus.CANCELLED else JobStatus.FAILED
            return self._jobs.move(connection, run.job_id, to, cause=status.value, error=error).status

        moved = await self._database.write(unit)
        logger.info(
            "SS_STATA_RUN_DONE",
            job_id=run.job_id,
            run_id=run.run_id,
            status=status.value,
            error_code=None if error is None else error.error_code,
            job_status=moved,
        )
        self._jobs.announce(run.job_id)

    async def _stop(self) -> None:
        self._stopping = True
        for active in self._active.values():
            active.ending = active.ending or RunStatus.INTERRUPTED
            active.scope.cancel()
        for active in list(self._active.values()):
            await active.done.wait()


class _Active:
    """A run that this server executes."""

    def __init__(self) -> None:
        self.scope = anyio.CancelScope()
        self.done = anyio.Event()
        self.ending: RunStatus | None = None
        """Why it is being ended from here, if it is."""


def new_run_id() -> str:
    return f"run_{time_ordered(24)}"
