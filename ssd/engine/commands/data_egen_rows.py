"""egen functions across variables: rowmean, anymatch and so on."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from ssd.engine.commands.data_egen_call import Call
from ssd.engine.data import egenrows
from ssd.engine.data.storage import ObjectArray
from ssd.engine.errors import StataError, type_mismatch
from ssd.engine.lang.numlist import parse_numlist
from ssd.engine.missing import MISSING, FloatArray

Result = tuple[FloatArray | ObjectArray, str | None]


def _row(name: str) -> Callable[[Call], Result]:
    def run(call: Call) -> Result:
        if name in ("rowmiss", "rownonmiss"):
            return _row_missing(call, name), None
        table = call.table()
        values = egenrows.row_statistic(name, table)
        if name == "rowtotal" and call.flag("missing"):
            values = np.where((table < MISSING).any(axis=1), values, MISSING)
        return values, None

    return run


def _row_missing(call: Call, name: str) -> FloatArray:
    strings_too = call.flag("strok") or name == "rowmiss"
    total = np.zeros(call.session.data.n_obs)
    for variable in call.variables(string=True):
        column = call.session.data.variables[variable]
        if column.is_string and not strings_too:
            raise type_mismatch()
        gone = column.values == "" if column.is_string else ~(call.session.data.numeric(variable) < MISSING)
        total += gone if name == "rowmiss" else ~gone
    return total


def _row_median(call: Call) -> Result:
    return egenrows.row_percentile(call.table(), 50.0), None


def _row_pctile(call: Call) -> Result:
    return egenrows.row_percentile(call.table(), call.real("p", 50.0)), None


def _any(kind: str) -> Callable[[Call], Result]:
    def run(call: Call) -> Result:
        table = call.table()
        wanted = call.text("values")
        if wanted is None:
            raise StataError(198, "option values() required")
        hit = np.isin(table, np.array(parse_numlist(wanted)))
        if kind == "value":
            return np.where(hit[:, 0], table[:, 0], MISSING), None
        count = hit.sum(axis=1).astype(np.float64)
        return (count if kind == "count" else (count > 0).astype(np.float64)), "byte"

    return run


def _diff(call: Call) -> Result:
    names = call.variables(string=True)
    first = call.session.data.variables[names[0]]
    different = np.zeros(call.session.data.n_obs, dtype=np.bool_)
    for name in names[1:]:
        other = call.session.data.variables[name]
        if other.is_string != first.is_string:
            raise type_mismatch()
        if first.is_string:
            different |= first.values != other.values
        else:
            different |= call.session.data.numeric(names[0]) != call.session.data.numeric(name)
    return different.astype(np.float64), "byte"


def _ends(call: Call) -> Result:
    values = call.session.evaluate(call.argument)
    if not isinstance(values, np.ndarray) or values.dtype != object:
        raise type_mismatch()
    mark = call.text("punct") or " "
    last, tail, trim = call.flag("last"), call.flag("tail"), call.flag("trim")
    call.flag("head")
    out = np.empty(values.size, dtype=object)
    for position, text in enumerate(values.tolist()):
        if last:
            piece = text.rpartition(mark)[2]
        elif tail:
            piece = text.partition(mark)[2]
        else:
            piece = text.partition(mark)[0]
        out[position] = piece.strip() if trim else piece
    return out, None


_ROWS = ("rowmean", "rowtotal", "rowmin", "rowmax", "rowmiss", "rownonmiss", "rowsd", "rowfirst", "rowlast")

ROW_FUNCTIONS: dict[str, Callable[[Call], Result]] = {
    **{name: _row(name) for name in _ROWS}, "rowmedian": _row_median, "rowpctile": _row_pctile,
    "rsum": _row("rowtotal"), "rmean": _row("rowmean"), "rmin": _row("rowmin"), "rmax": _row("rowmax"),
    "anycount": _any("count"), "anymatch": _any("match"), "anyvalue": _any("value"), "diff": _diff, "ends": _ends,
}  # fmt: skip
