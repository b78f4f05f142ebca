"""Task codes over HTTP."""

from __future__ import annotations

import pytest


async def redeem(client, code, tenant="default"):
    return await client.post(
        "/v1/task-codes/redeem", json={"task_code": code, "requirement": "x"}, headers={"X-SS-Tenant-ID": tenant}
    )


async def issue(admin, **body):
    answer = await admin("POST", "/task-codes", json=body)
    assert answer.status_code == 201, answer.text
    return answer.json()["task_codes"]


async def test_a_code_is_shown_once_and_can_be_redeemed(client, admin, audited):
    (code,) = await issue(admin, count=1, expires_in_days=3, tenant_id="econ")
    assert (await redeem(client, code["task_code"], "econ")).status_code == 200
    listed = await admin("GET", "/task-codes")
    assert code["task_code"] not in listed.text
    assert [(row["code_id"], row["status"]) for row in listed.json()["task_codes"]] == [(code["code_id"], "used")]
    assert ("admin:root", "task_codes.issue", "econ") in await audited()


async def test_filters_and_pages(admin):
    first = await issue(admin, count=3, tenant_id="a")
    await issue(admin, count=2, tenant_id="b")
    await admin("POST", f"/task-codes/{first[0]['code_id']}/revoke")
    of_a = (await admin("GET", "/task-codes", params={"tenant_id": "a"})).json()["task_codes"]
    assert len(of_a) == 3
    revoked = (await admin("GET", "/task-codes", params={"status": "revoked"})).json()["task_codes"]
    assert [row["code_id"] for row in revoked] == [first[0]["code_id"]]
    seen, cursor = [], None
    while True:
        page = (await admin("GET", "/task-codes", params={"limit": 2, **({"cursor": cursor} if cursor else {})})).json()
        seen += [row["code_id"] for row in page["task_codes"]]
        cursor = page["next_cursor"]
        if cursor is None:
            break
    assert len(seen) == len(set(seen)) == 5


async def test_revoking_ends_the_code_and_the_tokens_of_its_job(client, admin, job, services, audited):
    row = await services.database.one("SELECT code_id FROM task_codes WHERE job_id = ?", (job.job_id,))
    revoked = await admin("POST", f"/task-codes/{row['code_id']}/revoke")
    assert revoked.json()["status"] == "revoked"
    assert (await client.get(job.path(), headers=job.headers)).json()["error_code"] == "AUTH_TOKEN_INVALID"
    assert (await redeem(client, job.task_code)).json()["error_code"] == "TASK_CODE_REVOKED"
    assert ("admin:root", "task_codes.revoke", row["code_id"]) in await audited()


async def test_removing_a_code_leaves_its_job_to_the_operator(client, admin, job, services, audited):
    row = await services.database.one("SELECT code_id FROM task_codes WHERE job_id = ?", (job.job_id,))
    assert (await admin("DELETE", f"/task-codes/{row['code_id']}")).status_code == 204
    assert (await client.get(job.path(), headers=job.headers)).status_code == 403
    assert (await redeem(client, job.task_code)).json()["error_code"] == "TASK_CODE_NOT_FOUND"
    shown = (await admin("GET", f"/jobs/{job.job_id}")).json()
    assert (shown["job_id"], shown["code_id"]) == (job.job_id, None)
    assert ("admin:root", "task_codes.delete", row["code_id"]) in await audited()


@pytest.mark.parametrize(
    ("method", "path"), [("POST", "/task-codes/nothing/revoke"), ("DELETE", "/task-codes/nothing")]
)
async def test_an_unknown_code_is_named(admin, audited, method, path):
    answer = await admin(method, path)
    assert (answer.status_code, answer.json()["error_code"]) == (404, "TASK_CODE_NOT_FOUND")
    assert await audited() == []


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"count": 0}, "INPUT_VALIDATION_FAILED"),
        ({"count": 501}, "INPUT_VALIDATION_FAILED"),
        ({"expires_in_days": 3651}, "INPUT_VALIDATION_FAILED"),
        ({"count": "many"}, "INPUT_VALIDATION_FAILED"),
        ({"tenant_id": "a b"}, "TENANT_ID_UNSAFE"),
        ({"tenant": "a"}, "INPUT_VALIDATION_FAILED"),
    ],
)
async def test_bounds(admin, body, code):
    answer = await admin("POST", "/task-codes", json=body)
    assert (answer.status_code, answer.json()["error_code"]) == (400, code)


@pytest.mark.parametrize("path", ["/task-codes", "/tokens", "/jobs", "/tenants", "/audit", "/llm/calls"])
@pytest.mark.parametrize("parameters", [{"cursor": "???"}, {"cursor": "e30"}, {"limit": "0"}, {"limit": "201"}])
async def test_bad_paging_is_refused(admin, path, parameters):
    answer = await admin("GET", path, params=parameters)
    assert (answer.status_code, answer.json()["error_code"]) == (400, "INPUT_VALIDATION_FAILED")


async def test_an_unknown_status_is_refused(admin):
    answer = await admin("GET", "/task-codes", params={"status": "lost"})
    assert (answer.status_code, answer.json()["error_code"]) == (400, "INPUT_VALIDATION_FAILED")
