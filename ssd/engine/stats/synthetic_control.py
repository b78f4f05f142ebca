"""Synthetic control: predictor weights by regression and unit weights by quadratic programming.

Abadie, Diamond and Hainmueller (2010); the conventions (predictors divided by their standard deviation over all
units, regression-based predictor weights) are those of the synth programs of Hainmueller, Abadie and Diamond.
"""

from __future__ import annotations

import numpy as np

from ssd.engine.errors import StataError
from ssd.engine.missing import FloatArray


def scaled(treated: FloatArray, controls: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Predictors (k,) and (k, units) divided by their standard deviations over all units.

    Raises r(198) for a predictor that does not vary.
    """
    spread = np.column_stack([controls, treated]).std(axis=1, ddof=1)
    if np.any(spread <= 0.0):
        raise StataError(198, "at least one predictor does not vary across units")
    return treated / spread, controls / spread[:, None]


def regression_weights(x1: FloatArray, X0: FloatArray, z1: FloatArray, Z0: FloatArray) -> FloatArray:
    """Weights of the predictors (sum one): squared coefficients of the outcomes' regressions on the predictors.

    x1 (k,), X0 (k, units) are scaled predictors, z1 (t,), Z0 (t, units) outcomes before the treatment.
    With more predictors than units can tell apart the coefficients are those of least norm.
    """
    X = np.column_stack([X0, x1]).T
    Z = np.column_stack([Z0, z1]).T
    Z = Z / max(float(np.abs(Z).max()), 1e-300)
    B = np.linalg.lstsq(np.column_stack([np.ones(len(X)), X]), Z, rcond=None)[0][1:]
    squares = ((B / max(float(np.abs(B).max()), 1e-300)) ** 2).sum(axis=1)
    total = float(squares.sum())
    return np.asarray(squares / total if total > 0.0 else np.full(len(squares), 1.0 / len(squares)), dtype=np.float64)


def unit_weights(x1: FloatArray, X0: FloatArray, v: FloatArray) -> FloatArray:
    """Nonnegative weights of the units that sum to one and minimise sum v (x1 - X0 w)²: (units,)."""
    from scipy.optimize import nnls

    root = np.sqrt(v)
    A, b = X0 * root[:, None], x1 * root
    scale = max(float(np.abs(A).max()), 1e-300)
    # A heavy row holds the weights near their sum; the active set it finds is then solved exactly.
    heavy = 1e4 * scale
    w = nnls(np.vstack([A, np.full(A.shape[1], heavy)]), np.append(b, heavy), maxiter=50 * A.shape[1] + 100)[0]
    return _polished(A, b, w)


def _polished(A: FloatArray, b: FloatArray, w: FloatArray) -> FloatArray:
    """Least squares with the sum constraint over the units in use, dropping those that turn negative."""
    active = w > 1e-9 * w.max()
    while True:
        use = np.flatnonzero(active)
        sub = A[:, use]
        # Substitute out the sum: w = w0 + N z with N spanning the vectors that sum to zero.
        base = np.full(len(use), 1.0 / len(use))
        N = np.linalg.svd(np.ones((1, len(use))))[2][1:].T
        z = np.linalg.lstsq(sub @ N, b - sub @ base, rcond=None)[0] if len(use) > 1 else np.zeros(0)
        found = base + N @ z if len(use) > 1 else base
        if np.all(found >= -1e-12):
            full = np.zeros(A.shape[1])
            full[use] = np.maximum(found, 0.0)
            return np.asarray(full / full.sum(), dtype=np.float64)
        active[use[np.argmin(found)]] = False
