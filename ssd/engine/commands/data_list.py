"""list: the table of values."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ssd.engine.commands.data_labels import label_text
from ssd.engine.commands.declare import Line, command
from ssd.engine.data.dataset import Dataset
from ssd.engine.data.order import IndexArray
from ssd.engine.errors import StataError
from ssd.engine.missing import FloatArray, is_missing
from ssd.engine.output.formats import cut_width, format_column, format_value, pad, parse_format, text_width
from ssd.engine.output.tables import abbreviate
from ssd.engine.session import Session


@dataclass
class Column:
    """One printed column: heading, texts, and on which side they stand."""

    heading: str
    texts: list[str]
    left: bool

    @property
    def width(self) -> int:
        return max([text_width(self.heading), *(text_width(text) for text in self.texts)])

    def head(self, width: int) -> str:
        return pad(self.heading, width, left=self.left)

    def cell(self, row: int, width: int) -> str:
        return pad(self.texts[row], width, left=self.left)


def shown_values(data: Dataset, name: str, rows: IndexArray, *, labels: bool = True) -> list[str]:
    """Values of a variable as displayed (formats and value labels), without padding."""
    column = data.variables[name]
    if column.is_string:
        return [str(text) for text in column.values[rows].tolist()]
    values: FloatArray = data.numeric(name)[rows]
    texts = [text.strip() for text in format_column(values, column.format)]
    attached = data.labels_of(name) if labels else {}
    if attached:
        found = [label_text(attached, value) for value in values.tolist()]
        texts = [text if word is None else word for text, word in zip(texts, found, strict=True)]
    return texts


@command(
    "list",
    "[varlist] [if] [in] [, Compress noCompress noObs CLean SEParator(integer 5) SEPBY(varlist) noLabel TABle "
    "Display noHeader Header Header(integer 0) ABbreviate(integer 8) STRing(integer 0) Divider Nodotz "
    "SUM MEAN N SUM(varlist) MEAN(varlist) N(varlist) LABVar(varname) SUBVARname CONStant FAST]",
    minimum=1, by="recall",
    refused="header(#); constant; subvarname; n()",
)  # fmt: skip
def list_command(session: Session, line: Line) -> None:
    """List values of variables."""
    from ssd.engine.errors import unsupported

    for word in ("constant", "subvarname", "n"):
        if line.options.get(word):
            raise unsupported(f"list, {word}")
    rows = np.flatnonzero(line.sample(session))
    if rows.size == 0:
        return
    data = session.data
    _round_check(line)
    columns = [_column(session, line, name, rows) for name in line.varlist]
    if not columns:
        return
    _summaries(session, line, columns, rows)
    labels = [f"{row + 1}." for row in rows.tolist()] + _footers(line)
    total = sum(column.width + 3 for column in columns) + 1
    margin = 2 if line.flag("noobs") else max(5, text_width(labels[len(rows) - 1]) + 1)
    breaks = _breaks(data, line, rows)
    session.log.line()
    if line.flag("clean"):
        _clean(session, line, columns, labels, margin)
    elif line.flag("display") or (total + margin > session.log.linesize and not line.flag("table")):
        _blocks(session, line, columns, labels, margin)
    else:
        _table(session, line, columns, labels, margin, breaks)


def _round_check(line: Line) -> None:
    if line.flag("table") and line.flag("display"):
        raise StataError(198, "options table and display may not be combined")


def _column(session: Session, line: Line, name: str, rows: IndexArray) -> Column:
    data = session.data
    column = data.variables[name]
    texts = shown_values(data, name, rows, labels=not line.flag("nolabel"))
    limit = line.options.get("string")
    if isinstance(limit, int) and limit > 0 and column.is_string:
        texts = [cut_width(text, limit) + (".." if text_width(text) > limit else "") for text in texts]
    size = line.options.get("abbreviate")
    heading = abbreviate(name, max(int(size), 5)) if isinstance(size, int) else name
    spec = parse_format(column.format)
    return Column(heading, texts, spec.left)


def _summaries(session: Session, line: Line, columns: list[Column], rows: IndexArray) -> None:
    """Extra rows for sum and mean."""
    for kind in ("mean", "sum"):
        wanted = line.options.get(kind)
        if not wanted:
            continue
        names = wanted if isinstance(wanted, list) else line.varlist
        for name, column in zip(line.varlist, columns, strict=True):
            text = ""
            if name in names and not session.data.variables[name].is_string:
                values = session.data.numeric(name)[rows]
                values = values[~is_missing(values)]
                number = float(values.mean()) if kind == "mean" and values.size else float(values.sum())
                text = format_value(number, session.data.variables[name].format).strip()
            column.texts.append(text)


def _footers(line: Line) -> list[str]:
    return [kind.capitalize() for kind in ("mean", "sum") if line.options.get(kind)]


def _breaks(data: Dataset, line: Line, rows: np.ndarray[tuple[int, ...], np.dtype[np.intp]]) -> list[bool]:
    """Whether a separator stands above each row."""
    names = line.options.get("sepby")
    count = len(rows)
    if isinstance(names, list) and names:
        changed = np.zeros(count, dtype=np.bool_)
        for name in map(str, names):
            values = data.variables[name].values[rows]
            changed[1:] |= values[1:] != values[:-1]
        return [bool(flag) for flag in changed.tolist()]
    every = line.options.get("separator")
    step = every if isinstance(every, int) else 5
    return [step > 0 and row > 0 and row % step == 0 for row in range(count)]


def _table(
    session: Session, line: Line, columns: list[Column], labels: list[str], margin: int, breaks: list[bool]
) -> None:
    widths = [column.width for column in columns]
    joint = " | " if line.flag("divider") else "   "
    rule = "-" * (sum(widths) + len(joint) * (len(widths) - 1) + 2)
    space = " " * margin
    log = session.log
    log.line(f"{space}+{rule}+")
    if not line.flag("noheader"):
        heads = joint.join(column.head(width) for column, width in zip(columns, widths, strict=True))
        log.line(f"{space}| {heads} |")
        log.line(f"{space}|{rule}|")
    observed = len(breaks)
    for row, label in enumerate(labels):
        if (row < observed and breaks[row]) or (row == observed and row > 0):
            log.line(f"{space}|{rule}|")
        cells = joint.join(column.cell(row, width) for column, width in zip(columns, widths, strict=True))
        start = space if line.flag("noobs") else pad(label, margin - 1) + " "
        log.line(f"{start}| {cells} |")
    log.line(f"{space}+{rule}+")


def _clean(session: Session, line: Line, columns: list[Column], labels: list[str], margin: int) -> None:
    widths = [column.width for column in columns]
    if not line.flag("noheader"):
        heads = "   ".join(column.head(width) for column, width in zip(columns, widths, strict=True))
        session.log.line(" " * margin + "  " + heads + "  ")
    for row, label in enumerate(labels):
        cells = "   ".join(column.cell(row, width) for column, width in zip(columns, widths, strict=True))
        start = " " * margin if line.flag("noobs") else pad(label, margin - 1) + " "
        session.log.line(f"{start}  {cells}  ")


def _blocks(session: Session, line: Line, columns: list[Column], labels: list[str], margin: int) -> None:
    """The display layout: one box per observation, as many columns per line as fit."""
    widths = [column.width for column in columns]
    room = session.log.linesize - margin - 1
    groups: list[list[int]] = [[]]
    used = 0
    for index, width in enumerate(widths):
        if groups[-1] and used + width + 3 > room:
            groups.append([])
            used = 0
        groups[-1].append(index)
        used += width + 3
    rule = "-" * (max(sum(widths[i] + 3 for i in group) for group in groups) - 1)
    space = " " * margin
    log = session.log
    for row, label in enumerate(labels):
        log.line(f"{space}+{rule}+")
        for number, group in enumerate(groups):
            if number:
                log.line(f"{space}|{rule}|")
            padding = _padding(len(rule) + 1 - sum(widths[i] + 3 for i in group), len(group))
            heads = "|".join(_padded(columns[i].head(widths[i]), at) for i, at in zip(group, padding, strict=True))
            cells = "|".join(_padded(columns[i].cell(row, widths[i]), at) for i, at in zip(group, padding, strict=True))
            start = pad(label, margin - 1) + " " if number == 0 and not line.flag("noobs") else space
            log.line(f"{start}|{heads}|")
            log.line(f"{space}|{cells}|")
        log.line(f"{space}+{rule}+")
        if row + 1 < len(labels):
            log.line()


def _padding(spare: int, count: int) -> list[tuple[int, int]]:
    """Blanks before and after each column of a line that is narrower than the box.

    The columns share what is spare, the last ones the remainder; the odd blank stands on the right.
    """
    each, more = divmod(spare, count)
    extra = [each + (position >= count - more) for position in range(count)]
    return [(1 + width // 2, 1 + width - width // 2) for width in extra]


def _padded(text: str, blanks: tuple[int, int]) -> str:
    return " " * blanks[0] + text + " " * blanks[1]
