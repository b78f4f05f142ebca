"""Planted secrets are in no log, file, error or column of the store."""

from __future__ import annotations

import traceback

import pytest
import structlog

from ssd.errors import SsdError
from ssd.ops.logs import configure
from ssd.settings import Secret
from tests.integration.llm.conftest import ask
from tests.peers.llm_server import Answer, Status

KEY = "sk-live-PLANTED0key0000000001"
PLANTED = {
    "bearer": "PLANTEDbearer000002",
    "password": "PLANTEDpassword03",
    "json": "PLANTEDjson00000004",
    "mail": "planted.person@example.org",
    "home": "plantedhome",
    "id": "110101199003070070",
    "github": "ghp_PLANTED0000000000000005",
    "task": "PLANT-ED000-00000-00006",
    "answer": "sk-PLANTED0000000000007",
    "error": "PLANTEDerror0000008",
}
PROMPT = (
    f"Authorization: Bearer {PLANTED['bearer']} password={PLANTED['password']} "
    f'{{"client_secret": "{PLANTED["json"]}"}} {PLANTED["mail"]} /home/{PLANTED["home"]}/data.csv '
    f"身份证{PLANTED['id']} {PLANTED['github']} {PLANTED['task']} my key {KEY} and the ordinary words"
)


@pytest.fixture(autouse=True)
def _logging():
    configure("debug")
    yield
    structlog.reset_defaults()


@pytest.fixture
def gateway(open_gateway, provider):
    provider.key = KEY
    return open_gateway(llm_api_key=Secret(KEY), llm_max_attempts=1)


@pytest.fixture
def search(tmp_path, capfd):
    """Everything this test left behind, as bytes by place."""

    def read(*errors: BaseException) -> dict[str, bytes]:
        places = {str(path): path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
        captured = capfd.readouterr()
        places["output"] = (captured.out + captured.err).encode()
        for number, error in enumerate(errors):
            told = "".join(traceback.format_exception(error)) + repr(getattr(error, "members", None))
            places[f"error {number}"] = told.encode()
        return places

    return read


def found(places: dict[str, bytes]) -> list[str]:
    secrets = [KEY, *PLANTED.values()]
    return [
        f"{secret} in {place}" for place, content in places.items() for secret in secrets if secret.encode() in content
    ]


async def call_and_fail(gateway, request_id):
    with pytest.raises(SsdError) as failed:
        await gateway.call(ask(request_id=request_id, fields={"requirement": PROMPT}, job_id="job_1"))
    return failed.value


async def test_planted_secrets_are_nowhere(gateway, provider, search, llm_settings):
    answer = {"name": f"use {PLANTED['answer']}", "reasons": [f"token={PLANTED['error']}", PLANTED["mail"]]}
    provider.script(
        Answer(answer),
        Status(400, f"bad key {KEY}, secret={PLANTED['error']}"),
        Answer({"wrong": PLANTED["answer"]}),
        Answer(text=f"I give up: Bearer {PLANTED['bearer']}"),
    )
    outcome = await gateway.call(
        ask(fields={"requirement": PROMPT}, job_id="job_1", cache_fields=("requirement",)),
    )
    errors = [await call_and_fail(gateway, "r2"), await call_and_fail(gateway, "r3")]
    structlog.get_logger().info("SS_SETTINGS", settings=repr(llm_settings), again=str(gateway.__dict__))
    places = search(*errors)
    assert found(places) == []
    # The search sees what is there: evidence, the store, logs and errors.
    assert any(b"the ordinary words" in content for place, content in places.items() if place.endswith("prompt.txt"))
    assert any(outcome.call_id.encode() in content for place, content in places.items() if ".sqlite3" in place)
    assert b"SS_LLM_CALL_DONE" in places["output"]
    assert b"LLM_CALL_FAILED" in places["error 0"]
    assert "PLANTED" not in outcome.value.name


async def test_nothing_planted_leaves_the_house(gateway, provider):
    provider.script(Answer({"name": "wage"}))
    await gateway.call(ask(fields={"requirement": PROMPT}))
    (seen,) = provider.seen
    assert [secret for secret in (KEY, *PLANTED.values()) if secret in seen.prompt] == []
    assert "the ordinary words" in seen.prompt


async def test_a_wrong_key_is_not_repeated(open_gateway, provider, search):
    gateway = open_gateway(llm_api_key=Secret(KEY), llm_provider="openai", llm_model="gpt-4.1",
                           llm_base_url=provider.url + "/v1")  # fmt: skip
    with pytest.raises(SsdError) as failed:
        await gateway.call(ask())
    assert failed.value.members["failure_reason"] == "provider_error:KeyRefused"
    assert "Incorrect API key" in failed.value.message
    assert found(search(failed.value)) == []
