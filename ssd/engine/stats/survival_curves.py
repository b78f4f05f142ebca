"""Kaplan–Meier and Nelson–Aalen estimates, percentiles of survival time, and tests of equality.

Formulas: [ST] sts, "Methods and formulas"; Kalbfleisch and Prentice (2002); Collett (2003) for percentiles.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ssd.engine.data.survival import Records
from ssd.engine.missing import FloatArray
from ssd.engine.stats.distributions import critical

IndexArray = NDArray[np.intp]


def sums_from(values: FloatArray, weights: FloatArray, at: FloatArray) -> FloatArray:
    """For each time of `at` the sum of the weights of all values at or after it."""
    order = np.argsort(values, kind="stable")
    totals = np.append(np.cumsum(weights[order][::-1])[::-1], 0.0)
    result: FloatArray = totals[np.searchsorted(values[order], at, side="left")]
    return result


def sums_at(values: FloatArray, weights: FloatArray, at: FloatArray) -> FloatArray:
    """For each of the distinct, sorted times of `at` the sum of the weights of the values equal to it."""
    if not at.size:
        return np.zeros(0)
    places = np.searchsorted(at, values)
    inside = (places < at.size) & (at[np.minimum(places, at.size - 1)] == values)
    return np.bincount(places[inside], weights=weights[inside], minlength=at.size).astype(np.float64)


def numbers_at_risk(t0: FloatArray, t: FloatArray, w: FloatArray, at: FloatArray) -> FloatArray:
    """Weighted number of records with t0 < time <= t at each time: (m,)."""
    return sums_from(t, w, at) - sums_from(t0, w, at)


@dataclass(frozen=True)
class Curve:
    """Estimates at each time at which records fail, leave or enter: all (m,); nan where undefined."""

    time: FloatArray
    n: FloatArray
    d: FloatArray
    lost: FloatArray
    """Censored, entries not yet subtracted."""
    entered: FloatArray
    survivor: FloatArray
    error: FloatArray
    """Greenwood's standard error of the survivor function; nan where the function is 0 or 1."""
    spread: FloatArray
    """Standard error of ln(-ln S)."""
    cumulative: FloatArray
    """Nelson–Aalen cumulative hazard."""
    cumulative_error: FloatArray

    def survivor_limits(self, level: float) -> tuple[FloatArray, FloatArray]:
        """Limits by the ln(-ln S) transformation."""
        z = critical(level, None)
        with np.errstate(over="ignore", invalid="ignore"):
            low = self.survivor ** np.exp(z * self.spread)
            high = self.survivor ** np.exp(-z * self.spread)
        return low, high

    def cumulative_limits(self, level: float) -> tuple[FloatArray, FloatArray]:
        """Limits by the ln H transformation."""
        z = critical(level, None)
        with np.errstate(divide="ignore", invalid="ignore"):
            ratio = z * self.cumulative_error / self.cumulative
        known = self.cumulative > 0.0
        low = np.where(known, self.cumulative * np.exp(-np.where(known, ratio, 0.0)), np.nan)
        high = np.where(known, self.cumulative * np.exp(np.where(known, ratio, 0.0)), np.nan)
        return low, high

    def percentile(self, p: float) -> float:
        """The first time at which the survivor function is at or below 1 - p/100; nan when it never is."""
        below = np.flatnonzero(self.survivor <= 1.0 - p / 100.0 + 1e-12)
        return float(self.time[below[0]]) if below.size else math.nan


def curve(records: Records) -> Curve:
    """Product-limit and Nelson–Aalen estimates of one group."""
    late = records.t0 > 0.0
    times = np.unique(np.concatenate([records.t, records.t0[late]]))
    n = numbers_at_risk(records.t0, records.t, records.w, times)
    d = sums_at(records.t, records.w * records.d, times)
    lost = sums_at(records.t, records.w * (1.0 - records.d), times)
    entered = sums_at(records.t0[late], records.w[late], times)
    share = np.divide(d, n, out=np.zeros_like(d), where=n > 0)
    survivor = np.asarray(np.cumprod(1.0 - share), dtype=np.float64)
    survivor[survivor < 1e-14] = 0.0
    left = n - d
    with np.errstate(divide="ignore", invalid="ignore"):
        greenwood = np.cumsum(np.where(d > 0, d / (n * left), 0.0))
        inside = (survivor > 0.0) & (survivor < 1.0)
        error = np.asarray(np.where(inside, survivor * np.sqrt(greenwood), np.nan), dtype=np.float64)
        spread = np.where(inside, np.sqrt(greenwood) / np.abs(np.log(survivor)), np.nan)
    variance: FloatArray = np.cumsum(np.divide(d, n * n, out=np.zeros_like(d), where=n > 0))
    return Curve(
        times,
        n,
        d,
        lost,
        entered,
        survivor,
        error,
        spread,
        np.cumsum(share),
        np.asarray(np.sqrt(variance), dtype=np.float64),
    )


def select(records: Records, chosen: NDArray[np.bool_]) -> Records:
    """The records flagged in `chosen` (in record order)."""
    rows = records.rows.copy()
    rows[np.flatnonzero(rows)[~chosen]] = False
    return Records(rows, records.t0[chosen], records.t[chosen], records.d[chosen], records.w[chosen],
                   records.subject[chosen])  # fmt: skip


@dataclass(frozen=True)
class PercentileInterval:
    value: float
    error: float
    low: float
    high: float


def percentile_interval(found: Curve, p: float, level: float) -> PercentileInterval:
    """A percentile with Collett's standard error and the limits read off the band of the survivor function."""
    target = 1.0 - p / 100.0
    value = found.percentile(p)
    low_band, high_band = found.survivor_limits(level)

    def first(values: FloatArray) -> float:
        hit = np.flatnonzero(np.where(np.isnan(values), found.survivor, values) <= target + 1e-12)
        return float(found.time[hit[0]]) if hit.size else math.nan

    error = math.nan
    if not math.isnan(value):
        place = int(np.flatnonzero(found.time == value)[0])
        before = np.flatnonzero(found.survivor >= target + 0.05)
        after = np.flatnonzero(found.survivor <= target - 0.05)
        if before.size and after.size and found.survivor[place] > 0.0:
            u, v = before[-1], after[0]
            density = (found.survivor[u] - found.survivor[v]) / (found.time[v] - found.time[u])
            error = float(found.error[place] / density)
    return PercentileInterval(value, error, first(low_band), first(high_band))


def restricted_mean(found: Curve) -> tuple[float, float, bool]:
    """Area under the survivor function up to the last time, its standard error, and whether it reaches 0."""
    times = np.concatenate([[0.0], found.time])
    heights = np.concatenate([[1.0], found.survivor])
    pieces = heights[:-1] * np.diff(times)
    after = np.cumsum(pieces[::-1])[::-1]
    area = float(pieces.sum())
    rest = np.append(after[1:], 0.0)
    left = found.n - found.d
    with np.errstate(divide="ignore", invalid="ignore"):
        terms = np.where((found.d > 0) & (left > 0), rest**2 * found.d / (found.n * left), 0.0)
    return area, math.sqrt(float(terms.sum())), bool(found.survivor[-1] <= 0.0)


@dataclass(frozen=True)
class EqualityTest:
    observed: FloatArray
    """(G,) summed over strata."""
    expected: FloatArray
    score: FloatArray
    """Weighted sum of observed minus expected: (G,)."""
    variance: FloatArray
    """(G, G)."""

    def chi2(self) -> tuple[float, int]:
        """Statistic and degrees of freedom."""
        from ssd.engine.stats.linear import symmetric_inverse

        g = len(self.score)
        W = symmetric_inverse(self.variance[: g - 1, : g - 1])
        u = self.score[: g - 1]
        return float(u @ W @ u), g - 1

    def trend(self, scores: FloatArray) -> float:
        """Chi-squared with one degree of freedom for a trend in the scores."""
        return float((scores @ self.score) ** 2 / (scores @ self.variance @ scores))


Weighting = Callable[[FloatArray, FloatArray, FloatArray], FloatArray]
"""Number at risk, failures and the survivor function just before, to the weights of the failure times."""


def weighting(kind: str, p: float = 0.0, q: float = 0.0) -> Weighting:
    """Weights of logrank, wilcoxon, tware, peto or fh tests ([ST] sts test, "Methods and formulas")."""
    if kind == "wilcoxon":
        return lambda n, d, s: n
    if kind == "tware":
        return lambda n, d, s: np.asarray(np.sqrt(n), dtype=np.float64)
    if kind == "peto":
        return lambda n, d, s: np.asarray(np.cumprod(1.0 - d / (n + 1.0)), dtype=np.float64)
    if kind == "fh":
        return lambda n, d, s: s**p * (1.0 - s) ** q
    return lambda n, d, s: np.ones_like(n)


def equality_test(records: Records, group: IndexArray, groups: int, stratum: IndexArray, rule: Weighting
                  ) -> EqualityTest:  # fmt: skip
    """Observed, expected, and the weighted score with its hypergeometric variance."""
    observed, expected, score = np.zeros(groups), np.zeros(groups), np.zeros(groups)
    variance = np.zeros((groups, groups))
    for each in np.unique(stratum):
        inside = stratum == each
        part, ids = select(records, inside), group[inside]
        times = np.unique(part.t[part.d > 0])
        if not times.size:
            continue
        at_risk = np.empty((times.size, groups))
        failed = np.empty((times.size, groups))
        for g in range(groups):
            own = ids == g
            at_risk[:, g] = numbers_at_risk(part.t0[own], part.t[own], part.w[own], times)
            failed[:, g] = sums_at(part.t[own], (part.w * part.d)[own], times)
        n, d = at_risk.sum(axis=1), failed.sum(axis=1)
        before = np.concatenate([[1.0], np.cumprod(1.0 - d / n)[:-1]])
        w = rule(n, d, before)
        share = at_risk / n[:, None]
        observed += failed.sum(axis=0)
        expected += (share * d[:, None]).sum(axis=0)
        score += (w[:, None] * (failed - share * d[:, None])).sum(axis=0)
        scale = w * w * d * np.divide(n - d, n - 1.0, out=np.zeros_like(n), where=n > 1.0)
        variance += np.diag(scale @ share) - share.T @ (share * scale[:, None])
    return EqualityTest(observed, expected, score, variance)
