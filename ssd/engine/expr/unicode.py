"""Functions on Unicode strings (ustr…, usub…)."""

from __future__ import annotations

import re
import unicodedata
from typing import Literal, cast

from ssd.engine.errors import StataError
from ssd.engine.expr.registry import Table
from ssd.engine.expr.text import add_mapped, characters
from ssd.engine.missing import MISSING


def _width(text: str) -> float:
    return float(sum(display_width(sign) for sign in text))


def display_width(sign: str) -> int:
    """Columns one character takes on a terminal."""
    if unicodedata.combining(sign):
        return 0
    return 2 if unicodedata.east_asian_width(sign) in "WF" else 1


def _upos(text: str, wanted: str, start: float = 1.0) -> float:
    return float(text.find(wanted, max(int(start) - 1, 0)) + 1) if wanted else 0.0


def _urpos(text: str, wanted: str, end: float = MISSING) -> float:
    return float(text.rfind(wanted, 0, int(end) if end < MISSING else None) + 1) if wanted else 0.0


def _usubinstr(text: str, old: str, new: str, count: float) -> str:
    if not old or count <= 0:
        return text
    return text.replace(old, new, int(count) if count < MISSING else -1)


def _words(text: str) -> list[str]:
    return re.findall(r"\w+|[^\w\s]", text)


def _uword(text: str, position: float) -> str:
    words = _words(text)
    index = int(position) - 1 if position > 0 else len(words) + int(position)
    return words[index] if position and 0 <= index < len(words) else ""


def _normalize(text: str, form: str) -> str:
    name = form.upper()
    if name not in ("NFC", "NFD", "NFKC", "NFKD"):
        raise StataError(198, f"{form}: invalid normalization form")
    return unicodedata.normalize(cast(Literal["NFC", "NFD", "NFKC", "NFKD"], name), text)


def _udsubstr(text: str, start: float, count: float) -> str:
    taken, column, out = 0, 0, []
    for sign in text:
        width = display_width(sign)
        column += width
        if column >= start and taken + width <= count:
            out.append(sign)
            taken += width
    return "".join(out)


def unicode_functions() -> Table:
    table: Table = {}
    to_text = [
        ("usubstr", "snn", characters), ("ustrleft", "sn", lambda s, n: characters(s, 1.0, n)),
        ("ustrright", "sn", lambda s, n: s[-int(n):] if 0 < n < MISSING else ""),
        ("usubinstr", "sssn", _usubinstr), ("ustrupper", "s|s", lambda s, _="": s.upper()),
        ("ustrlower", "s|s", lambda s, _="": s.lower()), ("ustrtitle", "s|s", lambda s, _="": s.title()),
        ("ustrtrim", "s", str.strip), ("ustrltrim", "s", str.lstrip), ("ustrrtrim", "s", str.rstrip),
        ("ustrreverse", "s", lambda s: s[::-1]), ("ustrword", "sn|s", lambda s, n, _="": _uword(s, n)),
        ("ustrnormalize", "ss", _normalize), ("udsubstr", "snn", _udsubstr),
        ("ustrtoname", "s|n", lambda s, n=1.0: ("_" if n and (not s or s[0].isdigit()) else "")
         + re.sub(r"\W", "_", s)[:32]),
        ("ustrfix", "s|s", lambda s, r="\ufffd": re.sub("[\udc80-\udcff]", lambda _: r, s)),
    ]  # fmt: skip
    for names, kinds, function in to_text:
        add_mapped(table, names, kinds, function, text=True)
    to_number = [
        ("ustrlen", "s", lambda s: float(len(s))), ("udstrlen", "s", _width), ("ustrpos", "ss|n", _upos),
        ("ustrrpos", "ss|n", _urpos), ("ustrwordcount", "s|s", lambda s, _="": float(len(_words(s)))),
        ("ustrinvalidcnt", "s", lambda s: float(len(re.findall("[\udc80-\udcff]", s)))),
    ]  # fmt: skip
    for names, kinds, function in to_number:
        add_mapped(table, names, kinds, function, text=False)
    return table
