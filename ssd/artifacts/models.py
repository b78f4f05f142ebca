"""What the wire shows of a job's files."""

from __future__ import annotations

import msgspec

from ssd.jobs.models import ArtifactRecord


class ArtifactPage(msgspec.Struct, frozen=True):
    """One page of the index in order of rel_path."""

    job_id: str
    artifacts: list[ArtifactRecord]
    next_cursor: str | None
