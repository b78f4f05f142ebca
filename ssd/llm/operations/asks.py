"""How a feature asks the model: the part of the gateway that operations need."""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Callable
from typing import Any, Protocol, TypeVar

import msgspec

from ssd.errors import SsdError
from ssd.llm.models import LlmOutcome, LlmRequest

T = TypeVar("T", bound=msgspec.Struct)


class Asks(Protocol):
    """Answers a request through all controls. See `ssd.llm.gateway.Gateway.call`."""

    async def call(
        self, request: LlmRequest[T], *, downstream: Callable[[sqlite3.Connection, LlmOutcome[Any]], None] | None = None
    ) -> LlmOutcome[T]: ...


def is_model_trouble(error: SsdError) -> bool:
    """Whether an error is the model's or its controls', so that a fallback may answer instead."""
    return error.code.startswith("LLM_")


def reason_of(error: SsdError) -> str:
    """Why the model did not answer, as a fallback records it: the code and the ledger's reason."""
    detail = error.members.get("block_reason") or error.members.get("failure_reason")
    return f"{error.code}: {detail}" if detail else error.code


def identified(request: LlmRequest[T], *occasion: str) -> LlmRequest[T]:
    """The request under an id of its operation, its content and the occasion: asked again, it is the same request."""
    content = [request.operation, request.schema_version, request.instructions, request.fields, occasion]
    digest = hashlib.sha256(msgspec.json.encode(content, order="deterministic")).hexdigest()
    return msgspec.structs.replace(request, request_id=f"{request.operation}.{digest[:40]}")
