"""Correlations: product moment, partial, rank ([R] correlate, pcorr, spearman)."""

from __future__ import annotations

import numpy as np

from ssd.engine.missing import MISSING, FloatArray
from ssd.engine.stats.linear import symmetric_inverse


def covariance_matrix(columns: FloatArray, weights: FloatArray | None = None, kind: str = "") -> FloatArray:
    """Covariances (divisor n-1) of complete `columns`, shape (n, k), with Stata's use of weights."""
    if weights is None:
        deviations = columns - columns.mean(axis=0)
        return np.asarray(deviations.T @ deviations / (columns.shape[0] - 1.0))
    total = float(weights.sum())
    n = float(columns.shape[0]) if kind in ("aweight", "pweight") else total
    deviations = columns - (weights @ columns) / total
    squares = deviations.T @ (deviations * weights[:, None])
    if kind in ("aweight", "pweight"):
        squares = squares * (n / total)
    return np.asarray(squares / (n - 1.0))


def correlation_matrix(covariance: FloatArray) -> FloatArray:
    """Correlations; missing where a variance is zero."""
    deviations = np.sqrt(np.diag(covariance))
    scale = np.outer(deviations, deviations)
    with np.errstate(invalid="ignore", divide="ignore"):
        rho = covariance / scale
    rho = np.where(scale > 0, np.clip(rho, -1.0, 1.0), MISSING)
    np.fill_diagonal(rho, np.where(deviations > 0, 1.0, MISSING))
    return np.asarray(rho)


def correlation_p(rho: float, n: float, controls: int = 0) -> float:
    """Two-sided p of a (partial) correlation: t with n - 2 - controls degrees of freedom."""
    from ssd.engine.stats.tails import t

    df = n - 2.0 - controls
    if not abs(rho) < MISSING or df <= 0:
        return MISSING
    if abs(rho) >= 1.0:
        return 0.0
    return float(2.0 * t.sf(abs(rho) * np.sqrt(df / (1.0 - rho**2)), df))


def ranks(x: FloatArray) -> FloatArray:
    """Average ranks."""
    from ssd.engine.stats.tails import rankdata

    return np.asarray(rankdata(x), dtype=np.float64)


def kendall(x: FloatArray, y: FloatArray) -> dict[str, float]:
    """Kendall's tau-a, tau-b, score, its standard error (with ties) and continuity-corrected p.

    Formulas of [R] spearman; concordance is counted with a merge of ranks, O(n log n).
    """
    from scipy.stats import kendalltau

    from ssd.engine.stats.tails import norm

    n = float(x.size)
    pairs = n * (n - 1.0) / 2.0
    _, tx = np.unique(x, return_counts=True)
    _, ty = np.unique(y, return_counts=True)
    tied_x, tied_y = float(np.sum(tx * (tx - 1) / 2)), float(np.sum(ty * (ty - 1) / 2))
    scale = float(np.sqrt((pairs - tied_x) * (pairs - tied_y)))
    tau_b = float(kendalltau(x, y).statistic) if scale > 0 else MISSING
    score = float(np.round(tau_b * scale)) if scale > 0 else 0.0
    variance = n * (n - 1) * (2 * n + 5) / 18.0
    variance -= float(np.sum(tx * (tx - 1) * (2 * tx + 5)) + np.sum(ty * (ty - 1) * (2 * ty + 5))) / 18.0
    if n > 2:
        triples = float(np.sum(tx * (tx - 1) * (tx - 2))) * float(np.sum(ty * (ty - 1) * (ty - 2)))
        variance += triples / (9.0 * n * (n - 1) * (n - 2))
    variance += float(np.sum(tx * (tx - 1))) * float(np.sum(ty * (ty - 1))) / (2.0 * n * (n - 1))
    se = float(np.sqrt(variance)) if variance > 0 else MISSING
    p = 1.0 if score == 0 else float(2.0 * norm.sf((abs(score) - 1.0) / se)) if se < MISSING else MISSING
    return {"n": n, "tau_a": score / pairs, "tau_b": tau_b, "score": score, "se_score": se, "p": min(p, 1.0)}


def partial_correlations(columns: FloatArray) -> tuple[FloatArray, FloatArray, int]:
    """Partial and semipartial correlations of column 0 with each other column given the rest.

    From the t statistics of the regression: r = t / sqrt(t^2 + df), semipartial sqrt of the drop in R2.
    Returns (partial, semipartial, residual degrees of freedom).
    """
    y, others = columns[:, 0], columns[:, 1:]
    n, k = others.shape
    design = np.column_stack([others, np.ones(n)])
    inverse = symmetric_inverse(design.T @ design)
    beta = inverse @ (design.T @ y)
    residual = y - design @ beta
    df = n - k - 1
    rss, tss = float(residual @ residual), float(np.sum((y - y.mean()) ** 2))
    t = beta[:k] / np.sqrt(rss / df * np.diag(inverse)[:k])
    partial = t / np.sqrt(t**2 + df)
    semipartial = np.sign(t) * np.sqrt(t**2 * (rss / tss) / df)
    return partial, semipartial, df
