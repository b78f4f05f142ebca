"""Health, metrics, OpenAPI and pages."""

from __future__ import annotations

import re

import msgspec
import pytest
from litestar.routes import HTTPRoute

from ssd.app import build_app
from ssd.errors import CATALOGUE
from ssd.ops.health import Check, Health


async def test_liveness(client):
    response = await client.get("/health/live")
    assert (response.status_code, response.json()["status"]) == (200, "ok")
    assert response.json().keys() == {"status", "checks", "checked_at"}


async def test_readiness_names_its_checks(client):
    body = (await client.get("/health/ready")).json()
    assert body["checks"].keys() >= {"database", "disk", "template_library"}
    assert body["checks"]["database"]["ok"] is True
    assert all(check.keys() == {"ok", "detail"} for check in body["checks"].values())


async def test_a_full_disk_is_not_ready(settings, serve_app):
    async with serve_app(build_app(msgspec.structs.replace(settings, min_free_disk_mb=10**9))) as client:
        response = await client.get("/health/ready")
    assert (response.status_code, response.json()["status"]) == (503, "unavailable")
    assert response.json()["checks"]["disk"]["ok"] is False


async def test_production_rules_show_by_name(settings, serve_app):
    async with serve_app(build_app(msgspec.structs.replace(settings, env="production"))) as client:
        response = await client.get("/health/ready")
    assert response.status_code == 503
    assert response.json()["checks"]["production_real_stata"]["ok"] is False


async def test_checks_are_asked_rarely_and_a_broken_one_does_not_hide_the_others():
    asked = []

    async def broken():
        asked.append("broken")
        raise RuntimeError("secret detail")

    async def fine():
        asked.append("fine")
        return Check(ok=True, detail="")

    clock = [0.0]
    health = Health(clock=lambda: clock[0])
    health.register("broken", broken)
    health.register("fine", fine)
    first = await health.readiness()
    assert first.status == "unavailable"
    assert first.checks["fine"].ok
    assert "secret" not in first.checks["broken"].detail
    assert await health.readiness() is first
    clock[0] += 60
    await health.readiness()
    assert asked == ["broken", "fine"] * 2


async def test_metrics_count_by_route_not_by_path(client, job):
    await client.get(job.path(), headers=job.headers)
    await client.get("/wp-admin.php")
    response = await client.get("/metrics")
    assert response.headers["content-type"].startswith("text/plain")
    assert 'ssd_http_requests_total{method="GET",route="/v1/jobs/{job_id}",status="200"} 1.0' in response.text
    assert 'route="unknown",status="404"' in response.text
    assert "ssd_queue_depth 0.0" in response.text
    assert job.job_id not in response.text


async def test_the_openapi_document_is_true_about_errors(client, app):
    document = (await client.get("/schema/openapi.json")).json()
    redeem = document["paths"]["/v1/task-codes/redeem"]["post"]
    problem = {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}
    assert redeem["responses"]["400"]["content"] == problem
    assert redeem["responses"].keys() >= {"200", "400", "403", "404", "409", "413", "429", "500", "503"}
    job = document["paths"]["/v1/jobs/{job_id}"]["get"]
    assert job["security"] == [{"jobToken": []}]
    assert redeem["security"] == []
    assert document["components"]["securitySchemes"]["jobToken"]["scheme"] == "bearer"
    shown = job["responses"]["200"]["content"]["application/json"]["schema"]["$ref"].rsplit("/", 1)[1]
    assert "queue_position" in document["components"]["schemas"][shown]["properties"]
    served = {
        re.sub(r"\{(\w+):\w+\}", r"{\1}", route.path)
        for route in app.routes
        if isinstance(route, HTTPRoute) and route.path.startswith("/v1")
    }
    assert served == {path for path in document["paths"] if path.startswith("/v1")}


@pytest.mark.parametrize("path", ["/", "/schema", "/docs/errors/JOB_LOCKED"])
async def test_pages_load_nothing_from_elsewhere(client, path):
    response = await client.get(path)
    assert response.status_code == 200
    assert response.headers["content-type"].startswith("text/html")
    assert "<script" not in response.text
    assert not re.search(r'(src|href)="(https?:)?//', response.text)


async def test_every_code_has_its_page(client):
    for code in CATALOGUE:
        assert code in (await client.get(f"/docs/errors/{code}")).text
