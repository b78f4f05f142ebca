"""Every statement that runs often is answered by an index, however many rows there are."""

from __future__ import annotations

import pytest

from ssd.access import admin_audit, admin_store
from ssd.access import store as access_store
from ssd.jobs import artifact_index, erase, guard, store, view
from ssd.jobs import listing as job_listing
from ssd.llm import listing as call_listing
from ssd.runs import store as runs_store

STATEMENTS = {
    "redeem": access_store.FIND_BY_HASH,
    "list codes": access_store.LIST_CODES,
    "list codes of a tenant": access_store.LIST_CODES_OF_TENANT,
    "job": store.SELECT,
    "guarded job": guard.SELECT_GUARDED,
    "job view": view.SELECT_VIEW,
    "events": store.EVENTS_AFTER,
    "artifacts": artifact_index.LIST,
    "artifacts of a kind": artifact_index.LIST_KIND,
    "artifacts of a run": artifact_index.LIST_RUN,
    "artifacts of a run and kind": artifact_index.LIST_RUN_KIND,
    "artifact": artifact_index.FIND,
    "artifacts by kind": artifact_index.COUNT_BY_KIND,
    "unfinished deletions": erase.TO_ERASE,
    "claim": runs_store.CLAIM,
    "administrator's token": admin_store.FIND_TOKEN,
    "administrators' tokens": admin_store.LIST_TOKENS,
    "audit": admin_audit.LIST,
    "audit of a subject": admin_audit.LIST_SUBJECT,
    "audit of an action": admin_audit.LIST_ACTION,
    "audit of a subject and an action": admin_audit.LIST_SUBJECT_ACTION,
    "jobs": job_listing.LIST,
    "jobs of a tenant": job_listing.LIST_TENANT,
    "jobs in a state": job_listing.LIST_STATUS,
    "jobs of a tenant in a state": job_listing.LIST_TENANT_STATUS,
    "runs of a job": job_listing.RUNS,
    "tenants": job_listing.TENANTS,
    "calls": call_listing.LIST,
    "calls of a tenant": call_listing.LIST_TENANT,
    "calls with a status": call_listing.LIST_STATUS,
    "calls of a tenant with a status": call_listing.LIST_TENANT_STATUS,
    "calls of a job": call_listing.LIST_JOB,
}


class AnyValue(dict):
    """A value for every named parameter."""

    def __missing__(self, key):
        return 1


async def plan_of(database, sql):
    parameters = AnyValue() if ":" in sql else (1,) * sql.count("?")
    return await database.write(
        lambda store: [row["detail"] for row in store.execute(f"EXPLAIN QUERY PLAN {sql}", parameters)]
    )


@pytest.mark.parametrize("name", STATEMENTS)
async def test_no_table_is_scanned(database, name):
    details = await plan_of(database, STATEMENTS[name])
    tables = ("jobs", "task_codes", "job_tokens", "job_events", "artifacts", "runs", "drafts")
    tables += ("admin_tokens", "audit_log", "tenants", "llm_calls", "j", "r", "a", "c", "t")
    scans = [line for line in details if line.startswith("SCAN") and line.split()[1] in tables and "INDEX" not in line]
    assert scans == []


LISTS = ["list codes", "list codes of a tenant", "events", "artifacts", "artifacts of a kind"]
LISTS += [name for name in STATEMENTS if name.startswith(("audit", "jobs", "calls", "administrators'", "tenants"))]


@pytest.mark.parametrize("name", LISTS)
async def test_no_list_is_sorted_after_it_is_read(database, name):
    assert not any("TEMP B-TREE" in line for line in await plan_of(database, STATEMENTS[name]))
