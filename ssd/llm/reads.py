"""Looking at the llm tables for one person. Nothing here can be asked without a scope."""

from __future__ import annotations

from typing import Any, Final

import msgspec

from ssd.db.database import Database
from ssd.llm import budget, ledger
from ssd.llm.models import Call, Scope

CALL: Final = f"SELECT {ledger.COLUMNS} FROM llm_calls WHERE tenant_id = ? AND user_id = ? AND call_id = ?"  # noqa: S608
CALLS: Final = f"""
    SELECT {ledger.COLUMNS} FROM llm_calls WHERE tenant_id = ? AND user_id = ?
    ORDER BY started_at DESC, call_id DESC LIMIT ?"""  # noqa: S608
CALLS_OF_JOB: Final = f"""
    SELECT {ledger.COLUMNS} FROM llm_calls WHERE tenant_id = ? AND user_id = ? AND job_id = ?
    ORDER BY started_at, call_id LIMIT ?"""  # noqa: S608
MONTH: Final = "SELECT spent, reserved, calls FROM llm_monthly WHERE tenant_id = ? AND user_id = ? AND month = ?"
HELD: Final = """
    SELECT call_id, month, amount, state, spent FROM llm_reservations
    WHERE tenant_id = ? AND user_id = ? AND call_id = ?"""
CACHED: Final = "SELECT operation, value FROM llm_cache WHERE tenant_id = ? AND user_id = ? ORDER BY created_at LIMIT ?"
CAP: Final = "SELECT month_cap FROM llm_caps WHERE tenant_id = ? AND user_id = ?"


class Spending(msgspec.Struct, frozen=True):
    """Micro-cents of one user in one month or hour."""

    spent: int = 0
    reserved: int = 0
    calls: int = 0


class Reservation(msgspec.Struct, frozen=True):
    call_id: str
    month: str
    amount: int
    state: str
    spent: int | None


class CachedAnswer(msgspec.Struct, frozen=True):
    operation: str
    value: str


async def call(database: Database, scope: Scope, call_id: str) -> Call | None:
    row = await database.one(CALL, (*_key(scope), call_id))
    return None if row is None else ledger.call_of(row)


async def calls(database: Database, scope: Scope, *, limit: int = 50) -> list[Call]:
    """The newest first."""
    return [ledger.call_of(row) for row in await database.all(CALLS, (*_key(scope), limit))]


async def calls_of_job(database: Database, scope: Scope, job_id: str, *, limit: int = 200) -> list[Call]:
    """The oldest first."""
    return [ledger.call_of(row) for row in await database.all(CALLS_OF_JOB, (*_key(scope), job_id, limit))]


async def outcome(database: Database, scope: Scope, call_id: str) -> str | None:
    """JSON of what a call answered."""
    row = await database.one(ledger.OUTCOME, (call_id, *_key(scope)))
    return None if row is None else str(row["value"])


async def month(database: Database, scope: Scope, name: str) -> Spending:
    """`name` is `YYYY-MM`."""
    row = await database.one(MONTH, (*_key(scope), name))
    return Spending() if row is None else Spending(row["spent"], row["reserved"], row["calls"])


async def spent_in_hour(database: Database, scope: Scope, name: str) -> int:
    """`name` is `YYYY-MM-DDTHH`."""
    row = await database.one(budget.SPENT_IN_HOUR, (*_key(scope), name))
    return 0 if row is None else int(row["spent"])


async def reservation(database: Database, scope: Scope, call_id: str) -> Reservation | None:
    row = await database.one(HELD, (*_key(scope), call_id))
    return None if row is None else msgspec.convert(dict(row), Reservation)


async def cached_answers(database: Database, scope: Scope, *, limit: int = 50) -> list[CachedAnswer]:
    return [CachedAnswer(row["operation"], row["value"]) for row in await database.all(CACHED, (*_key(scope), limit))]


async def own_cap(database: Database, scope: Scope) -> int | None:
    """The user's own monthly cap in micro-cents; None: the one everybody has."""
    row = await database.one(CAP, _key(scope))
    return None if row is None else int(row["month_cap"])


def _key(scope: Scope) -> tuple[Any, ...]:
    return (scope.tenant_id, scope.user_id)
