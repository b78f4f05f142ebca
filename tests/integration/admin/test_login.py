"""Logging in, being recognized, logging out, and the tokens of administrators."""

from __future__ import annotations

import msgspec
import pytest
from litestar.routes import HTTPRoute

from ssd.app import build_app
from ssd.db.clock import iso_in

SECRET = "A" * 43


def routes_of(app):
    for route in app.routes:
        if isinstance(route, HTTPRoute) and route.path.startswith("/api/admin"):
            path = "/".join(["", *(part if isinstance(part, str) else "nothing" for part in route.path_components)])
            for method in sorted(route.methods - {"OPTIONS"}):
                yield method, path


async def test_login_gives_a_token_that_opens_the_administration(client, admin_token, password):
    answer = await client.post("/api/admin/auth/login", json={"username": "root", "password": password})
    assert answer.status_code == 200
    body = answer.json()
    assert body["token"].startswith(f"ssa1.{body['token_id']}.")
    seen = await client.get("/api/admin/tokens", headers={"Authorization": f"Bearer {body['token']}"})
    assert seen.status_code == 200
    assert [token["is_current"] for token in seen.json()["tokens"]] == [True, False]


@pytest.mark.parametrize(("username", "password"), [("root", "wrong"), ("nobody", "wrong"), ("root", ""), ("", "")])
async def test_wrong_credentials_are_told_apart_by_nothing(client, admin_token, audited, username, password):
    answer = await client.post("/api/admin/auth/login", json={"username": username, "password": password})
    assert (answer.status_code, answer.json()["error_code"]) == (401, "ADMIN_CREDENTIALS_INVALID")
    assert answer.json()["message"] == "The user name or the password is wrong"
    subject = "root" if username == "root" else "unknown"
    assert await audited() == [("anonymous", "admin.login_refused", subject)]


async def test_a_lone_surrogate_is_a_wrong_password(client, admin_token):
    raw = b'{"username": "root", "password": "\\ud800"}'
    answer = await client.post("/api/admin/auth/login", content=raw, headers={"Content-Type": "application/json"})
    assert answer.status_code in (400, 401)


async def test_logins_are_throttled_by_name_and_by_address(settings, serve_app):
    app = build_app(msgspec.structs.replace(settings, admin_login_rate_per_minute=3))
    async with serve_app(app) as client:
        answers = [
            await client.post("/api/admin/auth/login", json={"username": f"u{n}", "password": "x"}) for n in range(4)
        ]
    assert [answer.status_code for answer in answers] == [401, 401, 401, 429]
    assert answers[-1].json()["error_code"] == "RATE_LIMITED"
    assert 1 <= int(answers[-1].headers["Retry-After"]) <= 20


@pytest.mark.parametrize(
    ("authorization", "status", "code"),
    [
        (None, 401, "ADMIN_BEARER_TOKEN_MISSING"),
        ("", 401, "ADMIN_BEARER_TOKEN_MISSING"),
        ("Basic dXNlcjpwdw==", 401, "ADMIN_BEARER_TOKEN_INVALID"),
        ("Bearer", 401, "ADMIN_BEARER_TOKEN_INVALID"),
        ("Bearer abc", 401, "ADMIN_BEARER_TOKEN_INVALID"),
        ("Bearer ssa1.{token_id}", 401, "ADMIN_BEARER_TOKEN_INVALID"),
        (f"Bearer ssv1.job_1.{SECRET}", 401, "ADMIN_BEARER_TOKEN_INVALID"),
        (f"Bearer ssa1.{'0' * 24}.{SECRET}", 403, "ADMIN_TOKEN_INVALID"),
        (f"Bearer ssa1.{{token_id}}.{SECRET}", 403, "ADMIN_TOKEN_INVALID"),
    ],
)
async def test_who_is_refused(client, admin_token, authorization, status, code):
    headers = {} if authorization is None else {"Authorization": authorization.format(token_id=admin_token.token_id)}
    for method, path in [("GET", "/tokens"), ("GET", "/jobs"), ("PUT", "/llm/controls"), ("POST", "/task-codes")]:
        answer = await client.request(method, f"/api/admin{path}", headers=headers)
        assert (answer.status_code, answer.json()["error_code"]) == (status, code), path
        assert ("www-authenticate" in answer.headers) is (status == 401)


async def test_no_route_but_login_is_open(client, app):
    seen = list(routes_of(app))
    assert len(seen) >= 20
    for method, path in seen:
        answer = await client.request(method, path)
        if path.endswith("/auth/login"):
            assert answer.status_code == 400
        else:
            assert (answer.status_code, answer.json()["error_code"]) == (401, "ADMIN_BEARER_TOKEN_MISSING"), path


async def test_a_job_token_opens_no_administration_and_the_reverse(client, app, job, admin_token):
    for method, path in routes_of(app):
        if not path.endswith("/auth/login"):
            answer = await client.request(method, path, headers=job.headers)
            assert (answer.status_code, answer.json()["error_code"]) == (401, "ADMIN_BEARER_TOKEN_INVALID"), path
    answer = await client.get(job.path(), headers={"Authorization": f"Bearer {admin_token.token}"})
    assert (answer.status_code, answer.json()["error_code"]) == (401, "AUTH_BEARER_TOKEN_INVALID")


@pytest.mark.parametrize("column", ["expires_at", "revoked_at"])
async def test_an_expired_or_revoked_token_is_refused(client, services, admin, admin_token, column):
    assert (await admin("GET", "/tokens")).status_code == 200
    past = iso_in(seconds=-1)
    await services.database.write(lambda store: store.execute(f"UPDATE admin_tokens SET {column} = ?", (past,)))
    answer = await admin("GET", "/tokens")
    assert (answer.status_code, answer.json()["error_code"]) == (403, "ADMIN_TOKEN_INVALID")


async def test_logout_ends_the_token_of_the_request(admin, admin_token, audited):
    assert (await admin("POST", "/auth/logout")).json()["status"] == "revoked"
    assert (await admin("GET", "/tokens")).json()["error_code"] == "ADMIN_TOKEN_INVALID"
    assert await audited() == [("admin:root", "admin_tokens.revoke", admin_token.token_id)]


async def test_named_tokens_are_issued_revoked_and_removed(client, admin, audited):
    issued = await admin("POST", "/tokens", json={"name": "backup", "expires_in_days": 7})
    assert issued.status_code == 201
    token_id, token = issued.json()["token_id"], issued.json()["token"]
    theirs = {"Authorization": f"Bearer {token}"}
    assert (await client.get("/api/admin/audit", headers=theirs)).status_code == 200
    assert (await admin("POST", f"/tokens/{token_id}/revoke")).json()["status"] == "revoked"
    assert (await admin("POST", f"/tokens/{token_id}/revoke")).status_code == 200
    assert (await client.get("/api/admin/audit", headers=theirs)).status_code == 403
    assert (await admin("DELETE", f"/tokens/{token_id}")).status_code == 204
    for method, path in [("POST", f"/tokens/{token_id}/revoke"), ("DELETE", f"/tokens/{token_id}")]:
        gone = await admin(method, path)
        assert (gone.status_code, gone.json()["error_code"]) == (404, "ADMIN_TOKEN_NOT_FOUND")
    assert [action for _, action, subject in await audited() if subject == token_id] == [
        "admin_tokens.issue",
        "admin_tokens.revoke",
        "admin_tokens.revoke",
        "admin_tokens.delete",
    ]


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"name": ""}, "name"),
        ({"name": "x", "expires_in_days": 0}, "expires_in_days"),
        ({"name": "x", "expires_in_days": 366}, "expires_in_days"),
        ({"name": "x", "surprise": 1}, "surprise"),
    ],
)
async def test_a_bad_field_of_a_new_token_is_named(admin, body, field):
    answer = await admin("POST", "/tokens", json=body)
    assert (answer.status_code, answer.json()["error_code"]) == (400, "INPUT_VALIDATION_FAILED")
    assert [problem["field"] for problem in answer.json()["errors"]] == [field]


async def test_tokens_page_newest_first(admin):
    for number in range(4):
        await admin("POST", "/tokens", json={"name": f"t{number}"})
    first = (await admin("GET", "/tokens", params={"limit": 3})).json()
    second = (await admin("GET", "/tokens", params={"limit": 3, "cursor": first["next_cursor"]})).json()
    ids = [token["token_id"] for token in first["tokens"] + second["tokens"]]
    assert len(ids) == len(set(ids)) == 5
    assert ids == sorted(ids, reverse=True)
    assert second["next_cursor"] is None


async def test_no_secret_is_stored_or_listed(services, admin, admin_token, password):
    listed = (await admin("GET", "/tokens")).text + (await admin("GET", "/audit")).text
    stored = "\n".join(await services.database.write(lambda connection: list(connection.iterdump())))
    secret = admin_token.token.rsplit(".", 1)[1]
    for text in (listed, stored):
        assert secret not in text
        assert password not in text
    assert "scrypt$" in stored
    assert "scrypt$" not in listed
