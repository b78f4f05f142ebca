"""A failing do-file is explained in Stata's words, and a correct retry succeeds."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from ssd.demo.journey import Journey
from ssd.demo.server import LocalServer
from tests.acceptance.conftest import freeze_regression

Begin = Callable[[str], Journey]
STANDIN = Path(__file__).parents[1] / "standins" / "standin"


def test_a_failed_run_names_code_command_line_and_message_and_a_corrected_one_succeeds(
    begin: Begin, tmp_path: Path
) -> None:
    # Only one cluster is left once incomplete rows are dropped: what the plan asks for cannot be computed.
    path = tmp_path / "wages.csv"
    rows = [f"{i % 7 + 0.5 * (i % 3)},{i % 5},{i % 11},one" for i in range(60)] + [",3,4,two", ",4,4,two"]
    path.write_text("wage,educ,exper,state\n" + "\n".join(rows) + "\n", "utf-8")
    journey = begin("What is the effect of educ on wage, controlling for exper, clustered by state?")
    journey.upload(path)
    journey.draft()
    journey.patch(cluster_var="state")
    journey.freeze(default_overrides={})
    journey.run()
    job = journey.follow()
    assert job["status"] == "failed"
    error = job["error"]
    assert error["error_code"] == "STATA_RETURN_CODE"
    assert error["stata"]["rc"] > 0
    assert error["stata"]["command"]
    assert isinstance(error["stata"]["line"], int)
    assert error["message"]
    assert error["hint"]
    records = [json.loads(journey.download(item["rel_path"])) for item in journey.artifacts(kind="run_meta")]
    failed = [record for record in records if record["status"] == "failed"]
    assert [record["error"] for record in failed] == [error]
    assert journey.artifacts(kind="log")
    # A retry without a change fails again, as often as one likes.
    journey.run()
    assert journey.follow()["status"] == "failed"
    reopened = journey.http.post(f"/v1/jobs/{journey.job_id}/reopen")
    assert reopened.status_code == 200, reopened.text
    journey.patch(cluster_var=None)
    plan = journey.freeze()
    assert plan["revision"] > 1
    journey.run()
    job = journey.follow()
    assert job["status"] == "succeeded", job["error"]
    assert job["error"] is None
    assert job["latest_run"]["attempt"] == 3


@pytest.mark.parametrize(
    ("behaviour", "code"),
    [("r601", "STATA_RETURN_CODE"), ("no_log_licence", "STATA_LICENSE"), ("missing_output", "OUTPUTS_CONTRACT_UNMET")],
)
def test_the_failure_of_a_real_stata_is_told_by_code(behaviour: str, code: str, tmp_path: Path, wages: Path) -> None:
    environment = {"SS_STATA_CMD": f"{STANDIN} {behaviour}", "SS_SANDBOX": "off"}
    with LocalServer(tmp_path / "data", environment) as server, Journey(server.base_url) as journey:
        freeze_regression(journey, server, wages)
        journey.run()
        job = journey.follow()
        assert (job["status"], job["error"]["error_code"]) == ("failed", code)
        assert job["latest_run"]["engine"]["name"] == "Stata MP"
        journey.run()
        assert journey.follow()["latest_run"]["attempt"] == 2


def test_the_numbers_of_two_engines_are_not_mixed(tmp_path: Path, wages: Path) -> None:
    environment = {"SS_STATA_CMD": f"{STANDIN} fine", "SS_SANDBOX": "off"}
    with LocalServer(tmp_path / "data", environment) as server, Journey(server.base_url) as journey:
        freeze_regression(journey, server, wages)
        journey.run()
        assert journey.follow()["status"] == "succeeded"
        records = [json.loads(journey.download(item["rel_path"])) for item in journey.artifacts(kind="run_meta")]
        assert {record["engine"]["name"] for record in records} == {"Stata MP"}
