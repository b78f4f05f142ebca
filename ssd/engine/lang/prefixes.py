"""Prefixes of a command line: capture, quietly, noisily, version #:, by …:, bysort …:."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from ssd.engine.errors import StataError, invalid_syntax
from ssd.engine.lang.quoting import find_top_level, split_comma
from ssd.engine.lang.varlist import tidy_ranges


@dataclass(frozen=True)
class By:
    """`by a (b): …`; `sort` for bysort and the option, `rc0` to go on after an error in one group."""

    names: str
    order: str
    sort: bool
    rc0: bool


@dataclass(frozen=True)
class Prefixed:
    """A command line without its prefixes; `words` are capture, quietly, noisily in order."""

    words: tuple[str, ...]
    version: str | None
    by: By | None
    command: str


_WORD: Final = re.compile(r"[^\W\d]\w*")
_SHORT: Final = (("capture", 3), ("quietly", 3), ("noisily", 1))


def prefix_word(word: str) -> str | None:
    """capture, quietly or noisily for the word or its abbreviation."""
    for full, minimum in _SHORT:
        if len(word) >= minimum and full.startswith(word):
            return full
    return None


def split_prefixes(text: str) -> Prefixed:
    """Take the prefixes off a command line. Raises r(198) for a by prefix without its colon."""
    words: list[str] = []
    version: str | None = None
    by: By | None = None
    rest = text.strip()
    while True:
        match = _WORD.match(rest)
        if match is None:
            break
        word = match.group()
        full = prefix_word(word)
        if full is not None:
            words.append(full)
            rest = rest[match.end() :].lstrip()
            rest = rest[1:].lstrip() if rest.startswith(":") else rest
            continue
        if word in ("by", "bys", "byso", "bysor", "bysort"):
            by, rest = _by(word, rest[match.end() :])
            continue
        if len(word) >= 4 and "version".startswith(word):
            number = re.match(r"\s*([\d.]+)\s*:\s*", rest[match.end() :])
            if number is None:
                break
            version = number[1]
            rest = rest[match.end() + number.end() :]
            continue
        break
    return Prefixed(tuple(words), version, by, rest)


def _by(word: str, rest: str) -> tuple[By, str]:
    colon = find_top_level(rest, ":")
    if colon < 0:
        raise StataError(198, "':' required") if rest.strip() else StataError(100, "varlist required")
    names, options = split_comma(rest[:colon])
    sort, rc0 = word != "by", False
    for option in (options or "").split():
        if option in ("s", "so", "sor", "sort"):
            sort = True
        elif option == "rc0":
            rc0 = True
        else:
            raise StataError(198, f"option {option} not allowed")
    order = ""
    match = re.fullmatch(r"([^()]*)(?:\(([^()]*)\))?\s*", names)
    if match is None:
        raise invalid_syntax()
    if match[2] is not None:
        order = tidy_ranges(match[2].strip())
    if not match[1].strip() and not order:
        raise StataError(100, "varlist required")
    return By(tidy_ranges(match[1].strip()), order, sort, rc0), rest[colon + 1 :].strip()
