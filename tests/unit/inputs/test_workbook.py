from __future__ import annotations

import datetime as dt
from pathlib import Path

import pytest

from ssd.inputs.preparation.source import PreparationError
from tests.unit.inputs.conftest import Prepare
from tests.unit.inputs.workbooks import make_xls, make_xlsx

TABLE = [["省份", "年份", 2001, "GDP（亿元）"], ["北京", 2000, 1.5, 3], ["上海", 2001, 2.5, 4]]


@pytest.mark.parametrize("format_name", ["xlsx", "xls"])
def test_headers_numbers_and_chinese_text_of_both_formats(prepared: Prepare, tmp_path: Path, format_name: str) -> None:
    make = make_xlsx if format_name == "xlsx" else make_xls
    result = prepared(make(tmp_path / f"in.{format_name}", {"数据": TABLE}), format_name)
    assert [column.stata_name for column in result.profile.columns] == ["省份", "年份", "_2001", "GDP_亿元"]
    assert result.profile.columns[3].label == "GDP（亿元）"
    assert result.values("省份") == ["北京", "上海"]
    assert result.values("年份") == [2000, 2001]
    assert result.profile.columns[1].storage_type == "int"
    assert result.profile.selected_sheet == "数据"


def test_hidden_sheets_are_listed_but_not_chosen(prepared: Prepare, tmp_path: Path) -> None:
    def hide(_workbook: object, sheets: dict[str, object]) -> None:
        sheets["seen"].activate()  # type: ignore[attr-defined]
        sheets["secret"].hide()  # type: ignore[attr-defined]

    path = make_xlsx(tmp_path / "in.xlsx", {"secret": [["a", "b"], [1, 2]], "seen": [["c", "d"], [3, 4]]}, hide)
    result = prepared(path, "xlsx")
    assert result.profile.selected_sheet == "seen"
    assert result.profile.sheet_names == ["secret", "seen"]
    assert result.profile.hidden_sheets == ["secret"]
    chosen = prepared(path, "xlsx", "secret")
    assert chosen.values("b") == [2]
    assert chosen.warned("is hidden")


def test_an_unknown_sheet_is_refused_with_the_names(prepared: Prepare, tmp_path: Path) -> None:
    with pytest.raises(PreparationError) as caught:
        prepared(make_xlsx(tmp_path / "in.xlsx", {"one": TABLE}), "xlsx", "two")
    assert caught.value.code == "INPUT_SHEET_NOT_FOUND"
    assert caught.value.members == {"sheet_names": ["one"]}


def test_formulas_give_their_stored_values(prepared: Prepare, tmp_path: Path) -> None:
    def formulas(_workbook: object, sheets: dict[str, object]) -> None:
        sheets["s"].write_formula("B2", "=A2*2", None, 42)  # type: ignore[attr-defined]
        sheets["s"].write_formula("B3", "=A3*2", None, 44)  # type: ignore[attr-defined]

    result = prepared(make_xlsx(tmp_path / "in.xlsx", {"s": [["a", "b"], [21], [22]]}, formulas), "xlsx")
    assert result.values("b") == [42, 44]


def test_dates_times_and_truth_values_of_cells(prepared: Prepare, tmp_path: Path) -> None:
    def dates(workbook: object, sheets: dict[str, object]) -> None:
        moment = workbook.add_format({"num_format": "yyyy-mm-dd hh:mm:ss"})  # type: ignore[attr-defined]
        sheets["s"].write_datetime("B2", dt.datetime(2020, 5, 1, 13, 30), moment)  # type: ignore[attr-defined]
        sheets["s"].write_datetime("B3", dt.datetime(2021, 5, 1), moment)  # type: ignore[attr-defined]

    rows = [["d", "m", "ok"], [dt.date(2020, 1, 31), None, True], [dt.date(1959, 12, 31), None, False]]
    result = prepared(make_xlsx(tmp_path / "in.xlsx", {"s": rows}, dates), "xlsx")
    assert [column.format for column in result.profile.columns[:2]] == ["%td", "%tc"]
    assert [str(value) for value in result.values("d")] == ["2020-01-31", "1959-12-31"]
    assert [str(value) for value in result.values("m")] == ["2020-05-01 13:30:00", "2021-05-01 00:00:00"]
    assert (result.values("ok"), result.profile.columns[2].inferred_type) == ([1, 0], "boolean")


def test_a_merged_title_above_the_header_is_skipped(prepared: Prepare, tmp_path: Path) -> None:
    def title(_workbook: object, sheets: dict[str, object]) -> None:
        sheets["s"].merge_range("A1:C1", "Table 1. Output by city")  # type: ignore[attr-defined]

    result = prepared(
        make_xlsx(tmp_path / "in.xlsx", {"s": [[], ["city", "year", "y"], ["A", 2000, 1]]}, title), "xlsx"
    )
    assert result.profile.header_row == 1
    assert result.values("y") == [1]


def test_a_sheet_of_several_tables_gives_the_first_and_the_default_is_another_sheet(
    prepared: Prepare, tmp_path: Path
) -> None:
    block = [["code", "city", 2000, 2001], [1, "A", 5, 6], [2, "B", 7, 8]]
    stacked = [["Roads"], *block, ["Rails"], *block]
    path = make_xlsx(tmp_path / "in.xlsx", {"raw": stacked, "panel": [["city", "year", "y"], ["A", 2000, 1]]})
    assert prepared(path, "xlsx").profile.selected_sheet == "panel"
    raw = prepared(path, "xlsx", "raw")
    assert (raw.profile.row_count, raw.profile.header_row) == (2, 1)
    assert raw.values("_2001") == [6, 8]
    assert raw.warned("comes again in row 6")


def test_numbers_stored_as_text_are_numbers_with_a_warning(prepared: Prepare, tmp_path: Path) -> None:
    result = prepared(
        make_xlsx(tmp_path / "in.xlsx", {"s": [["k", "x"], ["a", 1.5], ["b", "2.5"], ["c", "NA"]]}), "xlsx"
    )
    assert result.values("x") == [1.5, 2.5, None]
    assert result.warned("stored as text") and result.warned("x (1)")


def test_numbers_in_a_text_column_keep_their_look(prepared: Prepare, tmp_path: Path) -> None:
    result = prepared(make_xlsx(tmp_path / "in.xlsx", {"s": [["x", "y"], ["a", 1], [7, 2], [0.5, 3]]}), "xlsx")
    assert result.values("x") == ["a", "7", "0.5"]
    assert result.warned("mixed")


def test_an_empty_workbook_is_named(prepared: Prepare, tmp_path: Path) -> None:
    with pytest.raises(PreparationError) as caught:
        prepared(make_xlsx(tmp_path / "in.xlsx", {"s": []}), "xlsx")
    assert caught.value.code == "INPUT_EMPTY_FILE"


PROVINCES = Path("../shared/data/province")


@pytest.mark.skipif(not PROVINCES.is_dir(), reason="the province files are not here")
@pytest.mark.parametrize("path", sorted(PROVINCES.glob("*")), ids=lambda path: path.name)
def test_real_province_files_are_read_as_panels(prepared: Prepare, path: Path) -> None:
    result = prepared(path, path.suffix[1:])
    assert result.profile.row_count in (713, 768)
    guess = result.profile.panel_guesses[0]
    assert (guess.time, guess.balanced) == ("year", True)
    assert guess.n_entities * guess.n_periods == result.profile.row_count
    data, meta = result.read()
    assert data.height == result.profile.row_count
    assert meta.column_names == [column.stata_name for column in result.profile.columns]
