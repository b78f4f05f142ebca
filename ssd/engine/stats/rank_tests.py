"""Rank tests ([R] ranksum, signrank, kwallis, ksmirnov, median; Methods and formulas)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ssd.engine.missing import MISSING, FloatArray
from ssd.engine.stats.correlation import ranks


@dataclass(frozen=True)
class RankSum:
    """Wilcoxon rank-sum test of group 1 against group 2."""

    n1: int
    n2: int
    sum1: float
    sum2: float
    expected1: float
    expected2: float
    variance: float
    tie_adjustment: float
    z: float
    p: float
    p_exact: float
    porder: float


def rank_sum(first: FloatArray, second: FloatArray, exact: bool) -> RankSum:
    """Wilcoxon rank-sum; `exact` asks for the permutation p-value (ties allowed)."""
    from ssd.engine.stats.tails import norm

    n1, n2 = first.size, second.size
    n = n1 + n2
    rank = ranks(np.concatenate([first, second]))
    sum1 = float(rank[:n1].sum())
    expected = n1 * (n + 1) / 2.0
    unadjusted = n1 * n2 * (n + 1) / 12.0
    adjusted = n1 * n2 / float(n) * float(np.var(rank, ddof=1)) if n > 1 else 0.0
    z = (sum1 - expected) / float(np.sqrt(adjusted)) if adjusted > 0 else MISSING
    p = float(2.0 * norm.sf(abs(z))) if z < MISSING else MISSING
    p_exact = _exact_rank_sum(rank, n1, sum1) if exact else MISSING
    porder = (sum1 - n1 * (n1 + 1) / 2.0) / (n1 * n2)
    return RankSum(
        n1,
        n2,
        sum1,
        float(rank[n1:].sum()),
        expected,
        n2 * (n + 1) / 2.0,
        unadjusted,
        adjusted - unadjusted,
        z,
        p,
        p_exact,
        porder,
    )


def _exact_rank_sum(rank: FloatArray, n1: int, observed: float) -> float:
    """Two-sided exact p: twice the smaller tail, by counting subsets of doubled ranks."""
    doubled = np.round(2.0 * rank).astype(np.int64)
    top = int(doubled.sum())
    ways = np.zeros((n1 + 1, top + 1))
    ways[0, 0] = 1.0
    reached = 0
    for value in doubled:
        reached += int(value)
        ways[1:, value : reached + 1] += ways[:-1, : reached + 1 - value].copy()
    distribution = ways[n1] / ways[n1].sum()
    target = round(2.0 * observed)
    lower, upper = float(distribution[: target + 1].sum()), float(distribution[target:].sum())
    return min(1.0, 2.0 * min(lower, upper))


@dataclass(frozen=True)
class SignedRank:
    """Wilcoxon matched-pairs signed-rank test and its counts."""

    n_positive: int
    n_negative: int
    n_zero: int
    sum_positive: float
    sum_negative: float
    sum_zero: float
    expected: float
    variance: float
    tie_adjustment: float
    zero_adjustment: float
    z: float
    p: float
    p_exact: float


def signed_rank(difference: FloatArray, exact: bool) -> SignedRank:
    """Signed-rank test with Stata's treatment of zeros: ranked, then removed from the variance."""
    from ssd.engine.stats.tails import norm

    n = difference.size
    rank = ranks(np.abs(difference))
    zero = difference == 0
    n_zero = int(zero.sum())
    positive = float(rank[difference > 0].sum())
    negative = float(rank[difference < 0].sum())
    expected = (positive + negative) / 2.0
    unadjusted = n * (n + 1) * (2 * n + 1) / 24.0
    zeros = -n_zero * (n_zero + 1) * (2 * n_zero + 1) / 24.0
    adjusted = float(np.sum(rank[~zero] ** 2)) / 4.0
    ties = adjusted - unadjusted - zeros
    z = (positive - expected) / float(np.sqrt(adjusted)) if adjusted > 0 else MISSING
    p = float(2.0 * norm.sf(abs(z))) if z < MISSING else MISSING
    p_exact = _exact_signed_rank(rank[~zero], positive) if exact else MISSING
    return SignedRank(
        int((difference > 0).sum()),
        int((difference < 0).sum()),
        n_zero,
        positive,
        negative,
        float(rank[zero].sum()),
        expected,
        unadjusted,
        ties,
        zeros,
        z,
        p,
        p_exact,
    )


def _exact_signed_rank(rank: FloatArray, observed: float) -> float:
    """Two-sided exact p over all sign patterns, by the generating function of doubled ranks."""
    ways = np.ones(1)
    for value in np.round(2.0 * rank).astype(np.int64):
        grown = np.zeros(ways.size + int(value))
        grown[: ways.size] += ways
        grown[int(value) :] += ways
        ways = grown / 2.0
    target = round(2.0 * observed)
    return min(1.0, 2.0 * min(float(ways[: target + 1].sum()), float(ways[target:].sum())))


@dataclass(frozen=True)
class KruskalWallis:
    counts: FloatArray
    rank_sums: FloatArray
    chi2: float
    chi2_adjusted: float
    df: int


def kruskal_wallis(y: FloatArray, group: FloatArray, n_groups: int) -> KruskalWallis:
    """Kruskal-Wallis test; `group` holds codes 0 … n_groups-1."""
    rank = ranks(y)
    codes = group.astype(np.intp)
    counts = np.bincount(codes, minlength=n_groups).astype(np.float64)
    sums = np.bincount(codes, weights=rank, minlength=n_groups).astype(np.float64)
    n = float(y.size)
    statistic = 12.0 / (n * (n + 1)) * float(np.sum(sums**2 / counts)) - 3.0 * (n + 1)
    _, ties = np.unique(y, return_counts=True)
    correction = 1.0 - float(np.sum(ties**3 - ties)) / (n**3 - n)
    return KruskalWallis(counts, sums, statistic, statistic / correction if correction > 0 else MISSING, n_groups - 1)


def smirnov_two_sample(first: FloatArray, second: FloatArray) -> tuple[float, float]:
    """Largest positive and most negative differences F1 - F2 of the empirical distributions."""
    points = np.unique(np.concatenate([first, second]))
    gap = (
        np.searchsorted(np.sort(first), points, side="right") / first.size
        - np.searchsorted(np.sort(second), points, side="right") / second.size
    )
    return float(max(gap.max(), 0.0)), float(min(gap.min(), 0.0))


def smirnov_one_sample(cdf: FloatArray, ecdf_upper: FloatArray, ecdf_lower: FloatArray) -> tuple[float, float]:
    """Largest positive and most negative differences of theory minus sample."""
    return float(max((cdf - ecdf_lower).max(), 0.0)), float(min((cdf - ecdf_upper).min(), 0.0))


def smirnov_p(d: float, n: float) -> float:
    """Limiting p of the combined statistic with effective sample size n (Smirnov 1933)."""
    from scipy.special import kolmogorov

    return float(kolmogorov(d * np.sqrt(n)))
