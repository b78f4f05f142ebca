"""Where the evidence of a job's model calls lies, and how the job's clients get to see it if they may."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Final

from ssd.db.clock import now_iso
from ssd.jobs import artifact_index
from ssd.jobs.folder import JobFolder
from ssd.jobs.models import ArtifactRecord
from ssd.llm.evidence import EvidenceFile, EvidenceFolder

_MEDIA_TYPES: Final = {".txt": "text/plain; charset=utf-8", ".json": "application/json"}


def evidence_folder(data_dir: Path) -> EvidenceFolder:
    """Of a job's call among the job's artifacts; of any other beside the jobs."""

    def folder(job_id: str | None, call_id: str) -> Path:
        parent = data_dir if job_id is None else JobFolder.of(data_dir, job_id).artifacts
        return parent / "llm" / call_id

    return folder


def list_evidence(connection: sqlite3.Connection, job_id: str, call_id: str, files: list[EvidenceFile]) -> None:
    """Add the files to the artifacts of the job: for SS_EXPOSE_LLM_EVIDENCE=1."""
    for file in files:
        record = ArtifactRecord(
            kind="llm",
            rel_path=f"artifacts/llm/{call_id}/{file.name}",
            created_at=now_iso(),
            size_bytes=file.size_bytes,
            sha256=file.sha256,
            media_type=_MEDIA_TYPES[Path(file.name).suffix],
            title=f"Language model call, {file.name}",
            meta={"llm_call_id": call_id},
        )
        artifact_index.record(connection, job_id, record)
