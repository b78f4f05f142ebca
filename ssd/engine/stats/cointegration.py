"""Johansen's rank tests: eigenvalues, log likelihoods, trace and maximum eigenvalue statistics."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np

from ssd.engine.missing import FloatArray

Trend = Literal["none", "rconstant", "constant", "rtrend", "trend"]

# Osterwald-Lenum (1992, OBES 54), tables 0, 1*, 1, 2*, 2: for 1 … 8 dimensions left,
# trace at 5% and 1%, maximum eigenvalue at 5% and 1%.
_CRITICAL: Final[dict[str, tuple[tuple[float, ...], ...]]] = {
    "none": (
        (3.84, 12.53, 24.31, 39.89, 59.46, 82.49, 109.99, 141.20),
        (6.51, 16.31, 29.75, 45.58, 66.52, 90.45, 119.80, 152.32),
        (3.84, 11.44, 17.89, 23.80, 30.04, 36.36, 41.51, 47.99),
        (6.51, 15.69, 22.99, 28.82, 35.17, 41.00, 47.15, 53.90),
    ),
    "rconstant": (
        (9.24, 19.96, 34.91, 53.12, 76.07, 102.14, 131.70, 165.58),
        (12.97, 24.60, 41.07, 60.16, 84.45, 111.01, 143.09, 177.20),
        (9.24, 15.67, 22.00, 28.14, 34.40, 40.30, 46.45, 52.00),
        (12.97, 20.20, 26.81, 33.24, 39.79, 46.82, 51.91, 57.95),
    ),
    "constant": (
        (3.76, 15.41, 29.68, 47.21, 68.52, 94.15, 124.24, 156.00),
        (6.65, 20.04, 35.65, 54.46, 76.07, 103.18, 133.57, 168.36),
        (3.76, 14.07, 20.97, 27.07, 33.46, 39.37, 45.28, 51.42),
        (6.65, 18.63, 25.52, 32.24, 38.77, 45.10, 51.57, 57.69),
    ),
    "rtrend": (
        (12.25, 25.32, 42.44, 62.99, 87.31, 114.90, 146.76, 182.82),
        (16.26, 30.45, 48.45, 70.05, 96.58, 124.75, 158.49, 196.08),
        (12.25, 18.96, 25.54, 31.46, 37.52, 43.97, 49.42, 55.50),
        (16.26, 23.65, 30.34, 36.65, 42.36, 49.51, 54.71, 62.46),
    ),
    "trend": (
        (3.74, 18.17, 34.55, 54.64, 77.74, 104.94, 136.61, 170.80),
        (6.40, 23.46, 40.49, 61.24, 85.78, 114.36, 146.99, 182.51),
        (3.74, 16.87, 23.78, 30.33, 36.41, 42.48, 48.45, 54.25),
        (6.40, 21.47, 28.83, 35.68, 41.58, 48.17, 54.48, 60.81),
    ),
}
LARGEST: Final = 8
"""Dimensions the tables cover."""


@dataclass(frozen=True)
class Johansen:
    n: int
    eigenvalues: FloatArray
    """Largest first, one per variable."""
    log_likelihoods: list[float]
    """For ranks 0 … K."""
    parameters: list[int]

    @property
    def trace(self) -> list[float]:
        """For ranks 0 … K - 1."""
        return [2.0 * (self.log_likelihoods[-1] - ll) for ll in self.log_likelihoods[:-1]]

    @property
    def maximum(self) -> list[float]:
        pairs = zip(self.log_likelihoods[:-1], self.log_likelihoods[1:], strict=True)
        return [2.0 * (larger - smaller) for smaller, larger in pairs]


def johansen(change: FloatArray, level: FloatArray, lagged: FloatArray, trend: Trend, time: FloatArray) -> Johansen:
    """Reduced-rank regression of `change` (T, K) on `level` (T, K) given `lagged` differences (T, K(p - 1)).

    Constants and trends are added as `trend` says; restricted ones join the levels. Johansen (1995), chapter 6.
    """
    n, k = change.shape
    one, t = np.ones((n, 1)), time[:, None]
    free = {"none": [], "rconstant": [], "constant": [one], "rtrend": [one], "trend": [one, t]}[trend]
    inside = {"rconstant": [one], "rtrend": [t]}.get(trend, [])
    Z = np.column_stack([lagged, *free])
    Y1 = np.column_stack([level, *inside])

    def residual(values: FloatArray) -> FloatArray:
        if not Z.shape[1]:
            return values
        return np.asarray(values - Z @ np.linalg.lstsq(Z, values, rcond=None)[0], dtype=np.float64)

    R0, R1 = residual(change), residual(Y1)
    S00, S01, S11 = R0.T @ R0 / n, R0.T @ R1 / n, R1.T @ R1 / n
    L = np.linalg.cholesky(S11)
    half = np.linalg.solve(L, S01.T)
    values = np.linalg.eigvalsh(half @ np.linalg.solve(S00, half.T))[::-1][:k]
    eigenvalues = np.clip(values, 0.0, 1.0 - 1e-15)
    base = -0.5 * n * (k * (math.log(2.0 * math.pi) + 1.0) + float(np.linalg.slogdet(S00)[1]))
    sums = np.append(0.0, np.cumsum(np.log1p(-eigenvalues)))
    start = k * Z.shape[1]
    counts = [start + r * (2 * k + len(inside) - r) for r in range(k + 1)]
    return Johansen(n, eigenvalues, [base - 0.5 * n * float(s) for s in sums], counts)


def critical_values(trend: Trend, dimension: int) -> tuple[float, float, float, float]:
    """Trace 5%, 1%, maximum 5%, 1% with `dimension` = K - rank common trends under the null."""
    a, b, c, d = (row[dimension - 1] for row in _CRITICAL[trend])
    return a, b, c, d
