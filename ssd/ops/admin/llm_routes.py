"""Controls, ledger and dashboards of the language models."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec
from litestar import Controller, Response, get, put
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody, QueryParameter

from ssd.access.admin_models import Administrator
from ssd.llm.listing import Place
from ssd.llm.models import MICROCENTS, Call, CallStatus
from ssd.ops.admin.paging import Cursor, Limit, cursor_of, cut, place_of
from ssd.ops.llm_control import ControlChange, LlmControl, LlmStatus
from ssd.ops.llm_records import EvidenceFile, LlmRecords


class ShownCall(Call, frozen=True):
    """A row of the ledger, its cost in cents too."""

    cost_cents: float


class CallPage(msgspec.Struct, frozen=True):
    calls: list[ShownCall]
    next_cursor: str | None


class CallDetail(msgspec.Struct, frozen=True):
    call: ShownCall
    evidence: list[str]
    """Names of the files that are there."""


class ShownDashboard(msgspec.Struct, frozen=True):
    """Columns named `cost…` are cents; times and months are UTC."""

    name: str
    title: str
    generated_at: str
    headers: list[str]
    rows: list[dict[str, Any]]
    note: str | None
    """Why there are no rows."""


class LlmController(Controller):
    path = "/llm"
    tags = ("administration",)

    @get("/controls", summary="Switches, caps, breakers and this month's totals")
    async def controls(self, llm_control: NamedDependency[LlmControl]) -> LlmStatus:
        return await llm_control.status()

    @put("/controls", summary="Change switches and caps; reset breakers")
    async def change(
        self,
        data: JSONBody[ControlChange],
        administrator: NamedDependency[Administrator],
        llm_control: NamedDependency[LlmControl],
    ) -> LlmStatus:
        """What is not named stays; a change counts from the next call on, without a restart."""
        return await llm_control.change(data, actor=administrator.actor)

    @get("/calls", summary="The ledger, newest first")
    async def calls(
        self,
        llm_records: NamedDependency[LlmRecords],
        tenant_id: Annotated[str | None, QueryParameter(description="Of this tenant only.")] = None,
        status: Annotated[CallStatus | None, QueryParameter(description="With this status only.")] = None,
        job_id: Annotated[str | None, QueryParameter(description="Of this job only.")] = None,
        cursor: Cursor = None,
        limit: Limit = 50,
    ) -> CallPage:
        """No prompt and no answer: those are evidence files of the job."""
        before = place_of(cursor, Place)
        found = await llm_records.calls(
            tenant_id=tenant_id, status=status, job_id=job_id, before=before, limit=limit + 1
        )
        rows, last = cut(found, limit)
        shown = [_shown(call) for call in rows]
        return CallPage(shown, None if last is None else cursor_of(Place(last.started_at, last.call_id)))

    @get("/calls/{call_id:str}", summary="A row of the ledger and the evidence it left")
    async def call(self, call_id: FromPath[str], llm_records: NamedDependency[LlmRecords]) -> CallDetail:
        recorded = await llm_records.call(call_id)
        return CallDetail(_shown(recorded.call), recorded.evidence)

    @get("/calls/{call_id:str}/evidence/{name:str}", summary="What was asked or answered, redacted")
    async def evidence(
        self, call_id: FromPath[str], name: FromPath[EvidenceFile], llm_records: NamedDependency[LlmRecords]
    ) -> Response[bytes]:
        """`prompt.txt`, `response.txt` or `meta.json`."""
        content = await llm_records.evidence(call_id, name)
        # As text whatever it is: a model's words must never be taken for a page.
        headers = {"X-Content-Type-Options": "nosniff", "Cache-Control": "private, no-store"}
        return Response(content, media_type="text/plain", headers=headers)

    @get("/dashboards/{name:str}", summary="One of the dashboards 01 to 05, as JSON or CSV")
    async def dashboard(
        self,
        name: FromPath[str],
        llm_control: NamedDependency[LlmControl],
        file_format: Annotated[
            Literal["json", "csv"], QueryParameter(name="format", description="`csv` for a file.")
        ] = "json",
    ) -> ShownDashboard | Response[str]:
        """`name` is such as `01_monthly_spend`, the number alone, or either with `.csv` behind it."""
        dashboard = await llm_control.dashboard(name.removesuffix(".csv"))
        if file_format == "json" and not name.endswith(".csv"):
            return ShownDashboard(
                dashboard.name,
                dashboard.title,
                dashboard.generated_at,
                list(dashboard.headers),
                [dict(row) for row in dashboard.rows],
                dashboard.note,
            )
        disposition = f'attachment; filename="{dashboard.name}.csv"'
        return Response(dashboard.csv(), media_type="text/csv", headers={"Content-Disposition": disposition})


def _shown(call: Call) -> ShownCall:
    members = {name: getattr(call, name) for name in Call.__struct_fields__}
    return ShownCall(**members, cost_cents=call.cost_microcents / MICROCENTS)
