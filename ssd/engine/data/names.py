"""Names of variables: validity, reserved words, abbreviations, wildcards."""

from __future__ import annotations

import re
from collections.abc import Iterable
from fnmatch import translate
from functools import lru_cache
from typing import Final

from ssd.engine.errors import StataError, ambiguous_abbreviation, variable_not_found

MAX_NAME: Final = 32
_NAME: Final = re.compile(r"[^\W\d]\w*")
_RESERVED: Final = frozenset(
    {"_all", "_b", "byte", "_coef", "_cons", "double", "float", "if", "in", "int", "long", "_n", "_N", "_pi"}
    | {"_pred", "_rc", "_skip", "strL", "using", "with"}
)
_STR_TYPE: Final = re.compile(r"str\d+")


def is_valid_name(name: str) -> bool:
    """Whether `name` can name a variable ([U] 11.3): letters, digits, `_`, at most 32, not reserved."""
    return (
        len(name) <= MAX_NAME
        and _NAME.fullmatch(name) is not None
        and name not in _RESERVED
        and _STR_TYPE.fullmatch(name) is None
    )


def check_name(name: str) -> None:
    """Raises r(198) unless `name` can name a variable."""
    if not is_valid_name(name):
        raise StataError(198, f"{name} invalid name")


def find_variable(names: Iterable[str], word: str, *, abbreviations: bool = True) -> str | None:
    """The variable `word` names or abbreviates; None when there is none. Raises r(111) when ambiguous."""
    known = names if isinstance(names, dict) else list(names)
    if word in known:
        return word
    if not abbreviations:
        return None
    found = [name for name in known if name.startswith(word)]
    if len(found) > 1:
        raise ambiguous_abbreviation(word)
    return found[0] if found else None


@lru_cache(maxsize=512)
def _wildcard(pattern: str) -> re.Pattern[str]:
    return re.compile(translate(pattern.replace("[", "[[]")))


def has_wildcard(word: str) -> bool:
    return any(sign in word for sign in "*?~")


def match_variables(names: Iterable[str], word: str, *, abbreviations: bool = True) -> list[str]:
    """Variables of one varlist element: name, abbreviation, `*`/`?` pattern, `a~z`, range `a-b`, `_all`.

    Raises r(111) when nothing matches.
    """
    order = list(names)
    if word == "_all":
        return order
    if "~" in word:
        found = match_variables(order, word.replace("~", "*"), abbreviations=abbreviations)
        if len(found) > 1:
            raise ambiguous_abbreviation(word)
        return found
    if has_wildcard(word):
        pattern = _wildcard(word)
        matches = [name for name in order if pattern.match(name)]
        if not matches:
            raise variable_not_found(word)
        return matches
    if "-" in word:
        first_word, _, last_word = word.partition("-")
        first = match_variables(order, first_word, abbreviations=abbreviations)[0]
        last = match_variables(order, last_word, abbreviations=abbreviations)[0]
        start, stop = order.index(first), order.index(last)
        if stop < start:
            raise variable_not_found(word)
        return order[start : stop + 1]
    found_name = find_variable(order, word, abbreviations=abbreviations)
    if found_name is None:
        raise variable_not_found(word)
    return [found_name]
