"""fvset: the base levels that factor variables have unless a varlist says otherwise."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from ssd.engine.commands.declare import Line, command
from ssd.engine.commands.estimation import BASE_CHARACTERISTIC
from ssd.engine.errors import StataError, invalid_syntax, type_mismatch, unsupported
from ssd.engine.results import ResultSet

if TYPE_CHECKING:
    from ssd.engine.session import Session

_WORDS = (("default", 1), ("first", 1), ("last", 1), ("frequent", 2), ("none", 2))


@command("fvset", "*", stored="r(varlist) r(baselist)", refused="fvset design")
def fvset(session: Session, line: Line) -> None:
    """Declare the base levels of factor variables."""
    words = line.text.split()
    if not words:
        raise invalid_syntax()
    action, rest = words[0], words[1:]
    if action == "base":
        if not rest:
            raise StataError(198, "base specification required")
        _set(session, _base(rest[0]), _variables(session, rest[1:]))
    elif action == "clear":
        _set(session, "", _variables(session, rest))
    elif action == "report":
        _report(session, session.expand_varlist(" ".join(rest)) if rest else list(session.data.variables))
    elif action == "design":
        raise unsupported("fvset design")
    else:
        raise invalid_syntax()


def _variables(session: Session, words: list[str]) -> list[str]:
    if not words:
        raise StataError(100, "varlist required")
    names = session.expand_varlist(" ".join(words))
    for name in names:
        if session.data.variables[name].is_string:
            raise type_mismatch()
    return names


def _base(word: str) -> str:
    """The base in the words of the parser of varlists; empty for the default."""
    if re.fullmatch(r"#?\d+", word):
        return word
    found = next((full for full, least in _WORDS if len(word) >= least and full.startswith(word)), None)
    if found is None:
        raise StataError(198, f"invalid base specification;\n{word} not allowed")
    return {"default": "", "frequent": "freq"}.get(found, found)


def _set(session: Session, base: str, names: list[str]) -> None:
    for name in names:
        chars = session.data.variables[name].chars
        chars.pop(BASE_CHARACTERISTIC, None)
        if base:
            chars[BASE_CHARACTERISTIC] = base
    session.data.changed = True
    session.r = ResultSet(macros={"varlist": " ".join(names), "baselist": " ".join([base or "default"] * len(names))})


def _report(session: Session, names: list[str]) -> None:
    found = [(name, base) for name in names
             if (base := session.data.variables[name].chars.get(BASE_CHARACTERISTIC, ""))]  # fmt: skip
    log = session.log
    log.line()
    log.line(f"{'Variable':>12} |{'Base':>12}")
    log.line("-" * 13 + "+" + "-" * 12)
    for name, base in found:
        log.line(f"{name:>12} |{base:>12}")
    log.line("-" * 26)
    session.r = ResultSet(
        macros={"varlist": " ".join(name for name, _ in found), "baselist": " ".join(base for _, base in found)}
    )
