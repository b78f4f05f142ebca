"""The gateway as part of a running server: jobs, their evidence, and their deletion."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from pathlib import Path

import httpx
import msgspec
import pytest

from ssd.app import build_app
from ssd.errors import SsdError
from ssd.jobs import erase
from tests.integration.llm.conftest import GOOD, ask
from tests.peers.llm_server import Answer, LlmServer, Status

ROOT = Path(__file__).parents[3]


@pytest.fixture
def settings(settings, provider):
    from ssd.settings import Secret

    return msgspec.structs.replace(
        settings, llm_provider="anthropic", llm_base_url=provider.url, llm_api_key=Secret(provider.key)
    )


@pytest.fixture
def provider_environment():
    return {"PATH": os.environ["PATH"], "SS_PORT": "0", "SS_LLM_PROVIDER": "anthropic",
            "SS_LLM_API_KEY": "sk-planted-0001"}  # fmt: skip


@pytest.fixture
def request_of(services, job):
    """A request of the fixture's job."""
    return lambda **changes: ask(job_id=job.job_id, cache_fields=("requirement",), **changes)


async def test_a_server_without_a_provider_has_no_gateway(tmp_path, serve_app):
    from ssd.settings import Settings

    app = build_app(Settings(data_dir=tmp_path / "none", log_level="error"))
    async with serve_app(app):
        assert app.state.services.gateway is None


def test_a_model_without_a_price_stops_the_start(tmp_path, provider_environment):
    started = subprocess.run(
        [sys.executable, "-m", "ssd", "serve"],
        cwd=ROOT,
        env={**provider_environment, "SS_DATA_DIR": str(tmp_path / "unpriced"), "SS_LLM_MODEL": "claude-99"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert started.returncode != 0
    told = started.stdout + started.stderr
    assert "LLM_MODEL_UNPRICED" in told
    assert "claude-99" in told
    assert "sk-planted" not in told


async def test_evidence_lies_with_the_job_and_is_not_shown(services, client, job, request_of):
    outcome = await services.gateway.call(request_of())
    folder = services.jobs.folder(job.job_id).artifacts / "llm" / outcome.call_id
    assert sorted(path.name for path in folder.iterdir()) == ["meta.json", "prompt.txt", "response.txt"]
    listing = (await client.get(job.path("/artifacts"), headers=job.headers)).json()
    assert listing["artifacts"] == []
    hidden = await client.get(job.path(f"/artifacts/artifacts/llm/{outcome.call_id}/prompt.txt"), headers=job.headers)
    assert hidden.json()["error_code"] == "ARTIFACT_NOT_FOUND"


class TestExposed:
    @pytest.fixture
    def settings(self, settings):
        return msgspec.structs.replace(settings, expose_llm_evidence=True)

    async def test_evidence_is_shown_when_the_operator_wants_it(self, services, client, job, request_of, provider):
        outcome = await services.gateway.call(request_of())
        provider.script(Status(400))
        with pytest.raises(SsdError):
            await services.gateway.call(request_of(request_id="r2", fields={"requirement": "other"}))
        listing = (await client.get(job.path("/artifacts?kind=llm"), headers=job.headers)).json()["artifacts"]
        assert len(listing) == 6
        path = f"artifacts/llm/{outcome.call_id}/response.txt"
        answer = await client.get(job.path(f"/artifacts/{path}"), headers=job.headers)
        assert json.loads(answer.text) == GOOD


async def test_deleting_a_job_takes_its_answers_but_not_the_ledger(services, job, request_of):
    outcome = await services.gateway.call(request_of())
    await erase.delete(services.jobs, job.job_id)
    for table, left in {"llm_outcomes": 0, "llm_cache": 0, "llm_calls": 1, "llm_reservations": 1}.items():
        row = await services.database.one(f"SELECT count(*) AS n FROM {table}")
        assert (table, row["n"]) == (table, left)
    row = await services.database.one("SELECT cost FROM llm_calls")
    assert row["cost"] == outcome.cost_microcents


async def test_a_job_deleted_while_the_model_works_leaves_no_answer_behind(services, job, request_of, provider):
    provider.script(Answer(GOOD, delay=0.3))
    task = asyncio.create_task(services.gateway.call(request_of()))
    while not provider.seen:
        await asyncio.sleep(0.01)
    await erase.delete(services.jobs, job.job_id)
    outcome = await task
    assert outcome.cost_microcents > 0
    for table in ("llm_outcomes", "llm_cache"):
        assert (await services.database.one(f"SELECT count(*) AS n FROM {table}"))["n"] == 0
    assert not services.jobs.folder(job.job_id).root.exists()


def test_the_peer_runs_as_a_process_and_can_be_steered():
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.peers.llm_server"], cwd=ROOT, stdout=subprocess.PIPE, text=True
    )
    try:
        url = process.stdout.readline().strip()
        with httpx.Client(base_url=url) as client:
            client.post("/_script", json=[{"turn": "status", "status": 529}]).raise_for_status()
            client.post("/_answers", json={"route": {"name": "educ"}}).raise_for_status()
            headers = {"x-api-key": LlmServer.key, "anthropic-version": "2023-06-01"}
            body = {
                "model": "m",
                "max_tokens": 9,
                "system": "s",
                "messages": [{"role": "user", "content": "u"}],
                "tools": [{"name": "route", "description": "d", "input_schema": {"type": "object"}}],
                "tool_choice": {"type": "tool", "name": "route"},
            }
            assert client.post("/v1/messages", headers=headers, json=body).status_code == 529
            answer = client.post("/v1/messages", headers=headers, json=body).json()
            assert answer["content"][0]["input"] == {"name": "educ"}
            refused = client.post("/v1/messages", headers=headers, json={**body, "max_tokens": 0})
            assert (refused.status_code, refused.json()["error"]["type"]) == (400, "invalid_request_error")
            assert client.post("/v1/messages", json=body).status_code == 401
            assert len(client.get("/_requests").json()) == 4
    finally:
        process.terminate()
        process.wait()
        process.stdout.close()
