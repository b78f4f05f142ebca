"""Multivariate analysis of variance: hypothesis matrices and the four statistics ([MV] manova)."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from ssd.engine.missing import FloatArray


@dataclass(frozen=True)
class Statistic:
    """One of Wilks' lambda (W), Pillai's trace (P), Lawley-Hotelling trace (L), Roy's largest root (R)."""

    letter: str
    value: float
    df1: float
    df2: float
    f: float
    p: float
    kind: str
    """e exact, a approximate, u upper bound on F."""


@dataclass(frozen=True)
class Hypothesis:
    label: str
    H: FloatArray
    """(p, p) sums of squares and cross products."""
    df: int
    eigenvalues: FloatArray
    statistics: list[Statistic]


def residual_products(Y: FloatArray, design: FloatArray, weights: FloatArray) -> tuple[FloatArray, int]:
    """Cross products of the residuals of Y (n, p) on a design, and the rank of the design."""
    root = np.sqrt(weights)[:, None]
    scaled = design * root
    length = np.sqrt((scaled**2).sum(axis=0))
    used = scaled[:, length > 0] / length[length > 0]
    target = Y * root
    solution, _, rank, _ = np.linalg.lstsq(used, target, rcond=1e-10)
    residual = target - used @ solution
    return np.asarray(residual.T @ residual), int(rank)


def hypothesis(label: str, H: FloatArray, q: int, E: FloatArray, v: float) -> Hypothesis:
    """The four tests of a hypothesis with q degrees of freedom against residuals E with v."""
    L = np.linalg.cholesky(E)
    half = np.linalg.solve(L, H)
    values = np.linalg.eigvalsh(np.linalg.solve(L, half.T))[::-1]
    values = np.where(values > 1e-12 * max(1.0, float(values[0])), values, 0.0)
    return Hypothesis(label, H, q, values, _statistics(values, float(E.shape[0]), float(q), v))


def _statistics(values: FloatArray, p: float, q: float, v: float) -> list[Statistic]:
    s = min(p, q)
    m, n = (abs(p - q) - 1.0) / 2.0, (v - p - 1.0) / 2.0
    wilks = float(np.prod(1.0 / (1.0 + values)))
    pillai = float(np.sum(values / (1.0 + values)))
    trace, largest = float(values.sum()), float(values[0])
    t = math.sqrt((p * p * q * q - 4.0) / (p * p + q * q - 5.0)) if p * p + q * q > 5.0 else 1.0
    df_wilks = (v + q - (p + q + 1.0) / 2.0) * t - (p * q - 2.0) / 2.0
    power = wilks ** (1.0 / t)
    common = s * (2.0 * m + s + 1.0)
    df_pillai, df_trace = s * (2.0 * n + s + 1.0), 2.0 * (s * n + 1.0)
    d = max(p, q)
    exact = s == 1.0
    return [
        _statistic("W", wilks, p * q, df_wilks, (1.0 - power) / power * df_wilks / (p * q), "e" if s <= 2 else "a"),
        _statistic("P", pillai, common, df_pillai, pillai / (s - pillai) * df_pillai / common, "e" if exact else "a"),
        _statistic("L", trace, common, df_trace, df_trace * trace / (s * common), "e" if exact else "a"),
        _statistic("R", largest, d, v - d + q, largest * (v - d + q) / d, "e" if exact else "u"),
    ]


def _statistic(letter: str, value: float, df1: float, df2: float, f: float, kind: str) -> Statistic:
    from ssd.engine.stats.tails import f as f_distribution

    p = float(f_distribution.sf(f, df1, df2)) if df2 > 0 and math.isfinite(f) else math.nan
    return Statistic(letter, value, df1, df2, f if df2 > 0 else math.nan, p, kind)
