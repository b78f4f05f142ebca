"""sort, gsort, order, move."""

from __future__ import annotations

import re

import numpy as np

from ssd.engine.commands.data_generate import place
from ssd.engine.commands.declare import Line, command
from ssd.engine.data.order import sort_key, stable_order
from ssd.engine.data.storage import stored_missing
from ssd.engine.errors import StataError, invalid_syntax
from ssd.engine.session import Session


@command("sort", "varlist [in] [, stable]", minimum=2)
def sort(session: Session, line: Line) -> None:
    """Sort data (always stable)."""
    if line.range is None:
        session.data.sort(line.varlist)
        return
    start, stop = line.range
    order = np.arange(session.data.n_obs, dtype=np.intp)
    keys = [key[start:stop] for key in session.data.keys(line.varlist)]
    order[start:stop] = start + stable_order(keys)
    session.data.take(order)


@command("gsort", "anything [, GENerate(newvarname) Mfirst]")
def gsort(session: Session, line: Line) -> None:
    """Ascending and descending sort."""
    data = session.data
    keys, names = [], []
    signs = re.findall(r"([+-]?)\s*([^\s+-]+)", line.anything)
    if not signs:
        raise invalid_syntax()
    for sign, word in signs:
        for name in session.expand_varlist(word):
            column = data.variables[name]
            names.append((sign, name))
            if sign != "-":
                keys.append(sort_key(column.values))
            elif column.is_string:
                keys.append(-sort_key(column.values))
            else:
                # Descending, but missing values stay last unless mfirst.
                missing = stored_missing(column.values, column.type)
                wide = data.numeric(name)
                negative = -wide if line.flag("mfirst") else np.where(missing, wide, -wide)
                keys.append(negative)
    if not keys:
        raise invalid_syntax()
    data.take(stable_order(keys))
    if all(sign != "-" for sign, _ in names):
        data.sorted_by = list(dict.fromkeys(name for _, name in names))
    new = line.text_option("generate")
    if new:
        changed = np.zeros(data.n_obs, dtype=np.float64)
        changed[:1] = 1.0
        for _, name in names:
            values = data.variables[name].values
            changed[1:] = np.where(values[1:] != values[:-1], 1.0, changed[1:])
        data.add(new, np.cumsum(changed))


@command("order", "varlist [, first last Before(varname) After(varname) ALPHAbetic SEQuential]")
def order(session: Session, line: Line) -> None:
    """Reorder variables."""
    data = session.data
    names = list(dict.fromkeys(line.varlist))
    places = [bool(line.flag("first")), line.flag("last"), bool(line.text_option("before")),
              bool(line.text_option("after"))]  # fmt: skip
    if sum(places) > 1:
        raise StataError(198, "only one of first, last, before(), and after() is allowed")
    if line.flag("alphabetic"):
        names.sort()
    elif line.flag("sequential"):
        names.sort(key=_sequential)
    rest = [name for name in data.variables if name not in names]
    if line.flag("last"):
        data.reorder(rest + names)
    elif line.text_option("before") or line.text_option("after"):
        place(data, names, before=line.text_option("before"), after=line.text_option("after"))
    else:
        data.reorder(names + rest)


def _sequential(name: str) -> list[tuple[int, int, str]]:
    return [(0, int(part), "") if part.isdigit() else (1, 0, part) for part in re.split(r"(\d+)", name) if part]


@command("move", "varlist(min=2 max=2)")
def move(session: Session, line: Line) -> None:
    """Put a variable before another."""
    place(session.data, [line.varlist[0]], before=line.varlist[1])
