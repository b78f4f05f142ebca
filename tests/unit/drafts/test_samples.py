"""Conditions on the sample, read as structured filters."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from ssd.drafts.rules import understand
from ssd.inputs.models import ColumnProfile, DatasetProfile
from tests.unit.drafts.corpus import column, profile
from tests.unit.drafts.test_planner import draft_of


def filters(text: str, data: str | DatasetProfile) -> list[tuple[str, str, Any]]:
    read = understand(text, profile(data) if isinstance(data, str) else data)
    return [(item.var, item.op, item.value) for item in read.filters]


@pytest.mark.parametrize(
    ("text", "data", "wanted"),
    [
        ("effect of educ on wage, only women", "wage1", [("female", "eq", 1)]),
        ("effect of educ on wage among men", "wage1", [("female", "eq", 0)]),
        ("compare wage between men and women", "wage1", []),
        ("effect of educ on wage if exper >= 10", "wage1", [("exper", "ge", 10)]),
        ("effect of educ on wage where tenure is at least 2", "wage1", [("tenure", "ge", 2)]),
        ("effect of union on lwage, sample restricted to years after 1983", "wagepan", [("year", "gt", 1983)]),
        ("effect of union on lwage, data from 1982 to 1985 only", "wagepan", [("year", "between", [1982, 1985])]),
        ("union对lwage的影响，仅用1983年以后的样本", "wagepan", [("year", "ge", 1983)]),
        ("税负水平对经济发展水平的影响，2010-2018年样本", "province", [("年份", "between", [2010, 2018])]),
        ("effect of cigs on bwght, non-smokers aside, cigs > 0", "bwght", []),
        ("受教育年限对月工资的影响，25-60岁样本", "survey", [("年龄", "between", [25, 60])]),
        ("非国有企业样本：esg对roa的影响", "listed", [("soe", "eq", 0)]),
        ("union members only: effect of tenure on wage", "nlsw88", [("union", "eq", 1)]),
        ("Difference-in-differences of rprice with nearinc, policy after 1980", "kielmc", []),
    ],
)
def test_conditions(text: str, data: str, wanted: list[tuple[str, str, Any]]) -> None:
    assert filters(text, data) == wanted


def test_a_condition_is_no_control_and_no_outcome() -> None:
    found = understand(
        "effect of educ on wage for people with exper > 5, controlling for tenure", profile("wage1")
    ).found
    assert (found.outcome, found.treatment, found.controls) == ("wage", "educ", ("tenure",))


def test_text_columns_are_compared_with_a_value_they_hold() -> None:
    sex = msgspec.structs.replace(column("性别", "", "string", 2, 0), examples=["女", "男"])
    made = DatasetProfile(
        90, 3, [sex, column("工资", "", "number", 80, 0, 1, 9), column("年龄", "", "integer", 30, 0, 1, 60)]
    )
    assert filters("女性样本中年龄对工资的影响", made) == [("性别", "eq", "女")]


def test_value_labels_tell_the_code() -> None:
    sex = ColumnProfile(
        "sex", "sex", "integer", "byte", "%8.0g", "", 0, 2, 1, 2, ["1", "2"], {"1": "male", "2": "female"}
    )
    made = DatasetProfile(
        90, 3, [sex, column("wage", "", "number", 80, 0, 1, 9), column("educ", "", "integer", 9, 0, 1, 20)]
    )
    assert filters("effect of educ on wage among women", made) == [("sex", "eq", 2)]


def test_filters_go_to_the_parameters_and_taken_codes_are_told() -> None:
    draft = draft_of("男性样本中教育对工资的影响", "pinyin")
    assert draft.default_overrides == {"filters": [{"var": "xingbie", "op": "eq", "value": 1}]}
    assert any("xingbie = 1" in warning for warning in draft.warnings)
    assert "样本限于：xingbie = 1。" in draft.draft_text


def test_a_person_can_take_the_condition_back() -> None:
    text = "effect of educ on wage, only women"
    assert draft_of(text, "wage1", default_overrides={"filters": []}).default_overrides == {"filters": []}
    kept = draft_of(text, "wage1", default_overrides={"confidence": 90}).default_overrides
    assert kept == {"filters": [{"var": "female", "op": "eq", "value": 1}], "confidence": 90}
