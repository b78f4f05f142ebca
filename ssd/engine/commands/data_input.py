"""input … end: data typed into the do-file."""

from __future__ import annotations

import re

import numpy as np

from ssd.engine.commands.data_generate import is_type
from ssd.engine.commands.declare import Line, command
from ssd.engine.data.storage import object_array
from ssd.engine.errors import StataError, invalid_syntax, unsupported
from ssd.engine.expr.numbers import real
from ssd.engine.lang.quoting import strip_quotes
from ssd.engine.missing import MISSING
from ssd.engine.session import Session

_GROUP = re.compile(r"(\w+)\s*\(([^)]*)\)")
"""A storage type with the variables it applies to, as dataex writes it: `double(x y)`."""
_WORD = re.compile(r'"[^"]*"|`"[^"]*"\'|[^\s,]+')


@command("input", "[anything] [, AUTOmatic Label]", minimum=3, refused="adding observations to existing variables")
def input_command(session: Session, line: Line) -> None:
    """Enter data from the do-file."""
    if line.flag("automatic") or line.flag("label"):
        raise unsupported("input, automatic label")
    names, types = _declared(line.anything, session.settings.get("type", "float"))
    if not names and not session.data.variables:
        raise StataError(104, "nothing to input")
    if not names:
        raise unsupported("input without new variables")
    session.data.require_new(names)
    rows = _rows(session, names)
    _store(session, names, types, rows)


def _declared(text: str, default: str) -> tuple[list[str], list[str]]:
    names, types = [], []
    current = default
    words = _GROUP.sub(_each_typed, text).split()
    for position, word in enumerate(words):
        if is_type(word):
            if position + 1 == len(words):
                raise invalid_syntax()
            current = word
            continue
        names.append(word.partition(":")[0])
        types.append(current)
        current = default
    return names, types


def _each_typed(group: re.Match[str]) -> str:
    if not is_type(group[1]):
        return group[0]
    return "".join(f" {group[1]} {name} " for name in group[2].split())


def _rows(session: Session, names: list[str]) -> list[list[str]]:
    log, width = session.log, len(names)
    log.line()
    log.line("   " + "".join(f"{name:>11}" for name in names))
    rows: list[list[str]] = []
    while True:
        text = session.next_source_line()
        if text is None:
            raise StataError(198, "input not ended with end")
        bare = text.strip()
        if bare:
            log.line(f"{len(rows) + 1:>3}. {bare}")
        if bare == "end":
            return rows
        if not bare or bare.startswith(("*", "//")):
            continue
        words = _WORD.findall(bare.partition("//")[0])
        if len(words) > width:
            words = words[:width]
        rows.append(words + ["."] * (width - len(words)))


def _store(session: Session, names: list[str], types: list[str], rows: list[list[str]]) -> None:
    data = session.data
    size = len(rows)
    if data.variables and size > data.n_obs:
        data.set_obs(size)
    n = data.n_obs if data.variables else size
    for position, (name, kind) in enumerate(zip(names, types, strict=True)):
        words = [row[position] for row in rows]
        if kind.startswith("str"):
            texts = ["" if word == "." else strip_quotes(word) for word in words] + [""] * (n - size)
            data.add(name, object_array(texts), kind)
            continue
        values = np.full(n, MISSING)
        for row, word in enumerate(words):
            values[row] = real(strip_quotes(word))
            if values[row] == MISSING and word not in (".", '""'):
                session.log.line(f"'{word}' cannot be read as a number")
        data.add(name, values, kind)
