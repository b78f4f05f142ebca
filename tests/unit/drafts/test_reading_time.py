"""Reading takes a bounded time whatever the text: at most 50 ms of processor time for 2,000 characters."""

from __future__ import annotations

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ssd.drafts.framing import Frame
from ssd.drafts.rules import LONGEST_TEXT, understand
from tests.unit.drafts.corpus import profile

MOST_SECONDS = 0.05
DATA = ("wage1", "listed", "province", "happiness")
PIECES = (
    "effect of ", "on ", "controlling for ", "regress ", "with ", "as ", "instrument ", "clustered by ", "compare ",
    "between ", "more than ", "less ", "no ", "not ", "without ", "interaction ", "year > 1990 ",
    "only women ", "aged 20 to ",
    "matching on ", "running variable ", "the ", "a", " ", "\n", ",", ".", "(", "wage ", "educ", "wgea ", "1990-2000 ",
    "控制", "对", "的影响", "以", "为", "工具变量", "不要",
    "固定效应", "样本", "2010年以后", "数字化转型", "税负水平", "滞后2期",
    "作为", "，", "。", "男性样本", "聚类到", "协整",
)  # fmt: skip


def seconds(text: str, data: str) -> float:
    """The best of a few readings: the processor is shared with other work."""
    made = profile(data)
    best = float("inf")
    for _ in range(5):
        begin = time.thread_time()
        understand(text, made)
        best = min(best, time.thread_time() - begin)
        if best <= MOST_SECONDS:
            break
    return best


@pytest.mark.parametrize("piece", PIECES)
def test_no_piece_makes_reading_explode(piece: str) -> None:
    """A guard against backtracking that no slow machine can trip; the bound itself is tested by the slow tests."""
    text = (piece * (LONGEST_TEXT // len(piece) + 1))[:LONGEST_TEXT]
    assert seconds(text, "listed") <= 20 * MOST_SECONDS


@pytest.mark.slow
@pytest.mark.parametrize("piece", PIECES)
@pytest.mark.parametrize("data", ["wage1", "listed"])
def test_one_piece_over_and_over(piece: str, data: str) -> None:
    text = (piece * (LONGEST_TEXT // len(piece) + 1))[:LONGEST_TEXT]
    assert seconds(text, data) <= MOST_SECONDS


@pytest.mark.slow
@settings(max_examples=60, deadline=None)
@given(
    pieces=st.lists(st.sampled_from(PIECES), min_size=1, max_size=8),
    data=st.sampled_from(DATA),
)
def test_any_pattern_of_pieces(pieces: list[str], data: str) -> None:
    pattern = "".join(pieces)
    text = (pattern * (LONGEST_TEXT // len(pattern) + 1))[:LONGEST_TEXT]
    assert seconds(text, data) <= MOST_SECONDS


@pytest.mark.slow
@settings(max_examples=40, deadline=None)
@given(text=st.text(min_size=400, max_size=2500), data=st.sampled_from(DATA))
def test_any_text(text: str, data: str) -> None:
    assert seconds(text, data) <= MOST_SECONDS


@pytest.mark.slow
def test_a_document_pasted_in_is_read_at_its_beginning_only() -> None:
    assert seconds("effect of educ on wage. " + "controlling for exper " * 20_000, "wage1") <= MOST_SECONDS


def test_a_frame_finds_its_slots_and_stops_at_what_it_refuses() -> None:
    frame = Frame(r"\beffect\s+of\s+(?P<t>[^.]+?)\s+on\s+(?P<y>[^.]+?)(?=\s+for\b|$)")
    text = "effect of a on b for c. effect of. d on e"
    spans = [(span.name, text[span.start : span.end]) for spans in frame.fill(text) for span in spans]
    assert spans == [("t", "a"), ("y", "b")]


def test_a_slot_open_to_the_left_begins_after_the_last_refused_character() -> None:
    frame = Frame(r"\b(?P<y_left>[^.,]+?)\s+depends\s+on\s+(?P<x>[^.]+)")
    text = "first, wage depends on educ"
    (spans,) = frame.fill(text)
    assert [(span.name, text[span.start : span.end].strip()) for span in spans] == [("y_left", "wage"), ("x", "educ")]


def test_a_frame_needs_fixed_words() -> None:
    with pytest.raises(ValueError, match="fixed words"):
        Frame(r"(?P<t>[^.]+?)")
