"""_parse: comma, expand and comma-free pieces of a command line, for programs."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from ssd.engine.commands.declare import Line, command
from ssd.engine.errors import StataError, invalid_syntax, unsupported
from ssd.engine.lang.quoting import closing, split_comma

if TYPE_CHECKING:
    from ssd.engine.session import Session


@command("_parse", "*", refused="subcommands other than comma, expand and parens")
def parse_pieces(session: Session, line: Line) -> None:
    """Split what was typed at its comma, or into its parenthesised parts."""
    word, _, rest = line.text.strip().partition(" ")
    before, colon, text = rest.partition(":")
    names = before.split()
    if not colon:
        raise invalid_syntax()
    if word == "comma":
        _comma(session, names, text)
    elif word == "expand":
        _expand(session, names, text)
    elif word == "parens":
        _parens(session, names, text)
    else:
        raise unsupported(f"_parse {word}")


def _names(names: list[str]) -> None:
    if len(names) != 2 or not all(re.fullmatch(r"\w{1,31}", name) for name in names):
        raise invalid_syntax()


def _comma(session: Session, names: list[str], text: str) -> None:
    """`_parse comma lhs rhs : text`: what stands before the comma, and the comma with what follows."""
    _names(names)
    main, options = split_comma(text.lstrip(" "))
    session.locals[-1][names[0]] = main
    session.locals[-1][names[1]] = "" if options is None else "," + options


def _parens(session: Session, names: list[str], text: str) -> None:
    """The first parenthesised piece and the rest."""
    _names(names)
    stripped = text.strip()
    if not stripped.startswith("("):
        raise StataError(198, "( expected")
    end = closing(stripped, 0)
    session.locals[-1][names[0]] = stripped[1:end]
    session.locals[-1][names[1]] = stripped[end + 1 :].strip()


def _expand(session: Session, names: list[str], text: str) -> None:
    """`_parse expand cmd opt : (…) (…) … [, global]`: cmd_1 … cmd_n, cmd_n, and the global options in opt_op."""
    _names(names)
    stub, options = names
    table = session.locals[-1]
    rest = text.strip()
    pieces: list[str] = []
    if not rest.startswith("("):
        pieces, after = [rest], ""
    else:
        while rest.startswith("("):
            end = closing(rest, 0)
            pieces.append(rest[1:end].strip())
            rest = rest[end + 1 :].lstrip(" |")
        after = rest
    if after and not after.lstrip().startswith(","):
        raise invalid_syntax()
    for number, piece in enumerate(pieces, start=1):
        table[f"{stub}_{number}"] = piece
    table[f"{stub}_n"] = str(len(pieces))
    table[f"{options}_op"] = after.lstrip().removeprefix(",").strip()
