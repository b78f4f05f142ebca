"""PDF and raster pictures through Typst, which draws SVG itself and needs no other program."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Final, Literal

from ssd.artifacts.formatting.report import NOTE_OF_STARS, ReportRequest, Section, Table, for_reading

_PIXELS_PER_INCH: Final = 200.0
_HEAD: Final = """#set page(paper: "a4", margin: 2.2cm, numbering: "1")
#set text(size: 10pt, font: ("Libertinus Serif", "Noto Serif CJK SC", "Source Han Serif SC", "Noto Sans CJK SC",
  "Source Han Sans SC", "WenQuanYi Zen Hei", "SimSun"))
#set table(stroke: none, inset: (x: 6pt, y: 3pt))
#show figure: set block(breakable: true)
"""


def quoted(text: str) -> str:
    """A Typst string literal, so that no text of the user is markup."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n").replace("\r", "")
    return f'#"{escaped}"'


def typeset_pdf(request: ReportRequest, sections: list[Section]) -> bytes:
    """The report as a PDF document."""
    lines = [_HEAD, f"= {quoted(request.title)}", *(f"{quoted(note)}\n" for note in request.notes)]
    pictures: dict[str, Path] = {}
    for section in sections:
        lines.append(f"== {quoted(section.title)}")
        lines.extend(_table(for_reading(table), request.language) for table in section.tables)
        for figure in section.figures:
            name = f"figure{len(pictures)}.svg"
            pictures[name] = figure.path
            lines.append(f'#figure(image("{name}", width: 75%), caption: [{quoted(figure.title)}])')
    return _compile("\n".join(lines), pictures, "pdf")


def _table(table: Table, language: str) -> str:
    align = "(x, y) => if x == 0 { left } else { right }"
    head = ", ".join(f"[{quoted(name)}]" for name in table.columns)
    body = ",\n".join(", ".join(f"[{quoted(str(cell or ''))}]" for cell in row) for row in table.rows)
    note = f"\n#text(size: 8pt)[{quoted(NOTE_OF_STARS[language])}]\n" if table.columns[0] == "" else ""
    # A wide table gets smaller letters, so that it stays on the page and its columns stay apart.
    size = min(10.0, max(5.0, 115.0 / len(table.columns)))
    return (
        f"*{quoted(table.title)}*\n\n#[#set text(size: {size:.1f}pt); #table(columns: {len(table.columns)}, "
        f"inset: (x: {size * 0.5:.1f}pt, y: 3pt), align: {align}, table.hline(),\n"
        f"table.header({head}), table.hline(stroke: 0.5pt),\n{body}{',' if body else ''}\ntable.hline())]\n{note}"
    )


def svg_to_png(path: Path) -> bytes:
    """A figure as pixels, for formats that take no vector graphics."""
    source = '#set page(width: auto, height: auto, margin: 2pt)\n#image("figure.svg", width: 16cm)\n'
    return _compile(source, {"figure.svg": path}, "png")


def _compile(source: str, pictures: dict[str, Path], kind: Literal["pdf", "png"]) -> bytes:
    import typst

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "main.typ").write_text(source, "utf-8")
        for picture, path in pictures.items():
            (folder / picture).write_bytes(path.read_bytes())
        made = typst.compile(str(folder / "main.typ"), root=str(folder), format=kind, ppi=_PIXELS_PER_INCH)
    if not isinstance(made, bytes):
        raise TypeError("a single document was expected")
    return made
