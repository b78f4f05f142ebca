"""tsset, xtset, tsfill."""

from __future__ import annotations

import re

import numpy as np

from ssd.engine.commands.declare import Line, command
from ssd.engine.data.order import group_numbers, stable_order
from ssd.engine.data.storage import stored_missing
from ssd.engine.data.timeseries import TimeSettings, require_time, store_time_settings, time_settings
from ssd.engine.errors import StataError
from ssd.engine.missing import MISSING
from ssd.engine.output.formats import format_value, parse_format
from ssd.engine.results import ResultSet
from ssd.engine.session import Session

_UNITS = {
    "daily": "%td", "weekly": "%tw", "monthly": "%tm", "quarterly": "%tq", "halfyearly": "%th", "yearly": "%ty",
    "clocktime": "%tc", "generic": "%9.0g",
}  # fmt: skip
_UNIT_WORDS = {"d": ("day", "daily"), "w": ("week", "weekly"), "m": ("month", "monthly"), "q": ("quarter", "quarterly"),
               "h": ("half-year", "halfyearly"), "y": ("year", "yearly"), "c": ("millisecond", "clocktime"),
               "": ("unit", "generic")}  # fmt: skip
_OPTIONS = (
    "Daily Weekly Monthly Quarterly Halfyearly Yearly Clocktime Generic Format(string) DELta(string) CLEAR noQuery"
)
_STORED = "r(panelvar) r(timevar) r(tmin) r(tmax) r(tdelta) r(balanced) r(unit) r(imin) r(imax)"


@command("tsset", f"[varlist(default=none max=2)] [, {_OPTIONS}]", stored=_STORED, refused="delta() with units of time")
def tsset(session: Session, line: Line) -> None:
    """Declare data to be time-series data."""
    _set(session, line, panel_first=len(line.varlist) == 2, command_name="tsset")


@command("xtset", f"[varlist(default=none max=2)] [, {_OPTIONS}]", stored=_STORED, refused="delta() with units of time")
def xtset(session: Session, line: Line) -> None:
    """Declare data to be panel data."""
    _set(session, line, panel_first=True, command_name="xtset")


def _set(session: Session, line: Line, *, panel_first: bool, command_name: str) -> None:
    data = session.data
    if line.flag("clear"):
        store_time_settings(data, None)
        return
    if not line.varlist:
        settings = time_settings(data)
        if settings is None or (command_name == "xtset" and not settings.panel):
            what = "panel variable not set; use xtset varname ..." if command_name == "xtset" else (
                "time variable not set, use tsset varname ...")  # fmt: skip
            raise StataError(459 if command_name == "xtset" else 111, what)
        _report(session, settings)
        return
    for name in line.varlist:
        if data.variables[name].is_string:
            raise StataError(109, "string variables not allowed in varlist;\n" + f"{name} is a string variable")
    panel = line.varlist[0] if panel_first else ""
    time = line.varlist[-1] if len(line.varlist) == 2 or not panel_first else ""
    settings = TimeSettings(time, panel, _delta(session, line))
    style = _style(line)
    _check(session, settings)
    if style and time:
        data.variables[time].format = style
    store_time_settings(data, settings)
    _report(session, settings)


def _delta(session: Session, line: Line) -> float:
    text = line.text_option("delta")
    if text is None:
        return 1.0
    found = re.fullmatch(r"\s*([\d.+*/()\s-]+)\s*(\w+)?\s*", text)
    if not found or found[2]:
        from ssd.engine.errors import unsupported

        raise unsupported("delta() with units of time")
    value = session.evaluate_number(found[1])
    if value <= 0:
        raise StataError(198, "delta() must be positive")
    return value


def _style(line: Line) -> str:
    """Display format of the time variable that was asked for, or an empty text. Raises r(120) or r(198)."""
    chosen = [name for name in _UNITS if line.flag(name)]
    if len(chosen) > 1:
        raise StataError(198, "only one unit of time may be specified")
    style = line.text_option("format") or (_UNITS[chosen[0]] if chosen else None)
    if style:
        parse_format(style)
    return style or ""


def _check(session: Session, settings: TimeSettings) -> None:
    """Sort, and refuse repeated time values and fractional panel numbers."""
    data = session.data
    if settings.panel:
        panel = data.numeric(settings.panel)
        known = panel[panel < MISSING]
        if np.any(known != np.trunc(known)):
            raise StataError(451, f"panel variable {settings.panel} contains noninteger values")
    if not settings.time:
        data.sort([settings.panel])
        return
    names = [settings.panel, settings.time] if settings.panel else [settings.time]
    time = data.variables[settings.time]
    missing = stored_missing(time.values, time.type)
    rows = np.flatnonzero(~missing)
    if rows.size == 0:
        raise StataError(2000, "no observations")
    values = data.numeric(settings.time)[rows]
    if np.any(values != np.trunc(values)):
        raise StataError(451, f"time variable {settings.time} must contain only integer values")
    _, count = group_numbers([key[rows] for key in data.keys(names)])
    if count != rows.size:
        if settings.panel:
            raise StataError(451, "repeated time values within panel")
        raise StataError(451, "repeated time values in sample")
    data.sort(names)


def _unit(style: str) -> str:
    spec = parse_format(style)
    return spec.unit.lower() if spec.kind == "t" else ""


def _report(session: Session, settings: TimeSettings) -> None:
    data, log = session.data, session.log
    result = ResultSet()
    lines: list[tuple[str, str]] = []
    balanced = ""
    if settings.panel:
        panel = data.numeric(settings.panel)
        ids = np.unique(panel[panel < MISSING], return_inverse=True)[1]
        sizes = np.bincount(ids) if ids.size else np.zeros(0, dtype=np.intp)
        result.macros["panelvar"] = settings.panel
        known = panel[panel < MISSING]
        if known.size:
            result.scalars.update({"imin": float(known.min()), "imax": float(known.max())})
        balanced = _balance(session, settings, sizes)
        result.macros["balanced"] = balanced
        lines.append(("Panel variable", f"{settings.panel} ({balanced})" if balanced else settings.panel))
    if settings.time:
        _time_lines(session, settings, lines, result)
    log.line()
    for title, text in lines:
        log.line(f"{title + ':':>{max(len(t) for t, _ in lines) + 1}} {text}")
    session.r = result


def _balance(session: Session, settings: TimeSettings, sizes: object) -> str:
    counts = np.asarray(sizes)
    if counts.size == 0:
        return "unbalanced"
    if not settings.time:
        return "balanced" if counts.min() == counts.max() else "unbalanced"
    data = session.data
    panel, time = data.numeric(settings.panel), data.numeric(settings.time)
    ids, n = group_numbers([panel])
    low, high = np.full(n, np.inf), np.full(n, -np.inf)
    np.minimum.at(low, ids, time)
    np.maximum.at(high, ids, np.where(time < MISSING, time, -np.inf))
    same = low.min() == low.max() and high.min() == high.max() and counts.min() == counts.max()
    full = counts.max() == round((high.max() - low.min()) / settings.delta) + 1
    if same and full:
        return "strongly balanced"
    return "weakly balanced" if counts.min() == counts.max() else "unbalanced"


def _time_lines(session: Session, settings: TimeSettings, lines: list[tuple[str, str]], result: ResultSet) -> None:
    data = session.data
    style = data.variables[settings.time].format
    time = data.numeric(settings.time)
    known = time[time < MISSING]
    low, high = float(known.min()), float(known.max())
    gaps = _has_gaps(session, settings)
    first, last = format_value(low, style).strip(), format_value(high, style).strip()
    steps = np.diff(np.unique(known))
    single = not settings.panel and np.count_nonzero(steps > settings.delta) == 1
    note = f", but with {'a gap' if single else 'gaps'}" if gaps else ""
    lines.append(("Time variable", f"{settings.time}, {first} to {last}{note}"))
    word, unit = _UNIT_WORDS.get(_unit(style), ("unit", "generic"))
    step = f"{settings.delta:g} {word}{'' if settings.delta == 1 else 's'}"
    lines.append(("Delta", step))
    result.macros.update({"timevar": settings.time, "unit": unit, "tsfmt": style, "tdeltas": step,
                          "tmins": first, "tmaxs": last})  # fmt: skip
    if _unit(style):
        result.macros["unit1"] = _unit(style)
    result.scalars.update({"tmin": low, "tmax": high, "tdelta": settings.delta, "gaps": float(gaps)})


def _has_gaps(session: Session, settings: TimeSettings) -> bool:
    data = session.data
    time = data.numeric(settings.time)
    same = np.ones(max(data.n_obs - 1, 0), dtype=np.bool_)
    if settings.panel:
        panel = data.numeric(settings.panel)
        same = panel[1:] == panel[:-1]
    both = same & (time[1:] < MISSING) & (time[:-1] < MISSING)
    return bool(np.any(both & (time[1:] - time[:-1] != settings.delta)))


@command("tsfill", "[, FULL]")
def tsfill(session: Session, line: Line) -> None:
    """Fill in gaps in the time variable."""
    data = session.data
    settings = require_time(data)
    time = data.numeric(settings.time)
    panel = data.numeric(settings.panel) if settings.panel else np.zeros(data.n_obs)
    known = np.flatnonzero((time < MISSING) & (panel < MISSING))
    units, ids = np.unique(panel[known], return_inverse=True)
    low, high = np.full(units.size, np.inf), np.full(units.size, -np.inf)
    np.minimum.at(low, ids, time[known])
    np.maximum.at(high, ids, time[known])
    if not known.size:
        return
    if line.flag("full"):
        low[:], high[:] = low.min(), high.max()
    spans = np.rint((high - low) / settings.delta) + 1.0
    data.limits.check_size(data.size * (float(spans.sum()) / max(data.n_obs, 1)))
    steps = spans.astype(np.intp)
    unit = np.repeat(np.arange(units.size), steps)
    offset = np.arange(unit.size) - np.repeat(np.cumsum(steps) - steps, steps)
    present = np.zeros(unit.size, dtype=np.bool_)
    start = np.cumsum(steps) - steps
    present[start[ids] + np.rint((time[known] - low[ids]) / settings.delta).astype(np.intp)] = True
    absent = np.flatnonzero(~present)
    if absent.size == 0:
        return
    before = data.n_obs
    data.set_obs(before + absent.size)
    new_time = np.concatenate([time, low[unit[absent]] + offset[absent] * settings.delta])
    data.replace(settings.time, new_time)
    if settings.panel:
        data.replace(settings.panel, np.concatenate([panel, units[unit[absent]]]))
    names = [settings.panel, settings.time] if settings.panel else [settings.time]
    data.take(stable_order(data.keys(names)))
    data.sorted_by = names
