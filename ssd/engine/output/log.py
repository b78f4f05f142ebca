"""The log: what Stata would print. Text of commands is echoed as `. command`; results follow."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO


@dataclass
class Copy:
    """A log opened by `log using`: everything written to the session's log goes there too."""

    name: str
    path: Path
    stream: TextIO
    smcl: bool
    paused: bool = False


class Log:
    """A line-buffered writer that `quietly` can silence. Lines are wrapped by callers, never here."""

    def __init__(self, stream: TextIO, *, linesize: int = 80) -> None:
        self._stream = stream
        self.linesize = linesize
        self.silenced = 0
        """Depth of `quietly`/`capture`; output is dropped while it is above 0."""
        self.captured = 0
        """Depth of `capture`; error messages too are dropped while it is above 0."""
        self.column = 0
        """Characters already on the current line (for display with `_continue` and `_column()`)."""
        self.copies: list[Copy] = []

    def line(self, text: str = "") -> None:
        """One output line."""
        self.write(text + "\n")

    def write(self, text: str) -> None:
        """Text without a line end (display with _continue)."""
        if self.silenced == 0:
            self._emit(text)

    def error_line(self, text: str) -> None:
        """A line of an error message: `quietly` does not hide it, `capture` does."""
        if self.captured == 0:
            self._emit(text + "\n")

    def write_error(self, text: str) -> None:
        """As `error_line`, without the line end."""
        if self.captured == 0:
            self._emit(text)

    def echo(self, text: str) -> None:
        """A source line as Stata shows it in a log; the caller adds the `. ` or `> ` prompt."""
        self.write(text + "\n")

    @contextmanager
    def silence(self, *, capture: bool = False) -> Iterator[None]:
        """Drop output (with `capture`, error messages too) inside the block."""
        before = (self.silenced, self.captured)
        self.silenced += 1
        self.captured += capture
        try:
            yield
        finally:
            self.silenced, self.captured = before

    @contextmanager
    def audible(self, silenced: int, captured: int) -> Iterator[None]:
        """Set both depths inside the block (`noisily` returns to those of the running program)."""
        before = (self.silenced, self.captured)
        self.silenced, self.captured = silenced, captured
        try:
            yield
        finally:
            self.silenced, self.captured = before

    def _emit(self, text: str) -> None:
        if not text:
            return
        newline = text.rfind("\n")
        self.column = self.column + len(text) if newline < 0 else len(text) - newline - 1
        self._stream.write(text)
        if newline >= 0:
            self._stream.flush()
        for copy in self.copies:
            if not copy.paused:
                copy.stream.write(_escaped(text) if copy.smcl else text)
                copy.stream.flush()


def _escaped(text: str) -> str:
    """Text whose braces stand for themselves in SMCL."""
    if "{" not in text and "}" not in text:
        return text
    return text.replace("{", "\0").replace("}", "{c )-}").replace("\0", "{c -(}")
