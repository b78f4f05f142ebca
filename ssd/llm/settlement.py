"""How a call ends in the store: settled, released or abandoned, each exactly once and in one transaction."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Final

import msgspec

from ssd.db.clock import iso, now, now_iso
from ssd.llm import breaker, budget, cache, controls, ledger
from ssd.llm.models import ABANDONED, CallStatus, Scope
from ssd.settings import Settings

_ABANDONED_MESSAGE: Final = "The server stopped while this call was going on."


class Ending(msgspec.Struct, frozen=True, kw_only=True):
    """A call that has ended, and what it showed of the providers it asked."""

    call_id: str
    scope: Scope
    operation: str
    job_id: str | None
    closing: ledger.Closing
    verdicts: Mapping[str, bool] = {}
    value: str | None = None
    """JSON of a valid answer."""
    cache_key: str | None = None
    """Where to keep the answer; None: nowhere."""


def duration_ms(started_at: str) -> int:
    """Whole milliseconds from a time of the store until now."""
    return max(0, round((now() - datetime.fromisoformat(started_at)) / timedelta(milliseconds=1)))


def close(connection: sqlite3.Connection, ending: Ending, settings: Settings) -> bool:
    """Settle money, roll-ups, breaker, cache and ledger row; False when the call was closed before."""
    if not ledger.is_pending(connection, ending.call_id):
        return False
    moment = ending.closing.ended_at
    _settle_money(connection, ending, moment)
    _judge_providers(connection, ending, settings, moment)
    if ending.value is not None:
        _keep_answer(connection, ending, ending.value, settings, moment)
    ledger.close(connection, ending.scope, ending.call_id, ending.closing)
    return True


def abandon_lapsed(connection: sqlite3.Connection, *, boot_id: str, settings: Settings) -> list[str]:
    """Close what no server works on any more and release what it held; the ids of those calls."""
    moment = now_iso()
    lapsed = ledger.lapsed(connection, boot_id=boot_id, now=moment)
    for call in lapsed:
        closing = ledger.Closing(
            status=CallStatus.FAILED,
            reason=ABANDONED,
            error_message=_ABANDONED_MESSAGE,
            ended_at=moment,
            duration_ms=duration_ms(call.started_at),
        )
        ending = Ending(call_id=call.call_id, scope=call.scope, operation="", job_id=None, closing=closing)
        close(connection, ending, settings)
    return [call.call_id for call in lapsed]


def _settle_money(connection: sqlite3.Connection, ending: Ending, moment: str) -> None:
    spent = ending.closing.cost
    if not budget.holds(connection, ending.call_id):
        budget.count_free(connection, ending.scope, now=moment)
    elif spent > 0 or ending.closing.status is CallStatus.SUCCESS:
        budget.settle(connection, ending.scope, ending.call_id, spent=spent, now=moment)
    else:
        budget.release(connection, ending.scope, ending.call_id, now=moment)


def _judge_providers(connection: sqlite3.Connection, ending: Ending, settings: Settings, moment: str) -> None:
    for provider, works in ending.verdicts.items():
        if works:
            breaker.succeeded(connection, provider, ending.call_id, now=moment)
        else:
            limits = controls.read(connection, settings)
            breaker.failed(
                connection,
                provider,
                ending.call_id,
                threshold=limits.breaker_failures,
                now=moment,
                open_until=iso(datetime.fromisoformat(moment) + timedelta(seconds=limits.breaker_open_seconds)),
            )
    breaker.drop_probe(connection, ending.call_id, now=moment)


def _keep_answer(connection: sqlite3.Connection, ending: Ending, value: str, settings: Settings, moment: str) -> None:
    """For replays and, when it may be used again, in the cache; nowhere if its job was deleted meanwhile."""
    if ledger.job_is_deleted(connection, ending.job_id):
        return
    ledger.keep_outcome(connection, ending.scope, ending.call_id, ending.job_id, value)
    closing = ending.closing
    if ending.cache_key is None or settings.llm_cache_ttl_seconds <= 0 or closing.cached:
        return
    expires_at = iso(datetime.fromisoformat(moment) + timedelta(seconds=settings.llm_cache_ttl_seconds))
    cache.put(
        connection,
        ending.scope,
        ending.cache_key,
        cache.Cached(value, closing.provider or "", closing.model or ""),
        operation=ending.operation,
        job_id=ending.job_id,
        now=moment,
        expires_at=expires_at,
    )
