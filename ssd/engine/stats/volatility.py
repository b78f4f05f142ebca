"""Conditional variances of ARCH and GARCH models and their Gaussian likelihood."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from ssd.engine.missing import FloatArray


@dataclass(frozen=True)
class VarianceOrders:
    """Lags of the squared disturbance (arch) and of the variance (garch)."""

    arch: list[int]
    garch: list[int]

    @property
    def count(self) -> int:
        return len(self.arch) + len(self.garch) + 1


def _polynomial(lags: list[int], values: FloatArray) -> FloatArray:
    found = np.zeros(max(lags, default=0) + 1)
    found[np.array(lags, dtype=np.intp)] = values
    return found


def conditional_variance(e: FloatArray, orders: VarianceOrders, parameters: FloatArray, prior: float) -> FloatArray:
    """h_t = w + sum a_i e^2_{t-i} + sum b_j h_{t-j}; `prior` stands for e^2 and h before the first period.

    `parameters` are a, b and w. Shape (n,).
    """
    from scipy.signal import lfilter

    a = _polynomial(orders.arch, parameters[: len(orders.arch)])
    b = _polynomial(orders.garch, parameters[len(orders.arch) : -1])
    depth = max(len(a), len(b)) - 1
    squares = np.concatenate([np.full(depth, prior), e**2])
    news = parameters[-1] + lfilter(a, [1.0], squares)[depth:]
    if not orders.garch:
        return np.asarray(news, dtype=np.float64)
    weights = np.append(1.0, -b[1:])
    state = np.array([prior * b[1 + i :].sum() for i in range(len(b) - 1)])
    h, _ = lfilter([1.0], weights, news, zi=state)
    return np.asarray(h, dtype=np.float64)


def variance_forecasts(
    e: FloatArray, h: FloatArray, orders: VarianceOrders, parameters: FloatArray, ahead: int
) -> FloatArray:
    """Variances of the next `ahead` periods; beyond the first, squares are replaced by their expectation."""
    squares, variances = list(e**2), list(h)
    a, b, w = np.split(parameters, [len(orders.arch), len(parameters) - 1])
    for _ in range(ahead):
        value = float(w[0])
        value += sum(float(c) * squares[-lag] for c, lag in zip(a, orders.arch, strict=True) if lag <= len(squares))
        value += sum(
            float(c) * variances[-lag] for c, lag in zip(b, orders.garch, strict=True) if lag <= len(variances)
        )
        squares.append(value)
        variances.append(value)
    return np.array(variances[len(h) :])


def gaussian_terms(e: FloatArray, h: FloatArray) -> FloatArray | None:
    """Log likelihood of each disturbance; None when a variance is not positive."""
    if not np.all(h > 0.0) or not np.isfinite(h).all():
        return None
    return np.asarray(-0.5 * (math.log(2.0 * math.pi) + np.log(h) + e**2 / h), dtype=np.float64)


def student_terms(e: FloatArray, h: FloatArray, df: float) -> FloatArray | None:
    """As `gaussian_terms`, for Student's t scaled to the variance h; None unless df > 2."""
    from scipy.special import gammaln

    if not np.all(h > 0.0) or not np.isfinite(h).all() or not 2.0 < df < 1e8:
        return None
    constant = float(gammaln(0.5 * (df + 1.0)) - gammaln(0.5 * df)) - 0.5 * math.log((df - 2.0) * math.pi)
    return np.asarray(
        constant - 0.5 * np.log(h) - 0.5 * (df + 1.0) * np.log1p(e**2 / ((df - 2.0) * h)), dtype=np.float64
    )


def generalized_error_terms(e: FloatArray, h: FloatArray, shape: float) -> FloatArray | None:
    """As `gaussian_terms`, for the generalized error distribution with variance h (Nelson 1991); 2 is Gaussian."""
    from scipy.special import gammaln

    if not np.all(h > 0.0) or not np.isfinite(h).all() or not 0.05 < shape < 100.0:
        return None
    log_scale = 0.5 * float(gammaln(1.0 / shape) - gammaln(3.0 / shape)) - math.log(2.0) / shape
    constant = math.log(shape) - log_scale - (1.0 + 1.0 / shape) * math.log(2.0) - float(gammaln(1.0 / shape))
    size = np.abs(e) / np.sqrt(h) / math.exp(log_scale)
    return np.asarray(constant - 0.5 * np.log(h) - 0.5 * size**shape, dtype=np.float64)
