"""Weighted moments and percentiles by Stata's definitions ([R] summarize, Methods and formulas)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ssd.engine.missing import MISSING, FloatArray


@dataclass(frozen=True)
class Moments:
    """Moments of one variable. `n` counts observations (the sum of frequency weights), `sum_w` sums weights."""

    n: float
    sum_w: float
    mean: float
    variance: float
    minimum: float
    maximum: float
    total: float

    @property
    def sd(self) -> float:
        return float(np.sqrt(self.variance)) if self.variance < MISSING else MISSING


def moments(x: FloatArray, weights: FloatArray | None = None, kind: str = "") -> Moments:
    """Mean, variance (divisor n-1), range and sum of complete values `x`.

    `kind` is fweight, aweight, pweight, iweight or empty. Analytic weights are rescaled to sum to the
    number of observations; importance weights take the sum of weights as n.
    """
    if weights is None:
        n = float(x.size)
        if x.size == 0:
            return Moments(0.0, 0.0, MISSING, MISSING, MISSING, MISSING, 0.0)
        mean = float(np.mean(x))
        variance = float(np.sum((x - mean) ** 2) / (n - 1.0)) if n > 1 else MISSING
        return Moments(n, n, mean, variance, float(x.min()), float(x.max()), float(x.sum()))
    sum_w = float(weights.sum())
    n = float(x.size) if kind in ("aweight", "pweight") else sum_w
    if x.size == 0 or sum_w == 0:
        return Moments(0.0, 0.0, MISSING, MISSING, MISSING, MISSING, 0.0)
    mean = float(weights @ x) / sum_w
    squares = float(weights @ (x - mean) ** 2)
    if kind in ("aweight", "pweight"):
        squares *= n / sum_w
    variance = squares / (n - 1.0) if n > 1 else MISSING
    return Moments(n, sum_w, mean, variance, float(x.min()), float(x.max()), float(weights @ x))


def skewness_kurtosis(x: FloatArray, weights: FloatArray | None = None) -> tuple[float, float]:
    """m3 / m2^1.5 and m4 / m2^2 with central moments of divisor n; missing when the variance is 0."""
    w = np.ones_like(x) if weights is None else weights
    total = float(w.sum())
    if x.size == 0 or total == 0:
        return MISSING, MISSING
    deviation = x - float(w @ x) / total
    m2 = float(w @ deviation**2) / total
    if m2 <= 0:
        return MISSING, MISSING
    return float(w @ deviation**3) / total / m2**1.5, float(w @ deviation**4) / total / m2**2


def percentiles(x: FloatArray, probabilities: FloatArray, weights: FloatArray | None = None) -> FloatArray:
    """Percentiles (`probabilities` in percent) by Stata's rule.

    With W(i) the running sum of weights over sorted x and P = W(n) p / 100: the first x with W > P,
    averaged with the one before when W of that one equals P exactly.
    """
    if x.size == 0:
        return np.full(probabilities.shape, MISSING)
    order = np.argsort(x, kind="stable")
    values = x[order]
    running = np.cumsum(np.ones_like(values) if weights is None else weights[order])
    target = running[-1] * probabilities / 100.0
    tolerance = 1e-10 * running[-1]
    position = np.minimum(np.searchsorted(running, target + tolerance, side="right"), values.size - 1)
    before = np.maximum(position - 1, 0)
    tied = (position > 0) & (np.abs(running[before] - target) <= tolerance)
    return np.asarray(np.where(tied, (values[before] + values[position]) / 2.0, values[position]))
