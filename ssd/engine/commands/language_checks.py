"""assert and confirm, and scalars."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

import numpy as np

from ssd.engine.commands.declare import Line, command
from ssd.engine.data.names import is_valid_name
from ssd.engine.errors import StataError, invalid_syntax, variable_not_found
from ssd.engine.lang.quoting import split_comma, split_words, strip_quotes
from ssd.engine.lang.varlist import is_name

if TYPE_CHECKING:
    from ssd.engine.session import Session


@command("assert", "anything(equalok) [if] [in] [, RC0 NULL FASt]", by="vector")
def assert_(session: Session, line: Line) -> None:
    """Verify that an expression holds in every selected observation."""
    value = session.evaluate(line.anything, groups=line.groups)
    if not isinstance(value, np.ndarray) or value.ndim == 0:
        holds = session.evaluate_number(line.anything) != 0
        if not holds and not line.flag("rc0"):
            raise StataError(9, "assertion is false")
        return
    sample = line.sample(session)
    false = int(np.count_nonzero((value == 0) & sample))
    if line.flag("null") and not sample.any():
        raise StataError(8, "no observations")
    if false == 0:
        return
    total = int(np.count_nonzero(sample))
    wrong = f"{false:,} contradiction" + "s" * (false != 1)
    message = f"{wrong} in {total:,} observation{'s' * (total != 1)}\nassertion is false"
    if line.flag("rc0"):
        session.log.line(message)
        return
    raise StataError(9, "assertion is false" if line.flag("fast") else message)


_TYPES: Final = ("byte", "int", "long", "float", "double", "strL")


@command("confirm", "*", minimum=3)
def confirm(session: Session, line: Line) -> None:
    """Verify that a number, name, file, variable, matrix, … is what the program needs."""
    words = split_words(line.text, keep_quotes=True)
    if not words:
        raise invalid_syntax()
    first, rest = words[0], line.text.strip()[len(words[0]) :].strip()
    if _abbreviates(first, "existence", 2):
        if not rest:
            raise StataError(6, "'' found where something expected")
    elif first == "new":
        _confirm_new(session, rest)
    elif _abbreviates(first, "file", 1):
        _confirm_file(session, rest, new=False)
    elif first == "integer":
        _confirm_number(rest.removeprefix("number").removeprefix("n").strip(), integer=True)
    elif _abbreviates(first, "number", 3) or first == "n":
        _confirm_number(rest, integer=False)
    elif _abbreviates(first, "names", 4):
        for name in rest.split():
            if not is_name(name):
                raise StataError(7, f"'{name}' found where name expected")
    elif _abbreviates(first, "format", 3):
        _confirm_format(rest, "")
    elif _abbreviates(first, "matrix", 3):
        for name in rest.split():
            if name not in session.matrices:
                raise StataError(111, f"matrix {name} not found")
    elif _abbreviates(first, "scalar", 2):
        for name in rest.split():
            if name not in session.scalars:
                raise StataError(111, f"scalar {name} not found")
    elif first == "frame":
        _confirm_frame(session, rest)
    elif first in ("date", "ts"):
        raise StataError(198, f"confirm {first} not supported by this engine")
    else:
        _confirm_typed(session, first, rest)


def _abbreviates(word: str, full: str, minimum: int) -> bool:
    return len(word) >= minimum and full.startswith(word)


def _confirm_new(session: Session, rest: str) -> None:
    word, _, names = rest.partition(" ")
    if _abbreviates(word, "file", 1):
        _confirm_file(session, names, new=True)
    elif _abbreviates(word, "variable", 1):
        for name in names.split():
            if not is_valid_name(name):
                raise StataError(198, f"{name} invalid name")
            if name in session.data.variables:
                raise StataError(110, f"variable {name} already defined")
    elif word == "frame":
        if names.strip() in session.state.get("frames", {}):
            raise StataError(110, f"frame {names.strip()} already exists")
    else:
        raise invalid_syntax()


def _confirm_file(session: Session, text: str, *, new: bool) -> None:
    name = strip_quotes(text.strip())
    exists = session.path(name).is_file()
    if new and exists:
        raise StataError(602, f"file {name} already exists")
    if new and not session.path(name).parent.is_dir():
        raise StataError(603, f"file {name} could not be opened")
    if not new and not exists:
        raise StataError(601, f"file {name} not found")


def _confirm_number(text: str, *, integer: bool) -> None:
    shown = strip_quotes(text)
    expected = "integer" if integer else "number"
    try:
        value = 0.0 if re.fullmatch(r"\.[a-z]?", shown) else float(shown)
    except ValueError:
        raise StataError(7, f"'{shown}' found where {expected} expected") from None
    if not np.isfinite(value) or (integer and value != int(value)):
        raise StataError(7, f"'{shown}' found where {expected} expected")


def _confirm_format(text: str, kind: str) -> None:
    shown = strip_quotes(text)
    numeric = re.fullmatch(
        r"%[-~]?0?\d+(\.\d+)?[efgEG]c?|%-?t[CcdwmqhybgH]\S*|%-?0?\d+(\.\d+)?[hx]?[efg]c?|%21x", shown
    )
    string = re.fullmatch(r"%[-~]?\d+s", shown)
    good = {"numeric": numeric, "string": string}.get(kind, numeric or string)
    if not good:
        expected = f"{kind} format" if kind else "format"
        raise StataError(7, f"'{shown}' found where {expected} expected")


def _confirm_frame(session: Session, text: str) -> None:
    name = text.strip()
    if name not in session.state.get("frames", {}) and name != session.state.get("frame", "default"):
        raise StataError(111, f"frame {name} not found")


def _confirm_typed(session: Session, first: str, rest: str) -> None:
    """`[numeric|string|type] variable varlist [, exact]`, `[numeric|string] format`."""
    kind = ""
    if first in ("numeric", "string", "str", "str#", *_TYPES) or re.fullmatch(r"str\d+", first):
        kind = first
        first, _, rest = rest.partition(" ")
    exactly = first == "exact"
    if exactly:
        first, _, rest = rest.strip().partition(" ")
    if kind in ("numeric", "string") and _abbreviates(first, "format", 3):
        _confirm_format(rest, kind)
        return
    if not _abbreviates(first, "variable", 1):
        raise invalid_syntax()
    main, options = split_comma(rest)
    option = (options or "").strip() or ("exact" if exactly else "")
    if option and not _abbreviates(option, "exact", 2):
        raise StataError(198, f"option {option} not allowed")
    if not main.strip():
        raise StataError(100, "varlist required")
    if option:
        names = main.split()
        for name in names:
            if name not in session.data.variables:
                raise variable_not_found(name)
    else:
        names = session.expand_varlist(main)
    for name in names:
        if not _is_of_kind(session, name, kind):
            described = "string" if kind == "str" else kind
            raise StataError(7, f"'{name}' found where {described} variable expected")


def _is_of_kind(session: Session, name: str, kind: str) -> bool:
    column = session.data.variables[name]
    if kind == "numeric":
        return not column.is_string
    if kind in ("string", "str"):
        return column.is_string
    if kind == "str#":
        return column.is_string and column.type != "strL"
    return not kind or column.type == kind


_DEFINE: Final = re.compile(r"\s*(?:def(?:i(?:ne?)?)?\s+)?(?P<name>[^\W\d]\w*)\s*=(?P<value>.*)", re.DOTALL)


@command("scalar", "*", minimum=3)
def scalar(session: Session, line: Line) -> None:
    """Define, list or drop scalars."""
    match = _DEFINE.fullmatch(line.text)
    if match is not None:
        name = match["name"]
        if not match["value"].strip():
            raise invalid_syntax()
        session.matrices.pop(name, None)
        session.scalars[name] = session.evaluate_scalar(match["value"].strip())
        return
    words = line.text.split()
    subcommand, names = (words[0], words[1:]) if words else ("list", [])
    if subcommand in ("drop", "dro"):
        _drop(session, names)
    elif subcommand in ("list", "lis", "li", "l", "dir", "di"):
        _list(session, names)
    else:
        raise invalid_syntax()


def _drop(session: Session, names: list[str]) -> None:
    if names == ["_all"]:
        session.scalars.clear()
        return
    for name in names:
        if name not in session.scalars:
            raise StataError(111, f"scalar {name} not found")
        del session.scalars[name]


def _list(session: Session, names: list[str]) -> None:
    from ssd.engine.output.formats import format_value

    for name in names if names and names != ["_all"] else list(session.scalars):
        if name not in session.scalars:
            raise StataError(111, f"scalar {name} not found")
        value = session.scalars[name]
        shown = value if isinstance(value, str) else format_value(value, "%10.0g").rjust(10)
        session.log.line(f"{name:>10} = {shown}")
