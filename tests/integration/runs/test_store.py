"""Claims: one at a time, fair between tenants, and never a walk over the whole queue."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from ssd.db.database import open_for_writing
from ssd.db.migrate import migrate
from ssd.runs import store
from ssd.runs.models import Run, RunStatus


@pytest.fixture
def connection(tmp_path: Path) -> sqlite3.Connection:
    connection = open_for_writing(tmp_path / "ssd.sqlite3")
    migrate(connection)
    return connection


def queue(connection: sqlite3.Connection, number: int, tenant: str = "default", priority: int = 0) -> str:
    """A queued run of a job of its own; its run id."""
    job_id, now = f"job_{number:05d}", "2026-01-01T00:00:00.000+00:00"
    connection.execute("INSERT OR IGNORE INTO tenants VALUES (?, ?)", (tenant, now))
    connection.execute(
        "INSERT INTO jobs (job_id, tenant_id, trace_id, status, version, requirement, created_at, updated_at)"
        " VALUES (?, ?, 't', 'queued', 1, '', ?, ?)",
        (job_id, tenant, now, now),
    )
    connection.execute("INSERT INTO plans VALUES (?, 1, 'p', '{}', '', ?)", (job_id, now))
    store.insert(
        connection, run_id=f"run_{number:05d}", job_id=job_id, tenant_id=tenant, plan_id="p", plan_revision=1,
        trigger_attempt=1, output_formats=["csv"],
    )  # fmt: skip
    connection.execute(
        "UPDATE runs SET queued_at = ?, priority = ? WHERE run_id = ?",
        (f"2026-01-01T00:00:00.{number % 1000:03d}+00:00", priority, f"run_{number:05d}"),
    )
    return f"run_{number:05d}"


def claim(connection: sqlite3.Connection, per_tenant: int = 0) -> Run | None:
    return store.claim(connection, boot_id="boot", lease_seconds=60, per_tenant=per_tenant)


def test_the_oldest_is_claimed_first_and_only_once(connection: sqlite3.Connection) -> None:
    expected = [queue(connection, number) for number in range(3)]
    claimed = [claim(connection) for _ in range(4)]
    assert [run.run_id if run else None for run in claimed] == [*expected, None]
    assert claimed[0] is not None
    assert claimed[0].status is RunStatus.RUNNING


def test_priority_comes_before_age(connection: sqlite3.Connection) -> None:
    queue(connection, 1)
    urgent = queue(connection, 2, priority=5)
    run = claim(connection)
    assert run is not None
    assert run.run_id == urgent


def test_a_tenant_with_fewer_running_comes_first(connection: sqlite3.Connection) -> None:
    for number in range(5):
        queue(connection, number, "busy")
    late = queue(connection, 9, "quiet")
    first, second = claim(connection), claim(connection)
    assert first is not None
    assert second is not None
    assert (first.tenant_id, second.run_id) == ("busy", late)


def test_a_tenant_at_its_limit_waits(connection: sqlite3.Connection) -> None:
    for number in range(3):
        queue(connection, number)
    assert claim(connection, per_tenant=1) is not None
    assert claim(connection, per_tenant=1) is None


def test_a_run_that_is_not_due_is_left(connection: sqlite3.Connection) -> None:
    run_id = queue(connection, 1)
    connection.execute("UPDATE runs SET not_before = '2999-01-01' WHERE run_id = ?", (run_id,))
    assert claim(connection) is None


def test_a_job_never_has_two_live_runs(connection: sqlite3.Connection) -> None:
    queue(connection, 1)
    with pytest.raises(sqlite3.IntegrityError):
        store.insert(
            connection, run_id="run_other", job_id="job_00001", tenant_id="default", plan_id="p", plan_revision=1,
            trigger_attempt=1, output_formats=["csv"],
        )  # fmt: skip


def test_a_claim_uses_the_partial_index_only(connection: sqlite3.Connection) -> None:
    parameters = {"now": "", "boot_id": "", "lease_until": "", "per_tenant": 0}
    plan = [row["detail"] for row in connection.execute("EXPLAIN QUERY PLAN " + store.CLAIM, parameters)]
    touching = [line for line in plan if " runs" in line]
    assert touching
    assert all("INDEX" in line for line in touching), plan
    assert not any(line.startswith("SCAN runs") and "runs_queued" not in line for line in plan), plan


def test_runs_of_a_dead_server_are_found(connection: sqlite3.Connection) -> None:
    queue(connection, 1)
    claim(connection)
    assert store.stale(connection, "boot") == []
    assert [run.run_id for run in store.stale(connection, "another boot")] == ["run_00001"]
    connection.execute("UPDATE runs SET lease_until = '2000-01-01'")
    assert [run.run_id for run in store.stale(connection, "boot")] == ["run_00001"]


def test_a_run_ends_only_once(connection: sqlite3.Connection) -> None:
    queue(connection, 1)
    claim(connection)
    assert store.finish(connection, "run_00001", RunStatus.SUCCEEDED, None)
    assert not store.finish(connection, "run_00001", RunStatus.FAILED, None)
