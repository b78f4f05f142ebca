"""From the roles of a draft to the parameters of a template."""

from __future__ import annotations

from typing import Any, Final

import msgspec

from ssd.drafts.models import Draft, Unplaced
from ssd.drafts.quality import used_columns
from ssd.inputs.models import DatasetProfile
from ssd.plans.unplaced import unplaced
from ssd.templates.library import Library
from ssd.templates.models import BindingProblem, Parameter, Template

_NUMERIC: Final = frozenset({"integer", "number", "boolean"})
VARIABLE_KINDS: Final = frozenset({"var", "varlist"})
ROLE_FIELDS: Final = {
    "outcome": "outcome_var", "treatment": "treatment_var", "covariates": "controls", "entity": "entity_var",
    "time": "time_var", "cluster": "cluster_var", "instruments": "instruments", "group": "group_var",
    "post": "post_var", "weights": "weights_var", "fixed_effects": "fixed_effects", "variables": "variables",
    "running_variable": "running_var", "duration": "duration_var", "event": "event_var", "cohort": "cohort_var",
    "exposure": "exposure_var", "cutoff": "cutoff", "lags": "lags",
}  # fmt: skip
"""Which field of the draft answers a role; the fields are the words of questions and errors."""


class Binding(msgspec.Struct, frozen=True):
    """Values for the parameters of a template, and what is wrong with them."""

    params: dict[str, Any]
    problems: list[BindingProblem]
    unplaced: list[Unplaced]
    """What the draft holds for which the template has no parameter."""

    @property
    def unused(self) -> list[str]:
        """The fields of the variables and settings that have no place."""
        return [item.field for item in self.unplaced if item.field != "method"]


def bind(
    library: Library,
    template: Template,
    draft: Draft,
    profile: DatasetProfile,
    overrides: dict[str, Any] | None = None,
    preset: dict[str, Any] | None = None,
) -> Binding:
    """Parameters by role, with `overrides` of a person on top and the `preset` of a robustness entry above all."""
    params: dict[str, Any] = {}
    for parameter in template.parameters:
        value = _value(parameter, template, draft, profile)
        if value not in (None, []):
            params[parameter.name] = value
    params |= overrides or {}
    params |= preset or {}
    params = _without_clashes(template, params, set(overrides or {}) | set(preset or {}))
    problems = library.check_binding(template, params, profile)
    return Binding(params, problems, unplaced(template, draft, params))


def _value(parameter: Parameter, template: Template, draft: Draft, profile: DatasetProfile) -> Any:
    roles = {p.role for p in template.parameters}
    match parameter.role:
        case "treatment":
            return _treatment(draft, takes_group="group" in roles)
        case "covariates":
            return _covariates(draft, template)
        case "group":
            return draft.group_var or (draft.treatment_var if draft.design == "test" else None)
        case "variables":
            return _variables(parameter, draft, profile, grouped="group" in roles)
        case "fixed_effects":
            return [name for name in draft.fixed_effects if "entity" not in roles or name != draft.entity_var]
        case "entity":
            return _entity(draft)
        case None:
            return _flag(parameter, draft)
        case role:
            field = ROLE_FIELDS.get(role)
            return getattr(draft, field) if field else None


def _treatment(draft: Draft, *, takes_group: bool) -> str | None:
    """A treated group is the treatment where no group is asked for; controls alone lend their first."""
    if draft.treatment_var:
        return draft.treatment_var
    if draft.group_var and not takes_group:
        return draft.group_var
    return next(iter(draft.controls), None) if draft.design != "did" else None


def _covariates(draft: Draft, template: Template) -> list[str]:
    """Controls without what has another part, and without units and periods that enter as fixed effects."""
    roles = {p.role for p in template.parameters}
    fixed = set(draft.fixed_effects) if "fixed_effects" in roles or "entity" in roles else set()
    if "entity" in roles:
        fixed |= {name for name in (draft.entity_var, draft.time_var) if name}
    treatment = _treatment(draft, takes_group="group" in roles)
    other = {
        draft.outcome_var,
        treatment,
        *draft.instruments,
        *fixed,
        draft.post_var if "post" in roles else None,
    }
    return [name for name in draft.controls if name not in other]


def _variables(parameter: Parameter, draft: Draft, profile: DatasetProfile, *, grouped: bool) -> list[str]:
    """The variables named, else those of the analysis; for a numeric parameter only numbers, never the group."""
    names = draft.variables or used_columns(msgspec.structs.replace(draft, group_var=None))
    if parameter.required and not names:
        names = (
            [column.stata_name for column in profile.columns] if draft.design in {"descriptive", "correlation"} else []
        )
    if draft.variables:
        return [name for name in names if not grouped or name != draft.group_var]
    columns = {column.stata_name: column for column in profile.columns}
    wants_numbers = parameter.requires.type == "numeric"
    fitting = [n for n in names if n in columns and (not wants_numbers or columns[n].inferred_type in _NUMERIC)]
    fitting = [n for n in fitting if not wants_numbers or columns[n].n_unique > 1]
    return [name for name in fitting if not grouped or name != draft.group_var]


def _entity(draft: Draft) -> str | None:
    """The unit; fixed effects named by a person tell it where the data do not."""
    return draft.entity_var or next((name for name in draft.fixed_effects if name != draft.time_var), None)


def _flag(parameter: Parameter, draft: Draft) -> bool | None:
    """Effects of time are left out when a person named fixed effects without the time."""
    if parameter.name == "time_effects" and draft.fixed_effects and draft.time_var not in draft.fixed_effects:
        return False
    return None


def _without_clashes(template: Template, params: dict[str, Any], decided: set[str]) -> dict[str, Any]:
    """A variable a person put into one parameter leaves the lists that may not share it."""
    result = dict(params)
    taken = {name for key in decided for name in _names(result.get(key))}
    for parameter in template.parameters:
        if parameter.kind == "varlist" and parameter.name not in decided and parameter.name in result:
            listed = result[parameter.name]
            result[parameter.name] = [name for name in listed if name not in taken or not _clashes(template, parameter)]
    return result


def _clashes(template: Template, parameter: Parameter) -> bool:
    return bool(parameter.excludes) or any(parameter.name in other.excludes for other in template.parameters)


def _names(value: Any) -> list[str]:
    if isinstance(value, str):
        return [value]
    return [item for item in value if isinstance(item, str)] if isinstance(value, list) else []
