"""Ids that sort by time: rows made together lie together, so a commit writes few pages (docs/decisions/0005)."""

from __future__ import annotations

import secrets
import time

_TIME_DIGITS = 12


def time_ordered(length: int = 32) -> str:
    """`length` hexadecimal digits: twelve that count milliseconds since 1970, the rest random (four bits each).

    With 32 digits 80 bits are random, as in a ULID, so nobody can guess an id.
    """
    random_digits = length - _TIME_DIGITS
    return f"{time.time_ns() // 1_000_000:012x}{secrets.randbits(4 * random_digits):0{random_digits}x}"
