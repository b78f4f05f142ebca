"""Autocorrelations, partial autocorrelations and the portmanteau statistic of one series."""

from __future__ import annotations

import numpy as np

from ssd.engine.missing import FloatArray
from ssd.engine.stats.arithmetic import quotient
from ssd.engine.stats.linear import least_squares


def autocorrelations(y: FloatArray, lags: int) -> FloatArray:
    """r_1 … r_lags about the overall mean, all sums divided by the same n (Box and Jenkins)."""
    centred = y - y.mean()
    total = float(centred @ centred)
    return np.array([quotient(float(centred[k:] @ centred[:-k]), total) for k in range(1, lags + 1)])


def partial_by_regression(y: FloatArray, lags: int) -> FloatArray:
    """The coefficient of the k-th lag in a regression on a constant and k lags, k = 1 … lags.

    A regression without degrees of freedom left gives nan.
    """
    n = len(y)
    out = np.full(lags, np.nan)
    for k in range(1, lags + 1):
        if n - k <= k + 1:
            break
        X = np.column_stack([y[k - j : n - j] for j in range(1, k + 1)])
        out[k - 1] = least_squares(X, y[k:]).coefficients[k - 1]
    return out


def partial_by_recursion(r: FloatArray) -> FloatArray:
    """Durbin–Levinson recursion on autocorrelations (the Yule–Walker estimates)."""
    phi = np.empty(0)
    out = np.empty(len(r))
    for k in range(len(r)):
        last = (r[k] - phi @ r[:k][::-1]) / (1.0 - phi @ r[:k])
        phi = np.append(phi - last * phi[::-1], last)
        out[k] = last
    return out


def ljung_box(r: FloatArray, n: int) -> FloatArray:
    """Q_k = n(n + 2) sum_{j<=k} r_j^2 / (n - j) for each k."""
    j = np.arange(1, len(r) + 1)
    return np.asarray(n * (n + 2.0) * np.cumsum(r**2 / (n - j)), dtype=np.float64)


def bartlett_errors(r: FloatArray, n: int) -> FloatArray:
    """Standard error of r_k when the series is a moving average of order k - 1."""
    earlier = np.concatenate([[0.0], np.cumsum(r[:-1] ** 2)])
    return np.asarray(np.sqrt((1.0 + 2.0 * earlier) / n), dtype=np.float64)
