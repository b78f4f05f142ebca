"""Varlists: wildcards, ranges, abbreviations, time-series operators and factor-variable terms."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from ssd.engine.data.names import check_name, has_wildcard, match_variables
from ssd.engine.data.timeseries import joined_operators
from ssd.engine.errors import StataError, already_defined, invalid_syntax, variable_not_found
from ssd.engine.lang.numlist import parse_numlist
from ssd.engine.lang.quoting import split_terms

if TYPE_CHECKING:
    from ssd.engine.session import Session

_TS: Final = re.compile(r"(?:[LFDSlfds]\d*(?:\([^()]*\))?)+")
_OPERATED: Final = re.compile(r"(?P<op>[\w()/\s]*?)\.(?P<rest>.*)", re.DOTALL)
_GROUPED: Final = re.compile(r"(?P<op>[LFDSlfds]\d*)(?P<rest>\(.*\))", re.DOTALL)
"""`D(a b)`, which Stata takes as `D.(a b)`."""
_FACTOR_OPERATOR: Final = re.compile(
    r"(?:(?:[icob]|ib|bn|co|io)?(?:\d+|\([^()]*\)|n|b|o|last|first|freq)*[bon]*n?)+", re.I
)
_IDENTIFIER: Final = re.compile(r"[^\W\d]\w*")
_TYPES: Final = re.compile(r"byte|int|long|float|double|strL|str\d*")


def tidy_ranges(text: str) -> str:
    """`a - b` written with blanks becomes `a-b`."""
    return re.sub(r"(?<=[\w*?~])\s*-\s*(?=[^\W\d])", "-", text) if "-" in text else text


def expand(text: str, session: Session, *, fv: bool = False, ts: bool = False) -> list[str]:
    """Names of existing variables, or terms with operators when `fv`/`ts` allow them.

    Raises r(111) for what is not found and r(101) for operators that are not allowed.
    """
    names: list[str] = []
    if '"' in text:
        raise StataError(198, "invalid syntax")
    for typed in split_terms(tidy_ranges(text)):
        term = joined_operators(typed)
        if _is_plain(term):
            names.extend(_match(term, session))
        else:
            names.extend(_operated(term, session, fv=fv, ts=ts))
    return names


def _is_plain(term: str) -> bool:
    return not any(sign in term for sign in ".#([")


def _match(term: str, session: Session) -> list[str]:
    if not re.fullmatch(r"[\w*?~\-]+", term):
        raise StataError(198, f"{term} invalid name" if not has_wildcard(term) else "invalid syntax")
    if not session.data.variables and term not in ("_all", "*"):
        raise variable_not_found(term)
    if not session.data.variables:
        return []
    if re.match(r"\d", term):
        raise StataError(198, f"{_leading_name(term)} invalid name")
    return match_variables(session.data.variables, term, abbreviations=session.settings.get("varabbrev") != "off")


def _leading_name(term: str) -> str:
    """What a message calls invalid: `500` in `500/25`."""
    match = re.match(r"\w+", term)
    return match.group() if match and not is_name(term) else term


def _operated(term: str, session: Session, *, fv: bool, ts: bool) -> list[str]:
    factor = "#" in term
    if factor and not fv:
        raise StataError(101, "factor-variable and time-series operators not allowed")
    if factor:
        parts = re.split(r"(#+)", term)
        out = [part if part.startswith("#") else _interaction_part(part, session, ts=ts) for part in parts]
        return ["".join(out)]
    if term.startswith("("):
        if not term.endswith(")"):
            raise StataError(132, "too many '(' or '['")
        return expand(term[1:-1], session, fv=fv, ts=ts)
    match = _OPERATED.fullmatch(term) or _GROUPED.fullmatch(term)
    if match is None:
        raise invalid_syntax()
    operator, rest = match["op"], match["rest"]
    is_ts = _TS.fullmatch(operator) is not None
    is_fv = _FACTOR_OPERATOR.fullmatch(operator) is not None
    if not is_ts and not is_fv:
        raise invalid_syntax(f"{operator}: operator invalid")
    if is_ts and not ts:
        kind = "time-series operators" if not fv else "factor-variable and time-series operators"
        raise StataError(101, f"{kind} not allowed")
    if is_fv and not is_ts and not fv:
        raise StataError(101, "factor-variable and time-series operators not allowed")
    targets = _targets(rest, session, ts=ts)
    if is_ts:
        return [f"{single}.{name}" for name in targets for single in _expand_ts(operator)]
    return [f"{operator}.{name}" for name in targets]


def _expand_ts(operator: str) -> list[str]:
    """`L(0/2)` becomes ``, `L`, `L2`; other operators stay, in capitals."""
    match = re.fullmatch(r"([LFDSlfds])\(([^()]*)\)", operator)
    if match is None:
        return [operator.upper()]
    letter = match[1].upper()
    return [f"{letter}{int(k)}" for k in parse_numlist(match[2])]


def _targets(rest: str, session: Session, *, ts: bool) -> list[str]:
    if rest.startswith("(") and rest.endswith(")"):
        return expand(rest[1:-1], session, fv=True, ts=ts)
    if _is_plain(rest):
        return _match(rest, session)
    return _operated(rest, session, fv=True, ts=ts)


def _interaction_part(part: str, session: Session, *, ts: bool) -> str:
    """One side of `#`: abbreviations inside are completed, the written structure stays."""
    operator, dot, rest = _split_operator(part)
    if rest.startswith("(") and rest.endswith(")"):
        return f"{operator}{dot}({' '.join(expand(rest[1:-1], session, fv=True, ts=ts))})"
    if not rest:
        raise invalid_syntax()
    if "." in rest:
        return f"{operator}{dot}{_interaction_part(rest, session, ts=ts)}"
    names = _match(rest, session)
    if len(names) == 1:
        return f"{operator}{dot}{names[0]}"
    return f"{operator}{dot}({' '.join(names)})"


def _split_operator(part: str) -> tuple[str, str, str]:
    if part.startswith("("):
        return "", "", part
    depth = 0
    for index, char in enumerate(part):
        depth += (char == "(") - (char == ")")
        if char == "." and depth == 0:
            return part[:index], ".", part[index + 1 :]
    return "", "", part


def new_names(text: str, session: Session, *, must_be_new: bool = True) -> tuple[list[str], list[str]]:
    """Names and types of a new varlist (`double x`, `x1-x3`, `byte(a b) c`).

    Raises r(198) for an invalid name, r(110) for one that exists.
    """
    names: list[str] = []
    types: list[str] = []
    current = ""
    for term in split_terms(tidy_ranges(text)):
        grouped = re.fullmatch(r"(\w+)\((.*)\)", term, re.DOTALL)
        if grouped and _TYPES.fullmatch(grouped[1]):
            inner, _ = new_names(grouped[2], session, must_be_new=must_be_new)
            names.extend(inner)
            types.extend([grouped[1]] * len(inner))
            continue
        if _TYPES.fullmatch(term):
            current = term
            continue
        for name in _numbered(term):
            check_name(_leading_name(name))
            if must_be_new and name in session.data.variables:
                raise already_defined(name)
            names.append(name)
            types.append(current)
        current = ""
    return names, types


def _numbered(term: str) -> list[str]:
    match = re.fullmatch(r"([^\W\d]\w*?)(\d+)-([^\W\d]\w*?)(\d+)", term)
    if match is None or match[1] != match[3]:
        return [term]
    width = len(match[2]) if match[2].startswith("0") else 0
    return [f"{match[1]}{number:0{width}d}" for number in range(int(match[2]), int(match[4]) + 1)]


def is_name(text: str) -> bool:
    """Whether the text is one identifier of at most 32 characters."""
    return len(text) <= 32 and _IDENTIFIER.fullmatch(text) is not None
