"""The statements of a do-file or program: commands, blocks in braces, program definitions.

Blocks are recognised before macros are expanded, as in Stata, so their braces must be literal.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Final

from ssd.engine.errors import StataError
from ssd.engine.lang.quoting import skip_quoted
from ssd.engine.lang.source import SourceLine, logical_lines

_QUIET: Final = r"(?:qui(?:e(?:t(?:ly?)?)?)?|n(?:o(?:i(?:s(?:i(?:ly?)?)?)?)?)?|cap(?:t(?:u(?:re?)?)?)?)\s*:?\s+"
_PROGRAM: Final = re.compile(
    rf"(?:{_QUIET})*(?:pr(?:o(?:g(?:r(?:am?)?)?)?)?)\s+(?:(?:de(?:f(?:i(?:ne?)?)?)?)\s+)?(?P<name>\w[\w.]*)"
)
_MATA: Final = re.compile(r"(?:mata|python)\s*:?\s*$")
_INPUT: Final = re.compile(rf"(?:{_QUIET})*inp(?:ut?)?\b")
_ELSE: Final = re.compile(r"else\b")
_OPENS: Final = re.compile(r"(?<![$])\{$")


@dataclass
class Statement:
    """A command, or a block with its body; `text` is the line without the opening brace."""

    text: str
    line: int
    body: list[Statement] | None = None
    otherwise: Statement | None = None
    """The `else` that belongs to an `if`."""
    definition: list[SourceLine] | None = None
    """Body of `program define`, or of a `mata:`/`python:` block."""
    typed: list[SourceLine] = field(default_factory=list)
    """Every source line of the statement, for the echo."""


class Reader:
    """Statements from logical lines, one at a time, so that what precedes a syntax error still runs."""

    def __init__(self, lines: Iterable[SourceLine]) -> None:
        self._lines = iter(lines)
        self._pushed: list[SourceLine] = []
        self.passed: list[SourceLine] = []
        """Blank and comment lines skipped since the last statement."""

    def next_line(self) -> SourceLine | None:
        """The next logical line as it stands (for `input`)."""
        if self._pushed:
            return self._pushed.pop()
        return next(self._lines, None)

    def _next_code(self) -> SourceLine | None:
        while (line := self.next_line()) is not None:
            if not line.is_blank:
                return line
            self.passed.append(line)
        return None

    def next_statement(self) -> Statement | None:
        """The next statement, or None at the end.

        Raises r(198) for a stray brace or `else`; the line is in `passed` then.
        """
        self.passed = []
        line = self._next_code()
        if line is None:
            return None
        return self._statement(line)

    def _statement(self, line: SourceLine) -> Statement:
        typed: list[SourceLine] = [line]
        text = line.text
        if text.startswith("}"):
            raise BlockError(typed, "unmatched close brace" if text == "}" else CLOSE_BRACE)
        if _is_definition(text) or _MATA.match(text):
            return self._definition(line)
        if _code_after_brace(text):
            raise BlockError(typed, OPEN_BRACE)
        if text.endswith("}") and _closes_more_than_it_opens(text):
            raise BlockError(typed, NO_CLOSE_BRACE)
        if text == "{":
            raise BlockError(typed, "{ is not a valid command name", rc=199)
        if not _opens_block(text):
            statement = Statement(text, line.number, typed=typed)
            if _is_if(text):
                self._attach_else(statement)
            return statement
        statement = Statement(text[:-1].rstrip(), line.number, typed=typed)
        statement.body = self._body(statement.typed)
        if _is_if(text) or _ELSE.match(text):
            self._attach_else(statement)
        return statement

    def _definition(self, line: SourceLine) -> Statement:
        statement = Statement(line.text, line.number, definition=[], typed=[line])
        assert statement.definition is not None
        while (following := self.next_line()) is not None:
            statement.typed.append(following)
            if following.text == "end":
                return statement
            statement.definition.append(following)
        raise BlockError(statement.typed, "unexpected end of file", rc=612)

    def _body(self, typed: list[SourceLine]) -> list[Statement]:
        """Statements up to the matching close brace; all their lines are added to `typed`."""
        body: list[Statement] = []
        while (line := self.next_line()) is not None:
            typed.append(line)
            if line.is_blank:
                continue
            if line.text == "}":
                return body
            if line.text.startswith("}"):
                raise BlockError(typed, CLOSE_BRACE)
            try:
                inner = self._statement(line)
            except BlockError as error:
                raise BlockError([*typed[:-1], *error.typed], error.message, rc=error.rc) from None
            typed.extend(inner.typed[1:])
            chained = inner.otherwise
            while chained is not None:
                typed.extend(chained.typed)
                chained = chained.otherwise
            body.append(inner)
        raise BlockError(typed, "unexpected end of file", rc=612)

    def _attach_else(self, statement: Statement) -> None:
        """Read the `else` that follows an `if`, past blank lines; put back what is not one."""
        skipped: list[SourceLine] = []
        while (line := self.next_line()) is not None:
            skipped.append(line)
            if line.is_blank:
                continue
            if not _ELSE.match(line.text):
                break
            otherwise = self._statement(line)
            otherwise.typed = [*skipped[:-1], *otherwise.typed]
            statement.otherwise = otherwise
            return
        self._pushed.extend(reversed(skipped))


OPEN_BRACE: Final = "program error:  code follows on the same line as open brace"
CLOSE_BRACE: Final = "program error:  code follows on the same line as close brace"
NO_CLOSE_BRACE: Final = "program error:  matching close brace not found"


class BlockError(StataError):
    """A block is malformed; `typed` are the lines read so far."""

    def __init__(self, typed: list[SourceLine], message: str, rc: int = 198) -> None:
        super().__init__(rc, message)
        self.typed = typed


def _is_if(text: str) -> bool:
    return re.match(rf"(?:{_QUIET})*(?:else\s+)?if\b", text) is not None


def _is_definition(text: str) -> bool:
    match = _PROGRAM.match(text)
    if match is None:
        return False
    return not (match["name"] in ("drop", "dir", "list") and "define" not in text.split(match["name"], maxsplit=1)[0])


def _opens_block(text: str) -> bool:
    """Whether the line ends in an opening brace that is code, not part of a string or of `${…`."""
    if not _OPENS.search(text):
        return False
    return _outside_quotes(text, len(text) - 1)


def _outside_quotes(text: str, wanted: int) -> bool:
    index = 0
    while index < wanted:
        after = skip_quoted(text, index)
        if after > wanted:
            return False
        index = after if after > index else index + 1
    return True


_BLOCK_WORD: Final = re.compile(
    rf"(?:{_QUIET})+(?=\{{)|(?:{_QUIET})*(?:if|else|while|foreach|forv(?:a(?:l(?:u(?:es?)?)?)?)?)\b"
)


def _closes_more_than_it_opens(text: str) -> bool:
    depth = index = 0
    while index < len(text):
        after = skip_quoted(text, index)
        if after > index:
            index = after
            continue
        depth += (text[index] == "{") - (text[index] == "}")
        index += 1
    return depth < 0


def _code_after_brace(text: str) -> bool:
    """A control line whose opening brace is followed by more code, as in `if 1 { display 1 }`."""
    if not _BLOCK_WORD.match(text) or _opens_block(text):
        return False
    index = 0
    while index < len(text):
        after = skip_quoted(text, index)
        if after > index:
            index = after
            continue
        if text[index] == "{" and index and text[index - 1] in " \t)" and not text.startswith("$", index - 1):
            return True
        index += 1
    return False


def parse_lines(lines: Iterable[SourceLine]) -> list[Statement]:
    """All statements of a body that is already complete."""
    reader = Reader(lines)
    statements = []
    while (statement := reader.next_statement()) is not None:
        statements.append(statement)
    return statements


def parse_program(text: str) -> list[Statement]:
    """All statements of a do-file's text. Raises r(198)/r(612) for malformed blocks."""
    return parse_lines(logical_lines(text))


def walk(statements: Iterable[Statement]) -> Iterator[Statement]:
    """Every statement, blocks and program bodies included, in order. `input` data lines are left out."""
    in_data = False
    for statement in statements:
        if in_data:
            in_data = statement.text != "end"
            continue
        yield statement
        if statement.body is not None:
            yield from walk(statement.body)
        if statement.definition is not None and _is_definition(statement.text):
            yield from walk(parse_lines(statement.definition))
        if statement.otherwise is not None:
            yield from walk([statement.otherwise])
        in_data = _INPUT.match(statement.text) is not None
