"""Structured conditions: `{var, op, value}` to a Stata expression. There is no free-text condition."""

from __future__ import annotations

from typing import Any, Literal

import msgspec
from markupsafe import Markup

from ssd.templates.quoting import UnquotableError, number, quoted, variable

Operator = Literal["eq", "ne", "lt", "le", "gt", "ge", "between", "in", "missing", "not_missing"]

_COMPARISONS = {"eq": "==", "ne": "!=", "lt": "<", "le": "<=", "gt": ">", "ge": ">="}


class Filter(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Keep the observations where `var` `op` `value` holds."""

    var: str
    op: Operator
    value: Any = None


def expression(condition: Filter) -> Markup:
    """The Stata expression. An observation whose value is missing meets no comparison (in Stata a missing value
    is larger than any number, so the guard must be written). Raises UnquotableError."""
    name = variable(condition.var)
    if condition.op == "missing":
        return Markup("missing({})").format(name)
    if condition.op == "not_missing":
        return Markup("!missing({})").format(name)
    if condition.op == "between":
        low, high = _items(condition, 2, 2)
        return Markup("(inrange({0}, {1}, {2}) & !missing({0}))").format(name, number(low), number(high))
    if condition.op == "in":
        tests = [Markup("{} == {}").format(name, _literal(item)) for item in _items(condition, 1, 200)]
        return Markup("(") + Markup(" | ").join(tests) + Markup(")")
    if condition.op not in ("eq", "ne") and isinstance(condition.value, str):
        raise UnquotableError(f"{condition.op} compares numbers, not text")
    return Markup("({0} {1} {2} & !missing({0}))").format(
        name,
        Markup(_COMPARISONS[condition.op]),  # noqa: S704 - one of six constants
        _literal(condition.value),
    )


def conjunction(conditions: list[Filter]) -> Markup:
    """All conditions together."""
    return Markup(" & ").join([expression(condition) for condition in conditions])


def values_of(condition: Filter) -> list[Any]:
    """The values a filter compares with, for checking against the type of its variable."""
    if condition.op in ("missing", "not_missing"):
        return []
    return list(condition.value) if isinstance(condition.value, list) else [condition.value]


def _items(condition: Filter, least: int, most: int) -> list[Any]:
    if not isinstance(condition.value, list) or not least <= len(condition.value) <= most:
        raise UnquotableError(f"{condition.op} needs a list of {least} to {most} values")
    return condition.value


def _literal(value: Any) -> Markup:
    return quoted(value) if isinstance(value, str) else number(value)
