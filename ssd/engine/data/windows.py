"""Windows of observations: for each row the rows of its group whose key lies in an interval."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ssd.engine.missing import FloatArray

IndexArray = NDArray[np.intp]

_CHUNK = 4_000_000
"""Members handled at once: some hundred megabytes with the arrays made of them."""


@dataclass(frozen=True)
class Windows:
    """Windows of rows sorted by group and key; window w holds the places first[w] … last[w] - 1 of `order`."""

    order: IndexArray
    """Rows by group and key."""
    first: IndexArray
    last: IndexArray
    window_of: IndexArray
    """The window of each asking row, in the sequence in which the rows were given."""

    def chunks(self) -> Iterator[tuple[IndexArray, IndexArray, IndexArray]]:
        """(windows, members' rows, number of the window among these) for runs of windows of limited total size."""
        sizes = self.last - self.first
        ends = np.cumsum(sizes)
        start = 0
        while start < len(sizes):
            offset = ends[start - 1] if start else 0
            stop = max(int(np.searchsorted(ends, offset + _CHUNK, side="right")), start + 1)
            counts = sizes[start:stop]
            local = np.repeat(np.arange(stop - start), counts)
            before = np.concatenate([[0], np.cumsum(counts)[:-1]])
            places = np.arange(int(counts.sum())) - before[local] + self.first[start:stop][local]
            yield np.arange(start, stop), self.order[places], local
            start = stop


def interval_windows(
    rows: IndexArray, ids: IndexArray, key: FloatArray, low: FloatArray, high: FloatArray, *, merge: bool = True
) -> Windows:
    """For each of `rows` the rows of the same group with low <= key <= high; a NaN bound is open.

    `ids`, `key`, `low` and `high` belong to `rows`. With `merge`, equal windows are made once.
    """
    if rows.size == 0:
        empty = np.empty(0, dtype=np.intp)
        return Windows(empty, empty, empty, empty)
    order = np.lexsort((key, ids))
    sorted_ids, sorted_key = ids[order], key[order]
    n_groups = int(ids.max()) + 1
    starts = np.searchsorted(sorted_ids, np.arange(n_groups), side="left")
    stops = np.searchsorted(sorted_ids, np.arange(n_groups), side="right")
    # One search over all groups: keys become ranks, and a group's ranks follow those of the groups before it.
    levels = np.unique(sorted_key)
    span = len(levels) + 1
    place = sorted_ids * span + np.searchsorted(levels, sorted_key)
    floor = np.where(np.isnan(low), 0, np.searchsorted(levels, np.where(np.isnan(low), 0.0, low), side="left"))
    ceiling = np.where(np.isnan(high), len(levels), np.searchsorted(levels, np.where(np.isnan(high), 0.0, high),
                                                                    side="right"))  # fmt: skip
    first = np.searchsorted(place, ids * span + floor, side="left")
    last = np.searchsorted(place, ids * span + ceiling, side="left")
    first, last = np.maximum(first, starts[ids]), np.minimum(last, stops[ids])
    last = np.maximum(first, last)
    window_of = np.arange(rows.size)
    if merge:
        pairs, window_of = np.unique(np.stack([first, last], axis=1), axis=0, return_inverse=True)
        first, last, window_of = pairs[:, 0], pairs[:, 1], window_of.reshape(-1)
    return Windows(rows[order], first, last, window_of)
