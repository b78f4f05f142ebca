"""The Messages API of Anthropic: the answer is the input of a tool the model is forced to use."""

from __future__ import annotations

from typing import Any, Final

import msgspec

from ssd.llm.models import Tier, Usage
from ssd.llm.providers.protocol import BadAnswer, Completion, Question
from ssd.llm.providers.transport import Transport

BASE_URL: Final = "https://api.anthropic.com"
_VERSION: Final = "2023-06-01"


class _Block(msgspec.Struct, frozen=True):
    type: str
    text: str = ""
    input: Any = None


class _Usage(msgspec.Struct, frozen=True):
    input_tokens: int
    output_tokens: int
    cache_read_input_tokens: int | None = None
    cache_creation_input_tokens: int | None = None


class _Answer(msgspec.Struct, frozen=True):
    content: list[_Block]
    model: str
    stop_reason: str | None
    usage: _Usage | None = None


class Anthropic:
    """A provider that speaks the Messages API. It takes no seed."""

    def __init__(
        self, name: str, base_url: str | None, key: str, models: dict[Tier, str], temperature: float | None
    ) -> None:
        self.name = name
        self._models = models
        self._temperature = temperature
        headers = {"x-api-key": key, "anthropic-version": _VERSION}
        self._transport = Transport(base_url or BASE_URL, headers)

    def model(self, tier: Tier) -> str:
        return self._models[tier]

    async def complete(self, question: Question) -> Completion:
        body: dict[str, Any] = {
            "model": self.model(question.tier),
            "max_tokens": question.max_output_tokens,
            "system": question.system,
            "messages": [{"role": message.role, "content": message.text} for message in question.messages],
            "tools": [
                {
                    "name": question.schema_name,
                    "description": "Give the answer.",
                    "input_schema": question.json_schema,
                }
            ],
            "tool_choice": {"type": "tool", "name": question.schema_name},
        }
        if self._temperature is not None:
            body["temperature"] = self._temperature
        raw = await self._transport.post("v1/messages", body, timeout_seconds=question.timeout_seconds)
        try:
            answer = msgspec.convert(raw, _Answer)
        except msgspec.ValidationError as error:
            raise BadAnswer(f"The answer is not a message: {error}.") from error
        return Completion(
            text=_text(answer),
            usage=_usage(answer.usage),
            model=answer.model,
            truncated=answer.stop_reason in ("max_tokens", "model_context_window_exceeded"),
            refused=answer.stop_reason == "refusal",
        )

    async def close(self) -> None:
        await self._transport.close()


def _text(answer: _Answer) -> str:
    """The tool's input as JSON; a model that wrote text instead is quoted as it is."""
    for block in answer.content:
        if block.type == "tool_use":
            return msgspec.json.encode(block.input).decode()
    return "".join(block.text for block in answer.content if block.type == "text")


def _usage(usage: _Usage | None) -> Usage | None:
    if usage is None:
        return None
    return Usage(
        input_tokens=usage.input_tokens,
        cached_input_tokens=usage.cache_read_input_tokens or 0,
        cache_write_tokens=usage.cache_creation_input_tokens or 0,
        output_tokens=usage.output_tokens,
    )
