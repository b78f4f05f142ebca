"""The readiness checks of what every server has: store, disk and the rules of production mode."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Final

import anyio.to_thread

from ssd.db.clock import now_iso
from ssd.db.database import Database
from ssd.errors import SsdError
from ssd.llm.prices import Prices
from ssd.ops.health import Check, Probe
from ssd.settings import Settings

_SHORTEST_PASSWORD: Final = 12
_FEWEST_CHARACTERS: Final = 5
_KNOWN_PASSWORDS: Final = frozenset(
    {
        "administrator", "changeme", "changemenow", "change-me-please", "correcthorsebatterystaple",
        "default-password", "letmein", "password", "passwordpassword", "please-change-me", "123456789012",
        "qwertyuiopasdf", "replace-with-a-password",
    }
)  # fmt: skip
"""Defaults of examples and what people type first; the length catches the rest."""

_TOUCH: Final = """
    INSERT INTO flags (name, value, updated_at) VALUES ('ready_check', '', :now)
    ON CONFLICT (name) DO UPDATE SET updated_at = :now"""


def database_probe(database: Database) -> Probe:
    """Writes one row, durably: a store that can only be read is not ready."""

    def unit(connection: sqlite3.Connection) -> int:
        connection.execute(_TOUCH, {"now": now_iso()})
        return int(connection.execute("PRAGMA user_version").fetchone()[0])

    async def probe() -> Check:
        try:
            version = await database.write(unit)
        except (sqlite3.Error, SsdError) as error:
            return Check(ok=False, detail=f"not writable: {error}")
        return Check(ok=True, detail=f"schema {version}, SQLite {sqlite3.sqlite_version}")

    return probe


def disk_probe(data_dir: Path, min_free_mb: int) -> Probe:
    async def probe() -> Check:
        usage = await anyio.to_thread.run_sync(shutil.disk_usage, data_dir)
        free = usage.free // 1024**2
        return Check(ok=free >= min_free_mb, detail=f"{free} MiB free; {min_free_mb} MiB are needed")

    return probe


def production_rules(settings: Settings) -> dict[str, Check]:
    """Each rule of production mode by name; none in local mode."""
    if settings.env != "production":
        return {}
    return {
        "production_real_stata": _met(
            settings.stata_cmd is not None,
            "SS_STATA_CMD is set",
            "SS_STATA_CMD must name a real Stata in production",
        ),
        "production_admin_password": _admin_password(settings),
        "production_llm_provider": _met(
            settings.llm_provider != "none",
            f"SS_LLM_PROVIDER is {settings.llm_provider}",
            "SS_LLM_PROVIDER must name a language-model provider in production",
        ),
        "production_llm_key": _met(
            settings.llm_api_key is not None and bool(settings.llm_api_key.reveal().strip()),
            "SS_LLM_API_KEY is set",
            "SS_LLM_API_KEY must be set in production",
        ),
        "production_llm_model": _model_is_priced(settings),
        "production_llm_fallback": _fallback_is_whole(settings),
    }


def _met(ok: bool, fine: str, wrong: str) -> Check:
    return Check(ok=ok, detail=fine if ok else wrong)


def _admin_password(settings: Settings) -> Check:
    password = "" if settings.admin_password is None else settings.admin_password.reveal().strip()
    if not password:
        return Check(ok=False, detail="SS_ADMIN_PASSWORD must be set in production")
    known = password.lower() in _KNOWN_PASSWORDS or password.lower() == settings.admin_username.lower()
    if known or len(password) < _SHORTEST_PASSWORD or len(set(password)) < _FEWEST_CHARACTERS:
        return Check(
            ok=False,
            detail=f"SS_ADMIN_PASSWORD is too easy to guess; use at least {_SHORTEST_PASSWORD} characters of your own",
        )
    return Check(ok=True, detail="SS_ADMIN_PASSWORD is set")


def _model_is_priced(settings: Settings) -> Check:
    models = [model for model in (settings.llm_model, settings.llm_model_small) if model is not None]
    return _priced("SS_LLM_MODEL", models, settings)


def _fallback_is_whole(settings: Settings) -> Check:
    """A second provider is not needed, but one that is named must be able to serve."""
    if settings.llm_fallback_provider == "none":
        return Check(ok=True, detail="no second provider is configured")
    if settings.llm_fallback_api_key is None or not settings.llm_fallback_api_key.reveal().strip():
        return Check(ok=False, detail="SS_LLM_FALLBACK_API_KEY must be set for the second provider")
    if settings.llm_fallback_model is None:
        return Check(ok=False, detail="SS_LLM_FALLBACK_MODEL must name the model of the second provider")
    return _priced("SS_LLM_FALLBACK_MODEL", [settings.llm_fallback_model], settings)


def _priced(name: str, models: list[str], settings: Settings) -> Check:
    try:
        prices = Prices.load(settings.llm_prices_file)
    except SsdError as error:
        return Check(ok=False, detail=error.message)
    unpriced = [model for model in models if model not in prices]
    if unpriced or not models:
        return Check(ok=False, detail=f"{name} has no price: {', '.join(unpriced) or 'it is empty'}")
    return Check(ok=True, detail=f"{name} is {', '.join(models)}, with a price")


def require_production_rules(settings: Settings) -> None:
    """Raises PRODUCTION_GATE_VIOLATED naming every rule that is violated."""
    violated = {name: check.detail for name, check in production_rules(settings).items() if not check.ok}
    if violated:
        told = "; ".join(f"{name}: {detail}" for name, detail in violated.items())
        raise SsdError("PRODUCTION_GATE_VIOLATED", f"{told}.", rules=list(violated))


def fixed_probe(check: Check) -> Probe:
    """An outcome known since the start."""
    return rule_probe(lambda: check)


def rule_probe(rule: Callable[[], Check]) -> Probe:
    """A check that needs no waiting."""

    async def probe() -> Check:
        return rule()

    return probe
