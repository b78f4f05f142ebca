from __future__ import annotations

import math

import pytest

from ssd.inputs.preparation.source import PreparationError
from tests.unit.inputs.conftest import Prepare

CHINESE = "省份,年份,产值\n北京,2000,1.5\n上海,2000,2\n北京,2001,3\n上海,2001,4.25\n"


@pytest.mark.parametrize(
    ("encoding", "reported"),
    [
        ("utf-8", "utf-8"), ("utf-8-sig", "utf-8-sig"), ("utf-16", "utf-16"), ("gb18030", "gb18030"),
        ("gbk", "gb18030"),
    ],
)  # fmt: skip
def test_encodings_are_found_and_reported(prepared: Prepare, encoding: str, reported: str) -> None:
    result = prepared(CHINESE.encode(encoding))
    assert result.profile.encoding == reported
    assert result.values("省份") == ["北京", "上海", "北京", "上海"]
    assert result.values("产值") == [1.5, 2, 3, 4.25]


def test_utf_16_without_a_mark_is_found(prepared: Prepare) -> None:
    result = prepared("name,year,y\nann,2001,1\nbob,2002,2\n".encode("utf-16-le"))
    assert result.profile.encoding == "utf-16-le"
    assert result.values("year") == [2001, 2002]


def test_western_text_is_read_with_a_warning(prepared: Prepare) -> None:
    result = prepared("ville,y\nOrléans,1\nNîmes,2\nSète,3\n".encode("cp1252"))
    assert result.values("ville") == ["Orléans", "Nîmes", "Sète"]
    assert result.warned("Western European")


def test_mixed_encodings_are_refused(prepared: Prepare) -> None:
    content = "城市,y\n北京大学,1\n".encode() + "Orléans,2\n".encode("cp1252")
    with pytest.raises(PreparationError, match="UTF-8") as caught:
        prepared(content)
    assert caught.value.code == "INPUT_PARSE_FAILED"


def test_nul_bytes_are_refused_by_name(prepared: Prepare) -> None:
    with pytest.raises(PreparationError, match=r"NUL byte \(byte 6\)"):
        prepared(b"a,b\n1,\x002\n" + b"3,4\n" * 50)


@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
def test_separators_are_found(prepared: Prepare, separator: str) -> None:
    result = prepared("\n".join(separator.join(row) for row in [("a", "b", "c"), ("1", "2", "3"), ("4", "5", "6")]))
    assert result.profile.separator == separator
    assert result.values("c") == [3, 6]


def test_decimal_commas_in_a_semicolon_file(prepared: Prepare) -> None:
    result = prepared("land;wert;anteil\nA;1.234,5;3,25\nB;-7;0,5\nC;2.000.000,75;,125\n")
    assert result.values("wert") == [1234.5, -7, 2000000.75]
    assert result.values("anteil") == [3.25, 0.5, 0.125]
    assert result.warned("decimal comma")


def test_semicolons_with_decimal_points_are_left_alone(prepared: Prepare) -> None:
    assert prepared("a;b\n1.5;x\n2.25;y\n").values("a") == [1.5, 2.25]


def test_quoted_separators_newlines_and_quotes(prepared: Prepare) -> None:
    result = prepared('name,note,y\n"Smith, J","line one\nline two",1\n"say ""hi""",,2\n')
    assert result.values("name") == ["Smith, J", 'say "hi"']
    assert result.values("note") == ["line one\nline two", ""]


def test_short_rows_are_filled_with_missing_and_counted(prepared: Prepare) -> None:
    result = prepared("a,b,c\n1,2,3\n4,5\n6,7,8\n")
    assert result.values("c") == [3, None, 8]
    assert result.warned("1 rows have fewer cells")


def test_a_row_with_too_many_cells_is_refused_with_its_number(prepared: Prepare) -> None:
    with pytest.raises(PreparationError, match="Row 70 has 3 cells"):
        prepared("a,b\n" + "1,2\n" * 68 + "1,2,3\n1,2\n")


def test_a_row_with_too_many_cells_near_the_top_is_refused_too(prepared: Prepare) -> None:
    with pytest.raises(PreparationError, match="Row 3 has 3 cells, but the header has 2 columns"):
        prepared("a,b\n1,2\n1,2,3\n1,2\n")


def test_row_names_without_a_header_do_not_shift_the_columns(prepared: Prepare) -> None:
    result = prepared('"mpg","cyl"\n"Mazda",21,6\n"Datsun",22.8,4\n')
    assert [column.stata_name for column in result.profile.columns] == ["v1", "mpg", "cyl"]
    assert result.values("mpg") == pytest.approx([21, 22.8])
    assert result.warned("row names")


def test_trailing_separators_are_no_columns(prepared: Prepare) -> None:
    assert prepared("a,b,,\n1,2,,\n3,4,,\n").profile.column_count == 2


def test_title_rows_unit_row_and_source_note_are_told_apart_from_data(prepared: Prepare) -> None:
    result = prepared(
        "各省经济数据,,\n单位：亿元,,\n省份,年份,GDP\n,年,(亿元)\n"
        "北京,2000,3277.8\n上海,2000,4812.15\n\n数据来源：国家统计局,,\n"
    )
    assert result.profile.header_row == 2
    assert result.profile.row_count == 2
    assert result.values("GDP") == [3277.8, 4812.15]
    assert result.profile.columns[2].label == "GDP (亿元)"
    assert result.warned("titles") and result.warned("units") and result.warned("国家统计局")


def test_text_in_the_first_row_of_data_is_not_a_unit(prepared: Prepare) -> None:
    result = prepared("name,score\nBob,unknown\nAnn,3\nEve,4\n")
    assert result.values("score") == ["unknown", "3", "4"]
    assert result.warned("mixed")


def test_no_header_gives_v1_v2(prepared: Prepare) -> None:
    result = prepared("1,2.5\n3,4.5\n5,6.5\n")
    assert [column.stata_name for column in result.profile.columns] == ["v1", "v2"]
    assert result.profile.row_count == 3


def test_duplicate_numeric_and_empty_headers(prepared: Prepare) -> None:
    result = prepared("y,y,2001,,if\n1,2,3,4,5\n6,7,8,9,10\n")
    assert [column.stata_name for column in result.profile.columns] == ["y", "y_2", "_2001", "v4", "if_"]
    assert [column.original_name for column in result.profile.columns] == ["y", "y", "2001", "v4", "if"]
    assert result.warned("more than once") and result.warned("without a header")


def test_markers_are_missing_in_numbers_and_text_in_text(prepared: Prepare) -> None:
    result = prepared("a,b,c\n1,NA,x\nN/A,2,NA\n.,-,z\n缺失,4,—\n5,5,y\n")
    assert result.values("a") == [1, None, None, None, 5]
    assert result.values("b") == [None, 2, None, 4, 5]
    assert result.values("c") == ["x", "NA", "z", "—", "y"]
    assert result.warned("a (3), b (2)")


def test_thousands_and_percent_are_read_with_a_warning(prepared: Prepare) -> None:
    result = prepared('pop,share\n"1,234",12%\n"1,234,567.5",0.5%\n42,100%\n')
    assert result.values("pop") == [1234, 1234567.5, 42]
    assert result.values("share") == pytest.approx([0.12, 0.005, 1.0], rel=1e-15)
    assert result.warned("thousands") and result.warned("divided by 100")


def test_codes_with_leading_zeros_and_long_numbers_stay_text(prepared: Prepare) -> None:
    result = prepared("stkcd,idcard,y\n000001,110101199003071234,1\n600000,110101199003071235,2\n")
    assert result.values("stkcd") == ["000001", "600000"]
    assert result.values("idcard") == ["110101199003071234", "110101199003071235"]
    assert result.warned("leading zeros") and result.warned("too long to be exact")


@pytest.mark.parametrize(
    ("values", "storage"),
    [
        (["-127", "100"], "byte"), (["101", "1"], "int"), (["-32768", "1"], "long"), (["2147483621", "1"], "double"),
        (["0.5", "0.25"], "float"), (["0.1", "0.25"], "double"), (["1e300", "1"], "double"),
        (["16777217.5", "1"], "double"),
    ],
)  # fmt: skip
def test_the_smallest_type_that_loses_nothing(prepared: Prepare, values: list[str], storage: str) -> None:
    result = prepared("k,x\n" + "".join(f"r,{value}\n" for value in values))
    assert result.profile.columns[1].storage_type == storage
    assert result.values("x") == [float(value) for value in values]


def test_numbers_beyond_stata_become_missing_with_a_warning(prepared: Prepare) -> None:
    result = prepared("k,x\na,1e308\nb,2\nc,1e999\n")
    assert result.values("x") == [None, 2, None]
    assert result.warned("too large")


def test_dates_in_iso_slash_and_chinese_form(prepared: Prepare) -> None:
    result = prepared("d,e,t\n2020-01-31,2020/1/5,2020-01-31 12:30:15\n2019-12-01,2020年3月7日,2020-02-01 00:00\n")
    formats = [column.format for column in result.profile.columns]
    assert formats == ["%td", "%td", "%tc"]
    assert [str(value) for value in result.values("d")] == ["2020-01-31", "2019-12-01"]
    assert [str(value) for value in result.values("e")] == ["2020-01-05", "2020-03-07"]
    assert [str(value) for value in result.values("t")] == ["2020-01-31 12:30:15", "2020-02-01 00:00:00"]
    assert result.profile.columns[0].min == "2019-12-01"
    assert result.profile.columns[0].inferred_type == "datetime"


def test_the_order_of_day_and_month_is_taken_from_a_day_that_tells(prepared: Prepare) -> None:
    result = prepared("d,m,u\n03/04/2020,03/04/2020,01/02/2020\n25/04/2020,03/25/2020,02/01/2020\n")
    assert [str(value) for value in result.values("d")] == ["2020-04-03", "2020-04-25"]
    assert [str(value) for value in result.values("m")] == ["2020-03-04", "2020-03-25"]
    assert result.values("u") == ["01/02/2020", "02/01/2020"]
    assert result.warned("may be day/month or month/day")


def test_months_quarters_years_and_truth_values(prepared: Prepare) -> None:
    result = prepared("m,q,y,b\n2020-01,2020Q1,2020年,TRUE\n1960-02,1961Q4,2021年,false\n")
    by_name = {column.stata_name: column for column in result.profile.columns}
    assert (by_name["m"].format, by_name["m"].min, by_name["m"].max) == ("%tm", "1960-02", "2020-01")
    assert (by_name["q"].format, by_name["q"].min, by_name["q"].max) == ("%tq", "1961Q4", "2020Q1")
    assert result.values("y") == [2020, 2021]
    assert (by_name["b"].inferred_type, by_name["b"].value_labels) == ("boolean", {"0": "FALSE", "1": "TRUE"})


def test_stata_code_in_headers_and_cells_is_only_text(prepared: Prepare) -> None:
    cells = ["`=shell rm x'", "\"' + `x'", "$x ${y}", '`"compound"\'', "; drop _all"]
    quoted = ['"' + cell.replace('"', '""') + '"' for cell in cells]
    result = prepared(f"{quoted[0]},{quoted[2]},y\n" + "".join(f"{cell},a,1\n" for cell in quoted))
    assert result.values(result.profile.columns[0].stata_name) == cells
    assert result.profile.columns[0].original_name == cells[0]
    assert all("`" not in column.label for column in result.profile.columns)


def test_long_text_becomes_strl(prepared: Prepare) -> None:
    text = "长" * 400_000
    result = prepared(f"a,b\n{text},1\nshort,2\n")
    assert result.profile.columns[0].storage_type == "strL"
    assert result.values("a") == [text, "short"]
    assert len(result.profile.sample_rows[0]["a"]) <= 201


def test_an_open_quotation_mark_is_named(prepared: Prepare) -> None:
    with pytest.raises(PreparationError, match="quotation mark") as caught:
        prepared('a,b\n"1,2\n' + "3,4\n" * 5_000_000)
    assert caught.value.code == "INPUT_PARSE_FAILED"


@pytest.mark.parametrize("content", ["a,b,c\n", "a,b\n,\n,\n", "\n\n\n"])
def test_a_table_without_rows_is_empty(prepared: Prepare, content: str) -> None:
    with pytest.raises(PreparationError) as caught:
        prepared(content)
    assert caught.value.code == "INPUT_EMPTY_FILE"


def test_the_same_file_gives_the_same_bytes(prepared: Prepare) -> None:
    first = prepared(CHINESE).path.read_bytes()
    assert prepared(CHINESE).path.read_bytes() == first


def test_ten_thousand_columns(prepared: Prepare) -> None:
    width = 10_000
    rows = [",".join(f"c{i}" for i in range(width)), *[",".join(str(i + k) for i in range(width)) for k in range(3)]]
    result = prepared("\n".join(rows))
    assert result.profile.column_count == width
    assert result.values("c9999") == [9999, 10000, 10001]


def test_more_columns_than_stata_takes_are_refused_by_name(prepared: Prepare) -> None:
    with pytest.raises(PreparationError, match="32,768 columns"):
        prepared(",".join(f"c{i}" for i in range(32_768)) + "\n" + ",".join("1" * 32_768))


def test_a_panel_with_chinese_names_is_recognised(prepared: Prepare) -> None:
    guess = prepared(CHINESE).profile.panel_guesses[0]
    assert (guess.entity, guess.time, guess.n_entities, guess.n_periods, guess.balanced) == ("省份", "年份", 2, 2, True)


def test_an_unbalanced_panel_is_recognised_and_a_cross_section_is_not(prepared: Prepare) -> None:
    rows = [(firm, year) for firm in range(1, 11) for year in range(2000, 2005) if (firm, year) != (3, 2002)]
    panel = prepared("firm,year,y\n" + "".join(f"{f},{t},{f * t % 7}\n" for f, t in rows)).profile
    assert [(g.entity, g.time, g.balanced) for g in panel.panel_guesses][:1] == [("firm", "year", False)]
    people = prepared("age,wage,educ\n" + "".join(f"{20 + i % 40},{i * 1.5},{i % 12}\n" for i in range(200))).profile
    assert people.panel_guesses == []


def test_years_as_columns_are_warned_about(prepared: Prepare) -> None:
    result = prepared("city,2000,2001,2002\nA,1,2,3\nB,4,5,6\n")
    assert [column.stata_name for column in result.profile.columns] == ["city", "_2000", "_2001", "_2002"]
    assert result.warned("look wide")


def test_statistics_of_a_column(prepared: Prepare) -> None:
    column = prepared("g,x\na,1.5\na,\nb,-2\nc,1.5\n").profile.columns[1]
    assert (column.n_missing, column.n_unique, column.min, column.max) == (1, 2, -2, 1.5)
    assert column.examples == ["1.5", "-2"]
    assert not math.isnan(float(column.min))
