"""One function per format. Each takes the whole report and writes one file (or, for dta, one per table)."""

from __future__ import annotations

import html
import re
from pathlib import Path

from ssd.artifacts.formatting.report import NOTE_OF_STARS, ReportRequest, Section, Table, for_reading

_SHEET_NAME = re.compile(r"[\[\]:*?/\\']")


def write_xlsx(request: ReportRequest, sections: list[Section], folder: Path) -> list[Path]:
    """results.xlsx: a sheet per table with every digit, numbers as numbers."""
    import xlsxwriter

    path = folder / "results.xlsx"
    # Cell values that begin with = or http must stay text.
    options = {"strings_to_formulas": False, "strings_to_urls": False, "in_memory": True}
    with xlsxwriter.Workbook(str(path), options) as book:
        heading = book.add_format({"bold": True, "bottom": 1})
        caption = book.add_format({"italic": True})
        for section in sections:
            for table in section.tables:
                sheet = book.add_worksheet(_SHEET_NAME.sub(" ", table.name)[:31])
                sheet.write_string(0, 0, f"{section.title}: {table.title}", caption)
                sheet.write_row(1, 0, table.columns, heading)
                for number, row in enumerate(table.rows, 2):
                    for column, cell in enumerate(row):
                        if isinstance(cell, float):
                            sheet.write_number(number, column, cell)
                        elif cell is not None:
                            sheet.write_string(number, column, cell)
                sheet.freeze_panes(2, 0)
                sheet.autofit()
    return [path]


def write_dta(request: ReportRequest, sections: list[Section], folder: Path) -> list[Path]:
    """One Stata dataset per table."""
    import numpy as np

    from ssd.engine.data.dataset import Dataset
    from ssd.engine.data.dta import write_dta as write
    from ssd.engine.missing import MISSING

    paths = []
    for section in sections:
        for table in section.tables:
            data = Dataset(n_obs=len(table.rows), label=table.title[:80])
            for j, name in enumerate(table.columns):
                column = [row[j] for row in table.rows]
                if all(cell is None or isinstance(cell, float) for cell in column):
                    numbers = np.array([MISSING if cell is None else cell for cell in column], dtype=np.float64)
                    data.add(name, numbers, "double")
                else:
                    data.add(name, np.array([str(cell or "") for cell in column], dtype=object))
            path = folder / f"{table.name.replace(' ', '_')}.dta"
            write(data, path, timestamp="")
            paths.append(path)
    return paths


def write_html(request: ReportRequest, sections: list[Section], folder: Path) -> list[Path]:
    """results.html: one self-contained page."""
    body = [f"<h1>{html.escape(request.title)}</h1>", *(f"<p>{html.escape(note)}</p>" for note in request.notes)]
    for section in sections:
        body.append(f"<h2>{html.escape(section.title)}</h2>")
        body.extend(_html_table(for_reading(table), request.language) for table in section.tables)
        for figure in section.figures:
            drawing = figure.path.read_text("utf-8")
            body.append(
                f"<figure>{drawing[drawing.index('<svg') :]}<figcaption>{html.escape(figure.title)}</figcaption>"
            )
            body.append("</figure>")
    path = folder / "results.html"
    page = _PAGE.replace("LANGUAGE", request.language).replace("TITLE", html.escape(request.title))
    path.write_text(page.replace("BODY", "\n".join(body)), "utf-8")
    return [path]


_PAGE = """<!doctype html>
<html lang="LANGUAGE"><head><meta charset="utf-8"><title>TITLE</title>
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<style>
body { font: 16px/1.5 Georgia, "Noto Serif CJK SC", "Songti SC", SimSun, serif;
  max-width: 60rem; margin: 2rem auto; padding: 0 1rem; }
table { border-collapse: collapse; margin: 1rem 0; border-top: 2px solid; border-bottom: 2px solid; }
caption { text-align: left; font-weight: bold; }
th { border-bottom: 1px solid; }
th, td { padding: .15rem .8rem; text-align: right; }
th:first-child, td:first-child { text-align: left; }
.note { font-size: .85rem; }
svg { max-width: 100%; height: auto; }
</style></head><body>
BODY
</body></html>
"""


def _html_table(table: Table, language: str) -> str:
    head = "".join(f"<th>{html.escape(name)}</th>" for name in table.columns)
    rows = "\n".join(
        "<tr>" + "".join(f"<td>{html.escape(str(cell or ''))}</td>" for cell in row) + "</tr>" for row in table.rows
    )
    note = f'<p class="note">{html.escape(NOTE_OF_STARS[language])}</p>' if table.columns[0] == "" else ""
    return f"<table><caption>{html.escape(table.title)}</caption><tr>{head}</tr>\n{rows}</table>{note}"


_LATEX_SPECIAL = {
    "\\": r"\textbackslash{}", "&": r"\&", "%": r"\%", "$": r"\$", "#": r"\#", "_": r"\_", "{": r"\{", "}": r"\}",
    "~": r"\textasciitilde{}", "^": r"\textasciicircum{}",
}  # fmt: skip


def latex_text(text: str) -> str:
    """Text that LaTeX prints as it stands."""
    return "".join(_LATEX_SPECIAL.get(char, char) for char in text)


def write_tex(request: ReportRequest, sections: list[Section], folder: Path) -> list[Path]:
    """results.tex: booktabs tables to be \\input; needs \\usepackage{booktabs}, and xeCJK for Chinese labels."""
    lines = [
        "% Needs \\usepackage{booktabs}; Chinese labels need XeLaTeX with xeCJK.",
        f"% {latex_text(request.title)}",
    ]
    for section in sections:
        for raw in section.tables:
            table = for_reading(raw)
            stars = table.columns[0] == ""
            lines += [
                "\\begin{table}[htbp]",
                "\\centering",
                f"\\caption{{{latex_text(section.title)}: {latex_text(table.title)}}}",
                f"\\begin{{tabular}}{{l{'c' * (len(table.columns) - 1)}}}",
                "\\toprule",
                " & ".join(latex_text(name) for name in table.columns) + " \\\\",
                "\\midrule",
                *(" & ".join(latex_text(str(cell or "")) for cell in row) + " \\\\" for row in table.rows),
                "\\bottomrule",
                "\\end{tabular}",
                *([f"\\par\\footnotesize {latex_text(NOTE_OF_STARS[request.language])}"] if stars else []),
                "\\end{table}",
                "",
            ]
    path = folder / "results.tex"
    path.write_text("\n".join(lines), "utf-8")
    return [path]


def write_docx(request: ReportRequest, sections: list[Section], folder: Path) -> list[Path]:
    """results.docx: tables as Word tables, figures as pictures."""
    import io

    import docx
    from docx.shared import Cm, Pt

    from ssd.artifacts.formatting.typeset import svg_to_png

    document = docx.Document()
    document.styles["Normal"].font.size = Pt(10)
    document.add_heading(request.title, 0)
    for note in request.notes:
        document.add_paragraph(note)
    for section in sections:
        document.add_heading(section.title, 1)
        for raw in section.tables:
            table = for_reading(raw)
            document.add_paragraph(table.title).runs[0].bold = True
            grid = document.add_table(rows=1, cols=len(table.columns), style="Light List")
            for cell, name in zip(grid.rows[0].cells, table.columns, strict=True):
                cell.text = name
            for row in table.rows:
                for cell, value in zip(grid.add_row().cells, row, strict=True):
                    cell.text = str(value or "")
            if table.columns[0] == "":
                document.add_paragraph(NOTE_OF_STARS[request.language]).runs[0].font.size = Pt(8)
        for figure in section.figures:
            document.add_picture(io.BytesIO(svg_to_png(figure.path)), width=Cm(14))
            document.add_paragraph(figure.title).runs[0].italic = True
    path = folder / "results.docx"
    document.save(str(path))
    return [path]


def write_pdf(request: ReportRequest, sections: list[Section], folder: Path) -> list[Path]:
    """results.pdf, typeset."""
    from ssd.artifacts.formatting.typeset import typeset_pdf

    path = folder / "results.pdf"
    path.write_bytes(typeset_pdf(request, sections))
    return [path]


WRITERS = {
    "xlsx": write_xlsx, "dta": write_dta, "html": write_html, "tex": write_tex, "docx": write_docx, "pdf": write_pdf,
}  # fmt: skip
