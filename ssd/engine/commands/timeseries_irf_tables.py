"""irf table and irf ctable: responses by step in boxes that fit the line."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ssd.engine.commands.timeseries_irf_results import IrfSet, Pair
from ssd.engine.output.estimation import number
from ssd.engine.stats.distributions import critical

if TYPE_CHECKING:
    from ssd.engine.session import Session

_LINE = 80
"""Columns of the line that boxes fill."""


@dataclass(frozen=True)
class Group:
    """Columns of one pair: their headings and cells by step."""

    pair: Pair
    headings: list[str]
    cells: list[list[str]]

    @property
    def width(self) -> int:
        return 12 * len(self.headings) - 1


def group_of(
    irf_set: IrfSet, pair: Pair, statistics: Sequence[str], level: float, *, bounds: bool, errors: bool
) -> Group:
    """Values with confidence bounds and standard errors where the result has them."""
    result = irf_set.get(pair.irfname)
    z = critical(level, None)
    headings: list[str] = []
    cells: list[list[str]] = [[] for _ in range(result.steps + 1)]
    for statistic in statistics:
        values, spread = result.column(statistic, pair.impulse, pair.response)
        headings.append(statistic)
        if spread is not None:
            headings += (["Lower", "Upper"] if bounds else []) + (["S.E."] if errors else [])
        for step, value in enumerate(values):
            cells[step].append(_cell(float(value)))
            if spread is None:
                continue
            se = float(spread[step])
            if bounds:
                cells[step] += [_cell(float(value) - z * se), _cell(float(value) + z * se)]
            if errors:
                cells[step].append(_cell(se))
    return Group(pair, headings, cells)


def _cell(value: float) -> str:
    return number(value, "%8.0g")


def print_groups(session: Session, groups: Sequence[Group], steps: int, level: float, *, title: str = "") -> None:
    """All groups in as few boxes as the line allows, numbered, with a legend of the pairs."""
    log = session.log
    log.line()
    used = list(dict.fromkeys(group.pair.irfname for group in groups))
    log.line(title or f"Results from {', '.join(used)}")
    start = 0
    while start < len(groups):
        stop, width = start + 1, 10 + groups[start].width
        while stop < len(groups) and width + groups[stop].width <= _LINE:
            width += groups[stop].width
            stop += 1
        _box(session, list(enumerate(groups, start=1))[start:stop], steps, width)
        start = stop
    if any("Lower" in group.headings for group in groups):
        log.line(f"{level:g}% lower and upper bounds reported.")
    for index, group in enumerate(groups, start=1):
        pair = group.pair
        log.line(
            f"({index}) irfname = {pair.irfname}, impulse = {pair.impulse}, and response = {pair.response}."
        )  # fmt: skip


def _box(session: Session, numbered: Sequence[tuple[int, Group]], steps: int, width: int) -> None:
    log = session.log

    def row(first: str, cells: Sequence[str]) -> str:
        return f"{first:>8} |" + f"{cells[0]:>9}" + "".join(f"{cell:>12}" for cell in cells[1:])

    marks = [f"({index})" for index, group in numbered for _ in group.headings]
    headings = [heading for _, group in numbered for heading in group.headings]
    log.line()
    log.line("-" * width)
    log.line(row("", marks) + "  ")
    log.line(row("Step", headings) + "  ")
    log.line("-" * 9 + "+" + "-" * (width - 10))
    for step in range(steps):
        cells: list[str] = []
        for _, group in numbered:
            cells += group.cells[step] if step < len(group.cells) else [""] * len(group.headings)
        log.line(row(str(step), cells))
    log.line("-" * width)
