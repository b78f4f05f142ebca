"""expand, fillin, stack, separate."""

from __future__ import annotations

import numpy as np

from ssd.engine.commands.declare import Line, command
from ssd.engine.data.dataset import Dataset, make_variable
from ssd.engine.data.order import group_numbers
from ssd.engine.data.storage import narrow, widen
from ssd.engine.errors import StataError, invalid_syntax, no_observations, type_mismatch
from ssd.engine.expr import evaluate_rows
from ssd.engine.missing import MISSING
from ssd.engine.output.counting import counted
from ssd.engine.session import Session


@command("expand", "anything(id=exp) [if] [in] [, GENerate(newvarname)]")
def expand(session: Session, line: Line) -> None:
    """Duplicate observations."""
    data = session.data
    text = line.anything.lstrip("=").strip()
    values = evaluate_rows(text, session)
    if values.dtype == object:
        raise type_mismatch()
    counts = np.where(values < MISSING, np.trunc(values), 1.0)
    mask = line.sample(session)
    missing = int(np.count_nonzero(mask & ~(values < MISSING)))
    low = int(np.count_nonzero(mask & (counts <= 0)))
    copies = np.where(mask, np.maximum(counts, 1.0), 1.0).astype(np.intp)
    if missing:
        session.log.line(f"({counted(missing, 'missing count')} ignored; {_kept(missing)})")
    if low:
        session.log.line(f"({counted(low, 'zero or negative count')} ignored; {_kept(low)})")
    n = data.n_obs
    extra = np.repeat(np.arange(n, dtype=np.intp), copies - 1)
    data.take(np.concatenate([np.arange(n, dtype=np.intp), extra]))
    session.log.line(f"({counted(extra.size, 'observation')} created)")
    new = line.text_option("generate")
    if new:
        data.add(new, np.concatenate([np.zeros(n), np.ones(extra.size)]), "byte")


def _kept(count: int) -> str:
    return "observation not deleted" if count == 1 else "observations not deleted"


@command("fillin", "varlist(min=1)")
def fillin(session: Session, line: Line) -> None:
    """Rectangularize the dataset: add all combinations of the variables."""
    if "_fillin" in session.data.variables:
        raise StataError(110, "variable _fillin already defined")
    before = session.data.n_obs
    added = fill_combinations(session, line.varlist)
    flags = np.concatenate([np.zeros(before), np.ones(added)])
    session.data.add("_fillin", flags, "byte")
    session.data.sort(line.varlist)


def fill_combinations(session: Session, names: list[str]) -> int:
    """Append one observation for each combination of values that does not occur; returns how many."""
    data = session.data
    ids, sizes, firsts = [], [], []
    for name in names:
        number, count = group_numbers(data.keys([name]))
        first = np.zeros(count, dtype=np.intp)
        first[number[::-1]] = np.arange(number.size - 1, -1, -1)
        ids.append(number)
        sizes.append(count)
        firsts.append(first)
    cell = np.ravel_multi_index(tuple(ids), tuple(sizes))
    present = np.zeros(int(np.prod(sizes)), dtype=np.bool_)
    present[cell] = True
    absent = np.unravel_index(np.flatnonzero(~present), tuple(sizes))
    before = data.n_obs
    data.set_obs(before + absent[0].size)
    for name, first, level in zip(names, firsts, absent, strict=True):
        values = data.variables[name].values
        values[before:] = values[first[level]]
    return int(absent[0].size)


@command("stack", "varlist [if] [in] [, Into(string) Group(integer 0) CLEAR Wide]")
def stack(session: Session, line: Line) -> None:
    """Stack data: groups of variables one under the other."""
    from ssd.engine.errors import unsupported

    data = session.data
    if line.flag("wide"):
        raise unsupported("stack, wide")
    if data.changed and not line.flag("clear"):
        raise StataError(4, "no; data in memory would be lost")
    into = (line.text_option("into") or "").split()
    size = line.options.get("group")
    if isinstance(size, int) and size > 0:
        per = len(line.varlist) // size
        into = line.varlist[:per]
    if not into or len(line.varlist) % len(into):
        raise invalid_syntax()
    rows = np.flatnonzero(line.sample(session))
    blocks = [line.varlist[i : i + len(into)] for i in range(0, len(line.varlist), len(into))]
    out = Dataset(n_obs=rows.size * len(blocks), changed=True)
    out.add("_stack", np.repeat(np.arange(1.0, len(blocks) + 1), rows.size), "byte")
    for position, name in enumerate(into):
        sources = [data.variables[block[position]] for block in blocks]
        if any(source.is_string for source in sources):
            if not all(source.is_string for source in sources):
                raise type_mismatch()
            values = np.concatenate([source.values[rows] for source in sources])
            out.variables[name] = make_variable(name, values)
        else:
            wide = np.concatenate([widen(source.values[rows], source.type) for source in sources])
            kinds = {source.type for source in sources}
            out.variables[name] = make_variable(name, wide, kinds.pop() if len(kinds) == 1 else "double")
    session.data = out
    session.e.sample = None


@command("separate", "varname [if] [in], BY(string) [GENerate(name) SHORTlabel MISSing SEQuential]", refused="by(exp)")
def separate(session: Session, line: Line) -> None:
    """Create one variable per group."""
    data = session.data
    name = line.varlist[0]
    column = data.variables[name]
    group_name = session.variable_named(line.text_option("by") or "")
    mask = line.sample(session)
    grouping = data.variables[group_name]
    if not line.flag("missing"):
        mask &= grouping.values != "" if grouping.is_string else data.numeric(group_name) < MISSING
    stub = line.text_option("generate") or name
    levels = sorted(set(grouping.values[mask].tolist()))
    if not levels:
        raise no_observations()
    labels = data.labels_of(group_name)
    for position, level in enumerate(levels, start=1):
        chosen = mask & (grouping.values == level)
        word = str(position) if grouping.is_string or line.flag("sequential") else f"{float(level):g}"
        if column.is_string:
            data.add(f"{stub}{word}", np.where(chosen, column.values, "").astype(object), column.type)
        else:
            wide = np.where(chosen, data.numeric(name), MISSING)
            new = data.add(f"{stub}{word}", wide, column.type)
            new.values = narrow(wide, column.type)
        shown = f'"{level}"' if grouping.is_string else labels.get(int(level), f"{float(level):g}")
        title = f"{group_name} == {shown}" if line.flag("shortlabel") else f"{name}, {group_name} == {shown}"
        data.variables[f"{stub}{word}"].label = title[:80]
        data.variables[f"{stub}{word}"].format = column.format
