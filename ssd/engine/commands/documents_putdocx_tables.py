"""Tables of putdocx: made of matrices, data, estimates or sizes, and the formats of their cells."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from ssd.engine.commands.documents_estimates import Grid, coefficient_grid, shown_grid
from ssd.engine.commands.documents_putdocx_runs import (
    RUN_OPTIONS,
    DocumentState,
    align,
    document_options,
    inches,
    picture_path,
    shown_number,
    shown_value,
    style_run,
)
from ssd.engine.commands.documents_putexcel import colour
from ssd.engine.commands.estimates_labels import typed_number
from ssd.engine.commands.matrix_expression import evaluate_matrix
from ssd.engine.errors import StataError, invalid_syntax, unsupported
from ssd.engine.lang.options import TypedOption, read_options
from ssd.engine.lang.quoting import closing, split_comma, split_words, strip_quotes
from ssd.engine.lang.syntax import parse_range, split_line
from ssd.engine.missing import MISSING
from ssd.engine.output.documents import word_border
from ssd.engine.output.formats import format_value

if TYPE_CHECKING:
    from ssd.engine.session import Session


_CREATED: Final = {
    "border": 3, "width": 5, "halign": 6, "title": 5, "note": 4, "rownames": 8, "colnames": 8, "names": 5,
    "varnames": 8, "obsno": 5, "nformat": 4,
}  # fmt: skip
_CELL: Final = {
    **RUN_OPTIONS,
    "halign": 6,
    "valign": 6,
    "border": 3,
    "shading": 7,
    "colspan": 7,
    "rowspan": 7,
    "append": 6,
}


def word_table_command(session: Session, state: DocumentState, text: str) -> None:
    found = re.match(r"(\w+)\s*(?=[(=])", text)
    if found is None:
        raise invalid_syntax()
    name, rest = found[1], text[found.end() :].strip()
    if rest.startswith("="):
        _create(session, state, name, rest[1:].strip())
        return
    table = state.tables.get(name)
    if table is None:
        raise StataError(198, f"table {name} not found")
    end = closing(rest, 0)
    rows, columns = _cells_of(table, rest[1:end])
    main, option_text = split_comma(rest[end + 1 :])
    value = main.strip().removeprefix("=").strip()
    options = read_options(option_text or "")
    if value.startswith("image("):
        path = picture_path(session, strip_quotes(value[6 : closing(value, 5)].strip()))
        table.cell(rows[0], columns[0]).paragraphs[0].add_run().add_picture(str(path))
        return
    _fill_cells(session, state, table, rows, columns, value, options)


def _cells_of(table: Any, text: str) -> tuple[list[int], list[int]]:
    """0-based rows and columns of `(i, j)`; `.` means all, a range is a/b."""
    parts = text.split(",")
    if len(parts) != 2:
        raise invalid_syntax()
    found = []
    for part, size in zip(parts, (len(table.rows), len(table.columns)), strict=True):
        if part.strip() == ".":
            found.append(list(range(size)))
            continue
        numbers: list[int] = []
        for word in part.split():
            first, _, last = word.partition("/")
            if not first.isdigit() or (last and not last.isdigit()):
                raise StataError(198, f"{word}: invalid row or column")
            numbers += range(int(first) - 1, int(last or first))
        if not numbers or min(numbers) < 0 or max(numbers) >= size:
            raise StataError(198, f"{part.strip()}: row or column out of range")
        found.append(numbers)
    return found[0], found[1]


def _fill_cells(
    session: Session,
    state: DocumentState,
    table: Any,
    rows: list[int],
    columns: list[int],
    value: str,
    options: list[TypedOption],
) -> None:
    plain = [item for item in options if item.word not in {"border", "bord", "bor"}]
    given = document_options(" ".join(str(item) for item in plain), _CELL, ("addrows", "addcols", "drop", "span"))
    text = shown_value(session, value, given.get("nformat", "")) if value else None
    for i in rows:
        for j in columns:
            cell = table.cell(i, j)
            paragraph = cell.paragraphs[0]
            if text is not None:
                if "append" not in given:
                    for run in list(paragraph.runs):
                        run._r.getparent().remove(run._r)
                paragraph.add_run(text)
            elif "nformat" in given and re.fullmatch(r"-?[\d.]+(e[-+]\d+)?", paragraph.text):
                shown = shown_number(float(paragraph.text), given["nformat"])
                for run in list(paragraph.runs):
                    run._r.getparent().remove(run._r)
                paragraph.add_run(shown)
            if set(given) & set(RUN_OPTIONS) - {"nformat"} or text is not None:
                for run in paragraph.runs:
                    style_run(run, given, state.font)
            if "halign" in given:
                align(paragraph, given["halign"])
            _dress(cell, given, options)
    for name, across in (("colspan", True), ("rowspan", False)):
        if name in given:
            size = int(typed_number(given[name]))
            last = (rows[0], columns[0] + size - 1) if across else (rows[0] + size - 1, columns[0])
            if last[0] >= len(table.rows) or last[1] >= len(table.columns):
                raise StataError(198, f"{name}({size}) out of range")
            _merge(table.cell(rows[0], columns[0]), table.cell(*last))


def _merge(first: Any, last: Any) -> None:
    """One cell of several, without the empty paragraphs of the others."""
    merged = first.merge(last)
    for paragraph in merged.paragraphs[1:]:
        if not paragraph.text:
            paragraph._p.getparent().remove(paragraph._p)


def _dress(cell: Any, given: dict[str, str], options: list[TypedOption]) -> None:
    """Borders, shading and vertical alignment of one cell."""
    for item in options:
        if item.word in {"border", "bord", "bor"}:
            words = [strip_quotes(word.strip()) for word in (item.value or "all").split(",")]
            style = words[1] if len(words) > 1 and words[1] else "single"
            edges = ("start", "end", "top", "bottom", "left", "right") if words[0] == "all" else (words[0],)
            word_border(cell, **{_EDGES.get(edge, edge): style for edge in edges})
    if "valign" in given:
        from docx.enum.table import WD_ALIGN_VERTICAL

        names = {"top": "TOP", "center": "CENTER", "bottom": "BOTTOM"}
        if given["valign"] not in names:
            raise StataError(198, f"valign({given['valign']}) invalid")
        cell.vertical_alignment = getattr(WD_ALIGN_VERTICAL, names[given["valign"]])
    if "shading" in given:
        from docx.oxml import OxmlElement
        from docx.oxml.ns import qn

        shade = OxmlElement("w:shd")
        shade.set(qn("w:val"), "clear")
        shade.set(qn("w:fill"), colour(given["shading"].split(",")[0].strip())[1:].upper())
        cell._tc.get_or_add_tcPr().append(shade)


_EDGES: Final = {"start": "left", "end": "right"}


def _create(session: Session, state: DocumentState, name: str, text: str) -> None:
    main, option_text = split_comma(text)
    options = read_options(option_text or "")
    plain = [item for item in options if item.word not in {"border", "bord", "bor"}]
    given = document_options(
        " ".join(str(item) for item in plain),
        _CREATED,
        ("memtable", "indent", "spacing", "headerrow", "layout", "cellmargin"),
    )
    grid = _grid(session, main.strip(), given)
    if "title" in given:
        grid = [[given["title"], *[""] * (len(grid[0]) - 1)], *grid]
    if "note" in given:
        grid.append([given["note"], *[""] * (len(grid[0]) - 1)])
    table = state.document.add_table(rows=len(grid), cols=len(grid[0]))
    borders = [(item.value or "").replace(" ", "") for item in options if item.word.startswith("bor")]
    bare = any(border in {"nil", "all,nil"} for border in borders)
    if not bare:
        table.style = state.document.styles["Table Grid"]
    for i, row in enumerate(grid):
        for j, cell in enumerate(row):
            shown = cell if isinstance(cell, str) else shown_number(cell, given.get("nformat", ""))
            paragraph = table.cell(i, j).paragraphs[0]
            run = paragraph.add_run(shown)
            style_run(run, {}, state.font)
            if not isinstance(cell, str):
                align(paragraph, "right")
    for row_name, at in (("title", 0), ("note", len(grid) - 1)):
        if row_name in given and len(grid[0]) > 1:
            _merge(table.cell(at, 0), table.cell(at, len(grid[0]) - 1))
    _place(table, given)
    for item in options:
        words = [word.strip() for word in (item.value or "").split(",")]
        if (
            item.word.startswith("bor")
            and words[0] in {"top", "bottom", "start", "end", "insideH", "insideV"}
            and len(words) > 1
        ):
            _table_edges(table, words[0], words[1])
    state.tables[name] = table
    state.paragraph = None


def _table_edges(table: Any, edge: str, style: str) -> None:
    rows, columns = len(table.rows), len(table.columns)
    for i in range(rows):
        for j in range(columns):
            sides = {"top": i == 0, "bottom": i == rows - 1, "start": j == 0, "end": j == columns - 1}
            if edge == "insideH" and i < rows - 1:
                word_border(table.cell(i, j), bottom=style)
            elif edge == "insideV" and j < columns - 1:
                word_border(table.cell(i, j), right=style)
            elif sides.get(edge):
                word_border(table.cell(i, j), **{_EDGES.get(edge, edge): style})


def _place(table: Any, given: dict[str, str]) -> None:
    from docx.enum.table import WD_TABLE_ALIGNMENT
    from docx.oxml.ns import qn

    if "halign" in given:
        if given["halign"] not in {"left", "center", "right"}:
            raise StataError(198, f"halign({given['halign']}) invalid")
        table.alignment = getattr(WD_TABLE_ALIGNMENT, given["halign"].upper())
    if "width" in given:
        properties = table._tbl.tblPr.find(qn("w:tblW"))
        if given["width"].endswith("%"):
            properties.set(qn("w:type"), "pct")
            properties.set(qn("w:w"), str(round(typed_number(given["width"][:-1]) * 50)))
        else:
            properties.set(qn("w:type"), "dxa")
            properties.set(qn("w:w"), str(round(inches(given["width"]) * 1440)))


def _grid(session: Session, text: str, given: dict[str, str]) -> Grid:
    """The cells of a new table."""
    if text.startswith("("):
        sizes = text[1 : closing(text, 0)].split(",")
        if len(sizes) != 2:
            raise invalid_syntax()
        rows, columns = (int(session.evaluate_number(size)) for size in sizes)
        if rows < 1 or columns < 1:
            raise StataError(198, "a table has at least one row and one column")
        return [[""] * columns for _ in range(rows)]
    found = re.match(r"(matrix|mata|data|etable|estimates|returnset|rscalars|escalars)\b", text)
    if found is None:
        raise invalid_syntax()
    inside = text[found.end() :].strip()
    body = inside[1 : closing(inside, 0)].strip() if inside.startswith("(") else ""
    if found[1] == "etable":
        return shown_grid(coefficient_grid(session))
    if found[1] == "matrix":
        matrix = evaluate_matrix(session, body)
        rows_named, columns_named = ("names" in given or "rownames" in given), ("names" in given or "colnames" in given)
        grid: Grid = [[*([""] if rows_named else []), *matrix.cols]] if columns_named else []
        for i, name in enumerate(matrix.rows):
            grid.append([*([name] if rows_named else []), *(float(v) for v in matrix.values[i])])
        return grid
    if found[1] == "data":
        return _data_grid(session, body, inside[closing(inside, 0) + 1 :], given)
    raise unsupported(f"putdocx table with {found[1]} is")


def _data_grid(session: Session, body: str, tail: str, given: dict[str, str]) -> Grid:
    """Observations of variables in their display formats, value labels shown."""
    names = session.expand_varlist(" ".join(split_words(body)))
    parts = split_line(tail)
    mask = np.ones(session.data.n_obs, dtype=np.bool_)
    if parts.range is not None:
        start, end = parse_range(parts.range, session.data.n_obs)
        mask[:start] = False
        mask[end:] = False
    if parts.condition is not None:
        mask &= session.evaluate_condition(parts.condition)
    rows = np.flatnonzero(mask)
    if not rows.size:
        raise StataError(2000, "no observations")
    numbered = "obsno" in given
    grid: Grid = [[*([""] if numbered else []), *names]] if "varnames" in given else []
    columns = [_shown_column(session, name, rows, given.get("nformat", "")) for name in names]
    for position, row in enumerate(rows):
        grid.append([*([str(row + 1)] if numbered else []), *(column[position] for column in columns)])
    return grid


def _shown_column(session: Session, name: str, rows: np.ndarray, fmt: str) -> list[str]:
    variable = session.data.variables[name]
    if variable.is_string:
        return [str(value) for value in session.data.strings(name)[rows]]
    labels = session.data.labels_of(name)
    shown = []
    for value in session.data.numeric(name)[rows]:
        label = labels.get(int(value)) if value < MISSING and value == int(value) else None
        shown.append(label if label is not None else format_value(float(value), fmt or variable.format).strip())
    return shown
