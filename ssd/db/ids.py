"""Ids that sort by time: rows made together lie together, so a commit writes few pages (docs/decisions/0005)."""

from __future__ import annotations

import secrets
import time
from typing import Final

_DIGITS: Final = "0123456789abcdefghjkmnpqrstvwxyz"


def _base32(number: int, length: int) -> str:
    digits = []
    for _ in range(length):
        number, digit = divmod(number, 32)
        digits.append(_DIGITS[digit])
    return "".join(reversed(digits))


def time_ordered(length: int = 26) -> str:
    """`length` characters: ten that count milliseconds since 1970, the rest random (five bits each).

    With 26 characters 80 bits are random, as in a ULID, so nobody can guess an id.
    """
    random_length = length - 10
    return _base32(time.time_ns() // 1_000_000, 10) + _base32(secrets.randbits(5 * random_length), random_length)
