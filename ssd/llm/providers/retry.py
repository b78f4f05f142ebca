"""Another try when a failure can pass by itself."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable

import msgspec

from ssd.llm.providers.protocol import Completion, Provider, ProviderFailure, Question


class RetryPolicy(msgspec.Struct, frozen=True):
    """How often and how soon a provider is asked again."""

    max_attempts: int
    base_seconds: float
    max_seconds: float

    def wait(self, failures: int, failure: ProviderFailure) -> float | None:
        """Seconds before the next request after so many failures, or None when there is to be none.

        The provider's own wish counts; one that wishes for longer than `max_seconds` has failed. Without
        one the wait doubles each time, with up to a quarter off, so that callers do not come back together.
        """
        if not failure.passing or failures >= self.max_attempts:
            return None
        if failure.retry_after is not None:
            return failure.retry_after if failure.retry_after <= self.max_seconds else None
        longest: float = min(self.base_seconds * 2.0 ** (failures - 1), self.max_seconds)
        return longest * random.uniform(0.75, 1.0)  # noqa: S311 - spreads load, guards nothing


async def ask(
    provider: Provider,
    question: Question,
    policy: RetryPolicy,
    *,
    before_attempt: Callable[[Provider], Awaitable[None]],
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
) -> Completion:
    """Ask until there is an answer. Raises the last ProviderFailure, or what `before_attempt` raises."""
    failures = 0
    while True:
        await before_attempt(provider)
        try:
            return await provider.complete(question)
        except ProviderFailure as failure:
            failures += 1
            wait = policy.wait(failures, failure)
            if wait is None:
                raise
        await sleep(wait)
