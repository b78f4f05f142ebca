"""The content of a report: sections of tables and figures, read from the files of a run."""

from __future__ import annotations

import csv
import math
from pathlib import Path
from typing import Final

import msgspec

Cell = str | float | None

STARS: Final = ((0.01, "***"), (0.05, "**"), (0.1, "*"))
"""Significance marks of economics journals."""
_PLAIN_DIGITS: Final = 4
_GLANCE: Final = ["model", "key", "value"]


class Source(msgspec.Struct, frozen=True):
    """A file of the run that the report shows."""

    path: str
    kind: str
    title: str


class SectionRequest(msgspec.Struct, frozen=True):
    title: str
    sources: list[Source]


class ReportRequest(msgspec.Struct, frozen=True):
    """What the child is asked to do."""

    title: str
    language: str
    notes: list[str]
    sections: list[SectionRequest]
    formats: list[str]
    folder: str


class Table(msgspec.Struct, frozen=True):
    """Columns and rows; numbers are float, missing is None."""

    name: str
    title: str
    columns: list[str]
    rows: list[list[Cell]]


class Figure(msgspec.Struct, frozen=True):
    title: str
    path: Path


class Section(msgspec.Struct, frozen=True):
    title: str
    tables: list[Table]
    figures: list[Figure]


def read_sections(request: ReportRequest) -> list[Section]:
    """Every table as it is in its file, and the figures' places."""
    sections = []
    for number, section in enumerate(request.sections, 1):
        tables = [
            read_table(Path(item.path), item.title, f"{number:02d} {Path(item.path).stem}")
            for item in section.sources
            if item.kind == "table" and item.path.endswith(".csv")
        ]
        # A reader looks for the coefficients first and for the fine print last.
        tables.sort(key=lambda table: 0 if is_regression(table) else 2 if table.columns == _GLANCE else 1)
        figures = [Figure(item.title, Path(item.path)) for item in section.sources if item.path.endswith(".svg")]
        sections.append(Section(section.title, tables, figures))
    return sections


def read_table(path: Path, title: str, name: str) -> Table:
    """A results file: a column is numeric when all its non-empty cells are numbers."""
    with path.open(encoding="utf-8", newline="") as handle:
        header, *body = list(csv.reader(handle))
    numeric = [all(_is_number(row[j]) for row in body if row[j] != "") for j in range(len(header))]
    rows: list[list[Cell]] = [
        [None if cell == "" else float(cell) if numeric[j] else cell for j, cell in enumerate(row)] for row in body
    ]
    return Table(name, title, header, rows)


def _is_number(text: str) -> bool:
    try:
        return math.isfinite(float(text))
    except ValueError:
        return False


def is_regression(table: Table) -> bool:
    """A coefficient file of the library's `tidy` form."""
    return {"model", "term", "estimate", "std_error", "p_value"} <= set(table.columns)


def for_reading(table: Table) -> Table:
    """The table as a paper shows it: coefficient files become one column per model, other numbers are rounded."""
    if is_regression(table):
        return _regression_table(table)
    rows: list[list[Cell]] = [[_short(cell) for cell in row] for row in table.rows]
    return Table(table.name, table.title, table.columns, rows)


def _short(cell: Cell) -> str:
    if cell is None:
        return ""
    if isinstance(cell, str):
        return cell
    return f"{cell:.0f}" if cell.is_integer() and abs(cell) < 1e15 else f"{cell:.{_PLAIN_DIGITS}g}"


def _regression_table(table: Table) -> Table:
    """Estimates with stars, standard errors in parentheses below, one column per model."""
    at = {name: table.columns.index(name) for name in ("model", "term", "estimate", "std_error", "p_value")}
    label_at = table.columns.index("label") if "label" in table.columns else at["term"]
    models = list(dict.fromkeys(str(row[at["model"]]) for row in table.rows))
    labels: dict[str, str] = {}
    cells: dict[tuple[str, str], tuple[str, str]] = {}
    for row in table.rows:
        term = str(row[at["term"]])
        labels.setdefault(term, str(row[label_at] or term))
        estimate, error, p_value = row[at["estimate"]], row[at["std_error"]], row[at["p_value"]]
        shown = "" if not isinstance(estimate, float) else f"{_decimals(estimate)}{_stars(p_value)}"
        below = "" if not isinstance(error, float) else f"({_decimals(error)})"
        cells[term, str(row[at["model"]])] = (shown, below)
    rows: list[list[Cell]] = []
    for term, label in labels.items():
        pairs = [cells.get((term, model), ("", "")) for model in models]
        rows.append([label, *(pair[0] for pair in pairs)])
        rows.append(["", *(pair[1] for pair in pairs)])
    return Table(table.name, table.title, ["", *models], rows)


def _decimals(value: float) -> str:
    """Three decimals, or as many as show three digits of a small number."""
    if value == 0 or abs(value) >= 0.1:
        return f"{value:.3f}"
    return f"{value:.{min(8, 2 - math.floor(math.log10(abs(value))))}f}"


def _stars(p_value: Cell) -> str:
    # A missing p-value is no significance.
    if not isinstance(p_value, float):
        return ""
    return next((mark for level, mark in STARS if p_value < level), "")


NOTE_OF_STARS: Final = {
    "en": "Standard errors in parentheses. * p < 0.1, ** p < 0.05, *** p < 0.01.",
    "zh": "括号内为标准误。* p < 0.1，** p < 0.05，*** p < 0.01。",
}
