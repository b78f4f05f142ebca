"""Instrumental-variables estimators: two-stage least squares, LIML, GMM ([R] ivregress, Methods)."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from ssd.engine.missing import FloatArray
from ssd.engine.stats.covariance import IndexArray, sum_by_group
from ssd.engine.stats.linear import symmetric_inverse


@dataclass(frozen=True)
class Moments:
    """Weighted data of an IV model. X (n, k) endogenous first; Z (n, l) exogenous and instruments."""

    y: FloatArray
    X: FloatArray
    Z: FloatArray
    w: FloatArray | None
    frequencies: bool
    clusters: IndexArray | None = None
    n_clusters: int = 0

    @property
    def weights(self) -> FloatArray:
        return np.ones(len(self.y)) if self.w is None else self.w

    def cross(self, A: FloatArray, B: FloatArray) -> FloatArray:
        """A'WB."""
        return np.asarray(A.T @ (B * (self.weights[:, None] if B.ndim == 2 else self.weights)), dtype=np.float64)

    def residuals(self, b: FloatArray) -> FloatArray:
        return np.asarray(self.y - self.X @ b, dtype=np.float64)

    def meat(self, rows: FloatArray, e: FloatArray) -> FloatArray:
        """Sum of squared scores rows * e, robust or clustered."""
        scores = rows * e[:, None]
        if self.clusters is not None:
            S = sum_by_group(scores * self.weights[:, None], self.clusters, self.n_clusters)
            return S.T @ S
        weights = self.weights if self.frequencies else self.weights**2
        return scores.T @ (scores * weights[:, None])


def projection(data: Moments, target: FloatArray) -> FloatArray:
    """Fitted values of the columns of `target` on Z."""
    coefficients = symmetric_inverse(data.cross(data.Z, data.Z)) @ data.cross(data.Z, target)
    # One refinement: Z'Z of dummies and levels can be badly scaled.
    fitted = data.Z @ coefficients
    correction = symmetric_inverse(data.cross(data.Z, data.Z)) @ data.cross(data.Z, target - fitted)
    return np.asarray(fitted + data.Z @ correction, dtype=np.float64)


@dataclass(frozen=True)
class InstrumentalFit:
    b: FloatArray
    bread: FloatArray
    """(X' A X)^-1 of the estimator."""
    projected: FloatArray
    """X projected on Z, what robust scores use."""
    residuals: FloatArray
    kappa: float = 1.0
    J: float = math.nan


def two_stage(data: Moments) -> InstrumentalFit:
    Xh = projection(data, data.X)
    bread = symmetric_inverse(data.cross(Xh, Xh))
    b = bread @ data.cross(Xh, data.y)
    b = b + bread @ data.cross(Xh, data.residuals(b))
    return InstrumentalFit(b, bread, Xh, data.residuals(b))


def liml(data: Moments, n_endogenous: int, exogenous: FloatArray) -> InstrumentalFit:
    """Limited-information maximum likelihood; `exogenous` are the included exogenous columns."""
    W = np.column_stack([data.y, data.X[:, :n_endogenous]])
    on_z = W - projection(data, W)
    inner = Moments(data.y, data.X, exogenous, data.w, data.frequencies)
    on_x = W - projection(inner, W) if exogenous.shape[1] else W
    A, B = data.cross(on_x, on_x), data.cross(on_z, on_z)
    L = np.linalg.inv(np.linalg.cholesky(B))
    kappa = float(np.linalg.eigvalsh(L @ A @ L.T).min())
    Xh = projection(data, data.X)
    K = (1.0 - kappa) * data.cross(data.X, data.X) + kappa * data.cross(data.X, Xh)
    bread = symmetric_inverse((K + K.T) / 2.0)
    right = (1.0 - kappa) * data.cross(data.X, data.y) + kappa * data.cross(Xh, data.y)
    b = bread @ right
    return InstrumentalFit(b, bread, Xh, data.residuals(b), kappa)


def gmm(data: Moments, wmatrix: str, n: float) -> tuple[InstrumentalFit, FloatArray, FloatArray]:
    """Two-step GMM. Returns the fit, its robust covariance bread·S·bread and the weight matrix used."""
    first = two_stage(data)
    S = moment_covariance(data, first.residuals, wmatrix, n)
    W = symmetric_inverse(S)
    XZ = data.cross(data.X, data.Z)
    bread = symmetric_inverse(XZ @ W @ XZ.T)
    b = bread @ (XZ @ W @ data.cross(data.Z, data.y))
    e = data.residuals(b)
    g = data.cross(data.Z, e)
    J = float(g @ W @ g)
    S2 = moment_covariance(data, e, wmatrix, n)
    middle = XZ @ W @ S2 @ W @ XZ.T
    V = bread @ middle @ bread
    return InstrumentalFit(b, bread, projection(data, data.X), e, math.nan, J), (V + V.T) / 2.0, W


def moment_covariance(data: Moments, e: FloatArray, wmatrix: str, n: float) -> FloatArray:
    """Covariance of the sum of moments (not divided by N)."""
    if wmatrix == "unadjusted":
        s2 = float(data.weights @ (e * e)) / n
        return s2 * data.cross(data.Z, data.Z)
    return data.meat(data.Z, e)
