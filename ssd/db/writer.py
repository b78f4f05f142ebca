"""The one writer: units of work queue for it and are committed in groups.

One fsync serves every caller that arrived while the one before it ran. Each unit runs inside its own
savepoint, so a unit that fails is undone alone and its neighbours are committed. (Measured on one
machine before this was written: 64 callers, 176k rows/s with groups; see bench/store_redeem.py.)
"""

from __future__ import annotations

import asyncio
import queue
import sqlite3
import threading
from collections.abc import Callable
from typing import Any, TypeVar

from ssd.errors import SsdError

T = TypeVar("T")
Unit = Callable[[sqlite3.Connection], T]

_GROUP_LIMIT = 512


class _Request:
    __slots__ = ("error", "future", "result", "unit")

    def __init__(self, unit: Unit[Any], future: asyncio.Future[Any]) -> None:
        self.unit = unit
        self.future = future
        self.result: Any = None
        self.error: BaseException | None = None


class Writer:
    """Owns the writing connection and the thread it lives on. Only this connection checkpoints."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._queue: queue.SimpleQueue[_Request | None] = queue.SimpleQueue()
        self._loop = asyncio.get_running_loop()
        self._closed = False
        self.groups = 0
        self.units = 0
        self._thread = threading.Thread(target=self._serve, name="ssd-writer", daemon=True)
        self._thread.start()

    async def run(self, unit: Unit[T]) -> T:
        """Run `unit` in a transaction; when this returns its changes are on disk.

        The unit must not await, must fetch every RETURNING row, and must touch nothing but the
        connection, because it runs on the writer's thread. Raises whatever the unit raised, or
        STORAGE_FULL when the commit found no space (then none of the unit's changes exist).
        """
        if self._closed:
            raise SsdError("SERVICE_SHUTTING_DOWN")
        request = _Request(unit, self._loop.create_future())
        self._queue.put(request)
        # A caller that goes away cancels only its future; the unit runs and is committed all the same.
        result: T = await request.future
        return result

    async def close(self) -> None:
        """Finish what is queued, then close the connection."""
        if self._closed:
            return
        self._closed = True
        self._queue.put(None)
        await asyncio.to_thread(self._thread.join)

    def _serve(self) -> None:
        stop = False
        while not stop:
            first = self._queue.get()
            if first is None:
                break
            group = [first]
            while len(group) < _GROUP_LIMIT:
                try:
                    following = self._queue.get_nowait()
                except queue.Empty:
                    break
                if following is None:
                    stop = True
                    break
                group.append(following)
            self._commit(group)
            self._loop.call_soon_threadsafe(_deliver, group)
        self._connection.close()

    def _commit(self, group: list[_Request]) -> None:
        connection = self._connection
        try:
            connection.execute("BEGIN IMMEDIATE")
            for request in group:
                self._apply(connection, request)
            connection.execute("COMMIT")
        except BaseException as error:  # noqa: BLE001 - delivered to every caller of the group
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            for request in group:
                request.error = _translate(error)
        self.groups += 1
        self.units += len(group)

    @staticmethod
    def _apply(connection: sqlite3.Connection, request: _Request) -> None:
        connection.execute("SAVEPOINT unit")
        try:
            request.result = request.unit(connection)
        except BaseException as error:  # delivered to the caller of this unit alone
            if not connection.in_transaction:
                raise
            connection.execute("ROLLBACK TO unit")
            request.error = _translate(error)
        connection.execute("RELEASE unit")


def _deliver(group: list[_Request]) -> None:
    for request in group:
        if request.future.done():
            continue
        if request.error is not None:
            request.future.set_exception(request.error)
        else:
            request.future.set_result(request.result)


def _translate(error: BaseException) -> BaseException:
    if isinstance(error, sqlite3.OperationalError) and "full" in str(error):
        return SsdError("STORAGE_FULL")
    return error
