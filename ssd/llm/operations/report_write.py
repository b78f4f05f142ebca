"""`report.write`: paragraphs of a paper in which the service, not the model, writes every number.

The model marks the place of a number with `{{f12}}`, the id of a result; where it misses one it writes
`{{missing: what}}`. The service fills the marks in from the files and keeps a trace of each.
"""

from __future__ import annotations

import math
import re
from typing import Annotated, Any, Final, Literal

import msgspec

from ssd.llm.models import LlmRequest, Scope
from ssd.llm.operations.columns import near_ids
from ssd.llm.operations.framing import as_data, hidden_characters, instructions, words_as_data
from ssd.llm.operations.numbers import ResultFact, text_problems

OPERATION: Final = "report.write"
SCHEMA_VERSION: Final = "report_write.1"

Section = Literal["data", "method", "results", "robustness", "limitations"]

_MARK: Final = re.compile(r"\{\{\s*([^{}]*?)\s*\}\}")
_MISSING: Final = re.compile(r"missing:\s*(\S.{0,119})", re.DOTALL)
_SMALL_P: Final = 0.001

_TASK: Final = """
You write paragraphs of a research paper about an analysis that was made, in the language `language` names.
`analysis` says what was estimated, `question` holds the researcher's words, `results` lists every number: an id, its
metric (model.term.column, or model.key) and the file it stands in.
- Never write a number yourself, neither in digits nor in words. Where a number belongs, write its id in double braces,
  such as {{f3}}; it will be filled in. Where a number is needed that the results do not have, write
  {{missing: what is missing}}.
- Sober, precise sentences; no claim the results do not support; name the limits of the method.
""".strip()


class NumberedFact(msgspec.Struct, frozen=True):
    """A result under the id the model uses for it."""

    id: str
    metric: str
    source_file: str
    label: str
    value: float


class Paragraph(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    section: Section
    text: Annotated[str, msgspec.Meta(min_length=40, max_length=2500)]


class ReportAnswer(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    paragraphs: Annotated[list[Paragraph], msgspec.Meta(min_length=1, max_length=10)]


class Trace(msgspec.Struct, frozen=True):
    """Where a number of the report comes from."""

    shown: str
    value: float
    metric: str
    source_file: str


class WrittenParagraph(msgspec.Struct, frozen=True):
    section: str
    text: str
    traces: list[Trace]
    missing: list[str]
    """What the placeholders `[missing: …]` of the text stand for."""


def numbered(results: list[ResultFact]) -> list[NumberedFact]:
    """The results under ids f1, f2, …"""
    return [
        NumberedFact(f"f{place}", fact.metric, fact.source_file, fact.label, fact.value)
        for place, fact in enumerate(results, 1)
    ]


def request(
    *,
    scope: Scope,
    request_id: str,
    job_id: str,
    question: str,
    language: str,
    analysis: dict[str, Any],
    results: list[NumberedFact],
    max_cost_cents: float | None,
) -> LlmRequest[ReportAnswer]:
    return LlmRequest(
        operation=OPERATION,
        request_id=request_id,
        scope=scope,
        schema=ReportAnswer,
        schema_version=SCHEMA_VERSION,
        instructions=instructions(_TASK),
        fields={
            "question": words_as_data(question, 2000),
            "language": as_data(language),
            "analysis": as_data(analysis),
            "results": as_data(results),
        },
        cache_fields=("question", "language", "analysis", "results"),
        check=lambda answer: problems(answer, results),
        job_id=job_id,
        max_cost_cents=max_cost_cents,
    )


def problems(answer: ReportAnswer, results: list[NumberedFact]) -> list[str]:
    """Marks of unknown results, and numbers the model wrote itself."""
    known = [fact.id for fact in results]
    found = []
    for paragraph in answer.paragraphs:
        marks = _MARK.findall(paragraph.text)
        found += [
            f"{paragraph.section}: {{{{{mark[:60]}}}}} is not the id of a result. {near_ids(mark, known)}"
            for mark in marks
            if mark not in known and not _MISSING.fullmatch(mark)
        ]
        bare = _MARK.sub(" ", paragraph.text)
        found += text_problems(bare, [], field=paragraph.section)
        if "{" in bare or "}" in bare:
            found.append(f"{paragraph.section}: write ids in double braces, such as {{{{f1}}}}.")
        found += [
            f"{paragraph.section}: a placeholder may not hold a number."
            for mark in marks
            if _MISSING.fullmatch(mark) and text_problems(mark, [])
        ]
        if hidden_characters(paragraph.text.replace("\n", " ")):
            found.append(f"{paragraph.section}: control characters are not allowed.")
    return found


def written(answer: ReportAnswer, results: list[NumberedFact]) -> list[WrittenParagraph]:
    """The paragraphs with the numbers filled in, and where each comes from."""
    by_id = {fact.id: fact for fact in results}
    return [_written(paragraph, by_id) for paragraph in answer.paragraphs]


def _written(paragraph: Paragraph, by_id: dict[str, NumberedFact]) -> WrittenParagraph:
    traces: list[Trace] = []
    missing: list[str] = []

    def fill(match: re.Match[str]) -> str:
        mark = match[1]
        fact = by_id.get(mark)
        if fact is None:
            what = mark.removeprefix("missing:").strip()
            missing.append(what)
            return f"[missing: {what}]"
        trace = Trace(shown(fact), fact.value, fact.metric, fact.source_file)
        traces.append(trace)
        return trace.shown

    return WrittenParagraph(paragraph.section, _MARK.sub(fill, paragraph.text), traces, missing)


def shown(fact: NumberedFact) -> str:
    """A value as papers print it: counts whole, small p-values as a bound, the rest with three significant digits."""
    value = fact.value
    if not math.isfinite(value):
        return f"[missing: {fact.metric}]"
    if fact.metric.endswith(".p_value") and 0 <= value < _SMALL_P:
        return "<0.001"
    if value == int(value) and abs(value) < 1e15:
        return f"{int(value):d}"
    decimals = max(0, min(10, 2 - math.floor(math.log10(abs(value)))))
    return f"{value:.{max(decimals, 3 if abs(value) >= 0.001 else decimals)}f}"
