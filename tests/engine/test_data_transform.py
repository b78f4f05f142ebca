"""egen, encode/decode, destring/tostring, recode, quantiles, duplicates, levelsof, split, tsset, files."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from ssd.engine.missing import MISSING
from tests.engine.conftest import Run

INPUT = """clear
input g x str3 s
1 1 "b"
1 2 "a"
2 4 "b"
2 . ""
2 6 "c"
end
"""


@pytest.mark.parametrize(
    ("call", "values"),
    [
        ("mean(x), by(g)", [1.5, 1.5, 5, 5, 5]),
        ("total(x), by(g)", [3, 3, 10, 10, 10]),
        ("count(x)", [4] * 5),
        ("max(x), by(g)", [2, 2, 6, 6, 6]),
        ("sd(x), by(g)", [0.70710677, 0.70710677, 1.4142135, 1.4142135, 1.4142135]),
        ("median(x)", [3] * 5),
        ("pctile(x), p(25)", [1.5] * 5),
        ("rank(x)", [1, 2, 3, MISSING, 4]),
        ("rank(-x), track", [4, 3, 2, MISSING, 1]),
        ("group(s)", [2, 1, 2, MISSING, 3]),
        ("tag(g)", [1, 0, 1, 0, 0]),
        ("iqr(x)", [3.5] * 5),
        ("seq(), from(1) to(2)", [1, 2, 1, 2, 1]),
        ("std(x) if g == 1", None),
        ("rowmean(g x)", [1, 1.5, 3, 2, 4]),
        ("rowtotal(g x)", [2, 3, 6, 2, 8]),
        ("rowmiss(g x s)", [0, 0, 0, 2, 0]),
        ("rowmax(g x)", [1, 2, 4, 2, 6]),
        ("anymatch(g x), values(2 6)", [0, 1, 1, 1, 1]),
        ("anycount(g x), values(2)", [0, 1, 1, 1, 1]),
        ("cut(x), at(0 2 5)", [0, 2, 2, MISSING, MISSING]),
        ("mode(s)", None),
        ("pc(x)", [1 / 13 * 100, 2 / 13 * 100, 4 / 13 * 100, MISSING, 6 / 13 * 100]),
        ("mad(x)", [1.5] * 5),
        ("fill(2 4)", [2, 4, 6, 8, 10]),
    ],
)
def test_egen(run: Run, call: str, values: list[float] | None) -> None:
    head, comma, options = call.partition(",")
    session, _ = run(INPUT + f"egen r = {head}{comma}{options}\n")
    assert session.state["rc"] == 0
    column = session.data.variables["r"]
    if values is None:
        expected = {"std(x) if g == 1": [-0.70710677, 0.70710677, MISSING, MISSING, MISSING]}.get(call)
        if expected is None:
            assert column.values.tolist() == ["b"] * 5
            return
        values = expected
    assert session.data.numeric("r").tolist() == pytest.approx(values, rel=1e-6)


def test_egen_errors(run: Run) -> None:
    for line, rc in (
        ("egen r = nosuch(x)", 133),
        ("egen r = mean(s)", 109),
        ("egen r = mean(x), zz", 198),
        ("egen g = max(x)", 110),
    ):
        session, _ = run(INPUT + line + "\n")
        assert session.state["rc"] == rc, line


def test_encode_is_alphabetical_and_decode_inverts(run: Run) -> None:
    session, _ = run(INPUT + "encode s, gen(code)\ndecode code, gen(back)\n")
    assert session.data.numeric("code").tolist() == [2, 1, 2, MISSING, 3]
    assert session.data.value_labels["code"] == {1: "a", 2: "b", 3: "c"}
    assert session.data.strings("back").tolist() == ["b", "a", "b", "", "c"]


def test_destring_and_tostring(run: Run) -> None:
    session, log = run('clear\ninput str6 p str3 q\n"1,000" "5"\n"2%" "x"\nend\ndestring p, gen(n) ignore(",%")\n'
                       "destring q, gen(m) force\ntostring n, gen(t)\n")  # fmt: skip
    assert session.data.numeric("n").tolist() == [1000, 2]
    assert session.data.numeric("m").tolist() == [5, MISSING]
    assert "q: contains nonnumeric characters; m generated as byte" in log
    assert session.data.strings("t").tolist() == ["1000", "2"]


def test_recode_rules_in_order_with_labels(run: Run) -> None:
    session, log = run(INPUT + 'recode x (1/2 = 1 "low") (missing = 9) (else = 2 "high"), gen(r)\nrecode g 1=7\n')
    assert session.data.numeric("r").tolist() == [1, 1, 2, 9, 2]
    assert session.data.labels_of("r") == {1: "low", 2: "high"}
    assert "(g: 2 changes made)" in log


def test_quantile_groups_follow_statas_rule(run: Run) -> None:
    session, _ = run("clear\nset obs 10\ngen x = _n\nxtile q = x, nq(4)\n_pctile x, p(25 50 75)\n")
    assert session.data.numeric("q").tolist() == [1, 1, 1, 2, 2, 3, 3, 3, 4, 4]
    assert [session.r.scalars[f"r{i}"] for i in (1, 2, 3)] == [3, 5.5, 8]


def test_duplicates_isid_levelsof_split(run: Run) -> None:
    session, log = run(INPUT + "duplicates report g\nduplicates tag g, gen(d)\nlevelsof s, clean\n")
    assert session.data.numeric("d").tolist() == [1, 1, 2, 2, 2]
    assert "        3 |            3             2" in log
    assert session.r.macros["levels"] == "a b c"
    session, _ = run(INPUT + "isid g\n")
    assert session.state["rc"] == 459
    session, log = run(INPUT + "duplicates drop g, force\n")
    assert session.data.n_obs == 2
    session, _ = run('clear\ninput str9 w\n"a-b"\n"c"\nend\nsplit w, p(-) gen(p)\n')
    assert session.data.strings("p2").tolist() == ["b", ""]


def test_tsset_reports_gaps_fills_and_lags(run: Run) -> None:
    session, log = run("clear\ninput t v\n1 10\n2 20\n4 40\nend\ntsset t\ngen l = L.v\ntsfill\n")
    assert "Time variable: t, 1 to 4, but with a gap" in log
    assert session.data.numeric("l").tolist() == [MISSING, 10, MISSING, MISSING]
    assert session.data.numeric("t").tolist() == [1, 2, 3, 4]
    session, _ = run("clear\ninput t v\n1 10\n1 20\nend\ntsset t\n")
    assert session.state["rc"] == 451
    session, log = run("clear\nset obs 4\ngen id = ceil(_n/2)\ngen t = mod(_n,2)\nxtset id t\nreturn list\n")
    assert "Panel variable: id (strongly balanced)" in log
    assert session.r.macros["balanced"] == "strongly balanced"


def test_sample_and_bsample_sizes_are_reproducible(run: Run) -> None:
    text = "clear\nset obs 100\ngen x = _n\nset seed 7\nsample 10\n"
    first, log = run(text)
    second, _ = run(text)
    assert first.data.n_obs == 10
    assert "(90 observations deleted)" in log
    assert first.data.numeric("x").tolist() == second.data.numeric("x").tolist()
    session, _ = run("clear\nset obs 50\ngen x = _n\nbsample\n")
    assert session.data.n_obs == 50
    assert len(np.unique(session.data.numeric("x"))) < 50


def test_linear_spline_pieces_add_up(run: Run) -> None:
    session, _ = run("clear\nset obs 9\ngen x = _n\nmkspline a 3 b 6 c = x\n")
    data = session.data
    assert data.numeric("b").tolist() == [0, 0, 0, 1, 2, 3, 3, 3, 3]
    assert (data.numeric("a") + data.numeric("b") + data.numeric("c")).tolist() == list(range(1, 10))


def test_save_use_subset_and_refusals(run: Run) -> None:
    session, log = run(INPUT + "save f\nuse g x if g == 2 using f, clear\n")
    assert (session.data.n_obs, list(session.data.variables)) == (3, ["g", "x"])
    assert "file f.dta saved" in log
    for line, rc in (("save f", 602), ("use nosuch, clear", 601), ("use f", 4), ("save ../../out", 603)):
        session, _ = run(INPUT + "save f, replace\ngen y = 1\n" + line + "\n")
        assert session.state["rc"] == rc, line


def test_delimited_text_round_trip(run: Run, tmp_path: Path) -> None:
    session, _ = run(INPUT + 'replace s = "q, r" in 1\nexport delimited using o.csv\nimport delimited o.csv, clear\n')
    assert session.data.numeric("x").tolist() == [1, 2, 4, MISSING, 6]
    assert session.data.strings("s").tolist() == ["q, r", "a", "b", "", "c"]
    assert (tmp_path / "o.csv").read_text().splitlines()[0] == "g,x,s"
    (tmp_path / "h.txt").write_text("First Name;2nd\nä;1\n", encoding="utf-8")
    session, log = run('import delimited "h.txt", delimiters(";") varnames(1) clear\n')
    assert list(session.data.variables) == ["firstname", "_2nd"]
    assert "(2 vars, 1 obs)" in log
    (tmp_path / "doubled.txt").write_text("a\tb\n1\t\t2\n3\t\t4\n", encoding="utf-8")
    session, _ = run('import delimited "doubled.txt", delimiter(tab) varnames(1) clear\n')
    assert session.data.numeric("b").tolist() == [2, 4]
    (tmp_path / "title.csv").write_text("A title,\na,b\n1,2\n", encoding="utf-8")
    session, _ = run('import delimited "title.csv", varnames(2) clear\n')
    assert session.data.numeric("b").tolist() == [2]
    (tmp_path / "r.csv").write_text("a,b,c\n1,2,3\n4,5,6\n7,8,9\n", encoding="utf-8")
    session, _ = run('import delimited "r.csv", rowrange(3:3) colrange(2:) varnames(1) clear\n')
    assert list(session.data.variables) == ["b", "c"]
    assert session.data.numeric("c").tolist() == [6]


def test_excel_is_read_with_types(run: Run, tmp_path: Path) -> None:
    xlsxwriter = pytest.importorskip("xlsxwriter")
    book = xlsxwriter.Workbook(str(tmp_path / "b.xlsx"))
    sheet = book.add_worksheet("数据")
    for row, cells in enumerate([("省份", "gdp", "n"), ("北京", 1.5, 3), ("上海", None, 4)]):
        for column, cell in enumerate(cells):
            if cell is not None:
                sheet.write(row, column, cell)
    book.close()
    session, _ = run('import excel "b.xlsx", sheet("数据") firstrow clear\n')
    assert session.data.strings("省份").tolist() == ["北京", "上海"]
    assert session.data.numeric("gdp").tolist() == [1.5, MISSING]
    assert session.data.variables["n"].type == "byte"
    session, _ = run(INPUT + 'label variable x "Size <m>"\nexport excel using "e.xlsx", firstrow(varlabels)\n'
                     'import excel "e.xlsx", firstrow clear case(lower)\n')  # fmt: skip
    assert session.data.variables["sizem"].label == "Size <m>"
    assert session.data.numeric("sizem").tolist() == [1, 2, 4, MISSING, 6]
    assert session.data.strings("s").tolist() == ["b", "a", "b", "", "c"]
    session, _ = run(INPUT + "export excel using old.xls\n")
    assert session.state["rc"] == 198


@pytest.mark.parametrize(
    ("line", "rc"),
    [
        ("duplicates report", 111),
        ("clear\nset obs 2\ngen x = .\nmkspline c = x, cubic nknots(3)", 2000),
        ("clear\nset obs 2\ngen x = .\negen u = cut(x), group(2)", 2000),
        ("clear\nset obs 2\ngen x = .\nxtile q = x", 2000),
        ("clear\nset obs 1\ngen x = .\ncollapse x if x < 0", 2000),
        ("clear\nset obs 2\ngen x = .\ntsset x", 2000),
    ],
)
def test_empty_samples_end_with_a_return_code(run: Run, line: str, rc: int) -> None:
    session, _ = run(line + "\n")
    assert session.state["rc"] == rc
