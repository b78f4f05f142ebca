"""A limit on how often something may be tried."""

from __future__ import annotations

import math
import time
from collections import OrderedDict
from collections.abc import Callable
from typing import Final

from ssd.errors import SsdError

_KEYS_KEPT: Final = 10_000
_WINDOW_SECONDS: Final = 60.0


class RateLimit:
    """At most `per_minute` tries per key, refilled evenly; 0 lifts the limit.

    A bucket per key: full at first, one token per try, refilled at `per_minute` / 60 s.
    """

    def __init__(self, per_minute: int, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._per_minute = per_minute
        self._clock = clock
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def take(self, key: str) -> None:
        """Count one try. Raises RATE_LIMITED with `Retry-After` in whole seconds."""
        if self._per_minute == 0:
            return
        moment = self._clock()
        tokens, seen = self._buckets.pop(key, (float(self._per_minute), moment))
        rate = self._per_minute / _WINDOW_SECONDS
        tokens = min(float(self._per_minute), tokens + (moment - seen) * rate)
        allowed = tokens >= 1.0
        self._buckets[key] = (tokens - 1.0 if allowed else tokens, moment)
        # The least recently used key goes first, so a flood of new keys cannot fill the memory.
        if len(self._buckets) > _KEYS_KEPT:
            self._buckets.popitem(last=False)
        if not allowed:
            wait = max(1, math.ceil((1.0 - tokens) / rate))
            raise SsdError(
                "RATE_LIMITED",
                f"Too many tries; wait {wait} s.",
                headers={"Retry-After": str(wait)},
                retry_after_seconds=wait,
            )
