"""infix, infile and outfile: text files without headers, in fixed columns or free format."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ssd.engine.commands.data_delimited import read_text
from ssd.engine.commands.data_files import with_suffix
from ssd.engine.commands.data_generate import is_type
from ssd.engine.commands.declare import Line, command
from ssd.engine.data.dataset import Dataset
from ssd.engine.data.names import check_name
from ssd.engine.data.storage import object_array
from ssd.engine.errors import StataError, already_defined, invalid_syntax, unsupported
from ssd.engine.expr.numbers import real
from ssd.engine.lang.quoting import strip_quotes
from ssd.engine.lang.varlist import new_names
from ssd.engine.missing import MISSING
from ssd.engine.output.counting import counted
from ssd.engine.output.formats import format_value

if TYPE_CHECKING:
    from ssd.engine.session import Session

_TOKEN = re.compile(r"""`"(?P<c>.*?)"'|"(?P<d>[^"\n]*)"|'(?P<s>[^'\n]*)'|(?P<w>[^\s,"]+)|(?P<gap>,(?=\s*(?:,|$)))""",
                    re.MULTILINE)  # fmt: skip
_FIELD = re.compile(r"(?:(?P<line>\d+):)?\s*(?P<first>\d+)(?:\s*-\s*(?P<last>\d+))?")


_INFIX_DICTIONARY = re.compile(
    r"infix\s+dictionary\s*(?:using\s+(?P<file>\"[^\"]*\"|[^\s{]+)\s*)?\{(?P<body>.*?)\}", re.DOTALL
)


@dataclass(frozen=True)
class _Field:
    """One variable of a file with fixed columns (1-based, inclusive); `line` counts within the observation."""

    name: str
    type: str
    first: int
    last: int | None
    line: int = 1
    label: str = ""


def _require_clear(session: Session, line: Line) -> None:
    if session.data.variables and not line.flag("clear"):
        raise StataError(4, "no; data in memory would be lost")


def _adopt(session: Session, data: Dataset, line: Line) -> None:
    """Take over the data, reduced by `if` and `in`, which refer to the new variables."""
    before, session.data = session.data, data
    try:
        keep = line.sample(session)
    except StataError:
        session.data = before
        raise
    session.e.sample = None
    if not keep.all():
        data.keep_observations(keep)
    data.changed = True
    session.log.line(f"({counted(data.n_obs, 'observation')} read)")


@command(
    "infix",
    "anything using/ [if] [in] [, USing(string) CLEAR]",
    refused="using() inside a dictionary, firstlineoffile with specifications on the command line",
)
def infix(session: Session, line: Line) -> None:
    """Read a text file by column positions."""
    _require_clear(session, line)
    name = line.using or ""
    specification = line.anything
    source = line.text_option("using")
    if not specification.strip():
        text = read_text(session, with_suffix(name, ".dct"), "utf-8")
        match = re.search(
            r"infix\s+dictionary\s*(?:using\s+(?P<file>\"[^\"]*\"|\S+)\s*)?\{(?P<body>.*?)\}", text, re.DOTALL
        )
        if match is None:
            raise StataError(610, f"file {name} not a Stata dictionary")
        body = re.sub(r"^\s*\*.*$", "", match["body"], flags=re.MULTILINE)
        specification = " ".join(body.split())
        source = source or (strip_quotes(match["file"]) if match["file"] else None)
        if source is None:
            raise unsupported("data behind a dictionary in the same file are")
        name = source
    fields, lines, start = _infix_fields(specification)
    text = read_text(session, with_suffix(name, ".raw"), "utf-8")
    _adopt(session, _read_fields(text, fields, lines, start), line)


def _infix_fields(text: str) -> tuple[list[_Field], int, int]:
    """Fields, lines per observation and first line: `2 firstlineoffile 1 lines str id 1-5 age 6-7 2: x 1-3 / y 4`."""
    fields: list[_Field] = []
    per_observation, start, current, kind = 1, 1, 1, "float"
    names: list[str] = []
    words = re.sub(r"\s*-\s*", "-", text).replace("/", " / ").split()
    position = 0
    while position < len(words):
        word = words[position]
        following = words[position + 1] if position + 1 < len(words) else ""
        if word.isdigit() and re.fullmatch(r"(first|firstl\w*)", following):
            start = int(word)
            position += 2
            continue
        if word.isdigit() and re.fullmatch(r"lines?", following):
            per_observation = int(word)
            position += 2
            continue
        place = _FIELD.fullmatch(word)
        if word == "/":
            current += 1
        elif re.fullmatch(r"\d+:", word):
            current = int(word[:-1])
        elif place is not None:
            if not names:
                raise invalid_syntax()
            if place["line"]:
                current = int(place["line"])
            first = int(place["first"])
            last = int(place["last"]) if place["last"] else first
            fields.extend(_Field(name, kind, first, last, current) for name in names)
            names, kind = [], "float"
        elif is_type(word) or word == "str":
            kind = word
        else:
            check_name(word)
            names.append(word)
        position += 1
    if names or not fields:
        raise invalid_syntax()
    seen: set[str] = set()
    for field in fields:
        if field.name in seen:
            raise already_defined(field.name)
        seen.add(field.name)
    return fields, max([per_observation, *(field.line for field in fields)]), start


def _read_fields(text: str, fields: list[_Field], lines: int, start: int) -> Dataset:
    rows = text.splitlines()[start - 1 :]
    count = -(-len(rows) // lines)
    rows += [""] * (count * lines - len(rows))
    data = Dataset()
    data.n_obs = count
    for field in fields:
        part = slice(field.first - 1, field.last)
        texts = [row[part].strip() for row in rows[field.line - 1 :: lines]]
        _add(data, field, texts)
    return data


def _add(data: Dataset, field: _Field, texts: list[str]) -> None:
    if field.type.startswith("str"):
        # `str` alone is as wide as the columns; a stated width cuts.
        kind = field.type if field.type != "str" else f"str{max((field.last or 1) - field.first + 1, 1)}"
        data.add(field.name, object_array(texts), kind if kind == "strL" or int(kind[3:]) <= 2045 else None,
                 label=field.label)  # fmt: skip
        return
    values = np.array([real(text) if text else MISSING for text in texts], dtype=np.float64)
    data.add(field.name, values, field.type, label=field.label)


@command(
    "infile",
    "[anything] using/ [if] [in] [, USing(string) CLEAR AUTOmatic BYVariable(integer 0)]",
    refused="automatic, byvariable(); in dictionaries _skip, _newline, _lines() and formats with implied decimals",
)
def infile(session: Session, line: Line) -> None:
    """Read a text file in free format, or as a dictionary describes it."""
    if line.flag("automatic") or line.options.get("byvariable"):
        raise unsupported("infile with automatic or byvariable() is")
    _require_clear(session, line)
    if line.anything.strip():
        _free_format(session, line)
    else:
        _dictionary(session, line)


def _free_format(session: Session, line: Line) -> None:
    words = line.anything
    skipped = re.sub(r"\b_skip(?:\((\d+)\))?", lambda m: " ".join(["_skip"] * int(m[1] or 1)), words)
    names: list[str] = []
    types: list[str] = []
    for piece in re.split(r"(?<!\S)(_skip)(?!\S)", skipped):
        if piece == "_skip":
            names.append("")
            types.append("float")
        elif piece.strip():
            more, kinds = new_names(piece, session, must_be_new=False)
            names += more
            types += [kind or session.settings.get("type", "float") for kind in kinds]
    text = read_text(session, with_suffix(line.using or "", ".raw"), "utf-8")
    tokens = ["" if m["gap"] else next((m[k] for k in "cdsw" if m[k] is not None), "") for m in _TOKEN.finditer(text)]
    width = len(names)
    count = -(-len(tokens) // width)
    tokens += [""] * (count * width - len(tokens))
    data = Dataset()
    data.n_obs = count
    for k, (name, kind) in enumerate(zip(names, types, strict=True)):
        if name:
            if name in data.variables:
                raise already_defined(name)
            _add(data, _Field(name, kind, 1, 2045 if kind == "str" else 1), tokens[k::width])
    _adopt(session, data, line)


_DICTIONARY = re.compile(
    r"(?:infile\s+)?dictionary\s*(?:using\s+(?P<file>\"[^\"]*\"|[^\s{]+)\s*)?\{(?P<body>.*)\}", re.DOTALL
)
_ENTRY = re.compile(
    r"(?:_column\((?P<column>\d+)\)\s*)?(?:(?P<type>byte|int|long|float|double|strL|str\d*)\s+)?(?P<name>[^\W\d]\w*)"
    r"(?:\s+%(?P<width>\d+)(?:\.\d+)?(?P<kind>[sSfge]))?\s*(?P<label>\"[^\"]*\")?\s*",
)


def _dictionary(session: Session, line: Line) -> None:
    text = read_text(session, with_suffix(line.using or "", ".dct"), "utf-8")
    match = _DICTIONARY.search(text)
    if match is None:
        raise StataError(610, f"file {line.using} not a Stata dictionary")
    body = "\n".join(row for row in match["body"].splitlines() if not row.strip().startswith("*"))
    fields, lines, start = _dictionary_fields(body)
    source = line.text_option("using") or (strip_quotes(match["file"]) if match["file"] else None)
    data_text = read_text(session, with_suffix(source, ".raw"), "utf-8") if source else text[match.end() :].lstrip("\n")
    _adopt(session, _read_fields(data_text, fields, lines, start), line)


def _dictionary_fields(body: str) -> tuple[list[_Field], int, int]:
    fields: list[_Field] = []
    lines, start, current, column = 1, 1, 1, 1
    for raw in body.splitlines():
        rest = raw.strip()
        while rest:
            command_match = re.match(
                r"_(?P<what>firstlineoffile|first|lines|line|newline|lrecl)\((?P<n>\d+)\)\s*", rest
            )
            if command_match is not None:
                number = int(command_match["n"])
                if command_match["what"].startswith("first"):
                    start = number
                elif command_match["what"] == "lines":
                    lines = number
                elif command_match["what"] == "line":
                    current, column = number, 1
                elif command_match["what"] == "newline":
                    raise unsupported("_newline() in dictionaries is")
                rest = rest[command_match.end() :]
                continue
            entry = _ENTRY.match(rest)
            if entry is None or not entry["width"]:
                raise unsupported(f"the dictionary line {rest!r} is")
            column = int(entry["column"] or column)
            width = int(entry["width"])
            kind = entry["type"] or ("str" if entry["kind"] in "sS" else "float")
            label = strip_quotes(entry["label"] or "")
            fields.append(_Field(entry["name"], kind, column, column + width - 1, current, label))
            column += width
            rest = rest[entry.end() :]
    if not fields:
        raise invalid_syntax()
    return fields, max([lines, *(field.line for field in fields)]), start


@command(
    "outfile",
    "[varlist] using/ [if] [in] [, Comma Wide noQuote noLabel REPLACE Dictionary RUNtogether Missing]",
    refused="dictionary, runtogether, missing",
)
def outfile(session: Session, line: Line) -> None:
    """Write variables as text: in columns by their display formats, or separated by commas."""
    for name in ("dictionary", "runtogether", "missing"):
        if line.flag(name):
            raise unsupported(f"option {name} of outfile is")
    name = with_suffix(line.using or "", ".raw")
    path = session.output_path(name)
    if path.exists() and not line.flag("replace"):
        raise StataError(602, f"file {name} already exists")
    rows = np.flatnonzero(line.sample(session))
    columns = [_texts(session, line, each, rows) for each in line.varlist]
    written = []
    for cells in zip(*columns, strict=True):
        if line.flag("comma"):
            written.append(",".join(cell.strip() for cell in cells))
        elif line.flag("wide"):
            written.append("  ".join(cells))
        else:
            written += _folded(list(cells))
    path.write_text("".join(f"{row}\n" for row in written), encoding="utf-8")


def _texts(session: Session, line: Line, name: str, rows: np.ndarray) -> list[str]:
    column = session.data.variables[name]
    quote = not line.flag("noquote")
    if column.is_string:
        texts = [str(text) for text in column.values[rows].tolist()]
        width = max(int(column.type[3:]) if column.type != "strL" else 0, 1)
        shown = [f'"{text}"' if quote else text for text in texts]
        return shown if line.flag("comma") else [f"{text:<{width + 2 * quote}}" for text in shown]
    labels = {} if line.flag("nolabel") else session.data.labels_of(name)
    values = session.data.numeric(name)[rows].tolist()
    found = []
    for value in values:
        label = labels.get(int(value)) if value < MISSING and value == int(value) else None
        text = (f'"{label}"' if quote else label) if label else format_value(value, column.format)
        found.append("" if line.flag("comma") and value >= MISSING else text.replace(",", "") if not label else text)
    width = max([*map(len, found), 10])
    return found if line.flag("comma") else [f"{text:>{width}}" for text in found]


def _folded(cells: list[str]) -> list[str]:
    """Lines of at most 80 characters, later ones indented, so that an observation may take several."""
    lines = [cells[0]]
    for cell in cells[1:]:
        if len(lines[-1]) + 2 + len(cell) <= 80:
            lines[-1] += "  " + cell
        else:
            lines.append(cell)
    return lines
