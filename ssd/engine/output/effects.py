"""Coefficient tables of treatment effects: equations with contrasts of levels, labels wrapped in the stub."""

from __future__ import annotations

import math

from ssd.engine.missing import FloatArray
from ssd.engine.output.estimation import CoefficientTable, coefficient_row, print_headings
from ssd.engine.output.log import Log
from ssd.engine.stats.distributions import critical, two_sided


def print_effects(log: Log, table: CoefficientTable, blocks: list[tuple[str, list[tuple[str, str, int]]]]) -> None:
    """Blocks of (equation, rows); a row is (heading, label, position in e(b)); heading "" for plain names."""
    log.line("-" * (table.width + 66))
    print_headings(log, table)
    for equation, rows in blocks:
        log.line("-" * (table.width + 1) + "+" + "-" * 64)
        log.line(f"{equation:<{table.width}} |")
        for heading, label, position in rows:
            numbers = effect_row(table, position)
            if heading:
                log.line(f"{heading:>{table.width}} |")
                pieces = wrapped(label, table.width - 1)
                for piece in pieces[:-1]:
                    log.line(f"{piece:>{table.width - 1}}  |")
                log.line(f"{pieces[-1]:>{table.width - 1}}  |{numbers}")
            else:
                log.line(f"{label:>{table.width}} |{numbers}")
    log.line("-" * (table.width + 66))


def wrapped(label: str, width: int) -> list[str]:
    """The label on one line when it fits, otherwise a word a line, long words cut."""
    if len(label) <= width:
        return [label]
    return [word if len(word) <= width else word[: width - 2] + ".." for word in label.split()]


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
