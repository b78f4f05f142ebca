"""An Excel workbook kept in memory with the formats of its cells, as putexcel builds it up."""

from __future__ import annotations

import io
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from ssd.engine.output.documents import reproducible_archive
from ssd.engine.output.workbook import column_letters

Value = float | str | None
Place = tuple[int, int]
"""0-based row and column."""


@dataclass
class Sheet:
    values: dict[Place, Value] = field(default_factory=dict)
    formulas: dict[Place, str] = field(default_factory=dict)
    links: dict[Place, tuple[str, str]] = field(default_factory=dict)
    """Address and shown text."""
    formats: dict[Place, dict[str, Any]] = field(default_factory=dict)
    """Properties in xlsxwriter's names."""
    pictures: list[tuple[Place, Path]] = field(default_factory=list)
    merged: list[tuple[int, int, int, int]] = field(default_factory=list)
    """First row, first column, last row, last column."""


@dataclass
class Workbook:
    sheets: dict[str, Sheet] = field(default_factory=dict)

    def sheet(self, name: str) -> Sheet:
        return self.sheets.setdefault(name, Sheet())


_PLACE: Final = re.compile(r"([A-Za-z]{1,3})([1-9]\d*)")


def place_of(text: str) -> Place | None:
    """`B3` as (2, 1); None when the text is no cell."""
    found = _PLACE.fullmatch(text.strip())
    if found is None:
        return None
    column = 0
    for letter in found[1].upper():
        column = column * 26 + ord(letter) - 64
    return int(found[2]) - 1, column - 1


def place_name(place: Place) -> str:
    return f"{column_letters(place[1])}{place[0] + 1}"


def workbook_file(book: Workbook) -> bytes:
    """The .xlsx file, the same on every run."""
    import datetime

    import xlsxwriter

    buffer = io.BytesIO()
    written = xlsxwriter.Workbook(buffer, {"in_memory": True})
    written.set_properties({"created": datetime.datetime(1980, 1, 1)})
    styles: dict[tuple[tuple[str, Any], ...], Any] = {}

    def style(properties: dict[str, Any]) -> Any:
        key = tuple(sorted(properties.items()))
        if key and key not in styles:
            styles[key] = written.add_format(dict(properties))
        return styles.get(key)

    for name, sheet in (book.sheets or {"Sheet1": Sheet()}).items():
        page = written.add_worksheet(name)
        merged = {(row, column) for row, column, _, _ in sheet.merged}
        for first_row, first_column, last_row, last_column in sheet.merged:
            properties = sheet.formats.get((first_row, first_column), {})
            page.merge_range(first_row, first_column, last_row, last_column, "", style(properties))
        for place in sorted({*sheet.values, *sheet.formats, *sheet.formulas, *sheet.links}):
            form = style(sheet.formats.get(place, {}))
            value = sheet.values.get(place)
            if place in sheet.formulas:
                page.write_formula(*place, sheet.formulas[place], form)
            elif place in sheet.links:
                address, shown = sheet.links[place]
                page.write_url(*place, address, form, shown)
            elif isinstance(value, str):
                page.write_string(*place, value, form)
            elif value is not None:
                page.write_number(*place, value, form)
            elif place not in merged and form is not None:
                page.write_blank(*place, None, form)
        for place, picture in sheet.pictures:
            page.insert_image(*place, str(picture))
    written.close()
    return reproducible_archive(buffer.getvalue())


def read_workbook(path: Path) -> Workbook:
    """The values of an existing workbook; formats, formulas and pictures are not read."""
    import datetime

    from python_calamine import CalamineWorkbook

    book = Workbook()
    source = CalamineWorkbook.from_path(str(path))
    for name in source.sheet_names:
        sheet = book.sheet(name)
        for i, row in enumerate(source.get_sheet_by_name(name).to_python(skip_empty_area=False)):
            for j, cell in enumerate(row):
                if isinstance(cell, bool | int | float):
                    sheet.values[i, j] = float(cell)
                elif isinstance(cell, datetime.datetime | datetime.date | datetime.time):
                    sheet.values[i, j] = cell.isoformat()
                elif cell != "":
                    sheet.values[i, j] = str(cell)
    return book
