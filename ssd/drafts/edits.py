"""What people decide about a draft: checking it, and laying it over what the planner proposed."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

import msgspec

from ssd.drafts.design import DESIGNS
from ssd.drafts.goals import GOAL_QUESTION, GOALS
from ssd.drafts.methods import METHODS, method_of
from ssd.drafts.models import Draft
from ssd.drafts.nearness import similar_names
from ssd.errors import FieldError, SsdError
from ssd.inputs.models import DatasetProfile

ONE_COLUMN: Final = (
    "outcome_var", "treatment_var", "time_var", "entity_var", "cluster_var", "instrument_var", "weights_var",
    "group_var", "post_var", "running_var", "duration_var", "event_var", "cohort_var", "exposure_var",
)  # fmt: skip
COLUMNS: Final = ("controls", "fixed_effects", "instruments", "variables")
_MOST_ITEMS: Final = 500
_MOST_LAGS: Final = 99
EDITABLE_FIELDS: Final = (
    *ONE_COLUMN, *COLUMNS, "interaction_terms", "selected_template_id", "design", "default_overrides",
    "analysis_hints", "analysis_goal", "method", "cutoff", "lags",
)  # fmt: skip


def checked_edits(updates: dict[str, Any], profile: DatasetProfile, template_ids: Iterable[str]) -> dict[str, Any]:
    """The updates with Stata names in place of headers.

    Raises INPUT_VALIDATION_FAILED naming every unknown field and every value of a wrong kind, then
    CONTRACT_COLUMN_NOT_FOUND naming every column that is not in the data, with near matches.
    """
    known_templates = set(template_ids)
    faults: list[FieldError] = []
    missing: list[tuple[str, str]] = []
    accepted: dict[str, Any] = {}
    for field, value in updates.items():
        if field not in EDITABLE_FIELDS:
            faults.append(FieldError(f"field_updates.{field}"[:120], "unknown field", ", ".join(EDITABLE_FIELDS)))
            continue
        fault = _wrong_kind(field, value, known_templates)
        if fault:
            faults.append(FieldError(f"field_updates.{field}", *fault))
            continue
        accepted[field] = _with_stata_names(field, value, profile, missing)
    if faults:
        raise SsdError("INPUT_VALIDATION_FAILED", "Some fields cannot be updated.", errors=tuple(faults))
    if missing:
        raise column_not_found(missing, profile)
    return accepted


def column_not_found(missing: list[tuple[str, str]], profile: DatasetProfile) -> SsdError:
    """CONTRACT_COLUMN_NOT_FOUND for (field, name) pairs, with the near matches of each name."""
    near = {name: similar_names(name, profile.columns) for _, name in missing}
    errors = tuple(
        FieldError(field, f"the data have no variable {name[:64]!r}", ", ".join(near[name]) or None)
        for field, name in missing
    )
    names = list(dict.fromkeys(name for _, name in missing))
    return SsdError(
        "CONTRACT_COLUMN_NOT_FOUND",
        f"Not in the data: {', '.join(name[:64] for name in names)}.",
        errors=errors,
        missing_columns=names,
        near_matches=near,
        available_columns=[column.stata_name for column in profile.columns][:200],
    )


def resolve_column(name: str, profile: DatasetProfile) -> str | None:
    """The Stata name of a column given by Stata name, original header, or either in other letter case if unique."""
    exact = next((c.stata_name for c in profile.columns if c.stata_name == name), None)
    if exact is None and (column := profile.column(name)) is not None:
        exact = column.stata_name
    if exact is not None:
        return exact
    wanted = name.strip().lower()
    loose = {c.stata_name for c in profile.columns if wanted in (c.stata_name.lower(), c.original_name.strip().lower())}
    return loose.pop() if len(loose) == 1 else None


def lay_over(body: Draft, edits: dict[str, Any], profile: DatasetProfile) -> tuple[Draft, dict[str, list[str]]]:
    """The proposal with the edits on top, and per field the edited names the data do not have.

    An edit that no longer fits is kept in the store and asked about; it is never applied half.
    """
    changes: dict[str, Any] = {}
    lost: dict[str, list[str]] = {}
    for field, value in edits.items():
        if field == "selected_template_id":
            continue
        names = _names_of(field, value)
        gone = [name for name in names if resolve_column(name, profile) is None]
        if gone:
            lost["instruments" if field == "instrument_var" else field] = gone
            changes[field] = None if field in ONE_COLUMN else [name for name in value if name not in gone]
            continue
        changes[field] = {**body.default_overrides, **value} if field == "default_overrides" else value
    if "instrument_var" in changes and "instruments" not in changes:
        changes["instruments"] = [changes["instrument_var"]] if changes["instrument_var"] else []
    if "instruments" in changes:
        changes["instrument_var"] = changes["instruments"][0] if changes["instruments"] else None
    edited = msgspec.structs.replace(body, **changes)
    return _without_conflicts(edited, edits), lost


def _without_conflicts(draft: Draft, edits: dict[str, Any]) -> Draft:
    """A column a person gave one part loses the part the planner had given it."""
    decided = {name for field in (*ONE_COLUMN, *COLUMNS) if field in edits for name in _names_of(field, edits[field])}
    main = (
        "outcome_var",
        "treatment_var",
        "controls",
        "instruments",
        "weights_var",
        "group_var",
        "post_var",
        "running_var",
        "duration_var",
        "event_var",
        "cohort_var",
        "exposure_var",
    )
    changes: dict[str, Any] = {}
    for field in main:
        if field in edits or (field == "instruments" and "instrument_var" in edits):
            continue
        value = getattr(draft, field)
        if isinstance(value, str) and value in decided:
            changes[field] = None
        elif isinstance(value, list) and decided.intersection(value):
            changes[field] = [name for name in value if name not in decided]
    if changes.get("instruments") == []:
        changes["instrument_var"] = None
    return msgspec.structs.replace(draft, **changes)


def _names_of(field: str, value: Any) -> list[str]:
    if field in ONE_COLUMN:
        return [value] if value else []
    if field in COLUMNS:
        return list(value)
    if field == "interaction_terms":
        return [name for term in value for name in term.split("#")]
    return []


def _wrong_kind(field: str, value: Any, template_ids: set[str]) -> tuple[str, str | None] | None:
    """(message, hint) when the value cannot be one of this field."""
    if field in ONE_COLUMN:
        return (
            None if value is None or (isinstance(value, str) and value) else ("is the name of a column, or null", None)
        )
    if field in (*COLUMNS, "interaction_terms", "analysis_hints"):
        if not isinstance(value, list) or len(value) > _MOST_ITEMS or not all(isinstance(v, str) and v for v in value):
            return "is a list of texts", None
        if field == "interaction_terms" and not all(term.count("#") == 1 for term in value):
            return "terms are two columns joined by #", "educ#female"
        return None
    if field == "method":
        known = value is None or (isinstance(value, str) and method_of(value) is not None)
        return None if known else ("is not a method", ", ".join(method.id for method in METHODS))
    if field == "cutoff":
        number = value is None or (isinstance(value, int | float) and not isinstance(value, bool))
        return None if number else ("is a number, or null", None)
    if field == "lags":
        count = value is None or (isinstance(value, int) and not isinstance(value, bool) and 0 < value <= _MOST_LAGS)
        return None if count else (f"is a whole number from 1 to {_MOST_LAGS}, or null", None)
    if field == "design":
        return None if value in DESIGNS else ("is not a design", ", ".join(DESIGNS))
    if field == "analysis_goal":
        return None if value in GOALS else (f"is not an answer of {GOAL_QUESTION}", ", ".join(GOALS))
    if field == "selected_template_id":
        return None if value is None or value in template_ids else ("is not a template", "see /v1/templates")
    return None if isinstance(value, dict) else ("is an object of parameter values", None)


def _with_stata_names(field: str, value: Any, profile: DatasetProfile, missing: list[tuple[str, str]]) -> Any:
    def stata_name(name: str) -> str:
        found = resolve_column(name, profile)
        if found is None:
            missing.append((f"field_updates.{field}", name))
        return found or name

    if value is None or field not in (*ONE_COLUMN, *COLUMNS, "interaction_terms"):
        return value
    if field in ONE_COLUMN:
        return stata_name(value)
    if field in COLUMNS:
        return list(dict.fromkeys(stata_name(name) for name in value))
    return ["#".join(stata_name(part.strip()) for part in term.split("#")) for term in value]
