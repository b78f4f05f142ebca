"""import delimited, export delimited, insheet, outsheet, import/export excel: the subcommand families."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from ssd.engine.commands.data_files import adopt, with_suffix
from ssd.engine.commands.data_labels import label_text
from ssd.engine.commands.declare import Line, command
from ssd.engine.data.dataset import Dataset, make_variable
from ssd.engine.data.names import is_valid_name
from ssd.engine.data.order import IndexArray
from ssd.engine.data.storage import object_array, smallest
from ssd.engine.errors import StataError, invalid_syntax, unsupported
from ssd.engine.expr.text import strtoname
from ssd.engine.lang.grammar import compile_grammar
from ssd.engine.lang.quoting import split_words, strip_quotes
from ssd.engine.lang.syntax import fill_line, split_line
from ssd.engine.missing import MISSING
from ssd.engine.output.formats import format_column
from ssd.engine.session import Session

_IMPORT = (
    "[anything] [using/] [, clear DELIMiters(string asis) VARNames(string) case(string) ENCoding(string) ASDOUBLE "
    "ASFLOAT STRINGcols(string) NUMERICcols(string) ROWRange(string) COLRange(string) BINDQuotes(string) "
    "STRIPQuotes(string) MAXQuotedrows(string) ASCOMMAS DECIMALSeparator(string) GROUPSeparator(string) "
    "EMPTYlines(string) PARSElocale(string) FAVORstrfixed]"
)
_EXPORT = "[anything] [using/] [if] [in] [, replace Delimiter(string) noVARnames noLabel Quote DATAfmt]"
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eEdD][+-]?\d+)?")


def family_line(session: Session, name: str, text: str, grammar: str) -> Line:
    """Parse a subcommand's text by its own grammar."""
    line = Line(name, text)
    compiled = compile_grammar(grammar)
    fill_line(line, split_line(text, equals=False), compiled, session)
    return line


def file_and_names(line: Line) -> tuple[str, list[str]]:
    """`filename` alone, or `varlist using filename`."""
    if line.using is not None:
        return line.using, line.anything.split()
    words = split_words(line.anything)
    if len(words) != 1:
        raise invalid_syntax()
    return words[0], []


@command("import", "*", minimum=3, refused="import sas, spss, dbase, fred, haver, sasxport")
def import_command(session: Session, line: Line) -> None:
    """Import data: delimited text or Excel."""
    word, _, rest = line.text.strip().partition(" ")
    if "delimited".startswith(word) and len(word) >= 5:
        _import_delimited(session, family_line(session, "import", rest, _IMPORT))
    elif word == "excel":
        from ssd.engine.commands.data_excel import import_excel

        import_excel(session, rest)
    else:
        raise unsupported(f"import {word}")


@command("export", "*", minimum=3, refused="export excel to .xls or into an existing sheet; sasxport")
def export_command(session: Session, line: Line) -> None:
    """Export data to delimited text or Excel."""
    word, _, rest = line.text.strip().partition(" ")
    if "delimited".startswith(word) and len(word) >= 5:
        _export_delimited(session, family_line(session, "export", rest, _EXPORT))
    elif word == "excel":
        from ssd.engine.commands.data_excel import export_excel

        export_excel(session, rest)
    else:
        raise unsupported(f"export {word}")


@command("insheet", "[anything] using/ [, clear Tab Comma Delimiter(string) noNames Names CASE DOUBLE]")
def insheet(session: Session, line: Line) -> None:
    """Read text data (superseded by import delimited)."""
    mark = "\t" if line.flag("tab") else line.text_option("delimiter") or ("," if line.flag("comma") else "")
    _require_clear(session, line)
    text = read_text(session, with_suffix(line.using or "", ".raw"), "utf-8")
    rows = _rows(text, mark or _sniffed(text), True)
    header = False if line.flag("nonames") else True if line.flag("names") else None
    _load(session, rows, header, "preserve" if line.flag("case") else "lower", line.anything.split(), set(), set(), "")


@command("outsheet", "[varlist] using/ [if] [in] [, Comma Delimiter(string) noNames noLabel noQuote replace]")
def outsheet(session: Session, line: Line) -> None:
    """Write text data (superseded by export delimited)."""
    mark = "," if line.flag("comma") else line.text_option("delimiter") or "\t"
    write_delimited(session, line, line.varlist, with_suffix(line.using or "", ".out"), mark,
                    header=not line.flag("nonames"), labels=not line.flag("nolabel"),
                    quote=not line.flag("noquote"), formatted=False)  # fmt: skip


def _require_clear(session: Session, line: Line) -> None:
    if session.data.variables and not line.flag("clear"):
        raise StataError(4, "no; data in memory would be lost")


def read_text(session: Session, name: str, encoding: str) -> str:
    """Raises r(601) when the file is not there; undecodable bytes are taken as Windows Latin 1."""
    return _read_encoded(session, name, encoding)[0]


def _read_encoded(session: Session, name: str, encoding: str) -> tuple[str, str]:
    """The text and what it was decoded as; a file of ASCII alone counts as Latin 1, as Stata takes it."""
    path: Path = session.path(name)
    try:
        raw = path.read_bytes()
    except FileNotFoundError as fault:
        raise StataError(601, f"file {name} not found") from fault
    except OSError as fault:
        raise StataError(603, f"file {name} could not be opened") from fault
    for candidate in ("utf-8-sig" if encoding.lower().replace("-", "") in ("", "utf8") else encoding, "cp1252"):
        try:
            text = raw.decode(candidate)
            return text, "UTF-8" if candidate == "utf-8-sig" and not raw.isascii() else "ISO-8859-1"
        except UnicodeDecodeError:
            continue
        except LookupError as fault:
            raise StataError(198, f"encoding {encoding} not supported") from fault
    return raw.decode("latin-1"), "ISO-8859-1"


def _sniffed(text: str) -> str:
    """Tab, comma, semicolon or bar, whichever the first lines use most."""
    head = "\n".join(text.splitlines()[:50])
    counts = {mark: head.count(mark) for mark in ("\t", ",", ";", "|")}
    best = max(counts, key=lambda mark: counts[mark])
    return best if counts[best] else ","


_MARKS = {"tab": "\t", "\\t": "\t", "comma": ",", "space": " ", "whitespace": " ", "semicolon": ";", "bar": "|"}


def _delimiter(text: str | None, content: str) -> tuple[str, bool]:
    """The mark, and whether runs of it count as one."""
    if not text:
        return _sniffed(content), False
    words = re.findall(r'"[^"]*"|\S+', text.replace(",", " , ") if text.strip() != '","' else text)
    first = strip_quotes(words[0]) if words else ","
    if text.strip().startswith('"'):
        first = text.strip()[1:].partition('"')[0]
    mark = _MARKS.get(first, first)
    collapse = "collapse" in text or first == "whitespace"
    if not mark or len(mark) != 1:
        raise unsupported(f"delimiters({text})")
    return mark, collapse


def _rows(text: str, mark: str, quotes: bool) -> list[list[str]]:
    reader = csv.reader(
        io.StringIO(text, newline=""), delimiter=mark, quoting=csv.QUOTE_MINIMAL if quotes else csv.QUOTE_NONE
    )
    try:
        return [row for row in reader if row]
    except csv.Error as fault:
        raise StataError(198, f"the file could not be read: {fault}") from fault


def _import_delimited(session: Session, line: Line) -> None:
    for word in ("parselocale", "decimalseparator", "groupseparator"):
        if line.text_option(word):
            raise unsupported(f"import delimited, {word}()")
    name, names = file_and_names(line)
    _require_clear(session, line)
    text, found = _read_encoded(session, with_suffix(name, ".csv"), line.text_option("encoding") or "utf-8")
    if not line.text_option("encoding"):
        session.log.line(f"(encoding automatically selected: {found})")
    mark, collapse = _delimiter(line.text_option("delimiters"), text)
    if collapse:
        text = re.sub(f"[{re.escape(mark)}\t]+" if mark == " " else f"{re.escape(mark)}+", lambda _: mark, text)
    rows = _rows(text, mark, line.text_option("bindquotes") != "nobind")
    header, skip = _header_option(line.text_option("varnames"))
    rows, header = _cropped(rows, header, skip, line)
    width = max(map(len, rows), default=0)
    _load(
        session, rows, header, line.text_option("case") or "lower", names,
        _columns(line.text_option("stringcols"), width), _columns(line.text_option("numericcols"), width),
        "double" if line.flag("asdouble") else "float" if line.flag("asfloat") else "",
    )  # fmt: skip


def _bounds(text: str | None, size: int) -> tuple[int, int]:
    """0-based half-open bounds of `start:end`, `start:`, `:end` or `start`."""
    if not text:
        return 0, size
    found = re.fullmatch(r"\s*(\d*)\s*(:\s*(\d*))?\s*", text)
    if not found:
        raise StataError(198, "invalid range")
    return int(found[1] or 1) - 1, int(found[3]) if found[3] else size


def _cropped(rows: list[list[str]], header: bool | None, skip: int, line: Line) -> tuple[list[list[str]], bool | None]:
    """Rows and columns of rowrange() and colrange(); the row of names stays the first one."""
    columns = _bounds(line.text_option("colrange"), max(map(len, rows), default=0))
    rows = [row[columns[0] : columns[1]] for row in rows]
    wanted = line.text_option("rowrange")
    if not wanted:
        return rows[skip:], header
    first, last = _bounds(wanted, len(rows))
    if header is None:
        header = first > 0 and not any(_NUMBER.fullmatch(cell.strip()) for cell in rows[0])
    body = rows[max(first, skip + 1) if header else first : last]
    return (rows[skip : skip + 1] + body if header else body), header


def _header_option(text: str | None) -> tuple[bool | None, int]:
    if text is None:
        return None, 0
    if text.strip() == "nonames":
        return False, 0
    if text.strip().isdigit():
        return True, int(text) - 1
    raise StataError(198, "option varnames() incorrectly specified")


def _columns(text: str | None, width: int) -> set[int]:
    if not text:
        return set()
    if text.strip() == "_all":
        return set(range(width))
    from ssd.engine.lang.numlist import parse_numlist

    return {int(number) - 1 for number in parse_numlist(text)}


def _load(
    session: Session, rows: list[list[str]], header: bool | None, case: str, names: list[str], as_string: set[int],
    as_number: set[int], real_type: str,
) -> None:  # fmt: skip
    if header is None:
        header = bool(rows) and len(rows) > 1 and not any(_NUMBER.fullmatch(cell.strip()) for cell in rows[0])
    heads = rows[0] if header and rows else []
    body = _aligned(rows[1:], len(heads)) if header else rows
    width = max([len(heads), *map(len, body), 0])
    data = Dataset()
    for column in range(width):
        cells = [row[column].strip() if column < len(row) else "" for row in body]
        title = heads[column] if column < len(heads) else ""
        name = names[column] if column < len(names) else unique_name(title, column, case, data)
        add_text_column(data, name, cells, text=column in as_string, number=column in as_number, real_type=real_type)
        if title and name != title:
            data.variables[name].label = title[:80]
    data.n_obs = len(body)
    data.changed = True
    adopt(session, data)
    noun = "var" if width == 1 else "vars"
    session.log.line(f"({width} {noun}, {len(body):,} obs)")


def _aligned(body: list[list[str]], n_heads: int) -> list[list[str]]:
    """Rows whose doubled delimiters make columns that are empty throughout, under a header that has no names
    for them: published output of such a file (stata-sk, battery.txt) shows the names belong to the others."""
    width = max(map(len, body), default=0)
    if not 0 < n_heads < width:
        return body
    filled = [column for column in range(width) if any(column < len(row) and row[column].strip() for row in body)]
    if len(filled) != n_heads:
        return body
    return [[row[column] if column < len(row) else "" for column in filled] for row in body]


def unique_name(title: str, column: int, case: str, data: Dataset) -> str:
    """A variable name made of a heading; `v3` when nothing usable is left."""
    name = re.sub(r"\W", "", title.strip().replace(" ", "")) if title.strip() else ""
    name = name.lower() if case == "lower" else name.upper() if case == "upper" else name
    if name and name[0].isdigit():
        name = strtoname(name)
    name = name[:32]
    if not name or not is_valid_name(name) or name in data.variables:
        name = f"v{column + 1}"
    return name


def add_text_column(data: Dataset, name: str, cells: list[str], *, text: bool, number: bool, real_type: str) -> None:
    """Numbers when every non-empty cell is one, else strings."""
    if number or (not text and all(cell in ("", ".") or _NUMBER.fullmatch(cell) for cell in cells)):
        values = np.array([float(cell.lower().replace("d", "e")) if cell and _NUMBER.fullmatch(cell) else MISSING
                           for cell in cells], dtype=np.float64)  # fmt: skip
        data.variables[name] = make_variable(name, values, _number_type(values, cells, real_type))
    else:
        data.variables[name] = make_variable(name, object_array(cells))


def _number_type(values: np.ndarray[tuple[int, ...], np.dtype[np.float64]], cells: list[str], real_type: str) -> str:
    kind = smallest(values, "double", floats=True)
    if kind in ("byte", "int", "long"):
        return kind
    if real_type:
        return real_type
    digits = max((len(re.sub(r"[eE].*|\D", "", cell).lstrip("0")) for cell in cells), default=0)
    return "float" if digits <= 7 else "double"


def _export_delimited(session: Session, line: Line) -> None:
    name, words = file_and_names(line)
    names = session.expand_varlist(" ".join(words)) if words else list(session.data.variables)
    mark = line.text_option("delimiter") or ","
    write_delimited(session, line, names, with_suffix(name, ".csv"), _MARKS.get(mark, mark),
                    header=not line.flag("novarnames"), labels=not line.flag("nolabel"), quote=line.flag("quote"),
                    formatted=line.flag("datafmt"))  # fmt: skip


def write_delimited(
    session: Session, line: Line, names: Sequence[str], name: str, mark: str, *, header: bool, labels: bool,
    quote: bool, formatted: bool,
) -> None:  # fmt: skip
    path = session.output_path(name)
    if path.exists() and not line.flag("replace"):
        raise StataError(602, f"file {name} already exists")
    rows = np.flatnonzero(line.sample(session))
    columns = [_cells(session, column, rows, labels=labels, formatted=formatted) for column in names]
    strings = [session.data.variables[column].is_string for column in names]
    buffer = io.StringIO()
    if quote:
        columns = [[_quoted(cell) for cell in cells] if is_text else cells
                   for cells, is_text in zip(columns, strings, strict=True)]  # fmt: skip
        for row in ([list(names)] if header else []) + [list(row) for row in zip(*columns, strict=True)]:
            buffer.write(mark.join(row) + "\n")
    else:
        writer = csv.writer(buffer, delimiter=mark, lineterminator="\n")
        if header:
            writer.writerow(names)
        writer.writerows(zip(*columns, strict=True))
    try:
        path.write_text(buffer.getvalue(), encoding="utf-8")
    except OSError as fault:
        raise StataError(603, f"file {name} could not be opened") from fault
    session.log.line(f"file {name} saved")


def _quoted(text: str) -> str:
    return '"' + text.replace('"', '""') + '"'


def _cells(session: Session, name: str, rows: IndexArray, *, labels: bool, formatted: bool) -> list[str]:
    data = session.data
    column = data.variables[name]
    if column.is_string:
        return [str(text) for text in column.values[rows].tolist()]
    values = data.numeric(name)[rows]
    style = column.format if formatted or column.format.startswith(("%t", "%d", "%-t", "%-d")) else "%12.0g"
    texts = [text.strip() for text in format_column(values, style)]
    if style == "%12.0g":
        texts = [_full(value) for value in values.tolist()]
        if column.type == "float":
            texts = [_full(float(f"{value:.9g}")) if value < MISSING else "" for value in values.tolist()]
    attached = data.labels_of(name) if labels else {}
    if attached:
        texts = [label_text(attached, value) or text for value, text in zip(values.tolist(), texts, strict=True)]
    return [
        "" if value >= MISSING and text == "." else text for value, text in zip(values.tolist(), texts, strict=True)
    ]


def _full(value: float) -> str:
    """All digits, no leading zero."""
    if not value < MISSING:
        return ""
    text = f"{value:.15g}" if float(f"{value:.15g}") == value else f"{value:.17g}"
    return text.replace("0.", ".", 1) if text.startswith(("0.", "-0.")) else text
