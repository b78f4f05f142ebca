"""Where the files of a job lie."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class JobFolder:
    """Paths of one job below the data folder: `jobs/<2 hex>/<job_id>/…`.

    The two characters come from the job id's end, which is random, so folders stay small.
    """

    root: Path

    @classmethod
    def of(cls, data_dir: Path, job_id: str) -> JobFolder:
        return cls(data_dir / "jobs" / job_id[-2:] / job_id)

    @property
    def inputs(self) -> Path:
        return self.root / "inputs"

    @property
    def prepared(self) -> Path:
        return self.inputs / "prepared"

    @property
    def artifacts(self) -> Path:
        return self.root / "artifacts"

    @property
    def runs(self) -> Path:
        return self.root / "runs"

    def rel(self, path: Path) -> str:
        """`path` as the API names it."""
        return path.relative_to(self.root).as_posix()
