"""Loops, conditions, programs, capture, nested do-files and how errors travel."""

from __future__ import annotations

import textwrap
from pathlib import Path

import pytest

from tests.engine.conftest import Run
from tests.engine.test_language_macros import shown


def run_block(run: Run, text: str) -> tuple[int, list[str], str]:
    session, log = run(textwrap.dedent(text))
    lines = [line for line in shown(log) if not line[:3].strip().isdigit() or line[3:5] != ". "]
    return session.state["rc"], lines, log


@pytest.mark.parametrize(
    ("loop", "expected"),
    [
        ('foreach x in a "b c" d {\n display "`x\'"\n}', ["a", "b c", "d"]),
        ("foreach x of numlist 1/3 7 {\n display `x'\n}", ["1", "2", "3", "7"]),
        ('local l p q\nforeach x of local l {\n display "`x\'"\n}', ["p", "q"]),
        ('global l p q\nforeach x of global l {\n display "`x\'"\n}', ["p", "q"]),
        ("forvalues i = 1/3 {\n if `i' == 2 continue\n display `i'\n}", ["1", "3"]),
        ("forvalues i = 4(-2)0 {\n display `i'\n}", ["4", "2", "0"]),
        ("forvalues i = 1 3 to 5 {\n display `i'\n}", ["1", "3", "5"]),
        ("forvalues i = 1/9 {\n if `i' > 2 {\n continue, break\n }\n display `i'\n}", ["1", "2"]),
        ("local i 0\nwhile `i' < 2 {\n local ++i\n display `i'\n}", ["1", "2"]),
        ("forvalues i = 3/1 {\n display `i'\n}\ndisplay 9", ["9"]),
        ("forvalues i = 0(.1).3 {\n display `i'\n}", ["0", ".1", ".2", ".3"]),
    ],
)
def test_loops(run: Run, loop: str, expected: list[str]) -> None:
    rc, lines, log = run_block(run, loop + "\n")
    assert (rc, lines) == (0, expected), log


@pytest.mark.parametrize(("value", "expected"), [("1", "one"), ("2", "two"), ("3", "other")])
def test_else_if_chain(run: Run, value: str, expected: str) -> None:
    _rc, lines, log = run_block(
        run,
        f"""
        local v {value}
        if `v' == 1 {{
            display "one"
        }}
        else if `v' == 2 {{
            display "two"
        }}
        else display "other"
        """,
    )
    assert [line for line in lines if not line.startswith(".")] == [expected], log


def test_program_arguments_and_results(run: Run) -> None:
    rc, lines, log = run_block(
        run,
        """
        program define area, rclass
            args width height
            return scalar area = `width' * `height'
            return local unit "m2"
        end
        area 3 4
        display r(area) "`r(unit)'" "`width'"
        """,
    )
    assert (rc, lines[-1]) == (0, "12m2"), log


def test_syntax_fills_macros(run: Run) -> None:
    _rc, lines, log = run_block(
        run,
        """
        set obs 3
        generate alpha = _n
        generate beta = _n
        program define try
            syntax varlist(min=1) [if] [in] [fweight] [, Level(cilevel) noCONStant Number(integer 3) Title(string) *]
            display "`varlist'|`if'|`in'|`weight'|`exp'|`level'|`constant'|`number'|`title'|`options'"
        end
        try al beta if beta > 1 in 1/2 [fw=beta], nocons t("a b") l(90) extra(1)
        """,
    )
    assert lines[-1] == "alpha beta|if beta > 1|in 1/2|fweight|= beta|90|noconstant|3|a b|extra(1)", log


@pytest.mark.parametrize(
    ("call", "rc", "message"),
    [
        ("try", 100, "varlist required"),
        ("try nosuch", 111, "variable nosuch not found"),
        ("try a b c", 103, "too many variables specified"),
        ("try a, bogus", 198, "option bogus not allowed"),
        ("try a, bogus(2)", 198, "option bogus() not allowed"),
        ("try a", 198, "option by() required"),
        ("try a, by(b) reps(x)", 198, "option reps() incorrectly specified"),
        ("try a [pw=b], by(b)", 101, "pweights not allowed"),
        ("try a using f, by(b)", 101, "using not allowed"),
        ("try a in 9, by(b)", 198, "observation numbers out of range"),
        ("try s, by(b)", 109, "string variables not allowed in varlist;"),
    ],
)
def test_syntax_refuses(run: Run, call: str, rc: int, message: str) -> None:
    session, log = run(
        'set obs 2\ngenerate a = 1\ngenerate b = 2\ngenerate c = 3\ngenerate s = "x"\nprogram try\n'
        "syntax varlist(numeric max=2) [if] [in] [fweight], by(varname) [reps(integer 5)]\nend\n" + call + "\n"
    )
    assert (session.state["rc"], message in log) == (rc, True), log


def test_marksample_leaves_out_missing_and_unselected(run: Run) -> None:
    _rc, lines, log = run_block(
        run,
        """
        set obs 5
        generate x = _n
        replace x = . in 2
        program define counted, rclass
            syntax varlist [if]
            marksample touse
            count if `touse'
            return scalar n = r(N)
        end
        counted x if x != 4
        display "n = " r(n)
        capture confirm variable __000000
        display _rc
        """,
    )
    assert lines[-2:] == ["n = 3", "111"], log


def test_capture_and_noisily(run: Run) -> None:
    rc, lines, log = run_block(
        run,
        """
        capture display "hidden"
        capture nosuch
        display _rc
        capture noisily error 198
        quietly display "hidden too"
        quietly {
            noisily display "shown"
        }
        capture {
            display "no"
            assert 1 == 2
            display "never"
        }
        display _rc
        """,
    )
    assert rc == 0
    assert [line for line in lines if not line.startswith(".")] == ["199", "invalid syntax", "shown", "9"], log


def test_error_in_nested_do_files_ends_each_level(run: Run, tmp_path: Path) -> None:
    (tmp_path / "inner.do").write_text("display 1\nnosuch\ndisplay 2\n")
    session, log = run("do inner\ndisplay 3\n")
    tail = "command nosuch is unrecognized\nr(199);\n\nend of do-file\nr(199);\n\nend of do-file\nr(199);\n"
    assert log.endswith(tail)
    assert session.error_position is not None
    assert (session.error_position.line, session.error_position.command) == (2, "nosuch")


def test_user_exit_prints_no_further_message(run: Run) -> None:
    _session, log = run('program define p\ndisplay as error "own words"\nexit 459\nend\np\n')
    assert log.endswith("own words\nr(459);\n\nend of do-file\nr(459);\n")


def test_exit_leaves_only_its_level(run: Run, tmp_path: Path) -> None:
    (tmp_path / "inner.do").write_text("display 1\nexit\ndisplay 2\n")
    session, log = run("do inner\ndisplay 3\n")
    assert session.state["rc"] == 0
    assert shown(log) == ["1", "3"]


def test_include_shares_local_macros_and_do_does_not(run: Run, tmp_path: Path) -> None:
    (tmp_path / "sets.do").write_text("local shared 5\n")
    _, log = run('include sets.do\ndisplay "`shared\'"\nlocal shared\ndo sets.do\ndisplay "[`shared\']"\n')
    assert shown(log) == ["5", "[]"]


def test_ado_file_with_subroutine(run: Run, tmp_path: Path) -> None:
    (tmp_path / "greet.ado").write_text(
        'program greet\nversion 17\nhelper\nend\nprogram helper\ndisplay "hello"\nend\n'
    )
    _session, log = run("greet\ncapture helper\ndisplay _rc\n")
    assert shown(log) == ["hello", "199"], log


@pytest.mark.parametrize(
    ("text", "rc", "message"),
    [
        ("forvalues i = 1/5\n", 100, "{ required"),
        ("if 1 { display 1 }\n", 198, "code follows on the same line as open brace"),
        ("if 1 {\ndisplay 1\n} else {\ndisplay 2\n}\n", 198, "code follows on the same line as close brace"),
        ("if 1\n{\ndisplay 1\n}\n", 100, "{ required"),
        ("{\ndisplay 1\n}\n", 199, "{ is not a valid command name"),
        ("if 1 {\ndisplay 1 }\n", 198, "matching close brace not found"),
        ("capture {display 1}\n", 198, "code follows on the same line as open brace"),
        ("foreach x in a b {\ndisplay 1\n", 612, "unexpected end of file"),
        ("version 99\n", 9, "cannot run version 99.0 programs"),
        ("mata:\nx = 1\nend\n", 199, "mata"),
        ("shell ls\n", 199, "refused"),
        ("sort\n", 100, "varlist required"),
        ("program drop nosuch\n", 111, "program nosuch not found"),
        ("program define p\nend\nprogram define p\nend\n", 110, "program p already defined"),
        ("restore\n", 622, "nothing to restore"),
        ("preserve\npreserve\n", 621, "already preserved"),
        ("by x display 1\n", 198, "':' required"),
    ],
)
def test_errors(run: Run, text: str, rc: int, message: str) -> None:
    session, log = run(text)
    assert (session.state["rc"], message in log) == (rc, True), log


def test_endless_recursion_is_an_error_not_a_crash(run: Run) -> None:
    session, log = run("program again\nagain\nend\nagain\n")
    assert session.state["rc"] in (1000, 1001)
    assert "Traceback" not in log


def test_by_needs_sorted_data_and_bysort_sorts(run: Run) -> None:
    session, log = run(
        "set obs 4\ngenerate g = mod(_n, 2)\ncapture by g: generate n = _N\ndisplay _rc\nbysort g: generate n = _N\n"
    )
    assert shown(log)[-1] == "5"
    assert session.data.numeric("n").tolist() == [2, 2, 2, 2]


def test_preserve_is_undone_at_the_end_of_a_program(run: Run) -> None:
    _session, log = run("set obs 4\nprogram p\npreserve\ndrop in 1/3\nend\np\ncount\n")
    assert shown(log)[-1].strip() == "4"


def test_fault_keeps_its_traceback_out_of_the_log(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(rc: int) -> str:
        raise RuntimeError("boom")

    monkeypatch.setattr("ssd.engine.commands.language_programs.message_of", broken)
    session, log = run("error 198\n")
    assert session.state["rc"] == 9999
    assert "Traceback" not in log and "boom" not in log
    (fault,) = tmp_path.glob("engine-fault-*.txt")
    assert "boom" in fault.read_text()
