"""The observations, weights and categories a descriptive command works on."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ssd.engine.commands.declare import Line
from ssd.engine.errors import StataError, no_observations
from ssd.engine.missing import BoolArray, FloatArray, is_missing, missing_name
from ssd.engine.output.tables import number
from ssd.engine.session import Session


@dataclass(frozen=True)
class Selection:
    """Chosen observations: `mask` over all observations, `weights` of the chosen ones (None when unweighted)."""

    mask: BoolArray
    weights: FloatArray | None
    kind: str

    @property
    def n(self) -> float:
        """Observations, counting frequency weights."""
        if self.weights is not None and self.kind == "fweight":
            return float(self.weights.sum())
        return float(self.mask.sum())

    def frequencies(self) -> FloatArray:
        """Weights as counts: ones when unweighted, analytic weights rescaled to sum to the observations."""
        size = int(self.mask.sum())
        if self.weights is None:
            return np.ones(size)
        if self.kind in ("aweight", "pweight"):
            return np.asarray(self.weights * (size / self.weights.sum()), dtype=np.float64)
        return self.weights


def select(session: Session, line: Line, complete: list[str] | None = None, *, missing: bool = False) -> Selection:
    """`if`, `in`, by-group and positive weights; also complete in the named variables unless `missing`."""
    mask = line.sample(session)
    weights = line.weights(session)
    kind = line.weight.kind if line.weight is not None else ""
    if weights is not None:
        mask = mask & ~is_missing(weights) & ((weights != 0) if kind == "iweight" else (weights > 0))
    if not missing:
        for name in complete or []:
            mask = mask & present(session, name)
    return Selection(mask, None if weights is None else weights[mask], kind)


def present(session: Session, name: str) -> BoolArray:
    """Observations where a variable (numeric or string) is not missing."""
    if session.data.variables[name].is_string:
        return np.asarray(session.data.strings(name) != "", dtype=np.bool_)
    return ~is_missing(session.data.numeric(name))


@dataclass(frozen=True)
class Categories:
    """The distinct values of a variable in a selection, in order, with each observation's code."""

    name: str
    values: list[float | str]
    labels: list[str]
    codes: NDArray[np.intp]

    @property
    def size(self) -> int:
        return len(self.values)


def categories(session: Session, name: str, mask: BoolArray, *, nolabel: bool = False) -> Categories:
    """Distinct values within `mask`; `codes` has one entry per chosen observation."""
    variable = session.data.variables[name]
    if variable.is_string:
        texts, codes = np.unique(session.data.strings(name)[mask].astype(str), return_inverse=True)
        return Categories(name, [str(v) for v in texts], [str(v) for v in texts], codes.astype(np.intp))
    numbers, codes = np.unique(session.data.numeric(name)[mask], return_inverse=True)
    values: list[float | str] = [float(v) for v in numbers]
    return Categories(
        name,
        values,
        [value_text(session, name, float(v), nolabel=nolabel) for v in numbers],
        codes.astype(np.intp),
    )


def value_text(session: Session, name: str, value: float, *, nolabel: bool = False) -> str:
    """A value as shown in tables: its value label, else the number in the variable's format."""
    variable = session.data.variables[name]
    labels = session.data.value_labels.get(variable.value_label, {}) if variable.value_label else {}
    if bool(is_missing(np.array([value]))[0]):
        code = missing_name(value)
        return code if nolabel else _extended_label(labels, value, code)
    if not nolabel and value == round(value) and int(value) in labels:
        return labels[int(value)]
    return number(value, "%9.0g" if nolabel and not variable.format.startswith("%t") else variable.format)


def _extended_label(labels: dict[int, str], value: float, code: str) -> str:
    """Label of an extended missing value; the label table keys it by its long-integer code (dta format)."""
    if code == ".":
        return code
    return labels.get(2147483621 + ord(code[1]) - ord("a") + 1, code)


def two_groups(session: Session, name: str, mask: BoolArray) -> Categories:
    """The two groups a by() variable makes. Raises r(420) as Stata does."""
    groups = categories(session, name, mask)
    if groups.size == 0:
        raise no_observations()
    if groups.size != 2:
        found = "more than 2 groups found, only 2 allowed" if groups.size > 2 else "1 group found, 2 required"
        raise StataError(420, found)
    return groups


def numeric_columns(session: Session, names: list[str], mask: BoolArray) -> FloatArray:
    """Values of several variables, shape (chosen observations, variables). Raises r(109) for a string."""
    return np.column_stack([session.data.numeric(name)[mask] for name in names])


def heading(session: Session, name: str) -> str:
    """Variable label, or the name when there is none."""
    return session.data.variables[name].label or name


def confidence_level(session: Session, line: Line) -> float:
    """The level() option (declared as cilevel), or `set level`."""
    given = line.options.get("level")
    return float(given) if isinstance(given, (int, float)) and given else float(session.settings.get("level", "95"))


def numeric_varlist(session: Session, line: Line) -> list[str]:
    """The varlist typed, or all numeric variables when none was."""
    if line.anything.strip():
        return line.varlist
    return [name for name, variable in session.data.variables.items() if not variable.is_string]
