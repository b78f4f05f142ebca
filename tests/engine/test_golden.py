"""Every published case gives the published numbers, to the printed digit."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.engine.golden import case_files, execute, load, mismatches, pending

CASES = case_files()


@pytest.mark.skipif(not CASES, reason="the published cases are not present")
def test_pending_cases_are_known() -> None:
    known = {path.stem for path in CASES}
    assert pending() <= known
    print(f"{len(pending())} of {len(known)} published cases are pending")


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("path", CASES, ids=lambda path: path.stem)
def test_case_agrees_with_published_output(path: Path, tmp_path: Path) -> None:
    case = load(path)
    if case["id"] in pending():
        pytest.skip("listed in golden_pending.txt")
    execution = execute(case, tmp_path)
    problems = mismatches(case, execution)
    assert not problems, "\n".join(problems[:10]) + "\n" + execution.output[-4000:]
