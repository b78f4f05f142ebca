"""What stops a call before anything is sent, and what lets it go again without a restart."""

from __future__ import annotations

import asyncio

import pytest

from ssd.db.clock import now_iso
from ssd.errors import SsdError
from ssd.llm import controls
from ssd.llm.controls import Limits
from ssd.llm.models import MICROCENTS, Scope
from ssd.settings import Secret
from tests.integration.llm.books import require_books_agree
from tests.integration.llm.conftest import ALICE, GOOD, ask
from tests.peers.llm_server import Answer, LlmServer, Status


@pytest.fixture
def steer(database):
    """Runs a function of `controls` in a transaction."""

    async def run(act, *arguments, **named):
        return await database.write(lambda store: act(store, *arguments, **named))

    return run


async def blocked(gateway, request=None):
    """The block reason of a call that must be blocked."""
    with pytest.raises(SsdError) as stopped:
        await gateway.call(request or ask())
    assert stopped.value.code == "LLM_BLOCKED"
    return stopped.value.members["block_reason"]


async def test_the_kill_switch_blocks_and_is_lifted_without_a_restart(gateway, provider, steer, rows):
    await steer(controls.set_kill_switch, on=True)
    assert await blocked(gateway) == "provider_kill_switch"
    assert provider.seen == []
    (call,) = await rows("llm_calls")
    assert (call["status"], call["reason"], call["cost"]) == ("blocked", "provider_kill_switch", 0)
    assert await rows("llm_reservations") == []
    await steer(controls.set_kill_switch, on=False)
    assert (await gateway.call(ask())).value.name == "wage"


async def test_the_kill_switch_ends_a_call_that_is_about_to_try_again(gateway, provider, database, rows):
    from ssd.db.database import open_for_writing

    def pull_the_switch(seen):
        other = open_for_writing(database.path)
        controls.set_kill_switch(other, on=True)
        other.close()
        return Status(503)

    provider.respond = pull_the_switch
    with pytest.raises(SsdError) as failed:
        await gateway.call(ask())
    assert failed.value.members["failure_reason"] == "provider_error:SwitchedOff"
    assert len(provider.seen) == 1
    await require_books_agree(database)


async def test_the_kill_switch_of_the_environment_cannot_be_lifted(open_gateway, provider, steer):
    gateway = open_gateway(llm_kill_switch=True)
    await steer(controls.set_kill_switch, on=False)
    assert await blocked(gateway) == "provider_kill_switch"
    assert provider.seen == []


async def test_the_kill_switch_stops_cached_answers_too(gateway, provider, steer):
    await gateway.call(ask(cache_fields=("requirement",)))
    await steer(controls.set_kill_switch, on=True)
    assert await blocked(gateway, ask(request_id="r2", cache_fields=("requirement",))) == "provider_kill_switch"


async def test_the_switch_of_one_provider_leaves_the_other(open_gateway, provider, steer):
    async with LlmServer() as second:
        second.answers["draft_preview"] = {"name": "educ"}
        gateway = open_gateway(
            llm_fallback_provider="openai",
            llm_fallback_base_url=second.url + "/v1",
            llm_fallback_api_key=Secret(second.key),
            llm_fallback_model="gpt-4.1",
        )
        await steer(controls.set_kill_switch, on=True, provider="anthropic")
        assert (await gateway.call(ask())).provider == "openai"
        await steer(controls.set_kill_switch, on=True, provider="openai")
        assert await blocked(gateway, ask(request_id="r2")) == "provider_kill_switch"
        await steer(controls.set_kill_switch, on=False, provider="anthropic")
        assert (await gateway.call(ask(request_id="r3"))).provider == "anthropic"


async def test_a_switch_that_cannot_be_read_stops_every_call(gateway, provider, database):
    await database.write(
        lambda store: store.execute("INSERT INTO flags VALUES ('llm.kill_switch', 'perhaps', ?)", (now_iso(),))
    )
    with pytest.raises(SsdError, match="SERVICE_INTERNAL_ERROR"):
        await gateway.call(ask())
    assert provider.seen == []


async def test_a_manual_shut_off_tells_the_operators_words(gateway, provider, steer):
    await steer(controls.set_shutoff, "maintenance until noon")
    assert await blocked(gateway) == "maintenance until noon"
    await steer(controls.set_shutoff, None)
    await gateway.call(ask())
    assert len(provider.seen) == 1


async def test_the_hourly_threshold_shuts_one_user_off(gateway, provider, steer):
    await steer(controls.set_limits, Limits(hourly_cap_cents=1))
    provider.script(Answer(GOOD, input_tokens=100, output_tokens=400))  # 1.05 cents
    assert (await gateway.call(ask())).cost_microcents == 1_050_000
    assert await blocked(gateway, ask(request_id="r2")) == "hourly_threshold_exceeded"
    await gateway.call(ask(request_id="r2", scope=Scope("default", "bob")))
    await steer(controls.set_limits, Limits(hourly_cap_cents=2))
    await gateway.call(ask(request_id="r2"))


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"llm_hourly_cap_cents": 0}, "hourly_threshold_exceeded"),
        ({"llm_monthly_cap_cents": 0}, "monthly_cap_exceeded"),
    ],
)
async def test_a_budget_of_zero_means_no_request_at_all(open_gateway, provider, changes, reason):
    gateway = open_gateway(**changes)
    for number in range(5):
        assert await blocked(gateway, ask(request_id=f"r{number}")) == reason
    assert provider.seen == []


async def test_a_limit_of_the_caller_that_is_too_low_blocks(gateway, provider):
    assert await blocked(gateway, ask(max_cost_cents=0.5)) == "max_cost_too_low"
    assert provider.seen == []


async def test_a_limit_that_allows_no_repair_gets_none(gateway, provider, rows, database):
    provider.script(Answer({"wrong": 1}, output_tokens=900))
    with pytest.raises(SsdError, match="LLM_RESPONSE_INVALID"):
        await gateway.call(ask(max_cost_cents=4.0))
    assert len(provider.seen) == 1
    (reservation,) = await rows("llm_reservations")
    assert reservation["amount"] == 4 * MICROCENTS
    await require_books_agree(database)


async def test_the_monthly_cap_counts_what_is_held(open_gateway, provider, rows, database, steer):
    gateway = open_gateway()
    await steer(controls.set_limits, Limits(monthly_cap_cents=10))
    provider.respond = lambda seen: Answer(GOOD, delay=0.3)
    # A call holds 4 cents as its caller's limit says: two fit under 10, the third does not.
    calls = [asyncio.create_task(gateway.call(ask(request_id=f"r{n}", max_cost_cents=4.0))) for n in range(3)]
    results = await asyncio.gather(*calls, return_exceptions=True)
    told = [result.members["block_reason"] for result in results if isinstance(result, SsdError)]
    assert told == ["monthly_cap_exceeded"]
    assert len(provider.seen) == 2
    # What was held is free again.
    await gateway.call(ask(request_id="r9", max_cost_cents=4.0))
    await require_books_agree(database)


async def test_a_user_can_have_a_cap_of_their_own(gateway, provider, steer):
    await steer(controls.set_user_cap, ALICE, 0)
    assert await blocked(gateway) == "monthly_cap_exceeded"
    await gateway.call(ask(scope=Scope("other", "alice")))
    await steer(controls.set_user_cap, ALICE, None)
    await gateway.call(ask())


async def test_the_time_out_can_be_changed_at_run_time(open_gateway, provider, steer):
    gateway = open_gateway(llm_max_attempts=1)
    await steer(controls.set_limits, Limits(timeout_seconds=0.2))
    provider.script(Answer(GOOD, delay=30))
    with pytest.raises(SsdError) as failed:
        await gateway.call(ask())
    assert failed.value.members["failure_reason"] == "provider_timeout"


async def test_controls_show_settings_until_they_are_changed(database, llm_settings, steer):
    before = await controls.current(database, llm_settings)
    assert (before.monthly_cap_cents, before.hourly_cap_cents) == (2500, 500)
    assert (before.breaker_failures, before.breaker_open_seconds, before.timeout_seconds) == (3, 300.0, 30.0)
    await steer(controls.set_limits, Limits(monthly_cap_cents=7, breaker_failures=9))
    await steer(controls.set_kill_switch, on=True, provider="openai")
    after = await controls.current(database, llm_settings)
    assert (after.monthly_cap_cents, after.breaker_failures, after.hourly_cap_cents) == (7, 9, 500)
    assert (after.kills("openai"), after.kills("anthropic")) == (True, False)


# --- cache ---


async def test_a_cached_answer_bypasses_the_provider(gateway, provider, rows, database):
    first = await gateway.call(ask(cache_fields=("requirement",)))
    kept = []
    again = await gateway.call(
        ask(request_id="r2", cache_fields=("requirement",)), downstream=lambda _, outcome: kept.append(outcome.call_id)
    )
    assert (again.cached, again.cost_microcents, again.value) == (True, 0, first.value)
    assert kept == [again.call_id]
    assert len(provider.seen) == 1
    assert [(row["cached"], row["status"]) for row in await rows("llm_calls")] == [(0, "success"), (1, "success")]
    await require_books_agree(database)


@pytest.mark.parametrize(
    ("changes", "asked"),
    [
        ({"fields": {"requirement": "the effect of education on wages", "columns": "other"}}, 1),
        ({"fields": {"requirement": "another", "columns": "wage, educ"}}, 2),
        ({"schema_version": "2"}, 2),
        ({"scope": Scope("default", "bob")}, 2),
        ({"scope": Scope("other", "alice")}, 2),
        ({"cache_fields": ()}, 2),
        ({"check": lambda choice: ["not for this request"] if choice.name == "wage" else []}, 3),
    ],
    ids=["a field that does not decide", "one that does", "version", "user", "tenant", "not asked for", "check"],
)
async def test_what_decides_whether_an_answer_is_used_again(gateway, provider, changes, asked):
    await gateway.call(ask(cache_fields=("requirement",)))
    if asked == 3:
        provider.script(Answer(GOOD), Answer({"name": "educ"}))
    await gateway.call(ask(**{"request_id": "r2", "cache_fields": ("requirement",), **changes}))
    assert len(provider.seen) == asked


async def test_another_model_is_another_question(open_gateway, provider):
    await open_gateway().call(ask(cache_fields=("requirement",)))
    other = open_gateway(llm_model="claude-haiku-4-5")
    assert not (await other.call(ask(request_id="r2", cache_fields=("requirement",)))).cached


async def test_answers_expire(open_gateway, provider, rows):
    gateway = open_gateway(llm_cache_ttl_seconds=0.05)
    await gateway.call(ask(cache_fields=("requirement",)))
    assert len(await rows("llm_cache")) == 1
    await asyncio.sleep(0.06)
    assert not (await gateway.call(ask(request_id="r2", cache_fields=("requirement",)))).cached
    await asyncio.sleep(0.06)
    await gateway.tidy()
    assert await rows("llm_cache") == []


async def test_the_watermark_puts_older_answers_out_of_use(gateway, provider, steer):
    await gateway.call(ask(cache_fields=("requirement",)))
    await steer(controls.forget_cached_answers)
    assert not (await gateway.call(ask(request_id="r2", cache_fields=("requirement",)))).cached
    assert (await gateway.call(ask(request_id="r3", cache_fields=("requirement",)))).cached


async def test_the_oldest_answers_go_when_there_are_too_many(open_gateway, rows):
    gateway = open_gateway(llm_cache_max_entries=2)
    for number in range(4):
        fields = {"requirement": f"question {number}"}
        await gateway.call(ask(request_id=f"r{number}", fields=fields, cache_fields=("requirement",)))
        await asyncio.sleep(0.002)
    newest = sorted(row["created_at"] for row in await rows("llm_cache"))[-2:]
    await gateway.tidy()
    assert sorted(row["created_at"] for row in await rows("llm_cache")) == newest


async def test_no_ttl_means_no_cache(open_gateway, rows):
    await open_gateway(llm_cache_ttl_seconds=0.0).call(ask(cache_fields=("requirement",)))
    assert await rows("llm_cache") == []
