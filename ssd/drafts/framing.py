"""Sentence frames without backtracking: words that stand fixed, and slots of bounded length between them.

A frame is written as a pattern: fixed parts are regular expressions, slots are `(?P<name>[^.;]+?)`. It is
matched from its first fixed part onward; a slot ends where the next fixed part begins, so that the cost grows
with the number of places where the fixed words stand, never with the ways of dividing the text.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

import msgspec

LONGEST_SLOT: Final = 70
"""Characters a slot may hold."""
LONGEST_LIST: Final = 160
"""The same for lists of controls, regressors and variables."""

_SLOT: Final = re.compile(r"\(\?P<(\w+)>(\.|\[\^[^\]]*\])([+*])(\??)\)")
_LISTS: Final = frozenset({"c", "x", "v"})
_MOST_OCCURRENCES: Final = 6
"""How many places of the next fixed part are tried for the end of a slot."""
_LOOK_PAST: Final = 48
"""Characters after the longest slot in which a fixed part may still run on."""


class Span(msgspec.Struct, frozen=True):
    """A filled slot: name, and where it stands."""

    name: str
    start: int
    end: int


class _Slot(msgspec.Struct, frozen=True):
    name: str
    refused: re.Pattern[str]
    """Characters that end the slot at the latest."""
    least: int
    longest: int
    greedy: bool


class Frame:
    """One compiled frame."""

    def __init__(self, pattern: str) -> None:
        parts = _SLOT.split(pattern)
        fixed = [part if part not in {r"\b", ""} else None for part in parts[::5]]
        self._slots = [_slot(*parts[place : place + 4]) for place in range(1, len(parts), 5)]
        self._fixed = [None if part is None else re.compile(part, re.IGNORECASE) for part in fixed]
        self._open_left = self._fixed[0] is None
        anchor = self._fixed[1] if self._open_left else self._fixed[0]
        if anchor is None:
            raise ValueError(f"a frame needs fixed words: {pattern}")
        self._anchor = anchor

    def fill(self, text: str) -> Iterator[list[Span]]:
        """Every place where the frame fits, from left to right, none overlapping."""
        done = 0
        known: dict[int, tuple[int, int]] = {}
        others = [part for part in self._fixed if part is not None and part is not self._anchor]
        for anchor in self._anchor.finditer(text):
            if others and any(part.search(text) is None for part in others):
                return
            others = []
            if anchor.start() < done:
                continue
            filled: list[Span] = []
            if self._open_left:
                left = self._left_of(text, anchor.start(), done)
                if left is None:
                    continue
                filled.append(left)
            rest = self._rest(text, anchor.end(), 1 if self._open_left else 0, known)
            if rest is None:
                continue
            spans, end = rest
            done = max(end, anchor.end())
            yield [*filled, *spans]

    def _left_of(self, text: str, end: int, done: int) -> Span | None:
        slot = self._slots[0]
        start = max(done, end - slot.longest)
        for refused in slot.refused.finditer(text, start, end):
            start = refused.end()
        return Span(slot.name, start, end) if end - start >= slot.least else None

    def _rest(
        self, text: str, position: int, number: int, known: dict[int, tuple[int, int]]
    ) -> tuple[list[Span], int] | None:
        """The slots from `number` on, beginning at `position`; None when they do not fit.

        `known` holds per fixed part a stretch of text, (begin, end), in which it does not begin.
        """
        if number >= len(self._slots):
            return [], position
        slot = self._slots[number]
        limit = min(len(text), position + slot.longest)
        refused = slot.refused.search(text, position, limit)
        if refused is not None:
            limit = refused.start()
        following = self._fixed[number + 1]
        if following is None:
            return ([Span(slot.name, position, limit)], limit) if limit - position >= slot.least else None
        stop = min(len(text), limit + _LOOK_PAST)
        start = position + slot.least
        for _ in range(_MOST_OCCURRENCES):
            begin, end = known.get(number, (0, 0))
            if begin <= start and end > limit:
                return None
            found = following.search(text, end if begin <= start < end else start, stop)
            known[number] = (start, found.start() if found else limit + 1)
            if found is None or found.start() > limit:
                return None
            rest = self._rest(text, found.end(), number + 1, known)
            if rest is not None:
                return [Span(slot.name, position, found.start()), *rest[0]], rest[1]
            start = found.start() + 1
        return None


def _slot(name: str, characters: str, repeat: str, lazy: str) -> _Slot:
    refused = "\n" if characters == "." else f"[{characters[2:-1]}]"
    longest = LONGEST_LIST if name[0] in _LISTS else LONGEST_SLOT
    return _Slot(name, re.compile(refused), 1 if repeat == "+" else 0, longest, not lazy)
