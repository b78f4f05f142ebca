"""Both wire protocols against a peer that speaks them, and everything that can go wrong on the way."""

from __future__ import annotations

import asyncio
import time

import pytest

from ssd.errors import SsdError
from ssd.settings import Secret
from tests.integration.llm.books import require_books_agree
from tests.integration.llm.conftest import GOOD, ask
from tests.peers.llm_server import Answer, Disconnect, Drip, Garbage, LlmServer, Status

OPENAI = {"llm_provider": "openai", "llm_model": "gpt-4.1"}


async def test_the_messages_api(gateway, provider, llm_settings):
    await gateway.call(ask())
    (seen,) = provider.seen
    assert seen.path == "/v1/messages"
    assert seen.headers["x-api-key"] == provider.key
    assert seen.body["model"] == "claude-opus-4-5-20251101"
    assert seen.body["tool_choice"] == {"type": "tool", "name": "draft_preview"}
    assert "temperature" not in seen.body
    assert "<requirement>\nthe effect of education on wages\n</requirement>" in seen.body["messages"][0]["content"]


async def test_chat_completions(open_gateway, provider):
    gateway = open_gateway(**OPENAI, llm_base_url=provider.url + "/v1", llm_temperature=0.0, llm_seed=7)
    provider.script(Answer(GOOD, input_tokens=700, cached_tokens=300, output_tokens=20))
    outcome = await gateway.call(ask())
    (seen,) = provider.seen
    assert seen.path == "/v1/chat/completions"
    assert (seen.body["temperature"], seen.body["seed"], seen.body["max_completion_tokens"]) == (0.0, 7, 1000)
    assert seen.body["response_format"]["type"] == "json_schema"
    # gpt-4.1: $2 input, $0.50 cached, $8 output per million tokens.
    assert outcome.cost_microcents == round((700 * 2 + 300 * 0.5 + 20 * 8) / 1e6 * 100 * 1e6)
    assert outcome.input_tokens == 1000


async def test_a_server_without_schemas_is_asked_without(open_gateway, provider):
    provider.offers_schema = False
    gateway = open_gateway(llm_provider="openai_compatible", llm_model="gpt-4.1", llm_base_url=provider.url + "/v1")
    provider.script(*[Answer(text=f"Here you are:\n```json\n{text}\n```") for text in ('{"name": "wage"}',) * 2])
    assert (await gateway.call(ask())).value.name == "wage"
    assert [("response_format" in seen.body) for seen in provider.seen] == [True, False]
    assert '"minLength":1' in provider.seen[1].body["messages"][0]["content"]
    await gateway.call(ask(request_id="r2"))
    assert [("response_format" in seen.body) for seen in provider.seen] == [True, False, False]


@pytest.mark.parametrize("changes", [{}, OPENAI], ids=["anthropic", "openai"])
@pytest.mark.parametrize(
    "trouble",
    [
        Status(429, retry_after="0"),
        Status(500),
        Status(503),
        Status(529),
        Disconnect(),
        Disconnect(midway=True),
        Garbage(),
    ],
    ids=str,
)
async def test_what_may_pass_is_tried_again(open_gateway, provider, changes, trouble, rows):
    provider.script(trouble, trouble, Answer(GOOD))
    assert (await open_gateway(**_at(changes, provider)).call(ask())).value.name == "wage"
    assert len(provider.seen) == 3
    (call,) = await rows("llm_calls")
    assert call["provider_attempts"] == 3


@pytest.mark.parametrize("changes", [{}, OPENAI], ids=["anthropic", "openai"])
@pytest.mark.parametrize(("status", "kind"), [(400, "RequestRefused"), (403, "KeyRefused"), (404, "ModelUnknown")])
async def test_an_error_of_the_caller_is_final(open_gateway, provider, changes, status, kind, rows):
    provider.script(Status(status, "no such thing"))
    with pytest.raises(SsdError) as failed:
        await open_gateway(**_at(changes, provider)).call(ask())
    assert failed.value.code == "LLM_CALL_FAILED"
    assert failed.value.members["failure_reason"] == f"provider_error:{kind}"
    assert len(provider.seen) == 1
    (call,) = await rows("llm_calls")
    assert "no such thing" in call["error_message"]


async def test_after_the_last_attempt_it_has_failed(gateway, provider, rows, database):
    provider.script(*[Status(503)] * 3)
    with pytest.raises(SsdError) as failed:
        await gateway.call(ask())
    assert failed.value.members["failure_reason"] == "provider_error:ServerError"
    (call,) = await rows("llm_calls")
    assert (call["status"], call["reason"], call["cost"]) == ("failed", "provider_error:ServerError", 0)
    (reservation,) = await rows("llm_reservations")
    assert reservation["state"] == "released"
    await require_books_agree(database)


async def test_retry_after_is_waited_for(gateway, provider):
    provider.script(Status(429, retry_after="1"), Answer(GOOD))
    begin = time.monotonic()
    await gateway.call(ask())
    assert time.monotonic() - begin >= 1.0


async def test_a_wait_that_is_too_long_is_a_failure_now(gateway, provider):
    provider.script(Status(429, retry_after="3600"))
    with pytest.raises(SsdError, match="LLM_CALL_FAILED"):
        await gateway.call(ask())
    assert len(provider.seen) == 1


@pytest.mark.parametrize("slow", [Answer(GOOD, delay=30), Drip()], ids=["silent", "dripping"])
async def test_a_time_out_really_cancels_the_request(open_gateway, provider, slow, rows):
    provider.script(slow)
    with pytest.raises(SsdError) as failed:
        await open_gateway(llm_timeout_seconds=0.2, llm_max_attempts=1).call(ask())
    assert failed.value.members["failure_reason"] == "provider_timeout"
    while not provider.seen[0].hung_up:
        await asyncio.sleep(0.01)
    (call,) = await rows("llm_calls")
    assert call["reason"] == "provider_timeout"


async def test_nobody_listens(open_gateway):
    with pytest.raises(SsdError) as failed:
        await open_gateway(llm_base_url="http://127.0.0.1:9").call(ask())
    assert failed.value.members["failure_reason"] == "provider_error:Unreachable"


@pytest.fixture
async def second():
    async with LlmServer(key="sk-second-0123456789") as server:
        server.answers["draft_preview"] = {"name": "educ"}
        yield server


@pytest.fixture
def with_fallback(open_gateway, second):
    def make(**changes):
        return open_gateway(
            llm_fallback_provider="openai",
            llm_fallback_base_url=second.url + "/v1",
            llm_fallback_api_key=Secret(second.key),
            llm_fallback_model="gpt-4.1",
            **changes,
        )

    return make


async def test_the_second_provider_answers_when_the_first_cannot(with_fallback, provider, second, rows, database):
    provider.script(*[Status(500)] * 3)
    outcome = await with_fallback().call(ask())
    assert (outcome.value.name, outcome.provider, outcome.model) == ("educ", "openai", "gpt-4.1")
    assert (len(provider.seen), len(second.seen)) == (3, 1)
    breakers = {row["provider"]: row["failures"] for row in await rows("llm_breakers")}
    assert breakers == {"anthropic": 1}
    await require_books_agree(database)


async def test_a_wrong_key_is_no_reason_to_give_up_when_there_is_a_second(with_fallback, provider, second):
    provider.script(Status(401))
    assert (await with_fallback().call(ask())).provider == "openai"
    assert len(provider.seen) == 1


async def test_a_second_provider_whose_breaker_is_open_is_not_asked(with_fallback, provider, second, database):
    gateway = with_fallback(llm_max_attempts=1)
    later = "2999-01-01T00:00:00.000+00:00"
    await database.write(
        lambda store: store.execute(
            "INSERT INTO llm_breakers (provider, failures, open_until, updated_at) VALUES ('openai', 3, ?, ?)",
            (later, later),
        )
    )
    provider.script(Status(500))
    with pytest.raises(SsdError, match="LLM_CALL_FAILED"):
        await gateway.call(ask())
    assert second.seen == []
    assert (await gateway.call(ask(request_id="r2"))).provider == "anthropic"


async def test_a_request_that_is_wrong_is_wrong_everywhere(with_fallback, provider, second):
    provider.script(Status(400))
    with pytest.raises(SsdError, match="LLM_CALL_FAILED"):
        await with_fallback().call(ask())
    assert second.seen == []


@pytest.mark.parametrize(
    ("changes", "code", "named"),
    [
        ({"llm_api_key": None}, "SETTINGS_INVALID", "SS_LLM_API_KEY"),
        ({"llm_api_key": Secret(" ")}, "SETTINGS_INVALID", "SS_LLM_API_KEY"),
        ({"llm_api_key": Secret("sk-a\nb")}, "SETTINGS_INVALID", "SS_LLM_API_KEY"),
        ({"llm_provider": "yunwu", "llm_base_url": None}, "SETTINGS_INVALID", "SS_LLM_BASE_URL"),
        ({"llm_base_url": "ftp://x"}, "SETTINGS_INVALID", "SS_LLM_BASE_URL"),
        ({"llm_base_url": "https://"}, "SETTINGS_INVALID", "SS_LLM_BASE_URL"),
        ({"llm_base_url": "http://host:port"}, "SETTINGS_INVALID", "SS_LLM_BASE_URL"),
        ({"llm_model": "claude-99"}, "LLM_MODEL_UNPRICED", "claude-99"),
        ({"llm_model_small": "tiny"}, "LLM_MODEL_UNPRICED", "tiny"),
        ({"llm_fallback_provider": "openai"}, "SETTINGS_INVALID", "SS_LLM_FALLBACK_MODEL"),
        ({"llm_fallback_provider": "openai", "llm_fallback_model": "gpt-4o"}, "SETTINGS_INVALID", "FALLBACK_API_KEY"),
        ({"llm_provider": "none", "llm_fallback_provider": "openai"}, "SETTINGS_INVALID", "SS_LLM_PROVIDER"),
    ],
)
def test_a_provider_that_cannot_work_is_refused_at_start(open_gateway, changes, code, named):
    with pytest.raises(SsdError) as refused:
        open_gateway(**changes)
    assert refused.value.code == code
    assert named in refused.value.message
    assert "sk-a" not in str(refused.value)


def _at(changes, provider):
    return {**changes, "llm_base_url": provider.url + "/v1"} if changes else {}
