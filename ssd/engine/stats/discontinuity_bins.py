"""Numbers of bins of regression discontinuity plots and the bins' means.

Calonico, Cattaneo and Titiunik (2015, Journal of the American Statistical Association 110): integrated mean
squared error and mimicking variance, evenly or quantile spaced, by spacings or by polynomial regression.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from ssd.engine.errors import StataError
from ssd.engine.missing import FloatArray
from ssd.engine.stats.discontinuity import Kernel, Side, gram_inverse, powers, weights

_LARGEST_ORDER = 4


@dataclass(frozen=True)
class BinCounts:
    """Numbers of bins of one side: optimal for the integrated mean squared error, and mimicking the variance."""

    optimal: float
    mimicking: float


def bin_counts(side: Side, extent: float, n: int, *, quantiles: bool, regression: bool) -> BinCounts:
    """Both numbers for one side of length `extent`, n being the observations of both sides.

    A constant outcome gives one bin.
    """
    x, y = side.x, side.y
    spread = float(np.var(y, ddof=1)) if len(y) > 1 else 0.0
    if spread == 0.0:
        return BinCounts(1.0, 1.0)
    order = min(_LARGEST_ORDER, len(side.distinct) - 1)
    R = powers(x, order)
    if not (np.all(np.isfinite(R)) and np.all(np.isfinite(y**2))):
        raise StataError(459, "the values are too large to compute with")
    first = np.linalg.lstsq(R, y, rcond=None)[0]
    second = np.linalg.lstsq(R, y**2, rcond=None)[0]
    gaps, jumps = np.diff(x), np.diff(y)
    middle = powers((x[1:] + x[:-1]) / 2.0, order)
    slopes = first[1:] * np.arange(1, order + 1)

    def variance(P: FloatArray) -> FloatArray:
        values = P @ second - (P @ first) ** 2
        return np.where(values < 0.0, spread, values)

    size = len(x)
    if quantiles:
        bias = size**2 / (24.0 * n) * float(gaps**2 @ (middle[:, :-1] @ slopes) ** 2)
        noise = float(variance(R).sum()) / size if regression else float(jumps @ jumps) / (2.0 * size)
    else:
        bias = extent**2 / (12.0 * n) * float(((R[:, :-1] @ slopes) ** 2).sum())
        noise = float(gaps @ variance(middle)) / extent if regression else 0.5 / extent * float(gaps @ jumps**2)
    if not noise > 0.0:
        raise StataError(459, "the outcome varies too little to choose the number of bins")
    return BinCounts(
        max(math.ceil((2.0 * bias / noise * n) ** (1.0 / 3.0)), 1.0),
        max(math.ceil(spread / noise * n / math.log(n) ** 2), 1.0),
    )


def edges(side: Side, end: float, bins: int, *, quantiles: bool) -> FloatArray:
    """Limits of the bins of one side, ascending, with the cutoff (zero) at one end and `end` at the other."""
    if not quantiles:
        return np.linspace(min(end, 0.0), max(end, 0.0), bins + 1)
    inner = (
        np.percentile(side.x, 100.0 * np.arange(1, bins) / bins, method="averaged_inverted_cdf")
        if bins > 1
        else np.zeros(0)
    )
    return np.concatenate([[min(end, 0.0)], inner, [max(end, 0.0)]])


@dataclass(frozen=True)
class BinMeans:
    """Nonempty bins of one side."""

    where: np.ndarray[tuple[int, ...], np.dtype[np.intp]]
    """Position among these bins of each observation of the side, sorted by the running variable."""
    number: np.ndarray[tuple[int, ...], np.dtype[np.intp]]
    """Which of all bins, from 0."""
    low: FloatArray
    high: FloatArray
    n: FloatArray
    mean_x: FloatArray
    mean_y: FloatArray
    se_y: FloatArray
    """Missing (nan) in bins with one observation."""

    @property
    def middle(self) -> FloatArray:
        return np.asarray((self.low + self.high) / 2.0, dtype=np.float64)

    def half_width(self, level: float) -> FloatArray:
        """Of the confidence interval of each mean by Student's t."""
        from scipy.special import stdtrit

        t = stdtrit(np.maximum(self.n - 1.0, 1.0), 0.5 + level / 200.0)
        return np.asarray(t * self.se_y, dtype=np.float64)


def bin_means(side: Side, limits: FloatArray) -> BinMeans:
    """Means in bins closed on the left; the last one is closed on both ends."""
    which = np.clip(np.searchsorted(limits, side.x, side="right") - 1, 0, len(limits) - 2)
    number, where = np.unique(which, return_inverse=True)
    n = np.bincount(where).astype(np.float64)
    mean_x = np.bincount(where, weights=side.x) / n
    mean_y = np.bincount(where, weights=side.y) / n
    squares = np.bincount(where, weights=(side.y - mean_y[where]) ** 2)
    se = np.sqrt(np.divide(squares, n - 1.0, out=np.full(len(n), math.nan), where=n > 1.0) / n)
    return BinMeans(
        where.astype(np.intp), number.astype(np.intp), limits[number], limits[number + 1], n, mean_x, mean_y, se
    )


def polynomial(side: Side, degree: int, h: float, kernel: Kernel) -> FloatArray:
    """Coefficients of the polynomial shown on one side. Raises r(506) when it is not determined."""
    w = weights(side.x, h, kernel)
    near, w = side.where(w > 0.0), w[w > 0.0]
    # Powers of the running variable relative to its reach keep the cross products well conditioned.
    scale = near.reach if len(near.x) and near.reach > 0.0 else 1.0
    R = powers(near.x / scale, degree)
    beta = gram_inverse(R, w) @ ((R * w[:, None]).T @ near.y)
    return np.asarray(beta / scale ** np.arange(degree + 1), dtype=np.float64)
