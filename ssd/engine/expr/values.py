"""Values of expressions: scalars (float, str) or one value per observation."""

from __future__ import annotations

from collections.abc import Callable
from itertools import repeat
from typing import Any, cast

import numpy as np

from ssd.engine.data.storage import ObjectArray
from ssd.engine.errors import type_mismatch
from ssd.engine.missing import MISSING, BoolArray, FloatArray

Value = float | str | FloatArray | ObjectArray
"""What an expression yields."""
Operand = Value | BoolArray
"""What travels inside the evaluator: comparisons stay boolean until arithmetic needs them."""


def is_string(value: Operand) -> bool:
    return isinstance(value, str) or (isinstance(value, np.ndarray) and value.dtype == object)


def number(value: Operand) -> float | FloatArray:
    """A numeric operand as float or float64 array. Raises r(109) for strings."""
    if isinstance(value, float):
        return value
    if isinstance(value, np.ndarray):
        if value.dtype == np.float64:
            return cast(FloatArray, value)
        if value.dtype == np.bool_:
            converted: FloatArray = value.astype(np.float64)
            return converted
    if isinstance(value, bool | int | np.bool_):
        return float(value)
    raise type_mismatch()


def string(value: Operand) -> str | ObjectArray:
    """Raises r(109) for numbers."""
    if isinstance(value, str):
        return value
    if isinstance(value, np.ndarray) and value.dtype == object:
        return cast(ObjectArray, value)
    raise type_mismatch()


def truth(value: Operand) -> bool | BoolArray:
    """Nonzero is true, missing values included. Raises r(109) for strings."""
    if isinstance(value, np.ndarray) and value.dtype == np.bool_:
        return cast(BoolArray, value)
    plain = number(value)
    return plain != 0.0


def is_clean(values: float | FloatArray) -> bool:
    """No missing value, NaN or infinity at or above the missing codes (a cheap test of the maximum)."""
    if isinstance(values, float):
        return values < MISSING
    return values.size == 0 or bool(values.max() < MISSING)


def finished(values: FloatArray) -> FloatArray:
    """`.` for whatever is no finite non-missing number."""
    if values.size == 0 or (values.max() < MISSING and values.min() > -MISSING):
        return values
    return np.where(np.abs(values) < MISSING, values, MISSING)


def each(function: Callable[..., Any], *arguments: Operand, text: bool) -> Value:
    """`function` over every observation of the arguments (scalars repeat); `text` tells what it returns."""
    sizes = {len(item) for item in arguments if isinstance(item, np.ndarray)}
    if not sizes:
        result = function(*arguments)
        return result if text else float(result)
    columns = [item.tolist() if isinstance(item, np.ndarray) else repeat(item) for item in arguments]
    items = list(map(function, *columns))
    if text:
        out: ObjectArray = np.empty(len(items), dtype=object)
        out[:] = items
        return out
    return np.array(items, dtype=np.float64)
