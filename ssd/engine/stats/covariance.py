"""Sandwich covariance matrices from scores, and Wald statistics.

A score row is one observation's contribution to the gradient (Stata [P] _robust: V = D (sum u'u) D).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ssd.engine.data.order import group_numbers
from ssd.engine.missing import FloatArray

IndexArray = NDArray[np.intp]


def group_ids(values: NDArray[np.generic]) -> tuple[IndexArray, int]:
    """Group number (0-based, sorted order) of each value and the number of groups."""
    if values.dtype.kind in "iuf":
        return group_numbers([values])
    unique, ids = np.unique(values, return_inverse=True)
    return ids.astype(np.intp).reshape(-1), len(unique)


def sum_by_group(scores: FloatArray, ids: IndexArray, groups: int) -> FloatArray:
    """Column sums within groups: (groups, k)."""
    if not scores.shape[1]:
        return np.zeros((groups, 0))
    return np.column_stack([np.bincount(ids, weights=column, minlength=groups) for column in scores.T])


def meat(scores: FloatArray, ids: IndexArray | None = None, groups: int = 0) -> FloatArray:
    """sum u'u over observations, or over cluster sums when `ids` is given."""
    rows = scores if ids is None else sum_by_group(scores, ids, groups)
    return rows.T @ rows


def frequency_meat(scores: FloatArray, frequencies: FloatArray) -> FloatArray:
    """sum f u'u for observations that stand for `frequencies` equal ones each."""
    return scores.T @ (scores * frequencies[:, None])


def sandwich(bread: FloatArray, filling: FloatArray, correction: float = 1.0) -> FloatArray:
    V = bread @ filling @ bread * correction
    return (V + V.T) / 2.0


def wald(b: FloatArray, V: FloatArray) -> tuple[float, int]:
    """b' V^- b and its rank; dependent restrictions are dropped in order."""
    from ssd.engine.stats.linear import symmetric_inverse

    W = symmetric_inverse(V)
    rank = int(np.count_nonzero(np.diag(W)))
    return float(b @ W @ b), rank
