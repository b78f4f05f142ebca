"""`route`: which design, family and model tier should handle a request."""

from __future__ import annotations

from typing import Annotated, Final, Literal

import msgspec

from ssd.llm.models import LlmRequest, Scope
from ssd.llm.operations.columns import near_ids
from ssd.llm.operations.framing import as_data, hidden_characters, instructions, words_as_data
from ssd.llm.operations.select_families import FamilyFacts

OPERATION: Final = "route"
SCHEMA_VERSION: Final = "route.1"

_TASK: Final = """
You decide who should handle a request about a data analysis.
`request` holds the words of the person, `designs` the kinds of analysis, `families` the families of methods.
- design and family: what would answer the request, each exactly as listed; null where none fits or none is needed.
- model_tier: `none` if rules or a plain look-up suffice, `small` for short wording tasks, `standard` for judgement.
- reason: one or two sentences.
""".strip()

Tier = Literal["none", "small", "standard"]


class RouteAnswer(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    design: Annotated[str, msgspec.Meta(max_length=80)] | None
    family: Annotated[str, msgspec.Meta(max_length=80)] | None
    model_tier: Tier
    reason: Annotated[str, msgspec.Meta(min_length=3, max_length=500)]
    confidence: Annotated[float, msgspec.Meta(ge=0, le=1)]


def request(
    *,
    scope: Scope,
    request_id: str,
    job_id: str,
    words: str,
    designs: tuple[str, ...],
    families: list[FamilyFacts],
    max_cost_cents: float | None,
) -> LlmRequest[RouteAnswer]:
    known = [family.id for family in families]
    return LlmRequest(
        operation=OPERATION,
        request_id=request_id,
        scope=scope,
        schema=RouteAnswer,
        schema_version=SCHEMA_VERSION,
        instructions=instructions(_TASK),
        fields={
            "request": words_as_data(words, 4000),
            "designs": as_data(list(designs)),
            "families": as_data(families),
        },
        cache_fields=("request", "designs", "families"),
        check=lambda answer: problems(answer, designs, known),
        job_id=job_id,
        tier="small",
        max_cost_cents=max_cost_cents,
    )


def problems(answer: RouteAnswer, designs: tuple[str, ...], families: list[str]) -> list[str]:
    """A design or family that is not one of the listed ones."""
    found = []
    if answer.design is not None and answer.design not in designs:
        found.append(f"design: {answer.design[:64]!r} is not a design. {near_ids(answer.design, designs)}")
    if answer.family is not None and answer.family not in families:
        found.append(f"family: {answer.family[:64]!r} is not a family. {near_ids(answer.family, families)}")
    if hidden_characters(answer.reason):
        found.append("reason: control characters are not allowed.")
    return found
