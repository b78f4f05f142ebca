"""Listing and downloading artifacts."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any
from urllib.parse import quote

from litestar import Controller, Request, Response, get, head
from litestar.datastructures import State
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery, QueryParameter
from litestar.response import Stream

from ssd.artifacts.models import ArtifactPage
from ssd.artifacts.ranges import ByteRange, parse_range
from ssd.artifacts.service import Artifacts, read_range
from ssd.jobs.models import ArtifactRecord, Job


class ArtifactController(Controller):
    """Files of a job."""

    path = "/v1/jobs/{job_id:str}"
    tags = ("artifacts",)

    @get("/artifacts", summary="List the artifacts of a job")
    async def page(
        self,
        job: NamedDependency[Job],
        artifacts: NamedDependency[Artifacts],
        kind: FromQuery[str | None] = None,
        run_id: FromQuery[str | None] = None,
        cursor: FromQuery[str | None] = None,
        limit: Annotated[int, QueryParameter(ge=1, le=200)] = 50,
    ) -> ArtifactPage:
        return await artifacts.page(job.job_id, kind=kind, run_id=run_id, cursor=cursor, limit=limit)

    @head("/artifacts/{rel_path:path}", summary="Size, type and hash of an artifact")
    async def headers(
        self, job: NamedDependency[Job], artifacts: NamedDependency[Artifacts], rel_path: FromPath[str]
    ) -> Response[None]:
        record, _ = await artifacts.find(job.job_id, rel_path.removeprefix("/"))
        sent = {**_headers(record), "Content-Length": str(record.size_bytes)}
        return Response(None, headers=sent, media_type=record.media_type)

    @get("/artifacts/{rel_path:path}", summary="Download an artifact")
    async def download(
        self,
        request: Request[None, None, State],
        job: NamedDependency[Job],
        artifacts: NamedDependency[Artifacts],
        rel_path: FromPath[str],
    ) -> Response[None] | Stream:
        record, path = await artifacts.find(job.job_id, rel_path.removeprefix("/"))
        return file_answer(request, record, path)


def file_answer(request: Request[Any, Any, Any], record: ArtifactRecord, path: Path) -> Response[None] | Stream:
    """The file, the part of it that was asked for, or 304. Raises RANGE_NOT_SATISFIABLE."""
    sent = _headers(record)
    if _matches(request.headers.get("if-none-match"), sent["ETag"]):
        return Response(None, status_code=304, headers=sent)
    fresh = request.headers.get("if-range") in (None, sent["ETag"])
    part = parse_range(request.headers.get("range"), record.size_bytes) if fresh else None
    whole = ByteRange(0, record.size_bytes - 1)
    if part is not None:
        sent["Content-Range"] = f"bytes {part.first}-{part.last}/{record.size_bytes}"
    sent["Content-Length"] = str((part or whole).length)
    return Stream(
        read_range(path, part or whole),
        status_code=200 if part is None else 206,
        media_type=record.media_type,
        headers=sent,
    )


def _headers(record: ArtifactRecord) -> dict[str, str]:
    name = record.rel_path.rsplit("/", 1)[-1]
    return {
        "ETag": f'"{record.sha256}"',
        "Accept-Ranges": "bytes",
        "Cache-Control": "private, no-cache",
        "Content-Disposition": f"attachment; filename*=UTF-8''{quote(name)}",
        "X-Content-Type-Options": "nosniff",
    }


def _matches(header: str | None, etag: str) -> bool:
    if header is None:
        return False
    return header.strip() == "*" or etag in (item.strip().removeprefix("W/") for item in header.split(","))
