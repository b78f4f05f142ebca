"""The layout that the tables for epidemiologists share: the counts, the estimates, the strata."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from ssd.engine.missing import MISSING
from ssd.engine.output.formats import format_value
from ssd.engine.output.tables import clip, left, right
from ssd.engine.stats.epidemiology import Combined, Measure

if TYPE_CHECKING:
    from ssd.engine.output.log import Log

BLANK = f"{'':16} |{'':24}|"
CLOSE = f"{'':17}+{'-' * 49}"


def shown(value: float) -> str:
    """A value in %9.0g; what does not exist is a dot."""
    return format_value(value if math.isfinite(value) else MISSING, "%9.0g").strip()


def rule(last: int = 11) -> str:
    return f"{'-' * 17}+{'-' * 24}+{'-' * last}"


def counts_heading(log: Log, exposure: str, proportion: bool = False) -> None:
    """The heading of the counts; `exposure` is the variable's label, empty for the immediate forms."""
    log.line()
    if exposure:
        above = "   Proportion" if proportion else ""
        log.line(f"{'':16} | {left(clip(exposure, 22), 22)} |" + (f"{'':11}{above}" if above else ""))
    elif proportion:
        log.line(f"{'':16}  {'':24} {'':11}   Proportion")
    log.line(f"{'':16} |   Exposed   Unexposed  |      Total" + ("      Exposed" if proportion else ""))
    log.line(rule(24 if proportion else 11))


def counts_row(
    log: Log, stub: str, exposed: float, unexposed: float, total: float, proportion: float | None = None
) -> None:
    text = f"{right(clip(stub, 16), 16)} |{shown(exposed):>10}{shown(unexposed):>12}  |{shown(total):>11}"
    log.line(text if proportion is None else f"{text}{proportion:13.4f}")


def estimates_heading(log: Log, level: float) -> None:
    log.line(BLANK)
    log.line(f"{'':16} |      Point estimate    |{right(f'[{level:g}% conf. interval]', 24)}")
    log.line(f"{'':17}|{'-' * 24}+{'-' * 24}")


def estimate_row(log: Log, stub: str, measure: Measure, note: str = "", *, limits: bool = True) -> None:
    ends = f"{shown(measure.low):>12}{shown(measure.high):>12}" if limits else ""
    log.line(f"{stub:>16} |{shown(measure.value):>17}       |{ends}" + (f" {note}" if note else ""))


def strata_table(
    log: Log,
    stub: str,
    labels: Sequence[str],
    found: Combined,
    crude: Measure,
    heading: str,
    level: float,
    notes: tuple[str, str] = ("", ""),
) -> None:
    """One row per stratum, the crude and the combined measure, and the test of homogeneity.

    `notes` follow the rows of strata and the crude row.
    """
    first = 12 if heading == "RR" else 11
    log.line()
    log.line(f"{right(clip(stub, 16), 16)} |{heading:>9}   {right(f'[{level:g}% conf. interval]', 24)}   M-H Weight")
    log.line("-" * 17 + "+" + "-" * 49)
    for label, measure, weight in zip(labels, found.strata, found.weights, strict=True):
        note = f" {notes[0]}" if notes[0] else ""
        log.line(f"{right(clip(label, 16), 16)} |{_cells(measure, first)}{shown(weight):>13}{note}")
    log.line("-" * 17 + "+" + "-" * 49)
    log.line(f"{'Crude':>16} |{_cells(crude, first)}" + (f"{'':13} {notes[1]}" if notes[1] else ""))
    log.line(f"{'M-H combined':>16} |{_cells(found.combined, first)}")
    log.line("-" * 67)


def _cells(measure: Measure, first: int) -> str:
    """The estimate in `first` columns; the lower limit ends in the same column whatever that is."""
    return f"{shown(measure.value):>{first}}{shown(measure.low):>{25 - first}}{shown(measure.high):>11}"
