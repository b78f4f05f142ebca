"""xttab and xttrans: values of a variable and transitions between them in panels."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ssd.engine.commands.declare import Line, command
from ssd.engine.commands.panel import panel_variable
from ssd.engine.data.timeseries import require_time
from ssd.engine.errors import StataError, no_observations
from ssd.engine.missing import FloatArray, is_missing
from ssd.engine.output.tables import abbreviate, centre, clip, right, rule, wrap_stub
from ssd.engine.results import Matrix, ResultSet
from ssd.engine.stats.panel import Panels

if TYPE_CHECKING:
    from ssd.engine.session import Session


def _labels(session: Session, name: str, values: FloatArray) -> list[str]:
    texts = session.data.value_labels.get(session.data.variables[name].value_label, {})
    return [texts.get(int(v), f"{v:g}") if v == int(v) else f"{v:g}" for v in values]


@command("xttab", "varname(numeric) [if] [in] [, I(varname)]", stored="r(n) r(results)")
def xttab(session: Session, line: Line) -> None:
    """One-way tabulation of panel data: overall, between and within."""
    ivar = panel_variable(session, line.text_option("i"))
    name = line.varlist[0]
    x, ids = session.data.numeric(name), session.data.numeric(ivar)
    rows = line.sample(session) & ~is_missing(x) & ~is_missing(ids)
    if not rows.any():
        raise no_observations()
    panels = Panels.of(ids[rows])
    values, level = np.unique(x[rows], return_inverse=True)
    level = level.reshape(-1)
    cells = np.bincount(level * panels.count + panels.ids, minlength=len(values) * panels.count)
    cells = cells.reshape(len(values), panels.count).astype(np.float64)
    freq = cells.sum(axis=1)
    ever = cells > 0
    between = ever.sum(axis=1).astype(np.float64)
    # Of those who ever have the value, the mean share of their observations that has it.
    inside = 100.0 * (cells / panels.sizes).sum(axis=1) / between
    n = float(rows.sum())
    width = 8
    log = session.log
    log.line()
    log.line(" " * width + "           Overall             Between            Within")
    log.line(f"{abbreviate(name, width):>{width}} |    Freq.  Percent      Freq.  Percent        Percent")
    log.line("-" * (width + 1) + "+" + "-" * 53)
    for label, f, b, w in zip(_labels(session, name, values), freq, between, inside, strict=True):
        log.line(_row(abbreviate(label, width), width, f, 100.0 * f / n, b, 100.0 * b / panels.count, w))
    log.line("-" * (width + 1) + "+" + "-" * 53)
    total = float(between @ inside) / float(between.sum())
    log.line(_row("Total", width, n, 100.0, float(between.sum()), 100.0 * float(between.sum()) / panels.count, total))
    log.line(f"(n = {panels.count})".rjust(width + 32))
    results = np.column_stack([freq, 100.0 * freq / n, between, 100.0 * between / panels.count, inside])
    session.r = ResultSet(
        scalars={"n": float(panels.count)},
        matrices={"results": Matrix(results, [f"r{j + 1}" for j in range(len(values))],
                                    ["Overall", "Percent", "Between", "Percent", "Within"])},
    )  # fmt: skip


def _row(label: str, width: int, freq: float, percent: float, between: float, share: float, inside: float) -> str:
    return f"{label:>{width}} |{freq:9.0f}{percent:10.2f}{between:10.0f}{share:10.2f}{inside:15.2f}"


@command("xttrans", "varname(numeric) [if] [in] [, I(varname) T(varname) FREQ]", stored="r(N) r(freq)")
def xttrans(session: Session, line: Line) -> None:
    """Transition probabilities between the values of a variable."""
    ivar = panel_variable(session, line.text_option("i"))
    typed = line.text_option("t")
    tvar = session.variable_named(typed) if typed else require_time(session.data).time
    name = line.varlist[0]
    x, ids, time = (session.data.numeric(each) for each in (name, ivar, tvar))
    rows = np.flatnonzero(line.sample(session) & ~is_missing(ids) & ~is_missing(time))
    order = rows[np.lexsort((time[rows], ids[rows]))]
    follows = ids[order][1:] == ids[order][:-1]
    # A missing value is a state of its own that is not shown: transitions do not reach across it.
    follows &= ~is_missing(x[order][1:]) & ~is_missing(x[order][:-1])
    if not follows.any():
        raise no_observations()
    origin, target = x[order][:-1][follows], x[order][1:][follows]
    values = np.unique(np.concatenate([origin, target]))
    if len(values) > 20:
        raise StataError(134, "too many values")
    F = np.zeros((len(values), len(values)))
    np.add.at(F, (np.searchsorted(values, origin), np.searchsorted(values, target)), 1.0)
    _print_transitions(session, name, values, F, frequencies=line.flag("freq"))
    labels = [f"r{j + 1}" for j in range(len(values))]
    session.r = ResultSet(scalars={"N": float(F.sum())}, matrices={"freq": Matrix(F, labels, labels)})


def _print_transitions(session: Session, name: str, values: FloatArray, F: FloatArray, *, frequencies: bool) -> None:
    log = session.log
    title = session.data.variables[name].label or name
    labels = _labels(session, name, values)
    used_rows, used_columns = F.sum(axis=1) > 0, F.sum(axis=0) > 0
    columns = [label for label, used in zip(labels, used_columns, strict=True) if used]
    span = 11 * len(columns)
    stub = wrap_stub(title, 10)
    stub = [""] * (2 - len(stub)) + stub
    log.line()
    for text in stub[:-2]:
        log.line(right(text, 10) + " |")
    log.line(right(stub[-2], 10) + " |" + centre(clip(title, span), span))
    log.line(right(stub[-1], 10) + " |" + "".join(right(clip(c, 9), 10) + " " for c in columns) + "|     Total")
    between = rule(11, span, 10)
    log.line(between)
    shown = F[:, used_columns]

    def row(label: str, counts: FloatArray) -> None:
        total = float(counts.sum())
        head = right(clip(label, 10), 10)
        if frequencies:
            log.line(f"{head} |" + "".join(f"{c:>10,.0f} " for c in counts) + f"|{total:>10,.0f} ")
            head = " " * 10
        log.line(f"{head} |" + "".join(f"{100.0 * c / total:>10.2f} " for c in counts) + f"|{100.0:>10.2f} ")

    for label, counts, used in zip(labels, shown, used_rows, strict=True):
        if used:
            row(label, counts)
            if frequencies:
                log.line(between)
    if not frequencies:
        log.line(between)
    row("Total", shown.sum(axis=0))
