"""append, cross, joinby."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from ssd.engine.commands.data_files import load_dta
from ssd.engine.commands.declare import Line, command
from ssd.engine.data.columns import empty_column, joined_types, key_codes, report_label_clashes
from ssd.engine.data.dataset import Dataset, Variable
from ssd.engine.data.order import IndexArray
from ssd.engine.data.storage import narrow, widen
from ssd.engine.errors import StataError
from ssd.engine.lang.quoting import split_words
from ssd.engine.session import Session


@command("append", "using/ [, GENerate(newvarname) KEEP(string) noLabel noNOTEs FORCE]", minimum=3)
def append(session: Session, line: Line) -> None:
    """Append datasets."""
    names = split_words(line.text.partition("using")[2].partition(",")[0].strip())
    marker = line.text_option("generate")
    origin = np.zeros(session.data.n_obs)
    joined = session.data
    for number, name in enumerate(names, start=1):
        other = load_dta(session, name)
        kept = line.text_option("keep")
        if kept:
            from ssd.engine.data.names import match_variables

            wanted = [found for word in kept.split() for found in match_variables(other.variables, word)]
            other.drop([found for found in other.variables if found not in wanted])
        rows = other.n_obs
        joined = _appended(session, joined, other, force=line.flag("force"), labels=not line.flag("nolabel"))
        origin = np.concatenate([origin, np.full(rows, float(number))])
    # Only now: none of several files may have failed.
    session.data = joined
    session.e.sample = None
    if marker:
        session.data.add(marker, origin, "byte" if len(names) <= 100 else "int")


def _appended(session: Session, first: Dataset, second: Dataset, *, force: bool, labels: bool) -> Dataset:
    out = replace(first, variables={}, n_obs=first.n_obs + second.n_obs, sorted_by=[], changed=True)
    if labels:
        report_label_clashes(session.log, out, second)
    for name, column in first.variables.items():
        other = second.variables.get(name)
        out.variables[name] = _stacked(session, column, other, second.n_obs, force=force)
    for name, column in second.variables.items():
        if name not in first.variables:
            grown = empty_column(column, out.n_obs)
            grown.values[first.n_obs :] = column.values
            if not labels:
                grown.value_label = ""
            out.variables[name] = grown
    return out


def _stacked(session: Session, column: Variable, other: Variable | None, rows: int, *, force: bool) -> Variable:
    if other is None:
        tail = empty_column(column, rows).values
        return replace(column, values=np.concatenate([column.values, tail]))
    if other.is_string != column.is_string:
        mine, theirs = column.type, other.type
        if not force:
            raise StataError(
                106,
                f"variable {column.name} is {mine} in master but {theirs} in using data\n"
                "You could specify append's force option to ignore this numeric/string mismatch.  "
                "The using\nvariable would then be treated as if it contained "
                + ('"".' if column.is_string else "numeric missing value."),
            )
        return replace(column, values=np.concatenate([column.values, empty_column(column, rows).values]))
    kind = joined_types(column, other)
    if column.is_string:
        fmt = column.format if kind == column.type else other.format
        return replace(column, type=kind, format=fmt, values=np.concatenate([column.values, other.values]))
    if kind != column.type:
        session.log.line(f"(variable {column.name} was {column.type}, now {kind} to accommodate using data's values)")
    top, bottom = ((c.values if c.type == kind else narrow(widen(c.values, c.type), kind)) for c in (column, other))
    return replace(column, type=kind, values=np.concatenate([top, bottom]))


@command("cross", "using/")
def cross(session: Session, line: Line) -> None:
    """Every pair of observations of two datasets."""
    other = load_dta(session, line.using or "")
    data = session.data
    n, m = data.n_obs, other.n_obs
    data.limits.check_size((data.size + other.size) * max(n, m, 1))
    data.take(np.tile(np.arange(n, dtype=np.intp), m))
    rows = np.repeat(np.arange(m, dtype=np.intp), n)
    _adopt_columns(session, other, rows)


def _adopt_columns(session: Session, other: Dataset, rows: IndexArray) -> None:
    data = session.data
    report_label_clashes(session.log, data, other)
    for name, column in other.variables.items():
        if name not in data.variables:
            data.variables[name] = replace(column, values=column.values[rows])
    data.changed = True
    session.e.sample = None


@command(
    "joinby", "[varlist(default=none)] using/ [, UNMatched(string) _merge(name) noLabel UPDATE REPLACE]",
    refused="update; replace",
)  # fmt: skip
def joinby(session: Session, line: Line) -> None:
    """All pairwise combinations within groups."""
    from ssd.engine.errors import unsupported

    if line.flag("update") or line.flag("replace"):
        raise unsupported("joinby, update")
    other = load_dta(session, line.using or "")
    data = session.data
    keys = line.varlist or [name for name in data.variables if name in other.variables]
    for name in keys:
        if name not in other.variables:
            raise StataError(111, f"variable {name} not found in using data")
    keep = line.text_option("unmatched") or "none"
    if keep not in ("none", "both", "master", "using"):
        raise StataError(198, f"unmatched({keep}) invalid")
    left, right, n_keys = key_codes(data, other, keys)
    order_left, order_right = np.argsort(left, kind="stable"), np.argsort(right, kind="stable")
    n_left, n_right = np.bincount(left, minlength=n_keys), np.bincount(right, minlength=n_keys)
    pairs = n_left * n_right
    key = np.repeat(np.arange(n_keys), pairs)
    step = np.arange(key.size) - np.repeat(np.cumsum(pairs) - pairs, pairs)
    rows = order_left[(np.cumsum(n_left) - n_left)[key] + step // np.maximum(n_right[key], 1)]
    mates = order_right[(np.cumsum(n_right) - n_right)[key] + step % np.maximum(n_right[key], 1)]
    only_left = np.flatnonzero(n_right[left] == 0) if keep in ("both", "master") else np.empty(0, dtype=np.intp)
    only_right = np.flatnonzero(n_left[right] == 0) if keep in ("both", "using") else np.empty(0, dtype=np.intp)
    rows = np.concatenate([rows, only_left, np.full(only_right.size, -1, dtype=np.intp)])
    mates = np.concatenate([mates, np.full(only_left.size, -1, dtype=np.intp), only_right])
    _join_rows(session, other, keys, rows, mates)
    if keep != "none":
        result = np.where(mates < 0, 1.0, np.where(rows < 0, 2.0, 3.0))
        session.data.add(line.text_option("_merge") or "_merge", result, "byte")
    session.e.sample = None


def _join_rows(session: Session, other: Dataset, keys: list[str], rows: IndexArray, mates: IndexArray) -> None:
    from ssd.engine.commands.data_merge import fill, gathered, retyped

    data = session.data
    out = replace(data, variables={}, n_obs=len(rows), sorted_by=[], changed=True)
    missing_left = np.asarray(rows) < 0
    for name, column in data.variables.items():
        new = gathered(column, np.asarray(rows))
        if name in keys:
            new = retyped(new, joined_types(column, other.variables[name]))
            fill(new, other.variables[name], np.asarray(mates), missing_left)
        out.variables[name] = new
    report_label_clashes(session.log, out, other)
    for name, column in other.variables.items():
        if name not in out.variables:
            out.variables[name] = gathered(column, np.asarray(mates))
    session.data = out
