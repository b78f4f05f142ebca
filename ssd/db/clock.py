"""Time as the store and the wire write it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta


def now() -> datetime:
    return datetime.now(UTC)


def iso(moment: datetime) -> str:
    """ISO 8601 in UTC with milliseconds and offset; such texts sort in order of time."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds")


def now_iso() -> str:
    return now().isoformat(timespec="milliseconds")


def iso_in(**span: float) -> str:
    """The moment `span` (keywords of timedelta) from now."""
    return iso(now() + timedelta(**span))
