"""Every template: metadata, rendering, safety, and its example against known numbers."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ssd.errors import SsdError
from ssd.templates.check import ENGINE_COMMAND, check_case
from ssd.templates.coverage import coverage
from ssd.templates.examples import Case, read_cases
from ssd.templates.library import Library
from ssd.templates.lint import index_problems, lint, profile_for, variants
from ssd.templates.models import Parameter, Template
from ssd.templates.parameters import VARIABLE_KINDS
from ssd.templates.safety import problems
from ssd.templates.scan import scan_one

LIBRARY = Library.load()
TEMPLATES = [pytest.param(template, id=template.id) for template in LIBRARY.templates]
CASES = [
    pytest.param(case, id=case.title)
    for template in LIBRARY.templates
    for case in read_cases(LIBRARY.folder, template.id)
]


def test_the_library_passes_its_static_gates() -> None:
    assert lint(LIBRARY) == []


def test_the_generated_files_are_current() -> None:
    assert index_problems(LIBRARY) == []
    assert LIBRARY.index_is_current


def test_every_covered_capability_is_on_the_list() -> None:
    assert sum(bool(row.template_ids) for row in coverage(LIBRARY)) >= len(LIBRARY.templates)


@pytest.mark.parametrize("case", CASES)
def test_the_example_gives_the_known_numbers(case: Case) -> None:
    result = check_case(LIBRARY, case, ENGINE_COMMAND)
    assert result.problems == []
    assert result.numbers > 0


@pytest.mark.parametrize("template", TEMPLATES)
def test_every_line_knows_its_origin(template: Template) -> None:
    for params, profile in variants(template):
        do = LIBRARY.render(template.id, params, profile=profile)
        lines = do.text.splitlines()
        assert len(lines) == len(do.line_map)
        source = (LIBRARY.folder / LIBRARY.source_name(template.id)).read_text("utf-8").splitlines()
        for line, origin in zip(lines, do.line_map, strict=True):
            assert (LIBRARY.folder / origin.file).is_file()
            assert 1 <= origin.template_line <= len(source)
            if origin.file == LIBRARY.source_name(template.id) and line and "[" not in source[origin.line - 1]:
                assert line.strip() == source[origin.line - 1].strip()


@pytest.mark.parametrize("template", TEMPLATES)
def test_progress_lines_are_counted(template: Template) -> None:
    params, profile = next(variants(template))
    text = LIBRARY.render(template.id, params, profile=profile).text
    steps = [line for line in text.splitlines() if line.startswith("ssd_step ")]
    assert f"global SSD_STEPS {len(steps)}\n" in text
    assert len(steps) >= 3


def _names(template: Template) -> list[str]:
    return [column.stata_name for column in profile_for(template, text=False).columns]


def _boundary(parameter: Parameter, names: list[str]) -> st.SearchStrategy[Any]:
    """Values at and around the limits of a parameter."""
    name = st.sampled_from(names)
    match parameter.kind:
        case "var":
            return st.one_of(st.none(), name)
        case "varlist":
            return st.lists(name, max_size=6, unique=True)
        case "flag":
            return st.booleans()
        case "choice":
            return st.sampled_from(parameter.choices)
        case "number" | "integer":
            limits = [value for value in (parameter.min, parameter.max, parameter.default) if value is not None]
            return st.sampled_from([*limits, *(limit - 1e-9 for limit in limits), *(limit + 1e-9 for limit in limits)])
        case _:
            values = st.one_of(st.integers(-5, 5), st.text(max_size=8))
            operator = st.sampled_from(["eq", "ne", "lt", "ge", "in", "between", "missing", "not_missing"])
            entry = st.fixed_dictionaries({"var": name, "op": operator, "value": st.one_of(values, st.lists(values))})
            return st.lists(entry, max_size=3)


@pytest.mark.parametrize("template", TEMPLATES)
@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data())
def test_boundary_bindings_render_the_same_twice_or_are_named(template: Template, data: st.DataObject) -> None:
    names = _names(template)
    params = data.draw(
        st.fixed_dictionaries({parameter.name: _boundary(parameter, names) for parameter in template.parameters})
    )
    profile = profile_for(template, text=data.draw(st.booleans()))
    found = LIBRARY.check_binding(template, params, profile)
    if found:
        with pytest.raises(SsdError, match="TEMPLATE_RENDER_FAILED"):
            LIBRARY.render(template.id, params, profile=profile)
    else:
        first = LIBRARY.render(template.id, params, profile=profile)
        assert LIBRARY.render(template.id, params, profile=profile) == first
        assert problems(scan_one(first.text)) == []


HOSTILE_TEXT = st.one_of(
    st.sampled_from(
        [
            "x\nshell touch owned",
            'x" shell "',
            "`=shell()'",
            "$S_ADO",
            "x; erase data.dta",
            "x /* ",
            "x // ",
            "x ///",
            "[[ 7 * 7 ]]",
            "[% include 'families.toml' %]",
            "a b",
            "../../etc/passwd",
            "if",
            "_all",
            "\x1et:1\x1f",
        ]
    ),
    st.text(min_size=1, max_size=40),
)
HOSTILE = st.recursive(
    st.one_of(HOSTILE_TEXT, st.none(), st.booleans(), st.floats(), st.integers()),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(HOSTILE_TEXT, inner, max_size=3)),
    max_leaves=6,
)


@pytest.mark.parametrize("template", TEMPLATES)
@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data())
def test_hostile_values_never_become_code(template: Template, data: st.DataObject) -> None:
    params, profile = next(variants(template))
    target = data.draw(st.sampled_from(template.parameters))
    value = data.draw(HOSTILE)
    try:
        do = LIBRARY.render(template.id, params | {target.name: value}, profile=profile)
    except SsdError as error:
        assert error.code == "TEMPLATE_RENDER_FAILED"
        return
    assert problems(scan_one(do.text)) == []
    if target.kind in VARIABLE_KINDS:
        known = {column.stata_name for column in profile.columns}
        named = value if isinstance(value, list) else [value] if value else []
        assert set(named) <= known


@pytest.mark.parametrize("template", TEMPLATES)
@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(texts=st.lists(HOSTILE_TEXT, min_size=3, max_size=3))
def test_hostile_labels_of_the_data_never_become_code(template: Template, texts: list[str]) -> None:
    params, profile = next(variants(template))
    columns = [
        msgspec.structs.replace(
            column,
            label=texts[position % 3],
            value_labels={"1": texts[(position + 1) % 3], texts[position % 3]: "x"},
        )
        for position, column in enumerate(profile.columns)
    ]
    do = LIBRARY.render(template.id, params, profile=msgspec.structs.replace(profile, columns=columns))
    assert problems(scan_one(do.text)) == []
