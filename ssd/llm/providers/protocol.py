"""What the gateway asks of a provider, and the ways a provider can fail."""

from __future__ import annotations

from typing import Protocol

import msgspec

from ssd.llm.models import JsonSchema, Message, Tier, Usage


class Question(msgspec.Struct, frozen=True, kw_only=True):
    """One request for one schema-bound answer."""

    system: str
    messages: tuple[Message, ...]
    """Begins and ends with the user's."""
    schema_name: str
    json_schema: JsonSchema
    tier: Tier
    max_output_tokens: int
    timeout_seconds: float


class Completion(msgspec.Struct, frozen=True, kw_only=True):
    """What came back."""

    text: str
    """JSON, or what the model wrote instead."""
    usage: Usage | None
    """None when the provider did not count."""
    model: str
    truncated: bool = False
    refused: bool = False


class Provider(Protocol):
    """One provider with its key and models."""

    @property
    def name(self) -> str: ...

    def model(self, tier: Tier) -> str: ...

    async def complete(self, question: Question) -> Completion:
        """Ask once. Raises one of the failures below; cancelling it closes the connection."""
        ...

    async def close(self) -> None: ...


class ProviderFailure(Exception):
    """The provider gave no answer.

    `passing`: it may pass by itself, so the same request is worth another try. `blames_provider`: it counts
    towards the breaker; an error of the caller does not. `elsewhere`: another provider might do better.
    """

    passing = False
    blames_provider = False
    elsewhere = True

    def __init__(self, message: str, *, retry_after: float | None = None) -> None:
        self.message = message
        self.retry_after = retry_after
        super().__init__(message)


class TimedOut(ProviderFailure):
    """No complete answer within the time allowed; the request was cancelled."""

    passing = True
    blames_provider = True


class Unreachable(ProviderFailure):
    """No connection, or it broke."""

    passing = True
    blames_provider = True


class RateLimited(ProviderFailure):
    """429."""

    passing = True
    blames_provider = True


class ServerError(ProviderFailure):
    """5xx, and 529 which Anthropic sends when it is overloaded."""

    passing = True
    blames_provider = True


class BadAnswer(ProviderFailure):
    """A 200 whose body is not what the protocol says."""

    passing = True
    blames_provider = True


class KeyRefused(ProviderFailure):
    """401 or 403: the key is wrong or lacks the right."""


class ModelUnknown(ProviderFailure):
    """404: no such model or address."""


class RequestRefused(ProviderFailure):
    """Any other 4xx: the request itself is at fault and would be everywhere."""

    elsewhere = False


class SwitchedOff(ProviderFailure):
    """The operator stopped the provider after the call had begun."""
