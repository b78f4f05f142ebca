"""An operator looks after somebody's job over HTTP, on a real server with a real child process."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest

from ssd.demo.journey import Journey, Json
from ssd.demo.server import LocalServer

STANDIN = Path(__file__).parents[1] / "standins" / "standin"
PASSWORD = "a password of their own"


@pytest.fixture
def slow_server(tmp_path: Path) -> Iterator[LocalServer]:
    environment = {
        "SS_STATA_CMD": f"{STANDIN} hangs",
        "SS_SANDBOX": "off",
        "SS_ADMIN_PASSWORD": PASSWORD,
        "SS_RUN_GRACE_SECONDS": "0.5",
    }
    with LocalServer(tmp_path / "data", environment) as running:
        yield running


@pytest.fixture
def admin(slow_server: LocalServer) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=f"{slow_server.base_url}/api/admin", timeout=60) as client:
        answer = client.post("/auth/login", json={"username": "admin", "password": PASSWORD})
        client.headers["Authorization"] = f"Bearer {answer.json()['token']}"
        yield client


def wait_for(seen: Callable[[], Json | None]) -> Json:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        found = seen()
        if found is not None:
            return found
        time.sleep(0.05)
    raise AssertionError("it did not happen within a minute")


def test_a_hanging_run_is_seen_cancelled_and_queued_again(
    slow_server: LocalServer, admin: httpx.Client, wages: Path
) -> None:
    with Journey(slow_server.base_url) as journey:
        journey.redeem(slow_server.issue_code(), "What is the effect of educ on lwage, controlling for exper?")
        journey.upload(wages)
        journey.draft()
        journey.freeze()
        journey.run()

        def child() -> Json | None:
            status = admin.get("/system/status").json()
            found = [one for one in status["children"] if one["run_id"] is not None]
            return status if found and status["runs"] and status["runs"][0]["resident_bytes"] else None

        status = wait_for(child)
        (run,) = status["runs"]
        assert (run["job_id"], run["tenant_id"]) == (journey.job_id, "default")
        assert status["slots"]["used"] == status["queue"]["running"] == 1
        (process,) = [one for one in status["children"] if one["run_id"] == run["run_id"]]
        assert process["pid"] == run["pid"]
        assert Path(f"/proc/{process['pid']}").exists()
        assert process["resident_bytes"] > 1_000_000
        assert status["versions"]["engine"]["name"] == "Stata MP"

        (listed,) = admin.get("/jobs", params={"status": "running"}).json()["jobs"]
        assert listed["job_id"] == journey.job_id

        cancelled = admin.post(f"/jobs/{journey.job_id}/cancel")
        assert (cancelled.status_code, cancelled.json()["status"]) == (200, "cancelled")
        assert not Path(f"/proc/{process['pid']}").exists()
        assert admin.post(f"/jobs/{journey.job_id}/cancel").json()["status"] == "cancelled"
        assert admin.get("/system/status").json()["runs"] == []

        retried = admin.post(f"/jobs/{journey.job_id}/retry")
        assert (retried.status_code, retried.json()["status"]) == (200, "queued")
        again = admin.post(f"/jobs/{journey.job_id}/retry")
        assert (again.status_code, again.json()["error_code"]) == (409, "JOB_ILLEGAL_TRANSITION")
        wait_for(child)
        admin.post(f"/jobs/{journey.job_id}/cancel")

        shown = admin.get(f"/jobs/{journey.job_id}").json()
        assert [(one["attempt"], one["status"]) for one in shown["runs"]] == [(1, "cancelled"), (2, "cancelled")]
        artifacts = admin.get(f"/jobs/{journey.job_id}/artifacts", params={"kind": "plan"}).json()["artifacts"]
        assert artifacts == journey.artifacts(kind="plan")
        file = admin.get(f"/jobs/{journey.job_id}/artifacts/{artifacts[0]['rel_path']}")
        assert file.content == journey.download(artifacts[0]["rel_path"])

        entries = admin.get("/audit", params={"subject": journey.job_id}).json()["entries"]
        assert [(entry["actor"], entry["action"]) for entry in entries] == [
            ("admin:admin", "jobs.cancel"),
            ("admin:admin", "jobs.retry"),
            ("admin:admin", "jobs.cancel"),
        ]


def test_a_session_survives_a_restart_but_not_a_new_password(slow_server: LocalServer, admin: httpx.Client) -> None:
    assert admin.get("/tokens").status_code == 200
    slow_server.stop()
    slow_server.start()
    admin.base_url = httpx.URL(f"{slow_server.base_url}/api/admin/")
    assert admin.get("/tokens").status_code == 200
    slow_server.stop()
    slow_server._environment["SS_ADMIN_PASSWORD"] = "another password altogether"
    slow_server.start()
    admin.base_url = httpx.URL(f"{slow_server.base_url}/api/admin/")
    answer = admin.get("/tokens")
    assert (answer.status_code, answer.json()["error_code"]) == (403, "ADMIN_TOKEN_INVALID")
