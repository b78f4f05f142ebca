"""The commands of do-files, found by the engine's parser in a process of its own.

The server never imports the engine, and a do-file made to upset the parser harms only the child.
`python -m ssd.templates.scan` reads a JSON list of texts and writes a JSON list of `ScanResult`.
"""

from __future__ import annotations

import subprocess
import sys

import msgspec

TIMEOUT_SECONDS = 120.0


class FoundCommand(msgspec.Struct, frozen=True):
    """One command of a do-file, inside blocks and programs too."""

    line: int
    name: str
    """Canonical name; as typed when it is not built in."""
    text: str


class ScanResult(msgspec.Struct, frozen=True):
    """What is in one do-file."""

    commands: list[FoundCommand] = []
    unsupported: list[str] = []
    """`line: message` of everything the engine cannot run."""
    error: str | None = None
    """Why the text could not be parsed at all."""


def scan(texts: list[str]) -> list[ScanResult]:
    """Scan do-files in one child process. Raises subprocess.SubprocessError when the child fails."""
    child = subprocess.run(
        [sys.executable, "-m", "ssd.templates.scan"],
        input=msgspec.json.encode(texts),
        capture_output=True,
        timeout=TIMEOUT_SECONDS,
        check=True,
    )
    return msgspec.json.decode(child.stdout, type=list[ScanResult])


def scan_one(text: str) -> ScanResult:
    """In this process; for the child and for tests."""
    from ssd.engine.errors import StataError
    from ssd.engine.lang.scan import commands_of, unsupported_in

    try:
        found = [FoundCommand(line, name, body) for line, name, body in commands_of(text)]
        unsupported = [f"{line}: {message}" for line, message in unsupported_in(text)]
    except StataError as error:
        return ScanResult(error=str(error))
    return ScanResult(found, unsupported)


def main() -> int:
    texts = msgspec.json.decode(sys.stdin.buffer.read(), type=list[str])
    sys.stdout.buffer.write(msgspec.json.encode([scan_one(text) for text in texts]))
    return 0


if __name__ == "__main__":
    sys.exit(main())
