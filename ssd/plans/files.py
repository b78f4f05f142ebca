"""The files of a frozen plan: plan.json, the do-files, the evidence of the selection."""

from __future__ import annotations

import hashlib
from typing import Any, Final

import msgspec

from ssd.db.durable import write_durably
from ssd.jobs.folder import JobFolder
from ssd.jobs.models import ArtifactRecord
from ssd.plans.store import StoredPlan

PLAN_PATH: Final = "artifacts/plan.json"
DO_FOLDER: Final = "artifacts/do/"
_EARLIER: Final = "artifacts/plans/plan_r{revision:03d}.json"


class PlanFile(msgspec.Struct, frozen=True):
    """A file and how the index knows it."""

    record: ArtifactRecord
    content: bytes


def plan_files(stored: StoredPlan) -> list[PlanFile]:
    """Every file of a plan. plan.json is kept by revision too: a later plan replaces it, the evidence stays."""
    plan = stored.plan
    body = msgspec.json.format(msgspec.json.encode(plan, order="deterministic"), indent=2) + b"\n"
    meta = {"plan_id": plan.plan_id, "revision": plan.revision}
    files = [
        _file("plan", PLAN_PATH, body, plan.created_at, "application/json", "The frozen plan", meta),
        _file(
            "contract", _EARLIER.format(revision=plan.revision), body, plan.created_at, "application/json",
            f"The frozen plan, revision {plan.revision}", meta,
        ),
    ]  # fmt: skip
    for step in plan.steps:
        text = stored.do_files[step.step_id].encode()
        path = f"{DO_FOLDER}{step.step_id}.do"
        files.append(_file("do", path, text, plan.created_at, "text/plain", step.purpose, meta, step.step_id))
    for path, content in stored.evidence.items():
        encoded = msgspec.json.format(msgspec.json.encode(content, order="deterministic"), indent=2) + b"\n"
        files.append(_file("selection", path, encoded, plan.created_at, "application/json", "Template selection", meta))
    return files


def write_files(folder: JobFolder, files: list[PlanFile]) -> None:
    """Durably; raises STORAGE_FULL."""
    for file in files:
        write_durably(folder.root / file.record.rel_path, file.content)


def mend_files(folder: JobFolder, files: list[PlanFile]) -> list[str]:
    """Write again what is missing or different on disk; the rel_paths of those."""
    wrong = [file for file in files if not _is_written(folder, file)]
    write_files(folder, wrong)
    return [file.record.rel_path for file in wrong]


def _is_written(folder: JobFolder, file: PlanFile) -> bool:
    path = folder.root / file.record.rel_path
    return path.is_file() and path.read_bytes() == file.content


def _file(
    kind: str,
    path: str,
    content: bytes,
    at: str,
    media_type: str,
    title: str,
    meta: dict[str, Any],
    step_id: str | None = None,
) -> PlanFile:
    digest = hashlib.sha256(content).hexdigest()
    record = ArtifactRecord(kind, path, at, len(content), digest, media_type, step_id=step_id, title=title, meta=meta)
    return PlanFile(record, content)
