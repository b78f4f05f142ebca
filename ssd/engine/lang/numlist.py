"""Number lists: `1 2 5/10 0(.1)1 2 4 to 10 1:5`."""

from __future__ import annotations

import re
from typing import Final

import numpy as np

from ssd.engine.errors import StataError
from ssd.engine.missing import EXTENDED

_NUMBER: Final = r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eEdD][+-]?\d+)?"
_TOKEN: Final = re.compile(
    rf"\s*,?\s*(?:(?P<a>{_NUMBER})\s*(?:/\s*(?P<slash>{_NUMBER})"
    rf"|\(\s*(?P<step>{_NUMBER})\s*\)\s*(?P<to>{_NUMBER})|\[\s*(?P<step2>{_NUMBER})\s*\]\s*(?P<to2>{_NUMBER}))?"
    rf"|(?P<missing>\.[a-z]?)(?![\w.]))"
)
_TO: Final = re.compile(rf"\s*(?:to|:)\s*(?P<end>{_NUMBER})")


def invalid_numlist() -> StataError:
    return StataError(121, "invalid numlist")


def parse_numlist(text: str, *, missing: bool = False, maximum: int = 1_000_000) -> list[float]:
    """Numbers of a numlist in order. Raises r(121) when malformed, r(123) when too long."""
    values: list[float] = []
    position = 0
    stripped = text.rstrip(" \t,")
    while position < len(stripped):
        to = _TO.match(stripped, position)
        if to is not None:
            values.extend(_continue_sequence(values, float(to["end"])))
            position = to.end()
            continue
        token = _TOKEN.match(stripped, position)
        if token is None or token.end() == position:
            raise invalid_numlist()
        if token["missing"] is not None:
            if not missing:
                raise StataError(127, "invalid numlist has missing values")
            values.append(EXTENDED[0 if token["missing"] == "." else ord(token["missing"][1]) - 96])
        else:
            values.extend(_values(token))
        position = token.end()
        if len(values) > maximum:
            raise StataError(123, "invalid numlist has too many elements")
    return values


def _values(token: re.Match[str]) -> list[float]:
    start = _float(token["a"])
    if token["slash"] is not None:
        end = _float(token["slash"])
        return sequence(start, 1.0 if end >= start else -1.0, end)
    step = token["step"] or token["step2"]
    if step is not None:
        return sequence(start, _float(step), _float(token["to"] or token["to2"]))
    return [start]


def _continue_sequence(values: list[float], end: float) -> list[float]:
    """`a b to c`: continue with the step b - a."""
    if len(values) < 2:
        raise invalid_numlist()
    step = values[-1] - values[-2]
    return sequence(values[-1], step, end)[1:]


def sequence(start: float, step: float, end: float) -> list[float]:
    """start, start+step, … up to `end`, each computed from its index so that errors do not add up."""
    if step == 0:
        if start == end:
            return [start]
        raise invalid_numlist()
    count = int(np.floor((end - start) / step + 1e-10)) + 1
    if count > 1_000_000:
        raise StataError(123, "invalid numlist has too many elements")
    return [float(f"{start + k * step:.15g}") for k in range(max(count, 0))]


def _float(text: str) -> float:
    return float(text.replace("d", "e").replace("D", "e"))
