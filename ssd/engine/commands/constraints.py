"""constraint, and what commands make of their constraints() option."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ssd.engine.commands.declare import Line, command
from ssd.engine.commands.linear_forms import describe, parse_restriction
from ssd.engine.errors import StataError, invalid_syntax
from ssd.engine.missing import BoolArray, FloatArray

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ssd.engine.session import Session


@dataclass(frozen=True)
class Constraints:
    """Linear restrictions as a free parametrisation: b = T c + a."""

    T: FloatArray
    a: FloatArray
    lines: list[str]
    """As listed below the header: ` ( 1)  [eq]x - [eq]y = 0`."""
    R: FloatArray
    r: FloatArray
    """R b = r over the active coefficients, dependent rows removed."""

    @property
    def pair(self) -> tuple[FloatArray, FloatArray]:
        return self.T, self.a


def _table(session: Session) -> dict[int, str]:
    table = session.state.setdefault("constraints", {})
    assert isinstance(table, dict)
    return table


@command("constraint", "*", minimum=4, refused="constraint get, constraint free")
def constraint(session: Session, line: Line) -> None:
    """Define, list and drop linear constraints."""
    words = line.text.split(None, 1)
    if not words:
        raise invalid_syntax()
    first, rest = words[0], words[1].strip() if len(words) > 1 else ""
    if first in {"define", "defin", "defi", "def", "de"}:
        number, _, rest = rest.partition(" ")
        _define(session, number, rest)
    elif first.isdigit():
        _define(session, first, rest)
    elif first in {"list", "dir"}:
        chosen = _numbers(rest) if rest else sorted(_table(session))
        for each in chosen:
            if each in _table(session):
                session.log.line(f"{each:>6}:  {_table(session)[each]}")
    elif first == "drop":
        for each in sorted(_table(session)) if rest == "_all" else _numbers(rest):
            _table(session).pop(each, None)
    else:
        raise StataError(198, f"constraint {first} not allowed")


def _define(session: Session, number: str, text: str) -> None:
    if not number.isdigit() or not 1 <= int(number) <= 1999:
        raise StataError(198, f"{number} found where constraint number (1 - 1999) expected")
    if not text.strip():
        raise invalid_syntax()
    _table(session)[int(number)] = re.sub(r"\s+", " ", text.strip())


def _numbers(text: str) -> list[int]:
    from ssd.engine.lang.numlist import parse_numlist

    return [int(value) for value in parse_numlist(text)]


def _contradicts(R: FloatArray, r: FloatArray, row: FloatArray, value: float) -> bool:
    """Whether R b = r already fixes `row` b at something other than `value`."""
    weights, *_ = np.linalg.lstsq(R.T, row, rcond=None)
    return bool(np.allclose(R.T @ weights, row) and not np.isclose(weights @ r, value))


def constraints_of(session: Session, line: Line, names: Sequence[str], active: BoolArray) -> Constraints | None:
    """The typed constraints() over the active coefficients; None when there are none.

    Raises r(111) for an unknown constraint or coefficient; redundant ones are dropped with a note,
    contradicting ones raise r(412).
    """
    typed = line.options.get("constraints")
    if not isinstance(typed, list) or not typed:
        return None
    table = _table(session)
    rows: list[FloatArray] = []
    values: list[float] = []
    lines: list[str] = []
    for number in (int(value) for value in typed):
        if number not in table:
            raise StataError(111, f"constraint {number} not defined")
        for form in parse_restriction(session, table[number], names=names):
            row, value = form.weights[active], -form.constant
            stacked = np.array([*rows, row])
            if rows and row.any() and _contradicts(np.array(rows), np.array(values), row, value):
                raise StataError(412, "redundant or inconsistent constraints")
            if not row.any() or np.linalg.matrix_rank(stacked) < len(stacked):
                session.log.line(f"note: constraint number {number} caused error r(412)" if not row.any()
                                 else f"note: constraint number {number} is redundant and was dropped")  # fmt: skip
                continue
            rows.append(row)
            values.append(value)
            lines.append(f" ({len(lines) + 1:>2})  {describe(form, names)}")
    if not rows:
        return None
    R, r = np.array(rows), np.array(values)
    _, _, vectors = np.linalg.svd(R)
    T = vectors[len(rows) :].T
    a = np.asarray(np.linalg.pinv(R) @ r, dtype=np.float64)
    return Constraints(np.asarray(T, dtype=np.float64), a, lines, R, r)
