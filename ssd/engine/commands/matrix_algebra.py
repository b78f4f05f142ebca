"""What matrix expressions compute with: named matrices, their operators and functions ([P] matrix define)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

import numpy as np

from ssd.engine.errors import StataError, invalid_syntax
from ssd.engine.missing import MISSING, FloatArray, is_missing
from ssd.engine.stats.linear import symmetric_inverse


@dataclass(frozen=True)
class Value:
    """A matrix whose names may still be the default ones (None); a scalar is a nameless 1 x 1."""

    values: FloatArray
    rows: list[str] | None = None
    cols: list[str] | None = None
    scalar: bool = False


def conformability_error() -> StataError:
    return StataError(503, "conformability error")


def scalar(value: float) -> Value:
    return Value(np.array([[value]]), scalar=True)


def default_names(names: list[str] | None, size: int, letter: str) -> list[str]:
    return names if names is not None else [f"{letter}{i + 1}" for i in range(size)]


def stack(top: Value, bottom: Value) -> Value:
    if top.values.size == 0:
        return bottom
    if bottom.values.size == 0:
        return top
    if top.values.shape[1] != bottom.values.shape[1]:
        raise conformability_error()
    rows = None
    if top.rows is not None or bottom.rows is not None:
        rows = default_names(top.rows, len(top.values), "r") + default_names(bottom.rows, len(bottom.values), "r")
    return Value(np.vstack([top.values, bottom.values]), rows, top.cols or bottom.cols)


def beside(left: Value, right: Value) -> Value:
    if left.values.size == 0:
        return right
    if right.values.size == 0:
        return left
    if left.values.shape[0] != right.values.shape[0]:
        raise conformability_error()
    cols = None
    if left.cols is not None or right.cols is not None:
        cols = default_names(left.cols, left.values.shape[1], "c") + default_names(
            right.cols, right.values.shape[1], "c"
        )
    return Value(np.hstack([left.values, right.values]), left.rows or right.rows, cols)


def _settle(values: FloatArray, *operands: FloatArray) -> FloatArray:
    """Element-wise results with missing elements kept missing."""
    bad = ~(np.abs(values) < MISSING)
    for operand in operands:
        bad = bad | ~(np.abs(operand) < MISSING)
    return np.where(bad, MISSING, values)


def add(left: Value, right: Value, sign: float) -> Value:
    if left.values.shape != right.values.shape:
        raise conformability_error()
    values = _settle(left.values + sign * right.values, left.values, right.values)
    return Value(values, left.rows or right.rows, left.cols or right.cols, left.scalar and right.scalar)


def multiply(left: Value, right: Value) -> Value:
    if left.scalar or right.scalar:
        named = right if left.scalar else left
        values = _settle(left.values * right.values, np.broadcast_to(left.values, named.values.shape))
        return Value(values, named.rows, named.cols, left.scalar and right.scalar)
    if left.values.shape[1] != right.values.shape[0]:
        if left.values.size == 1 or right.values.size == 1:
            named = right if left.values.size == 1 else left
            return Value(left.values * right.values, named.rows, named.cols)
        raise conformability_error()
    return Value(left.values @ right.values, left.rows, right.cols)


def divide(left: Value, right: Value) -> Value:
    if right.values.size != 1:
        raise conformability_error()
    divisor = float(right.values[0, 0])
    values = np.full_like(left.values, MISSING) if divisor == 0.0 else _settle(left.values / divisor)
    return Value(values, left.rows, left.cols, left.scalar)


# --- functions ---


def number(value: Value) -> float:
    if value.values.size != 1:
        raise conformability_error()
    return float(value.values[0, 0])


def _square(value: Value) -> Value:
    if value.values.shape[0] != value.values.shape[1]:
        raise StataError(505, "matrix not square")
    return value


def _symmetric(value: Value) -> Value:
    _square(value)
    A = value.values
    if not np.allclose(A, A.T, rtol=1e-8, atol=1e-8 * max(float(np.abs(A).max(initial=0.0)), 1e-300)):
        raise StataError(505, "matrix not symmetric")
    return value


def _known(value: Value) -> Value:
    if bool(np.any(is_missing(value.values))):
        raise StataError(504, "matrix has missing values")
    return value


def _inverse(args: list[Value]) -> Value:
    value = _known(_square(args[0]))
    try:
        inverse = np.asarray(np.linalg.inv(value.values), dtype=np.float64)
    except np.linalg.LinAlgError:
        inverse = np.full_like(value.values, MISSING)
    return Value(inverse, value.cols, value.rows)


def _invsym(args: list[Value]) -> Value:
    value = _symmetric(_known(args[0]))
    return Value(symmetric_inverse(value.values), value.cols, value.rows)


def _cholesky(args: list[Value]) -> Value:
    value = _symmetric(_known(args[0]))
    try:
        factor = np.asarray(np.linalg.cholesky(value.values), dtype=np.float64)
    except np.linalg.LinAlgError:
        raise StataError(506, "matrix not positive definite") from None
    return Value(factor, value.rows, value.cols)


def _diag(args: list[Value]) -> Value:
    value = args[0]
    if 1 not in value.values.shape:
        raise conformability_error()
    names = value.cols if value.values.shape[0] == 1 else value.rows
    return Value(np.diag(value.values.ravel()), names, names)


def _vecdiag(args: list[Value]) -> Value:
    value = _square(args[0])
    return Value(np.diag(value.values).reshape(1, -1).copy(), None, value.cols)


def _vec(args: list[Value]) -> Value:
    value = args[0]
    n, m = value.values.shape
    rows, cols = default_names(value.rows, n, "r"), default_names(value.cols, m, "c")
    return Value(value.values.T.reshape(-1, 1), [f"{c}:{r}" for c in cols for r in rows])


def _corr(args: list[Value]) -> Value:
    value = _symmetric(args[0])
    d = np.sqrt(np.diag(value.values))
    return Value(value.values / np.outer(d, d), value.rows, value.cols)


def _fill(args: list[Value]) -> Value:
    if len(args) != 3:
        raise invalid_syntax()
    n, m = int(number(args[0])), int(number(args[1]))
    if n < 0 or m < 0:
        raise StataError(498, "argument out of range")
    return Value(np.full((n, m), number(args[2])))


def _hadamard(args: list[Value]) -> Value:
    if args[0].values.shape != args[1].values.shape:
        raise conformability_error()
    return Value(args[0].values * args[1].values, args[0].rows, args[0].cols)


def _sweep(args: list[Value]) -> Value:
    value = _square(args[0])
    A = value.values.copy()
    k = int(number(args[1])) - 1
    d = A[k, k]
    if abs(d) < 1e-300:
        A[k, :] = 0.0
        A[:, k] = 0.0
        return Value(A, value.rows, value.cols)
    row, column = A[k, :] / d, A[:, k].copy()
    A -= np.outer(column, row)
    A[k, :] = row
    A[:, k] = -column / d
    A[k, k] = 1.0 / d
    return Value(A, value.rows, value.cols)


def _of_scalar(function: Callable[[FloatArray], float]) -> Callable[[list[Value]], Value]:
    return lambda args: scalar(function(args[0].values))


FUNCTIONS: Final = MappingProxyType[str, Callable[[list[Value]], Value]](
    {
        "inv": _inverse,
        "invsym": _invsym,
        "syminv": _invsym,
        "cholesky": _cholesky,
        "diag": _diag,
        "vecdiag": _vecdiag,
        "vec": _vec,
        "corr": _corr,
        "J": _fill,
        "I": lambda args: Value(np.eye(int(number(args[0])))),
        "hadamard": _hadamard,
        "sweep": _sweep,
        "det": lambda args: scalar(float(np.linalg.det(_square(args[0]).values))),
        "trace": lambda args: scalar(float(np.trace(_square(args[0]).values))),
        "rowsof": _of_scalar(lambda A: float(A.shape[0])),
        "colsof": _of_scalar(lambda A: float(A.shape[1])),
        "issymmetric": _of_scalar(lambda A: float(A.shape[0] == A.shape[1] and np.array_equal(A, A.T))),
        "diag0cnt": _of_scalar(lambda A: float(np.count_nonzero(np.diag(A) == 0.0))),
        "matmissing": _of_scalar(lambda A: float(not np.all(np.abs(A) < MISSING))),
    }
)
