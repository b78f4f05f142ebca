"""Issuing, listing and revoking task codes."""

from __future__ import annotations

import sqlite3
from typing import Final

from ssd.access import codes, store, tokens
from ssd.access.models import CodeStatus, IssuedCode, TaskCode
from ssd.access.tenants import check_tenant_id
from ssd.db.clock import iso_in, now_iso
from ssd.db.database import Database
from ssd.db.ids import time_ordered
from ssd.errors import FieldError, SsdError

MAX_COUNT: Final = 500
MAX_DAYS: Final = 3650
_AFTER_EVERY_ID: Final = "\U0010ffff"


class TaskCodes:
    """The operator's side of task codes; redeeming them is `ssd.jobs.redeem`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def issue(self, *, tenant_id: str, count: int, expires_in_days: int, actor: str) -> list[IssuedCode]:
        """New codes in clear, this once. A tenant that is not known yet is made.

        Raises TENANT_ID_UNSAFE or INPUT_VALIDATION_FAILED (count 1 to 500, days 1 to 3650).
        """
        check_tenant_id(tenant_id)
        _require_between("count", count, MAX_COUNT)
        _require_between("expires_in_days", expires_in_days, MAX_DAYS)
        expires_at = iso_in(days=expires_in_days)
        issued = [IssuedCode(_new_code_id(), codes.new_code(), tenant_id, expires_at) for _ in range(count)]

        def unit(connection: sqlite3.Connection) -> None:
            store.add_tenant(connection, tenant_id)
            moment = now_iso()
            connection.executemany(
                store.INSERT_CODE,
                [(new.code_id, codes.fingerprint(new.task_code), tenant_id, moment, expires_at) for new in issued],
            )
            details = {"tenant_id": tenant_id, "count": count, "expires_at": expires_at}
            store.audit(connection, actor, "task_codes.issue", tenant_id, details)

        await self._database.write(unit)
        return issued

    async def listing(
        self,
        *,
        tenant_id: str | None = None,
        status: CodeStatus | None = None,
        before: str | None = None,
        limit: int = 50,
    ) -> list[TaskCode]:
        """Up to `limit` codes, newest first, those issued before the code `before` only."""
        moment = now_iso()
        sql = store.LIST_CODES if tenant_id is None else store.LIST_CODES_OF_TENANT
        found: list[TaskCode] = []
        cursor = before or _AFTER_EVERY_ID
        # The status is not a column but follows from several and the clock, so pages are read until one is full.
        while len(found) < limit:
            rows = await self._database.all(sql, {"tenant_id": tenant_id, "before": cursor, "limit": max(limit, 200)})
            page = [store.code_of(row) for row in rows]
            if not page:
                break
            found += [code for code in page if status is None or code.status_at(moment) is status]
            cursor = page[-1].code_id
        return found[:limit]

    async def revoke(self, code_id: str, *, actor: str) -> TaskCode:
        """Make a code useless, and the tokens of its job with it. Revoking twice changes nothing.

        Raises TASK_CODE_NOT_FOUND.
        """

        def unit(connection: sqlite3.Connection) -> TaskCode:
            if store.find_code(connection, store.FIND_BY_ID, code_id) is None:
                raise SsdError("TASK_CODE_NOT_FOUND", "No task code has this id.")
            connection.execute(store.REVOKE_CODE, (now_iso(), code_id))
            revoked = store.find_code(connection, store.FIND_BY_ID, code_id)
            assert revoked is not None
            if revoked.job_id is not None:
                tokens.revoke_all(connection, revoked.job_id)
            store.audit(connection, actor, "task_codes.revoke", code_id, {"job_id": revoked.job_id})
            return revoked

        return await self._database.write(unit)

    async def delete(self, code_id: str, *, actor: str) -> None:
        """Remove a code, and make the tokens of its job useless; the job and the audit entry stay.

        Raises TASK_CODE_NOT_FOUND.
        """

        def unit(connection: sqlite3.Connection) -> None:
            code = store.find_code(connection, store.FIND_BY_ID, code_id)
            if code is None:
                raise SsdError("TASK_CODE_NOT_FOUND", "No task code has this id.")
            if code.job_id is not None:
                tokens.revoke_all(connection, code.job_id)
            connection.execute(store.DELETE_CODE, (code_id,))
            details = {"tenant_id": code.tenant_id, "job_id": code.job_id, "redeemed_at": code.redeemed_at}
            store.audit(connection, actor, "task_codes.delete", code_id, details)

        await self._database.write(unit)


def _new_code_id() -> str:
    """Sorts by time of issue, so that lists page by it."""
    return f"code_{time_ordered(24)}"


def _require_between(field: str, value: int, most: int) -> None:
    if not 1 <= value <= most:
        problem = FieldError(field, f"{value} is not between 1 and {most}.", f"1 to {most}")
        raise SsdError("INPUT_VALIDATION_FAILED", f"{field} must be between 1 and {most}.", errors=(problem,))
