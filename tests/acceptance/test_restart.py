"""kill -9 and restart between any two steps of the journey: what was acknowledged is still there."""

from __future__ import annotations

import time
from pathlib import Path

from ssd.demo.journey import Journey, Json
from ssd.demo.server import LocalServer
from tests.acceptance.conftest import freeze_regression

REQUIREMENT = "What is the effect of educ on lwage, controlling for exper and tenure?"


def snapshot(journey: Journey) -> tuple[Json, list[Json]]:
    return journey.status(), journey.artifacts()


def crash(server: LocalServer, journey: Journey) -> None:
    """Kill the server, start it again, and see the same job as before."""
    before = snapshot(journey)
    server.kill()
    server.start()
    journey.http.base_url = server.base_url
    assert snapshot(journey) == before


def test_the_journey_survives_a_kill_between_any_two_steps(tmp_path: Path, wages: Path) -> None:
    server = LocalServer(tmp_path / "data").start()
    try:
        with Journey(server.base_url) as journey:
            redeemed = journey.redeem(server.issue_code(), REQUIREMENT)
            crash(server, journey)
            uploaded = journey.upload(wages)
            crash(server, journey)
            preview = journey.preview()
            draft = journey.draft()
            crash(server, journey)
            assert journey.preview() == preview
            assert journey.draft() == draft
            journey.patch(controls=["exper", "tenure", "married"])
            crash(server, journey)
            assert journey.draft()["controls"] == ["exper", "tenure", "married"]
            plan = journey.freeze()
            crash(server, journey)
            assert journey.plan() == plan
            journey.run()
            job = journey.follow()
            assert job["status"] == "succeeded", job["error"]
            crash(server, journey)
            files = {item["rel_path"]: journey.download(item["rel_path"]) for item in journey.artifacts()}
            crash(server, journey)
            assert {path: journey.download(path) for path in files} == files
            assert journey.status()["job_id"] == redeemed["job_id"]
            assert uploaded["fingerprint"] == plan["inputs_fingerprint"]
    finally:
        server.kill()


def wait_for(status: str, journey: Journey) -> Json:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        job = journey.status(wait=1.0)
        if job["status"] == status:
            return job
    raise AssertionError(f"the job never became {status}: {job}")


def standin(behaviour: str) -> dict[str, str]:
    return {"SS_STATA_CMD": f"{Path(__file__).parents[1] / 'standins' / 'standin'} {behaviour}", "SS_SANDBOX": "off"}


def test_a_run_that_the_kill_interrupted_is_done_again_by_itself(tmp_path: Path, wages: Path) -> None:
    server = LocalServer(tmp_path / "data", standin("slow")).start()
    try:
        with Journey(server.base_url) as journey:
            freeze_regression(journey, server, wages)
            journey.run()
            wait_for("running", journey)
            server.kill()
            server.start()
            journey.http.base_url = server.base_url
            job = journey.follow()
            assert job["status"] == "succeeded", job["error"]
            assert job["latest_run"]["attempt"] == 2
            assert len({item["run_id"] for item in journey.artifacts(kind="run_meta")}) >= 1
    finally:
        server.kill()


def test_a_stopped_server_leaves_no_child_and_goes_on_after_the_restart(tmp_path: Path, wages: Path) -> None:
    server = LocalServer(tmp_path / "data", standin("slow")).start()
    try:
        with Journey(server.base_url) as journey:
            freeze_regression(journey, server, wages)
            journey.run()
            wait_for("running", journey)
            assert server.stop() == 0
            server.start()
            journey.http.base_url = server.base_url
            job = journey.follow()
            assert job["status"] == "succeeded", job["error"]
            assert job["latest_run"]["attempt"] == 2
    finally:
        server.kill()


def test_a_cancel_ends_the_whole_tree_and_a_retry_works(tmp_path: Path, wages: Path) -> None:
    server = LocalServer(tmp_path / "data", {**standin("ignores_term"), "SS_RUN_GRACE_SECONDS": "0.3"}).start()
    try:
        with Journey(server.base_url) as journey:
            freeze_regression(journey, server, wages)
            journey.run()
            wait_for("running", journey)
            assert journey.cancel()["status"] == "cancelled"
            assert journey.cancel()["status"] == "cancelled"
            assert journey.status()["error"]["error_code"] == "CANCELLED"
            assert not processes_with("time.sleep(600)")
            journey.run()
            wait_for("running", journey)
            assert journey.status()["latest_run"]["attempt"] == 2
            assert journey.cancel()["status"] == "cancelled"
    finally:
        server.kill()


def processes_with(text: str) -> list[str]:
    """Command lines of living processes that hold `text`."""
    lines = []
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            line = (entry / "cmdline").read_bytes().decode("utf-8", "replace")
        except OSError:
            continue
        if text in line:
            lines.append(line)
    return lines
