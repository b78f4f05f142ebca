"""The model as a reader of requirements: its roles in place of the rule planner's, or the recorded reason why not."""

from __future__ import annotations

import hashlib
from typing import Any

import msgspec
from anyio import to_thread

from ssd.db.database import Database
from ssd.drafts.data_facts import columns_of, data_facts
from ssd.drafts.design import DESIGNS
from ssd.drafts.goals import goal_question
from ssd.drafts.models import Draft
from ssd.drafts.needs import needed_fields
from ssd.errors import SsdError
from ssd.inputs.models import DatasetProfile, InputSet
from ssd.jobs.llm_scope import scope_of
from ssd.jobs.models import Job
from ssd.llm.operations import draft_preview
from ssd.llm.operations.asks import Asks, identified, is_model_trouble, reason_of
from ssd.llm.operations.columns import Columns
from ssd.llm.operations.draft_preview import DraftAnswer


class ModelReader:
    """Reads requirements with the model."""

    def __init__(self, asks: Asks, database: Database) -> None:
        self._asks = asks
        self._database = database

    async def read(self, job: Job, body: Draft, inputs: InputSet, occasion: str) -> Draft:
        """`body`, the proposal of the rule planner, with what the model read in its place.

        When the model fails, is blocked or gives no valid answer, `body` with the reason and a warning.
        `occasion` tells one making of the draft from the next.
        """
        try:
            answer, columns = await self._ask(job, body, inputs.primary.profile, occasion)
        except SsdError as error:
            if not is_model_trouble(error):
                raise
            return _fallback(body, reason_of(error))
        return _laid_over(body, answer, columns)

    async def _ask(self, job: Job, body: Draft, profile: DatasetProfile, occasion: str) -> tuple[DraftAnswer, Columns]:
        columns = columns_of(profile)
        facts = await to_thread.run_sync(data_facts, profile, job.requirement)
        request = draft_preview.request(
            scope=await scope_of(self._database, job),
            job_id=job.job_id,
            requirement=job.requirement,
            data=facts,
            columns=columns,
            designs=DESIGNS,
        )
        outcome = await self._asks.call(identified(request, body.draft_id, occasion))
        return outcome.value, columns


def _fallback(body: Draft, reason: str) -> Draft:
    words = (
        f"语言模型未能解读研究需求（{reason}），改由规则解读。"
        if body.language == "zh"
        else f"The language model could not read the requirement ({reason}); the rule planner read it instead."
    )
    return msgspec.structs.replace(body, fallback_reason=reason, warnings=[*body.warnings, words])


def _laid_over(body: Draft, answer: DraftAnswer, columns: Columns) -> Draft:
    """The roles of the answer under Stata names. Language, types and sources stay as the service found them."""

    def one(name: str | None) -> str | None:
        return None if name is None else columns.resolve(name)

    def several(names: list[str]) -> list[str]:
        return [name for name in dict.fromkeys(map(columns.resolve, names)) if name is not None]

    needed = needed_fields(answer.design)
    asked = [point for point in answer.unknowns if point.field in needed and point.candidates]
    # What the analysis can do without is a remark, not a question that blocks the plan.
    remarks = [point.question for point in answer.unknowns if point not in asked]
    instruments = several(answer.instruments)
    roles: dict[str, Any] = {
        "outcome_var": one(answer.outcome),
        "treatment_var": one(answer.treatment),
        "controls": several(answer.controls),
        "time_var": one(answer.time),
        "entity_var": one(answer.entity),
        "cluster_var": one(answer.cluster),
        "fixed_effects": several(answer.fixed_effects),
        "interaction_terms": list(dict.fromkeys("#".join(several(term)) for term in answer.interactions)),
        "instrument_var": instruments[0] if instruments else None,
        "instruments": instruments,
        "weights_var": one(answer.weights),
        "group_var": one(answer.group),
        "post_var": one(answer.post),
        "variables": several(answer.variables),
    }
    identity = hashlib.sha256(body.draft_id.encode() + msgspec.json.encode(answer, order="deterministic")).hexdigest()
    return msgspec.structs.replace(
        body,
        **roles,
        draft_id=f"draft_{identity[:24]}",
        design=answer.design,
        design_certainty=answer.design_confidence,
        analysis_hints=[*answer.hints, *remarks],
        column_candidates=_named(roles),
        column_candidates_v2=[
            {"field": point.field, "words": point.question, "candidates": several(point.candidates)} for point in asked
        ],
        stage1_questions=[goal_question(body.language, answer.analysis_goal)],
        draft_source="llm",
    )


def _named(roles: dict[str, Any]) -> list[str]:
    """Every column that has a part, once."""
    names: list[str] = []
    for field, value in roles.items():
        if field != "interaction_terms":
            names += value if isinstance(value, list) else [value] if value else []
    return list(dict.fromkeys(names))
