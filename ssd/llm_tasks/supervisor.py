"""The supervisor of tasks: claims what is queued, does it in slots, and takes up what a dead server left."""

from __future__ import annotations

import secrets
import sqlite3
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Final

import anyio
import structlog

from ssd.db.database import Database
from ssd.errors import CATALOGUE, SsdError
from ssd.llm_tasks import store
from ssd.llm_tasks.models import Task, TaskError

logger = structlog.get_logger(__name__)

SLOTS: Final = 64
"""Tasks at the same time. They wait for the provider, not for this machine; the controls of the gateway bound them."""
LEASE_SECONDS: Final = 60.0
HEARTBEAT_SECONDS: Final = 15.0
RECOVERY_SECONDS: Final = 30.0
TICK_SECONDS: Final = 2.0
MOST_DELIVERIES: Final = 3
_BUSY_SECONDS: Final = 5.0
"""Wait before a task whose call another delivery is still working on is taken up again."""


class TaskSupervisor:
    """Does the tasks of one store, each at least once and with one record."""

    def __init__(self, database: Database, work: Callable[[Task], Awaitable[None]]) -> None:
        self._database = database
        self._work = work
        self.boot_id = secrets.token_hex(8)
        self._wake = anyio.Event()
        self._active: set[str] = set()

    @asynccontextmanager
    async def serving(self) -> AsyncIterator[None]:
        """Serve the queue while the block runs; when it is left, tasks under way are queued again."""
        await self.recover()
        async with anyio.create_task_group() as group:
            group.start_soon(self._every, HEARTBEAT_SECONDS, self._beat)
            group.start_soon(self._every, RECOVERY_SECONDS, self.recover)
            group.start_soon(self._claim_and_do)
            try:
                yield
            finally:
                group.cancel_scope.cancel()

    def wake(self) -> None:
        """Look at the queue now."""
        self._wake.set()

    def under_way(self) -> list[str]:
        """Ids of the tasks this server works on."""
        return sorted(self._active)

    async def recover(self) -> None:
        """Queue again what was running on a server that is gone; what was delivered too often fails."""

        def unit(connection: sqlite3.Connection) -> int:
            mine = [item for item in store.stale(connection, self.boot_id) if item[0] not in self._active]
            for task_id, deliveries in mine:
                _interrupted(connection, task_id, deliveries)
            return len(mine)

        if await self._database.write(unit):
            self.wake()

    @staticmethod
    async def _every(seconds: float, act: Callable[[], Awaitable[None]]) -> None:
        while True:
            await anyio.sleep(seconds)
            try:
                await act()
            except (sqlite3.Error, SsdError):
                logger.exception("SS_LLM_TASK_UPKEEP_FAILED")

    async def _beat(self) -> None:
        await self._database.write(
            lambda connection: store.renew(connection, boot_id=self.boot_id, lease_seconds=LEASE_SECONDS)
        )

    async def _claim_and_do(self) -> None:
        async with anyio.create_task_group() as group:
            while True:
                self._wake = anyio.Event()
                while len(self._active) < SLOTS:
                    task = await self._database.write(
                        lambda connection: store.claim(connection, boot_id=self.boot_id, lease_seconds=LEASE_SECONDS)
                    )
                    if task is None:
                        break
                    self._active.add(task.task_id)
                    group.start_soon(self._supervise, task)
                with anyio.move_on_after(TICK_SECONDS):
                    await self._wake.wait()

    async def _supervise(self, task: Task) -> None:
        try:
            await self._attempt(task)
        except anyio.get_cancelled_exc_class():
            # The server stops: its successor takes the task up.
            with anyio.CancelScope(shield=True):
                await self._database.write(lambda connection: _interrupted(connection, task.task_id, task.deliveries))
            raise
        finally:
            self._active.discard(task.task_id)
            self.wake()

    async def _attempt(self, task: Task) -> None:
        logger.info("SS_LLM_TASK_START", task_id=task.task_id, job_id=task.job_id, task=task.task.value)
        try:
            await self._work(task)
        except SsdError as error:
            await self._failed(task, error)
        except Exception:  # the task must end with a stored reason, whatever went wrong in the service
            logger.exception("SS_LLM_TASK_FAULT", task_id=task.task_id, job_id=task.job_id)
            await self._failed(task, SsdError("SERVICE_INTERNAL_ERROR", "The service failed while it did the task."))
        else:
            logger.info("SS_LLM_TASK_DONE", task_id=task.task_id, job_id=task.job_id, task=task.task.value)

    async def _failed(self, task: Task, error: SsdError) -> None:
        again = error.code == "LLM_REQUEST_IN_PROGRESS" and task.deliveries < MOST_DELIVERIES

        def unit(connection: sqlite3.Connection) -> None:
            if again:
                store.requeue(connection, task.task_id, delay_seconds=_BUSY_SECONDS)
            else:
                store.finish(connection, task.task_id, task_error(error))

        await self._database.write(unit)
        logger.info("SS_LLM_TASK_FAILED", task_id=task.task_id, job_id=task.job_id, error_code=error.code)


def task_error(error: SsdError) -> TaskError:
    """An error as a task keeps it."""
    members = error.members
    return TaskError(
        error_code=error.code,
        message=error.message,
        retryable=error.kind.retryable,
        hint=error.kind.hint,
        block_reason=members.get("block_reason"),
        failure_reason=members.get("failure_reason"),
        call_id=members.get("call_id"),
    )


def _interrupted(connection: sqlite3.Connection, task_id: str, deliveries: int) -> None:
    if deliveries < MOST_DELIVERIES:
        store.requeue(connection, task_id, delay_seconds=0.0)
        return
    kind = CATALOGUE["INTERRUPTED"]
    store.finish(connection, task_id, TaskError(kind.code, "The server stopped each time it did this task.",
                                                kind.retryable, "Send the same request again."))  # fmt: skip
