"""Words placed in the plot region, and ticks without labels or with small ones."""

from __future__ import annotations

import re

from ssd.engine.errors import StataError, unsupported
from ssd.engine.graphics import colors
from ssd.engine.graphics.model import Axis, Panel, PlacedText
from ssd.engine.graphics.options import Options, split_suboptions
from ssd.engine.lang.numlist import parse_numlist
from ssd.engine.lang.quoting import split_words, strip_quotes
from ssd.engine.session import Session

_COMPASS = {
    "c": ("center", "center"), "n": ("center", "bottom"), "s": ("center", "top"), "e": ("left", "center"),
    "w": ("right", "center"), "ne": ("left", "bottom"), "nw": ("right", "bottom"), "se": ("left", "top"),
    "sw": ("right", "top"),
}  # fmt: skip
"""Horizontal and vertical alignment of text that lies in a direction of its point."""

_CLOCK = {
    0: "c", 1: "ne", 2: "ne", 3: "e", 4: "se", 5: "se", 6: "s", 7: "sw", 8: "sw", 9: "w", 10: "nw", 11: "nw", 12: "n",
}  # fmt: skip


def read_placed(options: Options, panel: Panel, session: Session) -> None:
    """text(y x "words" …) and ttext(): words at points of the plot region. Raises r(198) when malformed."""
    for name, least in (("text", 4), ("ttext", 5)):
        for item in options.take_all(name, least):
            panel.notes.extend(_placed(item.value or "", session))


def _placed(value: str, session: Session) -> list[PlacedText]:
    body, sub = split_suboptions(value)
    place = (sub.take("placement", 1) or "c").strip()
    shade, size = sub.take("color", 1), sub.take("size", 2)
    angle = sub.take("orientation", 1)
    turned = {None: 0.0, "horizontal": 0.0, "vertical": 90.0, "rvertical": -90.0}
    if angle is not None and angle.strip() not in turned:
        raise StataError(198, f"orientation({angle}) not found")
    boxed = sub.flag("box", 3)
    edge = sub.take("lcolor", 2)
    fill = sub.take("fcolor", 2) or sub.take("bcolor", 2)
    justification = (sub.take("justification", 1) or "").strip()
    for other, least in (("margin", 3), ("width", 5), ("height", 6), ("linegap", 4), ("alignment", 5)):
        sub.refuse(other, least)
    sub.finish()
    if place.isdigit():
        place = _CLOCK.get(int(place), "")
    across = {"center": "c", "north": "n", "south": "s", "east": "e", "west": "w", "top": "n", "bottom": "s",
              "right": "e", "left": "w"}.get(place, place)  # fmt: skip
    if across not in _COMPASS:
        raise StataError(198, f"placement({place}) not found")
    horizontal, vertical = _COMPASS[across]
    if justification not in ("", "left", "right", "center"):
        raise StataError(198, f"justification({justification}) not found")
    words = split_words(body, keep_quotes=True)
    found: list[PlacedText] = []
    numbers: list[float] = []
    for word in words:
        if word.startswith(('"', '`"')):
            if len(numbers) == 2:
                found.append(PlacedText(
                    numbers[1], numbers[0], strip_quotes(word), colors.text_size(size) if size else None,
                    colors.color(shade)[0] if shade else None, turned[angle.strip() if angle else None], horizontal,
                    vertical, boxed or edge is not None or fill is not None, colors.color(fill)[0] if fill else None,
                ))  # fmt: skip
                numbers = []
            elif found and not numbers:
                found[-1].text += "\n" + strip_quotes(word)
            else:
                raise StataError(198, f"text({body}) invalid: two numbers and a text expected")
        else:
            numbers.append(session.evaluate_number(word.lstrip("=")))
    if numbers or not found:
        raise StataError(198, f"text({body}) invalid: two numbers and a text expected")
    return found


def read_minor(options: Options, letter: str, axis: Axis, session: Session) -> None:
    """xtick(), xmtick() and xmlabel() (or y…): further ticks, and the parts of `##` rules."""
    for name, least in ((f"{letter}tick", 5), (f"{letter}mtick", 4), (f"{letter}mlabel", 4)):
        for item in options.take_all(name, least):
            body, sub = split_suboptions(item.value or "")
            sub.flag("grid", 2)
            size = sub.take("labsize", 4)
            sub.take("tlength", 2)
            sub.finish()
            rule = re.fullmatch(r"##(\d+)", body.strip())
            if rule is not None:
                axis.minor_parts = int(rule[1])
            elif body.strip() == "none":
                axis.minor, axis.minor_parts = [], None
            elif body.strip().startswith("#"):
                raise unsupported(f"{name}({body.strip()})")
            else:
                axis.minor.extend(parse_numlist(body, missing=False))
            if name.endswith("mlabel"):
                axis.minor_labels = True
                axis.minor_size = colors.text_size(size) if size else None
