"""Physical lines of a do-file to logical lines, with positions.

A logical line is what Stata runs as one command: comments removed (`*`, `//`, `/* */` nested),
continuations (`///`, `/* */` across lines, or any line end under `#delimit ;`) joined. The physical
text is kept with it, because the log echoes lines as typed.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

_DELIMIT = re.compile(r"\s*#d(?:e(?:l(?:i(?:m(?:it?)?)?)?)?)?\s+(;|cr)\s*$")


@dataclass(frozen=True)
class SourceLine:
    """One logical line. `number` is the 1-based physical line it starts on; `typed` its physical lines."""

    text: str
    number: int
    typed: tuple[str, ...] = field(default=())
    complete: bool = True
    """False when the file ended inside a comment or, under `#delimit ;`, before the semicolon."""

    @property
    def is_blank(self) -> bool:
        return not self.text.strip()


@dataclass
class _Scan:
    """State carried from one physical line to the next."""

    semicolon: bool = False
    comment_depth: int = 0
    star_comment: bool = False
    quotes: list[str] = field(default_factory=list)
    code: list[str] = field(default_factory=list)
    typed: list[str] = field(default_factory=list)
    start: int = 0


def logical_lines(text: str) -> Iterator[SourceLine]:
    """Logical lines of a do-file's text, in order; blank and comment lines come with empty `text`."""
    scan = _Scan()
    physical = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    if physical and physical[-1] == "":
        physical.pop()
    if physical and physical[0].startswith("\ufeff"):
        physical[0] = physical[0][1:]
    for number, line in enumerate(physical, start=1):
        if not scan.typed:
            scan.start = number
        scan.typed.append(line)
        if not scan.comment_depth and not "".join(scan.code).strip():
            delimit = _DELIMIT.match(line.split("//")[0])
            if delimit:
                scan.semicolon = delimit.group(1) == ";"
                yield SourceLine("", scan.start, tuple(scan.typed))
                _reset(scan)
                continue
        yield from _scan_line(scan, line, number)
    if scan.typed and (scan.comment_depth or "".join(scan.code).strip()):
        yield SourceLine("".join(scan.code).strip(), scan.start, tuple(scan.typed), complete=False)


def _reset(scan: _Scan) -> None:
    scan.code = []
    scan.typed = []
    scan.star_comment = False
    scan.quotes = []


def _scan_line(scan: _Scan, line: str, number: int) -> Iterator[SourceLine]:
    """Consume one physical line; yield each logical line that ends on it."""
    position = 0
    length = len(line)
    if not scan.semicolon:
        scan.quotes = []
    while position < length:
        char = line[position]
        pair = line[position : position + 2]
        if scan.comment_depth:
            if pair == "*/":
                scan.comment_depth -= 1
                position += 2
            elif pair == "/*":
                scan.comment_depth += 1
                position += 2
            else:
                position += 1
            continue
        if pair == "/*" and not scan.quotes:
            scan.comment_depth += 1
            scan.code.append(" ")
            position += 2
            continue
        if pair == "//" and not scan.quotes and (position == 0 or line[position - 1] in " \t"):
            if line[position : position + 3] == "///" and not scan.semicolon:
                scan.code.append(" ")
                return
            break
        if char == ";" and scan.semicolon and not scan.quotes:
            yield _finish(scan, (*scan.typed,))
            scan.start = number
            position += 1
            if line[position:].strip():
                scan.typed = [line[position:]]
            continue
        if char == "*" and not scan.star_comment and not "".join(scan.code).strip():
            scan.star_comment = True
        _track_quotes(scan.quotes, line, position)
        if pair == '`"' or (pair == "\"'" and scan.quotes != ['"']):
            scan.code.append(pair)
            position += 2
            continue
        scan.code.append(char)
        position += 1
    if scan.semicolon:
        if "".join(scan.code).strip() or scan.comment_depth:
            scan.code.append(" ")
        elif scan.typed:
            yield SourceLine("", scan.start, tuple(scan.typed))
            _reset(scan)
        return
    if scan.comment_depth:
        scan.code.append(" ")
        return
    yield _finish(scan, tuple(scan.typed))


def _finish(scan: _Scan, typed: tuple[str, ...]) -> SourceLine:
    text = "" if scan.star_comment else "".join(scan.code).strip()
    line = SourceLine(text, scan.start, typed)
    _reset(scan)
    return line


def _track_quotes(quotes: list[str], line: str, position: int) -> None:
    """Maintain the stack of open quotes (`"` simple, `` `" `` compound) at `position`."""
    if line.startswith('`"', position):
        quotes.append('`"')
    elif line.startswith("\"'", position) and quotes and quotes[-1] == '`"':
        quotes.pop()
    elif line[position] == '"':
        if quotes and quotes[-1] == '"':
            quotes.pop()
        else:
            quotes.append('"')
