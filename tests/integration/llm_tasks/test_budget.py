"""The optimum of a budget is computed in a child process; the model only puts it into words."""

from __future__ import annotations

from pathlib import Path

import httpx
import pytest

from ssd.errors import SsdError
from ssd.llm_tasks.models import BudgetInput, Channel
from ssd.llm_tasks.optimizer import Optimizer
from tests.integration.llm_tasks.budgets import best_by_search, campaign_csv
from tests.peers.llm_server import Answer, Seen

CHANNELS = [
    {"name": "tv", "spend": "tv_spend", "response": "tv_sales"},
    {"name": "web", "spend": "web_spend", "response": "web_sales"},
]


@pytest.fixture
async def campaign(client: httpx.AsyncClient, job):
    """A job with the data of two channels."""
    response = await client.post(
        job.path("/inputs/upload"), headers=job.headers, files={"file": ("campaign.csv", campaign_csv())}
    )
    assert response.status_code == 200, response.text
    return job


def honest(seen: Seen) -> Answer:
    """Repeats a number the prompt holds."""
    import json
    import re

    text = seen.body["messages"][0]["content"]
    facts = json.loads(re.search(r"<results>\n(.*?)\n</results>", text, re.DOTALL)[1].replace("<\\/", "</"))
    fact = next(f for f in facts if f["metric"] == "tv.optimal_spend")
    words = f"The curves give tv a spend of {fact['value']:.1f}, because there one more unit brings as much as in the "
    words += "other channel; more would bring less. The fit of the curves limits how far this can be trusted."
    return Answer({"text": words, "citations": [fact], "confidence": 0.6})


async def test_the_optimum_is_computed_and_the_model_explains_it(campaign, provider, submit, ended, services):
    provider.respond = honest
    posted = await submit(campaign, "budget_optimization", channels=CHANNELS, total_budget=100, goal="maximize_revenue")
    task = await ended(campaign, posted.json()["task_id"])
    assert task["status"] == "succeeded", task
    optimum = task["result"]["optimum"]
    tv, gain = best_by_search(100.0)
    spends = {channel["name"]: channel["optimal_spend"] for channel in optimum["channels"]}
    assert spends["tv"] == pytest.approx(tv, abs=0.01)
    assert sum(spends.values()) == pytest.approx(100.0, abs=1e-6)
    assert optimum["total_response"] == pytest.approx(gain, rel=1e-6)
    assert len(await services.database.all("SELECT * FROM llm_calls")) == 1
    assert len(await services.database.all("SELECT * FROM llm_task_records")) == 1


async def test_a_model_that_changes_the_optimum_is_refused(campaign, provider, submit, ended):
    def liar(seen: Seen) -> Answer:
        answer = honest(seen).value
        (citation,) = answer["citations"]
        return Answer({**answer, "citations": [{**citation, "value": citation["value"] + 5}]})

    provider.respond = liar
    posted = await submit(campaign, "budget_optimization", channels=CHANNELS, total_budget=100, goal="maximize_revenue")
    task = await ended(campaign, posted.json()["task_id"])
    assert task["error"]["error_code"] == "LLM_RESPONSE_INVALID"


async def test_limits_and_goals_reach_the_child(campaign, provider, submit, ended):
    provider.respond = honest
    limited = [{**CHANNELS[0], "max": 30}, {**CHANNELS[1], "min": 5}]
    posted = await submit(campaign, "budget_optimization", channels=limited, total_budget=60, goal="maximize_revenue")
    task = await ended(campaign, posted.json()["task_id"])
    spends = {c["name"]: c["optimal_spend"] for c in task["result"]["optimum"]["channels"]}
    assert spends == {"tv": pytest.approx(30), "web": pytest.approx(30)}


async def test_minima_above_the_budget_are_refused_at_once(campaign, submit):
    greedy = [{**CHANNELS[0], "min": 80}, {**CHANNELS[1], "min": 80}]
    response = await submit(campaign, "budget_optimization", channels=greedy, total_budget=100, goal="minimize_cpa")
    assert response.status_code == 400
    assert "input.total_budget" in [error["field"] for error in response.json()["errors"]]


async def test_data_without_variation_have_no_optimum(campaign, client, provider, submit, ended):
    flat = b"s,y\n" + b"".join(b"5,%d\n" % n for n in range(20))
    await client.post(campaign.path("/inputs/upload"), headers=campaign.headers, files={"file": ("f.csv", flat)})
    channel = [{"name": "only", "spend": "s", "response": "y"}]
    posted = await submit(campaign, "budget_optimization", channels=channel, total_budget=10, goal="maximize_roas")
    task = await ended(campaign, posted.json()["task_id"])
    assert task["error"]["error_code"] == "LLM_TASK_OPTIMUM_MISSING"
    assert "only: spend does not vary" in task["error"]["message"]
    assert provider.seen == []


async def test_a_child_that_dies_is_a_named_failure(settings, tmp_path: Path):
    given = BudgetInput([Channel("a", "x", "y")], 1.0, "maximize_revenue")
    with pytest.raises(SsdError) as failed:
        await Optimizer(settings).optimum(tmp_path / "missing.dta", given)
    assert failed.value.code == "LLM_TASK_OPTIMUM_MISSING"


async def test_the_server_never_loads_numeric_libraries():
    import subprocess
    import sys

    code = "import ssd.app, sys; print([m for m in ('numpy', 'scipy', 'polars') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
