"""Issuing, listing, revoking and removing task codes."""

from __future__ import annotations

from typing import Annotated

import msgspec
from litestar import Controller, delete, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody, QueryParameter

from ssd.access.admin_models import Administrator
from ssd.access.models import CodeStatus, IssuedCode, TaskCode
from ssd.access.service import MAX_COUNT, MAX_DAYS, TaskCodes
from ssd.access.tenants import DEFAULT_TENANT
from ssd.db.clock import now_iso
from ssd.ops.admin.paging import Cursor, Limit, cursor_of, cut, place_of


class NewCodes(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    count: Annotated[int, msgspec.Meta(ge=1, le=MAX_COUNT)] = 1
    expires_in_days: Annotated[int, msgspec.Meta(ge=1, le=MAX_DAYS)] = 30
    tenant_id: str = DEFAULT_TENANT


class IssuedCodes(msgspec.Struct, frozen=True):
    """The codes in clear, this once."""

    task_codes: list[IssuedCode]


class ShownCode(msgspec.Struct, frozen=True):
    code_id: str
    tenant_id: str
    status: CodeStatus
    created_at: str
    expires_at: str
    revoked_at: str | None
    redeemed_at: str | None
    job_id: str | None


class CodePage(msgspec.Struct, frozen=True):
    task_codes: list[ShownCode]
    next_cursor: str | None


class CodeController(Controller):
    path = "/task-codes"
    tags = ("administration",)

    @post("/", status_code=201, summary="Issue task codes")
    async def issue(
        self,
        data: JSONBody[NewCodes],
        administrator: NamedDependency[Administrator],
        task_codes: NamedDependency[TaskCodes],
    ) -> IssuedCodes:
        """A tenant that is not known yet is made."""
        issued = await task_codes.issue(
            tenant_id=data.tenant_id,
            count=data.count,
            expires_in_days=data.expires_in_days,
            actor=administrator.actor,
        )
        return IssuedCodes(issued)

    @get("/", summary="List task codes, newest first")
    async def page(
        self,
        task_codes: NamedDependency[TaskCodes],
        tenant_id: Annotated[str | None, QueryParameter(description="Of this tenant only.")] = None,
        status: Annotated[CodeStatus | None, QueryParameter(description="With this status only.")] = None,
        cursor: Cursor = None,
        limit: Limit = 50,
    ) -> CodePage:
        """Never the codes themselves: only their hashes are stored."""
        before = place_of(cursor, str)
        found = await task_codes.listing(tenant_id=tenant_id, status=status, before=before, limit=limit + 1)
        rows, last = cut(found, limit)
        return CodePage([_shown(code) for code in rows], None if last is None else cursor_of(last.code_id))

    @post("/{code_id:str}/revoke", status_code=200, summary="Make a code useless, and the tokens of its job")
    async def revoke(
        self,
        code_id: FromPath[str],
        administrator: NamedDependency[Administrator],
        task_codes: NamedDependency[TaskCodes],
    ) -> ShownCode:
        return _shown(await task_codes.revoke(code_id, actor=administrator.actor))

    @delete("/{code_id:str}", status_code=204, summary="Remove a code; its job stays, its tokens do not")
    async def remove(
        self,
        code_id: FromPath[str],
        administrator: NamedDependency[Administrator],
        task_codes: NamedDependency[TaskCodes],
    ) -> None:
        await task_codes.delete(code_id, actor=administrator.actor)


def _shown(code: TaskCode) -> ShownCode:
    return ShownCode(
        code_id=code.code_id,
        tenant_id=code.tenant_id,
        status=code.status_at(now_iso()),
        created_at=code.created_at,
        expires_at=code.expires_at,
        revoked_at=code.revoked_at,
        redeemed_at=code.redeemed_at,
        job_id=code.job_id,
    )
