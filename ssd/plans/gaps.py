"""What still stands between a draft and a plan: every gap named, with candidates and what can be done about it."""

from __future__ import annotations

from typing import Any, Final

import msgspec

from ssd.drafts.edits import column_not_found
from ssd.drafts.goals import GOAL_QUESTION, GOALS
from ssd.drafts.models import Draft
from ssd.errors import FieldError, SsdError
from ssd.inputs.models import DatasetProfile
from ssd.plans.binding import ROLE_FIELDS, VARIABLE_KINDS, Binding
from ssd.plans.models import MissingField, MissingParam, NextAction
from ssd.templates.models import BindingProblem, Template

_MISSING: Final = frozenset({"missing", "too_few"})


def answered_goal(draft: Draft) -> str | None:
    """The goal a person chose, else the one the requirement states."""
    if draft.analysis_goal is not None:
        return draft.analysis_goal
    return next((q.suggested for q in draft.stage1_questions if q.question_id == GOAL_QUESTION), None)


def refuse_unknown_parameters(template: Template, overrides: dict[str, Any]) -> None:
    known = {parameter.name for parameter in template.parameters}
    unknown = [name for name in overrides if name not in known]
    if unknown:
        errors = tuple(
            FieldError(
                f"default_overrides.{name}"[:120],
                f"{template.id} has no such parameter",
                ", ".join(sorted(known)),
            )
            for name in unknown
        )
        raise SsdError("INPUT_VALIDATION_FAILED", "Some parameters do not exist.", errors=errors)


def refuse_incomplete(job_id: str, draft: Draft, template: Template, binding: Binding, profile: DatasetProfile) -> None:
    """Raises CONTRACT_COLUMN_NOT_FOUND or PLAN_FREEZE_MISSING_REQUIRED."""
    gone = [
        (f"default_overrides.{problem.param}", str(name))
        for problem in binding.problems
        if problem.code == "not_found"
        for name in _missing_names(binding.params.get(problem.param), profile)
    ]
    if gone:
        raise column_not_found(list(dict.fromkeys(gone)), profile)
    fields = _missing_fields(draft, template)
    params = _missing_params(template, binding.problems)
    if not fields and not params:
        return
    names = [*(item.field for item in fields), *(item.param for item in params)]
    raise SsdError(
        "PLAN_FREEZE_MISSING_REQUIRED",
        f"The plan cannot be frozen: {', '.join(names)}.",
        errors=(
            *(FieldError(item.field, item.description, ", ".join(item.candidates) or None) for item in fields),
            *(FieldError(item.param, item.description, ", ".join(item.candidates) or None) for item in params),
        ),
        template_id=template.id,
        missing_fields=[item.field for item in fields],
        missing_fields_detail=msgspec.to_builtins(fields),
        missing_params=[item.param for item in params],
        missing_params_detail=msgspec.to_builtins(params),
        next_actions=msgspec.to_builtins(_next_actions(job_id, fields, params)),
    )


def _missing_names(value: Any, profile: DatasetProfile) -> list[str]:
    """Names in the value of a parameter, or in its filters, that the data do not have."""
    items = value if isinstance(value, list) else [value]
    names = [item.get("var") if isinstance(item, dict) else item for item in items]
    return [name for name in names if isinstance(name, str) and profile.column(name) is None]


def _missing_fields(draft: Draft, template: Template) -> list[MissingField]:
    missing = []
    if answered_goal(draft) is None:
        question = next(q for q in draft.stage1_questions if q.question_id == GOAL_QUESTION)
        missing.append(MissingField(f"stage1_questions.{GOAL_QUESTION}", question.question_text, list(GOALS)))
    roles = {parameter.role for parameter in template.parameters}
    fields = {ROLE_FIELDS[role] for role in roles if role in ROLE_FIELDS}
    missing.extend(
        MissingField(f"open_unknowns.{unknown.field}", unknown.description, unknown.candidates)
        for unknown in draft.open_unknowns
        if unknown.blocking and (unknown.field in fields or unknown.field == "group_var")
    )
    return missing


def _missing_params(template: Template, problems: list[BindingProblem]) -> list[MissingParam]:
    kinds = {parameter.name: parameter.kind for parameter in template.parameters}
    return [
        MissingParam(
            problem.param,
            problem.message,
            problem.candidates
            if problem.code in _MISSING or kinds.get(problem.param) in VARIABLE_KINDS
            else problem.candidates[:8],
        )
        for problem in problems
    ]


def _next_actions(job_id: str, fields: list[MissingField], params: list[MissingParam]) -> list[NextAction]:
    """What a client may send next, with a schema of the payload."""
    actions = []
    root = f"/v1/jobs/{job_id}"
    if fields:
        names = [item.field for item in fields]
        answers = {
            "type": "object",
            "properties": {item.field: _schema(item.candidates) for item in fields},
            "required": names,
        }
        actions.append(
            NextAction(
                "answer_questions", "http", "Answer the open questions and freeze again", "POST", f"{root}/plan/freeze",
                names, {"type": "object", "properties": {"answers": answers}, "required": ["answers"]},
            )
        )  # fmt: skip
        updates = [name.split(".", 1)[1] for name in names]
        by_field = {name: _schema(item.candidates) for name, item in zip(updates, fields, strict=True)}
        patch = {
            "type": "object",
            "properties": {"field_updates": {"type": "object", "properties": by_field}},
        }
        actions.append(
            NextAction("patch_draft", "http", "Correct the draft", "POST", f"{root}/draft/patch", updates, patch)
        )
    if params:
        names = [item.param for item in params]
        overrides = {
            "type": "object",
            "properties": {item.param: _schema(item.candidates) for item in params},
        }
        actions.append(
            NextAction(
                "set_parameters", "http", "Set the parameters and freeze again", "POST", f"{root}/plan/freeze", names,
                {"type": "object", "properties": {"default_overrides": overrides}, "required": ["default_overrides"]},
            )
        )  # fmt: skip
    return actions


def _schema(candidates: list[str]) -> dict[str, Any]:
    return {"description": "one of the candidates, or another column", "examples": candidates[:8]}
