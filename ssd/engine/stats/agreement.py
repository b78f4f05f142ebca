"""Reliability and agreement ([MV] alpha, [R] kappa)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ssd.engine.missing import FloatArray


@dataclass(frozen=True)
class Alpha:
    alpha: float
    average: float
    """Average inter-item covariance (or correlation when standardized)."""
    k: int


def cronbach(items: FloatArray, standardize: bool) -> Alpha:
    """Cronbach's alpha of complete items, shape (n, k)."""
    matrix = np.corrcoef(items, rowvar=False) if standardize else np.cov(items, rowvar=False)
    k = items.shape[1]
    average = float((matrix.sum() - np.trace(matrix)) / (k * (k - 1)))
    diagonal = float(np.trace(matrix) / k)
    return Alpha(k * average / (diagonal + (k - 1) * average), average, k)


def item_signs(items: FloatArray) -> FloatArray:
    """+1 or -1 per item: the sign of its loading on the first principal factor (empirical reversal)."""
    matrix = np.corrcoef(items, rowvar=False)
    values, vectors = np.linalg.eigh(matrix)
    loadings = vectors[:, int(np.argmax(values))]
    if np.sum(loadings < 0) > loadings.size / 2:
        loadings = -loadings
    return np.where(loadings < 0, -1.0, 1.0)


@dataclass(frozen=True)
class Kappa:
    observed: float
    expected: float
    kappa: float
    se: float
    z: float
    p: float


def two_rater_kappa(table: FloatArray, weights: FloatArray) -> Kappa:
    """(Weighted) kappa of two raters; standard error under no agreement (Fleiss, Cohen and Everitt 1969)."""
    from ssd.engine.stats.tails import norm

    p = table / table.sum()
    rows, cols = p.sum(axis=1), p.sum(axis=0)
    observed, expected = float(np.sum(weights * p)), float(np.sum(weights * np.outer(rows, cols)))
    kappa = (observed - expected) / (1 - expected)
    by_row, by_col = weights @ cols, rows @ weights
    spread = float(np.sum(np.outer(rows, cols) * (weights - by_row[:, None] - by_col[None, :]) ** 2))
    se = float(np.sqrt((spread - expected**2) / table.sum())) / (1 - expected)
    return Kappa(observed, expected, kappa, se, kappa / se, float(norm.sf(kappa / se)))


def kappa_weights(k: int, kind: str) -> FloatArray:
    """Agreement weights: identity, `w` (linear) or `w2` (quadratic)."""
    if kind == "":
        return np.eye(k)
    gap = np.abs(np.subtract.outer(np.arange(k), np.arange(k))) / (k - 1)
    return np.asarray(1.0 - (gap if kind == "w" else gap**2))
