"""Deleting a job: its data go, a tombstone stays for audit."""

from __future__ import annotations

import shutil
import sqlite3
from typing import Final

import anyio.to_thread

from ssd.access import store as access_store
from ssd.db.clock import now_iso
from ssd.errors import SsdError
from ssd.jobs.models import JobStatus
from ssd.jobs.service import Jobs

_BUSY: Final = frozenset({JobStatus.QUEUED, JobStatus.RUNNING})

# Profiles, drafts, plans and runs hold data values and the researcher's words. In one place, so that a test can
# compare it with the schema: a new table with a job_id must be named here or among the kept ones.
ERASE: Final = (
    "DELETE FROM step_runs WHERE run_id IN (SELECT run_id FROM runs WHERE job_id = ?)",
    "DELETE FROM runs WHERE job_id = ?",
    "DELETE FROM plans WHERE job_id = ?",
    "DELETE FROM drafts WHERE job_id = ?",
    "DELETE FROM datasets WHERE job_id = ?",
    "DELETE FROM artifacts WHERE job_id = ?",
    "DELETE FROM llm_task_records WHERE job_id = ?",
    "DELETE FROM llm_tasks WHERE job_id = ?",
    "DELETE FROM llm_outcomes WHERE job_id = ?",
    "DELETE FROM llm_cache WHERE job_id = ?",
    "UPDATE llm_calls SET error_message = NULL WHERE job_id = ?",
    "DELETE FROM job_tokens WHERE job_id = ?",
    "DELETE FROM job_events WHERE job_id = ?",
)
KEPT: Final = frozenset({"jobs", "task_codes", "llm_calls"})

ENTOMB: Final = """
    UPDATE jobs SET requirement = '', progress = NULL, error = NULL, deleted_at = :now, updated_at = :now,
        version = version + 1
    WHERE job_id = :job_id"""
REVOKE_CODE: Final = "UPDATE task_codes SET revoked_at = ? WHERE job_id = ? AND revoked_at IS NULL"
TO_ERASE: Final = "SELECT job_id FROM jobs WHERE deleted_at IS NOT NULL AND erased_at IS NULL"
ERASED: Final = "UPDATE jobs SET erased_at = ? WHERE job_id = ?"


async def delete(jobs: Jobs, job_id: str) -> None:
    """Remove everything of a job; its code can no longer be redeemed. Raises JOB_NOT_FOUND or JOB_LOCKED."""

    def unit(connection: sqlite3.Connection) -> None:
        job = Jobs.load(connection, job_id)
        if job.status in _BUSY:
            raise SsdError("JOB_LOCKED", f"The job is {job.status}; cancel it first.", job_status=job.status)
        for statement in ERASE:
            connection.execute(statement, (job_id,))
        moment = now_iso()
        connection.execute(ENTOMB, {"now": moment, "job_id": job_id})
        connection.execute(REVOKE_CODE, (moment, job_id))
        access_store.audit(connection, f"job:{job_id}", "jobs.delete", job_id, {"tenant_id": job.tenant_id})

    await jobs.database.write(unit)
    jobs.announce(job_id)
    await _remove_folder(jobs, job_id)


async def finish_deletions(jobs: Jobs) -> None:
    """Remove the folders of deleted jobs that a crash left behind."""
    for row in await jobs.database.all(TO_ERASE):
        await _remove_folder(jobs, row["job_id"])


async def _remove_folder(jobs: Jobs, job_id: str) -> None:
    root = jobs.folder(job_id).root
    if await anyio.to_thread.run_sync(root.exists):
        await anyio.to_thread.run_sync(shutil.rmtree, root)
    await jobs.database.write(lambda connection: connection.execute(ERASED, (now_iso(), job_id)) and None)
    jobs.feed.forget_lines(job_id)
