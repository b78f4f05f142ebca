"""putdocx: paragraphs, tables, pictures and breaks of a Word document."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from ssd.engine.commands.declare import Line, command
from ssd.engine.commands.documents_estimates import Grid, coefficient_grid, shown_grid
from ssd.engine.commands.documents_putexcel import colour
from ssd.engine.commands.matrix_expression import evaluate_matrix
from ssd.engine.errors import StataError, invalid_syntax, unsupported
from ssd.engine.lang.options import TypedOption, read_options
from ssd.engine.lang.quoting import closing, split_comma, split_words, strip_quotes
from ssd.engine.lang.syntax import parse_range, split_line
from ssd.engine.missing import MISSING, missing_name
from ssd.engine.output.documents import new_word_document, read_word_document, word_border, word_bytes
from ssd.engine.output.formats import format_value

if TYPE_CHECKING:
    from docx.document import Document

    from ssd.engine.session import Session

_INCHES: Final = {"in": 1.0, "cm": 1 / 2.54, "pt": 1 / 72, "twip": 1 / 1440}


@dataclass
class _State:
    """The document between begin and save."""

    document: Document
    paragraph: Any = None
    """The open paragraph; python-docx's objects carry no types."""
    tables: dict[str, Any] = field(default_factory=dict)
    font: list[str] = field(default_factory=list)
    paragraph_font: list[str] = field(default_factory=list)


@command(
    "putdocx",
    "*",
    stored="none",
    refused="textblock, textfile, sectionbreak, header(), footer(), pagenumber, describe; addrows(), drop() and "
    "memtable of tables; append of several files into one",
)
def putdocx(session: Session, line: Line) -> None:
    """Write a Word document: paragraphs, text, tables, images and page breaks."""
    text = line.text.strip()
    word = (re.match(r"\w*", text) or [""])[0]
    rest = text[len(word) :].strip()
    if word == "begin":
        _begin(session, rest)
    elif word == "clear":
        session.state.pop("putdocx", None)
    elif word in {"save", "sa"}:
        _save(session, rest)
    elif word in {"paragraph", "para"}:
        _paragraph(_state(session), rest)
    elif word == "text":
        _text(session, _state(session), rest)
    elif word in {"image", "picture"}:
        _image(session, _state(session), rest)
    elif word in {"table", "tab"}:
        _table(session, _state(session), rest)
    elif word == "pagebreak":
        _state(session).document.add_paragraph().add_run().add_break(_page_break())
        _state(session).paragraph = None
    else:
        raise unsupported(f"putdocx {word} is")


def _page_break() -> Any:
    from docx.enum.text import WD_BREAK

    return WD_BREAK.PAGE


def _state(session: Session) -> _State:
    found = session.state.get("putdocx")
    if not isinstance(found, _State):
        raise StataError(198, "document not created; use putdocx begin to create one")
    return found


def _options(text: str, allowed: dict[str, int], refused: tuple[str, ...] = ()) -> dict[str, str]:
    """Options by name; a flag has the empty text. Raises r(198)."""
    values: dict[str, str] = {}
    for item in read_options(text):
        full = next((name for name, least in allowed.items()
                     if name.startswith(item.word) and len(item.word) >= least), None)  # fmt: skip
        if full is None:
            if any(name.startswith(item.word) and len(item.word) >= 3 for name in refused):
                raise unsupported(f"option {item.word} of putdocx is")
            raise StataError(198, f"option {item.named} not allowed")
        values[full] = "" if item.value is None else strip_quotes(item.value.strip())
    return values


def _inches(text: str) -> float:
    found = re.fullmatch(r"\s*([\d.]+)\s*(in|cm|pt|twip)?\s*", text)
    if found is None:
        raise StataError(198, f"{text}: invalid size")
    return float(found[1]) * _INCHES[found[2] or "in"]


def _begin(session: Session, text: str) -> None:
    if isinstance(session.state.get("putdocx"), _State):
        raise StataError(198, "document already created; use putdocx save or putdocx clear first")
    given = _options(
        text.lstrip(","),
        {"pagesize": 5, "landscape": 4, "font": 4, "margin": 6},
        ("header", "footer", "pagenum", "pgborder", "stylesrc"),
    )
    state = _State(new_word_document())
    section = state.document.sections[0]
    from docx.shared import Inches

    sizes = {"letter": (8.5, 11.0), "legal": (8.5, 14.0), "a3": (11.69, 16.54), "a4": (8.27, 11.69), "a5": (5.83, 8.27)}
    width, height = sizes.get(given.get("pagesize", "letter").lower(), (0.0, 0.0))
    if not width:
        raise StataError(198, f"pagesize({given['pagesize']}) invalid")
    if "landscape" in given:
        from docx.enum.section import WD_ORIENT

        width, height = height, width
        section.orientation = WD_ORIENT.LANDSCAPE
    section.page_width, section.page_height = Inches(width), Inches(height)
    if "margin" in given:
        words = [word.strip() for word in given["margin"].split(",")]
        edges = ("left", "right", "top", "bottom") if words[0] == "all" else (words[0],)
        for edge in edges:
            setattr(section, f"{edge}_margin", Inches(_inches(words[1])))
    if "font" in given:
        state.font = [strip_quotes(word.strip()) for word in given["font"].split(",")]
    session.state["putdocx"] = state


def _save(session: Session, text: str) -> None:
    state = _state(session)
    main, option_text = split_comma(text)
    words = split_words(main)
    if len(words) != 1:
        raise invalid_syntax("filename required")
    name = words[0] if words[0].lower().endswith(".docx") else f"{words[0]}.docx"
    typed = [item.word for item in read_options(option_text or "")]
    for word in typed:
        if word not in {"replace", "append", "nomsg"}:
            raise StataError(198, f"option {word} not allowed")
    path = session.output_path(name)
    if path.exists() and not set(typed) & {"replace", "append"}:
        raise StataError(602, f"file {name} already exists")
    document = state.document
    if "append" in typed and path.exists():
        document = _appended(read_word_document(path.read_bytes()), state.document)
    path.write_bytes(word_bytes(document))
    del session.state["putdocx"]
    session.log.line(f'successfully {"created" if "append" not in typed else "appended to"} "{name}"')


def _appended(earlier: Document, later: Document) -> Document:
    """The paragraphs and tables of one document after those of another."""
    from copy import deepcopy

    if later.inline_shapes:
        raise unsupported("putdocx save, append of a document with images is")
    end = earlier.element.body.sectPr
    for element in later.element.body.iterchildren():
        if element.tag.endswith("}sectPr"):
            continue
        end.addprevious(deepcopy(element))
    return earlier


_ALIGNMENTS: Final = {"left": "LEFT", "center": "CENTER", "right": "RIGHT", "both": "JUSTIFY"}
_STYLES: Final = {"title": "Title", "subtitle": "Subtitle", **{f"heading{i}": f"Heading {i}" for i in range(1, 10)}}


def _align(paragraph: Any, text: str) -> None:
    from docx.enum.text import WD_ALIGN_PARAGRAPH

    if text not in _ALIGNMENTS:
        raise StataError(198, f"halign({text}) invalid")
    paragraph.alignment = getattr(WD_ALIGN_PARAGRAPH, _ALIGNMENTS[text])


def _paragraph(state: _State, text: str) -> None:
    given = _options(
        text.lstrip(","),
        {"style": 5, "font": 4, "halign": 6, "spacing": 7, "indent": 6},
        ("valign", "shading", "toheader", "tofooter", "paranumber"),
    )
    paragraph = state.document.add_paragraph()
    if "style" in given:
        style = _STYLES.get(given["style"].lower())
        if style is None:
            raise StataError(198, f"style({given['style']}) invalid")
        paragraph.style = state.document.styles[style]
    if "halign" in given:
        _align(paragraph, given["halign"])
    from docx.shared import Inches

    if "indent" in given:
        words = [word.strip() for word in given["indent"].split(",")]
        names = {"left": "left_indent", "right": "right_indent", "para": "first_line_indent"}
        if words[0] not in names or len(words) < 2:
            raise unsupported(f"indent({given['indent']}) is")
        setattr(paragraph.paragraph_format, names[words[0]], Inches(_inches(words[1])))
    if "spacing" in given:
        words = [word.strip() for word in given["spacing"].split(",")]
        names = {"before": "space_before", "after": "space_after", "line": "line_spacing"}
        if words[0] not in names or len(words) < 2:
            raise unsupported(f"spacing({given['spacing']}) is")
        setattr(paragraph.paragraph_format, names[words[0]], Inches(_inches(words[1])))
    state.paragraph = paragraph
    state.paragraph_font = [strip_quotes(word.strip()) for word in given.get("font", "").split(",") if word.strip()]


_RUN: Final = {
    "bold": 4, "italic": 4, "underline": 5, "strikeout": 6, "smallcaps": 5, "allcaps": 7, "linebreak": 5, "font": 4,
    "nformat": 4, "script": 6, "trim": 4,
}  # fmt: skip


def _style_run(run: Any, given: dict[str, str], fallback: list[str]) -> None:
    """Bold, font and the like of a run."""
    from docx.shared import Pt, RGBColor

    run.bold = True if "bold" in given else None
    run.italic = True if "italic" in given else None
    run.underline = True if "underline" in given else None
    run.font.strike = True if "strikeout" in given else None
    run.font.small_caps = True if "smallcaps" in given else None
    run.font.all_caps = True if "allcaps" in given else None
    if given.get("script") == "sub":
        run.font.subscript = True
    elif given.get("script") == "super":
        run.font.superscript = True
    words = [strip_quotes(word.strip()) for word in given["font"].split(",")] if given.get("font") else fallback
    if words and words[0]:
        run.font.name = words[0]
    if len(words) > 1 and words[1]:
        run.font.size = Pt(float(words[1]))
    if len(words) > 2 and words[2]:
        run.font.color.rgb = RGBColor.from_string(colour(words[2])[1:].upper())


def _shown(session: Session, text: str, fmt: str) -> str:
    """The value of `(expression)` or a quoted text as putdocx shows it."""
    body = text.strip()
    if body.startswith("(") and closing(body, 0) == len(body) - 1:
        body = body[1:-1].strip()
    value = session.evaluate_scalar(body)
    return value if isinstance(value, str) else _number(float(value), fmt)


def _number(value: float, fmt: str) -> str:
    if value >= MISSING:
        return missing_name(value)
    if not fmt:
        return format_value(value, "%10.0g").strip()
    return format_value(value, fmt if fmt.startswith("%") else f"%{fmt}").strip()


def _text(session: Session, state: _State, text: str) -> None:
    if state.paragraph is None:
        raise StataError(198, "no active paragraph; use putdocx paragraph first")
    main, option_text = split_comma(text)
    given = _options(option_text or "", _RUN, ("shading", "hyperlink", "bookmark"))
    run = state.paragraph.add_run(_shown(session, main, given.get("nformat", "")))
    _style_run(run, given, state.paragraph_font or state.font)
    for _ in range(int(given["linebreak"] or 1) if "linebreak" in given else 0):
        run.add_break()


def _image(session: Session, state: _State, text: str) -> None:
    from docx.shared import Inches

    main, option_text = split_comma(text)
    given = _options(option_text or "", {"width": 5, "height": 6, "linebreak": 5}, ("link",))
    path = _picture(session, strip_quotes(main.strip()))
    if state.paragraph is None:
        state.paragraph = state.document.add_paragraph()
    run = state.paragraph.add_run()
    sizes = {name: Inches(_inches(given[name])) for name in ("width", "height") if name in given}
    run.add_picture(str(path), **sizes)
    for _ in range(int(given["linebreak"] or 1) if "linebreak" in given else 0):
        run.add_break()


def _picture(session: Session, name: str) -> Path:
    path = session.path(name)
    if not path.is_file():
        raise StataError(601, f"file {name} not found")
    if path.suffix.lower() not in {".png", ".jpg", ".jpeg", ".gif", ".bmp", ".tif", ".tiff"}:
        raise unsupported(f"putdocx image with a {path.suffix} file is")
    return path


# --- tables ------------------------------------------------------------------------------------

_CREATED: Final = {
    "border": 3, "width": 5, "halign": 6, "title": 5, "note": 4, "rownames": 8, "colnames": 8, "names": 5,
    "varnames": 8, "obsno": 5, "nformat": 4, "headerrow": 9, "layout": 6, "cellmargin": 10,
}  # fmt: skip
_CELL: Final = {**_RUN, "halign": 6, "valign": 6, "border": 3, "shading": 7, "colspan": 7, "rowspan": 7, "append": 6}


def _table(session: Session, state: _State, text: str) -> None:
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
        path = _picture(session, strip_quotes(value[6 : closing(value, 5)].strip()))
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
    state: _State,
    table: Any,
    rows: list[int],
    columns: list[int],
    value: str,
    options: list[TypedOption],
) -> None:
    plain = [item for item in options if item.word not in {"border", "bord", "bor"}]
    given = _options(" ".join(str(item) for item in plain), _CELL, ("addrows", "addcols", "drop", "span"))
    text = _shown(session, value, given.get("nformat", "")) if value else None
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
                shown = _number(float(paragraph.text), given["nformat"])
                for run in list(paragraph.runs):
                    run._r.getparent().remove(run._r)
                paragraph.add_run(shown)
            if set(given) & set(_RUN) - {"nformat", "trim"} or text is not None:
                for run in paragraph.runs:
                    _style_run(run, given, state.font)
            if "halign" in given:
                _align(paragraph, given["halign"])
            _dress(cell, given, options)
    for name, across in (("colspan", True), ("rowspan", False)):
        if name in given:
            size = int(given[name])
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


def _create(session: Session, state: _State, name: str, text: str) -> None:
    main, option_text = split_comma(text)
    options = read_options(option_text or "")
    plain = [item for item in options if item.word not in {"border", "bord", "bor"}]
    given = _options(" ".join(str(item) for item in plain), _CREATED, ("memtable", "indent", "spacing"))
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
            shown = cell if isinstance(cell, str) else _number(cell, given.get("nformat", ""))
            paragraph = table.cell(i, j).paragraphs[0]
            run = paragraph.add_run(shown)
            _style_run(run, {}, state.font)
            if not isinstance(cell, str):
                _align(paragraph, "right")
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
            properties.set(qn("w:w"), str(round(float(given["width"][:-1]) * 50)))
        else:
            properties.set(qn("w:type"), "dxa")
            properties.set(qn("w:w"), str(round(_inches(given["width"]) * 1440)))


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


@command("putpdf", "*", refused="everything: putdocx writes Word documents")
def putpdf(session: Session, line: Line) -> None:
    """Refused: PDF documents are not written."""
    raise unsupported("putpdf is")
