"""Waking those who watch a job, and the newest log lines of running jobs. Lives in memory, on the event loop."""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict, deque
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

_LINES_PER_JOB: Final = 500
_JOBS_WITH_LINES: Final = 256


class LogTail:
    """The newest log lines of one job; each has a number that grows, also over a restart of the server."""

    def __init__(self) -> None:
        # Numbers begin at the clock in milliseconds, so that those a client kept from before a restart are smaller.
        self._next = int(time.time() * 1000)
        self._lines: deque[tuple[int, str]] = deque(maxlen=_LINES_PER_JOB)

    def add(self, lines: list[str]) -> None:
        for line in lines:
            self._lines.append((self._next, line))
            self._next += 1

    def after(self, number: int) -> list[tuple[int, str]]:
        """(number, line) of every kept line with a greater number."""
        return [item for item in self._lines if item[0] > number]


class Feed:
    """Who waits for which job. Not thread-safe: used from the event loop alone."""

    def __init__(self) -> None:
        self._waiting: dict[str, set[asyncio.Event]] = {}
        self._tails: OrderedDict[str, LogTail] = OrderedDict()

    @contextmanager
    def watching(self, job_id: str) -> Iterator[asyncio.Event]:
        """An event that is set whenever the job was announced; the watcher clears it before it reads."""
        changed = asyncio.Event()
        watchers = self._waiting.setdefault(job_id, set())
        watchers.add(changed)
        try:
            yield changed
        finally:
            watchers.discard(changed)
            if not watchers and self._waiting.get(job_id) is watchers:
                del self._waiting[job_id]

    def announce(self, job_id: str) -> None:
        for changed in self._waiting.get(job_id, ()):
            changed.set()

    def announce_all(self) -> None:
        """Wake everybody: the server is going down."""
        for job_id in list(self._waiting):
            self.announce(job_id)

    def add_lines(self, job_id: str, lines: list[str]) -> None:
        tail = self._tails.get(job_id)
        if tail is None:
            tail = self._tails[job_id] = LogTail()
            if len(self._tails) > _JOBS_WITH_LINES:
                self._tails.popitem(last=False)
        self._tails.move_to_end(job_id)
        tail.add(lines)
        self.announce(job_id)

    def lines_after(self, job_id: str, number: int) -> list[tuple[int, str]]:
        tail = self._tails.get(job_id)
        return [] if tail is None else tail.after(number)

    def forget_lines(self, job_id: str) -> None:
        self._tails.pop(job_id, None)
