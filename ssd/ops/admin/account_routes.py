"""Logging in and out, and administrators' tokens."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
from litestar import Controller, Request, delete, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody

from ssd.access.admin_accounts import MAX_DAYS, Administrators
from ssd.access.admin_models import Administrator, AdminToken, AdminTokenStatus, IssuedAdminToken
from ssd.access.rate_limit import RateLimit
from ssd.db.clock import now_iso
from ssd.ops.admin.paging import Cursor, Limit, cursor_of, cut, place_of


class Login(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    username: Annotated[str, msgspec.Meta(max_length=128)]
    password: Annotated[str, msgspec.Meta(max_length=1024)]


class NewToken(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    name: Annotated[str, msgspec.Meta(min_length=1, max_length=100)]
    """What it is for."""
    expires_in_days: Annotated[int, msgspec.Meta(ge=1, le=MAX_DAYS)] = 30


class ShownToken(msgspec.Struct, frozen=True):
    token_id: str
    username: str
    name: str
    status: AdminTokenStatus
    created_at: str
    expires_at: str
    revoked_at: str | None
    is_current: bool
    """It is the one this request carried."""


class TokenPage(msgspec.Struct, frozen=True):
    tokens: list[ShownToken]
    next_cursor: str | None


class LoginController(Controller):
    """The one address of the administration that needs no token."""

    path = "/api/admin/auth"
    tags = ("administration",)

    @post("/login", status_code=200, summary="Log in", security=[])
    async def login(
        self,
        data: JSONBody[Login],
        request: Request[Any, Any, Any],
        administrators: NamedDependency[Administrators],
        login_limit: NamedDependency[RateLimit],
    ) -> IssuedAdminToken:
        """A token for some hours (SS_ADMIN_SESSION_HOURS)."""
        login_limit.take(f"address:{request.client.host if request.client else ''}")
        login_limit.take(f"name:{data.username}")
        return await administrators.login(data.username, data.password)


class AccountController(Controller):
    path = "/"
    tags = ("administration",)

    @post("/auth/logout", status_code=200, summary="Make the token of this request useless")
    async def logout(
        self, administrator: NamedDependency[Administrator], administrators: NamedDependency[Administrators]
    ) -> ShownToken:
        revoked = await administrators.revoke_token(administrator.token_id, by=administrator)
        return _shown(revoked, administrator)

    @get("/tokens", summary="List administrators' tokens, newest first")
    async def tokens(
        self,
        administrator: NamedDependency[Administrator],
        administrators: NamedDependency[Administrators],
        cursor: Cursor = None,
        limit: Limit = 50,
    ) -> TokenPage:
        rows, last = cut(await administrators.tokens(before=place_of(cursor, str), limit=limit + 1), limit)
        shown = [_shown(token, administrator) for token in rows]
        return TokenPage(shown, None if last is None else cursor_of(last.token_id))

    @post("/tokens", status_code=201, summary="Issue a named token for a program")
    async def issue(
        self,
        data: JSONBody[NewToken],
        administrator: NamedDependency[Administrator],
        administrators: NamedDependency[Administrators],
    ) -> IssuedAdminToken:
        """The token is shown this once."""
        return await administrators.issue_token(administrator, name=data.name, expires_in_days=data.expires_in_days)

    @post("/tokens/{token_id:str}/revoke", status_code=200, summary="Make a token useless")
    async def revoke(
        self,
        token_id: FromPath[str],
        administrator: NamedDependency[Administrator],
        administrators: NamedDependency[Administrators],
    ) -> ShownToken:
        return _shown(await administrators.revoke_token(token_id, by=administrator), administrator)

    @delete("/tokens/{token_id:str}", status_code=204, summary="Remove a token")
    async def remove(
        self,
        token_id: FromPath[str],
        administrator: NamedDependency[Administrator],
        administrators: NamedDependency[Administrators],
    ) -> None:
        await administrators.delete_token(token_id, by=administrator)


def _shown(token: AdminToken, administrator: Administrator) -> ShownToken:
    return ShownToken(
        token_id=token.token_id,
        username=token.username,
        name=token.name,
        status=token.status_at(now_iso()),
        created_at=token.created_at,
        expires_at=token.expires_at,
        revoked_at=token.revoked_at,
        is_current=token.token_id == administrator.token_id,
    )
