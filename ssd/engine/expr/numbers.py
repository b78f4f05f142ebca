"""Numbers to strings and back: string(), real()."""

from __future__ import annotations

import re
from typing import Final

from ssd.engine.missing import EXTENDED, MISSING
from ssd.engine.output.formats import format_value

_REAL: Final = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eEdD][+-]?\d+)?")
_MISSING: Final = re.compile(r"\.([a-z]?)")


def real(text: str) -> float:
    """The number a string spells, `.` when it is none."""
    bare = text.strip()
    if _REAL.fullmatch(bare):
        value = float(bare.lower().replace("d", "e"))
        return value if abs(value) < MISSING else MISSING
    found = _MISSING.fullmatch(bare)
    if found:
        return EXTENDED[ord(found[1]) - 96] if found[1] else MISSING
    return MISSING


def string_of(value: float, style: str = "%9.0g") -> str:
    """The number under a display format, without padding unless the format was given."""
    text = format_value(value, style)
    return text.strip()
