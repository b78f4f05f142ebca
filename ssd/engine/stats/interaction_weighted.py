"""Interaction-weighted averages of cohort-specific effects with estimated cohort shares.

Sun and Abraham (2021, Journal of Econometrics 225), section 4.2 and appendix B for the variance.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ssd.engine.errors import StataError
from ssd.engine.missing import FloatArray


@dataclass(frozen=True)
class Shares:
    """Shares of the cohorts among the observations at each relative time."""

    weights: FloatArray
    """(L, C): rows sum to one over the cohorts observed at a relative time."""
    covariance: FloatArray
    """Of the shares, cohort by cohort and relative times within: (C L, C L)."""

    def block(self, i: int, j: int) -> FloatArray:
        """Covariance between the shares at two relative times: (C, C)."""
        size, cohorts = self.weights.shape
        step = np.arange(cohorts) * size
        return np.asarray(self.covariance[np.ix_(step + i, step + j)], dtype=np.float64)


def cohort_shares(X: FloatArray, members: FloatArray, w: FloatArray | None, *, frequency: bool = False) -> Shares:
    """Regressions of cohort membership (n, C) on relative-time indicators (n, L) with robust covariance.

    Raises r(459) when an indicator never occurs.
    """
    n = float(len(X))
    v = np.ones(len(X)) if w is None else np.asarray(w, dtype=np.float64)
    if w is not None:
        if frequency:
            n = float(v.sum())
        else:
            v = v * (n / v.sum())
    A = (X * v[:, None]).T @ X
    if np.linalg.matrix_rank(A) < A.shape[0]:
        raise StataError(459, "an indicator of relative time never occurs outside the control cohort or is collinear")
    inverse = np.linalg.inv(A)
    weights = inverse @ ((X * v[:, None]).T @ members)
    residual = members - X @ weights
    rows = (residual[:, :, None] * X[:, None, :]).reshape(len(X), -1)
    # Frequency weights repeat an observation; other weights enter its contribution twice.
    rows = rows * (np.sqrt(v) if frequency else v)[:, None]
    wide = np.kron(np.eye(members.shape[1]), inverse)
    return Shares(np.asarray(weights, dtype=np.float64), np.asarray(wide @ (rows.T @ rows) @ wide, dtype=np.float64))


def combine(b: FloatArray, V: FloatArray, shares: Shares) -> tuple[FloatArray, FloatArray]:
    """Effects by relative time and their covariance. b is (L, C), V (L C, L C) in its row order."""
    size, cohorts = b.shape
    select = np.zeros((size, size * cohorts))
    for j in range(size):
        select[j, j * cohorts : (j + 1) * cohorts] = shares.weights[j]
    covariance = select @ V @ select.T
    for i in range(size):
        for j in range(size):
            covariance[i, j] += b[i] @ shares.block(i, j) @ b[j]
    return np.asarray((shares.weights * b).sum(axis=1), dtype=np.float64), np.asarray(covariance, dtype=np.float64)
