"""A table as a document: Rich Text, Word, LaTeX, HTML, tab-separated text or an Excel 2003 XML workbook."""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Callable
from dataclasses import dataclass, field
from html import escape
from typing import TYPE_CHECKING, Any, Final

from ssd.engine.output.tables import display_width

if TYPE_CHECKING:
    from docx.document import Document

_STAMP: Final = (1980, 1, 1, 0, 0, 0)
_TWIPS: Final = 120
"""Width of a character in Rich Text."""


@dataclass
class DocumentTable:
    """Rows of texts; rules stand above the first row, below the head, and below the rows in `rules`."""

    rows: list[list[str]]
    head: int = 1
    """Rows of the head."""
    rules: list[int] = field(default_factory=list)
    """Numbers of rows, from 0, with a rule below them."""
    title: str = ""
    notes: list[str] = field(default_factory=list)

    @property
    def columns(self) -> int:
        return max((len(row) for row in self.rows), default=0)

    def ruled(self, row: int) -> bool:
        return row in {self.head - 1, len(self.rows) - 1, *self.rules}

    def padded(self) -> list[list[str]]:
        """The rows, all with the same number of cells."""
        return [row + [""] * (self.columns - len(row)) for row in self.rows]


def tab_separated(table: DocumentTable) -> str:
    """Plain text, a line per row."""
    blank = "\t" * (table.columns - 1)
    lines = [table.title + blank] if table.title else []
    lines += ["\t".join(row) for row in table.padded()]
    lines += [note + blank for note in table.notes]
    return "\n".join(lines) + "\n"


def comma_separated(table: DocumentTable) -> str:
    """Every cell quoted."""
    rows = [[table.title]] if table.title else []
    rows += [*table.padded(), *([note] for note in table.notes)]
    return "".join(",".join('"' + cell.replace('"', '""') + '"' for cell in row) + "\n" for row in rows)


def plain_text(table: DocumentTable) -> list[str]:
    """Columns as wide as they need to be, the first to the left, the others centred by their widest cell."""
    rows = table.padded()
    widths = [max((display_width(row[j]) for row in rows), default=0) for j in range(table.columns)]
    total = sum(widths) + 2 * (table.columns - 1)
    lines = [table.title] if table.title else []
    lines.append("-" * total)
    for position, row in enumerate(rows):
        cells = []
        for j, cell in enumerate(row):
            room = widths[j] - display_width(cell)
            cells.append(cell + " " * room if j == 0 else " " * (room // 2) + cell + " " * (room - room // 2))
        lines.append("  ".join(cells).rstrip())
        if table.ruled(position):
            lines.append("-" * total)
    return [*lines, *table.notes]


# --- Rich Text ---------------------------------------------------------------------------------


def _rtf(text: str) -> str:
    escaped = re.sub(r"([\\{}])", r"\\\1", text)
    return "".join(char if ord(char) < 128 else f"\\u{ord(char) - 65536 * (ord(char) > 32767)}?" for char in escaped)


def rich_text_body(table: DocumentTable) -> list[str]:
    """The table as the lines of a Rich Text document."""
    rows = table.padded()
    widths = [max([8, *(display_width(row[j]) + 2 for row in rows)]) for j in range(table.columns)]
    ends = [sum(widths[: j + 1]) * _TWIPS for j in range(table.columns)]
    lines = [rf"{{\pard\qc\keepn\b {_rtf(table.title)}\par}}"] if table.title else []
    for position, row in enumerate(rows):
        top = r"\clbrdrt\brdrw10\brdrs" if position == 0 else ""
        bottom = r"\clbrdrb\brdrw10\brdrs" if table.ruled(position) else ""
        bounds = "".join(rf"{top}{bottom}\cellx{end}" for end in ends)
        cells = "".join(rf"\pard\intbl\q{'l' if j == 0 else 'c'} {_rtf(cell)}\cell" for j, cell in enumerate(row))
        lines.append(rf"{{\trowd\trgaph60\trqc{bounds}{cells}\row}}")
    lines += [rf"{{\pard\qc\fs18 {_rtf(note)}\par}}" for note in table.notes]
    return [*lines, r"{\pard\par}"]


def rich_text(*tables: DocumentTable) -> str:
    """A whole Rich Text document."""
    return rich_text_document([line for table in tables for line in rich_text_body(table)])


def rich_text_document(body: list[str]) -> str:
    head = r"{\rtf1\ansi\deff0 {\fonttbl{\f0\froman Times New Roman;}}\plain\fs20"
    return "\n".join([head, *body, "}"]) + "\n"


def appended_rich_text(earlier: str, table: DocumentTable) -> str:
    """A document with one more table before its closing brace."""
    lines = earlier.rstrip().removesuffix("}").rstrip("\n")
    return "\n".join([lines, *rich_text_body(table), "}"]) + "\n"


# --- LaTeX, HTML, Excel ------------------------------------------------------------------------

_TEX: Final = {
    "_": r"\_", "%": r"\%", "&": r"\&", "#": r"\#", "$": r"\$", "<": "$<$", ">": "$>$", "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
}  # fmt: skip


def tex_text(text: str) -> str:
    return "".join(_TEX.get(char, char) for char in text)


def latex(table: DocumentTable, *, fragment: bool = False) -> str:
    """A tabular, in a document of its own unless `fragment`."""
    n = table.columns
    lines = [] if fragment else [
        r"\documentclass[]{article}", r"\setlength{\pdfpagewidth}{8.5in} \setlength{\pdfpageheight}{11in}",
        r"\begin{document}",
    ]  # fmt: skip
    if table.title:
        lines.append(rf"\begin{{center}}{tex_text(table.title)}\end{{center}}")
    lines.append(rf"\begin{{tabular}}{{l{'c' * (n - 1)}}} \hline")
    for position, row in enumerate(table.padded()):
        rule = r" \hline" if table.ruled(position) else ""
        lines.append(" & ".join(tex_text(cell) for cell in row) + r" \\" + rule)
    lines += [rf"\multicolumn{{{n}}}{{c}}{{ {tex_text(note)}}} \\" for note in table.notes]
    lines.append(r"\end{tabular}")
    return "\n".join([*lines, *([] if fragment else [r"\end{document}"])]) + "\n"


def html(table: DocumentTable) -> str:
    """A table element with its caption and notes."""
    lines = ["<table>"]
    lines += [f"<caption>{escape(table.title)}</caption>"] if table.title else []
    for position, row in enumerate(table.padded()):
        tag = "th" if position < table.head else "td"
        lines.append("<tr>" + "".join(f"<{tag}>{escape(cell)}</{tag}>" for cell in row) + "</tr>")
    lines += [f'<tr><td colspan="{table.columns}">{escape(note)}</td></tr>' for note in table.notes]
    return "\n".join([*lines, "</table>"]) + "\n"


def spreadsheet_xml(table: DocumentTable) -> str:
    """An Excel 2003 XML workbook (Microsoft's SpreadsheetML reference schema); every cell is text."""
    rows = [[table.title]] if table.title else []
    rows += [*table.padded(), *([note] for note in table.notes)]
    body = "".join(
        "<Row>" + "".join(f'<Cell><Data ss:Type="String">{escape(cell)}</Data></Cell>' for cell in row) + "</Row>\n"
        for row in rows
    )
    space = "urn:schemas-microsoft-com:office:spreadsheet"
    return (
        f'<?xml version="1.0" encoding="UTF-8"?>\n<?mso-application progid="Excel.Sheet"?>\n'
        f'<Workbook xmlns="{space}" xmlns:ss="{space}">\n<Worksheet ss:Name="Sheet1">\n<Table>\n{body}</Table>\n'
        f"</Worksheet>\n</Workbook>\n"
    )


# --- Word --------------------------------------------------------------------------------------


def word_border(cell: Any, **edges: str) -> None:
    """Borders of a Word cell: edge name to style (single, nil)."""
    from docx.oxml import OxmlElement
    from docx.oxml.ns import qn

    properties = cell._tc.get_or_add_tcPr()
    borders = properties.find(qn("w:tcBorders"))
    if borders is None:
        borders = OxmlElement("w:tcBorders")
        properties.append(borders)
    for edge, style in edges.items():
        element = borders.find(qn(f"w:{edge}"))
        if element is None:
            element = OxmlElement(f"w:{edge}")
            borders.append(element)
        element.set(qn("w:val"), style)
        element.set(qn("w:sz"), "8")


def add_word_table(document: Document, table: DocumentTable) -> None:
    """The table at the end of a Word document: title, three rules, notes."""
    from docx.enum.table import WD_TABLE_ALIGNMENT
    from docx.enum.text import WD_ALIGN_PARAGRAPH

    if table.title:
        paragraph = document.add_paragraph()
        paragraph.add_run(table.title).bold = True
        paragraph.alignment = WD_ALIGN_PARAGRAPH.CENTER
    rows = table.padded()
    grid = document.add_table(rows=len(rows), cols=table.columns)
    grid.alignment = WD_TABLE_ALIGNMENT.CENTER
    for position, row in enumerate(rows):
        for j, text in enumerate(row):
            cell = grid.cell(position, j)
            paragraph = cell.paragraphs[0]
            paragraph.add_run(text)
            paragraph.paragraph_format.space_after = 0
            paragraph.alignment = WD_ALIGN_PARAGRAPH.LEFT if j == 0 else WD_ALIGN_PARAGRAPH.CENTER
            edges = {**({"top": "single"} if position == 0 else {}),
                     **({"bottom": "single"} if table.ruled(position) else {})}  # fmt: skip
            if edges:
                word_border(cell, **edges)
    for note in table.notes:
        document.add_paragraph(note)
    document.add_paragraph()


def new_word_document() -> Document:
    import docx

    return docx.Document()


def read_word_document(data: bytes) -> Document:
    import docx

    return docx.Document(io.BytesIO(data))


def word_bytes(document: Document) -> bytes:
    """The file of a Word document, the same on every run: without times and authors."""
    from datetime import datetime

    properties = document.core_properties
    properties.author = ""
    properties.created = properties.modified = datetime(1980, 1, 1)
    buffer = io.BytesIO()
    document.save(buffer)
    return reproducible_archive(buffer.getvalue())


def reproducible_archive(data: bytes) -> bytes:
    """A zip file with the times of its members set to a fixed one."""
    target = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as source, zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for member in source.infolist():
            archive.writestr(
                zipfile.ZipInfo(member.filename, _STAMP), source.read(member.filename), zipfile.ZIP_DEFLATED
            )
    return target.getvalue()


TEXT_WRITERS: Final[dict[str, Callable[[DocumentTable], str]]] = {
    "txt": tab_separated,
    "csv": comma_separated,
    "rtf": rich_text,
    "doc": rich_text,
    "tex": latex,
    "html": html,
    "xml": spreadsheet_xml,
    "xls": spreadsheet_xml,
}
