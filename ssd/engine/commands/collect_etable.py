"""etable: a table of estimation results by collect's conventions, shown and exported."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from ssd.engine.commands.collect import leave_table
from ssd.engine.commands.collect_export import export_table
from ssd.engine.commands.declare import Line, command
from ssd.engine.commands.estimates_cells import Element, model_values
from ssd.engine.commands.estimates_estout import model_names, results_of
from ssd.engine.commands.estimates_foot import formatted, statistic_of, vacant
from ssd.engine.commands.estimates_labels import typed_number, variable_label
from ssd.engine.commands.estimates_select import kept
from ssd.engine.commands.estimates_table import Request, table_lines
from ssd.engine.errors import StataError, unsupported
from ssd.engine.lang.grammar import compile_grammar
from ssd.engine.lang.options import TypedOption, read_options
from ssd.engine.lang.quoting import split_comma, split_words, strip_quotes
from ssd.engine.lang.syntax import fill_line, split_line
from ssd.engine.output.documents import DocumentTable
from ssd.engine.output.tables import display_width
from ssd.engine.results import ResultSet

if TYPE_CHECKING:
    from ssd.engine.session import Session

_GRAMMAR: Final = (
    "[anything] [, ESTimates(string) COLumn(string) KEEP(string asis) DROP(string asis) SHOWSTARS NOSHOWSTARS "
    "SHOWSTARSNOTE NOSHOWSTARSNOTE STARS(string asis) TItle(string) NOTEs(string asis) NOTE(string asis) "
    "EXPort(string asis) REPLAY NAME(string)]"
)
_STATISTICS: Final = {
    "_r_b": ("b", "%9.3f", "%s"), "_r_se": ("se", "%9.3f", "(%s)"), "_r_z": ("t", "%9.2f", "%s"),
    "_r_t": ("t", "%9.2f", "%s"), "_r_p": ("p", "%9.3f", "%s"), "_r_ci": ("ci", "%9.3f", "[%s]"),
    "_r_lb": ("ci_l", "%9.3f", "%s"), "_r_ub": ("ci_u", "%9.3f", "%s"),
}  # fmt: skip
_MODEL: Final = {
    "N": ("Number of observations", "%9.0f"), "r2": ("R-squared", "%9.2f"), "r2_a": ("Adjusted R-squared", "%9.2f"),
    "r2_p": ("Pseudo R-squared", "%9.2f"), "aic": ("AIC", "%9.2f"), "bic": ("BIC", "%9.2f"),
    "F": ("F statistic", "%9.2f"), "ll": ("Log likelihood", "%9.2f"), "rmse": ("RMSE", "%9.2f"),
    "N_clust": ("Number of clusters", "%9.0f"), "N_g": ("Number of groups", "%9.0f"),
}  # fmt: skip


@dataclass(frozen=True)
class _Statistic:
    name: str
    fmt: str
    pattern: str
    label: str


@command(
    "etable",
    "*",
    stored="none",
    refused="replay, equations(), eqrecode(), cifmt and style options; export() as pdf or smcl; several collections",
)
def etable(session: Session, line: Line) -> None:
    """A table of estimation results with statistics of coefficients and of models."""
    main, option_text = split_comma(line.text)
    typed = read_options(option_text or "")
    given = [item for item in typed if item.word in {"cstat", "mstat"} and item.value is not None]
    rest = " ".join(str(item) for item in typed if item not in given)
    fill_line(line, split_line(f"{main}, {rest}"), compile_grammar(_GRAMMAR), session)
    if line.flag("replay") or line.text_option("name"):
        raise unsupported("etable with replay or name() is")
    if main.strip():
        raise StataError(198, "invalid syntax")
    names = line.text_option("estimates")
    models = model_names(session, names.split()) if names else ["."]
    results = [(name, results_of(session, name)) for name in models]
    for _, one in results:
        if "b" not in one.matrices:
            raise StataError(301, "last estimates not found")
    coefficients = [_coefficient(item) for item in given if item.word == "cstat"] or [
        _coefficient(TypedOption("cstat", "_r_b")),
        _coefficient(TypedOption("cstat", "_r_se")),
    ]
    statistics = [_model(item) for item in given if item.word == "mstat"] or [_model(TypedOption("mstat", "N"))]
    table = _table(session, line, results, coefficients, statistics)
    _print(session, table)
    leave_table(session, table)
    if line.text_option("export"):
        export_table(session, line.text_option("export") or "", table)


def _coefficient(item: TypedOption) -> _Statistic:
    name, values = _suboptions(item.value or "")
    if name not in _STATISTICS:
        raise unsupported(f"cstat({name}) is")
    element, fmt, pattern = _STATISTICS[name]
    return _Statistic(element, values.get("nformat", fmt), values.get("sformat", pattern), values.get("label", ""))


def _model(item: TypedOption) -> _Statistic:
    name, values = _suboptions(item.value or "")
    name = name.rpartition("=")[2].strip()
    found = re.fullmatch(r"e\((\w+)\)", name)
    name = found[1] if found else name
    label, fmt = _MODEL.get(name, (name, "%9.3f"))
    return _Statistic(name, values.get("nformat", fmt), values.get("sformat", "%s"), values.get("label", label))


def _suboptions(text: str) -> tuple[str, dict[str, str]]:
    main, option_text = split_comma(text)
    values: dict[str, str] = {}
    for item in read_options(option_text or ""):
        if item.word not in {"nformat", "sformat", "label"} or item.value is None:
            raise unsupported(f"option {item.named} of cstat() and mstat() is")
        values[item.word] = strip_quotes(item.value.strip())
    return main.strip(), values


def _stars(line: Line) -> list[str]:
    """Marks and levels, the weakest first: stars(.05 "*" .01 "**") is that order, too."""
    main, _ = split_comma(line.text_option("stars") or '.05 "*" .01 "**"')
    words = split_words(main)
    pairs = [(words[i + 1], typed_number(words[i])) for i in range(0, len(words) - 1, 2)]
    return [text for mark, level in sorted(pairs, key=lambda pair: -pair[1]) for text in (f'"{mark}"', f"{level:g}")]


def _table(
    session: Session,
    line: Line,
    results: list[tuple[str, ResultSet]],
    coefficients: list[_Statistic],
    statistics: list[_Statistic],
) -> DocumentTable:
    starred = line.flag("showstars") or line.text_option("stars") is not None
    cells = []
    for position, one in enumerate(coefficients):
        before, _, after = one.pattern.partition("%s")
        middle = ' " "' if one.name == "ci" else ""
        around = f' par(`"{before}"\'{middle} `"{after}"\')' if before or after else ""
        star = " star" if starred and position == 0 else ""
        cells.append(f"{one.name}(fmt({one.fmt}){around}{star})")
    headings, labels = _factor_rows(session, line, results)
    options = {
        "cells": " ".join(cells),
        "delimiter": "_tab",
        "collabels": "none",
        "mlabels": "none",
        "starlevels": " ".join(_stars(line)),
        "varlabels": f'_cons "Intercept" {labels}',
        "refcat": f"{headings}, nolabel" if headings else "",
    }
    for name in ("keep", "drop"):
        if line.text_option(name):
            options[name] = line.text_option(name) or ""
    flags = frozenset({"nobaselevels", "noomitted", "label"})
    lines = table_lines(session, Request(options, flags), results)
    rows = [["", *_headings(line, results)]]
    rows += [[cell.rstrip() if j == 0 else cell.strip() for j, cell in enumerate(text.split("\t"))] for text in lines]
    below = len(rows) - 1
    for one in statistics:
        row = [one.label]
        for _, model in results:
            value = statistic_of(model, one.name)
            empty = value is None or vacant(value)
            shown = "" if empty else value if isinstance(value, str) else formatted(float(value or 0.0), one.fmt)
            row.append(one.pattern.replace("%s", shown) if shown else "")
        rows.append(row)
    notes = []
    if line.flag("showstarsnote"):
        words = _stars(line)
        pairs = [f"{strip_quotes(words[i])} p<{words[i + 1].removeprefix('0')}" for i in range(0, len(words), 2)]
        notes.append(", ".join(reversed(pairs)))
    texts = [line.text_option(name) for name in ("note", "notes")]
    notes += [strip_quotes(text.strip()) for text in texts if text]
    return DocumentTable(rows, 1, [below] if statistics else [], line.text_option("title") or "", notes)


def _headings(line: Line, results: list[tuple[str, ResultSet]]) -> list[str]:
    kind = (line.text_option("column") or "depvar").split(",")[0].strip()
    texts = []
    for position, (name, model) in enumerate(results):
        outcome = (model.macros.get("depvar", "").split() or [""])[0]
        choices = {
            "depvar": outcome,
            "index": str(position + 1),
            "estimates": name if name != "." else "active",
            "command": model.macros.get("cmd", ""),
            "title": model.macros.get("estimates_title") or model.macros.get("title", ""),
        }
        if kind not in choices:
            raise unsupported(f"column({kind}) of etable is")
        texts.append(choices[kind])
    return texts


def _factor_rows(session: Session, line: Line, results: list[tuple[str, ResultSet]]) -> tuple[str, str]:
    """A heading for each factor before its first level, and the levels indented below it."""
    names: list[str] = []
    for name, model in results:
        values = model_values(name, model, [Element("b")], 95.0, omitted=False, base=False)
        keys = kept(values.keys, line.text_option("keep") or "", line.text_option("drop") or "", quiet=True)
        names += [key[1] for key in keys if key[1] not in names]
    headings, labels, seen = [], [], set()
    for name in names:
        found = re.fullmatch(r"(\d+)\.(\w+)", name)
        if found is None or found[2] not in session.data.variables:
            continue
        level, variable = int(found[1]), found[2]
        if variable not in seen:
            seen.add(variable)
            headings.append(f'{name} `"{variable_label(session, variable)}"\'')
        text = session.data.labels_of(variable).get(level, str(level))
        labels.append(f'{name} `"  {text}"\'')
    return " ".join(headings), " ".join(labels)


def _print(session: Session, table: DocumentTable) -> None:
    """Stubs to the left, numbers to the right, rules around the head, the statistics and the foot."""
    rows = table.padded()
    stub = max(display_width(row[0]) for row in rows) + 1
    widths = [max(display_width(row[j]) for row in rows) + 2 for j in range(1, table.columns)]
    total = stub + sum(widths) + 1
    log = session.log
    log.line()
    if table.title:
        log.line(table.title)
    log.line("-" * total)
    for position, row in enumerate(rows):
        cells = "".join(" " * (width - display_width(cell)) + cell for cell, width in zip(row[1:], widths, strict=True))
        log.line(row[0] + " " * (stub - display_width(row[0])) + cells)
        if position in {0, len(rows) - 1}:
            log.line("-" * total)
    for note in table.notes:
        log.line(note)
