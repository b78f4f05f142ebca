"""What a person says when a plan is frozen, turned into decisions about the draft."""

from __future__ import annotations

from typing import Any, Final

import msgspec

from ssd.drafts.edits import COLUMNS, EDITABLE_FIELDS, ONE_COLUMN, checked_edits, column_not_found, resolve_column
from ssd.drafts.goals import GOAL_QUESTION
from ssd.drafts.models import Draft
from ssd.errors import FieldError, SsdError
from ssd.inputs.models import DatasetProfile
from ssd.plans.models import FreezeRequest
from ssd.templates.library import Library

_PREFIXES: Final = ("stage1_questions.", "open_unknowns.")


class Confirmation(msgspec.Struct, frozen=True):
    """Decisions on top of the draft's own edits."""

    edits: dict[str, Any]
    template_id: str | None
    overrides: dict[str, Any]
    said: dict[str, Any]
    """The request in a fixed order, as plan.json and the plan's id keep it."""


def read_confirmation(request: FreezeRequest, draft: Draft, profile: DatasetProfile, library: Library) -> Confirmation:
    """Check answers and corrections.

    Raises INPUT_VALIDATION_FAILED (unknown answers, all of them), CONTRACT_COLUMN_NOT_FOUND, TEMPLATE_NOT_FOUND.
    """
    if request.template_id is not None:
        library.get(request.template_id)
    updates = _answers(request.answers)
    corrected = _corrections(request.variable_corrections, draft, profile)
    edits = checked_edits({**updates, **corrected}, profile, (template.id for template in library.templates))
    overrides = request.default_overrides
    said = {
        "answers": dict(sorted(request.answers.items())),
        "variable_corrections": dict(sorted(request.variable_corrections.items())),
        "default_overrides": dict(sorted(overrides.items())),
        "template_id": request.template_id,
    }
    return Confirmation(edits, request.template_id or edits.get("selected_template_id"), overrides, said)


def is_blank(request: FreezeRequest) -> bool:
    """Nothing is said, so the plan or draft is taken as it stands."""
    return not (
        request.answers
        or request.variable_corrections
        or request.default_overrides
        or request.template_id
        or request.notes
    )


def _answers(answers: dict[str, Any]) -> dict[str, Any]:
    """Answers by draft field; `stage1_questions.` and `open_unknowns.` may stand in front of the name."""
    updates: dict[str, Any] = {}
    faults = []
    for key, value in answers.items():
        field = key
        for prefix in _PREFIXES:
            field = field.removeprefix(prefix)
        if field not in EDITABLE_FIELDS or field == "default_overrides":
            hint = ", ".join((GOAL_QUESTION, *ONE_COLUMN, *COLUMNS))
            faults.append(FieldError(f"answers.{key}"[:120], "there is no such question", hint))
            continue
        updates[field] = [value] if field in COLUMNS and isinstance(value, str) else value
    if faults:
        raise SsdError("INPUT_VALIDATION_FAILED", "Some answers belong to no question.", errors=tuple(faults))
    return updates


def _corrections(corrections: dict[str, str], draft: Draft, profile: DatasetProfile) -> dict[str, Any]:
    """Corrections by draft field. A key is a field of the draft, or a variable to be replaced wherever it is used."""
    missing = [
        (f"variable_corrections.{key}"[:120], value)
        for key, value in corrections.items()
        if resolve_column(value, profile) is None
    ]
    updates: dict[str, Any] = {}
    for key, value in corrections.items():
        if key in ONE_COLUMN:
            updates[key] = value
        elif key in COLUMNS:
            updates[key] = [value]
        else:
            old = resolve_column(key, profile) or key
            replaced = _replaced(draft, old, value)
            if not replaced:
                missing.append((f"variable_corrections.{key}"[:120], key))
            updates |= replaced
    if missing:
        raise column_not_found(missing, profile)
    return updates


def _replaced(draft: Draft, old: str, new: str) -> dict[str, Any]:
    changes: dict[str, Any] = {field: new for field in ONE_COLUMN if getattr(draft, field) == old}
    for field in COLUMNS:
        names = getattr(draft, field)
        if old in names:
            changes[field] = list(dict.fromkeys(new if name == old else name for name in names))
    return changes
