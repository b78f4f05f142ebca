"""The processes this server started: which run each serves and how much memory its tree holds (Linux, proc(5))."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

import msgspec

from ssd.runs.process import RUN_MARK

_PAGE: Final = os.sysconf("SC_PAGE_SIZE")


class Child(msgspec.Struct, frozen=True):
    """A process the server started, with everything it started in turn."""

    pid: int
    command: str
    """Name of the program."""
    processes: int
    resident_bytes: int
    run_id: str | None
    """None: it prepares inputs or looks at the engine."""


class _Process(msgspec.Struct, frozen=True):
    pid: int
    parent: int
    command: str
    resident_bytes: int


def children_of(server: int) -> list[Child]:
    """The children of process `server` by pid. Reads /proc; call it off the event loop."""
    processes = _processes()
    by_parent: dict[int, list[_Process]] = {}
    for process in processes:
        by_parent.setdefault(process.parent, []).append(process)
    found = []
    for child in by_parent.get(server, []):
        tree = _tree(child, by_parent)
        found.append(
            Child(
                pid=child.pid,
                command=child.command,
                processes=len(tree),
                resident_bytes=sum(process.resident_bytes for process in tree),
                run_id=_run_id(child.pid),
            )
        )
    return sorted(found, key=lambda child: child.pid)


def _tree(root: _Process, by_parent: dict[int, list[_Process]]) -> list[_Process]:
    tree = [root]
    for process in tree:
        tree += by_parent.get(process.pid, [])
    return tree


def _processes() -> list[_Process]:
    found = []
    for entry in os.scandir("/proc"):
        if not entry.name.isdigit():
            continue
        try:
            stat = Path(entry.path, "stat").read_text("ascii", "replace")
        except OSError:
            continue  # it ended while the list was read
        # The name stands in brackets and may hold any character; the last bracket ends it.
        head, _, tail = stat.rpartition(")")
        fields = tail.split()
        found.append(
            _Process(
                pid=int(entry.name),
                parent=int(fields[1]),
                command=head.partition("(")[2],
                resident_bytes=int(fields[21]) * _PAGE,
            )
        )
    return found


def _run_id(pid: int) -> str | None:
    try:
        environment = Path(f"/proc/{pid}/environ").read_bytes()
    except OSError:
        return None  # it ended, or belongs to another user
    mark = f"{RUN_MARK}=".encode()
    for entry in environment.split(b"\0"):
        if entry.startswith(mark):
            return entry.removeprefix(mark).decode("ascii", "replace")
    return None
