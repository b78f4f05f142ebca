"""Chat completions, as OpenAI made them and many others speak them."""

from __future__ import annotations

from typing import Any, Final

import msgspec

from ssd.llm.models import Tier, Usage
from ssd.llm.providers.protocol import BadAnswer, Completion, Question, RequestRefused
from ssd.llm.providers.transport import Transport

BASE_URL: Final = "https://api.openai.com/v1"


class _Message(msgspec.Struct, frozen=True):
    content: str | None = None
    refusal: str | None = None


class _Choice(msgspec.Struct, frozen=True):
    message: _Message
    finish_reason: str | None = None


class _Details(msgspec.Struct, frozen=True):
    cached_tokens: int | None = None


class _Usage(msgspec.Struct, frozen=True):
    prompt_tokens: int
    completion_tokens: int
    prompt_tokens_details: _Details | None = None


class _Answer(msgspec.Struct, frozen=True):
    choices: list[_Choice]
    model: str = ""
    usage: _Usage | None = None


class OpenAi:
    """A provider that speaks chat completions.

    The answer's schema is sent as `response_format` where that is offered. A server that refuses it is
    asked without, with the schema in the instructions, from then on.
    """

    def __init__(
        self,
        name: str,
        base_url: str | None,
        key: str,
        models: dict[Tier, str],
        temperature: float | None,
        seed: int | None,
    ) -> None:
        self.name = name
        self._models = models
        self._temperature = temperature
        self._seed = seed
        self._offers_schema = True
        # OpenAI's newer models know only the newer name; other servers know only the older one.
        self._limit_name = "max_completion_tokens" if name == "openai" else "max_tokens"
        self._transport = Transport(base_url or BASE_URL, {"authorization": f"Bearer {key}"})

    def model(self, tier: Tier) -> str:
        return self._models[tier]

    async def complete(self, question: Question) -> Completion:
        try:
            raw = await self._post(question)
        except RequestRefused as refusal:
            if not self._offers_schema or "response_format" not in refusal.message:
                raise
            self._offers_schema = False
            raw = await self._post(question)
        try:
            answer = msgspec.convert(raw, _Answer)
            choice = answer.choices[0]
        except (msgspec.ValidationError, IndexError) as error:
            raise BadAnswer(f"The answer is not a chat completion: {error}.") from error
        return Completion(
            text=choice.message.content or choice.message.refusal or "",
            usage=_usage(answer.usage),
            model=answer.model or self.model(question.tier),
            truncated=choice.finish_reason == "length",
            refused=choice.finish_reason == "content_filter" or choice.message.refusal is not None,
        )

    async def close(self) -> None:
        await self._transport.close()

    async def _post(self, question: Question) -> Any:
        body: dict[str, Any] = {
            "model": self.model(question.tier),
            self._limit_name: question.max_output_tokens,
            "messages": [
                {"role": "system", "content": self._system(question)},
                *({"role": message.role, "content": message.text} for message in question.messages),
            ],
        }
        if self._offers_schema:
            body["response_format"] = {
                "type": "json_schema",
                "json_schema": {"name": question.schema_name, "schema": question.json_schema, "strict": False},
            }
        if self._temperature is not None:
            body["temperature"] = self._temperature
        if self._seed is not None:
            body["seed"] = self._seed
        return await self._transport.post("chat/completions", body, timeout_seconds=question.timeout_seconds)

    def _system(self, question: Question) -> str:
        if self._offers_schema:
            return question.system
        schema = msgspec.json.encode(question.json_schema).decode()
        return f"{question.system}\n\nAnswer with one JSON object of this JSON schema and nothing else:\n{schema}"


def _usage(usage: _Usage | None) -> Usage | None:
    if usage is None:
        return None
    details = usage.prompt_tokens_details
    cached = min((details.cached_tokens if details else None) or 0, usage.prompt_tokens)
    return Usage(usage.prompt_tokens - cached, cached, 0, usage.completion_tokens)
