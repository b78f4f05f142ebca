"""Factor-variable and time-series terms of a varlist, parsed to components ([U] 11.4.3 and 11.4.4)."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

from ssd.engine.errors import StataError, invalid_syntax, unsupported
from ssd.engine.lang.numlist import parse_numlist

Resolve = Callable[[str], list[str]]
"""Names for one word of a varlist: wildcards and abbreviations expanded."""

_TIME = re.compile(r"[LFDSlfds]\d*(?:\([^)]*\))?")
_LEVELS = re.compile(r"(?:i)?(\d+)(bn|b|on|o)?$|i?\(([^)]*)\)$")
_BASE = re.compile(r"(?:i)?b(?:(n)|(\d+)|\(([^)]*)\))$|i$|i?b$")


@dataclass(frozen=True)
class Component:
    """One variable of a term: continuous ("c") or factor ("i"), with its time-series operator."""

    kind: Literal["c", "i"]
    variable: str
    operator: str = ""
    """Canonical time-series operator: "", "L", "L2D", …"""
    levels: tuple[int, ...] = ()
    """Levels typed for a factor; empty means all of them."""
    base: str = ""
    """Base of a factor as typed: "", "none", "first", "last", "freq", "#2" (order) or "3" (level)."""
    omit: bool = False
    """Typed with the o. operator."""

    @property
    def key(self) -> tuple[str, str, str]:
        return (self.kind, self.operator, self.variable)


Term = tuple[Component, ...]
"""The components of an interaction; a single component is a main effect."""


@dataclass
class Operator:
    """What stands before the dot."""

    kind: Literal["", "c", "i"] = ""
    levels: tuple[int, ...] = ()
    base: str = ""
    omit: bool = False
    times: list[str] = field(default_factory=lambda: [""])


def split_words(text: str) -> list[str]:
    """Blank-separated words, with parentheses kept together and no blanks around #."""
    words: list[str] = []
    depth = 0
    current = ""
    for char in re.sub(r"\s*(##?)\s*", r"\1", text):
        depth += (char == "(") - (char == ")")
        if char.isspace() and depth == 0:
            if current:
                words.append(current)
            current = ""
        else:
            current += char
    if depth != 0:
        raise invalid_syntax("parentheses unbalanced")
    if current:
        words.append(current)
    return words


def parse_terms(words: Sequence[str], resolve: Resolve) -> list[Term]:
    """Terms in Stata's order, `##` expanded, factor-variable interactions listed once.

    Raises r(198) for malformed operators and r(111) through `resolve` for unknown variables.
    """
    terms: list[Term] = []
    seen: set[tuple[tuple[str, str, str, tuple[int, ...]], ...]] = set()
    for word in words:
        own: set[tuple[tuple[str, str, str, tuple[int, ...]], ...]] = set()
        for term in _expand_word(word, resolve):
            key = tuple((*part.key, part.levels) for part in sorted(term, key=lambda p: p.key))
            # A continuous variable typed twice stays, to be noted as collinear; c.x##c.x names it once.
            if key in own or (key in seen and (len(term) > 1 or term[0].kind == "i")):
                continue
            seen.add(key)
            own.add(key)
            terms.append(term)
    return terms


def _expand_word(word: str, resolve: Resolve) -> list[Term]:
    pieces = re.split(r"(##?)(?![^(]*\))", word)
    operands = pieces[0::2]
    joins = pieces[1::2]
    if any(not operand for operand in operands):
        raise invalid_syntax()
    terms = _operand_terms(operands[0], resolve, interacted=bool(joins))
    for join, operand in zip(joins, operands[1:], strict=True):
        right = _operand_terms(operand, resolve, interacted=True)
        crossed: list[Term] = []
        if join == "##":
            crossed = list(terms)
            for other in right:
                crossed.append(other)
                crossed.extend((*term, *other) for term in terms)
        else:
            crossed = [(*term, *other) for term in terms for other in right]
        terms = crossed
    return [_ordered(term) for term in terms] if joins else terms


def _operand_terms(operand: str, resolve: Resolve, *, interacted: bool) -> list[Term]:
    """One side of `#`: a variable with its operators, or terms in parentheses such as `(c.age i.sex)`."""
    if operand.startswith("(") and operand.endswith(")"):
        terms: list[Term] = []
        for word in split_words(operand[1:-1]):
            inner = "#" in word
            terms += _expand_word(word, resolve) if inner else _operand_terms(word, resolve, interacted=interacted)
        return terms
    return [(part,) for part in _components(operand, resolve, interacted=interacted)]


def _ordered(term: Term) -> Term:
    """Factors come before continuous variables in names."""
    return tuple(part for part in term if part.kind == "i") + tuple(part for part in term if part.kind == "c")


def _components(operand: str, resolve: Resolve, *, interacted: bool) -> list[Component]:
    operator, names = _split_operand(operand)
    default: Literal["c", "i"] = "i" if interacted else "c"
    if operator is None:
        return [Component(default, name) for name in _names(names, resolve)]
    spec = parse_operator(operator)
    kind = spec.kind or ("c" if spec.times != [""] or not interacted else default)
    if kind == "i" and spec.times != [""]:
        raise unsupported("time-series operators on factor variables are")
    parts: list[Component] = []
    for name in _names(names, resolve):
        for time in spec.times:
            part = Component("c", name, time, omit=spec.omit)
            if kind == "i":
                part = replace(part, kind="i", levels=spec.levels, base=spec.base)
            parts.append(part)
    return parts


def _names(text: str, resolve: Resolve) -> list[str]:
    inner = text[1:-1] if text.startswith("(") and text.endswith(")") else text
    names: list[str] = []
    for word in inner.split():
        names.extend(resolve(word))
    return names


def _split_operand(operand: str) -> tuple[str | None, str]:
    """`ops.name`, `ops.(names)`, `ops(names)` or a bare name."""
    depth = 0
    for position, char in enumerate(operand):
        depth += (char == "(") - (char == ")")
        if char == "." and depth == 0:
            return operand[:position], operand[position + 1 :]
    direct = re.fullmatch(r"([A-Za-z]+\d*)(\(.*\))", operand)
    if direct:
        return direct.group(1), direct.group(2)
    return None, operand


def parse_operator(text: str) -> Operator:
    """The operators before the dot. Raises r(198) for anything that is not one."""
    spec = Operator()
    rest = text
    if rest[:1] in {"c", "C"} and not rest[1:2].isdigit():
        spec.kind = "c"
        rest = rest[1:]
        if rest == "o":
            spec.omit = True
            return spec
    if rest == "o":
        spec.omit = True
        return spec
    if not rest:
        return spec
    lower = rest.lower() if rest[:1] in "iI" else rest
    base = _BASE.fullmatch(lower)
    if base:
        spec.kind = "i"
        spec.base = _base_choice(base)
        return spec
    levels = _LEVELS.fullmatch(lower)
    if levels:
        spec.kind = "i"
        if levels.group(1):
            spec.levels = (int(levels.group(1)),)
            mark = levels.group(2) or ""
            spec.omit = mark.startswith("o")
        else:
            spec.levels = tuple(int(v) for v in parse_numlist(levels.group(3)))
        return spec
    spec.times = time_operators(rest)
    return spec


def _base_choice(match: re.Match[str]) -> str:
    none, level, inner = match.groups()
    if none:
        return "none"
    if level:
        return level
    if inner is None:
        return ""
    choice = inner.strip()
    if choice in {"first", "last", "freq", "none"} or re.fullmatch(r"#?\d+", choice):
        return choice
    raise invalid_syntax()


def time_operators(text: str) -> list[str]:
    """Canonical operators of e.g. `L(1/3)`, `LD`, `F2`; one entry per variable it expands to."""
    position = 0
    nets: list[tuple[int, int, tuple[int, ...]]] = [(0, 0, ())]
    while position < len(text):
        match = _TIME.match(text, position)
        if match is None:
            raise StataError(198, f"{text}: invalid operator")
        piece = match.group()
        letter = piece[0].upper()
        inner = piece[1:]
        amounts = [int(v) for v in parse_numlist(inner[1:-1])] if inner.startswith("(") else [int(inner or 1)]
        nets = [_apply(net, letter, amount) for net in nets for amount in amounts]
        position = match.end()
    return [_canonical(net) for net in nets]


def _apply(net: tuple[int, int, tuple[int, ...]], letter: str, amount: int) -> tuple[int, int, tuple[int, ...]]:
    lags, differences, seasons = net
    if letter == "L":
        return lags + amount, differences, seasons
    if letter == "F":
        return lags - amount, differences, seasons
    if letter == "D":
        return lags, differences + amount, seasons
    return lags, differences, (*seasons, amount)


def _canonical(net: tuple[int, int, tuple[int, ...]]) -> str:
    lags, differences, seasons = net
    text = ""
    if lags:
        text += ("L" if lags > 0 else "F") + (str(abs(lags)) if abs(lags) > 1 else "")
    if differences:
        text += "D" + (str(differences) if differences > 1 else "")
    return text + "".join(f"S{season}" if season > 1 else "S" for season in seasons)
