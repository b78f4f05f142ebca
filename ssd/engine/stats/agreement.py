"""Reliability and agreement ([MV] alpha, [R] kappa)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ssd.engine.errors import StataError
from ssd.engine.missing import MISSING, FloatArray


@dataclass(frozen=True)
class Alpha:
    alpha: float
    average: float
    """Average inter-item covariance (or correlation when standardized)."""
    k: int


def pairwise_moments(items: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Covariances (n - 1) and numbers of observations of each pair of items; nan marks what is missing."""
    known = ~np.isnan(items)
    ones = known.astype(np.float64)
    counts = ones.T @ ones
    filled = np.where(known, items, 0.0)
    centred = np.where(known, filled - filled.sum(axis=0) / np.maximum(ones.sum(axis=0), 1.0), 0.0)
    sums = centred.T @ ones
    with np.errstate(invalid="ignore", divide="ignore"):
        covariances = (centred.T @ centred - sums * sums.T / counts) / (counts - 1.0)
    return np.asarray(covariances), np.asarray(counts)


def cronbach(items: FloatArray, standardize: bool) -> Alpha:
    """Cronbach's alpha of items, shape (n, k), nan where missing.

    Variances and covariances are those of the observations that have them, averaged with their numbers as weights
    ([MV] alpha, Methods and formulas).
    """
    matrix, counts = pairwise_moments(items)
    if standardize:
        matrix = _correlations(items, matrix, counts)
    k = items.shape[1]
    pairs = np.triu_indices(k, 1)
    average = float(np.average(matrix[pairs], weights=counts[pairs]))
    diagonal = float(np.average(np.diag(matrix), weights=np.diag(counts)))
    return Alpha(k * average / (diagonal + (k - 1) * average), average, k)


def _correlations(items: FloatArray, covariances: FloatArray, counts: FloatArray) -> FloatArray:
    """Pairwise correlations: the variances are those of the pair's own observations."""
    known = (~np.isnan(items)).astype(np.float64)
    filled = np.where(np.isnan(items), 0.0, items - np.nanmean(items, axis=0))
    squares, sums = (filled**2).T @ known, filled.T @ known
    variances = (squares - sums**2 / counts) / (counts - 1.0)
    return np.asarray(covariances / np.sqrt(variances * variances.T))


def item_signs(items: FloatArray) -> FloatArray:
    """+1 or -1 per item: the sign of its loading on the first principal factor (empirical reversal)."""
    covariances, counts = pairwise_moments(items)
    matrix = _correlations(items, covariances, counts)
    values, vectors = np.linalg.eigh(matrix)
    loadings = vectors[:, int(np.argmax(values))]
    if np.sum(loadings < 0) > loadings.size / 2:
        loadings = -loadings
    return np.where(loadings < 0, -1.0, 1.0)


def scale_score(items: FloatArray) -> FloatArray:
    """Mean of the items an observation has, (n,); nan where it has none."""
    known = ~np.isnan(items)
    n = known.sum(axis=1)
    total = np.where(known, items, 0.0).sum(axis=1)
    return np.asarray(np.where(n > 0, total / np.maximum(n, 1), np.nan))


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
    if expected >= 1.0:
        raise StataError(2001, "insufficient observations")
    kappa = (observed - expected) / (1 - expected)
    by_row, by_col = weights @ cols, rows @ weights
    spread = float(np.sum(np.outer(rows, cols) * (weights - by_row[:, None] - by_col[None, :]) ** 2))
    se = float(np.sqrt((spread - expected**2) / table.sum())) / (1 - expected)
    z = kappa / se if se > 0 else MISSING
    return Kappa(observed, expected, kappa, se, z, float(norm.sf(z)) if se > 0 else MISSING)


def kappa_weights(k: int, kind: str, values: FloatArray | None = None) -> FloatArray:
    """Agreement weights: identity, `w` (linear) or `w2` (quadratic), by position or by the ratings' own values."""
    if kind == "":
        return np.eye(k)
    at = np.arange(k, dtype=np.float64) if values is None else values
    gap = np.abs(np.subtract.outer(at, at)) / float(at[-1] - at[0])
    return np.asarray(1.0 - (gap if kind == "w" else gap**2))


@dataclass(frozen=True)
class ManyRaters:
    """Kappa of each outcome and of all, with z under no agreement; z is nan when it does not exist."""

    kappa: FloatArray
    z: FloatArray
    combined: float
    combined_z: float


def many_rater_kappa(counts: FloatArray) -> ManyRaters:
    """Ratings per subject (rows) and outcome (columns), the same number for each subject (Fleiss 1981; [R] kappa)."""
    n, m = counts.shape[0], float(counts[0].sum())
    p = counts.sum(axis=0) / counts.sum()
    pq = p * (1.0 - p)
    with np.errstate(invalid="ignore", divide="ignore"):
        kappa = 1.0 - (counts * (m - counts)).sum(axis=0) / (n * m * (m - 1.0) * pq)
        z = kappa / np.sqrt(2.0 / (n * m * (m - 1.0)))
        used = pq > 0.0
        combined = float((pq[used] * kappa[used]).sum() / pq.sum())
        inner = pq.sum() ** 2 - (pq * (1.0 - 2.0 * p)).sum()
        se = float(np.sqrt(2.0) / (pq.sum() * np.sqrt(n * m * (m - 1.0))) * np.sqrt(inner))
        return ManyRaters(kappa, z, combined, float(np.float64(combined) / se))
