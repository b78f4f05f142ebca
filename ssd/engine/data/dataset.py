"""The data in memory: variables as numpy columns, with Stata's types, labels, formats and sort order."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ssd.engine.data.limits import Limits
from ssd.engine.data.names import check_name
from ssd.engine.data.order import is_ordered, sort_key, stable_order
from ssd.engine.data.storage import (
    STORAGE,
    ObjectArray,
    cut_bytes,
    default_format,
    missing_code,
    narrow,
    promoted,
    string_type,
    widen,
)
from ssd.engine.errors import StataError, already_defined, type_mismatch, variable_not_found
from ssd.engine.missing import BoolArray, FloatArray
from ssd.engine.results import ResultSet

__all__ = ["STORAGE", "Dataset", "ObjectArray", "Variable"]


@dataclass
class Variable:
    """One column. `type` is byte, int, long, float, double, str1…str2045 or strL.

    `values` holds the storage form: the dtype of STORAGE for numbers, an object array of str for strings.
    """

    name: str
    type: str
    values: NDArray[Any]
    format: str
    label: str = ""
    value_label: str = ""
    chars: dict[str, str] = field(default_factory=dict)

    @property
    def is_string(self) -> bool:
        return self.type.startswith("str")


@dataclass
class Dataset:
    """Variables in order, all of one length. Owner of every change to data; sets `changed`."""

    variables: dict[str, Variable] = field(default_factory=dict)
    n_obs: int = 0
    label: str = ""
    sorted_by: list[str] = field(default_factory=list)
    value_labels: dict[str, dict[int, str]] = field(default_factory=dict)
    chars: dict[str, str] = field(default_factory=dict)
    filename: str = ""
    changed: bool = False
    timestamp: str = ""
    """When the file was saved, `dd Mon yyyy hh:mm`; empty for data that were never saved."""
    followed: ResultSet | None = field(default=None, repr=False, compare=False)
    """The estimation results whose e(sample) moves along when observations are reordered or dropped."""
    kept_sample: BoolArray | None = field(default=None, repr=False, compare=False)
    """In a copy: e(sample) as it was when the copy was made, for `restore`."""
    limits: Limits = field(default_factory=Limits, repr=False, compare=False)
    """The session's, once the data are its."""

    # --- reading ---
    @property
    def size(self) -> int:
        """Bytes of the columns (of references, for strings)."""
        return sum(column.values.nbytes for column in self.variables.values())

    def variable(self, name: str) -> Variable:
        """Raises r(111) when there is no such variable."""
        found = self.variables.get(name)
        if found is None:
            raise variable_not_found(name)
        return found

    def numeric(self, name: str) -> FloatArray:
        """Column as float64 with the missing values of `ssd.engine.missing`. Raises r(109) for a string."""
        column = self.variable(name)
        if column.is_string:
            raise type_mismatch()
        return widen(column.values, column.type)

    def strings(self, name: str) -> ObjectArray:
        """Column as an object array of str (not to be changed in place). Raises r(109) for a number."""
        column = self.variable(name)
        if not column.is_string:
            raise type_mismatch()
        return column.values

    def keys(self, names: Iterable[str]) -> list[NDArray[Any]]:
        """Arrays that sort and compare like the named columns."""
        return [sort_key(self.variable(name).values) for name in names]

    def labels_of(self, name: str) -> dict[int, str]:
        """The value label attached to a variable; empty when there is none."""
        return self.value_labels.get(self.variable(name).value_label, {})

    def require_new(self, names: Iterable[str]) -> None:
        """Raises r(110) for a name that is taken or given twice, r(198) for one that is not valid."""
        seen: set[str] = set()
        for name in names:
            check_name(name)
            if name in self.variables or name in seen:
                raise already_defined(name)
            seen.add(name)

    # --- changing variables ---
    def add(
        self,
        name: str,
        values: FloatArray | ObjectArray,
        type: str | None = None,  # noqa: A002
        *,
        format: str | None = None,  # noqa: A002
        label: str = "",
        value_label: str = "",
        fresh: bool = False,
    ) -> Variable:
        """Append a new variable. Numbers given without a type become `float`, strings the shortest str#.

        With `fresh` the array is given away and may become the column itself.
        Raises r(110) when the name is taken, r(198) when it is not a valid name.
        """
        check_name(name)
        if name in self.variables:
            raise already_defined(name)
        self.limits.check_variables(len(self.variables) + 1)
        column = make_variable(name, values, type, fresh=fresh)
        self.limits.check_size(self.size + column.values.nbytes)
        if len(column.values) != self.n_obs:
            if self.variables:
                raise ValueError(f"{name}: {len(column.values)} values for {self.n_obs} observations")
            self.n_obs = len(column.values)
        column.format = format or column.format
        column.label = label
        column.value_label = value_label
        self.variables[name] = column
        self.changed = True
        return column

    def replace(
        self,
        name: str,
        values: FloatArray | ObjectArray,
        mask: BoolArray | None = None,
        *,
        promote: bool = True,
    ) -> int:
        """Store `values` (where `mask`), promoting the type as Stata does; returns the number of changes."""
        column = self.variable(name)
        if column.is_string != (values.dtype == object):
            raise type_mismatch()
        whole = mask is None or (column.type == "double" and len(values) == self.n_obs)
        new: NDArray[Any] = values if whole else values[mask]
        if column.is_string:
            changes = self._replace_strings(column, new, mask, promote)
        else:
            changes = self._replace_numbers(column, new, mask, promote)
        if changes:
            self.changed = True
            self._forget_order_from(name)
        return changes

    def _replace_numbers(self, column: Variable, new: FloatArray, mask: BoolArray | None, promote: bool) -> int:
        if column.type == "double" and mask is not None:
            return self._replace_doubles(column, new, mask)
        wanted = promoted(column.type, new) if promote else column.type
        if wanted != column.type:
            column.values = narrow(widen(column.values, column.type), wanted)
            column.type = wanted
        stored = narrow(new, wanted)
        old = column.values if mask is None else column.values[mask]
        changes = int(np.count_nonzero(stored != old))
        if changes:
            if mask is None:
                column.values = stored
            else:
                column.values[mask] = stored
        return changes

    def _replace_doubles(self, column: Variable, values: FloatArray, mask: BoolArray) -> int:
        """Whole columns side by side: several times faster than taking the selected rows out and putting them back."""
        stored = np.where(mask, narrow(values, "double", fresh=True), column.values)
        changes = int(np.count_nonzero(stored != column.values))
        if changes:
            column.values = stored
        return changes

    def _replace_strings(self, column: Variable, new: ObjectArray, mask: BoolArray | None, promote: bool) -> int:
        if column.type != "strL":
            needed = string_type(new)
            limit = int(column.type[3:])
            if not promote:
                new = np.frompyfunc(lambda text: cut_bytes(text, limit), 1, 1)(new)
            elif needed == "strL" or int(needed[3:]) > limit:
                old_default = column.format == default_format(column.type)
                column.type = needed
                if old_default:
                    column.format = default_format(needed)
        old = column.values if mask is None else column.values[mask]
        changes = int(np.count_nonzero(new != old))
        if changes:
            if mask is None:
                column.values = new.copy()
            else:
                column.values[mask] = new
        return changes

    def set_type(self, name: str, type_name: str) -> None:
        """Change the storage type (values that do not fit become missing; callers check first)."""
        column = self.variable(name)
        if column.is_string:
            if type_name != "strL":
                width = int(type_name[3:])
                column.values = np.frompyfunc(lambda text: cut_bytes(text, width), 1, 1)(column.values)
        else:
            column.values = narrow(widen(column.values, column.type), type_name)
        column.type = type_name
        self.changed = True

    def rename(self, old: str, new: str) -> None:
        """Rename in place. Raises r(110) when `new` is taken, r(198) when it is not a valid name."""
        self.rename_all({old: new})

    def rename_all(self, names: dict[str, str]) -> None:
        """Rename several variables at once (swaps are fine)."""
        for old, new in names.items():
            self.variable(old)
            check_name(new)
            if new in self.variables and new not in names:
                raise already_defined(new)
        renamed = [replace_name(column, names.get(name, name)) for name, column in self.variables.items()]
        if len({column.name for column in renamed}) != len(renamed):
            raise already_defined(next(iter(names.values())))
        self.variables = {column.name: column for column in renamed}
        self.sorted_by = [names.get(name, name) for name in self.sorted_by]
        for key in ("_TStvar", "_TSpanel", "tis", "iis"):
            if self.chars.get(key) in names:
                self.chars[key] = names[self.chars[key]]
        self.changed = True

    def drop(self, names: list[str]) -> None:
        for name in names:
            self.variable(name)
        for name in names:
            self.variables.pop(name, None)
            self._forget_order_from(name)
        if not self.variables:
            self.n_obs = 0
            self.sorted_by = []
        self.changed = True

    def reorder(self, names: list[str]) -> None:
        """Put the variables in this order; `names` lists every variable."""
        self.variables = {name: self.variables[name] for name in names}
        self.changed = True

    def _forget_order_from(self, name: str) -> None:
        if name in self.sorted_by:
            self.sorted_by = self.sorted_by[: self.sorted_by.index(name)]

    # --- changing observations ---
    def _follow(self, rows: NDArray[Any]) -> None:
        """Select or reorder e(sample) like the observations."""
        results = self.followed
        if results is not None and results.sample is not None and len(results.sample) == self.n_obs:
            results.sample = results.sample[rows]

    def keep_observations(self, mask: BoolArray) -> None:
        self._follow(mask)
        for column in self.variables.values():
            column.values = column.values[mask]
        self.n_obs = int(np.count_nonzero(mask))
        self.changed = True

    def take(self, order: NDArray[np.intp]) -> None:
        """Reorder (or repeat) observations by position."""
        self._follow(order)
        for column in self.variables.values():
            column.values = column.values[order]
        self.n_obs = len(order)
        self.sorted_by = []
        self.changed = True

    def set_obs(self, n_obs: int) -> None:
        """Lengthen the data to `n_obs` observations with missing values. Raises r(198) when that is fewer."""
        added = n_obs - self.n_obs
        if added < 0:
            raise StataError(198, "obs() may not be smaller than _N")
        if self.followed is not None and self.followed.sample is not None and added:
            self.followed.sample = np.concatenate([self.followed.sample, np.zeros(added, dtype=np.bool_)])
        self.limits.check_size(self.size * (n_obs / max(self.n_obs, 1)))
        for column in self.variables.values():
            filler = np.empty(added, dtype=column.values.dtype)
            filler.fill("" if column.is_string else missing_code(column.type))
            column.values = np.concatenate([column.values, filler])
        self.n_obs = n_obs
        self.changed = True
        if added:
            self.sorted_by = []

    def sort(self, names: list[str], *, stable: bool = True) -> None:
        """Ascending order of the variables, missing values last. Always stable, whatever `stable` says."""
        if self.sorted_by[: len(names)] == names:
            self.sorted_by = list(names)
            return
        if self.n_obs > 1:
            keys = self.keys(names)
            if not is_ordered(keys):
                self.take(stable_order(keys))
        self.sorted_by = list(dict.fromkeys(names))

    def copy(self) -> Dataset:
        """A copy that shares no array with this one (for preserve and frames)."""
        sample = self.followed.sample if self.followed is not None else None
        return replace(
            self,
            kept_sample=None if sample is None else sample.copy(),
            variables={
                name: replace(column, values=column.values.copy(), chars=dict(column.chars))
                for name, column in self.variables.items()
            },
            sorted_by=list(self.sorted_by),
            value_labels={name: dict(labels) for name, labels in self.value_labels.items()},
            chars=dict(self.chars),
        )


def replace_name(column: Variable, name: str) -> Variable:
    column.name = name
    return column


def make_variable(
    name: str, values: FloatArray | ObjectArray, type_name: str | None = None, *, fresh: bool = False
) -> Variable:
    """A variable in storage form; numbers without a type become float, strings the shortest str#."""
    array: NDArray[Any] = np.asarray(values)
    if array.dtype == object or array.dtype.kind == "U":
        texts: ObjectArray = array.astype(object)
        if type_name is not None and not type_name.startswith("str"):
            raise type_mismatch()
        kind = string_type(texts) if type_name in (None, "str") else str(type_name)
        if type_name not in (None, "str", "strL"):
            width = int(kind[3:])
            texts = np.frompyfunc(lambda text: cut_bytes(text, width), 1, 1)(texts)
        return Variable(name, kind, texts, default_format(kind))
    if type_name is not None and type_name.startswith("str"):
        raise type_mismatch()
    kind = type_name or "float"
    return Variable(name, kind, narrow(array.astype(np.float64, copy=False), kind, fresh=fresh), default_format(kind))
