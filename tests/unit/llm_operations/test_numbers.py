"""Numbers in texts: what counts as one, what it may stand for, and what is refused."""

from __future__ import annotations

import pytest

from ssd.llm.operations.numbers import (
    Citation,
    ResultFact,
    citation_problems,
    numbers_in,
    numbers_in_words,
    stands_for,
    text_problems,
)

FACTS = [
    ResultFact("main.educ.estimate", 0.0920289894358743, "02_main/tidy.csv", "educ"),
    ResultFact("main.N", 526.0, "02_main/glance.csv"),
    ResultFact("main.N", 526.0, "03_robustness_1/glance.csv"),
]


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("rises by 0.092 (p = .03)", [0.092, 0.03]),
        ("from 1,234.5 to 12,345", [1234.5, 12345.0]),
        ("falls by −0.3 or -0.3", [-0.3, -0.3]),
        ("1.9e-6 and 2E3", [1.9e-6, 2000.0]),
        ("9.2% of １２３ firms", [9.2, 123.0]),
        ("y81, M2, 2SLS, x_1 and v1.2 are names", []),
        ("工资提高0.092", [0.092]),
        ("between 3 and 4.", [3.0, 4.0]),
        ("the range 1–2", [1.0, 2.0]),
        ("no numbers here", []),
    ],
)
def test_numbers_are_found(text, values):
    assert [number.value for number in numbers_in(text)] == pytest.approx(values)


@pytest.mark.parametrize(
    ("written", "value", "holds"),
    [
        ("0.092", 0.0920289894, True),
        ("0.0920", 0.0920289894, True),
        ("0.093", 0.0920289894, False),
        ("0.0921", 0.0920289894, False),
        ("9.2%", 0.0920289894, True),
        ("9.2 percent", 0.0920289894, True),
        ("9.2", 0.0920289894, False),
        ("0.3", -0.3, True),
        ("526", 526.0, True),
        ("527", 526.0, False),
        ("1.6e-06", 1.62790512985e-06, True),
        ("100", 0.999, False),
        ("0", 0.3, False),
        ("0.000", 0.00000162, True),
        ("1", 0.6, False),
    ],
)
def test_a_written_number_stands_for_a_value_to_its_digits(written, value, holds):
    (number,) = numbers_in(written)
    assert stands_for(number, value) is holds


@pytest.mark.parametrize(
    "text",
    [
        "rises by ten percent",
        "is twice as high",
        "wages doubled",
        "提高百分之九",
        "增加了三倍",
        "two thirds percentage points",
    ],
)
def test_numbers_in_words_are_found(text):
    assert numbers_in_words(text) != []


@pytest.mark.parametrize(
    "text", ["one more year", "the two groups", "a third variable", "一个变量", "成立", "双重差分"]
)
def test_ordinary_words_are_no_numbers(text):
    assert numbers_in_words(text) == []


def test_a_right_citation_has_no_problem():
    assert citation_problems([Citation("main.educ.estimate", 0.0920289894358743, "02_main/tidy.csv")], FACTS) == []


@pytest.mark.parametrize(
    ("citation", "told"),
    [
        (Citation("main.educ.estimate", 0.092, "02_main/tidy.csv"), "is 0.0920289894358743 in"),
        (Citation("main.educ.estimate", -0.0920289894358743, "02_main/tidy.csv"), "not -0.092"),
        (Citation("main.educ.estimate", 0.0920289894358743, "01_overview/tidy.csv"), "It stands in 02_main/tidy.csv"),
        (Citation("main.exper.estimate", 0.0920289894358743, "02_main/tidy.csv"), "Cite only metrics"),
        (Citation("main.educ.estimate", float("nan"), "02_main/tidy.csv"), "not nan"),
        (Citation("main.educ.estimate", float("inf"), "02_main/tidy.csv"), "not inf"),
        (Citation("../../etc/passwd", 1.0, "/etc/passwd"), "has no metric"),
    ],
)
def test_a_wrong_citation_is_named(citation, told):
    (problem,) = citation_problems([citation], FACTS)
    assert told in problem


def test_only_cited_numbers_may_stand_in_a_text():
    assert text_problems("rises by 0.092", [0.0920289894]) == []
    assert text_problems("rises by 0.092 of 526", [0.0920289894]) != []
    assert text_problems("at the 95% level", [0.0920289894]) != []
