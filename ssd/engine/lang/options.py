"""Options of one command line, matched against their declarations."""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Final

from ssd.engine.errors import StataError, invalid_syntax, option_not_allowed
from ssd.engine.lang import varlist as varlists
from ssd.engine.lang.grammar import Grammar, Option
from ssd.engine.lang.numlist import parse_numlist
from ssd.engine.lang.quoting import closing, skip_quoted, strip_quotes

if TYPE_CHECKING:
    from ssd.engine.session import Session

OptionValue = str | bool | float | int | list[str] | list[float] | None

_NAME: Final = re.compile(r"\d*[^\W\d]\w*")


@dataclass(frozen=True)
class TypedOption:
    """An option as it stands in the line: its word, and the text in parentheses if there is one."""

    word: str
    value: str | None

    def __str__(self) -> str:
        return self.word if self.value is None else f"{self.word}({self.value})"

    @property
    def named(self) -> str:
        """How an error message calls it."""
        return self.word if self.value is None else f"{self.word}()"


def read_options(text: str) -> list[TypedOption]:
    """Options after the comma. Raises r(198) when something is no option at all."""
    found: list[TypedOption] = []
    index = 0
    while index < len(text):
        if text[index] in " \t,":
            index += 1
            continue
        match = _NAME.match(text, index)
        if match is None:
            raise _not_an_option(text, index)
        index = match.end()
        after = index
        while after < len(text) and text[after] in " \t":
            after += 1
        if text.startswith("(", after):
            end = closing(text, after)
            found.append(TypedOption(match.group(), text[after + 1 : end]))
            index = end + 1
        else:
            found.append(TypedOption(match.group(), None))
    return found


def _not_an_option(text: str, index: int) -> StataError:
    end = skip_quoted(text, index)
    if end == index:
        word = re.match(r"\S+", text[index:])
        end = index + (word.end() if word else 1)
    return invalid_syntax(f"option {text[index:end]} not allowed")


def match_options(
    text: str | None, grammar: Grammar, session: Session
) -> tuple[dict[str, OptionValue], list[TypedOption], set[str]]:
    """Values by full lower-case name (defaults filled in), undeclared ones when `*` allows them, names typed.

    Raises r(198) for options that are not declared, missing or malformed.
    """
    typed = read_options(text) if text else []
    values: dict[str, OptionValue] = {}
    others: list[TypedOption] = []
    given: set[str] = set()
    for item in typed:
        declared = _find(item, grammar.options)
        if declared is None:
            if not grammar.any_option:
                raise option_not_allowed(item.named)
            others.append(item)
            continue
        if declared.name in given and not _alternative(declared, values):
            raise option_not_allowed(item.named)
        values[declared.name] = _value(declared, item, session)
        given.add(declared.name)
    for option in grammar.options:
        if option.name in given:
            continue
        if option.required:
            raise StataError(198, f"option {option.name}{'' if option.kind == 'flag' else '()'} required")
        if option.name not in values or values[option.name] is None:
            values[option.name] = _default(option, session)
    return values, others, given


def _alternative(declared: Option, values: dict[str, OptionValue]) -> bool:
    """A name declared both as a flag and with a value may be typed both ways in one line."""
    previous = values.get(declared.name)
    return (previous is True) != (declared.kind == "flag")


def _find(item: TypedOption, options: tuple[Option, ...]) -> Option | None:
    word = item.word
    for exact in (True, False):
        for option in options:
            if (option.kind == "flag") != (item.value is None):
                continue
            if exact and option.name == (word.lower() if len(word) == 1 else word):
                return option
            if not exact and len(word) >= option.minimum and option.name.startswith(word):
                return option
    return None


def _default(option: Option, session: Session) -> OptionValue:
    if option.kind == "flag":
        return False
    if option.kind == "integer":
        return int(float(option.default)) if option.default else None
    if option.kind == "real":
        return session.evaluate_number(option.default) if option.default else None
    if option.kind == "cilevel":
        return float(session.settings.get("level", "95"))
    return None


def incorrectly_specified(option: Option) -> StataError:
    return StataError(198, f"option {option.name}() incorrectly specified")


def _value(option: Option, item: TypedOption, session: Session) -> OptionValue:
    if item.value is None:
        return True
    text = item.value
    stripped = text.strip()
    if option.kind == "string":
        return text if option.as_is else strip_quotes(stripped)
    if option.kind == "exp":
        return stripped
    if option.kind == "passthru":
        return str(TypedOption(option.name, text))
    if option.kind == "cilevel":
        return _level(option, stripped)
    if option.kind in ("integer", "real"):
        return _number(option, stripped)
    if option.kind == "numlist":
        return _numlist(option, stripped)
    return _names(option, stripped, session)


def _level(option: Option, text: str) -> float:
    try:
        level = float(text)
    except ValueError:
        raise incorrectly_specified(option) from None
    if not 10 <= level <= 99.99:
        raise StataError(198, f"{option.name}() must be between 10 and 99.99 inclusive")
    return level


def _number(option: Option, text: str) -> int | float:
    from ssd.engine.missing import EXTENDED

    missing = re.fullmatch(r"\.([a-z])?", text)
    if missing and option.kind == "real":
        return EXTENDED[0 if missing[1] is None else ord(missing[1]) - 96]
    try:
        value = float(text)
    except ValueError:
        raise incorrectly_specified(option) from None
    if option.kind == "real":
        return value
    if value != int(value):
        raise incorrectly_specified(option)
    return int(value)


_RELATIONS: Final = {
    ">": lambda a, b: a > b,
    ">=": lambda a, b: a >= b,
    "<": lambda a, b: a < b,
    "<=": lambda a, b: a <= b,
}


def _numlist(option: Option, text: str) -> list[float]:
    words = re.sub(r"(min|max)\s*=\s*", r"\1=", option.detail).split()
    values = parse_numlist(text, missing="missingokay" in words)
    if "integer" in words and any(value != int(value) for value in values):
        raise StataError(126, "invalid numlist has noninteger elements")
    for left, right in pairwise(values):
        if ("ascending" in words and right <= left) or ("descending" in words and right >= left):
            raise StataError(124, "invalid numlist has elements out of order")
    if "sort" in words:
        values = sorted(values)
    for relation, bound in re.findall(r"(>=|<=|>|<)\s*(-?[\d.]+)", option.detail):
        if not all(_RELATIONS[relation](value, float(bound)) for value in values):
            raise StataError(125, "invalid numlist has elements outside of allowed range")
    for word in words:
        key, _, bound = word.partition("=")
        if key == "min" and len(values) < int(bound):
            raise StataError(122, "invalid numlist has too few elements")
        if key == "max" and len(values) > int(bound):
            raise StataError(123, "invalid numlist has too many elements")
    return values


def _names(option: Option, text: str, session: Session) -> str | list[str]:
    kind = option.kind
    if kind in ("varlist", "varname"):
        detail = option.detail.split()
        names = varlists.expand(text, session, fv="fv" in detail, ts="ts" in detail)
        _check_types(names, detail, session)
        if kind == "varlist":
            return names
        return _single(option, names, text)
    if kind in ("newvarlist", "newvarname"):
        names, _ = varlists.new_names(text, session)
        return names if kind == "newvarlist" else _single(option, names, text)
    names = text.split()
    for name in names:
        if not varlists.is_name(name):
            raise StataError(198, f"{name} invalid name")
    return names if kind == "namelist" else _single(option, names, text)


def _single(option: Option, names: list[str], text: str) -> str:
    if len(names) != 1:
        if not names:
            raise incorrectly_specified(option)
        raise StataError(103, f"{option.name}():  too many variables specified")
    return names[0]


def _check_types(names: list[str], detail: list[str], session: Session) -> None:
    for name in names:
        column = session.data.variables.get(name.rsplit(".", 1)[-1])
        if column is None:
            continue
        if "numeric" in detail and column.is_string:
            raise StataError(109, f"string variables not allowed in varlist;\n{name} is a string variable")
        if "string" in detail and not column.is_string:
            raise StataError(109, f"numeric variables not allowed in varlist;\n{name} is a numeric variable")
