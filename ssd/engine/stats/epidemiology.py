"""Measures of two-by-two tables: risks, odds and rates with their intervals ([R] Epitab, Methods and formulas)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ssd.engine.missing import FloatArray
from ssd.engine.stats.arithmetic import quotient


@dataclass(frozen=True)
class Measure:
    """An estimate with its confidence limits; nan where it does not exist."""

    value: float
    low: float = math.nan
    high: float = math.nan


@dataclass(frozen=True)
class Combined:
    """A stratified measure: one per stratum with its weight, the Mantel-Haenszel combination and its tests."""

    strata: list[Measure]
    weights: list[float]
    combined: Measure
    homogeneity: float
    """Chi-squared of the hypothesis that the strata share one measure."""
    df: int
    statistic: float = math.nan
    """Mantel-Haenszel chi-squared that the combined measure is one (odds ratios only)."""


def z_of(level: float) -> float:
    from scipy.special import ndtri

    return float(ndtri(0.5 + level / 200.0))


def _ratio(top: float, bottom: float) -> float:
    return top / bottom if bottom else math.nan


def _around_log(ratio: float, se: float, z: float) -> Measure:
    if not (ratio > 0.0 and math.isfinite(se)):
        return Measure(ratio)
    return Measure(ratio, ratio * math.exp(-z * se), ratio * math.exp(z * se))


def _root(value: float) -> float:
    return math.sqrt(value) if value >= 0.0 else math.nan


def risk_difference(a: float, b: float, c: float, d: float, z: float) -> Measure:
    n1, n0 = a + c, b + d
    value = _ratio(a, n1) - _ratio(b, n0)
    se = _root(_ratio(a * c, n1**3) + _ratio(b * d, n0**3))
    return Measure(value, value - z * se, value + z * se)


def risk_ratio(cells: Sequence[float], z: float) -> Measure:
    a, b, c, d = cells
    n1, n0 = a + c, b + d
    return _around_log(_ratio(_ratio(a, n1), _ratio(b, n0)), _root(_ratio(c, a * n1) + _ratio(d, b * n0)), z)


def rate_difference(a: float, b: float, t1: float, t0: float, z: float) -> Measure:
    value = a / t1 - b / t0
    se = math.sqrt(a / t1**2 + b / t0**2)
    return Measure(value, value - z * se, value + z * se)


def rate_ratio(cells: Sequence[float], level: float) -> Measure:
    """Ratio of rates with the exact (binomial) interval; cells are cases and person-time."""
    a, b, t1, t0 = cells
    low, high = binomial_limits(a, a + b, level)
    scale = quotient(t0, t1)
    return Measure(
        _ratio(a / t1, b / t0), low / (1.0 - low) * scale, high / (1.0 - high) * scale if high < 1.0 else math.nan
    )


def rate_midp(a: float, b: float, t1: float, t0: float) -> tuple[float, float]:
    """Lower and upper one-sided mid-p of the number of exposed cases."""
    from scipy.special import bdtrc

    n, p = a + b, t1 / (t1 + t0)
    beyond = float(bdtrc(a, n, p))
    at_least = float(bdtrc(a - 1.0, n, p)) if a > 0 else 1.0
    upper = 0.5 * (beyond + at_least)
    return 1.0 - upper, upper


def binomial_limits(k: float, n: float, level: float) -> tuple[float, float]:
    """Clopper-Pearson limits of a proportion."""
    from scipy.special import betaincinv

    tail = (1.0 - level / 100.0) / 2.0
    low = 0.0 if k <= 0 else float(betaincinv(k, n - k + 1.0, tail))
    high = 1.0 if k >= n else float(betaincinv(k + 1.0, n - k, 1.0 - tail))
    return low, high


def odds_ratio(cells: Sequence[float], level: float, method: str) -> Measure:
    """Odds ratio; `method` is exact, woolf, tb or cornfield."""
    a, b, c, d = cells
    value = _ratio(a * d, b * c)
    z = z_of(level)
    if method == "woolf":
        return _around_log(value, _root(sum(_ratio(1.0, cell) for cell in (a, b, c, d))), z)
    if method == "tb":
        chi = math.sqrt(chi_squared(a, b, c, d))
        if not (value > 0.0 and chi > 0.0):
            return Measure(value)
        ends = sorted((value ** (1.0 - z / chi), value ** (1.0 + z / chi)))
        return Measure(value, ends[0], ends[1])
    if method == "cornfield":
        return Measure(value, _cornfield(a, b, c, d, -z), _cornfield(a, b, c, d, z))
    return Measure(value, *_exact_odds_limits(a, b, c, d, (1.0 - level / 100.0) / 2.0))


def _cornfield(a: float, b: float, c: float, d: float, z: float) -> float:
    """Odds ratio whose expected table lies z of its standard errors from the observed one."""
    m1, n1, m0 = a + b, a + c, c + d
    lowest, highest = max(0.0, n1 - m0), min(m1, n1)

    def excess(x: float) -> float:
        information = 1.0 / x + 1.0 / (m1 - x) + 1.0 / (n1 - x) + 1.0 / (m0 - n1 + x)
        return x - a - z / math.sqrt(information)

    from scipy.optimize import brentq

    margin = 1e-9 * max(highest - lowest, 1.0)
    start, end = (a, highest - margin) if z > 0 else (lowest + margin, a)
    start, end = max(start, lowest + margin), min(end, highest - margin)
    if start >= end or excess(start) * excess(end) > 0.0:
        return math.nan if z > 0 else 0.0
    x = float(brentq(excess, start, end, xtol=1e-13 * max(highest, 1.0), rtol=1e-15))
    return x * (m0 - n1 + x) / ((m1 - x) * (n1 - x))


def _exact_odds_limits(a: float, b: float, c: float, d: float, tail: float) -> tuple[float, float]:
    """Limits at which the noncentral hypergeometric tail beyond the observed table has the given probability."""
    from scipy.optimize import brentq
    from scipy.special import gammaln, logsumexp

    m1, n1, total = a + b, a + c, a + b + c + d
    first, last = int(max(0.0, n1 + m1 - total)), int(min(m1, n1))
    support = np.arange(first, last + 1, dtype=np.float64)
    counts = -(
        gammaln(support + 1)
        + gammaln(m1 - support + 1)
        + gammaln(n1 - support + 1)
        + gammaln(total - m1 - n1 + support + 1)
    )

    def tail_at(log_odds: float, upper: bool) -> float:
        terms = counts + support * log_odds
        chosen = support >= a if upper else support <= a
        return float(logsumexp(terms[chosen]) - logsumexp(terms)) - math.log(tail)

    start = math.log((a + 0.5) * (d + 0.5) / ((b + 0.5) * (c + 0.5)))
    low, high = 0.0, math.inf
    if a > first:
        low = math.exp(brentq(lambda x: tail_at(x, True), start - 50.0, start + 50.0, xtol=1e-13))
    if a < last:
        high = math.exp(brentq(lambda x: tail_at(x, False), start - 50.0, start + 50.0, xtol=1e-13))
    return low, high


def chi_squared(a: float, b: float, c: float, d: float) -> float:
    """Pearson's statistic of the table."""
    return _ratio((a * d - b * c) ** 2 * (a + b + c + d), (a + b) * (c + d) * (a + c) * (b + d))


def attributable(ratio: Measure) -> Measure:
    """Attributable fraction among the exposed, or prevented when the ratio is below one."""
    if ratio.value >= 1.0:
        return Measure(1.0 - 1.0 / ratio.value, 1.0 - _ratio(1.0, ratio.low), 1.0 - _ratio(1.0, ratio.high))
    return Measure(1.0 - ratio.value, 1.0 - ratio.high, 1.0 - ratio.low)


# --- strata ------------------------------------------------------------------------------------


def combine_risk_ratios(tables: Sequence[FloatArray], level: float) -> Combined:
    """Mantel-Haenszel risk ratio with Greenland and Robins's variance; tables are [a, b, c, d]."""
    z = z_of(level)
    a, b, c, d = np.array(tables, dtype=np.float64).T
    n1, n0, total = a + c, b + d, a + b + c + d
    top, bottom = a * n0 / total, b * n1 / total
    variance = np.sum(((a + b) * n1 * n0 - a * b * total) / total**2) / (top.sum() * bottom.sum())
    combined = _around_log(_ratio(float(top.sum()), float(bottom.sum())), _root(float(variance)), z)
    strata = [risk_ratio(row.tolist(), z) for row in tables]
    return _with_homogeneity(strata, bottom, combined, c / (a * n1) + d / (b * n0))


def combine_rate_ratios(tables: Sequence[FloatArray], level: float) -> Combined:
    """Mantel-Haenszel ratio of rates; tables are [a, b, t1, t0]."""
    z = z_of(level)
    a, b, t1, t0 = np.array(tables, dtype=np.float64).T
    total = t1 + t0
    top, bottom = a * t0 / total, b * t1 / total
    variance = np.sum((a + b) * t1 * t0 / total**2) / (top.sum() * bottom.sum())
    combined = _around_log(_ratio(float(top.sum()), float(bottom.sum())), _root(float(variance)), z)
    strata = [rate_ratio(row.tolist(), level) for row in tables]
    return _with_homogeneity(strata, bottom, combined, 1.0 / a + 1.0 / b)


def combine_odds_ratios(tables: Sequence[FloatArray], level: float, method: str) -> Combined:
    """Mantel-Haenszel odds ratio with Robins, Breslow and Greenland's variance, and the test that it is one."""
    z = z_of(level)
    a, b, c, d = np.array(tables, dtype=np.float64).T
    total = a + b + c + d
    p, q, r, s = (a + d) / total, (b + c) / total, a * d / total, b * c / total
    top, bottom = float(r.sum()), float(s.sum())
    variance = (
        np.sum(p * r) / (2 * top**2) + np.sum(p * s + q * r) / (2 * top * bottom) + np.sum(q * s) / (2 * bottom**2)
    )
    combined = _around_log(_ratio(top, bottom), _root(float(variance)), z)
    strata = [odds_ratio(row.tolist(), level, method) for row in tables]
    expected = (a + b) * (a + c) / total
    spread = (a + b) * (c + d) * (a + c) * (b + d) / (total**2 * (total - 1))
    found = _with_homogeneity(strata, s, combined, 1 / a + 1 / b + 1 / c + 1 / d)
    statistic = _ratio(float((a - expected).sum()) ** 2, float(spread.sum()))
    return Combined(found.strata, found.weights, found.combined, found.homogeneity, found.df, statistic)


def _with_homogeneity(strata: list[Measure], weights: FloatArray, combined: Measure, variances: FloatArray) -> Combined:
    """Weighted squared distances of the strata's log ratios from the combined one; empty cells drop a stratum."""
    ratios = np.array([stratum.value for stratum in strata])
    usable = (ratios > 0.0) & np.isfinite(ratios) & np.isfinite(variances)
    distance = (np.log(ratios[usable]) - math.log(combined.value)) ** 2 / variances[usable]
    return Combined(strata, [float(w) for w in weights], combined, float(distance.sum()), int(usable.sum()) - 1)


# --- matched pairs -----------------------------------------------------------------------------


def matched_measures(a: float, b: float, c: float, d: float, level: float) -> dict[str, Measure]:
    """Difference, ratio and relative difference of proportions and the odds ratio of matched pairs.

    The table counts pairs: case exposed in the first row, control exposed in the first column.
    """
    z, n = z_of(level), a + b + c + d
    difference = (b - c) / n
    spread = z * math.sqrt((a + d) * (b + c) + 4 * b * c) / (n * math.sqrt(n)) + 1.0 / n
    relative = _ratio(b - c, b + d)
    relative_se = _ratio(_root((b + c + d) * (b * c + b * d + c * d) - b * c * d), (b + d) ** 2)
    low, high = binomial_limits(b, b + c, level) if b + c > 0 else (math.nan, math.nan)
    return {
        "difference": Measure(difference, difference - spread, difference + spread),
        "ratio": _around_log(_ratio(a + b, a + c), _root(_ratio(b + c, (a + b) * (a + c))), z),
        "relative": Measure(relative, relative - z * relative_se, relative + z * relative_se),
        "odds": Measure(_ratio(b, c), _ratio(low, 1.0 - low), _ratio(high, 1.0 - high)),
    }
