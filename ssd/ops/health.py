"""Whether the service lives, and whether it is ready to do what it is for."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Final, Literal

import msgspec

from ssd.db.clock import now_iso

_CACHE_SECONDS: Final = 3.0
_TIMEOUT_SECONDS: Final = 5.0


class Check(msgspec.Struct, frozen=True):
    """The outcome of one check; `detail` is safe to show."""

    ok: bool
    detail: str


class Readiness(msgspec.Struct, frozen=True):
    status: Literal["ok", "unavailable"]
    checks: dict[str, Check]
    checked_at: str


Probe = Callable[[], Awaitable[Check]]


class Health:
    """The named checks of a server. Features register theirs; each is asked at most every few seconds."""

    def __init__(self, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._probes: dict[str, Probe] = {}
        self._clock = clock
        self._asking = asyncio.Lock()
        self._last: tuple[float, Readiness] | None = None

    def register(self, name: str, probe: Probe) -> None:
        self._probes[name] = probe

    async def readiness(self) -> Readiness:
        """Every check's outcome, at most a few seconds old; all of them run at once, each with a time limit."""
        async with self._asking:
            if self._last is not None and self._clock() - self._last[0] < _CACHE_SECONDS:
                return self._last[1]
            outcomes = await asyncio.gather(*(_ask(probe) for probe in self._probes.values()))
            checks = dict(zip(self._probes, outcomes, strict=True))
            status: Literal["ok", "unavailable"] = "ok" if all(check.ok for check in outcomes) else "unavailable"
            readiness = Readiness(status, checks, now_iso())
            self._last = (self._clock(), readiness)
            return readiness


async def _ask(probe: Probe) -> Check:
    try:
        return await asyncio.wait_for(probe(), _TIMEOUT_SECONDS)
    except TimeoutError:
        return Check(ok=False, detail=f"no answer within {_TIMEOUT_SECONDS:g} s")
    except Exception as error:  # noqa: BLE001 - a check that fails is its answer; the others must still be heard
        return Check(ok=False, detail=f"the check failed: {type(error).__name__}")
