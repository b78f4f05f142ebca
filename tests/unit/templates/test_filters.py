"""Conditions are built from structured filters."""

from __future__ import annotations

import pytest

from ssd.templates.filters import Filter, conjunction, expression
from ssd.templates.quoting import UnquotableError


@pytest.mark.parametrize(
    ("condition", "text"),
    [
        (Filter("age", "ge", 18), "(age >= 18 & !missing(age))"),
        (Filter("age", "lt", 2.5), "(age < 2.5 & !missing(age))"),
        (Filter("region", "eq", "North"), '(region == "North" & !missing(region))'),
        (Filter("region", "in", ["a", "b c"]), '(region == "a" | region == "b c")'),
        (Filter("year", "between", [1990, 2000]), "(inrange(year, 1990, 2000) & !missing(year))"),
        (Filter("x", "missing"), "missing(x)"),
        (Filter("x", "not_missing"), "!missing(x)"),
    ],
)
def test_a_filter_becomes_a_guarded_expression(condition: Filter, text: str) -> None:
    assert expression(condition) == text


def test_filters_are_joined_by_and() -> None:
    assert conjunction([Filter("a", "not_missing"), Filter("b", "missing")]) == "!missing(a) & missing(b)"


@pytest.mark.parametrize(
    "condition",
    [
        Filter("a b", "eq", 1),
        Filter("x", "eq", "`y'"),
        Filter("x", "ge", "text"),
        Filter("x", "in", []),
        Filter("x", "in", "abc"),
        Filter("x", "between", [1]),
        Filter("x", "between", ["a", "b"]),
        Filter("x", "eq", None),
        Filter("x", "eq", True),
        Filter("x", "eq", {"a": 1}),
    ],
)
def test_a_filter_that_cannot_be_written_is_refused(condition: Filter) -> None:
    with pytest.raises(UnquotableError):
        expression(condition)
