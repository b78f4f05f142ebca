"""Difference in differences by imputing untreated outcomes from untreated observations.

Borusyak, Jaravel and Spiess (2024, Review of Economic Studies 91): theorem 1 for the estimator, theorem 3 and
equation (8) for the conservative variance.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ssd.engine.errors import StataError
from ssd.engine.missing import BoolArray, FloatArray
from ssd.engine.stats.covariance import IndexArray

_LARGEST = 40_000_000
"""Entries of the dense part of the design, a limit of memory."""


class UntreatedModel:
    """Fixed effects and controls fitted to the untreated observations, predicting the outcome of all.

    `effects` are group numbers of every observation, one array per fixed effect; the effect with most groups is
    swept out, the others are dummies.
    """

    def __init__(self, effects: list[IndexArray], controls: FloatArray, untreated: BoolArray, w: FloatArray) -> None:
        sizes = [int(ids.max()) + 1 for ids in effects]
        swept = int(np.argmax(sizes))
        self.first = effects[swept]
        self.groups = sizes[swept]
        self.untreated = untreated
        self.w = np.where(untreated, w, 0.0)
        columns = sum(size for k, size in enumerate(sizes) if k != swept) + controls.shape[1]
        if columns * len(untreated) > _LARGEST:
            raise StataError(950, "too many fixed effects beside the first for this engine")
        parts = [np.eye(size)[ids] for k, (ids, size) in enumerate(zip(effects, sizes, strict=True)) if k != swept]
        self.total = np.bincount(self.first, weights=self.w, minlength=self.groups)
        self.M = self.sweep(np.column_stack([*parts, controls - controls[untreated].mean(axis=0)]))
        gram = (self.M * self.w[:, None]).T @ self.M
        scale = np.sqrt(np.maximum(np.diag(gram), 1e-300))
        scale = np.where(np.diag(gram) > 1e-12 * max(float(np.diag(gram).max(initial=0.0)), 1e-300), scale, np.inf)
        values, vectors = np.linalg.eigh(gram / np.outer(scale, scale))
        kept = values > 1e-10
        basis = vectors[:, kept] / scale[:, None]
        self.scale = np.where(np.isfinite(scale), scale, 1.0)
        self.inverse = basis / values[kept] @ basis.T
        self._row_space = vectors[:, kept]

    def _group_means(self, values: FloatArray) -> FloatArray:
        """Means over the untreated observations of each group of the effect swept out: (groups, k)."""
        sums = np.zeros((self.groups, values.shape[1]))
        np.add.at(sums, self.first[self.untreated], (values * self.w[:, None])[self.untreated])
        total = np.where(self.total > 0.0, self.total, 1.0)
        return np.asarray(sums / total[:, None], dtype=np.float64)

    def sweep(self, values: FloatArray) -> FloatArray:
        """Deviations from the untreated mean of the observation's group."""
        return np.asarray(values - self._group_means(values)[self.first], dtype=np.float64)

    @property
    def determined(self) -> BoolArray:
        """Observations whose untreated outcome can be predicted."""
        rows = self.M / self.scale
        outside = rows - rows @ self._row_space @ self._row_space.T
        close = (outside**2).sum(axis=1) <= 1e-10 * (rows**2).sum(axis=1) + 1e-24
        return np.asarray((self.total[self.first] > 0.0) & close, dtype=np.bool_)

    def predict(self, y: FloatArray) -> FloatArray:
        """Untreated outcome of every observation from the untreated outcomes in y."""
        swept = self.sweep(y[:, None])[:, 0]
        beta = self.inverse @ (self.M.T @ (self.w * swept))
        return np.asarray(y - swept + self.M @ beta, dtype=np.float64)

    def residualize(self, values: FloatArray) -> FloatArray:
        """Residuals of columns on the fixed effects and controls, on the untreated observations."""
        swept = self.sweep(values)
        beta = self.inverse @ ((self.M * self.w[:, None]).T @ swept)
        return np.asarray(swept - self.M @ beta, dtype=np.float64)

    def weights(self, treated: FloatArray) -> FloatArray:
        """Weights of the untreated outcomes in a weighted sum of effects, given those of the treated: (n,)."""
        sums = np.bincount(self.first, weights=treated, minlength=self.groups)
        total = np.where(self.total > 0.0, self.total, 1.0)
        moment = self.M.T @ treated
        return np.asarray(-self.w * ((sums / total)[self.first] + self.M @ (self.inverse @ moment)), dtype=np.float64)


@dataclass(frozen=True)
class Imputed:
    """Weighted averages of imputed effects."""

    b: FloatArray
    scores: FloatArray
    """Contributions of the observations to the variance, to be summed within clusters: (n, k)."""


def average_effects(
    model: UntreatedModel, y: FloatArray, w: FloatArray, targets: FloatArray, groups: IndexArray
) -> tuple[Imputed, FloatArray]:
    """Averages with weights `targets` (n, k) over treated observations, and the observations' effects.

    The variance takes effects as deviations from their mean within `groups` (cohorts and periods, say), so it is
    conservative when effects differ within them.
    """
    untreated = model.untreated
    effect = np.where(untreated, 0.0, y - model.predict(y))
    residual = np.where(untreated, model.residualize(y[:, None])[:, 0], 0.0)
    b = np.empty(targets.shape[1])
    scores = np.empty(targets.shape)
    for k in range(targets.shape[1]):
        v = w * targets[:, k]
        b[k] = v @ effect
        squares = np.where(untreated, 0.0, w * targets[:, k] ** 2)
        size = np.bincount(groups, weights=squares)
        mean = np.bincount(groups, weights=squares * effect) / np.where(size > 0.0, size, 1.0)
        deviation = np.where(untreated, residual, effect - mean[groups])
        scores[:, k] = np.where(untreated, model.weights(v), v) * deviation
    return Imputed(b, scores), effect


def leads(model: UntreatedModel, y: FloatArray, dummies: FloatArray) -> tuple[Imputed, BoolArray]:
    """Coefficients of lead dummies in a regression on the untreated observations, and which are identified.

    The scores lack the correction for degrees of freedom.
    """
    X = model.residualize(dummies)
    root = np.sqrt(model.w)
    k = X.shape[1]
    kept = np.zeros(k, dtype=np.bool_)
    for j in range(k):
        trial = [*np.flatnonzero(kept).tolist(), j]
        triangle: FloatArray = np.asarray(np.linalg.qr(X[:, trial] * root[:, None], mode="r"), dtype=np.float64)
        size = float(np.linalg.norm(dummies[:, j] * root))
        kept[j] = size > 0.0 and abs(float(triangle[-1, -1])) > 1e-8 * size
    b, scores = np.zeros(k), np.zeros(X.shape)
    if kept.any():
        Z = X[:, kept]
        inverse = np.linalg.inv((Z * model.w[:, None]).T @ Z)
        out = model.residualize(y[:, None])[:, 0]
        b[kept] = inverse @ (Z.T @ (model.w * out))
        scores[:, kept] = (Z @ inverse) * (model.w * (out - Z @ b[kept]))[:, None]
    return Imputed(b, scores), kept
