"""The numbers of a run as facts a text may cite: tidy and glance tables, the main analysis first."""

from __future__ import annotations

import csv
import io
import math
from pathlib import Path
from typing import Any, Final

import msgspec
from anyio import to_thread

from ssd.db.database import Database
from ssd.jobs import artifact_index
from ssd.jobs.folder import JobFolder
from ssd.jobs.models import ArtifactRecord
from ssd.llm.operations.numbers import ResultFact
from ssd.plans.models import Plan

MOST_FACTS: Final = 300
_LARGEST_TABLE: Final = 1_048_576
_TIDY_COLUMNS: Final = ("estimate", "std_error", "statistic", "p_value", "conf_low", "conf_high", "df")
_ORDER: Final = ("main", "robustness", "overview")


class RunResults(msgspec.Struct, frozen=True):
    """What a text about a run may use."""

    facts: list[ResultFact]
    """Under short file names: `<step folder>/<file>`."""
    paths: dict[str, str]
    """rel_path of an artifact by short name."""
    analysis: dict[str, Any]
    """What was estimated, without free text."""


async def results_of(database: Database, folder: JobFolder, plan: Plan | None, job_id: str, run_id: str) -> RunResults:
    """The results of one run, from its tables; at most MOST_FACTS of them."""
    tables = [
        record
        for record in await tables_of(database, job_id, run_id)
        if Path(record.rel_path).name in {"tidy.csv", "glance.csv"}
    ]
    tables.sort(key=_rank)
    facts: list[ResultFact] = []
    for record in tables:
        text = await to_thread.run_sync(read_text, folder, record)
        facts += facts_of(text, short_name(record))
    paths = {short_name(record): record.rel_path for record in tables}
    return RunResults(facts[:MOST_FACTS], paths, _analysis(plan))


async def tables_of(database: Database, job_id: str, run_id: str) -> list[ArtifactRecord]:
    """Every table of a run."""
    return await artifact_index.listing(database, job_id, "table", run_id, limit=200)


def short_name(record: ArtifactRecord) -> str:
    return "/".join(Path(record.rel_path).parts[-2:])


def read_text(folder: JobFolder, record: ArtifactRecord, most: int = _LARGEST_TABLE) -> str:
    """The beginning of an indexed file."""
    with (folder.root / record.rel_path).open("rb") as handle:
        return handle.read(most).decode("utf-8", "replace")


def facts_of(text: str, source_file: str) -> list[ResultFact]:
    """Every number of a tidy or glance table; missing ones are left out."""
    facts = []
    for row in csv.DictReader(io.StringIO(text)):
        if "term" in row:
            stem, label = f"{row.get('model', '')}.{row['term']}", row.get("label") or ""
            cells = [(f"{stem}.{column}", row.get(column)) for column in _TIDY_COLUMNS]
        elif "key" in row:
            cells, label = [(f"{row.get('model', '')}.{row['key']}", row.get("value"))], ""
        else:
            return []
        for metric, cell in cells:
            value = _number(cell)
            if value is not None:
                facts.append(ResultFact(metric, value, source_file, label if label not in metric else ""))
    return facts


def _number(cell: str | None) -> float | None:
    try:
        value = float(cell or "nan")
    except ValueError:
        return None
    return value if math.isfinite(value) else None


def _rank(record: ArtifactRecord) -> tuple[int, str]:
    step = record.step_id or ""
    place = next((n for n, word in enumerate(_ORDER) if step.startswith(word)), len(_ORDER))
    return place, record.rel_path


def _analysis(plan: Plan | None) -> dict[str, Any]:
    if plan is None:
        return {}
    main = next((step for step in plan.steps if step.step_id == "main"), plan.steps[-1])
    roles = {name: value for name, value in main.params.analysis_spec.items() if value}
    steps = [{"step": step.step_id, "template": step.template_id, "purpose": step.purpose} for step in plan.steps]
    return {"roles": roles, "steps": steps, "parameters": main.params.template_params}
