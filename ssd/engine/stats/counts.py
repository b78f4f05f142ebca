"""Likelihoods of counts: Poisson, negative binomial (mean and constant dispersion)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ssd.engine.missing import FloatArray
from ssd.engine.stats.distributions import digamma, log_gamma, trigamma


@dataclass(frozen=True)
class Poisson:
    y: FloatArray
    """Counts (or nonnegative values), shape (n,)."""

    def log_likelihood(self, indices: FloatArray) -> FloatArray:
        eta = indices[:, 0]
        with np.errstate(over="ignore"):
            return np.asarray(self.y * eta - np.exp(eta) - log_gamma(self.y + 1.0), dtype=np.float64)

    def derivatives(self, indices: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
        mu = np.exp(indices[:, 0])
        return self.log_likelihood(indices), (self.y - mu)[:, None], -mu[:, None, None]


@dataclass(frozen=True)
class NegativeBinomial:
    """Variance mu + alpha mu^2; indices are ln mu and ln alpha ([R] nbreg, mean dispersion)."""

    y: FloatArray

    def log_likelihood(self, indices: FloatArray) -> FloatArray:
        eta, a = indices[:, 0], indices[:, 1]
        m = np.exp(-a)
        total = np.logaddexp(-a, eta)
        return np.asarray(
            log_gamma(m + self.y) - log_gamma(self.y + 1.0) - log_gamma(m) + m * (-a - total) + self.y * (eta - total),
            dtype=np.float64,
        )

    def derivatives(self, indices: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
        eta, a = indices[:, 0], indices[:, 1]
        y, mu, m = self.y, np.exp(eta), np.exp(-a)
        p = m / (m + mu)
        first = digamma(m + y) - digamma(m) + np.log(p) + 1.0 - (m + y) / (m + mu)
        second = trigamma(m + y) - trigamma(m) + 1.0 / m - 1.0 / (m + mu) + (y - mu) / (m + mu) ** 2
        S = np.column_stack([p * (y - mu), -m * first])
        H = np.empty((len(y), 2, 2))
        H[:, 0, 0] = -p * (1.0 - p) * (y - mu) - p * mu
        H[:, 0, 1] = H[:, 1, 0] = -(y - mu) * p * (1.0 - p)
        H[:, 1, 1] = m * first + m * m * second
        return self.log_likelihood(indices), S, H
