"""SQL of tasks and their records. Every read for a person needs the scope of that person."""

from __future__ import annotations

import sqlite3
from typing import Any, Final

import msgspec

from ssd.db.clock import iso_in, now_iso
from ssd.db.database import Database
from ssd.llm.models import Scope
from ssd.llm_tasks.models import INPUTS, Task, TaskError, TaskKind, TaskStatus

_COLUMNS: Final = (
    "task_id, job_id, tenant_id, user_id, task, request_id, input, content_hash, max_cost_cents, status, trial, "
    "deliveries, queued_at, started_at, ended_at, error"
)
_WITH_RECORD: Final = f"""
    SELECT {", ".join(f"t.{name.strip()}" for name in _COLUMNS.split(","))}, r.call_id, r.body
    FROM llm_tasks AS t LEFT JOIN llm_task_records AS r
        ON r.task_id = t.task_id AND r.tenant_id = t.tenant_id AND r.user_id = t.user_id
    WHERE t.job_id = :job_id AND t.tenant_id = :tenant_id AND t.user_id = :user_id"""  # noqa: S608

ONE: Final = f"{_WITH_RECORD} AND t.task_id = :task_id"
PAGE: Final = f"{_WITH_RECORD} AND t.task_id > :after ORDER BY t.task_id LIMIT :limit"

SAME_REQUEST: Final = f"""
    SELECT {_COLUMNS} FROM llm_tasks
    WHERE job_id = :job_id AND task = :task AND request_id = :request_id
        AND tenant_id = :tenant_id AND user_id = :user_id"""  # noqa: S608
INSERT: Final = """
    INSERT INTO llm_tasks (task_id, job_id, tenant_id, user_id, task, request_id, input, content_hash,
        max_cost_cents, status, trial, deliveries, queued_at, not_before)
    VALUES (:task_id, :job_id, :tenant_id, :user_id, :task, :request_id, :input, :content_hash,
        :max_cost_cents, 'queued', 1, 0, :now, :now)"""
AGAIN: Final = """
    UPDATE llm_tasks SET status = 'queued', trial = trial + 1, deliveries = 0, not_before = :now,
        started_at = NULL, ended_at = NULL, error = NULL
    WHERE task_id = :task_id AND status = 'failed'"""
CLAIM: Final = f"""
    UPDATE llm_tasks SET status = 'running', deliveries = deliveries + 1, boot_id = :boot_id,
        lease_until = :lease_until, started_at = :now
    WHERE task_id = (SELECT task_id FROM llm_tasks WHERE status = 'queued' AND not_before <= :now
                     ORDER BY not_before, queued_at LIMIT 1)
    RETURNING {_COLUMNS}"""  # noqa: S608
RENEW: Final = "UPDATE llm_tasks SET lease_until = ? WHERE status = 'running' AND boot_id = ?"
STALE: Final = """
    SELECT task_id, deliveries FROM llm_tasks
    WHERE status = 'running' AND (boot_id <> :boot_id OR lease_until < :now)"""
REQUEUE: Final = """
    UPDATE llm_tasks SET status = 'queued', not_before = :not_before, started_at = NULL, boot_id = NULL,
        lease_until = NULL
    WHERE task_id = :task_id AND status = 'running'"""
FINISH: Final = """
    UPDATE llm_tasks SET status = :status, ended_at = :now, error = :error, boot_id = NULL, lease_until = NULL
    WHERE task_id = :task_id AND status = 'running'"""
RECORD: Final = """
    INSERT INTO llm_task_records (task_id, job_id, tenant_id, user_id, task, call_id, body, created_at)
    VALUES (:task_id, :job_id, :tenant_id, :user_id, :task, :call_id, :body, :now)
    ON CONFLICT (task_id) DO NOTHING"""
HAS_RECORD: Final = "SELECT 1 FROM llm_task_records WHERE task_id = ?"
UNFINISHED: Final = "SELECT count(*) FROM llm_tasks WHERE job_id = ? AND status IN ('queued', 'running')"


def task_of(row: sqlite3.Row) -> Task:
    kind = TaskKind(row["task"])
    return Task(
        task_id=row["task_id"],
        job_id=row["job_id"],
        tenant_id=row["tenant_id"],
        user_id=row["user_id"],
        task=kind,
        request_id=row["request_id"],
        input=msgspec.json.decode(row["input"], type=INPUTS[kind]),
        content_hash=row["content_hash"],
        max_cost_cents=row["max_cost_cents"],
        status=TaskStatus(row["status"]),
        trial=row["trial"],
        deliveries=row["deliveries"],
        queued_at=row["queued_at"],
        started_at=row["started_at"],
        ended_at=row["ended_at"],
        error=None if row["error"] is None else msgspec.json.decode(row["error"], type=TaskError),
    )


def same_request(
    connection: sqlite3.Connection, scope: Scope, job_id: str, kind: TaskKind, request_id: str
) -> Task | None:
    """The task a request_id stands for."""
    parameters = _scoped(scope, job_id=job_id, task=kind.value, request_id=request_id)
    row = connection.execute(SAME_REQUEST, parameters).fetchone()
    return None if row is None else task_of(row)


def insert(connection: sqlite3.Connection, task: Task) -> None:
    connection.execute(
        INSERT,
        {
            "task_id": task.task_id,
            "job_id": task.job_id,
            "tenant_id": task.tenant_id,
            "user_id": task.user_id,
            "task": task.task.value,
            "request_id": task.request_id,
            "input": msgspec.json.encode(task.input).decode(),
            "content_hash": task.content_hash,
            "max_cost_cents": task.max_cost_cents,
            "now": task.queued_at,
        },
    )


def queue_again(connection: sqlite3.Connection, task_id: str) -> None:
    """Another trial of a failed task."""
    connection.execute(AGAIN, {"task_id": task_id, "now": now_iso()})


def unfinished(connection: sqlite3.Connection, job_id: str) -> int:
    """How many tasks of a job wait or are under way."""
    return int(connection.execute(UNFINISHED, (job_id,)).fetchone()[0])


def claim(connection: sqlite3.Connection, *, boot_id: str, lease_seconds: float) -> Task | None:
    """Take the next task that is due, or None."""
    parameters = {"now": now_iso(), "boot_id": boot_id, "lease_until": iso_in(seconds=lease_seconds)}
    rows = connection.execute(CLAIM, parameters).fetchall()
    return task_of(rows[0]) if rows else None


def renew(connection: sqlite3.Connection, *, boot_id: str, lease_seconds: float) -> None:
    connection.execute(RENEW, (iso_in(seconds=lease_seconds), boot_id))


def stale(connection: sqlite3.Connection, boot_id: str) -> list[tuple[str, int]]:
    """(task_id, deliveries) of running tasks whose server is gone."""
    rows = connection.execute(STALE, {"boot_id": boot_id, "now": now_iso()}).fetchall()
    return [(row["task_id"], row["deliveries"]) for row in rows]


def requeue(connection: sqlite3.Connection, task_id: str, *, delay_seconds: float) -> bool:
    cursor = connection.execute(REQUEUE, {"task_id": task_id, "not_before": iso_in(seconds=delay_seconds)})
    return cursor.rowcount == 1


def finish(connection: sqlite3.Connection, task_id: str, error: TaskError | None) -> bool:
    """End a running task; False when it was ended before, as by another delivery."""
    status = TaskStatus.SUCCEEDED if error is None else TaskStatus.FAILED
    encoded = None if error is None else msgspec.json.encode(error).decode()
    cursor = connection.execute(
        FINISH, {"task_id": task_id, "status": status.value, "now": now_iso(), "error": encoded}
    )
    return cursor.rowcount == 1


def record(connection: sqlite3.Connection, task: Task, call_id: str, body: msgspec.Struct) -> None:
    """What a task came to; a second delivery changes nothing."""
    connection.execute(
        RECORD,
        {
            "task_id": task.task_id,
            "job_id": task.job_id,
            "tenant_id": task.tenant_id,
            "user_id": task.user_id,
            "task": task.task.value,
            "call_id": call_id,
            "body": msgspec.json.encode(body).decode(),
            "now": now_iso(),
        },
    )


def has_record(connection: sqlite3.Connection, task_id: str) -> bool:
    return connection.execute(HAS_RECORD, (task_id,)).fetchone() is not None


async def one(database: Database, scope: Scope, job_id: str, task_id: str) -> sqlite3.Row | None:
    """A task with its record."""
    return await database.one(ONE, _scoped(scope, job_id=job_id, task_id=task_id))


async def page(database: Database, scope: Scope, job_id: str, after: str, limit: int) -> list[sqlite3.Row]:
    """Tasks of a job with their records, in order of task_id."""
    return await database.all(PAGE, _scoped(scope, job_id=job_id, after=after, limit=limit))


def _scoped(scope: Scope, **parameters: Any) -> dict[str, Any]:
    return {"tenant_id": scope.tenant_id, "user_id": scope.user_id, **parameters}
