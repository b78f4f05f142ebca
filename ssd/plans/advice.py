"""The model's part in a plan: families, template and steps; every stage falls back to the rules with a reason."""

from __future__ import annotations

import hashlib
from typing import Any, Final

import msgspec
from anyio import to_thread

from ssd.db.database import Database
from ssd.drafts.advice import advice_basis
from ssd.drafts.models import AdvisedFamily, AdvisedTemplate, Draft, TemplateAdvice
from ssd.errors import SsdError
from ssd.inputs.models import InputSet
from ssd.jobs.llm_scope import scope_of
from ssd.jobs.models import Job
from ssd.llm.operations import plan_generate, select_families, select_template
from ssd.llm.operations.asks import Asks, identified, is_model_trouble, reason_of
from ssd.llm.operations.plan_generate import SkeletonStep
from ssd.llm.operations.select_families import FamilyFacts
from ssd.llm.operations.select_template import CandidateFacts
from ssd.plans.binding import ROLE_FIELDS
from ssd.plans.models import StepProposal
from ssd.plans.selection import RankedTemplate, Selector
from ssd.templates.library import Library

LEAST_CONFIDENCE: Final = 0.3
"""Below it the model's choice is no better than the ranking."""


class ModelAdviser:
    """Asks the model which families, which template and which steps serve a draft. It never raises for the model's
    or its controls' sake: those failures are answers with a `fallback_reason`."""

    def __init__(self, asks: Asks, database: Database, library: Library, selector: Selector) -> None:
        self._asks = asks
        self._database = database
        self._library = library
        self._selector = selector

    async def advise(self, job: Job, draft: Draft, inputs: InputSet) -> TemplateAdvice:
        """Stage 1 and 2 of the selection."""
        basis = advice_basis(draft, job.requirement)
        try:
            families = await self._families(job, draft, basis)
        except SsdError as error:
            return TemplateAdvice(basis=basis, fallback_reason=f"select_families: {_trouble(error)}")
        profile = inputs.primary.profile
        ids = {family.family_id for family in families}
        ranked = await to_thread.run_sync(self._selector.candidates, draft, job.requirement, profile, ids)
        try:
            return await self._template(job, draft, basis, families, ranked)
        except SsdError as error:
            reason = f"select_template: {_trouble(error)}"
            return TemplateAdvice(basis=basis, families=families, fallback_reason=reason)

    async def propose_steps(
        self, job: Job, draft: Draft, skeleton: list[SkeletonStep], max_steps: int, basis: str
    ) -> StepProposal:
        """Which steps of the skeleton the plan should have."""
        request = plan_generate.request(
            scope=await scope_of(self._database, job),
            job_id=job.job_id,
            requirement=job.requirement,
            understood=understood(draft),
            skeleton=skeleton,
            max_steps=max_steps,
        )
        try:
            outcome = await self._asks.call(identified(request, job.job_id, basis))
        except SsdError as error:
            return StepProposal(basis=basis, fallback_reason=f"plan.generate: {_trouble(error)}")
        return StepProposal(basis=basis, steps={step.step: step.reason for step in outcome.value.steps})

    async def _families(self, job: Job, draft: Draft, basis: str) -> list[AdvisedFamily]:
        held = {template.family for template in self._library.templates}
        facts = [
            FamilyFacts(family.id, f"{family.title.en} / {family.title.zh}", family.use_when)
            for family in self._library.families
            if family.id in held
        ]
        request = select_families.request(
            scope=await scope_of(self._database, job),
            job_id=job.job_id,
            requirement=job.requirement,
            understood=understood(draft),
            families=facts,
        )
        outcome = await self._asks.call(identified(request, job.job_id, basis))
        return [AdvisedFamily(item.family_id, item.reason, item.confidence) for item in outcome.value.families]

    async def _template(
        self, job: Job, draft: Draft, basis: str, families: list[AdvisedFamily], ranked: list[RankedTemplate]
    ) -> TemplateAdvice:
        shown = select_template.within_budget([self._candidate(item) for item in ranked])
        request = select_template.request(
            scope=await scope_of(self._database, job),
            job_id=job.job_id,
            requirement=job.requirement,
            understood=understood(draft),
            candidates=shown,
        )
        answer = (await self._asks.call(identified(request, job.job_id, basis))).value
        if answer.confidence < LEAST_CONFIDENCE:
            reason = f"select_template: confidence {answer.confidence:g} is below {LEAST_CONFIDENCE:g}"
            return TemplateAdvice(basis=basis, families=families, fallback_reason=reason)
        return TemplateAdvice(
            basis=basis,
            families=families,
            template_id=answer.template_id,
            reason=answer.reason,
            confidence=answer.confidence,
            supplementary=[AdvisedTemplate(item.template_id, item.reason) for item in answer.supplementary],
        )

    def _candidate(self, ranked: RankedTemplate) -> CandidateFacts:
        template = self._library.get(ranked.template_id)
        return CandidateFacts(
            id=template.id,
            title=f"{template.title.en} / {template.title.zh}",
            summary=template.summary.en,
            use_when=template.use_when,
            design=template.design,
            problems=[problem.message for problem in ranked.problems],
        )


def understood(draft: Draft) -> dict[str, Any]:
    """What a draft says, as the later prompts show it: names of columns and words of the catalogue, no free text."""
    roles = {field: getattr(draft, field) for field in ROLE_FIELDS.values() if getattr(draft, field)}
    return {"design": draft.design, "goal": draft.analysis_goal, **roles, "interactions": draft.interaction_terms}


def steps_basis(draft: Draft, requirement: str, template_id: str, skeleton: list[SkeletonStep], params: Any) -> str:
    """Identifies what a step proposal depends on."""
    decisive = msgspec.json.encode([advice_basis(draft, requirement), template_id, skeleton, params])
    return "sha256:" + hashlib.sha256(decisive).hexdigest()


def _trouble(error: SsdError) -> str:
    """The reason of a failure that has a fallback; any other failure goes on."""
    if not is_model_trouble(error):
        raise error
    return reason_of(error)
