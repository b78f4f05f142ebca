"""Patterns of `rename`: what the wildcards of an old name match, and new names made of it.

`*` stands for any characters, `?` for one, `#` for digits; `(#)` for one digit, `(##)` for two, …
In a new name `*`, `?` and `#` take the pieces in order (`(##)` a number of at least two digits with
leading zeros), `.` leaves a piece out, `#[2]` takes the second piece, and `=` is the whole old name.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from ssd.engine.errors import StataError

_SIGN: Final = re.compile(r"\((#+)\)|([*?#])|([^*?#()]+)|(.)")
_NEW_SIGN: Final = re.compile(r"(?:\((#+)\)|([*?#.]))(?:\[(\d+)\])?|(=)|([^*?#()=.\[\]]+)|(.)")


@dataclass(frozen=True)
class Matched:
    """An old name and the pieces its wildcards matched, with the sign of each."""

    name: str
    pieces: list[tuple[str, str]]


def is_pattern(word: str) -> bool:
    """Whether a word has wildcards or signs of a new name."""
    return any(sign in word for sign in "*?#=(.")


def match_names(pattern: str, names: list[str]) -> list[Matched]:
    """The names that a pattern matches, in their order; empty when none does."""
    text, signs = "", []
    for digits, wild, literal, other in _SIGN.findall(pattern):
        if digits:
            text += rf"(\d{{{len(digits)}}})" if len(digits) > 1 else r"(\d)"
            signs.append("#")
        elif wild:
            text += {"*": "(.*)", "?": "(.)", "#": r"(\d+)"}[wild]
            signs.append(wild)
        elif other:
            raise StataError(198, f"{pattern} invalid name")
        else:
            text += re.escape(literal)
    # A pattern that begins with # must not split a longer run of digits, and `*` before # leaves it all its digits.
    compiled = re.compile(text.replace(r"(.*)(\d+)", r"(.*?)(\d+)"))
    found = []
    for name in names:
        hit = compiled.fullmatch(name)
        if hit is not None:
            found.append(Matched(name, list(zip(signs, hit.groups(), strict=True))))
    return found


def new_name(pattern: str, old: Matched) -> str:
    """The new name of one old name. Raises r(198) when the pattern asks for more pieces than there are."""
    out, position = "", 0
    pieces = old.pieces if old.pieces else [("*", old.name)]
    for digits, wild, index, same, literal, other in _NEW_SIGN.findall(pattern):
        if literal:
            out += literal
            continue
        if same:
            out += old.name
            continue
        if other:
            raise StataError(198, f"{pattern} invalid name")
        if index:
            place = int(index) - 1
        else:
            place, position = position, position + 1
        if not 0 <= place < len(pieces):
            raise StataError(198, "new name has more wildcards than the old name")
        if wild != ".":
            out += _piece(pieces[place][1], digits)
    return out


def _piece(text: str, digits: str) -> str:
    """A matched piece, as a number with leading zeros when `(##)` asks for them."""
    if not digits or not text.isdigit():
        return text
    return str(int(text)).zfill(len(digits))


def numbered(pattern: str, count: int, start: int) -> list[str]:
    """Names with consecutive numbers in place of `#` (addnumber, renumber)."""
    signs = re.findall(r"\(#+\)|#", pattern)
    if len(signs) != 1:
        raise StataError(198, f"{pattern}: one # needed")
    width = len(signs[0]) - 2 if signs[0].startswith("(") else 0
    return [pattern.replace(signs[0], str(start + i).zfill(width)) for i in range(count)]
