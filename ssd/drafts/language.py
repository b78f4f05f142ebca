"""Which language a requirement is written in."""

from __future__ import annotations

import re
from typing import Final, Literal

Language = Literal["en", "zh"]

CJK: Final = "\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
_HAN: Final = re.compile(f"[{CJK}]")
_WORD: Final = re.compile(r"[A-Za-z][A-Za-z0-9_']*")


def language_of(text: str) -> Language:
    """`zh` when Chinese characters carry the sentence, else `en`.

    A Chinese sentence about English column names has at least as many characters as words
    ("educ对wage的影响": four against two); an English one that quotes a Chinese header has far fewer.
    """
    characters = len(_HAN.findall(text))
    words = len(_WORD.findall(text))
    return "zh" if characters and characters >= words else "en"


def has_han(text: str) -> bool:
    return _HAN.search(text) is not None


def blank(length: int) -> str:
    """Text that says nothing, of this length: joiners between two blanks, as long runs of white space are slow to
    search with patterns that allow for any of it."""
    return " " * length if length < 3 else " " + "\u2060" * (length - 2) + " "
