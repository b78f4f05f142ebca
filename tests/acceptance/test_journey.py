"""The journey on a real socket, for every format, in two languages."""

from __future__ import annotations

import csv
import hashlib
import io
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from ssd.demo.journey import Journey
from tests.acceptance.conftest import CHINESE_REQUIREMENT
from tests.acceptance.formats import WRITERS

Begin = Callable[[str], Journey]


def coefficients(journey: Journey) -> dict[str, dict[str, str]]:
    tidy = next(item for item in journey.artifacts(kind="table") if item["rel_path"].endswith("_main/tidy.csv"))
    rows = csv.DictReader(io.StringIO(journey.download(tidy["rel_path"]).decode("utf-8")))
    return {row["term"]: row for row in rows if row["model"] == "main"}


@pytest.mark.parametrize("extension", ["csv", "xlsx", "xls", "dta"])
def test_chinese_names_and_requirement_in_each_format_give_the_published_coefficients(
    extension: str, begin: Begin, chinese_wages: list[dict[str, float]], tmp_path: Path
) -> None:
    path = tmp_path / f"工资 数据.{extension}"
    WRITERS[extension](chinese_wages, path)
    journey = begin(CHINESE_REQUIREMENT)
    journey.upload(path)
    assert journey.preview()["row_count"] == 526
    draft = journey.draft()
    assert (draft["outcome_var"], draft["treatment_var"]) == ("工资对数", "受教育年限")
    assert set(draft["controls"]) == {"工作经验", "任期"}
    journey.freeze(default_overrides={"vce": "conventional"})
    assert journey.run()["status"] in ("queued", "running", "succeeded")
    job = journey.follow()
    assert job["status"] == "succeeded", job["error"]
    # Wooldridge, Introductory Econometrics, example 4.1
    found = coefficients(journey)
    assert round(float(found["受教育年限"]["estimate"]), 3) == 0.092
    assert round(float(found["受教育年限"]["std_error"]), 3) == 0.007
    assert round(float(found["工作经验"]["estimate"]), 4) == 0.0041


def test_every_downloaded_file_has_the_hash_that_index_and_run_record_promise(begin: Begin, wages: Path) -> None:
    journey = begin("What is the effect of educ on lwage, controlling for exper and tenure?")
    journey.upload(wages)
    journey.draft()
    plan = journey.freeze()
    journey.run()
    job = journey.follow()
    assert job["status"] == "succeeded", job["error"]
    artifacts = journey.artifacts()
    contents = {item["rel_path"]: journey.download(item["rel_path"]) for item in artifacts}
    assert all(hashlib.sha256(contents[item["rel_path"]]).hexdigest() == item["sha256"] for item in artifacts)
    records = [json.loads(content) for path, content in contents.items() if path.endswith("run.meta.json")]
    assert len(records) == len(plan["steps"])
    by_name = {
        (record["step_id"], output["file"]): output["sha256"] for record in records for output in record["outputs"]
    }
    declared = {
        (step["step_id"], output["file"])
        for step in plan["steps"]
        for output in step["params"]["template_contract"]["outputs_contract"]["declared"]
        if output["required"]
    }
    assert declared <= set(by_name)
    for path, content in contents.items():
        step_id = path.split("/")[-2].split("_", 1)[-1]
        if (step_id, path.split("/")[-1]) in by_name:
            assert hashlib.sha256(content).hexdigest() == by_name[step_id, path.split("/")[-1]]
    assert {record["engine"]["name"] for record in records} == {"ssd-engine"}
    assert all(record["exit_code"] == 0 and record["plan_id"] == plan["plan_id"] for record in records)


def test_the_do_file_shown_before_is_the_one_that_ran(begin: Begin, wages: Path) -> None:
    journey = begin("What is the effect of educ on lwage, controlling for exper and tenure?")
    journey.upload(wages)
    journey.draft()
    journey.freeze()
    shown = journey.do_file()
    journey.run()
    assert journey.follow()["status"] == "succeeded"
    ran = [journey.download(item["rel_path"]).decode("utf-8") for item in journey.artifacts(kind="do")]
    assert ran
    assert all(text.strip() in shown for text in ran)


def test_a_range_of_an_artifact_and_its_etag(begin: Begin, wages: Path) -> None:
    journey = begin("Describe the data")
    journey.upload(wages)
    journey.draft()
    journey.freeze(answers={"analysis_goal": "descriptive"})
    journey.run()
    assert journey.follow()["status"] == "succeeded"
    item = next(item for item in journey.artifacts() if item["kind"] == "log")
    whole = journey.download(item["rel_path"])
    path = f"/v1/jobs/{journey.job_id}/artifacts/{item['rel_path']}"
    part = journey.http.get(path, headers={"Range": "bytes=2-11"})
    assert (part.status_code, part.content) == (206, whole[2:12])
    assert part.headers["content-range"] == f"bytes 2-11/{len(whole)}"
    tail = journey.http.get(path, headers={"Range": "bytes=-5"})
    assert tail.content == whole[-5:]
    beyond = journey.http.get(path, headers={"Range": f"bytes={len(whole)}-"})
    assert (beyond.status_code, beyond.json()["error_code"]) == (416, "RANGE_NOT_SATISFIABLE")
    again = journey.http.get(path, headers={"If-None-Match": part.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")


def events_of(journey: Journey, after: str | None = None) -> list[tuple[str, str]]:
    """(event, id) of a job's feed until it ends."""
    headers = {} if after is None else {"Last-Event-ID": after}
    found = []
    message: dict[str, str] = {}
    with journey.http.stream("GET", f"/v1/jobs/{journey.job_id}/events", headers=headers, timeout=120) as stream:
        for line in stream.iter_lines():
            name, _, value = line.partition(":")
            if line:
                message[name] = value.strip()
            elif "event" in message:
                found.append((message["event"], message["id"]))
                message = {}
    return found


def test_events_tell_the_run_from_start_to_end_and_can_be_resumed(begin: Begin, wages: Path) -> None:
    journey = begin("What is the effect of educ on lwage, controlling for exper and tenure?")
    journey.upload(wages)
    journey.draft()
    journey.freeze()
    journey.run()
    events = events_of(journey)
    assert {"status", "progress", "log"} <= {kind for kind, _ in events}
    # Log lines are only shown to those who watch; what was decided can be read again.
    lasting = [(kind, number) for kind, number in events if kind != "log"]
    assert lasting[-1][0] == "done"
    middle = len(lasting) // 2
    later = [item for item in events_of(journey, lasting[middle][1]) if item[0] != "log"]
    stored = lambda items: [(kind, number.split(".")[0]) for kind, number in items]
    assert stored(later) == stored(lasting[middle + 1 :])
