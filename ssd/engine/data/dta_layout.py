"""Sizes and codes of the .dta formats (Stata's `help dta`: 105 … 115 binary, 117 … 119 tagged)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

READABLE: Final = (105, 108, 110, 111, 113, 114, 115, 117, 118, 119)

MODERN_TYPES: Final = {65526: "double", 65527: "float", 65528: "long", 65529: "int", 65530: "byte", 32768: "strL"}
MODERN_CODES: Final = {name: code for code, name in MODERN_TYPES.items()}
OLD_TYPES: Final = {251: "byte", 252: "int", 253: "long", 254: "float", 255: "double"}
LETTER_TYPES: Final = {ord("b"): "byte", ord("i"): "int", ord("l"): "long", ord("f"): "float", ord("d"): "double"}
NUMPY_CODES: Final = {"byte": "i1", "int": "i2", "long": "i4", "float": "f4", "double": "f8"}
STRL_BINARY: Final = 129
STRL_TEXT: Final = 130


@dataclass(frozen=True)
class Layout:
    """Field widths of one format, in bytes."""

    name: int
    format: int
    label: int
    data_label: int
    strl_v: int


def layout_of(version: int) -> Layout:
    """Raises KeyError for a format outside READABLE."""
    if version >= 119:
        return Layout(129, 57, 321, 321, 3)
    if version == 118:
        return Layout(129, 57, 321, 321, 2)
    if version == 117:
        return Layout(33, 49, 81, 81, 4)
    if version >= 114:
        return Layout(33, 49, 81, 81, 0)
    if version >= 110:
        return Layout(33, 12, 81, 81, 0)
    if version >= 108:
        return Layout(9, 12, 81, 81, 0)
    return Layout(9, 12, 32, 32, 0)


def numpy_code(type_name: str) -> str:
    """Field of a structured dtype for one value of the type, without byte order for strings."""
    if type_name == "strL":
        return "V8"
    if type_name.startswith("str"):
        return "S" + type_name[3:]
    return NUMPY_CODES[type_name]
