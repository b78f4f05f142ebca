"""Everybody's jobs, the tenants, and the audit log."""

from __future__ import annotations

import pytest

from ssd.access.tenants import DEFAULT_TENANT
from ssd.db.durable import write_durably
from ssd.jobs import artifact_index
from ssd.jobs.models import ArtifactRecord, JobStatus
from ssd.jobs.service import Jobs

UNKNOWN = "job_" + "0" * 26


@pytest.fixture
async def many(services):
    """Job ids, oldest first: three of tenant `a`, two of `b`; the last of each is `draft_ready`."""

    def unit(connection):
        ids = []
        for tenant, count in (("a", 3), ("b", 2)):
            connection.execute("INSERT INTO tenants VALUES (?, '2026-01-01T00:00:00.000+00:00')", (tenant,))
            for number in range(count):
                job_id = Jobs.create(connection, tenant, "long words " * 40)
                # All in the same millisecond: the order must hold all the same.
                moment = "2026-01-01T00:00:00.000+00:00"
                connection.execute("UPDATE jobs SET created_at = ? WHERE job_id = ?", (moment, job_id))
                if number == count - 1:
                    Jobs.move(connection, job_id, JobStatus.DRAFT_READY, cause="test")
                ids.append(job_id)
        return ids

    return await services.database.write(unit)


async def listed(admin, **parameters):
    answer = await admin("GET", "/jobs", params=parameters)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def test_filters(admin, many):
    assert {row["job_id"] for row in (await listed(admin))["jobs"]} == set(many)
    assert {row["job_id"] for row in (await listed(admin, tenant_id="a"))["jobs"]} == set(many[:3])
    assert {row["job_id"] for row in (await listed(admin, status="draft_ready"))["jobs"]} == {many[2], many[4]}
    both = await listed(admin, status="draft_ready", tenant_id="b")
    assert [row["job_id"] for row in both["jobs"]] == [many[4]]
    assert len(both["jobs"][0]["requirement"]) == 200
    assert (await admin("GET", "/jobs", params={"status": "lost"})).status_code == 400


@pytest.mark.parametrize("filters", [{}, {"tenant_id": "a"}, {"status": "created"}])
async def test_pages_show_every_job_once(admin, many, filters):
    whole = [row["job_id"] for row in (await listed(admin, **filters))["jobs"]]
    seen, cursor = [], None
    while True:
        page = await listed(admin, limit=1, **filters, **({"cursor": cursor} if cursor else {}))
        seen += [row["job_id"] for row in page["jobs"]]
        cursor = page["next_cursor"]
        if cursor is None:
            break
    assert seen == whole
    assert len(set(seen)) == len(seen) > 1


async def test_a_job_is_shown_with_its_tenant_and_code(client, admin, job):
    shown = (await admin("GET", f"/jobs/{job.job_id}")).json()
    seen_by_researcher = (await client.get(job.path(), headers=job.headers)).json()
    assert shown.items() >= seen_by_researcher.items()
    assert shown["tenant_id"] == DEFAULT_TENANT
    assert shown["code_id"].startswith("code_")
    assert shown["runs"] == []


@pytest.mark.parametrize(
    ("method", "tail"),
    [("GET", ""), ("POST", "/retry"), ("POST", "/cancel"), ("GET", "/artifacts"), ("GET", "/artifacts/a/b.csv")],
)
async def test_an_unknown_or_deleted_job_is_not_there(client, admin, job, method, tail):
    answer = await admin(method, f"/jobs/{UNKNOWN}{tail}")
    assert (answer.status_code, answer.json()["error_code"]) == (404, "JOB_NOT_FOUND")
    assert (await client.delete(job.path(), headers=job.headers)).status_code == 204
    answer = await admin(method, f"/jobs/{job.job_id}{tail}")
    assert (answer.status_code, answer.json()["error_code"]) == (404, "JOB_NOT_FOUND")
    assert (await listed(admin))["jobs"] == []


@pytest.mark.parametrize("action", ["retry", "cancel"])
async def test_what_a_job_s_state_does_not_allow_is_refused_and_leaves_no_trace(admin, job, audited, action):
    before = await audited()
    answer = await admin("POST", f"/jobs/{job.job_id}/{action}")
    assert (answer.status_code, answer.json()["error_code"]) == (409, "JOB_ILLEGAL_TRANSITION")
    assert answer.json()["message"].startswith("The job is created")
    assert await audited() == before


async def test_artifacts_are_listed_and_downloaded(admin, job, services):
    content = b"a,b\n1,2\n"
    path = services.jobs.folder(job.job_id).artifacts / "t.csv"
    write_durably(path, content)
    record = ArtifactRecord(
        "table", "artifacts/t.csv", "2026-01-01T00:00:00.000+00:00", len(content), "x" * 64, "text/csv"
    )
    await services.database.write(lambda connection: artifact_index.record(connection, job.job_id, record))
    page = (await admin("GET", f"/jobs/{job.job_id}/artifacts")).json()
    assert [item["rel_path"] for item in page["artifacts"]] == ["artifacts/t.csv"]
    sent = await admin("GET", f"/jobs/{job.job_id}/artifacts/artifacts/t.csv")
    assert (sent.status_code, sent.content, sent.headers["etag"]) == (200, content, f'"{"x" * 64}"')
    missing = await admin("GET", f"/jobs/{job.job_id}/artifacts/artifacts/other.csv")
    assert missing.json()["error_code"] == "ARTIFACT_NOT_FOUND"
    outside = await admin("GET", f"/jobs/{job.job_id}/artifacts/..%2f..%2fssd.sqlite3")
    assert outside.status_code in (400, 404)


async def test_tenants_are_listed_with_what_they_have(admin, many):
    await admin("POST", "/task-codes", json={"count": 2, "tenant_id": "b"})
    first = (await admin("GET", "/tenants", params={"limit": 1})).json()
    assert [(row["tenant_id"], row["jobs"], row["task_codes"]) for row in first["tenants"]] == [("a", 3, 0)]
    second = (await admin("GET", "/tenants", params={"cursor": first["next_cursor"]})).json()
    assert [(row["tenant_id"], row["jobs"], row["task_codes"]) for row in second["tenants"]] == [("b", 2, 2)]


async def test_the_audit_log_is_filtered_and_paged(admin):
    for tenant in ("a", "b", "a"):
        await admin("POST", "/task-codes", json={"tenant_id": tenant})
    await admin("POST", "/tokens", json={"name": "x"})
    whole = (await admin("GET", "/audit")).json()["entries"]
    assert [entry["action"] for entry in whole] == ["admin_tokens.issue"] + ["task_codes.issue"] * 3
    assert whole[1]["data"]["count"] == 1
    of_a = (await admin("GET", "/audit", params={"subject": "a"})).json()["entries"]
    assert len(of_a) == 2
    assert (await admin("GET", "/audit", params={"subject": "a", "action": "nothing"})).json()["entries"] == []
    issued = await admin("GET", "/audit", params={"action": "task_codes.issue", "limit": 2})
    rest = await admin("GET", "/audit", params={"action": "task_codes.issue", "cursor": issued.json()["next_cursor"]})
    assert [entry["audit_id"] for entry in issued.json()["entries"] + rest.json()["entries"]] == [
        entry["audit_id"] for entry in whole[1:]
    ]


async def test_system_status_tells_what_the_server_is_doing(admin):
    status = (await admin("GET", "/system/status")).json()
    assert status["queue"] == {"queued": 0, "running": 0, "oldest_queued_at": None}
    assert status["llm_tasks"] == status["queue"]
    assert status["slots"]["used"] == 0
    assert status["slots"]["total"] >= 1
    assert status["health"]["checks"]["database"]["ok"] is True
    assert 0 < status["disk"]["free_bytes"] <= status["disk"]["total_bytes"]
    assert status["versions"]["schema"] > 1
    assert status["versions"]["templates"] > 0
    assert status["resident_bytes"] > 10_000_000
    assert status["runs"] == []
