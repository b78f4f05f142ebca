"""Terms to design-matrix columns with Stata's names, base levels, empty cells and omissions.

A factor is coded without its base level when the term without that factor is in the model too (for a
main effect that is the constant); otherwise all its levels appear. An interaction of factors alone
whose margins are all absent drops its base cell ([U] 11.4.3 and the tables in [R] regress).
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Literal, Protocol

import numpy as np

from ssd.engine.errors import StataError
from ssd.engine.missing import BoolArray, FloatArray, is_missing
from ssd.engine.stats.terms import Component, Term

Status = Literal["", "base", "empty", "omitted"]


class Source(Protocol):
    """Where columns get their values: variable and canonical time-series operator to all observations."""

    def get(self, variable: str, operator: str = "") -> FloatArray: ...


@dataclass(frozen=True)
class Part:
    """One factor of a column's product; `level` is None for a continuous variable."""

    variable: str
    operator: str = ""
    level: int | None = None
    is_base: bool = False
    """The level is the base of its factor (and the factor is not ibn.)."""
    contrast: bool = False
    """The factor is coded without its base level in this term."""


@dataclass(frozen=True)
class Column:
    """One coefficient. `values` is the product over parts of indicators and continuous values."""

    parts: tuple[Part, ...]
    status: Status = ""

    @property
    def name(self) -> str:
        if len(self.parts) == 1 and self.parts[0].level is None:
            part = self.parts[0]
            if self.status == "omitted":
                return f"o{part.operator}.{part.variable}"
            return f"{part.operator}.{part.variable}" if part.operator else part.variable
        return "#".join(self._part_name(part) for part in self.parts)

    def _part_name(self, part: Part) -> str:
        out = self.status in {"omitted", "empty"}
        if part.level is None:
            zero = out or (self.status == "base" and len(self.parts) > 1)
            return f"c{'o' if zero else ''}{part.operator}.{part.variable}"
        if part.is_base and (part.contrast or self.status == "base"):
            mark = "b"
        elif out or self.status == "base":
            mark = "o"
        else:
            mark = ""
        return f"{part.level}{mark}.{part.variable}"

    @property
    def term(self) -> tuple[tuple[str, str, bool], ...]:
        """What columns of one term share: variable, operator and whether it is a factor, in order."""
        return tuple((part.variable, part.operator, part.level is not None) for part in self.parts)

    @property
    def active(self) -> bool:
        return self.status == ""

    def values(self, source: Source) -> FloatArray:
        product: FloatArray | None = None
        for part in self.parts:
            data = source.get(part.variable, part.operator)
            piece = data if part.level is None else (data == part.level).astype(np.float64)
            product = piece if product is None else product * piece
        assert product is not None
        return product


@dataclass
class Design:
    """The columns of one equation, in the order of e(b), the constant (if any) last."""

    columns: list[Column]
    constant: bool = True
    notes: list[str] = field(default_factory=list)
    factors: dict[str, list[int]] = field(default_factory=dict)
    """Levels of each factor variable in the estimation sample."""
    bases: dict[str, int | None] = field(default_factory=dict)

    @property
    def names(self) -> list[str]:
        return [column.name for column in self.columns] + (["_cons"] if self.constant else [])

    @property
    def active(self) -> BoolArray:
        """Which entries of e(b) are estimated."""
        flags = [column.active for column in self.columns] + ([True] if self.constant else [])
        return np.array(flags, dtype=np.bool_)

    def matrix(self, source: Source, rows: BoolArray | slice) -> FloatArray:
        """Active columns without the constant for the selected rows: (n, k)."""
        active = [column for column in self.columns if column.active]
        n = len(source_rows(source, active, rows))
        if not isinstance(rows, slice) and n == len(rows):
            # A slice is copied faster than a mask is searched.
            rows = slice(None)
        X = np.empty((n, len(active)), order="F")
        for j, column in enumerate(active):
            X[:, j] = column.values(source)[rows]
        return X

    def omit(self, kept: BoolArray) -> None:
        """Mark the active columns for which `kept` is False as omitted and note it."""
        position = 0
        for index, column in enumerate(self.columns):
            if not column.active:
                continue
            if not kept[position]:
                self.notes.append(f"note: {column.name} omitted because of collinearity.")
                self.columns[index] = replace(column, status="omitted")
            position += 1

    def expand(self, values: FloatArray) -> FloatArray:
        """Spread a vector or square matrix over active entries to all entries, zero elsewhere."""
        active = np.flatnonzero(self.active)
        if values.ndim == 1:
            full = np.zeros(len(self.names))
            full[active] = values
            return full
        square = np.zeros((len(self.names), len(self.names)))
        square[np.ix_(active, active)] = values
        return square

    @property
    def variables(self) -> list[str]:
        """Distinct variables in order of appearance."""
        return list(dict.fromkeys(part.variable for column in self.columns for part in column.parts))


def source_rows(source: Source, columns: Sequence[Column], rows: BoolArray | slice) -> FloatArray:
    """The selected rows of any column's variable; an empty array when there are no columns."""
    if columns:
        part = columns[0].parts[0]
        return source.get(part.variable, part.operator)[rows]
    if isinstance(rows, slice):
        return np.zeros(0)
    return np.zeros(int(np.count_nonzero(rows)))


def term_variables(terms: Sequence[Term]) -> list[tuple[str, str]]:
    """(variable, operator) pairs that must be nonmissing in the sample."""
    return list(dict.fromkeys((part.variable, part.operator) for term in terms for part in term))


def complete(terms: Sequence[Term], source: Source, sample: BoolArray) -> BoolArray:
    """`sample` without observations that miss a variable of the terms."""
    for variable, operator in term_variables(terms):
        sample = sample & ~is_missing(source.get(variable, operator))
    return sample


def factor_levels(variable: str, values: FloatArray) -> list[int]:
    """Sorted levels. Raises r(452) for negative or noninteger values."""
    levels = np.unique(values)
    if np.any(levels < 0):
        raise StataError(452, f"{variable}:  factor variables may not contain negative values")
    if np.any(levels != np.floor(levels)):
        raise StataError(452, f"{variable}:  factor variables may not contain noninteger values")
    return [int(level) for level in levels]


def build(terms: Sequence[Term], source: Source, sample: BoolArray, *, constant: bool = True) -> Design:
    """Columns for the terms, with levels taken from the sample. Collinearity is judged later (`Design.omit`)."""
    design = Design([], constant)
    for variable, part in _factor_specs(terms).items():
        values = source.get(variable)[sample]
        levels = factor_levels(variable, values)
        design.factors[variable] = levels
        design.bases[variable] = _base_level(part.base, levels, values)
    present = {frozenset(part.key for part in term) for term in terms}
    for term in terms:
        design.columns.extend(_term_columns(term, design, present, source, sample))
    for column in design.columns:
        if column.status == "empty":
            design.notes.append(f"note: {_plain(column)} identifies no observations in the sample.")
    return design


def _plain(column: Column) -> str:
    """The name as notes show it: base levels marked, nothing else."""
    return "#".join(
        f"c.{part.variable}" if part.level is None else f"{part.level}{'b' if part.is_base else ''}.{part.variable}"
        for part in column.parts
    )


def _factor_specs(terms: Sequence[Term]) -> dict[str, Component]:
    """Per factor variable the component that sets its base (the first that names one)."""
    specs: dict[str, Component] = {}
    for term in terms:
        for part in term:
            if part.kind == "i" and (part.variable not in specs or (part.base and not specs[part.variable].base)):
                specs[part.variable] = part
    return specs


def _base_level(choice: str, levels: list[int], values: FloatArray) -> int | None:
    if choice == "none" or not levels:
        return None
    if choice in {"", "first"}:
        return levels[0]
    if choice == "last":
        return levels[-1]
    if choice == "freq":
        counts = [int(np.count_nonzero(values == level)) for level in levels]
        return levels[int(np.argmax(counts))]
    if choice.startswith("#"):
        order = int(choice[1:])
        if not 1 <= order <= len(levels):
            raise StataError(198, "invalid base level")
        return levels[order - 1]
    return int(choice)


def _term_columns(
    term: Term,
    design: Design,
    present: set[frozenset[tuple[str, str, str]]],
    source: Source,
    sample: BoolArray,
) -> list[Column]:
    factors = [part for part in term if part.kind == "i"]
    continuous = tuple(Part(part.variable, part.operator) for part in term if part.kind == "c")
    omitted_by_user = any(part.omit for part in term)
    if not factors:
        return [Column(continuous, "omitted" if omitted_by_user else "")]
    choices: list[list[Part]] = []
    for factor in factors:
        base = design.bases[factor.variable]
        rest = frozenset(part.key for part in term if part is not factor)
        contrast = base is not None and (not rest or rest in present)
        levels = factor.levels or tuple(design.factors[factor.variable])
        if base is not None and not factor.levels and base not in levels:
            levels = (base, *levels)
        if factor.levels and len(factor.levels) == 1:
            contrast = False
        choices.append([Part(factor.variable, "", level, level == base, contrast) for level in levels])
    none_contrast = not any(parts[0].contrast for parts in choices if parts)
    whole = all(not factor.levels for factor in factors)
    columns: list[Column] = []
    for cell in itertools.product(*choices):
        status: Status = ""
        if any(part.is_base and part.contrast for part in cell) or (
            none_contrast and whole and not continuous and all(part.is_base for part in cell)
        ):
            status = "base"
        elif omitted_by_user:
            status = "omitted"
        elif len(cell) > 1 and not _occupied(cell, source, sample):
            status = "empty"
        columns.append(Column((*cell, *continuous), status))
    return columns


def _occupied(cell: tuple[Part, ...], source: Source, sample: BoolArray) -> bool:
    inside = sample
    for part in cell:
        inside = inside & (source.get(part.variable) == part.level)
    return bool(inside.any())
