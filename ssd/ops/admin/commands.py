"""What an operator may do to a store at the command line, whether a server holds it or not."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec

from ssd.access.models import CodeStatus, TaskCode
from ssd.access.service import TaskCodes
from ssd.db.clock import now_iso


class IssueCodes(msgspec.Struct, frozen=True, tag="codes.issue", tag_field="command", forbid_unknown_fields=True):
    count: int
    expires_in_days: int
    tenant_id: str


class ListCodes(msgspec.Struct, frozen=True, tag="codes.list", tag_field="command", forbid_unknown_fields=True):
    tenant_id: str | None = None
    status: CodeStatus | None = None
    limit: Annotated[int, msgspec.Meta(ge=1, le=100_000)] = 50


class RevokeCode(msgspec.Struct, frozen=True, tag="codes.revoke", tag_field="command", forbid_unknown_fields=True):
    code_id: str


Command = IssueCodes | ListCodes | RevokeCode


class Admin:
    """Runs operator commands."""

    def __init__(self, task_codes: TaskCodes) -> None:
        self._task_codes = task_codes

    async def run(self, command: Command, *, actor: str) -> list[dict[str, Any]]:
        """The rows a command answers with, as JSON values. Raises SsdError."""
        match command:
            case IssueCodes():
                issued = await self._task_codes.issue(
                    tenant_id=command.tenant_id,
                    count=command.count,
                    expires_in_days=command.expires_in_days,
                    actor=actor,
                )
                return [msgspec.to_builtins(code) for code in issued]
            case ListCodes():
                found = await self._task_codes.listing(
                    tenant_id=command.tenant_id, status=command.status, limit=command.limit
                )
                return [_row(code) for code in found]
            case RevokeCode():
                return [_row(await self._task_codes.revoke(command.code_id, actor=actor))]


def _row(code: TaskCode) -> dict[str, Any]:
    return {**msgspec.to_builtins(code), "status": code.status_at(now_iso()).value}
