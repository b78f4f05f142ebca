"""Poisson pseudolikelihood with absorbed effects by iteratively reweighted least squares.

Correia, Guimarães and Zylkin (2020, Stata Journal 20: 95-115); separated observations are found by the
iterative rectifier of their 2019 paper "Verifying the existence of maximum likelihood estimates".
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from ssd.engine.errors import StataError
from ssd.engine.missing import BoolArray, FloatArray
from ssd.engine.stats.absorb import Absorber
from ssd.engine.stats.covariance import IndexArray
from ssd.engine.stats.linear import LeastSquares, least_squares


@dataclass(frozen=True)
class AbsorbedPoisson:
    solved: LeastSquares
    """The last weighted regression, the constant last; its inverse is that of the information."""
    X: FloatArray
    """Partialled regressors with their weighted means added back."""
    mu: FloatArray
    eta: FloatArray
    deviances: list[float] = field(default_factory=list)
    changes: list[float] = field(default_factory=list)
    lowest: list[float] = field(default_factory=list)
    """Smallest linear index at each iteration."""
    inner: int = 0
    """Iterations of the absorption, summed."""


def _partial(ids: Sequence[IndexArray], w: FloatArray, columns: FloatArray) -> tuple[FloatArray, int]:
    """Columns without the effects but with their means: (n, k), and the iterations that took."""
    means = w @ columns / w.sum()
    if not ids:
        return columns, 1
    absorber = Absorber(ids, w)
    out = np.column_stack([absorber.partial(column) for column in columns.T])
    return out - w @ out / w.sum() + means, absorber.iterations


def deviance(y: FloatArray, mu: FloatArray, w: FloatArray) -> float:
    """2 sum w (y ln(y/mu) - (y - mu))."""
    positive = y > 0.0
    log_ratio = np.where(positive, np.log(np.where(positive, y, 1.0) / mu), 0.0)
    return float(2.0 * (w @ (y * log_ratio - (y - mu))))


def fit_absorbed(
    y: FloatArray, X: FloatArray, ids: Sequence[IndexArray], w: FloatArray, offset: FloatArray, limit: int = 1000
) -> AbsorbedPoisson:
    """Maximise the Poisson pseudolikelihood; X (n, k) independent given the effects. Raises r(430)."""
    mean = float(w @ y / w.sum())
    mu = 0.5 * (y + mean)
    eta = np.log(mu)
    deviances: list[float] = []
    changes: list[float] = []
    lowest: list[float] = []
    inner = 0
    previous = np.inf
    for _ in range(limit):
        working = eta - offset + (y - mu) / mu
        irls = w * mu
        columns, iterations = _partial(ids, irls, np.column_stack([working, X]))
        inner += iterations
        solved = least_squares(columns[:, 1:], columns[:, 0], irls)
        candidate = working - solved.residuals + offset
        # A far step is halved until the deviance is finite and not far above the last one.
        step = candidate - eta
        size = 1.0
        while True:
            trial = eta + size * step
            with np.errstate(over="ignore"):
                new_mu = np.exp(trial)
            value = deviance(y, new_mu, w) if np.isfinite(new_mu).all() and (new_mu > 0.0).all() else np.inf
            if np.isfinite(value) and (not deviances or value <= deviances[-1] * (1.0 + 1e-8) + 1e-8 or size < 1e-3):
                break
            size /= 2.0
            if size < 1e-8:
                raise StataError(430, "convergence not achieved")
        eta, mu = trial, new_mu
        change = abs(previous - value) / max(min(abs(value), abs(previous)), 0.1)
        deviances.append(value)
        changes.append(change)
        lowest.append(float(eta.min()))
        previous = value
        if change < 1e-14 or (change < 1e-10 and float(np.abs(step).max()) < 1e-9):
            break
    else:
        raise StataError(430, "convergence not achieved")
    working = eta - offset + (y - mu) / mu
    columns, _ = _partial(ids, w * mu, np.column_stack([working, X]))
    solved = least_squares(columns[:, 1:], columns[:, 0], w * mu)
    return AbsorbedPoisson(solved, columns[:, 1:], mu, eta, deviances, changes, lowest, inner)


def separated_by_effects(y: FloatArray, ids: Sequence[IndexArray]) -> BoolArray:
    """Observations of groups whose outcomes are all zero, again and again until none is left."""
    out = np.zeros(len(y), dtype=np.bool_)
    while True:
        before = int(out.sum())
        for each in ids:
            totals = np.bincount(each[~out], weights=y[~out], minlength=int(each.max()) + 1)
            out |= totals[each] <= 0.0
        if int(out.sum()) == before:
            return out


def separated_by_rectifier(y: FloatArray, X: FloatArray, ids: Sequence[IndexArray], limit: int = 1000) -> BoolArray:
    """Zero outcomes that some combination of regressors and effects singles out.

    A nonnegative combination that vanishes where y > 0 is sought by least squares with a heavy weight on
    the positive outcomes, its negative parts cut off at each step. Raises r(430) when that does not settle.
    """
    zero = y == 0.0
    none = np.zeros(len(y), dtype=np.bool_)
    if not zero.any() or not (X.shape[1] or ids):
        return none
    weights = np.where(zero, 1.0, 1e9)
    scaled = X / np.where((size := np.abs(X).max(axis=0, initial=0.0)) > 0.0, size, 1.0)
    target = zero.astype(np.float64)
    for _ in range(limit):
        columns, _ = _partial(ids, weights, np.column_stack([target, scaled]))
        residual = least_squares(columns[:, 1:], columns[:, 0], weights).residuals
        if float(np.abs(residual).max()) < 1e-6:
            return np.asarray(zero & (target > 1e-4), dtype=np.bool_)
        target = np.where(zero, np.maximum(target - residual, 0.0), 0.0)
        if float(target.max()) < 1e-4:
            return none
    raise StataError(430, "the check for separated observations did not converge; type separation(fe) to go without")
