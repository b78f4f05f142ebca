"""Single byte ranges of RFC 9110, section 14."""

from __future__ import annotations

import re
from typing import Final, NamedTuple

from ssd.errors import SsdError

_SINGLE: Final = re.compile(r"bytes=(\d*)-(\d*)")


class ByteRange(NamedTuple):
    """First and last byte, both included."""

    first: int
    last: int

    @property
    def length(self) -> int:
        return self.last - self.first + 1


def parse_range(header: str | None, size: int) -> ByteRange | None:
    """The range asked for, or None when the whole file is to be sent.

    A header that is malformed or names several ranges is ignored, as the RFC allows.
    Raises RANGE_NOT_SATISFIABLE when the range lies outside the file.
    """
    match = _SINGLE.fullmatch(header.strip()) if header else None
    if match is None or match.groups() == ("", ""):
        return None
    first_text, last_text = match.groups()
    if not first_text:
        length = min(int(last_text), size)
        if length == 0:
            raise _unsatisfiable(size)
        return ByteRange(size - length, size - 1)
    first = int(first_text)
    last = min(int(last_text), size - 1) if last_text else size - 1
    if last_text and int(last_text) < first:
        return None
    if first >= size:
        raise _unsatisfiable(size)
    return ByteRange(first, last)


def _unsatisfiable(size: int) -> SsdError:
    return SsdError(
        "RANGE_NOT_SATISFIABLE", f"The file has {size} bytes.", headers={"Content-Range": f"bytes */{size}"}
    )
