"""Tests about means and proportions of one or two groups ([R] ttest, prtest; Methods and formulas)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ssd.engine.missing import MISSING


@dataclass(frozen=True)
class TTest:
    t: float
    df: float
    p_lower: float
    p_two_sided: float
    p_upper: float
    difference: float
    se: float


def _t_test(difference: float, se: float, df: float) -> TTest:
    from ssd.engine.stats.tails import t as student

    if not se > 0:
        return TTest(MISSING, df, MISSING, MISSING, MISSING, difference, se)
    t = difference / se
    return TTest(
        t,
        df,
        float(student.cdf(t, df)),
        float(2 * student.sf(abs(t), df)),
        float(student.sf(t, df)),
        difference,
        se,
    )


def t_critical(df: float, level: float) -> float:
    """Half-width multiplier of a `level` percent t interval."""
    from ssd.engine.stats.tails import t as student

    return float(student.ppf(0.5 + level / 200.0, df)) if df > 0 else MISSING


def one_sample(n: float, mean: float, sd: float, null: float) -> TTest:
    return _t_test(mean - null, sd / float(np.sqrt(n)), n - 1.0)


def two_samples(
    n1: float, mean1: float, sd1: float, n2: float, mean2: float, sd2: float, *, unequal: bool, welch: bool
) -> TTest:
    """Two-sample t test: pooled, Satterthwaite's degrees of freedom, or Welch's."""
    v1, v2 = sd1**2 / n1, sd2**2 / n2
    if not unequal:
        df = n1 + n2 - 2.0
        pooled = ((n1 - 1) * sd1**2 + (n2 - 1) * sd2**2) / df
        return _t_test(mean1 - mean2, float(np.sqrt(pooled * (1 / n1 + 1 / n2))), df)
    if welch:
        df = -2.0 + (v1 + v2) ** 2 / (v1**2 / (n1 + 1) + v2**2 / (n2 + 1))
    else:
        df = (v1 + v2) ** 2 / (v1**2 / (n1 - 1) + v2**2 / (n2 - 1))
    return _t_test(mean1 - mean2, float(np.sqrt(v1 + v2)), df)


@dataclass(frozen=True)
class ZTest:
    z: float
    p_lower: float
    p_two_sided: float
    p_upper: float
    se: float
    """Standard error of the estimate, not under the null."""
    se_null: float


def _z_test(difference: float, se: float, se_null: float) -> ZTest:
    from ssd.engine.stats.tails import norm

    if not se_null > 0:
        return ZTest(MISSING, MISSING, MISSING, MISSING, se, se_null)
    z = difference / se_null
    return ZTest(z, float(norm.cdf(z)), float(2 * norm.sf(abs(z))), float(norm.sf(z)), se, se_null)


def one_proportion(n: float, p: float, null: float) -> ZTest:
    return _z_test(p - null, float(np.sqrt(p * (1 - p) / n)), float(np.sqrt(null * (1 - null) / n)))


def two_proportions(n1: float, p1: float, n2: float, p2: float) -> ZTest:
    pooled = (n1 * p1 + n2 * p2) / (n1 + n2)
    se = float(np.sqrt(p1 * (1 - p1) / n1 + p2 * (1 - p2) / n2))
    return _z_test(p1 - p2, se, float(np.sqrt(pooled * (1 - pooled) * (1 / n1 + 1 / n2))))
