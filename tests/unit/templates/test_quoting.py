"""What can be written into a do-file, and what is refused."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ssd.templates import quoting
from ssd.templates.quoting import UnquotableError

HOSTILE = [
    'x" ; shell rm -rf / "',
    "`=1+1'",
    "$HOME",
    "${S_ADO}",
    "a\nshell ls",
    "a /* b",
    "a */ b",
    "a // b",
    "/// b",
    "ends with \\",
    "ends with $",
    "\x00",
    "line\u2028separator",
    "\ud800",
]


@pytest.mark.parametrize("text", HOSTILE)
def test_text_that_could_leave_its_quotes_is_refused(text: str) -> None:
    with pytest.raises(UnquotableError):
        quoting.quoted(text)


@pytest.mark.parametrize("text", ["", "O'Brien", "a \\ b", "5 $ each", "http://a.b", "北京 & 上海", "it's 5' tall"])
def test_ordinary_text_is_quoted_as_it_is(text: str) -> None:
    assert quoting.quoted(text) == f'"{text}"'


@pytest.mark.parametrize("name", ["x", "_x", "工资", "Größe", "a" * 32, "v1", "strength"])
def test_stata_names_are_accepted(name: str) -> None:
    assert quoting.variable(name) == name


@pytest.mark.parametrize("name", ["", "1x", "a b", "a-b", "a" * 33, "if", "_n", "str5", "x;y", "x\n", "`x'", "a.b"])
def test_what_is_no_stata_name_is_refused(name: str) -> None:
    with pytest.raises(UnquotableError):
        quoting.variable(name)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), True, "1", None])
def test_only_finite_numbers_are_numbers(value: object) -> None:
    with pytest.raises(UnquotableError):
        quoting.number(value)


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_a_number_keeps_all_its_digits(value: float) -> None:
    assert float(quoting.number(value)) == value


@given(st.text())
def test_a_comment_stays_one_line_and_never_continues(text: str) -> None:
    written = quoting.comment(text)
    assert len(written.splitlines()) <= 1
    assert not re.search(r"[`$\"'/*;\\]", written)


@given(st.text(max_size=300))
def test_a_label_can_always_be_made_quotable(text: str) -> None:
    assert quoting.is_quotable(quoting.legible(text))


@given(st.text(max_size=80))
def test_what_is_quotable_holds_no_macro_quote_or_line_end(text: str) -> None:
    if quoting.is_quotable(text):
        assert not set(text) & set('`"\n\r\x00')
        assert not re.search(r"\$[A-Za-z_{]", text)
