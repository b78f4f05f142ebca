"""Date and time functions ([FN] Date and time functions). Leap seconds (datetime/C) are not counted."""

from __future__ import annotations

from typing import Any

import numpy as np

from ssd.engine.data import dates as calendar
from ssd.engine.errors import StataError
from ssd.engine.expr.registry import Table, entry, strict
from ssd.engine.expr.text import add_mapped
from ssd.engine.missing import MISSING


def _plain(value: float) -> float:
    return value if value == value else MISSING  # noqa: PLR0124


def _top(year: float) -> int | None:
    return int(year) if year < MISSING else None


def _date(text: str, mask: str, top: float = MISSING) -> float:
    return _plain(calendar.parse_date(text, mask, _top(top)))


def _clock(text: str, mask: str, top: float = MISSING) -> float:
    return _plain(calendar.parse_clock(text, mask, _top(top)))


def _period(unit: str) -> Any:
    def run(text: str, mask: str, top: float = MISSING) -> float:
        return _plain(calendar.parse_period(text, mask, unit, _top(top)))

    return run


def _yearly(text: str, mask: str, top: float = MISSING) -> float:
    day = calendar.parse_date(text, mask, _top(top))
    return MISSING if day != day else float(calendar.ymd_of(day)[0])  # noqa: PLR0124


def _literal(unit: str) -> Any:
    """td(01jan2020), tq(2020q1) and so on; raises r(198) when the date is none."""

    def run(text: str) -> float:
        if unit == "d":
            value = calendar.parse_date(text, "DMY")
        elif unit == "c":
            value = calendar.parse_clock(text, "DMYhms") if " " in text else calendar.parse_clock(text, "DMY")
            for mask in ("DMYhm", "hms", "hm"):
                value = calendar.parse_clock(text, mask) if value != value else value  # noqa: PLR0124
        elif unit == "y":
            value = float(text) if text.isdigit() else float("nan")
        else:
            value = calendar.parse_period(text, f"Y{unit.upper()}", unit)
        if value != value:  # noqa: PLR0124
            raise StataError(198, "invalid syntax")
        return value

    return run


def _mdy(month: Any, day: Any, year: Any) -> Any:
    return calendar.days_of(year, month, day)


def _age(birth: Any, day: Any) -> Any:
    """Completed years; someone born on 29 February has a birthday on 1 March in other years."""
    y0, m0, d0 = calendar.ymd_of(birth)
    y1, m1, d1 = calendar.ymd_of(day)
    before = (m1 < m0) | ((m1 == m0) & (d1 < d0))
    years = y1 - y0 - before
    return np.where(years >= 0, years, np.nan)


def _is_leap(year: Any) -> Any:
    y = np.floor(year)
    return (((y % 4 == 0) & (y % 100 != 0)) | (y % 400 == 0)).astype(np.float64)


def _of_day(ms: Any) -> Any:
    return np.floor(ms / calendar.DAY_MS)


def _time_of_day(ms: Any) -> Any:
    return ms - np.floor(ms / calendar.DAY_MS) * calendar.DAY_MS


def _month_end(days: Any) -> Any:
    return calendar.day_of_period(calendar.period_of_day(days, "m") + 1.0, "m") - 1.0


def _parsing(table: Table) -> None:
    add_mapped(table, "date daily", "ss|n", _date, text=False)
    add_mapped(table, "clock", "ss|n", _clock, text=False)
    add_mapped(table, "yearly", "ss|n", _yearly, text=False)
    for unit, name in (("w", "weekly"), ("m", "monthly"), ("q", "quarterly"), ("h", "halfyearly")):
        add_mapped(table, name, "ss|n", _period(unit), text=False)
    for unit in "dwmqhyc":
        add_mapped(table, f"t{unit}", "s", _literal(unit), text=False)


def _parts(table: Table) -> None:
    simple: dict[str, Any] = {
        "year": lambda d: calendar.ymd_of(d)[0], "month": lambda d: calendar.ymd_of(d)[1],
        "day": lambda d: calendar.ymd_of(d)[2], "dow": calendar.day_of_week, "doy": calendar.day_of_year,
        "week": calendar.week_of_year, "quarter": lambda d: np.floor((calendar.ymd_of(d)[1] - 1) / 3) + 1,
        "halfyear": lambda d: np.where(calendar.ymd_of(d)[1] <= 6, 1.0, 2.0) + 0.0 * calendar.ymd_of(d)[1],
        "dofc": _of_day, "cofd": lambda d: np.floor(d) * calendar.DAY_MS, "isleapyear": _is_leap,
        "hh": lambda t: np.floor(_time_of_day(t) / 3.6e6), "mm": lambda t: np.floor(_time_of_day(t) / 6e4) % 60,
        "ss": lambda t: _time_of_day(t) / 1000 % 60, "hours": lambda t: t / 3.6e6, "minutes": lambda t: t / 6e4,
        "seconds": lambda t: t / 1000, "msofhours": lambda h: h * 3.6e6, "msofminutes": lambda m: m * 6e4,
        "msofseconds": lambda s: s * 1000, "firstdayofmonth": lambda d: d - calendar.ymd_of(d)[2] + 1,
        "lastdayofmonth": _month_end, "daysinmonth": lambda d: calendar.ymd_of(_month_end(d))[2],
    }  # fmt: skip
    for name, compute in simple.items():
        entry(table, name, "n", strict(compute))
    for unit in "wmqhy":
        entry(table, f"{unit}ofd", "n", strict(lambda d, u=unit: calendar.period_of_day(d, u)))
        entry(table, f"dof{unit}", "n", strict(lambda p, u=unit: calendar.day_of_period(p, u)))


def _building(table: Table) -> None:
    entry(table, "mdy", "nnn", strict(_mdy))
    entry(table, "dmy", "nnn", strict(lambda d, m, y: calendar.days_of(y, m, d)))
    for unit in "wmqh":
        entry(table, f"y{unit}", "nn", strict(lambda y, p, u=unit: calendar.period_from_parts(y, p, u)))
    entry(table, "mdyhms", "nnnnnn", strict(lambda mo, d, y, h, m, s:
          calendar.milliseconds(calendar.days_of(y, mo, d), h, m, s)))  # fmt: skip
    entry(table, "dhms", "nnnn", strict(lambda d, h, m, s: calendar.milliseconds(np.floor(d), h, m, s)))
    entry(table, "hms", "nnn", strict(lambda h, m, s: calendar.milliseconds(0.0, h, m, s)))
    entry(table, "age", "nn", strict(_age))


def date_functions() -> Table:
    table: Table = {}
    _parsing(table)
    _parts(table)
    _building(table)
    return table
