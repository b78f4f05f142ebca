"""merge, append, joinby, cross, reshape, collapse, contract, expand, fillin."""

from __future__ import annotations

import pytest

from ssd.engine.missing import MISSING
from tests.engine.conftest import Run

MASTER = """clear
input id a
1 10
2 20
2 25
4 .
end
save m, replace
"""
USING = """clear
input id double b a
1 1.5 11
2 2.5 21
3 3.5 31
4 4.5 41
end
save u, replace
"""


def test_merge_many_to_one_reports_and_promotes(run: Run) -> None:
    session, log = run(USING + MASTER + "merge m:1 id using u, keepusing(b)\n")
    data = session.data
    assert data.numeric("id").tolist() == [1, 2, 2, 4, 3]
    assert data.numeric("b").tolist() == [1.5, 2.5, 2.5, 4.5, 3.5]
    assert data.numeric("a").tolist() == [10, 20, 25, MISSING, MISSING]
    assert data.numeric("_merge").tolist() == [3, 3, 3, 3, 2]
    assert "    Not matched                             1" in log
    assert "        from using                          1  (_merge==2)" in log
    assert "    Matched                                 4  (_merge==3)" in log


def test_merge_update_takes_missing_and_conflicts(run: Run) -> None:
    session, _ = run(USING + MASTER + "merge m:1 id using u, update\n")
    assert session.data.numeric("a").tolist() == [10, 20, 25, 41, 31]
    assert session.data.numeric("_merge").tolist() == [5, 5, 5, 4, 2]
    session, _ = run(USING + MASTER + "merge m:1 id using u, update replace\n")
    assert session.data.numeric("a").tolist() == [11, 21, 21, 41, 31]


def test_merge_keep_and_nogenerate(run: Run) -> None:
    session, log = run(USING + MASTER + "merge m:1 id using u, keep(match master) nogenerate\n")
    assert session.data.n_obs == 4
    assert "_merge" not in session.data.variables
    assert "_merge==" not in log


@pytest.mark.parametrize(
    ("line", "rc", "message"),
    [
        ("merge 1:1 id using u", 459, "variable id does not uniquely identify observations in the master data"),
        ("merge m:1 id using nosuch", 601, "file nosuch.dta not found"),
        ("merge id using u", 198, "invalid syntax"),
        ("merge m:1 id using u, assert(match)", 9, "after merge"),
        ("merge m:1 zz using u", 111, "variable zz not found"),
        ('gen b = "x"\nmerge m:1 id using u', 109, "type mismatch"),
        ("append using nosuch", 601, "file nosuch.dta not found"),
    ],
)
def test_merge_and_append_errors(run: Run, line: str, rc: int, message: str) -> None:
    session, log = run(USING + MASTER + line + "\n")
    assert session.state["rc"] == rc
    assert message in log


def test_append_joins_types_and_labels(run: Run) -> None:
    session, _ = run(USING + MASTER + "append using u, generate(from)\n")
    assert session.data.numeric("id").tolist() == [1, 2, 2, 4, 1, 2, 3, 4]
    assert session.data.numeric("b").tolist()[:4] == [MISSING] * 4
    assert session.data.variables["b"].type == "double"
    assert session.data.numeric("from").tolist() == [0, 0, 0, 0, 1, 1, 1, 1]


def test_joinby_and_cross_pair_observations(run: Run) -> None:
    session, _ = run(USING + MASTER + "drop a\njoinby id using u\nsort id b\n")
    assert session.data.numeric("id").tolist() == [1, 2, 2, 4]
    session, _ = run(USING + MASTER + "drop a\nrename id key\ncross using u\n")
    assert session.data.n_obs == 16


WIDE = """clear
input id sex inc80 inc81 ue80 ue81
1 0 5000 5500 0 1
2 1 2000 2200 1 0
end
"""


def test_reshape_long_and_back(run: Run) -> None:
    session, log = run(WIDE + "reshape long inc ue, i(id) j(year)\n")
    data = session.data
    assert list(data.variables) == ["id", "year", "sex", "inc", "ue"]
    assert data.numeric("year").tolist() == [80, 81, 80, 81]
    assert data.numeric("inc").tolist() == [5000, 5500, 2000, 2200]
    assert data.variables["year"].type == "byte"
    assert "(j = 80 81)" in log
    assert "Number of observations                2   ->   4" in log
    session, _ = run(WIDE + "reshape long inc ue, i(id) j(year)\nreshape wide\n")
    assert list(session.data.variables) == ["id", "inc80", "ue80", "inc81", "ue81", "sex"]
    assert session.data.numeric("ue81").tolist() == [1, 0]


def test_reshape_with_string_suffixes_and_unbalanced_data(run: Run) -> None:
    session, _ = run("clear\ninput id xa xb\n1 1 2\n2 3 .\nend\nreshape long x, i(id) j(w) string\n"
                     "drop if x == .\nreshape wide x, i(id) j(w) string\n")  # fmt: skip
    assert session.data.numeric("xb").tolist() == [2, MISSING]


@pytest.mark.parametrize(
    ("line", "rc", "message"),
    [
        ("replace id = 1\nreshape long inc ue, i(id) j(year)", 9, "variable id does not uniquely identify"),
        ("reshape long zz, i(id) j(year)", 111, "no xij variables found"), ("reshape wide", 198, "not been reshaped"),
        ("reshape long inc ue, i(id) j(year)\nreplace year = 80\nreshape wide inc ue, i(id) j(year)", 9, "not unique"),
        ("reshape long inc ue, i(id) j(sex)", 110, "variable sex already defined"),
    ],
)  # fmt: skip
def test_reshape_errors(run: Run, line: str, rc: int, message: str) -> None:
    session, log = run(WIDE + line + "\n")
    assert session.state["rc"] == rc
    assert message in log


VALUES = """clear
input g x w
1 1 1
1 2 1
1 4 2
2 10 1
2 . 5
end
"""


def test_collapse_statistics(run: Run) -> None:
    session, _ = run(
        VALUES + "collapse (mean) m=x (sum) s=x (count) n=x (max) hi=x (sd) d=x (p50) md=x (first) f=x, by(g)\n"
    )
    data = session.data
    assert data.numeric("m").tolist() == pytest.approx([7 / 3, 10.0], rel=1e-7)
    assert data.numeric("s").tolist() == [7, 10]
    assert data.numeric("n").tolist() == [3, 1]
    assert data.numeric("hi").tolist() == [4, 10]
    assert data.numeric("d").tolist() == [pytest.approx(1.5275252, rel=1e-6), MISSING]
    assert data.numeric("md").tolist() == [2, 10]
    assert data.variables["m"].label == "(mean) x"
    assert data.sorted_by == ["g"]


def test_collapse_with_weights(run: Run) -> None:
    session, _ = run(VALUES + "collapse (mean) m=x (sum) s=x (count) n=x [fw=w], by(g)\n")
    assert session.data.numeric("m").tolist() == [2.75, 10.0]
    assert session.data.numeric("s").tolist() == [11, 10]
    assert session.data.numeric("n").tolist() == [4, 1]


def test_contract_expand_and_fillin(run: Run) -> None:
    session, _ = run(VALUES + "contract g\n")
    assert session.data.numeric("_freq").tolist() == [3, 2]
    session, log = run(VALUES + "expand w\n")
    assert session.data.n_obs == 10
    assert "(5 observations created)" in log
    session, _ = run("clear\ninput a b\n1 1\n2 2\nend\nfillin a b\n")
    assert session.data.numeric("_fillin").tolist() == [0, 1, 1, 0]
