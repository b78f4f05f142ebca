"""The slots of the sentence frames with the columns mentioned in them."""

from __future__ import annotations

import re
from typing import Final

import msgspec

from ssd.drafts.frames import filled_slots
from ssd.drafts.mentions import Mention

SLOT_ROLES: Final = {
    "y": "outcome", "t": "treatment", "x": "regressors", "c": "controls", "z": "instruments", "k": "cluster",
    "f": "fixed_effects", "w": "weights", "g": "group", "p": "post", "v": "variables", "e": "entity", "d": "time",
    "r": "running", "s": "duration", "o": "event", "h": "cohort", "q": "exposure",
}  # fmt: skip

_CONNECTOR: Final = re.compile(
    r"^[\s,、，和与及\"'“”‘’()（）]*"
    r"(?:and|or|as well as|plus|以及|还有|the|their|log of|&|\+)?(?:\s+the|\s+their)?[\s\"'“”‘’(（]*$",
    re.IGNORECASE,
)
_AT_ONCE: Final = re.compile(r"^[\s\"'“”‘’(（:：]*(?:the\s+|by\s+|is\s+)?$", re.IGNORECASE)
_NEAR_END: Final = 28


class Slot(msgspec.Struct, frozen=True):
    """What stands in one slot of a frame."""

    role: str
    text: str
    start: int
    mentions: tuple[Mention, ...]
    strict: bool = False
    """Only a column that is named exactly there counts."""


def read_slots(text: str, mentions: list[Mention]) -> list[Slot]:
    """Every slot of every frame that fits, in the order of the frames."""
    found = []
    for span in filled_slots(text):
        inside = [m for m in mentions if m.start >= span.start and m.end <= span.end]
        name, at_once = span.name, False
        if name.endswith("_left"):
            inside = _next_to(text, inside, span.end)
        elif name.endswith(("_next", "_list")):
            at_once = True
            inside = _following(text, inside, span.start, 1 if name.endswith("_next") else len(inside))
        found.append(Slot(SLOT_ROLES[name[0]], text[span.start : span.end], span.start, tuple(inside), at_once))
    return found


def _following(text: str, inside: list[Mention], start: int, most: int) -> list[Mention]:
    """The mentions of the list that begins right at `start`, `most` at most."""
    group: list[Mention] = []
    for mention in inside[:most]:
        gap = text[group[-1].end : mention.start] if group else text[start : mention.start]
        if not (_CONNECTOR if group else _AT_ONCE).match(gap):
            break
        group.append(mention)
    return group


def _next_to(text: str, inside: list[Mention], end: int) -> list[Mention]:
    """The mentions that stand together right before `end`."""
    if not inside or end - inside[-1].end > _NEAR_END:
        return []
    group = [inside[-1]]
    for mention in reversed(inside[:-1]):
        if not _CONNECTOR.match(text[mention.end : group[0].start]):
            break
        group.insert(0, mention)
    return group
