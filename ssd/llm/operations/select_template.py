"""`do_template.select_template`: the template that answers the question, out of the ranked candidates."""

from __future__ import annotations

from typing import Annotated, Any, Final

import msgspec

from ssd.llm.models import LlmRequest, Scope
from ssd.llm.operations.columns import near_ids
from ssd.llm.operations.framing import as_data, hidden_characters, instructions, words_as_data

OPERATION: Final = "do_template.select_template"
SCHEMA_VERSION: Final = "select_template.1"
TOKEN_BUDGET: Final = 6000
"""Of the candidates; a token is about four characters of English."""
_CHARACTERS_PER_TOKEN: Final = 4

_TASK: Final = """
You choose the do-template that answers a researcher's question best.
`requirement` holds the researcher's words, `understood` what was made of them, `candidates` the templates to choose
from, ranked by the service; `problems` of a candidate say what the data lack for it.
Choose exactly one primary template, by its `id` as listed, with a reason of one or two sentences and your confidence.
`supplementary` may name others of the list that add to the answer, in the order they should follow; it may be empty.
""".strip()


class CandidateFacts(msgspec.Struct, frozen=True, omit_defaults=True):
    id: str
    title: str
    summary: str
    use_when: str
    design: str
    problems: list[str] = []


class Supplementary(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    template_id: Annotated[str, msgspec.Meta(min_length=1, max_length=120)]
    reason: Annotated[str, msgspec.Meta(min_length=3, max_length=400)]


class TemplateAnswer(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    template_id: Annotated[str, msgspec.Meta(min_length=1, max_length=120)]
    reason: Annotated[str, msgspec.Meta(min_length=3, max_length=600)]
    confidence: Annotated[float, msgspec.Meta(ge=0, le=1)]
    supplementary: Annotated[list[Supplementary], msgspec.Meta(max_length=4)] = []


def within_budget(candidates: list[CandidateFacts], tokens: int = TOKEN_BUDGET) -> list[CandidateFacts]:
    """The first candidates that fit into the budget together; the first one always."""
    room = tokens * _CHARACTERS_PER_TOKEN
    kept: list[CandidateFacts] = []
    for item in candidates:
        room -= len(as_data(item))
        if room < 0 and kept:
            break
        kept.append(item)
    return kept


def request(
    *,
    scope: Scope,
    job_id: str,
    requirement: str,
    understood: dict[str, Any],
    candidates: list[CandidateFacts],
) -> LlmRequest[TemplateAnswer]:
    """The question, to be `identified`; `candidates` as `within_budget` leaves them, since the answer must be shown."""
    known = [item.id for item in candidates]
    return LlmRequest(
        operation=OPERATION,
        request_id="",
        scope=scope,
        schema=TemplateAnswer,
        schema_version=SCHEMA_VERSION,
        instructions=instructions(_TASK),
        fields={
            "requirement": words_as_data(requirement, 4000),
            "understood": as_data(understood),
            "candidates": as_data(candidates),
        },
        cache_fields=("requirement", "understood", "candidates"),
        check=lambda answer: problems(answer, known),
        job_id=job_id,
    )


def problems(answer: TemplateAnswer, known: list[str]) -> list[str]:
    """Templates that are not among the candidates, or named twice."""
    ids = [answer.template_id, *(item.template_id for item in answer.supplementary)]
    found = [
        f"template_id: {item[:80]!r} is not among the candidates. {near_ids(item, known)}"
        for item in ids
        if item not in known
    ]
    if len(set(ids)) != len(ids):
        found.append("supplementary: name each template once, and not the primary one.")
    if any(hidden_characters(text) for text in (answer.reason, *(item.reason for item in answer.supplementary))):
        found.append("reason: control characters are not allowed.")
    return found
