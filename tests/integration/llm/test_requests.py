"""The same request again: replayed, joined, refused, or tried anew."""

from __future__ import annotations

import asyncio

import pytest

from ssd.errors import SsdError
from ssd.llm import controls
from tests.integration.llm.books import require_books_agree
from tests.integration.llm.conftest import GOOD, ask
from tests.peers.llm_server import Answer, Status


async def test_the_same_content_is_replayed_not_asked(gateway, provider, rows):
    first = await gateway.call(ask())
    again = await gateway.call(ask())
    assert (first.replayed, again.replayed) == (False, True)
    assert (again.call_id, again.value, again.cost_microcents) == (first.call_id, first.value, first.cost_microcents)
    assert len(provider.seen) == 1
    assert len(await rows("llm_calls")) == 1


async def test_it_is_replayed_by_a_later_server_and_by_better_instructions(open_gateway, provider):
    first = await open_gateway().call(ask())
    again = await open_gateway().call(ask(instructions="Choose the outcome variable with care."))
    assert (again.call_id, again.replayed) == (first.call_id, True)


async def test_another_content_is_a_conflict(gateway, provider, rows):
    await gateway.call(ask())
    with pytest.raises(SsdError) as refused:
        await gateway.call(ask(fields={"requirement": "something else"}))
    assert (refused.value.code, refused.value.kind.status) == ("LLM_REQUEST_CONFLICT", 409)
    assert len(provider.seen) == 1
    assert len(await rows("llm_calls")) == 1


async def test_the_id_is_free_for_another_operation_and_another_user(gateway, provider):
    await gateway.call(ask())
    provider.answers["route"] = GOOD
    await gateway.call(ask(operation="route"))
    await gateway.call(ask(scope=type(ask().scope)("default", "bob"), fields={"requirement": "other"}))
    assert len(provider.seen) == 3


async def test_ten_at_once_are_one_call(gateway, provider, rows, database):
    provider.script(Answer(GOOD, delay=0.1))
    outcomes = await asyncio.gather(*(gateway.call(ask()) for _ in range(10)))
    assert len(provider.seen) == 1
    assert len({outcome.call_id for outcome in outcomes}) == 1
    assert sorted(outcome.replayed for outcome in outcomes) == [False] + [True] * 9
    assert len(await rows("llm_calls")) == 1
    await require_books_agree(database)


async def test_who_waits_for_a_call_that_fails_is_told_so(gateway, provider):
    provider.script(Answer(GOOD, truncated=True, delay=0.1))
    results = await asyncio.gather(*(gateway.call(ask()) for _ in range(3)), return_exceptions=True)
    assert [result.code for result in results] == ["LLM_RESPONSE_INVALID"] * 3
    assert len(provider.seen) == 1


async def test_a_call_of_another_server_is_in_progress(open_gateway, provider, database):
    provider.script(Answer(GOOD, delay=30))
    task = asyncio.create_task(open_gateway().call(ask()))
    while not provider.seen:
        await asyncio.sleep(0.01)
    with pytest.raises(SsdError) as refused:
        await open_gateway().call(ask())
    assert (refused.value.code, refused.value.kind.retryable) == ("LLM_REQUEST_IN_PROGRESS", True)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_a_failed_request_can_be_tried_again(gateway, provider, rows, database):
    provider.script(Status(400))
    with pytest.raises(SsdError):
        await gateway.call(ask())
    outcome = await gateway.call(ask())
    assert not outcome.replayed
    assert [(row["attempt"], row["status"]) for row in await rows("llm_calls")] == [(1, "failed"), (2, "success")]
    await require_books_agree(database)


async def test_a_blocked_request_can_be_tried_again(gateway, provider, rows, database):
    await database.write(lambda store: controls.set_kill_switch(store, on=True))
    for _ in range(2):
        with pytest.raises(SsdError, match="LLM_BLOCKED"):
            await gateway.call(ask())
    await database.write(lambda store: controls.set_kill_switch(store, on=False))
    await gateway.call(ask())
    attempts = [(row["attempt"], row["status"]) for row in await rows("llm_calls")]
    assert attempts == [(1, "blocked"), (2, "blocked"), (3, "success")]


async def test_a_request_id_that_looks_like_a_secret_is_refused(gateway, rows):
    with pytest.raises(SsdError, match="LLM_REQUEST_INVALID"):
        await gateway.call(ask(request_id="sk-ant-0123456789"))
    assert await rows("llm_calls") == []


async def test_an_outcome_that_was_erased_cannot_be_replayed(gateway, database):
    await gateway.call(ask(job_id="job_1"))
    await database.write(lambda store: store.execute("DELETE FROM llm_outcomes WHERE job_id = 'job_1'"))
    with pytest.raises(SsdError, match="LLM_REQUEST_CONFLICT"):
        await gateway.call(ask(job_id="job_1"))
