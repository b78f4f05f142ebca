"""docs/engine.md says what the engine does now."""

from __future__ import annotations

from pathlib import Path

import pytest

from ssd.engine.reference import gather, render
from tests.engine.golden import case_files, load, pending
from tests.engine.golden_report import INDEX

HERE = Path(__file__).parent
PAGE = HERE.parents[1] / "docs" / "engine.md"


def test_page_is_current() -> None:
    """When this fails: `python -m ssd.engine reference > docs/engine.md`."""
    assert PAGE.read_text(encoding="utf-8") == render(gather(HERE))


def test_there_are_enough_cases() -> None:
    evidence = gather(HERE)
    assert evidence.written + evidence.published >= 400
    assert sum(1 for count in evidence.by_command.values() if count >= 3) >= 120


@pytest.mark.skipif(not case_files(), reason="the published cases are not present")
def test_index_of_published_cases_is_current() -> None:
    """When this fails: `python -m tests.engine.golden_report --index`."""
    listed = {line.split("\t")[0] for line in INDEX.read_text(encoding="utf-8").splitlines()}
    assert listed == {load(path)["id"] for path in case_files()} - pending()
