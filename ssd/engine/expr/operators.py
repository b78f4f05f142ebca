"""Arithmetic, comparison and logic over scalars and columns, with Stata's missing values."""

from __future__ import annotations

from typing import Final

import numpy as np

from ssd.engine.errors import type_mismatch
from ssd.engine.expr.values import Operand, each, finished, is_clean, is_string, number, string, truth
from ssd.engine.missing import MISSING, FloatArray

COMPARISONS: Final = frozenset(["==", "!=", ">", "<", ">=", "<="])


def binary(operator: str, left: Operand, right: Operand) -> Operand:
    """Value of `left operator right`. Raises r(109) when the types do not fit."""
    if operator in COMPARISONS:
        return compare(operator, left, right)
    if operator in "&|":
        first, second = truth(left), truth(right)
        if isinstance(first, bool) and isinstance(second, bool):
            return float(first and second) if operator == "&" else float(first or second)
        return np.logical_and(first, second) if operator == "&" else np.logical_or(first, second)
    if is_string(left) or is_string(right):
        return _text(operator, left, right)
    return arithmetic(operator, number(left), number(right))


def _text(operator: str, left: Operand, right: Operand) -> Operand:
    if operator == "+" and is_string(left) and is_string(right):
        first, second = string(left), string(right)
        if isinstance(first, str) and isinstance(second, str):
            return first + second
        return each(lambda a, b: a + b, first, second, text=True)
    if operator == "*" and is_string(left) != is_string(right):
        words, times = (left, right) if is_string(left) else (right, left)
        return each(_repeated, string(words), number(times), text=True)
    raise type_mismatch()


def _repeated(text: str, times: float) -> str:
    return text * min(int(times), 2_000_000_000 // max(1, len(text))) if 0 < times < MISSING else ""


def compare(operator: str, left: Operand, right: Operand) -> Operand:
    if is_string(left) != is_string(right):
        raise type_mismatch()
    a: Operand = left if is_string(left) else number(left)
    b: Operand = right if is_string(right) else number(right)
    scalar = not isinstance(a, np.ndarray) and not isinstance(b, np.ndarray)
    if operator == "==":
        outcome = a == b
    elif operator == "!=":
        outcome = a != b
    elif operator == ">":
        outcome = a > b  # type: ignore[operator]
    elif operator == "<":
        outcome = a < b  # type: ignore[operator]
    elif operator == ">=":
        outcome = a >= b  # type: ignore[operator]
    else:
        outcome = a <= b  # type: ignore[operator]
    if scalar:
        return float(outcome)
    return np.asarray(outcome).astype(np.bool_, copy=False)


def negate(value: Operand) -> Operand:
    plain = number(value)
    if isinstance(plain, float):
        return -plain if plain < MISSING else MISSING
    return -plain if is_clean(plain) else np.where(plain < MISSING, -plain, MISSING)


def invert(value: Operand) -> Operand:
    condition = truth(value)
    return float(not condition) if isinstance(condition, bool) else ~condition


def arithmetic(operator: str, left: float | FloatArray, right: float | FloatArray) -> Operand:
    """`.` wherever an operand is missing or the result is not a finite number."""
    if isinstance(left, float) and isinstance(right, float):
        return _scalar(operator, left, right)
    with np.errstate(all="ignore"):
        if operator == "+":
            outcome = np.add(left, right)
        elif operator == "-":
            outcome = np.subtract(left, right)
        elif operator == "*":
            outcome = np.multiply(left, right)
        elif operator == "/":
            outcome = np.divide(left, right)
        else:
            outcome = np.square(left) if isinstance(right, float) and right == 2.0 else np.power(left, right)
    values: FloatArray = outcome
    if is_clean(left) and is_clean(right):
        return finished(values)
    usable = (np.asarray(left) < MISSING) & (np.asarray(right) < MISSING)
    with np.errstate(all="ignore"):
        return np.where(usable & (np.abs(values) < MISSING), values, MISSING)


def _scalar(operator: str, left: float, right: float) -> float:
    if not (left < MISSING and right < MISSING):
        return MISSING
    if operator == "+":
        value = left + right
    elif operator == "-":
        value = left - right
    elif operator == "*":
        value = left * right
    elif operator == "/":
        value = left / right if right else MISSING
    else:
        value = _power(left, right)
    return value if abs(value) < MISSING else MISSING


def _power(base: float, exponent: float) -> float:
    if (base < 0.0 and exponent != int(exponent)) or (base == 0.0 and exponent < 0.0):
        return MISSING
    try:
        return float(base**exponent)
    except OverflowError:
        return MISSING
