"""The time structure of the data (tsset, xtset) and the lag, lead, difference and seasonal operators.

The settings live in the characteristics of the data, under Stata's own names.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

import numpy as np

from ssd.engine.data.dataset import Dataset
from ssd.engine.data.order import is_ordered
from ssd.engine.errors import StataError
from ssd.engine.missing import MISSING, FloatArray

_OPERATOR: Final = re.compile(r"([LFDS])(\d*)", re.IGNORECASE)
_OPERATORS: Final = r"(?:[LFDSlfds]\d*(?:\([^()]*\))?)+"
_STACKED: Final = re.compile(rf"(?<![\w.])({_OPERATORS})\.(?={_OPERATORS}\.)")


@dataclass(frozen=True)
class TimeSettings:
    """`panel` is empty for a single series; `time` is empty for a panel without a time variable."""

    time: str
    panel: str
    delta: float


def time_settings(data: Dataset) -> TimeSettings | None:
    """What tsset or xtset declared, or None."""
    time = data.chars.get("_TStvar", "")
    panel = data.chars.get("_TSpanel", "")
    if not time and not panel:
        return None
    if not {time, panel} - {""} <= data.variables.keys():
        # One of the two was dropped since: nothing is declared any more.
        return None
    raw = data.chars.get("_TSdelta", "1")
    match = re.fullmatch(r"([+-]?)(\d\.?[0-9a-fA-F]*)[xX]([+-][0-9a-fA-F]+)", raw.strip())
    delta = float.fromhex(f"{match[1]}0x{match[2]}p{int(match[3], 16)}") if match else float(raw)
    return TimeSettings(time, panel, delta)


def store_time_settings(data: Dataset, settings: TimeSettings | None) -> None:
    for key in ("_TStvar", "_TSpanel", "_TSdelta", "_TSitrvl", "tis", "iis"):
        data.chars.pop(key, None)
    if settings is None:
        return
    if settings.time:
        data.chars["_TStvar"] = data.chars["tis"] = settings.time
        data.chars["_TSdelta"] = hex_number(settings.delta)
        data.chars["_TSitrvl"] = "1"
    if settings.panel:
        data.chars["_TSpanel"] = data.chars["iis"] = settings.panel


def hex_number(value: float) -> str:
    """A number in Stata's %21x notation."""
    if value == 0.0:
        return "+0.0000000000000X-3ff"
    mantissa, _, exponent = value.hex().lstrip("-").partition("p")
    sign = "-" if value < 0 else "+"
    digits = mantissa[2:] if "." in mantissa else mantissa[2:] + "."
    power = int(exponent)
    return f"{sign}{digits.ljust(15, '0')}X{'-' if power < 0 else '+'}{abs(power):03x}"


def require_time(data: Dataset) -> TimeSettings:
    """The settings; raises r(111) when there is no time variable and r(5) when the data are not in order."""
    settings = time_settings(data)
    if settings is None or not settings.time or settings.time not in data.variables:
        raise StataError(111, "time variable not set, use tsset varname ...")
    names = [settings.panel, settings.time] if settings.panel else [settings.time]
    if data.sorted_by[: len(names)] != names and data.n_obs > 1 and not is_ordered(data.keys(names)):
        raise StataError(5, "not sorted")
    return settings


def lagged(data: Dataset, values: FloatArray, lag: int) -> FloatArray:
    """Values `lag` periods earlier (later for a negative lag) in the same panel; `.` where there are none.

    Gaps count: the value must stand exactly lag * delta earlier. Data in order of panel and time.
    """
    settings = require_time(data)
    if lag == 0 or values.size == 0:
        return values
    time = data.numeric(settings.time)
    panel = data.numeric(settings.panel) if settings.panel else np.zeros(data.n_obs)
    known = (time < MISSING) & (panel < MISSING)
    changed = np.ones(data.n_obs, dtype=np.bool_)
    changed[1:] = panel[1:] != panel[:-1]
    unit = np.cumsum(changed).astype(np.float64)
    if not known.any():
        return np.full(data.n_obs, MISSING)
    start = float(time[known].min())
    periods = np.rint((np.where(known, time, start) - start) / settings.delta)
    shift = abs(lag) + 1.0
    span = float(periods.max()) + 2.0 * shift + 2.0
    code = unit * span + periods + shift
    rows = np.flatnonzero(known)
    sorted_codes = code[rows]
    wanted = sorted_codes - lag
    found = np.searchsorted(sorted_codes, wanted)
    hit = found < rows.size
    hit[hit] = sorted_codes[found[hit]] == wanted[hit]
    result = np.full(data.n_obs, MISSING)
    result[rows[hit]] = values[rows[found[hit]]]
    return result


def joined_operators(term: str) -> str:
    """`L.D.gnp` as `LD.gnp`, which is the same."""
    return _STACKED.sub(r"\1", term)


def apply_operators(data: Dataset, values: FloatArray, operators: str) -> FloatArray:
    """`values` under operators such as `L2D`, applied from the right. Raises r(198) for unknown ones."""
    steps = _OPERATOR.findall(operators)
    if "".join(letter + power for letter, power in steps).upper() != operators.upper():
        raise StataError(198, f"{operators}: operator invalid")
    for letter, power in reversed(steps):
        times = int(power) if power else 1
        sign = letter.upper()
        if sign in "LF":
            values = lagged(data, values, times if sign == "L" else -times)
        elif sign == "S":
            values = _minus(values, lagged(data, values, times))
        else:
            for _ in range(times):
                values = _minus(values, lagged(data, values, 1))
    require_time(data)
    return values


def _minus(left: FloatArray, right: FloatArray) -> FloatArray:
    both = (left < MISSING) & (right < MISSING)
    return np.where(both, np.where(both, left, 0.0) - np.where(both, right, 0.0), MISSING)
