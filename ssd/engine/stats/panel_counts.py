"""Count models of grouped data with closed-form likelihoods ([XT] xtpoisson and xtnbreg, Methods and formulas).

Each class is called with coefficients (p,) and gives log likelihood (G,) and scores (G, p) of the groups;
the formulas are those of Hausman, Hall and Griliches (1984).
"""

from __future__ import annotations

import numpy as np

from ssd.engine.missing import FloatArray
from ssd.engine.stats.covariance import IndexArray
from ssd.engine.stats.distributions import digamma, log_gamma

LARGEST = 20.0
"""Largest ln r or ln s, and largest index of the conditional model, at which the log-gamma terms keep their digits."""


class _Grouped:
    """Outcomes, regressors and offsets by group. `ids` (n,) number the groups from 0."""

    def __init__(self, y: FloatArray, X: FloatArray, ids: IndexArray, offset: FloatArray | None) -> None:
        self.y, self.X, self.ids = y, X, ids
        self.offset = np.zeros(len(y)) if offset is None else offset
        self.groups = int(ids.max()) + 1
        self.totals = self.sum(y)

    def sum(self, values: FloatArray) -> FloatArray:
        return np.asarray(np.bincount(self.ids, weights=values, minlength=self.groups), dtype=np.float64)

    def rows(self, slope: FloatArray) -> FloatArray:
        """Sums over groups of slope times regressors: (G, k)."""
        return np.column_stack([self.sum(slope * column) for column in self.X.T] or [np.zeros((self.groups, 0))])

    def index(self, b: FloatArray) -> FloatArray:
        return self.X @ b + self.offset


class GammaPoisson(_Grouped):
    """Poisson with a gamma effect of mean 1 and variance alpha; the last coefficient is ln alpha."""

    def __call__(self, b: FloatArray) -> tuple[FloatArray, FloatArray]:
        eta = self.index(b[:-1])
        theta = float(np.exp(-b[-1]))
        mu = np.exp(eta)
        total, Y = self.sum(mu), self.totals
        own = self.sum(self.y * eta - log_gamma(self.y + 1.0))
        # theta ln(theta/(theta + total)) keeps its digits when theta is large.
        ll = own - theta * np.log1p(total / theta) - Y * np.log(theta + total)
        ll = ll + log_gamma(theta + Y) - log_gamma(np.full(self.groups, theta))
        weight = (theta + Y) / (theta + total)
        by_theta = -np.log1p(total / theta) + 1.0 - weight + digamma(theta + Y) - digamma(np.full(self.groups, theta))
        return ll, np.column_stack([self.rows(self.y - mu * weight[self.ids]), -theta * by_theta])


class BetaNegativeBinomial(_Grouped):
    """Negative binomial whose 1/(1 + dispersion) is beta(r, s); the last coefficients are ln r and ln s."""

    def __call__(self, b: FloatArray) -> tuple[FloatArray, FloatArray]:
        eta = self.index(b[:-2])
        if max(float(b[-2:].max()), float(eta.max())) > LARGEST:
            return np.full(self.groups, -np.inf), np.zeros((self.groups, len(b)))
        r, s = np.exp(b[-2:])
        mu = np.exp(eta)
        total, Y = self.sum(mu), self.totals
        one = np.ones(self.groups)
        own = self.sum(log_gamma(mu + self.y) - log_gamma(mu) - log_gamma(self.y + 1.0))
        ll = own + log_gamma((r + s) * one) + log_gamma(r + total) + log_gamma(s + Y)
        ll = ll - log_gamma(r * one) - log_gamma(s * one) - log_gamma(r + s + total + Y)
        last = digamma(r + s + total + Y)
        both = digamma((r + s) * one)
        by_total = digamma(r + total) - last
        slope = mu * (by_total[self.ids] + digamma(mu + self.y) - digamma(mu))
        by_r = both + digamma(r + total) - digamma(r * one) - last
        by_s = both + digamma(s + Y) - digamma(s * one) - last
        return ll, np.column_stack([self.rows(slope), r * by_r, s * by_s])


class ConditionalNegativeBinomial(_Grouped):
    """Negative binomial given each group's total."""

    def __call__(self, b: FloatArray) -> tuple[FloatArray, FloatArray]:
        eta = self.index(b)
        if float(eta.max()) > LARGEST:
            return np.full(self.groups, -np.inf), np.zeros((self.groups, len(b)))
        mu = np.exp(eta)
        total, Y = self.sum(mu), self.totals
        own = self.sum(log_gamma(mu + self.y) - log_gamma(mu) - log_gamma(self.y + 1.0))
        ll = own + log_gamma(total) + log_gamma(Y + 1.0) - log_gamma(total + Y)
        by_total = digamma(total) - digamma(total + Y)
        slope = mu * (by_total[self.ids] + digamma(mu + self.y) - digamma(mu))
        return ll, self.rows(slope)


class ConstantDispersion(_Grouped):
    """Negative binomial with variance mu(1 + delta), each observation its own group; the last is ln delta."""

    def __call__(self, b: FloatArray) -> tuple[FloatArray, FloatArray]:
        delta = float(np.exp(b[-1]))
        m = np.exp(self.index(b[:-1])) / delta
        y = self.y
        ll = log_gamma(m + y) - log_gamma(m) - log_gamma(y + 1.0) - (m + y) * np.log1p(delta) + y * b[-1]
        by_m = digamma(m + y) - digamma(m) - np.log1p(delta)
        by_log = -m * by_m - (m + y) * delta / (1.0 + delta) + y
        return ll, np.column_stack([self.X * (m * by_m)[:, None], by_log])
