"""A running application whose model is the test peer, and a job with data."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import anyio
import httpx
import pytest

from ssd.app import Services
from ssd.settings import Secret, Settings
from tests.peers.llm_server import LlmServer

REQUIREMENT = "What is the effect of educ on wage, controlling for exper?"
WAGES = b"wage,educ,exper,female\n" + b"".join(
    f"{3 + (i * 37 % 101) / 7:.3f},{8 + i % 9},{i % 31},{i % 2}\n".encode() for i in range(60)
)

DRAFT = {
    "outcome": "wage", "treatment": "educ", "controls": ["exper"], "time": None, "entity": None, "cluster": None,
    "fixed_effects": [], "interactions": [], "instruments": [], "weights": None, "group": None, "post": None,
    "variables": [], "design": "ols", "design_confidence": 0.95, "analysis_goal": "causal",
    "hints": ["the effect is linear"], "unknowns": [],
}  # fmt: skip
FAMILIES = {"families": [{"family_id": "regression", "reason": "a continuous outcome", "confidence": 0.9}]}
TEMPLATE = {
    "template_id": "regression.ols", "reason": "one regression answers it", "confidence": 0.92, "supplementary": [],
}  # fmt: skip
STEPS = {
    "steps": [
        {"step": "overview", "reason": "look at the data first"},
        {"step": "main", "reason": "answers the question"},
    ]
}


@pytest.fixture
async def provider() -> AsyncIterator[LlmServer]:
    async with LlmServer() as server:
        server.answers |= {
            "draft_preview": DRAFT,
            "do_template_select_families": FAMILIES,
            "do_template_select_template": TEMPLATE,
            "plan_generate": STEPS,
        }
        yield server


@pytest.fixture
def settings(tmp_path: Path, provider: LlmServer) -> Settings:
    return Settings(
        data_dir=tmp_path / "data",
        log_level="error",
        redeem_rate_per_minute=0,
        min_free_disk_mb=0,
        llm_provider="anthropic",
        llm_base_url=provider.url,
        llm_api_key=Secret(provider.key),
        llm_retry_backoff_base_seconds=0.0,
        llm_max_attempts=1,
    )


@pytest.fixture
def asked(provider: LlmServer) -> Callable[[], list[str]]:
    """The operations the provider was asked for, in order."""
    return lambda: [seen.schema_name for seen in provider.seen]


@pytest.fixture
async def ready(client: httpx.AsyncClient, services: Services, job: Any) -> Any:
    """The job with wages uploaded and a requirement."""
    response = await client.post(job.path("/inputs/upload"), headers=job.headers, files={"file": ("wages.csv", WAGES)})
    assert response.status_code == 200, response.text
    await services.database.write(
        lambda connection: (
            connection.execute("UPDATE jobs SET requirement = ? WHERE job_id = ?", (REQUIREMENT, job.job_id)) and None
        )
    )
    return job


@pytest.fixture
def ended(client: httpx.AsyncClient) -> Callable[..., Awaitable[dict[str, Any]]]:
    """Wait for the end of a task."""

    async def wait(job: Any, task_id: str) -> dict[str, Any]:
        with anyio.fail_after(60):
            while True:
                task = (await client.get(job.path(f"/llm-tasks/{task_id}"), headers=job.headers)).json()
                if task["status"] in {"succeeded", "failed"}:
                    return task
                await anyio.sleep(0.02)

    return wait


@pytest.fixture
def submit(client: httpx.AsyncClient) -> Callable[..., Awaitable[httpx.Response]]:
    """Ask for a task."""

    async def post(job: Any, task: str, request_id: str = "r1", **given: Any) -> httpx.Response:
        limit = {"max_cost_cents": given.pop("max_cost_cents")} if "max_cost_cents" in given else {}
        body = {"task": task, "request_id": request_id, "input": given, **limit}
        return await client.post(job.path("/llm-tasks"), headers=job.headers, json=body)

    return post


@pytest.fixture
def ran(client: httpx.AsyncClient) -> Callable[..., Awaitable[dict[str, Any]]]:
    """Freeze, run and wait for the end of the run."""

    async def run(job: Any) -> dict[str, Any]:
        response = await client.post(job.path("/run"), headers=job.headers)
        assert response.status_code in {200, 202}, response.text
        with anyio.fail_after(120):
            while True:
                shown = (await client.get(job.path(), headers=job.headers, params={"wait": 1})).json()
                if shown["status"] in {"succeeded", "failed", "cancelled"}:
                    return shown

    return run


@pytest.fixture
def numbers_of(client: httpx.AsyncClient) -> Callable[..., Awaitable[dict[str, str]]]:
    """(term.column) → text of a tidy table of the run, as the file has it."""

    async def read(job: Any, step: str = "02_main") -> dict[str, str]:
        import csv
        import io

        page = (await client.get(job.path("/artifacts?limit=200"), headers=job.headers)).json()
        path = next(a["rel_path"] for a in page["artifacts"] if a["rel_path"].endswith(f"{step}/tidy.csv"))
        text = (await client.get(job.path(f"/artifacts/{path}"), headers=job.headers)).text
        rows = csv.DictReader(io.StringIO(text))
        found = {f"{r['model']}.{r['term']}.{c}": r[c] for r in rows for c in ("estimate", "std_error", "p_value")}
        return {**found, "path": path}

    return read
