"""Every case of `cases/` holds: published numbers, independent computations, rules worked out by hand."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from ssd.engine.commands import load
from tests.engine.casefile import FOLDER, Case, all_cases, execute, problems

CASES = all_cases()


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)
def test_case_holds(case: Case, tmp_path: Path) -> None:
    if not case.runnable:
        pytest.skip("the published datasets are not present")
    execution = execute(case, tmp_path)
    found = problems(case, execution)
    assert not found, "\n".join(found) + "\n" + execution.output[-3000:]


def test_ids_are_unique_and_commands_exist() -> None:
    repeated = [name for name, count in Counter(case.id for case in CASES).items() if count > 1]
    assert not repeated
    known = {*load().names(), "functions", "language"}
    assert {case.command for case in CASES} <= known


def test_every_named_script_lies_beside_the_cases() -> None:
    named = {word for case in CASES for word in case.source.replace(";", " ").split() if word.endswith((".R", ".py"))}
    assert {name for name in named if not (FOLDER / Path(name).name).exists()} == set()
