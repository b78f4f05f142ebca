"""One step through the batch contract: a stand-in misbehaves, the service says exactly how."""

from __future__ import annotations

import os
import shlex
import sys
import time
from pathlib import Path
from typing import Any

import anyio
import pytest

from ssd.plans.models import DeclaredOutput, OutputsContract, ParamsContract, PlanStep, StepParams, TemplateContract
from ssd.runs.identity import identify
from ssd.runs.launch import Launcher
from ssd.runs.models import Engine, Run, RunStatus
from ssd.runs.process import Limits, marked
from ssd.runs.step import StepResult, StepTask, run_step

STANDIN = Path(__file__).parents[2] / "standins" / "standin"
DO_TEXT = 'use "data.dta", clear\n* writes "tidy.csv" and "figure.svg"\n'


def launcher(behaviour: str) -> Launcher:
    return Launcher([*shlex.split(sys.executable), "-S", str(STANDIN), behaviour], embedded=False, sandboxed=False)


def task(folder: Path, *, timeout: float = 20.0, largest_file_mb: int = 64) -> StepTask:
    data = folder / "prepared.dta"
    data.write_bytes(b"<stata_dta>")
    declared = [
        DeclaredOutput("tidy.csv", "table", "estimates", True),
        DeclaredOutput("figure.svg", "figure", "a figure", True),
    ]
    contract = TemplateContract("t", 1, "1.0.0", ParamsContract([], [], {}, []), [], OutputsContract(declared, "", ""))
    step = PlanStep(
        "main", "main_regression", "main model", "t", "1.0.0", "0" * 64, [], [], timeout,
        StepParams("t", {}, contract, {"primary_dataset": "input:ds"}, {}),
    )  # fmt: skip
    run = Run(f"run_{os.urandom(6).hex()}", "job_x", "default", "p", 1, 1, 1, RunStatus.RUNNING, ["csv"])
    return StepTask(
        run=run, step=step, position=1, job_root=folder, data=data, do_text=DO_TEXT,
        engine=Engine("Stata", "18"), timeout_seconds=timeout, grace_seconds=0.3,
        limits=Limits(memory_mb=0, file_size_mb=largest_file_mb), log_cap=1_048_576,
    )  # fmt: skip


async def outcome(behaviour: str, folder: Path, **options: Any) -> tuple[StepTask, StepResult]:
    async def ignore(*_: object) -> None:
        return None

    work = task(folder, **options)
    return work, await run_step(work, launcher(behaviour), watch=ignore, started=ignore)


@pytest.mark.parametrize("behaviour", ["fine", "captured", "prints_r199", "latin1_log"])
async def test_a_step_that_keeps_its_promises_succeeds(behaviour: str, tmp_path: Path) -> None:
    work, result = await outcome(behaviour, tmp_path)
    assert result.error is None
    assert {record.kind for record in result.records} == {"table", "figure", "log", "do", "run_meta"}
    assert all((tmp_path / record.rel_path).stat().st_size == record.size_bytes for record in result.records)
    assert not (work.folder / "work").exists()


@pytest.mark.parametrize(
    ("behaviour", "code", "says"),
    [
        ("r601", "STATA_RETURN_CODE", "r(601)"),
        ("nested", "STATA_RETURN_CODE", "r(9)"),
        ("no_log_licence", "STATA_LICENSE", "license"),
        ("no_log", "STATA_SUBPROCESS_FAILED", "libncurses"),
        ("truncated", "STATA_LOG_INCOMPLETE", "middle"),
        ("no_sentinel", "STATA_LOG_INCOMPLETE", "last command"),
        ("missing_output", "OUTPUTS_CONTRACT_UNMET", "figure_1.svg"),
        ("empty_output", "OUTPUTS_CONTRACT_UNMET", "it is empty"),
        ("writes_outside", "OUTPUTS_CONTRACT_UNMET", "it is a link"),
        ("exit_137", "STATA_KILLED", "SIGKILL"),
        ("file_too_large", "STATA_KILLED", "larger file"),
        ("out_of_memory", "STATA_OUT_OF_MEMORY", "memory"),
    ],
)
async def test_a_step_that_misbehaves_is_called_by_its_name(
    behaviour: str, code: str, says: str, tmp_path: Path
) -> None:
    _, result = await outcome(behaviour, tmp_path)
    assert result.error is not None
    assert (result.error.error_code, says in result.error.message) == (code, True), result.error.message
    assert "run_meta" in {record.kind for record in result.records}


async def test_stata_s_own_words_are_in_the_error(tmp_path: Path) -> None:
    _, result = await outcome("r601", tmp_path)
    assert result.error is not None
    stata = result.error.stata
    assert stata is not None
    assert (stata.rc, stata.command, stata.message) == (601, 'use "nosuch.dta"', "file nosuch.dta not found")


async def test_a_hanging_step_is_ended_at_its_limit(tmp_path: Path) -> None:
    begin = time.monotonic()
    work, result = await outcome("hangs", tmp_path, timeout=0.5)
    assert result.error is not None
    assert result.error.error_code == "STATA_TIMEOUT"
    assert time.monotonic() - begin < 10
    assert marked(work.run.run_id) == []


async def test_a_tree_that_ignores_term_and_left_its_group_is_gone_afterwards(tmp_path: Path) -> None:
    work, result = await outcome("ignores_term", tmp_path, timeout=0.8)
    assert result.error is not None
    log = (work.folder / "run.log").read_text()
    stray = int(log.rsplit("stray ", 1)[1])
    assert not Path(f"/proc/{stray}").exists() or Path(f"/proc/{stray}/stat").read_text().split(") ")[1][0] == "Z"
    assert marked(work.run.run_id) == []


async def test_a_process_left_behind_by_a_good_run_is_ended_too(tmp_path: Path) -> None:
    work, result = await outcome("leaves_stray", tmp_path)
    assert result.error is None
    assert marked(work.run.run_id) == []


async def test_a_cancelled_step_leaves_no_process_and_keeps_the_log(tmp_path: Path) -> None:
    work = task(tmp_path)
    begun = anyio.Event()

    async def started(_: int) -> None:
        begun.set()

    async def seen(*_: object) -> None:
        scope.cancel()

    with anyio.CancelScope() as scope:
        await run_step(work, launcher("ignores_term"), watch=seen, started=started)
    assert begun.is_set()
    assert marked(work.run.run_id) == []
    assert "sleep" in (work.folder / "run.log").read_text()


async def test_a_huge_log_is_cut_in_the_middle_and_still_judged(tmp_path: Path) -> None:
    work, result = await outcome("huge_log", tmp_path, timeout=60.0, largest_file_mb=512)
    assert result.error is None
    text = (work.folder / "run.log").read_text()
    assert len(text) < 1_200_000
    assert "bytes left out here" in text
    assert text.rstrip().endswith("end of do-file")


async def test_the_engine_is_identified_by_starting_it() -> None:
    assert await identify(launcher("fine")) == Engine("Stata MP", "18")
