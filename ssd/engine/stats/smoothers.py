"""Exponential and Holt–Winters smoothing, moving averages, and filters that separate trend and cycle."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from ssd.engine.missing import BoolArray, FloatArray
from ssd.engine.stats.linear import least_squares


def moving_average(x: FloatArray, known: BoolArray, weights: FloatArray, ahead: int) -> FloatArray:
    """Weighted mean over a window; the last weight belongs to the value `ahead` periods later.

    Values that are not known drop out and the rest are rescaled; nan where none is left.
    """
    n, width = len(x), len(weights)
    back = width - 1 - ahead
    filled = np.where(known, x, 0.0)
    # np.convolve turns the window around: the first weight is the oldest value's.
    total = np.convolve(filled, weights[::-1])[width - 1 - back : width - 1 - back + n]
    scale = np.convolve(known.astype(np.float64), weights[::-1])[width - 1 - back : width - 1 - back + n]
    return np.where(scale != 0.0, total / np.where(scale != 0.0, scale, 1.0), np.nan)


def exponential_forecasts(x: FloatArray, alpha: float, start: float) -> FloatArray:
    """S_0 … S_n with S_t = alpha x_t + (1 - alpha) S_{t-1}; S_t forecasts x_{t+1}."""
    from scipy.signal import lfilter

    S, _ = lfilter([alpha], [1.0, alpha - 1.0], x, zi=[(1.0 - alpha) * start])
    return np.append(start, S)


def double_exponential_forecasts(x: FloatArray, alpha: float, level: float, slope: float) -> FloatArray:
    """Forecasts of x_1 … x_{n+1} by double smoothing started from a line (level at 0, slope)."""
    ratio = (1.0 - alpha) / alpha
    once = exponential_forecasts(x, alpha, level - ratio * slope)
    twice = exponential_forecasts(once[1:], alpha, level - 2.0 * ratio * slope)
    return np.asarray(2.0 * once - twice + (once - twice) / ratio, dtype=np.float64)


@dataclass(frozen=True)
class HoltWinters:
    errors: FloatArray
    """One-step forecast errors."""
    level: float
    slope: float
    """State after the last value."""


def holt_winters(x: FloatArray, alpha: float, beta: float, level: float, slope: float) -> HoltWinters:
    """Double smoothing with a level and a slope.

    The forecast errors follow (1 - B)^2 x_t = e_t - (2 - alpha - alpha beta) e_{t-1} + (1 - alpha) e_{t-2},
    which one pass of a linear filter solves.
    """
    from scipy.signal import lfilter, lfiltic

    denominator = [1.0, -(2.0 - alpha - alpha * beta), 1.0 - alpha]
    state = lfiltic([1.0, -2.0, 1.0], denominator, [0.0, 0.0], [level, level - slope])
    e, _ = lfilter([1.0, -2.0, 1.0], denominator, x, zi=state)
    final_slope = slope + alpha * beta * float(e.sum())
    final_level = float(x[-1] - (1.0 - alpha) * e[-1])
    return HoltWinters(np.asarray(e, dtype=np.float64), final_level, final_slope)


def line_start(x: FloatArray, count: int) -> tuple[float, float]:
    """Level at period 0 and slope of a line through the first `count` values."""
    fit = least_squares(np.arange(1.0, count + 1.0)[:, None], x[:count])
    return float(fit.coefficients[1]), float(fit.coefficients[0])


def best_weights(loss: Callable[[FloatArray], float], count: int) -> FloatArray:
    """Weights in (0, 1) with the smallest loss: a grid, then a bounded descent from its best points."""
    from itertools import product

    from scipy.optimize import minimize

    grid = [0.05, 0.2, 0.4, 0.6, 0.8, 0.95]
    starts = sorted(product(grid, repeat=count), key=lambda point: loss(np.array(point)))[:4]
    scale = max(abs(loss(np.array(starts[0]))), 1e-300)
    best = None
    for start in starts:
        found = minimize(
            lambda p: loss(p) / scale, np.array(start), method="L-BFGS-B", bounds=[(1e-6, 1.0 - 1e-6)] * count,
            options={"ftol": 1e-15, "gtol": 1e-10, "maxiter": 500},
        )  # fmt: skip
        if best is None or found.fun < best.fun:
            best = found
    assert best is not None
    return np.asarray(best.x, dtype=np.float64)


# --- filters: each returns the cyclical component ---


def hodrick_prescott(y: FloatArray, smooth: float) -> FloatArray:
    from scipy.linalg import solveh_banded

    n = len(y)
    D = np.array([1.0, -2.0, 1.0])
    band = np.zeros((3, n))
    band[2] = 1.0
    for i in range(3):
        for j in range(i + 1):
            # Rows t of the second difference add D_i D_j to entry (t + i, t + j).
            band[2 - (i - j), i : n - 2 + i] += smooth * D[i] * D[j]
    return np.asarray(y - solveh_banded(band, y), dtype=np.float64)


def _ideal_weights(minimum: float, maximum: float, count: int) -> FloatArray:
    """Weights 0 … count of the ideal band-pass filter for periods between minimum and maximum."""
    low, high = 2.0 * np.pi / maximum, 2.0 * np.pi / minimum
    j = np.arange(1, count + 1)
    return np.append((high - low) / np.pi, (np.sin(j * high) - np.sin(j * low)) / (np.pi * j))


def baxter_king(y: FloatArray, minimum: float, maximum: float, order: int, *, stationary: bool = False) -> FloatArray:
    """Symmetric band-pass filter of `order` leads and lags; nan at both ends (Baxter and King 1999)."""
    half = _ideal_weights(minimum, maximum, order)
    weights = np.concatenate([half[:0:-1], half])
    if not stationary:
        weights = weights - weights.sum() / (2 * order + 1)
    out = np.full(len(y), np.nan)
    if len(y) > 2 * order:
        out[order : len(y) - order] = np.convolve(y, weights, mode="valid")
    return out


def christiano_fitzgerald(
    y: FloatArray, minimum: float, maximum: float, *, drift: bool = False, stationary: bool = False
) -> FloatArray:
    """Asymmetric band-pass filter, optimal for a random walk (Christiano and Fitzgerald 2003)."""
    n = len(y)
    x = y - np.arange(n) * (y[-1] - y[0]) / (n - 1) if drift else y
    b = _ideal_weights(minimum, maximum, n)
    distance = np.abs(np.subtract.outer(np.arange(n), np.arange(n)))
    W = b[distance]
    if not stationary:
        # The first and last value take over the weights of everything beyond them.
        sums = np.cumsum(b) - b[0]
        t = np.arange(n)
        before, after = t, n - 1 - t
        W[:, 0] = np.where(before > 0, -b[0] / 2.0 - np.where(before > 0, sums[np.maximum(before - 1, 0)], 0.0), 0.0)
        W[:, -1] = np.where(after > 0, -b[0] / 2.0 - np.where(after > 0, sums[np.maximum(after - 1, 0)], 0.0), 0.0)
        W[0, 0] = b[0] / 2.0
        W[-1, -1] = b[0] / 2.0
    return np.asarray(W @ x, dtype=np.float64)


def butterworth(y: FloatArray, maximum: float, order: int) -> FloatArray:
    """High-pass rational square-wave filter for periods up to `maximum` (Pollock 2000)."""
    from scipy.linalg import solveh_banded

    m, n = order, len(y)
    minus, plus = np.ones(1), np.ones(1)
    for _ in range(m):
        minus, plus = np.convolve(minus, [1.0, -1.0]), np.convolve(plus, [1.0, 1.0])
    weight = np.tan(np.pi / maximum) ** (-2 * m)
    rows = n - m
    band = np.zeros((m + 1, rows))
    for d in range(m + 1):
        value = plus[d:] @ plus[: m + 1 - d] + weight * (minus[d:] @ minus[: m + 1 - d])
        if d < rows:
            band[m - d, d:] = value
    change = np.convolve(y, minus, mode="valid")
    solved = solveh_banded(band, change)
    return np.asarray(weight * np.convolve(solved, minus[::-1]), dtype=np.float64)
