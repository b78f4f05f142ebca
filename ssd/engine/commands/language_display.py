"""display: strings, expressions, formats, column directives."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from ssd.engine.commands.declare import Line, command
from ssd.engine.errors import StataError, invalid_syntax
from ssd.engine.lang.expressions import split_expression
from ssd.engine.lang.quoting import closing, is_quoted, skip_quoted, strip_quotes
from ssd.engine.output.smcl import render

if TYPE_CHECKING:
    from ssd.engine.session import Session

_FORMAT: Final = re.compile(
    r"%[-~]?t[A-Za-z]\S*|%[-~=+]?0?\d*(?:[.,]\d+)?[A-Za-z]c?(?![\w(])|%[-~=+]?0?\d*(?:[.,]\d+)?[fgesHLx]c?(?=\()"
)
_STYLE: Final = re.compile(r"(?:as|in)\s+(\w+)\b")
_DIRECTIVE: Final = re.compile(r"_(\w+)")
_STYLES: Final = ("text", "txt", "result", "error", "input", "smcl")
_COLOURS: Final = ("green", "yellow", "white", "red", "blue", "smcl")
_STRING_OPERATORS: Final = re.compile(r"\s*(?:==|!=|~=|>=|<=|[+*<>&|])")


@dataclass
class Pieces:
    """What one display command has put together, before it goes to the log."""

    session: Session
    text: str = ""
    as_error: bool = False
    more: bool = False
    """Whether `_continue` was given."""
    repeat: int = 1
    format: str = ""
    raw: bool = False
    """Strings are taken literally, without SMCL (for `file write`)."""

    @property
    def column(self) -> int:
        newline = self.text.rfind("\n")
        return self.session.log.column + len(self.text) if newline < 0 else len(self.text) - newline - 1

    def add(self, text: str) -> None:
        shown = text if self.raw else render(text, self.column, self.session.log.linesize)
        self.text += shown * self.repeat
        self.repeat = 1
        self.format = ""


def display_text(session: Session, text: str, *, raw: bool = False) -> Pieces:
    """Work through the directives of a display command. Raises r(198) for what is none."""
    pieces = Pieces(session, raw=raw)
    rest = text.strip()
    while rest:
        rest = _directive(rest, pieces).lstrip(" \t")
    return pieces


def _directive(rest: str, pieces: Pieces) -> str:
    if rest[0] == ",":
        pieces.text += " "
        return rest[1:]
    style = _STYLE.match(rest)
    if style is not None and _set_style(rest, style[1], pieces):
        return rest[style.end() :]
    if rest[0] == "%":
        found = _FORMAT.match(rest)
        if found is None:
            raise StataError(120, f"invalid {rest.split(maxsplit=1)[0]}")
        pieces.format = found.group()
        return rest[found.end() :]
    named = _DIRECTIVE.match(rest)
    if named is not None:
        after = _named(rest, named, pieces)
        if after is not None:
            return after
    end = skip_quoted(rest, 0)
    if end > 0 and not _STRING_OPERATORS.match(rest, end):
        _add_string(strip_quotes(rest[:end]), pieces)
        return rest[end:]
    if rest[0] == "`":
        raise StataError(198, f"{rest.split(maxsplit=1)[0]} invalid name")
    expression, remaining = split_expression(rest)
    if not expression or remaining == rest:
        raise invalid_syntax()
    _add_value(expression, pieces)
    return remaining


def _set_style(rest: str, word: str, pieces: Pieces) -> bool:
    """`as style`, `in colour`; False when the words are an expression after all."""
    if rest.startswith("in"):
        colour = next((full for full in _COLOURS if full.startswith(word)), None)
        if colour is None:
            return False
        pieces.as_error = colour == "red" or pieces.as_error
        return True
    full = next((style for style in _STYLES if len(word) >= 3 and style.startswith(word)), None)
    if full is None:
        raise invalid_syntax()
    pieces.as_error = full == "error"
    return True


def _named(rest: str, match: re.Match[str], pieces: Pieces) -> str | None:
    """`_newline(#)`, `_skip(#)`, `_column(#)`, `_dup(#)`, `_char(#)`, `_continue`, `_asis`; None if an expression."""
    word = match[1]
    position = match.end()
    argument: str | None = None
    if rest.startswith("(", position):
        end = closing(rest, position)
        argument = rest[position + 1 : end]
        position = end + 1
    full = next(
        (
            name
            for name, least in (
                ("newline", 1),
                ("skip", 1),
                ("column", 3),
                ("dup", 1),
                ("char", 4),
                ("continue", 1),
                ("asis", 4),
            )
            if len(word) >= least and name.startswith(word)
        ),
        None,
    )
    if full is None:
        if word.startswith("req"):
            raise StataError(198, "_request() not supported by this engine")
        return None
    if full == "newline":
        pieces.text += "\n" * _count(pieces, argument, 1)
    elif full == "continue":
        pieces.more = True
    elif full == "asis":
        pass
    elif argument is None:
        return None
    elif full == "skip":
        pieces.text += " " * _count(pieces, argument, 0)
    elif full == "column":
        pieces.text += " " * max(_count(pieces, argument, 1) - 1 - pieces.column, 0)
    elif full == "dup":
        pieces.repeat = _count(pieces, argument, 1)
    else:
        pieces.add(chr(_count(pieces, argument, 32)))
    return rest[position:]


def _count(pieces: Pieces, argument: str | None, default: int) -> int:
    return default if argument is None else max(int(pieces.session.evaluate_number(argument)), 0)


def _add_string(text: str, pieces: Pieces) -> None:
    if pieces.format:
        from ssd.engine.output.formats import format_value

        shown = text if pieces.raw else render(text, 0, pieces.session.log.linesize)
        pieces.add(format_value(shown, pieces.format))
    else:
        pieces.add(text)


def _add_value(expression: str, pieces: Pieces) -> None:
    if is_quoted(expression) and skip_quoted(expression, 0) == len(expression):
        _add_string(strip_quotes(expression), pieces)
        return
    value = pieces.session.evaluate_scalar(expression)
    if isinstance(value, str):
        _add_string(value, pieces)
        return
    from ssd.engine.output.formats import format_value

    pieces.add(format_value(value, pieces.format) if pieces.format else format_value(value, "%10.0g").strip())


@command("display", "*", minimum=2, refused="_request()")
def display(session: Session, line: Line) -> None:
    """Display strings and values of scalar expressions."""
    pieces = display_text(session, line.text)
    text = pieces.text if pieces.more else pieces.text + "\n"
    if pieces.as_error:
        session.log.write_error(text)
    else:
        session.log.write(text)
