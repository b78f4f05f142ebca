"""Redeeming task codes over HTTP."""

from __future__ import annotations

import asyncio

import pytest

from ssd.db.clock import iso_in


async def redeem(client, code, requirement="", **headers):
    body = {"task_code": code, "requirement": requirement}
    return await client.post("/v1/task-codes/redeem", json=body, headers=headers)


async def read(client, redeemed):
    headers = {"Authorization": f"Bearer {redeemed['token']}"}
    return await client.get(f"/v1/jobs/{redeemed['job_id']}", headers=headers)


async def test_first_redeem_makes_a_job_in_state_created(client, issued_code):
    response = await redeem(client, issued_code, "mean of x")
    body = response.json()
    assert response.status_code == 200
    assert set(body) == {"job_id", "token", "expires_at", "is_idempotent"}
    assert body["job_id"].startswith("job_")
    assert body["is_idempotent"] is False
    job = (await read(client, body)).json()
    assert (job["status"], job["requirement"], job["version"]) == ("created", "mean of x", 1)


async def test_redeeming_again_gives_the_same_job_and_a_new_token(client, issued_code):
    first = (await redeem(client, issued_code, "mean of x")).json()
    second = (await redeem(client, issued_code, "other words")).json()
    assert second["job_id"] == first["job_id"]
    assert second["is_idempotent"] is True
    assert second["token"] != first["token"]
    assert (await read(client, first)).status_code == 200
    assert (await read(client, second)).json()["requirement"] == "mean of x"


async def test_a_later_redeem_fills_a_blank_requirement(client, issued_code):
    await redeem(client, issued_code, "  ")
    again = (await redeem(client, issued_code, "does education raise wages?")).json()
    assert (await read(client, again)).json()["requirement"] == "does education raise wages?"


async def test_concurrent_first_redeems_make_one_job(client, services, issued_code):
    answers = await asyncio.gather(*(redeem(client, issued_code, "x") for _ in range(20)))
    bodies = [answer.json() for answer in answers]
    assert {answer.status_code for answer in answers} == {200}
    assert len({body["job_id"] for body in bodies}) == 1
    assert sum(not body["is_idempotent"] for body in bodies) == 1
    assert (await services.database.one("SELECT count(*) AS n FROM jobs"))["n"] == 1


async def test_the_last_five_tokens_stay_valid(client, issued_code):
    redeemed = [(await redeem(client, issued_code)).json() for _ in range(7)]
    statuses = [(await read(client, one)).status_code for one in redeemed]
    assert statuses == [403, 403, 200, 200, 200, 200, 200]


async def test_a_code_is_recognised_however_it_is_typed(client, issued_code):
    first = (await redeem(client, issued_code)).json()
    typed = f"  {issued_code.lower().replace('-', ' ')} "
    assert (await redeem(client, typed)).json()["job_id"] == first["job_id"]


@pytest.mark.parametrize("blank", ["", "   ", "\t"])
async def test_a_blank_code_is_refused(client, blank):
    response = await redeem(client, blank)
    assert (response.status_code, response.json()["error_code"]) == (400, "TASK_CODE_INVALID")


async def test_an_unknown_code_is_refused(client):
    response = await redeem(client, "AAAAA-AAAAA-AAAAA-AAAAA")
    assert (response.status_code, response.json()["error_code"]) == (404, "TASK_CODE_NOT_FOUND")


async def test_an_expired_code_is_refused_but_a_used_one_never_expires(client, services):
    issued = await services.task_codes.issue(tenant_id="default", count=2, expires_in_days=1, actor="test")
    used, unused = (code.task_code for code in issued)
    await redeem(client, used)
    past = iso_in(days=-1)
    await services.database.write(lambda store: store.execute("UPDATE task_codes SET expires_at = ?", (past,)))
    expired = await redeem(client, unused)
    assert (expired.status_code, expired.json()["error_code"]) == (400, "TASK_CODE_EXPIRED")
    assert (await redeem(client, used)).status_code == 200


async def test_revoking_a_code_ends_its_tokens(client, services, issued_code):
    body = (await redeem(client, issued_code)).json()
    [code] = await services.task_codes.listing()
    await services.task_codes.revoke(code.code_id, actor="test")
    refused = await redeem(client, issued_code)
    assert (refused.status_code, refused.json()["error_code"]) == (400, "TASK_CODE_REVOKED")
    locked_out = await read(client, body)
    assert (locked_out.status_code, locked_out.json()["error_code"]) == (403, "AUTH_TOKEN_INVALID")


async def test_a_code_of_another_tenant_is_refused(client, services):
    [issued] = await services.task_codes.issue(tenant_id="econ", count=1, expires_in_days=1, actor="test")
    refused = await redeem(client, issued.task_code)
    assert (refused.status_code, refused.json()["error_code"]) == (403, "AUTH_TOKEN_FORBIDDEN")
    assert "econ" not in refused.text
    body = (await redeem(client, issued.task_code, **{"X-SS-Tenant-ID": "econ"})).json()
    row = await services.database.one("SELECT tenant_id FROM jobs WHERE job_id = ?", (body["job_id"],))
    assert row["tenant_id"] == "econ"


async def test_neither_code_nor_token_is_stored(client, services, issued_code, settings):
    token = (await redeem(client, issued_code)).json()["token"]
    stored = b"".join(path.read_bytes() for path in settings.data_dir.glob("ssd.sqlite3*"))
    assert issued_code.encode() not in stored
    assert token.rsplit(".", 1)[1].encode() not in stored


@pytest.mark.parametrize(
    ("body", "fields"),
    [
        ({"requirement": "x"}, {"task_code"}),
        ({"task_code": 1, "requirement": 2}, {"task_code", "requirement"}),
        ({"task_code": "A", "extra": 1, "more": 2}, {"extra", "more"}),
        ({"task_code": "A" * 200}, {"task_code"}),
        (["not an object"], {"body"}),
    ],
)
async def test_every_bad_field_is_named(client, body, fields):
    response = await client.post("/v1/task-codes/redeem", json=body)
    problem = response.json()
    assert (response.status_code, problem["error_code"]) == (400, "INPUT_VALIDATION_FAILED")
    assert {error["field"] for error in problem["errors"]} == fields


async def test_a_body_that_is_not_json_is_refused(client):
    headers = {"Content-Type": "application/json"}
    response = await client.post("/v1/task-codes/redeem", content=b'{"task_code": ', headers=headers)
    assert (response.status_code, response.json()["error_code"]) == (400, "INPUT_VALIDATION_FAILED")


async def test_a_body_beyond_the_cap_is_refused(client):
    response = await client.post("/v1/task-codes/redeem", json={"task_code": "A", "requirement": "x" * 300_000})
    assert (response.status_code, response.json()["error_code"]) == (413, "REQUEST_TOO_LARGE")
