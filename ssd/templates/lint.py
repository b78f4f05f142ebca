"""Gates 1 to 3 of the library, without running anything in an engine."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator
from typing import Any

from ssd.errors import SsdError
from ssd.inputs.models import ColumnProfile, DatasetProfile
from ssd.templates import safety
from ssd.templates.index import INDEX_NAME, MANIFEST_NAME, index_text, make_index, manifest_text
from ssd.templates.library import Library
from ssd.templates.models import Parameter, Template
from ssd.templates.parameters import VARIABLE_KINDS
from ssd.templates.rendering import RenderedDo, context_names, params_used
from ssd.templates.scan import scan

MAX_VARIANTS = 24
"""Combinations of flags, choices and optional variables rendered per template."""


def lint(library: Library) -> list[str]:
    """Everything wrong with the library, `template: message`; empty when the gates pass."""
    found = index_problems(library)
    for template in library.templates:
        found += [f"{template.id}: {message}" for message in _metadata_problems(library, template)]
    return found + _do_file_problems(library)


def index_problems(library: Library) -> list[str]:
    """Whether the generated files are what the metadata gives, byte for byte."""
    index = make_index(library.folder)
    found = []
    for name, text in ((INDEX_NAME, index_text(index)), (MANIFEST_NAME, manifest_text(index))):
        path = library.folder / name
        if not path.is_file() or path.read_text("utf-8") != text:
            found.append(f"{name} is not what the metadata gives; run `ssd library build`")
    return found


def _metadata_problems(library: Library, template: Template) -> list[str]:
    declared = {parameter.name for parameter in template.parameters}
    used = params_used(library.environment, library.folder, library.source_name(template.id)) - context_names()
    found = [f"template.do uses {name}, which is no parameter" for name in sorted(used - declared)]
    found += [f"parameter {name} is declared but not used" for name in sorted(declared - used)]
    for language in (template.title, template.summary):
        if not language.en.strip() or not re.search("[\u4e00-\u9fff]", language.zh):
            found.append("title and summary need both languages")
    if not re.search("[\u4e00-\u9fff]", template.use_when):
        found.append("use_when needs both languages")
    return found


def _do_file_problems(library: Library) -> list[str]:
    found: list[str] = []
    rendered: list[tuple[Template, RenderedDo]] = []
    for template in library.templates:
        for params, profile in variants(template):
            try:
                first = library.render(template.id, params, profile=profile)
                if library.render(template.id, params, profile=profile) != first:
                    found.append(f"{template.id}: rendering twice gives two texts")
            except SsdError as error:
                found.append(f"{template.id}: {error.message}")
                continue
            rendered.append((template, first))
    results = scan([do.text for _, do in rendered])
    written: dict[str, list[set[str]]] = {template.id: [] for template in library.templates}
    for (template, do), result in zip(rendered, results, strict=True):
        found += [f"{template.id}: {message}" for message in safety.problems(result)]
        written[template.id].append(safety.written_files(result))
        if do.text.count("ssd_sentinel.txt") != 1 or "\nversion 17\n" not in do.text:
            found.append(f"{template.id}: prologue or epilogue is missing")
    for template in library.templates:
        found += [f"{template.id}: {message}" for message in _output_problems(template, written[template.id])]
    return list(dict.fromkeys(found))


def _output_problems(template: Template, written: list[set[str]]) -> Iterator[str]:
    if not written:
        return
    declared = {output.file for output in template.outputs}
    for name in sorted(set.union(*written) - declared):
        yield f"{name} is written but not declared"
    for output in template.outputs:
        times = sum(output.file in names for names in written)
        if times == 0 or (output.required and times < len(written)):
            yield f"{output.file} is declared{' as required' if output.required else ''} but not always written"


def variants(template: Template) -> Iterator[tuple[dict[str, Any], DatasetProfile]]:
    """Bindings that reach the branches of a template: with and without every optional parameter, each choice and
    flag, and text in place of numbers where a variable may be either."""
    options = [_values(parameter) for parameter in template.parameters]
    longest = max((len(values) for values in options), default=1)
    plain = [[values[0] for values in options]]
    one_by_one = [
        [values[position] if place == other else values[0] for other, values in enumerate(options)]
        for place, own in enumerate(options)
        for position in range(1, len(own))
    ]
    together = [[values[min(round_, len(values) - 1)] for values in options] for round_ in range(1, longest)]
    names = [parameter.name for parameter in template.parameters]
    for combination in itertools.islice(itertools.chain(plain, one_by_one, together), MAX_VARIANTS):
        params = {name: value for name, value in zip(names, combination, strict=True) if value is not None}
        yield params, profile_for(template, text=False)
        if combination is plain[0] or combination == together[-1:]:
            yield params, profile_for(template, text=True)


def _values(parameter: Parameter) -> list[Any]:
    """Values worth rendering, the plainest first; None leaves the parameter out."""
    match parameter.kind:
        case "var":
            values: list[Any] = [f"v_{parameter.name}"]
        case "varlist":
            count = max(parameter.min_items or 1, 2)
            values = [[f"v_{parameter.name}_{number}" for number in range(1, count + 1)]]
        case "flag":
            return [parameter.default is True, parameter.default is not True]
        case "choice":
            return list(parameter.choices)
        case "number" | "integer":
            return [value for value in (parameter.default, parameter.min, parameter.max) if value is not None]
        case "filter_list":
            texts = {"var": "v_text", "op": "in", "value": ["a b", "c"]}
            values = [[{"var": "v_filter", "op": "ge", "value": 1}, texts]]
        case "string_label":
            values = ["A label"]
        case _:
            values = [[1, 2]]
    return values if parameter.required else [None, *values]


def profile_for(template: Template, *, text: bool) -> DatasetProfile:
    """A dataset with a fitting column for every variable of `variants`; with `text`, wherever text may stand."""
    columns = [_column("v_filter", "numeric", text=False), _column("v_text", "string", text=True)]
    for parameter in template.parameters:
        if parameter.kind in VARIABLE_KINDS:
            kind = parameter.requires.type
            may_be_text = kind in ("any", "string", "categorical", "binary")
            names = [f"v_{parameter.name}"] if parameter.kind == "var" else [f"v_{parameter.name}_{n}" for n in (1, 2)]
            columns += [_column(name, kind, text=text and may_be_text) for name in names]
    return DatasetProfile(row_count=100, column_count=len(columns), columns=columns)


def _column(name: str, kind: str, *, text: bool) -> ColumnProfile:
    unique = 2 if kind == "binary" else 12
    inferred = "string" if text else {"date": "datetime", "any": "number", "numeric": "number"}.get(kind, "integer")
    return ColumnProfile(
        original_name=name,
        stata_name=name,
        inferred_type=inferred,
        storage_type="str20" if text else "double",
        format="%20s" if text else "%10.0g",
        label=f"Label of {name}",
        n_missing=0,
        n_unique=unique,
        min=None if text else 0,
        max=None if text else unique,
        examples=[],
    )
