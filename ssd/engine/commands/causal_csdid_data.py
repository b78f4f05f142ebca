"""The data of csdid and drdid: panels and repeated cross sections with their weights and clusters."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ssd.engine.commands.estimation import Sample, key_values
from ssd.engine.errors import StataError, unsupported
from ssd.engine.missing import BoolArray, FloatArray
from ssd.engine.stats.covariance import IndexArray, group_ids
from ssd.engine.stats.group_time import Cell, CrossSections, Panel
from ssd.engine.stats.matching import IntArray

if TYPE_CHECKING:
    from ssd.engine.session import Session


@dataclass
class Design:
    """What the cells compare, and where each observation of the sample went."""

    data: Panel | CrossSections
    unit: IntArray
    """Unit of each observation of the sample (the observation itself in cross sections)."""
    period: IntArray
    clusters: IndexArray | None

    def used(self, cells: list[Cell]) -> BoolArray:
        """Observations of the sample that some cell compares."""
        used = np.zeros((len(self.data.first), len(self.data.times)), dtype=np.bool_)
        for cell in cells:
            for time in (cell.base, cell.time):
                used[cell.inside, int(np.searchsorted(self.data.times, time))] = True
        return np.asarray(used[self.unit, self.period], dtype=np.bool_)

    def size(self, members: BoolArray) -> float:
        """Observations of a cell among its units."""
        return float(np.count_nonzero(members)) * (2.0 if isinstance(self.data, Panel) else 1.0)


@dataclass(frozen=True)
class Names:
    """Variables of the design; `unit` is empty for repeated cross sections."""

    unit: str
    group: str
    cluster: str = ""


def read_design(
    session: Session,
    sample: Sample,
    names: Names,
    y: FloatArray,
    when: FloatArray,
    first: FloatArray,
    X: FloatArray,
) -> Design:
    """The sample as a panel or as cross sections. y, when and first cover all observations, X the sample.

    Raises r(451) for repeated periods of a unit and r(459) when group, weights or clusters vary within units.
    """
    rows = sample.rows
    times, period = np.unique(when[rows], return_inverse=True)
    if len(times) < 2:
        raise StataError(459, "at least two periods are required")
    period = period.astype(np.intp)
    if not names.unit:
        clusters = group_ids(key_values(session, names.cluster)[rows])[0] if names.cluster else None
        data = CrossSections(y[rows], X, first[rows], period, times, sample.raw)
        return Design(data, np.arange(len(period)), period, clusters)
    units, unit = np.unique(key_values(session, names.unit)[rows], return_inverse=True)
    unit = unit.astype(np.intp)
    seen = np.zeros((len(units), len(times)), dtype=np.int64)
    np.add.at(seen, (unit, period), 1)
    if seen.max() > 1:
        raise StataError(451, "repeated time values within panel")
    if len(np.unique(seen.sum(axis=1))) > 1:
        session.log.line("Panel is not balanced")
        session.log.line("Will use observations with Pair balanced (observed at t0 and t1)")
    start = _constant(first[rows], unit, f"{names.group} is not constant within {names.unit}")
    weight = None
    if sample.raw is not None:
        if not _is_constant(sample.raw, unit):
            raise unsupported(f"csdid with weights that vary within {names.unit} is")
        weight = _constant(sample.raw, unit, "")
    clusters = None
    if names.cluster:
        ids = group_ids(key_values(session, names.cluster)[rows])[0]
        clusters = _constant(ids.astype(np.float64), unit, f"{names.unit} is not nested within {names.cluster}").astype(
            np.intp
        )
    outcome = np.full(seen.shape, np.nan)
    outcome[unit, period] = y[rows]
    covariates = np.full((*seen.shape, X.shape[1]), np.nan)
    covariates[unit, period] = X
    return Design(Panel(outcome, covariates, start, times, weight), unit, period, clusters)


def _is_constant(values: FloatArray, unit: IntArray) -> bool:
    per_unit = np.zeros(int(unit.max()) + 1)
    per_unit[unit] = values
    return bool(np.all(per_unit[unit] == values))


def _constant(values: FloatArray, unit: IntArray, complaint: str) -> FloatArray:
    """A unit's value of a variable that must not vary within units. Raises r(459)."""
    if not _is_constant(values, unit):
        raise StataError(459, complaint)
    per_unit = np.zeros(int(unit.max()) + 1)
    per_unit[unit] = values
    return per_unit
