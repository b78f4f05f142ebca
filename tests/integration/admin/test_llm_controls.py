"""The operator's hand on the language models: over HTTP and at the command line."""

from __future__ import annotations

import csv
import io

import msgspec
import pytest

from ssd.db.clock import iso_in, now_iso
from ssd.settings import Secret

T1, T2, T3 = "2026-01-31T23:59:59.000+00:00", "2026-02-01T00:00:00.000+00:00", "2026-02-01T00:00:01.000+00:00"
CALL = """
    INSERT INTO llm_calls (call_id, tenant_id, user_id, operation, request_id, attempt, content_hash, job_id, status,
        reason, provider, model, schema_version, cached, cost, boot_id, lease_until, started_at, ended_at, duration_ms)
    VALUES (:call_id, :tenant_id, :user_id, :operation, :call_id, 1, '', :job_id, :status, :reason, :provider, 'm',
        '1', :cached, :cost, 'boot', :lease_until, :started_at, :ended_at, :duration_ms)"""


@pytest.fixture
def settings(settings):
    return msgspec.structs.replace(settings, llm_provider="anthropic", llm_api_key=Secret("k" * 20))


def a_call(call_id, **changes):
    return {
        "call_id": call_id,
        "tenant_id": "a",
        "user_id": "u1",
        "operation": "draft_preview",
        "job_id": None,
        "status": "success",
        "reason": None,
        "provider": "anthropic",
        "cached": 0,
        "cost": 0,
        "lease_until": T3,
        "started_at": T1,
        "ended_at": T2,
        "duration_ms": 0,
        **changes,
    }


@pytest.fixture
async def ledger(services):
    """Twenty paid calls costing 1…20 cents in 100…2000 ms, five cached ones, a block, a pending one."""
    calls = [a_call(f"c{n:02}", cost=n * 1_000_000, duration_ms=n * 100, started_at=T1) for n in range(1, 21)]
    calls += [a_call(f"h{n}", cached=1, operation="plan.generate", started_at=T2) for n in range(5)]
    calls += [a_call("p0", operation="plan.generate", cost=500_000, duration_ms=7, started_at=T2)]
    blocked = {"status": "blocked", "reason": "breaker_open", "provider": None}
    calls += [a_call("b0", tenant_id="b", job_id="job_x", started_at=T2, **blocked)]
    calls += [a_call("w0", tenant_id="b", status="pending", started_at=T3, ended_at=None, duration_ms=None)]

    def unit(connection):
        connection.executemany(CALL, calls)
        connection.execute("INSERT INTO llm_monthly VALUES ('a', 'u1', '2026-01', 210000000, 0, 20)")
        connection.execute("INSERT INTO llm_monthly VALUES ('a', 'u1', '2026-02', 500000, 0, 6)")
        connection.execute("INSERT INTO llm_monthly VALUES ('b', 'u1', '2026-02', 0, 3000000, 0)")
        connection.execute(
            "INSERT INTO llm_reservations VALUES ('w0', 'b', 'u1', '2026-02', 3000000, 'held', NULL, ?, NULL)", (T3,)
        )

    await services.database.write(unit)


async def dashboard(admin, name):
    answer = await admin("GET", f"/llm/dashboards/{name}")
    assert answer.status_code == 200, answer.text
    return answer.json()


async def test_what_is_changed_is_changed_and_nothing_else(admin, audited):
    before = (await admin("GET", "/llm/controls")).json()
    assert before["controls"]["kill_switch"] is False
    changed = await admin("PUT", "/llm/controls", json={"kill_switch": True, "hourly_cap_cents": 7})
    assert changed.status_code == 200
    after = (await admin("GET", "/llm/controls")).json()
    assert after == changed.json()
    assert after["controls"] == {**before["controls"], "kill_switch": True, "hourly_cap_cents": 7}
    assert await audited() == [("admin:root", "llm.controls", "llm")]
    entry = (await admin("GET", "/audit")).json()["entries"][0]
    assert entry["data"] == {"kill_switch": True, "hourly_cap_cents": 7}


async def test_a_shut_off_has_words_and_is_lifted_by_null(admin):
    await admin("PUT", "/llm/controls", json={"shutoff": "invoice under review"})
    await admin("PUT", "/llm/controls", json={"monthly_cap_cents": 1})
    assert (await admin("GET", "/llm/controls")).json()["controls"]["shutoff"] == "invoice under review"
    lifted = await admin("PUT", "/llm/controls", json={"shutoff": None})
    assert lifted.json()["controls"]["shutoff"] is None


async def test_a_user_s_own_cap_is_set_and_taken_away(admin):
    cap = {"tenant_id": "a", "user_id": "code_1", "monthly_cap_cents": 12}
    set_ = await admin("PUT", "/llm/controls", json={"user_caps": [cap]})
    (shown,) = set_.json()["user_caps"]
    assert shown.items() >= cap.items()
    gone = await admin("PUT", "/llm/controls", json={"user_caps": [{**cap, "monthly_cap_cents": None}]})
    assert gone.json()["user_caps"] == []


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "body"),
        ({"shutoff": " "}, "reason"),
        ({"kill_switch": "yes"}, "kill_switch"),
        ({"monthly_cap_cents": -1}, "monthly_cap_cents"),
        ({"breaker_failures": 0}, "breaker_failures"),
        ({"timeout_seconds": 0}, "timeout_seconds"),
        ({"provider_kill_switches": {"unheard": True}}, "provider_kill_switches"),
        ({"reset_breaker": "unheard"}, "reset_breaker"),
        ({"surprise": 1}, "surprise"),
    ],
)
async def test_a_bad_change_changes_nothing(admin, audited, body, field):
    before = (await admin("GET", "/llm/controls")).json()
    answer = await admin("PUT", "/llm/controls", json={**body, **({"kill_switch": True} if field == "reason" else {})})
    assert (answer.status_code, answer.json()["error_code"]) == (400, "INPUT_VALIDATION_FAILED")
    assert field in [problem["field"] for problem in answer.json()["errors"]]
    assert (await admin("GET", "/llm/controls")).json() == before
    assert await audited() == []


async def test_breakers_of_configured_providers_are_shown_and_reset(admin, services):
    shown = (await admin("GET", "/llm/controls")).json()["breakers"]
    assert [(row["provider"], row["state"]) for row in shown] == [("anthropic", "closed")]
    later, now = iso_in(seconds=300), now_iso()
    await services.database.write(
        lambda connection: connection.execute(
            "INSERT INTO llm_breakers (provider, failures, open_until, opened_at, updated_at) VALUES (?, 3, ?, ?, ?)",
            ("anthropic", later, now, now),
        )
    )
    shown = (await admin("GET", "/llm/controls")).json()["breakers"]
    assert [(row["state"], row["failures"], row["open_until"]) for row in shown] == [("open", 3, later)]
    rows = (await dashboard(admin, "03"))["rows"]
    assert [(row["state"], row["until"]) for row in rows if row["control"] == "breaker"] == [("open", later)]
    reset = await admin("PUT", "/llm/controls", json={"reset_breaker": "anthropic"})
    assert [(row["state"], row["failures"]) for row in reset.json()["breakers"]] == [("closed", 0)]


async def test_the_ledger_is_filtered_and_paged(admin, ledger):
    seen, cursor = [], None
    while True:
        page = (await admin("GET", "/llm/calls", params={"limit": 10, **({"cursor": cursor} if cursor else {})})).json()
        seen += [call["call_id"] for call in page["calls"]]
        cursor = page["next_cursor"]
        if cursor is None:
            break
    assert len(seen) == len(set(seen)) == 28
    assert seen[0] == "w0"

    async def found(**parameters):
        return [call["call_id"] for call in (await admin("GET", "/llm/calls", params=parameters)).json()["calls"]]

    assert await found(tenant_id="b") == ["w0", "b0"]
    assert await found(status="blocked") == ["b0"]
    assert await found(tenant_id="b", status="pending") == ["w0"]
    assert await found(job_id="job_x") == ["b0"]
    assert await found(job_id="job_x", tenant_id="a") == []
    assert (await admin("GET", "/llm/calls", params={"status": "lost"})).status_code == 400
    (cheap,) = [call for call in (await admin("GET", "/llm/calls")).json()["calls"] if call["call_id"] == "p0"]
    assert cheap["cost_cents"] == 0.5


async def test_monthly_spend(admin, ledger):
    shown = await dashboard(admin, "01_monthly_spend")
    assert shown["headers"] == ["tenant", "user", "month", "cost", "calls"]
    assert [tuple(row.values()) for row in shown["rows"]] == [
        ("a", "u1", "2026-02", 0.5, 6),
        ("b", "u1", "2026-02", 0.0, 0),
        ("a", "u1", "2026-01", 210.0, 20),
    ]


async def test_cache_hit_rate(admin, ledger):
    assert (await dashboard(admin, "02"))["rows"] == [
        {"operation": "draft_preview", "calls": 20, "hits": 0, "hit_rate": 0.0},
        {"operation": "plan.generate", "calls": 6, "hits": 5, "hit_rate": 0.8333},
    ]


async def test_cost_and_latency_percentiles_are_nearest_rank(admin, ledger):
    rows = {(row["provider"], row["status"], row["cached"]): row for row in (await dashboard(admin, "04"))["rows"]}
    paid = rows["anthropic", "success", "no"]
    # 21 calls: 0.5, 1 … 20 cents; the 11th is 10 and the 20th is 19. Times: 7, 100 … 2000 ms.
    assert (paid["calls"], paid["cost"], paid["cost_p50"], paid["cost_p95"]) == (21, 210.5, 10.0, 19.0)
    assert (paid["latency_ms_p50"], paid["latency_ms_p95"]) == (1000, 1900)
    assert rows["anthropic", "success", "yes"]["calls"] == 5
    assert rows["none", "blocked", "no"]["cost"] == 0.0
    assert len(rows) == 3


async def test_stuck_and_held(admin, ledger):
    rows = (await dashboard(admin, "05"))["rows"]
    assert [(row["kind"], row["call_id"], row["cost"], row["stuck"]) for row in rows] == [
        ("pending_call", "w0", 0.0, "yes"),
        ("held_reservation", "w0", 3.0, "yes"),
    ]


async def test_breakers_and_shutoffs_show_who_is_stopped(admin, services):
    now = now_iso()

    def unit(connection):
        connection.execute("INSERT INTO llm_hourly VALUES ('a', 'u1', ?, 9000000, 3)", (now[:13],))
        connection.execute("INSERT INTO llm_hourly VALUES ('a', 'u2', ?, 1000000, 3)", (now[:13],))
        connection.execute("INSERT INTO llm_monthly VALUES ('a', 'u3', ?, 4000000, 1000000, 3)", (now[:7],))

    await services.database.write(unit)
    change = {"shutoff": "under review", "hourly_cap_cents": 9, "monthly_cap_cents": 5}
    await admin("PUT", "/llm/controls", json=change)
    rows = {(row["control"], row["subject"]): row for row in (await dashboard(admin, "03"))["rows"]}
    assert rows["kill_switch", "all"]["state"] == "off"
    assert (rows["shutoff", "all"]["state"], rows["shutoff", "all"]["detail"]) == ("on", "under review")
    assert rows["shutoff", "all"]["since"].endswith("+00:00")
    assert rows["hourly_shutoff", "a/u1"]["detail"] == f"spent 9.00 of 9 cents in {now[:13]} UTC"
    assert rows["monthly_cap", "a/u3"]["state"] == "reached"
    assert {key for key in rows if key[0] == "hourly_shutoff"} == {("hourly_shutoff", "a/u1")}


async def test_an_empty_dashboard_says_so(admin):
    for number in ("01", "02", "04", "05"):
        shown = await dashboard(admin, number)
        assert shown["rows"] == []
        assert shown["note"]
        text = (await admin("GET", f"/llm/dashboards/{number}", params={"format": "csv"})).text
        header, note = text.splitlines()
        assert header.split(",") == shown["headers"]
        assert note.startswith(f"# {shown['note']} (as of 20")
    assert (await dashboard(admin, "03"))["rows"]


@pytest.mark.parametrize("path", ["01_monthly_spend.csv", "01_monthly_spend?format=csv", "01?format=csv"])
async def test_a_dashboard_as_csv(admin, ledger, path):
    answer = await admin("GET", f"/llm/dashboards/{path}")
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    assert answer.headers["content-disposition"] == 'attachment; filename="01_monthly_spend.csv"'
    rows = list(csv.DictReader(io.StringIO(answer.text)))
    assert rows[0] == {"tenant": "a", "user": "u1", "month": "2026-02", "cost": "0.500000", "calls": "6"}


@pytest.mark.parametrize("name", ["06", "nothing", "01_monthly_spend.xlsx"])
async def test_an_unknown_dashboard_is_named(admin, name):
    answer = await admin("GET", f"/llm/dashboards/{name}")
    assert (answer.status_code, answer.json()["error_code"]) == (404, "NOT_FOUND")
    assert "01_monthly_spend" in answer.json()["message"]


async def test_the_evidence_of_a_call_is_the_operator_s(client, admin, services, job):
    call = a_call("c_1", job_id=job.job_id)
    await services.database.write(lambda connection: connection.execute(CALL, call))
    folder = services.jobs.folder(job.job_id).artifacts / "llm" / "c_1"
    folder.mkdir(parents=True)
    (folder / "prompt.txt").write_text("<script>问题</script>", "utf-8")
    shown = (await admin("GET", "/llm/calls/c_1")).json()
    assert (shown["call"]["job_id"], shown["evidence"]) == (job.job_id, ["prompt.txt"])
    sent = await admin("GET", "/llm/calls/c_1/evidence/prompt.txt")
    assert (sent.text, sent.headers["content-type"]) == ("<script>问题</script>", "text/plain; charset=utf-8")
    assert (await admin("GET", "/llm/calls/c_1/evidence/response.txt")).json()["error_code"] == "ARTIFACT_NOT_FOUND"
    assert (await admin("GET", "/llm/calls/c_1/evidence/other.txt")).status_code == 400
    for path in ("/llm/calls/unknown", "/llm/calls/unknown/evidence/prompt.txt", "/llm/calls/..%2f..%2fetc"):
        missing = await admin("GET", path)
        assert (missing.status_code, missing.json()["error_code"]) == (404, "NOT_FOUND")
    theirs = await client.get(job.path("/artifacts/artifacts/llm/c_1/prompt.txt"), headers=job.headers)
    assert (theirs.status_code, theirs.json()["error_code"]) == (404, "ARTIFACT_NOT_FOUND")


async def test_readiness_tells_what_stands_in_the_way_and_stays_ready(admin, client, services):
    await admin("PUT", "/llm/controls", json={"kill_switch": True, "shutoff": "words of the operator"})
    check = (await client.get("/health/ready")).json()["checks"]["llm"]
    assert check == {"ok": True, "detail": "anthropic claude-opus-4-5-20251101; kill switch on; shut off"}


async def test_controls_that_cannot_be_read_are_not_ready(services, client):
    broken = "INSERT INTO flags VALUES ('llm.kill_switch', 'maybe', '')"
    await services.database.write(lambda connection: connection.execute(broken))
    assert (await client.get("/health/ready")).json()["checks"]["llm"]["ok"] is False
