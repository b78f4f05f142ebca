"""One call from request to settled outcome."""

from __future__ import annotations

import asyncio
import hashlib
import json

import pytest

from ssd.errors import SsdError
from ssd.llm.models import MICROCENTS
from tests.integration.llm.books import require_books_agree
from tests.integration.llm.conftest import GOOD, ask
from tests.peers.llm_server import Answer


async def until(condition):
    while not condition():
        await asyncio.sleep(0.005)


async def test_a_valid_answer_is_settled_once_everywhere(gateway, provider, rows, llm_settings, database):
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
    await require_books_agree(database)


async def test_the_evidence_shows_what_was_sent_and_answered(gateway, provider, llm_settings):
    outcome = await gateway.call(ask(job_id="job_1"))
    folder = llm_settings.data_dir / "job_1" / outcome.call_id
    prompt = (folder / "prompt.txt").read_text()
    (seen,) = provider.seen
    assert seen.body["system"] in prompt
    assert seen.body["messages"][0]["content"] in prompt
    assert json.loads((folder / "response.txt").read_text()) == GOOD
    meta = json.loads((folder / "meta.json").read_text())
    assert list(meta) == [
        "schema_version", "llm_call_id", "operation", "started_at", "ended_at", "duration_ms", "ok", "provider",
        "model", "temperature", "seed", "prompt_fingerprint", "response_fingerprint", "input_tokens",
        "output_tokens", "cost", "error_type", "error_message", "attempts", "cached",
    ]  # fmt: skip
    assert (meta["schema_version"], meta["llm_call_id"], meta["ok"], meta["attempts"]) == (1, outcome.call_id, True, 1)
    assert meta["cost"] == outcome.cost_microcents
    assert meta["prompt_fingerprint"] == "sha256:" + hashlib.sha256(prompt.encode()).hexdigest()


async def test_an_answer_that_is_not_valid_is_repaired_once(gateway, provider, rows, database):
    provider.script(Answer({"wrong": 1}), Answer(GOOD))
    outcome = await gateway.call(ask())
    assert outcome.value.name == "wage"
    second = provider.seen[1]
    told = second.body["messages"]
    assert [message["role"] for message in told] == ["user", "assistant", "user"]
    assert json.loads(told[1]["content"]) == {"wrong": 1}
    assert "missing required field `name`" in told[2]["content"] or "unknown field" in told[2]["content"]
    (call,) = await rows("llm_calls")
    assert call["provider_attempts"] == 2
    assert call["output_tokens"] == len(json.dumps({"wrong": 1})) // 4 + len(json.dumps(GOOD)) // 4
    await require_books_agree(database)


async def test_a_second_wrong_answer_is_an_error_that_costs_what_it_cost(gateway, provider, rows, database):
    provider.script(Answer({"wrong": 1}), Answer(text="I would rather not."))
    with pytest.raises(SsdError) as failed:
        await gateway.call(ask())
    assert failed.value.code == "LLM_RESPONSE_INVALID"
    assert failed.value.members["failure_reason"] == "response_invalid"
    assert len(provider.seen) == 2
    (call,) = await rows("llm_calls")
    assert (call["status"], call["reason"]) == ("failed", "response_invalid")
    assert call["cost"] > 0
    assert await rows("llm_outcomes") == []
    await require_books_agree(database)


async def test_the_callers_check_decides_too(gateway, provider):
    provider.script(Answer({"name": "salary"}), Answer(GOOD))
    asked = ask(check=lambda choice: [] if choice.name in ("wage", "educ") else [f"{choice.name} is no column"])
    assert (await gateway.call(asked)).value.name == "wage"
    assert "salary is no column" in provider.seen[1].body["messages"][2]["content"]


async def test_a_truncated_answer_is_an_error_even_when_it_is_json(gateway, provider, rows, database):
    provider.script(Answer(GOOD, truncated=True))
    with pytest.raises(SsdError) as failed:
        await gateway.call(ask())
    assert failed.value.members["failure_reason"] == "truncated"
    assert len(provider.seen) == 1
    (call,) = await rows("llm_calls")
    assert (call["status"], call["reason"]) == ("failed", "truncated")
    await require_books_agree(database)


async def test_a_refusal_is_not_asked_again(gateway, provider):
    provider.script(Answer(text="I will not.", refused=True))
    with pytest.raises(SsdError, match="LLM_RESPONSE_INVALID"):
        await gateway.call(ask())
    assert len(provider.seen) == 1


async def test_what_the_caller_keeps_is_in_the_same_transaction(gateway, database, rows):
    await database.write(lambda store: store.execute("CREATE TABLE kept (call_id TEXT, name TEXT)"))

    def keep(connection, outcome):
        connection.execute("INSERT INTO kept VALUES (?, ?)", (outcome.call_id, outcome.value.name))

    outcome = await gateway.call(ask(), downstream=keep)
    assert await rows("kept") == [{"call_id": outcome.call_id, "name": "wage"}]
    await gateway.call(ask(), downstream=keep)
    assert len(await rows("kept")) == 1


@pytest.mark.parametrize("error", [SsdError("JOB_LOCKED"), ZeroDivisionError()])
async def test_when_it_cannot_be_kept_nothing_is_but_the_money_is_booked(gateway, database, rows, error):
    await database.write(lambda store: store.execute("CREATE TABLE kept (call_id TEXT)"))

    def keep(connection, outcome):
        connection.execute("INSERT INTO kept VALUES (?)", (outcome.call_id,))
        raise error

    with pytest.raises(type(error)):
        await gateway.call(ask(cache_fields=("columns",)), downstream=keep)
    assert await rows("kept") == []
    assert await rows("llm_outcomes") == []
    assert await rows("llm_cache") == []
    (call,) = await rows("llm_calls")
    assert call["status"] == "failed"
    assert call["reason"].startswith("not_kept:")
    assert call["cost"] > 0
    await require_books_agree(database)


async def test_a_caller_that_goes_away_cancels_the_request(gateway, provider, rows, database):
    provider.script(Answer(GOOD, delay=30))
    task = asyncio.create_task(gateway.call(ask()))
    await until(lambda: provider.seen)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await until(lambda: provider.seen[0].hung_up)
    (call,) = await rows("llm_calls")
    assert (call["status"], call["reason"]) == ("failed", "abandoned")
    (reservation,) = await rows("llm_reservations")
    assert reservation["state"] == "released"
    await require_books_agree(database)


async def test_a_caller_that_goes_away_while_the_call_is_admitted_leaves_nothing_held(gateway, database, rows):
    for steps in range(1, 8):
        task = asyncio.create_task(gateway.call(ask(request_id=f"r{steps}")))
        for _ in range(steps):
            await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    assert [row for row in await rows("llm_calls") if row["status"] == "pending"] == []
    assert [row for row in await rows("llm_reservations") if row["state"] == "held"] == []
    await require_books_agree(database)


async def test_a_bounded_agent_is_one_row_and_one_reservation(gateway, provider, rows, database):
    provider.script(Answer({"name": "read log"}), Answer({"name": "read table"}), Answer(GOOD))
    states = []

    async def proceed(choice, state):
        states.append(state)
        return None if choice.reasons else f"result of {choice.name}"

    outcome = await gateway.call(ask(proceed=proceed, max_turns=4, max_cost_cents=30.0))
    assert (outcome.value.name, outcome.turns) == ("wage", 3)
    assert "result of read table" in provider.seen[2].body["messages"][-1]["content"]
    assert [state.turns_left for state in states] == [3, 2, 1]
    assert states[0].left_microcents + states[0].spent_microcents == 30 * MICROCENTS
    assert len(await rows("llm_calls")) == 1
    (reservation,) = await rows("llm_reservations")
    assert reservation["amount"] == 30 * MICROCENTS
    await require_books_agree(database)


async def test_a_bounded_agent_ends_at_its_last_turn(gateway, provider, rows):
    async def proceed(choice, state):
        return "more"

    with pytest.raises(SsdError, match="LLM_RESPONSE_INVALID"):
        await gateway.call(ask(proceed=proceed, max_turns=3, max_cost_cents=30.0))
    assert len(provider.seen) == 3


async def test_a_bounded_agent_stops_before_it_could_spend_more_than_it_may(gateway, provider, rows, database):
    provider.respond = lambda seen: Answer({"name": "again"}, input_tokens=20_000, output_tokens=900)

    async def proceed(choice, state):
        return "more"

    with pytest.raises(SsdError, match="LLM_RESPONSE_INVALID"):
        await gateway.call(ask(proceed=proceed, max_turns=10, max_cost_cents=30.0))
    (call,) = await rows("llm_calls")
    assert 0 < call["cost"] <= 30 * MICROCENTS
    assert len(provider.seen) == 2
    await require_books_agree(database)


async def test_a_deadline_ends_the_whole_call(gateway, provider, rows):
    provider.respond = lambda seen: Answer(GOOD, delay=30)
    with pytest.raises(SsdError) as failed:
        await gateway.call(ask(deadline_seconds=0.2))
    assert failed.value.members["failure_reason"] == "provider_timeout"
    await until(lambda: provider.seen[0].hung_up)


async def test_a_model_that_is_not_counted_is_charged_by_bytes(gateway, provider, database, rows):
    provider.script(Answer(GOOD, usage=False))
    outcome = await gateway.call(ask())
    (reservation,) = await rows("llm_reservations")
    assert 0 < outcome.cost_microcents <= reservation["amount"]
    await require_books_agree(database)


async def test_an_error_on_the_way_is_not_taken_for_one_of_keeping(gateway, provider, rows, database):
    async def proceed(choice, state):
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await gateway.call(ask(proceed=proceed, max_turns=2, max_cost_cents=30.0))
    (call,) = await rows("llm_calls")
    assert (call["status"], call["reason"]) == ("failed", "internal:ZeroDivisionError")
    assert call["cost"] > 0
    await require_books_agree(database)


async def test_evidence_that_cannot_be_written_fails_the_call_before_anything_is_sent(
    gateway, provider, rows, llm_settings, database
):
    llm_settings.data_dir.mkdir(parents=True)
    (llm_settings.data_dir / "job_1").write_text("a file where the folder should be")
    with pytest.raises(OSError, match="job_1"):
        await gateway.call(ask(job_id="job_1"))
    assert provider.seen == []
    (call,) = await rows("llm_calls")
    assert call["status"] == "failed"
    await require_books_agree(database)
