"""Gate 4: run every template on its example and compare with known numbers, in the embedded engine or in Stata."""

from __future__ import annotations

import csv
import math
import os
import re
import shlex
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import msgspec

from ssd.errors import SsdError
from ssd.inputs.models import DatasetProfile, PreparationOutcome, PreparationRequest
from ssd.templates.examples import Case, ExpectedRow, read_cases
from ssd.templates.library import Library

RUN_TIMEOUT_SECONDS = 300.0
PREPARE_TIMEOUT_SECONDS = 120.0
DO_NAME = "run.do"
LOG_NAME = "run.log"
SENTINEL_NAME = "ssd_sentinel.txt"
ENGINE_COMMAND = [sys.executable, "-m", "ssd.engine"]
_ERROR_END = re.compile(r"end of do-file\s+r\((\d+)\);\s*\Z")


def child_environment() -> dict[str, str]:
    """The environment with this `ssd` importable from any folder, installed or run from its sources."""
    package_parent = str(Path(__file__).resolve().parent.parent.parent)
    known = os.environ.get("PYTHONPATH")
    return {**os.environ, "PYTHONPATH": f"{package_parent}{os.pathsep}{known}" if known else package_parent}


class CaseResult(msgspec.Struct, frozen=True):
    """How one case went; no problems means every number agreed."""

    title: str
    problems: list[str]
    numbers: int
    """How many numbers were compared."""


def prepare_example(data: Path, folder: Path) -> DatasetProfile:
    """Make `data.dta` in the folder the way uploads are prepared, and return its profile."""
    request_path, result_path = folder / "prepare.json", folder / "prepared.json"
    request = PreparationRequest(str(data), data.suffix[1:], str(folder / "data.dta"), str(result_path))
    request_path.write_bytes(msgspec.json.encode(request))
    subprocess.run(
        [sys.executable, "-m", "ssd.inputs.prepare", str(request_path)],
        env=child_environment(),
        check=True,
        timeout=PREPARE_TIMEOUT_SECONDS,
    )
    outcome = msgspec.json.decode(result_path.read_bytes(), type=PreparationOutcome)
    if outcome.profile is None:
        raise SsdError("LIBRARY_INVALID", f"{data.name} of an example cannot be prepared: {outcome.message}")
    return outcome.profile


def check_library(
    library: Library, command: list[str], only: str | None, report: Callable[[CaseResult], None]
) -> list[CaseResult]:
    """Run all cases (or those whose template id begins with `only`); `report` hears of each as it ends."""
    results: list[CaseResult] = []
    for template in library.templates:
        if only is None or template.id.startswith(only):
            for case in read_cases(library.folder, template.id):
                result = check_case(library, case, command)
                report(result)
                results.append(result)
    return results


def stata_command(text: str) -> list[str]:
    """`SS_STATA_CMD` as a list of words."""
    words = shlex.split(text)
    if not words:
        raise SsdError("SETTINGS_INVALID", "SS_STATA_CMD is empty; name a Stata to check with.")
    return words


def check_case(library: Library, case: Case, command: list[str]) -> CaseResult:
    """Run one case in a folder of its own and compare."""
    with tempfile.TemporaryDirectory(prefix="ssd-library-") as name:
        folder = Path(name)
        profile = prepare_example(case.data, folder)
        do = library.render(case.template_id, case.params, profile=profile)
        problems = run_do(do.text, folder, command)
        if not problems:
            problems = _missing_outputs(library, case, folder)
        numbers = sum(len(row.expect) for row in case.expected.values)
        if not problems:
            problems = [line for row in case.expected.values for line in compare(row, folder)]
    return CaseResult(case.title, problems, numbers)


def run_do(text: str, folder: Path, command: list[str]) -> list[str]:
    """Run a do-file by the batch contract. What went wrong, with the end of the log; empty when all is well."""
    (folder / DO_NAME).write_text(text, "utf-8")
    try:
        subprocess.run(
            [*command, "-b", "do", DO_NAME],
            cwd=folder,
            env=child_environment(),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=RUN_TIMEOUT_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return [f"did not end within {RUN_TIMEOUT_SECONDS:g} seconds"]
    log_path = folder / LOG_NAME
    log = log_path.read_text("utf-8", errors="replace") if log_path.is_file() else ""
    ended_badly = _ERROR_END.search(log.rstrip())
    if ended_badly or not (folder / SENTINEL_NAME).is_file():
        tail = "\n".join(log.rstrip().splitlines()[-12:])
        return [f"the do-file did not complete{f', r({ended_badly[1]})' if ended_badly else ''}:\n{tail}"]
    return []


def _missing_outputs(library: Library, case: Case, folder: Path) -> list[str]:
    required = [output.file for output in library.get(case.template_id).outputs if output.required]
    return [
        f"{name} is missing or empty"
        for name in required
        if not (folder / name).is_file() or (folder / name).stat().st_size == 0
    ]


def compare(row: ExpectedRow, folder: Path) -> list[str]:
    """Differences between expected numbers and the row of the results file that `where` names."""
    path = folder / row.file
    place = f"{row.file} [{', '.join(f'{key}={value}' for key, value in row.where.items())}]"
    if not path.is_file():
        return [f"{place}: the file was not written"]
    with path.open(encoding="utf-8", newline="") as file:
        matches = [line for line in csv.DictReader(file) if all(line.get(k) == v for k, v in row.where.items())]
    if len(matches) != 1:
        return [f"{place}: {len(matches)} rows match, not 1"]
    return [
        f"{place}: {column} is {matches[0].get(column)!r}, expected {value!r} ({row.source})"
        for column, value in row.expect.items()
        if not _agrees(matches[0].get(column), value, row)
    ]


def _agrees(cell: str | None, value: float, row: ExpectedRow) -> bool:
    try:
        found = float(cell or "nan")
    except ValueError:
        return False
    return math.isclose(found, value, rel_tol=row.rtol, abs_tol=row.atol)
