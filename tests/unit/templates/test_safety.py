"""The safety scan looks at the parsed program."""

from __future__ import annotations

import pytest

from ssd.templates.safety import problems, written_files
from ssd.templates.scan import scan_one


@pytest.mark.parametrize(
    "line",
    [
        "shell ls",
        "!ls",
        "quietly shell ls",
        "capture noisily !ls",
        "if 1 shell ls",
        "foreach x in 1 2 {\n    shell ls\n}",
        "program define p\n    winexec x\nend",
        "python: print(1)",
        "mata: 1",
        "ssc install estout",
        "net install x",
        "copy a.txt b.txt",
        "erase data.dta",
        "rm data.dta",
        "cd ..",
        "do other.do",
        "run other.do",
        "include other.do",
        'use "/etc/passwd", clear',
        'use "../data.dta", clear',
        'save "C:\\x.dta"',
        'graph export "/tmp/x.svg", replace',
        'file open h using "../x.txt", write',
        'import delimited using "http://a.b/c.csv", clear',
        'file open h using "`name\'", write',
        "`command' x",
        "$command x",
    ],
)
def test_what_reaches_outside_is_found(line: str) -> None:
    assert problems(scan_one(f"version 17\n{line}\n"))


def test_text_that_only_looks_dangerous_is_not() -> None:
    do = 'version 17\n* shell ls\ndisplay "shell ls"\nlabel define x 1 "erase", add\n'
    assert problems(scan_one(do)) == []


def test_programs_of_the_do_file_itself_are_allowed() -> None:
    assert problems(scan_one("program define mine\n    display 1\nend\nmine\n")) == []


def test_text_that_does_not_parse_is_found() -> None:
    assert problems(scan_one("foreach x in 1 2 {\ndisplay 1\n"))


def test_written_files_are_known_by_name() -> None:
    lines = ['file open h using "a.csv", write text', 'file open s using "ssd_sentinel.txt", write', 'save "b.dta"']
    do = "\n".join(lines) + "\n"
    assert written_files(scan_one(do)) == {"a.csv", "b.dta"}
