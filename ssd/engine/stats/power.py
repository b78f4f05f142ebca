"""Power of the tests behind `power` ([PSS-2] power and its methods, Methods and formulas), and sample sizes from it.

Every function gives the probability of rejecting at level `alpha` (two-sided tests: alpha/2 in each tail) when the
alternative holds, for sizes that need not be whole numbers.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

MAXIMUM = 10_000_000


def one_mean(n: float, difference: float, sd: float, alpha: float, sides: int, *, known: bool = False) -> float:
    """Power of the one-sample t test with n observations; of the z test when the deviation is known."""
    shift = difference / (sd / np.sqrt(n))
    return _z_power(shift, alpha, sides) if known else _t_power(shift, n - 1.0, alpha, sides)


def two_means(
    n1: float, n2: float, difference: float, sds: tuple[float, float], alpha: float, sides: int, *, known: bool = False
) -> float:
    """Power of the two-sample t test; Satterthwaite's degrees of freedom when the deviations differ."""
    v1, v2 = sds[0] ** 2 / n1, sds[1] ** 2 / n2
    shift = difference / np.sqrt(v1 + v2)
    if known:
        return _z_power(shift, alpha, sides)
    if n1 <= 1 or n2 <= 1:
        return 0.0
    df = n1 + n2 - 2.0 if sds[0] == sds[1] else (v1 + v2) ** 2 / (v1**2 / (n1 - 1) + v2**2 / (n2 - 1))
    return _t_power(shift, df, alpha, sides)


def _t_power(noncentrality: float, df: float, alpha: float, sides: int) -> float:
    from ssd.engine.stats.tails import nct, t

    if df <= 0:
        return 0.0
    critical = float(t.ppf(1 - alpha / sides, df))
    shift = abs(noncentrality)
    power = float(nct.sf(critical, df, shift))
    return power + (float(nct.cdf(-critical, df, shift)) if sides == 2 else 0.0)


def _z_power(shift: float, alpha: float, sides: int, spread: float = 1.0, null: float = 1.0) -> float:
    """`shift` over `spread` is standard normal under the alternative, over `null` under the hypothesis."""
    from scipy.special import ndtr, ndtri

    critical = float(ndtri(1 - alpha / sides)) * null
    power = float(ndtr((abs(shift) - critical) / spread))
    return power + (float(ndtr((-abs(shift) - critical) / spread)) if sides == 2 else 0.0)


def one_proportion(n: float, p0: float, pa: float, alpha: float, sides: int) -> float:
    """Power of the score test of one proportion (normal approximation)."""
    return _z_power(np.sqrt(n) * (pa - p0), alpha, sides, np.sqrt(pa * (1 - pa)), np.sqrt(p0 * (1 - p0)))


def two_proportions(n1: float, n2: float, p1: float, p2: float, alpha: float, sides: int) -> float:
    """Power of Pearson's chi-squared test of two proportions (normal approximation)."""
    pooled = (n1 * p1 + n2 * p2) / (n1 + n2)
    null = np.sqrt(pooled * (1 - pooled) * (1 / n1 + 1 / n2))
    return _z_power(p2 - p1, alpha, sides, np.sqrt(p1 * (1 - p1) / n1 + p2 * (1 - p2) / n2), null)


def one_correlation(n: float, r0: float, ra: float, alpha: float, sides: int) -> float:
    """Power of Fisher's z test of one correlation."""
    return _z_power((np.arctanh(ra) - np.arctanh(r0)) * np.sqrt(n - 3.0), alpha, sides) if n > 3 else 0.0


def two_correlations(n1: float, n2: float, r1: float, r2: float, alpha: float, sides: int) -> float:
    """Power of Fisher's z test that two correlations are equal."""
    if min(n1, n2) <= 3:
        return 0.0
    return _z_power((np.arctanh(r2) - np.arctanh(r1)) / np.sqrt(1 / (n1 - 3) + 1 / (n2 - 3)), alpha, sides)


def one_variance(n: float, v0: float, va: float, alpha: float, sides: int) -> float:
    """Power of the chi-squared test of one variance."""
    from scipy.special import chdtr, chdtri

    if n <= 1:
        return 0.0
    df, ratio = n - 1.0, v0 / va
    above = 1.0 - float(chdtr(df, float(chdtri(df, alpha / sides)) * ratio))
    below = float(chdtr(df, float(chdtri(df, 1.0 - alpha / sides)) * ratio))
    return above + below if sides == 2 else above if va > v0 else below


def two_variances(n1: float, n2: float, v1: float, v2: float, alpha: float, sides: int) -> float:
    """Power of the F test that two variances are equal."""
    from scipy.special import fdtr, fdtri

    if min(n1, n2) <= 1:
        return 0.0
    df, ratio = (n2 - 1.0, n1 - 1.0), v1 / v2
    above = 1.0 - float(fdtr(*df, float(fdtri(*df, 1.0 - alpha / sides)) * ratio))
    below = float(fdtr(*df, float(fdtri(*df, alpha / sides)) * ratio))
    return above + below if sides == 2 else above if v2 > v1 else below


def one_way(per_group: float, groups: int, between: float, within: float, alpha: float) -> float:
    """Power of the F test of one-way analysis of variance with equal groups.

    `between` is the variance of the group means about the grand mean (divisor: the number of groups), `within` the
    error variance.
    """
    from scipy.special import fdtri, ncfdtr

    n = per_group * groups
    df1, df2 = groups - 1.0, n - groups
    if df2 <= 0:
        return 0.0
    critical = float(fdtri(df1, df2, 1.0 - alpha))
    return 1.0 - float(ncfdtr(df1, df2, n * between / within, critical))


def smallest(power_at: Callable[[int], float], target: float) -> int:
    """Smallest n whose power reaches the target, by bisection. Raises OverflowError beyond ten million."""
    high = 2
    while not power_at(high) >= target:
        high *= 2
        if high > MAXIMUM:
            raise OverflowError("no feasible sample size")
    low = high // 2
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if power_at(middle) >= target else (middle, high)
    return high if high > 2 or power_at(2) < target else 2


def nearest_alternative(power_at: Callable[[float], float], target: float, ends: Sequence[float]) -> float:
    """The value between ends[0] (the hypothesis) and ends[1] at which the power reaches the target.

    Power must grow along the way. Raises OverflowError when it does not reach the target.
    """
    from scipy.optimize import brentq

    start, end = ends
    step = (end - start) if np.isfinite(end) else np.copysign(1.0, end)
    if np.isfinite(end):
        far = start + step * (1 - 1e-9)
    else:
        far = start + step
        while power_at(far) < target:
            step *= 2
            far = start + step
            if abs(step) > 1e12:
                raise OverflowError("no feasible value")
    near = start + (far - start) * 1e-9
    if not power_at(far) >= target:
        raise OverflowError("no feasible value")
    return float(brentq(lambda value: power_at(value) - target, near, far, xtol=1e-13, rtol=1e-13))
