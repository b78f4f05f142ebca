"""Hostile and oversized input ends in a return code: no Python exception, no r(9999), no traceback."""

from __future__ import annotations

import io
import os
import re
import resource
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ssd.engine.cli import new_session
from ssd.engine.commands import load_all
from ssd.engine.errors import StataError
from ssd.engine.lang.calls import Call
from ssd.engine.session import Session

PROJECT = Path(__file__).resolve().parents[2]
# Commands that wait, leave the run, or read the do-file's next lines.
APART = {"sleep", "pause", "input", "exit", "more", "shell", "winexec", "xshell", "window", "cd", "log", "cmdlog"}


def small_session(folder: Path) -> Session:
    session = new_session(folder, io.StringIO())
    session.calls.append(Call("do", "fuzz.do", ""))
    for line in (
        "set obs 12",
        "generate id = ceil(_n / 3)",
        "generate t = mod(_n, 3)",
        "generate x = mod(_n * 7, 11)",
        "generate y = mod(_n * 5, 7) + .5 * x",
        "generate b = mod(_n, 2)",
        'generate s = cond(b, "one", "zwei")',
        "replace x = . in 4",
        "matrix A = (2, 1 \\ 1, 3)",
        "scalar k = 2",
    ):
        session.run(line, quiet=True)
    return session


def run_line(session: Session, line: str) -> int:
    """The return code of a line; fails on r(9999)."""
    try:
        session.run(line, quiet=True)
    except StataError as error:
        assert error.rc != 9999, f"{line!r}: {error.message}\n{_fault(session)}"
        return error.rc
    return 0


def _fault(session: Session) -> str:
    return "".join(path.read_text()[-1500:] for path in session.folder.glob("engine-fault-*"))


_NUMBER = st.sampled_from(["0", "1", "-1", "2.5", "1e300", "-1e300", ".", ".a", ".z", "1e-320", "k", "_n", "_N", "_pi"])
_VARIABLE = st.sampled_from(["x", "y", "b", "id", "t"])
_STRING = st.sampled_from(['"a"', '""', "s", '"é中"', '`"q"\'', "s[_n-1]", '"%9.2f"', '"[a-z"', '"(*"'])
_FUNCTION_NAMES = """
    abslnexpsqrtmodroundintfloormaxmincondinrangeinlistmissingsumnormalinvnormalchi2tailttailinvttai
    lbinomialcomblngammastrlensubstrstrpossubinstrupperrealstringregexmregexswordwordcountustrlenusu
    bstrustrregexmdatemdyclockyeardowtdweekhmscharautocodeirecoderecodegroupuniformruniformrnormalrb
    inomialrpoissondettraceelrowsofcolsofstrofrealpluralabbrevsoundexmatmissingibetainvibetagammapnc
    hi2FtailinvFtukeyprobhypergeometricnbinomialweibulldigammatrigammareldifclipchopfloatbyteorderfi
    leexists
"""
_FUNCTIONS = st.sampled_from(_FUNCTION_NAMES.split())


def _deeper(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    operator = st.sampled_from(["+", "-", "*", "/", "^", "==", "!=", "~=", "<", ">", "<=", ">=", "&", "|"])
    return st.one_of(
        st.tuples(inner, operator, inner).map(" ".join),
        inner.map(lambda text: f"({text})"),
        st.tuples(st.sampled_from(["-", "!", "~", "+"]), inner).map("".join),
        st.tuples(_VARIABLE, inner).map(lambda pair: f"{pair[0]}[{pair[1]}]"),
        st.tuples(_FUNCTIONS, st.lists(inner, max_size=4)).map(lambda call: f"{call[0]}({', '.join(call[1])})"),
    )


EXPRESSION = st.recursive(st.one_of(_NUMBER, _VARIABLE, _STRING), _deeper, max_leaves=8)


@pytest.mark.filterwarnings("ignore")
@settings(max_examples=300, deadline=None, suppress_health_check=list(HealthCheck))
@given(EXPRESSION)
def test_expressions_end_in_a_value_or_a_return_code(text: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        session = small_session(Path(folder))
        for line in (f"generate double new = {text}", f"display {text}", f"count if {text}", f"replace y = {text}"):
            run_line(session, line)


@settings(max_examples=200, deadline=None)
@given(st.text(alphabet=st.sampled_from(list("ax1.`'\"$(){}[],:=+-*/^<>!&|~ \\#_é中\n")), max_size=40))
def test_any_characters_in_an_expression(text: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        session = small_session(Path(folder))
        run_line(session, f"display {text}")
        run_line(session, f"generate new = {text}")
        run_line(session, f"local m {text}")


def _options_of(grammar: str) -> list[str]:
    """Options of a grammar as they may be typed, with a value where one is needed."""
    _, _, tail = grammar.rpartition("[,")
    names = re.findall(r"(no)?([A-Za-z_]\w*)(\(([^()]*)\))?", tail.rstrip("] "))
    values = {
        "integer": "2",
        "real": ".5",
        "string": "x",
        "name": "nm",
        "varname": "x",
        "varlist": "x y",
        "numlist": "1 2",
    }
    return [
        (prefix + name).lower() + (f"({values.get(kind.split()[0] if kind.split() else '', 'x')})" if brackets else "")
        for prefix, name, brackets, kind in names
    ]


COMMANDS = [command for command in load_all() if command.name not in APART]
_ARGUMENT = st.sampled_from(
    ["", "x", "y x", "y x b", "i.b", "y i.id##c.x", "L.y", "s", "nosuch", "x-t", "_all", "*", "x = y", "new = x + 1",
     "A", "1", "1 2 3", "(mean) x", "(y x) (x b)", '"text"', '"', "`", "(", "using", "new", "x == 1", "#", "list",
     "2sls y (x = b t)", "drop x", "define l 1", "clear", "a b c d", "y x, ", "summarize x: y", "x, by(b)",
     "%9.2f x", "é中"]
)  # fmt: skip
_MIDDLE = st.sampled_from(
    ["", " if b", " in 1/5", " if x > 3 in 2/l", " [fw=id]", " [aw=y]", " [pw=x]", " if s", " in 99", " using f"]
)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.timeout(300)
@settings(max_examples=600, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.data())
def test_command_lines_from_the_grammars(data: st.DataObject) -> None:
    command = data.draw(st.sampled_from(COMMANDS))
    options = _options_of(command.grammar)
    line = command.name + " " + data.draw(_ARGUMENT) + data.draw(_MIDDLE)
    if options:
        chosen = data.draw(st.lists(st.sampled_from(options), max_size=3))
        line += (", " + " ".join(chosen)) if chosen else ""
    prefix = data.draw(st.sampled_from(["", "", "", "by id: ", "bysort b: ", "capture ", "quietly "]))
    with tempfile.TemporaryDirectory() as folder:
        session = small_session(Path(folder))
        if data.draw(st.booleans()):
            session.run("regress y x b", quiet=True)
        run_line(session, prefix + line)


def batch(do: str, folder: Path, *, memory: int | None = None) -> str:
    (folder / "run.do").write_text(do, encoding="utf-8")

    def limit() -> None:
        assert memory is not None
        resource.setrlimit(resource.RLIMIT_AS, (memory, memory))

    done = subprocess.run(
        [sys.executable, "-m", "ssd.engine", "-b", "do", "run.do"],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(PROJECT), "OPENBLAS_NUM_THREADS": "1"},
        preexec_fn=limit if memory is not None else None,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert "Traceback" not in done.stderr
    return (folder / "run.log").read_text(encoding="utf-8")


def test_a_full_memory_is_a_return_code(tmp_path: Path) -> None:
    lines = "set obs 20000000\n" + "".join(f"generate double v{i} = _n\n" for i in range(20))
    log = batch(lines, tmp_path, memory=1_200_000_000)
    assert re.search(r"r\((909|950)\);\n\nend of do-file\nr\((909|950)\);\n$", log), log[-500:]


def test_deep_nesting_is_a_value_or_a_return_code(tmp_path: Path) -> None:
    log = batch(
        "capture display " + "(" * 5000 + "1" + ")" * 5000 + "\ndisplay _rc\n"
        "capture display " + "-" * 20000 + "1\n"
        'program again\nagain\nend\ncapture again\ndisplay "code " _rc\n'
        + "local a 1\n"
        + "capture display "
        + "`" * 3000
        + "a"
        + "'" * 3000
        + "\n",
        tmp_path,
    )
    assert "code 1001" in log
    assert "r(9999)" not in log
    assert log.endswith("r(1000);\n\nend of do-file\nr(1000);\n"), "macros are expanded before capture sees the line"


def test_many_lines_run_fast(tmp_path: Path) -> None:
    log = batch("".join(f"local x{i} {i}\n" for i in range(32_000)) + "display `x31999'\n", tmp_path)
    assert "31999\n" in log
    assert log.endswith("end of do-file\n")


def test_a_very_long_line(tmp_path: Path) -> None:
    long = " ".join(str(i) for i in range(60_000))
    log = batch(f"local l {long}\ndisplay wordcount(\"`l'\")\ndisplay `: word count `l''\n", tmp_path)
    assert log.count("\n60000\n") == 2


def test_unicode_names(tmp_path: Path) -> None:
    log = batch(
        'set obs 3\ngenerate 收入 = _n\ngenerate größe = 收入^2\nlabel variable 收入 "年收入（元）"\n'
        "summarize 收入 größe\nregress größe 收入\nlocal 名 收入\ndisplay `名'[3]\n"
        "rename 收入 年收入\nsave 数据\nuse 数据, clear\ndescribe\n",
        tmp_path,
    )
    assert log.endswith("end of do-file\n"), log[-400:]
    assert "年收入" in log
