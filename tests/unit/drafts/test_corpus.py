"""The rule planner against requirements as people write them.

The corpus has 184 texts. The 65 of corpus_wide.toml and the 34 of held_out.toml were written before the planner was
run on any of them, by someone who knew its code. At first contact it read 9 of the 65 (13.8%) and 5 of the 34 (14.7%)
entirely right, as it had no running variables, durations, cohorts, exposures, samples or methods within a design
(design alone: 50 of 65 and 25 of 34). It was then mended by looking at the corpus, never at a miss of the held-out
texts: what it reads of those is the honest rate.
"""

from __future__ import annotations

from typing import Any

import pytest

from ssd.drafts.rules import understand
from tests.unit.drafts.corpus import CORPUS, HELD_OUT, WIDER, misses, profile

WANTED_HIT_RATE = 0.96
WANTED_HELD_OUT_RATE = 0.70


def test_the_corpus_is_large_and_in_both_languages() -> None:
    cases = CORPUS["cases"]
    chinese = [case for case in cases if understand(case["text"], profile(case["data"])).language == "zh"]
    assert len(cases) >= 170
    assert len(chinese) >= 50
    assert len(WIDER["cases"]) >= 50
    assert len(HELD_OUT["cases"]) >= 30
    assert len({case["design"] for case in cases}) >= 13


def test_no_held_out_text_is_in_the_corpus() -> None:
    known = {case["text"] for case in CORPUS["cases"]}
    assert not known & {case["text"] for case in HELD_OUT["cases"]}


def test_every_expected_role_names_a_column() -> None:
    for case in (*CORPUS["cases"], *HELD_OUT["cases"]):
        columns = {column.stata_name for column in profile(case["data"]).columns}
        named = {name for key in ("outcome", "treatment", "running", "duration", "event") if (name := case.get(key))}
        assert named | set(case.get("controls", [])) <= columns, case["text"]


def wrong_cases(cases: list[dict[str, Any]]) -> dict[str, list[str]]:
    found = {case["text"]: misses(case, understand(case["text"], profile(case["data"]))) for case in cases}
    return {text: wrong for text, wrong in found.items() if wrong}


def test_the_planner_reads_the_corpus(capsys: pytest.CaptureFixture[str]) -> None:
    wrong, total = wrong_cases(CORPUS["cases"]), len(CORPUS["cases"])
    rate = 1 - len(wrong) / total
    with capsys.disabled():
        print(f"\nrule planner: {total - len(wrong)} of {total} requirements read entirely right ({rate:.1%})")
        for text, found in wrong.items():
            print(f"  {text}\n    " + "\n    ".join(found))
    assert rate >= WANTED_HIT_RATE


def test_the_planner_reads_texts_it_was_never_tuned_on(capsys: pytest.CaptureFixture[str]) -> None:
    """Prints the rate alone: the misses stay unread."""
    wrong, total = wrong_cases(HELD_OUT["cases"]), len(HELD_OUT["cases"])
    rate = 1 - len(wrong) / total
    with capsys.disabled():
        print(f"\nrule planner, held out: {total - len(wrong)} of {total} read entirely right ({rate:.1%})")
    assert rate >= WANTED_HELD_OUT_RATE
