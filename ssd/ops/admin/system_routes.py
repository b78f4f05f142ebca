"""The state of the server, its tenants, and who did what."""

from __future__ import annotations

from typing import Annotated

import msgspec
from litestar import Controller, get
from litestar.di import NamedDependency
from litestar.params import QueryParameter

from ssd.access import admin_audit
from ssd.access.admin_audit import AuditEntry
from ssd.db.database import Database
from ssd.jobs import listing
from ssd.jobs.listing import ListedTenant
from ssd.ops.admin.paging import Cursor, Limit, cursor_of, cut, place_of
from ssd.ops.system_status import SystemStatus, SystemStatusReader


class TenantPage(msgspec.Struct, frozen=True):
    tenants: list[ListedTenant]
    next_cursor: str | None


class AuditPage(msgspec.Struct, frozen=True):
    entries: list[AuditEntry]
    next_cursor: str | None


class SystemController(Controller):
    path = "/"
    tags = ("administration",)

    @get("/system/status", summary="Health, queue, children, disk and versions")
    async def status(self, system_status: NamedDependency[SystemStatusReader]) -> SystemStatus:
        return await system_status.read()

    @get("/tenants", summary="List tenants in order of their ids")
    async def tenants(
        self, database: NamedDependency[Database], cursor: Cursor = None, limit: Limit = 50
    ) -> TenantPage:
        found = await listing.tenants(database, after=place_of(cursor, str), limit=limit + 1)
        rows, last = cut(found, limit)
        return TenantPage(rows, None if last is None else cursor_of(last.tenant_id))

    @get("/audit", summary="The audit log, newest first")
    async def audit(
        self,
        database: NamedDependency[Database],
        subject: Annotated[str | None, QueryParameter(description="About this id only.")] = None,
        action: Annotated[str | None, QueryParameter(description="Such as task_codes.issue.")] = None,
        cursor: Cursor = None,
        limit: Limit = 50,
    ) -> AuditPage:
        before = place_of(cursor, int)
        found = await admin_audit.listing(database, subject=subject, action=action, before=before, limit=limit + 1)
        rows, last = cut(found, limit)
        return AuditPage(rows, None if last is None else cursor_of(last.audit_id))
