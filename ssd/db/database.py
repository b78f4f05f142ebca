"""The job store: one writing connection with group commit, a few reading ones."""

from __future__ import annotations

import itertools
import sqlite3
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar, cast

import aiosqlite

from ssd.db.migrate import migrate
from ssd.db.writer import Unit, Writer
from ssd.errors import SsdError

T = TypeVar("T")
Row = sqlite3.Row
DATABASE_NAME = "ssd.sqlite3"
_KEPT = 4096
Parameters = Sequence[Any] | dict[str, Any]


def open_for_writing(path: Path) -> sqlite3.Connection:
    """A connection with the durability this project promises. Used by the one writer and by migrations."""
    connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False, cached_statements=256)
    connection.row_factory = sqlite3.Row
    connection.execute("PRAGMA busy_timeout = 5000")
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("PRAGMA foreign_keys = ON")
    connection.execute("PRAGMA journal_size_limit = 67108864")
    connection.execute("PRAGMA cache_size = -8000")
    return connection


class Database:
    """Reads and writes of one store. Make one with `await Database.open(path)`."""

    def __init__(self, path: Path, writer: Writer, readers: list[aiosqlite.Connection]) -> None:
        self.path = path
        self.writer = writer
        self._readers = readers
        self._turn = itertools.cycle(readers)
        self._remembered: dict[tuple[str, str], Any] = {}
        self._remembered_at = 0

    @classmethod
    async def open(cls, path: Path, *, readers: int = 2) -> Database:
        """Open, migrate and start the writer. Raises DATABASE_CORRUPT or DATABASE_TOO_NEW."""
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        try:
            connection = open_for_writing(path)
            migrate(connection)
        except sqlite3.DatabaseError as error:
            raise SsdError("DATABASE_CORRUPT", f"{path.name} cannot be opened: {error}.") from error
        path.chmod(0o600)  # noqa: ASYNC240 - at start-up, before anything is served
        writer = Writer(connection)
        pool = []
        for _ in range(readers):
            reader = await aiosqlite.connect(path, isolation_level=None, cached_statements=256)
            reader.row_factory = sqlite3.Row
            await reader.execute("PRAGMA query_only = ON")
            await reader.execute("PRAGMA wal_autocheckpoint = 0")
            await reader.execute("PRAGMA cache_size = -4000")
            pool.append(reader)
        return cls(path, writer, pool)

    async def write(self, unit: Unit[T]) -> T:
        """Run a unit of work; durable when it returns. See `Writer.run`."""
        return await self.writer.run(unit)

    async def all(self, sql: str, parameters: Parameters = ()) -> list[Row]:
        """Every row of a query, fetched in one hop so that no reader stays open."""
        rows = await next(self._turn).execute_fetchall(sql, parameters)
        return list(rows)

    async def one(self, sql: str, parameters: Parameters = ()) -> Row | None:
        """The first row of a query, or None."""
        rows = await self.all(sql, parameters)
        return rows[0] if rows else None

    async def remembered(self, sql: str, key: str, derive: Callable[[Row | None], T]) -> T:
        """What `derive` makes of the first row of `sql` for `key`; kept until something is committed.

        For what many clients ask again and again (a job that is polled). What was committed before the
        call is always seen, because the writer counts a commit before it tells its callers.
        """
        commits = self.writer.groups
        if commits != self._remembered_at:
            self._remembered.clear()
            self._remembered_at = commits
        known = self._remembered.get((sql, key))
        if known is not None:
            return cast("T", known)
        derived = derive(await self.one(sql, (key,)))
        if commits == self._remembered_at and len(self._remembered) < _KEPT:
            self._remembered[sql, key] = derived
        return derived

    async def close(self) -> None:
        for reader in self._readers:
            await reader.close()
        await self.writer.close()
