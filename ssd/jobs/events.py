"""A job's feed as server-sent events."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any, Final

import msgspec

from ssd.errors import SsdError
from ssd.jobs.models import Event
from ssd.jobs.service import ENDED, Jobs

_PAGE: Final = 200
_JSON: Final = msgspec.json.Encoder()


class Cursor(msgspec.Struct, frozen=True):
    """What a listener has seen: the last stored event and the last log line."""

    event_id: int = 0
    line: int = 0

    @classmethod
    def parse(cls, text: str | None) -> Cursor:
        """The cursor in a Last-Event-ID header; from the beginning when there is none or it is not ours."""
        event_id, _, line = (text or "").partition(".")
        if not event_id.isascii() or not event_id.isdigit() or (line and not (line.isascii() and line.isdigit())):
            return cls()
        return cls(int(event_id), int(line or 0))

    def __str__(self) -> str:
        return f"{self.event_id}.{self.line}"


async def stream(
    jobs: Jobs, job_id: str, cursor: Cursor, *, comment_seconds: float, is_stopping: Callable[[], bool]
) -> AsyncIterator[bytes]:
    """Messages `status`, `progress`, `log`, `error` and, when the job has ended, `done`; then it ends itself.

    A comment is sent whenever nothing else was for `comment_seconds`. `is_stopping` ends it too: the client
    comes back with Last-Event-ID. Reads happen one page at a time and only as fast as the client takes them.
    """
    yield b"retry: 2000\n\n"
    seen = cursor
    with jobs.feed.watching(job_id) as changed:
        while not is_stopping():
            changed.clear()
            try:
                status = (await jobs.get(job_id)).status
            except SsdError as error:
                if error.code != "JOB_NOT_FOUND":
                    raise
                yield _message(seen, "done", {"status": "deleted"})
                return
            async for now_seen, message in _news(jobs, job_id, seen):
                seen = now_seen
                yield message
            if status in ENDED:
                yield _message(seen, "done", {"status": status})
                return
            try:
                await asyncio.wait_for(changed.wait(), comment_seconds)
            except TimeoutError:
                yield b": still here\n\n"


async def _news(jobs: Jobs, job_id: str, cursor: Cursor) -> AsyncIterator[tuple[Cursor, bytes]]:
    """What came after the cursor, each with the cursor after it; log lines before the events that follow them."""
    for number, line in jobs.feed.lines_after(job_id, cursor.line):
        cursor = Cursor(cursor.event_id, number)
        yield cursor, _message(cursor, "log", {"line": line})
    while events := await jobs.events_after(job_id, cursor.event_id, _PAGE):
        for event in events:
            cursor = Cursor(event.event_id, cursor.line)
            for name, data in _messages_of(event):
                yield cursor, _message(cursor, name, data)
        if len(events) < _PAGE:
            return


def _messages_of(event: Event) -> list[tuple[str, dict[str, Any]]]:
    """A stored event as messages; a failure is told twice, in the status and as `error`."""
    messages = [(event.kind, {**event.data, "at": event.at})]
    if event.kind == "status" and event.data.get("error") is not None:
        messages.append(("error", event.data["error"]))
    return messages


def _message(cursor: Cursor, name: str, data: dict[str, Any]) -> bytes:
    # JSON holds no line break, so one data line is enough.
    return f"id: {cursor}\nevent: {name}\ndata: ".encode() + _JSON.encode(data) + b"\n\n"
