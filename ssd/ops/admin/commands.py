"""What an operator may do to a store at the command line, whether a server holds it or not."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec

from ssd.access.models import CodeStatus, TaskCode
from ssd.access.service import TaskCodes
from ssd.db.clock import now_iso
from ssd.llm.dashboards import Dashboard
from ssd.ops.llm_control import ControlChange, LlmControl


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


class ShowLlm(msgspec.Struct, frozen=True, tag="llm.status", tag_field="command", forbid_unknown_fields=True):
    """The controls and what stands behind them, as one row."""


class ChangeLlm(msgspec.Struct, frozen=True, tag="llm.change", tag_field="command", forbid_unknown_fields=True):
    """Change controls; answers as `ShowLlm` does."""

    change: ControlChange


class ReadDashboards(
    msgspec.Struct, frozen=True, tag="llm.dashboards", tag_field="command", forbid_unknown_fields=True
):
    """Every dashboard: its name, title, number of rows, note, and text as CSV."""


Command = IssueCodes | ListCodes | RevokeCode | ShowLlm | ChangeLlm | ReadDashboards


class Admin:
    """Runs operator commands."""

    def __init__(self, task_codes: TaskCodes, llm_control: LlmControl) -> None:
        self._task_codes = task_codes
        self._llm_control = llm_control

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
            case ShowLlm():
                return [msgspec.to_builtins(await self._llm_control.status())]
            case ChangeLlm():
                return [msgspec.to_builtins(await self._llm_control.change(command.change, actor=actor))]
            case ReadDashboards():
                return [_dashboard_row(dashboard) for dashboard in await self._llm_control.all_dashboards()]


def _row(code: TaskCode) -> dict[str, Any]:
    return {**msgspec.to_builtins(code), "status": code.status_at(now_iso()).value}


def _dashboard_row(dashboard: Dashboard) -> dict[str, Any]:
    return {
        "name": dashboard.name,
        "title": dashboard.title,
        "generated_at": dashboard.generated_at,
        "rows": len(dashboard.rows),
        "note": dashboard.note,
        "csv": dashboard.csv(),
    }
