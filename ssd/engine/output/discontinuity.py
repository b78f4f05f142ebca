"""Two-sided headers of the regression discontinuity commands: values left and right of the cutoff."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import zip_longest

from ssd.engine.output.estimation import number
from ssd.engine.output.log import Log


def placed(*pieces: tuple[int, str]) -> str:
    """Texts at columns counted from 1, never overlapping."""
    line = ""
    for column, text in pieces:
        line = line.ljust(column - 1) + text
    return line


def pair(label: str, left: str, right: str, stub: int = 18) -> str:
    """`label | left right`, the values ten and twelve columns wide."""
    return f"{label:>{stub}} |{left:>10}{right:>12}"


def side_header(
    log: Log,
    cutoff: str,
    rows: Sequence[tuple[str, str, str]],
    entries: Sequence[tuple[str, str]],
    *,
    stub: int = 18,
    column: int = 55,
    widths: tuple[int, int] = (13, 10),
) -> None:
    """The upper block: rows of left and right values, and `label = value` entries beside the first of them."""
    lines = [f"{cutoff:>{stub}} | Left of c  Right of c", "-" * (stub + 1) + "+" + "-" * 22]
    lines += [pair(*row, stub=stub) for row in rows]
    beside = [f"{label:<{widths[0]}} = {value:>{widths[1]}}" for label, value in entries]
    for text, entry in zip_longest(lines, beside, fillvalue=""):
        log.line(placed((1, text), (column, entry)) if entry else text)


def effect_line(
    label: str, estimate: tuple[float, float] | None, z: float, p: float, interval: tuple[float, float]
) -> str:
    """A row of the table of effects; estimate and standard error may be left blank."""
    shown = ["    -", "    -"] if estimate is None else [f"{number(value, '%7.0g'):>7}" for value in estimate]
    low, high = (f"{number(value, '%8.0g'):>8}" for value in interval)
    tests = ["    .", "    ."] if math.isnan(z) else [f"{z:5.4f}", f"{p:5.3f}"]
    return placed(
        (1, f"{label:>18} |"), (22, shown[0]), (33, shown[1]), (43, tests[0]), (52, tests[1]), (60, low), (73, high)
    )


def effect_heading(log: Log, level: float) -> None:
    log.line("-" * 80)
    log.line(
        placed((1, f"{'Method':>18} |"), (24, "Coef."), (33, "Std. Err."), (46, "z"), (52, "P>|z|"),
               (61, f"[{level:g}% Conf. Interval]"))
    )  # fmt: skip
    log.line("-" * 19 + "+" + "-" * 60)
