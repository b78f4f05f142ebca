"""Turning values into Stata text that cannot be anything but that value.

A value is a name, a number or a literal in quotes. Whatever could end the literal, expand a macro or begin
a comment is refused, not escaped: Stata has no escape that works in every place a literal can stand.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable

from markupsafe import Markup

MAX_NAME_LENGTH = 32
"""Characters of a Stata name."""

RESERVED = frozenset({
    "_all", "_b", "byte", "_coef", "_cons", "double", "float", "if", "in", "int", "long",
    "_n", "_N", "_pi", "_pred", "_rc", "_se", "_skip", "strL", "using", "with",
})  # fmt: skip
"""Words that are no variable names (Stata User's Guide, 11.3 Naming conventions)."""

_NAME = re.compile(r"[^\W\d]\w*")
_STORAGE_TYPE = re.compile(r"str\d+")
_MACRO = re.compile(r"`|\$(?=[\w{$])")
_COMMENT = re.compile(r"/\*|\*/|(?:^|\s)//")
_UNSAFE_IN_COMMENT = re.compile(r"[^\w .,:()%+=@-]")


class UnquotableError(ValueError):
    """The value cannot be written as Stata text."""


def is_variable_name(text: str) -> bool:
    """A name Stata 14 or later accepts for a variable: letters of any script, digits, underscore; at most 32."""
    if not 0 < len(text) <= MAX_NAME_LENGTH or text in RESERVED:
        return False
    return _NAME.fullmatch(text) is not None and _STORAGE_TYPE.fullmatch(text) is None


def variable(name: object) -> Markup:
    """A variable name. Raises UnquotableError for anything else."""
    if not isinstance(name, str) or not is_variable_name(name):
        raise UnquotableError(f"{name!r} is not a variable name")
    return Markup(name)  # noqa: S704 - checked just above


def variables(names: Iterable[object]) -> Markup:
    """Variable names with blanks between them."""
    return Markup(" ").join([variable(name) for name in names])


def number(value: object) -> Markup:
    """A finite number with all its digits."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise UnquotableError(f"{value!r} is not a number")
    if isinstance(value, int):
        return Markup(str(value))  # noqa: S704 - digits
    if not math.isfinite(value):
        raise UnquotableError("the number is not finite")
    return Markup(repr(value))  # noqa: S704 - digits


def is_quotable(text: str) -> bool:
    """Whether the text can stand inside plain double quotes."""
    if any(ord(char) < ord(" ") or char in '"\x7f\x85\u2028\u2029' or 0xD800 <= ord(char) <= 0xDFFF for char in text):
        return False
    return _MACRO.search(text) is None and _COMMENT.search(text) is None and not text.endswith(("\\", "$"))


def quoted(text: object) -> Markup:
    """The text as a string literal. Raises UnquotableError when that is impossible."""
    if not isinstance(text, str) or not is_quotable(text):
        raise UnquotableError(f"{text!r} cannot be quoted")
    return Markup(f'"{text}"')  # noqa: S704 - checked just above


def inner_text(text: object) -> Markup:
    """The text for use inside a literal the template quotes itself."""
    return Markup(quoted(text)[1:-1])  # noqa: S704 - checked by quoted


def legible(text: object) -> str:
    """A label's nearest quotable text: what cannot be quoted becomes a look-alike, control characters a blank.

    Only for labels, which are read by people and never compared.
    """
    flat = "".join(char if char.isprintable() else " " for char in str(text))
    swapped = flat.translate({ord('"'): "\u2033", ord("`"): "\u2018", ord("$"): "\uff04", ord("\\"): "\uff3c"})
    return re.sub(r"\s+", " ", swapped.replace("/", "\u2215") if _COMMENT.search(swapped) else swapped).strip()


def comment(text: object) -> Markup:
    """The text inside a one-line comment: characters that could end or continue it become an underscore."""
    return Markup(_UNSAFE_IN_COMMENT.sub("_", str(text)).replace("\n", " "))  # noqa: S704 - reduced to plain characters
