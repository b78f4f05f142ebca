"""From the headers of a file to Stata variable names and labels.

The rule: the header is normalised (NFKC: full-width letters and digits become plain ones); each run of
characters that are not letters, digits or `_` becomes one `_`, dropped at the ends; a name that would
begin with a digit gets `_` in front (`2001` → `_2001`); a reserved word gets `_` behind (`if` → `if_`);
an empty header becomes `v<column number>`; names are cut to 32 characters; a name already taken gets
`_2`, `_3`, …. Headers that are valid names keep them. Letters of any script stay ([U] 11.3).
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from typing import Final

MAX_NAME: Final = 32
MAX_LABEL: Final = 80
"""Longest variable label, in characters (Stata limits)."""

_RESERVED: Final = frozenset(
    (
        *("_all", "_b", "_coef", "_cons", "_n", "_N", "_pi", "_pred", "_r", "_rc", "_se", "_skip"),
        *("byte", "double", "float", "if", "in", "int", "long", "strL", "using", "with"),
    )
)
_STR_TYPE: Final = re.compile(r"str[0-9]+")
_MACRO_START: Final = re.compile(r"\$(?=[A-Za-z_{`$])")


def _is_name_character(character: str) -> bool:
    return character == "_" or character in "0123456789" or unicodedata.category(character).startswith("L")


def is_stata_name(name: str) -> bool:
    """Whether `name` can name a variable: letters, digits, `_`; no digit first; at most 32; not reserved."""
    return (
        0 < len(name) <= MAX_NAME
        and name[0] not in "0123456789"
        and all(_is_name_character(character) for character in name)
        and name not in _RESERVED
        and _STR_TYPE.fullmatch(name) is None
    )


def stata_name(header: str, position: int) -> str:
    """A valid Stata name for one header; `position` counts columns from 1."""
    if is_stata_name(header):
        return header
    normal = unicodedata.normalize("NFKC", header).strip()
    if is_stata_name(normal):
        return normal
    kept = "".join(character if _is_name_character(character) else " " for character in normal)
    name = "_".join(kept.split())
    if not name.strip("_"):
        return f"v{position}"
    if name[0] in "0123456789":
        name = f"_{name}"
    name = name[:MAX_NAME]
    if name in _RESERVED or _STR_TYPE.fullmatch(name):
        name = f"{name[: MAX_NAME - 1]}_"
    return name


def stata_names(headers: Sequence[str]) -> list[str]:
    """Valid, unique names for all headers of a table, in order. Applying it to its own result changes nothing."""
    names: list[str | None] = [None] * len(headers)
    taken: set[str] = set()
    for index, header in enumerate(headers):
        if is_stata_name(header) and header not in taken:
            names[index] = header
            taken.add(header)
    following: dict[str, int] = {}
    for index, header in enumerate(headers):
        if names[index] is None:
            names[index] = _free_name(stata_name(header, index + 1), taken, following)
    return [name for name in names if name is not None]


def _free_name(wanted: str, taken: set[str], following: dict[str, int]) -> str:
    name, count = wanted, following.get(wanted, 2)
    while name in taken:
        suffix = f"_{count}"
        name = wanted[: MAX_NAME - len(suffix)] + suffix
        count += 1
    following[wanted] = count
    taken.add(name)
    return name


def variable_label(header: str) -> str:
    """The header as a variable label: one line, at most 80 characters, and inert.

    Stata expands macros again when a label is fetched into a macro, so a backtick or a `$` that would
    begin a macro is replaced by a look-alike; the profile keeps the header as it was.
    """
    line = " ".join(header.split())
    inert = _MACRO_START.sub("\uff04", line.replace("`", "\u2018"))
    return inert[:MAX_LABEL]
