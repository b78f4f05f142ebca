"""What a language-model call is: its scope, its request, its outcome, and the words of the ledger."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from enum import StrEnum
from typing import Any, Final, Generic, Literal, TypeVar

import msgspec

from ssd.errors import SsdError

T = TypeVar("T", bound=msgspec.Struct)

MICROCENTS: Final = 1_000_000
"""Micro-cents in one cent; money is counted in whole micro-cents everywhere below the API."""

Tier = Literal["standard", "small"]
"""Which of the configured models serves a request; without a small model both are the same."""

_OPERATION: Final = re.compile(r"[a-z][a-z0-9_]*(\.[a-z][a-z0-9_]*)?")
_REQUEST_ID: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:-]{0,127}")


class Scope(msgspec.Struct, frozen=True):
    """Whose calls: nothing in the llm tables is read or written for a person without one.

    `user_id` is the id of the job's task code unless the caller names another. Raises LLM_SCOPE_MISSING.
    """

    tenant_id: str
    user_id: str

    def __post_init__(self) -> None:
        if not self.tenant_id.strip() or not self.user_id.strip():
            raise SsdError("LLM_SCOPE_MISSING")


class CallStatus(StrEnum):
    """Where a ledger row stands; the last three are final for this attempt."""

    PENDING = "pending"
    """Claimed; until its lease runs out somebody works on it. After that the janitor closes it."""
    SUCCESS = "success"
    BLOCKED = "blocked"
    """A control refused it before anything was sent."""
    FAILED = "failed"


class BlockReason(StrEnum):
    """Why a control refused a call. A manual shut-off gives the operator's own words instead."""

    KILL_SWITCH = "provider_kill_switch"
    HOURLY = "hourly_threshold_exceeded"
    MONTHLY = "monthly_cap_exceeded"
    BREAKER = "breaker_open"
    MAX_COST = "max_cost_too_low"


TIMEOUT: Final = "provider_timeout"
RESPONSE_INVALID: Final = "response_invalid"
TRUNCATED: Final = "truncated"
ABANDONED: Final = "abandoned"


class TurnState(msgspec.Struct, frozen=True):
    """What is left to a call of several turns when one of them has been answered."""

    turn: int
    """1 for the first answer."""
    turns_left: int
    spent_microcents: int
    left_microcents: int
    seconds_left: float


class LlmRequest(msgspec.Struct, Generic[T], frozen=True, kw_only=True):
    """One question to a model, whose answer must be a `schema`."""

    operation: str
    """Such as `draft_preview` or `plan.generate`."""
    request_id: str
    """Chosen by the caller: the same id with the same content never asks the provider twice."""
    scope: Scope
    schema: type[T]
    """Struct the answer must decode to. Its constraints (`msgspec.Meta`) reach the model as JSON schema."""
    schema_version: str
    """Raise it when schema or instructions change: cached answers of other versions are not used."""
    instructions: str
    """The system prompt: what to do, written by us, no data in it."""
    fields: dict[str, str]
    """Named parts of the prompt in the order they are shown: requirement, profile, results …"""
    cache_fields: tuple[str, ...] = ()
    """Names in `fields` that alone decide the answer; empty: the answer is never cached."""
    check: Callable[[T], list[str]] | None = None
    """Problems of a well-formed answer (unknown columns, numbers that are in no file …), empty when it is
    right. Runs on the writer's thread for cached answers, so it must be quick, pure and free of I/O."""
    job_id: str | None = None
    tier: Tier = "standard"
    max_cost_cents: float | None = None
    """Refuse the call when its worst case costs more; None: the monthly cap alone limits it."""
    max_output_tokens: int | None = None
    """Of each answer; None: SS_LLM_MAX_OUTPUT_TOKENS."""
    proceed: Callable[[T, TurnState], Awaitable[str | None]] | None = None
    """For a bounded agent: what to tell the model after its answer (the result of the tool it asked for),
    or None when the answer is the last. All turns are one call: one ledger row, one reservation."""
    max_turns: int = 1
    """Answers a call with `proceed` may have; such a call needs `max_cost_cents`, which is reserved whole."""
    deadline_seconds: float | None = None
    """Of the whole call, with retries and turns; None: what attempts and time-outs add up to."""

    def validate(self) -> None:
        """Raises LLM_REQUEST_INVALID naming the first thing that is wrong."""
        problem = self._problem()
        if problem:
            raise SsdError("LLM_REQUEST_INVALID", problem)

    def _problem(self) -> str | None:
        if not _OPERATION.fullmatch(self.operation):
            return "operation is not a name such as draft_preview or plan.generate."
        if not _REQUEST_ID.fullmatch(self.request_id):
            return "request_id must be 1 to 128 letters, digits, dots, colons, underscores or hyphens."
        if not self.instructions.strip():
            return "instructions are empty."
        if unknown := [name for name in self.cache_fields if name not in self.fields]:
            return f"cache_fields names {', '.join(unknown)}, which the prompt does not have."
        if self.max_cost_cents is not None and self.max_cost_cents < 0:
            return "max_cost_cents is negative."
        if self.max_output_tokens is not None and self.max_output_tokens < 1:
            return "max_output_tokens must be at least 1."
        if self.max_turns < 1 or (self.max_turns > 1 and (self.proceed is None or self.max_cost_cents is None)):
            return "a call of several turns needs proceed and max_cost_cents."
        return None


class LlmOutcome(msgspec.Struct, Generic[T], frozen=True, kw_only=True):
    """A valid answer and where it came from."""

    value: T
    call_id: str
    provider: str
    model: str
    cost_microcents: int
    """Of the call that asked the provider; 0 for a cached answer."""
    input_tokens: int
    output_tokens: int
    cached: bool = False
    """Taken from the cache: this call asked no provider."""
    replayed: bool = False
    """The stored outcome of an earlier call with the same request_id."""
    turns: int = 1


class Call(msgspec.Struct, frozen=True, kw_only=True):
    """A row of the ledger. It holds no prompt and no answer; those are evidence files."""

    call_id: str
    tenant_id: str
    user_id: str
    operation: str
    request_id: str
    attempt: int
    content_hash: str
    job_id: str | None
    status: CallStatus
    reason: str | None
    """Block or failure reason."""
    error_message: str | None
    provider: str | None
    model: str | None
    schema_version: str
    cached: bool
    cost_microcents: int
    input_tokens: int
    cached_input_tokens: int
    output_tokens: int
    provider_attempts: int
    started_at: str
    ended_at: str | None
    duration_ms: int | None


class Usage(msgspec.Struct, frozen=True):
    """Tokens as a provider counted them. `input_tokens` are those at full price, without the other two."""

    input_tokens: int = 0
    cached_input_tokens: int = 0
    """Read from the provider's prompt cache."""
    cache_write_tokens: int = 0
    """Written to the provider's prompt cache."""
    output_tokens: int = 0

    @property
    def total_input(self) -> int:
        return self.input_tokens + self.cached_input_tokens + self.cache_write_tokens

    def plus(self, other: Usage) -> Usage:
        return Usage(
            self.input_tokens + other.input_tokens,
            self.cached_input_tokens + other.cached_input_tokens,
            self.cache_write_tokens + other.cache_write_tokens,
            self.output_tokens + other.output_tokens,
        )


class Message(msgspec.Struct, frozen=True):
    """One turn of a conversation as both wire protocols know it."""

    role: Literal["user", "assistant"]
    text: str


JsonSchema = dict[str, Any]
