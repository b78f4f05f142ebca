"""Linear regression whose errors are heteroskedastic, correlated across panels or autoregressive within them.

Feasible GLS and panel-corrected covariances (Stata [XT] xtgls and xtpcse, Methods and formulas; Beck and Katz
1995). All rows are in order of panel, then time; `ids` numbers the panels from 0.
"""

from __future__ import annotations

from typing import Literal

import numpy as np

from ssd.engine.missing import FloatArray
from ssd.engine.stats.covariance import IndexArray

Structure = Literal["iid", "heteroskedastic", "correlated"]


def lag_correlations(e: FloatArray, ids: IndexArray) -> FloatArray:
    """Coefficient of e on its lag (no constant) in each panel, bounded to [-1, 1]: shape (panels,)."""
    follows = ids[1:] == ids[:-1]
    panel = ids[1:][follows]
    count = int(ids[-1]) + 1
    products = np.bincount(panel, weights=(e[1:] * e[:-1])[follows], minlength=count)
    squares = np.bincount(panel, weights=(e[:-1] ** 2)[follows], minlength=count)
    return np.clip(np.where(squares > 0.0, products / np.where(squares > 0.0, squares, 1.0), 0.0), -1.0, 1.0)


def quasi_differences(values: FloatArray, rho: FloatArray, ids: IndexArray) -> FloatArray:
    """Prais–Winsten transform of the columns of `values` (n, k) with one rho per panel."""
    own = rho[ids][:, None]
    out = np.sqrt(1.0 - own**2) * values
    follows = np.flatnonzero(ids[1:] == ids[:-1]) + 1
    out[follows] = values[follows] - own[follows] * values[follows - 1]
    return out


def error_covariance(e: FloatArray, ids: IndexArray, structure: Structure) -> FloatArray:
    """Contemporaneous covariance of the panels' errors, divisors without correction: (panels, panels).

    `correlated` needs panels observed over the same periods.
    """
    sizes = np.bincount(ids)
    if structure == "iid":
        return np.eye(len(sizes)) * float(e @ e / len(e))
    if structure == "heteroskedastic":
        return np.diag(np.bincount(ids, weights=e**2) / sizes)
    E = e.reshape(len(sizes), -1)
    return np.asarray(E @ E.T / E.shape[1], dtype=np.float64)


def corrected_covariance(
    X: FloatArray, inverse: FloatArray, ids: IndexArray, sigma: FloatArray, structure: Structure
) -> FloatArray:
    """(X'X)^-1 X' Omega X (X'X)^-1 with `inverse` = (X'X)^-1: (k, k)."""
    if structure == "correlated":
        cube = X.reshape(len(sigma), -1, X.shape[1])
        mixed = np.tensordot(sigma, cube, axes=1)
        filling = np.tensordot(cube, mixed, axes=([0, 1], [0, 1]))
    else:
        filling = X.T @ (X * np.diag(sigma)[ids][:, None])
    return np.asarray(inverse @ filling @ inverse, dtype=np.float64)


def whiten(values: FloatArray, ids: IndexArray, sigma: FloatArray, structure: Structure) -> FloatArray:
    """The columns of `values` (n, k) times Omega^(-1/2). Raises LinAlgError when sigma is not positive definite."""
    if structure == "correlated":
        half = np.linalg.inv(np.linalg.cholesky(sigma))
        cube = values.reshape(len(sigma), -1, values.shape[1])
        return np.tensordot(half, cube, axes=1).reshape(values.shape)
    return np.asarray(values / np.sqrt(np.diag(sigma))[ids][:, None], dtype=np.float64)
