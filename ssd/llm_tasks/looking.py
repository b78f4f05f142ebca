"""The tools of an investigation: looks at logs, tables and the profile of the data. They only read."""

from __future__ import annotations

import csv
import io

from anyio import to_thread

from ssd.db.database import Database
from ssd.drafts.data_facts import columns_of, data_facts
from ssd.inputs.models import DatasetProfile
from ssd.jobs import artifact_index
from ssd.jobs.folder import JobFolder
from ssd.jobs.models import ArtifactRecord
from ssd.llm.operations.framing import as_data
from ssd.llm.operations.investigation import ToolCall
from ssd.llm_tasks.results import read_text, short_name
from ssd.runs.failure import MEANINGS

_LONGEST_LINE = 240
_MOST_LOG = 8 * 1_048_576
_TAIL_LINES = 40


class Looking:
    """Looks at one run. Every tool answers with text, also when there is nothing to see."""

    def __init__(
        self,
        folder: JobFolder,
        logs: list[ArtifactRecord],
        tables: list[ArtifactRecord],
        profile: DatasetProfile | None,
    ) -> None:
        self._folder = folder
        self._logs = {record.step_id or "": record for record in logs}
        self._tables = {short_name(record): record for record in tables}
        self._profile = profile

    @classmethod
    async def at(
        cls, database: Database, folder: JobFolder, profile: DatasetProfile | None, job_id: str, run_id: str
    ) -> Looking:
        logs = await artifact_index.listing(database, job_id, "log", run_id, limit=200)
        tables = await artifact_index.listing(database, job_id, "table", run_id, limit=200)
        return cls(folder, logs, tables, profile)

    def contents(self) -> dict[str, list[str]]:
        """What there is to look at."""
        return {"logs": list(self._logs), "tables": list(self._tables)}

    async def use(self, call: ToolCall) -> str:
        """The answer of one tool."""
        match call.tool:
            case "read_log":
                return await self._log(call.step_id, call.from_line or 1, call.lines or 60)
            case "read_table":
                return await self._table(call.file, call.rows or 20)
            case "describe_data":
                return self._data(call.columns)
            case "explain_r":
                return _explained(call.rc)

    async def tail(self, step_id: str) -> str | None:
        """The last lines of a step's log, numbered; None when it has none."""
        lines = await self._lines(step_id)
        return None if lines is None else _numbered(lines, max(1, len(lines) - _TAIL_LINES + 1), _TAIL_LINES)

    async def _lines(self, step_id: str) -> list[str] | None:
        record = self._logs.get(step_id)
        if record is None:
            return None
        return (await to_thread.run_sync(read_text, self._folder, record, _MOST_LOG)).splitlines()

    async def _log(self, step_id: str | None, start: int, count: int) -> str:
        lines = await self._lines(step_id or "")
        if lines is None:
            return f"There is no log of that step. Logs: {', '.join(self._logs) or 'none'}."
        if start > len(lines):
            return f"The log has {len(lines)} lines."
        return _numbered(lines, start, count)

    async def _table(self, name: str | None, rows: int) -> str:
        record = self._tables.get(name or "")
        if record is None:
            return f"There is no such table. Tables: {', '.join(self._tables) or 'none'}."
        text = await to_thread.run_sync(read_text, self._folder, record)
        kept = [row for _, row in zip(range(rows + 1), csv.reader(io.StringIO(text)), strict=False)]
        return as_data(kept)

    def _data(self, names: list[str]) -> str:
        if self._profile is None:
            return "The job has no data any more."
        columns = columns_of(self._profile)
        wanted = {columns.resolve(name) for name in names}
        facts = data_facts(self._profile, " ".join(names))
        shown = [column for column in facts.columns if not names or column.name in wanted]
        unknown = [name for name in names if columns.resolve(name) is None]
        return as_data({"rows": facts.rows, "columns": shown[:40], "unknown": unknown})


def _numbered(lines: list[str], start: int, count: int) -> str:
    window = lines[start - 1 : start - 1 + count]
    return "\n".join(f"{number}: {line[:_LONGEST_LINE]}" for number, line in enumerate(window, start))


def _explained(rc: int | None) -> str:
    if rc is None:
        return "explain_r needs rc."
    return f"r({rc}): {MEANINGS.get(rc, 'no meaning is recorded for this return code')}."
