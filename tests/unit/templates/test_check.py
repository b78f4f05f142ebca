"""Comparing results with known numbers, and telling how a run ended."""

from __future__ import annotations

from pathlib import Path

import pytest

from ssd.errors import SsdError
from ssd.templates.check import ENGINE_COMMAND, compare, run_do, stata_command
from ssd.templates.examples import ExpectedRow

TABLE = "model,term,estimate,p_value\nmain,educ,.0920290,0\nmain,exper,,\nother,educ,1,1\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "tidy.csv").write_text(TABLE, "utf-8")
    return tmp_path


def row(where: dict[str, str], expect: dict[str, float], atol: float = 0.0, rtol: float = 0.0) -> ExpectedRow:
    return ExpectedRow("tidy.csv", where, expect, "a textbook", atol, rtol)


def test_numbers_within_the_tolerance_agree(folder: Path) -> None:
    where = {"model": "main", "term": "educ"}
    assert compare(row(where, {"estimate": 0.092, "p_value": 0.0}, atol=5e-5), folder) == []
    assert compare(row(where, {"estimate": 0.0920291}, rtol=1e-5), folder) == []


@pytest.mark.parametrize(
    ("where", "expect", "said"),
    [
        ({"model": "main", "term": "educ"}, {"estimate": 0.0921}, "expected 0.0921 (a textbook)"),
        ({"model": "main", "term": "exper"}, {"estimate": 0.0}, "''"),
        ({"model": "main", "term": "age"}, {"estimate": 0.0}, "0 rows match"),
        ({"term": "educ"}, {"estimate": 1.0}, "2 rows match"),
        ({"model": "other"}, {"no_such_column": 1.0}, "None"),
    ],
)
def test_a_difference_is_described(folder: Path, where: dict[str, str], expect: dict[str, float], said: str) -> None:
    [problem] = compare(row(where, expect, atol=5e-6), folder)
    assert said in problem


def test_a_file_that_was_not_written_is_a_difference(tmp_path: Path) -> None:
    assert compare(row({}, {"a": 1.0}, atol=1.0), tmp_path) == ["tidy.csv []: the file was not written"]


SENTINEL = 'file open s using "ssd_sentinel.txt", write text replace\nfile write s "complete"\nfile close s\n'


def test_a_do_file_that_ends_well_has_no_problems(tmp_path: Path) -> None:
    assert run_do(f"display 1\n{SENTINEL}", tmp_path, ENGINE_COMMAND) == []


def test_an_error_is_told_with_its_return_code_and_the_log(tmp_path: Path) -> None:
    [problem] = run_do(f"summarize nothing\n{SENTINEL}", tmp_path, ENGINE_COMMAND)
    assert "r(111)" in problem
    assert "nothing not found" in problem


def test_a_do_file_without_its_sentinel_did_not_complete(tmp_path: Path) -> None:
    [problem] = run_do("display 1\n", tmp_path, ENGINE_COMMAND)
    assert "did not complete" in problem


def test_an_empty_stata_command_is_refused() -> None:
    with pytest.raises(SsdError, match="SETTINGS_INVALID"):
        stata_command(" ")
    assert stata_command("'/opt/stata 18/stata-mp' -q") == ["/opt/stata 18/stata-mp", "-q"]
