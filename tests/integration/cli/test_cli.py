"""The commands as processes: what they print and how they exit."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

ROOT = Path(__file__).parents[3]


@pytest.fixture
def environ(tmp_path):
    kept = {key: value for key, value in os.environ.items() if not key.startswith("SS_")}
    return {**kept, "SS_DATA_DIR": str(tmp_path / "data"), "SS_PORT": "0", "PYTHONPATH": str(ROOT)}


@pytest.fixture
def ssd(environ, tmp_path):
    def run(*arguments, **changes):
        return subprocess.run(
            [sys.executable, "-m", "ssd", *arguments],
            capture_output=True,
            text=True,
            env={**environ, **changes},
            cwd=tmp_path,
            timeout=120,
            check=False,
        )

    return run


@pytest.fixture
def server(environ, tmp_path):
    """A running service: its process and address."""
    with (tmp_path / "log").open("w") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "ssd", "serve"],
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
            env=environ,
            cwd=tmp_path,
        )
    address = process.stdout.readline().strip()
    yield process, address
    if process.poll() is None:
        process.terminate()
    process.wait(30)
    process.stdout.close()


def test_codes_without_a_server(ssd):
    issued = ssd("codes", "issue", "--count", "2", "--json")
    assert issued.returncode == 0, issued.stderr
    first, second = json.loads(issued.stdout)
    assert ssd("codes", "revoke", first["code_id"]).returncode == 0
    listed = json.loads(ssd("codes", "list", "--json").stdout)
    assert {row["code_id"]: row["status"] for row in listed} == {
        first["code_id"]: "revoked",
        second["code_id"]: "unused",
    }
    assert first["task_code"] not in ssd("codes", "list").stdout


def test_codes_through_the_running_server(ssd, server):
    _, address = server
    code = ssd("codes", "issue", "--tenant", "econ").stdout.strip()
    redeemed = httpx.post(
        f"{address}/v1/task-codes/redeem", json={"task_code": code}, headers={"X-SS-Tenant-ID": "econ"}
    )
    assert redeemed.status_code == 200
    assert ssd("codes", "list", "--status", "used").stdout.count("code_") == 1
    refused = ssd("codes", "issue", "--count", "0")
    assert refused.returncode == 1
    assert refused.stderr.startswith("ssd: INPUT_VALIDATION_FAILED: ")
    assert len(refused.stderr.splitlines()) == 1


def test_the_admin_socket_is_its_owners_alone(server, environ):
    path = Path(environ["SS_DATA_DIR"]) / "admin.sock"
    assert path.stat().st_mode & 0o077 == 0
    assert Path(environ["SS_DATA_DIR"]).stat().st_mode & 0o077 == 0


def test_a_server_says_where_it_is_and_stops_when_told(server, environ):
    process, address = server
    assert address.startswith("http://127.0.0.1:")
    assert httpx.get(f"{address}/health/live").status_code == 200
    process.send_signal(signal.SIGTERM)
    assert process.wait(30) == 0
    assert not (Path(environ["SS_DATA_DIR"]) / "admin.sock").exists()


def test_a_stopping_server_ends_open_streams(server, ssd):
    process, address = server
    code = ssd("codes", "issue").stdout.strip()
    body = httpx.post(f"{address}/v1/task-codes/redeem", json={"task_code": code}).json()
    headers = {"Authorization": f"Bearer {body['token']}"}
    with httpx.stream("GET", f"{address}/v1/jobs/{body['job_id']}/events", headers=headers) as response:
        lines = response.iter_lines()
        while not next(lines).startswith("data:"):
            pass
        process.send_signal(signal.SIGTERM)
        assert "event: done" not in list(lines)
    assert process.wait(30) == 0


def test_a_second_server_is_refused_by_name(server, ssd):
    process, _ = server
    second = ssd("serve")
    assert second.returncode == 2
    assert second.stderr.startswith("ssd: DATA_FOLDER_LOCKED: ")
    assert str(process.pid) in second.stderr
    assert len(second.stderr.splitlines()) == 1


def test_an_address_in_use_is_named(ssd):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        refused = ssd("serve", "--port", str(taken.getsockname()[1]))
    assert refused.returncode == 2
    assert refused.stderr.startswith("ssd: ADDRESS_UNAVAILABLE: ")


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"SS_PORT": "eighty"}, "SETTINGS_INVALID"),
        ({"SS_ENV": "production"}, "PRODUCTION_GATE_VIOLATED"),
        ({"SS_ADMIN_USERNAME": "a b"}, "SETTINGS_INVALID"),
        (
            {"SS_LLM_PROVIDER": "anthropic", "SS_LLM_API_KEY": "k", "SS_LLM_MODEL": "no-such-model"},
            "LLM_MODEL_UNPRICED",
        ),
    ],
)
def test_a_start_that_cannot_be_is_one_line_and_exit_code_2(ssd, changes, code):
    refused = ssd("serve", **changes)
    assert refused.returncode == 2
    assert refused.stdout == ""
    assert refused.stderr.startswith(f"ssd: {code}: ")
    assert len(refused.stderr.splitlines()) == 1


def test_a_damaged_store_refuses_the_start(ssd, environ):
    folder = Path(environ["SS_DATA_DIR"])
    folder.mkdir()
    (folder / "ssd.sqlite3").write_bytes(b"damaged" * 1000)
    refused = ssd("serve")
    assert refused.returncode == 2
    assert refused.stderr.startswith("ssd: DATABASE_CORRUPT: ")


def test_doctor_finds_the_engine_and_names_files_that_are_gone(ssd, environ):
    healthy = ssd("doctor", "--json")
    report = json.loads(healthy.stdout)
    found = {finding["name"]: finding for finding in report["findings"]}
    assert found["stata"]["state"] == "ok", found["stata"]
    shown = {setting["name"]: setting["source"] for setting in report["settings"]}
    assert shown["SS_PORT"] == "environment"
    assert shown["SS_HOST"] == "default"
    ssd("codes", "issue")
    import sqlite3

    with sqlite3.connect(Path(environ["SS_DATA_DIR"]) / "ssd.sqlite3") as store:
        store.execute(
            "INSERT INTO jobs (job_id, tenant_id, trace_id, status, version, requirement, created_at, updated_at)"
            " VALUES ('job_1', 'default', '', 'created', 1, '', '', '')"
        )
        store.execute(
            "INSERT INTO artifacts VALUES ('job_1', 'artifacts/x.csv', 't', '', 1, '', '', NULL, NULL, '', '{}')"
        )
    store.close()
    broken = ssd("doctor")
    assert broken.returncode == 1
    assert "job_1/artifacts/x.csv" in broken.stdout


def test_doctor_reports_a_stata_that_is_not_there(ssd):
    report = ssd("doctor", SS_STATA_CMD="/nowhere/stata-mp")
    assert report.returncode == 1
    assert "/nowhere/stata-mp" in report.stdout


@pytest.mark.parametrize("arguments", [(), ("nothing",), ("codes",), ("codes", "list", "--status", "lost")])
def test_a_wrong_command_line_is_exit_code_2(ssd, arguments):
    assert ssd(*arguments).returncode == 2


def test_reference_commands(ssd):
    assert "SS_DATA_DIR=var" in ssd("settings").stdout
    assert "## JOB_LOCKED" in ssd("errors").stdout
    assert ssd("--version").stdout.startswith("ssd ")
