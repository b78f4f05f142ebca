"""Sort orders and groups of rows, computed on the storage form (whose codes sort as Stata sorts)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from ssd.engine.data.storage import ObjectArray

IndexArray = NDArray[np.intp]

RADIX_LENGTH: Final = 20_000
"""Keys shorter than this are sorted by comparison; measured, both ways take about the same time there."""
_SIGN: Final = np.uint64(1 << 63)


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
        order = _key_order(key) if order is None else order[_key_order(key[order])]
    if order is None:
        raise ValueError("no sort key")
    return order


def _key_order(key: NDArray[Any]) -> IndexArray:
    """Stable order of one key. Long keys are sorted digit by digit, since numpy sorts 16-bit integers by radix:
    1e6 doubles take half the time of its merge sort, whole numbers a quarter."""
    if len(key) < RADIX_LENGTH or key.dtype.itemsize <= 2:
        return np.argsort(key, kind="stable")
    whole = _whole_distances(key)
    bits = _ordered_bits(key) if whole is None else whole
    order: IndexArray | None = None
    for shift in range(0, 8 * bits.dtype.itemsize, 16):
        digit = (bits >> bits.dtype.type(shift)).astype(np.uint16)
        if digit[0] == digit[-1] and digit.min() == digit.max():
            continue
        order = np.argsort(digit, kind="stable") if order is None else order[np.argsort(digit[order], kind="stable")]
    return np.arange(len(key)) if order is None else order


def _whole_distances(key: NDArray[Any]) -> NDArray[np.uint32] | None:
    """Distances from the smallest value, if all values are whole numbers not further apart than 32 bits hold."""
    low, high = key.min(), key.max()
    if not (np.isfinite(low) and np.isfinite(high)) or float(high) - float(low) >= 2.0**32 or abs(float(low)) > 2.0**53:
        return None
    whole = key.astype(np.int64)
    if key.dtype.kind == "f" and not np.array_equal(whole, key):
        return None
    return (whole - int(low)).astype(np.uint32)


def _ordered_bits(key: NDArray[Any]) -> NDArray[np.uint64]:
    """64-bit integers that sort like the numbers: IEEE 754 bit patterns with the sign bit turned over, and all other
    bits of the negative ones."""
    if key.dtype.kind != "f":
        return key.astype(np.int64).view(np.uint64) ^ _SIGN
    # Adding zero makes -0.0 and 0.0 the same pattern.
    pattern = (key.astype(np.float64) + 0.0).view(np.int64)
    return (pattern ^ ((pattern >> 63) & np.int64(2**63 - 1))).view(np.uint64) ^ _SIGN


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
