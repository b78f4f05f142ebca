"""Matching estimators with replacement and all ties, and their variance.

Abadie and Imbens (2006, 2011) for nearest neighbours, (2016) for the estimated propensity score; the
formulas as in [TE] teffects nnmatch and psmatch, "Methods and formulas".
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ssd.engine.missing import BoolArray, FloatArray

IntArray = NDArray[np.intp]
_CHUNK = 512


@dataclass(frozen=True)
class Matches:
    """Pairs of an observation and one of its matches."""

    who: IntArray
    with_: IntArray
    n: int
    """Number of observations in all."""

    @property
    def counts(self) -> FloatArray:
        """Matches of each observation."""
        return np.asarray(np.bincount(self.who, minlength=self.n), dtype=np.float64)

    def mean(self, values: FloatArray) -> FloatArray:
        """Mean of `values` over the matches of each observation (nan without any)."""
        total = np.bincount(self.who, weights=values[self.with_], minlength=self.n)
        with np.errstate(invalid="ignore", divide="ignore"):
            return np.asarray(total / self.counts, dtype=np.float64)

    def used(self, inside: BoolArray, power: int = 1) -> FloatArray:
        """K (power 1) and K' (power 2): how much each observation serves as a match of those `inside`."""
        keep = inside[self.who]
        share = 1.0 / self.counts[self.who[keep]] ** power
        return np.asarray(np.bincount(self.with_[keep], weights=share, minlength=self.n), dtype=np.float64)


def nearest(
    X: FloatArray, queries: IntArray, donors: IntArray, k: int, *, exact: FloatArray | None = None, caliper: float = 0.0
) -> Matches:
    """The k nearest donors of each query by Euclidean distance of the rows of X, with all ties.

    An observation is never its own match. `exact` (n, m) must agree in all columns; `caliper` is the
    largest distance allowed (0 for none).
    """
    who: list[IntArray] = []
    others: list[IntArray] = []
    D = X[donors]
    for start in range(0, len(queries), _CHUNK):
        rows = queries[start : start + _CHUNK]
        distance = np.zeros((len(rows), len(donors)))
        for j in range(X.shape[1]):
            distance += (X[rows, j][:, None] - D[:, j][None, :]) ** 2
        np.sqrt(distance, out=distance)
        if exact is not None:
            for j in range(exact.shape[1]):
                distance[exact[rows, j][:, None] != exact[donors, j][None, :]] = np.inf
        distance[rows[:, None] == donors[None, :]] = np.inf
        if caliper > 0.0:
            distance[distance > caliper] = np.inf
        last = min(k, len(donors)) - 1
        limit = np.partition(distance, last, axis=1)[:, last]
        limit = np.where(np.isfinite(limit), limit * (1.0 + 1e-10) + 1e-14, np.inf)
        chosen = (distance <= limit[:, None]) & np.isfinite(distance)
        i, j_ = np.nonzero(chosen)
        who.append(rows[i])
        others.append(donors[j_])
    return Matches(np.concatenate(who), np.concatenate(others), len(X))


def whitened(X: FloatArray, metric: str) -> FloatArray:
    """X transformed so that the metric becomes Euclidean: mahalanobis, ivariance or euclidean."""
    if metric == "euclidean" or X.shape[1] == 0:
        return X
    S = np.atleast_2d(np.cov(X, rowvar=False))
    if metric == "ivariance":
        return np.asarray(X / np.sqrt(np.diag(S)), dtype=np.float64)
    L = np.linalg.cholesky(np.linalg.inv(S))
    return np.asarray(X @ L, dtype=np.float64)


@dataclass(frozen=True)
class MatchingFit:
    effect: float
    variance: float
    counts: FloatArray
    """Number of matches of the observations that needed one."""
    difference: FloatArray
    """Estimated effect of each observation, (n,), nan where it was not needed."""
    use: FloatArray
    """Weight of each observation in the matched sample: itself where its effect counts, plus its uses as a match."""
    matches: Matches


def matching_effect(
    y: FloatArray,
    treated: BoolArray,
    matches: Matches,
    same: Matches,
    *,
    atet: bool,
    bias: FloatArray | None = None,
) -> MatchingFit:
    """ATE or ATET and its robust variance.

    `matches` are those in the other group, `same` the neighbours in the own group used for the conditional
    variance; `bias` (n, k) are the covariates of the bias-correcting regressions.
    """
    needed = treated if atet else np.ones(len(y), dtype=np.bool_)
    K = matches.used(needed)
    K2 = matches.used(needed, 2)
    other = matches.mean(y)
    if bias is not None:
        other = other + _bias_correction(y, treated, bias, matches, K, needed)
    difference = np.where(treated, y - other, other - y)
    n = float(needed.sum())
    effect = float(difference[needed].mean())
    spread = conditional_variance(y, same)
    own = (difference - effect) ** 2
    if atet:
        variance = float(own[treated].sum() + (spread * (K * K - K2))[~treated].sum()) / n**2
    else:
        variance = float((own + spread * (K * K + 2.0 * K - K2)).sum()) / n**2
    return MatchingFit(
        effect, variance, matches.counts[needed], np.where(needed, difference, np.nan), needed + K, matches
    )


def conditional_variance(y: FloatArray, same: Matches) -> FloatArray:
    """Sample variance of the outcome over an observation and its neighbours of the same treatment."""
    counts = same.counts + 1.0
    total = np.bincount(same.who, weights=y[same.with_], minlength=same.n) + y
    mean = total / counts
    squares = np.bincount(same.who, weights=(y[same.with_] - mean[same.who]) ** 2, minlength=same.n) + (y - mean) ** 2
    return np.asarray(squares / (counts - 1.0), dtype=np.float64)


def _bias_correction(
    y: FloatArray, treated: BoolArray, X: FloatArray, matches: Matches, K: FloatArray, needed: BoolArray
) -> FloatArray:
    """Mean over matches of mu(x_i) - mu(x_j), mu fitted in the group of the matches with weights K."""
    correction = np.zeros(len(y))
    Z = np.column_stack([X, np.ones(len(y))])
    for group in (True, False):
        donors = (treated == group) & (K > 0.0)
        receivers = (treated != group) & needed
        if not receivers.any():
            continue
        root = np.sqrt(K[donors])
        beta = np.linalg.lstsq(Z[donors] * root[:, None], y[donors] * root, rcond=None)[0]
        mu = Z @ beta
        correction[receivers] = (mu - matches.mean(mu))[receivers]
    return correction
