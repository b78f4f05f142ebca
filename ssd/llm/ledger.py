"""The ledger: one row per attempt of a call. Written by the gateway alone; see `reads` for looking at it."""

from __future__ import annotations

import sqlite3
from typing import Any, Final

import msgspec

from ssd.errors import SsdError
from ssd.llm.models import Call, CallStatus, Scope, Usage

COLUMNS: Final = """call_id, tenant_id, user_id, operation, request_id, attempt, content_hash, job_id, status, reason,
    error_message, provider, model, schema_version, cached, cost, input_tokens, cached_input_tokens, output_tokens,
    provider_attempts, started_at, ended_at, duration_ms"""

LATEST: Final = f"""
    SELECT {COLUMNS} FROM llm_calls
    WHERE tenant_id = :tenant_id AND user_id = :user_id AND operation = :operation AND request_id = :request_id
    ORDER BY attempt DESC LIMIT 1"""  # noqa: S608
INSERT: Final = """
    INSERT INTO llm_calls (call_id, tenant_id, user_id, operation, request_id, attempt, content_hash, job_id,
        status, schema_version, boot_id, lease_until, started_at)
    VALUES (:call_id, :tenant_id, :user_id, :operation, :request_id, :attempt, :content_hash, :job_id,
        'pending', :schema_version, :boot_id, :lease_until, :started_at)"""
# Guarded by the state: whoever comes second (a late settlement, the janitor) changes nothing.
CLOSE: Final = """
    UPDATE llm_calls SET status = :status, reason = :reason, error_message = :error_message, provider = :provider,
        model = :model, cached = :cached, cost = :cost, input_tokens = :input_tokens,
        cached_input_tokens = :cached_input_tokens, output_tokens = :output_tokens,
        provider_attempts = :provider_attempts, ended_at = :ended_at, duration_ms = :duration_ms
    WHERE call_id = :call_id AND tenant_id = :tenant_id AND user_id = :user_id AND status = 'pending'"""
KEEP_OUTCOME: Final = """
    INSERT INTO llm_outcomes (call_id, tenant_id, user_id, job_id, value)
    VALUES (:call_id, :tenant_id, :user_id, :job_id, :value)"""
OUTCOME: Final = "SELECT value FROM llm_outcomes WHERE call_id = ? AND tenant_id = ? AND user_id = ?"
JOB_IS_DELETED: Final = "SELECT 1 FROM jobs WHERE job_id = ? AND deleted_at IS NOT NULL"
RENEW: Final = "UPDATE llm_calls SET lease_until = ? WHERE call_id = ? AND status = 'pending'"
IS_PENDING: Final = "SELECT 1 FROM llm_calls WHERE call_id = ? AND status = 'pending'"
LAPSED: Final = """
    SELECT call_id, tenant_id, user_id, started_at FROM llm_calls
    WHERE status = 'pending' AND (lease_until <= :now OR boot_id <> :boot_id)"""


class Claim(msgspec.Struct, frozen=True, kw_only=True):
    """What a new row says from the start."""

    call_id: str
    scope: Scope
    operation: str
    request_id: str
    content_hash: str
    job_id: str | None
    schema_version: str
    boot_id: str
    lease_until: str
    started_at: str


class Closing(msgspec.Struct, frozen=True, kw_only=True):
    """What a row says when its call has ended."""

    status: CallStatus
    reason: str | None = None
    error_message: str | None = None
    provider: str | None = None
    model: str | None = None
    cached: bool = False
    cost: int = 0
    usage: Usage = Usage()
    provider_attempts: int = 0
    ended_at: str
    duration_ms: int


class Lapsed(msgspec.Struct, frozen=True):
    """A pending row nobody works on any more."""

    call_id: str
    scope: Scope
    started_at: str


def call_of(row: sqlite3.Row) -> Call:
    """`row` has the columns of COLUMNS."""
    members: dict[str, Any] = {name: row[name] for name in row.keys() if name in Call.__struct_fields__}  # noqa: SIM118
    members["status"] = CallStatus(row["status"])
    members["cached"] = bool(row["cached"])
    return Call(cost_microcents=row["cost"], **members)


def claim(connection: sqlite3.Connection, new: Claim) -> Call | None:
    """Insert a pending row, or give the row that makes it needless: one under way, or one that succeeded.

    Raises LLM_REQUEST_CONFLICT when the request_id was used with another content.
    """
    parameters = _of(new.scope) | {"operation": new.operation, "request_id": new.request_id}
    row = connection.execute(LATEST, parameters).fetchone()
    attempt = 1
    if row is not None:
        latest = call_of(row)
        if latest.content_hash != new.content_hash:
            raise SsdError("LLM_REQUEST_CONFLICT", call_id=latest.call_id)
        if latest.status in (CallStatus.PENDING, CallStatus.SUCCESS):
            return latest
        attempt = latest.attempt + 1
    connection.execute(
        INSERT,
        parameters
        | {
            "call_id": new.call_id,
            "attempt": attempt,
            "content_hash": new.content_hash,
            "job_id": new.job_id,
            "schema_version": new.schema_version,
            "boot_id": new.boot_id,
            "lease_until": new.lease_until,
            "started_at": new.started_at,
        },
    )
    return None


def close(connection: sqlite3.Connection, scope: Scope, call_id: str, closing: Closing) -> None:
    """End a pending row. Raises when it is not pending: then somebody else has ended it, and settled it too."""
    usage = closing.usage
    parameters = _of(scope) | {
        "call_id": call_id,
        "status": closing.status,
        "reason": closing.reason,
        "error_message": closing.error_message,
        "provider": closing.provider,
        "model": closing.model,
        "cached": int(closing.cached),
        "cost": closing.cost,
        "input_tokens": usage.total_input,
        "cached_input_tokens": usage.cached_input_tokens,
        "output_tokens": usage.output_tokens,
        "provider_attempts": closing.provider_attempts,
        "ended_at": closing.ended_at,
        "duration_ms": closing.duration_ms,
    }
    if connection.execute(CLOSE, parameters).rowcount != 1:
        raise SsdError("SERVICE_INTERNAL_ERROR", "The ledger row of a model call is not pending.", call_id=call_id)


def keep_outcome(connection: sqlite3.Connection, scope: Scope, call_id: str, job_id: str | None, value: str) -> None:
    """Keep an answer for replays."""
    connection.execute(KEEP_OUTCOME, _of(scope) | {"call_id": call_id, "job_id": job_id, "value": value})


def job_is_deleted(connection: sqlite3.Connection, job_id: str | None) -> bool:
    return job_id is not None and connection.execute(JOB_IS_DELETED, (job_id,)).fetchone() is not None


def outcome(connection: sqlite3.Connection, scope: Scope, call_id: str) -> str | None:
    row = connection.execute(OUTCOME, (call_id, scope.tenant_id, scope.user_id)).fetchone()
    return None if row is None else str(row["value"])


def renew(connection: sqlite3.Connection, call_ids: list[str], lease_until: str) -> None:
    connection.executemany(RENEW, [(lease_until, call_id) for call_id in call_ids])


def lapsed(connection: sqlite3.Connection, *, boot_id: str, now: str) -> list[Lapsed]:
    """Pending rows of a server that is gone, and those whose lease ran out."""
    rows = connection.execute(LAPSED, {"boot_id": boot_id, "now": now}).fetchall()
    return [Lapsed(row["call_id"], Scope(row["tenant_id"], row["user_id"]), row["started_at"]) for row in rows]


def is_pending(connection: sqlite3.Connection, call_id: str) -> bool:
    return connection.execute(IS_PENDING, (call_id,)).fetchone() is not None


def _of(scope: Scope) -> dict[str, Any]:
    return {"tenant_id": scope.tenant_id, "user_id": scope.user_id}
