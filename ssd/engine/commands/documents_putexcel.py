"""putexcel: values, matrices, formulas, pictures and formats into the cells of an Excel workbook."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from ssd.engine.commands.declare import Line, command
from ssd.engine.commands.documents_estimates import coefficient_grid
from ssd.engine.commands.estimates_labels import typed_number
from ssd.engine.commands.matrix_expression import evaluate_matrix
from ssd.engine.errors import StataError, invalid_syntax, unsupported
from ssd.engine.lang.options import TypedOption, read_options
from ssd.engine.lang.quoting import closing, split_comma, split_words, strip_quotes, top_level
from ssd.engine.missing import MISSING, missing_name
from ssd.engine.output.spreadsheet import Place, Sheet, Workbook, place_of, read_workbook, workbook_file

if TYPE_CHECKING:
    from ssd.engine.session import Session


@dataclass
class _Target:
    """The workbook of `putexcel set`."""

    name: str
    sheet: str
    opened: bool = False
    book: Workbook = field(default_factory=Workbook)


_FLAGS: Final[dict[str, dict[str, Any]]] = {
    "bold": {"bold": True}, "nobold": {"bold": False}, "italic": {"italic": True}, "noitalic": {"italic": False},
    "underline": {"underline": 1}, "nounderline": {"underline": 0}, "strikeout": {"font_strikeout": True},
    "nostrikeout": {"font_strikeout": False}, "hcenter": {"align": "center"}, "left": {"align": "left"},
    "right": {"align": "right"}, "vcenter": {"valign": "vcenter"}, "top": {"valign": "top"},
    "bottom": {"valign": "bottom"}, "txtwrap": {"text_wrap": True}, "notxtwrap": {"text_wrap": False},
    "shrinkfit": {"shrink": True}, "noshrinkfit": {"shrink": False},
}  # fmt: skip
_LEAST: Final = {"bold": 4, "italic": 4, "underline": 5, "hcenter": 7, "vcenter": 7, "border": 3, "nformat": 4,
                 "names": 5, "rownames": 8, "colnames": 8}  # fmt: skip
_NUMBERS: Final = {
    "number": "0", "number_d2": "0.00", "number_sep": "#,##0", "number_sep_d2": "#,##0.00",
    "number_sep_negbra": "#,##0_);(#,##0)", "number_sep_negbrared": "#,##0_);[Red](#,##0)",
    "number_d2_sep_negbra": "#,##0.00_);(#,##0.00)", "currency_d2": "$#,##0.00", "percent": "0%",
    "percent_d2": "0.00%", "scientific_d2": "0.00E+00", "fraction_onedig": "# ?/?", "fraction_twodig": "# ??/??",
    "date": "m/d/yyyy", "date_d_mon_yy": "d-mmm-yy", "date_d_mon": "d-mmm", "date_mon_yy": "mmm-yy",
    "time_hmm_AM": "h:mm AM/PM", "date_time": "m/d/yyyy h:mm", "text": "@",
}  # fmt: skip
_BORDERS: Final = {
    "none": 0, "thin": 1, "medium": 2, "dashed": 3, "dotted": 4, "thick": 5, "double": 6, "hair": 7,
    "medium_dashed": 8, "dash_dot": 9, "medium_dash_dot": 10, "dash_dot_dot": 11,
}  # fmt: skip
_ASSIGNED: Final = re.compile(r"(?<!\S)([A-Za-z]{1,3}[1-9]\d*(?::[A-Za-z]{1,3}[1-9]\d*)?)\s*=(?!=)")


@command(
    "putexcel",
    "*",
    stored="none",
    refused="rscalars, escalars, returnset and their kin; fpattern() other than solid; formats, formulas and pictures "
    "of a workbook from an earlier run are not kept by modify",
)
def putexcel(session: Session, line: Line) -> None:
    """Write values, matrices, formulas, pictures and formats to an Excel workbook."""
    text = line.text.strip()
    word = (re.match(r"\w*", text) or [""])[0]
    rest = text[len(word) :]
    if word == "set":
        _set(session, rest)
    elif word in {"save", "close"} and not rest.strip():
        target = _target(session)
        target.opened = False
        _write(session, target)
    elif word == "clear" and not rest.strip():
        session.state.pop("putexcel", None)
    elif word in {"describe", "desc"}:
        _describe(session)
    elif word == "sheetset":
        raise unsupported("putexcel sheetset is")
    else:
        _put(session, text)


def _target(session: Session) -> _Target:
    found = session.state.get("putexcel")
    if not isinstance(found, _Target):
        raise StataError(198, "must specify a file to write to using putexcel set")
    return found


def _set(session: Session, text: str) -> None:
    main, option_text = split_comma(text)
    words = split_words(main)
    if len(words) != 1:
        raise invalid_syntax("using filename required")
    name = words[0] if re.search(r"\.xlsx?$", words[0], re.IGNORECASE) else f"{words[0]}.xlsx"
    if name.lower().endswith(".xls"):
        raise unsupported("putexcel with the old format .xls is")
    replace = modify = opened = False
    sheet, sheet_replaced = "", False
    for item in read_options(option_text or ""):
        if item.word in {"replace", "modify", "open"} and item.value is None:
            replace |= item.word == "replace"
            modify |= item.word == "modify"
            opened |= item.word == "open"
        elif item.word == "sheet" and item.value is not None:
            inside, suboptions = split_comma(item.value)
            sheet, sheet_replaced = strip_quotes(inside.strip()), (suboptions or "").strip() == "replace"
        elif item.word != "keepcellformat":
            raise StataError(198, f"option {item.named} not allowed")
    path = session.output_path(name)
    if path.exists() and not (replace or modify):
        raise StataError(602, f"file {name} already exists. You must specify option modify or replace.")
    books = session.state.setdefault("workbooks", {})
    book = Workbook()
    if path.exists() and not replace:
        # Within a run the workbook is kept with its formats; from an earlier one only its values can be read.
        known, written = books.get(path, (None, b""))
        book = known if known is not None and written == path.read_bytes() else read_workbook(path)
    elif replace:
        session.log.line("note: file will be replaced when the first putexcel command is issued")
    books[path] = (book, b"")
    sheet = sheet or next(iter(book.sheets), "Sheet1")
    if sheet_replaced:
        book.sheets[sheet] = Sheet()
    session.state["putexcel"] = _Target(name, sheet, opened, book)


def _describe(session: Session) -> None:
    target = _target(session)
    session.log.line()
    session.log.line(f"  Filename:  {target.name}")
    session.log.line(f"  Sheet:     {target.sheet}")


def _write(session: Session, target: _Target) -> None:
    target.book.sheet(target.sheet)
    if target.opened:
        return
    path = session.output_path(target.name)
    data = workbook_file(target.book)
    path.write_bytes(data)
    session.state.setdefault("workbooks", {})[path] = (target.book, data)
    session.log.line(f"file {target.name} saved")


def _put(session: Session, text: str) -> None:
    target = _target(session)
    main, option_text = split_comma(text)
    options = read_options(option_text or "")
    sheet = target.book.sheet(target.sheet)
    pieces = _assignments(main)
    formats, layout, merge = _formats(options)
    # Everything is evaluated before anything is changed.
    writes = [(places, _content(session, value)) for places, value in pieces]
    if not writes:
        ranges = [_range(word) for word in main.split()]
        if not ranges:
            raise invalid_syntax()
        touched = [place for first, last in ranges for place in _inside(first, last)]
    else:
        touched = [place for places, content in writes for place in _place_content(sheet, places, content, layout)]
    afresh = any(item.word == "overwritefmt" for item in options)
    for place in touched:
        sheet.formats[place] = {**({} if afresh else sheet.formats.get(place, {})), **formats}
    _outline(sheet, options, touched)
    if merge:
        rows, columns = [p[0] for p in touched], [p[1] for p in touched]
        area = (min(rows), min(columns), max(rows), max(columns))
        sheet.merged = [m for m in sheet.merged if m[:2] != area[:2]]
        if area[:2] != area[2:]:
            sheet.merged.append(area)
        for place in touched:
            # A merged area holds the value of its first cell.
            if place != area[:2]:
                _clear(sheet, place)
                sheet.formats.pop(place, None)
    _write(session, target)


def _assignments(main: str) -> list[tuple[tuple[Place, Place], str]]:
    starts = {position for position, _ in top_level(main)}
    found = [match for match in _ASSIGNED.finditer(main) if match.start() in starts]
    if found and main[: found[0].start()].strip():
        raise invalid_syntax()
    pieces = []
    for index, match in enumerate(found):
        end = found[index + 1].start() if index + 1 < len(found) else len(main)
        pieces.append((_range(match[1]), main[match.end() : end].strip()))
    return pieces


def _range(text: str) -> tuple[Place, Place]:
    first, _, last = text.partition(":")
    start, end = place_of(first), place_of(last or first)
    if start is None or end is None:
        raise StataError(198, f"{text}: invalid cell name")
    return start, end


def _inside(first: Place, last: Place) -> list[Place]:
    return [(i, j) for i in range(first[0], last[0] + 1) for j in range(first[1], last[1] + 1)]


_FUNCTION: Final = re.compile(r"(matrix|mat|formula|picture|image|hyperlink|etable|rscalars|escalars|returnset|rname|"
                              r"ename|rmacros|emacros|rmatrices|ematrices)\b\s*(?=\(|$)")  # fmt: skip


def _content(session: Session, text: str) -> tuple[str, Any]:
    """Kind and value of what stands right of the equals sign."""
    found = _FUNCTION.match(text)
    if found is None:
        if not text:
            raise invalid_syntax()
        value = session.evaluate_scalar(text)
        return "value", value
    kind, inside = found[1], ""
    if text.startswith("(", found.end()):
        end = closing(text, found.end())
        if text[end + 1 :].strip():
            # An expression such as matrix functions joined by operators.
            return "value", session.evaluate_scalar(text)
        inside = text[found.end() + 1 : end].strip()
    if kind in {"matrix", "mat"}:
        name, suboptions = split_comma(inside)
        return "matrix", (evaluate_matrix(session, name), (suboptions or "").split())
    if kind == "etable":
        return "grid", coefficient_grid(session)
    if kind == "formula":
        formula = strip_quotes(inside)
        return "formula", formula if formula.startswith("=") else f"={formula}"
    if kind in {"picture", "image"}:
        path = session.path(strip_quotes(inside))
        if not path.is_file():
            raise StataError(601, f"file {strip_quotes(inside)} not found")
        return "picture", path
    if kind == "hyperlink":
        words = [strip_quotes(word.strip()) for word in inside.split(",")]
        return "link", (words[0], words[1] if len(words) > 1 else words[0])
    raise unsupported(f"putexcel {kind} is")


def _place_content(
    sheet: Sheet, places: tuple[Place, Place], content: tuple[str, Any], layout: set[str]
) -> list[Place]:
    """Write one assignment; the places it filled."""
    (row, column), last = places
    kind, value = content
    if kind == "value":
        filled = _inside((row, column), last)
        for place in filled:
            _clear(sheet, place)
            sheet.values[place] = _cell_value(value)
        return filled
    _clear(sheet, (row, column))
    if kind == "formula":
        sheet.formulas[row, column] = value
        return [(row, column)]
    if kind == "link":
        sheet.links[row, column] = value
        return [(row, column)]
    if kind == "picture":
        sheet.pictures.append(((row, column), value))
        return []
    grid = value if kind == "grid" else _matrix_grid(value[0], layout | set(value[1]))
    filled = []
    for i, cells in enumerate(grid):
        for j, cell in enumerate(cells):
            place = (row + i, column + j)
            _clear(sheet, place)
            if cell is not None:
                sheet.values[place] = _cell_value(cell)
                filled.append(place)
    return filled


def _matrix_grid(matrix: Any, layout: set[str]) -> list[list[Any]]:
    rows_named = bool(layout & {"names", "rownames"})
    columns_named = bool(layout & {"names", "colnames"})
    grid: list[list[Any]] = []
    if columns_named:
        grid.append([*([None] if rows_named else []), *matrix.cols])
    for i, name in enumerate(matrix.rows):
        grid.append([*([name] if rows_named else []), *(float(v) for v in matrix.values[i])])
    return grid


def _clear(sheet: Sheet, place: Place) -> None:
    sheet.values.pop(place, None)
    sheet.formulas.pop(place, None)
    sheet.links.pop(place, None)


def _cell_value(value: float | str) -> float | str | None:
    """A missing number is an empty cell; an extended one its letter."""
    if isinstance(value, str):
        return value
    if value >= MISSING:
        name = missing_name(value)
        return None if name == "." else name
    return float(value)


def _formats(options: list[TypedOption]) -> tuple[dict[str, Any], set[str], bool]:
    formats: dict[str, Any] = {}
    layout: set[str] = set()
    merge = False
    for item in options:
        word, value = item.word, item.value
        if value is None and word in _FLAGS:
            formats |= _FLAGS[word]
        elif value is None and word in {"names", "rownames", "colnames"}:
            layout.add(word)
        elif value is None and word in {"merge", "unmerge"}:
            merge = word == "merge"
        elif value is None and word in {"overwritefmt", "asdate", "asdatetime", "colwise"}:
            if word != "overwritefmt":
                raise unsupported(f"option {word} of putexcel is")
        elif value is not None and word in {"nformat", "nform", "nfor"}:
            formats["num_format"] = number_format(strip_quotes(value.strip()))
        elif value is not None and word == "font":
            formats |= _font(value)
        elif value is not None and word == "fpattern":
            formats |= _fill(value)
        elif word in {"border", "bord", "bor"} and value is not None:
            continue
        elif word == "merge":
            merge = True
        else:
            raise StataError(198, f"option {item.named} not allowed")
    return formats, layout, merge


def number_format(text: str) -> str:
    """Excel's number format for a name of Stata's, a Stata format such as %9.2f, or a format of Excel's own."""
    found = re.fullmatch(r"%-?\d*\.(\d+)f(c?)", text)
    if found:
        decimals = "." + "0" * int(found[1]) if int(found[1]) else ""
        return ("#,##0" if found[2] else "0") + decimals
    return _NUMBERS.get(text, text)


def _font(text: str) -> dict[str, Any]:
    words = [strip_quotes(word.strip()) for word in text.split(",")]
    formats: dict[str, Any] = {"font_name": words[0]}
    if len(words) > 1 and words[1]:
        formats["font_size"] = typed_number(words[1])
    if len(words) > 2 and words[2]:
        formats["font_color"] = colour(words[2])
    return formats


def _fill(text: str) -> dict[str, Any]:
    words = [strip_quotes(word.strip()) for word in text.split(",")]
    if words[0] == "none":
        return {"pattern": 0}
    if words[0] != "solid" or len(words) < 2:
        raise unsupported(f"fpattern({text}) is")
    return {"pattern": 1, "bg_color": colour(words[1])}


def colour(text: str) -> str:
    """A colour by name, or from three numbers, as #rrggbb."""
    numbers = text.split()
    if len(numbers) == 3 and all(word.isdigit() and int(word) < 256 for word in numbers):
        return "#" + "".join(f"{int(word):02x}" for word in numbers)
    if not re.fullmatch(r"[A-Za-z]+", text):
        raise StataError(198, f"{text}: invalid color")
    from matplotlib.colors import CSS4_COLORS

    found = CSS4_COLORS.get(text.lower())
    if found is None:
        raise StataError(198, f"{text}: invalid color")
    return str(found).lower()


def _outline(sheet: Sheet, options: list[TypedOption], touched: list[Place]) -> None:
    """border(edge, style, colour) of the cells."""
    for item in options:
        if item.word not in {"border", "bord", "bor"} or item.value is None:
            continue
        words = [strip_quotes(word.strip()) for word in item.value.split(",")]
        style = words[1] if len(words) > 1 and words[1] else "thin"
        if style not in _BORDERS:
            raise StataError(198, f"{style}: invalid border style")
        edges = ["left", "right", "top", "bottom"] if words[0] == "all" else words[0].split()
        for edge in edges:
            if edge not in {"left", "right", "top", "bottom"}:
                raise unsupported(f"border({edge}) of putexcel is")
            for place in touched:
                properties = sheet.formats.setdefault(place, {})
                properties[edge] = _BORDERS[style]
                if len(words) > 2:
                    properties[f"{edge}_color"] = colour(words[2])
