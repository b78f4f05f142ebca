"""Matching by kernel weights, by local lines and by squared Mahalanobis distance, as psmatch2 defines them.

Heckman, Ichimura and Todd (1997, 1998) for kernel and local linear matching; Leuven and Sianesi (2003) for
the conventions: a bandwidth is the half-width of the window, its border included.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from ssd.engine.missing import BoolArray, FloatArray
from ssd.engine.stats.distributions import normal_density
from ssd.engine.stats.matching import IntArray

_CELLS = 4_000_000
Distances = Callable[[slice], FloatArray]
"""Signed or squared distances of some queries (rows) from all donors (columns)."""


def kernel_weights(kernel: str, z: FloatArray) -> FloatArray:
    """Unnormalised weights at distances in bandwidths: epan, normal, biweight, uniform or tricube."""
    if kernel == "normal":
        return normal_density(z)
    size = np.abs(z)
    inside = size <= 1.0
    if kernel == "uniform":
        return np.asarray(inside, dtype=np.float64)
    shape = 1.0 - size**3 if kernel == "tricube" else 1.0 - size**2
    power = {"epan": 1, "biweight": 2, "tricube": 3}[kernel]
    return np.where(inside, shape**power, 0.0)


@dataclass(frozen=True)
class Smoothed:
    """Matched outcomes of the queries and how much each donor was used."""

    fitted: FloatArray
    """(queries, outcomes), nan where there is no donor within the bandwidth."""
    use: FloatArray
    """Sum of weights of each donor, (donors,)."""
    matched: BoolArray


def smoothed_matches(
    distances: Distances, n_queries: int, y: FloatArray, kernel: str, bandwidth: float, *, line: bool = False
) -> Smoothed:
    """Weighted means of the donors' outcomes y (donors, outcomes), or local lines at distance zero."""
    fitted = np.full((n_queries, y.shape[1]), np.nan)
    use = np.zeros(len(y))
    matched = np.zeros(n_queries, dtype=np.bool_)
    step = max(1, _CELLS // max(1, len(y)))
    for start in range(0, n_queries, step):
        rows = slice(start, min(start + step, n_queries))
        gap = distances(rows)
        w = kernel_weights(kernel, gap / bandwidth)
        total = w.sum(axis=1, keepdims=True)
        some = total[:, 0] > 0.0
        w = np.divide(w, total, out=np.zeros_like(w), where=total > 0.0)
        if line:
            w, some = line_weights(gap, w)
        matched[rows] = some
        fitted[rows] = np.where(some[:, None], w @ y, np.nan)
        use += w.sum(axis=0)
    return Smoothed(fitted, use, matched)


def line_weights(gap: FloatArray, w: FloatArray) -> tuple[FloatArray, BoolArray]:
    """Weights of the intercept of a local line, from kernel weights that sum to one in each row.

    A window without spread gives the plain mean; one with fewer than two donors gives nothing.
    """
    enough = np.count_nonzero(w, axis=1) > 1
    mean = (w * gap).sum(axis=1, keepdims=True)
    spread = (w * (gap - mean) ** 2).sum(axis=1, keepdims=True)
    flat = spread <= 1e-28
    safe = np.where(flat, 1.0, spread)
    tilted = np.where(flat, w, w * (spread + mean * (mean - gap)) / safe)
    return np.where(enough[:, None], tilted, 0.0), enough


def local_line(x: FloatArray, y: FloatArray, at: FloatArray, kernel: Callable[[FloatArray], FloatArray],
               bandwidth: float) -> FloatArray:  # fmt: skip
    """Local linear regression of y on x at points; nan where the window holds fewer than two values."""
    fitted = np.full(len(at), np.nan)
    step = max(1, _CELLS // max(1, len(x)))
    for start in range(0, len(at), step):
        rows = slice(start, min(start + step, len(at)))
        gap = x[None, :] - at[rows, None]
        w = kernel(gap / bandwidth)
        total = w.sum(axis=1, keepdims=True)
        w = np.divide(w, total, out=np.zeros_like(w), where=total > 0.0)
        weights, some = line_weights(gap, w)
        fitted[rows] = np.where(some, weights @ y, np.nan)
    return fitted


def squared_distances(X: FloatArray, D: FloatArray) -> FloatArray:
    """Squared Euclidean distances of rows: (len(X), len(D))."""
    total = np.zeros((len(X), len(D)))
    for j in range(X.shape[1]):
        total += (X[:, j][:, None] - D[:, j][None, :]) ** 2
    return total


def nearest_rows(X: FloatArray, D: FloatArray, k: int, limit: float = np.inf, *, itself: bool = False) -> IntArray:
    """The k rows of D nearest to each row of X, -1 beyond a squared distance of `limit`: (len(X), k).

    Of equally near rows the first comes first. With `itself` X and D are the same rows and none is its own
    neighbour.
    """
    k = min(k, len(D))
    found = np.full((len(X), k), -1, dtype=np.intp)
    step = max(1, _CELLS // max(1, len(D)))
    for start in range(0, len(X), step):
        rows = slice(start, min(start + step, len(X)))
        gap = squared_distances(X[rows], D)
        if itself:
            gap[np.arange(gap.shape[0]), np.arange(start, start + gap.shape[0])] = np.inf
        chosen = np.argmin(gap, axis=1)[:, None] if k == 1 else np.argsort(gap, axis=1, kind="stable")[:, :k]
        near = np.take_along_axis(gap, chosen, axis=1)
        found[rows] = np.where((near <= limit) & np.isfinite(near), chosen, -1)
    return found


def nearest_in_line(p: FloatArray, k: int) -> IntArray:
    """The k nearest others of each of the ascending scores p: (len(p), k), -1 where there are not so many.

    The first is the lowest of those equally near; the others are taken around it, the lower first.
    """
    n = len(p)
    found = np.full((n, k), -1, dtype=np.intp)
    index = np.arange(n)
    below = np.where(index > 0, p - p[np.maximum(index - 1, 0)], np.inf)
    above = np.where(index < n - 1, p[np.minimum(index + 1, n - 1)] - p, np.inf)
    start_below = np.searchsorted(p, p[np.maximum(index - 1, 0)], side="left")
    first = np.where(below <= above, start_below, index + 1)
    alive = np.minimum(below, above) < np.inf
    found[alive, 0] = first[alive]

    def skip(position: IntArray, direction: int) -> IntArray:
        return np.where(position == index, position + direction, position)

    left, right = skip(first - 1, -1), skip(first + 1, 1)
    for j in range(1, k):
        lower = np.where(left >= 0, np.abs(p - p[np.maximum(left, 0)]), np.inf)
        upper = np.where(right < n, np.abs(p - p[np.minimum(right, n - 1)]), np.inf)
        down = lower <= upper
        alive = alive & (np.minimum(lower, upper) < np.inf)
        found[alive, j] = np.where(down, left, right)[alive]
        left = np.where(down, skip(left - 1, -1), left)
        right = np.where(down, right, skip(right + 1, 1))
    return found
