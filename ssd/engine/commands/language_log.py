"""log: copies of the output in a file of its own."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING

from ssd.engine.commands.declare import Line, command
from ssd.engine.errors import StataError, invalid_syntax
from ssd.engine.lang.grammar import compile_grammar
from ssd.engine.lang.options import match_options
from ssd.engine.lang.quoting import split_comma, strip_quotes
from ssd.engine.output.log import Copy

if TYPE_CHECKING:
    from ssd.engine.session import Session

_UNNAMED = "<unnamed>"


@command("log", "*", refused="log html, log query details")
def log(session: Session, line: Line) -> None:
    """Open, close, suspend and resume a log file."""
    word, _, rest = line.text.strip().partition(" ")
    word = word.rstrip(",")
    if word == "using":
        _open(session, rest)
    elif word in ("close", "c", "clos"):
        _close(session, rest)
    elif word in ("on", "off"):
        _pause(session, rest, paused=word == "off")
    elif word in ("", "query"):
        _report(session)
    else:
        raise invalid_syntax()


@command("cmdlog", "*")
def cmdlog(session: Session, line: Line) -> None:
    """Refused: the do-file itself is the record of commands."""
    raise StataError(198, "cmdlog not supported by this engine")


def _open(session: Session, text: str) -> None:
    main, option_text = split_comma(text)
    grammar = compile_grammar("[, Append Replace Text Smcl NAME(name) NOMsg]")
    values, _, _ = match_options(option_text, grammar, session)
    name = str(values["name"] or _UNNAMED)
    if any(copy.name == name for copy in session.log.copies):
        raise StataError(604, "log file already open")
    shown = strip_quotes(main.strip())
    smcl = _is_smcl(session, shown, text=values["text"] is True, smcl=values["smcl"] is True)
    if not Path(shown).suffix:
        shown += ".smcl" if smcl else ".log"
    path = session.output_path(shown)
    if path.exists() and values["append"] is not True and values["replace"] is not True:
        raise StataError(602, f"file {path} already exists")
    stream = path.open("a" if values["append"] is True else "w", encoding="utf-8")
    copy = Copy(name, path, stream, smcl)
    if smcl:
        stream.write("{smcl}\n")
    session.log.copies.append(copy)
    if values["nomsg"] is not True:
        _banner(session, copy, "opened on")


def _is_smcl(session: Session, shown: str, *, text: bool, smcl: bool) -> bool:
    if text or smcl:
        return smcl
    if Path(shown).suffix in (".log", ".txt", ".smcl"):
        return shown.endswith(".smcl")
    return session.settings.get("logtype") == "smcl"


def _banner(session: Session, copy: Copy, event: str) -> None:
    rule = "-" * (session.log.linesize - 1)
    kind = "smcl" if copy.smcl else "text"
    session.log.line(rule)
    session.log.line(f"      name:  {copy.name}")
    session.log.line(f"       log:  {copy.path}")
    session.log.line(f"  log type:  {kind}")
    session.log.line(f" {event}:  {time.strftime('%e %b %Y, %H:%M:%S')}")
    if event == "closed on":
        session.log.line(rule)


def _named(session: Session, text: str) -> list[Copy]:
    name = text.strip()
    copies = session.log.copies
    if name == "_all":
        return list(copies)
    wanted = name or (_UNNAMED if any(copy.name == _UNNAMED for copy in copies) else "")
    found = [copy for copy in copies if copy.name == wanted]
    if not found:
        raise StataError(606, "no log file open" if not name else f"log {name} not found")
    return found


def _close(session: Session, text: str) -> None:
    for copy in _named(session, text):
        _banner(session, copy, "closed on")
        session.log.copies.remove(copy)
        copy.stream.close()


def _pause(session: Session, text: str, *, paused: bool) -> None:
    for copy in _named(session, text):
        copy.paused = paused


def _report(session: Session) -> None:
    if not session.log.copies:
        session.log.line("no log file open")
    for copy in session.log.copies:
        _banner(session, copy, "opened on")
