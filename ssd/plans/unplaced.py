"""What a draft holds for which a template has no parameter: nothing of it may be left out in silence."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from ssd.drafts.methods import method_of
from ssd.drafts.models import Draft, Unplaced
from ssd.templates.models import Template

_FIELDS: Final = (
    "treatment_var", "group_var", "fixed_effects", "instruments", "controls", "cluster_var", "weights_var", "post_var",
    "running_var", "duration_var", "event_var", "cohort_var", "exposure_var",
)  # fmt: skip
_LISTS_OF_VARIABLES: Final = frozenset({"descriptive", "correlation", "timeseries"})


def unplaced(template: Template, draft: Draft, params: dict[str, Any]) -> list[Unplaced]:
    """By field of the draft, what is not among the values of `params`."""
    return list(_unplaced(template, draft, params))


def makes_method(template: Template, method_id: str | None) -> bool:
    """Whether a template makes a method; a method without words of its own is that of its whole design."""
    method = method_of(method_id)
    if method is None or not method.templates:
        return True
    words = " ".join((template.id, template.title.en, template.title.zh, *template.tags)).lower()
    return any(word in words for word in method.templates)


def usable_overrides(overrides: dict[str, Any], said: dict[str, Any], template: Template) -> dict[str, Any]:
    """Without what the planner proposed and the template cannot take; what a person `said` stays, to be refused."""
    known = {parameter.name for parameter in template.parameters}
    return {name: value for name, value in overrides.items() if name in known or name in said}


def _unplaced(template: Template, draft: Draft, params: dict[str, Any]) -> Iterator[Unplaced]:
    roles = {parameter.role for parameter in template.parameters}
    values = [item for value in params.values() for item in (value if isinstance(value, list) else [value])]
    bound = {value for value in values if isinstance(value, str)}
    if draft.time_var and "time" in roles and params.get("time_effects") is not False:
        bound.add(draft.time_var)
    fields = (*_FIELDS, *(["variables"] if draft.design in _LISTS_OF_VARIABLES else []))
    for field in fields:
        value = getattr(draft, field)
        names = value if isinstance(value, list) else [value] if value else []
        left = [name for name in names if name not in bound]
        if left:
            yield Unplaced(field, left)
    if draft.interaction_terms and "interactions" not in roles:
        yield Unplaced("interaction_terms", list(draft.interaction_terms))
    for field in ("cutoff", "lags"):
        if getattr(draft, field) is not None and field not in roles:
            yield Unplaced(field, [f"{getattr(draft, field):g}"])
    if draft.method and template.design == draft.design and not makes_method(template, draft.method):
        yield Unplaced("method", [draft.method])
    known = {parameter.name for parameter in template.parameters}
    for name in draft.default_overrides:
        if name not in known:
            yield Unplaced(name, [name])
