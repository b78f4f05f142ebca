"""`draft_preview`: what a requirement asks for, in the columns of the data."""

from __future__ import annotations

from typing import Annotated, Final, Literal

import msgspec

from ssd.llm.models import LlmRequest, Scope
from ssd.llm.operations.columns import Columns, DataFacts, near_ids
from ssd.llm.operations.framing import as_data, hidden_characters, instructions, words_as_data

OPERATION: Final = "draft_preview"
SCHEMA_VERSION: Final = "draft_preview.2"
LONGEST_REQUIREMENT: Final = 6000

Name = Annotated[str, msgspec.Meta(min_length=1, max_length=200)]
Names = Annotated[list[Name], msgspec.Meta(max_length=60)]
Share = Annotated[float, msgspec.Meta(ge=0, le=1)]
Goal = Literal["descriptive", "difference", "association", "causal", "prediction"]
OpenField = Literal[
    "outcome_var", "treatment_var", "controls", "variables", "group_var", "post_var", "entity_var", "time_var",
    "cluster_var", "instruments", "weights_var", "fixed_effects",
]  # fmt: skip

_TASK: Final = """
You read what a researcher wants to know from a dataset and say which columns play which part.
`requirement` holds the researcher's words, `data` the profile of the dataset, `designs` and `goals` the words to use.
- Fill a part only if the requirement names it or plainly implies it; otherwise leave it null or empty. Do not guess.
- Give columns by their `name` from the list.
- outcome: what is to be explained. treatment: the variable whose effect is of interest. controls: what is held
  constant. variables: columns to describe or correlate where there is no outcome. group: forms the groups of a
  comparison, or marks the treated units of a difference-in-differences; post: marks its later period.
- interactions: pairs of columns. design: one of `designs`. design_confidence: how plainly the text asks for it.
- unknowns: what must be asked before the analysis can be made, each with the columns that could answer it.
- hints: short remarks for the researcher, in the language of the requirement.
""".strip()


class OpenPoint(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Something the requirement leaves open."""

    field: OpenField
    question: Annotated[str, msgspec.Meta(min_length=3, max_length=300)]
    candidates: Annotated[list[Name], msgspec.Meta(max_length=8)] = []


class DraftAnswer(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Draft schema v2: the roles of a draft as the model reads them."""

    outcome: Name | None = None
    treatment: Name | None = None
    controls: Names = []
    time: Name | None = None
    entity: Name | None = None
    cluster: Name | None = None
    fixed_effects: Names = []
    interactions: Annotated[list[Annotated[list[Name], msgspec.Meta(min_length=2, max_length=2)]],
                            msgspec.Meta(max_length=10)] = []  # fmt: skip
    instruments: Names = []
    weights: Name | None = None
    group: Name | None = None
    post: Name | None = None
    variables: Names = []
    design: Name
    design_confidence: Share
    analysis_goal: Goal | None = None
    hints: Annotated[list[Annotated[str, msgspec.Meta(min_length=1, max_length=240)]], msgspec.Meta(max_length=6)] = []
    unknowns: Annotated[list[OpenPoint], msgspec.Meta(max_length=8)] = []


def request(
    *,
    scope: Scope,
    job_id: str,
    requirement: str,
    data: DataFacts,
    columns: Columns,
    designs: tuple[str, ...],
) -> LlmRequest[DraftAnswer]:
    """The question, to be `identified`; `columns` are all columns of the data, also those `data` does not show."""
    return LlmRequest(
        operation=OPERATION,
        request_id="",
        scope=scope,
        schema=DraftAnswer,
        schema_version=SCHEMA_VERSION,
        instructions=instructions(_TASK),
        fields={
            "requirement": words_as_data(requirement, LONGEST_REQUIREMENT),
            "designs": as_data(list(designs)),
            "data": as_data(data),
        },
        cache_fields=("requirement", "designs", "data"),
        check=lambda answer: problems(answer, columns, designs),
        job_id=job_id,
    )


def problems(answer: DraftAnswer, columns: Columns, designs: tuple[str, ...]) -> list[str]:
    """What is wrong with an answer beyond its form."""
    found = [problem for field, name in _named(answer) if (problem := columns.problem(field, name))]
    if answer.design not in designs:
        found.append(f"design: {answer.design[:64]!r} is not a design. {near_ids(answer.design, designs)}")
    found += _conflicts(answer, columns)
    texts = (*answer.hints, *(point.question for point in answer.unknowns))
    if any(hidden_characters(text) for text in texts):
        found.append("hints, unknowns: control characters and characters that hide text are not allowed.")
    return found


def _named(answer: DraftAnswer) -> list[tuple[str, str]]:
    singles = ("outcome", "treatment", "time", "entity", "cluster", "weights", "group", "post")
    lists = ("controls", "fixed_effects", "instruments", "variables")
    pairs = [(field, getattr(answer, field)) for field in singles if getattr(answer, field) is not None]
    pairs += [(field, name) for field in lists for name in getattr(answer, field)]
    pairs += [("interactions", name) for term in answer.interactions for name in term]
    return pairs + [("unknowns", name) for point in answer.unknowns for name in point.candidates]


def _conflicts(answer: DraftAnswer, columns: Columns) -> list[str]:
    """One column cannot be explained by itself, nor be treatment and control at once."""

    def resolved(names: list[str]) -> set[str]:
        return {columns.resolve(name) or name for name in names}

    outcome = resolved([answer.outcome] if answer.outcome else [])
    treatment = resolved([answer.treatment] if answer.treatment else [])
    explaining = treatment | resolved(answer.controls) | resolved(answer.instruments)
    found = []
    if outcome & explaining:
        found.append(f"{', '.join(outcome)} is the outcome; it cannot also be treatment, control or instrument.")
    both = treatment & (resolved(answer.controls) | resolved(answer.instruments))
    if both:
        found.append(f"{', '.join(both)} is the treatment; it cannot also be a control or an instrument.")
    return found
