"""The audit points: each promise of the design, seen from outside."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest

from ssd.demo.journey import Journey, Refused
from ssd.demo.server import LocalServer

Begin = Callable[[str], Journey]


@pytest.mark.parametrize(
    ("method", "path"),
    [("GET", "/jobs/x"), ("POST", "/jobs/x/run"), ("POST", "/v1/jobs"), ("GET", "/jobs"), ("POST", "/jobs")],
)
def test_only_v1_does_business(method: str, path: str, server: LocalServer) -> None:
    answer = httpx.request(method, server.base_url + path)
    assert answer.status_code == 404
    assert answer.headers["content-type"].startswith("application/problem+json")
    assert answer.json()["error_code"] == "NOT_FOUND"


@pytest.mark.parametrize(
    ("requirement", "template_id"),
    [
        ("Describe the data", "descriptive.overview"),
        ("Show the correlations between wage, educ and exper", "descriptive.correlation"),
        ("Compare the mean of wage between groups of female with a t test", "test.ttest_two_sample"),
        ("What is the effect of educ on lwage, controlling for exper and tenure?", "regression.ols"),
        ("How does educ change the probability of married? Use a logit model.", "limited.logit"),
        ("分组描述：按女性 female 分组的工资 wage 描述统计", "descriptive.by_group"),
    ],
)
def test_the_template_follows_from_requirement_and_data(
    requirement: str, template_id: str, begin: Begin, wages: Path
) -> None:
    journey = begin(requirement)
    journey.upload(wages)
    assert journey.draft()["selected_template"]["template_id"] == template_id
    plan = journey.freeze()
    assert plan["selection"]["template_id"] == template_id


def test_the_plan_carries_the_whole_contract(begin: Begin, wages: Path) -> None:
    journey = begin("What is the effect of educ on lwage, controlling for exper and tenure?")
    journey.upload(wages)
    journey.draft()
    plan = journey.freeze()
    assert plan["selection"]["reason"]
    assert 0 < plan["selection"]["confidence"] <= 1
    assert len(plan["selection"]["candidates"]) > 1
    evidence = {item["rel_path"] for item in journey.artifacts(kind="selection")}
    assert set(plan["selection"]["evidence"]) == evidence
    assert {path.rsplit("/", 1)[1] for path in evidence} == {"stage1.json", "candidates.json", "stage2.json"}
    main = plan["steps"][-1] if plan["steps"][-1]["type"] == "main_regression" else plan["steps"][1]
    contract = main["params"]["template_contract"]
    assert contract["params_contract"]["bound_values"]["outcome"] == "lwage"
    assert contract["params_contract"]["missing_required"] == []
    assert isinstance(contract["dependencies"], list)
    assert any(output["required"] for output in contract["outputs_contract"]["declared"])
    assert len(plan["do_sha256"]) == 64
    assert journey.plan() == plan


def test_what_is_missing_is_told_and_nothing_is_frozen(begin: Begin, wages: Path) -> None:
    journey = begin("Please run a regression")
    journey.upload(wages)
    journey.draft()
    before = journey.status()
    with pytest.raises(Refused) as refused:
        journey.freeze()
    body = refused.value.body
    assert (refused.value.status, body["error_code"]) == (400, "PLAN_FREEZE_MISSING_REQUIRED")
    assert "open_unknowns.outcome_var" in body["missing_fields"]
    assert {item["field"] for item in body["missing_fields_detail"]} == set(body["missing_fields"])
    assert any(item["candidates"] for item in body["missing_fields_detail"])
    assert body["next_actions"]
    after = journey.status()
    assert (after["status"], after["version"]) == (before["status"], before["version"])
    with pytest.raises(Refused) as missing:
        journey.plan()
    assert (missing.value.status, missing.value.code) == (409, "PLAN_MISSING")


def test_two_concurrent_first_redeems_make_one_job(server: LocalServer) -> None:
    code = server.issue_code()

    def redeem(_: int) -> dict[str, object]:
        with Journey(server.base_url) as client:
            return client.redeem(code, "x")

    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(redeem, range(8)))
    assert len({answer["job_id"] for answer in answers}) == 1
    assert len({answer["token"] for answer in answers}) == 8
    assert sorted(str(answer["is_idempotent"]) for answer in answers) == ["False"] + ["True"] * 7


def test_concurrent_runs_make_one_run(begin: Begin, wages: Path) -> None:
    journey = begin("What is the effect of educ on lwage, controlling for exper and tenure?")
    journey.upload(wages)
    journey.draft()
    journey.freeze()
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: journey.run(), range(8)))
    assert {answer["job_id"] for answer in answers} == {journey.job_id}
    job = journey.follow()
    assert job["status"] == "succeeded"
    assert job["latest_run"]["attempt"] == 1
    assert len({item["run_id"] for item in journey.artifacts() if item["run_id"]}) == 1


def test_another_job_s_token_and_another_tenant_open_nothing(begin: Begin, server: LocalServer, wages: Path) -> None:
    mine, other = begin("Describe the data"), begin("Describe the data")
    mine.upload(wages)
    paths = [
        "",
        "/events",
        "/inputs/preview",
        "/draft/preview",
        "/plan",
        "/artifacts",
        "/artifacts/inputs/manifest.json",
    ]
    for path in paths:
        answer = other.http.get(f"/v1/jobs/{mine.job_id}{path}")
        assert (answer.status_code, answer.json()["error_code"]) == (403, "AUTH_TOKEN_FORBIDDEN"), path
        foreign = mine.http.get(f"/v1/jobs/{mine.job_id}{path}", headers={"X-SS-Tenant-ID": "elsewhere"})
        assert (foreign.status_code, foreign.json()["error_code"]) == (403, "AUTH_TOKEN_FORBIDDEN"), path
    for path in ("/run", "/confirm", "/cancel", "/plan/freeze", "/inputs/upload", "/draft/patch"):
        answer = other.http.post(f"/v1/jobs/{mine.job_id}{path}", json={})
        assert (answer.status_code, answer.json()["error_code"]) == (403, "AUTH_TOKEN_FORBIDDEN"), path


def test_the_idle_server_is_small_and_imports_no_data_library(server: LocalServer) -> None:
    assert server.process is not None
    pid = server.process.pid
    status = Path(f"/proc/{pid}/status").read_text()
    resident_kib = int(next(line for line in status.splitlines() if line.startswith("VmRSS")).split()[1])
    mapped = Path(f"/proc/{pid}/maps").read_text()
    assert resident_kib <= 120 * 1024
    assert not any(name in mapped for name in ("numpy", "polars", "pandas", "scipy", "matplotlib"))
