"""Child processes that cannot outlive their run: own session, limits, and an end that reaches the whole tree."""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import anyio
import anyio.abc
import anyio.to_thread

RUN_MARK = "SSD_RUN_ID"
"""Environment variable every process of a run inherits; strays are found by it."""

_LIMITS = 'ulimit -c 0; ulimit -v "$1"; ulimit -f "$2"; shift 2; exec "$@"'
"""Limits are set by a shell that becomes the program: `preexec_fn` is not safe in a threaded server."""


@dataclass(frozen=True)
class Limits:
    """What one child may take. Zero means no limit."""

    memory_mb: int
    file_size_mb: int
    output_bytes: int = 1_048_576
    """Bytes of standard output and of standard error that are kept."""


@dataclass
class Captured:
    """The first bytes of a stream; the rest is read and dropped so that the child never blocks."""

    limit: int
    content: bytearray

    def take(self, chunk: bytes) -> None:
        room = self.limit - len(self.content)
        if room > 0:
            self.content.extend(chunk[:room])

    def text(self) -> str:
        return self.content.decode("utf-8", "replace")


@dataclass
class Child:
    """A running child."""

    process: anyio.abc.Process
    mark: str
    stdout: Captured
    stderr: Captured

    @property
    def pid(self) -> int:
        return self.process.pid

    async def end(self, grace_seconds: float) -> None:
        """TERM to the group, grace, KILL to the group, then kill strays that left it. Safe to call twice."""
        with anyio.CancelScope(shield=True):
            if self.process.returncode is None:
                signal_group(self.pid, signal.SIGTERM)
                with anyio.move_on_after(grace_seconds):
                    await self.process.wait()
                # Even when the leader is gone, members of its group may have ignored TERM.
                signal_group(self.pid, signal.SIGKILL)
                await self.process.wait()
            await anyio.to_thread.run_sync(kill_marked, self.mark)


def limited(command: list[str], limits: Limits) -> list[str]:
    """`command` run under its limits by a shell that replaces itself. (ulimit counts KiB and 512-byte blocks.)"""
    memory = str(limits.memory_mb * 1024) if limits.memory_mb else "unlimited"
    blocks = str(limits.file_size_mb * 2048) if limits.file_size_mb else "unlimited"
    return ["/bin/sh", "-c", _LIMITS, "sh", memory, blocks, *command]


@contextlib.asynccontextmanager
async def running(
    command: list[str], *, cwd: Path, env: dict[str, str], mark: str, limits: Limits, grace_seconds: float
) -> AsyncIterator[Child]:
    """Start `command` and own it: when the block is left, for whatever reason, its whole tree is gone.

    Raises OSError when the program cannot be started.
    """
    # Shielded: cancelled half-way, the child would be started and nobody would own it or its pipes.
    with anyio.CancelScope(shield=True):
        process = await anyio.open_process(
            limited(command, limits), stdin=-3, cwd=cwd, env={**env, RUN_MARK: mark}, start_new_session=True
        )
    child = Child(process, mark, Captured(limits.output_bytes, bytearray()), Captured(limits.output_bytes, bytearray()))
    # The priority is inherited; the API must answer while every core computes.
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.setpriority(os.PRIO_PROCESS, process.pid, 5)
    try:
        async with anyio.create_task_group() as group:
            group.start_soon(_drain, process.stdout, child.stdout)
            group.start_soon(_drain, process.stderr, child.stderr)
            try:
                yield child
            finally:
                await child.end(grace_seconds)
                # A stray that was just killed held the pipes; they end now, but never wait for ever.
                group.cancel_scope.deadline = anyio.current_time() + 1.0
    finally:
        with anyio.CancelScope(shield=True):
            await process.aclose()


async def _drain(stream: anyio.abc.ByteReceiveStream | None, into: Captured) -> None:
    if stream is None:
        return
    with contextlib.suppress(anyio.ClosedResourceError, anyio.BrokenResourceError):
        async for chunk in stream:
            into.take(chunk)


def signal_group(pid: int, number: signal.Signals) -> None:
    """Signal the process group led by `pid`; a group that is gone is fine."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, number)


def start_ticks(pid: int) -> int | None:
    """Start time of a process in clock ticks since boot (proc(5), stat field 22), or None when it is gone."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text("ascii", "replace")
    except OSError:
        return None
    return int(stat.rpartition(")")[2].split()[19])


def marked(mark: str) -> list[int]:
    """Processes of this user whose environment carries `mark` as run id."""
    needle = f"{RUN_MARK}={mark}".encode()
    own = os.getpid()
    found = []
    for entry in os.scandir("/proc"):
        if not entry.name.isdigit() or int(entry.name) == own:
            continue
        try:
            with open(f"/proc/{entry.name}/environ", "rb") as handle:  # noqa: PTH123 - hot path
                if needle in handle.read().split(b"\0"):
                    found.append(int(entry.name))
        except OSError:
            continue  # gone meanwhile, or another user's
    return found


def kill_marked(mark: str) -> int:
    """Kill every process of a run until none is found; returns how many were signalled."""
    total = 0
    for _ in range(10):
        pids = marked(mark)
        if not pids:
            break
        for pid in pids:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(pid, signal.SIGKILL)
                total += 1
    return total
