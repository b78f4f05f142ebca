"""Hansen's (1999, J. Econometrics 93) fixed-effects panel threshold model for balanced panels."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ssd.engine.errors import StataError
from ssd.engine.missing import FloatArray
from ssd.engine.stats.covariance import IndexArray


@dataclass(frozen=True)
class ThresholdData:
    """A balanced panel sorted by panel and time: y (n T,), regressors and threshold variable."""

    y: FloatArray
    fixed: FloatArray
    """(n T, k): regressors with one coefficient."""
    regime: FloatArray
    """(n T, m): regressors with one coefficient in each regime."""
    q: FloatArray
    periods: int

    @property
    def panels(self) -> int:
        return len(self.y) // self.periods

    @property
    def freedom(self) -> int:
        """n(T - 1), by which Hansen divides sums of squares."""
        return self.panels * (self.periods - 1)

    def within(self, values: FloatArray) -> FloatArray:
        shaped = values.reshape(self.panels, self.periods, -1)
        return np.asarray((shaped - shaped.mean(axis=1, keepdims=True)).reshape(len(values), -1), dtype=np.float64)

    def design(self, thresholds: Sequence[float]) -> FloatArray:
        """Within-transformed regressors with the regimes q <= first, first < q <= second, …"""
        category = np.searchsorted(np.sort(np.asarray(thresholds)), self.q, side="left")
        blocks = [self.regime * (category == c)[:, None] for c in range(len(thresholds) + 1)]
        return self.within(np.column_stack([self.fixed, *blocks]))


def candidates(q: FloatArray, trim: float, points: int) -> FloatArray:
    """Distinct values of q between its `trim` and 1 - `trim` quantiles, thinned to at most `points` quantiles."""
    values = np.unique(q)
    low, high = math.floor(trim * len(values)), math.ceil((1.0 - trim) * len(values))
    inner = values[low : min(high, len(values) - 1)]
    if len(inner) > points:
        inner = inner[np.unique(np.floor(np.linspace(0, len(inner) - 1, points)).astype(np.intp))]
    return inner


def _admissible(data: ThresholdData, values: FloatArray, given: Sequence[float], trim: float) -> FloatArray:
    """Values that leave at least the share `trim` of the observations in every regime."""
    least = trim * len(data.q)
    kept = []
    for value in values:
        cuts = np.sort([*given, value])
        counts = np.bincount(np.searchsorted(cuts, data.q, side="left"), minlength=len(cuts) + 1)
        if counts.min() >= max(least, data.regime.shape[1] + 1):
            kept.append(value)
    if not kept:
        raise StataError(498, "no threshold leaves enough observations in every regime")
    return np.array(kept)


def sums_of_squares(data: ThresholdData, Y: FloatArray, values: FloatArray, given: Sequence[float]) -> FloatArray:
    """Residual sums of squares (values, columns of Y) with one more threshold at each value; Y (n T, B) within."""
    total = np.einsum("ij,ij->j", Y, Y)
    found = np.empty((len(values), Y.shape[1]))
    for i, value in enumerate(values):
        X = data.design([*given, float(value)])
        U, s, _ = np.linalg.svd(X, full_matrices=False)
        projected = U[:, s > 1e-10 * s[0]].T @ Y
        found[i] = total - np.einsum("ij,ij->j", projected, projected)
    return found


@dataclass(frozen=True)
class Threshold:
    """One estimated threshold with the likelihood-ratio curve its interval comes from."""

    value: float
    lower: float
    upper: float
    rss: float
    curve: FloatArray
    """(points, 2): likelihood ratio and value of the threshold variable."""


def estimate(data: ThresholdData, values: FloatArray, given: Sequence[float], trim: float, level: float) -> Threshold:
    """The value with the least sum of squares; its interval holds values with LR below -2 ln(1 - sqrt(level))."""
    y = data.within(data.y[:, None])
    sizes = np.abs(np.column_stack([data.y[:, None], data.fixed, data.regime]))
    if not np.isfinite(sizes).all() or float(sizes.max()) > 1e140:
        raise StataError(504, "matrix has missing values")
    usable = _admissible(data, values, given, trim)
    rss = sums_of_squares(data, y, usable, given)[:, 0]
    best = int(np.argmin(rss))
    if rss[best] <= 0.0:
        raise StataError(498, "the threshold model fits perfectly")
    ratio = (rss - rss[best]) / (rss[best] / data.freedom)
    inside = usable[ratio <= -2.0 * math.log(1.0 - math.sqrt(level / 100.0))]
    return Threshold(
        float(usable[best]), float(inside.min()), float(inside.max()), float(rss[best]),
        np.column_stack([ratio, usable]),
    )  # fmt: skip


@dataclass(frozen=True)
class EffectTest:
    rss: float
    mse: float
    f: float
    p: float
    critical: tuple[float, float, float]
    """At 10%, 5% and 1%."""


def fitted(data: ThresholdData, thresholds: Sequence[float]) -> tuple[FloatArray, FloatArray]:
    """Within-transformed fit and residuals; with no threshold the coefficients are common to all."""
    X = data.design(thresholds) if len(thresholds) else data.within(np.column_stack([data.fixed, data.regime]))
    y = data.within(data.y[:, None])[:, 0]
    fit = X @ np.linalg.lstsq(X, y, rcond=None)[0]
    return fit, y - fit


def effect_test(
    data: ThresholdData,
    values: FloatArray,
    null: Sequence[float],
    alternative: Sequence[float],
    trim: float,
    draws: IndexArray,
) -> EffectTest:
    """F of one more threshold with its bootstrap distribution.

    `draws` (B, n) are positions of panels whose residuals under the alternative replace those of each
    panel; regressors and threshold variable are kept (Hansen 1999, section 4).
    """
    fit0, e0 = fitted(data, null)
    _, e1 = fitted(data, alternative)
    rss0, rss1 = float(e0 @ e0), float(e1 @ e1)
    f = (rss0 - rss1) / (rss1 / data.freedom)
    if not len(draws):
        return EffectTest(rss1, rss1 / data.freedom, f, math.nan, (math.nan,) * 3)
    blocks = e1.reshape(data.panels, data.periods)
    Y = data.within(fit0[:, None] + blocks[draws].reshape(len(draws), -1).T)
    X0 = data.design(null) if len(null) else data.within(np.column_stack([data.fixed, data.regime]))
    base = Y - X0 @ np.linalg.lstsq(X0, Y, rcond=None)[0]
    start = np.einsum("ij,ij->j", base, base)
    least = sums_of_squares(data, Y, _admissible(data, values, null, trim), null).min(axis=0)
    simulated = (start - least) / (least / data.freedom)
    ten, five, one = (float(np.quantile(simulated, share)) for share in (0.90, 0.95, 0.99))
    return EffectTest(rss1, rss1 / data.freedom, f, float(np.mean(simulated >= f)), (ten, five, one))
