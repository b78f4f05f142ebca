"""Listing and reading the files of a job. Only what the index knows can be had."""

from __future__ import annotations

import base64
import binascii
import unicodedata
from collections.abc import AsyncIterator
from pathlib import Path, PurePosixPath
from typing import Final

import anyio

from ssd.artifacts.models import ArtifactPage
from ssd.artifacts.ranges import ByteRange
from ssd.db.database import Database
from ssd.errors import FieldError, SsdError
from ssd.jobs import artifact_index
from ssd.jobs.models import ArtifactRecord
from ssd.jobs.service import Jobs

_BLOCK: Final = 262_144


class Artifacts:
    """The files of jobs as clients may see them."""

    def __init__(self, database: Database, jobs: Jobs) -> None:
        self._database = database
        self._jobs = jobs

    async def page(
        self, job_id: str, *, kind: str | None, run_id: str | None, cursor: str | None, limit: int
    ) -> ArtifactPage:
        """One page of the index. Raises INPUT_VALIDATION_FAILED for a cursor we did not make."""
        after = None if cursor is None else _decode_cursor(cursor)
        records = await artifact_index.listing(
            self._database, job_id, kind=kind, run_id=run_id, after=after, limit=limit + 1
        )
        shown = records[:limit]
        more = len(records) > limit
        return ArtifactPage(job_id, shown, _encode_cursor(shown[-1].rel_path) if more else None)

    async def find(self, job_id: str, rel_path: str) -> tuple[ArtifactRecord, Path]:
        """The record and the file. Raises ARTIFACT_PATH_UNSAFE or ARTIFACT_NOT_FOUND."""
        safe = check_path(rel_path)
        record = await artifact_index.find(self._database, job_id, safe)
        if record is None:
            raise SsdError("ARTIFACT_NOT_FOUND")
        path = self._jobs.folder(job_id).root / safe
        if not await anyio.Path(path).is_file():
            raise SsdError("ARTIFACT_NOT_FOUND", "The file is listed but its content is gone; the operator must know.")
        return record, path


def check_path(rel_path: str) -> str:
    """A relative path that stays inside the job's folder, else ARTIFACT_PATH_UNSAFE."""
    path = PurePosixPath(rel_path)
    hostile = (
        not rel_path
        or len(rel_path) > 1024
        or path.is_absolute()
        or "\\" in rel_path
        or any(part in ("", ".", "..") for part in rel_path.split("/"))
        or any(unicodedata.category(char) in ("Cc", "Cf", "Cs") for char in rel_path)
    )
    if hostile:
        raise SsdError("ARTIFACT_PATH_UNSAFE")
    return path.as_posix()


async def read_range(path: Path, part: ByteRange) -> AsyncIterator[bytes]:
    """The bytes of `part`; opened only when the answer is sent, so a client that left costs nothing."""
    left = part.length
    async with await anyio.open_file(path, "rb") as handle:
        await handle.seek(part.first)
        while left > 0:
            block = await handle.read(min(_BLOCK, left))
            if not block:
                return
            left -= len(block)
            yield block


def _encode_cursor(rel_path: str) -> str:
    return base64.urlsafe_b64encode(rel_path.encode()).decode().rstrip("=")


def _decode_cursor(cursor: str) -> str:
    try:
        return base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True).decode()
    except (binascii.Error, UnicodeError):
        wrong = FieldError("cursor", "not a cursor of this service", "next_cursor of the page before")
        raise SsdError("INPUT_VALIDATION_FAILED", "The cursor is not valid.", errors=(wrong,)) from None
