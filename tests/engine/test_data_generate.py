"""generate, replace, drop, keep, sort, order, rename, recast, compress: messages and stored results."""

from __future__ import annotations

import numpy as np
import pytest

from ssd.engine.missing import MISSING
from tests.engine.conftest import Run

INPUT = """clear
input id str5 name x
1 "a" 10
2 "b" .
3 "c" 30
3 "d" 5
end
"""


def test_generate_stores_float_and_counts_missing(run: Run) -> None:
    session, log = run(INPUT + 'gen y = x/3\ngen byte z = 200\ngen str s = name + "!"\n')
    assert session.data.variables["y"].type == "float"
    assert session.data.numeric("y")[0] == np.float64(np.float32(10 / 3))
    assert "(1 missing value generated)" in log
    assert session.data.numeric("z").tolist() == [MISSING] * 4, "200 is outside the range of byte"
    assert session.data.variables["s"].type == "str2"


def test_replace_promotes_and_reports(run: Run) -> None:
    session, log = run(INPUT + "gen byte b = 1\nreplace b = 1000 in 1\nreplace b = .5 in 2\nreplace x = . if id == 3\n"
                       "replace name = \"longer\" in 1\nreplace b = 7 in 3, nopromote\n")  # fmt: skip
    assert "variable b was byte now int" in log
    assert "variable b was int now float" in log
    assert "(2 real changes made, 2 to missing)" in log
    assert "variable name was str5 now str6" in log
    assert session.data.numeric("b").tolist() == [1000.0, 0.5, 7.0, 1.0]


@pytest.mark.parametrize(
    ("line", "rc", "message"),
    [
        ("gen x = 1", 110, "variable x already defined"),
        ("gen 1x = 1", 198, "1x invalid name"),
        ("gen y = nosuch", 111, "nosuch not found"),
        ("replace name = 1", 109, "type mismatch"),
        ("gen y", 100, "=exp required"),
        ("drop nosuch", 111, "variable nosuch not found"),
        ("replace nosuch = 1", 111, "variable nosuch not found"),
        ("keep in 9", 198, "observation numbers out of range"),
        ("rename x name", 110, "already defined"),
        ("recast int name", 109, "type mismatch"),
        ("format x %zz", 120, "invalid %format"),
        ("gen _n = 1", 198, "_n invalid name"),
    ],
)
def test_errors(run: Run, line: str, rc: int, message: str) -> None:
    session, log = run(INPUT + line + "\n")
    assert session.state["rc"] == rc
    assert message in log


def test_by_groups_count_from_one(run: Run) -> None:
    session, _ = run(INPUT + "bysort id (x): gen n = _n\nby id: gen N = _N\nby id: gen first = x[1]\n")
    assert session.data.numeric("n").tolist() == [1, 1, 1, 2]
    assert session.data.numeric("N").tolist() == [1, 1, 2, 2]
    assert session.data.numeric("first").tolist() == [10, MISSING, 5, 5]


def test_drop_and_keep_report_observations(run: Run) -> None:
    session, log = run(INPUT + "drop if x == .\nkeep in 1/2\ndrop name\ncount\n")
    assert "(1 observation deleted)" in log
    assert log.count("(1 observation deleted)") == 2
    assert list(session.data.variables) == ["id", "x"]
    assert session.r.scalars["N"] == 2


def test_sort_is_stable_with_missing_last_and_is_remembered(run: Run) -> None:
    session, _ = run(INPUT + "sort x\n")
    assert session.data.numeric("id").tolist() == [3, 1, 3, 2]
    assert session.data.sorted_by == ["x"]
    session, _ = run(INPUT + "gsort -x\n")
    assert session.data.numeric("x").tolist() == [30, 10, 5, MISSING]
    assert session.data.sorted_by == []
    session, _ = run(INPUT + "sort id x\nreplace x = 0 in 4\n")
    assert session.data.sorted_by == ["id"], "changing x leaves only the order by id"


def test_order_and_rename(run: Run) -> None:
    session, _ = run(INPUT + "order x, first\norder id, after(name)\n")
    assert list(session.data.variables) == ["x", "name", "id"]
    session, _ = run(INPUT + "rename (id x) (x id)\nrename name, upper\n")
    assert list(session.data.variables) == ["x", "NAME", "id"]
    session, _ = run("clear\nset obs 1\ngen v1 = 1\ngen v2 = 2\nrename v* old_*\nrename old_? new?\n")
    assert list(session.data.variables) == ["new1", "new2"]


def test_compress_and_recast(run: Run) -> None:
    session, log = run(INPUT + "gen double h = .5\ncompress\nrecast int id\n")
    assert "variable id was float now byte" in log
    assert "variable h was" not in log, "doubles with fractions stay double"
    assert "variable name was str5 now str1" in log
    assert session.data.variables["id"].type == "int"
    session, log = run("clear\nset obs 2\ngen int big = 1000\nrecast byte big\n")
    assert "2 values would be changed; not changed" in log
    assert session.data.variables["big"].type == "int"


def test_labels_are_defined_shown_and_protected(run: Run) -> None:
    session, log = run(INPUT + 'label define yn 1 "Yes" 3 "No"\nlabel values id yn\nlabel variable x "Size"\n'
                       "label list yn\nlist id in 1/3\ncapture noisily label define yn 2 \"two\"\n"
                       'label define yn 2 "Maybe", add\nlabel data "toy"\n')  # fmt: skip
    assert "           1 Yes" in log
    assert "label yn already defined" in log
    assert session.data.value_labels["yn"] == {1: "Yes", 2: "Maybe", 3: "No"}
    assert session.data.variables["x"].label == "Size"
    assert "  1. | Yes |" in log
    assert "  2. |   2 |" in log


def test_notes_and_characteristics_are_kept(run: Run) -> None:
    session, log = run(INPUT + "notes: about the data\nnotes x: measured twice\nnotes\nchar x[unit] km\n")
    assert session.data.chars["note1"] == "about the data"
    assert session.data.variables["x"].chars == {"note0": "1", "note1": "measured twice", "unit": "km"}
    assert "  1.  measured twice" in log


def test_list_draws_the_table_of_stata(run: Run) -> None:
    _, log = run(INPUT + "list name x in 1/2\nlist name x in 1/2, clean noobs\nlist x, sep(2) noobs\n")
    expected = "\n".join([
        "     +-----------+", "     | name    x |", "     |-----------|", "  1. |    a   10 |", "  2. |    b    . |",
        "     +-----------+",
    ])  # fmt: skip
    assert expected in log
    assert "  |----|\n  | 30 |" in log


def test_describe_and_ds(run: Run) -> None:
    session, log = run(INPUT + "describe\nds, has(type string)\nlookfor am\n")
    assert "name            str5    %9s" in log
    assert session.r.macros["varlist"] == "name"
    session, _ = run(INPUT + "describe, short\n")
    assert (session.r.scalars["N"], session.r.scalars["k"]) == (4, 3)


def test_estimation_sample_follows_the_observations(run: Run) -> None:
    text = INPUT + "gen y = _n\nquietly regress y if id != 3\ngen before = e(sample)\n"
    session, _ = run(text + "gsort -id\ndrop in 1\ngen after = e(sample)\n")
    assert session.state["rc"] == 0
    assert session.data.numeric("after").tolist() == session.data.numeric("before").tolist()
    session, _ = run(text + "preserve\nkeep if id == 3\nrestore\nsort x\ngen after = e(sample)\n")
    assert session.data.numeric("after").tolist() == session.data.numeric("before").tolist()
