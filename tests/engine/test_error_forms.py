"""A do-file with an error ends, in a real batch process, with the lines that Stata writes."""

from __future__ import annotations

import os
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest

PROJECT = Path(__file__).resolve().parents[2]
ERRORS: list[dict[str, Any]] = tomllib.loads(Path(__file__).with_name("errors.toml").read_text(encoding="utf-8"))[
    "error"
]
REQUIRED = {
    *(100, 101, 103, 104, 106, 107, 109, 110, 111, 119, 132, 133, 198, 199, 301, 322, 412, 430, 450, 451, 459, 498),
    *(503, 504, 601, 602, 603, 610, 900, 908, 909, 2000, 2001),
}  # fmt: skip


def batch_log(do: str, folder: Path) -> str:
    (folder / "run.do").write_text(do, encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-m", "ssd.engine", "-b", "do", "run.do"],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(PROJECT)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    return (folder / "run.log").read_text(encoding="utf-8")


def test_all_required_codes_have_a_case() -> None:
    assert {error["rc"] for error in ERRORS} >= REQUIRED


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: f"r{error['rc']}-{error['source'].split(':')[0]}")
def test_log_ends_as_in_stata(error: dict[str, Any], tmp_path: Path) -> None:
    log = batch_log(error["do"], tmp_path)
    code = f"r({error['rc']});\n"
    ending = error["message"] + "\n" + code + f"\nend of do-file\n{code}" * error.get("levels", 1)
    assert log.endswith("\n" + ending), log[-1500:]
    assert "Traceback" not in log
