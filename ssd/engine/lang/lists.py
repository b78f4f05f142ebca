"""`: list …`: operations on lists of words held in macros."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from ssd.engine.errors import invalid_syntax
from ssd.engine.lang.quoting import split_words

if TYPE_CHECKING:
    from ssd.engine.session import Session


def list_function(session: Session, text: str) -> str:
    """Value of a list function (`uniq A`, `A | B`, `posof "x" in A`, `sizeof A`, …). Raises r(198)."""
    stripped = text.strip()
    position = re.fullmatch(r'posof\s+(?:`"(?P<c>.*)"\'|"(?P<q>[^"]*)")\s+in\s+(?P<list>.+)', stripped)
    if position is not None:
        wanted = position["c"] if position["c"] is not None else position["q"]
        words = _words(session, position["list"])
        return str(words.index(wanted) + 1) if wanted in words else "0"
    unary = re.fullmatch(r"(uniq|dups|sort|retokenize|clean|sizeof)\s+(.+)", stripped)
    if unary is not None:
        return _unary(unary[1], _words(session, unary[2]))
    binary = re.fullmatch(r"(\S+?(?:\s*\([^()]*\))?)\s*(===|==|\||&|-|\bin\b)\s*(.+)", stripped)
    if binary is None:
        raise invalid_syntax()
    return _binary(binary[2], _words(session, binary[1]), _words(session, binary[3]))


def _words(session: Session, place: str) -> list[str]:
    """Words of the macro named `place`: a local, or `global(name)`."""
    name = place.strip()
    outer = re.fullmatch(r"global\s*\(\s*(\w+)\s*\)", name)
    if outer is not None:
        return split_words(session.globals.get(outer[1], ""))
    inner = re.fullmatch(r"local\s*\(\s*(\w+)\s*\)", name)
    name = inner[1] if inner else name
    if not re.fullmatch(r"\w+", name):
        raise invalid_syntax()
    return split_words(session.locals[-1].get(name, ""))


def _joined(words: list[str]) -> str:
    return " ".join(f'"{word}"' if " " in word or not word else word for word in words)


def _unary(name: str, words: list[str]) -> str:
    if name == "sizeof":
        return str(len(words))
    if name == "uniq":
        return _joined(list(dict.fromkeys(words)))
    if name == "sort":
        return _joined(sorted(words))
    if name == "dups":
        seen: set[str] = set()
        repeats = []
        for word in words:
            if word in seen:
                repeats.append(word)
            seen.add(word)
        return _joined(repeats)
    return _joined(words)


def _binary(operator: str, left: list[str], right: list[str]) -> str:
    """Operations respect duplicates: A | B keeps A and adds what B has more of; A & B and A - B likewise."""
    remaining = list(right)
    both = []
    only_left = []
    for word in left:
        if word in remaining:
            remaining.remove(word)
            both.append(word)
        else:
            only_left.append(word)
    if operator == "|":
        return _joined(left + remaining)
    if operator == "&":
        return _joined(both)
    if operator == "-":
        return _joined(only_left)
    if operator == "==":
        return str(int(left == right))
    if operator == "===":
        return str(int(sorted(left) == sorted(right)))
    return str(int(not only_left))
