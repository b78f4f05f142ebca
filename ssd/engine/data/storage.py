"""Numeric storage types: ranges, reserved missing codes, and the promotion Stata's `replace` applies.

Ranges and codes are those of the Stata dta format description ("Numeric and string storage types").
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from ssd.engine.missing import MISSING, BoolArray, FloatArray

ObjectArray = NDArray[np.object_]

STORAGE: Final[dict[str, type[np.generic]]] = {
    "byte": np.int8,
    "int": np.int16,
    "long": np.int32,
    "float": np.float32,
    "double": np.float64,
}
"""Numeric storage types and the numpy dtype that holds them; missing values use Stata's reserved codes."""

INTEGER_LIMITS: Final[dict[str, tuple[int, int]]] = {
    "byte": (-127, 100),
    "int": (-32767, 32740),
    "long": (-2147483647, 2147483620),
}
FLOAT_LARGEST: Final = float.fromhex("0x1.fffffep126")
DOUBLE_LARGEST: Final = float.fromhex("0x1.fffffffffffffp1022")
_FLOAT_MISSING: Final = 2.0**127
_FLOAT_STEP: Final = 2.0**115
_DOUBLE_STEP: Final = 2.0**1011
MAX_STR: Final = 2045
"""The longest str#, in bytes; longer strings are strL."""


def is_numeric_type(name: str) -> bool:
    return name in STORAGE


def default_format(type_name: str) -> str:
    """The display format a new variable of this type gets."""
    if type_name.startswith("str"):
        return "%9s" if type_name == "strL" else f"%{max(9, int(type_name[3:]))}s"
    return {"byte": "%8.0g", "int": "%8.0g", "long": "%12.0g", "float": "%9.0g", "double": "%10.0g"}[type_name]


def missing_number(values: FloatArray) -> NDArray[np.int64]:
    """For missing values: 0 for `.`, 1 … 26 for `.a` … `.z` (NaN and infinities count as `.`)."""
    usable = (values >= MISSING) & np.isfinite(values)
    number = np.zeros(values.shape, dtype=np.int64)
    number[usable] = np.rint((values[usable] - MISSING) / _DOUBLE_STEP).astype(np.int64)
    number[number > 26] = 0
    return number


def missing_value(number: NDArray[np.int64]) -> FloatArray:
    """The inverse of `missing_number`."""
    return MISSING + number.astype(np.float64) * _DOUBLE_STEP


def widen(values: NDArray[Any], type_name: str) -> FloatArray:
    """Storage form to a fresh float64 array with the missing values of `ssd.engine.missing`."""
    wide: FloatArray = values.astype(np.float64)
    if values.size == 0 or type_name == "double":
        return wide
    if type_name == "float":
        if float(values.max()) < _FLOAT_MISSING:
            return wide
        gone = ~(wide < _FLOAT_MISSING)
        number = np.nan_to_num((wide[gone] - _FLOAT_MISSING) / _FLOAT_STEP, nan=0.0, posinf=0.0)
        wide[gone] = missing_value(np.clip(np.rint(number), 0, 26).astype(np.int64))
        return wide
    largest = INTEGER_LIMITS[type_name][1]
    if int(values.max()) > largest:
        gone = values > largest
        wide[gone] = missing_value(values[gone].astype(np.int64) - (largest + 1))
    return wide


def narrow(values: FloatArray, type_name: str, *, fresh: bool = False) -> NDArray[Any]:
    """Float64 to the storage form. Integers are truncated; values out of range become `.`.

    With `fresh` the array is the caller's to give away, so doubles need no copy.
    """
    dtype = STORAGE[type_name]
    if values.size == 0:
        return values.astype(dtype)
    if type_name in INTEGER_LIMITS:
        smallest, largest = INTEGER_LIMITS[type_name]
        if values.max() <= largest and values.min() >= smallest:
            return values.astype(dtype)
        fits = (values <= largest) & (values >= smallest)
        stored = np.where(fits, values, 0.0).astype(dtype)
        stored[~fits] = (largest + 1 + missing_number(values[~fits])).astype(dtype)
        return stored
    limit = FLOAT_LARGEST if type_name == "float" else DOUBLE_LARGEST
    with np.errstate(over="ignore", invalid="ignore"):
        if values.max() <= limit and values.min() >= -limit:
            return values.astype(dtype, copy=not fresh)
        fits = np.abs(values) <= limit
        stored = values.astype(dtype)
    codes = missing_number(values[~fits])
    if type_name == "float":
        stored[~fits] = (_FLOAT_MISSING + codes.astype(np.float64) * _FLOAT_STEP).astype(np.float32)
    else:
        stored[~fits] = missing_value(codes)
    return stored


def stored_missing(values: NDArray[Any], type_name: str) -> BoolArray:
    """Mask of missing values of a column in storage form, without widening it."""
    if type_name == "float":
        return ~(values < np.float32(_FLOAT_MISSING))
    if type_name == "double":
        return ~(values < MISSING)
    mask: BoolArray = values > INTEGER_LIMITS[type_name][1]
    return mask


def missing_code(type_name: str) -> float | int:
    """`.` in the storage form of a type."""
    if type_name in INTEGER_LIMITS:
        return INTEGER_LIMITS[type_name][1] + 1
    return _FLOAT_MISSING if type_name == "float" else MISSING


def promoted(type_name: str, values: FloatArray) -> str:
    """The type `replace` gives a variable of `type_name` that must take `values`.

    Whole numbers move along byte, int, long, double; fractions turn byte and int into float and long
    into double; a float becomes double only for values beyond the float range.
    """
    present = values[values < MISSING]
    if present.size == 0 or type_name == "double":
        return type_name
    low, high = float(present.min()), float(present.max())
    if type_name == "float":
        return "float" if max(-low, high) <= FLOAT_LARGEST else "double"
    if not np.array_equal(present, np.trunc(present)):
        if type_name == "long" or max(-low, high) > FLOAT_LARGEST:
            return "double"
        return "float"
    ladder = list(INTEGER_LIMITS)
    for name in ladder[ladder.index(type_name) :]:
        if INTEGER_LIMITS[name][0] <= low and high <= INTEGER_LIMITS[name][1]:
            return name
    return "double"


def smallest(values: FloatArray, type_name: str, *, floats: bool = False) -> str:
    """The smallest type that holds `values` exactly; never larger than `type_name`.

    A double with fractions stays double, as in Stata's `compress`, unless `floats` allows float.
    """
    present = values[values < MISSING]
    if present.size == 0:
        return "byte"
    if np.array_equal(present, np.trunc(present)):
        low, high = float(present.min()), float(present.max())
        for name, (first, last) in INTEGER_LIMITS.items():
            if first <= low and high <= last:
                return name if name != "long" or type_name != "float" else "float"
        return type_name
    if (
        floats
        and type_name == "double"
        and np.array_equal(
            np.clip(present, -FLOAT_LARGEST, FLOAT_LARGEST).astype(np.float32).astype(np.float64), present
        )
    ):
        return "float"
    return type_name


def byte_width(values: ObjectArray) -> int:
    """Length in UTF-8 bytes of the longest string (0 for no strings)."""
    if values.size == 0:
        return 0
    items = values.tolist()
    if "".join(items).isascii():
        return max(map(len, items))
    return max(len(item.encode("utf-8", "surrogateescape")) for item in items)


def string_type(values: ObjectArray) -> str:
    """The shortest str# that holds `values`; strL beyond 2045 bytes."""
    width = byte_width(values)
    return "strL" if width > MAX_STR else f"str{max(1, width)}"


def cut_bytes(text: str, width: int) -> str:
    """The longest prefix of `text` that fits in `width` UTF-8 bytes."""
    if len(text) * 4 <= width:
        return text
    raw = text.encode("utf-8", "surrogateescape")
    return text if len(raw) <= width else raw[:width].decode("utf-8", "ignore")


def object_array(items: list[str]) -> ObjectArray:
    """An object array of str (numpy would otherwise pick a fixed-width type)."""
    array: ObjectArray = np.empty(len(items), dtype=object)
    array[:] = items
    return array
