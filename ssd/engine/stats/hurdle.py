"""Cragg's hurdle model, counts with their own dispersion and censored counts."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ssd.engine.missing import BoolArray, FloatArray
from ssd.engine.stats.distributions import log_gamma
from ssd.engine.stats.jets import (
    Jet,
    JetModel,
    exp,
    gamma_log,
    log,
    log1p_exp,
    log_normal_probability,
    normal_log_density,
    where,
)


@dataclass(frozen=True)
class Hurdle(JetModel):
    """Indices: outcome x'b, participation z'g, ln sigma ([R] churdle with a lower limit)."""

    y: FloatArray
    limit: FloatArray
    inside: BoolArray
    exponential: bool
    """Normal logarithm beyond the limit instead of a truncated normal."""

    def terms(self, indices: Sequence[Jet]) -> Jet:
        xb, zg, ln_sigma = indices
        scale = exp(-ln_sigma)
        if self.exponential:
            gap = np.log(np.where(self.inside, self.y - self.limit, 1.0))
            seen = normal_log_density((gap - xb) * scale) - ln_sigma - gap
        else:
            seen = normal_log_density((self.y - xb) * scale) - ln_sigma
            seen = seen - log_normal_probability((xb - self.limit) * scale)
        return where(self.inside, log_normal_probability(zg) + seen, log_normal_probability(-zg))


@dataclass(frozen=True)
class DispersedCount(JetModel):
    """Indices: ln mean and ln alpha of a negative binomial count ([R] gnbreg)."""

    y: FloatArray

    def terms(self, indices: Sequence[Jet]) -> Jet:
        m = exp(-indices[1])
        # ln(1 + alpha mu) = ln(1 + exp(x'b + ln alpha))
        t = indices[0] + indices[1]
        rest = log1p_exp(t)
        return gamma_log(m + self.y) - gamma_log(m) - m * rest + (t - rest) * self.y - log_gamma(self.y + 1.0)


@dataclass(frozen=True)
class CensoredCount(JetModel):
    """Index: ln mean; Poisson counts known only to be at most `low` or at least `high` ([R] cpoisson)."""

    y: FloatArray
    low: FloatArray
    """Left-censored at or below it; -inf where there is no limit."""
    high: FloatArray

    def terms(self, indices: Sequence[Jet]) -> Jet:
        xb = indices[0]
        mu = exp(xb)
        left, right = self.y <= self.low, self.y >= self.high
        found = xb * self.y - mu - log_gamma(self.y + 1.0)
        if left.any():
            found = where(left, log(_poisson_cumulative(mu, xb, np.where(left, self.low, 0.0))), found)
        if right.any():
            above = 1.0 - _poisson_cumulative(mu, xb, np.where(right, self.high - 1.0, -1.0))
            found = where(right, log(where(right, above, above * 0.0 + 1.0)), found)
        return found


def _poisson_cumulative(mu: Jet, xb: Jet, count: FloatArray) -> Jet:
    """Pr(Y <= count), summed term by term; zero for negative counts."""
    total = xb * 0.0
    for k in range(int(count.max()) + 1):
        term = exp(xb * float(k) - mu - math.lgamma(k + 1.0))
        total = total + where(np.asarray(count >= k), term, term * 0.0)
    return total
