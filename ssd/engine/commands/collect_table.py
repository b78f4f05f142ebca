"""table with any number of dimensions in rows and columns, `result` and `var` placed by name ([R] table)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ssd.engine.commands.collect import leave_table
from ssd.engine.commands.describe_selection import Selection, categories, heading
from ssd.engine.errors import StataError
from ssd.engine.missing import BoolArray
from ssd.engine.output.documents import DocumentTable
from ssd.engine.output.tables import centre, display_width, right

if TYPE_CHECKING:
    from ssd.engine.session import Session


@dataclass(frozen=True)
class StatisticCell:
    """A statistic of a variable; the variable is empty for frequencies and percentages."""

    statistic: str
    title: str
    variable: str


@dataclass(frozen=True)
class _Level:
    label: str
    mask: BoolArray | None = None
    statistic: str | None = None
    variable: str | None = None


@dataclass(frozen=True)
class _Dimension:
    title: str
    """Heading of a variable; empty for `result` and `var`."""
    levels: tuple[_Level, ...]


Path = tuple[_Level, ...]


def wants_dimensions(rows: Sequence[str], columns: Sequence[str]) -> bool:
    """Whether the table needs more than rows that nest and one variable across."""
    words = [*rows, *columns]
    return "result" in words or "var" in words or len(columns) > 1


def print_dimensions(
    session: Session,
    rows: list[str],
    columns: list[str],
    cells: list[StatisticCell],
    chosen: Selection,
    text: Callable[[int, BoolArray], str],
    *,
    totals: bool,
    nolabel: bool,
) -> None:
    """Print the table and leave it for collect export. `text` gives the number of a cell for some observations.

    Raises r(198) for a keyword typed twice.
    """
    rows, columns = _placed(list(rows), list(columns), cells)
    size = int(chosen.mask.sum())
    if size == 0:
        session.log.line("no observations")
        return

    def dimension(name: str) -> _Dimension:
        if name == "result":
            found = dict.fromkeys((cell.statistic, cell.title) for cell in cells)
            return _Dimension("", tuple(_Level(title, statistic=statistic) for statistic, title in found))
        if name == "var":
            names = dict.fromkeys(cell.variable for cell in cells)
            return _Dimension("", tuple(_Level(heading(session, v) if v else "", variable=v) for v in names))
        groups = categories(session, name, chosen.mask, nolabel=nolabel)
        levels = [_Level(label, mask=groups.codes == code) for code, label in enumerate(groups.labels)]
        if totals:
            levels.append(_Level("Total", mask=np.ones(size, dtype=np.bool_)))
        return _Dimension(heading(session, name), tuple(levels))

    down, across = [dimension(name) for name in rows], [dimension(name) for name in columns]

    def value(path: Path) -> str:
        inside = np.ones(size, dtype=np.bool_)
        wanted = list(range(len(cells)))
        for level in path:
            if level.mask is not None:
                inside &= level.mask
            wanted = [i for i in wanted if level.statistic is None or cells[i].statistic == level.statistic]
            wanted = [i for i in wanted if level.variable is None or cells[i].variable == level.variable]
        return text(wanted[0], inside) if wanted else ""

    paths = [path for path in _paths(across) if _possible(path, cells, size)]
    body: list[tuple[str, list[str]]] = []

    def descend(position: int, path: Path, indent: str) -> None:
        if position == len(down):
            return
        if down[position].title:
            body.append((indent + down[position].title, []))
            indent += "  "
        for level in down[position].levels:
            here = (*path, level)
            if not _possible(here, cells, size):
                continue
            last = position + 1 == len(down)
            texts = [value((*here, *across_path)) for across_path in paths] if last else []
            if last and not level.label and body:
                # A statistic without a variable stands on the line of its own name.
                body[-1] = (body[-1][0], texts)
            else:
                body.append((indent + level.label, texts))
            descend(position + 1, here, indent + "  ")

    if down:
        descend(0, (), "")
    else:
        body.append(("", [value(path) for path in paths]))
    _show(session, across, paths, body)


def _placed(rows: list[str], columns: list[str], cells: list[StatisticCell]) -> tuple[list[str], list[str]]:
    """`result` goes to the rows when there are columns, otherwise to the columns; `var` follows it."""
    words = [*rows, *columns]
    if any(words.count(word) > 1 for word in words):
        raise StataError(198, "a dimension may be specified only once")
    target = rows if columns else columns
    if "result" not in words and (len({cell.statistic for cell in cells}) > 1 or not columns):
        target.append("result")
    if "var" not in words and len({cell.variable for cell in cells if cell.variable}) > 1:
        for side in (rows, columns):
            if "result" in side:
                side.insert(side.index("result") + 1, "var")
                break
        else:
            target.append("var")
    return rows, columns


def _paths(dimensions: list[_Dimension]) -> list[Path]:
    paths: list[Path] = [()]
    for one in dimensions:
        paths = [(*path, level) for path in paths for level in one.levels]
    return paths


def _possible(path: Path, cells: list[StatisticCell], size: int) -> bool:
    """Whether a path holds observations and statistics that were asked for."""
    inside = np.ones(size, dtype=np.bool_)
    for level in path:
        if level.mask is not None:
            inside &= level.mask
    fits = [
        cell
        for cell in cells
        if all(level.statistic in {None, cell.statistic} and level.variable in {None, cell.variable} for level in path)
    ]
    return bool(inside.any()) and bool(fits)


def _show(session: Session, across: list[_Dimension], paths: list[Path], body: list[tuple[str, list[str]]]) -> None:
    log = session.log
    depth = len(across)
    stub = max(display_width(label) for label, _ in body) + 1
    widths = [
        max([display_width(path[-1].label) if path else 0, *(display_width(texts[j]) for _, texts in body if texts)])
        + 2
        for j, path in enumerate(paths)
    ]
    head: list[list[str]] = []
    groups = [_runs(paths, position) for position in range(depth)]
    for position in range(depth - 1):
        for start, end in groups[position]:
            room, label = sum(widths[start:end]), paths[start][position].label
            if display_width(label) + 2 > room:
                widths[end - 1] += display_width(label) + 2 - room
    span = sum(widths) + 1
    log.line()
    log.line("-" * (stub + 1 + span))
    for position, one in enumerate(across):
        if one.title:
            log.line(" " * stub + "|" + centre(one.title, span))
            head.append(["", one.title])
        if position + 1 < depth:
            line = "".join(
                _centred(paths[start][position].label, sum(widths[start:end])) for start, end in groups[position]
            )
            log.line((" " * stub + "|" + line).rstrip())
            cells = [""] * len(paths)
            for start, _ in groups[position]:
                cells[start] = paths[start][position].label
            head.append(["", *cells])
    if depth:
        labels = [path[-1].label for path in paths]
        log.line(" " * stub + "|" + "".join(right(label, width) for label, width in zip(labels, widths, strict=True)))
        head.append(["", *labels])
    log.line("-" * stub + "+" + "-" * span)
    for label, texts in body:
        shown = "".join(right(text, width) for text, width in zip(texts or [""] * len(paths), widths, strict=True))
        log.line(f"{label}{' ' * (stub - display_width(label))}|{shown}".rstrip() if not texts else
                 f"{label}{' ' * (stub - display_width(label))}|{shown}")  # fmt: skip
    log.line("-" * (stub + 1 + span))
    leave_table(session, DocumentTable([*head, *([label, *texts] for label, texts in body)], max(1, len(head))))


def _centred(text: str, width: int) -> str:
    room = max(0, width - display_width(text))
    return " " * (room - room // 2) + text + " " * (room // 2)


def _runs(paths: list[Path], position: int) -> list[tuple[int, int]]:
    """Neighbouring columns that share the levels up to a position."""
    runs: list[tuple[int, int]] = []
    for index, path in enumerate(paths):
        same = index > 0 and all(a is b for a, b in zip(paths[index - 1][: position + 1], path, strict=False))
        if same and runs:
            runs[-1] = (runs[-1][0], index + 1)
        else:
            runs.append((index, index + 1))
    return runs
