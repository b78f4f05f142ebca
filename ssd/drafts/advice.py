"""The model's advice on the template of a draft, and what it was given for."""

from __future__ import annotations

import hashlib
from typing import Final, Protocol

import msgspec

from ssd.drafts.models import Draft, TemplateAdvice
from ssd.inputs.models import InputSet
from ssd.jobs.models import Job

_DECISIVE: Final = (
    "outcome_var", "treatment_var", "controls", "time_var", "entity_var", "cluster_var", "fixed_effects",
    "interaction_terms", "instruments", "weights_var", "group_var", "post_var", "variables", "design", "analysis_goal",
)  # fmt: skip

_UNREACHABLE: Final = ("LLM_CALL_FAILED", "LLM_BLOCKED", "LLM_NOT_CONFIGURED")


class TemplateAdviser(Protocol):
    """Asks the model which template serves a draft; selection is a matter of plans, which is passed in."""

    async def advise(self, job: Job, draft: Draft, inputs: InputSet) -> TemplateAdvice: ...


def advice_basis(draft: Draft, requirement: str) -> str:
    """Identifies what advice depends on: the requirement, the design and every role. Other edits leave it valid."""
    decisive = [" ".join(requirement.split()), *(getattr(draft, field) for field in _DECISIVE)]
    return "sha256:" + hashlib.sha256(msgspec.json.encode(decisive)).hexdigest()


def valid_advice(draft: Draft, requirement: str) -> TemplateAdvice | None:
    """The advice a draft carries, if it was given for the draft as it is now."""
    advice = draft.template_advice
    return advice if advice is not None and advice.basis == advice_basis(draft, requirement) else None


def not_asked(draft: Draft, requirement: str) -> TemplateAdvice | None:
    """The advice of the rules for a draft whose reading just failed at the provider or its controls; else None."""
    reason = draft.fallback_reason
    if reason is None or not reason.startswith(_UNREACHABLE):
        return None
    return TemplateAdvice(basis=advice_basis(draft, requirement), fallback_reason=f"select_families: {reason}")
