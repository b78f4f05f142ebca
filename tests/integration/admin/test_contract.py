"""What every route of the administration keeps to, whoever adds one."""

from __future__ import annotations

import re

import pytest
from litestar.routes import HTTPRoute

from ssd.errors import CATALOGUE

PROBLEM = {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}


def routes_of(app):
    for route in app.routes:
        if isinstance(route, HTTPRoute) and route.path.startswith("/api/admin/"):
            path = "/".join(["", *(part if isinstance(part, str) else "nothing" for part in route.path_components)])
            for method in sorted(route.methods - {"OPTIONS"}):
                yield method, path.removeprefix("/api/admin")


@pytest.mark.parametrize("body", [None, {}, {"surprise": 1}, [1], "text"])
async def test_every_route_answers_or_errs_in_the_envelope(app, admin, body):
    for method, path in routes_of(app):
        if path == "/auth/logout":
            continue
        options = {} if body is None or method in ("GET", "HEAD") else {"json": body}
        answer = await admin(method, path, **options)
        assert answer.status_code < 500, (method, path, answer.text)
        if answer.status_code >= 400:
            problem = answer.json()
            assert answer.headers["content-type"] == "application/problem+json", (method, path)
            assert problem["status"] == answer.status_code == CATALOGUE[problem["error_code"]].status
            assert problem["request_id"] == answer.headers["x-ss-request-id"]


async def test_every_list_has_items_and_a_cursor(admin):
    for path in ("/tokens", "/task-codes", "/jobs", "/tenants", "/audit", "/llm/calls"):
        page = (await admin("GET", path)).json()
        assert len(page) == 2
        assert page.pop("next_cursor") is None
        (items,) = page.values()
        assert isinstance(items, list)


async def test_the_openapi_document_says_who_is_let_in(app, client):
    document = (await client.get("/schema/openapi.json")).json()
    paths = {path: item for path, item in document["paths"].items() if path.startswith("/api/admin/")}
    served = {
        re.sub(r"\{(\w+):\w+\}", r"{\1}", route.path)
        for route in app.routes
        if isinstance(route, HTTPRoute) and route.path.startswith("/api/admin/")
    }
    assert set(paths) == served
    assert document["components"]["securitySchemes"]["adminToken"]["scheme"] == "bearer"
    for path, item in paths.items():
        for method, operation in item.items():
            login = path == "/api/admin/auth/login"
            assert operation["security"] == ([] if login else [{"adminToken": []}]), (method, path)
            for status in ("401", "429") if login else ("401", "403"):
                assert operation["responses"][status]["content"] == PROBLEM, (method, path)
    assert "409" in paths["/api/admin/jobs/{job_id}/retry"]["post"]["responses"]
