"""Stata dates: days, weeks, months, quarters, half-years since 1960 and milliseconds since 01jan1960.

Weeks are Stata's: week 1 starts on 1 January and week 52 has 8 or 9 days ([D] Datetime).
All functions are vectorised; NaN in gives NaN out.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

DAY_MS: Final = 86_400_000.0
MONTHS: Final = ("January", "February", "March", "April", "May", "June", "July", "August", "September",
                 "October", "November", "December")  # fmt: skip
WEEKDAYS: Final = ("Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday")
_EPOCH: Final = np.datetime64("1960-01-01", "D")
_FIRST_DAY: Final = -679350
_LAST_DAY: Final = 2936549
Numbers = NDArray[np.float64]


def _usable(days: Any) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    values = np.floor(np.asarray(days, dtype=np.float64))
    inside = (values >= _FIRST_DAY) & (values <= _LAST_DAY)
    return np.where(inside, values, 0.0).astype(np.int64), inside


def ymd_of(days: Any) -> tuple[Numbers, Numbers, Numbers]:
    """Year, month, day of daily dates (01jan0100 … 31dec9999)."""
    whole, inside = _usable(days)
    dates = _EPOCH + whole.astype("timedelta64[D]")
    months = dates.astype("datetime64[M]")
    month_number = months.astype(np.int64)
    year = month_number // 12 + 1970
    month = month_number % 12 + 1
    day = (dates - months.astype("datetime64[D]")).astype(np.int64) + 1
    gone = ~inside
    return tuple(np.where(gone, np.nan, part.astype(np.float64)) for part in (year, month, day))  # type: ignore[return-value]


def days_of(year: Any, month: Any, day: Any) -> Numbers:
    """Daily dates; NaN for dates that do not exist."""
    y, m, d = (np.asarray(part, dtype=np.float64) for part in (year, month, day))
    whole = (y == np.floor(y)) & (m == np.floor(m)) & (d == np.floor(d))
    valid = whole & (y >= 100) & (y <= 9999) & (m >= 1) & (m <= 12) & (d >= 1) & (d <= 31)
    months = np.where(valid, (y - 1970) * 12 + m - 1, 0.0).astype(np.int64)
    first = months.astype("datetime64[M]").astype("datetime64[D]")
    after = (months + 1).astype("datetime64[M]").astype("datetime64[D]")
    days = (first - _EPOCH).astype(np.int64) + np.where(valid, d, 1.0).astype(np.int64) - 1
    exists = valid & (days < (after - _EPOCH).astype(np.int64))
    return np.where(exists, days.astype(np.float64), np.nan)


def day_of_week(days: Any) -> Numbers:
    """0 = Sunday … 6 = Saturday."""
    return np.mod(np.floor(np.asarray(days, dtype=np.float64)) + 5.0, 7.0)


def day_of_year(days: Any) -> Numbers:
    year = ymd_of(days)[0]
    return np.floor(np.asarray(days, dtype=np.float64)) - days_of(year, 1.0, 1.0) + 1.0


def week_of_year(days: Any) -> Numbers:
    """Stata's week, 1 … 52."""
    return np.minimum(np.floor((day_of_year(days) - 1.0) / 7.0) + 1.0, 52.0)


PERIODS: Final = {"w": 52.0, "m": 12.0, "q": 4.0, "h": 2.0}
"""Periods per year."""


def period_of_day(days: Any, unit: str) -> Numbers:
    """wofd, mofd, qofd, hofd, yofd."""
    year, month, _ = ymd_of(days)
    if unit == "y":
        return year
    if unit == "w":
        return (year - 1960.0) * 52.0 + week_of_year(days) - 1.0
    length = 12.0 / PERIODS[unit]
    return (year - 1960.0) * PERIODS[unit] + np.floor((month - 1.0) / length)


def day_of_period(period: Any, unit: str) -> Numbers:
    """dofw, dofm, dofq, dofh, dofy: the first day of the period."""
    value = np.floor(np.asarray(period, dtype=np.float64))
    if unit == "y":
        return days_of(value, 1.0, 1.0)
    year, part = year_and_part(value, unit)
    if unit == "w":
        return days_of(year, 1.0, 1.0) + (part - 1.0) * 7.0
    return days_of(year, (part - 1.0) * (12.0 / PERIODS[unit]) + 1.0, 1.0)


def year_and_part(period: Any, unit: str) -> tuple[Numbers, Numbers]:
    """Year and 1-based part of a weekly, monthly, quarterly or half-yearly number."""
    value = np.floor(np.asarray(period, dtype=np.float64))
    per_year = PERIODS[unit]
    year = np.floor(value / per_year)
    return year + 1960.0, value - year * per_year + 1.0


def period_from_parts(year: Any, part: Any, unit: str) -> Numbers:
    """yw, ym, yq, yh; NaN when the part does not exist."""
    y, p = np.asarray(year, dtype=np.float64), np.asarray(part, dtype=np.float64)
    valid = (p == np.floor(p)) & (p >= 1) & (p <= PERIODS[unit]) & (y == np.floor(y)) & (y >= 100) & (y <= 9999)
    return np.where(valid, (y - 1960.0) * PERIODS[unit] + p - 1.0, np.nan)


_TOKEN: Final = re.compile(r"\d+|[A-Za-z]+")
_MONTH_NUMBER: Final = {name[:size].lower(): number + 1 for number, name in enumerate(MONTHS)
                        for size in range(3, len(name) + 1)}  # fmt: skip


@lru_cache(maxsize=256)
def _fields(mask: str) -> tuple[str, ...]:
    """`D20Y` style masks as fields: a century prefix stays with its Y."""
    return tuple(re.findall(r"\d\dY|[YMDWQHhmsS#]", mask.replace(" ", "")))


@lru_cache(maxsize=65536)
def parse_date(text: str, mask: str, top_year: int | None = None) -> float:
    """Daily date of `text` under a mask such as DMY, MD20Y, YM; NaN when it does not fit."""
    fields = _fields(mask)
    parts = _date_parts(text, fields, top_year)
    if parts is None:
        return float("nan")
    return float(days_of(parts.get("Y", np.nan), parts.get("M", 1.0), parts.get("D", 1.0)))


def _date_parts(text: str, fields: tuple[str, ...], top_year: int | None) -> dict[str, float] | None:
    tokens = _TOKEN.findall(text)
    wanted = [field for field in fields if field != "#"]
    if len(tokens) == 1 and tokens[0].isdigit() and len(wanted) > 1:
        packed = _unpacked(tokens[0], wanted)
        if packed is None:
            return None
        tokens = packed
    elif len(tokens) < len(wanted):
        tokens = re.findall(r"\d+|[A-Za-z]+", re.sub(r"(\d)([A-Za-z])|([A-Za-z])(\d)", r"\1\3 \2\4", text))
    if "#" in fields:
        tokens = [token for field, token in zip(fields, tokens, strict=False) if field != "#"]
    else:
        tokens = [token for token in tokens if token.lower() not in ("th", "st", "nd", "rd", "of")]
    if len(tokens) != len(wanted):
        return None
    parts: dict[str, float] = {}
    for field, token in zip(wanted, tokens, strict=True):
        value = _field_value(field, token, top_year)
        if value is None:
            return None
        parts[field[-1]] = value
    return parts


def _unpacked(digits: str, fields: list[str]) -> list[str] | None:
    """Run-together digits such as 20200131 (YMD) or 310120 (D M 20Y)."""
    others = 2 * (len(fields) - 1)
    year = len(digits) - others
    if year not in (2, 4):
        return None
    out, position = [], 0
    for field in fields:
        width = year if field.endswith("Y") else 2
        out.append(digits[position : position + width])
        position += width
    return out


def _field_value(field: str, token: str, top_year: int | None) -> float | None:
    if field == "M" and token.isalpha():
        number = _MONTH_NUMBER.get(token.lower())
        return None if number is None else float(number)
    if not token.isdigit():
        return None
    value = float(token)
    if not field.endswith("Y"):
        return value
    if len(token) == 4:
        return value
    if len(token) > 2:
        return None
    if top_year is not None:
        century = top_year - top_year % 100
        year = century + value
        return year if year <= top_year else year - 100
    return value + 100.0 * float(field[:-1]) if len(field) == 3 else None


@lru_cache(maxsize=65536)
def parse_period(text: str, mask: str, unit: str, top_year: int | None = None) -> float:
    """weekly(), monthly(), quarterly(), halfyearly(): `1990q1`, `1990-1`, `jan 1990` under a mask such as YQ."""
    letter = {"w": "W", "m": "M", "q": "Q", "h": "H"}[unit]
    spaced = re.sub(rf"(?<=\d){unit}(?=\d)", " ", text, flags=re.IGNORECASE)
    spaced = re.sub(rf"\b{unit}(?=\d)", "", spaced, flags=re.IGNORECASE)
    parts = _date_parts(spaced, _fields(mask), top_year)
    if parts is None or "Y" not in parts or letter not in parts:
        return float("nan")
    return float(period_from_parts(parts["Y"], parts[letter], unit))


@lru_cache(maxsize=65536)
def parse_clock(text: str, mask: str, top_year: int | None = None) -> float:
    """Milliseconds since 01jan1960 of `text` under a mask such as DMYhms; NaN when it does not fit."""
    fields = _fields(mask)
    seconds_text = re.findall(r"\d+\.\d+|\d+|[A-Za-z]+", text)
    afternoon: str | None = None
    tokens = []
    for token in seconds_text:
        if token.lower() in ("am", "pm"):
            afternoon = token.lower()
        elif token.upper() not in ("T", "Z"):
            tokens.append(token)
    wanted = [field for field in fields if field != "#"]
    if len(tokens) != len(wanted):
        tokens = [t for t in re.findall(r"\d+\.\d+|\d+|[A-Za-z]+", re.sub(r"(?i)(?<=\d)[tz](?=\d|$)", " ", text))
                  if t.lower() not in ("am", "pm")]  # fmt: skip
    if len(tokens) != len(wanted):
        return float("nan")
    parts: dict[str, float] = {"M": 1.0, "D": 1.0, "h": 0.0, "m": 0.0, "s": 0.0}
    for field, token in zip(wanted, tokens, strict=True):
        if field == "s":
            parts["s"] = float(token) if token[0].isdigit() else float("nan")
            continue
        value = _field_value(field, token, top_year)
        if value is None:
            return float("nan")
        parts[field[-1]] = value
    if afternoon is not None:
        parts["h"] = parts["h"] % 12.0 + (12.0 if afternoon == "pm" else 0.0)
    if "Y" not in parts and not {"Y", "M", "D"} & {field[-1] for field in fields}:
        parts["Y"] = 1960.0
    return float(
        milliseconds(days_of(parts.get("Y", np.nan), parts["M"], parts["D"]), parts["h"], parts["m"], parts["s"])
    )


def milliseconds(days: Any, hours: Any, minutes: Any, seconds: Any) -> Numbers:
    """Datetime/c from a day and a time of day; NaN when the time does not exist."""
    h, m, s = (np.asarray(part, dtype=np.float64) for part in (hours, minutes, seconds))
    valid = (h >= 0) & (h < 24) & (m >= 0) & (m < 60) & (s >= 0) & (s < 60)
    total = np.asarray(days, dtype=np.float64) * DAY_MS + h * 3.6e6 + m * 6e4 + np.rint(s * 1000.0)
    return np.where(valid, total, np.nan)
