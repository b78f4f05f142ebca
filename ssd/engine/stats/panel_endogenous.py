"""Two-stage least squares for panels: within, between, first differences, random effects (Stata [XT] xtivreg)."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from ssd.engine.missing import FloatArray
from ssd.engine.stats.linear import symmetric_inverse
from ssd.engine.stats.panel import Panels


@dataclass(frozen=True)
class TwoStage:
    """A 2SLS fit; `inverse` is (X'P_Z X)^-1."""

    b: FloatArray
    inverse: FloatArray
    residuals: FloatArray
    projected: FloatArray

    @property
    def rss(self) -> float:
        return float(self.residuals @ self.residuals)


def project(Z: FloatArray, target: FloatArray) -> FloatArray:
    """Fitted values of least squares of the target's columns on Z, whatever Z's rank."""
    scale = np.sqrt(np.einsum("ij,ij->j", Z, Z))
    W = Z / np.where(scale > 0.0, scale, 1.0)
    return np.asarray(W @ (symmetric_inverse(W.T @ W) @ (W.T @ target)), dtype=np.float64)


def two_stage(y: FloatArray, X: FloatArray, Z: FloatArray) -> TwoStage:
    """2SLS of y on X (n, k) with instruments Z (n, m), constants included in both where wanted."""
    projected = project(Z, X)
    inverse = symmetric_inverse(projected.T @ projected)
    b = inverse @ (projected.T @ y)
    return TwoStage(b, inverse, y - X @ b, projected)


@dataclass(frozen=True)
class RandomTwoStage:
    """Generalised 2SLS and its variance components."""

    fit: TwoStage
    sigma_u: float
    sigma_e: float
    theta: FloatArray


def fit_random_two_stage(
    y: FloatArray, X: FloatArray, Z: FloatArray, panels: Panels, sigma_e2: float, *, error_components: bool,
    consistent: bool,
) -> RandomTwoStage:  # fmt: skip
    """Balestra and Varadharajan-Krishnakumar's G2SLS, or Baltagi's EC2SLS with `error_components`.

    X and Z hold the constant last. sigma_u^2 = (sum T_i u_i^2 - (n - K) sigma_e^2) / (N - r), u_i the residuals of
    the between 2SLS estimator and r the trace of Swamy and Arora for unbalanced panels; with `consistent`
    sigma_u^2 = sum T_i u_i^2 / N - sigma_e^2 T^-1 in its plain form n^-1 sum u_i^2 - sigma_e^2 / T.
    """
    X_mean, Z_mean = panels.means(X), panels.means(Z)
    between = two_stage(panels.means(y), X_mean, Z_mean)
    T = panels.sizes
    n, K, N = panels.count, X.shape[1], len(y)
    if consistent:
        harmonic = n / float((1.0 / T).sum())
        sigma_u2 = float((between.residuals**2).mean()) - sigma_e2 / harmonic
    else:
        weighted = X_mean.T @ (X_mean * T[:, None])
        r = float(np.trace(symmetric_inverse(weighted) @ (X_mean.T @ (X_mean * (T**2)[:, None]))))
        sigma_u2 = (float((T * between.residuals**2).sum()) - (n - K) * sigma_e2) / (N - r)
    sigma_u2 = max(0.0, sigma_u2)
    theta = 1.0 - np.sqrt(sigma_e2 / (T * sigma_u2 + sigma_e2))
    share = theta[panels.ids]

    def quasi(values: FloatArray) -> FloatArray:
        means = panels.means(values)[panels.ids]
        return np.asarray(values - (means * share[:, None] if values.ndim > 1 else means * share))

    instruments = quasi(Z)
    if error_components:
        own = Z_mean[panels.ids]
        instruments = np.column_stack([Z - own, own * (1.0 - share)[:, None]])
    return RandomTwoStage(two_stage(quasi(y), quasi(X), instruments), math.sqrt(sigma_u2), math.sqrt(sigma_e2), theta)
