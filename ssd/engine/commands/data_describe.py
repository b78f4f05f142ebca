"""describe, ds, lookfor."""

from __future__ import annotations

import re

from ssd.engine.commands.data_files import load_dta
from ssd.engine.commands.declare import Line, command
from ssd.engine.data.dataset import Dataset, Variable
from ssd.engine.data.names import match_variables
from ssd.engine.errors import StataError, unsupported
from ssd.engine.output.tables import abbreviate
from ssd.engine.results import ResultSet
from ssd.engine.session import Session

_WIDTH = {"byte": 1, "int": 2, "long": 4, "float": 4, "double": 8, "strL": 8}


def storage_width(column: Variable) -> int:
    """Bytes of one value in memory."""
    return _WIDTH[column.type] if column.type in _WIDTH else int(column.type[3:])


@command(
    "describe",
    "[anything] [using/] [, Short Simple Fullnames Numbers VARList REPLACE CLEAR]",
    minimum=1,
    stored="r(N) r(k) r(width) r(changed) r(varlist) r(sortlist)",
    refused="replace; clear; numbers",
)
def describe(session: Session, line: Line) -> None:
    """Describe the contents of data in memory or in a file."""
    for word in ("replace", "clear", "numbers"):
        if line.flag(word):
            raise unsupported(f"describe, {word}")
    data = load_dta(session, line.using) if line.using is not None else session.data
    names = _names(session, data, line)
    if line.flag("simple"):
        _simple(session, names)
    else:
        if not line.anything or line.using is not None:
            _head(session, data, from_file=line.using is not None)
        if not line.flag("short"):
            _table(session, data, names, ruled=not line.anything or line.using is not None)
        if not line.anything or line.flag("short"):
            _tail(session, data)
    stored = ResultSet(
        scalars={
            "N": float(data.n_obs), "k": float(len(data.variables)), "changed": float(data.changed),
            "width": float(sum(storage_width(column) for column in data.variables.values())),
        }
    )  # fmt: skip
    if line.flag("varlist"):
        stored.macros = {"varlist": " ".join(data.variables), "sortlist": " ".join(data.sorted_by)}
    session.r = stored


def _names(session: Session, data: Dataset, line: Line) -> list[str]:
    if not line.anything:
        return list(data.variables)
    if line.using is None:
        return session.expand_varlist(line.anything)
    return [name for word in line.anything.split() for name in match_variables(data.variables, word)]


def _simple(session: Session, names: list[str]) -> None:
    print_columns(session, names)


def print_columns(session: Session, names: list[str]) -> None:
    """Names in as many columns as fit, filled downwards."""
    if not names:
        return
    width = max(map(len, names)) + 2
    across = max(1, session.log.linesize // width)
    down = -(-len(names) // across)
    for row in range(down):
        session.log.line("".join(name.ljust(width) for name in names[row::down]).rstrip())


def _head(session: Session, data: Dataset, *, from_file: bool) -> None:
    log = session.log
    log.line()
    log.line(f"Contains data from {data.filename}" if data.filename else "Contains data")
    log.line(f" Observations:{data.n_obs:>14,}{'':18}{data.label}".rstrip())
    stamp = data.timestamp if data.filename or from_file else ""
    log.line(f"    Variables:{len(data.variables):>14,}{'':18}{stamp}".rstrip())
    if "note0" in data.chars and data.chars["note0"] != "0":
        log.line(f"{'':46}(_dta has notes)")


def _table(session: Session, data: Dataset, names: list[str], *, ruled: bool = True) -> None:
    """The table of variables; `ruled` above and below, as under the lines about the whole dataset."""
    log = session.log
    rule = "-" * (log.linesize - 1)
    log.line(rule if ruled else "")
    log.line("Variable      Storage   Display    Value")
    log.line("    name         type    format    label      Variable label")
    log.line(rule)
    for name in names:
        column = data.variables[name]
        star = "* " if column.chars.get("note0", "0") != "0" else "  "
        shown = abbreviate(name, 15)
        text = f"{shown:<15} {column.type:<7} {column.format:<10} {abbreviate(column.value_label, 8):<8} {star}"
        log.line((text + column.label).rstrip() if column.label or star.strip() else text.rstrip())
    if any(data.variables[name].chars.get("note0", "0") != "0" for name in names):
        log.line(f"{'':44}* indicated variables have notes")
    if ruled:
        log.line(rule)


def _tail(session: Session, data: Dataset) -> None:
    session.log.line(f"Sorted by: {'  '.join(data.sorted_by)}".rstrip() if data.sorted_by else "Sorted by: ")
    if data.changed:
        session.log.line("     Note: Dataset has changed since last saved.")


@command(
    "ds",
    "[varlist] [, not Alpha Detail VARWidth(integer 12) SKip(integer 2) has(string) NOT(string)]",
    stored="r(varlist)",
    refused="detail",
)
def ds(session: Session, line: Line) -> None:
    """List variables by their properties."""
    if line.flag("detail"):
        raise unsupported("ds, detail")
    names = list(line.varlist)
    if line.flag("not"):
        names = [name for name in session.data.variables if name not in names]
    has, lacks = line.text_option("has"), line.text_option("not")
    if has and lacks:
        raise StataError(198, "options has() and not() may not be combined")
    condition = has or lacks
    if condition:
        names = [name for name in names if _has(session.data, name, condition) == bool(has)]
    if line.flag("alpha"):
        names.sort()
    print_columns(session, names)
    session.r = ResultSet(macros={"varlist": " ".join(names)})


def _has(data: Dataset, name: str, condition: str) -> bool:
    column = data.variables[name]
    word, _, rest = condition.strip().partition(" ")
    words = [item.strip('"') for item in rest.split()]
    if word == "type":
        return any(_is_type(column, kind) for kind in words)
    if word.startswith("f"):
        return any(_matches(style, column.format) for style in words)
    if word.startswith("varl"):
        return bool(column.label) if not words else any(_matches(text, column.label) for text in words)
    if word.startswith("vall"):
        return bool(column.value_label) if not words else any(_matches(t, column.value_label) for t in words)
    if word.startswith("c"):
        return bool(column.chars) if not words else any(text in column.chars for text in words)
    raise StataError(198, f"{word} invalid condition")


def _matches(pattern: str, text: str) -> bool:
    expression = "".join(".*" if c == "*" else "." if c == "?" else re.escape(c) for c in pattern)
    return re.fullmatch(expression, text) is not None


def _is_type(column: Variable, kind: str) -> bool:
    if kind == "string":
        return column.is_string
    if kind == "numeric":
        return not column.is_string
    if "/" in kind:
        low, high = kind.split("/")
        return column.is_string and column.type != "strL" and int(low) <= int(column.type[3:]) <= int(high)
    return _matches(kind, column.type)


@command("lookfor", "anything", minimum=4, stored="r(varlist)")
def lookfor(session: Session, line: Line) -> None:
    """Search for strings in names and labels of variables."""
    from ssd.engine.lang.quoting import split_words

    wanted = [word.lower() for word in split_words(line.anything)]
    names = [
        name for name, column in session.data.variables.items()
        if any(word in name.lower() or word in column.label.lower() for word in wanted)
    ]  # fmt: skip
    if names:
        _table(session, session.data, names, ruled=False)
    session.r = ResultSet(macros={"varlist": " ".join(names)})
