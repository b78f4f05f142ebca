"""Uploading, previewing, choosing a sheet."""

from __future__ import annotations

from typing import Annotated, Any

from litestar import Controller, Request, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, QueryParameter

from ssd.inputs import manifest
from ssd.inputs.preview import Preview, UploadAnswer, preview_of
from ssd.inputs.service import Inputs
from ssd.jobs.models import Job

_DEFAULT_ROWS = 20
_DEFAULT_COLUMNS = 50

SheetName = Annotated[str, QueryParameter(min_length=1, max_length=255, description="A name of sheet_names.")]


class InputsController(Controller):
    path = "/v1/jobs/{job_id:str}/inputs"
    tags = ("inputs",)

    # The files have a limit of their own; a form may hold several of them.
    @post("/upload", status_code=200, request_max_body_size=None, summary="Upload data")
    async def upload(
        self,
        request: Request[Any, Any, Any],
        job: NamedDependency[Job],
        inputs: NamedDependency[Inputs],
    ) -> UploadAnswer:
        """Multipart form: `file` (repeatable), optionally as many `role` and `filename`. Replaces earlier inputs."""
        uploaded = await inputs.upload(job, request.stream(), request.headers.get("content-type", ""))
        return UploadAnswer(job.job_id, manifest.REL_PATH, uploaded.fingerprint)

    @get("/preview", summary="What was understood of the data")
    async def preview(
        self,
        job: NamedDependency[Job],
        inputs: NamedDependency[Inputs],
        rows: Annotated[int, QueryParameter(ge=1, le=200)] = _DEFAULT_ROWS,
        columns: Annotated[int, QueryParameter(ge=1, le=200)] = _DEFAULT_COLUMNS,
        dataset_key: Annotated[str | None, QueryParameter(max_length=64)] = None,
    ) -> Preview:
        """Columns with types and ranges, sample rows, sheets, warnings; of the primary dataset unless named."""
        current = await inputs.require(job.job_id)
        return preview_of(current, rows=rows, columns=columns, dataset_key=dataset_key)

    @post("/primary/sheet", status_code=200, summary="Choose the sheet of the primary dataset")
    async def choose_primary_sheet(
        self, job: NamedDependency[Job], inputs: NamedDependency[Inputs], sheet_name: SheetName
    ) -> Preview:
        """Reads the sheet and answers with the preview."""
        changed = await inputs.choose_sheet(job, None, sheet_name)
        return preview_of(changed, rows=_DEFAULT_ROWS, columns=_DEFAULT_COLUMNS)

    @post("/datasets/{dataset_key:str}/sheet", status_code=200, summary="Choose the sheet of a dataset")
    async def choose_sheet(
        self,
        dataset_key: FromPath[str],
        job: NamedDependency[Job],
        inputs: NamedDependency[Inputs],
        sheet_name: SheetName,
    ) -> Preview:
        """Reads the sheet and answers with the preview of that dataset."""
        changed = await inputs.choose_sheet(job, dataset_key, sheet_name)
        return preview_of(changed, rows=_DEFAULT_ROWS, columns=_DEFAULT_COLUMNS, dataset_key=dataset_key)
