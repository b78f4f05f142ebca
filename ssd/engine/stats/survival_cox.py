"""The Cox partial likelihood with entry times, strata, weights and tied failures, and what follows from it.

Formulas: [ST] stcox, "Methods and formulas"; Kalbfleisch and Prentice (2002), ch. 4; Efron (1977);
Lin and Wei (1989) for score residuals; Grambsch and Therneau (1994) for scaled Schoenfeld residuals.
Sums over risk sets are differences of cumulative sums, so that a pass costs O(n log n).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ssd.engine.errors import StataError
from ssd.engine.missing import FloatArray
from ssd.engine.stats.linear import symmetric_inverse

IndexArray = NDArray[np.intp]


class RiskSets:
    """The failure times of each stratum and which records are at risk at them."""

    def __init__(
        self, t0: FloatArray, t: FloatArray, d: FloatArray, w: FloatArray, stratum: IndexArray, *, efron: bool
    ) -> None:
        self.t0, self.t, self.d, self.w, self.stratum, self.efron = t0, t, d, w, stratum, efron
        failing = d > 0
        pairs = np.unique(np.column_stack([stratum[failing], t[failing]]), axis=0)
        self.times: FloatArray = pairs[:, 1]
        """Failure times by stratum and time: (m,)."""
        self.strata: IndexArray = pairs[:, 0].astype(np.intp)
        m = len(pairs)
        self.bounds: dict[int, tuple[int, int]] = {}
        """Places of the failure times of each stratum."""
        for each in np.unique(stratum):
            low, high = np.searchsorted(self.strata, [each, each + 1])
            self.bounds[int(each)] = (int(low), int(high))
        self.enter = self._places(t0, "right")
        """Per record the first failure time after its entry."""
        self.leave = self._places(t, "right")
        """Per record the first failure time after its exit; the record is at risk at enter … leave - 1."""
        self.at = np.where(failing, self.leave - 1, -1)
        """Per failing record its failure time."""
        self.failures = np.bincount(self.at[failing], minlength=m).astype(np.float64)
        self.weight = np.bincount(self.at[failing], weights=w[failing], minlength=m)
        sizes = self.failures.astype(np.intp) if efron else np.ones(m, dtype=np.intp)
        self.owner: IndexArray = np.repeat(np.arange(m), sizes).astype(np.intp)
        """Failure time of each term of the denominator (Efron has one per failure)."""
        starts = np.repeat(np.cumsum(sizes) - sizes, sizes)
        rank = np.arange(len(self.owner)) - starts
        self.fraction: FloatArray = rank / self.failures[self.owner] if efron else np.zeros(len(self.owner))
        self.share: FloatArray = (self.weight / (self.failures if efron else 1.0))[self.owner]
        """Weight of each term."""

    def _places(self, values: FloatArray, side: str) -> IndexArray:
        places = np.empty(len(values), dtype=np.intp)
        for s, (low, high) in self.bounds.items():
            own = self.stratum == s
            found = np.searchsorted(self.times[low:high], values[own], side="right" if side == "right" else "left")
            places[own] = low + found
        return places

    def at_risk(self, values: FloatArray) -> FloatArray:
        """Sum of values (n,) or (n, k) over the records at risk at each failure time."""
        flat = values.reshape(len(values), -1)
        change = np.zeros((len(self.times) + 1, flat.shape[1]))
        np.add.at(change, self.enter, flat)
        np.add.at(change, self.leave, -flat)
        total = np.cumsum(change[:-1], axis=0)
        return total if values.ndim > 1 else total[:, 0]

    def failing(self, values: FloatArray) -> FloatArray:
        """Sum of values over the records that fail at each failure time."""
        own = self.at >= 0
        flat = values.reshape(len(values), -1)
        total = np.zeros((len(self.times), flat.shape[1]))
        np.add.at(total, self.at[own], flat[own])
        return total if values.ndim > 1 else total[:, 0]

    def by_time(self, terms: FloatArray) -> FloatArray:
        """Sum of per-term values over the terms of each failure time."""
        flat = terms[:, None] if terms.ndim == 1 else terms
        total = np.zeros((len(self.times), flat.shape[1]))
        np.add.at(total, self.owner, flat)
        return total if terms.ndim > 1 else total[:, 0]

    def over_risk(self, per_time: FloatArray) -> FloatArray:
        """For each record the sum of per-time values over the failure times at which it is at risk."""
        flat = per_time.reshape(len(per_time), -1)
        running = np.vstack([np.zeros((1, flat.shape[1])), np.cumsum(flat, axis=0)])
        total: FloatArray = running[self.leave] - running[self.enter]
        return total if per_time.ndim > 1 else total[:, 0]


@dataclass(frozen=True)
class CoxState:
    """The partial likelihood at one coefficient vector."""

    ll: float
    gradient: FloatArray
    information: FloatArray
    risk: FloatArray
    """exp(x b + offset): (n,)."""
    denominators: FloatArray
    """Per term."""
    means: FloatArray
    """Risk-weighted mean of the covariates per term: (terms, k)."""


def state(sets: RiskSets, X: FloatArray, b: FloatArray, offset: FloatArray | None = None) -> CoxState:
    """Log partial likelihood, gradient and information at b."""
    eta = X @ b if X.shape[1] else np.zeros(len(X))
    if offset is not None:
        eta = eta + offset
    shift = float(eta.max()) if len(eta) else 0.0
    r = np.exp(eta - shift)
    wr = sets.w * r
    S0, D0 = sets.at_risk(wr), sets.failing(wr)
    S1, D1 = sets.at_risk(X * wr[:, None]), sets.failing(X * wr[:, None])
    f = sets.fraction
    den = S0[sets.owner] - f * D0[sets.owner]
    means = (S1[sets.owner] - f[:, None] * D1[sets.owner]) / den[:, None]
    own = sets.at >= 0
    wd = sets.w * own
    ll = float(wd @ eta - sets.share @ (np.log(den) + shift))
    gradient = X.T @ wd - means.T @ sets.share
    per_term = sets.share / den
    A = sets.over_risk(sets.by_time(per_term))
    B = np.zeros(len(X))
    B[own] = sets.by_time(per_term * f)[sets.at[own]]
    information = X.T @ (X * (wr * (A - B))[:, None]) - means.T @ (means * sets.share[:, None])
    return CoxState(ll, gradient, information, r * np.exp(shift), den * np.exp(shift), means)


@dataclass(frozen=True)
class CoxFit:
    coefficients: FloatArray
    covariance: FloatArray
    ll: float
    iterations: list[float]
    state: CoxState


def fit(sets: RiskSets, X: FloatArray, offset: FloatArray | None = None, limit: int = 300) -> CoxFit:
    """Newton–Raphson from zero with step halving. Raises r(430) when there is no maximum."""
    center = X.mean(axis=0) if len(X) else np.zeros(X.shape[1])
    Z = X - center
    b = np.zeros(X.shape[1])
    now = state(sets, Z, b, offset)
    history = [now.ll]
    extra = 0
    for _ in range(limit if X.shape[1] else 0):
        step = symmetric_inverse(now.information) @ now.gradient
        decrement = float(now.gradient @ step)
        extra += decrement < 1e-8
        if decrement < 1e-24 or extra > 3:
            break
        size = 1.0
        while size > 1e-9:
            with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
                found = state(sets, Z, b + size * step, offset)
            if np.isfinite(found.ll) and found.ll >= now.ll - 1e-12 * abs(now.ll):
                break
            size /= 2.0
        else:
            break
        b, now = b + size * step, found
        if not extra:
            history.append(now.ll)
    else:
        if X.shape[1]:
            raise StataError(430, "convergence not achieved")
    return CoxFit(b, symmetric_inverse(now.information), now.ll, history, state(sets, X, b, offset))


def score_residuals(sets: RiskSets, X: FloatArray, now: CoxState) -> FloatArray:
    """Each record's contribution to the gradient, unweighted: (n, k)."""
    own = sets.at >= 0
    per_term = sets.share / now.denominators
    hazard = sets.by_time(per_term)
    weighted = sets.by_time(per_term[:, None] * now.means)
    residuals = -(X * sets.over_risk(hazard)[:, None] - sets.over_risk(weighted)) * now.risk[:, None]
    mean = sets.by_time(now.means) / sets.by_time(np.ones(len(sets.owner)))[:, None]
    residuals[own] += X[own] - mean[sets.at[own]]
    if sets.efron:
        # Under Efron's rule failing records count only in part in the risk sets of their own ties.
        own_part = sets.by_time(per_term * sets.fraction)
        own_mean = sets.by_time((per_term * sets.fraction)[:, None] * now.means)
        places = sets.at[own]
        residuals[own] += (X[own] * own_part[places][:, None] - own_mean[places]) * now.risk[own][:, None]
    return residuals


def baseline_hazard(sets: RiskSets, now: CoxState) -> FloatArray:
    """Increment of the baseline cumulative hazard at each failure time (Breslow, or Efron with Efron's rule)."""
    return sets.by_time(sets.share / now.denominators)


def survivor_contributions(sets: RiskSets, now: CoxState) -> FloatArray:
    """Kalbfleisch and Prentice's alpha at each failure time, the factor by which baseline survival falls.

    Solves sum over failures of w r / (1 - alpha^r) = sum over the risk set of w r by Newton's method.
    """
    own = sets.at >= 0
    places = sets.at[own]
    wr = sets.w * now.risk
    S0 = sets.at_risk(wr)
    m = len(sets.times)
    r, wo = now.risk[own], sets.w[own]
    single = sets.failures == 1
    alpha = np.exp(-sets.weight / S0)
    if single.any():
        first = np.zeros(m)
        first[places] = r
        weight = np.zeros(m)
        weight[places] = wo
        base = np.clip(1.0 - weight[single] * first[single] / S0[single], 0.0, None)
        alpha[single] = base ** (1.0 / first[single])
    log_alpha = np.log(np.clip(alpha, 1e-300, 1.0 - 1e-15))
    for _ in range(60):
        power = np.exp(r * log_alpha[places])
        value = np.bincount(places, weights=wo * r / (1.0 - power), minlength=m) - S0
        slope = np.bincount(places, weights=wo * r * r * power / (1.0 - power) ** 2, minlength=m)
        with np.errstate(divide="ignore", invalid="ignore"):
            step = np.where(single | (slope == 0.0), 0.0, value / slope)
        log_alpha = np.minimum(log_alpha - step, -1e-14)
        if np.max(np.abs(step), initial=0.0) < 1e-13:
            break
    result: FloatArray = np.where(single, alpha, np.exp(log_alpha))
    return result


def cox_snell(sets: RiskSets, now: CoxState) -> FloatArray:
    """Cumulative hazard of each record over its own interval: (n,)."""
    per_term = sets.share / now.denominators
    total = sets.over_risk(sets.by_time(per_term))
    if sets.efron:
        own = sets.at >= 0
        total[own] -= sets.by_time(per_term * sets.fraction)[sets.at[own]]
    return total * now.risk


def schoenfeld(sets: RiskSets, X: FloatArray, now: CoxState) -> FloatArray:
    """Covariates of failing records minus their risk-weighted mean; nan for the others: (n, k)."""
    own = sets.at >= 0
    mean = sets.by_time(now.means) / sets.by_time(np.ones(len(sets.owner)))[:, None]
    residuals = np.full(X.shape, np.nan)
    residuals[own] = X[own] - mean[sets.at[own]]
    return residuals


@dataclass(frozen=True)
class ProportionalityTest:
    rho: FloatArray
    chi2: FloatArray
    global_chi2: float


def proportionality(residuals: FloatArray, scaled: FloatArray, g: FloatArray, V: FloatArray) -> ProportionalityTest:
    """Grambsch and Therneau's test; arrays over failures, `g` is the function of time ([ST] stcox PH-assumption tests).

    The variance of the residuals is taken as constant over time, as Stata (and cox.zph before version 3) does.
    """
    d = len(g)
    deviation = g - g.mean()
    total = float(deviation @ deviation)
    numerator = scaled.T @ deviation
    chi2 = numerator**2 / (d * np.diag(V) * total)
    centred = scaled - scaled.mean(axis=0)
    with np.errstate(divide="ignore", invalid="ignore"):
        rho = (centred.T @ deviation) / np.sqrt((centred**2).sum(axis=0) * total)
    u = residuals.T @ deviation
    return ProportionalityTest(rho, chi2, float(d * (u @ V @ u) / total))


def concordance(t: FloatArray, d: FloatArray, score: FloatArray) -> tuple[float, float, float]:
    """Comparable pairs, pairs in which the higher score fails first, and pairs with tied scores (Harrell's C).

    A pair is comparable when the earlier time is a failure; equal times count when exactly one fails.
    """
    order = np.lexsort((d, -t))
    rank = np.unique(score, return_inverse=True)[1].reshape(-1)[order]
    failing = np.flatnonzero(d[order] > 0)
    # Censored records come first among equal times, so what outlives a failure is the prefix before its time's first.
    key = -t[order]
    ahead_of = np.searchsorted(key, key[failing], side="left")
    censored = np.concatenate([[0], np.cumsum(d[order] == 0.0)])
    same = np.searchsorted(key, key[failing], side="right")
    prefix = ahead_of + (censored[same] - censored[ahead_of])
    lower = _counts_below(rank, prefix, rank[failing])
    equal = _counts_below(rank, prefix, rank[failing] + 1) - lower
    return float(prefix.sum()), float(lower.sum()), float(equal.sum())


def _counts_below(rank: IndexArray, prefix: IndexArray, bound: IndexArray) -> IndexArray:
    """How many of the first `prefix` ranks are below `bound`, per query, by sorted blocks of powers of two."""
    counts = np.zeros(len(prefix), dtype=np.intp)
    span = int(rank.max()) + 2 if len(rank) else 1
    positions = np.arange(len(rank))
    level = 0
    while (1 << level) <= len(rank):
        keys = np.sort((positions >> level) * span + rank)
        asked = (prefix >> level) & 1 == 1
        block = (prefix[asked] >> (level + 1)) * 2 * span
        counts[asked] += np.searchsorted(keys, block + bound[asked]) - np.searchsorted(keys, block)
        level += 1
    return counts
