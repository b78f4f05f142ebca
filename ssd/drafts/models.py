"""The draft: what the service understood of the requirement, open to correction by people."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec


class DataSource(msgspec.Struct, frozen=True):
    dataset_key: str
    role: str
    original_name: str
    format: str


class NameNormalization(msgspec.Struct, frozen=True):
    dataset_key: str
    role: str
    original_name: str
    normalized_name: str


class RequiredVariable(msgspec.Struct, frozen=True):
    field: str
    description: str
    candidates: list[str]


class QualityWarning(msgspec.Struct, frozen=True):
    type: str
    severity: Literal["info", "warning", "error"]
    message: str
    suggestion: str


class Option(msgspec.Struct, frozen=True):
    option_id: str
    label: str
    value: str


class Question(msgspec.Struct, frozen=True):
    question_id: str
    question_text: str
    question_type: Literal["single_choice", "multi_choice", "text"]
    options: list[Option]
    priority: int
    suggested: str | None = None
    """The answer the requirement already gives; the freeze uses it unless the user answers otherwise."""


class Unknown(msgspec.Struct, frozen=True):
    """An open question; a blocking one must be answered before the plan can be frozen."""

    field: str
    description: str
    impact: str
    blocking: bool
    candidates: list[str]


class VariableType(msgspec.Struct, frozen=True):
    name: str
    inferred_type: str


class Alternative(msgspec.Struct, frozen=True):
    template_id: str
    title: str
    reason: str
    score: float


class Unplaced(msgspec.Struct, frozen=True):
    """Something the draft holds for which the template has no parameter."""

    field: str
    names: list[str]


class SelectedTemplate(msgspec.Struct, frozen=True):
    template_id: str
    title: str
    reason: str
    confidence: float
    alternatives: list[Alternative] = []
    serves_design: bool = True
    """Whether the template is made for the design asked for; else it is the nearest the library has."""
    unplaced: list[Unplaced] = []
    """What the draft understood that this template cannot use."""


class AdvisedFamily(msgspec.Struct, frozen=True):
    family_id: str
    reason: str
    confidence: float


class AdvisedTemplate(msgspec.Struct, frozen=True):
    template_id: str
    reason: str


class TemplateAdvice(msgspec.Struct, frozen=True, kw_only=True):
    """Which template the model chose for a draft, or why the ranking of the rules decides."""

    basis: str
    """Of the draft and requirement it was given for; see `advice.advice_basis`."""
    families: list[AdvisedFamily] = []
    """Stage 1; empty where the families are those of the rules."""
    template_id: str | None = None
    """Stage 2; None where the ranked first is taken."""
    reason: str = ""
    confidence: float = 0.0
    supplementary: list[AdvisedTemplate] = []
    """Templates that would add to the answer, in order."""
    fallback_reason: str | None = None
    """Why a stage was decided by the rules."""


class Draft(msgspec.Struct, frozen=True, kw_only=True):
    """Draft schema v2 of http-api.md. Variables are Stata names of the primary dataset."""

    draft_id: str
    draft_text: str
    """What the service understood, in words the researcher can check."""
    decision: Literal["ready", "needs_input"]
    risk_score: float
    outcome_var: str | None = None
    treatment_var: str | None = None
    controls: list[str] = []
    time_var: str | None = None
    entity_var: str | None = None
    cluster_var: str | None = None
    fixed_effects: list[str] = []
    interaction_terms: list[str] = []
    instrument_var: str | None = None
    instruments: list[str] = []
    weights_var: str | None = None
    group_var: str | None = None
    post_var: str | None = None
    """The 0/1 period variable of a 2×2 difference-in-differences."""
    running_var: str | None = None
    """The variable whose crossing of `cutoff` assigns the treatment of a regression discontinuity."""
    cutoff: float | None = None
    duration_var: str | None = None
    event_var: str | None = None
    """The 0/1 variable that tells whether the duration ended with the event or was censored."""
    cohort_var: str | None = None
    """When a unit was first treated (event study, staggered adoption)."""
    exposure_var: str | None = None
    lags: int | None = None
    variables: list[str] = []
    """Variables of a description or correlation that has no outcome."""
    design: str = "descriptive"
    method: str | None = None
    """The method within the design, when the requirement names one (methods.py)."""
    design_certainty: float = 1.0
    """0 to 1: how plainly the design was asked for; 1 when a person or the name of a method decided it."""
    analysis_goal: str | None = None
    analysis_hints: list[str] = []
    column_candidates: list[str] = []
    column_candidates_v2: list[dict[str, Any]] = []
    column_name_normalizations: list[NameNormalization] = []
    required_variables: list[RequiredVariable] = []
    data_quality_warnings: list[QualityWarning] = []
    stage1_questions: list[Question] = []
    open_unknowns: list[Unknown] = []
    variable_types: list[VariableType] = []
    data_sources: list[DataSource] = []
    default_overrides: dict[str, Any] = {}
    selected_template: SelectedTemplate | None = None
    draft_source: Literal["llm", "rule"] = "rule"
    fallback_reason: str | None = None
    """Why the rule planner read the requirement although a model is configured."""
    template_advice: TemplateAdvice | None = None
    language: Literal["en", "zh"] = "en"
    warnings: list[str] = []


class DraftPreview(Draft, frozen=True, kw_only=True):
    """The draft as the wire shows it."""

    job_id: str
    status: Literal["ready"] = "ready"


class PendingInputs(msgspec.Struct, frozen=True):
    """There is nothing to draft yet."""

    status: Literal["pending"] = "pending"
    message: Literal["pending_inputs_upload"] = "pending_inputs_upload"
    retry_after_seconds: int = 5


class DraftRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    requirement: Annotated[str, msgspec.Meta(max_length=20_000)] | None = None
    """A new requirement; absent or null keeps the one the job has."""


class PatchRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    field_updates: dict[str, Any]


class Patched(msgspec.Struct, frozen=True):
    """The answer to a patch."""

    patched_fields: list[str]
    remaining_unknowns_count: int
    open_unknowns: list[Unknown]
    draft_preview: DraftPreview
    status: Literal["patched"] = "patched"


class StoredDraft(msgspec.Struct, frozen=True):
    """A row of the drafts table."""

    job_id: str
    draft_id: str
    requirement_fingerprint: str
    inputs_fingerprint: str
    body: Draft
    edits: dict[str, Any]
    created_at: str
    updated_at: str
