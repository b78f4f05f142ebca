"""`ssd llm` as a process, with and without a running service; and what the first start says."""

from __future__ import annotations

import json
import os
import re
import sqlite3
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from ssd.demo.server import LocalServer

ROOT = Path(__file__).parents[3]
PROVIDER = {"SS_LLM_PROVIDER": "anthropic", "SS_LLM_API_KEY": "sk-ant-planted-0123456789"}


@pytest.fixture
def data_dir(tmp_path):
    return tmp_path / "data"


@pytest.fixture
def ssd(data_dir, tmp_path):
    kept = {key: value for key, value in os.environ.items() if not key.startswith("SS_")}

    def run(*arguments, **changes):
        return subprocess.run(
            [sys.executable, "-m", "ssd", *arguments],
            capture_output=True,
            text=True,
            env={**kept, "SS_DATA_DIR": str(data_dir), "PYTHONPATH": str(ROOT), **PROVIDER, **changes},
            cwd=tmp_path,
            timeout=60,
            check=False,
        )

    return run


def controls(ssd):
    shown = ssd("llm", "status", "--json")
    assert shown.returncode == 0, shown.stderr
    return json.loads(shown.stdout)["controls"]


@pytest.mark.parametrize("served", [False, True], ids=["on the store", "through the service"])
def test_every_control_changes_what_status_shows(ssd, data_dir, served):
    server = LocalServer(data_dir, PROVIDER)
    if served:
        server.start()
    try:
        assert controls(ssd)["kill_switch"] is False
        assert ssd("llm", "kill", "on").returncode == 0
        assert controls(ssd)["kill_switch"] is True
        assert "kill switch:   ON" in ssd("llm", "status").stdout
        ssd("llm", "kill", "off")
        ssd("llm", "kill", "on", "--provider", "anthropic")
        assert (controls(ssd)["kill_switch"], controls(ssd)["killed_providers"]) == (False, ["anthropic"])
        ssd("llm", "shutoff", "under review")
        assert controls(ssd)["shutoff"] == "under review"
        ssd("llm", "shutoff", "--lift")
        assert controls(ssd)["shutoff"] is None
        ssd("llm", "set-cap", "1234")
        ssd("llm", "set-cap", "56", "--hourly")
        assert (controls(ssd)["monthly_cap_cents"], controls(ssd)["hourly_cap_cents"]) == (1234, 56)
        own = ssd("llm", "set-cap", "7", "--user", "code_1", "--tenant", "econ")
        assert "cap econ/code_1: 7 cents a month" in own.stdout
        assert "code_1" not in ssd("llm", "set-cap", "--remove", "--user", "code_1", "--tenant", "econ").stdout
    finally:
        server.stop()
    with sqlite3.connect(data_dir / "ssd.sqlite3") as store:
        actors = [row[0] for row in store.execute("SELECT actor FROM audit_log WHERE action = 'llm.controls'")]
    store.close()
    assert len(actors) == 9
    assert all(actor.startswith("uid:" if served else "user:") for actor in actors)


def test_reset_breaker_closes_it(ssd, data_dir):
    ssd("llm", "status")
    with sqlite3.connect(data_dir / "ssd.sqlite3") as store:
        store.execute(
            "INSERT INTO llm_breakers (provider, failures, open_until, opened_at, updated_at)"
            " VALUES ('anthropic', 3, '9999-01-01T00:00:00.000+00:00', '', '')"
        )
    store.close()
    assert "breaker anthropic: open, 3 failures" in ssd("llm", "status").stdout
    assert "breaker anthropic: closed, 0 failures" in ssd("llm", "reset-breaker").stdout


def test_dashboards_are_written_with_an_index(ssd, tmp_path):
    written = ssd("llm", "dashboards", "--out", "deep/folder")
    assert written.returncode == 0, written.stderr
    folder = tmp_path / "deep" / "folder"
    index = json.loads((folder / "index.json").read_text("utf-8"))
    assert [entry["file"][:2] for entry in index] == ["01", "02", "03", "04", "05"]
    assert {path.name for path in folder.glob("*.csv")} == {entry["file"] for entry in index}
    for entry in index:
        lines = (folder / entry["file"]).read_text("utf-8").splitlines()
        assert len(lines) == 1 + (entry["rows"] or 1)
        assert (entry["rows"] == 0) is lines[-1].startswith("# ")
        assert entry["generated_at"].endswith("+00:00")


def test_a_folder_that_cannot_be_made_is_named(ssd, tmp_path):
    (tmp_path / "file").write_text("")
    refused = ssd("llm", "dashboards", "--out", "file/folder")
    assert refused.returncode == 1
    assert refused.stderr.startswith("ssd: INPUT_VALIDATION_FAILED: --out file/folder")


@pytest.mark.parametrize(
    "arguments",
    [
        ("llm",),
        ("llm", "kill"),
        ("llm", "kill", "maybe"),
        ("llm", "shutoff"),
        ("llm", "set-cap"),
        ("llm", "set-cap", "ten"),
        ("llm", "dashboards"),
    ],
)
def test_a_wrong_command_line_is_exit_code_2(ssd, arguments):
    assert ssd(*arguments).returncode == 2


@pytest.mark.parametrize(
    "arguments",
    [
        ("set-cap", "--remove"),
        ("set-cap", "5", "--hourly", "--user", "u"),
        ("set-cap", "-5"),
        ("kill", "on", "--provider", "unheard"),
        ("reset-breaker", "unheard"),
        ("shutoff", " "),
    ],
)
def test_what_makes_no_sense_is_refused_and_changes_nothing(ssd, arguments):
    before = controls(ssd)
    refused = ssd("llm", *arguments)
    assert refused.returncode in (1, 2)
    assert controls(ssd) == before


def test_the_first_local_start_prints_a_password_once(data_dir):
    server = LocalServer(data_dir).start()
    line = server.process.stdout.readline()
    password = re.fullmatch(r"administrator: admin  password: (\w{20})  \(shown this once; .*\)\n", line)[1]
    login = {"username": "admin", "password": password}
    assert httpx.post(f"{server.base_url}/api/admin/auth/login", json=login).status_code == 200
    server.stop()
    server.start()
    answer = httpx.post(f"{server.base_url}/api/admin/auth/login", json=login)
    assert answer.status_code == 200
    server.process.terminate()
    assert server.process.stdout.read() == ""
    server.stop()
    everything = b"".join(path.read_bytes() for path in data_dir.rglob("*") if path.is_file())
    assert password.encode() not in everything


def test_a_configured_password_is_not_printed(data_dir):
    secret = "the operators own words"
    server = LocalServer(data_dir, {"SS_ADMIN_USERNAME": "desk", "SS_ADMIN_PASSWORD": secret}).start()
    login = {"username": "desk", "password": secret}
    assert httpx.post(f"{server.base_url}/api/admin/auth/login", json=login).status_code == 200
    server.process.terminate()
    assert server.process.stdout.read() == ""
    server.stop()
    everything = b"".join(path.read_bytes() for path in data_dir.rglob("*") if path.is_file())
    assert secret.encode() not in everything


def test_doctor_and_settings_never_show_a_secret(ssd):
    for command in (("doctor",), ("doctor", "--json"), ("settings",), ("llm", "status", "--json")):
        shown = ssd(*command, SS_ADMIN_PASSWORD="planted-password")
        assert "planted-password" not in shown.stdout + shown.stderr
        assert PROVIDER["SS_LLM_API_KEY"] not in shown.stdout + shown.stderr
