"""The breaker: opens on the provider's failures, lets one probe through, closes on its success."""

from __future__ import annotations

import asyncio

import pytest

from ssd.errors import SsdError
from ssd.llm import controls
from tests.integration.llm.conftest import GOOD, ask
from tests.peers.llm_server import Answer, Status


@pytest.fixture
def gateway(open_gateway):
    """One request per call, so that one scripted status is one failure."""
    return open_gateway(llm_max_attempts=1, llm_breaker_open_seconds=300.0)


async def fail(gateway, number, code="LLM_CALL_FAILED"):
    with pytest.raises(SsdError) as failed:
        await gateway.call(ask(request_id=f"r{number}"))
    assert failed.value.code == code
    return failed.value


async def open_it(gateway, provider):
    provider.script(*[Status(503)] * 3)
    for number in range(3):
        await fail(gateway, number)


async def let_time_pass(database):
    """As if the time the breaker stays open were over."""
    await database.write(
        lambda store: store.execute("UPDATE llm_breakers SET open_until = '2020-01-01T00:00:00.000+00:00'")
    )


async def test_three_failures_in_a_row_open_it_and_nothing_is_sent(gateway, provider, open_gateway):
    await open_it(gateway, provider)
    stopped = await fail(gateway, 3, "LLM_BLOCKED")
    assert stopped.members["block_reason"] == "breaker_open"
    # It is remembered by the store, not by the process.
    await fail(open_gateway(), 4, "LLM_BLOCKED")
    assert len(provider.seen) == 3


async def test_a_success_between_failures_starts_the_count_anew(gateway, provider):
    provider.script(Status(503), Status(503), Answer(GOOD), Status(503), Status(503), Answer(GOOD))
    for number in range(6):
        if number % 3 == 2:
            await gateway.call(ask(request_id=f"r{number}"))
        else:
            await fail(gateway, number)


@pytest.mark.parametrize("status", [400, 401, 404, 422])
async def test_errors_of_the_caller_never_open_it(gateway, provider, status):
    provider.script(*[Status(status)] * 6)
    for number in range(6):
        await fail(gateway, number)
    await gateway.call(ask(request_id="last"))


async def test_answers_that_are_not_valid_never_open_it(gateway, provider):
    provider.script(*[Answer(GOOD, truncated=True)] * 5)
    for number in range(5):
        await fail(gateway, number, "LLM_RESPONSE_INVALID")
    await gateway.call(ask(request_id="last"))


async def test_one_probe_goes_through_and_its_success_closes_it(gateway, provider, database):
    await open_it(gateway, provider)
    await let_time_pass(database)
    provider.script(Answer(GOOD, delay=0.2))
    calls = [gateway.call(ask(request_id=f"p{number}")) for number in range(10)]
    results = await asyncio.gather(*calls, return_exceptions=True)
    assert len(provider.seen) == 3 + 1
    stopped = [result.members["block_reason"] for result in results if isinstance(result, SsdError)]
    assert stopped == ["breaker_open"] * 9
    # Closed again: many at once go through.
    await asyncio.gather(*(gateway.call(ask(request_id=f"after{number}")) for number in range(5)))
    assert len(provider.seen) == 3 + 1 + 5


async def test_a_probe_that_fails_opens_it_again(gateway, provider, database):
    await open_it(gateway, provider)
    await let_time_pass(database)
    provider.script(Status(503))
    await fail(gateway, 5)
    await fail(gateway, 6, "LLM_BLOCKED")
    assert len(provider.seen) == 4


async def test_a_probe_that_tells_nothing_leaves_its_place(gateway, provider, database):
    await open_it(gateway, provider)
    await let_time_pass(database)
    provider.script(Status(400))
    await fail(gateway, 5)
    await gateway.call(ask(request_id="next"))


async def test_a_call_stopped_by_its_budget_takes_no_probe(gateway, provider, database):
    await open_it(gateway, provider)
    await let_time_pass(database)
    with pytest.raises(SsdError) as stopped:
        await gateway.call(ask(request_id="poor", max_cost_cents=0.1))
    assert stopped.value.members["block_reason"] == "max_cost_too_low"
    await gateway.call(ask(request_id="next"))


async def test_a_probe_whose_server_died_leaves_its_place_when_its_lease_is_over(gateway, provider, database):
    await open_it(gateway, provider)
    await let_time_pass(database)
    past = "2020-01-01T00:00:00.000+00:00"
    await database.write(
        lambda store: store.execute("UPDATE llm_breakers SET probe_call_id = 'gone', probe_lease_until = ?", (past,))
    )
    await gateway.call(ask(request_id="next"))


async def test_the_operator_can_reset_it(gateway, provider, database):
    await open_it(gateway, provider)
    assert await database.write(lambda store: controls.reset_breaker(store, "openai")) == 0
    await fail(gateway, 5, "LLM_BLOCKED")
    assert await database.write(controls.reset_breaker) == 1
    await gateway.call(ask(request_id="next"))


async def test_the_threshold_can_be_changed_at_run_time(gateway, provider, database):
    await database.write(lambda store: controls.set_limits(store, controls.Limits(breaker_failures=1)))
    provider.script(Status(503))
    await fail(gateway, 0)
    await fail(gateway, 1, "LLM_BLOCKED")
