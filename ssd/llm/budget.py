"""Money: reserved before a call, settled or released exactly once after it. Amounts are micro-cents.

The roll-ups always agree with the ledger: `llm_monthly.spent` is the sum of the costs, `reserved` the sum of
the reservations still held, `calls` the number of calls that ended in success or failure.
"""

from __future__ import annotations

import sqlite3
from typing import Any, Final

from ssd.errors import SsdError
from ssd.llm.models import Scope

OPEN_MONTH: Final = """
    INSERT INTO llm_monthly (tenant_id, user_id, month, spent, reserved, calls)
    VALUES (:tenant_id, :user_id, :month, 0, 0, 0)
    ON CONFLICT (tenant_id, user_id, month) DO NOTHING"""
# The condition and the change are one statement: fifty callers at once cannot pass the cap together.
RESERVE: Final = """
    UPDATE llm_monthly SET reserved = reserved + :amount
    WHERE tenant_id = :tenant_id AND user_id = :user_id AND month = :month
      AND :cap > 0 AND spent + reserved + :amount <= :cap"""
HOLD: Final = """
    INSERT INTO llm_reservations (call_id, tenant_id, user_id, month, amount, state, made_at)
    VALUES (:call_id, :tenant_id, :user_id, :month, :amount, 'held', :now)"""
CLOSE: Final = """
    UPDATE llm_reservations SET state = :state, spent = :spent, closed_at = :now
    WHERE call_id = :call_id AND tenant_id = :tenant_id AND user_id = :user_id AND state = 'held'
    RETURNING month, amount"""
BOOK_MONTH: Final = """
    UPDATE llm_monthly SET spent = spent + :spent, reserved = reserved - :amount, calls = calls + 1
    WHERE tenant_id = :tenant_id AND user_id = :user_id AND month = :month"""
BOOK_HOUR: Final = """
    INSERT INTO llm_hourly (tenant_id, user_id, hour, spent, calls)
    VALUES (:tenant_id, :user_id, :hour, :spent, 1)
    ON CONFLICT (tenant_id, user_id, hour) DO UPDATE SET spent = spent + excluded.spent, calls = calls + 1"""
HELD: Final = "SELECT 1 FROM llm_reservations WHERE call_id = ? AND state = 'held'"
SPENT_IN_HOUR: Final = "SELECT spent FROM llm_hourly WHERE tenant_id = ? AND user_id = ? AND hour = ?"


def month_of(moment: str) -> str:
    """`YYYY-MM` of a time as the store writes it (UTC)."""
    return moment[:7]


def hour_of(moment: str) -> str:
    """`YYYY-MM-DDTHH` of a time as the store writes it (UTC)."""
    return moment[:13]


def spent_in_hour(connection: sqlite3.Connection, scope: Scope, now: str) -> int:
    row = connection.execute(SPENT_IN_HOUR, (scope.tenant_id, scope.user_id, hour_of(now))).fetchone()
    return 0 if row is None else int(row["spent"])


def reserve(connection: sqlite3.Connection, scope: Scope, call_id: str, *, amount: int, cap: int, now: str) -> bool:
    """Hold `amount` for a call if what is spent and held leaves room for it under `cap`."""
    parameters = _of(scope) | {"call_id": call_id, "month": month_of(now), "amount": amount, "cap": cap, "now": now}
    connection.execute(OPEN_MONTH, parameters)
    if connection.execute(RESERVE, parameters).rowcount != 1:
        return False
    connection.execute(HOLD, parameters)
    return True


def settle(connection: sqlite3.Connection, scope: Scope, call_id: str, *, spent: int, now: str) -> None:
    """Book what the call cost and give back what it held. A reservation that is not held is an error."""
    _close(connection, scope, call_id, state="settled", spent=spent, now=now)


def release(connection: sqlite3.Connection, scope: Scope, call_id: str, *, now: str) -> None:
    """Give back what a call held that cost nothing. A reservation that is not held is an error."""
    _close(connection, scope, call_id, state="released", spent=0, now=now)


def count_free(connection: sqlite3.Connection, scope: Scope, *, now: str) -> None:
    """Book a call that needed no money: a cached answer."""
    parameters = _of(scope) | {"month": month_of(now), "hour": hour_of(now), "spent": 0, "amount": 0}
    connection.execute(OPEN_MONTH, parameters)
    connection.execute(BOOK_MONTH, parameters)
    connection.execute(BOOK_HOUR, parameters)


def _close(connection: sqlite3.Connection, scope: Scope, call_id: str, *, state: str, spent: int, now: str) -> None:
    parameters = _of(scope) | {"call_id": call_id, "state": state, "spent": spent, "hour": hour_of(now), "now": now}
    closed = connection.execute(CLOSE, parameters).fetchall()
    if len(closed) != 1:
        raise SsdError("SERVICE_INTERNAL_ERROR", "The reservation of a model call is not held.", call_id=call_id)
    booked = parameters | {"month": closed[0]["month"], "amount": closed[0]["amount"]}
    connection.execute(BOOK_MONTH, booked)
    connection.execute(BOOK_HOUR, booked)


def _of(scope: Scope) -> dict[str, Any]:
    return {"tenant_id": scope.tenant_id, "user_id": scope.user_id}


def holds(connection: sqlite3.Connection, call_id: str) -> bool:
    return connection.execute(HELD, (call_id,)).fetchone() is not None
