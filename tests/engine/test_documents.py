"""putexcel, putdocx, outreg2 and their kin write files that other programs read."""

from __future__ import annotations

from pathlib import Path

import docx
import pytest
from python_calamine import CalamineWorkbook

from tests.engine.conftest import Run

MODEL = """
input x y
1 1
2 3
3 2
4 5
end
quietly regress y x
"""


def _rows(path: Path, sheet: str) -> list[list[object]]:
    return CalamineWorkbook.from_path(str(path)).get_sheet_by_name(sheet).to_python()


def test_putexcel_places_values_matrices_and_formulas(run: Run, tmp_path: Path) -> None:
    session, log = run(
        MODEL
        + """
putexcel set out.xlsx, replace sheet("A b")
putexcel A1 = "mean" B1 = (1+1) C1=`=3*2', bold nformat(number_d2) border(bottom)
matrix M = (1, 2 \\ 3, .)
matrix colnames M = u v
putexcel A3 = matrix(M), colnames
putexcel E1 = formula("B1+C1")
"""
    )
    assert session.state["rc"] == 0, log
    rows = _rows(tmp_path / "out.xlsx", "A b")
    assert rows[0][:3] == ["mean", 2.0, 6.0]
    assert rows[2][:2] == ["u", "v"] and rows[3][:2] == [1.0, 2.0] and rows[4][:2] == [3.0, ""]


def test_putexcel_modify_keeps_the_other_sheet(run: Run, tmp_path: Path) -> None:
    first = "putexcel set out, replace sheet(One)\nputexcel A1 = 1\n"
    run(first, tmp_path)
    session, log = run("putexcel set out, modify sheet(Two)\nputexcel B2 = 5\n", tmp_path)
    assert session.state["rc"] == 0, log
    assert _rows(tmp_path / "out.xlsx", "One") == [[1.0]]
    assert _rows(tmp_path / "out.xlsx", "Two") == [[5.0]]


def test_the_same_workbook_has_the_same_bytes(run: Run, tmp_path: Path) -> None:
    written = []
    for name in ("a", "b"):
        folder = tmp_path / name
        folder.mkdir()
        run('putexcel set out, replace\nputexcel A1 = "x", bold\nputdocx begin\nputdocx paragraph\n'
            'putdocx text ("x")\nputdocx save d\n', folder)  # fmt: skip
        written.append(((folder / "out.xlsx").read_bytes(), (folder / "d.docx").read_bytes()))
    assert written[0] == written[1]


def test_putdocx_writes_text_and_tables(run: Run, tmp_path: Path) -> None:
    session, log = run(
        MODEL
        + """
putdocx begin
putdocx paragraph, style(Heading1)
putdocx text ("Results")
putdocx paragraph
putdocx text ("N is "), bold
putdocx text (e(N))
putdocx table t = etable
putdocx table u = (2, 2)
putdocx table u(1,1) = ("wide"), colspan(2)
putdocx save report, replace
"""
    )
    assert session.state["rc"] == 0, log
    document = docx.Document(str(tmp_path / "report.docx"))
    assert [p.text for p in document.paragraphs][:2] == ["Results", "N is 4"]
    assert document.paragraphs[0].style is not None and document.paragraphs[0].style.name == "Heading 1"
    first = [[cell.text for cell in row.cells] for row in document.tables[0].rows]
    assert first[0][:3] == ["y", "Coefficient", "Std. err."]
    # slope 1.1, residual sum of squares 8.75 - 1.1 * 5.5 = 2.7, standard error sqrt(2.7 / 2 / 5)
    assert first[1][:3] == ["x", "1.1", ".5196152"]
    assert document.tables[1].rows[0].cells[1].text == "wide"


def test_tables_for_word_have_one_row_per_variable(run: Run, tmp_path: Path) -> None:
    session, log = run(
        MODEL
        + """
eststo m1
generate g = x > 2
reg2docx m1 using r, replace scalars(N r2(%9.2f)) title("Table 1")
sum2docx y x using r, append stats(N mean(%9.1f) max)
t2docx y using r, append by(g)
corr2docx y x using r, append
"""
    )
    assert session.state["rc"] == 0, log
    tables = [[[c.text for c in row.cells] for row in t.rows] for t in docx.Document(str(tmp_path / "r.docx")).tables]
    assert len(tables) == 4
    # R-squared: (1.1 * 5.5) / 8.75 = .6914
    assert tables[0][-2:] == [["N", "4"], ["r2", "0.69"]]
    assert tables[1][1] == ["y", "4", "2.8", "5.000"]
    assert tables[2][1][:6] == ["y", "2", "2.000", "2", "3.500", "-1.500"]
    # The correlation is 5.5 over the root of 5 times 8.75.
    assert tables[3][2] == ["x", "0.832", "1"]


def test_outreg2_appends_columns(run: Run, tmp_path: Path) -> None:
    session, log = run(
        MODEL
        + """
outreg2 using t.doc, replace
generate z = mod(x, 2)
quietly regress y x z
outreg2 using t.doc, append ctitle(Two) addtext(Controls, YES)
"""
    )
    assert session.state["rc"] == 0, log
    lines = (tmp_path / "t.txt").read_text(encoding="utf-8").splitlines()
    assert lines[:2] == ["\t(1)\t(2)", "VARIABLES\ty\tTwo"]
    names = [line.split("\t")[0] for line in lines if line.split("\t")[0]]
    assert names[1:4] == ["x", "z", "Constant"]
    assert "Controls\t\tYES" in lines and "Observations\t4\t4" in lines
    assert (tmp_path / "t.doc").read_text(encoding="utf-8").startswith("{\\rtf1")


@pytest.mark.parametrize(
    ("command", "rc"),
    [
        ("putexcel A1 = 1", 198),
        ("putdocx text (1)", 198),
        ("putexcel set a.xlsx, replace\nputexcel A1 = escalars", 198),
        ("putdocx begin\nputdocx table t = (0, 2)", 198),
        ("putdocx begin\nputdocx image nothing.png", 601),
        ("putpdf begin", 198),
        ("putexcel set ../a.xlsx, replace\nputexcel A1 = 1", 603),
    ],
)
def test_wrong_requests_are_refused(run: Run, command: str, rc: int) -> None:
    session, log = run(command)
    assert session.state["rc"] == rc, log
