"""Dates under %t formats with their masks ([D] Datetime display formats)."""

from __future__ import annotations

import math
import re
from functools import lru_cache
from typing import Final

from ssd.engine.data import dates as calendar
from ssd.engine.errors import StataError

_DEFAULT: Final = {
    "d": "DDmonCCYY", "c": "DDmonCCYY_HH:MM:SS", "C": "DDmonCCYY_HH:MM:SS", "w": "CCYY!www", "m": "CCYY!mnn",
    "q": "CCYY!qq", "h": "CCYY!hh", "y": "CCYY",
}  # fmt: skip
_CODE: Final = re.compile(
    r"!.|CC|cc|YY|yy|JJJ|jjj|Month|month|Mon|mon|Mth|NN|nn|DAYNAME|Dayname|dayname|Day|day|Da|da|DD|dd|"
    r"HH|Hh|hH|hh|MM|mm|SS|ss|\.sss|\.ss|\.s|a\.m\.|A\.M\.|am|AM|WW|ww|h|q|C|Y|Mname|[DNMmYynldc]|."
)
_OLD: Final = {"D": "DD", "d": "dd", "N": "NN", "n": "nn", "m": "mon", "M": "Month", "l": "mon", "L": "Mon",
               "Y": "YY", "y": "yy", "C": "CC", "c": "cc"}  # fmt: skip


@lru_cache(maxsize=1024)
def _codes(mask: str) -> tuple[str, ...]:
    return tuple(_CODE.findall(mask))


def date_text(value: float, unit: str, mask: str) -> str:
    """A date number under `%t{unit}{mask}`; a value that is no date shows as a number."""
    if unit == "g":
        return f"{value:g}"
    parts = _parts(value, unit)
    if parts is None:
        return "."
    return "".join(_shown(code, parts) for code in _codes(mask or _DEFAULT[unit]))


def _parts(value: float, unit: str) -> dict[str, float] | None:
    """Numbers the codes need; None for a value outside the years 100 … 9999."""
    ms = 0.0
    if unit in "cC":
        day = math.floor(value / calendar.DAY_MS)
        ms = math.floor(value - day * calendar.DAY_MS)
    elif unit == "d":
        day = math.floor(value)
    else:
        first = float(calendar.day_of_period(value, unit))
        if math.isnan(first):
            return None
        day = int(first)
    year, month, dom = (float(part) for part in calendar.ymd_of(float(day)))
    if math.isnan(year):
        return None
    week = float(calendar.year_and_part(value, "w")[1]) if unit == "w" else float(calendar.week_of_year(float(day)))
    return {"year": year, "month": month, "day": dom, "ms": ms, "week": week, "date": float(day)}


def _shown(code: str, parts: dict[str, float]) -> str:
    if code.startswith("!"):
        return code[1:]
    if code == "_":
        return " "
    if code == "+":
        return ""
    calendar_text = _calendar_code(code, parts)
    if calendar_text is not None:
        return calendar_text
    clock_text = _clock_code(code, parts)
    if clock_text is not None:
        return clock_text
    if code in ".,:-/\\' ":
        return code
    if code in _OLD:
        return _shown(_OLD[code], parts)
    raise StataError(120, "invalid %format")


def _calendar_code(code: str, parts: dict[str, float]) -> str | None:
    year, month, day = int(parts["year"]), int(parts["month"]), int(parts["day"])
    name = calendar.MONTHS[month - 1]
    if code in ("DAYNAME", "Dayname", "dayname", "Day", "day", "Da", "da"):
        weekday = calendar.WEEKDAYS[int(calendar.day_of_week(parts["date"]))]
        return {"DAYNAME": weekday.upper(), "Dayname": weekday, "dayname": weekday.lower(), "Day": weekday[:3],
                "day": weekday[:3].lower(), "Da": weekday[:2], "da": weekday[:2].lower()}[code]  # fmt: skip
    if code in ("JJJ", "jjj"):
        number = int(calendar.day_of_year(parts["date"]))
        return f"{number:03d}" if code == "JJJ" else str(number)
    table = {
        "CC": f"{year // 100:02d}", "cc": str(year // 100), "YY": f"{year % 100:02d}", "yy": str(year % 100),
        "Month": name, "month": name.lower(), "Mon": name[:3], "mon": name[:3].lower(), "NN": f"{month:02d}",
        "nn": str(month), "DD": f"{day:02d}", "dd": str(day), "q": str((month - 1) // 3 + 1),
        "h": str((month - 1) // 6 + 1), "WW": f"{int(parts['week']):02d}", "ww": str(int(parts["week"])),
    }  # fmt: skip
    return table.get(code)


def _clock_code(code: str, parts: dict[str, float]) -> str | None:
    ms = int(parts["ms"])
    hour, minute, second, rest = ms // 3_600_000, ms // 60_000 % 60, ms // 1000 % 60, ms % 1000
    twelve = hour % 12 or 12
    half = "am" if hour < 12 else "pm"
    table = {
        "HH": f"{hour:02d}", "hH": str(hour), "Hh": f"{twelve:02d}", "hh": str(twelve), "MM": f"{minute:02d}",
        "mm": str(minute), "SS": f"{second:02d}", "ss": str(second), ".s": f".{rest // 100}",
        ".ss": f".{rest // 10:02d}", ".sss": f".{rest:03d}", "am": half, "AM": half.upper(),
        "a.m.": f"{half[0]}.m.", "A.M.": f"{half[0].upper()}.M.",
    }  # fmt: skip
    return table.get(code)
