"""Reports in every format, read back by other programs than those that wrote them."""

from __future__ import annotations

import zipfile
from pathlib import Path

import pyreadstat
import pytest
from python_calamine import CalamineWorkbook

from ssd.artifacts.formatting.report import ReportRequest, SectionRequest, Source, for_reading, read_sections
from ssd.artifacts.formatting.writers import WRITERS, latex_text

TIDY = (
    "model,term,label,estimate,std_error,statistic,p_value,conf_low,conf_high,df\n"
    'main,educ,"受教育年限 <b>",.092029,.00733,12.56,0,.0776,.1064,522\n'
    'main,exper,"=cmd|calc!A1",.004121,.001723,2.39,.0171,.0007,.0075,522\n'
    'main,o.dup,"dup (omitted)",,,,,,,522\n'
)
SVG = (
    '<?xml version="1.0"?>\n<svg xmlns="http://www.w3.org/2000/svg" width="40" height="20">'
    '<rect width="9" height="9"/></svg>'
)


@pytest.fixture
def request_for(tmp_path: Path) -> ReportRequest:
    (tmp_path / "tidy.csv").write_text(TIDY, "utf-8")
    (tmp_path / "figure.svg").write_text(SVG, "utf-8")
    sources = [
        Source(str(tmp_path / "tidy.csv"), "table", "Coefficients 系数"),
        Source(str(tmp_path / "figure.svg"), "figure", 'A figure "quoted" #read("x")'),
    ]
    return ReportRequest(
        "Results $x_1$ \\ #1", "en", ["note & more"], [SectionRequest("Main", sources)], [], str(tmp_path)
    )


def write(request: ReportRequest, kind: str) -> list[Path]:
    return WRITERS[kind](request, read_sections(request), Path(request.folder))


def test_the_workbook_keeps_every_digit_and_no_formula(request_for: ReportRequest) -> None:
    (path,) = write(request_for, "xlsx")
    rows = CalamineWorkbook.from_path(str(path)).get_sheet_by_index(0).to_python()
    assert rows[1][:4] == ["model", "term", "label", "estimate"]
    assert rows[2][2:4] == ["受教育年限 <b>", 0.092029]
    assert rows[3][2] == "=cmd|calc!A1"
    assert rows[4][3] == ""
    assert "<f>" not in zipfile.ZipFile(path).read("xl/worksheets/sheet1.xml").decode()


def test_the_datasets_are_read_by_another_program(request_for: ReportRequest) -> None:
    (path,) = write(request_for, "dta")
    frame, _ = pyreadstat.read_dta(str(path), output_format="polars")
    assert frame["estimate"].to_list() == [0.092029, 0.004121, None]
    assert frame["label"][0] == "受教育年限 <b>"


def test_a_table_for_reading_has_stars_and_no_star_for_a_missing_p_value(request_for: ReportRequest) -> None:
    table = for_reading(read_sections(request_for)[0].tables[0])
    assert table.columns == ["", "main"]
    assert table.rows == [
        ["受教育年限 <b>", "0.0920***"], ["", "(0.00733)"],
        ["=cmd|calc!A1", "0.00412**"], ["", "(0.00172)"],
        ["dup (omitted)", ""], ["", ""],
    ]  # fmt: skip


def test_the_page_shows_text_as_text_and_the_figure_inline(request_for: ReportRequest) -> None:
    (path,) = write(request_for, "html")
    page = path.read_text("utf-8")
    assert "受教育年限 &lt;b&gt;" in page
    assert "<svg" in page
    assert "<?xml" not in page


def test_latex_special_characters_are_escaped(request_for: ReportRequest) -> None:
    (path,) = write(request_for, "tex")
    text = path.read_text("utf-8")
    assert r"受教育年限 <b> & 0.0920*** \\" in text
    assert latex_text(r"50% of a_b & $x$ \input{x}") == r"50\% of a\_b \& \$x\$ \textbackslash{}input\{x\}"


def test_the_document_holds_tables_and_the_figure_as_a_picture(request_for: ReportRequest) -> None:
    (path,) = write(request_for, "docx")
    with zipfile.ZipFile(path) as archive:
        assert "0.0920***" in archive.read("word/document.xml").decode("utf-8")
        assert any(name.endswith(".png") for name in archive.namelist())


def test_the_pdf_is_a_pdf_and_user_text_is_no_markup(request_for: ReportRequest) -> None:
    (path,) = write(request_for, "pdf")
    assert path.read_bytes().startswith(b"%PDF-")
