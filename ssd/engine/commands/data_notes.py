"""notes and char."""

from __future__ import annotations

import re

from ssd.engine.commands.declare import Line, command
from ssd.engine.errors import StataError, invalid_syntax, unsupported
from ssd.engine.lang.quoting import strip_quotes
from ssd.engine.session import Session


def _owner(session: Session, word: str) -> dict[str, str]:
    """The characteristics of a variable or of `_dta`."""
    if word == "_dta":
        return session.data.chars
    return session.data.variable(session.variable_named(word)).chars


@command("notes", "*", minimum=4, refused="notes renumber, replace, search")
def notes(session: Session, line: Line) -> None:
    """Notes in data."""
    text = line.text.strip()
    found = re.match(r"([^\W\d]\w*)?\s*:\s*(.*)", text, re.DOTALL)
    if found and (found[1] is None or found[1] == "_dta" or found[1] in session.data.variables):
        chars = _owner(session, found[1] or "_dta")
        number = int(chars.get("note0", "0")) + 1
        chars["note0"] = str(number)
        chars[f"note{number}"] = strip_quotes(found[2])
        session.data.changed = True
        return
    words = text.split()
    if words[:1] == ["drop"]:
        _drop(session, words[1:])
        return
    if words[:1] and words[0] in ("renumber", "replace", "search"):
        raise unsupported(f"notes {words[0]}")
    names = [word for word in words if word != "list"]
    _list(session, names or ["_dta", *session.data.variables])


def _list(session: Session, names: list[str]) -> None:
    for name in names:
        chars = _owner(session, name)
        count = int(chars.get("note0", "0"))
        if not count:
            continue
        session.log.line()
        session.log.line(f"{name}:")
        for number in range(1, count + 1):
            if f"note{number}" in chars:
                session.log.line(f"  {number}.  {chars[f'note{number}']}")


def _drop(session: Session, words: list[str]) -> None:
    if not words:
        raise invalid_syntax()
    for name in ["_dta", *session.data.variables] if words[0] == "_all" else [words[0]]:
        chars = _owner(session, name)
        for key in [key for key in chars if re.fullmatch(r"note\d+", key)]:
            del chars[key]
    session.data.changed = True


@command("char", "*", minimum=4)
def char(session: Session, line: Line) -> None:
    """Characteristics."""
    word, _, rest = line.text.strip().partition(" ")
    rest = rest.strip()
    if word in ("def", "defi", "defin", "define") or "[" in word:
        text = line.text.strip() if "[" in word else rest
        found = re.match(r"([^\W\d]\w*)\s*\[\s*(\w+)\s*\]\s*(.*)", text, re.DOTALL)
        if not found:
            raise invalid_syntax()
        chars = _owner(session, found[1])
        content = strip_quotes(found[3])
        if content:
            chars[found[2]] = content
        else:
            chars.pop(found[2], None)
        session.data.changed = True
        return
    if word in ("", "l", "li", "lis", "list"):
        for owner in [rest.partition("[")[0]] if rest else ["_dta", *session.data.variables]:
            for name, text in _owner(session, owner).items():
                session.log.line(f"  {owner + '[' + name + ']':<26}  {text}")
        return
    raise StataError(198, "invalid syntax")
