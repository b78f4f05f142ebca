"""Stata's missing values in numpy.

Inside the engine every numeric value is a float64 and missing values are Stata's own: `.` is 2**1023
and `.a` … `.z` follow in steps of 2**1011 (Stata dta format description, "Missing values"). They
sort above every number and compare equal to themselves, so comparisons, sorts and `==` need no
special case; arithmetic must pass its result through `settle`.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]

MISSING: Final[float] = 2.0**1023
_STEP: Final[float] = 2.0**1011
EXTENDED: Final[tuple[float, ...]] = tuple(MISSING + k * _STEP for k in range(27))
"""`.`, `.a`, …, `.z` in order."""


def is_missing(values: FloatArray) -> BoolArray:
    """Mask of missing values; NaN and infinities count as missing too."""
    return ~(values < MISSING)


def settle(values: FloatArray, *operands: FloatArray) -> FloatArray:
    """`values` with `.` wherever an operand is missing or the result is not a finite non-missing number."""
    bad = ~(np.abs(values) < MISSING)
    for operand in operands:
        bad = bad | ~(operand < MISSING)
    return np.where(bad, MISSING, values)


def to_nan(values: FloatArray) -> FloatArray:
    """For numerical libraries: missing values become NaN."""
    return np.where(values < MISSING, values, np.nan)


def from_nan(values: FloatArray) -> FloatArray:
    """From numerical libraries: NaN and infinities become `.`."""
    return np.where(np.isfinite(values) & (np.abs(values) < MISSING), values, MISSING)


def missing_name(value: float) -> str:
    """`.`, `.a` … `.z` for a missing value."""
    letter = round((value - MISSING) / _STEP) if value < 2.0 * MISSING else 0
    return "." if letter <= 0 or letter > 26 else "." + chr(ord("a") + letter - 1)
