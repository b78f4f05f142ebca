"""Row-wise and rank statistics of egen, on plain arrays."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ssd.engine.missing import MISSING, FloatArray, from_nan, to_nan

Ids = NDArray[np.intp]


def row_statistic(name: str, table: FloatArray) -> FloatArray:
    """`rowmean` and the others over the columns of `table`, shape (n_obs, n_vars); missing values are skipped."""
    present = table < MISSING
    count: Ids = present.sum(axis=1)
    zero = np.where(present, table, 0.0)
    if name == "rowtotal":
        totals: FloatArray = zero.sum(axis=1)
        return totals
    if name == "rownonmiss":
        return count.astype(np.float64)
    if name == "rowmiss":
        gone: FloatArray = (table.shape[1] - count).astype(np.float64)
        return gone
    some = count > 0
    if name == "rowmin":
        return np.where(some, np.where(present, table, np.inf).min(axis=1), MISSING)
    if name == "rowmax":
        return np.where(some, np.where(present, table, -np.inf).max(axis=1), MISSING)
    if name in ("rowfirst", "rowlast"):
        side = present if name == "rowfirst" else present[:, ::-1]
        at = side.argmax(axis=1)
        at = at if name == "rowfirst" else table.shape[1] - 1 - at
        return np.where(some, table[np.arange(len(table)), at], MISSING)
    with np.errstate(all="ignore"):
        mean = zero.sum(axis=1) / count
        if name == "rowmean":
            return np.where(some, mean, MISSING)
        squares = (np.where(present, table - mean[:, None], 0.0) ** 2).sum(axis=1)
        return np.where(count > 1, np.sqrt(squares / (count - 1)), MISSING)


def row_percentile(table: FloatArray, p: float) -> FloatArray:
    """Percentile of each row by Stata's rule."""
    ordered = np.sort(to_nan(table), axis=1)
    count = (table < MISSING).sum(axis=1)
    position = count * p / 100.0
    whole = np.floor(position + 1e-9)
    exact = np.abs(position - whole) < 1e-9
    last = np.maximum(count - 1, 0)
    low = np.clip(np.where(exact, whole - 1, whole), 0, last).astype(np.intp)
    high = np.clip(whole, 0, last).astype(np.intp)
    rows = np.arange(len(table))
    return from_nan((ordered[rows, low] + ordered[rows, high]) / 2.0)


def ranks(values: FloatArray, ids: Ids, how: str) -> FloatArray:
    """Ranks within groups: `mean` of ties, `field` (highest 1), `track` (lowest 1), `unique`. No missing values."""
    key = -values if how == "field" else values
    order = np.lexsort((key, ids))
    sorted_ids, sorted_key = ids[order], key[order]
    n = values.size
    group_start = np.ones(n, dtype=np.bool_)
    group_start[1:] = sorted_ids[1:] != sorted_ids[:-1]
    tie_start = group_start.copy()
    tie_start[1:] |= sorted_key[1:] != sorted_key[:-1]
    starts = np.flatnonzero(group_start)
    base = starts[np.cumsum(group_start) - 1]
    position = np.arange(n) - base + 1.0
    out = np.empty(n)
    if how == "unique":
        out[order] = position
        return out
    tie = np.cumsum(tie_start) - 1
    first = position[np.flatnonzero(tie_start)]
    size = np.bincount(tie)
    value = first if how in ("field", "track") else first + (size - 1) / 2.0
    out[order] = value[tie]
    return out


def mode(values: FloatArray, ids: Ids, n_groups: int, choose: str) -> FloatArray:
    """The most frequent value of each group; several modes give `.` unless `choose` is min or max."""
    order = np.lexsort((values, ids))
    x, g = values[order], ids[order]
    new = np.ones(x.size, dtype=np.bool_)
    new[1:] = (x[1:] != x[:-1]) | (g[1:] != g[:-1])
    at = np.flatnonzero(new)
    counts = np.diff(np.append(at, x.size))
    top = np.zeros(n_groups, dtype=np.int64)
    np.maximum.at(top, g[at], counts)
    is_top = counts == top[g[at]]
    owners, candidates = g[at][is_top], x[at][is_top]
    out = np.full(n_groups, MISSING)
    if choose == "max":
        out[owners] = candidates
    else:
        out[owners[::-1]] = candidates[::-1]
    if choose == "":
        several = np.bincount(owners, minlength=n_groups) > 1
        out[several] = MISSING
    return out
