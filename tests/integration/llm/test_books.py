"""Money under load and after a crash: the cap holds, and every table tells the same."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from ssd.db.clock import now_iso
from ssd.db.database import Database
from ssd.errors import SsdError
from ssd.llm import budget
from ssd.llm.gateway import Gateway
from ssd.llm.models import MICROCENTS, Scope
from tests.integration.llm.books import require_books_agree
from tests.integration.llm.conftest import GOOD, ask
from tests.peers.llm_server import Answer

ROOT = Path(__file__).parents[3]
_EACH = 4.0
"""Cents a call of these tests may cost."""


def dearest(seen):
    """As much as the request allows: every byte a token, and as long an answer as was asked for."""
    return Answer(GOOD, input_tokens=len(seen.prompt.encode()), output_tokens=seen.body["max_tokens"], delay=0.2)


async def test_fifty_at_once_never_spend_more_than_a_cap_for_twenty(open_gateway, provider, database, rows):
    cap = int(20 * _EACH)
    gateway = open_gateway(llm_monthly_cap_cents=cap)
    provider.respond = dearest
    calls = [gateway.call(ask(request_id=f"r{number}", max_cost_cents=_EACH)) for number in range(50)]
    watching = asyncio.create_task(_watch(database, cap * MICROCENTS))
    results = await asyncio.gather(*calls, return_exceptions=True)
    watching.cancel()
    assert len(provider.seen) == 20
    reasons = [result.members["block_reason"] for result in results if isinstance(result, SsdError)]
    assert reasons == ["monthly_cap_exceeded"] * 30
    books = await require_books_agree(database)
    ((spent, calls_counted),) = books["ledger"].values()
    assert 0 < spent <= cap * MICROCENTS
    assert calls_counted == 20
    assert spent == sum(result.cost_microcents for result in results if not isinstance(result, SsdError))
    assert books["held"] == {}


async def _watch(database, cap):
    """At no moment is more spent and held than the cap."""
    while True:
        (row,) = await database.all("SELECT coalesce(sum(spent + reserved), 0) AS total FROM llm_monthly")
        assert row["total"] <= cap
        await asyncio.sleep(0.002)


async def test_what_is_left_after_many_rounds_is_used_and_never_passed(open_gateway, provider, database):
    cap = 30
    gateway = open_gateway(llm_monthly_cap_cents=cap)
    provider.respond = lambda seen: Answer(GOOD, input_tokens=800, output_tokens=700)
    for round_number in range(6):
        names = [f"r{round_number}-{number}" for number in range(10)]
        await asyncio.gather(
            *(gateway.call(ask(request_id=name, max_cost_cents=_EACH)) for name in names), return_exceptions=True
        )
    books = await require_books_agree(database)
    ((spent, _),) = books["ledger"].values()
    assert (cap - _EACH) * MICROCENTS < spent <= cap * MICROCENTS


async def test_a_mixture_of_every_ending_keeps_the_books_true(gateway, provider, database):
    endings = [Answer(GOOD), Answer(GOOD, truncated=True), Answer({"x": 1}), Answer(text="no", refused=True)]
    provider.respond = lambda seen: endings[len(provider.seen) % len(endings)]
    scopes = [Scope("default", "alice"), Scope("default", "bob"), Scope("other", "alice")]

    def refuse(connection, outcome):
        if outcome.call_id[-1] in "0123":
            raise SsdError("JOB_LOCKED")

    calls = [
        gateway.call(
            ask(request_id=f"r{number}", scope=scopes[number % 3], cache_fields=("columns",)), downstream=refuse
        )
        for number in range(60)
    ]
    results = await asyncio.gather(*calls, return_exceptions=True)
    assert {type(result) for result in results} >= {SsdError}
    books = await require_books_agree(database)
    assert len(books["ledger"]) == 3
    assert books["held"] == {}


_CHILD = """
import asyncio, sys
from pathlib import Path
from ssd.db.database import Database
from ssd.llm.gateway import Gateway
from ssd.settings import Secret, Settings
from tests.integration.llm.conftest import ask

async def main(store, url, key):
    settings = Settings(data_dir=Path(store).parent, llm_provider="anthropic", llm_base_url=url,
                        llm_api_key=Secret(key), llm_max_output_tokens=1000)
    gateway = Gateway.configured(settings, await Database.open(Path(store)),
                                 lambda job, call: Path(store).parent / "llm" / call)
    async with gateway.serving():
        await gateway.call(ask(request_id="before"))
        await asyncio.gather(*(gateway.call(ask(request_id=f"r{n}")) for n in range(5)))

asyncio.run(main(*sys.argv[1:]))
"""


async def test_a_server_killed_in_mid_call_leaves_books_the_next_one_sets_right(provider, llm_settings, tmp_path):
    provider.respond = lambda seen: Answer(GOOD, delay=0 if len(provider.seen) == 1 else 60)
    store = tmp_path / "killed" / "store.sqlite3"
    child = subprocess.Popen([sys.executable, "-c", _CHILD, store, provider.url, provider.key], cwd=ROOT)
    try:
        while len(provider.seen) < 6:
            assert child.poll() is None
            await asyncio.sleep(0.02)
    finally:
        os.kill(child.pid, signal.SIGKILL)
        child.wait()
    provider.respond = None
    database = await Database.open(store)
    try:
        held = await database.all("SELECT amount FROM llm_reservations WHERE state = 'held'")
        assert len(held) == 5
        gateway = Gateway.configured(llm_settings, database, lambda job, call: store.parent / "llm" / call)
        assert gateway is not None
        async with gateway.serving():
            books = await require_books_agree(database)
            assert books["held"] == {}
            ended = await database.all("SELECT status, reason FROM llm_calls WHERE request_id <> 'before'")
            assert [tuple(row) for row in ended] == [("failed", "abandoned")] * 5
            # Prompts of the killed calls were written before anything was sent.
            prompts = list((store.parent / "llm").glob("*/prompt.txt"))
            assert len(prompts) == 6
            assert (await gateway.call(ask(request_id="before"))).replayed
            assert not (await gateway.call(ask(request_id="r0"))).replayed
        await require_books_agree(database)
    finally:
        await database.close()


async def test_the_janitor_leaves_calls_under_way_alone(gateway, provider, database):
    provider.script(Answer(GOOD, delay=0.3))
    task = asyncio.create_task(gateway.call(ask()))
    while not provider.seen:
        await asyncio.sleep(0.01)
    await _let_leases_run_out(database)
    assert await gateway.tidy() == []
    assert (await task).value.name == "wage"
    await require_books_agree(database)


async def test_a_lapsed_lease_is_closed_once_and_a_late_answer_changes_nothing(open_gateway, provider, database, rows):
    first, second = open_gateway(), open_gateway()
    second.boot_id = first.boot_id
    provider.script(Answer(GOOD, delay=0.3))
    task = asyncio.create_task(first.call(ask()))
    while not provider.seen:
        await asyncio.sleep(0.01)
    assert await second.tidy() == []
    await _let_leases_run_out(database)
    (abandoned,) = await second.tidy()
    assert await second.tidy() == []
    with pytest.raises(SsdError) as late:
        await task
    assert (late.value.code, late.value.members["call_id"]) == ("LLM_CALL_FAILED", abandoned)
    (call,) = await rows("llm_calls")
    assert (call["status"], call["reason"]) == ("failed", "abandoned")
    assert await rows("llm_outcomes") == []
    await require_books_agree(database)


async def _let_leases_run_out(database):
    await database.write(
        lambda store: store.execute("UPDATE llm_calls SET lease_until = '2020-01-01T00:00:00.000+00:00'")
    )


async def test_money_is_settled_or_released_exactly_once(gateway, database, rows):
    outcome = await gateway.call(ask())
    before = await rows("llm_monthly"), await rows("llm_hourly"), await rows("llm_reservations")
    for again in (
        lambda store: budget.settle(store, ask().scope, outcome.call_id, spent=5, now=now_iso()),
        lambda store: budget.release(store, ask().scope, outcome.call_id, now=now_iso()),
    ):
        with pytest.raises(SsdError, match="not held"):
            await database.write(again)
    assert (await rows("llm_monthly"), await rows("llm_hourly"), await rows("llm_reservations")) == before


async def test_a_call_counts_for_the_month_in_which_its_money_was_held(gateway, provider, database, rows):
    provider.script(Answer(GOOD, delay=0.2))
    task = asyncio.create_task(gateway.call(ask()))
    while not provider.seen:
        await asyncio.sleep(0.01)

    def last_month(store):
        store.execute("UPDATE llm_reservations SET month = '2020-01'")
        store.execute("UPDATE llm_monthly SET month = '2020-01'")

    await database.write(last_month)
    outcome = await task
    (month,) = await rows("llm_monthly")
    assert (month["month"], month["spent"], month["reserved"]) == ("2020-01", outcome.cost_microcents, 0)


async def test_the_janitor_comes_again_while_the_server_serves(open_gateway, database, rows, monkeypatch, provider):
    monkeypatch.setattr("ssd.llm.gateway.JANITOR_SECONDS", 0.02)
    dead, serving = open_gateway(), open_gateway()
    provider.script(Answer(GOOD, delay=30))
    async with serving.serving():
        task = asyncio.create_task(dead.call(ask()))
        while (await rows("llm_calls") or [{"status": "pending"}])[0]["status"] == "pending":
            await asyncio.sleep(0.01)
    (call,) = await rows("llm_calls")
    assert (call["status"], call["reason"]) == ("failed", "abandoned")
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await require_books_agree(database)
