"""import excel (by python-calamine) and export excel (one sheet of a new file)."""

from __future__ import annotations

import datetime
import re
from typing import Any

import numpy as np

from ssd.engine.commands.data_delimited import family_line, file_and_names, unique_name
from ssd.engine.commands.data_files import adopt, with_suffix
from ssd.engine.commands.data_labels import label_text
from ssd.engine.commands.data_list import shown_values
from ssd.engine.commands.declare import Line
from ssd.engine.data.dataset import Dataset, make_variable
from ssd.engine.data.order import IndexArray
from ssd.engine.data.storage import object_array, smallest
from ssd.engine.errors import StataError, unsupported
from ssd.engine.missing import MISSING
from ssd.engine.output.workbook import Cell, column_letters, workbook_bytes
from ssd.engine.results import ResultSet
from ssd.engine.session import Session

_GRAMMAR = (
    "[anything] [using/] [, SHeet(string) CELLRAnge(string) FIRSTrow ALLstring clear case(string) DESCribe "
    "LOCale(string)]"
)
_EPOCH = datetime.datetime(1960, 1, 1)


def import_excel(session: Session, text: str) -> None:
    """`import excel [using] file, sheet() cellrange() firstrow allstring clear case()`."""
    # Stata also accepts firstrow(variables), which is the same as firstrow.
    line = family_line(session, "import", re.sub(r"\bfirst(r|ro|row)?\s*\(\s*\w*\s*\)", "firstrow", text), _GRAMMAR)
    name, _ = file_and_names(line)
    shown = with_suffix(name, ".xls")
    path = session.path(shown)
    if not path.is_file() and path.with_suffix(".xlsx").is_file() and shown != name:
        path = path.with_suffix(".xlsx")
    if not path.is_file():
        raise StataError(601, f"file {shown} not found")
    book = _open(str(path), shown)
    if line.flag("describe"):
        _describe(session, book, shown)
        return
    if session.data.variables and not line.flag("clear"):
        raise StataError(4, "no; data in memory would be lost")
    sheet = line.text_option("sheet") or book.sheet_names[0]
    if sheet not in book.sheet_names:
        raise StataError(601, f"worksheet {sheet} not found")
    rows = book.get_sheet_by_name(sheet).to_python(skip_empty_area=False)
    rows, offset = _cropped(rows, line.text_option("cellrange"))
    _load(session, line, rows, offset)


_EXPORT = (
    "[anything] [using/] [if] [in] [, SHeet(string) FIRSTrow(string) replace noLabel SHEETMODify SHEETREPlace "
    "CELL(string) MISSing(string) DATEstring(string) LOCale(string)]"
)


def export_excel(session: Session, text: str) -> None:
    """`export excel [varlist] using file, sheet() firstrow(variables|varlabels) replace nolabel`."""
    line = family_line(session, "export", text, _EXPORT)
    for word in ("sheetmodify", "sheetreplace", "cell", "missing", "datestring", "locale"):
        if line.options.get(word):
            raise unsupported(f"export excel, {word}")
    name, words = file_and_names(line)
    shown = with_suffix(name, ".xls")
    if shown.endswith(".xls"):
        shown += "x" if name != shown else ""
    if not shown.endswith(".xlsx"):
        raise unsupported("export excel to .xls; name the file .xlsx")
    names = session.expand_varlist(" ".join(words)) if words else list(session.data.variables)
    path = session.output_path(shown)
    if path.exists() and not line.flag("replace"):
        raise StataError(602, f"file {shown} already exists")
    rows = np.flatnonzero(line.sample(session))
    columns = [_cells(session, column, rows, labels=not line.flag("nolabel")) for column in names]
    table: list[list[Cell]] = [list(row) for row in zip(*columns, strict=True)]
    first = line.text_option("firstrow")
    if first is not None:
        if not first or not ("variables".startswith(first) or "varlabels".startswith(first)):
            raise StataError(198, "option firstrow() incorrectly specified")
        labelled = first.startswith("varl")
        table.insert(0, [(session.data.variables[c].label if labelled else "") or c for c in names])
    try:
        path.write_bytes(workbook_bytes(table, line.text_option("sheet") or "Sheet1"))
    except OSError as fault:
        raise StataError(603, f"file {shown} could not be opened") from fault
    session.log.line(f"file {shown} saved")


def _cells(session: Session, name: str, rows: IndexArray, *, labels: bool) -> list[Cell]:
    """Numbers as numbers; value labels and dates as shown; missing values empty."""
    column = session.data.variables[name]
    dated = not column.is_string and column.format.lstrip("%-").startswith(("t", "d"))
    if column.is_string or dated or (labels and column.value_label):
        numbers = None if column.is_string else session.data.numeric(name)[rows].tolist()
        texts = shown_values(session.data, name, rows)
        attached = session.data.labels_of(name)
        if numbers is None or dated:
            return [None if text == "." and numbers else text for text in texts]
        return [label_text(attached, value) or (value if value < MISSING else None) for value in numbers]
    return [value if value < MISSING else None for value in session.data.numeric(name)[rows].tolist()]


def _open(path: str, shown: str) -> Any:
    from python_calamine import CalamineError, CalamineWorkbook

    try:
        return CalamineWorkbook.from_path(path)
    except CalamineError as fault:
        raise StataError(603, f"file {shown} could not be loaded") from fault


def _describe(session: Session, book: Any, shown: str) -> None:
    log = session.log
    log.line()
    log.line(f"{'Sheet':>11} | Range")
    log.line("-" * 12 + "+" + "-" * 30)
    result = ResultSet(scalars={"N_worksheet": float(len(book.sheet_names))})
    for number, name in enumerate(book.sheet_names, start=1):
        rows = book.get_sheet_by_name(name).to_python(skip_empty_area=False)
        reach = f"A1:{column_letters(max(map(len, rows), default=1) - 1)}{max(len(rows), 1)}"
        log.line(f"{name:>11} | {reach}")
        result.macros[f"worksheet_{number}"] = name
        result.macros[f"range_{number}"] = reach
    session.r = result


def _column_number(letters: str) -> int:
    number = 0
    for letter in letters.upper():
        number = number * 26 + ord(letter) - 64
    return number - 1


def _cropped(rows: list[list[Any]], text: str | None) -> tuple[list[list[Any]], int]:
    """The cells of `B2:D9` (an open end runs to the last cell), and the number of the first column."""
    if not text:
        while rows and not any(cell not in ("", None) for cell in rows[-1]):
            rows.pop()
        return rows, 0
    found = re.fullmatch(r"\s*([A-Za-z]+)(\d+)?\s*(?::\s*([A-Za-z]+)?(\d+)?)?\s*", text)
    if not found:
        raise StataError(198, "cellrange() invalid")
    left, top = _column_number(found[1]), int(found[2] or 1) - 1
    right = _column_number(found[3]) + 1 if found[3] else None
    bottom = int(found[4]) if found[4] else None
    return [row[left:right] for row in rows[top:bottom]], left


def _load(session: Session, line: Line, rows: list[list[Any]], offset: int) -> None:
    heads: list[Any] = rows[0] if line.flag("firstrow") and rows else []
    body = rows[1:] if heads else rows
    width = max([len(heads), *map(len, body), 0])
    data = Dataset()
    case = line.text_option("case") or "preserve"
    for column in range(width):
        cells = [row[column] if column < len(row) else "" for row in body]
        title = _shown(heads[column]) if column < len(heads) else ""
        letters = column_letters(offset + column)
        name = unique_name(title, column, case, data) if title.strip() else letters
        if re.fullmatch(r"v\d+", name) and title != name:
            name = letters
        _add(data, name, cells, as_text=line.flag("allstring"))
        data.variables[name].label = title[:80]
    data.n_obs = len(body)
    data.changed = True
    adopt(session, data)
    session.log.line(f"({width} {'var' if width == 1 else 'vars'}, {len(body):,} obs)")


def _shown(cell: Any) -> str:
    if cell is None:
        return ""
    if isinstance(cell, float):
        return f"{cell:.15g}"
    return str(cell)


def _add(data: Dataset, name: str, cells: list[Any], *, as_text: bool) -> None:
    present = [cell for cell in cells if cell not in ("", None)]
    if not as_text and all(isinstance(cell, (int, float)) and not isinstance(cell, bool) for cell in present):
        values = np.array([MISSING if cell in ("", None) else float(cell) for cell in cells], dtype=np.float64)
        kind = smallest(values, "double")
        data.variables[name] = make_variable(name, values, "double" if kind == "float" else kind)
        return
    if not as_text and all(isinstance(cell, (datetime.date, datetime.datetime)) for cell in present):
        _add_dates(data, name, cells)
        return
    data.variables[name] = make_variable(name, object_array([_shown(cell) for cell in cells]))


def _add_dates(data: Dataset, name: str, cells: list[Any]) -> None:
    """Whole days become %td, others %tc."""
    moments = [cell if isinstance(cell, datetime.datetime) else datetime.datetime(cell.year, cell.month, cell.day)
               if isinstance(cell, datetime.date) else None for cell in cells]  # fmt: skip
    ms = np.array([MISSING if cell is None else round((cell - _EPOCH).total_seconds() * 1000.0) for cell in moments])
    known = ms[ms < MISSING]
    if np.all(known % 86_400_000 == 0):
        column = make_variable(name, np.where(ms < MISSING, ms / 86_400_000, MISSING), "int" if not known.size or
                               np.abs(known).max() / 86_400_000 < 32740 else "long")  # fmt: skip
        column.format = "%tdnn/dd/CCYY"
    else:
        column = make_variable(name, ms, "double")
        column.format = "%tcnn/dd/ccYY_hh:MM:SS"
    data.variables[name] = column
