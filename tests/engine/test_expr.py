"""Expressions: precedence, missing values, strings, subscripts, errors."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ssd.engine.cli import new_session
from ssd.engine.commands.declare import Groups
from ssd.engine.errors import StataError
from ssd.engine.expr import evaluate, evaluate_condition, evaluate_number, evaluate_rows
from ssd.engine.missing import EXTENDED, MISSING
from ssd.engine.results import Matrix
from ssd.engine.session import Session


@pytest.fixture
def session(tmp_path: Path) -> Session:
    made = new_session(tmp_path, io.StringIO())
    made.data.add("x", np.array([1.0, 2.0, MISSING, 4.0]))
    made.data.add("mileage", np.array([10.0, 20.0, 30.0, 40.0]), "int")
    name = np.empty(4, dtype=object)
    name[:] = ["ab", "b", "", "dd"]
    made.data.add("name", name)
    made.scalars["k"] = 3.0
    made.matrices["A"] = Matrix(np.array([[1.0, 2.0], [3.0, 4.0]]), ["r1", "r2"], ["a", "b"])
    return made


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1+2*3", 7.0), ("-2^2", -4.0), ("2^-1", 0.5), ("2^3^2", 64.0), ("!0+1", 2.0), ("10-4-3", 3.0),
        ("12/4/3", 1.0), ("1<2 & 2<1 | 1", 1.0), ("3>2>1", 0.0), ("2*-3", -6.0), ("!1", 0.0), ("~0", 1.0),
        ("1e3", 1000.0), ("1.0x+3", 8.0), (".5", 0.5), ("(1+2)*3", 9.0), ("1 != 2", 1.0), ("1 ~= 2", 1.0),
        ("k*2", 6.0), ("A[2,1]", 3.0), ('A["r1","b"]', 2.0), ("rowsof(A)", 2.0), ("det(A)", -2.0), ("trace(A)", 5.0),
        ("el(A,1,2)", 2.0), ("A[3,1]", MISSING), ("_N", 4.0), ("x[2]", 2.0), ("x[9]", MISSING), ("c(N)", 4.0),
    ],
)  # fmt: skip
def test_scalar_value(session: Session, text: str, value: float) -> None:
    assert evaluate(text, session) == pytest.approx(value)


@pytest.mark.parametrize("text", ["1/0", "ln(0)", "sqrt(-1)", ". + 1", ".a*2", "(-8)^(1/3)", "exp(1000)"])
def test_undefined_results_are_missing(session: Session, text: str) -> None:
    assert evaluate(text, session) == MISSING


def test_missing_values_sort_above_numbers_in_order(session: Session) -> None:
    assert evaluate(". > 1e300", session) == 1.0
    assert evaluate(".a > . & .z > .y", session) == 1.0
    assert evaluate_condition("x > 3", session).tolist() == [False, False, True, True]
    assert evaluate_condition("x", session).all(), "missing is true"


def test_columns_broadcast_and_keep_missing(session: Session) -> None:
    doubled = evaluate("x*2 + 1", session)
    assert isinstance(doubled, np.ndarray)
    assert doubled.tolist() == [3.0, 5.0, MISSING, 9.0]


def test_variables_may_be_abbreviated_and_win_over_scalars(session: Session) -> None:
    assert evaluate("mil", session).tolist() == [10.0, 20.0, 30.0, 40.0]  # type: ignore[union-attr]
    session.scalars["x"] = 99.0
    assert evaluate_number("x", session) == 1.0
    assert evaluate_number("scalar(x)", session) == 99.0


def test_strings(session: Session) -> None:
    assert evaluate('name + "z"', session).tolist() == ["abz", "bz", "z", "ddz"]  # type: ignore[union-attr]
    assert evaluate('"ab" * 2', session) == "abab"
    assert evaluate_condition('name == ""', session).tolist() == [False, False, True, False]
    assert evaluate_condition('name > "b"', session).tolist() == [False, False, False, True]
    assert evaluate('`"say "hi""\'', session) == 'say "hi"'


def test_subscripts_and_positions_within_groups(session: Session) -> None:
    groups = Groups(["g"], np.array([0, 0, 1, 1]), np.array([0, 2]), np.array([2, 2]))
    assert evaluate("_n", session, groups=groups).tolist() == [1, 2, 1, 2]  # type: ignore[union-attr]
    lagged = evaluate("mileage[_n-1]", session, groups=groups)
    assert lagged.tolist() == [MISSING, 10.0, MISSING, 30.0]  # type: ignore[union-attr]
    assert evaluate("mileage[_N]", session, groups=groups).tolist() == [20, 20, 40, 40]  # type: ignore[union-attr]
    assert evaluate("sum(mileage)", session, groups=groups).tolist() == [10, 30, 30, 70]  # type: ignore[union-attr]


def test_running_sum_skips_missing_and_unselected(session: Session) -> None:
    assert evaluate_rows("sum(x)", session).tolist() == [1.0, 3.0, 3.0, 7.0]
    mask = np.array([False, True, True, True])
    assert evaluate_rows("sum(x)", session, mask=mask)[mask].tolist() == [2.0, 2.0, 6.0]


def test_random_draws_follow_observations(session: Session) -> None:
    session.rng.seed(5)
    first = session.rng.uniform(4)
    session.rng.seed(5)
    assert evaluate_rows("runiform()", session).tolist() == first.tolist()
    assert isinstance(evaluate("runiform()", session), float)


def test_coefficients_by_name_equation_and_level(session: Session) -> None:
    session.e.matrices["b"] = Matrix(np.array([[1.5, 2.0, 7.0, 0.5]]), ["y1"], ["x", "1.g", "2.g#c.x", "ln:_cons"])
    session.e.matrices["V"] = Matrix(np.diag([4.0, 9.0, 1.0, 0.25]), ["x"] * 4, ["x"] * 4)
    assert evaluate("_b[x] + _se[1.g]", session) == 4.5
    assert evaluate("[ln]_b[_cons]", session) == 0.5
    assert evaluate("_b[ln:_cons]", session) == 0.5
    assert evaluate("_b[c.x#2.g]", session) == 7.0
    session.e.matrices["b"].cols[3] = "/sigma"
    assert evaluate("_b[/sigma]", session) == 0.5
    with pytest.raises(StataError) as caught:
        evaluate("_b[zz]", session)
    assert caught.value.rc == 111


@pytest.mark.parametrize(
    ("text", "rc", "message"),
    [
        ("zz", 111, "zz not found"), ("foo(1)", 133, "unknown function foo()"), ("1+", 198, "invalid syntax"),
        ("(1", 132, "too few ')' or ']'"), ("1)", 132, "too many ')' or ']'"), ('"a', 132, "too few quotes"),
        ("x + name", 109, "type mismatch"), ('substr(1,2,3)', 109, "type mismatch"), ("1 2", 198, "invalid syntax"),
        ("", 198, "invalid syntax"), ("ln()", 198, "invalid syntax"), ("`z`", 198, "`z` invalid name"),
        ("L.x", 111, "time variable not set, use tsset varname ..."),
    ],
)  # fmt: skip
def test_errors_carry_stata_codes(session: Session, text: str, rc: int, message: str) -> None:
    with pytest.raises(StataError) as caught:
        evaluate(text, session)
    assert (caught.value.rc, caught.value.message) == (rc, message)


_PIECES = st.sampled_from(
    ["x", "name", "mileage", "k", "1", "2.5", ".", ".a", '"s"', "(", ")", "[", "]", "+", "-", "*", "/", "^", "&", "|",
     "==", "<", ">=", "!", ",", "ln(", "sum(", "_n", "_N", "cond(", "substr(", "L.x", "_b[x]", "A", "r(", "td(", "e(",
     "runiform(", "`", '"', "date(", "missing(", "#", ";", " ", "1.", "x["]
)  # fmt: skip


@settings(max_examples=400, deadline=None)
@given(st.lists(_PIECES, max_size=12))
def test_any_text_gives_a_value_or_a_stata_error(tmp_path_factory: pytest.TempPathFactory, pieces: list[str]) -> None:
    made = new_session(tmp_path_factory.getbasetemp(), io.StringIO())
    made.data.add("x", np.array([1.0, MISSING]))
    made.data.add("mileage", np.array([3.0, 4.0]))
    try:
        value = evaluate_rows("".join(pieces), made)
    except StataError as error:
        assert error.rc > 0
    else:
        assert len(value) == 2
        if value.dtype != object:
            assert np.all(np.isfinite(value)), "missing values are Stata's own, never NaN"
            assert np.all((value < MISSING) | np.isin(value, EXTENDED))
