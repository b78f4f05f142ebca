"""The manifest and the fingerprint: what the inputs of a job are, for people, programs and audit."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any, Final

import msgspec

from ssd.inputs.models import Dataset
from ssd.jobs.models import ArtifactRecord

REL_PATH: Final = "inputs/manifest.json"
_VERSION: Final = 1
_CANONICAL: Final = msgspec.json.Encoder(order="deterministic")


def fingerprint(datasets: Sequence[Dataset]) -> str:
    """`sha256:` of the canonical JSON list of {role, sha256, size_bytes}, with `sheet` for workbooks, in order of
    role and hash: it changes when any file, role or sheet choice does, and with nothing else."""
    items: list[dict[str, Any]] = []
    for dataset in sorted(datasets, key=lambda item: (item.role.value, item.sha256)):
        item: dict[str, Any] = {
            "role": dataset.role.value,
            "sha256": dataset.sha256,
            "size_bytes": dataset.size_bytes,
        }
        if dataset.profile.selected_sheet is not None:
            item["sheet"] = dataset.profile.selected_sheet
        items.append(item)
    return f"sha256:{hashlib.sha256(_CANONICAL.encode(items)).hexdigest()}"


def manifest_bytes(job_id: str, datasets: Sequence[Dataset]) -> bytes:
    """manifest.json; the same datasets give the same bytes, so that a lost one can be made again."""
    content = {
        "manifest_version": _VERSION,
        "job_id": job_id,
        "fingerprint": fingerprint(datasets),
        "datasets": [_entry(dataset) for dataset in datasets],
    }
    return msgspec.json.format(msgspec.json.encode(content), indent=2)


def _entry(dataset: Dataset) -> dict[str, Any]:
    profile = dataset.profile
    return {
        "dataset_key": dataset.dataset_key,
        "role": dataset.role.value,
        "original_name": dataset.original_name,
        "format": dataset.format,
        "size_bytes": dataset.size_bytes,
        "sha256": dataset.sha256,
        "rel_path": dataset.rel_path,
        "prepared_rel_path": dataset.prepared_rel_path,
        "uploaded_at": dataset.created_at,
        "row_count": profile.row_count,
        "column_count": profile.column_count,
        "sheet_names": profile.sheet_names,
        "hidden_sheets": profile.hidden_sheets,
        "selected_sheet": profile.selected_sheet,
        "header_row": profile.header_row,
        "encoding": profile.encoding,
        "separator": profile.separator,
        "columns": [
            {
                "original_name": column.original_name,
                "stata_name": column.stata_name,
                "inferred_type": column.inferred_type,
                "storage_type": column.storage_type,
            }
            for column in profile.columns
        ],
        "warnings": profile.warnings,
    }


def manifest_record(content: bytes, created_at: str) -> ArtifactRecord:
    return ArtifactRecord(
        kind="manifest",
        rel_path=REL_PATH,
        created_at=created_at,
        size_bytes=len(content),
        sha256=hashlib.sha256(content).hexdigest(),
        media_type="application/json",
        title="Inputs",
    )
