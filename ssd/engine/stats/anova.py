"""Analysis of variance: one-way and factorial with continuous covariates ([R] oneway, anova)."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations

import numpy as np

from ssd.engine.missing import MISSING, FloatArray


@dataclass(frozen=True)
class OneWay:
    """Group statistics and the analysis-of-variance table; `n` is the number of observations."""

    counts: FloatArray
    means: FloatArray
    variances: FloatArray
    n: float
    mss: float
    rss: float
    df_m: int
    df_r: float
    f: float
    p: float

    @property
    def mse(self) -> float:
        return self.rss / self.df_r if self.df_r else MISSING


def one_way(y: FloatArray, codes: FloatArray, n_groups: int, weights: FloatArray, n: float) -> OneWay:
    """`weights` must sum to `n` (frequency weights do, analytic weights after rescaling)."""
    from ssd.engine.stats.tails import f as fisher

    index = codes.astype(np.intp)
    counts = np.bincount(index, weights=weights, minlength=n_groups).astype(np.float64)
    means = np.bincount(index, weights=weights * y, minlength=n_groups) / counts
    deviations = np.bincount(index, weights=weights * (y - means[index]) ** 2, minlength=n_groups)
    grand = float(weights @ y) / n
    mss, rss = float(counts @ (means - grand) ** 2), float(deviations.sum())
    df_m, df_r = n_groups - 1, n - n_groups
    statistic = mss / df_m / (rss / df_r) if df_m > 0 and df_r > 0 and rss > 0 else MISSING
    with np.errstate(invalid="ignore", divide="ignore"):
        variances = np.where(counts > 1, deviations / (counts - 1), np.nan)
    p = float(fisher.sf(statistic, df_m, df_r)) if statistic < MISSING else MISSING
    return OneWay(counts, means, variances, n, mss, rss, df_m, df_r, statistic, p)


def comparison_p(table: OneWay, first: int, second: int, method: str) -> float:
    """Adjusted p for the difference of two group means: bonferroni, sidak or scheffe."""
    from ssd.engine.stats.tails import f, t

    se = np.sqrt(table.mse * (1 / table.counts[first] + 1 / table.counts[second]))
    statistic = abs(table.means[first] - table.means[second]) / se
    if method == "scheffe":
        return float(f.sf(statistic**2 / table.df_m, table.df_m, table.df_r))
    raw = float(2 * t.sf(statistic, table.df_r))
    pairs = (table.df_m + 1) * table.df_m / 2
    return min(1.0, pairs * raw) if method == "bonferroni" else 1.0 - (1.0 - raw) ** pairs


@dataclass(frozen=True)
class Term:
    """A model term: the names it crosses and its columns of the effect-coded design."""

    label: str
    columns: FloatArray


@dataclass(frozen=True)
class Factorial:
    labels: list[str]
    ss: list[float]
    df: list[int]
    rss: float
    df_r: float
    tss: float
    n: float


def effect_columns(codes: FloatArray, n_levels: int) -> FloatArray:
    """Sum-to-zero columns of a factor with codes 0 … n_levels-1, shape (n, n_levels - 1)."""
    identity = np.vstack([np.eye(n_levels - 1), -np.ones((1, n_levels - 1))])
    return np.asarray(identity[codes.astype(np.intp)])


def cross_columns(parts: list[FloatArray]) -> FloatArray:
    """All products of one column from each part."""
    product = parts[0]
    for part in parts[1:]:
        product = (product[:, :, None] * part[:, None, :]).reshape(product.shape[0], -1)
    return product


def factorial(y: FloatArray, terms: list[Term], weights: FloatArray, n: float, sequential: bool) -> Factorial:
    """Partial (or sequential) sums of squares of each term in a model with a constant."""
    root = np.sqrt(weights)
    constant = root[:, None]
    blocks = [term.columns * root[:, None] for term in terms]
    target = y * root

    def residual(parts: list[FloatArray]) -> tuple[float, int]:
        design = np.column_stack([constant, *parts])
        scale = np.sqrt(np.sum(design**2, axis=0))
        used = design[:, scale > 0] / scale[scale > 0]
        solution, _, rank, _ = np.linalg.lstsq(used, target, rcond=1e-10)
        return float(np.sum((target - used @ solution) ** 2)), int(rank)

    rss, rank = residual(blocks)
    tss, _ = residual([])
    ss, df = [], []
    for position in range(len(blocks)):
        without = blocks[:position] if sequential else blocks[:position] + blocks[position + 1 :]
        base = blocks[: position + 1] if sequential else blocks
        rss_without, rank_without = residual(without)
        rss_base, rank_base = residual(base)
        ss.append(rss_without - rss_base)
        df.append(rank_base - rank_without)
    return Factorial([term.label for term in terms], ss, df, rss, n - rank, tss, n)


def expand_factorial(names: list[str]) -> list[tuple[str, ...]]:
    """`a##b##c` as a, b, a#b, c, a#c, b#c, a#b#c: the order in which Stata lists the terms."""
    listed: list[tuple[str, ...]] = []
    for position, name in enumerate(names):
        earlier = names[:position]
        listed.append((name,))
        for size in range(1, len(earlier) + 1):
            listed.extend((*combination, name) for combination in combinations(earlier, size))
    return listed
