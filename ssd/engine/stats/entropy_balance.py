"""Entropy balancing: weights nearest to base weights whose moments equal given targets.

Hainmueller (2012, Political Analysis 20: 25-46); the dual is minimised by Newton steps, so the weights are the
exact solution and not the first that meets a tolerance.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ssd.engine.errors import StataError
from ssd.engine.missing import FloatArray


@dataclass(frozen=True)
class Balanced:
    weights: FloatArray
    """Sum to the total asked for."""
    differences: list[float]
    """Largest difference between a weighted total and its target, before each step."""


def entropy_balance(X: FloatArray, target: FloatArray, base: FloatArray, total: float, limit: int) -> Balanced:
    """Weights for the rows of X (n, k) with weighted means `target` (k,).

    Raises r(430) when the targets cannot be reached, as when they lie outside the range of the rows.
    """
    spread = X.std(axis=0)
    Z = (X - target) / np.where(spread > 0.0, spread, 1.0)
    coefficients = np.zeros(X.shape[1])
    log_base = np.log(base)
    differences: list[float] = []

    def weights(at: FloatArray) -> tuple[FloatArray, float]:
        exponent = log_base - Z @ at
        top = float(exponent.max())
        w = np.exp(exponent - top)
        return np.asarray(w / w.sum(), dtype=np.float64), top + float(np.log(w.sum()))

    w, value = weights(coefficients)
    for _ in range(limit):
        gap = w @ Z
        differences.append(float(np.abs(w @ X - target).max()) * total)
        if float(np.abs(gap).max()) < 1e-11:
            return Balanced(w * total, differences)
        centred = Z - gap
        step = np.linalg.lstsq((centred * w[:, None]).T @ centred, gap, rcond=None)[0]
        size = 1.0
        while size > 1e-8:
            new_w, new_value = weights(coefficients + size * step)
            if new_value <= value + 1e-14 * abs(value):
                break
            size /= 2.0
        coefficients = coefficients + size * step
        w, value = new_w, new_value
        if not np.isfinite(value) or np.abs(coefficients).max() > 1e6:
            break
    if float(np.abs(w @ Z).max()) < 1e-8:
        return Balanced(w * total, differences)
    raise StataError(430, "convergence not achieved; the moments may not be attainable with positive weights")
