"""Tests about variances ([R] sdtest: variance ratio, robust tests of Levene and Brown-Forsythe; Bartlett)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ssd.engine.missing import MISSING, FloatArray
from ssd.engine.stats.moments import percentiles


@dataclass(frozen=True)
class Tails:
    statistic: float
    p_lower: float
    p_two_sided: float
    p_upper: float


def variance_ratio(n1: float, sd1: float, n2: float, sd2: float) -> Tails:
    """F = s1^2 / s2^2 with n1-1 and n2-1 degrees of freedom; two-sided p doubles the smaller tail."""
    from ssd.engine.stats.tails import f

    ratio = sd1**2 / sd2**2
    lower, upper = float(f.cdf(ratio, n1 - 1, n2 - 1)), float(f.sf(ratio, n1 - 1, n2 - 1))
    return Tails(ratio, lower, 2 * min(lower, upper), upper)


def variance_against(n: float, sd: float, null: float) -> Tails:
    """Chi-squared test of one standard deviation against `null`."""
    from ssd.engine.stats.tails import chi2

    statistic = (n - 1) * sd**2 / null**2
    lower, upper = float(chi2.cdf(statistic, n - 1)), float(chi2.sf(statistic, n - 1))
    return Tails(statistic, lower, 2 * min(lower, upper), upper)


def _trimmed_mean(x: FloatArray) -> float:
    """Mean of the values within the 10th and 90th percentile, both included (W10)."""
    low, high = percentiles(x, np.array([10.0, 90.0]))
    return float(x[(x >= low) & (x <= high)].mean())


def robust_variance(groups: list[FloatArray]) -> tuple[dict[str, tuple[float, float]], int, int]:
    """W0 (mean), W50 (median), W10 (10% trimmed mean) with p; then the two degrees of freedom."""
    from ssd.engine.stats.tails import f

    centres = {
        "w0": [float(g.mean()) for g in groups],
        "w50": [float(percentiles(g, np.array([50.0]))[0]) for g in groups],
        "w10": [_trimmed_mean(g) for g in groups],
    }
    df1, df2 = len(groups) - 1, sum(g.size for g in groups) - len(groups)
    results = {}
    for name, centre in centres.items():
        z = [np.abs(g - c) for g, c in zip(groups, centre, strict=True)]
        overall = float(np.concatenate(z).mean())
        between = sum(d.size * (float(d.mean()) - overall) ** 2 for d in z)
        within = sum(float(np.sum((d - d.mean()) ** 2)) for d in z)
        statistic = between / df1 / (within / df2) if within > 0 else MISSING
        results[name] = (statistic, float(f.sf(statistic, df1, df2)) if statistic < MISSING else MISSING)
    return results, df1, df2


def bartlett(counts: FloatArray, variances: FloatArray) -> tuple[float, int, float]:
    """Bartlett's test from group sizes and variances; groups of one observation or no variance are left out."""
    from ssd.engine.stats.tails import chi2

    used = (counts > 1) & (variances > 0)
    if used.sum() < 2:
        return MISSING, 0, MISSING
    df, v = counts[used] - 1.0, variances[used]
    total, k = float(df.sum()), int(used.sum())
    numerator = total * np.log(float(df @ v) / total) - float(df @ np.log(v))
    statistic = float(numerator / (1 + (float(np.sum(1 / df)) - 1 / total) / (3 * (k - 1))))
    return statistic, k - 1, float(chi2.sf(statistic, k - 1))
