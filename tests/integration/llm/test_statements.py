"""Every statement a call runs is answered by an index, however long the ledger is."""

from __future__ import annotations

import pytest

from ssd.jobs import erase
from ssd.llm import breaker, budget, cache, controls, ledger, reads

STATEMENTS = {
    "latest attempt": ledger.LATEST,
    "close": ledger.CLOSE,
    "outcome": ledger.OUTCOME,
    "pending": ledger.IS_PENDING,
    "renew": ledger.RENEW,
    "lapsed": ledger.LAPSED,
    "reserve": budget.RESERVE,
    "close reservation": budget.CLOSE,
    "book month": budget.BOOK_MONTH,
    "held": budget.HELD,
    "hour": budget.SPENT_IN_HOUR,
    "breaker": breaker.FIND,
    "cached": cache.FIND,
    "drop expired": cache.DROP_EXPIRED,
    "controls": controls.READ,
    "cap": controls.READ_CAP,
    "calls": reads.CALLS,
    "calls of a job": reads.CALLS_OF_JOB,
    "month": reads.MONTH,
    **{statement: statement for statement in erase.ERASE if " llm_" in statement},
}


class AnyValue(dict):
    """A value for every named parameter."""

    def __missing__(self, key):
        return 1


@pytest.mark.parametrize("name", STATEMENTS)
async def test_no_table_is_scanned(database, name):
    sql = STATEMENTS[name]
    parameters = AnyValue() if ":" in sql else (1,) * sql.count("?")
    details = await database.write(
        lambda store: [row["detail"] for row in store.execute(f"EXPLAIN QUERY PLAN {sql}", parameters)]
    )
    assert details
    assert [line for line in details if line.startswith("SCAN") or "TEMP B-TREE" in line] == []
