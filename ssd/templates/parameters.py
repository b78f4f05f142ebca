"""Checking values against parameters: by kind first, then against the profile of the data."""

from __future__ import annotations

import math
from difflib import get_close_matches
from typing import Any, Literal

import msgspec

from ssd.inputs.models import ColumnProfile, DatasetProfile
from ssd.templates.filters import Filter, expression, values_of
from ssd.templates.models import BindingProblem, Parameter, Requires, Template
from ssd.templates.quoting import UnquotableError, is_quotable, is_variable_name

VARIABLE_KINDS = frozenset({"var", "varlist"})
MAX_LABEL_LENGTH = 240
MAX_ITEMS = 2000
MAX_CANDIDATES = 12

ProblemCode = Literal["missing", "not_found", "wrong_type", "too_few", "too_many", "excluded", "invalid"]

_EMPTY: dict[str, Any] = {"var": None, "varlist": [], "level_list": [], "filter_list": [], "string_label": None}


def is_text_column(column: ColumnProfile) -> bool:
    """Stored as text in the prepared data."""
    return column.storage_type.startswith("str")


def empty_value(parameter: Parameter) -> Any:
    """What an optional parameter holds when nobody sets it."""
    if parameter.default is not None:
        return parameter.default
    return False if parameter.kind == "flag" else _EMPTY[parameter.kind]


def is_unset(value: Any) -> bool:
    """Nothing was given. Note that 0 and False are values."""
    return value is None or value in ("", [])


def normalize(template: Template, params: dict[str, Any], profile: DatasetProfile | None = None) -> dict[str, Any]:
    """Every declared parameter with its value: defaults filled, a single name in a list made a list, integers as
    int, original headers replaced by Stata names (with a profile). Values of a wrong type stay as they are, for
    `check_binding` to name. Unknown parameters are kept out."""
    values: dict[str, Any] = {}
    for parameter in template.parameters:
        given = params.get(parameter.name)
        value = empty_value(parameter) if is_unset(given) and not parameter.required else given
        values[parameter.name] = _typed(parameter, value, profile)
    return values


def _typed(parameter: Parameter, value: Any, profile: DatasetProfile | None) -> Any:
    if parameter.kind == "var" and isinstance(value, list) and len(value) == 1 and isinstance(value[0], str):
        return _stata_name(value[0], profile)
    if parameter.kind == "var":
        return _stata_name(value, profile)
    if parameter.kind == "varlist":
        names = [value] if isinstance(value, str) and value else value
        return [_stata_name(name, profile) for name in names] if isinstance(names, list) else names
    if parameter.kind == "integer" and isinstance(value, float) and value.is_integer():
        return int(value)
    if parameter.kind == "level_list" and isinstance(value, str | int | float) and not isinstance(value, bool):
        return [value]
    if parameter.kind == "filter_list" and isinstance(value, dict):
        return [value]
    return value


def _stata_name(name: Any, profile: DatasetProfile | None) -> Any:
    if profile is None or not isinstance(name, str):
        return name
    by_stata_name = next((column for column in profile.columns if column.stata_name == name), None)
    column = by_stata_name or profile.column(name)
    return column.stata_name if column else name


def candidates(parameter: Parameter, profile: DatasetProfile) -> list[str]:
    """Variables of the data that could fill the parameter, best known first (order of the file)."""
    fitting = [column for column in profile.columns if requirement_problem(parameter.requires, column) is None]
    return [column.stata_name for column in fitting[:MAX_CANDIDATES]]


def check_binding(template: Template, params: dict[str, Any], profile: DatasetProfile | None) -> list[BindingProblem]:
    """Everything wrong with the values, in the order of the parameters; an empty list means they can be rendered."""
    declared = {parameter.name for parameter in template.parameters}
    problems = [
        BindingProblem(name, "invalid", f"{template.id} has no parameter {name}", sorted(declared))
        for name in params
        if name not in declared
    ]
    values = normalize(template, params, profile)
    for parameter in template.parameters:
        problems += _check_parameter(parameter, values[parameter.name], profile)
    problems += _check_exclusions(template, values)
    return problems


def _check_parameter(parameter: Parameter, value: Any, profile: DatasetProfile | None) -> list[BindingProblem]:
    if is_unset(value):
        if not parameter.required:
            return []
        options = candidates(parameter, profile) if profile and parameter.kind in VARIABLE_KINDS else parameter.choices
        return [_problem(parameter, "missing", f"{parameter.label.en} is needed", options)]
    if parameter.kind in VARIABLE_KINDS:
        return _check_variables(parameter, value, profile)
    if parameter.kind == "filter_list":
        return _check_filters(parameter, value, profile)
    message = _scalar_problem(parameter, value)
    return [_problem(parameter, "invalid", message, parameter.choices)] if message else []


def _problem(parameter: Parameter, code: ProblemCode, message: str, options: list[str] | None = None) -> BindingProblem:
    return BindingProblem(parameter.name, code, message, list(options or []))


def _check_variables(parameter: Parameter, value: Any, profile: DatasetProfile | None) -> list[BindingProblem]:
    names = [value] if parameter.kind == "var" else value
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        return [_problem(parameter, "invalid", f"{parameter.label.en} takes names of variables")]
    problems = _check_count(parameter, names)
    for name in names:
        if not is_variable_name(name):
            problems.append(_problem(parameter, "invalid", f"{name!r} is not a variable name"))
        elif profile is not None:
            problems += _check_column(parameter, name, profile)
    if len(set(names)) < len(names):
        problems.append(_problem(parameter, "excluded", f"{parameter.label.en} names a variable twice"))
    return problems


def _check_count(parameter: Parameter, items: list[Any]) -> list[BindingProblem]:
    if parameter.kind == "var":
        return []
    if parameter.min_items is not None and len(items) < parameter.min_items:
        return [_problem(parameter, "too_few", f"{parameter.label.en} needs at least {parameter.min_items}")]
    most = MAX_ITEMS if parameter.max_items is None else parameter.max_items
    if len(items) > most:
        return [_problem(parameter, "too_many", f"{parameter.label.en} takes at most {most}")]
    return []


def _check_column(parameter: Parameter, name: str, profile: DatasetProfile) -> list[BindingProblem]:
    column = next((column for column in profile.columns if column.stata_name == name), None)
    if column is None:
        near = get_close_matches(name, [item.stata_name for item in profile.columns], n=5, cutoff=0.5)
        message = f"the data have no variable {name}"
        return [_problem(parameter, "not_found", message, near or candidates(parameter, profile))]
    message_or_none = requirement_problem(parameter.requires, column)
    if message_or_none is None:
        return []
    return [_problem(parameter, "wrong_type", message_or_none, candidates(parameter, profile))]


def requirement_problem(requires: Requires, column: ColumnProfile) -> str | None:
    """Why the column cannot fill a parameter with these requirements, or None."""
    text = is_text_column(column)
    name, unique = column.stata_name, column.n_unique
    if requires.type in ("numeric", "integer") and text:
        return f"{name} holds text, not numbers"
    if requires.type == "string" and not text:
        return f"{name} holds numbers, not text"
    if requires.type == "integer" and column.inferred_type not in ("integer", "boolean"):
        return f"{name} is not a whole number"
    if requires.type == "date" and column.inferred_type != "datetime":
        return f"{name} is not a date"
    if requires.type == "binary" and unique != 2:
        return f"{name} has {unique} different values, not 2"
    if requires.type == "categorical" and not text and column.inferred_type == "number":
        return f"{name} is a measurement, not a category"
    if requires.min_unique is not None and unique < requires.min_unique:
        return f"{name} has {unique} different values; at least {requires.min_unique} are needed"
    if requires.max_unique is not None and unique > requires.max_unique:
        return f"{name} has {unique} different values; at most {requires.max_unique} can be used"
    if requires.max_categories is not None and text and unique > requires.max_categories:
        return f"{name} is text with {unique} different values; at most {requires.max_categories} can be used"
    return None


def _check_filters(parameter: Parameter, value: Any, profile: DatasetProfile | None) -> list[BindingProblem]:
    try:
        conditions = msgspec.convert(value, list[Filter])
        for condition in conditions:
            expression(condition)
    except (msgspec.ValidationError, UnquotableError) as error:
        return [_problem(parameter, "invalid", f"a filter is not valid: {error}")]
    if profile is None:
        return []
    problems: list[BindingProblem] = []
    columns = {column.stata_name: column for column in profile.columns}
    for condition in conditions:
        column = columns.get(condition.var)
        if column is None:
            near = get_close_matches(condition.var, list(columns), n=5, cutoff=0.5)
            problems.append(_problem(parameter, "not_found", f"the data have no variable {condition.var}", near))
        elif any(isinstance(item, str) != is_text_column(column) for item in values_of(condition)):
            kind = "text" if is_text_column(column) else "numbers"
            problems.append(_problem(parameter, "wrong_type", f"{condition.var} holds {kind}; the filter does not"))
    return problems


def _scalar_problem(parameter: Parameter, value: Any) -> str | None:
    label = parameter.label.en
    match parameter.kind:
        case "flag":
            return None if isinstance(value, bool) else f"{label} is true or false"
        case "choice":
            return None if value in parameter.choices else f"{label} is one of {', '.join(parameter.choices)}"
        case "integer" | "number":
            return _number_problem(parameter, value)
        case "string_label":
            fits = isinstance(value, str) and len(value) <= MAX_LABEL_LENGTH and is_quotable(value)
            return None if fits else f"{label} cannot be written as a Stata label"
        case _:
            return _levels_problem(parameter, value)


def _number_problem(parameter: Parameter, value: Any) -> str | None:
    whole = parameter.kind == "integer"
    allowed = int if whole else int | float
    if isinstance(value, bool) or not isinstance(value, allowed) or not math.isfinite(value):
        return f"{parameter.label.en} is a {'whole ' if whole else ''}number"
    if parameter.min is not None and value < parameter.min:
        return f"{parameter.label.en} is at least {parameter.min:g}"
    if parameter.max is not None and value > parameter.max:
        return f"{parameter.label.en} is at most {parameter.max:g}"
    return None


def _levels_problem(parameter: Parameter, value: Any) -> str | None:
    if not isinstance(value, list) or _check_count(parameter, value):
        return f"{parameter.label.en} is a list of values within its limits"
    for item in value:
        is_number = isinstance(item, int | float) and not isinstance(item, bool) and math.isfinite(item)
        if not is_number and not (isinstance(item, str) and is_quotable(item)):
            return f"{item!r} cannot be written as a Stata value"
    return None


def _check_exclusions(template: Template, values: dict[str, Any]) -> list[BindingProblem]:
    problems: list[BindingProblem] = []
    for parameter in template.parameters:
        own = _names_in(values[parameter.name])
        for other in parameter.excludes:
            shared = [name for name in _names_in(values[other]) if name in own]
            if shared:
                both = f"{parameter.label.en} and {template.parameter(other).label.en}"
                message = f"{', '.join(shared)} cannot be both {both}"
                problems.append(_problem(parameter, "excluded", message))
    return problems


def _names_in(value: Any) -> list[str]:
    if isinstance(value, str):
        return [value]
    return [item for item in value if isinstance(item, str)] if isinstance(value, list) else []
