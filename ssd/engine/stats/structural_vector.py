"""Short-run structural vector autoregressions A e_t = B u_t by maximum likelihood (Amisano and Giannini 1997)."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np

from ssd.engine.errors import StataError
from ssd.engine.missing import BoolArray, FloatArray


@dataclass(frozen=True)
class StructuralFit:
    A: FloatArray
    B: FloatArray
    covariance: FloatArray
    """Of (vec A, vec B), zero where an element is fixed."""
    log_likelihood: float
    iterations: list[float] = field(default_factory=list)
    long_run: FloatArray | None = None
    """C of a long-run model, to which the covariance (of vec C) then belongs."""


def _likelihood(A: FloatArray, B: FloatArray, sigma: FloatArray, n: int) -> float:
    k = len(sigma)
    sign, logdet = np.linalg.slogdet(B)
    sign_a, logdet_a = np.linalg.slogdet(A)
    if sign == 0 or sign_a == 0:
        return -math.inf
    W = np.linalg.solve(B, A)
    return float(-0.5 * n * k * math.log(2.0 * math.pi) + n * (logdet_a - logdet) - 0.5 * n * np.trace(W @ sigma @ W.T))


def _jacobian(A: FloatArray, B: FloatArray) -> FloatArray:
    """Of vec(dW W^-1) by (vec A, vec B), W = B^-1 A."""
    k = len(A)
    inverse = np.linalg.inv(B)
    left = np.kron(np.linalg.solve(A, B).T, inverse)
    return np.column_stack([left, -np.kron(np.eye(k), inverse)])


def _commutation(k: int) -> FloatArray:
    K = np.zeros((k * k, k * k))
    for i in range(k):
        for j in range(k):
            K[i * k + j, j * k + i] = 1.0
    return K


def fit_structure(
    A: FloatArray, B: FloatArray, free_a: BoolArray, free_b: BoolArray, sigma: FloatArray, n: int
) -> StructuralFit:
    """Scoring from the given starting matrices over their free elements.

    Raises r(498) when the elements are not identified and r(430) when no maximum is found.
    """
    k = len(sigma)
    free = np.concatenate([free_a.T.ravel(), free_b.T.ravel()])
    theta = np.concatenate([A.T.ravel(), B.T.ravel()])

    def matrices(values: FloatArray) -> tuple[FloatArray, FloatArray]:
        return values[: k * k].reshape(k, k).T, values[k * k :].reshape(k, k).T

    middle = np.eye(k * k) + _commutation(k)
    history = [_likelihood(*matrices(theta), sigma, n)]
    if not math.isfinite(history[0]):
        raise StataError(1400, "initial values not feasible")
    for _ in range(500):
        A, B = matrices(theta)
        M = _jacobian(A, B)[:, free]
        W = np.linalg.solve(B, A)
        gradient = n * M.T @ (np.eye(k) - W @ sigma @ W.T).T.ravel()
        information = n * M.T @ middle @ M
        step = np.linalg.lstsq(information, gradient, rcond=None)[0]
        decrement = float(gradient @ step)
        if decrement < 1e-16 * max(1.0, abs(history[-1])):
            break
        size = 1.0
        while size > 1e-10:
            trial = theta.copy()
            trial[free] += size * step
            value = _likelihood(*matrices(trial), sigma, n)
            if value >= history[-1]:
                break
            size /= 2.0
        else:
            break
        theta = trial
        history.append(value)
    else:
        raise StataError(430, "convergence not achieved")
    A, B = matrices(theta)
    M = _jacobian(A, B)[:, free]
    information = n * M.T @ middle @ M
    scale = np.sqrt(np.diag(information))
    if np.linalg.matrix_rank(information / np.outer(scale, scale), tol=1e-10) < int(free.sum()):
        raise StataError(498, "With the current starting values, the constraints are not sufficient for identification")
    covariance = np.zeros((2 * k * k, 2 * k * k))
    covariance[np.ix_(free, free)] = np.linalg.inv(information)
    # Standard deviations are identified up to sign; positive diagonals are reported.
    return StructuralFit(A, B, covariance, history[-1], history)


def fit_long_run(C: FloatArray, free: BoolArray, lags: FloatArray, sigma: FloatArray, n: int) -> StructuralFit:
    """Long-run model: (I - A_1 - … - A_p) u_t has the covariance of C v_t ([TS] var svar, long-run models).

    `lags` (p, K, K) are taken as known; B is the impact matrix (I - A_1 - … - A_p) C.
    """
    k = len(sigma)
    inside = np.eye(k) - lags.sum(axis=0)
    try:
        total = np.linalg.inv(inside)
    except np.linalg.LinAlgError:
        raise StataError(498, "the vector autoregression has a unit root; there is no long-run response") from None
    fixed = np.zeros((k, k), dtype=np.bool_)
    fit = fit_structure(np.eye(k), C, fixed, free, total @ sigma @ total.T, n)
    shift = n * float(np.linalg.slogdet(total)[1])
    return StructuralFit(
        np.eye(k), inside @ fit.B, fit.covariance[k * k :, k * k :], fit.log_likelihood + shift,
        [value + shift for value in fit.iterations], fit.B,
    )  # fmt: skip
