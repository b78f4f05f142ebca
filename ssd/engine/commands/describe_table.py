"""table (contents() as in version 16, statistic() as in version 17) and tabdisp."""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np

from ssd.engine.commands.collect_table import StatisticCell, print_dimensions, wants_dimensions
from ssd.engine.commands.declare import Line, command
from ssd.engine.commands.describe_selection import Categories, Selection, categories, heading, select
from ssd.engine.errors import StataError, invalid_syntax, unsupported
from ssd.engine.lang.grammar import compile_grammar
from ssd.engine.lang.options import read_options
from ssd.engine.lang.quoting import split_comma
from ssd.engine.lang.syntax import fill_line, split_line
from ssd.engine.missing import MISSING, BoolArray, FloatArray, is_missing
from ssd.engine.output.tables import centre, clip, count, display_width, number, right, wrap_stub
from ssd.engine.results import ResultSet
from ssd.engine.session import Session
from ssd.engine.stats.summary_table import canonical_statistic, statistic

STATISTIC_TITLES = {
    "frequency": "Frequency",
    "percent": "Percent",
    "mean": "Mean",
    "sd": "Standard deviation",
    "n": "Number of nonmissing values",
    "count": "Number of nonmissing values",
    "sum": "Total",
    "total": "Total",
    "min": "Minimum value",
    "max": "Maximum value",
    "median": "Median",
    "variance": "Variance",
    "semean": "Standard error of the mean",
    "range": "Range",
    "iqr": "Interquartile range",
    "cv": "Coefficient of variation",
    "skewness": "Skewness",
    "kurtosis": "Kurtosis",
}


@dataclass(frozen=True)
class _Cell:
    """One statistic asked for: canonical name, variable (empty for frequencies) and its display format."""

    name: str
    variable: str
    title: str
    fmt: str


TABLE_GRAMMAR = (
    "[anything] [if] [in] [fweight aweight iweight pweight] [, Contents(string) Format(string) ROW COL SCOL Missing "
    "Center Left REPLACE CONcise NFORMAT(string) NOTOTALs NOLabel ZEROCounts BY(string)]"
)


@command(
    "table",
    "*",
    by="recall",
    stored="none",
    refused="command(), style(), by(), replace, super columns",
)
def table(session: Session, line: Line) -> None:
    """Table of statistics: contents() of version 16, otherwise the table of version 17."""
    _read(session, line)
    for refused in ("scol", "replace", "center", "left"):
        if line.flag(refused):
            raise unsupported(f"table, {refused}")
    if line.options.get("by"):
        raise unsupported("table, by()")
    contents = line.text_option("contents")
    if contents is not None:
        _classic(session, line, _contents(session, line, contents))
    else:
        _modern(session, line)


def _read(session: Session, line: Line) -> None:
    """Fill the line by the grammar; statistic() may be typed several times."""
    main, option_text = split_comma(line.text)
    typed = read_options(option_text) if option_text else []
    given = [item for item in typed if len(item.word) >= 4 and "statistic".startswith(item.word) and item.value]
    rest = " ".join(str(item) for item in typed if item not in given)
    fill_line(line, split_line(f"{main}, {rest}"), compile_grammar(TABLE_GRAMMAR), session)
    line.options["statistic"] = [str(item.value) for item in given]


def _contents(session: Session, line: Line, text: str) -> list[_Cell]:
    words = text.split()
    cells = []
    fmt = line.text_option("format") or "%9.0g"
    position = 0
    while position < len(words):
        word = words[position]
        if word in ("freq", "freq."):
            cells.append(_Cell("frequency", "", "Freq.", "count"))
            position += 1
            continue
        name = canonical_statistic(word)
        if name is None or position + 1 >= len(words):
            raise StataError(198, f"contents() incorrectly specified: {word}")
        variable = session.variable_named(words[position + 1])
        shown = {"n": "N", "median": "med"}.get(name, name)
        cells.append(_Cell(name, variable, f"{shown}({variable})", "count" if name == "n" else fmt))
        position += 2
    return cells


def _value(session: Session, cell: _Cell, mask: BoolArray, inside: BoolArray, chosen: Selection) -> float:
    weights = None if chosen.weights is None else chosen.weights[inside]
    if cell.name == "frequency":
        return float(inside.sum()) if weights is None else float(weights.sum())
    x = session.data.numeric(cell.variable)[mask][inside]
    kept = ~is_missing(x)
    return statistic(cell.name, x[kept], None if weights is None else weights[kept], chosen.kind)


def _text(cell: _Cell, value: float) -> str:
    if value >= MISSING:
        return ""
    return count(value) if cell.fmt == "count" else number(value, cell.fmt)


def _classic(session: Session, line: Line, cells: list[_Cell]) -> None:
    names = session.expand_varlist(line.anything)
    if not 1 <= len(names) <= 2:
        raise unsupported("table with more than two classifying variables and contents()")
    chosen = select(session, line, names, missing=line.flag("missing"))
    rows = categories(session, names[0], chosen.mask, nolabel=line.flag("nolabel"))
    if rows.size == 0:
        session.log.line("no observations")
        return
    if len(names) == 1:
        _classic_one(session, line, rows, cells, chosen)
    else:
        cols = categories(session, names[1], chosen.mask, nolabel=line.flag("nolabel"))
        _classic_two(session, line, rows, cols, cells, chosen)
    session.r = ResultSet()


def _stub(session: Session, rows: Categories) -> tuple[int, list[str]]:
    width = max([8, *(display_width(label) for label in rows.labels)])
    return width, wrap_stub(heading(session, rows.name), max(9, width))


def _classic_one(session: Session, line: Line, rows: Categories, cells: list[_Cell], chosen: Selection) -> None:
    log = session.log
    width, stub = _stub(session, rows)
    width = max([width, *(display_width(text) for text in stub)]) + 1
    span = 12 * len(cells) - 1
    log.line()
    log.line("-" * (width + 1 + span))
    for text in stub[:-1]:
        log.line(f"{text:<{width}}|")
    log.line(
        f"{stub[-1]:<{width}}|" + "".join(right(clip(c.title, 11), 11 if i == 0 else 12) for i, c in enumerate(cells))
    )
    log.line("-" * width + "+" + "-" * span)
    everyone = np.ones(rows.codes.size, dtype=np.bool_)
    groups = [(label, rows.codes == code) for code, label in enumerate(rows.labels)]
    if line.flag("row"):
        groups.append(("Total", everyone))
    for position, (label, inside) in enumerate(groups):
        if line.flag("row") and position == len(groups) - 1:
            log.line(right("", width) + "|")
        texts = [_text(c, _value(session, c, chosen.mask, inside, chosen)) for c in cells]
        body = "".join(right(t, 11 if i == 0 else 12) for i, t in enumerate(texts))
        log.line(f"{right(clip(label, width - 1), width - 1)} |{body}")
    log.line("-" * (width + 1 + span))


def _classic_two(
    session: Session, line: Line, rows: Categories, cols: Categories, cells: list[_Cell], chosen: Selection
) -> None:
    log = session.log
    width, stub = _stub(session, rows)
    width = max([width, *(display_width(text) for text in stub)]) + 1
    everyone = np.ones(rows.codes.size, dtype=np.bool_)
    across = [(label, cols.codes == code) for code, label in enumerate(cols.labels)]
    down = [(label, rows.codes == code) for code, label in enumerate(rows.labels)]
    if line.flag("row"):
        down.append(("Total", everyone))
    if line.flag("col"):
        across.append(("Total", everyone))
    body = [
        [
            [_text(c, _value(session, c, chosen.mask, r & s, chosen)) if (r & s).any() else "" for _, s in across]
            for c in cells
        ]
        for _, r in down
    ]
    cell_width = max(
        5, *(display_width(label) for label, _ in across), *(len(t) for b in body for row in b for t in row)
    )
    span = (cell_width + 2) * len(across)
    log.line()
    log.line("-" * (width + 1 + span))
    stub = [""] * (2 - len(stub)) + stub
    for text in stub[:-2]:
        log.line(f"{text:<{width}}|")
    log.line(f"{stub[-2]:<{width}}|" + centre(heading(session, cols.name), span))
    log.line(f"{stub[-1]:<{width}}|" + "".join(right(label, cell_width + 2) for label, _ in across))
    log.line("-" * width + "+" + "-" * span)
    for position, (label, _) in enumerate(down):
        if position > 0 and len(cells) > 1:
            log.line(" " * width + "|")
        for depth in range(len(cells)):
            first = right(label, width - 1) if depth == 0 else " " * (width - 1)
            log.line(f"{first} |" + "".join(right(t, cell_width + 2) for t in body[position][depth]))
    log.line("-" * (width + 1 + span))


def _modern(session: Session, line: Line) -> None:
    match = re.fullmatch(r"\s*(?:\(([^()]*)\)|([^()]*?))\s*(?:\(([^()]*)\))?\s*", line.anything)
    if match is None:
        raise invalid_syntax()
    row_names = (match[1] if match[1] is not None else match[2] or "").split()
    col_names = (match[3] or "").split()
    if match[1] is None and match[3] is None and len(row_names) == 2:
        row_names, col_names = row_names[:1], row_names[1:]
    keywords = ("result", "var")
    row_names, col_names = (
        [n if n in keywords else session.variable_named(n) for n in row_names],
        [n if n in keywords else session.variable_named(n) for n in col_names],
    )
    cells = _statistics_17(session, line)
    variables = [n for n in (*row_names, *col_names) if n not in keywords]
    chosen = select(session, line, variables, missing=line.flag("missing"))
    size = int(chosen.mask.sum())
    if wants_dimensions(row_names, col_names):
        _dimensions(session, line, row_names, col_names, cells, chosen)
        return
    everyone = np.ones(size, dtype=np.bool_)
    across = _dimension(session, line, col_names, chosen, everyone)
    total = float(chosen.frequencies().sum())
    zero = line.flag("zerocounts")
    heads = [label for label, _ in across] if col_names else [cell.title for cell in cells]
    blank = [""] * len(heads)
    body: list[tuple[str, list[str]]] = []

    def add(label: str, inside: BoolArray) -> None:
        if not col_names:
            body.append((label, [_modern_text(session, c, chosen, inside, total) for c in cells]))
            return
        if len(cells) > 1:
            body.append((label, blank))
        indent = " " * (len(label) - len(label.lstrip()) + 2)
        for cell in cells:
            title = label if len(cells) == 1 else f"{indent}{cell.title}"
            body.append((title, [_modern_text(session, cell, chosen, inside & s, total, zero=zero) for _, s in across]))

    def descend(names: list[str], inside: BoolArray, indent: str) -> None:
        for label, part in _dimension(session, line, names[:1], chosen, everyone):
            cell = inside & part
            if not cell.any():
                continue
            if len(names) < 2:
                add(indent + label, cell)
                continue
            body.append((indent + label, blank))
            body.append((f"{indent}  {heading(session, names[1])}", blank))
            descend(names[1:], cell, indent + "    ")

    descend(row_names, everyone, "")
    _print_modern(session, row_names, col_names, heads, body)
    from ssd.engine.commands.collect import leave_table
    from ssd.engine.output.documents import DocumentTable

    head = [["", heading(session, col_names[0]), *[""] * (len(heads) - 1)]] if col_names else []
    head.append([heading(session, row_names[0]) if row_names else "", *heads])
    leave_table(session, DocumentTable([*head, *([label, *texts] for label, texts in body)], len(head)))
    session.r = ResultSet(scalars={"N": float(size)})


def _dimensions(
    session: Session, line: Line, rows: list[str], cols: list[str], cells: list[_Cell], chosen: Selection
) -> None:
    """Several variables across, or result and var placed by name."""
    total = float(chosen.frequencies().sum())
    shown = [StatisticCell(c.name, _title(c), c.variable) for c in cells]

    def text(index: int, inside: BoolArray) -> str:
        return _modern_text(session, cells[index], chosen, inside, total, zero=line.flag("zerocounts"))

    totals, nolabel = not line.flag("nototals"), line.flag("nolabel")
    print_dimensions(session, rows, cols, shown, chosen, text, totals=totals, nolabel=nolabel)
    session.r = ResultSet(scalars={"N": float(chosen.mask.sum())})


def _title(cell: _Cell) -> str:
    return STATISTIC_TITLES.get(cell.name, f"{cell.name[1:]}th percentile")


def _dimension(
    session: Session, line: Line, names: list[str], chosen: Selection, everyone: BoolArray
) -> list[tuple[str, BoolArray]]:
    if not names:
        return [("", everyone)]
    groups = categories(session, names[0], chosen.mask, nolabel=line.flag("nolabel"))
    found: list[tuple[str, BoolArray]] = [(label, groups.codes == code) for code, label in enumerate(groups.labels)]
    return found if line.flag("nototals") else [*found, ("Total", everyone)]


def _statistics_17(session: Session, line: Line) -> list[_Cell]:
    given = line.options.get("statistic")
    texts = [given] if isinstance(given, str) else [str(g) for g in given] if isinstance(given, list) else []
    formats = (line.text_option("nformat") or "").split()
    selected = {canonical_statistic(word) or word for word in formats[1:]}

    def numeric_format(name: str, default: str) -> str:
        return formats[0] if formats and (not selected or name in selected) else default

    cells: list[_Cell] = []
    for text in texts:
        words = text.split()
        name = words[0] if words else ""
        if name in ("frequency", "freq"):
            cells.append(_Cell("frequency", "", "Frequency", "count"))
        elif name == "percent" and len(words) == 1:
            cells.append(_Cell("percent", "", "Percent", numeric_format("percent", "%9.2f")))
        else:
            canonical = {"total": "sum", "count": "n"}.get(name) or canonical_statistic(name)
            if canonical is None or len(words) < 2:
                raise StataError(198, f"invalid statistic() option: {text}")
            for variable in session.expand_varlist(" ".join(words[1:])):
                title = STATISTIC_TITLES.get(canonical, f"{canonical[1:]}th percentile")
                shown = f"{title}  {heading(session, variable)}" if len(texts) > 1 or len(words) > 2 else title
                shape = "count" if canonical == "n" else numeric_format(canonical, "%9.0g")
                cells.append(_Cell(canonical, variable, shown, shape))
    return cells or [_Cell("frequency", "", "Frequency", "count")]


def _modern_text(
    session: Session, cell: _Cell, chosen: Selection, inside: BoolArray, total: float, *, zero: bool = False
) -> str:
    if not inside.any():
        return "0" if cell.name == "frequency" and zero else ""
    if cell.name == "percent":
        return number(100 * float(chosen.frequencies()[inside].sum()) / total, cell.fmt)
    if cell.name == "frequency":
        return count(float(chosen.frequencies()[inside].sum()))
    return _text(cell, _value(session, cell, chosen.mask, inside, chosen))


def _print_modern(
    session: Session,
    row_names: list[str],
    col_names: list[str],
    heads: list[str],
    body: list[tuple[str, list[str]]],
) -> None:
    log = session.log
    row_title = heading(session, row_names[0]) if row_names else ""
    width = max([display_width(row_title), *(display_width(label) + 2 for label, _ in body)]) + 1
    widths = [
        max([display_width(head), *(display_width(row[j]) for _, row in body)]) + 2 for j, head in enumerate(heads)
    ]
    span = sum(widths) + 1
    log.line()
    log.line("-" * (width + 1 + span))
    if col_names:
        log.line(" " * width + "|" + centre(heading(session, col_names[0]), span))
    log.line(" " * width + "|" + "".join(right(h, w) for h, w in zip(heads, widths, strict=True)))
    log.line("-" * width + "+" + "-" * span)
    if row_title:
        log.line(f"{row_title:<{width}}|")
    for label, row in body:
        log.line(f"{'  ' + label:<{width}}|" + "".join(right(t, w) for t, w in zip(row, widths, strict=True)))
    log.line("-" * (width + 1 + span))


@command(
    "tabdisp",
    "varlist(max=2) [if] [in], Cellvar(varlist) [BY(varlist) Format(string) Missing Center Left CONcise Totals]",
    by="recall",
    stored="none",
    refused="by(), totals",
)
def tabdisp(session: Session, line: Line) -> None:
    """Display the values of variables in a table."""
    if line.options.get("by") or line.flag("totals"):
        raise unsupported("tabdisp, by() or totals")
    given = line.options["cellvar"]
    cell_names = [str(n) for n in given] if isinstance(given, list) else [str(given)]
    chosen = select(session, line, line.varlist, missing=line.flag("missing"))
    fmt = line.text_option("format")
    rows = categories(session, line.varlist[0], chosen.mask)
    cols = categories(session, line.varlist[1], chosen.mask) if len(line.varlist) > 1 else None
    everyone = np.ones(rows.codes.size, dtype=np.bool_)
    log = session.log
    width = max([9, *(display_width(text) for text in [*rows.labels, *wrap_stub(heading(session, rows.name), 9)])]) + 1

    def first(name: str, inside: BoolArray) -> str:
        found = np.flatnonzero(inside)
        variable = session.data.variables[name]
        if found.size == 0:
            return ""
        if variable.is_string:
            return str(session.data.strings(name)[chosen.mask][found[0]])
        values: FloatArray = session.data.numeric(name)[chosen.mask]
        return number(float(values[found[0]]), fmt or variable.format)

    across = [("", everyone)] if cols is None else [(label, cols.codes == c) for c, label in enumerate(cols.labels)]
    heads = cell_names if cols is None else [label for label, _ in across]
    columns = 12 if cols is None else max([8, *(display_width(h) + 2 for h in heads)])
    span = columns * len(heads)
    stub = wrap_stub(heading(session, rows.name), width - 1)
    log.line()
    log.line("-" * (width + 1 + span))
    if cols is not None:
        log.line(" " * width + "|" + centre(heading(session, cols.name), span))
    for text in stub[:-1]:
        log.line(f"{text:<{width}}|")
    log.line(f"{stub[-1]:<{width}}|" + "".join(right(h, columns) for h in heads))
    log.line("-" * width + "+" + "-" * span)
    for code, label in enumerate(rows.labels):
        inside = rows.codes == code
        lines = (
            [[first(n, inside) for n in cell_names]]
            if cols is None
            else [[first(n, inside & s) for _, s in across] for n in cell_names]
        )
        for depth, texts in enumerate(lines):
            shown = right(label, width - 1) if depth == 0 else " " * (width - 1)
            log.line(f"{shown} |" + "".join(right(t, columns) for t in texts))
    log.line("-" * (width + 1 + span))
