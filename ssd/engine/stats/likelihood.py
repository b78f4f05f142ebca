"""Newton–Raphson for likelihoods that depend on data through one or more linear indices.

A model gives, per observation, its log likelihood and the first and second derivatives with respect to
the indices; chain rule and matrix algebra happen here once. An ancillary parameter is an equation with
a constant only.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np

from ssd.engine.errors import StataError
from ssd.engine.missing import FloatArray
from ssd.engine.stats.linear import symmetric_inverse


class Model(Protocol):
    def derivatives(self, indices: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Log likelihood (n,), scores (n, E) and second derivatives (n, E, E) at indices (n, E)."""
        ...

    def log_likelihood(self, indices: FloatArray) -> FloatArray:
        """Log likelihood (n,) alone."""
        ...


@dataclass(frozen=True)
class Equation:
    """A linear index: X (n, k) including the constant, plus a fixed offset; X None is a constant only."""

    X: FloatArray | None
    offset: FloatArray | None = None

    @property
    def size(self) -> int:
        return 1 if self.X is None else self.X.shape[1]

    def index(self, b: FloatArray, n: int) -> FloatArray:
        eta = np.full(n, b[0]) if self.X is None else self.X @ b
        return eta if self.offset is None else eta + self.offset


@dataclass(frozen=True)
class Maximum:
    """Where the likelihood is largest."""

    coefficients: FloatArray
    covariance: FloatArray
    """Inverse of the negative Hessian."""
    log_likelihood: float
    scores: FloatArray
    """Unweighted derivatives of each observation's log likelihood by the coefficients: (n, p)."""
    iterations: list[float] = field(default_factory=list)
    """Log likelihood at iteration 0, 1, …"""
    not_concave: list[bool] = field(default_factory=list)
    converged: bool = True
    gradient: FloatArray = field(default_factory=lambda: np.zeros(0))


def _split(b: FloatArray, equations: Sequence[Equation]) -> list[FloatArray]:
    ends = np.cumsum([equation.size for equation in equations])
    return np.split(b, ends[:-1])


def indices(b: FloatArray, equations: Sequence[Equation], n: int) -> FloatArray:
    """All linear indices: (n, E)."""
    return np.column_stack([eq.index(part, n) for eq, part in zip(equations, _split(b, equations), strict=True)])


def _project(equation: Equation, values: FloatArray) -> FloatArray:
    return np.array([values.sum()]) if equation.X is None else equation.X.T @ values


def _gradient(equations: Sequence[Equation], S: FloatArray, w: FloatArray) -> FloatArray:
    return np.concatenate([_project(eq, S[:, e] * w) for e, eq in enumerate(equations)])


def hessian(equations: Sequence[Equation], H: FloatArray, w: FloatArray) -> FloatArray:
    """Second derivatives by the coefficients from those by the indices, H (n, E, E), weighted by w (n,)."""
    blocks: list[list[FloatArray]] = []
    for e, left in enumerate(equations):
        row: list[FloatArray] = []
        for f, right in enumerate(equations):
            h = H[:, e, f] * w
            if left.X is None:
                row.append(_project(right, h)[None, :])
            elif right.X is None:
                row.append((left.X.T @ h)[:, None])
            else:
                row.append(left.X.T @ (right.X * h[:, None]))
        blocks.append(row)
    return np.block(blocks)


def score_rows(equations: Sequence[Equation], S: FloatArray) -> FloatArray:
    """Per-observation scores by coefficient: (n, p)."""
    return np.column_stack([S[:, [e]] if eq.X is None else eq.X * S[:, [e]] for e, eq in enumerate(equations)])


@np.errstate(all="ignore")  # A trial step may overflow; its value is then not finite, and the step is shortened.
def maximize(
    model: Model,
    equations: Sequence[Equation],
    start: FloatArray,
    w: FloatArray,
    *,
    constraint: tuple[FloatArray, FloatArray] | None = None,
    limit: int = 300,
    polish: bool = True,
) -> Maximum:
    """Newton–Raphson with step halving. Raises r(430) when the limit is reached without a maximum.

    `w` (n,) are weights; `constraint` (T, a) maximises over free c with b = T c + a.
    Without `polish` the estimates are those where Stata's own criteria stop.
    """
    n = len(w)
    T, a = constraint if constraint is not None else (np.eye(len(start)), np.zeros(len(start)))
    free = np.asarray(np.linalg.lstsq(T, start - a, rcond=None)[0], dtype=np.float64)

    def evaluate(c: FloatArray) -> float:
        value = float(w @ model.log_likelihood(indices(T @ c + a, equations, n)))
        return value if np.isfinite(value) else -np.inf

    history: list[float] = []
    concave: list[bool] = []
    converged = False
    for _ in range(limit):
        ll, S, H = model.derivatives(indices(T @ free + a, equations, n))
        value = float(w @ ll)
        if not np.isfinite(value):
            raise StataError(1400, "initial values not feasible")
        gradient = T.T @ _gradient(equations, S, w)
        information = -(T.T @ hessian(equations, H, w) @ T)
        if not (np.isfinite(gradient).all() and np.isfinite(information).all()):
            raise StataError(430, "convergence not achieved")
        step, definite = direction(information, gradient)
        history.append(value)
        concave.append(not definite)
        decrement = float(gradient @ step)
        # Even values that are already best are confirmed by one step, as in the log of a model with a constant only.
        stepped = len(history) > 1
        settled = stepped and abs(value - history[-2]) <= 1e-7 * (abs(value) + 1e-7)
        if definite and decrement < 1e-5 and (settled or (stepped and decrement < 1e-12)):
            converged = True
            break
        moved = _line_search(evaluate, free, step, value)
        if moved is None:
            # Along a flat ridge, as where a dispersion tends to zero, rounding hides what little is left to gain.
            converged = decrement < 1e-4
            break
        free = moved
    if not converged:
        raise StataError(430, "convergence not achieved")
    if polish:
        free = _polish(model, equations, free, w, T, a, evaluate)
    b = T @ free + a
    ll, S, H = model.derivatives(indices(b, equations, n))
    information = -(T.T @ hessian(equations, H, w) @ T)
    covariance = T @ symmetric_inverse(information) @ T.T
    gradient = _gradient(equations, S, w)
    return Maximum(b, covariance, float(w @ ll), score_rows(equations, S), history, concave, converged, gradient)


def _polish(
    model: Model,
    equations: Sequence[Equation],
    free: FloatArray,
    w: FloatArray,
    T: FloatArray,
    a: FloatArray,
    evaluate: Callable[[FloatArray], float],
) -> FloatArray:
    """Up to two unlogged Newton steps: Stata's criteria are met earlier than double precision allows."""
    for _ in range(2):
        ll, S, H = model.derivatives(indices(T @ free + a, equations, len(w)))
        gradient = T.T @ _gradient(equations, S, w)
        step, definite = direction(-(T.T @ hessian(equations, H, w) @ T), gradient)
        value = float(w @ ll)
        if not definite or float(gradient @ step) < 1e-20 or evaluate(free + step) < value - 1e-12 * abs(value):
            break
        free = free + step
    return free


def direction(information: FloatArray, gradient: FloatArray) -> tuple[FloatArray, bool]:
    """Newton step; when the information is not positive definite its eigenvalues are made positive."""
    scale = np.sqrt(np.maximum(np.abs(np.diag(information)), 1e-300))
    scaled = information / np.outer(scale, scale)
    try:
        L = np.linalg.cholesky(scaled)
    except np.linalg.LinAlgError:
        values, vectors = np.linalg.eigh((scaled + scaled.T) / 2.0)
        lifted = np.maximum(np.abs(values), 1e-3 * max(float(np.abs(values).max()), 1e-12))
        return (vectors @ ((vectors.T @ (gradient / scale)) / lifted)) / scale, False
    half = np.linalg.solve(L, gradient / scale)
    return np.linalg.solve(L.T, half) / scale, True


def _line_search(
    evaluate: Callable[[FloatArray], float], free: FloatArray, step: FloatArray, value: float
) -> FloatArray | None:
    """Halve the step until the likelihood rises; a full step that helps is lengthened while that helps further.

    None when no step helps.

    The lengths 1, 1.125, 1.375, 1.875, … are those that Stata's published iteration logs of logit and probit imply.
    """
    size = 1.0
    for _ in range(60):
        reached = evaluate(free + size * step)
        if reached >= value - 1e-12 * abs(value):
            break
        size /= 2.0
    else:
        return None
    extra = 0.125
    while size >= 1.0 and extra <= 64.0:
        further = evaluate(free + (size + extra) * step)
        if not further > reached + 1e-12 * abs(reached):
            break
        size, reached, extra = size + extra, further, 2.0 * extra
    return free + size * step
