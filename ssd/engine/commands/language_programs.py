"""Programs and do-files: program drop/list/dir, do, run, include, exit, error, continue, version."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, cast

from ssd.engine.commands.declare import Line, command
from ssd.engine.errors import StataError, invalid_syntax
from ssd.engine.lang.calls import ExitLevel, ExitSession, LoopBreak, LoopContinue
from ssd.engine.lang.programs import LANGUAGE_VERSION, check_version
from ssd.engine.lang.quoting import split_comma, split_words
from ssd.engine.lang.returncodes import message_of

if TYPE_CHECKING:
    from ssd.engine.lang.source import SourceLine
    from ssd.engine.session import Session


@command("program", "*", minimum=2)
def program(session: Session, line: Line) -> None:
    """Drop or list programs (`program define` is read with its body)."""
    words = line.text.split()
    if not words:
        raise StataError(198, "invalid syntax\nsubcommand required")
    subcommand, names = words[0], words[1:]
    if subcommand in ("drop", "dro"):
        _drop(session, names)
    elif subcommand in ("dir", "di"):
        for name in sorted(session.programs):
            if "\n" not in name:
                session.log.line(f"  {name}")
    elif subcommand in ("list", "lis", "li", "l"):
        for name in names or sorted(name for name in session.programs if "\n" not in name):
            _list(session, name)
    else:
        raise invalid_syntax()


def _drop(session: Session, names: list[str]) -> None:
    if names in (["_all"], ["_allado"]):
        session.programs.clear()
        return
    for name in names:
        if name not in session.programs:
            raise StataError(111, f"program {name} not found")
        del session.programs[name]


def _list(session: Session, name: str) -> None:
    found = session.programs.get(name)
    if found is None:
        raise StataError(111, f"program {name} not found")
    session.log.line()
    session.log.line(f"{name}:")
    for number, source in enumerate(cast("list[SourceLine]", found.source), start=1):
        for text in source.typed:
            session.log.line(f"{number:>3}. {text}")


def _do(session: Session, line: Line, *, echoed: bool, include: bool = False) -> None:
    main, options = split_comma(line.text)
    nostop = (options or "").strip()
    if nostop:
        raise StataError(198, f"option {nostop.split()[0]} not supported by this engine")
    words = split_words(main)
    if not words:
        raise invalid_syntax()
    name, arguments = words[0], words[1:]
    path = find_do_file(session, name)
    typed = main.strip()
    rest = typed[len(name) :].strip() if typed.startswith(name) else " ".join(arguments)
    if echoed:
        session.log.line()
    session.interpreter.run_file(path, rest, arguments, echoed=echoed, include=include)


def find_do_file(session: Session, name: str) -> Path:
    """The do-file `name`, `.do` added when it has no suffix. Raises r(601)."""
    path = session.path(name)
    if not path.suffix:
        path = path.with_name(path.name + ".do")
    if not path.is_file():
        raise StataError(601, f"file {name if Path(name).suffix else name + '.do'} not found")
    return path


@command("do", "*")
def do(session: Session, line: Line) -> None:
    """Run a do-file, its commands echoed."""
    _do(session, line, echoed=True)


@command("run", "*", minimum=2)
def run(session: Session, line: Line) -> None:
    """Run a do-file silently."""
    with session.log.silence():
        _do(session, line, echoed=False)


@command("include", "*", minimum=3)
def include(session: Session, line: Line) -> None:
    """Run a do-file with the caller's local macros."""
    _do(session, line, echoed=bool(session.calls) and session.calls[-1].echo, include=True)


@command("exit", "*", minimum=1)
def exit_(session: Session, line: Line) -> None:
    """Leave the do-file or program, with a return code when one is given."""
    main, options = split_comma(line.text)
    for option in (options or "").split():
        if option not in ("clear", "STATA"):
            raise StataError(198, f"option {option} not allowed")
    rc = int(session.evaluate_number(main)) if main.strip() else 0
    if "STATA" in (options or "").split():
        raise ExitSession(rc)
    if rc:
        raise StataError(rc)
    raise ExitLevel


@command("error", "*", minimum=3)
def error(session: Session, line: Line) -> None:
    """Issue the standard message of a return code and stop with it."""
    rc = int(session.evaluate_number(line.text))
    if rc:
        raise StataError(rc, message_of(rc))


@command("continue", "[, Break]", minimum=4)
def continue_(session: Session, line: Line) -> None:
    """Go on with the next pass of a loop, or leave it."""
    if not session.calls or not session.calls[-1].loops:
        raise StataError(119, "statement out of context")
    raise LoopBreak if line.flag("break") else LoopContinue


@command("version", "*", minimum=4, refused="user version, other born() dates")
def version(session: Session, line: Line) -> None:
    """Set or show the language version that is followed."""
    main, options = split_comma(line.text)
    text = main.strip()
    if options is not None and options.strip() and not re.match(r"(user|missing|born\()", options.strip()):
        raise StataError(198, f"option {options.strip()} not allowed")
    if not text:
        session.log.line(f"version {LANGUAGE_VERSION:.1f}")
        return
    check_version(text)
    session.calls[-1].version = text
