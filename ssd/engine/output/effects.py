"""Coefficient tables of treatment effects: equations with contrasts of levels, labels wrapped in the stub."""

from __future__ import annotations

import math

from ssd.engine.missing import FloatArray
from ssd.engine.output.estimation import CoefficientTable, coefficient_row, print_headings
from ssd.engine.output.log import Log
from ssd.engine.stats.distributions import critical, two_sided


def print_effects(log: Log, table: CoefficientTable, blocks: list[tuple[str, list[tuple[str, str, int]]]]) -> None:
    """Blocks of (equation, rows); a row is (heading, label, position in e(b)).

    The heading is "" for plain names and blank for a further level under the heading before.
    """
    log.line("-" * (table.width + 66))
    print_headings(log, table)
    for equation, rows in blocks:
        log.line("-" * (table.width + 1) + "+" + "-" * 64)
        log.line(f"{equation:<{table.width}} |")
        for heading, label, position in rows:
            numbers = effect_row(table, position)
            if heading:
                if heading.strip():
                    log.line(f"{heading:>{table.width}} |")
                pieces = wrapped(label, table.width - 1)
                for piece in pieces[:-1]:
                    log.line(f"{piece:>{table.width - 1}}  |")
                log.line(f"{pieces[-1]:>{table.width - 1}}  |{numbers}")
            else:
                log.line(f"{label:>{table.width}} |{numbers}")
    log.line("-" * (table.width + 66))


def wrapped(label: str, width: int) -> list[str]:
    """The label on one line when it fits, otherwise a line for each side of a contrast, long words cut."""
    if len(label) <= width:
        return [label]
    sides = label.split(" vs ")
    parts = [sides[0], "vs", sides[1]] if len(sides) == 2 else [label]
    lines: list[str] = []
    for part in parts:
        current = ""
        for word in part.split():
            shown = word if len(word) <= width else word[: width - 2] + ".."
            if current and len(current) + 1 + len(shown) > width:
                lines.append(current)
                current = ""
            current = f"{current} {shown}" if current else shown
        lines.append(current)
    return lines


def effect_row(table: CoefficientTable, position: int) -> str:
    """Estimate, standard error, test and interval of one parameter."""
    b, variance = float(table.b[position]), float(table.V[position, position])
    if not variance > 0.0:
        return coefficient_row(b, math.nan, math.nan, math.nan, math.nan, math.nan)
    se = math.sqrt(variance)
    half = critical(table.level, table.df) * se
    return coefficient_row(b, se, b / se, two_sided(b / se, table.df), b - half, b + half)


def spread(values: FloatArray) -> tuple[float, float]:
    """Smallest and largest, for headers."""
    return float(values.min()), float(values.max())
