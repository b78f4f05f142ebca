from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ssd.engine.data.names import is_valid_name
from ssd.inputs.naming import is_stata_name, stata_names, variable_label

headers = st.lists(
    st.one_of(
        st.text(max_size=50),
        st.sampled_from(
            ["", " ", "2001", "a b", "a_b", "A_B", "if", "str5", "_n", "省份", "省份 ", "x" * 40, "a_b_2", "v1"]
        ),
    ),
    max_size=30,
)


@given(headers)
def test_names_are_valid_for_the_engine_and_unique_whatever_the_headers(given_headers: list[str]) -> None:
    names = stata_names(given_headers)
    assert len(names) == len(given_headers)
    assert len(set(names)) == len(names)
    assert all(is_stata_name(name) and is_valid_name(name) for name in names)


@given(headers)
def test_naming_the_names_again_changes_nothing(given_headers: list[str]) -> None:
    names = stata_names(given_headers)
    assert stata_names(names) == names


@pytest.mark.parametrize(
    ("header", "name"),
    [
        ("2001", "_2001"),
        ("GDP per capita (US$)", "GDP_per_capita_US"),
        ("公路里程(公里)", "公路里程_公里"),
        ("", "v1"),
        ("%%%", "v1"),
        ("if", "if_"),
        ("str12", "str12_"),
        ("ＧＤＰ％", "GDP"),
        ("x" * 40, "x" * 32),
        ("`=shell ls'", "shell_ls"),
        ("$x", "x"),
        ("单位：亿元", "单位_亿元"),
    ],
)
def test_a_header_becomes_the_name_the_rule_gives(header: str, name: str) -> None:
    assert stata_names([header]) == [name]


def test_headers_that_are_names_keep_them_and_others_give_way() -> None:
    assert stata_names(["a b", "a_b", "a-b"]) == ["a_b_2", "a_b", "a_b_3"]


def test_a_long_repeated_header_is_cut_so_that_its_number_fits() -> None:
    names = stata_names(["y" * 40, "y" * 41])
    assert names == ["y" * 32, "y" * 30 + "_2"]


def test_a_label_cannot_begin_a_macro() -> None:
    label = variable_label("`x' $y ${z} costs 5$\nper day")
    assert "`" not in label
    assert "$y" not in label and "${" not in label
    assert "5$ per day" in label


def test_a_label_has_at_most_eighty_characters() -> None:
    assert len(variable_label("长" * 200)) == 80
