"""One judge for all logs: what ends well, what ends badly, and what did not end."""

from __future__ import annotations

from pathlib import Path

import pytest

from ssd.runs.log_judge import Ending, Verdict, fail_line, judge, locate

CORPUS = Path(__file__).parent / "logs"


def verdict_in_name(path: Path) -> tuple[Ending, int | None]:
    """Corpus files are named `<ending>[_<rc>]__<what it shows>.log`."""
    head = path.stem.split("__")[0].split("_")
    return Ending(head[0]), int(head[1]) if len(head) > 1 else None


@pytest.mark.parametrize("path", sorted(CORPUS.glob("*.log")), ids=lambda path: path.stem)
def test_a_log_of_the_corpus_is_judged_as_its_name_says(path: Path) -> None:
    verdict = judge(path.read_bytes().decode("utf-8", "replace"))
    assert (verdict.ending, verdict.rc) == verdict_in_name(path)


def test_the_corpus_is_large_enough_to_mean_something() -> None:
    assert len(list(CORPUS.glob("*.log"))) >= 60


def test_the_message_and_command_of_an_error_are_told() -> None:
    log = (
        '. use "data.dta", clear\n\n. regress y nosuch\nvariable nosuch not found\nr(111);\n\nend of do-file\nr(111);\n'
    )
    assert judge(log) == Verdict(Ending.ERROR, 111, "variable nosuch not found", "regress y nosuch")


def test_a_continued_command_is_joined() -> None:
    log = ". regress y ///\n>     nosuch\nvariable nosuch not found\nr(111);\n\nend of do-file\nr(111);\n"
    assert judge(log).command == "regress y ///    nosuch"


def test_nested_do_files_are_seen_through_to_the_innermost_error() -> None:
    log = ". do inner.do\n\n. assert 1 == 2\nassertion is false\nr(9);\n" + "\nend of do-file\nr(9);\n" * 2
    assert judge(log) == Verdict(Ending.ERROR, 9, "assertion is false", "assert 1 == 2")


def test_no_log_with_a_licence_message_on_stderr_is_a_licence_problem() -> None:
    assert judge(None, "Cannot find license file\n").ending is Ending.LICENCE


def test_no_log_at_all_is_absent() -> None:
    assert judge(None, "stata: not found").ending is Ending.ABSENT


def test_the_fail_line_of_a_template_is_read() -> None:
    fail = fail_line("SSD|fail|not_binary|grade|grade has 3 values\nr(459);\n")
    assert fail is not None
    assert (fail.code, fail.variable, fail.message) == ("not_binary", "grade", "grade has 3 values")


def test_the_line_of_a_command_is_found_only_when_it_is_the_only_one() -> None:
    text = "clear\nregress y x\nsummarize y\nsummarize y\nregress y ///\n    z\n"
    assert locate(text, "regress y x") == 2
    assert locate(text, "summarize y") is None
    assert locate(text, "regress y     z") is None or locate(text, "regress y     z") == 5
