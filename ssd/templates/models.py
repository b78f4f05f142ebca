"""Metadata of a do-template: the single source of truth about what it needs and what it makes."""

from __future__ import annotations

from typing import Any, Literal

import msgspec


class Text(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The same words in English and Chinese."""

    en: str
    zh: str


class Requires(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What the data must be like for a variable to fill a parameter."""

    type: Literal["numeric", "string", "binary", "categorical", "date", "integer", "any"] = "any"
    min_unique: int | None = None
    max_unique: int | None = None
    max_categories: int | None = None
    """Most distinct values of a text variable, which enters a model as one indicator per value."""


ParameterKind = Literal[
    "var", "varlist", "number", "integer", "choice", "flag", "level_list", "string_label", "filter_list"
]


class Parameter(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A typed parameter; `role` says which role of the draft fills it."""

    name: str
    label: Text
    description: str
    kind: ParameterKind
    role: str | None = None
    required: bool = False
    default: Any = None
    choices: list[str] = []
    min: float | None = None
    max: float | None = None
    min_items: int | None = None
    max_items: int | None = None
    requires: Requires = Requires()
    excludes: list[str] = []
    """Parameters whose variables must not appear here too."""


class Dependency(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    pkg: str
    source: Literal["built-in", "ssc"]
    purpose: str
    optional: bool = False


class InputNeed(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    role: str
    required: bool = True


class Output(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A file the do-file promises to write into its working folder."""

    file: str
    type: Literal["table", "figure", "dataset", "report", "log"]
    schema: Literal["tidy", "glance", "freq", "free"]
    required: bool
    title: Text
    description: str


class Robustness(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    template_id: str
    params: dict[str, Any] = {}
    purpose: str = ""


class Template(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """template.toml."""

    id: str
    version: str
    title: Text
    summary: Text
    family: str
    design: str
    use_when: str
    """English and Chinese; what questions it answers, in the words people use."""
    assumptions: list[str] = []
    estimand: str = ""
    data_shape: Literal["wide", "long", "panel", "timeseries", "any"] = "any"
    tags: list[str] = []
    covers: list[str] = []
    stata_version: int = 17
    parameters: list[Parameter]
    dependencies: list[Dependency] = []
    inputs: list[InputNeed]
    outputs: list[Output]
    robustness: list[Robustness] = []
    result_columns: list[str] = []

    def parameter(self, name: str) -> Parameter:
        """Raises KeyError for a name the template does not declare."""
        for parameter in self.parameters:
            if parameter.name == name:
                return parameter
        raise KeyError(name)


class Family(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    id: str
    title: Text
    keywords: list[str]
    """English and Chinese words of a requirement that point here."""
    use_when: str
    fallback: list[str] = []


class BindingProblem(msgspec.Struct, frozen=True):
    """Why a parameter is not, or not validly, bound."""

    param: str
    code: Literal["missing", "not_found", "wrong_type", "too_few", "too_many", "excluded", "invalid"]
    message: str
    candidates: list[str] = []
