"""Schema migrations: numbered .sql files, counted by `user_version`, forward only."""

from __future__ import annotations

import sqlite3
from importlib import resources

from ssd.errors import SsdError


def migrations() -> list[tuple[int, str]]:
    """(number, SQL) of every migration in order; numbers run from 1 without a gap."""
    folder = resources.files("ssd.db") / "migrations"
    found = sorted(
        (int(item.name.split("_", 1)[0]), item.read_text("utf-8"))
        for item in folder.iterdir()
        if item.name.endswith(".sql")
    )
    if [number for number, _ in found] != list(range(1, len(found) + 1)):
        raise SsdError("SERVICE_INTERNAL_ERROR", "The migrations are not numbered without a gap.")
    return found


def migrate(connection: sqlite3.Connection, *, until: int | None = None) -> int:
    """Bring the schema up to date (or to version `until`); each migration is one transaction.

    Returns the version reached. Raises DATABASE_TOO_NEW when the store is ahead of this program.
    """
    version = int(connection.execute("PRAGMA user_version").fetchone()[0])
    known = migrations()
    if version > len(known):
        raise SsdError("DATABASE_TOO_NEW", f"The database has schema {version}; this version knows {len(known)}.")
    for number, sql in known[version:until]:
        connection.executescript(f"BEGIN IMMEDIATE;\n{sql}\nPRAGMA user_version = {number};\nCOMMIT;")
        version = number
    return version
