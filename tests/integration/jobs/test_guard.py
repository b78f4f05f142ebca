"""Who is let in to a job: the table of http-api.md."""

from __future__ import annotations

import pytest

from ssd.db.clock import iso_in

SECRET = "A" * 43
UNKNOWN = "job_" + "0" * 26


def fake(job_id):
    return f"Bearer ssv1.{job_id}.{SECRET}"


@pytest.mark.parametrize(
    ("authorization", "status", "code"),
    [
        (None, 401, "AUTH_BEARER_TOKEN_MISSING"),
        ("", 401, "AUTH_BEARER_TOKEN_MISSING"),
        ("Basic dXNlcjpwdw==", 401, "AUTH_BEARER_TOKEN_INVALID"),
        ("Bearer", 401, "AUTH_BEARER_TOKEN_INVALID"),
        ("Bearer abc", 401, "AUTH_BEARER_TOKEN_INVALID"),
        ("Bearer ssa1.x.y", 401, "AUTH_BEARER_TOKEN_INVALID"),
        (f"Bearer ssv1.../../x.{SECRET}", 401, "AUTH_BEARER_TOKEN_INVALID"),
        (fake("{job_id}"), 403, "AUTH_TOKEN_INVALID"),
        (fake(UNKNOWN), 403, "AUTH_TOKEN_FORBIDDEN"),
    ],
)
@pytest.mark.parametrize(("method", "tail"), [("GET", ""), ("GET", "/events"), ("POST", "/reopen"), ("DELETE", "")])
async def test_refusals(client, job, authorization, status, code, method, tail):
    headers = {} if authorization is None else {"Authorization": authorization.format(job_id=job.job_id)}
    response = await client.request(method, job.path(tail), headers=headers)
    assert (response.status_code, response.json()["error_code"]) == (status, code)
    assert ("www-authenticate" in response.headers) is (status == 401)


async def test_the_schemes_case_does_not_matter(client, job):
    response = await client.get(job.path(), headers={"Authorization": f"bearer {job.token}"})
    assert response.status_code == 200


async def test_an_unknown_job_is_told_only_to_who_shows_a_well_formed_token(client):
    assert (await client.get(f"/v1/jobs/{UNKNOWN}")).status_code == 401
    response = await client.get(f"/v1/jobs/{UNKNOWN}", headers={"Authorization": fake(UNKNOWN)})
    assert (response.status_code, response.json()["error_code"]) == (404, "JOB_NOT_FOUND")


async def test_an_expired_token_is_told_apart(client, services, job):
    past = iso_in(days=-1)
    await services.database.write(lambda store: store.execute("UPDATE job_tokens SET expires_at = ?", (past,)))
    response = await client.get(job.path(), headers=job.headers)
    assert (response.status_code, response.json()["error_code"]) == (403, "AUTH_TOKEN_EXPIRED")


async def test_a_token_does_not_work_for_another_tenant(client, job):
    response = await client.get(job.path(), headers={**job.headers, "X-SS-Tenant-ID": "other"})
    assert (response.status_code, response.json()["error_code"]) == (403, "AUTH_TOKEN_FORBIDDEN")


@pytest.mark.parametrize("tenant", ["", "  ", "a b", "-x", "../x", "a" * 65, "租户".encode()])
async def test_an_unsafe_tenant_is_refused(client, job, tenant):
    response = await client.get(job.path(), headers={**job.headers, "X-SS-Tenant-ID": tenant})
    assert (response.status_code, response.json()["error_code"]) == (400, "TENANT_ID_UNSAFE")


async def test_repeated_headers_are_refused(client, job):
    twice = [("Authorization", f"Bearer {job.token}")] * 2
    response = await client.get(job.path(), headers=twice)
    assert (response.status_code, response.json()["error_code"]) == (401, "AUTH_BEARER_TOKEN_INVALID")
    tenants = [*job.headers.items(), ("X-SS-Tenant-ID", "default"), ("X-SS-Tenant-ID", "other")]
    response = await client.get(job.path(), headers=tenants)
    assert (response.status_code, response.json()["error_code"]) == (400, "TENANT_ID_UNSAFE")
