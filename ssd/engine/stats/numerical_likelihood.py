"""Maximum likelihood for models whose per-observation terms are known only as values.

Scores and Hessian are central differences. The search starts with BHHH steps and turns to BFGS, as
Stata's arima and arch do, and ends with Newton steps so that the optimum is exact.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from ssd.engine.errors import StataError
from ssd.engine.missing import FloatArray

Terms = Callable[[FloatArray], "FloatArray | None"]
"""Log likelihood of each observation at a parameter vector; None where the parameters are not admissible."""


@dataclass(frozen=True)
class NumericalMaximum:
    parameters: FloatArray
    log_likelihood: float
    scores: FloatArray
    """(n, p) derivatives of each observation's term."""
    hessian: FloatArray
    iterations: list[float] = field(default_factory=list)
    switch: int = 0
    """Iteration before which the search turned from BHHH to BFGS; 0 when it did not."""


def _steps(parameters: FloatArray, power: float) -> FloatArray:
    return np.asarray(np.finfo(float).eps ** power * np.maximum(np.abs(parameters), 1e-2), dtype=np.float64)


def score_matrix(terms: Terms, parameters: FloatArray) -> FloatArray:
    """Central differences of every observation's term: (n, p)."""
    h = _steps(parameters, 1.0 / 3.0)
    columns = []
    for j in range(len(parameters)):
        shift = np.zeros(len(parameters))
        shift[j] = h[j]
        up, down = terms(parameters + shift), terms(parameters - shift)
        if up is None or down is None:
            base = terms(parameters)
            if base is None or (up is None and down is None):
                raise StataError(430, "convergence not achieved")
            if up is not None:
                columns.append((up - base) / h[j])
            elif down is not None:
                columns.append((base - down) / h[j])
        else:
            columns.append((up - down) / (2.0 * h[j]))
    return np.column_stack(columns)


def hessian_matrix(terms: Terms, parameters: FloatArray, scale: FloatArray) -> FloatArray:
    """Second central differences of the log likelihood, extrapolated once; `scale` are typical step sizes."""
    coarse, fine = (_hessian(terms, parameters, scale * factor) for factor in (2.0, 1.0))
    return np.asarray((4.0 * fine - coarse) / 3.0, dtype=np.float64)


def _hessian(terms: Terms, parameters: FloatArray, h: FloatArray) -> FloatArray:
    p = len(parameters)

    def value(shift: FloatArray) -> float:
        found = terms(parameters + shift)
        return float(found.sum()) if found is not None else np.nan

    centre = value(np.zeros(p))
    H = np.empty((p, p))
    unit = np.diag(h)
    for i in range(p):
        H[i, i] = (value(unit[i]) - 2.0 * centre + value(-unit[i])) / h[i] ** 2
        for j in range(i):
            cross = (
                value(unit[i] + unit[j]) - value(unit[i] - unit[j]) - value(unit[j] - unit[i])
                + value(-unit[i] - unit[j])
            ) / (4.0 * h[i] * h[j])  # fmt: skip
            H[i, j] = H[j, i] = cross
    return H


def maximize_terms(terms: Terms, start: FloatArray, *, bhhh_steps: int = 5, limit: int = 300) -> NumericalMaximum:
    """Maximise the sum of `terms`. Raises r(430) when no maximum is found, r(1400) for a bad start."""

    def value(parameters: FloatArray) -> float:
        found = terms(parameters)
        total = float(found.sum()) if found is not None else -np.inf
        return total if np.isfinite(total) else -np.inf

    b = start.copy()
    current = value(b)
    if not np.isfinite(current):
        raise StataError(1400, "initial values not feasible")
    history = [current]
    inverse: FloatArray = np.eye(len(b))
    step: FloatArray = np.zeros(len(b))
    gradient = np.zeros(len(b))
    switch = 0
    for iteration in range(limit):
        scores = score_matrix(terms, b)
        new_gradient = scores.sum(axis=0)
        if iteration < bhhh_steps:
            inverse = np.asarray(np.linalg.pinv(scores.T @ scores), dtype=np.float64)
        elif not switch:
            switch = iteration
        else:
            inverse = _bfgs(inverse, step, gradient - new_gradient)
        gradient = new_gradient
        direction = inverse @ gradient
        decrement = float(gradient @ direction)
        if decrement < 1e-7 * max(1.0, abs(current) * 1e-2):
            break
        size, candidate, found = 1.0, b, current
        while size > 1e-9:
            candidate = b + size * direction
            found = value(candidate)
            if found > current + 1e-4 * size * decrement:
                break
            size /= 2.0
        else:
            break
        step = candidate - b
        done = abs(found - current) < 1e-8 * (abs(current) + 1e-8)
        b, current = candidate, found
        history.append(current)
        if done:
            break
    else:
        raise StataError(430, "convergence not achieved")
    b, H = _polish(terms, value, b)
    return NumericalMaximum(b, value(b), score_matrix(terms, b), H, history, switch)


def _bfgs(inverse: FloatArray, step: FloatArray, change: FloatArray) -> FloatArray:
    """Update of the inverse negative Hessian from a step and the fall of the gradient over it."""
    curvature = float(step @ change)
    if curvature <= 1e-12 * float(np.linalg.norm(step) * np.linalg.norm(change)):
        return inverse
    left = np.eye(len(step)) - np.outer(step, change) / curvature
    return np.asarray(left @ inverse @ left.T + np.outer(step, step) / curvature, dtype=np.float64)


def _polish(terms: Terms, value: Callable[[FloatArray], float], b: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Newton steps with numerical derivatives until the step is negligible beside the standard errors."""
    H = np.zeros((len(b), len(b)))
    for _ in range(20):
        scores = score_matrix(terms, b)
        spread = np.sqrt(np.maximum(np.diag(np.linalg.pinv(scores.T @ scores)), 0.0))
        H = hessian_matrix(terms, b, np.maximum(1e-3 * spread, _steps(b, 0.25)))
        if not np.isfinite(H).all() or np.linalg.eigvalsh(-H).min() <= 0.0:
            break
        gradient = scores.sum(axis=0)
        step = np.linalg.solve(-H, gradient)
        if float(gradient @ step) < 1e-13:
            break
        size, current = 1.0, value(b)
        while size > 1e-4 and value(b + size * step) < current:
            size /= 2.0
        if size <= 1e-4:
            break
        b = b + size * step
    return b, H
