"""Systems of linear equations: Zellner's SUR and three-stage least squares ([R] sureg, [R] reg3)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ssd.engine.errors import StataError
from ssd.engine.missing import FloatArray
from ssd.engine.stats.linear import symmetric_inverse


@dataclass(frozen=True)
class SystemFit:
    b: FloatArray
    V: FloatArray
    sigma: FloatArray
    """Covariance of the residuals the weights were formed from, (M, M)."""
    residuals: FloatArray
    """At the estimates, (n, M)."""
    iterations: int


def _residuals(ys: Sequence[FloatArray], Xs: Sequence[FloatArray], b: FloatArray) -> FloatArray:
    ends = np.cumsum([X.shape[1] for X in Xs])
    parts = np.split(b, ends[:-1])
    return np.column_stack([y - X @ part for y, X, part in zip(ys, Xs, parts, strict=True)])


def _weighted(
    ys: Sequence[FloatArray],
    Xs: Sequence[FloatArray],
    inverse: FloatArray,
    w: FloatArray,
    constraint: tuple[FloatArray, FloatArray] | None,
) -> tuple[FloatArray, FloatArray]:
    """Generalised least squares given the inverse residual covariance."""
    M = len(ys)
    A = np.block([[inverse[i, j] * (Xs[i].T @ (Xs[j] * w[:, None])) for j in range(M)] for i in range(M)])
    c = np.concatenate([sum(inverse[i, j] * (Xs[i].T @ (ys[j] * w)) for j in range(M)) for i in range(M)])
    if constraint is None:
        V = symmetric_inverse(A)
        return V @ c, V
    T, a = constraint
    V = symmetric_inverse(T.T @ A @ T)
    free = V @ (T.T @ (c - A @ a))
    return T @ free + a, T @ V @ T.T


def fit_system(
    ys: Sequence[FloatArray],
    Xs: Sequence[FloatArray],
    w: FloatArray,
    *,
    instruments: FloatArray | None = None,
    constraint: tuple[FloatArray, FloatArray] | None = None,
    divisors: FloatArray,
    iterate: bool = False,
    tolerance: float = 1e-9,
) -> SystemFit:
    """Two-step or iterated feasible GLS. Each X (n, k_i) holds its constant; `divisors` (M, M) those of sigma.

    With `instruments` (n, l) the regressors are first projected on them: 3SLS.
    """
    projected = list(Xs)
    if instruments is not None:
        inverse = symmetric_inverse(instruments.T @ (instruments * w[:, None]))
        projected = [instruments @ (inverse @ (instruments.T @ (X * w[:, None]))) for X in Xs]
    b, _ = _weighted(ys, projected, np.eye(len(ys)), w, constraint)
    rounds = 0
    while True:
        E = _residuals(ys, Xs, b)
        sigma = E.T @ (E * w[:, None]) / divisors
        previous = b
        if np.linalg.matrix_rank(sigma) < len(sigma):
            # As with equations that fit perfectly or have the same residuals.
            raise StataError(506, "covariance matrix of errors is singular")
        b, V = _weighted(ys, projected, np.asarray(np.linalg.inv(sigma), dtype=np.float64), w, constraint)
        rounds += 1
        change = float(np.max(np.abs(b - previous) / (np.abs(previous) + 1.0)))
        if not iterate or change < tolerance or rounds >= 1600:
            return SystemFit(b, V, sigma, _residuals(ys, Xs, b), rounds)
