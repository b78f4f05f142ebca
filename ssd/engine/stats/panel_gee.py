"""Generalized estimating equations for grouped data ([XT] xtgee, Methods and formulas; Liang and Zeger 1986)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

import numpy as np

from ssd.engine.errors import StataError
from ssd.engine.missing import FloatArray
from ssd.engine.stats.covariance import IndexArray, sum_by_group
from ssd.engine.stats.generalized import LINKS, Family
from ssd.engine.stats.linear import symmetric_inverse

Correlation = Literal["independent", "exchangeable", "ar", "unstructured"]


@dataclass(frozen=True)
class Panel:
    """Observations sorted by group and, within it, by time."""

    y: FloatArray
    X: FloatArray
    ids: IndexArray
    """Group number, nondecreasing."""
    times: IndexArray
    """Position in time, 0-based, for the unstructured correlation."""
    offset: FloatArray

    @property
    def sizes(self) -> FloatArray:
        return np.bincount(self.ids).astype(np.float64)

    def sums(self, values: FloatArray) -> FloatArray:
        return np.asarray(np.bincount(self.ids, weights=values), dtype=np.float64)


@dataclass(frozen=True)
class GeeFit:
    coefficients: FloatArray
    model_covariance: FloatArray
    """(sum D'V^-1 D)^-1 at dispersion 1."""
    scores: FloatArray
    """D'V^-1 (y - mu) by group at dispersion 1: (G, k)."""
    pearson: float
    """Pearson chi-squared."""
    deviation: FloatArray
    """y - mu."""
    correlation: FloatArray
    """Working correlation matrix of the longest group."""
    tolerances: list[float] = field(default_factory=list)
    """Largest relative change of a coefficient at iteration 1, 2, …"""


def family_variance(family: Family, mu: FloatArray) -> FloatArray:
    """Variance function of the mean."""
    if family == "binomial":
        return mu * (1.0 - mu)
    if family == "poisson":
        return mu
    return mu * mu if family == "gamma" else np.ones_like(mu)


def fit_gee(
    panel: Panel, family: Family, link: str, correlation: Correlation, start: FloatArray, *,
    tolerance: float = 1e-6, limit: int = 100,
) -> GeeFit:  # fmt: skip
    """Alternate the correlation of Pearson residuals and a step of the coefficients, as Stata does.

    Raises r(430) when the coefficients do not settle and r(506) when the correlation is not a correlation.
    """
    b = start.copy()
    tolerances: list[float] = []
    for _ in range(limit):
        whiten, _matrix = _working(panel, _pearson_residuals(panel, family, link, b), correlation)
        D, e, root = _linearised(panel, family, link, b)
        left, right = whiten(D / root[:, None]), whiten((e / root)[:, None])[:, 0]
        step = symmetric_inverse(left.T @ left) @ (left.T @ right)
        change = float(np.max(np.abs(step) / (np.abs(b) + 1.0))) if len(b) else 0.0
        b = b + step
        if not np.isfinite(b).all():
            raise StataError(430, "estimates diverging")
        tolerances.append(change)
        if change <= tolerance:
            break
    else:
        raise StataError(430, "convergence not achieved")
    return _evaluate(panel, family, link, correlation, b, tolerances)


def _evaluate(
    panel: Panel, family: Family, link: str, correlation: Correlation, b: FloatArray, tolerances: list[float]
) -> GeeFit:
    residuals = _pearson_residuals(panel, family, link, b)
    whiten, matrix = _working(panel, residuals, correlation)
    D, e, root = _linearised(panel, family, link, b)
    left, right = whiten(D / root[:, None]), whiten((e / root)[:, None])
    groups = int(panel.ids[-1]) + 1
    scores = sum_by_group(left * right, panel.ids, groups) if left.shape[1] else np.zeros((groups, 0))
    return GeeFit(
        b, symmetric_inverse(left.T @ left), scores, float(residuals @ residuals), e, matrix, tolerances
    )  # fmt: skip


def _linearised(panel: Panel, family: Family, link: str, b: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
    """d mu/d b (n, k), y - mu and the root of the variance function."""
    mu, slope, _ = LINKS[link]((panel.X @ b + panel.offset)[:, None])
    variance = family_variance(family, mu)
    if not np.all(np.isfinite(variance)) or np.any(variance <= 0.0):
        raise StataError(430, "estimates diverging")
    return panel.X * slope, panel.y - mu, np.sqrt(variance)


def _pearson_residuals(panel: Panel, family: Family, link: str, b: FloatArray) -> FloatArray:
    _, e, root = _linearised(panel, family, link, b)
    return e / root


Whiten = Callable[[FloatArray], FloatArray]
"""L M with L'L the inverse of the working correlation of each group."""


def _working(panel: Panel, r: FloatArray, correlation: Correlation) -> tuple[Whiten, FloatArray]:
    """Moment estimates of the correlation of Pearson residuals ([XT] xtgee, Methods and formulas).

    The exchangeable one pools all pairs of all groups; the others weigh every group's sum of products and of
    squares by the inverse of its size.
    """
    n = panel.sizes
    longest = int(n.max())
    scale = float(r @ r) / len(r)
    if correlation == "independent" or scale <= 1e-28 * max(float(panel.y @ panel.y) / len(r), 1e-270):
        # A perfect fit leaves nothing to correlate.
        return (lambda M: M), np.eye(longest)
    if correlation == "exchangeable":
        pairs = float((n * (n - 1.0)).sum())
        cross = float((panel.sums(r) ** 2 - panel.sums(r * r)).sum())
        alpha = cross / pairs / scale if pairs > 0.0 else 0.0
        if not alpha < 1.0 or 1.0 + (longest - 1.0) * alpha <= 0.0:
            raise StataError(506, "working correlation matrix not positive definite")
        shrink = (1.0 - np.sqrt((1.0 - alpha) / (1.0 + (n - 1.0) * alpha))) / n

        def exchangeable(M: FloatArray) -> FloatArray:
            sums = sum_by_group(M, panel.ids, len(n)) if M.shape[1] else np.zeros((len(n), 0))
            return np.asarray((M - (shrink[:, None] * sums)[panel.ids]) / np.sqrt(1.0 - alpha), dtype=np.float64)

        return exchangeable, np.where(np.eye(longest) == 1.0, 1.0, alpha)
    if correlation == "ar":
        return _autoregressive(panel, r)
    return _unstructured(panel, r)


def _autoregressive(panel: Panel, r: FloatArray) -> tuple[Whiten, FloatArray]:
    """Order one: the correlation of neighbours, then a Prais–Winsten transformation within groups."""
    n = panel.sizes
    first = np.append(True, panel.ids[1:] != panel.ids[:-1])
    products = np.append(0.0, r[1:] * r[:-1]) * ~first
    rho = float((panel.sums(products) / n).sum()) / float((panel.sums(r * r) / n).sum())
    if not abs(rho) < 1.0:
        raise StataError(506, "working correlation matrix not positive definite")

    def ar(M: FloatArray) -> FloatArray:
        moved = M.copy()
        moved[1:] -= rho * M[:-1]
        moved /= np.sqrt(1.0 - rho * rho)
        moved[first] = M[first]
        return moved

    steps = np.arange(int(n.max()))
    return ar, np.asarray(rho ** np.abs(steps[:, None] - steps[None, :]), dtype=np.float64)


def _unstructured(panel: Panel, r: FloatArray) -> tuple[Whiten, FloatArray]:
    """Every pair of times its own correlation; groups with the same times are handled together."""
    T, groups = int(panel.times.max()) + 1, len(panel.sizes)
    wide, seen = np.zeros((groups, T)), np.zeros((groups, T))
    wide[panel.ids, panel.times] = r
    seen[panel.ids, panel.times] = 1.0
    pairs = seen.T @ seen
    if np.any(pairs == 0.0):
        raise StataError(416, "insufficient observations to estimate the unstructured correlation")
    R = (wide.T @ wide) / pairs / float((panel.sums(r * r) / panel.sizes).mean())
    np.fill_diagonal(R, 1.0)
    patterns, which = np.unique(seen, axis=0, return_inverse=True)
    which = which.reshape(-1)
    try:
        roots = [np.linalg.inv(np.linalg.cholesky(R[np.ix_(p == 1.0, p == 1.0)])) for p in patterns]
    except np.linalg.LinAlgError:
        raise StataError(506, "working correlation matrix not positive definite") from None

    def unstructured(M: FloatArray) -> FloatArray:
        result = np.empty_like(M)
        for k, root in enumerate(roots):
            rows = np.flatnonzero(which[panel.ids] == k)
            block = M[rows].reshape(-1, len(root), M.shape[1])
            result[rows] = np.einsum("ij,gjk->gik", root, block).reshape(len(rows), M.shape[1])
        return result

    return unstructured, R
