"""The ledger and the budgets as the operator sees them: of all tenants and users, page by page, read-only."""

from __future__ import annotations

import sqlite3
from typing import Final, Literal, NamedTuple

import msgspec

from ssd.db.clock import now_iso
from ssd.db.database import Database
from ssd.llm.budget import month_of
from ssd.llm.ledger import COLUMNS, call_of
from ssd.llm.models import MICROCENTS, Call, CallStatus
from ssd.settings import Settings

_BEFORE: Final = "(started_at, call_id) < (:started_at, :call_id)"
_NEWEST_FIRST: Final = "ORDER BY started_at DESC, call_id DESC LIMIT :limit"

# One statement per filter, so that each is answered by one index.
LIST: Final = f"SELECT {COLUMNS} FROM llm_calls WHERE {_BEFORE} {_NEWEST_FIRST}"  # noqa: S608
LIST_TENANT: Final = f"""
    SELECT {COLUMNS} FROM llm_calls WHERE tenant_id = :tenant_id AND {_BEFORE} {_NEWEST_FIRST}"""  # noqa: S608
LIST_STATUS: Final = f"""
    SELECT {COLUMNS} FROM llm_calls WHERE status = :status AND {_BEFORE} {_NEWEST_FIRST}"""  # noqa: S608
# A tenant has fewer calls than a status has, so the tenant's index is walked.
LIST_TENANT_STATUS: Final = f"""
    SELECT {COLUMNS} FROM llm_calls WHERE tenant_id = :tenant_id AND +status = :status AND {_BEFORE}
    {_NEWEST_FIRST}"""  # noqa: S608
LIST_JOB: Final = f"""
    SELECT {COLUMNS} FROM llm_calls
    WHERE job_id = :job_id AND (:tenant_id IS NULL OR tenant_id = :tenant_id)
      AND (:status IS NULL OR +status = :status) AND {_BEFORE} {_NEWEST_FIRST}"""  # noqa: S608
_BY_FILTERS: Final = {
    (False, False): LIST,
    (True, False): LIST_TENANT,
    (False, True): LIST_STATUS,
    (True, True): LIST_TENANT_STATUS,
}

FIND: Final = f"SELECT {COLUMNS} FROM llm_calls WHERE call_id = ?"  # noqa: S608

CAPS: Final = """
    SELECT tenant_id, user_id, month_cap, updated_at FROM llm_caps ORDER BY tenant_id, user_id LIMIT 1000"""
BREAKERS: Final = """
    SELECT provider, failures, opened_at, open_until, probe_call_id, probe_lease_until
    FROM llm_breakers ORDER BY provider"""
MONTH: Final = """
    SELECT coalesce(sum(spent), 0) AS spent, coalesce(sum(reserved), 0) AS reserved, coalesce(sum(calls), 0) AS calls
    FROM llm_monthly WHERE month = ?"""
PENDING: Final = "SELECT count(*) AS pending FROM llm_calls WHERE status = 'pending'"


class Place(NamedTuple):
    """Where a page of calls ends."""

    started_at: str
    call_id: str


_AFTER_EVERY_CALL: Final = Place("\U0010ffff", "")


class UserCap(msgspec.Struct, frozen=True):
    """A monthly cap one user has instead of everybody's."""

    tenant_id: str
    user_id: str
    monthly_cap_cents: float
    updated_at: str


class BreakerState(msgspec.Struct, frozen=True):
    provider: str
    state: Literal["closed", "open", "half_open"]
    """half_open: its time is over and one call may try the provider."""
    failures: int
    opened_at: str | None
    open_until: str | None
    probe_call_id: str | None
    """The call that tries the provider now."""


class MonthTotals(msgspec.Struct, frozen=True):
    """What all users spent, hold reserved and called in a month, UTC."""

    month: str
    spent_cents: float
    reserved_cents: float
    calls: int
    pending_calls: int


async def calls(
    database: Database,
    *,
    tenant_id: str | None = None,
    status: CallStatus | None = None,
    job_id: str | None = None,
    before: Place | None = None,
    limit: int = 50,
) -> list[Call]:
    """Up to `limit` ledger rows, newest first, those begun before `before` only."""
    place = before or _AFTER_EVERY_CALL
    sql = _BY_FILTERS[tenant_id is not None, status is not None] if job_id is None else LIST_JOB
    parameters = {**place._asdict(), "tenant_id": tenant_id, "status": status, "job_id": job_id, "limit": limit}
    return [call_of(row) for row in await database.all(sql, parameters)]


async def call(database: Database, call_id: str) -> Call | None:
    row = await database.one(FIND, (call_id,))
    return None if row is None else call_of(row)


async def user_caps(database: Database) -> list[UserCap]:
    """The caps of their own that users have; the first thousand."""
    return [
        UserCap(row["tenant_id"], row["user_id"], row["month_cap"] / MICROCENTS, row["updated_at"])
        for row in await database.all(CAPS)
    ]


async def breakers(database: Database, settings: Settings) -> list[BreakerState]:
    """Of every provider that is configured or was, by name."""
    now = now_iso()
    found = {row["provider"]: _breaker_of(row, now) for row in await database.all(BREAKERS)}
    for name in {settings.llm_provider, settings.llm_fallback_provider} - {"none"} - found.keys():
        found[name] = BreakerState(name, "closed", 0, None, None, None)
    return [found[name] for name in sorted(found)]


async def this_month(database: Database) -> MonthTotals:
    month = month_of(now_iso())
    totals = await database.one(MONTH, (month,))
    pending = await database.one(PENDING)
    assert totals is not None
    assert pending is not None
    return MonthTotals(
        month,
        totals["spent"] / MICROCENTS,
        totals["reserved"] / MICROCENTS,
        totals["calls"],
        pending["pending"],
    )


def _breaker_of(row: sqlite3.Row, now: str) -> BreakerState:
    if row["open_until"] is None:
        state: Literal["closed", "open", "half_open"] = "closed"
    else:
        state = "open" if row["open_until"] > now else "half_open"
    probing = row["probe_call_id"] is not None and row["probe_lease_until"] > now
    return BreakerState(
        row["provider"],
        state,
        row["failures"],
        row["opened_at"],
        row["open_until"],
        row["probe_call_id"] if probing else None,
    )
