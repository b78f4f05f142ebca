"""Linear expressions of coefficients, as test, lincom and constraint read them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ssd.engine.errors import StataError, invalid_syntax
from ssd.engine.expr.estimates import find_column
from ssd.engine.missing import FloatArray
from ssd.engine.output.estimation import number

if TYPE_CHECKING:
    from ssd.engine.session import Session

_PIECE = r"(?:(?:\d+[bon]*|[A-Za-z]+\d*(?:[A-Za-z]\d*)*)\.){0,3}(?:[^\W\d]\w*)"
_NAME = rf"{_PIECE}(?:[#@]{_PIECE})*"
_COEFFICIENT = re.compile(
    rf"\s*(?:\[(?P<eq>[^\]]+)\]\s*(?:_b|_coef)\[(?P<a>[^\]]+)\]|(?:_b|_coef)\[(?P<b>[^\]]+)\]|"
    rf"\[(?P<eq2>[^\]]+)\](?P<c>{_NAME})|(?P<d>/?{_NAME})(?![\w(]))"
)
_NUMBER = re.compile(r"\s*((?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?)(?![\w#.])")


@dataclass
class LinearForm:
    """weights @ b + constant."""

    weights: FloatArray
    constant: float = 0.0

    @property
    def is_number(self) -> bool:
        return not np.any(self.weights)


def parse_form(session: Session, text: str, names: Sequence[str] | None = None) -> LinearForm:
    """A linear expression of coefficients (those of e(b) unless `names` is given).

    Raises r(111) for unknown ones and r(131) when not linear.
    """
    return _Forms(session, text, session.e.matrices["b"].cols if names is None else names).parse()


def parse_restriction(session: Session, text: str, names: Sequence[str] | None = None) -> list[LinearForm]:
    """`a = b = 3` as forms that should be zero; without `=` the expression itself."""
    sides = re.split(r"(?<![<>!=~])=+", text)
    forms = [parse_form(session, side, names) for side in sides]
    if len(forms) == 1:
        return forms
    return [_subtract(forms[0], form) for form in forms[1:]]


def _subtract(left: LinearForm, right: LinearForm) -> LinearForm:
    return LinearForm(left.weights - right.weights, left.constant - right.constant)


class _Forms:
    def __init__(self, session: Session, text: str, names: Sequence[str]) -> None:
        self.session = session
        self.text = text
        self.names = names
        self.position = 0

    def parse(self) -> LinearForm:
        form = self._sum()
        if self.text[self.position :].strip():
            raise invalid_syntax()
        return form

    def _accept(self, characters: str) -> str:
        match = re.compile(rf"\s*([{re.escape(characters)}])").match(self.text, self.position)
        if match is None:
            return ""
        self.position = match.end()
        return match.group(1)

    def _sum(self) -> LinearForm:
        form = self._product()
        while operator := self._accept("+-"):
            right = self._product()
            sign = 1.0 if operator == "+" else -1.0
            form = LinearForm(form.weights + sign * right.weights, form.constant + sign * right.constant)
        return form

    def _product(self) -> LinearForm:
        form = self._power()
        while operator := self._accept("*/"):
            right = self._power()
            if operator == "*" and form.is_number:
                form = LinearForm(right.weights * form.constant, right.constant * form.constant)
            elif right.is_number:
                factor = right.constant if operator == "*" else 1.0 / right.constant
                form = LinearForm(form.weights * factor, form.constant * factor)
            else:
                raise StataError(131, "not possible with test")
        return form

    def _power(self) -> LinearForm:
        form = self._unary()
        if self._accept("^"):
            right = self._unary()
            if not (form.is_number and right.is_number):
                raise StataError(131, "not possible with test")
            return LinearForm(form.weights, form.constant**right.constant)
        return form

    def _unary(self) -> LinearForm:
        if self._accept("-"):
            form = self._unary()
            return LinearForm(-form.weights, -form.constant)
        self._accept("+")
        return self._primary()

    def _primary(self) -> LinearForm:
        if self._accept("("):
            form = self._sum()
            if not self._accept(")"):
                raise invalid_syntax()
            return form
        zero = np.zeros(len(self.names))
        found = _NUMBER.match(self.text, self.position)
        if found is not None:
            self.position = found.end()
            return LinearForm(zero, float(found.group(1)))
        match = _COEFFICIENT.match(self.text, self.position)
        if match is not None:
            equation = match["eq"] or match["eq2"] or ""
            name = match["a"] or match["b"] or match["c"] or match["d"]
            at = coefficient_position(self.names, equation, name.strip())
            if at is not None:
                self.position = match.end()
                zero[at] = 1.0
                return LinearForm(zero)
            if match["d"] is None:
                shown = f"[{equation}]{name}" if equation else f"[{name}]"
                raise StataError(111, f"{shown} not found")
        return self._outside(zero)

    def _outside(self, zero: FloatArray) -> LinearForm:
        """A scalar, r()/e() result or function value."""
        match = re.compile(r"\s*([^\W\d][\w.]*)(\([^()]*\))?").match(self.text, self.position)
        if match is None:
            raise invalid_syntax()
        if match.group(2) is None and match.group(1) not in self.session.scalars:
            raise StataError(111, f"{match.group(1)} not found")
        self.position = match.end()
        return LinearForm(zero, self.session.evaluate_number(match.group().strip()))


def coefficient_position(names: Sequence[str], equation: str, name: str) -> int | None:
    """Position in e(b); `/lnalpha` names an ancillary parameter, [eq] may abbreviate nothing."""
    if name.startswith("/") and ":" not in name:
        full = "/:" + name[1:]
        return list(names).index(full) if full in names else None
    if ":" in name and not equation:
        equation, _, name = name.partition(":")
    return find_column(names, equation, name)


def describe(form: LinearForm, names: Sequence[str]) -> str:
    """The restriction as test prints it: `mpg - weight = 0`."""
    pieces = []
    for weight, name in zip(form.weights, names, strict=True):
        if weight == 0.0:
            continue
        equation, _, bare = name.rpartition(":")
        label = f"[{equation}]{bare}" if equation else bare
        size = "" if abs(weight) == 1.0 else f"{number(abs(float(weight)))}*"
        sign = "-" if weight < 0 else "+"
        pieces.append((sign, size + label))
    text = ""
    for index, (sign, piece) in enumerate(pieces):
        text += (("- " if sign == "-" else "") if index == 0 else f" {sign} ") + piece
    return f"{text or '0'} = {number(-form.constant) if form.constant else '0'}"
