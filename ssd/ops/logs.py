"""JSON log lines on standard error, with secrets blacked out."""

from __future__ import annotations

import asyncio
import logging
import re
import sys
from typing import Any, Final

import msgspec
import structlog
from structlog.typing import EventDict, WrappedLogger

from ssd.db.clock import now_iso

_LEVELS: Final = {"debug": 10, "info": 20, "warning": 30, "error": 40}
_JSON: Final = msgspec.json.Encoder(enc_hook=str)

# The finished line is searched, not single fields: a secret inside a nested value or a traceback is found too.
_SECRETS: Final = re.compile(
    rb"(?P<token>ss[av]1\.[A-Za-z0-9_]+\.)[A-Za-z0-9_-]+"
    rb"|(?P<bearer>[Bb]earer )[A-Za-z0-9._~+/=-]+"
    rb"|\b[0-9A-Za-z]{5}(?:-[0-9A-Za-z]{5}){3}\b"
    rb'|(?P<key>"(?i:token|task_code|secret|password|authorization|api_key)":")(?:[^"\\]|\\.)*'
)
_IN_SECRETS: Final = frozenset(".- ")
"""A text without any of these holds no token, no bearer credentials and no task code."""
_GATHER_SECONDS: Final = 0.05
_BLACKED: Final = b"[redacted]"


def redact(line: bytes) -> bytes:
    """The line with job tokens, bearer credentials, task codes and secret fields replaced by `[redacted]`."""
    return _SECRETS.sub(_replacement, line)


def _replacement(match: re.Match[bytes]) -> bytes:
    return (match["token"] or match["bearer"] or match["key"] or b"") + _BLACKED


class StandardErrorLogger:
    """Writes finished lines; finds standard error anew each time, since tests and daemons replace it."""

    def msg(self, line: bytes) -> None:
        sys.stderr.buffer.write(line + b"\n")
        sys.stderr.buffer.flush()

    debug = info = warning = warn = error = critical = exception = log = fatal = failure = msg


class AccessLog:
    """One line per request, gathered and written together.

    A write to standard error per request cost a third of the time of a small request; gathered for a
    twentieth of a second it costs next to nothing. Everything else is written at once.
    """

    def __init__(self, level: str) -> None:
        self._enabled = _LEVELS[level] <= _LEVELS["info"]
        self._lines: list[bytes] = []

    def add(self, fields: dict[str, Any]) -> None:
        """`fields` as a JSON line with event and time; `path` and `request_id`, which clients choose, are redacted."""
        if not self._enabled:
            return
        for name in ("path", "request_id"):
            if not _IN_SECRETS.isdisjoint(fields[name]):
                fields[name] = redact(fields[name].encode()).decode()
        line = _JSON.encode({"event": "SS_REQUEST", "level": "info", "timestamp": now_iso(), **fields})
        if not self._lines:
            asyncio.get_running_loop().call_later(_GATHER_SECONDS, self.flush)
        self._lines.append(line)

    def flush(self) -> None:
        """Write what was gathered."""
        if self._lines:
            lines, self._lines = self._lines, []
            sys.stderr.buffer.write(b"\n".join(lines) + b"\n")
            sys.stderr.buffer.flush()


def _new_logger(*_: Any) -> StandardErrorLogger:
    return StandardErrorLogger()


def _render(_: WrappedLogger, __: str, event: EventDict) -> bytes:
    return redact(_JSON.encode(event))


def configure(level: str) -> None:
    """Set structlog up for this process."""
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            _render,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(_LEVELS[level]),
        logger_factory=_new_logger,
        cache_logger_on_first_use=False,
    )


class _IntoStructlog(logging.Handler):
    """Lines of libraries that use the standard library's logging, in the same format."""

    def emit(self, record: logging.LogRecord) -> None:
        structlog.get_logger().log(
            record.levelno, "SS_LIBRARY_LOG", logger=record.name, message=record.getMessage(), exc_info=record.exc_info
        )


def capture_standard_logging(level: str) -> None:
    """Send the standard library's log records through structlog."""
    root = logging.getLogger()
    root.handlers = [_IntoStructlog()]
    root.setLevel(_LEVELS[level])
