"""For whom a job asks the model: its tenant, and the person behind its task code."""

from __future__ import annotations

from typing import Final

from ssd.db.database import Database
from ssd.errors import SsdError
from ssd.jobs.models import Job
from ssd.llm.models import Scope

_CODE: Final = "SELECT code_id FROM task_codes WHERE job_id = ?"


async def scope_of(database: Database, job: Job) -> Scope:
    """The scope of every model call of a job. Raises LLM_SCOPE_MISSING for a job without a task code."""
    row = await database.one(_CODE, (job.job_id,))
    if row is None:
        raise SsdError("LLM_SCOPE_MISSING", "The job belongs to no task code.")
    return Scope(job.tenant_id, str(row["code_id"]))
