"""Tables of stored models written as text, CSV, LaTeX, RTF, HTML or Markdown."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from html import escape
from typing import Literal

Kind = Literal["numbers", "titles", "rule", "coefficient", "under", "gap", "statistic", "note", "caption"]


@dataclass(frozen=True)
class Row:
    """One line of the table: its stub, then one (text, stars) pair per model."""

    kind: Kind
    stub: str = ""
    cells: tuple[tuple[str, str], ...] = ()


@dataclass
class Table:
    rows: list[Row]
    models: int
    columns: int = 12
    """Width of the number of one model in text."""
    star_width: int = 3
    stub_width: int = 12
    booktabs: bool = False
    fragment: bool = False
    alignment: str = "c"
    plain: bool = False
    levels: list[tuple[str, float]] = field(default_factory=list)
    """Marks and their levels, for LaTeX notes."""


def as_text(table: Table) -> list[str]:
    """Fixed columns, stars to the right of the number."""
    stub = max([table.stub_width, *(len(row.stub) for row in table.rows if row.kind not in {"note", "caption"})])
    width = table.columns + 1 + table.star_width
    lines = [""]
    for row in table.rows:
        if row.kind == "rule":
            if not table.plain:
                lines.append("-" * (stub + width * table.models))
        elif row.kind in {"note", "caption"}:
            lines.append(row.stub)
        elif row.kind == "gap":
            lines.append("")
        else:
            cells = "".join(f"{text:>{table.columns + 1}}{stars:<{table.star_width}}" for text, stars in row.cells)
            lines.append(f"{row.stub:<{stub}}{cells}")
    return lines


def as_csv(table: Table) -> list[str]:
    """Every cell quoted, so that a spreadsheet keeps parentheses and stars as text."""
    lines = []
    for row in table.rows:
        if row.kind == "rule":
            continue
        cells = [row.stub, *(text + stars for text, stars in row.cells)]
        quoted = ('"' + cell.replace('"', '""') + '"' for cell in cells)
        lines.append("" if row.kind == "gap" else ",".join(quoted))
    return lines


_TEX = {"\\": r"\textbackslash{}", "_": r"\_", "%": r"\%", "&": r"\&", "#": r"\#", "$": r"\$"}


def _tex(text: str) -> str:
    """Special characters escaped, unless the text already is LaTeX."""
    if "\\" in text or text.count("$") >= 2:
        return text
    return "".join(_TEX.get(char, char) for char in text)


_TEX_STATISTICS = {
    "N": r"\(N\)",
    "R-sq": r"\(R^{2}\)",
    "adj. R-sq": r"adj. \(R^{2}\)",
    "pseudo R-sq": r"pseudo \(R^{2}\)",
}


def as_tex(table: Table) -> list[str]:
    """A tabular, within a table environment when there is a caption."""
    n = table.models
    rules = (
        ("\\toprule", "\\midrule", "\\bottomrule")
        if table.booktabs
        else ("\\hline\\hline", "\\hline", "\\hline\\hline")
    )
    caption = next((row.stub for row in table.rows if row.kind == "caption"), "")
    body: list[str] = []
    notes = [row for row in table.rows if row.kind == "note"]
    ruled = [position for position, row in enumerate(table.rows) if row.kind == "rule"]
    for position, row in enumerate(table.rows):
        if row.kind in {"caption", "note"}:
            continue
        if row.kind == "rule":
            if not table.fragment or position not in {ruled[0], ruled[-1]}:
                body.append(rules[0 if position == ruled[0] else 2 if position == ruled[-1] else 1])
        elif row.kind == "gap":
            body.append(r"\addlinespace" if table.booktabs else "[1em]")
        elif row.kind in {"numbers", "titles"}:
            cells = "".join(rf"&\multicolumn{{1}}{{c}}{{{_tex(text)}}}" for text, _ in row.cells)
            body.append(f"{_tex(row.stub):<12}{cells}\\\\")
        else:
            marked = (_tex(text) + (rf"\sym{{{stars}}}" if stars else "") for text, stars in row.cells)
            cells = "".join(f"&{cell:>22}" for cell in marked)
            stub = _TEX_STATISTICS.get(row.stub) if row.kind == "statistic" else None
            body.append(f"{stub or _tex(row.stub):<12}{cells}\\\\")
    if table.fragment:
        return body
    for row in notes:
        text = _tex(row.stub)
        for mark, level in table.levels:
            text = text.replace(f"{mark} p<{level:g}", rf"\sym{{{mark}}} \(p<{level:g}\)")
        body.append(rf"\multicolumn{{{n + 1}}}{{l}}{{\footnotesize {text}}}\\")
    opening = [r"\begin{table}[htbp]\centering"] if caption else ["{"]
    closing = [r"\end{table}"] if caption else ["}"]
    return [
        *opening,
        r"\def\sym#1{\ifmmode^{#1}\else\(^{#1}\)\fi}",
        *([rf"\caption{{{_tex(caption)}}}"] if caption else []),
        rf"\begin{{tabular}}{{l*{{{n}}}{{{table.alignment}}}}}",
        *body,
        r"\end{tabular}",
        *closing,
    ]


def _rtf(text: str) -> str:
    escaped = re.sub(r"([\\{}])", r"\\\1", text)
    return "".join(char if ord(char) < 128 else f"\\u{ord(char) - 65536 * (ord(char) > 32767)}?" for char in escaped)


def as_rtf(table: Table) -> list[str]:
    """One RTF table row per line, rules as cell borders, stars as superscripts."""
    stub = 1500 if table.stub_width <= 12 else 2500
    lines = [r"{\rtf1\ansi\deff0 {\fonttbl{\f0\froman Times New Roman;}}", r"{\pard \keepn\ql"]
    lines += [_rtf(row.stub) + r"\par" for row in table.rows if row.kind == "caption"]
    lines.append("}")
    border = ""
    rows = [row for row in table.rows if row.kind not in {"caption", "note"}]
    for position, row in enumerate(rows):
        if row.kind == "rule":
            border = r"\clbrdrt\brdrw10\brdrs"
            continue
        last = position + 1 < len(rows) and rows[position + 1].kind == "rule" and position + 2 == len(rows)
        edges = border + (r"\clbrdrb\brdrw10\brdrs" if last else "")
        cells = row.cells or (("", ""),) * table.models
        bounds = "".join(rf"{edges}\cellx{stub + 1440 * i}" for i in range(len(cells) + 1))
        texts = "".join(
            rf"\pard\intbl\qc {_rtf(text)}" + (rf"{{\super {stars}}}" if stars else "") + r"\cell"
            for text, stars in cells
        )
        lines.append(rf"{{\trowd\trgaph108\trleft-108{bounds}\pard\intbl\ql {_rtf(row.stub)}\cell{texts}\row}}")
        border = ""
    lines.append(r"{\pard\ql\fs20")
    lines += [_rtf(row.stub) + r"\par" for row in table.rows if row.kind == "note"]
    return [*lines, "}", "}"]


def as_html(table: Table) -> list[str]:
    """A bare table element."""
    lines = ['<table border="0" width="*">']
    lines += [f"<caption>{escape(row.stub)}</caption>" for row in table.rows if row.kind == "caption"]
    for row in table.rows:
        if row.kind == "rule":
            lines.append(f'<tr><td colspan="{table.models + 1}"><hr></td></tr>')
        elif row.kind == "note":
            lines.append(f'<tr><td colspan="{table.models + 1}">{escape(row.stub)}</td></tr>')
        elif row.kind not in {"gap", "caption"}:
            cells = "".join(
                f"<td align=center>{escape(text)}" + (f"<sup>{stars}</sup>" if stars else "") + "</td>"
                for text, stars in row.cells
            )
            lines.append(f"<tr><td>{escape(row.stub)}</td>{cells}</tr>")
    return [*lines, "</table>"]


def as_markdown(table: Table) -> list[str]:
    """A pipe table; the first line with cells is its head."""
    lines = [row.stub for row in table.rows if row.kind == "caption"]
    lines += [""] if lines else []
    headed = False
    for row in table.rows:
        if row.kind in {"rule", "gap", "note", "caption"}:
            continue
        cells = " | ".join((text + stars.replace("*", r"\*")).replace("|", r"\|") for text, stars in row.cells)
        lines.append(f"| {row.stub} | {cells} |")
        if not headed:
            lines.append("| --- |" + " :---: |" * table.models)
            headed = True
    notes = [row.stub for row in table.rows if row.kind == "note"]
    return [*lines, "", *notes] if notes else lines


WRITERS: dict[str, Callable[[Table], list[str]]] = {
    "text": as_text,
    "csv": as_csv,
    "tex": as_tex,
    "rtf": as_rtf,
    "html": as_html,
    "md": as_markdown,
}
