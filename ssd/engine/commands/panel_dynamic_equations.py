"""The equations and instruments that xtabond, xtdpdsys and xtabond2 have in common."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

import numpy as np

from ssd.engine.commands.declare import Line
from ssd.engine.commands.estimation import SessionSource, operated_name, outcome_and_terms, parse_varlist
from ssd.engine.data.timeseries import TimeSettings, require_time
from ssd.engine.errors import StataError, no_observations, unsupported
from ssd.engine.missing import BoolArray, FloatArray, is_missing
from ssd.engine.stats.covariance import IndexArray
from ssd.engine.stats.design import Column, Design, Part, build
from ssd.engine.stats.linear import independent_columns
from ssd.engine.stats.panel_dynamic import (
    Cube,
    DynamicModel,
    Instruments,
    differenced,
    forward_deviations,
    independent_instruments,
    shifted,
)
from ssd.engine.stats.terms import Term

if TYPE_CHECKING:
    from ssd.engine.session import Session

Equation = Literal["diff", "level", "both"]


_MOST_PERIODS = 10_000
"""Longer panels would need a grid of panels by periods that does not fit in memory."""


@dataclass(frozen=True)
class GmmStyle:
    """Lags first…last of a variable, one column per period and lag (or per lag when collapsed)."""

    name: str
    values: FloatArray
    """(n_panels, n_periods)."""
    first: int
    last: int
    """Largest lag; a large number stands for all."""
    collapse: bool
    equation: Equation
    group: int


@dataclass(frozen=True)
class IvStyle:
    """Ordinary instruments: transformed in the transformed equation, themselves in the level equation."""

    names: list[str]
    values: list[FloatArray]
    equation: Equation
    missing_as_zero: bool
    group: int


@dataclass
class DynamicData:
    """Variables of one command line on the grid of panels and periods."""

    settings: TimeSettings
    cube: Cube
    order: IndexArray
    """Positions in the data of the observations on the grid."""
    depvar: str
    y: FloatArray
    names: list[str]
    regressors: list[FloatArray]
    columns: list[Column]
    design: Design
    touse: BoolArray
    """(n_panels, n_periods): selected by if and in."""
    source: SessionSource


@dataclass
class Built:
    """The stacked model with what the report needs."""

    model: DynamicModel
    design: Design
    groups: list[int]
    """Group of each instrument column."""
    sample: BoolArray
    """e(sample)."""
    sizes: FloatArray
    """Observations per panel, as reported."""
    dropped: list[str] = field(default_factory=list)


def read_grid(session: Session, line: Line, words: Sequence[str]) -> DynamicData:
    """Outcome and regressors on the grid. Raises r(459) without a panel and r(2000) when nothing is selected."""
    settings = require_time(session.data)
    if not settings.panel:
        raise StataError(459, "must specify panelvar and timevar; use xtset")
    source = SessionSource(session)
    outcome, terms = outcome_and_terms(session, words)
    ids, time = session.data.numeric(settings.panel), session.data.numeric(settings.time)
    known = ~is_missing(ids) & ~is_missing(time)
    rows = line.sample(session) & known
    if not rows.any():
        raise no_observations()
    order = np.flatnonzero(known)
    _, panel = np.unique(ids[known], return_inverse=True)
    periods = np.rint((time[known] - time[known].min()) / settings.delta)
    if periods.max() >= _MOST_PERIODS:
        raise unsupported(f"a panel of more than {_MOST_PERIODS:,} periods is")
    period = periods.astype(np.intp)
    cube = Cube(panel.astype(np.intp).reshape(-1), period, int(panel.max()) + 1, int(period.max()) + 1)
    design = build(terms, source, rows, constant=False)
    grid = DynamicData(
        settings, cube, order, operated_name(outcome), np.zeros(0), [], [], list(design.columns), design,
        np.nan_to_num(cube.spread(rows[known].astype(np.float64))) > 0.0, source,
    )  # fmt: skip
    grid.y = variable_grid(grid, source.get(outcome.variable, outcome.operator))
    for column in design.columns:
        if column.active:
            grid.names.append(column.name)
            grid.regressors.append(column_grid(grid, column))
    return grid


def variable_grid(data: DynamicData, values: FloatArray) -> FloatArray:
    """Values of a variable on the grid, nan where missing."""
    chosen = values[data.order]
    return data.cube.spread(np.where(is_missing(chosen), np.nan, chosen))


def column_grid(data: DynamicData, column: Column) -> FloatArray:
    """A design column on the grid, nan where one of its variables is missing."""
    values = column.values(data.source)[data.order].astype(np.float64)
    for part in column.parts:
        own = data.source.get(part.variable, part.operator)[data.order]
        values = np.where(is_missing(own), np.nan, values)
    return data.cube.spread(values)


def term_grids(session: Session, data: DynamicData, text: str) -> tuple[list[str], list[FloatArray]]:
    """Names and grids of a varlist with operators."""
    terms: list[Term] = parse_varlist(session, [text])
    design = build(terms, data.source, np.ones(session.data.n_obs, dtype=np.bool_), constant=False)
    active = [column for column in design.columns if column.active]
    return [column.name for column in active], [column_grid(data, column) for column in active]


def lag_column(variable: str, lag: int) -> Column:
    """The design column of a lagged variable."""
    operator = "" if lag == 0 else "L" if lag == 1 else f"L{lag}"
    return Column((Part(variable, operator),))


@dataclass(frozen=True)
class Specification:
    """What makes up one model beyond its regressors."""

    gmm: Sequence[GmmStyle]
    iv: Sequence[IvStyle]
    has_level: bool
    """The level equation takes part."""
    constant: bool
    orthogonal: bool
    weighting: int
    level_sample: bool
    """Level rows need not have a transformed row (system GMM)."""


def build_model(session: Session, data: DynamicData, spec: Specification) -> Built:
    """Stack the equations, drop collinear regressors and instruments. Raises r(2000) without rows."""
    grids = [data.y, *data.regressors]
    complete = data.touse & np.all(np.isfinite(np.stack(grids)), axis=0)
    transformed = [
        forward_deviations(grid, complete) if spec.orthogonal else differenced(np.where(complete, grid, np.nan))
        for grid in grids
    ]
    inside = np.isfinite(transformed[0])
    for style in spec.iv:
        if style.equation != "level" and not style.missing_as_zero:
            for values in style.values:
                inside &= np.isfinite(_iv_transformed(spec, values, complete))
    level_inside = complete.copy()
    if not spec.level_sample:
        level_inside &= inside
    for style in spec.iv:
        if style.equation != "diff" and spec.has_level and not style.missing_as_zero:
            for values in style.values:
                level_inside &= np.isfinite(values)
    if not spec.has_level:
        level_inside[:] = False
    if not inside.any() or (spec.has_level and not level_inside.any()):
        raise no_observations()
    cells = np.concatenate([np.flatnonzero(inside), np.flatnonzero(level_inside)])
    level = np.zeros(len(cells), dtype=np.bool_)
    level[int(inside.sum()) :] = True

    def stack(lower: FloatArray, upper: FloatArray) -> FloatArray:
        return np.concatenate([lower[inside], upper[level_inside]])

    y = stack(transformed[0], data.y)
    X = np.column_stack(
        [stack(a, b) for a, b in zip(transformed[1:], data.regressors, strict=True)] or [np.zeros((len(y), 0))]
    )
    constant = spec.constant and spec.has_level
    factors, bases = dict(data.design.factors), dict(data.design.bases)
    design = Design(list(data.columns), constant, factors=factors, bases=bases)
    if design.constant:
        X = np.column_stack([X, level.astype(np.float64)])
    # The constant stands last but is not to be dropped in favour of the others.
    front = np.column_stack([X[:, -1:], X[:, :-1]]) if design.constant else X
    kept = independent_columns(front, constant=False)
    if design.constant:
        kept = kept[1:]
    dropped = [name for name, keep in zip(data.names, kept, strict=True) if not keep]
    design.omit(kept)
    # These commands leave dropped regressors out of e(b).
    design.columns = [column for column in design.columns if column.status != "omitted"]
    X = X[:, np.append(kept, True)] if design.constant else X[:, kept]
    Z, groups = _instruments(spec, inside, level_inside, complete)
    n_panels, n_periods = data.cube.n_panels, data.cube.n_periods
    differences = [differenced(np.where(complete, grid, np.nan)) for grid in grids]
    usable = np.isfinite(differences[0])
    X_d = np.column_stack([each[usable] for each in differences[1:]] or [np.zeros((int(usable.sum()), 0))])[:, kept]
    if design.constant:
        X_d = np.column_stack([X_d, np.zeros(len(X_d))])
    model = DynamicModel(
        y, X, Z, (cells // n_periods).astype(np.intp), (cells % n_periods).astype(np.intp), level, n_panels,
        n_periods, spec.orthogonal, spec.weighting, differences[0][usable], X_d, np.flatnonzero(usable),
        complete.reshape(-1),
    )  # fmt: skip
    reported = level_inside if spec.has_level and spec.level_sample else inside
    if spec.orthogonal and not (spec.has_level and spec.level_sample):
        # A deviation belongs to the period it is taken at, one before where it is kept.
        reported = np.zeros_like(inside)
        reported[:, :-1] = inside[:, 1:]
    sizes = reported.sum(axis=1).astype(np.float64)
    sample = np.zeros(session.data.n_obs, dtype=np.bool_)
    sample[data.order] = reported[data.cube.panel, data.cube.period]
    return Built(model, design, groups, sample, sizes[sizes > 0], dropped)


def _iv_transformed(spec: Specification, values: FloatArray, complete: BoolArray) -> FloatArray:
    if spec.orthogonal:
        return forward_deviations(np.where(complete, values, np.nan), complete & np.isfinite(values))
    return differenced(values)


def _instruments(
    spec: Specification, inside: BoolArray, level_inside: BoolArray, complete: BoolArray
) -> tuple[FloatArray, list[int]]:
    found = Instruments()
    n_lower, n_upper = int(inside.sum()), int(level_inside.sum())
    periods = inside.shape[1]
    where_lower = np.broadcast_to(np.arange(periods), inside.shape)[inside]
    where_upper = np.broadcast_to(np.arange(periods), inside.shape)[level_inside]
    zeros_lower, zeros_upper = np.zeros(n_lower), np.zeros(n_upper)
    if spec.constant and spec.has_level:
        found.add(np.concatenate([zeros_lower, np.ones(n_upper)]), -1)
    for style in spec.iv:
        for values in style.values:
            lower = np.nan_to_num(_iv_transformed(spec, values, complete)[inside])
            upper = np.nan_to_num(values[level_inside])
            found.add(
                np.concatenate([
                    lower if style.equation != "level" else zeros_lower,
                    upper if style.equation != "diff" else zeros_upper,
                ]), style.group,
            )  # fmt: skip
    for gmm in spec.gmm:
        for lag in range(gmm.first, min(gmm.last, periods - 1) + 1):
            lower = np.nan_to_num(shifted(gmm.values, lag)[inside])
            if gmm.equation == "level":
                break
            for t in [-1] if gmm.collapse else range(periods):
                chosen = lower if t < 0 else np.where(where_lower == t, lower, 0.0)
                found.add(np.concatenate([chosen, zeros_upper]), gmm.group)
    for gmm in spec.gmm:
        if gmm.equation == "diff" or not n_upper:
            continue
        upper = np.nan_to_num(shifted(differenced(gmm.values), gmm.first - 1)[level_inside])
        for t in [-1] if gmm.collapse else range(periods):
            chosen = upper if t < 0 else np.where(where_upper == t, upper, 0.0)
            found.add(np.concatenate([zeros_lower, chosen]), gmm.group)
    if not found.columns:
        raise StataError(498, "no instruments")
    return independent_instruments(np.column_stack(found.columns), found.groups)
