"""One circuit breaker per provider, kept in the store so that a restart does not forget it.

closed → open after so many failures in a row → when its time is over, one probe goes through by a lease →
closed when the probe succeeds, open again when it fails. Errors of the caller are no failures.
"""

from __future__ import annotations

import sqlite3
from typing import Final

FIND: Final = "SELECT open_until, probe_call_id, probe_lease_until FROM llm_breakers WHERE provider = ?"
TAKE_PROBE: Final = """
    UPDATE llm_breakers SET probe_call_id = :call_id, probe_lease_until = :lease_until, updated_at = :now
    WHERE provider = :provider AND open_until IS NOT NULL AND open_until <= :now
      AND (probe_call_id IS NULL OR probe_lease_until <= :now)"""
DROP_PROBE: Final = """
    UPDATE llm_breakers SET probe_call_id = NULL, probe_lease_until = NULL, updated_at = :now
    WHERE probe_call_id = :call_id"""
# A success of a call that began before the breaker opened does not close it; the probe's does.
CLOSE: Final = """
    UPDATE llm_breakers SET failures = 0, open_until = NULL, opened_at = NULL, probe_call_id = NULL,
        probe_lease_until = NULL, updated_at = :now
    WHERE provider = :provider AND (open_until IS NULL OR probe_call_id = :call_id)"""
COUNT: Final = """
    INSERT INTO llm_breakers (provider, failures, updated_at) VALUES (:provider, 1, :now)
    ON CONFLICT (provider) DO UPDATE SET failures = failures + 1, updated_at = excluded.updated_at"""
OPEN: Final = """
    UPDATE llm_breakers SET open_until = :open_until, opened_at = :now, probe_call_id = NULL,
        probe_lease_until = NULL, updated_at = :now
    WHERE provider = :provider
      AND ((open_until IS NULL AND failures >= :threshold) OR probe_call_id = :call_id)"""


def admits(connection: sqlite3.Connection, provider: str, call_id: str, *, now: str, lease_until: str) -> bool:
    """Whether a call may go to the provider. In the half-open state exactly one may: it then holds the probe."""
    row = connection.execute(FIND, (provider,)).fetchone()
    if row is None or row["open_until"] is None:
        return True
    parameters = {"provider": provider, "call_id": call_id, "now": now, "lease_until": lease_until}
    return connection.execute(TAKE_PROBE, parameters).rowcount == 1


def is_closed(connection: sqlite3.Connection, provider: str) -> bool:
    row = connection.execute(FIND, (provider,)).fetchone()
    return row is None or row["open_until"] is None


def succeeded(connection: sqlite3.Connection, provider: str, call_id: str, *, now: str) -> None:
    connection.execute(CLOSE, {"provider": provider, "call_id": call_id, "now": now})


def failed(
    connection: sqlite3.Connection, provider: str, call_id: str, *, threshold: int, now: str, open_until: str
) -> None:
    """Count a failure; open at the threshold, and again when the probe failed."""
    parameters = {"provider": provider, "call_id": call_id, "now": now}
    connection.execute(COUNT, parameters)
    connection.execute(OPEN, parameters | {"threshold": threshold, "open_until": open_until})


def drop_probe(connection: sqlite3.Connection, call_id: str, *, now: str) -> None:
    """A probe that ended without telling anything about the provider leaves its place to another."""
    connection.execute(DROP_PROBE, {"call_id": call_id, "now": now})
