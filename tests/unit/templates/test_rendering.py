"""Rendering is deterministic, refuses what is not text of Stata, and knows where every line comes from."""

from __future__ import annotations

from pathlib import Path

import pytest
from jinja2 import UndefinedError

from ssd.templates.quoting import UnquotableError
from ssd.templates.rendering import environment, mark_lines


def write(folder: Path, name: str, text: str) -> None:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, "utf-8")


def rendered(folder: Path, text: str, **values: object) -> str:
    write(folder, "t.do", text)
    marked = environment(folder).get_template("t.do").render(values)
    return "".join(part.split("\x1f")[-1] for part in marked.replace("\x1d", "").split("\x1e"))


def test_a_name_is_written_and_other_text_refused(tmp_path: Path) -> None:
    assert rendered(tmp_path, "summarize [[ x ]]\n", x="wage").strip() == "summarize wage"
    with pytest.raises(UnquotableError):
        rendered(tmp_path, "summarize [[ x ]]\n", x="wage, detail")


def test_html_is_not_escaped_in_what_the_filters_made_safe(tmp_path: Path) -> None:
    assert rendered(tmp_path, "display [[ x | quoted ]]\n", x="a < b & c").strip() == 'display "a < b & c"'


def test_an_undefined_name_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(UndefinedError):
        rendered(tmp_path, "summarize [[ x ]]\n")


@pytest.mark.parametrize("value", [None, [], {}, b"x", object()])
def test_only_names_and_numbers_can_be_written(tmp_path: Path, value: object) -> None:
    with pytest.raises(UnquotableError):
        rendered(tmp_path, "display [[ x ]]\n", x=value)


def test_the_sandbox_keeps_templates_from_python(tmp_path: Path) -> None:
    with pytest.raises(Exception, match=r"unsafe|undefined"):
        rendered(tmp_path, "[[ x.__class__.__mro__ ]]\n", x="a")


def test_a_line_that_ends_in_a_statement_keeps_its_line_end(tmp_path: Path) -> None:
    source = "regress y[% if c %], vce(robust)[% endif %]\nsummarize y\n"
    assert rendered(tmp_path, source, c=True) == "regress y, vce(robust)\nsummarize y\n"


def test_lines_that_are_only_statements_leave_nothing(tmp_path: Path) -> None:
    source = "  [% if c %]\nsummarize y\n  [% endif %]\n[# a remark\nover two lines #]\ndisplay 1\n"
    assert rendered(tmp_path, source, c=True) == "summarize y\ndisplay 1\n"


def test_marks_stay_out_of_statements_over_several_lines() -> None:
    marked = mark_lines("[% set a = [\n  1,\n] %]\ndisplay 1\n", "t.do")
    assert marked == "[% set a = [\n  1,\n] %]\n\x1et.do:4\x1fdisplay 1\n"


def test_files_outside_the_library_cannot_be_included(tmp_path: Path) -> None:
    write(tmp_path, "secret.do", "display 1\n")
    library = tmp_path / "library"
    with pytest.raises(Exception, match=r"secret"):
        rendered(library, '[% include "../secret.do" %]\n')
