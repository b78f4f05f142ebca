"""clonevar, ipolate, carryforward: variables made from other variables' values."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from ssd.engine.commands.community_counts import missing_values
from ssd.engine.commands.data_generate import report_missing
from ssd.engine.commands.declare import Line, command
from ssd.engine.data.columns import empty_column
from ssd.engine.data.names import check_name
from ssd.engine.data.order import IndexArray, group_numbers
from ssd.engine.errors import StataError, already_defined, invalid_syntax, type_mismatch
from ssd.engine.missing import MISSING, FloatArray, from_nan
from ssd.engine.output.counting import counted

if TYPE_CHECKING:
    from ssd.engine.session import Session


@command("clonevar", "anything(id=newvar) =exp [if] [in]")
def clonevar(session: Session, line: Line) -> None:
    """Copy a variable with its type, format, labels and characteristics."""
    data = session.data
    words = line.anything.split()
    names = session.expand_varlist(line.expression or "")
    if len(words) != 1 or len(names) != 1:
        raise invalid_syntax()
    check_name(words[0])
    if words[0] in data.variables:
        raise already_defined(words[0])
    old = data.variables[names[0]]
    rows = line.sample(session)
    values = np.where(rows, old.values, empty_column(old, data.n_obs).values)
    new = replace(old, name=words[0], values=values.astype(old.values.dtype), chars=dict(old.chars))
    data.limits.check_variables(len(data.variables) + 1)
    data.variables[words[0]] = new
    data.changed = True
    if not rows.all():
        report_missing(session, words[0])


@command("ipolate", "varlist(min=2 max=2) [if] [in] , Generate(newvarname) [BY(varlist) Epolate]", by="vector")
def ipolate(session: Session, line: Line) -> None:
    """Linear interpolation, and extrapolation with epolate, of one variable in another."""
    data = session.data
    target = line.text_option("generate") or ""
    check_name(target)
    if target in data.variables:
        raise already_defined(target)
    y, x = (data.numeric(name) for name in line.varlist)
    by = line.options.get("by")
    groups = [str(each) for each in by] if isinstance(by, list) else []
    if line.groups is not None:
        ids, count = line.groups.ids, len(line.groups.starts)
    elif groups:
        ids, count = group_numbers(data.keys(groups))
    else:
        ids, count = np.zeros(data.n_obs, dtype=np.intp), 1
    rows = np.flatnonzero(line.sample(session) & (x < MISSING))
    out = np.full(data.n_obs, MISSING)
    out[rows] = _interpolated(y[rows], x[rows], ids[rows], count, extrapolate=line.flag("epolate"))
    data.add(target, out, "double" if data.variables[line.varlist[0]].type == "double" else None)
    report_missing(session, target)


def _interpolated(y: FloatArray, x: FloatArray, ids: IndexArray, count: int, *, extrapolate: bool) -> FloatArray:
    """Values along the lines between neighbouring known points of each group; ties in x count by their mean."""
    known = y < MISSING
    if not known.any():
        return y
    cells, n_cells = group_numbers([ids[known], x[known]])
    n = np.bincount(cells, minlength=n_cells)
    point_y = np.bincount(cells, y[known], n_cells) / n
    point_x = np.zeros(n_cells)
    point_x[cells] = x[known]
    point_id = np.zeros(n_cells, dtype=np.intp)
    point_id[cells] = ids[known]
    # Points are sorted by group and x, so the neighbours of a place are found by one search over pairs.
    levels = np.unique(np.concatenate([point_x, x]))
    span = len(levels) + 1
    places = point_id * span + np.searchsorted(levels, point_x)
    wanted = ids * span + np.searchsorted(levels, x)
    right = np.searchsorted(places, wanted, side="left")
    first = np.searchsorted(places, ids * span, side="left")
    last = np.searchsorted(places, (ids + 1) * span, side="left") - 1
    exact = (right <= last) & (places[np.minimum(right, n_cells - 1)] == wanted)
    inside = (right > first) & (right <= last) & ~exact
    low, high = right - 1, right
    if extrapolate:
        two = last > first
        before, after = (right <= first) & ~exact & two, (right > last) & two
        low, high = np.where(before, first, low), np.where(before, first + 1, high)
        low, high = np.where(after, last - 1, low), np.where(after, last, high)
        inside = inside | before | after
    low, high = np.clip(low, 0, n_cells - 1), np.clip(high, 0, n_cells - 1)
    width = np.where(inside, point_x[high] - point_x[low], 1.0)
    with np.errstate(over="ignore", invalid="ignore"):
        line = from_nan(point_y[low] + (point_y[high] - point_y[low]) / width * (x - point_x[low]))
    at = point_y[np.minimum(right, n_cells - 1)]
    return np.where(exact, at, np.where(inside, line, MISSING))


@command(
    "carryforward",
    "varlist [if] [in] [, GENerate(namelist) REPLACE Strok CARRYalong(string) DYNamic_condition(string)]",
    by="vector",
    refused="carryalong(), dynamic_condition()",
)
def carryforward(session: Session, line: Line) -> None:
    """Fill missing values with the value before them, within by-groups."""
    from ssd.engine.errors import unsupported

    for name in ("carryalong", "dynamic_condition"):
        if line.options.get(name):
            raise unsupported(f"option {name}() of carryforward is")
    typed = line.options.get("generate")
    targets = [str(each) for each in typed] if isinstance(typed, list) else []
    if line.flag("replace") == bool(targets):
        raise StataError(198, "must specify either gen() or replace" if not targets
                         else "gen() and replace may not be combined")  # fmt: skip
    if targets and len(targets) != len(line.varlist):
        raise StataError(198, "gen() must name as many variables as the varlist")
    data = session.data
    for target in targets:
        check_name(target)
        if target in data.variables:
            raise already_defined(target)
    rows = line.sample(session)
    ids = line.groups.ids if line.groups is not None else np.zeros(data.n_obs, dtype=np.intp)
    for position, name in enumerate(line.varlist):
        column = data.variables[name]
        if column.is_string and not line.flag("strok"):
            raise type_mismatch()
        filled, changes = _carried(session, name, ids, rows)
        if targets:
            data.variables[targets[position]] = replace(
                column, name=targets[position], values=filled, chars=dict(column.chars)
            )
        else:
            column.values = filled
        data.changed = True
        session.log.line(f"{targets[position] if targets else name}:  ({counted(changes, 'real change')} made)")


def _carried(session: Session, name: str, ids: IndexArray, rows: np.ndarray) -> tuple[np.ndarray, int]:
    """Column values with gaps in the selected rows taken from the last known row of the group."""
    column = session.data.variables[name]
    gone = missing_values(session, name)
    n = len(gone)
    # A gap outside the sample stays, and stops what is carried across it.
    stop = np.where(gone & rows, -1, np.arange(n))
    latest = np.maximum.accumulate(stop) if n else stop
    starts = np.flatnonzero(np.append(True, ids[1:] != ids[:-1])) if n else np.empty(0, dtype=np.intp)
    start = np.repeat(starts, np.diff(np.append(starts, n)))
    usable = gone & rows & (latest >= start)
    source = np.where(usable, latest, np.arange(n))
    filled = column.values[source]
    return filled, int((usable & ~gone[source]).sum())
