"""Sentence frames: the ways in which people say which variable plays which role, in English and Chinese.

A frame is a pattern whose named groups are slots; the columns mentioned inside a slot get its role.
Slots: y outcome, t treatment, x first regressor and further ones, c controls, z instruments, k cluster,
f fixed effects, w weights, g group, p post period, v variables, e entity, d time, r running variable,
s survival time, o event that ends it, h time of first treatment, q exposure. A slot that is open to the
left (its name ends in `_left`) counts only the columns next to the words of the frame; one whose name ends in
`_next` counts only a column that follows at once, one in `_list` the columns of the list that follows at once.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from ssd.drafts.frames_en import ENGLISH
from ssd.drafts.frames_zh import CHINESE
from ssd.drafts.framing import Frame, Span
from ssd.drafts.language import has_han

_ENGLISH: Final = tuple(map(Frame, ENGLISH))
_CHINESE: Final = tuple(map(Frame, CHINESE))


def filled_slots(text: str) -> Iterator[Span]:
    """Every slot of every frame that fits, in the order of the frames."""
    for frame in (*_ENGLISH, *(_CHINESE if has_han(text) else ())):
        for spans in frame.fill(text):
            yield from spans
