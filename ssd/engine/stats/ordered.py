"""Likelihoods of ordered and unordered categories: ordered logit and probit, multinomial logit."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from ssd.engine.missing import FloatArray
from ssd.engine.stats.binary import logistic
from ssd.engine.stats.distributions import normal_cumulative, normal_density


def _cumulative(z: FloatArray, link: str) -> FloatArray:
    return logistic(z) if link == "logit" else normal_cumulative(z)


def _density(z: FloatArray, link: str) -> tuple[FloatArray, FloatArray]:
    """Density and its derivative."""
    if link == "logit":
        p = logistic(z)
        f = p * (1.0 - p)
        return f, f * (1.0 - 2.0 * p)
    f = normal_density(z)
    return f, -z * f


@dataclass(frozen=True)
class Ordered:
    """Indices: x'b, then the J-1 cut points in increasing order."""

    category: NDArray[np.intp]
    """0-based outcome, shape (n,)."""
    categories: int
    link: Literal["logit", "probit"]

    def probabilities(self, indices: FloatArray) -> FloatArray:
        """P(outcome = j): (n, J)."""
        xb, cuts = indices[:, :1], indices[:, 1:]
        below = _cumulative(cuts - xb, self.link)
        above = _cumulative(xb - cuts, self.link)
        n = len(indices)
        lower = np.column_stack([np.zeros(n), below])
        upper = np.column_stack([below, np.ones(n)])
        # In the upper tail differences of survivor functions keep their digits.
        tail = np.column_stack([np.ones(n), above]) - np.column_stack([above, np.zeros(n)])
        return np.where(lower > 0.5, tail, upper - lower)

    def log_likelihood(self, indices: FloatArray) -> FloatArray:
        p = self.probabilities(indices)[np.arange(len(indices)), self.category]
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.asarray(np.log(p), dtype=np.float64)

    def derivatives(self, indices: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
        n, E = indices.shape
        rows = np.arange(n)
        xb = indices[:, 0]
        has_upper = self.category < self.categories - 1
        has_lower = self.category > 0
        upper_at = np.minimum(self.category + 1, E - 1)
        lower_at = np.maximum(self.category, 1)
        fu, du = _density(indices[rows, upper_at] - xb, self.link)
        fl, dl = _density(indices[rows, lower_at] - xb, self.link)
        fu, du = np.where(has_upper, fu, 0.0), np.where(has_upper, du, 0.0)
        fl, dl = np.where(has_lower, fl, 0.0), np.where(has_lower, dl, 0.0)
        ll = self.log_likelihood(indices)
        p = np.exp(ll)
        first = np.zeros((n, E))
        np.add.at(first, (rows, upper_at), fu)
        np.add.at(first, (rows, lower_at), -fl)
        first[:, 0] = fl - fu
        second = np.zeros((n, E, E))
        first_index = np.zeros(n, dtype=np.intp)
        np.add.at(second, (rows, upper_at, upper_at), du)
        np.add.at(second, (rows, lower_at, lower_at), -dl)
        np.add.at(second, (rows, upper_at, first_index), -du)
        np.add.at(second, (rows, first_index, upper_at), -du)
        np.add.at(second, (rows, lower_at, first_index), dl)
        np.add.at(second, (rows, first_index, lower_at), dl)
        second[:, 0, 0] = du - dl
        S = first / p[:, None]
        H = second / p[:, None, None] - S[:, :, None] * S[:, None, :]
        return ll, S, H


@dataclass(frozen=True)
class Multinomial:
    """Indices: x'b of every outcome but the base, in order."""

    category: NDArray[np.intp]
    """0-based outcome; the base outcome is -1."""

    def _log_total(self, indices: FloatArray) -> FloatArray:
        top = np.maximum(indices.max(axis=1), 0.0)
        return np.asarray(top + np.log(np.exp(-top) + np.exp(indices - top[:, None]).sum(axis=1)), dtype=np.float64)

    def log_likelihood(self, indices: FloatArray) -> FloatArray:
        chosen = np.where(self.category >= 0, indices[np.arange(len(indices)), np.maximum(self.category, 0)], 0.0)
        return np.asarray(chosen - self._log_total(indices), dtype=np.float64)

    def derivatives(self, indices: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
        E = indices.shape[1]
        p = np.exp(indices - self._log_total(indices)[:, None])
        S = -p.copy()
        inside = np.flatnonzero(self.category >= 0)
        S[inside, self.category[inside]] += 1.0
        H = p[:, :, None] * p[:, None, :]
        H[:, np.arange(E), np.arange(E)] -= p
        return self.log_likelihood(indices), S, H
