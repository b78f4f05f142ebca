"""qnorm, pnorm, rvfplot: graphs of distributions and of residuals."""

from __future__ import annotations

import numpy as np

from ssd.engine.commands.declare import Line, command
from ssd.engine.commands.describe_selection import heading
from ssd.engine.commands.graph import REFUSED
from ssd.engine.errors import StataError, no_observations
from ssd.engine.graphics.model import Graph, Layer, Panel, Text
from ssd.engine.graphics.options import Options, read_axis, read_graph, read_style
from ssd.engine.graphics.twoway import finish
from ssd.engine.lang.quoting import split_comma
from ssd.engine.lang.syntax import Parts, parse_range, split_line
from ssd.engine.missing import BoolArray, FloatArray, is_missing
from ssd.engine.session import Session
from ssd.engine.stats.normality import normal_order_ranks


def rows_of(session: Session, parts: Parts) -> BoolArray:
    """Observations that `if` and `in` of a split line choose."""
    rows = np.ones(session.data.n_obs, dtype=np.bool_)
    if parts.condition is not None:
        rows &= session.evaluate_condition(parts.condition)
    if parts.range is not None:
        first, last = parse_range(parts.range, session.data.n_obs)
        inside = np.zeros(session.data.n_obs, dtype=np.bool_)
        inside[first:last] = True
        rows &= inside
    return rows


def _sample(session: Session, text: str) -> tuple[str, FloatArray, Options]:
    parts = split_line(text)
    names = session.expand_varlist(parts.subject)
    if len(names) != 1:
        raise StataError(103 if names else 102, "one variable required")
    x = session.data.numeric(names[0])[rows_of(session, parts)]
    x = np.sort(x[~is_missing(x)])
    if x.size == 0:
        raise no_observations()
    return names[0], x, Options(parts.options)


def show_panel(session: Session, panel: Panel, options: Options, graph: Graph | None = None) -> None:
    """Show one panel with the graph and axis options typed."""
    chosen = graph or Graph()
    chosen.panels = [panel]
    read_graph(options, chosen, session)
    read_axis(options, "x", panel.x, session)
    read_axis(options, "y", panel.y, session)
    if chosen.legend.shown is None:
        chosen.legend.shown = False
    finish(session, chosen, options)


@command("qnorm", "*", refused=REFUSED + "; grid")
def qnorm(session: Session, line: Line) -> None:
    """Quantiles of a variable against quantiles of the normal distribution."""
    from scipy.special import ndtri

    name, x, options = _sample(session, line.text)
    position = np.arange(1, x.size + 1) / (x.size + 1.0)
    theory = x.mean() + x.std(ddof=1) * ndtri(position)
    style = read_style(options, session)
    panel = Panel(layers=[Layer("scatter", theory, x, style=style), Layer("line", theory, theory)])
    panel.x.title, panel.y.title = Text("Inverse normal"), Text(heading(session, name))
    show_panel(session, panel, options)


@command("pnorm", "*", refused=REFUSED + "; grid")
def pnorm(session: Session, line: Line) -> None:
    """Standardized normal probability plot."""
    from scipy.special import ndtr

    name, x, options = _sample(session, line.text)
    fitted = ndtr((x - x.mean()) / x.std(ddof=1))
    style = read_style(options, session)
    empirical = normal_order_ranks(x)
    diagonal = np.array([0.0, 1.0])
    panel = Panel(layers=[Layer("scatter", empirical, fitted, style=style), Layer("line", diagonal, diagonal)])
    panel.x.title, panel.y.title = Text("Empirical P[i] = i/(N+1)"), Text(f"Normal F[({name}-m)/s]")
    show_panel(session, panel, options)


@command("rvfplot", "*", refused=REFUSED)
def rvfplot(session: Session, line: Line) -> None:
    """Residuals against fitted values of the last regression."""
    if session.e.macros.get("cmd") not in ("regress", "anova"):
        raise StataError(301, "last estimates not found")
    names = ("__ssd_fit", "__ssd_res")
    try:
        session.run(f"predict double {names[0]}, xb", quiet=True)
        session.run(f"predict double {names[1]}, residuals", quiet=True)
        sample = session.e.sample if session.e.sample is not None else np.ones(session.data.n_obs, dtype=np.bool_)
        fitted, residual = (session.data.numeric(name)[sample] for name in names)
    finally:
        session.data.drop([name for name in names if name in session.data.variables])
    _, text = split_comma(line.text)
    options = Options(text)
    panel = Panel(layers=[Layer("scatter", fitted, residual, style=read_style(options, session))])
    panel.x.title, panel.y.title = Text("Fitted values"), Text("Residuals")
    show_panel(session, panel, options)
