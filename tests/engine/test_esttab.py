"""esttab writes tables of stored models in every format, eststo and estadd feed it."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.engine.conftest import Run

MODELS = """
set obs 40
generate x = _n
generate g = mod(_n, 3)
label define g 0 "Low" 1 "Middle" 2 "High"
label values g g
generate z = mod(_n*7, 11)
label variable z "Zed"
generate y = 2 + .5*x + z + sin(_n)
eststo clear
eststo small: quietly regress y x
estadd local method "Short"
eststo big: quietly regress y x z i.g
estadd scalar twice = 2*e(N)
estadd local method "Long"
"""


def _written(run: Run, folder: Path, command: str, name: str) -> str:
    session, log = run(MODELS + command, folder)
    assert session.state["rc"] == 0, log
    return (folder / name).read_text(encoding="utf-8")


def test_estadd_reaches_the_stored_model(run: Run, tmp_path: Path) -> None:
    _, log = run(MODELS + 'esttab small big, scalars("twice Double" "method Method") sfmt(0)')
    assert next(line for line in log.splitlines() if line.startswith("Double")).split() == ["Double", "80"]
    row = next(line for line in log.splitlines() if line.startswith("Method"))
    assert row.split() == ["Method", "Short", "Long"]


def test_latex_with_booktabs_has_a_table_and_stars(run: Run, tmp_path: Path) -> None:
    text = _written(run, tmp_path, 'esttab small big using t.tex, booktabs se r2 title("A_b")', "t.tex")
    assert text.startswith("\\begin{table}[htbp]\\centering\n")
    assert "\\caption{A\\_b}" in text and "\\toprule" in text and "\\sym{***}" in text
    assert "\\(R^{2}\\)" in text and "\\(N\\)" in text
    assert text.count("{") == text.count("}")


def test_a_fragment_has_rows_only(run: Run, tmp_path: Path) -> None:
    text = _written(run, tmp_path, "esttab small using t.tex, fragment nonotes", "t.tex")
    assert "tabular" not in text and "\\hline\\hline" not in text
    assert all(line.endswith(("\\\\", "]", "\\hline")) for line in text.splitlines())


def test_rtf_html_and_markdown_hold_the_same_cells(run: Run, tmp_path: Path) -> None:
    for name, star in (("t.rtf", "{\\super ***}"), ("t.html", "<sup>***</sup>"), ("t.md", "\\*\\*\\*")):
        text = _written(run, tmp_path, f"esttab small big using {name}, b(3) se(3) replace", name)
        assert star in text, name
        assert "Standard errors in parentheses" in text


def test_labels_name_variables_levels_and_counts(run: Run, tmp_path: Path) -> None:
    _, log = run(MODELS + "esttab big, label nobaselevels")
    stubs = [line[:20].strip() for line in log.splitlines()]
    assert {"Zed", "Middle", "High", "Constant", "Observations"} <= set(stubs)
    assert "Low" not in stubs


def test_indicate_replaces_coefficients_by_a_row(run: Run, tmp_path: Path) -> None:
    _, log = run(MODELS + 'esttab small big, indicate("Groups = *.g")')
    row = next(line for line in log.splitlines() if line.startswith("Groups"))
    assert row.split() == ["Groups", "No", "Yes"]
    assert "1.g" not in log


def test_order_rename_and_labels_of_coefficients(run: Run, tmp_path: Path) -> None:
    _, log = run(MODELS + "esttab small big, rename(x slope)")
    assert len(next(line for line in log.splitlines() if line.startswith("slope")).split()) == 3
    _, log = run(MODELS + 'esttab big, keep(x z) order(z x) coeflabels(z "The z") nogaps')
    rows = [line.split("  ")[0] for line in log.splitlines()]
    assert rows.index("The z") < rows.index("x")


@pytest.mark.parametrize("option", ["margin", "labcol2(a b)", "topfile(a.txt)"])
def test_what_is_not_done_is_refused(run: Run, option: str) -> None:
    session, _ = run(MODELS + f"esttab small, {option}")
    assert session.state["rc"] == 198


def test_stats_with_labels_and_formats(run: Run, tmp_path: Path) -> None:
    _, log = run(MODELS + 'esttab small big, stats(N r2, fmt(0 2) labels("Obs." "R2"))')
    lines = log.splitlines()
    assert next(line for line in lines if line.startswith("Obs.")).split() == ["Obs.", "40", "40"]
    assert len(next(line for line in lines if line.startswith("R2")).split()[1].partition(".")[2]) == 2
