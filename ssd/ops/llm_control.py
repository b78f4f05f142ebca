"""Operating the language models: the controls as they are, changing them, and the operator's tables."""

from __future__ import annotations

import sqlite3
from typing import Annotated, Any, Final

import msgspec

from ssd.access import store as access_store
from ssd.db.database import Database
from ssd.errors import FieldError, SsdError
from ssd.llm import controls, dashboards, listing
from ssd.llm.controls import Controls, Limits
from ssd.llm.dashboards import Dashboard
from ssd.llm.listing import BreakerState, MonthTotals, UserCap
from ssd.llm.models import Scope
from ssd.settings import Settings

ALL_BREAKERS: Final = "all"
_Cents = Annotated[int, msgspec.Meta(ge=0, le=1_000_000_000)]
_Name = Annotated[str, msgspec.Meta(min_length=1, max_length=128)]


class CapChange(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A monthly cap of one user's own; null takes it away again."""

    tenant_id: _Name
    user_id: _Name
    monthly_cap_cents: _Cents | None


class ControlChange(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """What to change; what is not named stays as it is."""

    kill_switch: bool | None = None
    """Of all providers."""
    provider_kill_switches: dict[_Name, bool] = {}
    """By name of the provider."""
    shutoff: Annotated[str, msgspec.Meta(max_length=500)] | msgspec.UnsetType | None = msgspec.UNSET
    """Stop every call, with these words as the reason; null lifts it."""
    monthly_cap_cents: _Cents | None = None
    """Of each user without a cap of their own."""
    hourly_cap_cents: _Cents | None = None
    breaker_failures: Annotated[int, msgspec.Meta(ge=1, le=1000)] | None = None
    breaker_open_seconds: Annotated[float, msgspec.Meta(ge=0, le=86400)] | None = None
    timeout_seconds: Annotated[float, msgspec.Meta(gt=0, le=3600)] | None = None
    user_caps: list[CapChange] = []
    reset_breaker: _Name | None = None
    """Name of a provider, or `all`."""
    forget_cached_answers: bool = False


class LlmStatus(msgspec.Struct, frozen=True):
    """The controls, and what stands behind them."""

    provider: str
    model: str
    fallback_provider: str
    fallback_model: str | None
    controls: Controls
    user_caps: list[UserCap]
    breakers: list[BreakerState]
    month: MonthTotals


class LlmControl:
    """The operator's hand on the language models. It changes flags and caps; it never calls a model."""

    def __init__(self, database: Database, settings: Settings) -> None:
        self._database = database
        self._settings = settings

    async def status(self) -> LlmStatus:
        return LlmStatus(
            provider=self._settings.llm_provider,
            model=self._settings.llm_model,
            fallback_provider=self._settings.llm_fallback_provider,
            fallback_model=self._settings.llm_fallback_model,
            controls=await controls.current(self._database, self._settings),
            user_caps=await listing.user_caps(self._database),
            breakers=await listing.breakers(self._database, self._settings),
            month=await listing.this_month(self._database),
        )

    async def change(self, change: ControlChange, *, actor: str) -> LlmStatus:
        """Change everything named in one transaction, with its audit entry; counts from the next call on.

        Raises INPUT_VALIDATION_FAILED when nothing is named or a provider is not configured.
        """
        self._check(change)
        named: dict[str, Any] = msgspec.to_builtins(change)

        def unit(connection: sqlite3.Connection) -> None:
            _apply(connection, change)
            access_store.audit(connection, actor, "llm.controls", "llm", named)

        await self._database.write(unit)
        return await self.status()

    async def dashboard(self, name: str) -> Dashboard:
        """Raises NOT_FOUND."""
        return await dashboards.read(self._database, self._settings, name)

    async def all_dashboards(self) -> list[Dashboard]:
        return [await self.dashboard(name) for name in dashboards.TITLES]

    def _check(self, change: ControlChange) -> None:
        if change == ControlChange():
            known = ", ".join(ControlChange.__struct_fields__)
            raise SsdError(
                "INPUT_VALIDATION_FAILED",
                "Nothing to change is named.",
                errors=(FieldError("body", "Nothing to change is named.", known),),
            )
        configured = {self._settings.llm_provider, self._settings.llm_fallback_provider} - {"none"}
        wrong = [
            FieldError("provider_kill_switches", f"{name} is not configured.", ", ".join(sorted(configured)))
            for name in change.provider_kill_switches
            if name not in configured
        ]
        if change.reset_breaker is not None and change.reset_breaker not in configured | {ALL_BREAKERS}:
            hint = ", ".join([ALL_BREAKERS, *sorted(configured)])
            wrong.append(FieldError("reset_breaker", f"{change.reset_breaker} is not configured.", hint))
        if wrong:
            message = "; ".join(problem.message for problem in wrong)
            raise SsdError("INPUT_VALIDATION_FAILED", message, errors=tuple(wrong))


def _apply(connection: sqlite3.Connection, change: ControlChange) -> None:
    if change.kill_switch is not None:
        controls.set_kill_switch(connection, on=change.kill_switch)
    for provider, on in change.provider_kill_switches.items():
        controls.set_kill_switch(connection, on=on, provider=provider)
    if change.shutoff is not msgspec.UNSET:
        controls.set_shutoff(connection, change.shutoff)
    limits = Limits(
        monthly_cap_cents=change.monthly_cap_cents,
        hourly_cap_cents=change.hourly_cap_cents,
        breaker_failures=change.breaker_failures,
        breaker_open_seconds=change.breaker_open_seconds,
        timeout_seconds=change.timeout_seconds,
    )
    controls.set_limits(connection, limits)
    for cap in change.user_caps:
        controls.set_user_cap(connection, Scope(cap.tenant_id, cap.user_id), cap.monthly_cap_cents)
    if change.reset_breaker is not None:
        provider_or_all = None if change.reset_breaker == ALL_BREAKERS else change.reset_breaker
        controls.reset_breaker(connection, provider_or_all)
    if change.forget_cached_answers:
        controls.forget_cached_answers(connection)
