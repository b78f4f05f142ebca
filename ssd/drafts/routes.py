"""Reading, renewing and correcting the draft."""

from __future__ import annotations

from litestar import Controller, Response, get, post
from litestar.di import NamedDependency
from litestar.openapi import ResponseSpec
from litestar.params import JSONBody

from ssd.drafts.models import Draft, DraftPreview, DraftRequest, Patched, PatchRequest, PendingInputs
from ssd.drafts.service import Drafts, preview_of
from ssd.jobs.models import Job

_PENDING = {202: ResponseSpec(PendingInputs, description="There are no inputs yet", generate_examples=False)}


class DraftController(Controller):
    """What the service understood, open to correction."""

    path = "/v1/jobs/{job_id:str}/draft"
    tags = ("drafts",)

    @get("/preview", summary="The draft", responses=_PENDING)
    async def preview(
        self, job: NamedDependency[Job], drafts: NamedDependency[Drafts]
    ) -> Response[DraftPreview | PendingInputs]:
        """The stored draft; made when there is none yet or requirement or inputs changed. Edits are kept."""
        return _answer(job.job_id, await drafts.ensure(job))

    @post("/preview", status_code=200, summary="Make the draft anew", responses=_PENDING)
    async def renew(
        self,
        job: NamedDependency[Job],
        drafts: NamedDependency[Drafts],
        data: JSONBody[DraftRequest | None] = None,
    ) -> Response[DraftPreview | PendingInputs]:
        """With another requirement if one is given. Edits are kept."""
        return _answer(job.job_id, await drafts.renew(job, data.requirement if data else None))

    @post("/patch", status_code=200, summary="Correct the draft")
    async def patch(
        self, job: NamedDependency[Job], drafts: NamedDependency[Drafts], data: JSONBody[PatchRequest]
    ) -> Patched:
        """Fields a person may decide; names of columns are checked against the data."""
        return await drafts.patch(job, data.field_updates)


def _answer(job_id: str, draft: Draft | None) -> Response[DraftPreview | PendingInputs]:
    if draft is None:
        pending = PendingInputs()
        return Response(pending, status_code=202, headers={"Retry-After": str(pending.retry_after_seconds)})
    return Response(preview_of(job_id, draft), status_code=200)
