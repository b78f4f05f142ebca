"""stcoxkm: Kaplan–Meier curves beside those a Cox model predicts."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ssd.engine.commands.declare import Line, command
from ssd.engine.commands.graph import REFUSED
from ssd.engine.commands.survival_graph import line_of
from ssd.engine.commands.survival_sample import group_records, open_analysis
from ssd.engine.errors import StataError
from ssd.engine.graphics.model import Graph, Layer, Panel, Style, Text
from ssd.engine.graphics.options import read_axis, read_graph
from ssd.engine.graphics.twoway import finish
from ssd.engine.missing import FloatArray
from ssd.engine.stats.survival_cox import RiskSets, fit, survivor_contributions
from ssd.engine.stats.survival_curves import curve, select

if TYPE_CHECKING:
    from ssd.engine.session import Session


@command("stcoxkm", "*", refused="separate, obsopts(), predopts(), addplot(), ties(exactm|exactp); " + REFUSED)
def stcoxkm(session: Session, line: Line) -> None:
    """Plot observed (Kaplan–Meier) and predicted (Cox) survival curves of the groups of a variable."""
    typed, options = line_of(session, line.text)
    for name, least in (("separate", 3), ("obsopts", 4), ("predopts", 5), ("addplot", 7)):
        options.refuse(name, least)
    by = options.take("by", 2)
    if not by:
        raise StataError(198, "option by() required")
    ties = (options.take("ties", 4) or "breslow").strip()
    if ties not in {"breslow", "efron"}:
        raise StataError(198, f"ties({ties}) is not supported by this engine")
    typed.options["noshow"] = options.flag("noshow", 4)
    names = session.expand_varlist(by)
    if len(names) != 1:
        raise StataError(103, "by():  too many variables specified")
    _, records = open_analysis(session, typed, names)
    groups = group_records(session, records, names)
    X: FloatArray = (groups.ids[:, None] == np.arange(1, groups.count)[None, :]).astype(np.float64)
    stratum = np.zeros(records.n, dtype=np.intp)
    sets = RiskSets(records.t0, records.t, records.d, records.w, stratum, efron=ties == "efron")
    if not sets.times.size:
        raise StataError(2000, "no failures")
    found = fit(sets, X)
    base = np.cumprod(survivor_contributions(sets, found.state))
    layers = []
    for g in range(groups.count):
        part = select(records, groups.ids == g)
        observed = curve(part)
        failing = observed.d > 0
        title = groups.titles[g].replace("=", " = ")
        layers.append(Layer("connected", np.insert(observed.time[failing], 0, 0.0),
                            np.insert(observed.survivor[failing], 0, 1.0), label=f"Observed: {title}",
                            color_index=2 * g))  # fmt: skip
        ratio = float(np.exp(found.coefficients[g - 1])) if g else 1.0
        inside = sets.times <= part.t.max()
        fitted = np.insert(base[inside] ** ratio, 0, 1.0)
        layers.append(Layer("connected", np.insert(sets.times[inside], 0, 0.0), fitted,
                            label=f"Predicted: {title}", style=Style(marker=("D", False)),
                            color_index=2 * g + 1))  # fmt: skip
    panel = Panel(layers=layers)
    panel.x.title, panel.y.title = Text("Analysis time"), Text("Survival probability")
    panel.x.low, panel.y.low, panel.y.high = 0.0, 0.0, 1.0
    graph = Graph(panels=[panel])
    read_graph(options, graph, session)
    read_axis(options, "x", panel.x, session)
    read_axis(options, "y", panel.y, session)
    if graph.legend.shown is None:
        graph.legend.shown = True
    finish(session, graph, options)
