"""`do_template.select_families`: which families of methods could answer the question; at most three."""

from __future__ import annotations

from typing import Annotated, Any, Final

import msgspec

from ssd.llm.models import LlmRequest, Scope
from ssd.llm.operations.columns import near_ids
from ssd.llm.operations.framing import as_data, hidden_characters, instructions, words_as_data

OPERATION: Final = "do_template.select_families"
SCHEMA_VERSION: Final = "select_families.1"
MOST_FAMILIES: Final = 3

_TASK: Final = """
You choose which families of statistical methods could answer a researcher's question, best first, one to three.
`requirement` holds the researcher's words, `understood` what was made of them, `families` the families to choose from.
For each give its `id` exactly as listed, a reason of one sentence and your confidence.
""".strip()


class FamilyFacts(msgspec.Struct, frozen=True):
    id: str
    title: str
    use_when: str


class FamilyChoice(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    family_id: Annotated[str, msgspec.Meta(min_length=1, max_length=80)]
    reason: Annotated[str, msgspec.Meta(min_length=3, max_length=400)]
    confidence: Annotated[float, msgspec.Meta(ge=0, le=1)]


class FamiliesAnswer(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    families: Annotated[list[FamilyChoice], msgspec.Meta(min_length=1, max_length=MOST_FAMILIES)]


def request(
    *,
    scope: Scope,
    job_id: str,
    requirement: str,
    understood: dict[str, Any],
    families: list[FamilyFacts],
) -> LlmRequest[FamiliesAnswer]:
    """The question, to be `identified`."""
    known = [family.id for family in families]
    return LlmRequest(
        operation=OPERATION,
        request_id="",
        scope=scope,
        schema=FamiliesAnswer,
        schema_version=SCHEMA_VERSION,
        instructions=instructions(_TASK),
        fields={
            "requirement": words_as_data(requirement, 4000),
            "understood": as_data(understood),
            "families": as_data(families),
        },
        cache_fields=("requirement", "understood", "families"),
        check=lambda answer: problems(answer, known),
        job_id=job_id,
    )


def problems(answer: FamiliesAnswer, known: list[str]) -> list[str]:
    """Ids that are not canonical, and families named twice."""
    ids = [choice.family_id for choice in answer.families]
    found = [f"families: {item[:64]!r} is not a family. {near_ids(item, known)}" for item in ids if item not in known]
    if len(set(ids)) != len(ids):
        found.append("families: name each family once.")
    if any(hidden_characters(choice.reason) for choice in answer.families):
        found.append("reason: control characters are not allowed.")
    return found
