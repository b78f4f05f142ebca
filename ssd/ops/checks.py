"""The readiness checks of what every server has: store, disk and the rules of production mode."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Callable
from pathlib import Path

import anyio.to_thread

from ssd.db.clock import now_iso
from ssd.db.database import Database
from ssd.errors import SsdError
from ssd.ops.health import Check, Probe
from ssd.settings import Settings

_TOUCH = """
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
    real = settings.stata_cmd is not None
    return {
        "production_real_stata": Check(
            ok=real,
            detail="SS_STATA_CMD is set" if real else "SS_STATA_CMD must name a real Stata in production",
        ),
    }


def require_production_rules(settings: Settings) -> None:
    """Raises PRODUCTION_GATE_VIOLATED naming every rule that is violated."""
    violated = {name: check.detail for name, check in production_rules(settings).items() if not check.ok}
    if violated:
        raise SsdError("PRODUCTION_GATE_VIOLATED", "; ".join(violated.values()) + ".", rules=list(violated))


def fixed_probe(check: Check) -> Probe:
    """An outcome known since the start."""
    return rule_probe(lambda: check)


def rule_probe(rule: Callable[[], Check]) -> Probe:
    """A check that needs no waiting."""

    async def probe() -> Check:
        return rule()

    return probe
