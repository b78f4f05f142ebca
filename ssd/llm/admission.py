"""Whether a call may go out: one transaction, in a fixed order.

claim the ledger row → kill switch → hourly shut-off → cache → breaker → reserve budget
"""

from __future__ import annotations

import sqlite3
from typing import Any

import msgspec

from ssd.llm import answers, breaker, budget, cache, controls, ledger
from ssd.llm.controls import Controls
from ssd.llm.models import MICROCENTS, BlockReason, Call, CallStatus, LlmRequest
from ssd.llm.settlement import duration_ms
from ssd.settings import Settings


class Candidate(msgspec.Struct, frozen=True):
    """A provider that could answer, in the order of preference."""

    provider: str
    model: str
    cache_key: str | None


class Application(msgspec.Struct, frozen=True, kw_only=True):
    """A call that asks to be admitted."""

    claim: ledger.Claim
    request: LlmRequest[Any]
    candidates: tuple[Candidate, ...]
    worst_first: int
    """Micro-cents of one answer at most."""
    worst_with_repair: int


class Replay(msgspec.Struct, frozen=True):
    """The request has succeeded before. `value` is None when its outcome went with its job."""

    call: Call
    value: str | None


class InProgress(msgspec.Struct, frozen=True):
    call_id: str


class Blocked(msgspec.Struct, frozen=True):
    reason: str


class Hit(msgspec.Struct, frozen=True):
    """The cache has the answer. The ledger row is still pending."""

    answer: cache.Cached


class Admitted(msgspec.Struct, frozen=True):
    """The call may go out to `providers`, in this order."""

    providers: tuple[str, ...]
    reserved: int
    timeout_seconds: float


Admission = Replay | InProgress | Blocked | Hit | Admitted


def decide(connection: sqlite3.Connection, application: Application, settings: Settings) -> Admission:
    """Inside a unit of work. Raises LLM_REQUEST_CONFLICT."""
    claim = application.claim
    earlier = ledger.claim(connection, claim)
    if earlier is not None:
        if earlier.status is CallStatus.PENDING:
            return InProgress(earlier.call_id)
        return Replay(earlier, ledger.outcome(connection, claim.scope, earlier.call_id))
    now_controls = controls.read(connection, settings)
    decision = _decide(connection, application, now_controls)
    if isinstance(decision, Blocked):
        closing = ledger.Closing(
            status=CallStatus.BLOCKED,
            reason=decision.reason,
            ended_at=claim.started_at,
            duration_ms=duration_ms(claim.started_at),
        )
        ledger.close(connection, claim.scope, claim.call_id, closing)
    return decision


def _decide(connection: sqlite3.Connection, application: Application, now: Controls) -> Blocked | Hit | Admitted:
    claim = application.claim
    alive = [candidate for candidate in application.candidates if not now.kills(candidate.provider)]
    if not alive:
        return Blocked(BlockReason.KILL_SWITCH)
    if now.shutoff is not None:
        return Blocked(now.shutoff)
    if budget.spent_in_hour(connection, claim.scope, claim.started_at) >= now.hourly_cap_cents * MICROCENTS:
        return Blocked(BlockReason.HOURLY)
    cached = _cached(connection, application, alive, now)
    if cached is not None:
        return Hit(cached)
    admitted = _through_breakers(connection, claim, alive)
    if not admitted:
        return Blocked(BlockReason.BREAKER)
    refusal, amount = _reserve(connection, application, now)
    if refusal is not None:
        breaker.drop_probe(connection, claim.call_id, now=claim.started_at)
        return Blocked(refusal)
    return Admitted(admitted, amount, now.timeout_seconds)


def _cached(
    connection: sqlite3.Connection, application: Application, alive: list[Candidate], now: Controls
) -> cache.Cached | None:
    """An answer that is still right for this request; one that is not counts as a miss."""
    for candidate in alive:
        if candidate.cache_key is None:
            continue
        claim = application.claim
        found = cache.find(
            connection, claim.scope, candidate.cache_key, now=claim.started_at, watermark=now.cache_watermark
        )
        if found is not None and answers.fits(found.value, application.request):
            return found
    return None


def _through_breakers(connection: sqlite3.Connection, claim: ledger.Claim, alive: list[Candidate]) -> tuple[str, ...]:
    """The providers whose breaker lets this call through. A call probes at most one, and only when it leads."""
    admitted: list[str] = []
    for candidate in alive:
        name = candidate.provider
        if admitted:
            through = breaker.is_closed(connection, name)
        else:
            through = breaker.admits(
                connection, name, claim.call_id, now=claim.started_at, lease_until=claim.lease_until
            )
        if through:
            admitted.append(name)
    return tuple(admitted)


def _reserve(connection: sqlite3.Connection, application: Application, now: Controls) -> tuple[BlockReason | None, int]:
    """Hold the worst case: with a repair when the caller's limit allows one, else without."""
    request, claim = application.request, application.claim
    amount = application.worst_with_repair
    if request.max_cost_cents is not None:
        most = int(request.max_cost_cents * MICROCENTS)
        if application.worst_first > most:
            return BlockReason.MAX_COST, 0
        # A call of several turns holds all it may cost; it stops before a turn that could pass that.
        amount = most if request.proceed is not None else min(amount, most)
    cap = controls.monthly_cap(connection, claim.scope, now)
    if budget.reserve(connection, claim.scope, claim.call_id, amount=amount, cap=cap, now=claim.started_at):
        return None, amount
    return BlockReason.MONTHLY, 0
