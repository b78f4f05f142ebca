"""Counts without, or with too many, zeros: left-truncated and zero-inflated models."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np

from ssd.engine.missing import BoolArray, FloatArray
from ssd.engine.stats.binary import logistic
from ssd.engine.stats.counts import NegativeBinomial, Poisson
from ssd.engine.stats.distributions import log_normal_cumulative, normal_cumulative, normal_density
from ssd.engine.stats.likelihood import Model
from ssd.engine.stats.scored import ScoredModel

Family = Callable[[FloatArray], Model]
FAMILIES: dict[str, Family] = {"poisson": Poisson, "nbreg": NegativeBinomial}


@dataclass(frozen=True)
class Truncated(ScoredModel):
    """A count model given y > limit ([R] tpoisson, [R] tnbreg)."""

    y: FloatArray
    limit: FloatArray
    """Truncation point of each observation, a nonnegative integer."""
    family: str

    def scores(self, indices: FloatArray) -> tuple[FloatArray, FloatArray]:
        ll, S, _ = FAMILIES[self.family](self.y).derivatives(indices)
        below = np.zeros(len(self.y))
        slope = np.zeros_like(indices)
        for value in range(int(self.limit.max()) + 1):
            at = np.full(len(self.y), float(value))
            ll_at, S_at, _ = FAMILIES[self.family](at).derivatives(indices)
            mass = np.where(value <= self.limit, np.exp(ll_at), 0.0)
            below += mass
            slope += mass[:, None] * S_at
        above = 1.0 - below
        if self.family == "poisson" and not self.limit.any():
            above = -np.expm1(-np.exp(indices[:, 0]))
        return ll - np.log(above), S + slope / above[:, None]


@dataclass(frozen=True)
class ZeroInflated(ScoredModel):
    """Zero with probability F(last index), else a count ([R] zip, [R] zinb)."""

    y: FloatArray
    family: str
    link: Literal["logit", "probit"]

    @property
    def zeros(self) -> BoolArray:
        return np.asarray(self.y == 0.0, dtype=np.bool_)

    def scores(self, indices: FloatArray) -> tuple[FloatArray, FloatArray]:
        count, gamma = np.delete(indices, 1, axis=1), indices[:, 1]
        ll, S, _ = FAMILIES[self.family](self.y).derivatives(count)
        if self.link == "logit":
            p, slope, log_rest = logistic(gamma), logistic(gamma) * logistic(-gamma), -np.logaddexp(0.0, gamma)
            hazard = p
        else:
            p, slope, log_rest = normal_cumulative(gamma), normal_density(gamma), log_normal_cumulative(-gamma)
            hazard = slope / np.exp(log_rest)
        zero = self.zeros
        none = np.exp(np.where(zero, ll, 0.0))
        total = p + (1.0 - p) * none
        share = (1.0 - p) * none / total
        value = np.where(zero, np.log(total), log_rest + ll)
        inflation = np.where(zero, slope * (1.0 - none) / total, -hazard)
        counts = np.where(zero[:, None], share[:, None] * S, S)
        return value, np.insert(counts, 1, inflation, axis=1)
