"""Every statement that runs often is answered by an index, however many rows there are."""

from __future__ import annotations

import pytest

from ssd.access import store as access_store
from ssd.jobs import artifact_index, erase, guard, store, view
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
    scans = [line for line in details if line.startswith("SCAN") and line.split()[1] in tables and "INDEX" not in line]
    assert scans == []


@pytest.mark.parametrize("name", ["list codes", "list codes of a tenant", "events", "artifacts", "artifacts of a kind"])
async def test_no_list_is_sorted_after_it_is_read(database, name):
    assert not any("TEMP B-TREE" in line for line in await plan_of(database, STATEMENTS[name]))
