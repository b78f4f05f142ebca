"""What every answer has, whatever the route."""

from __future__ import annotations

import json

import pytest
from litestar import get
from litestar.routes import HTTPRoute

from ssd.app import begin_shutdown
from ssd.errors import CATALOGUE, SsdError
from ssd.ops.openapi import _PROBLEM

MEMBERS = set(_PROBLEM["required"])


def assert_problem(response, code=None):
    body = response.json()
    assert response.headers["content-type"] == "application/problem+json"
    assert body.keys() >= MEMBERS
    assert body["status"] == response.status_code == CATALOGUE[body["error_code"]].status
    assert body["detail"] == body["message"]
    assert body["type"] == f"/docs/errors/{body['error_code']}"
    assert body["request_id"] == response.headers["x-ss-request-id"]
    if code is not None:
        assert body["error_code"] == code
    return body


def routes_of(app):
    """(method, path) of every route, path parameters filled with something that does not exist."""
    for route in app.routes:
        if isinstance(route, HTTPRoute):
            path = "/".join(["", *(part if isinstance(part, str) else "nothing" for part in route.path_components)])
            for method in sorted(route.methods - {"OPTIONS"}):
                yield method, path


async def test_every_route_answers_or_errs_in_the_envelope(client, app):
    seen = list(routes_of(app))
    assert len(seen) > 10
    for method, path in seen:
        response = await client.request(method, path)
        assert response.status_code < 500 or path == "/health/ready", (method, path, response.text)
        assert response.headers["x-ss-request-id"], (method, path)
        if response.status_code >= 400 and method != "HEAD" and path != "/health/ready":
            assert_problem(response)


async def test_every_job_route_wants_a_token(client, app):
    for method, path in routes_of(app):
        if path.startswith("/v1/jobs/"):
            response = await client.request(method, path)
            assert response.status_code == 401, (method, path, response.text)


async def test_every_route_refuses_other_methods(client, app):
    for path in sorted({path for _, path in routes_of(app)}):
        assert_problem(await client.request("TRACE", path), "METHOD_NOT_ALLOWED")


@pytest.mark.parametrize(
    ("method", "path", "code"),
    [
        ("GET", "/jobs/job_x", "NOT_FOUND"),
        ("POST", "/jobs/job_x/run", "NOT_FOUND"),
        ("POST", "/v1/jobs", "NOT_FOUND"),
        ("GET", "/v1/nothing", "NOT_FOUND"),
        ("GET", "/schema/nothing", "NOT_FOUND"),
        ("GET", "/docs/errors/NOTHING", "NOT_FOUND"),
        ("POST", "/v1/jobs/x", "METHOD_NOT_ALLOWED"),
        ("GET", "/v1/task-codes/redeem", "METHOD_NOT_ALLOWED"),
        ("GET", "/v1/jobs/..%2f..%2fetc%2fpasswd", None),
    ],
)
async def test_addresses_that_are_not_there(client, method, path, code):
    assert_problem(await client.request(method, path), code)


@pytest.mark.parametrize("header", ["X-SS-Request-Id", "X-Request-Id"])
async def test_a_safe_request_id_is_adopted(client, header):
    response = await client.get("/nothing", headers={header: "trace-1.a:b"})
    assert assert_problem(response)["request_id"] == "trace-1.a:b"


@pytest.mark.parametrize("unsafe", ["", "a b", "x" * 200, "<script>", "\u4e2d".encode()])
async def test_an_unsafe_request_id_is_replaced(client, unsafe):
    response = await client.get("/health/live", headers={"X-SS-Request-Id": unsafe})
    assert response.headers["x-ss-request-id"].isascii()
    assert response.headers["x-ss-request-id"] != unsafe


async def test_request_ids_never_repeat(client):
    ids = {(await client.get("/health/live")).headers["x-ss-request-id"] for _ in range(50)}
    assert len(ids) == 50


async def test_an_unforeseen_error_tells_the_client_nothing(client, app, capsys):
    @get("/boom")
    async def boom() -> None:
        raise RuntimeError("secret path /srv/data and ssv1.job_1.verysecretverysecret")

    @get("/boom-500")
    async def boom_of_ours() -> None:
        raise SsdError("TEMPLATE_RENDER_FAILED", "no", status="cannot override", param="x")

    app.register(boom)
    app.register(boom_of_ours)
    response = await client.get("/boom", headers={"X-SS-Request-Id": "boom-1"})
    body = assert_problem(response, "SERVICE_INTERNAL_ERROR")
    assert "RuntimeError" not in response.text
    assert "/srv" not in response.text
    assert body["retryable"] is True
    logged = [json.loads(line) for line in capsys.readouterr().err.splitlines() if "SS_REQUEST_CRASHED" in line]
    assert logged[0]["request_id"] == "boom-1"
    assert "RuntimeError" in logged[0]["exception"]
    assert "verysecret" not in logged[0]["exception"]
    assert assert_problem(await client.get("/boom-500"), "TEMPLATE_RENDER_FAILED")["param"] == "x"


async def test_while_shutting_down_only_health_is_served(client, app, job):
    begin_shutdown(app)
    response = await client.get(job.path(), headers=job.headers)
    assert_problem(response, "SERVICE_SHUTTING_DOWN")
    assert response.headers["retry-after"] == "30"
    assert (await client.get("/health/live")).status_code == 200


async def test_streams_end_when_the_server_stops(client, app, job):
    import asyncio

    listening = asyncio.create_task(client.get(job.path("/events"), headers=job.headers))
    while not app.state.services.jobs.feed._waiting:
        await asyncio.sleep(0)
    begin_shutdown(app)
    response = await asyncio.wait_for(listening, 5)
    assert "event: done" not in response.text


async def test_the_access_log_names_the_route_and_no_secret(settings, serve_app, capsys):
    import msgspec

    from ssd.app import build_app

    async with serve_app(build_app(msgspec.structs.replace(settings, log_level="info"))) as client:
        await client.get("/v1/jobs/job_1?token=secretquery", headers={"Authorization": "Bearer abc"})
        await client.get("/ssv1.job_abc.SECRETSECRETSECRET")
        await client.get("/AAAAA-BBBBB-CCCCC-DDDDD")
    errors = capsys.readouterr().err
    lines = [json.loads(line) for line in errors.splitlines()]
    access = [line for line in lines if line["event"] == "SS_REQUEST"]
    assert [line["status"] for line in access] == [401, 404, 404]
    assert access[0]["route"] == "/v1/jobs/{job_id}"
    assert access[0]["error_code"] == "AUTH_BEARER_TOKEN_INVALID"
    for secret in ("secretquery", "SECRETSECRET", "AAAAA-BBBBB"):
        assert secret not in errors
