"""The job over HTTP: reading, waiting, following, reopening, deleting."""

from __future__ import annotations

import asyncio
import json
import time

import pytest

from ssd.db.clock import now_iso
from ssd.jobs import artifact_index
from ssd.jobs.erase import ERASE, KEPT
from ssd.jobs.models import ArtifactRecord, JobError, JobStatus, Progress, StataFailure

RUN = """
    INSERT INTO runs (run_id, job_id, tenant_id, plan_id, plan_revision, attempt, trigger_attempt, status, priority,
                      output_formats, queued_at, not_before, engine, error)
    VALUES (?, ?, 'default', 'p', 1, ?, 1, ?, 0, '[]', ?, '9999', ?, ?)"""
# not_before in the far future: the supervisor must leave these alone.
PLAN = "INSERT INTO plans (job_id, revision, plan_id, body, do_text, created_at) VALUES (?, 1, 'p', '{}', '', ?)"
DRAFT = """
    INSERT INTO drafts (job_id, draft_id, requirement_fingerprint, inputs_fingerprint, body, edits, created_at,
                        updated_at)
    VALUES (?, 'd', 'r', 'i', ?, '{}', ?, ?)"""

TO_QUEUED = (JobStatus.DRAFT_READY, JobStatus.CONFIRMED, JobStatus.QUEUED)
FAILURE = JobError("STATA_RETURN_CODE", "variable x not found", False, "Correct it.", StataFailure(111, "reg y x", 3))


async def walk(services, job_id, *statuses, **fields):
    """Move a job through states, as the features do."""

    def unit(connection):
        for status in statuses[:-1]:
            services.jobs.move(connection, job_id, status, cause="test")
        services.jobs.move(connection, job_id, statuses[-1], cause="test", **fields)

    await services.database.write(unit)
    services.jobs.announce(job_id)


def messages_of(text):
    """(id, event, data) of every server-sent message."""
    found = []
    for block in text.split("\n\n"):
        fields = dict(line.split(": ", 1) for line in block.splitlines() if not line.startswith(":"))
        if "event" in fields:
            found.append((fields["id"], fields["event"], json.loads(fields["data"])))
    return found


async def test_a_new_job_has_every_member(client, job):
    body = (await client.get(job.path(), headers=job.headers)).json()
    assert body.pop("trace_id")
    created = body["timestamps"].pop("created_at")
    assert created.endswith("+00:00")
    assert body == {
        "job_id": job.job_id,
        "status": "created",
        "version": 1,
        "requirement": "",
        "selected_template_id": None,
        "timestamps": {"scheduled_at": None, "started_at": None, "finished_at": None},
        "draft": None,
        "artifacts": {"total": 0, "by_kind": {}},
        "latest_run": None,
        "progress": None,
        "error": None,
        "queue_position": None,
        "expires_at": None,
    }


async def test_what_features_store_shows_in_the_job(client, services, job):
    moment = now_iso()

    def unit(connection):
        connection.execute(DRAFT, (job.job_id, json.dumps({"draft_text": "研究问题"}), moment, moment))
        connection.execute(PLAN, (job.job_id, moment))
        engine = json.dumps({"name": "ssd-engine", "version": "1"})
        connection.execute(RUN, ("run_1", job.job_id, 1, "failed", moment, engine, json.dumps({
            "error_code": "STATA_RETURN_CODE", "message": "m", "retryable": False, "hint": "h"})))  # fmt: skip
        connection.execute(RUN, ("run_2", job.job_id, 2, "running", moment, engine, None))
        for name, kind, run in (("a.csv", "table", "run_2"), ("b.csv", "table", "run_2"), ("plan.json", "plan", None)):
            artifact = ArtifactRecord(kind, f"artifacts/{name}", moment, 1, "0" * 64, "text/csv", run)
            artifact_index.record(connection, job.job_id, artifact)
        services.jobs.set_progress(connection, job.job_id, Progress(1, 4, "01_main", "main model", 25.0))

    await services.database.write(unit)
    body = (await client.get(job.path(), headers=job.headers)).json()
    assert body["draft"] == {"created_at": moment, "text_chars": 4}
    assert body["artifacts"] == {"total": 3, "by_kind": {"plan": 1, "table": 2}}
    assert body["latest_run"] == {
        "run_id": "run_2", "attempt": 2, "status": "running", "started_at": None, "ended_at": None,
        "artifacts_count": 2, "engine": {"name": "ssd-engine", "version": "1"}, "error": None,
    }  # fmt: skip
    assert body["progress"] == {
        "step": 1, "total_steps": 4, "step_id": "01_main", "purpose": "main model", "percent": 25.0,
    }  # fmt: skip


async def test_a_failed_job_tells_why(client, services, job):
    await walk(services, job.job_id, *TO_QUEUED, JobStatus.RUNNING, JobStatus.FAILED, error=FAILURE)
    body = (await client.get(job.path(), headers=job.headers)).json()
    assert body["status"] == "failed"
    assert body["error"]["error_code"] == "STATA_RETURN_CODE"
    assert body["error"]["stata"] == {"rc": 111, "command": "reg y x", "line": 3, "message": None}
    assert all(body["timestamps"].values())


async def test_queue_position_counts_those_ahead(client, services):
    issued = await services.task_codes.issue(tenant_id="default", count=3, expires_in_days=1, actor="test")
    redeemed = [await services.redeeming.redeem(code.task_code, "x", tenant_id="default") for code in issued]
    for number, one in enumerate(redeemed):
        moment = f"2026-01-01T00:00:0{number}.000+00:00"

        def unit(connection, one=one, number=number, moment=moment):
            connection.execute(PLAN, (one.job_id, moment))
            connection.execute(RUN, (f"run_{number}", one.job_id, 1, "queued", moment, None, None))

        await services.database.write(unit)
        await walk(services, one.job_id, *TO_QUEUED)
    positions = []
    for one in redeemed:
        headers = {"Authorization": f"Bearer {one.token}"}
        positions.append((await client.get(f"/v1/jobs/{one.job_id}", headers=headers)).json()["queue_position"])
    assert positions == [1, 2, 3]


async def test_a_read_after_a_write_sees_it(client, services, job):
    for number in range(20):
        await services.database.write(
            lambda store, number=number: store.execute("UPDATE jobs SET requirement = ?", (str(number),))
        )
        assert (await client.get(job.path(), headers=job.headers)).json()["requirement"] == str(number)


async def test_waiting_ends_when_the_job_changes(client, services, job):
    waiting = asyncio.create_task(client.get(job.path("?wait=30"), headers=job.headers))
    while not services.jobs.feed._waiting:
        await asyncio.sleep(0)
    await walk(services, job.job_id, JobStatus.DRAFT_READY)
    assert (await asyncio.wait_for(waiting, 5)).json()["status"] == "draft_ready"


async def test_waiting_ends_at_once_when_the_version_is_another_one(client, job):
    started = time.monotonic()
    response = await client.get(job.path("?wait=30&version=0"), headers=job.headers)
    assert response.json()["version"] == 1
    assert time.monotonic() - started < 5


async def test_waiting_ends_at_its_time(client, job):
    response = await client.get(job.path("?wait=0.05"), headers=job.headers)
    assert response.json()["status"] == "created"


@pytest.mark.parametrize("query", ["wait=-1", "wait=61", "wait=soon", "version=-1", "version=x"])
async def test_a_bad_wait_is_refused(client, job, query):
    response = await client.get(job.path(f"?{query}"), headers=job.headers)
    assert (response.status_code, response.json()["error_code"]) == (400, "INPUT_VALIDATION_FAILED")
    assert response.json()["errors"][0]["field"] == query.split("=", maxsplit=1)[0]


async def test_the_feed_tells_everything_in_order_and_ends(client, services, job):
    await walk(services, job.job_id, *TO_QUEUED, JobStatus.RUNNING)
    services.jobs.publish_log(job.job_id, [". regress y x", "r(111);"])
    await services.database.write(
        lambda store: services.jobs.set_progress(store, job.job_id, Progress(1, 2, "s", "p", 50.0))
    )
    await walk(services, job.job_id, JobStatus.FAILED, error=FAILURE)
    response = await client.get(job.path("/events"), headers=job.headers)
    assert response.headers["content-type"].startswith("text/event-stream")
    messages = messages_of(response.text)
    names = [name for _, name, _ in messages]
    assert names == ["log", "log", *["status"] * 5, "progress", "status", "error", "done"]
    assert [data["line"] for _, name, data in messages if name == "log"] == [". regress y x", "r(111);"]
    assert [data["status"] for _, name, data in messages if name == "status"] == [
        "created", "draft_ready", "confirmed", "queued", "running", "failed",
    ]  # fmt: skip
    assert messages[-2][2]["error_code"] == "STATA_RETURN_CODE"
    assert messages[-1][2] == {"status": "failed"}


async def test_the_feed_resumes_after_the_last_event_id(client, services, job):
    await walk(services, job.job_id, *TO_QUEUED, JobStatus.RUNNING)
    services.jobs.publish_log(job.job_id, ["one", "two"])
    await walk(services, job.job_id, JobStatus.SUCCEEDED)
    whole = messages_of((await client.get(job.path("/events"), headers=job.headers)).text)
    for position in range(len(whole) - 1):
        headers = {**job.headers, "Last-Event-ID": whole[position][0]}
        rest = messages_of((await client.get(job.path("/events"), headers=headers)).text)
        assert rest == whole[position + 1 :]


@pytest.mark.parametrize("nonsense", ["x", "-1", "1.x", "²", "1.2.3"])
async def test_a_last_event_id_that_is_not_ours_begins_anew(client, services, job, nonsense):
    await walk(services, job.job_id, *TO_QUEUED, JobStatus.RUNNING, JobStatus.SUCCEEDED)
    headers = {**job.headers, "Last-Event-ID": nonsense.encode()}
    messages = messages_of((await client.get(job.path("/events"), headers=headers)).text)
    assert messages[0][2]["status"] == "created"


async def test_a_live_listener_hears_what_comes(client, services, job):
    listening = asyncio.create_task(client.get(job.path("/events"), headers=job.headers))
    while not services.jobs.feed._waiting:
        await asyncio.sleep(0)
    await walk(services, job.job_id, *TO_QUEUED, JobStatus.RUNNING)
    await walk(services, job.job_id, JobStatus.SUCCEEDED)
    messages = messages_of((await asyncio.wait_for(listening, 5)).text)
    assert messages[-1][1:] == ("done", {"status": "succeeded"})
    assert services.jobs.feed._waiting == {}


async def test_reopening_keeps_history_and_clears_the_failure(client, services, job):
    await walk(services, job.job_id, *TO_QUEUED, JobStatus.RUNNING, JobStatus.FAILED, error=FAILURE)
    response = await client.post(job.path("/reopen"), headers=job.headers)
    assert (response.status_code, response.json()["status"]) == (200, "draft_ready")
    body = (await client.get(job.path(), headers=job.headers)).json()
    assert (body["status"], body["error"], body["timestamps"]["finished_at"]) == ("draft_ready", None, None)
    assert (await client.post(job.path("/reopen"), headers=job.headers)).json()["version"] == body["version"]
    events = await services.jobs.events_after(job.job_id, 0)
    assert [event.data["status"] for event in events][-2:] == ["failed", "draft_ready"]


async def test_a_queued_job_cannot_be_reopened_or_deleted(client, services, job):
    await walk(services, job.job_id, *TO_QUEUED)
    reopened = await client.post(job.path("/reopen"), headers=job.headers)
    assert (reopened.status_code, reopened.json()["error_code"]) == (409, "JOB_ILLEGAL_TRANSITION")
    assert reopened.json()["job_status"] == "queued"
    deleted = await client.delete(job.path(), headers=job.headers)
    assert (deleted.status_code, deleted.json()["error_code"]) == (409, "JOB_LOCKED")


async def test_deleting_removes_data_and_leaves_a_tombstone(client, services, job):
    moment = now_iso()
    folder = services.jobs.folder(job.job_id)
    folder.inputs.mkdir(parents=True)
    (folder.inputs / "secret.csv").write_text("income\n1\n")
    await services.database.write(
        lambda store: store.execute(DRAFT, (job.job_id, '{"draft_text": "x"}', moment, moment))
    )
    assert (await client.delete(job.path(), headers=job.headers)).status_code == 204
    assert not folder.root.exists()
    assert await services.database.all("SELECT * FROM drafts") == []
    row = await services.database.one("SELECT requirement, deleted_at, erased_at FROM jobs")
    assert row["requirement"] == ""
    assert row["erased_at"] >= row["deleted_at"]
    gone = await client.get(job.path(), headers=job.headers)
    assert (gone.status_code, gone.json()["error_code"]) == (404, "JOB_NOT_FOUND")
    again = await client.post("/v1/task-codes/redeem", json={"task_code": job.task_code})
    assert again.json()["error_code"] == "TASK_CODE_REVOKED"


async def test_a_deletion_cut_short_is_finished_at_the_next_start(services, job):
    from ssd.jobs.erase import finish_deletions

    root = services.jobs.folder(job.job_id).root
    root.mkdir(parents=True)
    await services.database.write(lambda store: store.execute("UPDATE jobs SET deleted_at = ?", (now_iso(),)))
    await finish_deletions(services.jobs)
    assert not root.exists()


async def test_deleting_looks_at_every_table_that_knows_jobs(database):
    tables = [row["name"] for row in await database.all("SELECT name FROM sqlite_schema WHERE type = 'table'")]
    knowing = set()
    for table in tables:
        columns = {row["name"] for row in await database.all(f"PRAGMA table_info({table})")}
        if "job_id" in columns:
            knowing.add(table)
    erased = {statement.split()[2] for statement in ERASE}
    assert knowing - KEPT <= erased
