"""Measures of association in a two-way table ([R] tabulate twoway, Methods and formulas)."""

from __future__ import annotations

from collections.abc import Iterator
from math import lgamma

import numpy as np

from ssd.engine.missing import MISSING, FloatArray


def expected_counts(table: FloatArray) -> FloatArray:
    """Counts expected under independence."""
    return np.asarray(np.outer(table.sum(axis=1), table.sum(axis=0)) / table.sum())


def degrees_of_freedom(table: FloatArray) -> int:
    return int((table.shape[0] - 1) * (table.shape[1] - 1))


def pearson(table: FloatArray) -> tuple[float, float]:
    """Pearson chi-squared and its p-value."""
    from ssd.engine.stats.tails import chi2

    expected = expected_counts(table)
    statistic = float(np.sum((table - expected) ** 2 / expected))
    return statistic, float(chi2.sf(statistic, degrees_of_freedom(table)))


def likelihood_ratio(table: FloatArray) -> tuple[float, float]:
    """Likelihood-ratio chi-squared and its p-value; empty cells contribute nothing."""
    from ssd.engine.stats.tails import chi2

    filled = table > 0
    statistic = float(2.0 * np.sum(table[filled] * np.log(table[filled] / expected_counts(table)[filled])))
    return statistic, float(chi2.sf(statistic, degrees_of_freedom(table)))


def cramers_v(table: FloatArray) -> float:
    """Cramer's V; signed for a 2 x 2 table."""
    if table.shape == (2, 2):
        a, b, c, d = table.ravel()
        margins = table.sum(axis=1).prod() * table.sum(axis=0).prod()
        return float((a * d - b * c) / np.sqrt(margins))
    statistic, _ = pearson(table)
    return float(np.sqrt(statistic / table.sum() / min(table.shape[0] - 1, table.shape[1] - 1)))


def _concordance(table: FloatArray) -> tuple[FloatArray, FloatArray]:
    """For each cell, the counts concordant and discordant with it."""
    n_rows, n_cols = table.shape
    padded = np.zeros((n_rows + 1, n_cols + 1))
    padded[1:, 1:] = table.cumsum(axis=0).cumsum(axis=1)
    total = padded[-1, -1]
    above, through = np.arange(n_rows), np.arange(1, n_rows + 1)
    before, upto = np.arange(n_cols), np.arange(1, n_cols + 1)
    upper_left = padded[np.ix_(above, before)]
    lower_right = total - padded[through, -1][:, None] - padded[-1, upto][None, :] + padded[np.ix_(through, upto)]
    upper_right = padded[above, -1][:, None] - padded[np.ix_(above, upto)]
    lower_left = padded[-1, before][None, :] - padded[np.ix_(through, before)]
    return upper_left + lower_right, upper_right + lower_left


def gamma(table: FloatArray) -> tuple[float, float]:
    """Goodman and Kruskal's gamma and its asymptotic standard error."""
    concordant, discordant = _concordance(table)
    p, q = float(np.sum(table * concordant)), float(np.sum(table * discordant))
    if p + q == 0:
        return MISSING, MISSING
    spread = float(np.sum(table * (q * concordant - p * discordant) ** 2))
    return (p - q) / (p + q), 4.0 / (p + q) ** 2 * float(np.sqrt(spread))


def kendall_tau_b(table: FloatArray) -> tuple[float, float]:
    """Kendall's tau-b and its asymptotic standard error (Agresti 1984; SAS/Stata form)."""
    n = float(table.sum())
    rows, cols = table.sum(axis=1), table.sum(axis=0)
    concordant, discordant = _concordance(table)
    p, q = float(np.sum(table * concordant)), float(np.sum(table * discordant))
    wr, wc = n**2 - float(rows @ rows), n**2 - float(cols @ cols)
    if wr == 0 or wc == 0:
        return MISSING, MISSING
    w = float(np.sqrt(wr * wc))
    v = rows[:, None] * wc + cols[None, :] * wr
    tau = (p - q) / w
    spread = float(np.sum(table * (2.0 * w * (concordant - discordant) + tau * v) ** 2))
    variance = (spread - n**3 * tau**2 * (wr + wc) ** 2) / w**4
    return tau, float(np.sqrt(max(variance, 0.0)))


def fisher_exact(table: FloatArray, limit: int = 5_000_000) -> tuple[float, float]:
    """Fisher's exact two-sided p, and the one-sided p of a 2 x 2 table (missing otherwise).

    The two-sided p sums the probabilities of all tables with these margins that are no more likely than
    the observed one. Raises OverflowError when more than `limit` distinct column fillings are met.
    """
    counts = table.astype(np.int64)
    rows, cols = counts.sum(axis=1), counts.sum(axis=0)
    counts = counts[rows > 0][:, cols > 0]
    if counts.shape == (2, 2):
        return _fisher_two_by_two(counts)
    if counts.shape[0] > counts.shape[1]:
        counts = counts.T
    rows, cols = counts.sum(axis=1), counts.sum(axis=0)
    log_factorial = np.array([lgamma(k + 1.0) for k in range(int(counts.sum()) + 1)])
    constant = log_factorial[rows].sum() + log_factorial[cols].sum() - log_factorial[counts.sum()]
    observed = constant - log_factorial[counts].sum()
    states: dict[tuple[tuple[int, ...], float], float] = {(tuple(int(r) for r in rows), 0.0): 1.0}
    work = 0
    for total in (int(c) for c in cols):
        following: dict[tuple[tuple[int, ...], float], float] = {}
        for (left, spent), multiplicity in states.items():
            for column in _fillings(left, total):
                work += 1
                if work > limit:
                    raise OverflowError("too many tables to enumerate")
                cost = round(spent + float(sum(log_factorial[k] for k in column)), 10)
                key = (tuple(a - b for a, b in zip(left, column, strict=True)), cost)
                following[key] = following.get(key, 0.0) + multiplicity
        states = following
    p = sum(m * np.exp(constant - cost) for (_, cost), m in states.items() if constant - cost <= observed + 1e-7)
    return float(min(p, 1.0)), MISSING


def _fillings(left: tuple[int, ...], total: int) -> Iterator[tuple[int, ...]]:
    """All ways to place `total` counts in cells bounded by `left`."""
    if len(left) == 1:
        if total <= left[0]:
            yield (total,)
        return
    rest = sum(left[1:])
    for first in range(max(0, total - rest), min(left[0], total) + 1):
        for others in _fillings(left[1:], total - first):
            yield (first, *others)


def _fisher_two_by_two(counts: FloatArray) -> tuple[float, float]:
    from ssd.engine.stats.tails import hypergeom

    (a, b), (c, d) = counts
    support = np.arange(max(0, int(a - d)), int(min(a + b, a + c)) + 1)
    probability = hypergeom.pmf(support, int(a + b + c + d), int(a + b), int(a + c))
    observed = probability[support == int(a)][0]
    two_sided = float(probability[probability <= observed * (1 + 1e-7)].sum())
    lower, upper = float(probability[support <= a].sum()), float(probability[support >= a].sum())
    return min(two_sided, 1.0), min(lower, upper, 1.0)
