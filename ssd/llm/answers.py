"""From what a model wrote to a value of the schema, or to the words that tell it what is wrong."""

from __future__ import annotations

import functools
import json
import re
from typing import Any, Final, TypeVar

import msgspec

from ssd.llm.models import JsonSchema, LlmRequest
from ssd.llm.redaction import Redactor

T = TypeVar("T", bound=msgspec.Struct)

_FENCED: Final = re.compile(r"```(?:json)?\s*\n(.*?)```", re.DOTALL | re.IGNORECASE)
_STARTS_TRIED: Final = 32
_PROBLEMS_TOLD: Final = 12
_PROBLEM_LENGTH: Final = 300


class AnswerInvalid(Exception):
    """The answer is not what was asked for; the message can be told to the model."""


def json_schema(schema: type[msgspec.Struct]) -> JsonSchema:
    """JSON schema of a Struct with an object at its top, as both protocols want it. Not to be changed."""
    return _json_schema(schema)


@functools.cache
def _json_schema(schema: type[msgspec.Struct]) -> JsonSchema:
    (top,), components = msgspec.json.schema_components([schema], ref_template="#/$defs/{name}")
    name = top["$ref"].rsplit("/", 1)[-1]
    return {**components[name], "$defs": {key: value for key, value in components.items() if key != name}}


def read(text: str, request: LlmRequest[T], redactor: Redactor) -> tuple[T, str]:
    """The value of an answer and its JSON, secrets redacted. Raises AnswerInvalid."""
    content = redactor.value(_json_object(text))
    try:
        value = msgspec.convert(content, request.schema)
    except msgspec.ValidationError as error:
        raise AnswerInvalid(str(error)[:_PROBLEM_LENGTH]) from error
    require_right(value, request)
    return value, msgspec.json.encode(content).decode()


def value_of(content: str, request: LlmRequest[T]) -> T:
    """The value of an answer kept earlier. Raises msgspec.ValidationError when the schema has changed since."""
    return msgspec.json.decode(content, type=request.schema)


def fits(content: str, request: LlmRequest[Any]) -> bool:
    """Whether an answer kept earlier still is a right answer to this request."""
    try:
        require_right(value_of(content, request), request)
    except (AnswerInvalid, msgspec.ValidationError):
        return False
    return True


def require_right(value: T, request: LlmRequest[T]) -> None:
    """Raises AnswerInvalid with the problems the request's own check finds."""
    problems = request.check(value) if request.check is not None else []
    if problems:
        raise AnswerInvalid("; ".join(problem[:_PROBLEM_LENGTH] for problem in problems[:_PROBLEMS_TOLD]))


def _json_object(text: str) -> Any:
    """The JSON object of a text that should be one, also inside a fence or after a few words."""
    for candidate in (text, *_FENCED.findall(text)):
        try:
            decoded = msgspec.json.decode(candidate.strip())
        except msgspec.DecodeError:
            continue
        if isinstance(decoded, dict):
            return decoded
    decoder = json.JSONDecoder()
    start = text.find("{")
    for _ in range(_STARTS_TRIED):
        if start < 0:
            break
        try:
            decoded, _end = decoder.raw_decode(text, start)
        except (ValueError, RecursionError):
            start = text.find("{", start + 1)
            continue
        return decoded
    raise AnswerInvalid("The answer is not a JSON object.")
