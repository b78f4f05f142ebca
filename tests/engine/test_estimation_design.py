"""Factor variables and time-series operators become columns with Stata's names ([U] 11.4.3, 11.4.4)."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
import pytest

from ssd.engine.errors import StataError
from ssd.engine.stats.design import build
from ssd.engine.stats.linear import independent_columns, least_squares, symmetric_inverse
from ssd.engine.stats.terms import parse_terms, split_words
from tests.engine.conftest import Run

RNG = np.random.default_rng(3)


class Columns:
    data: ClassVar = {
        "a": np.tile([1.0, 2.0, 3.0], 20),
        "b": np.repeat([0.0, 1.0], 30),
        "x": RNG.normal(size=60),
    }

    def get(self, variable: str, operator: str = "") -> np.ndarray:
        return self.data[variable]


def names(text: str) -> list[str]:
    terms = parse_terms(split_words(text), lambda word: [word])
    return build(terms, Columns(), np.ones(60, dtype=bool)).names


@pytest.mark.parametrize(
    ("typed", "expected"),
    [
        ("i.a", "1b.a 2.a 3.a _cons"),
        ("ib3.a", "1.a 2.a 3b.a _cons"),
        ("ibn.a", "1.a 2.a 3.a _cons"),
        ("ib(last).a", "1.a 2.a 3b.a _cons"),
        ("2.a", "2.a _cons"),
        ("c.x##c.x", "x c.x#c.x _cons"),
        ("i.b##c.x", "0b.b 1.b x 0b.b#co.x 1.b#c.x _cons"),
        ("c.x#i.b", "0.b#c.x 1.b#c.x _cons"),
        ("i.b#i.a", "0b.b#1b.a 0.b#2.a 0.b#3.a 1.b#1.a 1.b#2.a 1.b#3.a _cons"),
        ("i.b##i.a", "0b.b 1.b 1b.a 2.a 3.a 0b.b#1b.a 0b.b#2o.a 0b.b#3o.a 1o.b#1b.a 1.b#2.a 1.b#3.a _cons"),
        ("L(1/2).x LD.x S12.x F.x", "L.x L2.x LD.x S12.x F.x _cons"),
        ("D(x a)", "D.x D.a _cons"),
        ("i.(a b)", "1b.a 2.a 3.a 0b.b 1.b _cons"),
    ],
)
def test_column_names(typed: str, expected: str) -> None:
    assert names(typed) == expected.split()


def test_noninteger_factor_is_refused() -> None:
    terms = parse_terms(["i.x"], lambda word: [word])
    with pytest.raises(StataError) as caught:
        build(terms, Columns(), np.ones(60, dtype=bool))
    assert caught.value.rc == 452


def test_empty_cells_are_noted(run: Run) -> None:
    data = (
        "clear\nset obs 12\ngenerate a = mod(_n, 2)\ngenerate b = mod(_n, 3)\ngenerate y = _n\n"
        "drop if a == 1 & b == 2\n"
    )
    _, log = run(data + "regress y i.a##i.b")
    assert "note: 1.a#2.b identifies no observations in the sample." in log
    assert "(empty)" in log


def test_lags_follow_the_time_variable_across_gaps(run: Run) -> None:
    text = "clear\ninput t y\n1 1\n2 4\n3 9\n5 25\n6 36\nend\ntsset t\nregress y L.y\n"
    session, _ = run(text)
    assert session.e.scalars["N"] == 3
    assert session.e.matrices["b"].cols == ["L.y", "_cons"]


def test_nearly_collinear_columns_are_kept_and_accurate() -> None:
    years = np.arange(1980.0, 2020.0)
    X = np.column_stack([years, years**2, years**3])
    fit = least_squares(X, years**3)
    assert fit.kept.all()
    assert fit.rss <= 1e-10 * fit.tss


def test_exact_combinations_are_dropped_in_order() -> None:
    X = RNG.normal(size=(50, 3))
    X = np.column_stack([X, X[:, 0] - 2 * X[:, 2], np.full(50, 4.0)])
    assert independent_columns(X).tolist() == [True, True, True, False, False]


def test_generalised_inverse_zeroes_dependent_rows() -> None:
    X = RNG.normal(size=(30, 2))
    X = np.column_stack([X, X.sum(axis=1)])
    A = X.T @ X
    G = symmetric_inverse(A)
    assert G[2].tolist() == [0.0, 0.0, 0.0]
    assert pytest.approx(A, rel=1e-9) == A @ G @ A
