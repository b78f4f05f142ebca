"""Exponential conditional mean with endogenous regressors by the method of moments ([R] ivpoisson)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from ssd.engine.errors import StataError
from ssd.engine.missing import FloatArray
from ssd.engine.stats.covariance import IndexArray, sum_by_group
from ssd.engine.stats.linear import symmetric_inverse

Kind = Literal["additive", "multiplicative"]


@dataclass(frozen=True)
class ExponentialMoments:
    """E(z u) = 0 with u = y - exp(x'b) (additive) or y/exp(x'b) - 1 (multiplicative)."""

    y: FloatArray
    X: FloatArray
    Z: FloatArray
    w: FloatArray
    """Weights summing to the number of observations n."""
    offset: FloatArray
    kind: Kind

    @property
    def n(self) -> float:
        return float(self.w.sum())

    def residuals(self, b: FloatArray) -> FloatArray:
        mu = np.exp(np.minimum(self.X @ b + self.offset, 700.0))
        return self.y - mu if self.kind == "additive" else self.y / mu - 1.0

    def slopes(self, b: FloatArray) -> FloatArray:
        """Derivative of the residuals by x'b."""
        mu = np.exp(np.minimum(self.X @ b + self.offset, 700.0))
        return -mu if self.kind == "additive" else -self.y / mu

    def mean(self, b: FloatArray) -> FloatArray:
        return np.asarray(self.Z.T @ (self.w * self.residuals(b)) / self.n, dtype=np.float64)

    def jacobian(self, b: FloatArray) -> FloatArray:
        return np.asarray(self.Z.T @ (self.X * (self.w * self.slopes(b))[:, None]) / self.n, dtype=np.float64)

    def spread(self, b: FloatArray, kind: str, clusters: IndexArray | None, groups: int) -> FloatArray:
        """Covariance of the moments: unadjusted, robust or by cluster."""
        u = self.residuals(b)
        if kind == "unadjusted":
            s2 = float(self.w @ u**2) / self.n
            return np.asarray(s2 * (self.Z.T @ (self.Z * self.w[:, None])) / self.n, dtype=np.float64)
        scores = self.Z * (u * self.w)[:, None]
        if kind == "cluster" and clusters is not None:
            scores = sum_by_group(scores, clusters, groups)
            return np.asarray(scores.T @ scores / self.n, dtype=np.float64)
        return np.asarray(scores.T @ (scores / self.w[:, None]) / self.n, dtype=np.float64)


def minimise(moments: ExponentialMoments, W: FloatArray, start: FloatArray) -> tuple[FloatArray, list[float]]:
    """Gauss–Newton with step halving on g'Wg; criterion values by iteration. Raises r(430)."""
    b = start.copy()

    def criterion(at: FloatArray) -> float:
        g = moments.mean(at)
        value = float(g @ W @ g)
        return value if np.isfinite(value) else np.inf

    history = [criterion(b)]
    for _ in range(300):
        G, g = moments.jacobian(b), moments.mean(b)
        step = -(symmetric_inverse(G.T @ W @ G) @ (G.T @ (W @ g)))
        size = 1.0
        while size > 1e-12 and criterion(b + size * step) > history[-1] * (1.0 + 1e-14):
            size /= 2.0
        if size <= 1e-12:
            return b, history
        b = b + size * step
        history.append(criterion(b))
        if float(np.max(np.abs(size * step))) < 1e-13 * (1.0 + float(np.max(np.abs(b)))):
            return b, history
        if (
            len(history) > 3
            and abs(history[-2] - history[-1]) <= 1e-16 * (1.0 + history[-1])
            and float(np.max(np.abs(step))) < 1e-9 * (1.0 + float(np.max(np.abs(b))))
        ):
            return b, history
    raise StataError(430, "convergence not achieved")


def moment_covariance(G: FloatArray, W: FloatArray, S: FloatArray, n: float) -> FloatArray:
    """(G'WG)^-1 G'WSWG (G'WG)^-1 / n."""
    bread = symmetric_inverse(G.T @ W @ G)
    return np.asarray(bread @ (G.T @ W @ S @ W @ G) @ bread / n, dtype=np.float64)
