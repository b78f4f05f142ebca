"""The rule planner against requirements as people write them."""

from __future__ import annotations

import pytest

from ssd.drafts.rules import understand
from tests.unit.drafts.corpus import CORPUS, misses, profile

WANTED_HIT_RATE = 0.95


def test_the_corpus_is_large_and_in_both_languages() -> None:
    cases = CORPUS["cases"]
    chinese = [case for case in cases if understand(case["text"], profile(case["data"])).language == "zh"]
    assert len(cases) >= 100
    assert len(chinese) >= 25
    assert len({case["design"] for case in cases}) >= 9


def test_the_planner_reads_the_corpus(capsys: pytest.CaptureFixture[str]) -> None:
    wrong = {}
    for case in CORPUS["cases"]:
        found = misses(case, understand(case["text"], profile(case["data"])))
        if found:
            wrong[case["text"]] = found
    total = len(CORPUS["cases"])
    rate = 1 - len(wrong) / total
    with capsys.disabled():
        print(f"\nrule planner: {total - len(wrong)} of {total} requirements read entirely right ({rate:.1%})")
        for text, found in wrong.items():
            print(f"  {text}\n    " + "\n    ".join(found))
    assert rate >= WANTED_HIT_RATE
