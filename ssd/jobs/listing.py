"""Jobs and tenants as the operator sees them: all of them, page by page, without anybody's token."""

from __future__ import annotations

import sqlite3
from typing import Any, Final, NamedTuple

import msgspec

from ssd.access import store as access_store
from ssd.db.database import Database
from ssd.errors import SsdError
from ssd.jobs.models import JobStatus
from ssd.jobs.view import SELECT_VIEW, JobView, RunSummary, view_of

_REQUIREMENT_SHOWN: Final = 200

_COLUMNS: Final = f"""
    job_id, tenant_id, status, version, substr(requirement, 1, {_REQUIREMENT_SHOWN}) AS requirement,
    selected_template_id, json_extract(error, '$.error_code') AS error_code,
    created_at, updated_at, scheduled_at, started_at, finished_at"""
_BEFORE: Final = "(created_at, job_id) < (:created_at, :job_id) AND deleted_at IS NULL"
_NEWEST_FIRST: Final = "ORDER BY created_at DESC, job_id DESC LIMIT :limit"

# One statement per filter, so that each is answered by one index.
LIST: Final = f"SELECT {_COLUMNS} FROM jobs WHERE {_BEFORE} {_NEWEST_FIRST}"  # noqa: S608
LIST_STATUS: Final = f"SELECT {_COLUMNS} FROM jobs WHERE status = :status AND {_BEFORE} {_NEWEST_FIRST}"  # noqa: S608
LIST_TENANT: Final = f"""
    SELECT {_COLUMNS} FROM jobs WHERE tenant_id = :tenant_id AND {_BEFORE} {_NEWEST_FIRST}"""  # noqa: S608
LIST_TENANT_STATUS: Final = f"""
    SELECT {_COLUMNS} FROM jobs
    WHERE tenant_id = :tenant_id AND status = :status AND {_BEFORE} {_NEWEST_FIRST}"""  # noqa: S608
_BY_FILTERS: Final = {
    (False, False): LIST,
    (True, False): LIST_TENANT,
    (False, True): LIST_STATUS,
    (True, True): LIST_TENANT_STATUS,
}

RUNS: Final = """
    SELECT r.run_id, r.attempt, r.status, r.started_at, r.ended_at, r.engine, r.error,
        (SELECT count(*) FROM artifacts AS a WHERE a.run_id = r.run_id) AS artifacts_count
    FROM runs AS r WHERE r.job_id = ? ORDER BY r.attempt"""

TENANTS: Final = """
    SELECT t.tenant_id, t.created_at,
        (SELECT count(*) FROM jobs AS j WHERE j.tenant_id = t.tenant_id AND j.deleted_at IS NULL) AS jobs,
        (SELECT count(*) FROM runs AS r WHERE r.tenant_id = t.tenant_id AND r.status = 'queued') AS queued_runs,
        (SELECT count(*) FROM runs AS r WHERE r.tenant_id = t.tenant_id AND r.status = 'running') AS running_runs,
        (SELECT count(*) FROM task_codes AS c WHERE c.tenant_id = t.tenant_id) AS task_codes
    FROM tenants AS t WHERE t.tenant_id > :after ORDER BY t.tenant_id LIMIT :limit"""


class ListedJob(msgspec.Struct, frozen=True):
    """A row of the list of jobs; `requirement` is cut after 200 characters."""

    job_id: str
    tenant_id: str
    status: JobStatus
    version: int
    requirement: str
    selected_template_id: str | None
    error_code: str | None
    created_at: str
    updated_at: str
    scheduled_at: str | None
    started_at: str | None
    finished_at: str | None


class JobDetail(JobView, frozen=True):
    """A job as its researcher sees it, whose it is, and every run it had."""

    tenant_id: str
    code_id: str | None
    runs: list[RunSummary]


class ListedTenant(msgspec.Struct, frozen=True):
    tenant_id: str
    created_at: str
    jobs: int
    queued_runs: int
    running_runs: int
    task_codes: int


class Place(NamedTuple):
    """Where a page of jobs ends."""

    created_at: str
    job_id: str


_AFTER_EVERY_JOB: Final = Place("\U0010ffff", "")


async def jobs(
    database: Database,
    *,
    tenant_id: str | None = None,
    status: JobStatus | None = None,
    before: Place | None = None,
    limit: int = 50,
) -> list[ListedJob]:
    """Up to `limit` jobs, newest first, those made before `before` only. Deleted jobs are not among them."""
    place = before or _AFTER_EVERY_JOB
    parameters = {**place._asdict(), "tenant_id": tenant_id, "status": status, "limit": limit}
    rows = await database.all(_BY_FILTERS[tenant_id is not None, status is not None], parameters)
    return [ListedJob(**{**dict(row), "status": JobStatus(row["status"])}) for row in rows]


async def job(database: Database, job_id: str) -> JobDetail:
    """Everything the operator is shown of a job. Raises JOB_NOT_FOUND."""
    row = await database.one(SELECT_VIEW, (job_id,))
    if row is None:
        raise SsdError("JOB_NOT_FOUND")
    view = view_of(row)
    code = await database.one(access_store.FIND_BY_JOB, (job_id,))
    runs = [_run_of(run) for run in await database.all(RUNS, (job_id,))]
    seen_by_researcher = {field: getattr(view, field) for field in JobView.__struct_fields__}
    return JobDetail(
        **seen_by_researcher,
        tenant_id=row["tenant_id"],
        code_id=None if code is None else code["code_id"],
        runs=runs,
    )


async def tenants(database: Database, *, after: str | None = None, limit: int = 50) -> list[ListedTenant]:
    """Up to `limit` tenants in order of their ids, those after `after` only, with what they have."""
    rows = await database.all(TENANTS, {"after": after or "", "limit": limit})
    return [ListedTenant(**dict(row)) for row in rows]


def _run_of(row: sqlite3.Row) -> RunSummary:
    stored: dict[str, Any] = dict(row)
    for name in ("engine", "error"):
        stored[name] = None if row[name] is None else msgspec.json.decode(row[name])
    return msgspec.convert(stored, RunSummary)
