"""Functions on strings counted in bytes ([FN] String functions)."""

from __future__ import annotations

import re
from fnmatch import translate
from functools import lru_cache

from ssd.engine.expr.numbers import real, string_of
from ssd.engine.expr.registry import Table, entry
from ssd.engine.expr.values import Operand, Value, each
from ssd.engine.missing import MISSING


def _encoded(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")


def _decoded(raw: bytes) -> str:
    return raw.decode("utf-8", "surrogateescape")


def _span(length: int, start: float, count: float) -> tuple[int, int]:
    """0-based bounds of `count` characters from 1-based `start` (negative counts from the end)."""
    if not start < MISSING or start == 0 or count <= 0:
        return 0, 0
    first = int(start) - 1 if start > 0 else length + int(start)
    if first < 0 or first >= length:
        return 0, 0
    return first, length if not count < MISSING else min(length, first + int(count))


def substr(text: str, start: float, count: float) -> str:
    """`count` bytes from byte `start`."""
    if text.isascii():
        first, last = _span(len(text), start, count)
        return text[first:last]
    raw = _encoded(text)
    first, last = _span(len(raw), start, count)
    return _decoded(raw[first:last])


def characters(text: str, start: float, count: float = MISSING) -> str:
    """`count` Unicode characters from character `start`."""
    first, last = _span(len(text), start, count)
    return text[first:last]


def _strpos(text: str, wanted: str) -> float:
    if text.isascii():
        return float(text.find(wanted) + 1) if wanted else 0.0
    return float(_encoded(text).find(_encoded(wanted)) + 1) if wanted else 0.0


def _strrpos(text: str, wanted: str) -> float:
    return float(_encoded(text).rfind(_encoded(wanted)) + 1) if wanted else 0.0


def _subinstr(text: str, old: str, new: str, count: float) -> str:
    if not old or count <= 0:
        return text
    return text.replace(old, new, int(count) if count < MISSING else -1)


def _subinword(text: str, old: str, new: str, count: float) -> str:
    limit = int(count) if count < MISSING else 0
    if not old or count <= 0:
        return text
    return re.sub(rf"(?<!\S){re.escape(old)}(?!\S)", lambda _: new, text, count=limit)


def word(text: str, position: float) -> str:
    """The n-th blank-separated word; negative counts from the end."""
    if not position < MISSING or position == 0:
        return ""
    words = text.split()
    index = int(position) - 1 if position > 0 else len(words) + int(position)
    return words[index] if 0 <= index < len(words) else ""


_UPPER = {code: code - 32 for code in range(ord("a"), ord("z") + 1)}
_LOWER = {code: code + 32 for code in range(ord("A"), ord("Z") + 1)}


def _proper(text: str) -> str:
    return re.sub(r"[A-Za-z]+", lambda found: found[0][0].upper() + found[0][1:].lower(), text)


@lru_cache(maxsize=256)
def _pattern(pattern: str) -> re.Pattern[str]:
    return re.compile(translate(pattern.replace("[", "[[]")))


def _abbrev(text: str, width: float) -> str:
    n = max(5, min(32, int(width))) if width < MISSING else 32
    if len(text) <= n:
        return text
    tail = 1
    return text[: n - 1 - tail] + "~" + text[-tail:]


def strtoname(text: str, prefix: float = 1.0) -> str:
    """A valid Stata name made of `text`."""
    name = re.sub(r"\W", "_", text)
    if prefix != 0 and (not name or name[0].isdigit()):
        name = "_" + name
    return name[:32]


def _plural(count: float, text: str, other: str | None = None) -> str:
    if abs(count) == 1:
        return text
    if other is None:
        return text + "s"
    if other.startswith("+"):
        return text + other[1:]
    if other.startswith("-"):
        return text[: -len(other[1:])] if text.endswith(other[1:]) else text
    return other


def _indexnot(text: str, allowed: str) -> float:
    for position, sign in enumerate(text):
        if sign not in allowed:
            return float(position + 1)
    return 0.0


def _char(code: float) -> str:
    return bytes([int(code)]).decode("utf-8", "surrogateescape") if 0 < code < 256 else ""


_SOUNDEX = {letter: digit for digit, letters in
            {"1": "BFPV", "2": "CGJKQSXZ", "3": "DT", "4": "L", "5": "MN", "6": "R"}.items()
            for letter in letters}  # fmt: skip


def _soundex(text: str) -> str:
    """Knuth's soundex: a letter and three digits."""
    letters = [sign for sign in text.upper() if "A" <= sign <= "Z"]
    if not letters:
        return ""
    code, last = letters[0], _SOUNDEX.get(letters[0], "")
    for sign in letters[1:]:
        digit = _SOUNDEX.get(sign, "")
        if digit and digit != last:
            code += digit
        if sign not in "HW":
            last = digit
    return (code + "000")[:4]


def _mapped(function: object, *, text: bool) -> object:
    def run(*arguments: Operand) -> Value:
        return each(function, *arguments, text=text)  # type: ignore[arg-type]

    return run


def add_mapped(table: Table, names: str, kinds: str, function: object, *, text: bool) -> None:
    """A function defined for one observation, applied to all."""
    entry(table, names, kinds, _mapped(function, text=text))  # type: ignore[arg-type]


def text_functions() -> Table:
    table: Table = {}
    to_text = [
        ("substr", "snn", substr), ("subinstr", "sss|n", lambda s, a, b, n=MISSING: _subinstr(s, a, b, n)),
        ("subinword", "sss|n", lambda s, a, b, n=MISSING: _subinword(s, a, b, n)), ("word", "sn", word),
        ("trim strtrim", "s", lambda s: s.strip(" ")), ("ltrim strltrim", "s", lambda s: s.lstrip(" ")),
        ("rtrim strrtrim", "s", lambda s: s.rstrip(" ")), ("itrim stritrim", "s", lambda s: re.sub(" +", " ", s)),
        ("upper strupper", "s", lambda s: s.translate(_UPPER)), ("lower strlower", "s", lambda s: s.translate(_LOWER)),
        ("proper strproper", "s", _proper), ("reverse strreverse", "s", lambda s: s[::-1]),
        ("char", "n", _char), ("uchar", "n", lambda n: chr(int(n)) if 0 < n < 0x110000 else ""),
        ("abbrev", "sn", _abbrev), ("strtoname", "s|n", strtoname), ("plural", "ns|s", _plural),
        ("soundex", "s", _soundex), ("string strofreal", "n|s", string_of),
    ]  # fmt: skip
    for names, kinds, function in to_text:
        add_mapped(table, names, kinds, function, text=True)
    to_number = [
        ("strlen length", "s", lambda s: len(s) if s.isascii() else len(_encoded(s))),
        ("strpos index", "ss", _strpos), ("strrpos", "ss", _strrpos), ("wordcount", "s", lambda s: len(s.split())),
        ("strmatch", "ss", lambda s, p: float(_pattern(p).match(s) is not None)), ("real", "s", real),
        ("indexnot", "ss", _indexnot),
    ]  # fmt: skip
    for names, kinds, function in to_number:
        add_mapped(table, names, kinds, function, text=False)
    add_mapped(table, "strdup", "sn", lambda s, n: s * int(n) if 0 < n < MISSING else "", text=True)
    return table
