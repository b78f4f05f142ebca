"""Likelihoods by group: conditional logit and conditional Poisson ([R] clogit, [XT] xtlogit, [XT] xtpoisson)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from ssd.engine.errors import StataError
from ssd.engine.missing import FloatArray
from ssd.engine.stats.covariance import IndexArray
from ssd.engine.stats.distributions import log_gamma
from ssd.engine.stats.likelihood import direction
from ssd.engine.stats.linear import symmetric_inverse

GroupScores = Callable[[FloatArray], tuple[FloatArray, FloatArray]]
"""Log likelihood (G,) and scores (G, p) of each group at coefficients (p,)."""


@dataclass(frozen=True)
class GroupMaximum:
    coefficients: FloatArray
    covariance: FloatArray
    log_likelihood: float
    scores: FloatArray
    iterations: list[float]


def _hessian(function: GroupScores, b: FloatArray) -> FloatArray:
    p = len(b)
    H = np.empty((p, p))
    # Scores are as large as their regressor: years or incomes need shorter steps than indicators.
    spread = np.sqrt(np.mean(function(b)[1] ** 2, axis=0))
    for j in range(p):
        step = 1e-5 * (1.0 + abs(b[j])) / max(1.0, float(spread[j]))
        up, down = b.copy(), b.copy()
        up[j] += step
        down[j] -= step
        H[:, j] = (function(up)[1].sum(axis=0) - function(down)[1].sum(axis=0)) / (up[j] - down[j])
    return (H + H.T) / 2.0


def maximize_groups(
    function: GroupScores, start: FloatArray, limit: int = 200, tolerance: float = 1e-14
) -> GroupMaximum:
    """Newton–Raphson on summed group scores until g'H^-1 g is below the tolerance. Raises r(430)."""
    b = start.copy()
    history: list[float] = []
    if not len(b):
        ll, S = function(b)
        return GroupMaximum(b, np.zeros((0, 0)), float(ll.sum()), S, [float(ll.sum())])
    for _ in range(limit):
        ll, S = function(b)
        value = float(ll.sum())
        if not np.isfinite(value):
            raise StataError(1400, "initial values not feasible")
        history.append(value)
        gradient = S.sum(axis=0)
        information = -_hessian(function, b)
        step, definite = direction(information, gradient)
        if float(gradient @ step) < tolerance and definite:
            return GroupMaximum(b, symmetric_inverse(information), value, S, history)
        size = 1.0
        while size > 1e-10:
            new = float(function(b + size * step)[0].sum())
            if np.isfinite(new) and new >= value - 1e-12 * abs(value):
                break
            size /= 2.0
        if size <= 1e-10 or (abs(new - value) <= 1e-14 * abs(value) and float(gradient @ step) < 1e-9):
            return GroupMaximum(b, symmetric_inverse(information), value, S, history)
        b = b + size * step
    raise StataError(430, "convergence not achieved")


class Conditional:
    """Logit conditional on the number of successes of each group, by Howard's recursion, all groups at once."""

    def __init__(self, y: FloatArray, X: FloatArray, ids: IndexArray, offset: FloatArray | None = None) -> None:
        order = np.argsort(ids, kind="stable")
        self.y, self.X, self.ids = y[order], X[order], ids[order]
        self.offset = np.zeros(len(y)) if offset is None else offset[order]
        sizes = np.bincount(self.ids)
        self.groups = len(sizes)
        self.positions = np.arange(len(y)) - np.repeat(np.cumsum(sizes) - sizes, sizes)
        self.successes = np.bincount(self.ids, weights=self.y).astype(int)
        self.width = int(sizes.max())

    def __call__(self, b: FloatArray) -> tuple[FloatArray, FloatArray]:
        eta = self.X @ b + self.offset
        # Centring by group leaves the likelihood as it is and keeps the recursion in range.
        top = np.full(self.groups, -np.inf)
        np.maximum.at(top, self.ids, eta)
        eta = eta - top[self.ids]
        K, p = int(self.successes.max()), len(b)
        f = np.zeros((self.groups, K + 1))
        f[:, 0] = 1.0
        d = np.zeros((self.groups, K + 1, p))
        log_scale = np.zeros(self.groups)
        for position in range(self.width):
            at = np.flatnonzero(self.positions == position)
            g = self.ids[at]
            e = np.exp(eta[at])
            x = self.X[at]
            fg, dg = f[g], d[g]
            moved = e[:, None] * fg[:, :-1]
            dg[:, 1:] += e[:, None, None] * dg[:, :-1] + moved[:, :, None] * x[:, None, :] if p else 0.0
            new = fg.copy()
            new[:, 1:] += moved
            size = new.max(axis=1)
            f[g] = new / size[:, None]
            d[g] = dg / size[:, None, None]
            log_scale[g] += np.log(size)
        rows = np.arange(self.groups)
        chosen = f[rows, self.successes]
        mean = d[rows, self.successes] / chosen[:, None]
        numerator = np.bincount(self.ids, weights=self.y * eta, minlength=self.groups)
        ll = numerator - np.log(chosen) - log_scale
        sums = np.zeros((self.groups, p))
        for j, column in enumerate(self.X.T):
            sums[:, j] = np.bincount(self.ids, weights=self.y * column, minlength=self.groups)
        return ll, sums - mean


class ConditionalPoisson:
    """Poisson with group effects conditioned out: multinomial given the group's total ([XT] xtpoisson, fe)."""

    def __init__(self, y: FloatArray, X: FloatArray, ids: IndexArray, offset: FloatArray | None) -> None:
        self.y, self.X, self.ids = y, X, ids
        self.offset = np.zeros(len(y)) if offset is None else offset
        self.groups = int(ids.max()) + 1
        self.totals = np.asarray(np.bincount(ids, weights=y, minlength=self.groups), dtype=np.float64)
        own = np.bincount(ids, weights=log_gamma(y + 1.0), minlength=self.groups)
        self.constant = log_gamma(self.totals + 1.0) - own

    def __call__(self, b: FloatArray) -> tuple[FloatArray, FloatArray]:
        eta = self.X @ b + self.offset
        top = np.full(self.groups, -np.inf)
        np.maximum.at(top, self.ids, eta)
        e = np.exp(eta - top[self.ids])
        total = np.bincount(self.ids, weights=e, minlength=self.groups)
        share = e / total[self.ids]
        ll = self.constant + np.bincount(
            self.ids, weights=self.y * (eta - top[self.ids] - np.log(total)[self.ids]), minlength=self.groups
        )
        r = self.y - self.totals[self.ids] * share
        S = np.zeros((self.groups, len(b)))
        for j, column in enumerate(self.X.T):
            S[:, j] = np.bincount(self.ids, weights=r * column, minlength=self.groups)
        return np.asarray(ll, dtype=np.float64), S
