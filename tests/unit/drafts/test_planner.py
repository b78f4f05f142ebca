"""Design, goal, unknowns, wording and robustness of the rule planner."""

from __future__ import annotations

import time

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ssd.drafts.compose import complete, propose
from ssd.drafts.design import outcome_kind, without_negations
from ssd.drafts.edits import checked_edits
from ssd.drafts.goals import GOALS
from ssd.drafts.language import language_of
from ssd.drafts.models import Draft, SelectedTemplate
from ssd.drafts.rules import understand
from ssd.errors import SsdError
from ssd.inputs.models import Dataset, DatasetProfile, InputSet, Role
from tests.unit.drafts.corpus import CORPUS, column, profile


class NoTemplates:
    """A library without templates."""

    def choose(
        self, draft: Draft, requirement: str, profile: DatasetProfile, wanted: str | None
    ) -> SelectedTemplate | None:
        return None


def draft_of(requirement: str, data: str | DatasetProfile, **edits: object) -> Draft:
    made = profile(data) if isinstance(data, str) else data
    dataset = Dataset("j", "ds_1", 0, Role.PRIMARY, "d.csv", "csv", 1, "0" * 64, "a", "b", made, "")
    body = propose("draft_x", requirement, InputSet([dataset], "sha256:x"))
    return complete(body, dict(edits), requirement, made, NoTemplates())


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("effect of educ on wage", "en"),
        ("educ对wage的影响", "zh"),
        ("effect of 税负水平 on wage in all the data", "en"),
        ("", "en"),
    ],
)
def test_language(text: str, language: str) -> None:
    assert language_of(text) == language


@pytest.mark.parametrize(
    ("text", "design"),
    [
        ("effect of union on lwage, no fixed effects, plain OLS", "ols"),
        ("effect of union on lwage without clustering but with fixed effects", "panel"),
        ("do not use an instrument; effect of union on lwage by OLS", "ols"),
        ("不使用固定效应，用OLS估计union对lwage的影响", "ols"),
        ("use fixed effects rather than OLS for the effect of union on lwage", "panel"),
    ],
)
def test_refused_methods_are_not_used(text: str, design: str) -> None:
    assert understand(text, profile("wagepan")).design == design


def test_blanking_keeps_every_place() -> None:
    text = "effect of educ on wage without controlling for exper, please"
    assert len(without_negations(text)) == len(text)
    assert "exper" not in without_negations(text)
    assert without_negations(text).endswith(", please")


def test_the_outcome_decides_between_regressions() -> None:
    binary = column("works", "", "boolean", 2, 0, 0, 1)
    count = column("visits", "number of visits", "integer", 9, 0, 0, 12)
    hours = column("hours", "hours worked", "integer", 300, 0, 0, 4950)
    assert outcome_kind(binary) == "binary"
    assert outcome_kind(count) == "count"
    assert outcome_kind(hours, "how many hours") == "continuous"


def test_a_slip_of_the_pen_is_read_and_said() -> None:
    draft = draft_of("the impact of eduction on wage", "wage1")
    assert draft.treatment_var == "educ"


def test_words_that_fit_several_columns_become_a_question() -> None:
    made = DatasetProfile(
        100,
        3,
        [
            column("wage", "", "number", 90, 0, 1, 9),
            column("gdp_pc", "", "number", 90, 0, 1, 9),
            column("gdp_growth", "", "number", 90, 0, 1, 9),
        ],
    )
    draft = draft_of("effect of gdp on wage", made)
    (question,) = [item for item in draft.open_unknowns if item.blocking]
    assert question.field == "treatment_var"
    assert set(question.candidates[:2]) == {"gdp_pc", "gdp_growth"}
    assert draft.decision == "needs_input"
    assert draft_of("effect of gdp on wage", made, treatment_var="gdp_pc").decision == "ready"


def test_the_goal_question_is_always_asked_and_answered_when_clear() -> None:
    for case in CORPUS["cases"]:
        question = draft_of(case["text"], case["data"]).stage1_questions[0]
        assert question.question_id == "analysis_goal"
        assert {option.value for option in question.options} == set(GOALS)
    assert draft_of("effect of educ on wage", "wage1").stage1_questions[0].suggested == "causal"
    assert draft_of("compare wage between men and women", "wage1").stage1_questions[0].suggested == "difference"
    assert draft_of("wage and educ", "wage1").stage1_questions[0].suggested is None


def test_nothing_said_is_not_certain() -> None:
    vague = draft_of("", "wage1")
    plain = draft_of("OLS of wage on educ", "wage1")
    assert vague.design_certainty < 0.6 < plain.design_certainty


@pytest.mark.parametrize("data", sorted(CORPUS["datasets"]))
def test_candidates_are_columns_and_never_what_is_taken(data: str) -> None:
    columns = {c.stata_name for c in profile(data).columns}
    draft = draft_of("2SLS", data)
    for needed in draft.required_variables:
        assert set(needed.candidates) <= columns
        assert len(set(needed.candidates)) == len(needed.candidates)


def test_the_text_is_in_the_language_of_the_requirement() -> None:
    english = draft_of("effect of educ on wage controlling for exper", "wage1").draft_text
    chinese = draft_of("教育年限对月工资的影响，控制年龄", "survey").draft_text
    assert english.startswith("What we understood: you want to know how educ affects wage.")
    assert "Held constant: exper." in english
    assert chinese.startswith("我们的理解：考察受教育年限对月工资")
    assert "控制变量：年龄。" in chinese


def test_warnings_name_the_columns_in_use() -> None:
    made = DatasetProfile(
        20,
        2,
        [column("wage", "", "number", 9, 8, 1, 9), column("educ", "", "integer", 1, 0, 12, 12)],
    )
    draft = draft_of("effect of educ on wage", made)
    assert {item.type for item in draft.data_quality_warnings} == {"few_rows", "missing_values", "constant"}


@settings(max_examples=150, deadline=2000)
@given(st.text(max_size=400))
def test_any_text_gives_a_draft_over_the_columns_of_the_data(text: str) -> None:
    made = profile("province")
    columns = {c.stata_name for c in made.columns}
    found = understand(text, made).found
    singles = (found.outcome, found.treatment, found.group, found.post, found.cluster, found.weights)
    assert {name for name in singles if name} <= columns
    assert set(found.controls) | set(found.instruments) | set(found.fixed_effects) <= columns
    assert found.outcome is None or found.outcome not in found.controls


@settings(max_examples=60, deadline=2000)
@given(
    st.lists(
        st.sampled_from(
            [
                "effect",
                "of",
                "on",
                "controlling",
                "for",
                "and",
                "educ",
                "wage",
                "exper",
                ",",
                ".",
                "with",
                "instrument",
                "clustered",
                "by",
                "compare",
                "between",
            ]
        ),
        max_size=60,
    )
)
def test_no_column_plays_two_main_parts(words: list[str]) -> None:
    found = understand(" ".join(words), profile("wage1")).found
    parts = [name for name in (found.outcome, found.treatment, *found.controls, *found.instruments) if name]
    assert len(parts) == len(set(parts))


def test_a_long_hostile_text_is_read_in_bounded_time() -> None:
    text = "effect of educ on " * 300 + "a" * 3000 + " controlling for " * 300
    begin = time.perf_counter()
    understand(text, profile("wage1"))
    assert time.perf_counter() - begin < 5.0


def test_reading_is_deterministic() -> None:
    for case in CORPUS["cases"][:20]:
        assert msgspec.json.encode(draft_of(case["text"], case["data"])) == msgspec.json.encode(
            draft_of(case["text"], case["data"])
        )


@pytest.mark.parametrize(
    ("updates", "accepted"),
    [
        ({"method": "probit", "cutoff": 1.5, "lags": 2, "running_var": "wage"}, True),
        ({"method": None, "cutoff": None, "lags": None, "event_var": None}, True),
        ({"method": "sorcery"}, False),
        ({"cutoff": "high"}, False),
        ({"cutoff": True}, False),
        ({"lags": 0}, False),
        ({"lags": 1.5}, False),
    ],
)
def test_what_people_may_decide_about_special_designs(updates: dict[str, object], accepted: bool) -> None:
    made = profile("wage1")
    if accepted:
        assert checked_edits(updates, made, ()) == updates
    else:
        with pytest.raises(SsdError) as caught:
            checked_edits(updates, made, ())
        assert caught.value.code == "INPUT_VALIDATION_FAILED"


def test_special_roles_are_told_in_both_languages() -> None:
    english = draft_of("RDD of vote with running variable margin, cutoff 0", "senate").draft_text
    chinese = draft_of("用断点回归研究重点大学对毕业起薪的影响，驱动变量为高考分数，断点为550分", "gaokao").draft_text
    assert "Running variable: margin (Democratic margin of victory)." in english
    assert "Cutoff: 0." in english
    assert "驱动变量：高考分数。" in chinese
    assert "断点：550。" in chinese
