"""Statistics by group, vectorised: what collapse, egen and table need.

Percentiles follow [R] summarize: with n values and P = n p / 100, the mean of the P-th and (P+1)-th value when
P is whole, else the value at position P rounded up; with weights n and counts become sums of weights.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from ssd.engine.data.order import code_order
from ssd.engine.missing import MISSING, FloatArray

Ids = NDArray[np.intp]


@dataclass(frozen=True)
class Cells:
    """Non-missing values of the selected observations with their group numbers (0 … n_groups - 1).

    `kind` is the weight kind or empty; weights are positive.
    """

    values: FloatArray
    ids: Ids
    n_groups: int
    weights: FloatArray | None = None
    kind: str = ""

    def summed(self, values: FloatArray) -> FloatArray:
        return np.bincount(self.ids, values, self.n_groups).astype(np.float64, copy=False)

    @property
    def count(self) -> FloatArray:
        return np.bincount(self.ids, minlength=self.n_groups).astype(np.float64)

    @property
    def total_weight(self) -> FloatArray:
        return self.count if self.weights is None else self.summed(self.weights)


def cells(values: FloatArray, ids: Ids, n_groups: int, weights: FloatArray | None = None, kind: str = "") -> Cells:
    """Drop missing values (and zero or missing weights)."""
    if values.size and values.max() < MISSING and weights is None:
        return Cells(values, ids, n_groups)
    kept = values < MISSING
    if weights is not None:
        kept &= (weights < MISSING) & (weights > 0)
        return Cells(values[kept], ids[kept], n_groups, weights[kept], kind)
    return Cells(values[kept], ids[kept], n_groups)


def _where(valid: NDArray[np.bool_], values: FloatArray) -> FloatArray:
    return np.where(valid, values, MISSING)


def mean(c: Cells) -> FloatArray:
    total = c.summed(c.values if c.weights is None else c.values * c.weights)
    weight = c.total_weight
    with np.errstate(all="ignore"):
        return _where(c.count > 0, total / weight)


def _scaled(c: Cells) -> FloatArray | None:
    """Analytic weights are scaled to sum to the number of observations."""
    if c.weights is None or c.kind not in ("aweight", "pweight"):
        return c.weights
    with np.errstate(all="ignore"):
        return c.weights * (c.count / c.total_weight)[c.ids]


def total(c: Cells) -> FloatArray:
    """Sum; 0 for a group without values. Analytic weights are normalised as collapse documents."""
    w = _scaled(c) if c.kind == "aweight" else c.weights
    return c.summed(c.values if w is None else c.values * w)


def raw_total(c: Cells) -> FloatArray:
    return c.summed(c.values)


def variance(c: Cells) -> FloatArray:
    """With n - 1; frequency and importance weights count as observations."""
    w = _scaled(c)
    centre = mean(c)
    deviation = c.values - centre[c.ids]
    squares = c.summed(deviation**2 if w is None else w * deviation**2)
    n = c.count if w is None or c.kind == "aweight" else c.total_weight
    with np.errstate(all="ignore"):
        return _where(n > 1, squares / (n - 1.0))


def sd(c: Cells) -> FloatArray:
    v = variance(c)
    return np.where(v < MISSING, np.sqrt(np.where(v < MISSING, v, 0.0)), MISSING)


def number(c: Cells) -> FloatArray:
    """count: observations, or the sum of frequency and importance weights."""
    if c.weights is None or c.kind == "aweight":
        return c.count
    return c.total_weight


def semean(c: Cells) -> FloatArray:
    spread = sd(c)
    n = number(c)
    with np.errstate(all="ignore"):
        return _where((spread < MISSING) & (n > 0), np.where(spread < MISSING, spread, 0.0) / np.sqrt(n))


def _binomial_error(c: Cells) -> FloatArray:
    p, n = mean(c), number(c)
    with np.errstate(all="ignore"):
        return _where((n > 0) & (p >= 0) & (p <= 1), np.sqrt(np.where(p < MISSING, p * (1 - p), 0) / n))


def _poisson_error(c: Cells) -> FloatArray:
    p, n = mean(c), number(c)
    with np.errstate(all="ignore"):
        return _where((n > 0) & (p >= 0) & (p < MISSING), np.sqrt(np.where(p < MISSING, p, 0) / n))


def _extreme(c: Cells, *, largest: bool) -> FloatArray:
    out = np.full(c.n_groups, -np.inf if largest else np.inf)
    (np.maximum if largest else np.minimum).at(out, c.ids, c.values)
    return np.where(np.isfinite(out), out, MISSING)


def minimum(c: Cells) -> FloatArray:
    return _extreme(c, largest=False)


def maximum(c: Cells) -> FloatArray:
    return _extreme(c, largest=True)


def percentile(c: Cells, p: float) -> FloatArray:
    """The p-th percentile (0 < p < 100) of each group."""
    by_value = np.argsort(c.values)
    order = by_value[code_order(c.ids[by_value], c.n_groups)]
    x, ids = c.values[order], c.ids[order]
    count = np.bincount(ids, minlength=c.n_groups)
    start = np.concatenate([[0], np.cumsum(count)[:-1]]).astype(np.intp)
    out = np.full(c.n_groups, MISSING)
    filled = count > 0
    if c.weights is None:
        position = count[filled] * p / 100.0
        whole = np.floor(position + 1e-9)
        exact = np.abs(position - whole) < 1e-9
        first, n = start[filled], count[filled]
        low = np.clip(np.where(exact, whole - 1, whole), 0, n - 1).astype(np.intp)
        high = np.clip(np.where(exact, whole, whole), 0, n - 1).astype(np.intp)
        out[filled] = (x[first + low] + x[first + high]) / 2.0
        return out
    w = c.weights[order]
    for group in np.flatnonzero(filled):
        rows = slice(start[group], start[group] + count[group])
        out[group] = _weighted_percentile(x[rows], w[rows], p)
    return out


def _weighted_percentile(x: FloatArray, w: FloatArray, p: float) -> float:
    reach = np.cumsum(w)
    target = reach[-1] * p / 100.0
    tolerance = 1e-12 * reach[-1]
    i = int(np.searchsorted(reach, target - tolerance))
    i = min(i, x.size - 1)
    if abs(reach[i] - target) <= tolerance and i + 1 < x.size:
        return float((x[i] + x[i + 1]) / 2.0)
    return float(x[i])


def iqr(c: Cells) -> FloatArray:
    low, high = percentile(c, 25.0), percentile(c, 75.0)
    return np.where(low < MISSING, np.where(low < MISSING, high - np.where(low < MISSING, low, 0), 0), MISSING)


def moment_ratio(c: Cells, power: int) -> FloatArray:
    """Skewness (power 3) or kurtosis (power 4): m_p / m_2^(p/2)."""
    deviation = c.values - mean(c)[c.ids]
    n = c.count
    with np.errstate(all="ignore"):
        second = c.summed(deviation**2) / n
        value = (c.summed(deviation**power) / n) / second ** (power / 2)
    return np.where(np.isfinite(value), value, MISSING)


Statistic = Callable[[Cells], FloatArray]

STATISTICS: Final[dict[str, Statistic]] = {
    "mean": mean, "median": lambda c: percentile(c, 50.0), "sd": sd, "semean": semean, "sebinomial": _binomial_error,
    "sepoisson": _poisson_error, "sum": total, "rawsum": raw_total, "count": number, "max": maximum, "min": minimum,
    "iqr": iqr,
}  # fmt: skip


def statistic(name: str) -> Statistic | None:
    """By collapse's name, `p1` … `p99` included."""
    found = STATISTICS.get(name)
    if found is None and name[:1] == "p" and name[1:].isdigit() and 1 <= int(name[1:]) <= 99:
        p = float(name[1:])
        return lambda c: percentile(c, p)
    return found
