"""dtable: the table of descriptive statistics that opens a paper ([R] dtable)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from ssd.engine.commands.collect import leave_table
from ssd.engine.commands.collect_export import export_table
from ssd.engine.commands.declare import Line, command
from ssd.engine.commands.describe_selection import Selection, categories, heading, present, select
from ssd.engine.errors import StataError, no_observations, unsupported
from ssd.engine.lang.options import read_options
from ssd.engine.lang.quoting import split_comma, split_words, strip_quotes
from ssd.engine.missing import MISSING, BoolArray, FloatArray, is_missing
from ssd.engine.output.documents import DocumentTable
from ssd.engine.output.formats import format_value, is_format
from ssd.engine.output.tables import display_width
from ssd.engine.stats.crosstab import pearson
from ssd.engine.stats.distributions import f_tail
from ssd.engine.stats.summary_table import canonical_statistic, statistic

if TYPE_CHECKING:
    from ssd.engine.session import Session

_FORMATS: Final = {"frequency": "%9.0fc", "fvfrequency": "%9.0fc", "percent": "%9.1f", "fvpercent": "%9.1f",
                   "n": "%9.0fc"}  # fmt: skip
_PATTERNS: Final = {"sd": "(%s)", "percent": "(%s%%)", "fvpercent": "(%s%%)"}
_FACTOR: Final = ("fvfrequency", "fvpercent", "frequency", "percent")


@dataclass
class _Request:
    """What dtable is to show and how."""

    continuous: list[str]
    factors: list[str]
    order: list[str]
    statistics: dict[str, list[str]]
    formats: dict[str, str]
    patterns: dict[str, str]
    by: str = ""
    totals: bool = True
    tests: bool = False

    def text(self, name: str, value: float) -> str:
        if value >= MISSING:
            return ""
        shown = format_value(value, self.formats.get(name, _FORMATS.get(name, "%9.3fc"))).strip()
        return self.patterns.get(name, _PATTERNS.get(name, "%s")).replace("%s", shown).replace("%%", "%")


@command(
    "dtable",
    "[anything] [if] [in] [fweight aweight pweight] [, BY(string asis) CONTinuous(string asis) FACTor(string asis) "
    "NFORmat(string asis) SFORmat(string asis) TItle(string) NOTE(string asis) NOTEs(string asis) EXPort(string asis) "
    "SAMPle(string asis) NOSAMPle COLumn(string asis) DEFine(string asis) HALign(string) VARLIST(string) SVY]",
    stored="none",
    refused="sample(), column(), define(), halign(), svy; tests other than regress and pearson; several continuous() "
    "or factor() options; missing in by()",
)
def dtable(session: Session, line: Line) -> None:
    """Descriptive statistics of continuous and factor variables, by groups."""
    for name in ("sample", "column", "define", "halign", "varlist", "svy"):
        if line.options.get(name):
            raise unsupported(f"option {name} of dtable is")
    request = _request(session, line)
    complete = [request.by] if request.by else []
    chosen = select(session, line, complete)
    if not chosen.mask.any():
        raise no_observations()
    table = _table(session, line, request, chosen)
    if request.tests:
        factors = [name for name in request.order if name in request.factors]
        for test, names in (("regress", request.continuous), ("pearson", factors)):
            if names:
                listed = names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
                session.log.line(f"note: using test {test} across levels of {request.by} for {listed}.")
    _print(session, table)
    leave_table(session, table)
    if line.text_option("export"):
        export_table(session, line.text_option("export") or "", table)


def _request(session: Session, line: Line) -> _Request:
    order: list[str] = []
    factors: list[str] = []
    for word in line.anything.split():
        found = re.match(r"i\.(?=[\w*?])", word)
        names = session.expand_varlist(word[found.end() :] if found else word)
        factors += [name for name in names if found and name not in factors]
        order += [name for name in names if name not in order]
    statistics: dict[str, list[str]] = {}
    for option, fallback in (("continuous", False), ("factor", True)):
        text = line.text_option(option)
        if not text:
            continue
        main, suboptions = split_comma(text)
        names = session.expand_varlist(main) if main.strip() else []
        asked = _substatistics(suboptions or "")
        factors += [name for name in names if fallback and name not in factors]
        factors = [name for name in factors if fallback or name not in names]
        order += [name for name in names if name not in order]
        for name in names or [n for n in order if (n in factors) == fallback]:
            if asked:
                statistics[name] = asked
    if not order:
        order = list(session.data.variables)
    for name in order:
        if session.data.variables[name].is_string and name not in factors:
            raise StataError(109, f"string variables not allowed in varlist;\n{name} is a string variable")
    by, totals, tests = _by(session, line)
    formats, patterns = _styles(line)
    continuous = [name for name in order if name not in factors]
    return _Request(continuous, factors, order, statistics, formats, patterns, by, totals, tests)


def _substatistics(text: str) -> list[str]:
    asked: list[str] = []
    for item in read_options(text):
        if item.value is None or not ("statistics".startswith(item.word) and len(item.word) >= 4):
            raise unsupported(f"option {item.named} of continuous() and factor() is")
        for word in item.value.split():
            name = word if word in _FACTOR else canonical_statistic(word)
            if name is None:
                raise StataError(198, f"invalid statistic: {word}")
            asked.append(name)
    return asked


def _by(session: Session, line: Line) -> tuple[str, bool, bool]:
    text = line.text_option("by")
    if not text:
        return "", True, False
    main, suboptions = split_comma(text)
    totals, tests = True, False
    for item in read_options(suboptions or ""):
        if item.word in {"nototals", "nototal"}:
            totals = False
        elif item.word in {"tests", "test"}:
            tests = True
        else:
            raise unsupported(f"option {item.named} of by() is")
    names = session.expand_varlist(main)
    if len(names) != 1:
        raise StataError(103, "by():  too many variables specified")
    return names[0], totals, tests


def _styles(line: Line) -> tuple[dict[str, str], dict[str, str]]:
    formats: dict[str, str] = {}
    patterns: dict[str, str] = {}
    for option, target in (("nformat", formats), ("sformat", patterns)):
        words = split_words(line.text_option(option) or "")
        if not words:
            continue
        if option == "nformat" and not is_format(words[0]):
            raise StataError(120, f"invalid %format: {words[0]}")
        for word in words[1:] or ["mean", "sd"]:
            target[word if word in _FACTOR else canonical_statistic(word) or word] = words[0]
    return formats, patterns


def _table(session: Session, line: Line, request: _Request, chosen: Selection) -> DocumentTable:
    size = int(chosen.mask.sum())
    everyone = np.ones(size, dtype=np.bool_)
    groups: list[tuple[str, BoolArray]] = [("Summary", everyone)]
    codes = np.zeros(size, dtype=np.intp)
    if request.by:
        found = categories(session, request.by, chosen.mask)
        codes = found.codes
        groups = [(label, found.codes == code) for code, label in enumerate(found.labels)]
        groups += [("Total", everyone)] if request.totals else []
    head = [["", heading(session, request.by), *[""] * (len(groups) - 1)]] if request.by else []
    rows = [*head, ["", *(label for label, _ in groups), *(["Test"] if request.tests else [])]]
    weights = chosen.frequencies()
    total = float(weights.sum())
    if not line.flag("nosample"):
        cells = []
        for _, inside in groups:
            n = float(weights[inside].sum())
            cells.append(
                request.text("frequency", n) + (f" {request.text('percent', 100 * n / total)}" if request.by else "")
            )
        rows.append(["N", *cells])
    for name in request.order:
        if name in request.factors:
            rows += _factor(session, request, chosen, name, groups, codes, weights)
        else:
            rows.append(_continuous(session, request, chosen, name, groups, codes))
    notes = [strip_quotes(text.strip()) for text in (line.text_option("note"), line.text_option("notes")) if text]
    return DocumentTable(rows, len(head) + 1, [], line.text_option("title") or "", notes)


def _continuous(
    session: Session,
    request: _Request,
    chosen: Selection,
    name: str,
    groups: list[tuple[str, BoolArray]],
    codes: np.ndarray,
) -> list[str]:
    x = session.data.numeric(name)[chosen.mask]
    known = ~is_missing(x)
    cells = []
    for _, inside in groups:
        kept = inside & known
        w = None if chosen.weights is None else chosen.weights[kept]
        texts = [
            request.text(one, statistic(one, x[kept], w, chosen.kind))
            for one in request.statistics.get(name, ["mean", "sd"])
        ]
        cells.append(" ".join(text for text in texts if text))
    if request.tests:
        w = None if chosen.weights is None else chosen.frequencies()[known]
        cells.append(_p_text(_equal_means(x[known], codes[known], w)))
    return [heading(session, name), *cells]


def _factor(
    session: Session,
    request: _Request,
    chosen: Selection,
    name: str,
    groups: list[tuple[str, BoolArray]],
    codes: np.ndarray,
    weights: FloatArray,
) -> list[list[str]]:
    known = present(session, name)[chosen.mask]
    inside_known = Selection(chosen.mask & present(session, name), None, "")
    levels = categories(session, name, inside_known.mask)
    asked = request.statistics.get(name, ["fvfrequency", "fvpercent"])
    rows = [[heading(session, name), *[""] * len(groups)]]
    if request.tests:
        table = np.zeros((levels.size, int(codes.max()) + 1))
        np.add.at(table, (levels.codes, codes[known]), weights[known])
        rows[0].append(_p_text(pearson(table)[1]))
    for code, label in enumerate(levels.labels):
        cells = []
        for _, inside in groups:
            part = inside[known]
            n = float(weights[known][part & (levels.codes == code)].sum())
            whole = float(weights[known][part].sum())
            values = {"frequency": n, "percent": 100 * n / whole if whole else MISSING}
            texts = [request.text(one, values[one.removeprefix("fv")]) for one in asked if one in _FACTOR]
            cells.append(" ".join(text for text in texts if text))
        rows.append([f"  {label}", *cells])
    return rows


def _equal_means(x: FloatArray, codes: np.ndarray, weights: FloatArray | None) -> float:
    """p-value of the F test of equal group means, as of regress on the groups."""
    w = np.ones(x.size) if weights is None else weights
    groups = np.unique(codes)
    if groups.size < 2 or x.size <= groups.size:
        return MISSING
    mean = float(np.average(x, weights=w))
    between = within = 0.0
    for group in groups:
        inside = codes == group
        centre = float(np.average(x[inside], weights=w[inside]))
        between += float(w[inside].sum()) * (centre - mean) ** 2
        within += float((w[inside] * (x[inside] - centre) ** 2).sum())
    if within <= 0.0:
        return MISSING
    df = float(w.sum()) - groups.size
    return f_tail(between / (groups.size - 1) / (within / df), groups.size - 1, df)


def _p_text(p: float) -> str:
    return "" if p >= MISSING else "<0.001" if p < 0.001 else f"{p:.3f}"


def _print(session: Session, table: DocumentTable) -> None:
    rows = table.padded()
    stub = max(display_width(row[0]) for row in rows)
    first = table.head - 1
    widths = [max(display_width(row[j]) for row in rows[first:]) + 2 for j in range(1, table.columns)]
    total = stub + sum(widths)
    log = session.log
    log.line()
    if table.title:
        log.line(table.title)
    log.line("-" * total)
    for position, row in enumerate(rows):
        if position < first:
            room = max(0, sum(widths) - display_width(row[1]))
            log.line(" " * (stub + room - room // 2) + row[1])
            continue
        cells = []
        for cell, width in zip(row[1:], widths, strict=True):
            room = max(0, width - display_width(cell))
            cells.append(
                " " * (room - room // 2) + cell + " " * (room // 2) if position == first else " " * room + cell
            )
        log.line((row[0] + " " * (stub - display_width(row[0])) + "".join(cells)).rstrip())
        if position == first:
            log.line("-" * total)
    log.line("-" * total)
    for note in table.notes:
        log.line(note)
