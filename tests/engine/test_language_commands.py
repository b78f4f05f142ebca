"""display, confirm, assert, scalars, files, log, postfile, random numbers."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from ssd.engine.lang.rng import Rng
from tests.engine.conftest import Run
from tests.engine.test_language_macros import shown


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        ("display 2+3", "5"),
        ("display 1/3", ".33333333"),
        ('display "a" "b"', "ab"),
        ('display "a" + "b"', "ab"),
        ('display "x: " %5.2f 2.345 "!"', "x:  2.35!"),
        ('display as text "t" as result 1 in green "g"', "t1g"),
        ('display "a" _col(5) "b" _skip(2) "c"', "a   b  c"),
        ('display _dup(3) "ab"', "ababab"),
        ('display "{hline 5}{bf:b}{txt}{res}x{space 2}y"', "-----bx  y"),
        ("display (1 == 1) & 2 > 1", "1"),
        ("display .", "."),
        ('display "a", "b"', "a b"),
        ("display -5", "-5"),
        ("display %9.2fc 12345.678", "12,345.68"),
    ],
)
def test_display(run: Run, command: str, expected: str) -> None:
    session, log = run(command + "\n")
    assert session.state["rc"] == 0, log
    assert shown(log)[-1] == expected


@pytest.mark.parametrize(
    ("command", "rc"),
    [
        ("confirm number 3.5", 0),
        ("confirm integer number 3.5", 7),
        ("confirm number abc", 7),
        ("confirm file nosuch.dta", 601),
        ("confirm new file here.txt", 602),
        ("confirm variable x", 0),
        ("confirm variable nosuch", 111),
        ("confirm new variable x", 110),
        ("confirm numeric variable s", 7),
        ("confirm string variable s", 0),
        ("confirm matrix M", 111),
        ("confirm scalar S", 111),
        ("confirm names a b", 0),
        ("confirm names 1a", 7),
        ("confirm format %9.2f", 0),
        ("confirm format 9.2f", 7),
        ("confirm existence", 6),
    ],
)
def test_confirm(run: Run, tmp_path: Path, command: str, rc: int) -> None:
    (tmp_path / "here.txt").write_text("x")
    _, log = run(f'set obs 1\ngenerate x = 1\ngenerate s = "a"\ncapture {command}\ndisplay _rc\n')
    assert shown(log)[-1] == str(rc), log


def test_assert_counts_contradictions(run: Run) -> None:
    session, log = run("set obs 4\ngenerate x = _n\nassert x > 1\n")
    assert session.state["rc"] == 9
    assert "1 contradiction in 4 observations\nassertion is false\nr(9);" in log


def test_text_file_round_trip(run: Run) -> None:
    _, log = run(
        'file open h using o.txt, write replace text\nfile write h "a {b}" %4.1f (2.25) _n "second" _n\nfile close h\n'
        "file open h using o.txt, read text\nfile read h line\nwhile r(eof) == 0 {\n"
        "display `\"`line'\"'\nfile read h line\n}\nfile close h\n"
    )
    assert [line for line in shown(log) if line[3:5] != ". "] == ["a {b} 2.2", "second"], log


def test_file_write_is_literal(run: Run, tmp_path: Path) -> None:
    run('file open h using o.txt, write replace\nfile write h "a {b}" _tab (1+1) _n\nfile close h\n')
    assert (tmp_path / "o.txt").read_text() == "a {b}\t2\n"


@pytest.mark.parametrize(
    "command",
    ["file open h using ../o.txt, write", "log using ../o.log", "mkdir ../d", "copy a.txt ../b.txt", "erase ../a.txt"],
)
def test_nothing_is_written_outside_the_folder(run: Run, tmp_path: Path, command: str) -> None:
    inside = tmp_path / "inside"
    inside.mkdir()
    (inside / "a.txt").write_text("a")
    (tmp_path / "a.txt").write_text("a")
    before = sorted(path.name for path in tmp_path.iterdir())
    session, _ = run(command + "\n", folder=inside)
    assert session.state["rc"] == 603
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted([*before, "test.do"])


def test_log_copy_has_what_was_printed(run: Run, tmp_path: Path) -> None:
    run('log using copy.log, text replace\ndisplay "inside"\nlog close\ndisplay "outside"\n')
    text = (tmp_path / "copy.log").read_text()
    assert "inside" in text and "outside" not in text


def test_postfile_makes_a_dataset(run: Run) -> None:
    session, log = run(
        'tempfile f\npostfile h x str4 s using `f\'\npost h (1) ("a")\npost h (2.5) ("bcdefg")\n'
        "postclose h\nuse `f', clear\n"
    )
    assert session.state["rc"] == 0, log
    assert session.data.numeric("x").tolist() == [1, 2.5]
    assert session.data.strings("s").tolist() == ["a", "bcde"]


def test_temporary_names_disappear(run: Run) -> None:
    session, log = run("set obs 2\nprogram p\ntempvar t\ngenerate `t' = 1\ntempname m\nscalar `m' = 2\nend\np\n")
    assert session.state["rc"] == 0, log
    assert not session.data.variables and not session.scalars


def test_settings_are_checked(run: Run) -> None:
    for command, rc in (("set level 90", 0), ("set level 5", 198), ("set type double", 0), ("set nosuch 1", 199)):
        session, log = run(command + "\n")
        assert session.state["rc"] == rc, log
    session, _ = run("set trace on\n")
    assert session.state["rc"] == 198


def test_mersenne_twister_reference_values() -> None:
    """First outputs of the reference implementation of mt19937-64 for its own default seed 5489."""
    assert Rng(5489).bits(3).tolist() == [14514284786278117030, 4620546740167642908, 13109570281517897720]


def test_blocks_of_the_stream_join() -> None:
    whole, parts = Rng(7).uniform(1000), Rng(7)
    joined = np.concatenate([parts.uniform(n) for n in (1, 311, 5, 683)])
    assert (whole == joined).all()


def test_state_of_the_stream_can_be_restored(run: Run) -> None:
    _, log = run("set seed 5\nlocal s = c(rngstate)\ndisplay runiform()\nset rngstate `s'\ndisplay runiform()\n")
    first, second = shown(log)[-2:]
    assert first == second == ".6730649"


def test_frames_hold_separate_data(run: Run) -> None:
    session, log = run(
        "set obs 3\ngenerate x = _n\nframe create other\nframe other: set obs 5\nframe put x if x > 1, into(part)\n"
        'frame change part\ndisplay "n=" _N\nframe other {\ndisplay "m=" _N\n}\ndisplay "k=" _N\n'
    )
    assert session.state["rc"] == 0, log
    assert [line for line in shown(log) if line[1:2] == "="] == ["n=2", "m=5", "k=2"], log
    assert "already exists" in run("frame create a\nframe create a\n")[1]


def test_by_functions_in_a_byable_program(run: Run) -> None:
    _, log = run(
        "set obs 4\ngenerate g = ceil(_n/2)\nprogram p, byable(recall)\nsyntax [varlist] [if]\nmarksample use\n"
        "quietly count if `use'\n"
        'display "group " _byindex() " of " _by() " n " r(N) " last " _bylastcall()\nend\nbysort g: p g\n'
    )
    lines = [line for line in shown(log) if line.startswith("group")]
    assert lines == ["group 1 of 1 n 2 last 0", "group 2 of 1 n 2 last 1"], log


def test_clear_all_closes_files_and_forgets_programs(run: Run) -> None:
    session, log = run(
        "file open h using o.txt, write\nprogram p\nend\nscalar s = 1\nclear all\ncapture p\ndisplay _rc\n"
    )
    assert session.state["rc"] == 0, log
    assert shown(log)[-1] == "199"
    assert not session.state.get("files")
