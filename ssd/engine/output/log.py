"""The log: what Stata would print. Text of commands is echoed as `. command`; results follow."""

from __future__ import annotations

from typing import TextIO


class Log:
    """A line-buffered writer that `quietly` can silence. Lines are wrapped by callers, never here."""

    def __init__(self, stream: TextIO, *, linesize: int = 80) -> None:
        self._stream = stream
        self.linesize = linesize
        self.silenced = 0
        """Depth of `quietly`/`capture`; output is dropped while it is above 0."""

    def line(self, text: str = "") -> None:
        """One output line."""
        self.write(text + "\n")

    def write(self, text: str) -> None:
        """Text without a line end (display with _continue)."""
        if self.silenced == 0:
            self._stream.write(text)

    def echo(self, text: str) -> None:
        """A source line as Stata shows it in a log; the caller adds the `. ` or `> ` prompt."""
        self.write(text + "\n")
