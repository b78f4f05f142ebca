"""Readiness of the language models, told from the store alone: no check ever calls a model."""

from __future__ import annotations

from ssd.db.database import Database
from ssd.errors import SsdError
from ssd.llm import controls, listing
from ssd.ops.health import Check, Probe
from ssd.settings import Settings


def llm_probe(database: Database, settings: Settings) -> Probe:
    """What answers and what stands in its way.

    A switch somebody turned and an open breaker are told but leave the service ready: what needs a model has a
    recorded fallback or an error of its own. Controls that cannot be read stop every call, so they are not.
    """

    async def probe() -> Check:
        if settings.llm_provider == "none":
            return Check(ok=True, detail="no provider is configured; the rule planner does the work")
        try:
            current = await controls.current(database, settings)
        except SsdError as error:
            return Check(ok=False, detail=error.message)
        breakers = await listing.breakers(database, settings)
        told = [f"{settings.llm_provider} {settings.llm_model}"]
        if current.kill_switch or current.kill_switch_from_environment:
            told.append("kill switch on")
        told += [f"kill switch of {name} on" for name in current.killed_providers]
        if current.shutoff is not None:
            told.append("shut off")
        told += [f"breaker of {breaker.provider} {breaker.state}" for breaker in breakers if breaker.state != "closed"]
        return Check(ok=True, detail="; ".join(told))

    return probe
