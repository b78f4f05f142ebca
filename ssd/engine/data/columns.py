"""Putting columns of two datasets together: common types, common key codes, label clashes."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from ssd.engine.data.dataset import Dataset, Variable
from ssd.engine.data.order import IndexArray, group_numbers, string_codes
from ssd.engine.data.storage import missing_code, widen

if TYPE_CHECKING:
    from ssd.engine.output.log import Log

_RANK = ("byte", "int", "long", "float", "double")


def joined_types(first: Variable, second: Variable) -> str:
    """The type that holds the values of both (int and float give float; long and float give double)."""
    if first.is_string:
        if "strL" in (first.type, second.type):
            return "strL"
        return max(first.type, second.type, key=lambda name: int(name[3:]))
    if {first.type, second.type} == {"long", "float"}:
        return "double"
    return max(first.type, second.type, key=_RANK.index)


def empty_column(like: Variable, n_obs: int) -> Variable:
    """A variable of the same description with `n_obs` missing values."""
    values: Any = np.empty(n_obs, dtype=like.values.dtype)
    values.fill("" if like.is_string else missing_code(like.type))
    return replace(like, values=values, chars=dict(like.chars))


def key_codes(first: Dataset, second: Dataset, names: list[str]) -> tuple[IndexArray, IndexArray, int]:
    """Group numbers of the rows of both datasets in the order of the keys, and how many keys there are."""
    columns = []
    for name in names:
        a, b = first.variables[name], second.variables[name]
        if a.is_string:
            columns.append(string_codes(np.concatenate([a.values, b.values])))
        elif a.type == b.type:
            columns.append(np.concatenate([a.values, b.values]))
        else:
            columns.append(np.concatenate([widen(a.values, a.type), widen(b.values, b.type)]))
    numbers, count = _dense_codes(columns)
    return numbers[: first.n_obs], numbers[first.n_obs :], count


def _dense_codes(columns: list[Any]) -> tuple[IndexArray, int]:
    """A single integer key of a small range needs no sort."""
    if len(columns) == 1 and columns[0].dtype.kind == "i" and columns[0].size:
        key = columns[0].astype(np.int64)
        low, high = int(key.min()), int(key.max())
        if high - low < 4 * key.size + 1000:
            present = np.zeros(high - low + 1, dtype=np.bool_)
            present[key - low] = True
            rank = np.cumsum(present) - 1
            return rank[key - low].astype(np.intp), int(rank[-1]) + 1
    return group_numbers(columns)


def report_label_clashes(log: Log, data: Dataset, other: Dataset) -> None:
    """Take over value labels; a name that is taken keeps its definition, and Stata says so."""
    for name, labels in other.value_labels.items():
        if name in data.value_labels:
            log.line(f"(label {name} already defined)")
        else:
            data.value_labels[name] = dict(labels)
