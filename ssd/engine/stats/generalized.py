"""Generalized linear models: families, links, and the likelihood for Newton–Raphson ([R] glm, Methods)."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np

from ssd.engine.missing import FloatArray
from ssd.engine.stats.distributions import log_gamma
from ssd.engine.stats.response import (
    Response,
    cloglog_mean,
    exponential,
    identity,
    inverse,
    logit_mean,
    probit_mean,
)

Family = Literal["gaussian", "binomial", "poisson", "gamma", "nbinomial"]

LINKS: dict[str, Response] = {
    "identity": identity,
    "log": exponential,
    "logit": logit_mean,
    "probit": probit_mean,
    "cloglog": cloglog_mean,
    "reciprocal": inverse,
}
CANONICAL: dict[str, str] = {
    "gaussian": "identity",
    "binomial": "logit",
    "poisson": "log",
    "gamma": "reciprocal",
    "nbinomial": "log",
}
"""Links taken by default: canonical but for the negative binomial family."""


@dataclass(frozen=True)
class GeneralizedLinear:
    """Kernel with dispersion 1: the score is (y - mu)/V(mu) dmu/deta."""

    y: FloatArray
    """Outcome; a share of `trials` for the binomial family."""
    family: Family
    link: str
    trials: FloatArray
    shape: float = 1.0
    """k of the negative binomial family: V(mu) = mu + k mu^2."""

    def _variance(self, mu: FloatArray) -> tuple[FloatArray, FloatArray]:
        """V(mu) and its derivative."""
        if self.family == "binomial":
            return mu * (1.0 - mu), 1.0 - 2.0 * mu
        if self.family == "poisson":
            return mu, np.ones_like(mu)
        if self.family == "gamma":
            return mu * mu, 2.0 * mu
        if self.family == "nbinomial":
            return mu + self.shape * mu * mu, 1.0 + 2.0 * self.shape * mu
        return np.ones_like(mu), np.zeros_like(mu)

    def kernel(self, mu: FloatArray) -> FloatArray:
        y = self.y
        with np.errstate(divide="ignore", invalid="ignore"):
            if self.family == "binomial":
                value = np.where(y > 0, y * np.log(mu), 0.0) + np.where(y < 1, (1.0 - y) * np.log1p(-mu), 0.0)
                return np.asarray(self.trials * value, dtype=np.float64)
            if self.family == "poisson":
                return np.asarray(np.where(y > 0, y * np.log(mu), 0.0) - mu, dtype=np.float64)
            if self.family == "gamma":
                return np.asarray(-(y / mu + np.log(mu)), dtype=np.float64)
            if self.family == "nbinomial":
                k = self.shape
                value = np.where(y > 0, y * np.log(k * mu), 0.0) - (y + 1.0 / k) * np.log1p(k * mu)
                return np.asarray(value, dtype=np.float64)
        return np.asarray(-0.5 * (y - mu) ** 2, dtype=np.float64)

    def log_likelihood(self, indices: FloatArray) -> FloatArray:
        return self.kernel(LINKS[self.link](indices)[0])

    def derivatives(self, indices: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
        mu, d1, d2 = LINKS[self.link](indices)
        slope, curve = d1[:, 0], d2[:, 0, 0]
        V, dV = self._variance(mu)
        gap = self.y - mu
        s = self.trials * gap / V * slope
        h = self.trials * (-(slope**2) / V + gap * (curve / V - slope**2 * dV / V**2))
        return self.kernel(mu), s[:, None], h[:, None, None]

    def deviance(self, mu: FloatArray) -> FloatArray:
        """Contribution of each observation to the deviance."""
        y = self.y
        with np.errstate(divide="ignore", invalid="ignore"):
            if self.family == "binomial":
                left = np.where(y > 0, y * np.log(y / mu), 0.0)
                right = np.where(y < 1, (1.0 - y) * np.log((1.0 - y) / (1.0 - mu)), 0.0)
                return np.asarray(2.0 * self.trials * (left + right), dtype=np.float64)
            if self.family == "poisson":
                return np.asarray(2.0 * (np.where(y > 0, y * np.log(y / mu), 0.0) - (y - mu)), dtype=np.float64)
            if self.family == "gamma":
                return np.asarray(2.0 * ((y - mu) / mu - np.log(y / mu)), dtype=np.float64)
            if self.family == "nbinomial":
                k = self.shape
                value = np.where(y > 0, y * np.log(y / mu), 0.0)
                value = value - (y + 1.0 / k) * (np.log1p(k * y) - np.log1p(k * mu))
                return np.asarray(2.0 * value, dtype=np.float64)
        return (y - mu) ** 2

    def pearson(self, mu: FloatArray) -> FloatArray:
        """Contribution of each observation to Pearson's chi-squared."""
        V, _ = self._variance(mu)
        return self.trials * (self.y - mu) ** 2 / V

    def full_log_likelihood(self, mu: FloatArray, w: FloatArray) -> float:
        """The likelihood Stata reports, with constants; gaussian at the ML variance, gamma at scale 1."""
        if self.family == "gaussian":
            n = float(w.sum())
            variance = float(w @ (self.y - mu) ** 2) / n
            if variance <= 0.0:
                return math.inf
            return -0.5 * n * (math.log(2.0 * math.pi) + math.log(variance) + 1.0)
        value = self.kernel(mu)
        if self.family == "poisson":
            value = value - log_gamma(self.y + 1.0)
        elif self.family == "nbinomial":
            r = 1.0 / self.shape
            value = value + log_gamma(self.y + r) - log_gamma(self.y + 1.0) - float(log_gamma(np.array(r)))
        elif self.family == "binomial":
            successes = self.y * self.trials
            value = value + log_gamma(self.trials + 1.0) - log_gamma(successes + 1.0)
            value = value - log_gamma(self.trials - successes + 1.0)
        return float(w @ value)
