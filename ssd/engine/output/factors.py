"""The tables of [MV] pca and [MV] factor: eigenvalues, loadings, scoring coefficients."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from ssd.engine.missing import FloatArray
from ssd.engine.output.formats import format_value
from ssd.engine.output.tables import abbreviate, right

if TYPE_CHECKING:
    from ssd.engine.output.log import Log

INDENT = "    "
WIDEST = 6
"""Columns of one block of a table that does not fit the line."""


def heading_line(log: Log, left_text: str, right_text: str) -> None:
    log.line(f"{left_text:<49}{right_text}")


def component_eigenvalues(log: Log, values: FloatArray, total: float) -> None:
    """Eigenvalues of principal components with their shares of the trace."""
    log.line(INDENT + "-" * 74)
    log.line(f"{'Component':>16} |   Eigenvalue   Difference         Proportion   Cumulative")
    _component_rows(log, values, total, "Comp")


def component_variances(log: Log, values: FloatArray, total: float, *, correlated: bool) -> None:
    """Variances of rotated components."""
    log.line(INDENT + "-" * 74)
    if correlated:
        log.line(f"{'Component':>16} |     Variance   Proportion    Rotated comp. are correlated")
        log.line(INDENT + "-" * 13 + "+" + "-" * 60)
        for k, value in enumerate(values, 1):
            log.line(f"{f'Comp{k}':>16} |{_general(value):>13}{value / total:13.4f}")
        log.line(INDENT + "-" * 74)
        return
    log.line(f"{'Component':>16} |     Variance   Difference         Proportion   Cumulative")
    _component_rows(log, values, total, "Comp")


def _component_rows(log: Log, values: FloatArray, total: float, name: str) -> None:
    log.line(INDENT + "-" * 13 + "+" + "-" * 60)
    running = np.cumsum(values)
    for k, value in enumerate(values):
        difference = _general(value - values[k + 1]) if k + 1 < values.size else "."
        row = f"{_general(value):>13}{difference:>13}{value / total:19.4f}{running[k] / total:13.4f}"
        log.line(f"{f'{name}{k + 1}':>16} |{row}")
    log.line(INDENT + "-" * 74)


def _general(value: float) -> str:
    return format_value(float(value), "%10.6g").strip()


def factor_eigenvalues(log: Log, values: FloatArray, total: float, *, heading: str, correlated: bool = False) -> None:
    """Eigenvalues or variances of factors; differences and cumulative shares make no sense when correlated."""
    log.line(INDENT + "-" * 74)
    if correlated:
        log.line(f"{'Factor':>15}  |{heading:>13}   Proportion    Rotated factors are correlated")
    else:
        log.line(f"{'Factor':>15}  |{heading:>13}   Difference        Proportion   Cumulative")
    log.line(INDENT + "-" * 13 + "+" + "-" * 60)
    running = np.cumsum(values)
    for k, value in enumerate(values):
        stub = f"{f'Factor{k + 1}':>15}  |{value:13.5f}"
        if correlated:
            log.line(f"{stub}{value / total:13.4f}")
            continue
        difference = f"{value - values[k + 1]:.5f}" if k + 1 < values.size else "."
        log.line(f"{stub}{difference:>13}{value / total:18.4f}{running[k] / total:13.4f}")
    log.line(INDENT + "-" * 74)


def loading_table(
    log: Log,
    variables: Sequence[str],
    columns: Sequence[str],
    L: FloatArray,
    last: tuple[str, list[str]] | None,
    *,
    blanks: float = 0.0,
    fmt: str = "%8.4f",
    stub: str = "Variable",
) -> None:
    """Loadings in blocks of columns; `last` is the heading and the cells of a column set apart."""
    for start in range(0, max(len(columns), 1), WIDEST):
        block = slice(start, start + WIDEST)
        final = start + WIDEST >= len(columns)
        names = list(columns[block])
        tail = last if final else None
        log.line()
        _block(log, variables, names, L[:, block], tail, blanks, fmt, stub)


def _block(
    log: Log,
    variables: Sequence[str],
    names: list[str],
    L: FloatArray,
    tail: tuple[str, list[str]] | None,
    blanks: float,
    fmt: str,
    stub: str,
) -> None:
    wide = 14 if tail is not None and tail[0] == "Uniqueness" else 13
    width = 14 + 10 * len(names) + (1 + wide if tail is not None else 0)
    log.line(INDENT + "-" * width)
    heads = "".join(f"{abbreviate(name, 8):>9} " for name in names)
    log.line(f"{INDENT}{stub:>12} |{heads}" + (f"|{tail[0]:>{wide - 1}} " if tail is not None else ""))
    joint = INDENT + "-" * 13 + "+" + "-" * (10 * len(names)) + ("+" + "-" * wide if tail is not None else "")
    log.line(joint)
    for i, variable in enumerate(variables):
        cells = "".join(
            f"{'' if abs(value) < blanks else format_value(float(value), fmt).strip():>9} " for value in L[i]
        )
        end = "" if tail is None else f"|{tail[1][i]}"
        log.line(f"{INDENT}{right(abbreviate(variable, 12), 12)} |{cells}{end}")
    log.line(INDENT + "-" * width)


def square_table(log: Log, names: Sequence[str], values: FloatArray, title: str, *, lower: bool = False) -> None:
    """A rotation or correlation matrix of factors or components."""
    log.line()
    log.line(title)
    for start in range(0, len(names), WIDEST + 1):
        block = range(start, min(start + WIDEST + 1, len(names)))
        width = 14 + 9 * len(block)
        log.line()
        log.line(INDENT + "-" * width)
        log.line(f"{INDENT}{'':12} |" + "".join(f"{abbreviate(names[j], 8):>8} " for j in block))
        log.line(INDENT + "-" * 13 + "+" + "-" * (9 * len(block)))
        for i, name in enumerate(names):
            cells = "".join(f"{'' if lower and j > i else f'{values[i, j]:.4f}':>8} " for j in block)
            log.line(f"{INDENT}{right(abbreviate(name, 12), 12)} |{cells}")
        log.line(INDENT + "-" * width)
