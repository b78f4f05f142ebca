"""Wild cluster bootstrap of a t statistic after least squares, with and without the null imposed.

Cameron, Gelbach and Miller (2008); the algebra by cluster sums follows Roodman, MacKinnon, Nielsen and Webb
(2019, Stata Journal 19: 4-60), so a replication costs nothing that grows with the number of observations.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from ssd.engine.missing import FloatArray
from ssd.engine.stats.covariance import IndexArray, sum_by_group

Draws = Callable[[int], FloatArray]
"""Uniform draws between 0 and 1."""
_TIE = 1e-9
"""Replications that differ from the statistic by rounding only do not exceed it."""


def auxiliary_weights(kind: str, clusters: int, reps: int, uniform: Draws) -> FloatArray:
    """Weights of the clusters in each replication: (clusters, reps).

    With Rademacher weights and at least as many replications as there are sign patterns, each pattern once.
    """
    if kind == "rademacher" and 2.0**clusters <= reps:
        patterns = np.arange(2**clusters)[None, :] >> np.arange(clusters)[:, None]
        return np.asarray(1.0 - 2.0 * (patterns & 1), dtype=np.float64)
    u = uniform(clusters * reps).reshape(clusters, reps)
    if kind == "rademacher":
        return np.asarray(np.where(u < 0.5, -1.0, 1.0), dtype=np.float64)
    if kind == "mammen":
        root = np.sqrt(5.0)
        low = u < (root + 1.0) / (2.0 * root)
        return np.asarray(np.where(low, (1.0 - root) / 2.0, (1.0 + root) / 2.0), dtype=np.float64)
    if kind == "webb":
        points = np.sqrt(np.array([1.5, 1.0, 0.5]))
        points = np.concatenate([-points, points[::-1]])
        return np.asarray(points[np.minimum((u * 6.0).astype(np.intp), 5)], dtype=np.float64)
    from scipy.special import gammaincinv, ndtri

    if kind == "normal":
        return np.asarray(ndtri(np.clip(u, 1e-16, 1.0 - 1e-16)), dtype=np.float64)
    # Gamma with shape 4 and scale 1/2, less its mean: third moment one.
    return np.asarray(gammaincinv(4.0, u) / 2.0 - 2.0, dtype=np.float64)


@dataclass
class WildBootstrap:
    """One linear hypothesis about b in y = X b + u; X (n, k) and y are free of absorbed effects."""

    X: FloatArray
    residuals: FloatArray
    contrast: FloatArray
    """R of the hypothesis R b = r: (k,)."""
    estimate: float
    """R b."""
    error: float
    """Standard error of R b as the estimation command reports it."""
    clusters: IndexArray
    n_clusters: int
    v: FloatArray
    """Weights (clusters, replications)."""
    null: bool = True
    projected: Callable[[FloatArray], FloatArray] | None = None
    """What remains of a vector beside absorbed effects that cross the clusters; None when they do not."""

    def __post_init__(self) -> None:
        inverse = np.linalg.pinv(self.X.T @ self.X)
        a = inverse @ self.contrast
        self._direction = self.X @ a
        self._leverage = float(self.contrast @ a)
        self._bread = self._sums(self._direction[:, None] * self.X) @ inverse
        # All sums are linear in the residuals, which are linear in the hypothesised value.
        self._base = self._pieces(self.residuals)
        self._slope = self._pieces(self._direction)
        scores = self._sums(self._direction * self.residuals)
        self._factor = self.error**2 / float((scores**2).sum())

    def _sums(self, values: FloatArray) -> FloatArray:
        rows = values if values.ndim == 2 else values[:, None]
        found = sum_by_group(rows, self.clusters, self.n_clusters)
        return found if values.ndim == 2 else found[:, 0]

    def _pieces(self, u: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Numerator weights (clusters,) and the matrix from v to the scores of the clusters, for residuals u."""
        numerator = self._sums(self._direction * u)
        through = self._sums(self.X * u[:, None])
        if self.projected is None:
            own = np.diag(numerator)
        else:
            own = np.empty((self.n_clusters, self.n_clusters))
            for h in range(self.n_clusters):
                own[:, h] = self._sums(self._direction * self.projected(np.where(self.clusters == h, u, 0.0)))
        return numerator, own - self._bread @ through.T

    def statistic(self, value: float) -> float:
        """t of the hypothesis R b = value."""
        return (self.estimate - value) / self.error

    def replications(self, value: float) -> FloatArray:
        """The statistics of the replications: (reps,)."""
        shift = (self.estimate - value) / self._leverage if self.null else 0.0
        numerator = self._base[0] + shift * self._slope[0]
        scores = (self._base[1] + shift * self._slope[1]) @ self.v
        spread = np.sqrt(self._factor * (scores**2).sum(axis=0))
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.asarray((numerator @ self.v) / spread, dtype=np.float64)

    def p_value(self, value: float, kind: str = "symmetric") -> float:
        """Share of replications beyond the statistic: symmetric, equaltail, lower or upper."""
        t = self.statistic(value)
        draws = self.replications(value)
        draws = draws[np.isfinite(draws)]
        if not len(draws):
            return np.nan
        margin = _TIE * max(abs(t), 1e-300)
        if kind == "symmetric":
            return float(np.mean(np.abs(draws) > abs(t) + margin))
        upper, lower = float(np.mean(draws > t + margin)), float(np.mean(draws < t - margin))
        return {"upper": upper, "lower": lower}.get(kind, 2.0 * min(upper, lower))

    def interval(self, level: float, kind: str = "symmetric") -> tuple[float, float]:
        """Values not rejected at the level; infinite where no bound is found within 1,000 standard errors."""
        alpha = 1.0 - level / 100.0
        return self._bound(-1.0, alpha, kind), self._bound(1.0, alpha, kind)

    def _bound(self, sign: float, alpha: float, kind: str) -> float:
        inside, reach = 0.0, 2.0
        while self.p_value(self.estimate + sign * reach * self.error, kind) >= alpha:
            inside, reach = reach, reach * 2.0
            if reach > 1000.0:
                return sign * np.inf
        outside = reach
        for _ in range(60):
            middle = (inside + outside) / 2.0
            if self.p_value(self.estimate + sign * middle * self.error, kind) >= alpha:
                inside = middle
            else:
                outside = middle
        return float(self.estimate + sign * (inside + outside) / 2.0 * self.error)
