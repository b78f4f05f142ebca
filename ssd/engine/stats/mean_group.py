"""Mean-group estimators of heterogeneous panels (Pesaran and Smith 1995; Pesaran 2006)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ssd.engine.errors import StataError
from ssd.engine.missing import FloatArray
from ssd.engine.stats.covariance import IndexArray
from ssd.engine.stats.linear import least_squares


@dataclass(frozen=True)
class MeanGroup:
    """Averages of the coefficients of the groups' own regressions."""

    coefficients: FloatArray
    covariance: FloatArray
    """Cross-products of deviations from the averages over N(N - 1)."""
    groups: FloatArray
    """(N, k): each group's coefficients, the constant last."""
    errors: FloatArray
    """(N, k): their standard errors."""
    residuals: FloatArray


def mean_group(X: FloatArray, y: FloatArray, ids: IndexArray, groups: int) -> MeanGroup:
    """X (n, k) without the constant, group numbers `ids` (n,). Raises r(2001) for a group that is too small."""
    k = X.shape[1] + 1
    b, s = np.empty((groups, k)), np.empty((groups, k))
    residuals = np.empty(len(y))
    for group in range(groups):
        inside = ids == group
        fit = least_squares(X[inside], y[inside])
        n = int(np.count_nonzero(inside))
        if fit.rank < k or n <= k:
            raise StataError(2001, "insufficient observations: a group has too few to estimate its own coefficients")
        b[group] = fit.coefficients
        s[group] = np.sqrt(np.diag(fit.inverse) * fit.rss / (n - k))
        residuals[inside] = fit.residuals
    mean = b.mean(axis=0)
    deviations = b - mean
    return MeanGroup(mean, deviations.T @ deviations / (groups * (groups - 1.0)), b, s, residuals)


def period_means(values: FloatArray, periods: IndexArray, count: int) -> FloatArray:
    """Cross-section averages of the columns (n, k) in each observation's period."""
    sizes = np.bincount(periods, minlength=count)
    columns = [(np.bincount(periods, weights=column, minlength=count) / sizes)[periods] for column in values.T]
    return np.column_stack(columns)
