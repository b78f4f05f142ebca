"""Nonlinear least squares by damped Gauss–Newton steps ([R] nl, Methods and formulas)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from ssd.engine.errors import StataError
from ssd.engine.missing import FloatArray
from ssd.engine.stats.linear import symmetric_inverse

Mean = Callable[[FloatArray], "FloatArray | None"]
"""Fitted values (n,) at a parameter vector (p,); None where they cannot be computed."""


@dataclass(frozen=True)
class NonlinearFit:
    parameters: FloatArray
    fitted: FloatArray
    derivatives: FloatArray
    """(n, p) at the solution."""
    inverse: FloatArray
    """Inverse of the weighted cross-product of the derivatives."""
    rss: float
    iterations: list[float] = field(default_factory=list)
    """Weighted residual sum of squares at iteration 0, 1, …"""


def fit_nonlinear(
    mean: Mean,
    derivatives: Callable[[FloatArray], FloatArray],
    y: FloatArray,
    start: FloatArray,
    w: FloatArray | None,
    limit: int,
) -> NonlinearFit:
    """Minimise sum w (y - mean(b))^2. Raises r(480) for unusable starting values, r(430) without convergence."""
    weights = np.ones(len(y)) if w is None else w

    def criterion(b: FloatArray) -> tuple[float, FloatArray | None]:
        fitted = mean(b)
        if fitted is None:
            return np.inf, None
        value = float(weights @ (y - fitted) ** 2)
        return (value if np.isfinite(value) else np.inf), fitted

    b = start.copy()
    rss, fitted = criterion(b)
    if fitted is None or not np.isfinite(rss):
        raise StataError(480, "starting values invalid or some RHS variables have missing values")
    history = [rss]
    for _ in range(limit):
        D = derivatives(b)
        A = D.T @ (D * weights[:, None])
        g = D.T @ (weights * (y - fitted))
        if not np.isfinite(A).all():
            raise StataError(481, "cannot calculate derivatives")
        direction = symmetric_inverse(A) @ g
        step, value, candidate = _downhill(criterion, b, rss, A, g, direction)
        if candidate is None:
            # No downhill step is left at machine precision: where the gradient vanishes this is the minimum.
            if float(g @ direction) <= 1e-8 * max(rss, 1e-300):
                break
            raise StataError(430, "convergence not achieved")
        settled = float(np.max(np.abs(step) / (np.abs(b) + 1e-3))) < 1e-9
        exact = value <= 1e-30 * float(weights @ y**2)
        b, rss, fitted = b + step, value, candidate
        # The last, unlogged steps go beyond the printed criterion.
        if abs(history[-1] - rss) > 1e-10 * (history[-1] + 1e-10):
            history.append(rss)
        if settled or exact:
            break
    else:
        raise StataError(430, "convergence not achieved")
    D = derivatives(b)
    return NonlinearFit(b, fitted, D, symmetric_inverse(D.T @ (D * weights[:, None])), rss, history)


def _downhill(
    criterion: Callable[[FloatArray], tuple[float, FloatArray | None]],
    b: FloatArray,
    rss: float,
    A: FloatArray,
    g: FloatArray,
    direction: FloatArray,
) -> tuple[FloatArray, float, FloatArray | None]:
    """A step that does not raise the criterion: halved Gauss–Newton steps, then Marquardt's; fitted None if none."""
    size = 1.0
    while size > 1e-3:
        value, fitted = criterion(b + size * direction)
        if value <= rss * (1.0 + 1e-14):
            return size * direction, value, fitted
        size /= 2.0
    scale = np.diag(np.maximum(np.diag(A), 1e-300))
    damping = 1e-3
    while damping < 1e14:
        step = symmetric_inverse(A + damping * scale) @ g
        value, fitted = criterion(b + step)
        if value < rss:
            return step, value, fitted
        damping *= 10.0
    return np.zeros_like(b), rss, None


def constant_parameter(derivatives: FloatArray) -> int | None:
    """The first parameter whose derivative is the same, nonzero number for all observations."""
    for j in range(derivatives.shape[1]):
        column = derivatives[:, j]
        size = float(np.abs(column).max())
        if size > 0.0 and float(np.ptp(column)) <= 1e-6 * size:
            return j
    return None
