"""Freezing: determinism, completeness, and everything that is refused."""

from __future__ import annotations

import re

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ssd.errors import SsdError
from ssd.inputs.models import DatasetProfile
from ssd.plans.freeze import Freezer
from ssd.plans.models import FreezeRequest
from ssd.templates.library import Library
from tests.unit.drafts.corpus import CORPUS, WIDER, column, profile
from tests.unit.plans.builders import frozen, inputs_of, stored_draft

QUESTION = "What is the effect of educ on wage, controlling for exper and tenure?"
LIBRARY = Library.load()


def test_a_plan_describes_the_data_then_runs_the_main_model_then_a_check(library: Library) -> None:
    plan = frozen(library, QUESTION, "wage1").plan
    assert [step.type for step in plan.steps] == ["descriptive_stats", "main_regression", "robustness_check"]
    main = plan.steps[1]
    assert main.template_id == "regression.ols"
    assert main.params.template_params["outcome"] == "wage"
    assert main.params.template_params["treatment"] == "educ"
    assert main.params.template_params["covariates"] == ["exper", "tenure"]
    assert main.depends_on == ["overview"]
    assert main.params.input_bindings == {"primary_dataset": "input:ds_1"}
    assert main.params.template_contract.params_contract.missing_required == []
    assert main.params.template_contract.outputs_contract.declared
    assert all(step.template_sha256 for step in plan.steps)


def test_the_same_plan_twice_has_one_id_and_one_text(library: Library) -> None:
    first, second = frozen(library, QUESTION, "wage1"), frozen(library, QUESTION, "wage1")
    assert first.plan.plan_id == second.plan.plan_id
    assert first.do_files == second.do_files
    assert msgspec.json.encode(first.plan) == msgspec.json.encode(second.plan)


@pytest.mark.parametrize(
    "other",
    [
        {"fingerprint": "sha256:other"},
        {"requirement": QUESTION + " Please be quick."},
        {"edits": {"controls": ["exper"]}},
        {"request": FreezeRequest(answers={"analysis_goal": "association"})},
        {"request": FreezeRequest(default_overrides={"confidence": 90})},
        {"request": FreezeRequest(variable_corrections={"tenure": "married"})},
        {"request": FreezeRequest(template_id="regression.ols")},
    ],
)
def test_anything_decisive_that_differs_makes_another_plan(library: Library, other: dict) -> None:
    base = frozen(library, QUESTION, "wage1").plan
    arguments = {"requirement": QUESTION, "data": "wage1", **other}
    assert frozen(library, **arguments).plan.plan_id != base.plan_id


def test_notes_do_not_change_the_id(library: Library) -> None:
    base = frozen(library, QUESTION, "wage1").plan
    noted = frozen(library, QUESTION, "wage1", FreezeRequest(notes="for the seminar")).plan
    assert noted.plan_id == base.plan_id
    assert noted.notes == "for the seminar"


@settings(max_examples=40, deadline=None)
@given(
    controls=st.lists(st.sampled_from(["exper", "tenure", "female", "married", "smsa"]), unique=True, max_size=4),
    confidence=st.integers(50, 99),
)
def test_any_confirmation_freezes_to_one_deterministic_plan(controls: list[str], confidence: int) -> None:
    request = FreezeRequest(default_overrides={"confidence": confidence})
    edits = {"controls": controls}
    first = frozen(LIBRARY, QUESTION, "wage1", request, edits=edits)
    second = frozen(LIBRARY, QUESTION, "wage1", request, edits=edits)
    assert first.plan.plan_id == second.plan.plan_id
    assert first.do_files == second.do_files
    assert first.plan.steps[1].params.template_params["covariates"] == controls
    assert all(name in first.do_files["main"] for name in controls)


@pytest.mark.parametrize("case", CORPUS["cases"], ids=lambda case: case["text"][:40])
def test_every_requirement_of_the_corpus_ends_in_a_plan_or_in_named_gaps(library: Library, case: dict) -> None:
    """A plan is made with a template of the design asked for, or its choice is put to the person."""
    request = FreezeRequest(answers={})
    try:
        plan = frozen(library, case["text"], case["data"], request).plan
    except SsdError as error:
        assert error.code == "PLAN_FREEZE_MISSING_REQUIRED"
        members = error.members
        assert members["missing_fields"] or members["missing_params"]
        assert all(item["description"] for item in members["missing_fields_detail"])
        assert members["next_actions"]
    else:
        template = library.get(plan.selection.template_id)
        if case["design"] == "correlation":
            assert template.id == "descriptive.correlation"
        elif template.design != case["design"]:
            assert plan.selection.requires_user_confirmation
            assert case["design"] == "test" or case in WIDER["cases"]


def test_a_comparison_of_more_than_two_groups_is_not_a_t_test(library: Library) -> None:
    selection = frozen(library, "不同地区的月工资有差别吗", "survey").plan.selection
    assert selection.template_id == "descriptive.by_group"
    t_test = next(item for item in selection.candidates if item.template_id == "test.ttest_two_sample")
    assert "ranked down" in t_test.reason


def test_everything_missing_is_named_at_once(library: Library) -> None:
    with pytest.raises(SsdError) as caught:
        frozen(library, "2SLS, please.", "wage1")
    members = caught.value.members
    assert caught.value.code == "PLAN_FREEZE_MISSING_REQUIRED"
    assert members["template_id"] == "causal.iv_2sls"
    assert {"open_unknowns.outcome_var", "open_unknowns.treatment_var", "open_unknowns.instruments"} <= set(
        members["missing_fields"]
    )
    assert {"outcome", "treatment", "instruments"} <= set(members["missing_params"])
    details = {item["field"]: item["candidates"] for item in members["missing_fields_detail"]}
    assert "wage" in details["open_unknowns.outcome_var"]
    assert {action["action"] for action in members["next_actions"]} == {
        "answer_questions", "patch_draft", "set_parameters",
    }  # fmt: skip


def test_an_unclear_purpose_must_be_answered(library: Library) -> None:
    requirement = "My data: wage, educ and exper."
    with pytest.raises(SsdError) as caught:
        frozen(library, requirement, "wage1")
    assert caught.value.members["missing_fields"] == ["stage1_questions.analysis_goal"]
    described = FreezeRequest(answers={"stage1_questions.analysis_goal": "descriptive"})
    associated = FreezeRequest(answers={"analysis_goal": "association"})
    assert frozen(library, requirement, "wage1", described).plan.selection.template_id == "descriptive.overview"
    assert frozen(library, requirement, "wage1", associated).plan.selection.template_id == "descriptive.correlation"


def test_the_goal_steers_the_selection(library: Library) -> None:
    goals = {
        goal: frozen(library, "effect of union on wage", "nlsw88", FreezeRequest(answers={"analysis_goal": goal}))
        for goal in ("descriptive", "difference", "causal")
    }
    chosen = {goal: made.plan.selection.template_id for goal, made in goals.items()}
    assert chosen == {
        "descriptive": "descriptive.overview",
        "difference": "test.ttest_two_sample",
        "causal": "regression.ols",
    }


def test_answers_fill_the_unknowns(library: Library) -> None:
    answers = {
        "analysis_goal": "causal",
        "open_unknowns.outcome_var": "lwage",
        "treatment_var": "educ",
        "instruments": "nearc4",
    }
    main = frozen(library, "2SLS, please.", "card", FreezeRequest(answers=answers)).plan.steps[1]
    assert main.params.template_params["instruments"] == ["nearc4"]
    assert main.params.template_params["outcome"] == "lwage"


def test_a_template_a_person_chose_wins(library: Library) -> None:
    plan = frozen(library, QUESTION, "wage1", FreezeRequest(template_id="descriptive.correlation")).plan
    assert plan.selection.template_id == "descriptive.correlation"
    assert plan.selection.confidence == 1.0
    assert plan.selection.requires_user_confirmation is False
    assert set(plan.steps[-1].params.template_params["variables"]) == {"wage", "educ", "exper", "tenure"}


def test_fixed_effects_of_units_alone_leave_the_time_out(library: Library) -> None:
    units = frozen(library, "effect of union on lwage with person fixed effects", "wagepan").plan
    both = frozen(library, "effect of union on lwage with two-way fixed effects", "wagepan").plan
    assert units.steps[1].params.template_params["time_effects"] is False
    assert both.steps[1].params.template_params["time_effects"] is True


def test_what_the_template_cannot_use_is_said(library: Library) -> None:
    plan = frozen(library, QUESTION, "wage1", edits={"weights_var": "numdep"}).plan
    assert any(item.what == "weights_var" for item in plan.skipped)


def test_robustness_that_makes_no_sense_is_skipped_with_the_reason(library: Library) -> None:
    plan = frozen(library, QUESTION + " Cluster by northcen.", "wage1").plan
    assert [step.step_id for step in plan.steps] == ["overview", "main"]
    assert any("clustered" in item.reason for item in plan.skipped)


def test_filters_hold_for_every_step(library: Library) -> None:
    condition = [{"var": "female", "op": "eq", "value": 1}]
    made = frozen(library, QUESTION, "wage1", FreezeRequest(default_overrides={"filters": condition}))
    for text in made.do_files.values():
        assert re.search(r"female == 1", text), text[:2000]


def test_corrections_replace_a_variable_wherever_it_stands(library: Library) -> None:
    plan = frozen(
        library, QUESTION, "wage1", FreezeRequest(variable_corrections={"exper": "expersq", "outcome_var": "lwage"})
    ).plan
    params = plan.steps[1].params.template_params
    assert params["covariates"] == ["expersq", "tenure"]
    assert params["outcome"] == "lwage"


@pytest.mark.parametrize(
    ("request_", "code"),
    [
        (FreezeRequest(variable_corrections={"educ": "eduk"}), "CONTRACT_COLUMN_NOT_FOUND"),
        (FreezeRequest(variable_corrections={"nosuch": "educ"}), "CONTRACT_COLUMN_NOT_FOUND"),
        (FreezeRequest(answers={"outcome_var": "wagee"}), "CONTRACT_COLUMN_NOT_FOUND"),
        (FreezeRequest(default_overrides={"cluster": "statee"}), "CONTRACT_COLUMN_NOT_FOUND"),
        (FreezeRequest(answers={"favourite_colour": "blue"}), "INPUT_VALIDATION_FAILED"),
        (FreezeRequest(answers={"analysis_goal": "world peace"}), "INPUT_VALIDATION_FAILED"),
        (FreezeRequest(default_overrides={"nosuch": 1}), "INPUT_VALIDATION_FAILED"),
        (FreezeRequest(template_id="no.such"), "TEMPLATE_NOT_FOUND"),
        (FreezeRequest(default_overrides={"confidence": 400}), "PLAN_FREEZE_MISSING_REQUIRED"),
    ],
)
def test_bad_confirmations_are_refused_by_name(library: Library, request_: FreezeRequest, code: str) -> None:
    with pytest.raises(SsdError) as caught:
        frozen(library, QUESTION, "wage1", request_)
    assert caught.value.code == code


def test_near_matches_are_offered(library: Library) -> None:
    with pytest.raises(SsdError) as caught:
        frozen(library, QUESTION, "wage1", FreezeRequest(variable_corrections={"educ": "eduk"}))
    assert caught.value.members["near_matches"]["eduk"][0] == "educ"


HOSTILE = [
    '"\nshell rm -rf /\n',
    "`=1'",
    "$S_ADO",
    "x; erase data.dta",
    "*/ shell id /*",
    "!id",
    "'\"'",
    "\u202e",
    "\x00",
]


@pytest.mark.parametrize("text", HOSTILE)
def test_stata_code_in_a_requirement_never_reaches_the_do_file(library: Library, text: str) -> None:
    plain = frozen(library, QUESTION, "wage1")
    hostile = frozen(library, QUESTION + " " + text, "wage1")
    assert hostile.do_files == plain.do_files


@pytest.mark.parametrize("text", HOSTILE)
def test_stata_code_in_names_answers_and_overrides_is_refused(library: Library, text: str) -> None:
    for request in (
        FreezeRequest(answers={"outcome_var": text}),
        FreezeRequest(variable_corrections={"educ": text}),
        FreezeRequest(default_overrides={"cluster": text}),
        FreezeRequest(default_overrides={"vce": text}),
    ):
        with pytest.raises(SsdError) as caught:
            frozen(library, QUESTION, "wage1", request)
        assert caught.value.code in {
            "CONTRACT_COLUMN_NOT_FOUND", "PLAN_FREEZE_MISSING_REQUIRED", "INPUT_VALIDATION_FAILED",
        }  # fmt: skip


def test_stata_code_in_labels_and_values_stays_out(library: Library) -> None:
    base = profile("wage1")
    label = "pay\" _n shell id `=1' $x"
    columns = [msgspec.structs.replace(c, label=label) if c.stata_name == "wage" else c for c in base.columns]
    hostile = column("region", 'a" `shell`', "string", 3, 0)
    hostile = msgspec.structs.replace(hostile, examples=['"\nshell id'], value_labels={"1": "\"' shell id"})
    profiled = DatasetProfile(base.row_count, len(columns) + 1, [*columns, hostile])
    made = frozen(library, QUESTION + " and region", profiled)
    for text in made.do_files.values():
        for line in text.splitlines():
            if "shell" in line:
                inside = re.fullmatch(r'label variable wage "([^"`$]*)"', line)
                assert inside, line


def test_a_draft_is_not_changed_by_freezing(library: Library) -> None:
    inputs = inputs_of("wage1")
    stored = stored_draft(QUESTION, inputs)
    before = msgspec.json.encode(stored)
    Freezer(library, timeout_seconds=1.0).freeze(
        "job_x", QUESTION, stored, inputs, FreezeRequest(answers={"controls": []})
    )
    assert msgspec.json.encode(stored) == before
