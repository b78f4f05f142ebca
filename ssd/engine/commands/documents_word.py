"""reg2docx, sum2docx, t2docx and corr2docx: tables of papers as Word documents."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

import numpy as np

from ssd.engine.commands.declare import Line, command
from ssd.engine.commands.describe_selection import present, select, two_groups
from ssd.engine.commands.estimates_estout import chosen_models
from ssd.engine.commands.estimates_foot import formatted
from ssd.engine.commands.estimates_labels import parse_stars, variable_label
from ssd.engine.commands.estimates_table import Request, table_lines
from ssd.engine.errors import StataError, no_observations
from ssd.engine.lang.quoting import split_words
from ssd.engine.missing import MISSING, FloatArray, is_missing
from ssd.engine.output.documents import (
    DocumentTable,
    add_word_table,
    new_word_document,
    plain_text,
    read_word_document,
    word_bytes,
)
from ssd.engine.stats.correlation import correlation_p, ranks
from ssd.engine.stats.moments import moments
from ssd.engine.stats.summary_table import canonical_statistic, statistic

if TYPE_CHECKING:
    from ssd.engine.session import Session

_STARS: Final = "* 0.1 ** 0.05 *** 0.01"
_FILE: Final = (
    "REPLACE APPEND TItle(string) NOTE(string asis) LANDscape PAGEsize(string) FONT(string asis) MARgin(string asis)"
)


def write_word(session: Session, line: Line, table: DocumentTable) -> None:
    """The table in the file of `using`. Raises r(602) for a file that exists, unless replace or append."""
    name = line.using or ""
    path = name if name.lower().endswith(".docx") else f"{name}.docx"
    target = session.output_path(path)
    append = line.flag("append")
    if target.exists() and not (line.flag("replace") or append):
        raise StataError(602, f"file {path} already exists")
    document = read_word_document(target.read_bytes()) if append and target.exists() else new_word_document()
    if line.flag("landscape"):
        section = document.sections[-1]
        width, height = section.page_width, section.page_height
        if width is not None and height is not None and width < height:
            section.page_width, section.page_height = height, width
    add_word_table(document, table)
    target.write_bytes(word_bytes(document))
    session.log.line()
    for text in plain_text(table):
        session.log.line(text)
    session.log.line(f"(output written to {path})")


def table_of_lines(lines: list[str], head: int, foot: int, title: str, notes: list[str]) -> DocumentTable:
    """A table from lines separated by tabs; `foot` rows of statistics stand below a rule."""
    rows = [[cell.strip() for cell in line.split("\t")] for line in lines]
    rules = [len(rows) - foot - 1] if foot else []
    return DocumentTable(rows, head, rules, title, notes)


def _format(line: Line, name: str, default: str) -> str:
    return (line.text_option(name) or default).strip()


def _note(line: Line) -> list[str]:
    text = line.text_option("note")
    return split_words(text) if text and '"' in text else [text] if text else []


# --- regressions -------------------------------------------------------------------------------


@command(
    "reg2docx",
    f"[anything] using/ [, {_FILE} B(string) B SE SE(string) T T(string) Z Z(string) P P(string) SCAlars(string asis) "
    "MTItles MTItles(string asis) NOMTItles NOConstant NOCONstant Keep(string asis) DROP(string asis) "
    "R2(string) AR2(string) PR2(string) AIC(string) BIC(string) F(string) "
    "Order(string asis) INDicate(string asis) STAR STAR(string) NOSTAR Label WIDE NOPAren EForm NOOBS]",
    refused="layout options other than landscape ",
)
def reg2docx(session: Session, line: Line) -> None:
    """A table of regressions as a Word document."""
    _unstyled(line)
    options: dict[str, str] = {}
    models = chosen_models(session, line.anything, options)
    kind = next((name for name in ("se", "z", "p", "t") if line.options.get(name)), "t")
    second = _format(line, kind, "%9.3f" if kind != "t" else "%9.2f")
    star = "" if line.flag("nostar") else " star"
    around = "" if line.flag("noparen") else " par"
    pair = f"b(fmt({_format(line, 'b', '%9.3f')}){star}) {kind}(fmt({second}){around})"
    statistics = _scalars(line)
    options |= {
        "cells": f'`"{pair}"\'' if line.flag("wide") else pair,
        "delimiter": "_tab",
        "collabels": "none",
        "eqlabels": "none",
        "starlevels": line.text_option("star") or _STARS,
        "stats": statistics,
        "mlabels": _titles(line),
    }
    for name in ("keep", "drop", "order", "indicate"):
        text = line.text_option(name)
        if text:
            options[name] = text
    if line.flag("noconstant") and "drop" not in options:
        options["drop"] = "_cons, relax"
    flags = {"numbers", "nobaselevels", "noomitted"} | ({"label"} if line.flag("label") else set())
    flags |= {"eform"} if line.flag("eform") else set()
    lines = table_lines(session, Request(options, frozenset(flags)), models)
    foot = len(split_words(statistics.partition(",")[0]))
    shown = {"t": "t", "se": "standard errors", "z": "z", "p": "p-values"}[kind]
    notes = _note(line) or [f"{shown if kind in {'se', 'p'} else f'{shown} statistics'} in parentheses"]
    if star:
        notes.append(parse_stars(options["starlevels"]).legend)
    head = 1 if options["mlabels"] == "none" else 2
    write_word(session, line, table_of_lines(lines, head, foot, line.text_option("title") or "", notes))


def _unstyled(line: Line) -> None:
    from ssd.engine.errors import unsupported

    for name in ("pagesize", "font", "margin"):
        if line.options.get(name):
            raise unsupported(f"option {name}() is")


def _titles(line: Line) -> str:
    typed = line.text_option("mtitles")
    if typed:
        return f"{typed}, titles"
    if line.flag("nomtitles"):
        return "none"
    return ", titles" if line.flag("mtitles") else ", depvars"


def _scalars(line: Line) -> str:
    """scalars(N r2(%9.3f) …) as stats()."""
    typed = line.text_option("scalars")
    text = typed if typed is not None else "N" if not line.flag("noobs") else ""
    names, formats = [], []
    for found in re.finditer(r"(\w+)(?:\(([^()]*)\))?", text):
        names.append(found[1])
        formats.append((found[2] or "").split()[0] if found[2] else "%9.0f" if found[1] == "N" else "%9.3f")
    for option, name in (("r2", "r2"), ("ar2", "r2_a"), ("pr2", "r2_p"), ("aic", "aic"), ("bic", "bic"), ("f", "F")):
        if line.text_option(option) and name not in names:
            names.append(name)
            formats.append((line.text_option(option) or "").strip())
    return f"{' '.join(names)}, fmt({' '.join(formats)})" if names else ""


# --- summaries ---------------------------------------------------------------------------------


@command(
    "sum2docx",
    f"varlist [if] [in] [aweight fweight] using/ [, {_FILE} STATs(string) STATistics(string) Label]",
    refused="layout options other than landscape",
)
def sum2docx(session: Session, line: Line) -> None:
    """Summary statistics as a Word document."""
    _unstyled(line)
    asked: list[tuple[str, str]] = []
    text = line.text_option("stats") or line.text_option("statistics") or "N mean sd min median max"
    for found in re.finditer(r"(\w+)(?:\(([^()]*)\))?", text):
        name = canonical_statistic(found[1])
        if name is None:
            raise StataError(198, f"unknown statistic: {found[1]}")
        asked.append((found[1], (found[2] or "").strip() or ("%9.0f" if name == "n" else "%9.3f")))
    chosen = select(session, line)
    if not chosen.mask.any():
        raise no_observations()
    rows = [["VarName", *(_statistic_title(name) for name, _ in asked)]]
    for variable in line.varlist:
        x = _numeric(session, variable)[chosen.mask]
        inside = ~is_missing(x)
        w = None if chosen.weights is None else chosen.weights[inside]
        values = [statistic(canonical_statistic(name) or name, x[inside], w, chosen.kind) for name, _ in asked]
        shown = variable_label(session, variable) if line.flag("label") else variable
        rows.append([shown, *(formatted(v, fmt) for v, (_, fmt) in zip(values, asked, strict=True))])
    write_word(session, line, DocumentTable(rows, title=line.text_option("title") or "", notes=_note(line)))


def _statistic_title(name: str) -> str:
    return {"n": "Obs", "mean": "Mean", "sd": "SD", "min": "Min", "max": "Max", "median": "Median"}.get(
        canonical_statistic(name) or name, name
    )


def _numeric(session: Session, name: str) -> FloatArray:
    if session.data.variables[name].is_string:
        raise StataError(109, f"string variables not allowed in varlist;\n{name} is a string variable")
    return session.data.numeric(name)


@command(
    "t2docx",
    f"varlist [if] [in] using/ , BY(varname) [{_FILE} FMT(string) STAR STAR(string) NOSTAR NOT P UNEQual Label]",
    refused="layout options other than landscape; staraux, se",
)
def t2docx(session: Session, line: Line) -> None:
    """Two-sample t tests as a Word document."""
    from ssd.engine.commands.estimates_estpost import two_means

    _unstyled(line)
    fmt = (line.text_option("fmt") or "%9.3f").strip()
    stars = parse_stars(line.text_option("star") or _STARS)
    by = line.text_option("by") or ""
    chosen = select(session, line)
    first = two_groups(session, by, chosen.mask & present(session, by))
    last = "p" if line.flag("p") else "t"
    head = ["Variables", f"G1({first.labels[0]})", "Mean1", f"G2({first.labels[1]})", "Mean2", "MeanDiff"]
    rows = [[*head, *([] if line.flag("not") else [last])]]
    for variable in line.varlist:
        values = _numeric(session, variable)
        mask = chosen.mask & ~is_missing(values) & present(session, by)
        groups = two_groups(session, by, mask)
        a, b = (moments(values[mask][groups.codes == code]) for code in (0, 1))
        kind = "unequal" if line.flag("unequal") else ""
        test = two_means(a.n, a.mean, a.variance, b.n, b.mean, b.variance, kind)
        mark = "" if line.flag("nostar") else stars.mark(test["p"] if test["p"] < MISSING else None)
        shown = variable_label(session, variable) if line.flag("label") else variable
        row = [shown, f"{a.n:.0f}", formatted(a.mean, fmt), f"{b.n:.0f}", formatted(b.mean, fmt)]
        row.append(formatted(test["b"], fmt) + mark)
        rows.append([*row, *([] if line.flag("not") else [formatted(test[last], fmt)])])
    notes = _note(line) + ([] if line.flag("nostar") else [stars.legend])
    write_word(session, line, DocumentTable(rows, title=line.text_option("title") or "", notes=notes))


@command(
    "corr2docx",
    f"varlist [if] [in] using/ [, {_FILE} FMT(string) STAR STAR(string) NOSTAR NODIAGonal DIAGonal PEARson(string) "
    "SPEARman(string) PEARson SPEARman Label]",
    refused="layout options other than landscape; pearson() and spearman() take pw or ignore",
)
def corr2docx(session: Session, line: Line) -> None:
    """A correlation matrix as a Word document; Spearman's coefficients above the diagonal when asked for."""
    _unstyled(line)
    names = line.varlist
    if len(names) < 2:
        raise StataError(102, "too few variables specified")
    fmt = (line.text_option("fmt") or "%9.3f").strip()
    stars = parse_stars(line.text_option("star") or _STARS)
    chosen = select(session, line)
    columns = [_numeric(session, name)[chosen.mask] for name in names]
    listwise = "pw" not in (line.text_option("pearson") or "")
    complete = np.all([~is_missing(column) for column in columns], axis=0)
    if not complete.any():
        raise no_observations()

    def cell(i: int, j: int, *, ranked: bool) -> str:
        inside = complete if listwise else ~is_missing(columns[i]) & ~is_missing(columns[j])
        x, y = columns[i][inside], columns[j][inside]
        if ranked:
            x, y = ranks(x), ranks(y)
        rho = _correlation(x, y)
        if rho >= MISSING:
            return "."
        mark = "" if line.flag("nostar") else stars.mark(correlation_p(rho, float(x.size)))
        return formatted(rho, fmt) + mark

    shown = [variable_label(session, name) if line.flag("label") else name for name in names]
    rows = [["", *shown]]
    both = bool(line.options.get("spearman"))
    for i, name in enumerate(shown):
        row = [name]
        for j in range(len(names)):
            if j == i:
                row.append("" if line.flag("nodiagonal") else "1")
            else:
                row.append(cell(i, j, ranked=j > i) if j < i or both else "")
        rows.append(row)
    notes = _note(line) + ([] if line.flag("nostar") else [stars.legend])
    write_word(session, line, DocumentTable(rows, title=line.text_option("title") or "", notes=notes))


def _correlation(x: FloatArray, y: FloatArray) -> float:
    if x.size < 2 or x.std() == 0.0 or y.std() == 0.0:
        return MISSING
    return float(np.corrcoef(x, y)[0, 1])
