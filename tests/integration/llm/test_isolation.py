"""Nothing of one user is read or written for another, in any llm table."""

from __future__ import annotations

import re
from importlib import resources

import pytest

from ssd.db.clock import now_iso
from ssd.errors import SsdError
from ssd.llm import budget, cache, controls, ledger, reads
from ssd.llm.models import CallStatus, Scope, Usage
from tests.integration.llm.conftest import ALICE, ask

WRONG = [Scope("default", "bob"), Scope("other", "alice")]
SHARED = {"llm_breakers"}
"""What belongs to the service, not to a user."""


@pytest.fixture
async def call_id(gateway, database):
    """A call of Alice's that has left something in every table."""
    await database.write(lambda store: controls.set_user_cap(store, ALICE, 1000))
    return (await gateway.call(ask(job_id="job_1", cache_fields=("requirement",)))).call_id


READS = {
    "llm_calls": [
        reads.call,
        lambda database, scope, call_id: reads.calls(database, scope),
        lambda database, scope, call_id: reads.calls_of_job(database, scope, "job_1"),
    ],
    "llm_outcomes": [reads.outcome],
    "llm_reservations": [reads.reservation],
    "llm_monthly": [lambda database, scope, call_id: _spent(reads.month(database, scope, now_iso()[:7]))],
    "llm_hourly": [lambda database, scope, call_id: reads.spent_in_hour(database, scope, now_iso()[:13])],
    "llm_cache": [lambda database, scope, call_id: reads.cached_answers(database, scope)],
    "llm_caps": [lambda database, scope, call_id: reads.own_cap(database, scope)],
}


async def _spent(reading):
    return (await reading).spent


def test_every_table_is_covered():
    sql = (resources.files("ssd.db") / "migrations" / "0002_llm.sql").read_text("utf-8")
    tables = set(re.findall(r"CREATE TABLE (\w+)", sql))
    assert tables == READS.keys() | SHARED


@pytest.mark.parametrize("table", READS)
async def test_reads_show_only_ones_own(database, call_id, table):
    for read in READS[table]:
        assert await read(database, ALICE, call_id), "the positive control"
        for scope in WRONG:
            assert not await read(database, scope, call_id)


@pytest.mark.parametrize(
    "read",
    [reads.call, reads.calls, reads.calls_of_job, reads.outcome, reads.reservation, reads.month, reads.spent_in_hour,
     reads.cached_answers, reads.own_cap],
    ids=lambda read: read.__name__,
)  # fmt: skip
async def test_nothing_is_read_without_a_scope(database, call_id, read):
    with pytest.raises(TypeError):
        await read(database)
    with pytest.raises(AttributeError):
        await read(database, None, *(["x"] if read not in (reads.calls, reads.cached_answers, reads.own_cap) else []))


def closing(**changes):
    members = {"status": CallStatus.FAILED, "ended_at": now_iso(), "duration_ms": 1, "usage": Usage(), **changes}
    return ledger.Closing(**members)


async def snapshot(database):
    return {table: [tuple(row) for row in await database.all(f"SELECT * FROM {table}")] for table in READS}


async def reopened(database, call_id):
    """Alice's call as if it were still going on, holding its money."""

    def unit(store):
        store.execute("UPDATE llm_calls SET status = 'pending' WHERE call_id = ?", (call_id,))
        store.execute("UPDATE llm_reservations SET state = 'held' WHERE call_id = ?", (call_id,))
        store.execute("UPDATE llm_monthly SET reserved = (SELECT sum(amount) FROM llm_reservations)")

    await database.write(unit)


WRITES = {
    "close": lambda store, scope, call_id: ledger.close(store, scope, call_id, closing()),
    "settle": lambda store, scope, call_id: budget.settle(store, scope, call_id, spent=5, now=now_iso()),
    "release": lambda store, scope, call_id: budget.release(store, scope, call_id, now=now_iso()),
}


@pytest.mark.parametrize("name", WRITES)
async def test_writes_touch_only_ones_own(database, call_id, name):
    await reopened(database, call_id)
    before = await snapshot(database)
    for scope in WRONG:
        with pytest.raises(SsdError):
            await database.write(lambda store, scope=scope: WRITES[name](store, scope, call_id))
        assert await snapshot(database) == before
    await database.write(lambda store: WRITES[name](store, ALICE, call_id))
    assert await snapshot(database) != before, "the positive control"


async def test_a_cap_of_one_user_is_nobody_elses(database, call_id, llm_settings):
    for scope in WRONG:
        await database.write(lambda store, scope=scope: controls.set_user_cap(store, scope, None))
    limits = await controls.current(database, llm_settings)
    caps = [
        await database.write(lambda store, scope=scope: controls.monthly_cap(store, scope, limits))
        for scope in (ALICE, *WRONG)
    ]
    assert caps == [1000 * 10**6, 2500 * 10**6, 2500 * 10**6]


async def test_the_same_request_of_another_is_a_call_of_its_own(gateway, provider, call_id):
    for scope in WRONG:
        outcome = await gateway.call(ask(scope=scope, job_id="job_1", cache_fields=("requirement",)))
        assert (outcome.replayed, outcome.cached) == (False, False)
        assert outcome.call_id != call_id
    assert len(provider.seen) == 3


async def test_the_cache_is_ones_own(database, call_id):
    (row,) = await database.all("SELECT cache_key FROM llm_cache")

    def find(scope):
        return database.write(lambda store: cache.find(store, scope, row["cache_key"], now=now_iso(), watermark=None))

    assert await find(ALICE) is not None
    assert [await find(scope) for scope in WRONG] == [None, None]
