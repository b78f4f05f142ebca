"""Physical lines of a do-file become logical lines."""

from __future__ import annotations

from ssd.engine.lang.source import logical_lines


def texts(source: str) -> list[str]:
    return [line.text for line in logical_lines(source) if line.text]


def test_continuation_joins_lines_and_keeps_the_first_number() -> None:
    lines = list(logical_lines("\nregress y ///\n  x ///\n  z\ndisplay 1\n"))
    assert [(line.text.split(), line.number) for line in lines if line.text] == [
        (["regress", "y", "x", "z"], 2),
        (["display", "1"], 5),
    ]
    assert lines[1].typed == ("regress y ///", "  x ///", "  z")


def test_comments_disappear_and_strings_stay() -> None:
    source = 'display "http://x" // c\n* whole line\ndisplay 1 /* a /* nested */ b */ + 2\n'
    assert [text.split() for text in texts(source)] == [["display", '"http://x"'], ["display", "1", "+", "2"]]


def test_block_comment_over_lines_joins_them() -> None:
    assert texts("use x /* one\ntwo */ , clear")[0].split() == ["use", "x", ",", "clear"]


def test_double_slash_needs_a_blank_before_it() -> None:
    assert texts("use http://example.org/x.dta") == ["use http://example.org/x.dta"]


def test_compound_quotes_hold_slashes() -> None:
    assert texts('display `"a "b" // c"\' // d') == ['display `"a "b" // c"\'']


def test_semicolon_delimiter_until_cr() -> None:
    source = "#delimit ;\nlocal a\n  b; display 1;\n* note\n over lines;\n#delimit cr\ndisplay 2\n"
    assert [text.split() for text in texts(source)] == [["local", "a", "b"], ["display", "1"], ["display", "2"]]


def test_unfinished_comment_is_marked() -> None:
    last = list(logical_lines("display 1 /* open\n"))[-1]
    assert not last.complete


def test_byte_order_mark_and_windows_line_ends() -> None:
    assert texts("\ufeffdisplay 1\r\ndisplay 2\r\n") == ["display 1", "display 2"]
