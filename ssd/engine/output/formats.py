"""Display formats: `%9.0g`, `%12.2fc`, `%-10s`, `%td…` and the others of [D] format."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from ssd.engine.errors import StataError
from ssd.engine.missing import MISSING, missing_name
from ssd.engine.output.dateformats import date_text

_NUMERIC: Final = re.compile(r"%(-?)(0?)(\d+)([.,])(\d+)([gfe])(c?)")
_STRING: Final = re.compile(r"%([-~]?)(\d*)(s|S)")
_DATE: Final = re.compile(r"%(-?)(\d*)(d|t([cCdwmqhyg]))(.*)")
_HEX: Final = re.compile(r"%(-?)(\d*)x")
_SHORT: Final = re.compile(r"%(-?)(0?)(\d+)([gfe])(c?)")
_SMALLEST_FIXED: Final = 1e-5


@dataclass(frozen=True)
class Format:
    """A parsed display format. `kind` is g, f, e, s, x or t (dates)."""

    kind: str
    width: int
    decimals: int = 0
    left: bool = False
    centred: bool = False
    zeros: bool = False
    commas: bool = False
    decimal_comma: bool = False
    unit: str = ""
    mask: str = ""


@lru_cache(maxsize=1024)
def parse_format(text: str) -> Format:
    """Raises r(120) when `text` is no display format."""
    found = _NUMERIC.fullmatch(text)
    if found:
        left, zeros, width, point, decimals, kind, commas = found.groups()
        return Format(kind, int(width), int(decimals), left=bool(left), zeros=bool(zeros), commas=bool(commas),
                      decimal_comma=point == ",")  # fmt: skip
    found = _SHORT.fullmatch(text)
    if found:
        return Format(found[4], int(found[3]), 0, left=bool(found[1]), zeros=bool(found[2]), commas=bool(found[5]))
    found = _STRING.fullmatch(text)
    if found:
        return Format("s", int(found[2] or 0), left=found[1] == "-", centred=found[1] == "~")
    found = _HEX.fullmatch(text)
    if found:
        return Format("x", int(found[2] or 21), left=bool(found[1]))
    found = _DATE.fullmatch(text)
    if found:
        return Format("t", int(found[2] or 0), left=bool(found[1]), unit=found[4] or "d", mask=found[5])
    raise StataError(120, f"invalid %format: {text}" if text.startswith("%") else "invalid %format")


def is_format(text: str) -> bool:
    try:
        parse_format(text)
    except StataError:
        return False
    return True


def is_string_format(text: str) -> bool:
    return parse_format(text).kind == "s"


def text_width(text: str) -> int:
    """Columns a text takes (East Asian wide characters take two)."""
    if text.isascii():
        return len(text)
    return sum(0 if unicodedata.combining(c) else 2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in text)


def cut_width(text: str, width: int) -> str:
    """The longest prefix that takes at most `width` columns."""
    if text.isascii():
        return text[:width]
    taken, out = 0, []
    for sign in text:
        taken += text_width(sign)
        if taken > width:
            break
        out.append(sign)
    return "".join(out)


def pad(text: str, width: int, *, left: bool = False, centred: bool = False) -> str:
    """`text` in a field of `width` columns, right-aligned unless told otherwise."""
    room = width - text_width(text)
    if room <= 0:
        return text
    if centred:
        return " " * (room // 2) + text + " " * (room - room // 2)
    return text + " " * room if left else " " * room + text


def format_value(value: float | str, fmt: str) -> str:
    """`value` as Stata displays it under `fmt`, padded to the width of the format.

    Raises r(120) for an invalid format and r(109) for a number under a string format or the reverse.
    """
    spec = parse_format(fmt)
    if isinstance(value, str):
        if spec.kind != "s":
            raise StataError(109, "type mismatch")
        return pad(value, spec.width, left=spec.left, centred=spec.centred)
    if spec.kind == "s":
        raise StataError(109, "type mismatch")
    text = _number_text(float(value), spec)
    if spec.zeros and not spec.left and value < MISSING and len(text) < spec.width:
        sign = "-" if text.startswith("-") else ""
        return sign + text[len(sign) :].rjust(spec.width - len(sign), "0")
    return pad(text, spec.width, left=spec.left)


def format_column(values: NDArray[Any] | Sequence[Any], fmt: str) -> list[str]:
    """`format_value` for a column; repeated values are formatted once."""
    items = values.tolist() if isinstance(values, np.ndarray) else list(values)
    known: dict[Any, str] = {}
    out = []
    for item in items:
        text = known.get(item)
        if text is None:
            text = format_value(item if isinstance(item, str) else float(item), fmt)
            known[item] = text
        out.append(text)
    return out


def format_width(fmt: str) -> int:
    """Columns a value takes under the format (dates: the width of a long value)."""
    spec = parse_format(fmt)
    if spec.kind != "t" or spec.width:
        return spec.width
    sample = {"w": 3223.0, "m": 753.0, "q": 250.0, "h": 125.0, "y": 2022.0, "g": 0.0}.get(spec.unit, 22920.0)
    return text_width(date_text(sample * (86_400_000.0 if spec.unit in "cC" else 1.0), spec.unit, spec.mask))


def _number_text(value: float, spec: Format) -> str:
    if not value < MISSING:
        return missing_name(value)
    if spec.kind == "t":
        return date_text(value, spec.unit, spec.mask)
    if spec.kind == "x":
        return _hexadecimal(value)
    if spec.kind == "f":
        text = f"{value:.{spec.decimals}f}"
    elif spec.kind == "e":
        text = _exponential(value, spec.decimals)
    else:
        return _localised(_general(value, spec), spec)
    if spec.commas:
        text = _with_commas(text)
    return _localised(text, spec)


def _localised(text: str, spec: Format) -> str:
    if not spec.decimal_comma:
        return text
    return text.translate({ord("."): ",", ord(","): "."})


def _exponential(value: float, decimals: int) -> str:
    return f"{value:.{decimals}e}"


def _general(value: float, spec: Format) -> str:
    """%w.0g: as many significant digits as fit in w - 2, no leading zero, e-notation outside 1e-5 … 10^(w-2)."""
    if value == 0.0:
        return "0"
    size = abs(value)
    sign = "-" if value < 0 else ""
    digits = max(spec.decimals, 1) if spec.decimals else max(spec.width - 2, 1)
    limit = spec.width - 2 if not spec.decimals else digits
    if size < _SMALLEST_FIXED or size >= 10.0**18:
        fixed = ""
    elif size < 1.0:
        decimals = digits if not spec.decimals else digits - 1 - int(np.floor(np.log10(size)))
        fixed = _trimmed(f"{size:.{decimals}f}")
    else:
        whole = len(str(int(size)))
        fixed = _trimmed(f"{size:.{max(digits - whole, 0)}f}")
        if len(fixed.partition(".")[0]) > limit and not (spec.decimals and whole <= spec.width - 1):
            fixed = ""
    if fixed and spec.commas:
        fixed = _fitting_commas(size, fixed, spec)
    if fixed:
        return sign + fixed
    decimals = spec.decimals - 1 if spec.decimals else spec.width - 7
    text = _exponential(size, max(decimals, 0))
    if len(text) > spec.width - 1 and not spec.decimals:
        text = _exponential(size, max(decimals - (len(text) - spec.width + 1), 0))
    return sign + text


def _fitting_commas(size: float, fixed: str, spec: Format) -> str:
    """Commas cost room: decimals give way until the number fits in w - 1 columns."""
    text = _with_commas(fixed)
    decimals = len(fixed.partition(".")[2])
    while len(text) > spec.width - 1 and decimals > 0:
        decimals -= 1
        text = _with_commas(_trimmed(f"{size:.{decimals}f}"))
    return text if len(text) <= spec.width else fixed


def _trimmed(text: str) -> str:
    """Without trailing zeros of the fraction and without the zero before the point."""
    if "." in text:
        text = text.rstrip("0").rstrip(".")
    return text[1:] if text.startswith("0.") else text


def _with_commas(text: str) -> str:
    found = re.match(r"(-?)(\d*)(.*)", text)
    if found is None or not found[2]:
        return text
    return f"{found[1]}{int(found[2]):,}{found[3]}"


def _hexadecimal(value: float) -> str:
    """%21x: sign, mantissa with 13 hexadecimal digits, X, exponent."""
    if value == 0.0:
        return "+0.0000000000000X-3ff"
    mantissa, _, exponent = abs(value).hex().partition("p")
    power = int(exponent)
    digits = mantissa[2:] if "." in mantissa else mantissa[2:] + "."
    return f"{'-' if value < 0 else '+'}{digits.ljust(15, '0')}X{'-' if power < 0 else '+'}{abs(power):03x}"
