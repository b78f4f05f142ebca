"""What tasks come to: the bodies of the record table and of the `result` on the wire."""

from __future__ import annotations

from typing import Annotated

import msgspec

from ssd.llm.operations.investigation import Finding, UsedTool
from ssd.llm.operations.numbers import Citation
from ssd.llm.operations.report_write import WrittenParagraph
from ssd.llm.operations.route import Tier
from ssd.llm.optimize import Optimum

Share = Annotated[float, msgspec.Meta(ge=0, le=1)]


class RouteRecord(msgspec.Struct, frozen=True):
    design: str | None
    family: str | None
    model_tier: Tier
    reason: str
    confidence: Share


class ExplanationRecord(msgspec.Struct, frozen=True):
    run_id: str
    text: str
    citations: list[Citation]
    """`source_file` is the rel_path of an artifact."""
    confidence: Share


class InvestigationRecord(msgspec.Struct, frozen=True):
    run_id: str
    findings: list[Finding]
    synthesis: str
    tools: list[UsedTool]
    evidence: dict[str, str]
    """What was seen, by the ids the findings name."""
    turns: int


class OptimizationRecord(msgspec.Struct, frozen=True):
    optimum: Optimum
    """Computed; the model only wrote the explanation."""
    explanation: str
    citations: list[Citation]
    confidence: Share


class ReportRecord(msgspec.Struct, frozen=True):
    run_id: str
    language: str
    paragraphs: list[WrittenParagraph]
    missing: list[str]
    """Every placeholder the text has."""
