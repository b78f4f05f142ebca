from __future__ import annotations

from pathlib import Path

import polars as pl
import pyreadstat
import pytest

from ssd.inputs.preparation.source import PreparationError
from tests.unit.inputs.conftest import Prepare


def write(path: Path, **options: object) -> Path:
    frame = pl.DataFrame({"id": [1, 2, 3], "性别": [0, 1, 0], "wage": [1.5, None, 2.25], "name": ["a", "", "王"]})
    pyreadstat.write_dta(frame, str(path), **options)  # type: ignore[arg-type]
    return path


def test_labels_and_value_labels_stay(prepared: Prepare, tmp_path: Path) -> None:
    path = write(
        tmp_path / "in.dta",
        column_labels=["Person", "Sex of person", "Hourly wage", ""],
        variable_value_labels={"性别": {0: "男", 1: "女"}},
    )
    result = prepared(path, "dta")
    by_name = {column.stata_name: column for column in result.profile.columns}
    assert by_name["性别"].value_labels == {"0": "男", "1": "女"}
    assert by_name["wage"].label == "Hourly wage"
    assert by_name["wage"].n_missing == 1
    data, meta = result.read()
    assert meta.variable_value_labels == {"性别": {0: "男", 1: "女"}}
    assert data["name"].to_list() == ["a", "", "王"]
    assert data["wage"].to_list() == [1.5, None, 2.25]


def test_older_formats_are_written_anew_as_118(prepared: Prepare, tmp_path: Path) -> None:
    frame = pl.DataFrame({"x": [1.0, 2.0]})
    pyreadstat.write_dta(frame, str(tmp_path / "in.dta"), version=10)
    result = prepared(tmp_path / "in.dta", "dta")
    assert b"<release>118</release>" in result.path.read_bytes()[:100]
    assert result.values("x") == [1.0, 2.0]


def test_numbers_kept_as_text_are_warned_about(prepared: Prepare, tmp_path: Path) -> None:
    frame = pl.DataFrame({"x": ["2174.90 ", "1", ""], "z": ["a", "1", "2"]})
    pyreadstat.write_dta(frame, str(tmp_path / "in.dta"))
    result = prepared(tmp_path / "in.dta", "dta")
    assert result.warned("x: ") is False
    assert result.warned("text that holds only numbers: x.")


@pytest.mark.parametrize("cut", [30, 200, 900])
def test_a_cut_off_file_is_named(prepared: Prepare, tmp_path: Path, cut: int) -> None:
    content = write(tmp_path / "in.dta").read_bytes()
    with pytest.raises(PreparationError) as caught:
        prepared(content[:cut], "dta")
    assert caught.value.code == "INPUT_PARSE_FAILED"
    assert "/" not in caught.value.message
