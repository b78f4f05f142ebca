"""Sort orders and groups of rows, computed on the storage form (whose codes sort as Stata sorts)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ssd.engine.data.storage import ObjectArray

IndexArray = NDArray[np.intp]


def string_codes(values: ObjectArray) -> NDArray[np.int64]:
    """Rank (0-based) of each string among the distinct strings, in the order of their UTF-8 bytes."""
    items = values.tolist()
    rank = {text: number for number, text in enumerate(sorted(set(items)))}
    return np.fromiter(map(rank.__getitem__, items), dtype=np.int64, count=len(items))


def sort_key(values: NDArray[Any]) -> NDArray[Any]:
    """A numeric array that sorts like the column (strings become ranks)."""
    return string_codes(values) if values.dtype == object else values


def stable_order(keys: Sequence[NDArray[Any]]) -> IndexArray:
    """Positions that sort by `keys` (first key first); ties keep their order."""
    order: IndexArray | None = None
    for key in reversed(keys):
        order = np.argsort(key, kind="stable") if order is None else order[np.argsort(key[order], kind="stable")]
    if order is None:
        raise ValueError("no sort key")
    return order


def code_order(codes: IndexArray, n_codes: int) -> IndexArray:
    """Stable order of group numbers 0 … n_codes - 1; 16-bit keys take numpy's radix sort."""
    narrow = np.uint16 if n_codes <= 65536 else np.int32 if n_codes < 2**31 else np.int64
    if n_codes == codes.size and n_codes and bool(np.bincount(codes, minlength=n_codes).max() == 1):
        order = np.empty(n_codes, dtype=np.intp)
        order[codes] = np.arange(n_codes)
        return order
    return np.argsort(codes.astype(narrow), kind="stable")


def is_ordered(keys: Sequence[NDArray[Any]]) -> bool:
    """Whether rows are already in ascending order of `keys`."""
    n = len(keys[0])
    tied = np.ones(max(n - 1, 0), dtype=np.bool_)
    for key in keys:
        left, right = key[:-1], key[1:]
        if bool(np.any(tied & (left > right))):
            return False
        tied &= left == right
        if not tied.any():
            break
    return True


def run_starts(keys: Sequence[NDArray[Any]], n_obs: int) -> IndexArray:
    """First row of each run of equal `keys` in rows that are sorted by them."""
    if n_obs == 0:
        return np.empty(0, dtype=np.intp)
    new = np.zeros(n_obs, dtype=np.bool_)
    new[0] = True
    for key in keys:
        new[1:] |= key[1:] != key[:-1]
    return np.flatnonzero(new)


def _counted_numbers(keys: Sequence[NDArray[Any]]) -> tuple[IndexArray, int] | None:
    """Group numbers by counting, without sorting; None unless all keys are whole numbers in a small range."""
    n_obs = len(keys[0])
    room = max(4 * n_obs, 1024)
    cells: IndexArray | None = None
    size = 1
    for key in keys:
        low, high = key.min(), key.max()
        if not (np.isfinite(high) and np.isfinite(low)) or (float(high) - float(low) + 1.0) * size > room:
            return None
        span = int(high) - int(low) + 1
        codes = (key - low).astype(np.intp) if key.dtype.kind == "f" else key.astype(np.intp) - int(low)
        if key.dtype.kind == "f" and (low != np.trunc(low) or not np.array_equal(codes, key - low)):
            return None
        cells = codes if cells is None else cells * span + codes
        size *= span
    assert cells is not None
    present = np.bincount(cells, minlength=size) > 0
    numbers = (np.cumsum(present) - 1)[cells]
    return numbers, int(np.count_nonzero(present))


def group_numbers(keys: Sequence[NDArray[Any]]) -> tuple[IndexArray, int]:
    """Group number of each row in ascending order of `keys` (0-based) and how many groups there are."""
    n_obs = len(keys[0])
    if n_obs == 0:
        return np.empty(0, dtype=np.intp), 0
    counted = _counted_numbers(keys)
    if counted is not None:
        return counted
    order = stable_order(keys)
    starts = run_starts([key[order] for key in keys], n_obs)
    step = np.zeros(n_obs, dtype=np.intp)
    step[starts] = 1
    numbers = np.empty(n_obs, dtype=np.intp)
    numbers[order] = np.cumsum(step) - 1
    return numbers, len(starts)
