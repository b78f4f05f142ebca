"""Odds ratios by efficient scores: Mantel-Haenszel estimates and trends (Clayton and Hills 1993; [R] Epitab)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ssd.engine.missing import FloatArray


@dataclass(frozen=True)
class OddsRatio:
    value: float
    low: float
    high: float
    chi2: float
    u: float
    """Score and its variance, summed over strata."""
    v: float
    q: float = 0.0
    """Products of the comparison of two levels: value = q / r."""
    r: float = 0.0


@dataclass(frozen=True)
class Stratum:
    """Cases and controls by exposure level."""

    levels: FloatArray
    cases: FloatArray
    controls: FloatArray


def compare_two(strata: Sequence[Stratum], z: float) -> OddsRatio:
    """Odds of the second level against the first (each stratum has the two), combined over strata."""
    q = r = u = v = 0.0
    for stratum in strata:
        d0, d1 = stratum.cases
        h0, h1 = stratum.controls
        n = d0 + d1 + h0 + h1
        if n < 2:
            continue
        q += d1 * h0 / n
        r += d0 * h1 / n
        d, h, n1, n0 = d0 + d1, h0 + h1, d1 + h1, d0 + h0
        u += d1 - d * n1 / n
        v += d * h * n1 * n0 / (n * n * (n - 1.0))
    value = q / r if r > 0 else math.nan
    chi2 = u * u / v if v > 0 else math.nan
    if not (q > 0 and r > 0 and v > 0):
        return OddsRatio(value, math.nan, math.nan, chi2, u, v, q, r)
    factor = math.exp(z * math.sqrt(v / (q * r)))
    return OddsRatio(value, value / factor, value * factor, chi2, u, v, q, r)


def trend(strata: Sequence[Stratum], z: float) -> OddsRatio:
    """Odds ratio of one unit of the exposure, one step from the hypothesis of none."""
    u = v = 0.0
    for stratum in strata:
        counts = stratum.cases + stratum.controls
        n, d = float(counts.sum()), float(stratum.cases.sum())
        if n < 2:
            continue
        mean = float(counts @ stratum.levels) / n
        u += float(stratum.cases @ stratum.levels) - d * mean
        spread = float(counts @ (stratum.levels - mean) ** 2)
        v += d * (n - d) * spread / (n * (n - 1.0))
    if not v > 0:
        return OddsRatio(math.nan, math.nan, math.nan, math.nan, u, v)
    value, factor = math.exp(u / v), math.exp(z / math.sqrt(v))
    return OddsRatio(value, value / factor, value * factor, u * u / v, u, v)


def homogeneity(parts: Sequence[OddsRatio]) -> tuple[float, int]:
    """Approximate chi-squared that the parts share one odds ratio (Clayton and Hills 1993, chapters 18 and 20)."""
    used = [part for part in parts if part.v > 0]
    q, r = sum(part.q for part in used), sum(part.r for part in used)
    if q > 0 and r > 0:
        terms = [(part.q * r - q * part.r) ** 2 / (q * r * part.v) for part in used]
        return float(sum(terms)), len(used) - 1
    u, v = sum(part.u for part in used), sum(part.v for part in used)
    return sum(part.u**2 / part.v for part in used) - u**2 / v, len(used) - 1


def equal_odds(stratum: Stratum) -> tuple[float, int]:
    """Chi-squared that all levels have the same odds, and its degrees of freedom."""
    counts = stratum.cases + stratum.controls
    n, d = float(counts.sum()), float(stratum.cases.sum())
    expected = d * counts / n
    statistic = float(np.sum((stratum.cases - expected) ** 2 / counts)) * n * (n - 1.0) / (d * (n - d))
    return statistic, stratum.levels.size - 1
