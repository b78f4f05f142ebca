"""winsor2 and winsor (SSC): values beyond percentiles pulled in or set to missing."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ssd.engine.commands.declare import Line, command
from ssd.engine.data.groupstats import Cells, maximum, minimum, percentile
from ssd.engine.data.names import check_name
from ssd.engine.data.order import group_numbers
from ssd.engine.errors import StataError, already_defined, no_observations, type_mismatch
from ssd.engine.lang.numbertext import number_text
from ssd.engine.missing import MISSING, BoolArray, FloatArray

if TYPE_CHECKING:
    from ssd.engine.session import Session


@command(
    "winsor2",
    "varlist [if] [in] [, Suffix(string) REPLACE Trim Cuts(numlist >=0 <=100) BY(varlist) Label]",
)
def winsor2(session: Session, line: Line) -> None:
    """Winsorize or trim variables at percentiles, within groups if asked."""
    suffix = line.text_option("suffix")
    replace = line.flag("replace")
    if replace and suffix:
        raise StataError(198, "suffix() cannot be specified with replace")
    trim = line.flag("trim")
    ending = suffix or ("_tr" if trim else "_w")
    low, high = _cuts(line)
    data = session.data
    for name in line.varlist:
        if data.variables[name].is_string:
            raise type_mismatch()
        if not replace:
            check_name(name + ending)
            if name + ending in data.variables or line.varlist.count(name) > 1:
                raise StataError(111, f"variable {name}{ending} already exist, re-specify option -suffix()-\n"
                                 f"Suffix {ending} is invalid for {name}")  # fmt: skip
    _warn_of_small_cuts(session, low, high, trim=trim)
    for name in line.varlist:
        _winsorize(session, line, name, low, high, trim=trim, target="" if replace else name + ending)


def _cuts(line: Line) -> tuple[float, float]:
    typed = line.options.get("cuts")
    if not isinstance(typed, list):
        return 1.0, 99.0
    if len(typed) != 2:
        raise StataError(198, "cuts() invalid -- invalid numlist has " + ("too few" if len(typed) < 2 else "too many")
                         + " elements")  # fmt: skip
    low, high = sorted(float(each) for each in typed)
    if low == 0.0 and high == 100.0:
        raise StataError(198, "option cuts(0 100) is incorrect, no action taken.")
    return low, high


def _warn_of_small_cuts(session: Session, low: float, high: float, *, trim: bool) -> None:
    """Percentages below one are probably meant as shares."""
    if 0.0 < low < 1.0 or 0.0 < high < 1.0:
        what = "trim" if trim else "winsor"
        session.log.line(f"Warning: cuts(1   99) means {what} at   1th percentile and 99th percentile,")
        session.log.line(f"         cuts(0.1 90) means {what} at 0.1th percentile and 90th percentile,")
        session.log.line(f"         make sure cuts({number_text(low)} {number_text(high)}) you specified is what you "
                         "want. ")  # fmt: skip


def _winsorize(session: Session, line: Line, name: str, low: float, high: float, *, trim: bool, target: str) -> None:
    data = session.data
    x = data.numeric(name)
    rows = line.sample(session) & (x < MISSING)
    by = line.options.get("by")
    groups = [str(each) for each in by] if isinstance(by, list) else []
    ids, count = group_numbers(data.keys(groups)) if groups else (np.zeros(data.n_obs, dtype=np.intp), 1)
    c = Cells(x[rows], ids[rows], count)
    # As documented by its code, an open end without by() is the extreme of all observations, whatever `if` says.
    every = Cells(x[x < MISSING], np.zeros(int((x < MISSING).sum()), dtype=np.intp), 1)
    at_low = (minimum(c) if groups else minimum(every)) if low == 0.0 else percentile(c, low)
    at_high = (maximum(c) if groups else maximum(every)) if high == 100.0 else percentile(c, high)
    bottom, top = at_low[ids], at_high[ids]
    values = np.where((x < bottom) | (x > top), MISSING, x) if trim else np.maximum(np.minimum(top, x), bottom)
    column = data.variables[name]
    label = column.label or name
    if line.flag("label"):
        label += f"-{'Trim' if trim else 'Winsor'}(p{_shown(low)},p{_shown(high)})"
    if target:
        type_name = "float" if groups and not trim else column.type
        data.add(target, np.where(rows, values, MISSING), type_name, label=label)
    else:
        data.replace(name, np.where(rows, values, x))
        column.label = label


def _shown(percent: float) -> str:
    return f"0{number_text(percent)}" if 0.0 < percent < 1.0 else number_text(percent)


@command("winsor", "varname [if] [in] , Generate(newvarname) [H(integer 0) P(real 0) LOWonly HIGHonly]")
def winsor(session: Session, line: Line) -> None:
    """Winsorize a variable by a number or share of its extreme values."""
    data = session.data
    name = line.varlist[0]
    target = line.text_option("generate") or ""
    check_name(target)
    if target in data.variables:
        raise already_defined(target)
    if data.variables[name].is_string:
        raise type_mismatch()
    x = data.numeric(name)
    rows = line.sample(session) & (x < MISSING)
    count = int(rows.sum())
    each, share = _extremes(line, count)
    ordered = np.sort(x[rows])
    low, high = ordered[each], ordered[count - 1 - each]
    values = x.copy()
    if not line.flag("highonly"):
        values = np.maximum(values, low)
    if not line.flag("lowonly"):
        values = np.minimum(values, high)
    side = ", low only" if line.flag("lowonly") else ", high only" if line.flag("highonly") else ""
    which = f"fraction {number_text(share)}" if share else f"extreme {each}"
    column = data.variables[name]
    data.add(target, _only(values, rows), column.type, format=column.format,
             label=f"{name}, Winsorized {which}{side}"[:80])  # fmt: skip


def _extremes(line: Line, count: int) -> tuple[int, float]:
    """How many values are changed at each end, and the share typed in p() (0 with h())."""
    h, p = line.options.get("h"), line.options.get("p")
    number = int(h) if isinstance(h, int) else 0
    share = float(p) if isinstance(p, int | float) else 0.0
    if number == 0 and share == 0.0:
        raise StataError(198, "h() or p() option required, h() or p() > 0")
    if number > 0 and share > 0.0:
        raise StataError(198, "use either h() option or p() option")
    if number < 0 or share < 0.0:
        raise StataError(198, "invalid negative value")
    if share >= 0.5:
        raise StataError(198, "p() too high")
    if count == 0:
        raise no_observations()
    if share:
        number = int(share * count)
        if number == 0:
            raise StataError(198, "0 values to be Winsorized")
    if number >= count / 2:
        raise StataError(198, f"{number} values to be Winsorized, {count} in data")
    return number, share


def _only(values: FloatArray, rows: BoolArray) -> FloatArray:
    return np.where(rows, values, MISSING)
