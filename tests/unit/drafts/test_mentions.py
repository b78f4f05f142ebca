"""How columns are found in a text."""

from __future__ import annotations

import pytest

from ssd.drafts.mentions import Lexicon, singular
from ssd.drafts.nearness import near_names, slips
from ssd.inputs.models import DatasetProfile
from tests.unit.drafts.corpus import column, profile


def named(text: str, data: str) -> list[str | None]:
    return [mention.column for mention in Lexicon(profile(data)).mentions(text)]


@pytest.mark.parametrize(
    ("text", "data", "wanted"),
    [
        ("educ and WAGE", "wage1", ["educ", "wage"]),
        ("wages rise with experience", "wage1", ["wage", "exper"]),
        ("log wages", "wage1", ["lwage"]),
        ("tenure squared", "wage1", ["tenursq"]),
        ("total work experience", "nlsw88", ["ttl_exp"]),
        ("usual hours worked", "nlsw88", ["hours"]),
        ("men and women", "wage1", ["female", "female"]),
        ("student-teacher ratio", "caschool", ["str"]),
        ("gear ratio", "auto", ["gear_ratio"]),
        ("house prices (lprice)", "kielmc", ["lprice"]),
        ("研发强度和产业结构", "province", ["研发强度", "产业结构"]),
        ("交通基础设施", "province", ["交通基础设施水平"]),
        ("父亲受教育年限与受教育年限", "survey", ["父亲受教育年限", "受教育年限"]),
        ("the effect is a mean of the values", "wage1", []),
    ],
)
def test_mentions(text: str, data: str, wanted: list[str]) -> None:
    assert named(text, data) == wanted


def test_words_that_fit_several_columns_stay_open() -> None:
    made = DatasetProfile(
        10, 2, [column("gdp_pc", "", "number", 10, 0, 1, 2), column("gdp_growth", "", "number", 10, 0, 1, 2)]
    )
    (mention,) = Lexicon(made).mentions("effect of gdp")
    assert mention.column is None
    assert mention.columns == ("gdp_pc", "gdp_growth")


def test_one_letter_and_ordinary_words_name_columns_only_when_written_so() -> None:
    made = DatasetProfile(10, 3, [column(name, "", "number", 10, 0, 1, 2) for name in ("y", "a", "value")])
    assert [m.column for m in Lexicon(made).mentions("what is a value of y")] == ["y"]


@pytest.mark.parametrize(
    ("a", "b", "distance"),
    [
        ("educ", "educ", 0),
        ("eudc", "educ", 1),
        ("edu", "educ", 1),
        ("wgae", "wage", 1),
        ("wage", "age", 1),
        ("abc", "xyz", 3),
    ],
)
def test_slips_of_the_pen(a: str, b: str, distance: int) -> None:
    assert slips(a, b) == slips(b, a) == distance


def test_near_names_come_nearest_first_and_never_the_name_itself() -> None:
    assert near_names("tenurre", ["tenure", "tenured", "wage"]) == ["tenure"]
    assert near_names("tenure", ["tenure"]) == []


@pytest.mark.parametrize(
    ("word", "one"), [("wages", "wage"), ("cities", "city"), ("class", "class"), ("taxes", "tax"), ("gas", "gas")]
)
def test_singular(word: str, one: str) -> None:
    assert singular(word) == one
