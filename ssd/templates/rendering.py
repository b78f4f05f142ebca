"""From a template and checked values to the exact do-file text, with the origin of every line."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import msgspec
from jinja2 import BaseLoader, Environment, StrictUndefined, TemplateError, TemplateNotFound, Undefined, pass_context
from jinja2.runtime import Context
from jinja2.sandbox import SandboxedEnvironment
from markupsafe import Markup

from ssd.errors import SsdError
from ssd.inputs.models import ColumnProfile, DatasetProfile
from ssd.templates import quoting
from ssd.templates.filters import Filter, conjunction
from ssd.templates.models import Template
from ssd.templates.parameters import VARIABLE_KINDS, is_text_column

MAX_VALUE_LABELS = 200
"""A labelled variable with more labels than this keeps them as the data file has them."""

_ORIGIN = re.compile("\x1e([^\x1e\x1f]+):(\\d+)\x1f")
_KEEP_LINE_END = "\x1d"
_OPENINGS = {"[[": "]]", "[%": "%]", "[#": "#]"}
_STATEMENTS_ONLY = re.compile(r"\s*(?:(?:\[%(?:(?!%\]).)*%\]|\[#(?:(?!#\]).)*#\])\s*)+")


class RenderContext(msgspec.Struct, frozen=True, kw_only=True):
    """What a do-file may say about where it comes from. Nothing here changes numbers except the seed."""

    dataset_file: str = "data.dta"
    dataset_name: str = ""
    """Name of the uploaded file, for the head of the do-file."""
    dataset_sha256: str = ""
    seed: int = 20250101


class LineOrigin(msgspec.Struct, frozen=True):
    """Where a line of the do-file comes from."""

    file: str
    """Path below the library folder."""
    line: int
    template_line: int
    """Line of template.do that made it, directly or through a partial."""


class RenderedDo(msgspec.Struct, frozen=True):
    """A do-file; `line_map[i]` is the origin of its line i + 1."""

    text: str
    line_map: list[LineOrigin]


class _MarkedSources(BaseLoader):
    """Loads library files with a mark before every line that reaches the do-file."""

    def __init__(self, library: Path) -> None:
        self._library = library

    def get_source(self, environment: Environment, template: str) -> tuple[str, str | None, None]:
        path = (self._library / template).resolve()
        if not path.is_relative_to(self._library.resolve()) or not path.is_file():
            raise TemplateNotFound(template)
        return mark_lines(path.read_text("utf-8"), template), str(path), None


def mark_lines(source: str, name: str) -> str:
    """Put the origin before each line that is not only statements; a line that ends in a statement keeps its end
    (the environment trims the newline after a statement)."""
    marked: list[str] = []
    closing: str | None = None
    for number, line in enumerate(source.splitlines(), start=1):
        starts_inside = closing is not None
        closing = _closing_after(line, closing)
        if starts_inside or (closing in ("%]", "#]") and line.lstrip().startswith(("[%", "[#"))):
            marked.append(line)
        elif _STATEMENTS_ONLY.fullmatch(line):
            marked.append(line.strip())
        else:
            end = _KEEP_LINE_END if line.endswith(("%]", "#]")) else ""
            marked.append(f"\x1e{name}:{number}\x1f{line}{end}")
    return "\n".join(marked) + "\n"


def _closing_after(line: str, closing: str | None) -> str | None:
    """The delimiter that is still awaited at the end of the line."""
    position = 0
    while position < len(line):
        pair = line[position : position + 2]
        if closing is None and pair in _OPENINGS:
            closing = _OPENINGS[pair]
            position += 2
        elif closing is not None and pair == closing:
            closing = None
            position += 2
        else:
            position += 1
    return closing


def _literal(value: Any) -> Markup:
    """What `[[ value ]]` writes: text already made safe, a number, or a bare word that is a name."""
    if isinstance(value, Undefined):
        str(value)
    if isinstance(value, Markup):
        return value
    if isinstance(value, str):
        return quoting.variable(value)
    return quoting.number(value)


@pass_context
def _terms(context: Context, names: list[str]) -> Markup:
    """Regressors of a model: text variables enter as indicators of their categories."""
    text_columns: frozenset[str] = context["text_columns"]
    return Markup(" ").join(
        [Markup("i.") + quoting.variable(name) if name in text_columns else quoting.variable(name) for name in names]
    )


@pass_context
def _text_only(context: Context, names: list[str]) -> list[str]:
    """Those of the variables that hold text."""
    return [name for name in names if name in context["text_columns"]]


@pass_context
def _numeric_only(context: Context, names: list[str]) -> list[str]:
    """Those of the variables that hold numbers."""
    return [name for name in names if name not in context["text_columns"]]


def _indicators(names: list[str]) -> Markup:
    return Markup(" ").join([Markup("i.") + quoting.variable(name) for name in names])


def _commas(names: list[str]) -> Markup:
    return Markup(", ").join([quoting.variable(name) for name in names])


def environment(library: Path) -> SandboxedEnvironment:
    """The Jinja2 environment of the library. Autoescape is on so that only Markup passes unchanged, and `finalize`
    turns everything else into Stata text or refuses it."""
    jinja = SandboxedEnvironment(
        loader=_MarkedSources(library),
        variable_start_string="[[",
        variable_end_string="]]",
        block_start_string="[%",
        block_end_string="%]",
        comment_start_string="[#",
        comment_end_string="#]",
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        undefined=StrictUndefined,
        autoescape=True,
        finalize=_literal,
    )
    jinja.globals.clear()
    jinja.globals["range"] = range
    jinja.filters = {
        "vars": quoting.variables,
        "commas": _commas,
        "terms": _terms,
        "indicators": _indicators,
        "text_only": _text_only,
        "numeric_only": _numeric_only,
        "number": quoting.number,
        "quoted": quoting.quoted,
        "text": quoting.inner_text,
        "comment": quoting.comment,
        "condition": conjunction,
        "length": len,
        "list": list,
        "unique": lambda items: list(dict.fromkeys(items)),
    }
    return jinja


def render(
    jinja: SandboxedEnvironment,
    template: Template,
    source_name: str,
    *,
    values: dict[str, Any],
    profile: DatasetProfile,
    context: RenderContext,
) -> RenderedDo:
    """Render checked, normalized values. The number of steps is counted in a first pass, so that every progress
    line knows the total. Raises TEMPLATE_RENDER_FAILED; the same arguments give the same text."""
    names = _template_variables(template, values, profile, context)
    try:
        compiled = jinja.get_template(source_name)
        first = compiled.render({**names, "step_count": 0})
        steps = len(re.findall(r"^\s*(?:\x1e[^\x1f]*\x1f)*\s*ssd_step ", first, flags=re.MULTILINE))
        marked = compiled.render({**names, "step_count": steps})
    except (TemplateError, quoting.UnquotableError, TypeError, ValueError, KeyError) as error:
        raise SsdError("TEMPLATE_RENDER_FAILED", f"{template.id}: {error}", template_id=template.id) from error
    return _with_origins(marked, source_name)


def _template_variables(
    template: Template, values: dict[str, Any], profile: DatasetProfile, context: RenderContext
) -> dict[str, Any]:
    names: dict[str, Any] = dict(values)
    for parameter in template.parameters:
        if parameter.kind == "filter_list":
            names[parameter.name] = msgspec.convert(values[parameter.name], list[Filter])
        elif parameter.kind in VARIABLE_KINDS:
            _check_names(template, values[parameter.name])
    names["template"] = template
    names["run"] = context
    names["all_variables"] = [column.stata_name for column in profile.columns]
    names["numeric_variables"] = [column.stata_name for column in profile.columns if not is_text_column(column)]
    names["text_columns"] = frozenset(column.stata_name for column in profile.columns if is_text_column(column))
    names["labelled"] = _labelled(template, values, profile)
    return names


def _check_names(template: Template, value: Any) -> None:
    for name in value if isinstance(value, list) else [value]:
        if name is not None and not (isinstance(name, str) and quoting.is_variable_name(name)):
            raise SsdError("TEMPLATE_RENDER_FAILED", f"{template.id}: {name!r} is not a variable name")


def _labelled(template: Template, values: dict[str, Any], profile: DatasetProfile) -> list[dict[str, Any]]:
    """Labels of the variables the do-file uses, made quotable: the do-file sets them itself, so that no text of an
    uploaded file is ever expanded as a macro when results are written."""
    used: list[str] = []
    for parameter in template.parameters:
        if parameter.kind in VARIABLE_KINDS:
            value = values[parameter.name]
            used += value if isinstance(value, list) else [value] if value else []
    bound = set(used)
    everything = not bound
    return [_label_entry(column) for column in profile.columns if everything or column.stata_name in bound]


def _label_entry(column: ColumnProfile) -> dict[str, Any]:
    label = quoting.legible(column.label or column.original_name)[:80].rstrip()
    entries: list[tuple[int, str]] = []
    if not is_text_column(column) and len(column.value_labels) <= MAX_VALUE_LABELS:
        for value, text in column.value_labels.items():
            if re.fullmatch(r"-?\d{1,9}", value):
                entries.append((int(value), quoting.legible(text)[:80].rstrip() or value))
    return {"name": column.stata_name, "label": label or column.stata_name, "levels": sorted(entries)}


def _with_origins(marked: str, source_name: str) -> RenderedDo:
    """Take the marks out, keep what they say, and squeeze runs of blank lines."""
    lines: list[str] = []
    origins: list[LineOrigin] = []
    template_line = 1
    last = LineOrigin(source_name, 1, 1)
    for raw in marked.replace(_KEEP_LINE_END, "").split("\n"):
        for file, number in _ORIGIN.findall(raw):
            if file == source_name:
                template_line = int(number)
            last = LineOrigin(file, int(number), template_line)
        text = _ORIGIN.sub("", raw).rstrip()
        if not text and (not lines or not lines[-1]):
            continue
        lines.append(text)
        origins.append(LineOrigin(last.file, last.line, template_line))
    while lines and not lines[-1]:
        lines.pop()
        origins.pop()
    return RenderedDo("\n".join(lines) + "\n", origins)


def params_used(jinja: SandboxedEnvironment, library: Path, source_name: str) -> frozenset[str]:
    """Names the template's own source refers to and does not define."""
    from jinja2 import meta

    source = (library / source_name).read_text("utf-8")
    return frozenset(meta.find_undeclared_variables(jinja.parse(source)))


def context_names() -> frozenset[str]:
    """Names every template may use beside its parameters."""
    return frozenset(
        {"template", "run", "all_variables", "numeric_variables", "text_columns", "labelled", "step_count"}
    )
