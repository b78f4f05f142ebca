"""Asking the formatting child for the formats of a run."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path
from typing import Final

import anyio
import anyio.to_thread
import msgspec

import ssd
from ssd.artifacts.formatting.report import ReportRequest, SectionRequest, Source
from ssd.db.durable import publish
from ssd.errors import SsdError
from ssd.jobs.models import ArtifactRecord
from ssd.plans.models import Plan
from ssd.runs.archive import describe
from ssd.runs.models import Engine, Run
from ssd.runs.process import Limits, running

FORMATTED: Final = frozenset({"xlsx", "dta", "docx", "pdf", "html", "tex"})
"""Formats that are made after the run; csv, log and do are what the run itself leaves."""
_TIMEOUT_SECONDS: Final = 120.0
_MEMORY_MB: Final = 4096
_TITLES: Final = {"en": "Results", "zh": "分析结果"}


class ReportFormatter:
    """Makes `runs/<run_id>/formatted/*` from the tables and figures of a run."""

    async def format(
        self, run: Run, plan: Plan, engine: Engine, job_root: Path, records: list[ArtifactRecord], language: str
    ) -> list[ArtifactRecord]:
        """The records of the files made; none when no such format was asked for.

        Raises OUTPUTS_CONTRACT_UNMET when the child fails: a format that was promised is missing.
        """
        formats = [name for name in run.output_formats if name in FORMATTED]
        if not formats:
            return []
        folder = job_root / "runs" / run.run_id / "formatted"
        work = folder / "work"
        await anyio.to_thread.run_sync(lambda: work.mkdir(parents=True, exist_ok=True))
        request = ReportRequest(
            title=_TITLES[language],
            language=language,
            notes=[f"{engine.name} {engine.version} · plan {plan.plan_id}"],
            sections=[
                SectionRequest(
                    step.purpose,
                    [
                        Source(str(job_root / item.rel_path), item.kind, item.title)
                        for item in records
                        if item.step_id == step.step_id and item.kind in ("table", "figure")
                    ],
                )
                for step in plan.steps
            ],
            formats=formats,
            folder=str(work),
        )
        names = await self._child(request, work, run.run_id)
        return await anyio.to_thread.run_sync(_keep, names, work, folder, job_root, run.run_id)

    @staticmethod
    async def _child(request: ReportRequest, work: Path, run_id: str) -> list[str]:
        order = work / "request.json"
        await anyio.Path(order).write_bytes(msgspec.json.encode(request))
        environment = {
            "PATH": "/usr/bin:/bin",
            "LANG": "C.UTF-8",
            "HOME": str(work),
            "TMPDIR": str(work),
            "PYTHONPATH": str(Path(ssd.__file__).parents[1]),
            "PYTHONDONTWRITEBYTECODE": "1",
        }
        command = [sys.executable, "-P", "-m", "ssd.artifacts.formatting", str(order)]
        limits = Limits(_MEMORY_MB, file_size_mb=512)
        async with running(command, cwd=work, env=environment, mark=run_id, limits=limits, grace_seconds=1.0) as child:
            with anyio.move_on_after(_TIMEOUT_SECONDS):
                await child.process.wait()
        if child.process.returncode != 0:
            reason = (child.stderr.text().strip().splitlines() or ["it took too long"])[-1]
            wanted = ", ".join(request.formats)
            raise SsdError("OUTPUTS_CONTRACT_UNMET", f"The formats {wanted} could not be made: {reason[:300]}")
        return msgspec.json.decode(child.stdout.text(), type=list[str])


def _keep(names: list[str], work: Path, folder: Path, job_root: Path, run_id: str) -> list[ArtifactRecord]:
    records = []
    for name in names:
        publish(work / name, folder / name)
        kind = "dataset" if name.endswith(".dta") else "report"
        records.append(describe(folder / name, job_root, kind=kind, title=name, run_id=run_id))
    shutil.rmtree(work)
    return records
