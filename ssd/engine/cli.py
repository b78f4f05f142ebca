"""The command line: Stata's batch contract (`-b do FILE.do`), and `check`."""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from threading import Event, Thread, stack_size
from typing import Final, TextIO

from ssd.engine import NAME, VERSION
from ssd.engine.errors import StataError
from ssd.engine.lang.calls import ExitSession
from ssd.engine.lang.quoting import split_words
from ssd.engine.lang.settings import default_settings
from ssd.engine.output.log import Log
from ssd.engine.session import ErrorPosition, Session

USAGE: Final = f"""usage: {NAME} [-b | -e] [--strict-exit] do FILE.do [arguments]
       {NAME} check FILE.do
       {NAME} reference [FOLDER]
       {NAME} --version | --help

  -b, -e         write FILE.log in the current folder instead of standard output
  --strict-exit  exit 1 when the do-file ends in an error (as in Stata, it is 0 otherwise)
  check          parse only; list what is not supported, with line numbers; exit 1 if there is any
  reference      print docs/engine.md, counting the cases in FOLDER (tests/engine)

SSD_ENGINE_STATUS names a file that receives {{rc, message, command, line, file}} as JSON at the end.
"""
STATUS_VARIABLE: Final = "SSD_ENGINE_STATUS"
_RECURSION: Final = 12_000
_STACK: Final = 128 * 1024 * 1024


@dataclass(frozen=True)
class Outcome:
    """How a do-file ended."""

    rc: int
    message: str
    position: ErrorPosition | None


def main(arguments: list[str] | None = None) -> int:
    """Entry point; the exit status."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    batch = strict = False
    while (words and words[0].startswith("-")) or words[:1] == ["/e"] or words[:1] == ["/b"]:
        flag = words.pop(0)
        if flag in ("-b", "-e", "/b", "/e"):
            batch = True
        elif flag == "--strict-exit":
            strict = True
        elif flag == "--version":
            sys.stdout.write(f"{NAME} {VERSION}\n")
            return 0
        elif flag in ("--help", "-h"):
            sys.stdout.write(USAGE)
            return 0
        elif flag != "-q":
            sys.stderr.write(f"{NAME}: unknown option {flag}\n{USAGE}")
            return 2
    if len(words) >= 2 and words[0] == "check":
        from ssd.engine.lang.scan import check_file

        return check_file(Path(words[1]), sys.stdout)
    if words[:1] == ["reference"] and len(words) <= 2:
        from ssd.engine.reference import gather, render

        sys.stdout.write(render(gather(Path(words[1] if len(words) == 2 else "tests/engine"))))
        return 0
    if len(words) < 2 or words[0] not in ("do", "run"):
        sys.stderr.write(USAGE)
        return 2
    stop = Event()
    outcome = _in_large_stack(lambda: run_do_file(words[1], words[2:], batch=batch, stop=stop), stop)
    return 1 if strict and outcome.rc else 0


def _in_large_stack(action: Callable[[], Outcome], stop: Event) -> Outcome:
    """Run `action` in a thread whose stack holds deeply nested do-files and expressions.

    An interrupt sets `stop`, which ends the do-file at its next statement with r(1).
    """
    sys.setrecursionlimit(_RECURSION)
    stack_size(_STACK)
    results: list[Outcome] = []
    failures: list[BaseException] = []

    def run() -> None:
        try:
            results.append(action())
        except BaseException as error:  # noqa: BLE001 - carried to the main thread and raised there
            failures.append(error)

    signal.signal(signal.SIGINT, lambda *_: stop.set())
    thread = Thread(target=run)
    thread.start()
    thread.join()
    if failures:
        raise failures[0]
    return results[0]


def do_file_path(name: str) -> Path:
    """The do-file named on the command line; `.do` is added when it has no suffix."""
    path = Path(name)
    return path if path.suffix else path.with_suffix(".do")


def run_do_file(name: str, arguments: list[str], *, batch: bool, stop: Event | None = None) -> Outcome:
    """Run a do-file in a new session, log it, and write the status file when one is asked for."""
    path = do_file_path(name)
    with ExitStack() as stack:
        stream: TextIO = sys.stdout
        if batch:
            stem = path.stem.split(" ")[0] or "stata"
            stream = stack.enter_context(Path(f"{stem}.log").open("w", encoding="utf-8"))
        session = new_session(Path.cwd(), stream)
        session.stop = stop
        session.log.line(f"{NAME} {VERSION} (a Stata-language engine; not Stata)")
        session.log.line()
        typed = " ".join(f'"{word}"' if " " in word else word for word in arguments)
        session.log.line(f". do {name}{' ' + typed if typed else ''}")
        session.log.line()
        outcome = _run(session, path, typed)
        close(session)
    _write_status(outcome)
    return outcome


def new_session(folder: Path, stream: TextIO) -> Session:
    """A session as at the start of Stata: default settings, no data."""
    return Session(folder=folder, log=Log(stream), settings=default_settings())


def _run(session: Session, path: Path, arguments: str) -> Outcome:
    try:
        session.interpreter.run_file(session.folder / path, arguments, split_words(arguments), echoed=True)
    except StataError as error:
        if not error.reported:
            session.log.error_line(error.message)
            session.log.error_line(f"r({error.rc});")
        return Outcome(error.rc, error.message, session.error_position)
    except ExitSession as leaving:
        return Outcome(leaving.rc, "", None)
    return Outcome(0, "", None)


def close(session: Session) -> None:
    """Close log copies and files, and remove temporary files."""
    from ssd.engine.lang.scratch import remove_scratch

    for copy in session.log.copies:
        copy.stream.close()
    session.log.copies.clear()
    remove_scratch(session)


def _write_status(outcome: Outcome) -> None:
    target = os.environ.get(STATUS_VARIABLE)
    if not target:
        return
    position = outcome.position
    record = {
        "rc": outcome.rc,
        "message": outcome.message,
        "command": position.command if position else "",
        "line": position.line if position else 0,
        "file": position.file if position else "",
    }
    Path(target).write_text(json.dumps(record, ensure_ascii=False) + "\n", encoding="utf-8")
