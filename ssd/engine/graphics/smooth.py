"""Curves computed from data: kernel densities, local regressions, fits ([R] kdensity, lowess, lpoly)."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from ssd.engine.missing import FloatArray
from ssd.engine.stats.moments import percentiles

Kernel = Callable[[FloatArray], FloatArray]


def _epanechnikov(z: FloatArray) -> FloatArray:
    return np.where(np.abs(z) < np.sqrt(5.0), 0.75 * (1 - z**2 / 5) / np.sqrt(5.0), 0.0)


KERNELS: dict[str, Kernel] = {
    "epanechnikov": _epanechnikov,
    "epan2": lambda z: np.where(np.abs(z) < 1, 0.75 * (1 - z**2), 0.0),
    "gaussian": lambda z: np.exp(-0.5 * z**2) / np.sqrt(2 * np.pi),
    "rectangle": lambda z: np.where(np.abs(z) < 1, 0.5, 0.0),
    "triangle": lambda z: np.where(np.abs(z) < 1, 1 - np.abs(z), 0.0),
    "biweight": lambda z: np.where(np.abs(z) < 1, 15 / 16 * (1 - z**2) ** 2, 0.0),
    "cosine": lambda z: np.where(np.abs(z) < 0.5, 1 + np.cos(2 * np.pi * z), 0.0),
    "parzen": lambda z: np.where(
        np.abs(z) <= 0.5,
        4 / 3 - 8 * z**2 + 8 * np.abs(z) ** 3,
        np.where(np.abs(z) <= 1, 8 * (1 - np.abs(z)) ** 3 / 3, 0.0),
    ),
}


def default_bandwidth(x: FloatArray) -> float:
    """0.9 min(sd, IQR/1.349) n^(-1/5)."""
    low, high = percentiles(x, np.array([25.0, 75.0]))
    spread = min(float(x.std(ddof=1)), float(high - low) / 1.349)
    return float(0.9 * (spread or float(x.std(ddof=1))) / x.size**0.2)


def kernel_density(
    x: FloatArray, weights: FloatArray | None, kernel: str, bandwidth: float | None, points: int
) -> tuple[FloatArray, FloatArray, float]:
    """Evaluation points (from min-h to max+h), density, and the bandwidth used."""
    h = bandwidth if bandwidth is not None else default_bandwidth(x)
    grid = np.linspace(x.min() - h, x.max() + h, points)
    w = np.ones_like(x) if weights is None else weights
    density = np.array([float(w @ KERNELS[kernel]((g - x) / h)) for g in grid]) / (h * w.sum())
    return grid, density, h


def histogram_bins(x: FloatArray, bins: int | None, width: float | None, start: float | None) -> tuple[FloatArray, int]:
    """Edges and number of bins: min(sqrt n, 10 log10 n) by default ([R] histogram)."""
    first = float(x.min()) if start is None else start
    if width is None:
        count = bins or max(1, int(min(np.sqrt(x.size), 10 * np.log10(x.size))) if x.size > 1 else 1)
        width = (float(x.max()) - first) / count or 1.0
    else:
        count = max(1, int(np.ceil((float(x.max()) - first) / width - 1e-9)))
        if first + count * width <= float(x.max()):
            count += 1
    return np.asarray(first + width * np.arange(count + 1), dtype=np.float64), count


def lowess(x: FloatArray, y: FloatArray, bandwidth: float, mean_only: bool) -> tuple[FloatArray, FloatArray]:
    """Cleveland's running-line smooth with tricube weights over index windows, sorted by x ([R] lowess)."""
    order = np.lexsort((y, x))
    xs, ys, n = x[order], y[order], x.size
    k = int((n * bandwidth - 0.5) / 2)
    index = np.arange(n)
    low, high = np.maximum(0, index - k), np.minimum(n - 1, index + k)
    reach = 1.0001 * np.maximum(xs[high] - xs, xs - xs[low])
    smooth = np.empty(n)
    chunk = max(1, 4_000_000 // max(1, n))
    for begin in range(0, n, chunk):
        rows = slice(begin, min(begin + chunk, n))
        gap = np.abs(xs[None, :] - xs[rows, None])
        inside = (index[None, :] >= low[rows, None]) & (index[None, :] <= high[rows, None])
        scale = np.where(reach[rows] > 0, reach[rows], 1.0)[:, None]
        w = np.where(inside, (1 - np.minimum(gap / scale, 1.0) ** 3) ** 3, 0.0)
        total = w.sum(axis=1)
        mean_x, mean_y = w @ xs / total, w @ ys / total
        if mean_only:
            smooth[rows] = mean_y
            continue
        centred = xs[None, :] - mean_x[:, None]
        sxx = (w * centred**2).sum(axis=1)
        slope = np.where(sxx > 0, (w * centred) @ ys / np.where(sxx > 0, sxx, 1.0), 0.0)
        smooth[rows] = mean_y + slope * (xs[rows] - mean_x)
    return xs, smooth


def local_polynomial(
    x: FloatArray, y: FloatArray, grid: FloatArray, degree: int, kernel: str, bandwidth: float
) -> FloatArray:
    """Local polynomial fit at `grid`; nan where the window holds too few points."""
    fitted = np.full(grid.shape, np.nan)
    for position, point in enumerate(grid):
        w = KERNELS[kernel]((x - point) / bandwidth)
        used = w > 0
        if used.sum() <= degree:
            continue
        design = np.vander(x[used] - point, degree + 1, increasing=True)
        root = np.sqrt(w[used])
        solution = np.linalg.lstsq(design * root[:, None], y[used] * root, rcond=None)[0]
        fitted[position] = solution[0]
    return fitted


def polynomial_fit(
    x: FloatArray, y: FloatArray, weights: FloatArray | None, degree: int, grid: FloatArray, level: float
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Fitted line and the confidence limits of its mean at `grid`."""
    from ssd.engine.stats.tails import t

    w = np.ones_like(x) if weights is None else weights * x.size / weights.sum()
    centre, scale = float(x.mean()), float(x.std()) or 1.0
    design = np.vander((x - centre) / scale, degree + 1, increasing=True)
    at = np.vander((grid - centre) / scale, degree + 1, increasing=True)
    inverse = np.linalg.pinv(design.T @ (design * w[:, None]))
    beta = inverse @ (design.T @ (w * y))
    df = x.size - degree - 1
    variance = float(w @ (y - design @ beta) ** 2) / max(df, 1)
    fitted = at @ beta
    half = float(t.ppf(0.5 + level / 200, max(df, 1))) * np.sqrt(variance * np.einsum("ij,jk,ik->i", at, inverse, at))
    return fitted, fitted - half, fitted + half
