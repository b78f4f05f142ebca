"""Nothing a draft understood is left out in silence."""

from __future__ import annotations

import pytest

from ssd.drafts.compose import ASK_BELOW, complete, propose
from ssd.drafts.models import Draft
from ssd.plans.models import FreezeRequest
from ssd.plans.selection import Selector
from ssd.plans.unplaced import usable_overrides
from ssd.templates.library import Library
from tests.unit.drafts.corpus import profile
from tests.unit.plans.builders import frozen, inputs_of


def draft_of(library: Library, requirement: str, data: str) -> Draft:
    body = propose("draft_x", requirement, inputs_of(data))
    return complete(body, {}, requirement, profile(data), Selector(library))


@pytest.mark.parametrize(
    ("requirement", "data", "field", "name"),
    [
        ("effect of union on wage by OLS, weighted by hours", "nlsw88", "weights_var", "hours"),
        (
            "OLS of wage on educ with an interaction between educ and female",
            "wage1",
            "interaction_terms",
            "educ#female",
        ),
        ("esg对roa的影响，公司、年份和行业固定效应", "listed", "fixed_effects", "ind"),
    ],
)
def test_what_the_template_cannot_use_is_skipped_and_told(
    library: Library, requirement: str, data: str, field: str, name: str
) -> None:
    draft = draft_of(library, requirement, data)
    assert draft.selected_template is not None
    template = library.get(draft.selected_template.template_id)
    if any(parameter.role in {"weights", "interactions"} for parameter in template.parameters):
        pytest.skip(f"{template.id} can use it")
    assert [item.names for item in draft.selected_template.unplaced if item.field == field] == [[name]]
    assert any(name in warning for warning in draft.warnings)
    assert all(warning in draft.draft_text for warning in draft.warnings)
    plan = frozen(library, requirement, data, FreezeRequest()).plan
    assert [item.reason for item in plan.skipped if item.what == field] == [
        f"{template.id} has no parameter for it: {name}"
    ]


@pytest.mark.parametrize("language", ["en", "zh"])
def test_a_design_without_template_is_said_and_not_pretended(library: Library, language: str) -> None:
    text = {
        "en": "Regression discontinuity of vote with running variable margin and cutoff 0",
        "zh": "断点回归：结果变量为vote，驱动变量为margin，断点为0",
    }[language]
    if any(template.design == "rdd" for template in library.templates):
        pytest.skip("the library has the design now")
    draft = draft_of(library, text, "senate")
    assert draft.selected_template is not None
    assert not draft.selected_template.serves_design
    assert draft.selected_template.confidence < ASK_BELOW
    assert any(unknown.field == "selected_template_id" for unknown in draft.open_unknowns)
    said = {"en": "There is no template for a regression discontinuity design", "zh": "目前没有断点回归的模板"}[
        language
    ]
    assert said in draft.draft_text
    assert any("margin" in warning for warning in draft.warnings)


def test_a_method_the_template_does_not_make_is_said(library: Library) -> None:
    draft = draft_of(library, "Tobit model for wage with educ and exper as explanatory variables", "wage1")
    chosen = draft.selected_template
    assert chosen is not None
    if "tobit" in " ".join(library.get(chosen.template_id).tags):
        pytest.skip("the library has the method now")
    assert chosen.confidence < ASK_BELOW
    assert any("tobit" in warning.lower() for warning in draft.warnings)


def test_a_plain_request_has_nothing_left_out(library: Library) -> None:
    draft = draft_of(library, "OLS of wage on educ, controlling for exper and tenure", "wage1")
    assert draft.selected_template is not None
    assert draft.selected_template.unplaced == []
    assert draft.warnings == []
    assert draft.selected_template.confidence >= ASK_BELOW


def test_a_condition_reaches_every_step(library: Library) -> None:
    plan = frozen(library, "OLS of wage on educ, only women, controlling for exper", "wage1").plan
    wanted = [{"var": "female", "op": "eq", "value": 1}]
    assert all(step.params.template_params["filters"] == wanted for step in plan.steps)


def test_proposals_give_way_but_what_a_person_set_is_refused(library: Library) -> None:
    template = library.get("regression.ols")
    overrides = {"filters": [], "nonsense": 1, "mine": 2}
    assert usable_overrides(overrides, {"mine": 2}, template) == {"filters": [], "mine": 2}
