"""Where the header and the data of a table begin: title rows, unit rows, stacked tables, notes below."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from ssd.inputs.preparation.cells import MISSING_MARKERS
from ssd.inputs.preparation.source import Cell, PreparationError, Rows, Source, cell_text, filled, is_blank

SAMPLE_ROWS: Final = 60
MAX_COLUMNS: Final = 32_767
"""Stata/MP takes more, Stata/SE 32,767."""

_NUMBER: Final = re.compile(r"[+-]?(\d+([.,]\d+)*|[.,]\d+)([eE][+-]?\d+)?%?")
_YEAR: Final = re.compile(r"(1[89]|20|21)\d\d")
_NOTE: Final = re.compile(
    r"(数据来源|资料来源|来源\s*[:：]|注\s*[:：]|说明\s*[:：]|备注\s*[:：]|sources?\s*:|notes?\s*:|last updated)",
    re.IGNORECASE,
)
_MAX_UNIT_ROWS: Final = 2
_LONGEST_UNIT: Final = 60
_SURE_COLUMNS: Final = 3
_UNIT: Final = re.compile(
    r"^[(（\[【].*[)）\]】]$|[%％]|元|[万亿千百]|公里|吨|人$|平方|单位|usd|us\$|\b(million|billion|percent|years?|km|kg)\b",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Layout:
    """`header_row` and `first_data_row` are 0-based positions of rows; without a header `header_row` is -1."""

    header_row: int
    first_data_row: int
    headers: list[str]
    units: list[str]
    """For each column what the rows between header and data say; often a unit of measurement."""
    warnings: list[str] = field(default_factory=list)


def is_number_like(cell: Cell) -> bool:
    if isinstance(cell, str):
        return _NUMBER.fullmatch(cell.strip()) is not None
    return True


def _is_year(cell: Cell) -> bool:
    return not isinstance(cell, (dt.date, dt.time, dt.timedelta)) and _YEAR.fullmatch(cell_text(cell)) is not None


def find_layout(sample: list[list[Cell]]) -> Layout:
    """Layout of a table from its first rows. Raises PreparationError for a table without data."""
    width = _width(sample)
    if width == 0:
        raise PreparationError("INPUT_EMPTY_FILE", "The table holds no data.")
    if width > MAX_COLUMNS:
        raise PreparationError(
            "INPUT_PARSE_FAILED", f"The table has {width:,} columns; at most {MAX_COLUMNS:,} can be read."
        )
    rows = [row + [""] * (width - len(row)) for row in sample]
    start = _header_position(rows, width)
    warnings = []
    if start > 0 and any(filled(row) for row in rows[:start]):
        titles = [cell_text(row[position]) for row in rows[:start] for position in filled(row)[:1]]
        warnings.append(
            f"Rows above the header were read as titles: {'; '.join(_short(title) for title in titles[:3])}."
        )
    if _is_data(rows[start]):
        warnings.append("The first row holds numbers, not names; the columns were named v1, v2, ….")
        return Layout(-1, start, [""] * width, [""] * width, warnings)
    headers = [cell_text(cell) for cell in rows[start]]
    if len(sample[start]) < width:
        _require_row_names(sample, start, width)
        headers = ["", *headers[: width - 1]]
        warnings.append("The header has one cell less than the rows; the first column was taken as row names.")
    first, units = _skip_unit_rows(rows, start, width)
    if any(units):
        warnings.append("A row below the header holds units or descriptions; it was added to the labels.")
    return Layout(start, first, headers, units, warnings)


def _require_row_names(sample: list[list[Cell]], header: int, width: int) -> None:
    """A header one cell short above rows that all have that cell more is how R writes row names. Any other row with
    more cells than the header has shifted its values into wrong columns: INPUT_PARSE_FAILED."""
    rows = [(number, row) for number, row in enumerate(sample) if number > header and filled(row)]
    if len(sample[header]) == width - 1 and all(len(row) == width for _, row in rows):
        return
    number, row = next((number, row) for number, row in rows if filled(row)[-1] >= len(sample[header]))
    raise too_many_cells(number, filled(row)[-1] + 1, len(sample[header]))


def too_many_cells(number: int, cells: int, width: int) -> PreparationError:
    return PreparationError(
        "INPUT_PARSE_FAILED",
        f"Row {number + 1} has {cells} cells, but the header has {width} columns. "
        "A separator inside a cell must be in quotation marks.",
    )


def _width(rows: list[list[Cell]]) -> int:
    return max((filled(row)[-1] + 1 for row in rows if filled(row)), default=0)


def _short(text: str, limit: int = 60) -> str:
    return text if len(text) <= limit else f"{text[: limit - 1]}…"


def _header_position(rows: list[list[Cell]], width: int) -> int:
    """The first row that is not blank, not a title, and not a sparse line of group headings."""
    candidates = [index for index, row in enumerate(rows) if filled(row)]
    for order, index in enumerate(candidates):
        here = filled(rows[index])
        later = candidates[order + 1 : order + 6]
        if not later:
            return index
        most = max(len(filled(rows[other])) for other in later)
        if len(here) == 1 and width > 1 and most > 1 and not (width == 2 and here[0] == 1):
            continue
        is_sparse = len(here) < 0.6 * most
        following = rows[later[0]]
        if is_sparse and len(filled(following)) > len(here) and not _is_data(following) and not _is_data(rows[index]):
            continue
        return index
    return candidates[0]


def _is_data(row: list[Cell]) -> bool:
    """Whether a row can only be data: it has numbers or dates that are no years, and no text."""
    cells = [row[position] for position in filled(row)]
    if any(not is_number_like(cell) for cell in cells):
        return False
    return not all(_is_year(cell) for cell in cells)


def _skip_unit_rows(rows: list[list[Cell]], header: int, width: int) -> tuple[int, list[str]]:
    units = [""] * width
    first = header + 1
    for _ in range(_MAX_UNIT_ROWS):
        while first < len(rows) and not filled(rows[first]):
            first += 1
        if first + 1 >= len(rows) or not _is_unit_row(rows[first], rows[first + 1 :], width):
            break
        for position in filled(rows[first]):
            text = cell_text(rows[first][position])
            units[position] = f"{units[position]} {text}".strip()
        first += 1
    return first, units


def _is_unit_row(row: list[Cell], below: list[list[Cell]], width: int) -> bool:
    """Text in at least half of the columns that hold only numbers below, and no number anywhere in the row."""
    if any(is_number_like(row[position]) for position in filled(row)):
        return False
    numeric = []
    for position in range(width):
        cells = [line[position] for line in below if not is_blank(line[position])]
        if cells and sum(map(is_number_like, cells)) >= 0.8 * len(cells):
            numeric.append(position)
    described = [position for position in numeric if not is_blank(row[position])]
    if not described or 2 * len(described) < len(numeric):
        return False
    words = [cell_text(row[position]) for position in described]
    if any(len(word) > _LONGEST_UNIT or word.lower() in MISSING_MARKERS for word in words):
        return False
    # One odd word above a column of numbers may be a value; several signs together say it is a unit row.
    says_units = any(_UNIT.search(word) for word in words)
    leaves_text_blank = len(filled(row)) == len(described)
    describes_all = len(described) == len(numeric) >= _SURE_COLUMNS
    return says_units or leaves_text_blank or describes_all


def _signature(row: list[Cell]) -> tuple[str, ...]:
    return tuple(cell_text(row[position]) for position in filled(row))


def has_stacked_tables(sample: list[list[Cell]]) -> bool:
    """Whether the header comes again further down: several tables below each other."""
    if not any(filled(row) for row in sample):
        return False
    layout = find_layout(sample[:SAMPLE_ROWS])
    if layout.header_row < 0:
        return False
    wanted = _signature(sample[layout.header_row])
    return len(wanted) > 1 and any(_signature(row) == wanted for row in sample[layout.first_data_row :])


class Body:
    """The data rows of a table, each as long as the header; can be walked more than once.

    Blank rows are left out. Reading stops where the header comes again (stacked tables). Notes below the
    table are left out. Raises PreparationError when a row has filled cells beyond the last column.
    """

    def __init__(self, source: Source, layout: Layout) -> None:
        self._source = source
        self._layout = layout
        self.short_rows = 0
        self.notes: list[str] = []
        self.stacked_at: int | None = None

    def __iter__(self) -> Iterator[list[Cell]]:
        self.short_rows, self.notes, self.stacked_at = 0, [], None
        width = len(self._layout.headers)
        header = tuple(text for text in self._layout.headers if text)
        pending: list[list[Cell]] = []
        for number, row in enumerate(self._source.rows()):
            if number < self._layout.first_data_row:
                continue
            if len(row) == width and self._is_ordinary(row):
                # Nearly every row; looking at each of its cells took four fifths of the reading time.
                if pending:
                    yield from pending
                    pending = []
                yield row
                continue
            present = filled(row)
            if not present:
                continue
            if present[-1] >= width:
                raise too_many_cells(number, present[-1] + 1, width)
            if len(row) != width:
                self.short_rows += len(row) < width
                row = row[:width] + [""] * (width - len(row))  # noqa: PLW2901
            if len(header) > 1 and len(present) == len(header) and _signature(row) == header:
                self.stacked_at = number + 1
                break
            if len(present) == 1 and width > 1 and self._could_be_note(row[present[0]]):
                pending.append(row)
                continue
            yield from pending
            pending = []
            yield row
        for row in pending:
            text = cell_text(row[filled(row)[0]])
            if self.stacked_at is None and not _NOTE.match(text):
                yield row
            else:
                self.notes.append(text)

    def _is_ordinary(self, row: list[Cell]) -> bool:
        """Full length, two filled cells at the start, and not the header come again."""
        return (
            len(row) > 1
            and not is_blank(row[0])
            and not is_blank(row[1])
            and row[0] != self._layout.headers[0]
            and cell_text(row[0]) != self._layout.headers[0]
        )

    @staticmethod
    def _could_be_note(cell: Cell) -> bool:
        return isinstance(cell, str) and not is_number_like(cell)


def body_rows(source: Source, layout: Layout) -> Rows:
    return iter(Body(source, layout))
