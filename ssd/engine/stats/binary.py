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
    """A regressor that predicts the outcome without error, and the observations to leave out with it."""

    column: int
    relation: str
    """How x compares with `value` where the outcome is known: != for two-valued x, else >, < or <=."""
    value: float
    outcome: int
    """The outcome where x != value; for > and < whether x == value is left to be explained (1) or nothing is (-1)."""
    drop: BoolArray


def perfect_predictors(X: FloatArray, y: FloatArray) -> list[PerfectPrediction]:
    """Columns of X that decide the outcome for some or all observations, judged on successively reduced samples.

    This is the check Stata's logit and probit make before maximising ([R] logit, "Model identification"): two-valued
    regressors one of whose values has a single outcome, and regressors with a threshold beyond which (or on both
    sides of which) the outcome does not vary.
    """
    found: list[PerfectPrediction] = []
    inside = np.ones(len(y), dtype=np.bool_)
    left = list(range(X.shape[1]))
    changed = True
    while changed and np.unique(y[inside]).size == 2:
        changed = False
        for j in left:
            item = _prediction_by(X[:, j], y, inside, j)
            if item is None:
                continue
            found.append(item)
            if not (inside & ~item.drop).any() or item.outcome == -1:
                return found
            inside &= ~item.drop
            left.remove(j)
            changed = True
            break
    return found


def _prediction_by(x: FloatArray, y: FloatArray, inside: BoolArray, column: int) -> PerfectPrediction | None:
    """What one regressor predicts without error among the observations `inside`."""
    failures, successes = x[inside & (y == 0.0)], x[inside & (y == 1.0)]
    if not len(failures) or not len(successes):
        return None
    low, high = min(failures.min(), successes.min()), max(failures.max(), successes.max())
    if low == high:
        return None
    whole = np.ones(len(y), dtype=np.bool_)
    if successes.min() > failures.max():
        return PerfectPrediction(column, ">", float(failures.max()), -1, whole)
    if successes.max() < failures.min():
        return PerfectPrediction(column, "<=", float(successes.max()), -1, whole)
    if np.all((x[inside] == low) | (x[inside] == high)):
        for value in (low, high):
            decided = inside & (x != value)
            if np.unique(y[decided]).size == 1:
                return PerfectPrediction(column, "!=", float(value), int(y[decided][0]), decided)
        return None
    if successes.min() == failures.max():
        value = float(failures.max())
        return PerfectPrediction(column, ">", value, 1, inside & (x != value))
    if successes.max() == failures.min():
        value = float(failures.min())
        return PerfectPrediction(column, "<", value, 1, inside & (x != value))
    return None
