"""Echo of source lines in the log, as Stata shows a do-file that runs."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import TYPE_CHECKING

from ssd.engine.lang.prefixes import split_prefixes
from ssd.engine.lang.source import SourceLine

if TYPE_CHECKING:
    from ssd.engine.lang.program import Statement
    from ssd.engine.output.log import Log


def is_open_block(statement: Statement) -> bool:
    """Blocks whose lines are echoed one by one as they run: `if`, `else` and bare braces; not loops."""
    if statement.definition is not None or (statement.body is None and statement.otherwise is None):
        return False
    command = split_prefixes(statement.text).command
    return not command or re.match(r"(if|else)\b", command) is not None


def echo_lines(log: Log, lines: Iterable[SourceLine]) -> None:
    """Source lines with the prompt `. `, their continuations with `> `."""
    for line in lines:
        for index, text in enumerate(line.typed):
            log.echo(("> " if index else ". ") + text)


def echo_statement(log: Log, statement: Statement) -> None:
    """A statement before it runs: whole, with line numbers inside loops and programs, or only its first line."""
    if is_open_block(statement):
        echo_lines(log, statement.typed[:1])
        return
    echo_lines(log, statement.typed[:1])
    first = 1 if statement.definition is not None else 2
    for number, line in enumerate(statement.typed[1:], start=first):
        for index, text in enumerate(line.typed):
            log.echo(("> " if index else f"{number:>3}. ") + text)


def echo_else(log: Log, statement: Statement) -> None:
    """The `else` line, with blank and comment lines before it."""
    for line in statement.typed:
        echo_lines(log, [line])
        if line.number == statement.line:
            return


def echo_skipped(log: Log, statements: Iterable[Statement]) -> None:
    """Lines of a block that does not run."""
    for statement in statements:
        echo_lines(log, statement.typed)
        if statement.otherwise is not None:
            echo_skipped(log, [statement.otherwise])


def echo_close(log: Log, statement: Statement) -> None:
    """The closing brace of a block."""
    echo_lines(log, statement.typed[-1:])
