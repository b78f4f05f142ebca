"""Macro expansion and macro functions."""

from __future__ import annotations

import pytest

from tests.engine.conftest import Run


def shown(log: str) -> list[str]:
    """Output lines: neither echo nor blank."""
    return [
        line for line in log.splitlines() if line and not line.startswith((". ", "> ")) and line != "end of do-file"
    ]


@pytest.mark.parametrize(
    ("commands", "expected"),
    [
        ("local a 5\ndisplay `a' + 1", "6"),
        ("local i 6\nlocal x6 six\ndisplay \"`x`i''\"", "six"),
        ('local n 1\nglobal g1 val\ndisplay "${g`n\'} $g1"', "val val"),
        ('display "`=2+3\'"', "5"),
        ('local x = 1/3\ndisplay "`x\'"', ".3333333333333333"),
        ('local x = -1/3\ndisplay "`x\'"', "-.3333333333333333"),
        ('local x = 1e10\ndisplay "`x\'"', "10000000000"),
        ("local i 1\ndisplay \"`++i' `i++' `i' `--i' `i--' `i'\"", "2 2 3 2 2 1"),
        ('local a "\\`b\'"\nlocal b later\ndisplay "`a\'"', "later"),
        ('local a "\\`b\'"\nlocal b later\ndisplay "`macval(a)\'|"', "`b'|"),
        ('local a `"say "hi""\'\ndisplay `"`a\'"\'', 'say "hi"'),
        ('local s "a b "\ndisplay "[`s\']"', "[a b ]"),
        ('display "\\$x \\`y\'"', "$x `y'"),
        ('display "[`undefined\']"', "[]"),
        ('local x : word count a "b c" d\ndisplay `x\'', "3"),
        ('display "`: word 2 of a b c\'"', "b"),
        ("local l a b a c\ndisplay \"`: list uniq l'|`: list sizeof l'|`: list dups l'\"", "a b c|4|a"),
        ('local a x y z\nlocal b y\ndisplay "`: list a - b\'|`: list b in a\'|`: list posof "z" in a\'"', "x z|1|3"),
        ("local a x y\nlocal b y w\ndisplay \"`: list a | b'|`: list a & b'|`: list a == b'\"", "x y w|y|0"),
        ('local s aXbXc\ndisplay "`: subinstr local s "X" "-", all\'"', "a-b-c"),
        ('display "`: display %6.2f 2.346\'"', "  2.35"),
        ("local s hello\ndisplay `: strlen local s'", "5"),
        ('display "`: piece 1 5 of "alpha beta"\'"', "alpha"),
        ('tokenize "a b c"\ndisplay "`1\' `3\'"\n', "a c"),
        ('tokenize "x=y", parse("=")\ndisplay "`1\' `2\' `3\'"', "x = y"),
        ('local s "one two three"\ngettoken f s : s\ndisplay "`f\'|`s\'"', "one| two three"),
        ('numlist "1/3 10(5)20"\ndisplay "`r(numlist)\'"', "1 2 3 10 15 20"),
        ("local 变量 7\ndisplay `变量'", "7"),
    ],
)
def test_expansion(run: Run, commands: str, expected: str) -> None:
    session, log = run(commands)
    assert session.state["rc"] == 0, log
    assert shown(log)[-1] == expected


def test_dataset_functions(run: Run) -> None:
    session, log = run(
        'set obs 2\ngenerate byte x = _n\nlabel variable x "The x"\nlabel define yn 1 "yes" 2 "no"\nlabel values x yn\n'
        "display \"`: type x'|`: format x'|`: variable label x'|`: value label x'|`: label yn 2'|`: label (x) 1'\"\n"
    )
    assert session.state["rc"] == 0, log
    assert shown(log)[-1] == "byte|%8.0g|The x|yn|no|yes"


def test_macros_without_end_are_an_error(run: Run) -> None:
    session, _log = run('local a "\\`a\'"\ndisplay "`a\'"\n')
    assert session.state["rc"] == 1000


def test_empty_expression_is_invalid_syntax(run: Run) -> None:
    session, log = run("local items = `r(nosuch)'\n")
    assert (session.state["rc"], "invalid syntax" in log) == (198, True)


def test_very_long_line(run: Run) -> None:
    words = " ".join(f"word{i}" for i in range(6000))
    _session, log = run(f"local l {words}\ndisplay `: word count `l''\n")
    assert shown(log)[-1] == "6000"


def test_stored_results_and_system_values_as_macros(run: Run) -> None:
    _, log = run(
        'program p, rclass\nreturn scalar n = 1/4\nreturn local m "words here"\nend\np\n'
        "display \"`r(n)'|`r(m)'|`r(nosuch)'|`c(level)'|`c(type)'\"\n"
    )
    assert shown(log)[-1] == ".25|words here||95|float"


def test_characteristics_as_macros(run: Run) -> None:
    _, log = run(
        "set obs 1\ngenerate x = 1\nchar x[kind] id\nchar _dta[made] today\ndisplay \"`x[kind]' `_dta[made]'\"\n"
    )
    assert shown(log)[-1] == "id today"
