"""What a step leaves behind: its folder, its outputs under their declared names, and their hashes."""

from __future__ import annotations

import hashlib
import mimetypes
import os
import shutil
from pathlib import Path
from typing import Final

from ssd.db.clock import now_iso
from ssd.db.durable import publish, sync_folder
from ssd.jobs.models import ArtifactRecord
from ssd.plans.models import DeclaredOutput, PlanStep
from ssd.runs.launch import DO_FILE, LOG_FILE

META_FILE: Final = "run.meta.json"
DATA_FILE: Final = "data.dta"
SENTINEL: Final = "ssd_sentinel.txt"

_MEDIA: Final = {
    ".csv": "text/csv; charset=utf-8",
    ".do": "text/plain; charset=utf-8",
    ".log": "text/plain; charset=utf-8",
    ".txt": "text/plain; charset=utf-8",
    ".json": "application/json",
    ".svg": "image/svg+xml",
    ".dta": "application/x-stata-dta",
    ".tex": "application/x-tex; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    ".docx": "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
}
_BLOCK: Final = 1_048_576


def media_type(name: str) -> str:
    return _MEDIA.get(Path(name).suffix.lower()) or mimetypes.guess_type(name)[0] or "application/octet-stream"


def sha256_of(path: Path) -> str:
    """Hex digest of a file, read in blocks."""
    digest = hashlib.sha256()
    with path.open("rb") as handle:
        while block := handle.read(_BLOCK):
            digest.update(block)
    return digest.hexdigest()


def describe(
    path: Path,
    job_root: Path,
    *,
    kind: str,
    title: str,
    run_id: str,
    step_id: str | None = None,
    meta: dict[str, str] | None = None,
) -> ArtifactRecord:
    """The index entry of a file that has its final name."""
    return ArtifactRecord(
        kind=kind,
        rel_path=path.relative_to(job_root).as_posix(),
        created_at=now_iso(),
        size_bytes=path.stat().st_size,
        sha256=sha256_of(path),
        media_type=media_type(path.name),
        run_id=run_id,
        step_id=step_id,
        title=title,
        meta=dict(meta or {}),
    )


def prepare_work(step_folder: Path, data: Path, do_text: str) -> Path:
    """A fresh working folder with the data and the do-file; what an earlier, broken attempt left is removed."""
    shutil.rmtree(step_folder, ignore_errors=True)
    work = step_folder / "work"
    (work / "tmp").mkdir(parents=True)
    shutil.copyfile(data, work / DATA_FILE)
    (work / DO_FILE).write_text(do_text, "utf-8", newline="\n")
    return work


class StepArchive:
    """Moves what is worth keeping out of a working folder and describes it for the index."""

    def __init__(self, job_root: Path, step_folder: Path, run_id: str, step: PlanStep) -> None:
        self._job_root = job_root
        self._folder = step_folder
        self._run_id = run_id
        self._step = step
        self.records: list[ArtifactRecord] = []

    def keep(self, source: Path, name: str, *, kind: str, title: str, meta: dict[str, str] | None = None) -> None:
        """Give a file its archive name, durably, and add its record. Links are never followed."""
        target = self._folder / name
        if source != target:
            if source.is_symlink():
                raise OSError(f"{source.name} is a link")
            publish(source, target)
        self.records.append(
            describe(
                target, self._job_root, kind=kind, title=title, run_id=self._run_id, step_id=self._step.step_id,
                meta=meta,
            )
        )  # fmt: skip

    def keep_outputs(self, work: Path, declared: list[DeclaredOutput]) -> None:
        """Every declared output that was written."""
        for output in declared:
            source = work / output.file
            if source.is_file() and not source.is_symlink():
                self.keep(
                    source, output.file, kind=output.type, title=output.title or output.description,
                    meta={"template_id": self._step.template_id},
                )  # fmt: skip

    def keep_do_file(self, work: Path) -> None:
        if (work / DO_FILE).is_file():
            self.keep(work / DO_FILE, DO_FILE, kind="do", title=f"{self._step.step_id}: do-file")

    def keep_log(self) -> None:
        if (self._folder / LOG_FILE).is_file():
            self.keep(self._folder / LOG_FILE, LOG_FILE, kind="log", title=f"{self._step.step_id}: log")

    def close(self, work: Path) -> None:
        """Remove the working folder; only the archive stays."""
        shutil.rmtree(work, ignore_errors=True)
        sync_folder(self._folder)


def free_bytes(folder: Path) -> int:
    stat = os.statvfs(folder)
    return stat.f_bavail * stat.f_frsize
