"""The draft: everything a client sees, composed from what was understood, what people decided, and the data."""

from __future__ import annotations

import re
from typing import Any, Final, Protocol

import msgspec

from ssd.drafts.design import outcome_kind, regression_for
from ssd.drafts.edits import lay_over
from ssd.drafts.goals import design_for_goal, goal_question
from ssd.drafts.limits import assumptions, limits
from ssd.drafts.models import DataSource, Draft, NameNormalization, SelectedTemplate, VariableType
from ssd.drafts.needs import needed_fields, open_unknowns, required_variables, template_unknown
from ssd.drafts.quality import quality_warnings
from ssd.drafts.rules import Understanding, understand
from ssd.drafts.wording import draft_text
from ssd.inputs.models import DatasetProfile, InputSet

ASK_BELOW: Final = 0.6
"""Confidence in the template below which the user is asked to confirm the choice."""
_GOAL_CHOSEN: Final = 0.85
"""Certainty of a design that follows from the goal a person chose."""


class TemplateChooser(Protocol):
    """Chooses the template of a draft; selection is a matter of plans, which is passed in."""

    def choose(
        self, draft: Draft, requirement: str, profile: DatasetProfile, wanted: str | None
    ) -> SelectedTemplate | None: ...


def propose(draft_id: str, requirement: str, inputs: InputSet) -> Draft:
    """What the rule planner proposes, before anybody decided anything. `stage1_questions` holds the suggestion."""
    profile = inputs.primary.profile
    read = understand(requirement, profile)
    found = read.found
    return Draft(
        draft_id=draft_id,
        draft_text="",
        decision="needs_input",
        risk_score=0.0,
        outcome_var=found.outcome,
        treatment_var=found.treatment,
        controls=list(found.controls),
        time_var=found.time,
        entity_var=found.entity,
        cluster_var=found.cluster,
        fixed_effects=list(found.fixed_effects),
        interaction_terms=list(found.interactions),
        instrument_var=found.instruments[0] if found.instruments else None,
        instruments=list(found.instruments),
        weights_var=found.weights,
        group_var=found.group,
        post_var=found.post,
        variables=list(found.variables),
        running_var=found.running,
        cutoff=found.cutoff,
        duration_var=found.duration,
        event_var=found.event,
        cohort_var=found.cohort,
        exposure_var=found.exposure,
        lags=found.lags,
        design=read.design,
        method=read.method,
        default_overrides={"filters": [msgspec.to_builtins(f) for f in read.filters]} if read.filters else {},
        warnings=assumptions(read.assumed, read.language),
        design_certainty=read.certainty,
        analysis_hints=_hints(read),
        column_candidates=list(found.mentioned),
        column_candidates_v2=_unclear_candidates(read),
        column_name_normalizations=_normalizations(inputs),
        stage1_questions=[goal_question(read.language, read.goal)],
        variable_types=[VariableType(column.stata_name, column.inferred_type) for column in profile.columns],
        data_sources=[DataSource(d.dataset_key, d.role, d.original_name, d.format) for d in inputs.datasets],
        draft_source="rule",
        language=read.language,
    )


def complete(
    body: Draft, edits: dict[str, Any], requirement: str, profile: DatasetProfile, chooser: TemplateChooser
) -> Draft:
    """The proposal with the edits laid over it, and everything that follows from both."""
    draft, lost = lay_over(body, edits, profile)
    if "design" in edits:
        draft = msgspec.structs.replace(_in_design(draft, edits["design"], edits), design_certainty=1.0)
    draft = serve_goal(draft, requirement, profile, edits)
    unclear = {entry["field"]: (entry["words"], tuple(entry["candidates"])) for entry in body.column_candidates_v2}
    draft = msgspec.structs.replace(draft, open_unknowns=open_unknowns(draft, profile, unclear, lost))
    selected = chooser.choose(draft, requirement, profile, edits.get("selected_template_id"))
    if selected is not None and selected.confidence < ASK_BELOW:
        doubt = template_unknown(draft, [selected.template_id, *(item.template_id for item in selected.alternatives)])
        draft = msgspec.structs.replace(draft, open_unknowns=[*draft.open_unknowns, doubt])
    blocked = any(unknown.blocking for unknown in draft.open_unknowns)
    goal_open = draft.analysis_goal is None and all(question.suggested is None for question in draft.stage1_questions)
    draft = msgspec.structs.replace(
        draft,
        selected_template=selected,
        required_variables=required_variables(draft, profile),
        data_quality_warnings=quality_warnings(draft, profile),
        warnings=[*body.warnings, *limits(draft, selected)],
        decision="needs_input" if blocked or goal_open else "ready",
    )
    return msgspec.structs.replace(draft, draft_text=draft_text(draft, profile), risk_score=_risk(draft))


def serve_goal(draft: Draft, requirement: str, profile: DatasetProfile, edits: dict[str, Any]) -> Draft:
    """The draft with the design that serves a goal a person chose; a design a person chose stays.

    Roles move with the design: the two-valued treatment of a regression is the group of a comparison.
    """
    if "design" in edits or draft.analysis_goal is None:
        return draft
    outcome = profile.column(draft.outcome_var) if draft.outcome_var else None
    design = design_for_goal(
        draft.design,
        draft.analysis_goal,
        regression=regression_for(outcome_kind(outcome, requirement)),
        has_panel=bool(profile.panel_guesses),
        has_roles=draft.outcome_var is not None and (draft.treatment_var or draft.group_var) is not None,
    )
    if design == draft.design:
        return msgspec.structs.replace(draft, design_certainty=max(draft.design_certainty, _GOAL_CHOSEN))
    return msgspec.structs.replace(_in_design(draft, design, edits), design_certainty=_GOAL_CHOSEN)


def _in_design(draft: Draft, design: str, edits: dict[str, Any]) -> Draft:
    """The draft in another design: parts it lacks are taken over from those it has, except what a person decided."""
    changes: dict[str, Any] = {}
    measured = [name for name in (draft.outcome_var, draft.treatment_var, *draft.controls) if name]
    if design in {"descriptive", "correlation"}:
        changes["variables"] = draft.variables or list(dict.fromkeys(measured))
    elif design == "test":
        changes["group_var"] = draft.group_var or draft.treatment_var
        changes["outcome_var"] = draft.outcome_var or next(iter(draft.variables), None)
    elif "treatment_var" in needed_fields(design):
        outcome = draft.outcome_var or next(iter(draft.variables), None)
        rest = [name for name in (draft.group_var, *draft.variables) if name and name != outcome]
        changes["outcome_var"] = outcome
        changes["treatment_var"] = draft.treatment_var or next(iter(rest), None)
    undecided = {field: value for field, value in changes.items() if field not in edits}
    return msgspec.structs.replace(draft, design=design, **undecided)


def _hints(read: Understanding) -> list[str]:
    words = [f"design {read.design}: “{read.design_words}”"] if read.design_words else []
    return [*words, *read.hints]


def _unclear_candidates(read: Understanding) -> list[dict[str, Any]]:
    return [
        {"field": field, "words": words, "candidates": list(columns)}
        for field, (words, columns) in read.unclear.items()
    ]


def _normalizations(inputs: InputSet) -> list[NameNormalization]:
    return [
        NameNormalization(dataset.dataset_key, dataset.role, column.original_name, column.stata_name)
        for dataset in inputs.datasets
        for column in dataset.profile.columns
        if column.original_name != column.stata_name
    ]


def _risk(draft: Draft) -> float:
    """0 (plain) to 1: open questions weigh most, then doubts about the data, then an unsure template."""
    blocking = sum(unknown.blocking for unknown in draft.open_unknowns)
    errors = sum(warning.severity == "error" for warning in draft.data_quality_warnings)
    doubts = sum(warning.severity == "warning" for warning in draft.data_quality_warnings)
    confidence = draft.selected_template.confidence if draft.selected_template else 0.0
    score = 0.25 * blocking + 0.2 * errors + 0.05 * doubts + 0.3 * (1.0 - confidence)
    return round(min(1.0, score), 3)


def normalized_requirement(requirement: str) -> str:
    """White space does not make another requirement."""
    return re.sub(r"\s+", " ", requirement).strip()
