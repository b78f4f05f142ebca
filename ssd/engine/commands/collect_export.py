"""Tables of the collect family written to files: .docx, .xlsx, .html, .tex, .md, .txt and .csv."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from ssd.engine.errors import StataError, unsupported
from ssd.engine.lang.options import read_options
from ssd.engine.lang.quoting import split_comma, split_words
from ssd.engine.output.documents import (
    DocumentTable,
    add_word_table,
    comma_separated,
    html,
    latex,
    new_word_document,
    plain_text,
    word_bytes,
)
from ssd.engine.output.spreadsheet import Workbook, workbook_file

if TYPE_CHECKING:
    from ssd.engine.session import Session

_TYPES: Final = {"markdown": "md", "latex": "tex"}


def export_table(session: Session, text: str, table: DocumentTable) -> None:
    """`file[, as(type) replace tableonly]`. Raises r(602) for a file that exists."""
    main, option_text = split_comma(text)
    words = split_words(main)
    if len(words) != 1:
        raise StataError(198, "option export() incorrectly specified")
    name = words[0]
    kind, replace, only = name.rpartition(".")[2].lower() if "." in name else "", False, False
    for item in read_options(option_text or ""):
        if item.word == "replace":
            replace = True
        elif item.word == "as" and item.value is not None:
            kind = _TYPES.get(item.value.strip(), item.value.strip())
        elif item.word == "tableonly":
            only = True
        else:
            raise unsupported(f"export option {item.named} is")
    if not re.search(r"\.\w+$", name):
        name = f"{name}.{kind or 'docx'}"
        kind = kind or "docx"
    path = session.output_path(name)
    if path.exists() and not replace:
        raise StataError(602, f"file {name} already exists")
    path.write_bytes(_bytes(table, kind, only=only))
    session.log.line(f"(collection exported to file {name})")


def _bytes(table: DocumentTable, kind: str, *, only: bool) -> bytes:
    if kind == "docx":
        document = new_word_document()
        add_word_table(document, table)
        return word_bytes(document)
    if kind in {"xlsx", "xls"}:
        if kind == "xls":
            raise unsupported("export to the old format .xls is")
        return workbook_file(_workbook(table))
    texts = {
        "html": lambda: html(table),
        "tex": lambda: latex(table, fragment=only),
        "md": lambda: markdown(table),
        "txt": lambda: "\n".join(plain_text(table)) + "\n",
        "csv": lambda: comma_separated(table),
    }
    if kind not in texts:
        raise unsupported(f"export to .{kind} is")
    return texts[kind]().encode("utf-8")


def markdown(table: DocumentTable) -> str:
    """A pipe table."""
    rows = table.padded()
    lines = [f"| {' | '.join(cell.replace('|', '/') for cell in row)} |" for row in rows]
    lines.insert(1, "| " + " | ".join([":--", *["--:"] * (table.columns - 1)]) + " |")
    title = [table.title, ""] if table.title else []
    notes = ["", *table.notes] if table.notes else []
    return "\n".join([*title, *lines, *notes]) + "\n"


def _workbook(table: DocumentTable) -> Workbook:
    book = Workbook()
    sheet = book.sheet("Sheet1")
    rows = [[table.title]] if table.title else []
    rows += [*table.rows, *([note] for note in table.notes)]
    for i, row in enumerate(rows):
        for j, cell in enumerate(row):
            plain = cell.strip().replace(",", "")
            if re.fullmatch(r"-?(\d+\.?\d*|\.\d+)(e[-+]?\d+)?", plain):
                sheet.values[i, j] = float(plain)
            elif cell:
                sheet.values[i, j] = cell
    return book
