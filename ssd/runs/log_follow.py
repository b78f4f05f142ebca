"""Following a growing log: new lines for those who watch, progress for those who ask."""

from __future__ import annotations

import re
from pathlib import Path

import msgspec

_STEP = re.compile(r"^SSD\|step\|(\d+)\|(\d+)\|([^|]*)\|(.*)$")
_CHUNK = 262_144


class StepLine(msgspec.Struct, frozen=True):
    """`SSD|step|n|of|id|title`."""

    number: int
    total: int
    id: str
    title: str


def step_line(line: str) -> StepLine | None:
    match = _STEP.match(line)
    if match is None:
        return None
    return StepLine(int(match.group(1)), int(match.group(2)), match.group(3), match.group(4))


class LogFollower:
    """Reads what was appended to a log since the last look; stops streaming after `cap` bytes."""

    def __init__(self, path: Path, cap: int) -> None:
        self._path = path
        self._cap = cap
        self._position = 0
        self._partial = b""

    def new_lines(self) -> list[str]:
        """Complete lines since the last call, at most a chunk of them. Blocking; call it from a thread."""
        if self._position >= self._cap:
            return []
        try:
            with self._path.open("rb") as handle:
                handle.seek(self._position)
                chunk = handle.read(min(_CHUNK, self._cap - self._position))
        except FileNotFoundError:
            return []
        self._position += len(chunk)
        *lines, self._partial = (self._partial + chunk).split(b"\n")
        return [line.decode("utf-8", "replace").rstrip("\r") for line in lines]


def read_tail(path: Path, size: int) -> str | None:
    """The last `size` bytes of a log as text; None when there is no log."""
    try:
        with path.open("rb") as handle:
            handle.seek(0, 2)
            handle.seek(max(0, handle.tell() - size))
            return handle.read().decode("utf-8", "replace")
    except FileNotFoundError:
        return None


def keep_log(source: Path, target: Path, cap: int) -> bool:
    """Move a log to its archive place; one larger than `cap` keeps its first and last halves. True when cut."""
    size = source.stat().st_size
    if size <= cap:
        source.replace(target)
        return False
    half = cap // 2
    with source.open("rb") as reader, target.open("wb") as writer:
        writer.write(reader.read(half))
        writer.write(f"\n[… {size - 2 * half} bytes left out here …]\n".encode())
        reader.seek(size - half)
        writer.write(reader.read(half))
    source.unlink()
    return True
