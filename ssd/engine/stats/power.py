"""Power and sample size for means and proportions ([PSS-2] power; Methods and formulas)."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

MAXIMUM = 10_000_000


def one_mean(n: float, difference: float, sd: float, alpha: float, sides: int) -> float:
    """Power of the one-sample t test with n observations."""
    return _t_power(difference / (sd / np.sqrt(n)), n - 1.0, alpha, sides)


def two_means(n1: float, n2: float, difference: float, sd1: float, sd2: float, alpha: float, sides: int) -> float:
    """Power of the two-sample t test; Satterthwaite's degrees of freedom when the deviations differ."""
    v1, v2 = sd1**2 / n1, sd2**2 / n2
    df = n1 + n2 - 2.0 if sd1 == sd2 else (v1 + v2) ** 2 / (v1**2 / (n1 - 1) + v2**2 / (n2 - 1))
    return _t_power(difference / np.sqrt(v1 + v2), df, alpha, sides)


def _t_power(noncentrality: float, df: float, alpha: float, sides: int) -> float:
    from ssd.engine.stats.tails import nct, t

    if df <= 0:
        return 0.0
    critical = float(t.ppf(1 - alpha / sides, df))
    shift = abs(noncentrality)
    power = float(nct.sf(critical, df, shift))
    return power + (float(nct.cdf(-critical, df, shift)) if sides == 2 else 0.0)


def one_proportion(n: float, null: float, alternative: float, alpha: float, sides: int) -> float:
    """Power of the score test of one proportion (normal approximation)."""
    from scipy.special import ndtr, ndtri

    spread0, spread1 = np.sqrt(null * (1 - null)), np.sqrt(alternative * (1 - alternative))
    shift, critical = np.sqrt(n) * (alternative - null), float(ndtri(1 - alpha / sides)) * spread0
    power = float(ndtr((abs(shift) - critical) / spread1))
    return power + (float(ndtr((-abs(shift) - critical) / spread1)) if sides == 2 else 0.0)


def two_proportions(n1: float, n2: float, p1: float, p2: float, alpha: float, sides: int) -> float:
    """Power of Pearson's chi-squared test of two proportions (normal approximation)."""
    from scipy.special import ndtr, ndtri

    pooled = (n1 * p1 + n2 * p2) / (n1 + n2)
    null = np.sqrt(pooled * (1 - pooled) * (1 / n1 + 1 / n2))
    spread = np.sqrt(p1 * (1 - p1) / n1 + p2 * (1 - p2) / n2)
    critical = float(ndtri(1 - alpha / sides)) * null
    power = float(ndtr((abs(p2 - p1) - critical) / spread))
    return power + (float(ndtr((-abs(p2 - p1) - critical) / spread)) if sides == 2 else 0.0)


def smallest(power_at: Callable[[int], float], target: float) -> int:
    """Smallest n whose power reaches the target, by bisection. Raises OverflowError beyond ten million."""
    high = 2
    while power_at(high) < target:
        high *= 2
        if high > MAXIMUM:
            raise OverflowError("no feasible sample size")
    low = high // 2
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if power_at(middle) >= target else (middle, high)
    return high if high > 2 or power_at(2) < target else 2
