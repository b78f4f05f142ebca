"""What `set maxvar` and `set max_memory` allow the data."""

from __future__ import annotations

import math
from dataclasses import dataclass

from ssd.engine.errors import StataError

_UNITS = {"b": 1.0, "k": 2.0**10, "m": 2.0**20, "g": 2.0**30, "t": 2.0**40}


@dataclass
class Limits:
    """Shared by a session and its data."""

    variables: int = 120_000
    bytes: float = math.inf

    def check_variables(self, count: int) -> None:
        """Raises r(900) when the data would hold more than `maxvar` variables."""
        if count > self.variables:
            raise StataError(
                900,
                "no room to add more variables\n"
                f"The maximum number of variables is {self.variables:,}; set maxvar raises it.",
            )

    def check_size(self, size: float) -> None:
        """Raises r(909) when data of `size` bytes pass `max_memory`."""
        if size > self.bytes:
            raise StataError(
                909,
                "op. sys. refuses to provide memory\n"
                f"set max_memory limits the data to {memory_text(self.bytes)}.",
            )  # fmt: skip


def parse_memory(text: str) -> float:
    """Bytes of `512m`, `2g`; infinite for `.`. Raises r(198)."""
    word = text.strip().lower()
    if word == ".":
        return math.inf
    unit = word[-1:] if word[-1:] in _UNITS else "b"
    try:
        amount = float(word.removesuffix(unit))
    except ValueError:
        raise StataError(198, "invalid syntax") from None
    return amount * _UNITS[unit]


def memory_text(size: float) -> str:
    """`1m` for 1048576."""
    for unit in ("t", "g", "m", "k"):
        if size >= _UNITS[unit] and size % _UNITS[unit] == 0:
            return f"{size / _UNITS[unit]:g}{unit}"
    return f"{size:g}b"
