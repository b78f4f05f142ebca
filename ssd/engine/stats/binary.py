"""Likelihoods of a 0/1 outcome with one index: logit, probit, complementary log-log."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ssd.engine.missing import BoolArray, FloatArray
from ssd.engine.stats.distributions import log_normal_cumulative


@dataclass(frozen=True)
class Logit:
    y: FloatArray
    """0 or 1, shape (n,)."""

    def log_likelihood(self, indices: FloatArray) -> FloatArray:
        eta = indices[:, 0]
        return np.asarray(self.y * eta - np.logaddexp(0.0, eta), dtype=np.float64)

    def derivatives(self, indices: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
        eta = indices[:, 0]
        p = logistic(eta)
        q = logistic(-eta)
        return self.log_likelihood(indices), (self.y - p)[:, None], (-p * q)[:, None, None]


@dataclass(frozen=True)
class Probit:
    y: FloatArray

    def log_likelihood(self, indices: FloatArray) -> FloatArray:
        return log_normal_cumulative((2.0 * self.y - 1.0) * indices[:, 0])

    def derivatives(self, indices: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
        eta = indices[:, 0]
        q = 2.0 * self.y - 1.0
        ll = self.log_likelihood(indices)
        s = q * np.exp(-0.5 * eta * eta - 0.5 * np.log(2.0 * np.pi) - ll)
        return ll, s[:, None], (-s * (s + eta))[:, None, None]


@dataclass(frozen=True)
class Cloglog:
    y: FloatArray

    def log_likelihood(self, indices: FloatArray) -> FloatArray:
        u = np.exp(np.minimum(indices[:, 0], 700.0))
        one = np.log(-np.expm1(-np.maximum(u, 1e-300)))
        return np.where(self.y == 1.0, one, -u)

    def derivatives(self, indices: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
        u = np.exp(np.minimum(indices[:, 0], 700.0))
        small = np.minimum(np.maximum(u, 1e-300), 700.0)
        s1 = small / np.expm1(small)
        h1 = s1 - s1 * s1 * np.exp(small)
        yes = self.y == 1.0
        return (
            self.log_likelihood(indices),
            np.where(yes, s1, -u)[:, None],
            np.where(yes, h1, -u)[:, None, None],
        )


def logistic(eta: FloatArray) -> FloatArray:
    """1 / (1 + exp(-eta)) without overflow."""
    e = np.exp(-np.abs(eta))
    return np.asarray(np.where(eta >= 0, 1.0 / (1.0 + e), e / (1.0 + e)), dtype=np.float64)


@dataclass(frozen=True)
class PerfectPrediction:
    """A dummy that predicts the outcome without error: the column and the observations to leave out."""

    column: int
    value: int
    """The dummy's value (0 or 1) for which the outcome never varies."""
    outcome: int
    drop: BoolArray


def perfect_predictors(X: FloatArray, y: FloatArray) -> list[PerfectPrediction]:
    """Two-valued columns of X whose one side has a single outcome, judged on successively reduced samples.

    This is the check Stata's logit and probit make before maximising ([R] logit, "Model identification").
    """
    found: list[PerfectPrediction] = []
    inside = np.ones(len(y), dtype=np.bool_)
    changed = True
    dropped: set[int] = set()
    while changed:
        changed = False
        for j in range(X.shape[1]):
            if j in dropped:
                continue
            x = X[:, j]
            ones = inside & (x != 0.0)
            zeros = inside & (x == 0.0)
            if not ones.any() or not zeros.any() or np.unique(x[inside]).size != 2:
                continue
            for value, side, other in ((1, ones, zeros), (0, zeros, ones)):
                outcome = y[side]
                if np.all(outcome == outcome[0]) and not np.all(y[other] == outcome[0]):
                    found.append(PerfectPrediction(j, value, int(outcome[0]), side.copy()))
                    inside &= ~side
                    dropped.add(j)
                    changed = True
                    break
    return found
