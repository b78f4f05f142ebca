"""Mathematical functions ([FN] Mathematical functions)."""

from __future__ import annotations

from typing import Any

import numpy as np

from ssd.engine.expr.context import Context
from ssd.engine.expr.registry import Table, entry, strict
from ssd.engine.expr.values import Value
from ssd.engine.missing import MISSING, FloatArray


def _special() -> Any:
    from scipy import special

    return special


def _round(x: FloatArray, unit: FloatArray | None = None) -> Any:
    if unit is None:
        return np.floor(x + 0.5)
    step = np.where(unit == 0.0, 1.0, unit)
    return np.where(unit == 0.0, x, np.floor(x / step + 0.5) * step)


def _mod(x: FloatArray, y: FloatArray) -> Any:
    return np.where(y > 0, x - y * np.floor(x / np.where(y > 0, y, 1.0)), np.nan)


def _comb(n: FloatArray, k: FloatArray) -> Any:
    return np.where((k >= 0) & (k <= n), np.rint(_special().binom(np.floor(n), np.floor(k))), np.nan)


def _reldif(x: Value, y: Value) -> Value:
    a, b = np.asarray(x, dtype=np.float64), np.asarray(y, dtype=np.float64)
    missing = ~(a < MISSING) | ~(b < MISSING)
    with np.errstate(all="ignore"):
        distance = np.abs(a - b) / (np.abs(b) + 1.0)
    outcome = np.where(missing, np.where(a == b, 0.0, MISSING), distance)
    return float(outcome) if outcome.ndim == 0 else outcome


def _extreme(largest: bool) -> Any:
    """max() and min() skip missing values; all missing gives `.`."""
    fold = np.fmax if largest else np.fmin

    def run(*arguments: float | FloatArray) -> Value:
        best: Any = None
        for item in arguments:
            plain = np.asarray(item, dtype=np.float64)
            plain = np.where(plain < MISSING, plain, np.nan)
            best = plain if best is None else fold(best, plain)
        outcome = np.where(np.isnan(best), MISSING, best)
        return float(outcome) if outcome.ndim == 0 else outcome

    return run


def running_sum(context: Context, x: float | FloatArray) -> Value:
    """Sum of this and all earlier selected observations (of the by-group); missing counts as 0."""
    if not context.rows:
        return x if not isinstance(x, float) or x < MISSING else 0.0
    values = np.broadcast_to(np.asarray(x, dtype=np.float64), (context.n_obs,))
    counted = np.where(values < MISSING, values, 0.0)
    if context.mask is not None:
        counted = np.where(context.mask, counted, 0.0)
    total: FloatArray = np.cumsum(counted)
    groups = context.groups
    if groups is None or not groups.starts.size:
        return total
    if np.array_equal(counted, np.trunc(counted)):
        before = np.concatenate([[0.0], total])[groups.starts]
        within: FloatArray = total - before[groups.ids]
        return within
    # Subtracting a large running total loses digits of small groups, so each group is summed on its own.
    return np.concatenate([np.cumsum(part) for part in np.split(counted, groups.starts[1:])])


def _invlogit(x: FloatArray) -> Any:
    return np.where(x >= 0, 1.0 / (1.0 + np.exp(-np.abs(x))), np.exp(-np.abs(x)) / (1.0 + np.exp(-np.abs(x))))


def _sign(x: FloatArray) -> Any:
    return np.sign(x)


def _keeping_missing(compute: Any) -> Any:
    """round(.a) is .a: the rounding functions return a missing argument itself."""
    plain = strict(compute)

    def run(x: float | FloatArray, *rest: float | FloatArray) -> Value:
        outcome = np.where(np.asarray(x) < MISSING, plain(x, *rest), x)
        return float(outcome) if outcome.ndim == 0 else outcome

    return run


def mathematical_functions() -> Table:
    table: Table = {}
    one: dict[str, Any] = {
        "abs": np.abs,    "sqrt": np.sqrt, "exp": np.exp,
        "ln log": np.log, "log10": np.log10, "log2": np.log2, "sin": np.sin, "cos": np.cos, "tan": np.tan,
        "asin": np.arcsin, "acos": np.arccos, "atan": np.arctan, "sinh": np.sinh, "cosh": np.cosh,
        "tanh": np.tanh, "asinh": np.arcsinh, "acosh": np.arccosh, "atanh": np.arctanh, "sign": _sign,
        "expm1": np.expm1, "log1p ln1p": np.log1p, "log1m ln1m": lambda x: np.log1p(-x),
        "logit": lambda p: np.log(p) - np.log1p(-p), "invlogit": _invlogit,
        "cloglog": lambda p: np.log(-np.log1p(-p)), "invcloglog": lambda x: -np.expm1(-np.exp(x)),
        "lngamma": lambda x: np.where((x > 0) | (x != np.floor(x)), _special().gammaln(x), np.nan),
        "lnfactorial": lambda n: np.where((n >= 0) & (n == np.floor(n)), _special().gammaln(n + 1.0), np.nan),
        "digamma": lambda x: _special().digamma(x),
        "trigamma": lambda x: _special().polygamma(1, np.atleast_1d(x)).reshape(np.shape(x)),
    }  # fmt: skip
    for names, compute in one.items():
        entry(table, names, "n", strict(compute))
    for names, compute in (("ceil", np.ceil), ("floor", np.floor), ("int trunc", np.trunc)):
        entry(table, names, "n", _keeping_missing(compute))
    entry(table, "round", "n|n", _keeping_missing(_round))
    entry(table, "mod", "nn", strict(_mod))
    entry(table, "atan2", "nn", strict(np.arctan2))
    entry(table, "comb", "nn", strict(_comb))
    entry(table, "reldif", "nn", _reldif)
    entry(table, "max", "n+", _extreme(True))
    entry(table, "min", "n+", _extreme(False))
    entry(table, "sum", "n", running_sum, context=True)
    return table
