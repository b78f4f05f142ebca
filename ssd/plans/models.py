"""plan.json: the execution contract (architecture.md, "plan.json")."""

from __future__ import annotations

from typing import Any, Literal

import msgspec

from ssd.templates.models import Dependency


class ParamsContract(msgspec.Struct, frozen=True):
    required: list[str]
    optional: list[str]
    bound_values: dict[str, Any]
    missing_required: list[str]


class DeclaredOutput(msgspec.Struct, frozen=True):
    file: str
    type: str
    description: str
    required: bool
    title: str = ""


class OutputsContract(msgspec.Struct, frozen=True):
    declared: list[DeclaredOutput]
    archive_dir_rel_path: str
    filename_constraints: str


class TemplateContract(msgspec.Struct, frozen=True):
    template_id: str
    meta_contract_version: int
    meta_template_version: str
    params_contract: ParamsContract
    dependencies: list[Dependency]
    outputs_contract: OutputsContract


class StepParams(msgspec.Struct, frozen=True):
    template_id: str
    template_params: dict[str, Any]
    template_contract: TemplateContract
    input_bindings: dict[str, str]
    """`{"primary_dataset": "input:<dataset_key>"}`"""
    analysis_spec: dict[str, Any]


StepType = Literal[
    "data_validation", "descriptive_stats", "main_regression", "robustness_check",
    "heterogeneity_analysis", "mechanism_analysis", "generate_stata_do", "run_stata",
]  # fmt: skip


class PlanStep(msgspec.Struct, frozen=True):
    step_id: str
    type: StepType
    purpose: str
    template_id: str
    template_version: str
    template_sha256: str
    depends_on: list[str]
    produces: list[str]
    timeout_seconds: float
    params: StepParams


class Candidate(msgspec.Struct, frozen=True):
    template_id: str
    score: float
    reason: str


class Selection(msgspec.Struct, frozen=True):
    template_id: str
    reason: str
    confidence: float
    requires_user_confirmation: bool
    candidates: list[Candidate]
    evidence: list[str]
    """rel_paths of the evidence files."""


class Skipped(msgspec.Struct, frozen=True):
    what: str
    reason: str


class PlanInput(msgspec.Struct, frozen=True):
    """The data a plan was made for."""

    dataset_key: str
    role: str
    original_name: str
    sha256: str
    selected_sheet: str | None


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    plan_version: int = 1
    plan_id: str
    revision: int
    rel_path: str = "artifacts/plan.json"
    plan_source: Literal["llm", "rule", "rule_fallback"]
    fallback_reason: str | None = None
    job_id: str
    created_at: str
    inputs_fingerprint: str
    requirement_fingerprint: str
    engine_requirements: dict[str, Any]
    selection: Selection
    steps: list[PlanStep]
    skipped: list[Skipped]
    outputs_contract: OutputsContract
    do_sha256: str
    """SHA-256 of the do-files of all steps, as `GET …/plan/do-file` shows them."""
    confirmation: dict[str, Any] = {}
    """What a person said when the plan was frozen: goal, answers, corrections, overrides, template."""
    draft_fingerprint: str = ""
    """Of the draft (proposal and edits) the plan was made from; another one makes the plan stale."""
    inputs: list[PlanInput] = []
    notes: str | None = None


class StepProposal(msgspec.Struct, frozen=True, kw_only=True):
    """Which steps of the standard pipeline the model chose, or why the rules decide."""

    basis: str
    """Of what it was given for; see `advice.steps_basis`."""
    steps: dict[str, str] = {}
    """Reason by step_id."""
    fallback_reason: str | None = None


class FreezeRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a person says when the plan is frozen or confirmed; an empty one takes the draft as it stands."""

    notes: str | None = None
    answers: dict[str, Any] = {}
    variable_corrections: dict[str, str] = {}
    default_overrides: dict[str, Any] = {}
    template_id: str | None = None


class PlanView(msgspec.Struct, frozen=True):
    """The answer of freeze and of `GET …/plan`."""

    job_id: str
    plan: Plan


class MissingField(msgspec.Struct, frozen=True):
    field: str
    description: str
    candidates: list[str]


class MissingParam(msgspec.Struct, frozen=True):
    param: str
    description: str
    candidates: list[str]


class NextAction(msgspec.Struct, frozen=True):
    """What a client can do about a refusal."""

    action: str
    type: str
    label: str
    method: str
    path: str
    fields: list[str]
    payload_schema: dict[str, Any]
