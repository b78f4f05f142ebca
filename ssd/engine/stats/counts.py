"""Likelihoods of counts: Poisson, negative binomial (mean and constant dispersion)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ssd.engine.missing import BoolArray, FloatArray
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
        values = (
            log_gamma(m + self.y) - log_gamma(self.y + 1.0) - log_gamma(m) + m * (-a - total) + self.y * (eta - total)
        )
        slight, first, second = self._near_poisson(eta, a)
        if slight.any():
            alpha = np.exp(a)
            poisson = self.y * eta - np.exp(eta) - log_gamma(self.y + 1.0)
            values = np.where(slight, poisson + alpha * first + alpha**2 * second, values)
        return np.asarray(values, dtype=np.float64)

    def _near_poisson(self, eta: FloatArray, a: FloatArray) -> tuple[BoolArray, FloatArray, FloatArray]:
        """Where alpha max(y, mu) is so small that gamma functions cancel, and the first two coefficients in alpha.

        ll = Poisson + alpha [y(y-1)/2 + mu^2/2 - y mu] + alpha^2 [-y(y-1)(2y-1)/12 - mu^3/3 + y mu^2/2] + O(alpha^3).
        """
        y, mu = self.y, np.exp(eta)
        first = y * (y - 1.0) / 2.0 + mu**2 / 2.0 - y * mu
        second = -y * (y - 1.0) * (2.0 * y - 1.0) / 12.0 - mu**3 / 3.0 + y * mu**2 / 2.0
        return np.exp(a) * np.maximum(np.maximum(y, mu), 1.0) < 1e-4, first, second

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
        slight, linear, quadratic = self._near_poisson(eta, a)
        if slight.any():
            alpha = np.exp(a)
            S[:, 1] = np.where(slight, alpha * linear + 2.0 * alpha**2 * quadratic, S[:, 1])
            H[:, 1, 1] = np.where(slight, alpha * linear + 4.0 * alpha**2 * quadratic, H[:, 1, 1])
        return self.log_likelihood(indices), S, H


@dataclass(frozen=True)
class ConstantNegativeBinomial:
    """Variance mu (1 + delta); indices are ln mu and ln delta ([R] nbreg, constant dispersion)."""

    y: FloatArray

    def log_likelihood(self, indices: FloatArray) -> FloatArray:
        d = indices[:, 1]
        m = np.exp(indices[:, 0] - d)
        spread = np.logaddexp(0.0, d)
        values = log_gamma(m + self.y) - log_gamma(m) - log_gamma(self.y + 1.0) - (m + self.y) * spread + self.y * d
        return np.asarray(values, dtype=np.float64)

    def derivatives(self, indices: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
        y, d = self.y, indices[:, 1]
        m = np.exp(indices[:, 0] - d)
        share = 1.0 / (1.0 + np.exp(-d))
        first = m * (digamma(m + y) - digamma(m) - np.logaddexp(0.0, d))
        second = m**2 * (trigamma(m + y) - trigamma(m))
        S = np.column_stack([first, y - first - (m + y) * share])
        H = np.empty((len(y), 2, 2))
        H[:, 0, 0] = first + second
        H[:, 0, 1] = H[:, 1, 0] = -first - second - m * share
        H[:, 1, 1] = first + second + 2.0 * m * share - (m + y) * share * (1.0 - share)
        return self.log_likelihood(indices), S, H
