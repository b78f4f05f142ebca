"""What the operator can change while the server runs: switches, caps, breaker limits, cache watermark.

They are rows of `flags`, read in the transaction that admits a call, so a change counts from the next call
on. A row that cannot be read stops every call.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from typing import Annotated, Any, Final

import msgspec

from ssd.db.clock import now_iso
from ssd.db.database import Database
from ssd.errors import FieldError, SsdError
from ssd.llm.models import MICROCENTS, Scope
from ssd.settings import Settings

_PREFIX: Final = "llm."
_KILL: Final = "kill_switch"

# '/' follows '.' in ASCII, so this range is every name that begins with "llm.".
READ: Final = "SELECT name, value FROM flags WHERE name >= 'llm.' AND name < 'llm/'"
WRITE: Final = """
    INSERT INTO flags (name, value, updated_at) VALUES (:name, :value, :now)
    ON CONFLICT (name) DO UPDATE SET value = excluded.value, updated_at = excluded.updated_at"""
READ_CAP: Final = "SELECT month_cap FROM llm_caps WHERE tenant_id = ? AND user_id = ?"
WRITE_CAP: Final = """
    INSERT INTO llm_caps (tenant_id, user_id, month_cap, updated_at) VALUES (:tenant_id, :user_id, :cap, :now)
    ON CONFLICT (tenant_id, user_id) DO UPDATE SET month_cap = excluded.month_cap, updated_at = excluded.updated_at"""
DROP_CAP: Final = "DELETE FROM llm_caps WHERE tenant_id = ? AND user_id = ?"
CLOSE_BREAKERS: Final = """
    UPDATE llm_breakers SET failures = 0, open_until = NULL, opened_at = NULL, probe_call_id = NULL,
        probe_lease_until = NULL, updated_at = :now
    WHERE :provider IS NULL OR provider = :provider"""

_Cents = Annotated[int, msgspec.Meta(ge=0, le=1_000_000_000)]


class Limits(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """The numbers an operator can change; None leaves one as it is."""

    monthly_cap_cents: _Cents | None = None
    """Of each user who has no cap of their own."""
    hourly_cap_cents: _Cents | None = None
    breaker_failures: Annotated[int, msgspec.Meta(ge=1, le=1000)] | None = None
    breaker_open_seconds: Annotated[float, msgspec.Meta(ge=0, le=86400)] | None = None
    timeout_seconds: Annotated[float, msgspec.Meta(gt=0, le=3600)] | None = None


class Controls(msgspec.Struct, frozen=True, kw_only=True):
    """The controls as they are now."""

    kill_switch: bool
    """All providers are off."""
    kill_switch_from_environment: bool
    """SS_LLM_KILL_SWITCH=1: it cannot be lifted without a restart."""
    killed_providers: tuple[str, ...]
    shutoff: str | None
    """The operator's words when calls are shut off by hand."""
    monthly_cap_cents: int
    hourly_cap_cents: int
    breaker_failures: int
    breaker_open_seconds: float
    timeout_seconds: float
    cache_watermark: str | None
    """Answers cached before this moment are not used."""

    def kills(self, provider: str) -> bool:
        return self.kill_switch or self.kill_switch_from_environment or provider in self.killed_providers


def read(connection: sqlite3.Connection, settings: Settings) -> Controls:
    """Inside a unit of work."""
    return _controls(connection.execute(READ).fetchall(), settings)


async def current(database: Database, settings: Settings) -> Controls:
    return _controls(await database.all(READ), settings)


def monthly_cap(connection: sqlite3.Connection, scope: Scope, controls: Controls) -> int:
    """The cap of one user in micro-cents: their own, else everybody's."""
    row = connection.execute(READ_CAP, (scope.tenant_id, scope.user_id)).fetchone()
    return controls.monthly_cap_cents * MICROCENTS if row is None else int(row["month_cap"])


def set_kill_switch(connection: sqlite3.Connection, *, on: bool, provider: str | None = None) -> None:
    """Of one provider, or of all."""
    _write(connection, _KILL if provider is None else f"{_KILL}.{provider}", on)


def set_shutoff(connection: sqlite3.Connection, reason: str | None) -> None:
    """Stop all calls by hand, giving the words callers are told; None lifts it."""
    if reason is not None and not reason.strip():
        raise SsdError("INPUT_VALIDATION_FAILED", errors=(FieldError("reason", "Say why in a few words."),))
    _write(connection, "shutoff", reason)


def set_limits(connection: sqlite3.Connection, limits: Limits) -> None:
    for name in limits.__struct_fields__:
        if (value := getattr(limits, name)) is not None:
            _write(connection, name, value)


def set_user_cap(connection: sqlite3.Connection, scope: Scope, cents: int | None) -> None:
    """Give one user a monthly cap of their own; None takes it away again."""
    if cents is None:
        connection.execute(DROP_CAP, (scope.tenant_id, scope.user_id))
        return
    if cents < 0:
        raise SsdError("INPUT_VALIDATION_FAILED", errors=(FieldError("cents", "A cap is 0 or more."),))
    parameters = {
        "tenant_id": scope.tenant_id,
        "user_id": scope.user_id,
        "cap": cents * MICROCENTS,
        "now": now_iso(),
    }
    connection.execute(WRITE_CAP, parameters)


def reset_breaker(connection: sqlite3.Connection, provider: str | None = None) -> int:
    """Close the breaker of a provider, or of all; how many there were."""
    return connection.execute(CLOSE_BREAKERS, {"provider": provider, "now": now_iso()}).rowcount


def forget_cached_answers(connection: sqlite3.Connection) -> None:
    """Answers cached until now are not used again."""
    _write(connection, "cache_watermark", now_iso())


def _write(connection: sqlite3.Connection, name: str, value: Any) -> None:
    encoded = msgspec.json.encode(value).decode()
    connection.execute(WRITE, {"name": _PREFIX + name, "value": encoded, "now": now_iso()})


def _controls(rows: Iterable[sqlite3.Row], settings: Settings) -> Controls:
    stored: dict[str, Any] = {}
    try:
        for row in rows:
            stored[row["name"].removeprefix(_PREFIX)] = msgspec.json.decode(row["value"])
        members = {name: stored[name] for name in Controls.__struct_fields__ if name in stored}
        killed = tuple(
            name.removeprefix(f"{_KILL}.") for name, value in stored.items() if name.startswith(f"{_KILL}.") and value
        )
        return msgspec.convert({**_defaults(settings), **members, "killed_providers": killed}, Controls)
    except msgspec.MsgspecError as error:
        raise SsdError("SERVICE_INTERNAL_ERROR", f"The llm rows of flags cannot be read: {error}.") from error


def _defaults(settings: Settings) -> dict[str, Any]:
    return {
        "kill_switch": False,
        "kill_switch_from_environment": settings.llm_kill_switch,
        "shutoff": None,
        "monthly_cap_cents": settings.llm_monthly_cap_cents,
        "hourly_cap_cents": settings.llm_hourly_cap_cents,
        "breaker_failures": settings.llm_breaker_failures,
        "breaker_open_seconds": settings.llm_breaker_open_seconds,
        "timeout_seconds": settings.llm_timeout_seconds,
        "cache_watermark": None,
    }
