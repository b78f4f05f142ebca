"""csdid_plot: the aggregated effects of the last csdid or estat as a picture."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import numpy as np

from ssd.engine.commands.declare import Line, command
from ssd.engine.commands.estimation import estimation_of
from ssd.engine.errors import StataError
from ssd.engine.missing import FloatArray
from ssd.engine.output.estimation import result_table
from ssd.engine.results import Matrix

if TYPE_CHECKING:
    from ssd.engine.graphics.model import Panel
    from ssd.engine.session import Session

_STYLES = ("rspike", "rarea", "rcap", "rbar")
_BEFORE, _AFTER = "#1A476F", "#90353B"


@command(
    "csdid_plot",
    "[anything] [, STYle(string) Group(string) AGG(string) *]",
    refused="agg() of results that were not just shown or posted",
)
def csdid_plot(session: Session, line: Line) -> None:
    """Picture of group-time effects by event time, group or calendar period, after csdid or its estat."""
    from ssd.engine.commands.graph_diagnostics import show_panel
    from ssd.engine.graphics.model import Graph, Panel, RefLine, Style, Text
    from ssd.engine.graphics.options import Options

    agg, table = _results(session, line)
    style = line.text_option("style") or "rspike"
    if style not in _STYLES:
        raise StataError(198, f"style({style}) not allowed")
    panel = Panel()
    panel.y.title = Text("ATT")
    panel.y.lines.append(RefLine(0.0, Style(color=("#000000", 1.0))))
    graph = Graph()
    if agg in {"event", "attgt"}:
        _event(panel, *(_by_event(table) if agg == "event" else _by_time(table, line)), style)
        panel.x.title = Text("Periods to Treatment")
        graph.legend.shown = True
    else:
        _categories(panel, table, style)
        panel.x.title = Text("Groups" if agg == "group" else "Periods")
    extra = line.options.get("*")
    show_panel(session, panel, Options(extra if isinstance(extra, str) else ""), graph)


def _results(session: Session, line: Line) -> tuple[str, Matrix]:
    """Kind of aggregation and r(table) of the last estat, or of the estimates in memory."""
    wanted = line.text_option("agg") or ""
    shown = session.r.macros.get("agg", "")
    stored = session.e.macros.get("agg", "")
    if shown and wanted in {"", shown}:
        return shown, session.r.matrices["table"]
    if stored and wanted in {"", stored}:
        return stored, result_table(estimation_of(session).table)
    raise StataError(301, f"results of estat {wanted} not found" if wanted else "last estimates not found")


def _columns(table: Matrix, names: list[str]) -> tuple[FloatArray, FloatArray, FloatArray]:
    where = [table.cols.index(name) for name in names]
    rows = [table.rows.index(key) for key in ("b", "ll", "ul")]
    b, low, high = (np.asarray(table.values[row, where], dtype=np.float64) for row in rows)
    return b, low, high


def _by_event(table: Matrix) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray]:
    names = [name for name in table.cols if re.fullmatch(r"T[mp]\d+", name)]
    at = np.array([(-1.0 if name[1] == "m" else 1.0) * float(name[2:]) for name in names])
    return at, *_columns(table, names)


def _by_time(table: Matrix, line: Line) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray]:
    group = (line.text_option("group") or "").strip()
    if not group:
        raise StataError(1, "Please specify group")
    names = [name for name in table.cols if name.startswith(f"g{group}:t_")]
    if not names:
        raise StataError(198, "group not found")
    at = np.array([float(name.rpartition("_")[2]) - float(group) for name in names])
    return at, *_columns(table, names)


def _interval(
    panel: Panel, style: str, at: FloatArray, low: FloatArray, high: FloatArray, color: str, label: str
) -> None:
    from ssd.engine.graphics.model import Layer, Style

    known = np.isfinite(low) & np.isfinite(high) & (low < 1e300) & (high < 1e300)
    look = Style(color=(color, 0.4), width=3.0 if style == "rspike" else None, bar_width=0.5)
    kind = {"rbar": "rspike"}.get(style, style)
    if style == "rbar":
        look.width = 10.0
    panel.layers.append(Layer(kind, at[known], low[known], high[known], label=label, keyed=bool(label), style=look))


def _event(panel: Panel, at: FloatArray, b: FloatArray, low: FloatArray, high: FloatArray, style: str) -> None:
    from ssd.engine.graphics.model import Layer, Style

    for which, color, label in ((at < 0.0, _BEFORE, "Pre-treatment"), (at >= 0.0, _AFTER, "Post-treatment")):
        if not which.any():
            continue
        order = np.argsort(at[which], kind="stable")
        x, y = at[which][order], b[which][order]
        _interval(panel, style, x, low[which][order], high[which][order], color, label)
        kind = "scatter" if style == "rspike" else "connected"
        panel.layers.append(Layer(kind, x, y, keyed=False, style=Style(color=(color, 1.0))))


def _categories(panel: Panel, table: Matrix, style: str) -> None:
    from ssd.engine.graphics.model import Layer, Style

    names = list(table.cols)
    b, low, high = _columns(table, names)
    at = np.arange(1.0, len(names) + 1.0)
    _interval(panel, style, at, low, high, _BEFORE, "")
    panel.layers.append(Layer("scatter", at, b, keyed=False, style=Style(color=(_BEFORE, 1.0))))
    panel.x.ticks.positions, panel.x.ticks.texts = at.tolist(), names
    panel.x.low, panel.x.high = 0.0, len(names) + 1.0
