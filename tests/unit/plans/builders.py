"""Drafts, inputs and freezers for tests of plans."""

from __future__ import annotations

from typing import Any

from ssd.drafts.compose import propose
from ssd.drafts.models import StoredDraft
from ssd.drafts.service import requirement_fingerprint
from ssd.inputs.models import Dataset, DatasetProfile, InputSet, Role
from ssd.plans.freeze import Freezer, Frozen
from ssd.plans.models import FreezeRequest
from ssd.templates.library import Library
from tests.unit.drafts.corpus import profile


def inputs_of(data: str | DatasetProfile, *, fingerprint: str = "sha256:inputs") -> InputSet:
    made = profile(data) if isinstance(data, str) else data
    dataset = Dataset(
        "job_x", "ds_1", 0, Role.PRIMARY, "data.csv", "csv", 10, "0" * 64, "inputs/ds_1.csv",
        "inputs/prepared/ds_1.dta", made, "2026-01-01T00:00:00.000+00:00",
    )  # fmt: skip
    return InputSet([dataset], fingerprint)


def stored_draft(requirement: str, inputs: InputSet, edits: dict[str, Any] | None = None) -> StoredDraft:
    body = propose("draft_x", requirement, inputs)
    moment = "2026-01-01T00:00:00.000+00:00"
    return StoredDraft(
        "job_x", "draft_x", requirement_fingerprint(requirement), inputs.fingerprint, body, edits or {}, moment, moment
    )


def frozen(
    library: Library,
    requirement: str,
    data: str | DatasetProfile,
    request: FreezeRequest | None = None,
    *,
    edits: dict[str, Any] | None = None,
    fingerprint: str = "sha256:inputs",
) -> Frozen:
    inputs = inputs_of(data, fingerprint=fingerprint)
    draft = stored_draft(requirement, inputs, edits)
    freezer = Freezer(library, timeout_seconds=60.0)
    return freezer.freeze("job_x", requirement, draft, inputs, request or FreezeRequest())
