"""Excel workbooks: which sheet to read, and its rows."""

from __future__ import annotations

from itertools import islice
from pathlib import Path
from typing import Final

import python_calamine as calamine

from ssd.inputs.preparation.layout import has_stacked_tables
from ssd.inputs.preparation.source import PreparationError, Rows, Source, filled

_MAX_CELLS: Final = 200_000_000
"""A sheet whose used area is larger (one stray cell far away is enough) is refused instead of filling memory."""
_LOOKED_AT: Final = 400
"""Rows looked at to see whether a sheet is one table."""


def read_workbook(path: Path, sheet: str | None) -> Source:
    """The chosen sheet, or the first visible one that holds a single table.

    Raises PreparationError: INPUT_ENCRYPTED, INPUT_PARSE_FAILED, INPUT_SHEET_NOT_FOUND, INPUT_EMPTY_FILE.
    """
    try:
        workbook = calamine.load_workbook(path)
    except calamine.PasswordError as error:
        raise PreparationError("INPUT_ENCRYPTED", "The workbook is protected by a password.") from error
    except (calamine.CalamineError, OSError, ValueError) as error:
        raise PreparationError("INPUT_PARSE_FAILED", f"The workbook cannot be read: {error}.") from error
    tables = [item for item in workbook.sheets_metadata if item.typ == calamine.SheetTypeEnum.WorkSheet]
    names = [item.name for item in tables]
    hidden = [item.name for item in tables if item.visible != calamine.SheetVisibleEnum.Visible]
    warnings: list[str] = []
    if sheet is None:
        chosen = _default_sheet(workbook, [name for name in names if name not in hidden], warnings)
    elif sheet in names:
        chosen = workbook_sheet(workbook, sheet)
    else:
        raise PreparationError("INPUT_SHEET_NOT_FOUND", f"The workbook has no sheet {sheet!r}.", sheet_names=names)
    if chosen.name in hidden:
        warnings.append(f"The sheet {chosen.name} is hidden in the workbook.")
    if hidden:
        warnings.append(f"Hidden sheets are listed but not read unless chosen: {', '.join(hidden)}.")
    return Source(
        lambda: _rows(chosen),
        sheet_names=names,
        hidden_sheets=hidden,
        selected_sheet=chosen.name,
        warnings=warnings,
    )


def workbook_sheet(workbook: calamine.CalamineWorkbook, name: str) -> calamine.CalamineSheet:
    try:
        sheet = workbook.get_sheet_by_name(name)
    except (calamine.CalamineError, OSError, ValueError) as error:
        raise PreparationError("INPUT_PARSE_FAILED", f"The sheet {name} cannot be read: {error}.") from error
    if sheet.height * sheet.width > _MAX_CELLS:
        raise PreparationError(
            "INPUT_PARSE_FAILED",
            f"The sheet {name} spans {sheet.height:,} × {sheet.width:,} cells; delete stray cells far from the table.",
        )
    return sheet


def _rows(sheet: calamine.CalamineSheet) -> Rows:
    for row in sheet.iter_rows():
        yield list(row)


def _default_sheet(
    workbook: calamine.CalamineWorkbook, visible: list[str], warnings: list[str]
) -> calamine.CalamineSheet:
    filled_sheets: list[calamine.CalamineSheet] = []
    for name in visible:
        sheet = workbook_sheet(workbook, name)
        sample = list(islice(_rows(sheet), _LOOKED_AT))
        if not any(filled(row) for row in sample):
            continue
        if not has_stacked_tables(sample):
            if filled_sheets:
                warnings.append(
                    f"The sheet {name} was chosen because {', '.join(item.name for item in filled_sheets)} "
                    f"holds several tables below each other; choose another sheet if that is wrong."
                )
            elif len(visible) > 1:
                warnings.append(f"The workbook has {len(visible)} visible sheets; {name} was read.")
            return sheet
        filled_sheets.append(sheet)
    if not filled_sheets:
        raise PreparationError("INPUT_EMPTY_FILE", "No visible sheet of the workbook holds data.")
    return filled_sheets[0]
