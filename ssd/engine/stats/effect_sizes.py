"""Effect sizes of two means with noncentral-t limits ([R] esize, Methods and formulas)."""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass(frozen=True)
class EffectSize:
    value: float
    low: float
    high: float


def mean_comparison(
    first: tuple[float, float, float], second: tuple[float, float, float], level: float
) -> dict[str, EffectSize]:
    """Cohen's d, Hedges's g and the point-biserial correlation; a sample is its size, mean and deviation."""
    (n1, m1, s1), (n2, m2, s2) = first, second
    df = n1 + n2 - 2.0
    pooled = math.sqrt(((n1 - 1) * s1**2 + (n2 - 1) * s2**2) / df)
    d = (m1 - m2) / pooled
    scale = math.sqrt((n1 + n2) / (n1 * n2))
    low, high = noncentrality_limits(d / scale, df, level)
    correction = math.exp(math.lgamma(df / 2) - math.lgamma((df - 1) / 2)) / math.sqrt(df / 2)
    t = d / scale

    def biserial(x: float) -> float:
        return x / math.sqrt(x**2 + df)

    return {
        "d": EffectSize(d, low * scale, high * scale),
        "g": EffectSize(d * correction, low * scale * correction, high * scale * correction),
        "r_pb": EffectSize(biserial(t), biserial(low), biserial(high)),
    }


def noncentrality_limits(t: float, df: float, level: float) -> tuple[float, float]:
    """Noncentralities that put the observed t at the upper and the lower tail."""
    from scipy.optimize import brentq
    from scipy.stats import nct

    tail = (1.0 - level / 100.0) / 2.0
    width = 12.0 + 2.0 * abs(t)
    try:
        low = brentq(lambda nc: nct.sf(t, df, nc) - tail, t - width, t + width, xtol=1e-12)
        high = brentq(lambda nc: nct.cdf(t, df, nc) - tail, t - width, t + width, xtol=1e-12)
    except ValueError:
        # The distribution function cannot be computed for an effect without variation.
        return math.nan, math.nan
    return float(low), float(high)
