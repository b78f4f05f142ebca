"""`plan.generate`: which steps of the standard pipeline a plan should have."""

from __future__ import annotations

from typing import Annotated, Any, Final

import msgspec

from ssd.llm.models import LlmRequest, Scope
from ssd.llm.operations.columns import near_ids
from ssd.llm.operations.framing import as_data, hidden_characters, instructions, words_as_data

OPERATION: Final = "plan.generate"
SCHEMA_VERSION: Final = "plan_generate.1"

_TASK: Final = """
You choose the steps of an analysis out of the standard pipeline: description, main model, robustness.
`requirement` holds the researcher's words, `understood` what was made of them, `skeleton` the steps that are possible
with these data, in their order, and `constraints` the limits. A step marked `required` must be in the answer.
Give the steps in the order of the skeleton, each by its `step` as listed and with a reason of one sentence;
leave out what adds nothing to this question. You cannot add steps, change their order or set parameters.
""".strip()


class SkeletonStep(msgspec.Struct, frozen=True):
    """A step that the service is able and ready to make."""

    step: str
    type: str
    purpose: str
    template_id: str
    required: bool


class Constraints(msgspec.Struct, frozen=True):
    max_steps: int


class ChosenStep(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    step: Annotated[str, msgspec.Meta(min_length=1, max_length=80)]
    reason: Annotated[str, msgspec.Meta(min_length=3, max_length=400)]


class PlanAnswer(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    steps: Annotated[list[ChosenStep], msgspec.Meta(min_length=1, max_length=12)]


def request(
    *,
    scope: Scope,
    job_id: str,
    requirement: str,
    understood: dict[str, Any],
    skeleton: list[SkeletonStep],
    max_steps: int,
) -> LlmRequest[PlanAnswer]:
    """The question, to be `identified`."""
    return LlmRequest(
        operation=OPERATION,
        request_id="",
        scope=scope,
        schema=PlanAnswer,
        schema_version=SCHEMA_VERSION,
        instructions=instructions(_TASK),
        fields={
            "requirement": words_as_data(requirement, 4000),
            "understood": as_data(understood),
            "skeleton": as_data(skeleton),
            "constraints": as_data(Constraints(max_steps)),
        },
        cache_fields=("requirement", "understood", "skeleton", "constraints"),
        check=lambda answer: problems(answer, skeleton, max_steps),
        job_id=job_id,
    )


def problems(answer: PlanAnswer, skeleton: list[SkeletonStep], max_steps: int) -> list[str]:
    """Steps outside the skeleton, out of order, twice, too many, or required ones left out."""
    order = [step.step for step in skeleton]
    chosen = [step.step for step in answer.steps]
    found = [f"steps: {item[:64]!r} is not a step. {near_ids(item, order)}" for item in chosen if item not in order]
    if len(set(chosen)) != len(chosen):
        found.append("steps: name each step once.")
    places = [order.index(item) for item in chosen if item in order]
    if places != sorted(places):
        found.append("steps: keep the order of the skeleton.")
    if len(chosen) > max_steps:
        found.append(f"steps: at most {max_steps} are allowed, not {len(chosen)}.")
    missing = [step.step for step in skeleton if step.required and step.step not in chosen]
    if missing:
        found.append(f"steps: {', '.join(missing)} must not be left out.")
    if any(hidden_characters(step.reason) for step in answer.steps):
        found.append("reason: control characters are not allowed.")
    return found
