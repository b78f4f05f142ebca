"""Values are checked by kind and against the data before anything is rendered."""

from __future__ import annotations

from typing import Any

import pytest

from ssd.templates.models import Parameter, Requires, Template, Text
from ssd.templates.parameters import candidates, check_binding, normalize
from tests.unit.templates.profiles import WAGES


def parameter(name: str, kind: str, **fields: Any) -> Parameter:
    return Parameter(name=name, label=Text(name, name), description="", kind=kind, **fields)  # type: ignore[arg-type]


def template(*parameters: Parameter) -> Template:
    return Template(
        id="a.b",
        version="1.0.0",
        title=Text("A", "甲"),
        summary=Text("A", "甲"),
        family="regression",
        design="ols",
        use_when="",
        parameters=list(parameters),
        inputs=[],
        outputs=[],
    )


OUTCOME = parameter("outcome", "var", required=True, requires=Requires(type="numeric"))
CONTROLS = parameter("controls", "varlist", excludes=["outcome"], requires=Requires(max_categories=10), max_items=3)
VCE = parameter("vce", "choice", choices=["robust", "hc3"], default="robust")
LEVEL = parameter("level", "number", default=95, min=50, max=99)
COUNT = parameter("count", "integer", default=3, min=1)
EXACT = parameter("exact", "flag")
KEEP = parameter("keep", "filter_list")
TITLE = parameter("title", "string_label")
CODES = parameter("codes", "level_list")
ALL = template(OUTCOME, CONTROLS, VCE, LEVEL, COUNT, EXACT, KEEP, TITLE, CODES)


def codes(values: dict[str, Any]) -> list[tuple[str, str]]:
    return [(problem.param, problem.code) for problem in check_binding(ALL, values, WAGES)]


def test_defaults_fill_what_is_not_given() -> None:
    assert normalize(ALL, {"outcome": "wage"}) == {
        "outcome": "wage",
        "controls": [],
        "vce": "robust",
        "level": 95,
        "count": 3,
        "exact": False,
        "keep": [],
        "title": None,
        "codes": [],
    }


def test_a_header_becomes_its_stata_name() -> None:
    assert normalize(ALL, {"outcome": "Hourly wage (USD)"}, WAGES)["outcome"] == "wage"


def test_a_single_name_becomes_a_list_and_a_list_of_one_a_name() -> None:
    values = normalize(ALL, {"outcome": ["wage"], "controls": "educ", "count": 4.0}, WAGES)
    assert (values["outcome"], values["controls"], values["count"]) == ("wage", ["educ"], 4)


def test_a_good_binding_has_no_problems() -> None:
    keep = [{"var": "educ", "op": "ge", "value": 8}, {"var": "region", "op": "in", "value": ["N", "S"]}]
    values = {"outcome": "工资", "controls": ["educ", "region"], "level": 90, "keep": keep}
    assert codes(values | {"title": "Wages", "codes": [1]}) == []


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"outcome": None}, ("outcome", "missing")),
        ({"outcome": "wag"}, ("outcome", "not_found")),
        ({"outcome": "region"}, ("outcome", "wrong_type")),
        ({"outcome": 5}, ("outcome", "invalid")),
        ({"outcome": "wage; shell"}, ("outcome", "invalid")),
        ({"controls": ["educ", "educ"]}, ("controls", "excluded")),
        ({"controls": ["wage"]}, ("controls", "excluded")),
        ({"controls": ["name"]}, ("controls", "wrong_type")),
        ({"controls": ["educ", "exper", "female", "region"]}, ("controls", "too_many")),
        ({"vce": "hc9"}, ("vce", "invalid")),
        ({"level": 200}, ("level", "invalid")),
        ({"level": float("nan")}, ("level", "invalid")),
        ({"level": "95"}, ("level", "invalid")),
        ({"count": 2.5}, ("count", "invalid")),
        ({"count": True}, ("count", "invalid")),
        ({"exact": 1}, ("exact", "invalid")),
        ({"keep": [{"var": "educ", "op": "like", "value": 1}]}, ("keep", "invalid")),
        ({"keep": [{"var": "educ", "op": "eq", "value": 1, "code": "x"}]}, ("keep", "invalid")),
        ({"keep": [{"var": "edu", "op": "eq", "value": 1}]}, ("keep", "not_found")),
        ({"keep": [{"var": "educ", "op": "eq", "value": "a"}]}, ("keep", "wrong_type")),
        ({"title": "`x'"}, ("title", "invalid")),
        ({"codes": [1, '"']}, ("codes", "invalid")),
        ({"nonsense": 1}, ("nonsense", "invalid")),
    ],
)
def test_each_bad_value_is_named(change: dict[str, Any], expected: tuple[str, str]) -> None:
    assert expected in codes({"outcome": "wage"} | change)


def test_all_problems_are_reported_not_only_the_first() -> None:
    assert len(codes({"outcome": "nope", "vce": "x", "level": 1, "count": 0})) == 4


def test_a_misspelt_name_gets_near_matches() -> None:
    [problem] = check_binding(ALL, {"outcome": "educc"}, WAGES)
    assert "educ" in problem.candidates


def test_candidates_fit_the_requirement() -> None:
    assert candidates(OUTCOME, WAGES) == ["wage", "educ", "exper", "female", "工资"]
    assert candidates(parameter("g", "var", requires=Requires(type="binary")), WAGES) == ["female"]
