"""One call's exchange with the providers: turns, one repair round, failover, and what it has cost so far."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Final, Generic, TypeVar

import msgspec

from ssd.llm import answers
from ssd.llm.models import RESPONSE_INVALID, TIMEOUT, TRUNCATED, LlmRequest, Message, TurnState, Usage
from ssd.llm.prices import Prices
from ssd.llm.prompts import Prompt
from ssd.llm.providers.protocol import Completion, Provider, ProviderFailure, Question, SwitchedOff, TimedOut
from ssd.llm.providers.retry import RetryPolicy, ask
from ssd.llm.redaction import Redactor

T = TypeVar("T", bound=msgspec.Struct)

_TURN_TOKENS: Final = 256
_REPAIR_BYTES: Final = 4096


class CallFailure(Exception):
    """The call has no valid answer. `reason` goes into the ledger, `message` to whoever asked."""

    def __init__(self, reason: str, message: str, *, provider_trouble: bool) -> None:
        self.reason = reason
        self.message = message
        self.provider_trouble = provider_trouble
        super().__init__(message)


class Worst(msgspec.Struct, frozen=True):
    """The most a call can cost, in micro-cents: its first answer, and its first answer and the repair."""

    first: int
    with_repair: int


def worst_cost(prompt: Prompt, models: Sequence[str], max_output_tokens: int, prices: Prices) -> Worst:
    once = prompt.token_bound()
    again = once + max_output_tokens + _REPAIR_BYTES + _TURN_TOKENS
    first = max(prices.of(model).worst(once, max_output_tokens) for model in models)
    second = max(prices.of(model).worst(again, max_output_tokens) for model in models)
    return Worst(first, first + second)


class Exchange(Generic[T]):
    """The state of one call while it talks to providers; also what remains of it when it fails."""

    def __init__(
        self,
        request: LlmRequest[T],
        prompt: Prompt,
        providers: Sequence[Provider],
        *,
        prices: Prices,
        redactor: Redactor,
        policy: RetryPolicy,
        reserved: int,
        max_output_tokens: int,
        timeout_seconds: float,
        deadline_seconds: float,
        still_allowed: Callable[[str], Awaitable[bool]],
        sleep: Callable[[float], Any] = asyncio.sleep,
    ) -> None:
        self.request = request
        self.prompt = prompt
        self.providers = list(providers)
        self.messages = [Message("user", prompt.user)]
        self.answers: list[str] = []
        self.usage = Usage()
        self.cost = 0
        self.attempts = 0
        self.turns = 0
        self.provider: str | None = None
        self.model: str | None = None
        self.verdicts: dict[str, bool] = {}
        """What the call showed of each provider it asked: whether it works."""
        self._prices = prices
        self._redactor = redactor
        self._policy = policy
        self._reserved = reserved
        self._max_output_tokens = max_output_tokens
        self._timeout_seconds = timeout_seconds
        self._ends = time.monotonic() + deadline_seconds
        self._still_allowed = still_allowed
        self._sleep = sleep
        self._next_input = prompt.token_bound()

    async def run(self) -> tuple[T, str]:
        """The final value and its JSON. Raises CallFailure."""
        try:
            async with asyncio.timeout(max(0.0, self._seconds_left())):
                return await self._turns()
        except TimeoutError as error:
            raise CallFailure(TIMEOUT, "The time allowed for the call is over.", provider_trouble=True) from error

    def transcript(self) -> str:
        """prompt.txt: exactly what was sent, turn by turn; the answers between are in response.txt."""
        later = [f"\n[user]\n{message.text}\n" for message in self.messages[1:] if message.role == "user"]
        return "".join([self.prompt.text(), *later])

    def answered(self) -> str:
        """response.txt: every answer as it came, secrets redacted."""
        return "\n\n".join(self._redactor.text(text) for text in self.answers)

    async def _turns(self) -> tuple[T, str]:
        while True:
            value, content = await self._valid_answer()
            self.turns += 1
            if self.request.proceed is None:
                return value, content
            left = self.request.max_turns - self.turns
            state = TurnState(self.turns, left, self.cost, self._reserved - self.cost, self._seconds_left())
            following = await self.request.proceed(value, state)
            if following is None:
                return value, content
            if left == 0:
                raise CallFailure(RESPONSE_INVALID, "The turns allowed are used up.", provider_trouble=False)
            self._say(following)

    async def _valid_answer(self) -> tuple[T, str]:
        completion = await self._complete()
        try:
            return answers.read(completion.text, self.request, self._redactor)
        except answers.AnswerInvalid as invalid:
            if completion.refused:
                raise CallFailure(RESPONSE_INVALID, "The model declined to answer.", provider_trouble=False) from None
            problem = str(invalid)
        self._say(f"Your answer was not valid: {problem}\nGive the whole answer again with this put right.")
        completion = await self._complete()
        try:
            return answers.read(completion.text, self.request, self._redactor)
        except answers.AnswerInvalid as invalid:
            message = f"The answer was not valid, also after one repair: {invalid}"
            raise CallFailure(RESPONSE_INVALID, message, provider_trouble=False) from invalid

    def _say(self, text: str) -> None:
        """Tell the model something, after its own last words."""
        told = self._redactor.text(text)
        self.messages += [Message("assistant", self._redactor.text(self.answers[-1])), Message("user", told)]
        self._next_input += len(told.encode()) + _TURN_TOKENS

    async def _complete(self) -> Completion:
        self._require_affordable()
        question = Question(
            system=self.prompt.system,
            messages=tuple(self.messages),
            schema_name=self.prompt.schema_name,
            json_schema=self.prompt.json_schema,
            tier=self.request.tier,
            max_output_tokens=self._max_output_tokens,
            timeout_seconds=self._timeout_seconds,
        )
        provider, completion = await self._ask_in_order(question)
        self._book(provider, question, completion)
        if completion.truncated:
            message = f"The answer was cut off at {self._max_output_tokens} tokens."
            raise CallFailure(TRUNCATED, message, provider_trouble=False)
        return completion

    async def _ask_in_order(self, question: Question) -> tuple[Provider, Completion]:
        """The first provider that answers; one that failed is not asked again in this call."""
        while True:
            provider = self.providers[0]
            self.provider, self.model = provider.name, provider.model(self.request.tier)
            try:
                completion = await ask(
                    provider, question, self._policy, before_attempt=self._before_attempt, sleep=self._sleep
                )
            except ProviderFailure as failure:
                if failure.blames_provider:
                    self.verdicts[provider.name] = False
                if failure.elsewhere and len(self.providers) > 1:
                    del self.providers[0]
                    continue
                reason = TIMEOUT if isinstance(failure, TimedOut) else f"provider_error:{type(failure).__name__}"
                raise CallFailure(reason, failure.message, provider_trouble=True) from failure
            self.verdicts[provider.name] = True
            return provider, completion

    async def _before_attempt(self, provider: Provider) -> None:
        """The first request was admitted a moment ago; before any later one the switches are read again."""
        if self.attempts > 0 and not await self._still_allowed(provider.name):
            raise SwitchedOff("The operator stopped calls to this provider.")
        self.attempts += 1

    def _book(self, provider: Provider, question: Question, completion: Completion) -> None:
        self.answers.append(completion.text)
        usage = completion.usage
        if usage is None:
            # A server that does not count is charged by bytes, which are never fewer than tokens.
            usage = Usage(input_tokens=self._next_input, output_tokens=len(completion.text.encode()))
        self.usage = self.usage.plus(usage)
        self.cost += self._prices.of(provider.model(question.tier)).cost(usage)
        self._next_input = usage.total_input + usage.output_tokens

    def _require_affordable(self) -> None:
        """No question is asked whose worst case passes what was reserved."""
        worst = max(
            self._prices.of(provider.model(self.request.tier)).worst(self._next_input, self._max_output_tokens)
            for provider in self.providers
        )
        if self.cost + worst > self._reserved:
            message = "The money reserved for the call does not reach for another question."
            raise CallFailure(RESPONSE_INVALID, message, provider_trouble=False)

    def _seconds_left(self) -> float:
        return self._ends - time.monotonic()
