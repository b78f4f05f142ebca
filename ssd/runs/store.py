"""SQL of runs and step runs."""

from __future__ import annotations

import sqlite3
from typing import Any, Final

import msgspec

from ssd.db.clock import iso_in, now_iso
from ssd.db.database import Database
from ssd.jobs.models import JobError
from ssd.runs.models import Engine, Run, RunStatus

_COLUMNS: Final = (
    "run_id, job_id, tenant_id, plan_id, plan_revision, attempt, trigger_attempt, status, output_formats, "
    "started_at, ended_at, boot_id, pid, pid_start"
)

_INSERT: Final = """
INSERT INTO runs (run_id, job_id, tenant_id, plan_id, plan_revision, attempt, trigger_attempt, status,
                  priority, output_formats, queued_at, not_before)
VALUES (:run_id, :job_id, :tenant_id, :plan_id, :plan_revision,
        (SELECT coalesce(max(attempt), 0) + 1 FROM runs WHERE job_id = :job_id),
        :trigger_attempt, 'queued', 0, :output_formats, :queued_at, :not_before)
"""

# Walks the tenants that have something queued by jumping along the partial index, takes the head of
# each one's queue, and prefers higher priority, then the tenant with the fewest running, then age.
CLAIM: Final = f"""
WITH RECURSIVE tenant (id) AS (
    SELECT min(tenant_id) FROM runs WHERE status = 'queued'
    UNION ALL
    SELECT (SELECT min(tenant_id) FROM runs WHERE status = 'queued' AND tenant_id > tenant.id)
      FROM tenant WHERE tenant.id IS NOT NULL
),
head AS (
    SELECT tenant.id AS tenant_id,
           (SELECT count(*) FROM runs WHERE status = 'running' AND tenant_id = tenant.id) AS running,
           (SELECT run_id FROM runs
             WHERE status = 'queued' AND tenant_id = tenant.id AND not_before <= :now
             ORDER BY priority DESC, queued_at LIMIT 1) AS run_id
      FROM tenant WHERE tenant.id IS NOT NULL
)
UPDATE runs SET status = 'running', boot_id = :boot_id, lease_until = :lease_until, started_at = :now
 WHERE run_id = (
    SELECT head.run_id FROM head JOIN runs ON runs.run_id = head.run_id
     WHERE :per_tenant = 0 OR head.running < :per_tenant
     ORDER BY runs.priority DESC, head.running, runs.queued_at LIMIT 1)
RETURNING {_COLUMNS}
"""  # noqa: S608 - built from constants

_STALE: Final = f"""
SELECT {_COLUMNS} FROM runs
 WHERE status = 'running' AND (boot_id <> :boot_id OR lease_until < :now)
"""  # noqa: S608 - built from constants

_FINISH: Final = """
UPDATE runs SET status = :status, ended_at = :now, error = :error, lease_until = NULL
 WHERE run_id = :run_id AND status = 'running'
"""

_LIVE: Final = f"SELECT {_COLUMNS} FROM runs WHERE job_id = ? AND status IN ('queued', 'running')"  # noqa: S608

_STEP: Final = """
INSERT INTO step_runs (run_id, position, step_id, status, started_at, ended_at, exit_code, error)
VALUES (:run_id, :position, :step_id, :status, :started_at, :ended_at, :exit_code, :error)
ON CONFLICT (run_id, position) DO UPDATE SET
    status = excluded.status, ended_at = excluded.ended_at, exit_code = excluded.exit_code, error = excluded.error
"""


def _run(row: sqlite3.Row) -> Run:
    values: dict[str, Any] = dict(row)
    values["status"] = RunStatus(values["status"])
    values["output_formats"] = msgspec.json.decode(values["output_formats"])
    return Run(**values)


def insert(
    connection: sqlite3.Connection,
    *,
    run_id: str,
    job_id: str,
    tenant_id: str,
    plan_id: str,
    plan_revision: int,
    trigger_attempt: int,
    output_formats: list[str],
    delay_seconds: float = 0.0,
) -> None:
    """Queue a run. The unique index on live runs refuses a second one for the same job."""
    connection.execute(
        _INSERT,
        {
            "run_id": run_id,
            "job_id": job_id,
            "tenant_id": tenant_id,
            "plan_id": plan_id,
            "plan_revision": plan_revision,
            "trigger_attempt": trigger_attempt,
            "output_formats": msgspec.json.encode(output_formats).decode(),
            "queued_at": now_iso(),
            "not_before": iso_in(seconds=delay_seconds),
        },
    )


def claim(connection: sqlite3.Connection, *, boot_id: str, lease_seconds: float, per_tenant: int) -> Run | None:
    """Take the next queued run for this server, or None when nothing is due."""
    parameters = {
        "now": now_iso(),
        "boot_id": boot_id,
        "lease_until": iso_in(seconds=lease_seconds),
        "per_tenant": per_tenant,
    }
    rows = connection.execute(CLAIM, parameters).fetchall()
    return _run(rows[0]) if rows else None


def renew(connection: sqlite3.Connection, *, boot_id: str, lease_seconds: float) -> None:
    connection.execute(
        "UPDATE runs SET lease_until = ? WHERE status = 'running' AND boot_id = ?",
        (iso_in(seconds=lease_seconds), boot_id),
    )


def set_process(connection: sqlite3.Connection, run_id: str, pid: int, pid_start: int | None, engine: Engine) -> None:
    """Which process runs it now, and which engine that is."""
    connection.execute(
        "UPDATE runs SET pid = ?, pid_start = ?, engine = ? WHERE run_id = ?",
        (pid, pid_start, msgspec.json.encode(engine).decode(), run_id),
    )


def finish(connection: sqlite3.Connection, run_id: str, status: RunStatus, error: JobError | None) -> bool:
    """End a running run; False when it was ended before (by a cancel or another server's recovery)."""
    encoded = None if error is None else msgspec.json.encode(error).decode()
    cursor = connection.execute(_FINISH, {"run_id": run_id, "status": status.value, "now": now_iso(), "error": encoded})
    return cursor.rowcount == 1


def cancel_queued(connection: sqlite3.Connection, run_id: str) -> None:
    connection.execute(
        "UPDATE runs SET status = 'cancelled', ended_at = ? WHERE run_id = ? AND status = 'queued'",
        (now_iso(), run_id),
    )


def stale(connection: sqlite3.Connection, boot_id: str) -> list[Run]:
    """Running runs whose server is gone."""
    return [_run(row) for row in connection.execute(_STALE, {"boot_id": boot_id, "now": now_iso()}).fetchall()]


def live(connection: sqlite3.Connection, job_id: str) -> Run | None:
    """The queued or running run of a job; there is at most one."""
    rows = connection.execute(_LIVE, (job_id,)).fetchall()
    return _run(rows[0]) if rows else None


def latest(connection: sqlite3.Connection, job_id: str) -> Run | None:
    rows = connection.execute(
        f"SELECT {_COLUMNS} FROM runs WHERE job_id = ? ORDER BY attempt DESC LIMIT 1",  # noqa: S608 - a constant
        (job_id,),
    ).fetchall()
    return _run(rows[0]) if rows else None


def save_step(
    connection: sqlite3.Connection,
    *,
    run_id: str,
    position: int,
    step_id: str,
    status: RunStatus,
    started_at: str,
    ended_at: str | None = None,
    exit_code: int | None = None,
    error: JobError | None = None,
) -> None:
    connection.execute(
        _STEP,
        {
            "run_id": run_id,
            "position": position,
            "step_id": step_id,
            "status": status.value,
            "started_at": started_at,
            "ended_at": ended_at,
            "exit_code": exit_code,
            "error": None if error is None else msgspec.json.encode(error).decode(),
        },
    )


_NEWEST: Final = f"SELECT {_COLUMNS} FROM runs WHERE job_id = ? ORDER BY attempt DESC LIMIT 1"  # noqa: S608 - constants
_OF_JOB: Final = f"SELECT {_COLUMNS} FROM runs WHERE job_id = ? AND run_id = ?"  # noqa: S608 - built from constants
_END: Final = "SELECT error FROM runs WHERE run_id = ?"
_STEPS: Final = "SELECT step_id, status, error FROM step_runs WHERE run_id = ? ORDER BY position"


async def newest(database: Database, job_id: str, run_id: str | None = None) -> Run | None:
    """The run named, if it is one of the job's, or the newest one."""
    row = await (database.one(_NEWEST, (job_id,)) if run_id is None else database.one(_OF_JOB, (job_id, run_id)))
    return None if row is None else _run(row)


async def error_of(database: Database, run_id: str) -> JobError | None:
    """Why a run failed."""
    row = await database.one(_END, (run_id,))
    return None if row is None or row["error"] is None else msgspec.json.decode(row["error"], type=JobError)


async def ends_of_steps(database: Database, run_id: str) -> list[tuple[str, str, JobError | None]]:
    """(step_id, status, error) of the steps that were begun, in order."""
    rows = await database.all(_STEPS, (run_id,))
    return [
        (r["step_id"], r["status"], None if r["error"] is None else msgspec.json.decode(r["error"], type=JobError))
        for r in rows
    ]
