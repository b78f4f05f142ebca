"""A gateway over a real store and a real provider protocol, for one test."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from typing import Annotated, Any

import msgspec
import pytest

from ssd.llm.gateway import Gateway
from ssd.llm.models import LlmRequest, Scope
from ssd.settings import Secret, Settings
from tests.peers.llm_server import LlmServer

ALICE = Scope("default", "alice")


class Choice(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The answer the tests ask for."""

    name: Annotated[str, msgspec.Meta(min_length=1)]
    reasons: list[str] = []


GOOD = {"name": "wage", "reasons": ["named in the requirement"]}


def ask(**changes: Any) -> LlmRequest[Choice]:
    """A request that is right in every way, with `changes`."""
    members: dict[str, Any] = {
        "operation": "draft_preview",
        "request_id": "r1",
        "scope": ALICE,
        "schema": Choice,
        "schema_version": "1",
        "instructions": "Choose the outcome variable.",
        "fields": {"requirement": "the effect of education on wages", "columns": "wage, educ"},
    }
    return LlmRequest(**{**members, **changes})


@pytest.fixture
async def provider() -> AsyncIterator[LlmServer]:
    async with LlmServer() as server:
        server.respond = None
        server.answers["draft_preview"] = GOOD
        yield server


@pytest.fixture
def llm_settings(settings: Settings, provider: LlmServer) -> Settings:
    return msgspec.structs.replace(
        settings,
        llm_provider="anthropic",
        llm_base_url=provider.url,
        llm_api_key=Secret(provider.key),
        llm_retry_backoff_base_seconds=0.0,
        llm_max_output_tokens=1000,
    )


@pytest.fixture
async def open_gateway(database, llm_settings) -> AsyncIterator[Callable[..., Gateway]]:
    """Makes gateways over the test's store; settings can be changed by name."""
    made: list[Gateway] = []

    def make(**changes: Any) -> Gateway:
        settings = msgspec.structs.replace(llm_settings, **changes)
        gateway = Gateway.configured(settings, database, lambda job, call: settings.data_dir / (job or "") / call)
        assert gateway is not None
        made.append(gateway)
        return gateway

    yield make
    for gateway in made:
        await gateway.close()


@pytest.fixture
def gateway(open_gateway) -> Gateway:
    return open_gateway()


@pytest.fixture
def rows(database):
    """All rows of a table as dictionaries."""

    async def read(table: str) -> list[dict[str, Any]]:
        return [dict(row) for row in await database.all(f"SELECT * FROM {table}")]

    return read
