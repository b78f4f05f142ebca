"""What one written cell can mean: a number in some notation, a date, a truth value, a missing marker, or text."""

from __future__ import annotations

import datetime as dt
import re
from enum import Enum, auto
from typing import Final

MISSING_MARKERS: Final = frozenset(
    (
        *("na", "n/a", "n.a.", "nan", "null", "none", "missing", ".", "..", "...", "-", "--", "?"),
        *("—", "——", "–", "…", "……", "缺失", "无数据", "暂无"),
        *("#n/a", "#null!", "#div/0!", "#value!", "#ref!", "#name?", "#num!"),
    )
)
"""Lower case; they count as missing only where everything else in the column is a number or a date."""

PLAIN: Final = r"^[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?$"
THOUSANDS: Final = r"^[+-]?[0-9]{1,3}(,[0-9]{3})+(\.[0-9]+)?$"
PERCENT: Final = r"^[+-]?([0-9]+\.?[0-9]*|\.[0-9]+|[0-9]{1,3}(,[0-9]{3})+(\.[0-9]+)?)\s*[%％]$"
DECIMAL_COMMA: Final = r"^[+-]?([0-9]+|[0-9]{1,3}(\.[0-9]{3})+)?(,[0-9]+)?([eE][+-]?[0-9]+)?\s*[%％]?$"
YEAR_WORD: Final = r"^(1[89]|20|21)[0-9]{2}\s*年度?$"
LEADING_ZERO: Final = r"^[+-]?0[0-9]"
LONG_INTEGER: Final = r"^[+-]?[0-9]{16,}$"

_THOUSANDS: Final = re.compile(THOUSANDS)
_PERCENT: Final = re.compile(PERCENT)
_YEAR_WORD: Final = re.compile(YEAR_WORD)
_DAY: Final = re.compile(r"(\d{4})([-/.])(\d{1,2})\2(\d{1,2})|(\d{4})年(\d{1,2})月(\d{1,2})日")
_DAY_LAST_YEAR: Final = re.compile(r"(\d{1,2})([-/.])(\d{1,2})\2(\d{4})")
_DAY_WORD: Final = re.compile(r"(\d{1,2})[- ]?([A-Za-z]{3,9})[-, ]*(\d{4})")
_CLOCK: Final = re.compile(r"(\d{1,2}):(\d{2})(?::(\d{2})(?:\.(\d{1,6}))?)?")
_MONTH: Final = re.compile(r"(\d{4})(?:[-/]|[mM])(\d{1,2})|(\d{4})年(\d{1,2})月")
_QUARTER: Final = re.compile(r"(\d{4})[-/ ]?[qQ]([1-4])|(\d{4})年第?([1-4一二三四])季度?")
_MONTH_NAMES: Final = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"]
_QUARTER_SIGNS: Final = {"一": 1, "二": 2, "三": 3, "四": 4}
EPOCH: Final = dt.datetime(1960, 1, 1)


class Kind(Enum):
    MISSING = auto()
    THOUSANDS = auto()
    PERCENT = auto()
    YEAR_WORD = auto()
    BOOLEAN = auto()
    DAY = auto()
    """The order of day, month and year is certain."""
    DAY_EITHER = auto()
    """Such as 03/04/2020: day first or month first."""
    DAY_FIRST = auto()
    MONTH_FIRST = auto()
    MOMENT = auto()
    MONTH = auto()
    QUARTER = auto()
    TEXT = auto()


def classify(text: str) -> Kind:
    """The meaning of a stripped, non-empty cell that is not a plain number."""
    lower = text.lower()
    if lower in MISSING_MARKERS:
        return Kind.MISSING
    if lower in ("true", "false"):
        return Kind.BOOLEAN
    if len(text) > 40:
        return Kind.TEXT
    if not any(character.isdigit() for character in text):
        return Kind.TEXT
    if _THOUSANDS.match(text):
        return Kind.THOUSANDS
    if _PERCENT.match(text):
        return Kind.PERCENT
    if _YEAR_WORD.match(text):
        return Kind.YEAR_WORD
    return _classify_date(text)


def _classify_date(text: str) -> Kind:
    if parse_day(text) is not None:
        return Kind.DAY
    order = _order_of_day(text)
    if order is not None:
        return order
    if parse_moment(text) is not None:
        return Kind.MOMENT
    if parse_quarter(text) is not None:
        return Kind.QUARTER
    if parse_month(text) is not None:
        return Kind.MONTH
    return Kind.TEXT


def _order_of_day(text: str) -> Kind | None:
    day_first = parse_day(text, Kind.DAY_FIRST) is not None
    month_first = parse_day(text, Kind.MONTH_FIRST) is not None
    if day_first and month_first:
        return Kind.DAY_EITHER
    if day_first:
        return Kind.DAY_FIRST
    return Kind.MONTH_FIRST if month_first else None


def parse_day(text: str, order: Kind = Kind.DAY) -> int | None:
    """Days since 1960-01-01 of a written day, or None. `order` allows day-first or month-first numbers."""
    found = _DAY.fullmatch(text)
    if found:
        year, month, day = (found[1], found[3], found[4]) if found[1] else (found[5], found[6], found[7])
        return _days(int(year), int(month), int(day))
    named = _DAY_WORD.fullmatch(text)
    if named and named[2][:3].lower() in _MONTH_NAMES:
        return _days(int(named[3]), _MONTH_NAMES.index(named[2][:3].lower()) + 1, int(named[1]))
    if order in (Kind.DAY_FIRST, Kind.MONTH_FIRST):
        found = _DAY_LAST_YEAR.fullmatch(text)
        if found:
            first, second, year = int(found[1]), int(found[3]), int(found[4])
            return _days(year, second, first) if order is Kind.DAY_FIRST else _days(year, first, second)
    return None


def _days(year: int, month: int, day: int) -> int | None:
    try:
        return (dt.date(year, month, day) - EPOCH.date()).days
    except ValueError:
        return None


def parse_moment(text: str) -> int | None:
    """Milliseconds since 1960 of `2020-01-31 12:30[:45[.123]]`, or None."""
    day_text, separator, clock_text = text.replace("T", " ", 1).partition(" ")
    days = parse_day(day_text) if separator else None
    clock = _CLOCK.fullmatch(clock_text.strip())
    if days is None or clock is None:
        return None
    hour, minute, second = int(clock[1]), int(clock[2]), int(clock[3] or 0)
    if hour > 23 or minute > 59 or second > 59:
        return None
    thousandths = int((clock[4] or "0").ljust(3, "0")[:3])
    return ((days * 24 + hour) * 60 + minute) * 60_000 + second * 1000 + thousandths


def parse_month(text: str) -> int | None:
    """Months since January 1960 of `2020-01`, `2020m1`, `2020年1月`, or None."""
    found = _MONTH.fullmatch(text)
    if not found:
        return None
    year, month = (int(found[1]), int(found[2])) if found[1] else (int(found[3]), int(found[4]))
    return (year - 1960) * 12 + month - 1 if 1 <= month <= 12 and 1000 <= year <= 2999 else None


def parse_quarter(text: str) -> int | None:
    """Quarters since the first of 1960 of `2020Q1`, `2020年第1季度`, or None."""
    found = _QUARTER.fullmatch(text)
    if not found:
        return None
    year = int(found[1] or found[3])
    sign = found[2] or found[4]
    quarter = _QUARTER_SIGNS.get(sign) or int(sign)
    return (year - 1960) * 4 + quarter - 1


def milliseconds(moment: dt.datetime) -> int:
    """Since 1960, as %tc counts (no leap seconds)."""
    return round((moment.replace(tzinfo=None) - EPOCH) / dt.timedelta(milliseconds=1))
