"""The operator's tables about language-model use: fixed headers, UTC, and money in cents.

Each is a query over the ledger, the roll-ups, the reservations and the breakers; nothing is kept for them.
They look across all tenants and users, so only the administration may read them.
"""

from __future__ import annotations

import csv
import io
import sqlite3
from typing import Any, Final

import msgspec

from ssd.db.clock import now_iso
from ssd.db.database import Database
from ssd.errors import SsdError
from ssd.llm import controls
from ssd.llm.budget import hour_of, month_of
from ssd.llm.controls import Controls
from ssd.llm.listing import BreakerState, breakers
from ssd.llm.models import MICROCENTS
from ssd.settings import Settings

Value = str | int | float | None

MONTHLY_SPEND: Final = """
    SELECT tenant_id AS tenant, user_id AS user, month, spent AS cost, calls
    FROM llm_monthly ORDER BY month DESC, spent DESC, tenant_id, user_id"""

CACHE_HIT_RATE: Final = """
    SELECT operation, count(*) AS calls, sum(cached) AS hits, round(1.0 * sum(cached) / count(*), 4) AS hit_rate
    FROM llm_calls WHERE status = 'success' GROUP BY operation ORDER BY operation"""

# Nearest-rank percentiles: the smallest value that at least that share of the calls does not exceed. A call that
# was never answered (abandoned) has no duration and no rank.
COST_AND_LATENCY: Final = """
    WITH ranked AS (
        SELECT coalesce(provider, 'none') AS provider, coalesce(model, 'none') AS model, status, cached, cost,
            duration_ms,
            row_number() OVER (PARTITION BY provider, model, status, cached ORDER BY cost) AS cost_rank,
            row_number() OVER (PARTITION BY provider, model, status, cached
                ORDER BY duration_ms IS NULL, duration_ms) AS time_rank,
            count(*) OVER (PARTITION BY provider, model, status, cached) AS n,
            count(duration_ms) OVER (PARTITION BY provider, model, status, cached) AS timed
        FROM llm_calls WHERE status <> 'pending'
    )
    SELECT provider, model, status, CASE cached WHEN 1 THEN 'yes' ELSE 'no' END AS cached,
        count(*) AS calls, sum(cost) AS cost,
        max(CASE WHEN cost_rank = (n * 50 + 99) / 100 THEN cost END) AS cost_p50,
        max(CASE WHEN cost_rank = (n * 95 + 99) / 100 THEN cost END) AS cost_p95,
        max(CASE WHEN time_rank = (timed * 50 + 99) / 100 THEN duration_ms END) AS latency_ms_p50,
        max(CASE WHEN time_rank = (timed * 95 + 99) / 100 THEN duration_ms END) AS latency_ms_p95
    FROM ranked GROUP BY provider, model, status, cached ORDER BY provider, model, status, cached"""

STUCK_AND_HELD: Final = """
    SELECT 'pending_call' AS kind, call_id, tenant_id AS tenant, user_id AS user, operation, 0 AS cost,
        started_at AS since, lease_until, CASE WHEN lease_until <= :now THEN 'yes' ELSE 'no' END AS stuck
    FROM llm_calls WHERE status = 'pending'
    UNION ALL
    SELECT 'held_reservation', r.call_id, r.tenant_id, r.user_id, c.operation, r.amount,
        r.made_at, c.lease_until,
        CASE WHEN c.status IS NOT 'pending' OR c.lease_until <= :now THEN 'yes' ELSE 'no' END
    FROM llm_reservations AS r LEFT JOIN llm_calls AS c ON c.call_id = r.call_id
    WHERE r.state = 'held'
    ORDER BY since, kind DESC, call_id"""

FLAG_TIMES: Final = "SELECT name, updated_at FROM flags WHERE name >= 'llm.' AND name < 'llm/'"
SHUT_OFF_THIS_HOUR: Final = """
    SELECT tenant_id, user_id, spent FROM llm_hourly
    WHERE hour = :hour AND spent >= :threshold ORDER BY tenant_id, user_id"""
AT_CAP_THIS_MONTH: Final = """
    SELECT m.tenant_id, m.user_id, m.spent, m.reserved, coalesce(c.month_cap, :cap) AS month_cap
    FROM llm_monthly AS m LEFT JOIN llm_caps AS c ON c.tenant_id = m.tenant_id AND c.user_id = m.user_id
    WHERE m.month = :month AND m.spent + m.reserved >= coalesce(c.month_cap, :cap)
    ORDER BY m.tenant_id, m.user_id"""

_MONEY: Final = frozenset({"cost", "cost_p50", "cost_p95"})

TITLES: Final = {
    "01_monthly_spend": "What each user spent in each month",
    "02_cache_hit_rate": "How many successful calls of each operation the cache answered",
    "03_breakers_and_shutoffs": "What stops calls now, and what may",
    "04_cost_and_latency": "Cost and latency by provider, model and status",
    "05_stuck_and_held": "Calls under way and money held for them",
}
HEADERS: Final = {
    "01_monthly_spend": ("tenant", "user", "month", "cost", "calls"),
    "02_cache_hit_rate": ("operation", "calls", "hits", "hit_rate"),
    "03_breakers_and_shutoffs": ("control", "subject", "state", "detail", "since", "until"),
    "04_cost_and_latency": (
        "provider", "model", "status", "cached", "calls", "cost", "cost_p50", "cost_p95", "latency_ms_p50",
        "latency_ms_p95",
    ),
    "05_stuck_and_held": (
        "kind", "call_id", "tenant", "user", "operation", "cost", "since", "lease_until", "stuck",
    ),
}  # fmt: skip
_NOTES: Final = {
    "01_monthly_spend": "no call has been settled yet",
    "02_cache_hit_rate": "no call has succeeded yet",
    "04_cost_and_latency": "no call has ended yet",
    "05_stuck_and_held": "no call is under way and no money is held",
}


class Dashboard(msgspec.Struct, frozen=True):
    """One table. Columns named `cost…` are cents, exact to a millionth; times and months are UTC."""

    name: str
    title: str
    generated_at: str
    headers: tuple[str, ...]
    rows: list[dict[str, Value]]
    note: str | None
    """Why there are no rows."""

    def csv(self) -> str:
        """The table as CSV (RFC 4180, LF); an empty one says why in a line that begins with `#`."""
        out = io.StringIO()
        writer = csv.writer(out, lineterminator="\n")
        writer.writerow(self.headers)
        for row in self.rows:
            writer.writerow([_text(name, row[name]) for name in self.headers])
        if self.note is not None:
            out.write(f"# {self.note} (as of {self.generated_at})\n")
        return out.getvalue()


async def read(database: Database, settings: Settings, name: str) -> Dashboard:
    """A dashboard by its name, or by its number alone (`01`). Raises NOT_FOUND."""
    full = next((known for known in TITLES if name in (known, known[:2])), None)
    if full is None:
        raise SsdError("NOT_FOUND", f"There is no such dashboard; there are {', '.join(TITLES)}.")
    now = now_iso()
    rows = await _rows(database, settings, full, now)
    shown = [{header: _shown(header, row[header]) for header in HEADERS[full]} for row in rows]
    return Dashboard(full, TITLES[full], now, HEADERS[full], shown, None if shown else _NOTES[full])


async def _rows(database: Database, settings: Settings, name: str, now: str) -> list[dict[str, Any]]:
    match name[:2]:
        case "01":
            found = await database.all(MONTHLY_SPEND)
        case "02":
            found = await database.all(CACHE_HIT_RATE)
        case "03":
            return await _controls(database, settings, now)
        case "04":
            found = await database.all(COST_AND_LATENCY)
        case _:
            found = await database.all(STUCK_AND_HELD, {"now": now})
    return [dict(row) for row in found]


async def _controls(database: Database, settings: Settings, now: str) -> list[dict[str, Any]]:
    """Every switch and breaker, and every user who is stopped by a limit right now. Never empty."""
    current = await controls.current(database, settings)
    changed = {row["name"]: row["updated_at"] for row in await database.all(FLAG_TIMES)}
    rows = _switches(current, changed)
    rows += [_breaker(breaker) for breaker in await breakers(database, settings)]
    hourly = {"hour": hour_of(now), "threshold": current.hourly_cap_cents * MICROCENTS}
    for row in await database.all(SHUT_OFF_THIS_HOUR, hourly):
        detail = f"spent {_cents(row['spent'])} of {current.hourly_cap_cents} cents in {hour_of(now)} UTC"
        rows.append(_row("hourly_shutoff", _user(row), "on", detail))
    monthly = {"month": month_of(now), "cap": current.monthly_cap_cents * MICROCENTS}
    for row in await database.all(AT_CAP_THIS_MONTH, monthly):
        detail = f"spent {_cents(row['spent'])}, held {_cents(row['reserved'])} of {_cents(row['month_cap'])} cents"
        rows.append(_row("monthly_cap", _user(row), "reached", detail))
    return rows


def _switches(current: Controls, changed: dict[str, str]) -> list[dict[str, Any]]:
    killed = current.kill_switch or current.kill_switch_from_environment
    detail = "by SS_LLM_KILL_SWITCH" if current.kill_switch_from_environment else ""
    rows = [_row("kill_switch", "all", _on(killed), detail, changed.get("llm.kill_switch"))]
    rows += [
        _row("kill_switch", provider, "on", "", changed.get(f"llm.kill_switch.{provider}"))
        for provider in current.killed_providers
    ]
    rows.append(
        _row("shutoff", "all", _on(current.shutoff is not None), current.shutoff or "", changed.get("llm.shutoff"))
    )
    return rows


def _breaker(breaker: BreakerState) -> dict[str, Any]:
    detail = f"{breaker.failures} failures in a row"
    if breaker.probe_call_id is not None:
        detail += f"; probe {breaker.probe_call_id} is under way"
    return _row("breaker", breaker.provider, breaker.state, detail, breaker.opened_at, breaker.open_until)


def _row(
    control: str, subject: str, state: str, detail: str = "", since: str | None = None, until: str | None = None
) -> dict[str, Any]:
    return {"control": control, "subject": subject, "state": state, "detail": detail, "since": since, "until": until}


def _on(condition: bool) -> str:
    return "on" if condition else "off"


def _user(row: sqlite3.Row) -> str:
    return f"{row['tenant_id']}/{row['user_id']}"


def _shown(name: str, value: Any) -> Value:
    if name in _MONEY and value is not None:
        return int(value) / MICROCENTS
    shown: Value = value
    return shown


def _text(name: str, value: Value) -> str:
    if value is None:
        return ""
    return f"{value:.6f}" if name in _MONEY else str(value)


def _cents(microcents: int) -> str:
    return f"{microcents / MICROCENTS:.2f}"
