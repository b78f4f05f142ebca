"""collapse and contract."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

import numpy as np

from ssd.engine.commands.declare import Line, command
from ssd.engine.data.columns import empty_column
from ssd.engine.data.dataset import Dataset, Variable, make_variable
from ssd.engine.data.groupstats import Cells, cells, statistic
from ssd.engine.data.order import IndexArray, group_numbers
from ssd.engine.data.storage import default_format
from ssd.engine.errors import StataError, already_defined, no_observations, type_mismatch
from ssd.engine.missing import MISSING, BoolArray, FloatArray
from ssd.engine.session import Session

_POSITIONAL = ("first", "last", "firstnm", "lastnm")
_KEEPS_TYPE = (*_POSITIONAL, "min", "max")


@dataclass(frozen=True)
class Target:
    statistic: str
    name: str
    source: str


@command(
    "collapse",
    "anything(id=varlist) [if] [in] [aweight fweight iweight pweight] [, BY(varlist) CW FAST]",
    refused="by(), merge",
)
def collapse(session: Session, line: Line) -> None:
    """Make dataset of summary statistics."""
    by = line.options.get("by")
    keys = [str(name) for name in by] if isinstance(by, list) else []
    targets = _targets(session, line.anything, keys)
    mask, weights = _selected(session, line, targets)
    if not mask.any():
        raise no_observations()
    rows = np.flatnonzero(mask)
    data = session.data
    ids, n_groups = _groups(data, keys, rows)
    picked = weights[rows] if weights is not None else None
    kind = line.weight.kind if line.weight else ""
    out = Dataset(n_obs=n_groups, label=data.label, chars=dict(data.chars), changed=True,
                  value_labels={name: dict(labels) for name, labels in data.value_labels.items()})  # fmt: skip
    first = _first_rows(ids, n_groups)
    for name in keys:
        column = data.variables[name]
        out.variables[name] = replace(column, values=column.values[rows[first]])
    for target in targets:
        out.variables[target.name] = _column(data, target, rows, ids, n_groups, picked, kind)
    out.sorted_by = list(keys)
    session.data = out
    session.e.sample = None


def _selected(session: Session, line: Line, targets: list[Target]) -> tuple[BoolArray, FloatArray | None]:
    """The observations, and the weights of those with a usable weight."""
    mask = line.sample(session)
    weights = line.weights(session)
    if weights is not None:
        mask = mask & (weights > 0) & (weights < MISSING)
    if line.flag("cw"):
        for target in targets:
            if not session.data.variables[target.source].is_string:
                mask &= session.data.numeric(target.source) < MISSING
    return mask, weights


def _targets(session: Session, text: str, keys: list[str]) -> list[Target]:
    targets: list[Target] = []
    current = "mean"
    for piece in re.findall(r"\([^)]*\)|[^\s()=]+\s*=\s*[^\s()]+|[^\s()]+", text):
        if piece.startswith("("):
            current = _statistic_name(piece[1:-1].strip())
            continue
        if "=" in piece:
            new, _, source = (part.strip() for part in piece.partition("="))
            names = session.expand_varlist(source)
            if len(names) != 1:
                raise StataError(198, f"{piece} invalid")
            targets.append(Target(current, new, names[0]))
            continue
        targets += [Target(current, name, name) for name in session.expand_varlist(piece)]
    seen: set[str] = set(keys)
    for target in targets:
        if target.name in seen:
            if target.name in keys:
                raise StataError(198, f"{target.name} may not be in both the collapse list and by()")
            raise StataError(198, "error:\n       name conflict\n       name " + target.name + " used more than once")
        seen.add(target.name)
    return targets


def _statistic_name(name: str) -> str:
    aliases = {"n": "count", "p50": "median"}
    known = aliases.get(name, name)
    if known not in (*_POSITIONAL, "percent") and statistic(known) is None:
        raise StataError(198, f"invalid syntax\nstatistic {name} not found")
    return name


def _groups(data: Dataset, keys: list[str], rows: IndexArray) -> tuple[IndexArray, int]:
    if not keys:
        return np.zeros(rows.size, dtype=np.intp), 1
    return group_numbers([key[rows] for key in data.keys(keys)])


def _first_rows(ids: IndexArray, n_groups: int) -> IndexArray:
    first = np.zeros(n_groups, dtype=np.intp)
    first[ids[::-1]] = np.arange(ids.size - 1, -1, -1)
    return first


def _column(
    data: Dataset, target: Target, rows: IndexArray, ids: IndexArray, n_groups: int, weights: FloatArray | None,
    kind: str,
) -> Variable:  # fmt: skip
    source = data.variables[target.source]
    label = f"({target.statistic}) {source.label or source.name}"
    if target.statistic in _POSITIONAL:
        column = _positional(source, target.statistic, rows, ids, n_groups)
    else:
        if source.is_string and target.statistic not in ("count", "n"):
            raise type_mismatch()
        column = _numeric(data, target, rows, ids, n_groups, weights, kind)
    column.name = target.name
    column.label = label[:80]
    return column


def _positional(source: Variable, which: str, rows: IndexArray, ids: IndexArray, n_groups: int) -> Variable:
    values = source.values[rows]
    allowed = np.ones(rows.size, dtype=np.bool_)
    if which.endswith("nm"):
        from ssd.engine.data.storage import stored_missing

        allowed = values != "" if source.is_string else ~stored_missing(values, source.type)
    at = np.flatnonzero(allowed)
    if which.startswith("first"):
        at = at[::-1]
    chosen = np.full(n_groups, -1, dtype=np.intp)
    chosen[ids[at]] = at
    column = empty_column(source, n_groups)
    filled = chosen >= 0
    column.values[filled] = values[chosen[filled]]
    column.chars = {}
    return column


def _numeric(
    data: Dataset, target: Target, rows: IndexArray, ids: IndexArray, n_groups: int, weights: FloatArray | None,
    kind: str,
) -> Variable:  # fmt: skip
    source = data.variables[target.source]
    if source.is_string:
        values = np.where(source.values[rows] == "", MISSING, 1.0)
    else:
        values = data.numeric(target.source)[rows]
    c = cells(values, ids, n_groups, weights, kind)
    name = {"n": "count", "p50": "median"}.get(target.statistic, target.statistic)
    if name == "percent":
        share = c.total_weight
        result = 100.0 * share / share.sum()
    else:
        compute = statistic(name)
        assert compute is not None
        result = compute(_stata_weights(c, name))
    type_name = _type(source, name, kind)
    column = make_variable(target.name, result, type_name)
    if name in ("count", "percent"):
        column.format = default_format("long" if name == "count" else "double") if name == "percent" else "%8.0g"
        return column
    column.format = source.format
    if name in _KEEPS_TYPE:
        column.value_label = source.value_label
    return column


def _stata_weights(c: Cells, name: str) -> Cells:
    """rawsum ignores weights."""
    return replace(c, weights=None) if name == "rawsum" else c


def _type(source: Variable, name: str, kind: str) -> str:
    if name == "count":
        return "double" if kind in ("iweight", "pweight") else "long"
    if name in _KEEPS_TYPE:
        return source.type
    if name in ("sum", "rawsum", "percent") or source.type in ("long", "double"):
        return "double"
    return "float"


@command(
    "contract", "varlist [if] [in] [fweight] [, Freq(name) CFreq(name) Percent(name) CPercent(name) Zero noMISS "
    "Format(string)]",
)  # fmt: skip
def contract(session: Session, line: Line) -> None:
    """Make dataset of frequencies and percentages."""
    data = session.data
    mask = line.sample(session)
    weights = line.weights(session)
    if line.flag("nomiss"):
        for name in line.varlist:
            column = data.variables[name]
            mask &= column.values != "" if column.is_string else data.numeric(name) < MISSING
    rows = np.flatnonzero(mask)
    if rows.size == 0:
        raise no_observations()
    names = list(dict.fromkeys(line.varlist))
    made = [line.text_option("freq") or "_freq", *filter(None, map(line.text_option, ("cfreq", "percent", "cpercent")))]
    for name in made:
        if name in names:
            raise already_defined(name)
    Dataset().require_new(made)
    ids, n_groups = _groups(data, names, rows)
    counts = np.bincount(ids, None if weights is None else weights[rows], n_groups).astype(np.float64)
    first = _first_rows(ids, n_groups)
    out = Dataset(n_obs=n_groups, label=data.label, chars=dict(data.chars), changed=True,
                  value_labels={name: dict(labels) for name, labels in data.value_labels.items()})  # fmt: skip
    for name in names:
        column = data.variables[name]
        out.variables[name] = replace(column, values=column.values[rows[first]])
    out.sorted_by = names
    session.data = out
    session.e.sample = None
    frequency = line.text_option("freq") or "_freq"
    out.add(frequency, counts, "long" if counts.max() > 32740 else "int" if counts.max() > 100 else "byte",
            format="%12.0g", label="Frequency")  # fmt: skip
    if line.flag("zero"):
        from ssd.engine.commands.data_expand import fill_combinations

        fill_combinations(session, names)
        out.sort(names)
        values = out.numeric(frequency)
        out.replace(frequency, np.where(values < MISSING, values, 0.0))
        counts = out.numeric(frequency)
    style = line.text_option("format") or "%8.2f"
    for option, values, title in (
        ("cfreq", np.cumsum(counts), "Cumulative frequency"),
        ("percent", 100.0 * counts / counts.sum(), "Percent"),
        ("cpercent", 100.0 * np.cumsum(counts) / counts.sum(), "Cumulative percent"),
    ):
        new = line.text_option(option)
        if new:
            whole = option == "cfreq"
            out.add(new, values, "long" if whole else "float", label=title, format="%12.0g" if whole else style)
