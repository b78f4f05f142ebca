"""The proof that language models are under control: a real server, a real store, a provider that speaks the protocol.

Each test starts a server and a provider of its own as processes, works through HTTP and the operator's commands, and
reads the books from the store. What a guard forbids is also shown to happen without it.
"""

from __future__ import annotations

import csv
import io
import math
import os
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import httpx
import pytest

from ssd.demo.journey import Journey, Refused
from ssd.demo.server import LocalServer

KEY = "sk-test-acceptance-4f1c9a7d2b"
ROUTE = {
    "design": "ols", "family": "regression", "model_tier": "small", "reason": "a plain regression", "confidence": 0.8,
}  # fmt: skip
ROOT = Path(__file__).parents[2]
CENT = 1_000_000


class Provider:
    """The test peer as a process."""

    def __init__(self) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tests.peers.llm_server", "--key", KEY], stdout=subprocess.PIPE, text=True, cwd=ROOT
        )
        assert self.process.stdout is not None
        self.url = self.process.stdout.readline().strip()
        self.http = httpx.Client(base_url=self.url, timeout=10)

    def script(self, *turns: dict[str, Any]) -> None:
        self.http.post("/_script", json=list(turns)).raise_for_status()

    def answers(self, **by_operation: Any) -> None:
        self.http.post("/_answers", json=by_operation).raise_for_status()

    def requests(self, operation: str | None = None) -> list[dict[str, Any]]:
        seen = self.http.get("/_requests").json()
        return [item for item in seen if operation in (None, item["schema_name"])]

    def close(self) -> None:
        self.http.close()
        self.process.kill()
        self.process.wait()
        assert self.process.stdout is not None
        self.process.stdout.close()


class World:
    """A server whose model is the provider."""

    def __init__(self, folder: Path, settings: dict[str, str]) -> None:
        self.provider = Provider()
        self.provider.answers(route=ROUTE)
        self.folder = folder
        self.environment = {
            "SS_LLM_PROVIDER": "anthropic",
            "SS_LLM_BASE_URL": self.provider.url,
            "SS_LLM_API_KEY": KEY,
            "SS_LLM_MAX_ATTEMPTS": "1",
            "SS_LLM_RETRY_BACKOFF_BASE_SECONDS": "0",
            "SS_REDEEM_RATE_PER_MINUTE": "0",
            **settings,
        }
        self.server = LocalServer(folder / "data", self.environment).start()
        self.journeys: list[Journey] = []

    def begin(self, requirement: str = "", tenant: str = "default") -> Journey:
        journey = Journey(self.server.base_url, tenant=tenant)
        self.journeys.append(journey)
        journey.redeem(self.server.issue_code(tenant), requirement)
        return journey

    def operator(self, *words: str) -> str:
        """`ssd llm …` as the operator types it."""
        environment = {key: value for key, value in os.environ.items() if not key.startswith("SS_")}
        done = subprocess.run(
            [sys.executable, "-m", "ssd", "llm", *words], capture_output=True, text=True, check=True, cwd=ROOT,
            env={**environment, **self.environment, "SS_DATA_DIR": str(self.folder / "data")},
        )  # fmt: skip
        return done.stdout

    def rows(self, sql: str, *parameters: Any) -> list[sqlite3.Row]:
        path = self.folder / "data" / "ssd.sqlite3"
        with sqlite3.connect(f"file:{path}?mode=ro", uri=True) as connection:
            connection.row_factory = sqlite3.Row
            found = connection.execute(sql, parameters).fetchall()
        connection.close()
        return found

    def number(self, sql: str, *parameters: Any) -> int:
        return int(self.rows(sql, *parameters)[0][0] or 0)

    def require_books_agree(self) -> int:
        """Micro-cents spent, the same in ledger, roll-ups and settled reservations; nothing is held."""
        ledger = self.number("SELECT sum(cost) FROM llm_calls")
        assert self.number("SELECT sum(spent) FROM llm_monthly") == ledger
        assert self.number("SELECT sum(spent) FROM llm_hourly") == ledger
        assert self.number("SELECT sum(spent) FROM llm_reservations WHERE state = 'settled'") == ledger
        assert self.number("SELECT sum(reserved) FROM llm_monthly") == 0
        assert self.number("SELECT count(*) FROM llm_reservations WHERE state = 'held'") == 0
        return ledger

    def close(self) -> None:
        for journey in self.journeys:
            journey.http.close()
        self.server.stop()
        self.provider.close()


@pytest.fixture
def world(tmp_path: Path) -> Iterator[Callable[..., World]]:
    """Makes worlds; settings by name without the prefix."""
    with ExitStack() as stack:

        def make(**settings: Any) -> World:
            folder = tmp_path / f"world{len(list(tmp_path.iterdir()))}"
            folder.mkdir()
            made = World(folder, {f"SS_LLM_{name.upper()}": str(value) for name, value in settings.items()})
            stack.callback(made.close)
            return made

        yield make


def submit(journey: Journey, task: str, request_id: str, **given: Any) -> dict[str, Any]:
    body = {"task": task, "request_id": request_id, "input": given}
    return journey._job("POST", "/llm-tasks", json=body)


def ended(journey: Journey, task: dict[str, Any], seconds: float = 60.0) -> dict[str, Any]:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        shown = journey._job("GET", f"/llm-tasks/{task['task_id']}")
        if shown["status"] in {"succeeded", "failed"}:
            return shown
        time.sleep(0.03)
    raise TimeoutError(f"the task is {shown['status']}")


def done(journey: Journey, request_id: str, words: str = "who should look at wages?") -> dict[str, Any]:
    """A small task from request to end."""
    return ended(journey, submit(journey, "route", request_id, request=words))


def block_of(task: dict[str, Any]) -> str | None:
    assert task["status"] == "failed", task
    assert task["result"] is None
    return task["error"].get("block_reason")


def until(condition: Callable[[], Any], seconds: float = 30.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.02)


# --- every task, once ---


def campaign(folder: Path) -> Path:
    """Spend and response of two channels; the response of tv is a regression's outcome too."""
    lines = ["tv_spend,tv_sales,web_spend,web_sales"]
    for n in range(40):
        tv, web = 5.0 + (n * 13) % 97, 1.0 + (n * 7) % 41
        lines.append(f"{tv},{50 + 300 * math.log1p(tv / 40):.6f},{web},{20 + 120 * math.log1p(web / 10):.6f}")
    path = folder / "campaign.csv"
    path.write_text("\n".join(lines) + "\n", "utf-8")
    return path


PLANNER = {
    "draft_preview": {
        "outcome": "tv_sales", "treatment": "tv_spend", "controls": ["web_spend"], "design": "ols",
        "design_confidence": 0.9, "analysis_goal": "causal",
    },
    "do_template_select_families": {
        "families": [{"family_id": "regression", "reason": "a continuous outcome", "confidence": 0.9}]
    },
    "do_template_select_template": {
        "template_id": "regression.ols", "reason": "one regression answers it", "confidence": 0.9,
    },
    "plan_generate": {
        "steps": [{"step": "overview", "reason": "see the data"}, {"step": "main", "reason": "the question"}]
    },
}  # fmt: skip


def numbers_of_the_run(journey: Journey) -> tuple[str, list[dict[str, str]]]:
    path = next(a["rel_path"] for a in journey.artifacts() if a["rel_path"].endswith("02_main/tidy.csv"))
    return path, list(csv.DictReader(io.StringIO(journey.download(path).decode())))


def script_task_answers(provider: Provider, estimate: float) -> None:
    words = (
        f"One more unit of tv_spend goes with {estimate:.2f} more units of tv_sales when web_spend is held constant. "
    )
    words += "This describes the sample and rests on the linear form of the model."
    cited = {"metric": "main.tv_spend.estimate", "value": estimate, "source_file": "02_main/tidy.csv"}
    budget = (
        "The budget of 100 is divided so that one more unit would bring the same in each channel, which the fitted "
    )
    budget += "curves imply. How far this holds depends on the fit of the curves and on the range of the data."
    provider.answers(
        explanation={"text": words, "citations": [cited], "confidence": 0.7},
        investigation={
            "tool_calls": [],
            "findings": [{"finding": "Every step of the run ended well.", "evidence": ["g1"], "confidence": 0.8}],
            "synthesis": "The log shows no error and nothing that would surprise.",
        },
        budget_optimization={
            "text": budget,
            "citations": [{"metric": "total.budget", "value": 100.0, "source_file": "computed"}],
            "confidence": 0.6,
        },
        report_write={
            "paragraphs": [{"section": "results", "text": "The estimate of tv_spend on tv_sales is {{f1}} here."}]
        },
    )


def test_every_task_leaves_exactly_one_ledger_row_and_one_record(world, tmp_path):
    here = world()
    here.provider.answers(**PLANNER)
    journey = here.begin("What is the effect of tv_spend on tv_sales, controlling for web_spend?")
    journey.upload(campaign(tmp_path))
    assert journey.draft()["draft_source"] == "llm"
    assert journey.freeze()["plan_source"] == "llm"
    journey.run()
    assert journey.follow()["status"] == "succeeded"
    path, rows = numbers_of_the_run(journey)
    first = rows[0]
    script_task_answers(here.provider, float(first["estimate"]))
    channels = [{"name": n, "spend": f"{n}_spend", "response": f"{n}_sales"} for n in ("tv", "web")]
    given: dict[str, dict[str, Any]] = {
        "route": {"request": "who should look at this?"},
        "explanation": {"question": "what does tv_spend do?"},
        "investigation": {"question": "is anything wrong?"},
        "budget_optimization": {"channels": channels, "total_budget": 100, "goal": "maximize_revenue"},
        "report.write": {"question": "write it up"},
    }
    for task, members in given.items():
        shown = ended(journey, submit(journey, task, "once", **members))
        assert shown["status"] == "succeeded", shown
        calls = here.rows("SELECT * FROM llm_calls WHERE operation = ?", task)
        records = here.rows("SELECT * FROM llm_task_records WHERE task = ?", task)
        assert [row["status"] for row in calls] == ["success"], task
        assert [row["call_id"] for row in records] == [calls[0]["call_id"]], task
        assert len(here.provider.requests(task.replace(".", "_"))) == 1
        for name in ("prompt.txt", "response.txt", "meta.json"):
            (evidence,) = (here.folder / "data" / "jobs").glob(f"*/*/artifacts/llm/{calls[0]['call_id']}/{name}")
            assert evidence.stat().st_size > 0
    shown = journey._job("GET", "/llm-tasks")["tasks"]
    explanation = next(task for task in shown if task["task"] == "explanation")
    assert explanation["result"]["citations"][0]["source_file"] == path
    assert journey.status()["status"] == "succeeded"
    assert here.require_books_agree() > 0
    assert not [item for item in journey.artifacts() if "llm/" in item["rel_path"]]


def test_a_duplicate_request_is_one_call(world):
    here = world()
    journey = here.begin()
    here.provider.script({"turn": "answer", "value": ROUTE, "delay": 0.5})
    with ThreadPoolExecutor(8) as pool:
        tasks = list(pool.map(lambda _: submit(journey, "route", "same", request="a"), range(8)))
    assert len({task["task_id"] for task in tasks}) == 1
    assert ended(journey, tasks[0])["status"] == "succeeded"
    assert ended(journey, submit(journey, "route", "same", request="a"))["status"] == "succeeded"
    assert len(here.provider.requests()) == 1
    assert here.number("SELECT count(*) FROM llm_calls") == here.number("SELECT count(*) FROM llm_task_records") == 1
    with pytest.raises(Refused) as refused:
        submit(journey, "route", "same", request="something else")
    assert (refused.value.status, refused.value.code) == (409, "LLM_REQUEST_CONFLICT")
    assert done(journey, "another", "something else")["status"] == "succeeded"
    assert len(here.provider.requests()) == 2


def test_a_cache_hit_bypasses_the_provider(world):
    here = world()
    journey = here.begin()
    assert done(journey, "first")["status"] == "succeeded"
    spent = here.require_books_agree()
    assert done(journey, "second")["status"] == "succeeded"
    assert len(here.provider.requests()) == 1
    assert [row["cached"] for row in here.rows("SELECT cached FROM llm_calls ORDER BY started_at")] == [0, 1]
    assert here.require_books_agree() == spent
    assert done(journey, "third", "another question")["status"] == "succeeded"
    assert len(here.provider.requests()) == 2


def test_without_a_cache_the_provider_is_asked_each_time(world):
    """Negative control of the cache."""
    here = world(cache_ttl_seconds=0)
    journey = here.begin()
    for request_id in ("first", "second"):
        assert done(journey, request_id)["status"] == "succeeded"
    assert len(here.provider.requests()) == 2


# --- what stops calls ---


def test_the_breaker_opens_blocks_and_one_probe_closes_it(world):
    here = world(breaker_failures=3, breaker_open_seconds=2)
    journey = here.begin()
    here.provider.script(*[{"turn": "status", "status": 500}] * 3)
    for number in range(3):
        task = done(journey, f"fails{number}", f"q{number}")
        assert (task["error"]["error_code"], block_of(task)) == ("LLM_CALL_FAILED", None)
    assert block_of(done(journey, "blocked", "q3")) == "breaker_open"
    assert len(here.provider.requests()) == 3
    time.sleep(2.1)
    here.provider.script({"turn": "answer", "value": ROUTE, "delay": 1.0})
    probe = submit(journey, "route", "probe", request="q4")
    until(lambda: len(here.provider.requests()) == 4)
    assert block_of(done(journey, "beside", "q5")) == "breaker_open"
    assert ended(journey, probe)["status"] == "succeeded"
    assert done(journey, "after", "q6")["status"] == "succeeded"
    assert len(here.provider.requests()) == 5
    here.require_books_agree()


def test_a_higher_threshold_lets_the_fourth_call_through(world):
    """Negative control of the breaker."""
    here = world(breaker_failures=50)
    journey = here.begin()
    here.provider.script(*[{"turn": "status", "status": 500}] * 3)
    for number in range(3):
        block_of(done(journey, f"fails{number}", f"q{number}"))
    assert done(journey, "fourth", "q3")["status"] == "succeeded"


def test_the_kill_switch_blocks_and_is_lifted_without_a_restart(world):
    here = world()
    journey = here.begin()
    here.operator("kill", "on")
    assert block_of(done(journey, "held")) == "provider_kill_switch"
    assert here.provider.requests() == []
    process = here.server.process
    here.operator("kill", "off")
    assert done(journey, "held")["status"] == "succeeded"
    assert here.server.process is process
    attempts = here.rows("SELECT attempt, status FROM llm_calls ORDER BY started_at")
    assert [row["status"] for row in attempts] == ["blocked", "success"]


def test_a_shut_off_tells_the_operators_words(world):
    here = world()
    journey = here.begin()
    here.operator("shutoff", "invoice under review")
    assert block_of(done(journey, "held")) == "invoice under review"
    here.operator("shutoff", "--lift")
    assert done(journey, "held")["status"] == "succeeded"


def test_the_hourly_threshold_shuts_off(world):
    here = world(hourly_cap_cents=3)
    journey, other = here.begin(), here.begin()
    # 8,000 input tokens at $5 a million are 4 cents.
    here.provider.script({"turn": "answer", "value": ROUTE, "input_tokens": 8000, "output_tokens": 10})
    assert done(journey, "first", "q1")["status"] == "succeeded"
    assert block_of(done(journey, "second", "q2")) == "hourly_threshold_exceeded"
    assert len(here.provider.requests()) == 1
    assert done(other, "theirs", "q3")["status"] == "succeeded"  # another user's hour is their own
    here.operator("set-cap", "500", "--hourly")
    assert done(journey, "second", "q2")["status"] == "succeeded"


FIFTY = 50


def spend_fifty(here: World, journey: Journey) -> list[dict[str, Any]]:
    """Fifty calls at once, each of which costs about 10 cents (4,000 output tokens at $25 a million)."""
    turn = {"turn": "answer", "value": ROUTE, "output_tokens": 4000, "input_tokens": 100, "delay": 0.3}
    here.provider.script(*[dict(turn) for _ in range(FIFTY)])
    with ThreadPoolExecutor(FIFTY) as pool:
        tasks = list(pool.map(lambda n: submit(journey, "route", f"r{n}", request=f"question {n:02d}"), range(FIFTY)))
    watched = 0
    while here.number("SELECT count(*) FROM llm_tasks WHERE status IN ('queued', 'running')"):
        watched = max(watched, here.number("SELECT sum(spent + reserved) FROM llm_monthly"))
        time.sleep(0.01)
    here.most = max(watched, here.number("SELECT sum(spent + reserved) FROM llm_monthly"))  # type: ignore[attr-defined]
    return [ended(journey, task) for task in tasks]


def test_fifty_calls_at_once_never_spend_more_than_the_cap(world):
    here = world(monthly_cap_cents=200, hourly_cap_cents=100_000)
    journey = here.begin()
    tasks = spend_fifty(here, journey)
    blocked = [task for task in tasks if task["status"] == "failed"]
    assert {block_of(task) for task in blocked} == {"monthly_cap_exceeded"}
    spent = here.require_books_agree()
    assert here.most <= 200 * CENT
    assert 0 < spent <= 200 * CENT
    succeeded = FIFTY - len(blocked)
    assert succeeded == len(here.provider.requests()) == here.number("SELECT count(*) FROM llm_task_records")
    assert spent == succeeded * (4000 * 25 + 100 * 5) * 100
    assert 5 <= succeeded <= 20


def test_without_the_cap_all_fifty_are_paid(world):
    """Negative control of the cap."""
    here = world(monthly_cap_cents=100_000, hourly_cap_cents=100_000)
    tasks = spend_fifty(here, here.begin())
    assert {task["status"] for task in tasks} == {"succeeded"}
    assert here.require_books_agree() > 200 * CENT


def test_a_budget_of_zero_sends_nothing_out(world, tmp_path):
    here = world(monthly_cap_cents=0)
    here.provider.answers(**PLANNER)
    journey = here.begin("What is the effect of tv_spend on tv_sales?")
    journey.upload(campaign(tmp_path))
    draft = journey.draft()
    assert (draft["draft_source"], draft["fallback_reason"]) == ("rule", "LLM_BLOCKED: monthly_cap_exceeded")
    plan = journey.freeze()
    assert plan["plan_source"] == "rule_fallback"
    assert "monthly_cap_exceeded" in plan["fallback_reason"]
    assert block_of(done(journey, "r")) == "monthly_cap_exceeded"
    assert here.provider.requests() == []
    assert here.require_books_agree() == 0
    here.operator("set-cap", "2500")
    assert done(journey, "r")["status"] == "succeeded"
    assert len(here.provider.requests()) == 1


# --- what goes wrong outside ---


def test_a_time_out_ends_the_request_and_frees_the_money(world):
    here = world(timeout_seconds=0.5)
    journey = here.begin()
    here.provider.script({"turn": "drip"})
    task = done(journey, "slow")
    assert (task["error"]["error_code"], task["error"]["failure_reason"]) == ("LLM_CALL_FAILED", "provider_timeout")
    until(lambda: here.provider.requests()[0]["hung_up"])
    here.require_books_agree()
    assert done(journey, "slow")["status"] == "succeeded"  # nothing is blocked for ever


def test_a_crash_in_mid_call_is_closed_and_the_task_is_done_after_the_restart(world):
    here = world()
    journey = here.begin()
    here.provider.script({"turn": "answer", "value": ROUTE, "delay": 30.0})
    task = submit(journey, "route", "cut", request="a")
    until(lambda: len(here.provider.requests()) == 1)
    assert here.number("SELECT count(*) FROM llm_reservations WHERE state = 'held'") == 1
    here.server.kill()
    assert [row["status"] for row in here.rows("SELECT status FROM llm_calls")] == ["pending"]
    here.server.start()
    journey.http.base_url = httpx.URL(here.server.base_url)
    assert ended(journey, task)["status"] == "succeeded"
    calls = here.rows("SELECT attempt, status, reason FROM llm_calls ORDER BY attempt")
    assert [(row["status"], row["reason"]) for row in calls] == [("failed", "abandoned"), ("success", None)]
    assert here.number("SELECT count(*) FROM llm_task_records") == 1
    here.require_books_agree()


def test_a_failing_model_never_moves_the_job(world, tmp_path):
    here = world()
    journey = here.begin("What is the effect of tv_spend on tv_sales?")
    journey.upload(campaign(tmp_path))
    here.provider.script(*[{"turn": "garbage"}] * 4)
    assert journey.draft()["draft_source"] == "rule"
    before = journey.status()
    here.provider.script(*[{"turn": "status", "status": 529}] * 2)
    block_of(done(journey, "r1"))
    after = journey.status()
    assert (after["status"], after["version"]) == (before["status"], before["version"])


# --- who may see what ---


def test_tasks_belong_to_their_job_alone(world):
    here = world()
    mine, theirs = here.begin(), here.begin(tenant="other")
    task = done(mine, "r1")
    assert mine._job("GET", f"/llm-tasks/{task['task_id']}")["result"] == ROUTE  # the positive control
    with pytest.raises(Refused) as hidden:
        theirs._job("GET", f"/llm-tasks/{task['task_id']}")
    assert hidden.value.code == "LLM_TASK_NOT_FOUND"
    assert theirs._job("GET", "/llm-tasks")["tasks"] == []
    answer = theirs.http.get(f"/v1/jobs/{mine.job_id}/llm-tasks")
    assert (answer.status_code, answer.json()["error_code"]) == (403, "AUTH_TOKEN_FORBIDDEN")
    answer = theirs.http.post(f"/v1/jobs/{mine.job_id}/llm-tasks", json={"task": "route", "request_id": "x"})
    assert answer.status_code == 403
    assert done(theirs, "r1")["status"] == "succeeded"  # the same request_id is another request for another user
    owners = here.rows("SELECT DISTINCT tenant_id, user_id FROM llm_calls")
    assert len(owners) == 2
    for table in ("llm_tasks", "llm_task_records", "llm_outcomes", "llm_monthly", "llm_hourly", "llm_reservations"):
        held = here.rows(f"SELECT DISTINCT tenant_id, user_id FROM {table}")
        assert {tuple(row) for row in held} == {tuple(row) for row in owners}, table


def test_the_key_is_in_no_file_and_no_answer(world):
    here = world()
    journey = here.begin(f"explain api_key={KEY} please")
    here.provider.script({"turn": "status", "status": 401, "message": f"bad key {KEY}"})
    task = done(journey, "r1", f"my key is {KEY}")
    assert KEY not in str(task)
    assert done(journey, "r2", "another")["status"] == "succeeded"
    sent = "".join(str(request["body"]) for request in here.provider.requests())
    assert KEY not in sent
    found = [path for path in (here.folder / "data" / "jobs").rglob("*") if path.is_file() and KEY in path.read_text()]
    assert found == []
    assert KEY not in (here.folder / "data" / "server.log").read_text()
    for table in ("llm_calls", "llm_outcomes", "llm_task_records", "llm_cache"):
        assert all(KEY not in str(tuple(row)) for row in here.rows(f"SELECT * FROM {table}")), table


def test_the_dashboards_show_what_happened(world, tmp_path):
    here = world(breaker_failures=50)
    journey = here.begin()
    here.provider.script({"turn": "answer", "value": ROUTE, "input_tokens": 2000, "output_tokens": 100})
    assert done(journey, "paid")["status"] == "succeeded"
    assert done(journey, "cached")["status"] == "succeeded"
    here.provider.script({"turn": "status", "status": 500})
    block_of(done(journey, "failed", "q2"))
    here.operator("dashboards", "--out", str(tmp_path / "out"))

    def table(number: str) -> list[dict[str, str]]:
        (path,) = (tmp_path / "out").glob(f"{number}_*.csv")
        lines = [line for line in path.read_text().splitlines() if not line.startswith("#")]
        return list(csv.DictReader(lines))

    cents = (2000 * 5 + 100 * 25) / 1e6 * 100
    (spend,) = table("01")
    assert float(spend["cost"]) == pytest.approx(cents)
    assert (spend["tenant"], spend["month"]) == ("default", time.strftime("%Y-%m", time.gmtime()))
    assert int(spend["calls"]) == here.number("SELECT calls FROM llm_monthly")
    (hits,) = table("02")
    assert (hits["operation"], hits["calls"], hits["hits"]) == ("route", "2", "1")
    assert table("03")
    by_status = {(row["status"], row["cached"]): row for row in table("04")}
    assert {key: row["calls"] for key, row in by_status.items()} == {
        ("success", "no"): "1", ("success", "yes"): "1", ("failed", "no"): "1",
    }  # fmt: skip
    assert float(by_status["success", "no"]["cost"]) == pytest.approx(cents)
    assert table("05") == []
    (empty,) = (tmp_path / "out").glob("05_*.csv")
    assert "# no call is under way" in empty.read_text()
