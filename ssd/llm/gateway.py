"""The one way to a language model."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from typing import Any, TypeVar

import msgspec

from ssd.errors import SsdError
from ssd.llm.models import LlmOutcome, LlmRequest

T = TypeVar("T", bound=msgspec.Struct)
Downstream = Callable[[sqlite3.Connection, LlmOutcome[Any]], None]


class Gateway:
    """Every call to a model: admitted by the controls, recorded in the ledger, paid from a reservation."""

    async def call(self, request: LlmRequest[T], *, downstream: Downstream | None = None) -> LlmOutcome[T]:
        """Ask the model.

        `downstream` writes what the caller keeps of the outcome in the transaction that settles the call;
        it runs on the writer's thread and not for a replayed outcome, whose record exists already.

        Raises LLM_REQUEST_INVALID, LLM_REQUEST_CONFLICT, LLM_REQUEST_IN_PROGRESS, LLM_BLOCKED (member
        block_reason), LLM_CALL_FAILED (members call_id, failure_reason), LLM_RESPONSE_INVALID (the same).
        """
        raise SsdError("LLM_NOT_CONFIGURED")
