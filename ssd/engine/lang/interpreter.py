"""Runs statements: macros are expanded, prefixes taken off, the command found and called."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

from ssd.engine.commands import load
from ssd.engine.commands.declare import Command
from ssd.engine.errors import StataError, unrecognized_command
from ssd.engine.lang import bygroups, echo, loops, programs
from ssd.engine.lang.calls import Call, ExitLevel
from ssd.engine.lang.expressions import split_expression
from ssd.engine.lang.faults import as_stata_error
from ssd.engine.lang.macros import expand
from ssd.engine.lang.prefixes import Prefixed, split_prefixes
from ssd.engine.lang.program import BlockError, Reader, Statement
from ssd.engine.lang.settling import settle
from ssd.engine.lang.source import SourceLine, logical_lines
from ssd.engine.lang.syntax import parse_command
from ssd.engine.missing import MISSING
from ssd.engine.session import ErrorPosition

if TYPE_CHECKING:
    from ssd.engine.session import Session

MAX_DEPTH: Final = 64
"""Nested do-files and programs; Stata's own limit."""
_FIRST_WORD: Final = re.compile(r"[^\W\d][\w.]*|\?+|!|#|\*")


class Interpreter:
    """Executes statements on a session. One per session."""

    def __init__(self, session: Session) -> None:
        self.session = session
        self.registry = load()

    # --- do-files ---
    def run_file(self, path: Path, arguments: str, words: list[str], *, echoed: bool, include: bool = False) -> None:
        """Run a do-file one level deeper (`include` shares the caller's local macros).

        Raises the StataError that ended it, after its `end of do-file` lines are in the log.
        """
        text = read_text(path)
        table = self.session.locals[-1] if include else programs.positional(arguments, words)
        call = Call("do", path.name, str(path), echo=echoed)
        with self.level(call, table):
            self._run_top_level(call, logical_lines(text))

    def _run_top_level(self, call: Call, lines: Iterable[SourceLine]) -> None:
        reader = Reader(lines)
        call.reader = reader
        log = self.session.log
        show = call.echo
        try:
            self._statements_of(reader, call)
        except ExitLevel:
            pass
        except StataError as error:
            self._report(error)
            if show:
                log.error_line("\nend of do-file" if error.rc != 1 else "--Break--")
                log.error_line(f"r({error.rc});")
            raise
        if show:
            log.line("end of do-file")

    def _statements_of(self, reader: Reader, call: Call) -> None:
        log = self.session.log
        while True:
            try:
                statement = reader.next_statement()
            except BlockError as error:
                if call.echo:
                    echo.echo_lines(log, reader.passed)
                    echo.echo_lines(log, error.typed[:1])
                call.line = error.typed[0].number
                call.text = error.typed[0].text
                raise
            if call.echo:
                echo.echo_lines(log, reader.passed)
            if statement is None:
                if call.echo:
                    log.line(". ")
                return
            if call.echo:
                echo.echo_statement(log, statement)
            self.run_statement(statement, echoed=call.echo and echo.is_open_block(statement))
            if call.echo:
                log.line()

    def _report(self, error: StataError) -> None:
        """Print an uncaught error once, with the place where it arose."""
        if error.reported:
            return
        error.reported = True
        session = self.session
        if session.log.column:
            session.log.error_line("")
        if error.message:
            session.log.error_line(error.message)
        session.log.error_line(f"r({error.rc});")

    def note_position(self) -> None:
        """Remember where an error arose: the innermost level first seen."""
        calls = self.session.calls
        if self.session.error_position is None and calls:
            top = next((call for call in reversed(calls) if call.kind == "do"), calls[-1])
            self.session.error_position = ErrorPosition(top.file, top.line, top.text)

    # --- statements ---
    def run_statements(self, statements: list[Statement], *, echoed: bool = False) -> None:
        for statement in statements:
            if echoed:
                echo.echo_statement(self.session.log, statement)
            self.run_statement(statement, echoed=echoed and echo.is_open_block(statement))

    def run_statement(self, statement: Statement, *, echoed: bool = False) -> None:
        """One statement with its block, if it has one. Errors carry the statement's position."""
        session = self.session
        call = session.calls[-1]
        call.line, call.text = statement.line, statement.text
        if session.stop is not None and session.stop.is_set():
            raise StataError(1, "--Break--")
        try:
            with as_stata_error(session):
                self._perform(statement, echoed)
        except StataError:
            self.note_position()
            raise

    def _perform(self, statement: Statement, echoed: bool) -> None:
        if statement.definition is not None:
            self._define(statement)
            return
        text = expand(statement.text, self.session)
        if statement.body is None and statement.otherwise is None:
            self.run_command(text)
        else:
            self._run_prefixed(split_prefixes(text), lambda rest: self._block(rest, statement, echoed))

    def _define(self, statement: Statement) -> None:
        prefixed = split_prefixes(expand(statement.text, self.session))
        first = _FIRST_WORD.match(prefixed.command)
        if first is not None and first.group() in ("mata", "python"):
            raise StataError(199, f"command {first.group()} is unrecognized\nnot supported by this engine")
        self._run_prefixed(prefixed, lambda rest: programs.define(self.session, rest, statement))

    def _block(self, text: str, statement: Statement, echoed: bool) -> None:
        """A control statement, prefixes removed, with its body."""
        word = re.match(r"\w*", text)
        keyword = word.group() if word else ""
        rest = text[len(keyword) :].strip()
        body = statement.body
        if keyword == "if":
            self._if(rest, statement, echoed)
        elif body is None:
            self.run_command(text)
        elif keyword == "else":
            raise StataError(198, "else without if" if not text else "invalid syntax")
        elif keyword == "while":
            loops.run_while(self, statement, body)
        elif keyword == "foreach":
            loops.run_foreach(self, rest, body)
        elif len(keyword) >= 4 and "forvalues".startswith(keyword):
            loops.run_forvalues(self, rest, body)
        elif keyword in ("frame", "frames"):
            from ssd.engine.commands.language_frames import within_frame

            with within_frame(self.session, rest.removesuffix(":").strip()):
                self.run_statements(body)
        elif not text:
            self.run_statements(body, echoed=echoed)
            if echoed:
                echo.echo_close(self.session.log, statement)
        else:
            raise StataError(198, "invalid syntax\nan opening brace follows a command that takes none")

    def _if(self, text: str, statement: Statement, echoed: bool) -> None:
        condition, command = split_expression(text)
        if not condition:
            raise StataError(198, "invalid syntax")
        holds = self.is_true(condition)
        if statement.body is not None:
            if command:
                raise StataError(198, "invalid syntax")
            if holds:
                self.run_statements(statement.body, echoed=echoed)
            elif echoed:
                echo.echo_skipped(self.session.log, statement.body)
            if echoed:
                echo.echo_close(self.session.log, statement)
        elif not command:
            raise StataError(100, "{ required")
        elif holds:
            self.run_command(command)
        if statement.otherwise is not None:
            self._else(statement.otherwise, holds, echoed)

    def _else(self, statement: Statement, done: bool, echoed: bool) -> None:
        if echoed:
            echo.echo_else(self.session.log, statement)
        if done:
            if echoed and statement.body is not None:
                echo.echo_skipped(self.session.log, statement.body)
                echo.echo_close(self.session.log, statement)
            if statement.otherwise is not None:
                self._else(statement.otherwise, True, echoed)
            return
        call = self.session.calls[-1]
        call.line, call.text = statement.line, statement.text
        text = expand(statement.text, self.session)[4:].strip()
        if re.match(r"if\b", text):
            self._if(text[2:].strip(), statement, echoed)
            return
        if statement.body is None:
            self.run_command(text)
            return
        if text:
            raise StataError(198, "invalid syntax")
        self.run_statements(statement.body, echoed=echoed)
        if echoed:
            echo.echo_close(self.session.log, statement)

    def is_true(self, condition: str) -> bool:
        """Whether a scalar condition holds (missing counts as true)."""
        value = self.session.evaluate_number(condition)
        return value != 0 or value >= MISSING

    # --- commands ---
    def run_command(self, text: str) -> None:
        """One command line, macros expanded, with its prefixes."""
        prefixed = split_prefixes(text)
        self._run_prefixed(prefixed, lambda rest: self._dispatch(rest, prefixed))

    def _run_prefixed(self, prefixed: Prefixed, action: Callable[[str], None]) -> None:
        """Run `action` under capture, quietly and noisily, applied from the outermost inwards."""
        self._apply(list(prefixed.words), prefixed, action)

    def _apply(self, words: list[str], prefixed: Prefixed, action: Callable[[str], None]) -> None:
        log = self.session.log
        if not words:
            with self._version(prefixed.version), as_stata_error(self.session):
                action(prefixed.command)
            return
        word, rest = words[0], words[1:]
        if word == "quietly":
            with log.silence():
                self._apply(rest, prefixed, action)
        elif word == "noisily":
            call = self.session.calls[-1] if self.session.calls else None
            base = (call.silenced, call.captured) if call else (0, 0)
            with log.audible(*base):
                self._apply(rest, prefixed, action)
        else:
            self._capture(rest, prefixed, action)

    def _capture(self, words: list[str], prefixed: Prefixed, action: Callable[[str], None]) -> None:
        session = self.session
        depth = len(session.calls)
        position = session.error_position
        try:
            with session.log.silence(capture=True):
                self._apply(words, prefixed, action)
        except StataError as error:
            del session.calls[depth:]
            if "noisily" in words and error.message and not error.reported:
                session.log.error_line(error.message)
            session.error_position = position
            session.rc = error.rc
        else:
            session.rc = 0

    @contextmanager
    def _version(self, version: str | None) -> Iterator[None]:
        if version is None:
            yield
            return
        programs.check_version(version)
        call = self.session.calls[-1]
        before = call.version
        call.version = version
        try:
            yield
        finally:
            call.version = before

    def _dispatch(self, text: str, prefixed: Prefixed) -> None:
        if not text:
            if prefixed.by is not None:
                raise StataError(198, "invalid syntax")
            return
        word_match = _FIRST_WORD.match(text)
        if word_match is None:
            first = text.split(maxsplit=1)[0]
            raise StataError(199, f"{first} is not a valid command name")
        word = word_match.group()
        rest = text[word_match.end() :]
        if word == "*":
            return
        if word == "if":
            self._if(rest.strip(), Statement(text, 0), echoed=False)
            return
        if re.fullmatch(r"forv\w*|foreach|while", word):
            raise StataError(100, "{ required")
        if word == "else":
            raise StataError(198, "else without if")
        program = self.session.programs.get(word) or programs.find_local(self.session, word)
        if program is None:
            command = self.registry.find(word)
            if command is not None:
                self._run_builtin(command, rest, prefixed)
                return
            program = programs.load_ado(self, word)
        if program is None:
            raise unrecognized_command(word)
        bygroups.run_program(self, program, rest, prefixed.by)

    def _run_builtin(self, command: Command, rest: str, prefixed: Prefixed) -> None:
        session = self.session
        r, e = session.r, session.e
        try:
            if prefixed.by is not None:
                bygroups.run_builtin(self, command, rest, prefixed.by)
            else:
                command.run(session, parse_command(command, rest, session))
        finally:
            settle(session, r, e)

    # --- levels ---
    @contextmanager
    def level(self, call: Call, table: dict[str, str]) -> Iterator[None]:
        """Enter a do-file or program: its local macros, its base of `quietly`; clean up on leaving."""
        session = self.session
        if len(session.calls) >= MAX_DEPTH:
            raise StataError(1001, f"too many nested do-files or programs\n({MAX_DEPTH} levels)")
        call.silenced, call.captured = session.log.silenced, session.log.captured
        if session.calls and not call.version:
            call.version = session.calls[-1].version
        session.calls.append(call)
        session.locals.append(table)
        depth = len(session.locals)
        before = (session.log.silenced, session.log.captured)
        try:
            yield
        finally:
            session.log.silenced, session.log.captured = before
            programs.clean_up(session, call)
            del session.locals[depth - 1 :]
            if call in session.calls:
                del session.calls[session.calls.index(call) :]


def read_text(path: Path) -> str:
    """Text of a do-file, UTF-8 or else Latin-1. Raises r(601) or r(603)."""
    try:
        raw = path.read_bytes()
    except FileNotFoundError:
        raise StataError(601, f"file {path.name} not found") from None
    except OSError:
        raise StataError(603, f"file {path.name} could not be opened") from None
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        return raw.decode("latin-1")
