"""Opaque cursors: where a page ended, as text a client sends back unread."""

from __future__ import annotations

import base64
import binascii
from typing import Annotated, Final, TypeVar

import msgspec
from litestar.params import QueryParameter

from ssd.errors import FieldError, SsdError

T = TypeVar("T")

Limit = Annotated[int, QueryParameter(ge=1, le=200, description="Rows of one page.")]
Cursor = Annotated[str | None, QueryParameter(description="next_cursor of the page before.")]

_JSON: Final = msgspec.json.Encoder()


def cursor_of(place: object) -> str:
    """`place` is anything JSON can hold."""
    return base64.urlsafe_b64encode(_JSON.encode(place)).decode().rstrip("=")


def place_of(cursor: str | None, kind: type[T]) -> T | None:
    """The place a cursor stands for. Raises INPUT_VALIDATION_FAILED for one this service did not make."""
    if cursor is None:
        return None
    try:
        decoded = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
        return msgspec.json.decode(decoded, type=kind)
    except (binascii.Error, ValueError):
        wrong = FieldError("cursor", "not a cursor of this service", "next_cursor of the page before")
        raise SsdError("INPUT_VALIDATION_FAILED", "The cursor is not valid.", errors=(wrong,)) from None


def cut(rows: list[T], limit: int) -> tuple[list[T], T | None]:
    """Of `limit + 1` rows that were read: the page, and its last row if there are more."""
    page = rows[:limit]
    return page, page[-1] if len(rows) > limit else None
