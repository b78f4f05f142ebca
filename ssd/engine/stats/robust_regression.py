"""Robust regression by Huber and biweight weights ([R] rreg, Methods and formulas; Li 1985).

Standard errors are those of ordinary least squares on the pseudovalues of Street, Carroll and Ruppert
(1988, The American Statistician 42: 152-154).
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from ssd.engine.errors import StataError
from ssd.engine.missing import BoolArray, FloatArray
from ssd.engine.stats.linear import LeastSquares, least_squares, leverage, with_constant

HUBER_MULTIPLE = 2.0
"""Huber weights fall from this many median absolute deviations on."""
BIWEIGHT = 4.685
NORMAL_MAD = 0.6745
"""Median absolute deviation of a standard normal."""
HUBER_TOLERANCE = 0.05


@dataclass(frozen=True)
class RobustFit:
    """A robust regression on the screened observations."""

    pseudo: LeastSquares
    """Ordinary least squares of the pseudovalues: coefficients and covariance are the robust fit's."""
    weights: FloatArray
    huber: list[float] = field(default_factory=list)
    """Largest change of a weight at each Huber iteration."""
    biweight: list[float] = field(default_factory=list)


def outliers(X: FloatArray, y: FloatArray) -> BoolArray:
    """Observations whose Cook's distance in the least-squares fit exceeds one; X (n, k) without the constant."""
    ls = least_squares(X, y)
    h = leverage(with_constant(X), ls.inverse)
    n, k = len(y), ls.rank
    gap = 1.0 - h
    safe = np.where(gap > 1e-12, gap, 1.0)
    s2 = ls.rss / (n - k)
    if s2 <= 0.0:
        return np.zeros(n, dtype=np.bool_)
    distance = np.where(gap > 1e-12, ls.residuals**2 * h / (k * s2 * safe**2), 0.0)
    return np.asarray(distance > 1.0, dtype=np.bool_)


def robust_fit(X: FloatArray, y: FloatArray, tune: float, tolerance: float, limit: int) -> RobustFit:
    """Huber iterations, then biweight iterations, then pseudovalues. X (n, k) without the constant.

    Raises r(430) when the weights do not settle within `limit` iterations, r(498) when the residuals have
    no spread.
    """
    weights = np.ones(len(y))
    ls = least_squares(X, y)
    cut = BIWEIGHT * tune / 7.0
    changes: tuple[list[float], list[float]] = ([], [])
    deviation = 0.0
    for stage, threshold in enumerate((max(HUBER_TOLERANCE, tolerance), tolerance)):
        while True:
            if len(changes[0]) + len(changes[1]) >= limit:
                raise StataError(430, "convergence not achieved")
            e = ls.residuals
            deviation = float(np.median(np.abs(e - np.median(e))))
            if deviation <= 1e-12 * max(float(np.abs(y).max()), 1e-300):
                raise StataError(498, "all weights went to zero;\nresiduals have no spread about their median")
            if stage == 0:
                new = np.minimum(1.0, HUBER_MULTIPLE * deviation / np.maximum(np.abs(e), 1e-300))
            else:
                ratio = (e * NORMAL_MAD / deviation / cut) ** 2
                new = np.where(ratio < 1.0, (1.0 - ratio) ** 2, 0.0)
            change = float(np.abs(new - weights).max())
            changes[stage].append(change)
            weights = np.asarray(new, dtype=np.float64)
            ls = least_squares(X, y, weights)
            if change < threshold:
                break
    return RobustFit(_pseudovalues(X, y, ls, weights, deviation / NORMAL_MAD, cut), weights, *changes)


def _pseudovalues(
    X: FloatArray, y: FloatArray, ls: LeastSquares, weights: FloatArray, scale: float, cut: float
) -> LeastSquares:
    """Fitted values plus (lambda/m) w e: their regression returns the same coefficients."""
    e = y - with_constant(X) @ ls.coefficients
    ratio = (e / scale / cut) ** 2
    slope = np.where(ratio < 1.0, (1.0 - ratio) * (1.0 - 5.0 * ratio), 0.0)
    m = float(slope.mean())
    if m <= 0.0:
        raise StataError(498, "too many observations have low weights; increase tune()")
    k = ls.rank
    # The correction counts the observations the last weighted regression used: those of positive weight.
    factor = (1.0 + k / int(np.count_nonzero(weights)) * (1.0 - m) / m) / m
    return least_squares(X, y - e + factor * weights * e)
