"""One call from request to settled outcome."""

from __future__ import annotations

import asyncio
import json

import pytest

from ssd.errors import SsdError
from ssd.llm.models import MICROCENTS
from tests.integration.llm.conftest import ALICE, GOOD, ask
from tests.peers.llm_server import Answer


async def test_a_valid_answer_is_settled_once_everywhere(gateway, provider, rows, llm_settings):
    provider.script(Answer(GOOD, input_tokens=1000, cached_tokens=200, cache_write_tokens=100, output_tokens=50))
    outcome = await gateway.call(ask())
    assert (outcome.value.name, outcome.provider, outcome.model) == ("wage", "anthropic", llm_settings.llm_model)
    # claude-opus-4-5: $5 input, $0.50 cached, $6.25 cache write, $25 output per million tokens.
    cents = (1000 * 5 + 200 * 0.5 + 100 * 6.25 + 50 * 25) / 1e6 * 100
    assert outcome.cost_microcents == round(cents * MICROCENTS)
    (call,) = await rows("llm_calls")
    assert (call["status"], call["cost"], call["attempt"]) == ("success", outcome.cost_microcents, 1)
    assert (call["input_tokens"], call["cached_input_tokens"], call["output_tokens"]) == (1300, 200, 50)
    (reservation,) = await rows("llm_reservations")
    assert (reservation["state"], reservation["spent"]) == ("settled", outcome.cost_microcents)
    assert reservation["amount"] >= outcome.cost_microcents
    (month,) = await rows("llm_monthly")
    assert (month["spent"], month["reserved"], month["calls"]) == (outcome.cost_microcents, 0, 1)
    (hour,) = await rows("llm_hourly")
    assert (hour["spent"], hour["calls"]) == (outcome.cost_microcents, 1)
