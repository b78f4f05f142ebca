"""Linear quantile regression and the sparsity its standard errors need ([R] qreg, Methods and formulas)."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from ssd.engine.errors import StataError
from ssd.engine.missing import FloatArray
from ssd.engine.stats.distributions import normal_quantile
from ssd.engine.stats.linear import symmetric_inverse


def check_loss(r: FloatArray, q: float, w: FloatArray) -> float:
    """Sum of q r for positive and (q - 1) r for negative residuals."""
    return float(w @ (r * (q - (r < 0.0))))


def quantile_fit(X: FloatArray, y: FloatArray, q: float, w: FloatArray | None = None) -> FloatArray:
    """Coefficients that minimise the check loss; X (n, k) holds the constant.

    The dual linear programme is solved and its vertex recomputed from the k observations it interpolates.
    Raises r(430) when the programme has no solution.
    """
    from scipy.optimize import linprog

    n = len(y)
    weights = np.ones(n) if w is None else w
    scale = np.sqrt((X * X).mean(axis=0))
    Z = X / scale
    spread = float(np.abs(y).max()) or 1.0
    bounds = np.column_stack([np.zeros(n), weights])
    solved = linprog(-y / spread, A_eq=Z.T, b_eq=(1.0 - q) * (Z.T @ weights), bounds=bounds, method="highs-ds")
    if solved.status != 0:
        raise StataError(430, "convergence not achieved")
    b = -np.asarray(solved.eqlin.marginals, dtype=np.float64) * spread / scale
    return _at_vertex(X, y, b, q, weights)


def _at_vertex(X: FloatArray, y: FloatArray, b: FloatArray, q: float, w: FloatArray) -> FloatArray:
    """The solution through the observations with zero residual, free of the solver's rounding."""
    k = X.shape[1]
    r = y - X @ b
    order = np.argsort(np.abs(r), kind="stable")
    chosen: list[int] = []
    for index in order[: 4 * k + 20]:
        if np.linalg.matrix_rank(X[[*chosen, int(index)]]) > len(chosen):
            chosen.append(int(index))
        if len(chosen) == k:
            break
    if len(chosen) < k:
        return b
    exact = np.linalg.solve(X[chosen], y[chosen])
    better = check_loss(y - X @ exact, q, w) <= check_loss(r, q, w) * (1.0 + 1e-9) + 1e-12
    return np.asarray(exact if better else b, dtype=np.float64)


def bandwidth(name: str, q: float, n: float, level: float) -> float:
    """Hall–Sheather, Bofinger or Chamberlain bandwidth on the probability scale."""
    z = normal_quantile(q)
    density = math.exp(-0.5 * z * z) / math.sqrt(2.0 * math.pi)
    tail = normal_quantile(0.5 + level / 200.0)
    if name == "chamberlain":
        return tail * math.sqrt(q * (1.0 - q) / n)
    if name == "bofinger":
        return float(n**-0.2 * (4.5 * density**4 / (2.0 * z * z + 1.0) ** 2) ** 0.2)
    return float(n ** (-1.0 / 3.0) * tail ** (2.0 / 3.0) * (1.5 * density**2 / (2.0 * z * z + 1.0)) ** (1.0 / 3.0))


def _inside(u: FloatArray, half: float, values: FloatArray) -> FloatArray:
    return np.where(np.abs(u) < half, values, 0.0)


KERNELS: dict[str, Callable[[FloatArray], FloatArray]] = {
    "epanechnikov": lambda u: _inside(u, math.sqrt(5.0), 0.75 * (1.0 - u * u / 5.0) / math.sqrt(5.0)),
    "epan2": lambda u: _inside(u, 1.0, 0.75 * (1.0 - u * u)),
    "biweight": lambda u: _inside(u, 1.0, 15.0 / 16.0 * (1.0 - u * u) ** 2),
    "cosine": lambda u: _inside(u, 0.5, 1.0 + np.cos(2.0 * math.pi * u)),
    "gaussian": lambda u: np.exp(-0.5 * u * u) / math.sqrt(2.0 * math.pi),
    "parzen": lambda u: np.where(
        np.abs(u) <= 0.5,
        4.0 / 3.0 - 8.0 * u * u + 8.0 * np.abs(u) ** 3,
        _inside(u, 1.0, 8.0 * (1.0 - np.abs(u)) ** 3 / 3.0),
    ),
    "rectangle": lambda u: _inside(u, 1.0, np.full_like(u, 0.5)),
    "triangle": lambda u: _inside(u, 1.0, 1.0 - np.abs(u)),
}


def kernel_bandwidth(residuals: FloatArray, q: float, h: float) -> float:
    """Bandwidth on the residual scale: the smaller of their sd and normalised interquartile range, stretched."""
    spread = float(residuals.std(ddof=1))
    quartiles = sample_quantile(residuals, np.array([0.25, 0.75]))
    robust = float(quartiles[1] - quartiles[0]) / 1.34
    return min(spread, robust) * (normal_quantile(min(q + h, 1.0)) - normal_quantile(max(q - h, 0.0)))


def sample_quantile(values: FloatArray, p: FloatArray) -> FloatArray:
    """Stata's percentile rule: the average of two order statistics where n p is an integer."""
    ordered = np.sort(values)
    n = len(ordered)
    position = n * p
    whole = np.floor(position + 1e-10)
    at = np.clip(whole.astype(int), 0, n - 1)
    average = (np.abs(position - whole) < 1e-9) & (at > 0)
    middle = (ordered[np.maximum(at - 1, 0)] + ordered[at]) / 2.0
    return np.asarray(np.where(average, middle, ordered[at]), dtype=np.float64)


@dataclass(frozen=True)
class Sparsity:
    """1/f at the quantile: per observation for robust, one number for iid."""

    density: FloatArray
    value: float
    h: float
    kernel_h: float


def sparsity(
    X: FloatArray, y: FloatArray, b: FloatArray, q: float, method: str, h: float, kernel: str, *, iid: bool
) -> Sparsity:
    """By `fitted` quantiles at q±h, quantiles of the `residual`, or a `kernel` density of the residuals.

    Raises r(498) when q±h leaves (0, 1).
    """
    residuals = y - X @ b
    n = len(y)
    if method == "kernel":
        width = kernel_bandwidth(residuals, q, h)
        weights = KERNELS[kernel](residuals / width) / width
        value = n / float(weights.sum())
        return Sparsity(np.asarray(weights, dtype=np.float64), value, h, width)
    low, high = q - h, q + h
    if low <= 0.0 or high >= 1.0:
        raise StataError(498, "bandwidth is too large; use another bandwidth method or the kernel option")
    if method == "fitted":
        difference = quantile_fit(X, y, high) - quantile_fit(X, y, low)
        if iid:
            value = float(X.mean(axis=0) @ difference) / (2.0 * h)
            return Sparsity(np.full(n, 1.0 / value), value, h, math.nan)
        slopes = X @ difference
        # A crossing of the fitted quantiles leaves no information about the density there.
        density = np.where(slopes > 0.0, 2.0 * h / np.where(slopes > 0.0, slopes, 1.0), 0.0)
        return Sparsity(np.asarray(density, dtype=np.float64), math.nan, h, math.nan)
    inner = residuals[np.abs(residuals) > 1e-9 * float(np.abs(residuals).max())]
    pair = sample_quantile(inner, np.array([low, high]))
    value = float(pair[1] - pair[0]) / (2.0 * h)
    return Sparsity(np.full(n, 1.0 / value), value, h, math.nan)


def quantile_covariance(X: FloatArray, q: float, found: Sparsity, *, iid: bool) -> FloatArray:
    inverse = symmetric_inverse(X.T @ X)
    if iid:
        return found.value**2 * q * (1.0 - q) * inverse
    bread = symmetric_inverse(X.T @ (X * found.density[:, None]))
    return q * (1.0 - q) * (bread @ (X.T @ X) @ bread)
