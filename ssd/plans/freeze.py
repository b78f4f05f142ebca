"""Freezing: from draft and confirmation to the whole plan, or to everything that is still missing."""

from __future__ import annotations

import hashlib
from typing import Any, Final, Literal

import msgspec

from ssd.drafts.compose import complete
from ssd.drafts.goals import GOAL_QUESTION
from ssd.drafts.models import Draft, StoredDraft
from ssd.drafts.service import merged, requirement_fingerprint
from ssd.errors import SsdError
from ssd.inputs.models import DatasetProfile, InputSet
from ssd.llm.operations.plan_generate import SkeletonStep
from ssd.plans.advice import steps_basis
from ssd.plans.binding import bind
from ssd.plans.confirmation import Confirmation, read_confirmation
from ssd.plans.do_files import do_sha256
from ssd.plans.gaps import answered_goal, refuse_incomplete, refuse_unknown_parameters
from ssd.plans.models import (
    FreezeRequest,
    Plan,
    PlanInput,
    Skipped,
    StepProposal,
)
from ssd.plans.pipeline import MOST_ROBUSTNESS, PipelineBuilder, Stage, chosen, draft_roles, skeleton
from ssd.plans.selection import Choice, Selector
from ssd.plans.unplaced import usable_overrides
from ssd.templates.library import Library
from ssd.templates.models import Template

PLAN_VERSION: Final = 1
STEPS_EVIDENCE: Final = "artifacts/do_template/selection/steps.json"
"""What the model was offered and chose; only where a model took part."""


class Frozen(msgspec.Struct, frozen=True):
    """A plan that is complete but not stored yet; revision and time are the store's to give."""

    plan: Plan
    do_files: dict[str, str]
    evidence: dict[str, dict[str, Any]]


class Decided(msgspec.Struct, frozen=True):
    """Everything a plan is made from, with every decision of a person applied."""

    job_id: str
    requirement: str
    stored: StoredDraft
    inputs: InputSet
    request: FreezeRequest
    confirmation: Confirmation
    draft: Draft
    wanted: str | None
    """The template a person chose."""


class Prepared(msgspec.Struct, frozen=True):
    """A complete plan but for the choice among the steps that are possible."""

    decided: Decided
    choice: Choice
    template: Template
    params: dict[str, Any]
    stages: list[Stage]
    skipped: list[Skipped]
    skeleton: list[SkeletonStep]
    basis: str
    """Of the proposal of steps."""
    most_steps: int
    builder: PipelineBuilder


class Freezer:
    """Makes plans. Pure: the same draft, inputs, requirement, confirmation and advice give the same plan."""

    def __init__(self, library: Library, *, timeout_seconds: float) -> None:
        self._library = library
        self._selector = Selector(library)
        self._timeout = timeout_seconds

    def freeze(
        self, job_id: str, requirement: str, stored: StoredDraft, inputs: InputSet, request: FreezeRequest
    ) -> Frozen:
        """The plan by the rules alone, with revision 0 and no time.

        Raises PLAN_FREEZE_MISSING_REQUIRED with everything that is missing, CONTRACT_COLUMN_NOT_FOUND,
        INPUT_VALIDATION_FAILED, TEMPLATE_NOT_FOUND, TEMPLATE_RENDER_FAILED.
        """
        decided = self.decide(job_id, requirement, stored, inputs, request)
        return self.finish(self.prepare(decided, most_robustness=MOST_ROBUSTNESS), None)

    def decide(
        self, job_id: str, requirement: str, stored: StoredDraft, inputs: InputSet, request: FreezeRequest
    ) -> Decided:
        """Raises CONTRACT_COLUMN_NOT_FOUND, INPUT_VALIDATION_FAILED, TEMPLATE_NOT_FOUND."""
        profile = inputs.primary.profile
        plain = complete(stored.body, stored.edits, requirement, profile, self._selector)
        confirmation = read_confirmation(request, plain, profile, self._library)
        wanted = confirmation.template_id or stored.edits.get("selected_template_id")
        draft = self._decided(stored, requirement, profile, confirmation, wanted)
        return Decided(job_id, requirement, stored, inputs, request, confirmation, draft, wanted)

    def prepare(self, decided: Decided, *, most_robustness: int) -> Prepared:
        """Template, parameters and possible steps; the template is the advised one where the draft carries advice.

        Raises PLAN_FREEZE_MISSING_REQUIRED, CONTRACT_COLUMN_NOT_FOUND, INPUT_VALIDATION_FAILED, TEMPLATE_NOT_FOUND.
        """
        draft, profile = decided.draft, decided.inputs.primary.profile
        choice = self._selector.select(draft, decided.requirement, profile, decided.wanted)
        if choice is None:
            raise SsdError("LIBRARY_INVALID", "The template library is empty.")
        template = self._library.get(choice.template_id)
        said = {**decided.stored.edits.get("default_overrides", {}), **decided.confirmation.overrides}
        overrides = usable_overrides({**draft.default_overrides, **said}, said, template)
        refuse_unknown_parameters(template, overrides)
        binding = bind(self._library, template, draft, profile, overrides)
        refuse_incomplete(decided.job_id, draft, template, binding, profile)
        builder = PipelineBuilder(self._library, draft, decided.inputs.primary, timeout_seconds=self._timeout)
        stages, skipped = builder.stages(template, binding.params, overrides, most=most_robustness)
        offered = skeleton(stages)
        return Prepared(
            decided=decided,
            choice=choice,
            template=template,
            params=binding.params,
            stages=stages,
            skipped=skipped,
            skeleton=offered,
            basis=steps_basis(draft, decided.requirement, template.id, offered, binding.params),
            most_steps=sum(step.required for step in offered) + MOST_ROBUSTNESS,
            builder=builder,
        )

    def finish(self, prepared: Prepared, proposal: StepProposal | None) -> Frozen:
        """The plan; `proposal` is the model's choice of steps, None where no model takes part.

        Raises TEMPLATE_RENDER_FAILED.
        """
        decided, choice = prepared.decided, prepared.choice
        draft, inputs = decided.draft, decided.inputs
        stages, skipped = prepared.stages, prepared.skipped
        if proposal is not None:
            stages, skipped = chosen(stages, skipped, proposal)
        built = prepared.builder.rendered(stages, skipped)
        used = [self._library.get(step.template_id) for step in built.steps]
        source, fallback_reason = _source(draft, choice, proposal)
        selection = choice.selection()
        evidence = choice.evidence(decided.requirement, draft)
        if proposal is not None:
            evidence[STEPS_EVIDENCE] = {"skeleton": msgspec.to_builtins(prepared.skeleton)} | msgspec.to_builtins(
                proposal
            )
            selection = msgspec.structs.replace(selection, evidence=[*selection.evidence, STEPS_EVIDENCE])
        plan = Plan(
            plan_version=PLAN_VERSION,
            plan_id="",
            revision=0,
            plan_source=source,
            fallback_reason=fallback_reason,
            job_id=decided.job_id,
            created_at="",
            inputs_fingerprint=inputs.fingerprint,
            requirement_fingerprint=requirement_fingerprint(decided.requirement),
            engine_requirements={
                "stata_version": max(item.stata_version for item in used),
                "dependencies": _dependencies(used),
            },
            selection=selection,
            steps=built.steps,
            skipped=built.skipped,
            outputs_contract=built.outputs,
            do_sha256=do_sha256(built.steps, built.do_files),
            confirmation={**decided.confirmation.said, GOAL_QUESTION: answered_goal(draft)},
            draft_fingerprint=draft_fingerprint(decided.stored),
            inputs=[
                PlanInput(d.dataset_key, d.role, d.original_name, d.sha256, d.profile.selected_sheet)
                for d in inputs.datasets
            ],
            notes=decided.request.notes,
        )
        plan = msgspec.structs.replace(plan, plan_id=plan_id(plan, draft))
        return Frozen(plan, built.do_files, evidence)

    def _decided(
        self,
        stored: StoredDraft,
        requirement: str,
        profile: DatasetProfile,
        confirmation: Confirmation,
        wanted: str | None,
    ) -> Draft:
        """The draft with every decision applied. A chosen template brings its design, unless one was chosen too."""
        edits = merged(stored.edits, confirmation.edits)
        if wanted is not None:
            edits["selected_template_id"] = wanted
            template = self._library.get(wanted)
            edits.setdefault("design", "correlation" if "correlation" in wanted else template.design)
        return complete(stored.body, edits, requirement, profile, self._selector)


def _source(
    draft: Draft, choice: Choice, proposal: StepProposal | None
) -> tuple[Literal["llm", "rule", "rule_fallback"], str | None]:
    """Who made the plan, and for every stage the model was asked for in vain, why."""
    if proposal is None:
        return "rule", None
    advised = choice.advice.fallback_reason if choice.advice else None
    drafted = f"draft_preview: {draft.fallback_reason}" if draft.fallback_reason else None
    reasons = [reason for reason in (drafted, advised, proposal.fallback_reason) if reason]
    return ("rule_fallback", "; ".join(reasons)) if reasons else ("llm", None)


def canonical_json(value: Any) -> bytes:
    """One text for one value: keys sorted, no blanks, UTF-8."""
    return msgspec.json.encode(msgspec.to_builtins(value), order="deterministic")


def plan_id(plan: Plan, draft: Draft) -> str:
    """SHA-256 of canonical JSON of everything that decides the result (architecture.md, "plan.json")."""
    decisive = {
        "plan_version": plan.plan_version,
        "inputs_fingerprint": plan.inputs_fingerprint,
        "inputs": plan.inputs,
        "requirement_fingerprint": plan.requirement_fingerprint,
        "draft_roles": draft_roles(draft),
        "confirmation": plan.confirmation,
        "steps": [
            {
                "step_id": step.step_id,
                "template_id": step.template_id,
                "template_version": step.template_version,
                "template_sha256": step.template_sha256,
                "params": step.params.template_params,
            }
            for step in plan.steps
        ],
        "do_sha256": plan.do_sha256,
    }
    return "sha256:" + hashlib.sha256(canonical_json(decisive)).hexdigest()


def draft_fingerprint(stored: StoredDraft) -> str:
    """Changes when the proposal is made from something else or a person decides otherwise."""
    decisive = {"draft_id": stored.draft_id, "edits": stored.edits}
    return "sha256:" + hashlib.sha256(canonical_json(decisive)).hexdigest()


def _dependencies(templates: list[Template]) -> list[dict[str, Any]]:
    found = {dependency.pkg: msgspec.to_builtins(dependency) for item in templates for dependency in item.dependencies}
    return [found[name] for name in sorted(found)]
