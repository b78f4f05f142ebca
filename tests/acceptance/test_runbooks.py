"""The commands in docs/runbooks are run as they stand, against a real server and a real provider protocol."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from ssd.demo.server import LocalServer
from tests.acceptance.runbooks import Step, outputs_of, script_of, steps_of

ROOT = Path(__file__).parents[2]
RUNBOOKS = sorted((ROOT / "docs" / "runbooks").glob("*.md"))
KEY = "sk-test-0123456789abcdef"
ADMIN = {"SS_ADMIN_USERNAME": "operator", "SS_ADMIN_PASSWORD": "a password of their own"}
DRAFT = {"outcome": "lwage", "treatment": "educ", "controls": ["exper"], "design": "ols", "design_confidence": 0.9}


@pytest.fixture
def provider() -> Iterator[str]:
    """A server that speaks the Messages API, as a process; its address."""
    with subprocess.Popen(
        [sys.executable, "-m", "tests.peers.llm_server", "--key", KEY], cwd=ROOT, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        address = process.stdout.readline().strip()
        httpx.post(f"{address}/_answers", json={"draft_preview": DRAFT}).raise_for_status()
        yield address
        process.terminate()


@pytest.fixture
def environment(provider: str, tmp_path: Path) -> dict[str, str]:
    return {
        **ADMIN,
        "SS_DATA_DIR": str(tmp_path / "data"),
        "SS_LLM_PROVIDER": "anthropic",
        "SS_LLM_BASE_URL": provider,
        "SS_LLM_API_KEY": KEY,
    }


@pytest.fixture
def shell(environment: dict[str, str], tmp_path: Path) -> dict[str, str]:
    """The operator's environment: the service's own, with `ssd` on the path and a folder to work in."""
    programs = tmp_path / "bin"
    programs.mkdir()
    ssd = programs / "ssd"
    ssd.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m ssd "$@"\n', "utf-8")
    ssd.chmod(0o755)
    work = tmp_path / "work"
    work.mkdir()
    kept = {key: value for key, value in os.environ.items() if not key.startswith("SS_")}
    path = f"{programs}{os.pathsep}{kept['PATH']}"
    return {**kept, **environment, "PATH": path, "PYTHONPATH": str(ROOT), "WORK": str(work)}


def run_steps(steps: list[Step], shell: dict[str, str], folder: Path) -> tuple[int, str]:
    done = subprocess.run(
        ["bash", "-c", script_of(steps)],
        env=shell,
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=200,
        check=False,
    )
    return done.returncode, done.stdout


def test_there_are_the_three_runbooks() -> None:
    assert [runbook.stem for runbook in RUNBOOKS] == ["first_traffic", "incident_response", "kill_switch"]


@pytest.mark.parametrize("runbook", RUNBOOKS, ids=lambda path: path.stem)
def test_every_step_does_what_it_says(
    runbook: Path, environment: dict[str, str], shell: dict[str, str], tmp_path: Path
) -> None:
    steps = steps_of(runbook)
    assert len(steps) >= 5
    with LocalServer(tmp_path / "data", environment) as server:
        code, output = run_steps(steps, {**shell, "SS_URL": server.base_url}, tmp_path)
        log = server.log_path.read_text("utf-8")
    assert code == 0, output
    outputs = outputs_of(output)
    for number, step in enumerate(steps):
        for text in step.expected:
            assert text in outputs[number], f"{runbook.name}:{step.line}: {text!r} is not in\n{outputs[number]}"
    assert KEY not in output + log
    assert ADMIN["SS_ADMIN_PASSWORD"] not in output + log


@pytest.mark.parametrize("runbook", RUNBOOKS, ids=lambda path: path.stem)
def test_without_a_server_a_runbook_fails(runbook: Path, shell: dict[str, str], tmp_path: Path) -> None:
    """The steps can fail: a runbook that passes anywhere would show nothing."""
    code, output = run_steps(steps_of(runbook), {**shell, "SS_URL": "http://127.0.0.1:9"}, tmp_path)
    assert code != 0, output


def test_the_first_request_is_answered_by_the_provider(
    provider: str, environment: dict[str, str], shell: dict[str, str], tmp_path: Path
) -> None:
    with LocalServer(tmp_path / "data", environment) as server:
        code, output = run_steps(
            steps_of(ROOT / "docs/runbooks/first_traffic.md"), {**shell, "SS_URL": server.base_url}, tmp_path
        )
    assert code == 0, output
    asked = httpx.get(f"{provider}/_requests").json()
    assert "draft_preview" in [request["schema_name"] for request in asked]
    draft = json.loads((tmp_path / "work" / "draft.json").read_text("utf-8"))
    assert (draft["outcome_var"], draft["treatment_var"], draft["controls"]) == ("lwage", "educ", ["exper"])
