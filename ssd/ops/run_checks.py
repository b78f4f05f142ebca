"""Readiness of the part that runs things: the supervisor breathes, the engine starts."""

from __future__ import annotations

import time

from ssd.ops.health import Check, Probe
from ssd.runs.supervisor import HEARTBEAT_SECONDS, Supervisor


def supervisor_probe(supervisor: Supervisor) -> Probe:
    """Its heartbeat is younger than three beats."""

    async def probe() -> Check:
        age = time.monotonic() - supervisor.last_beat
        detail = f"last beat {age:.0f} s ago; {len(supervisor.running())} of {supervisor.slots} slots in use"
        return Check(ok=age < 3 * HEARTBEAT_SECONDS, detail=detail)

    return probe


def engine_probe(supervisor: Supervisor) -> Probe:
    """The engine was started once, told its version, and its licence was good."""

    async def probe() -> Check:
        if supervisor.engine is not None:
            return Check(ok=True, detail=f"{supervisor.engine.name} {supervisor.engine.version}")
        if supervisor.engine_error is not None:
            return Check(ok=False, detail=f"{supervisor.engine_error.code}: {supervisor.engine_error.message}")
        return Check(ok=False, detail="the engine is being started for the first time")

    return probe
