"""symplot, quantile, qqplot, dotplot, gladder, qladder: graphs of one or two distributions."""

from __future__ import annotations

import math

import numpy as np

from ssd.engine.commands.declare import Line, command
from ssd.engine.commands.describe_selection import categories, heading, present
from ssd.engine.commands.graph import REFUSED
from ssd.engine.commands.graph_diagnostics import rows_of, show_panel
from ssd.engine.errors import StataError, no_observations
from ssd.engine.graphics.model import Graph, Layer, Panel, Text, Ticks
from ssd.engine.graphics.options import Options, read_graph, read_style
from ssd.engine.graphics.twoway import finish
from ssd.engine.lang.syntax import split_line
from ssd.engine.missing import BoolArray, FloatArray, is_missing
from ssd.engine.session import Session
from ssd.engine.stats.transform_ladder import ladder


def _columns(session: Session, text: str, count: int | None) -> tuple[list[str], BoolArray, Options]:
    parts = split_line(text)
    names = session.expand_varlist(parts.subject)
    if not names:
        raise StataError(100, "varlist required")
    if count is not None and len(names) != count:
        raise StataError(
            103 if len(names) > count else 102, f"too {'many' if len(names) > count else 'few'} variables specified"
        )
    return names, rows_of(session, parts), Options(parts.options)


def _values(session: Session, name: str, mask: BoolArray) -> FloatArray:
    x = session.data.numeric(name)[mask]
    x = np.sort(x[~is_missing(x)])
    if x.size == 0:
        raise no_observations()
    return x


@command("symplot", "*", refused=REFUSED)
def symplot(session: Session, line: Line) -> None:
    """Distance above against distance below the median."""
    names, mask, options = _columns(session, line.text, 1)
    x = _values(session, names[0], mask)
    median, half = float(np.median(x)), x.size // 2
    below, above = (median - x)[:half][::-1], (x[::-1] - median)[:half][::-1]
    if half == 0:
        raise StataError(2001, "insufficient observations")
    diagonal = np.array([0.0, float(below.max())])
    panel = Panel(
        layers=[Layer("scatter", below, above, style=read_style(options, session)), Layer("line", diagonal, diagonal)]
    )
    panel.x.title, panel.y.title = Text("Distance below median"), Text("Distance above median")
    show_panel(session, panel, options, Graph(title=Text(heading(session, names[0]))))


@command("quantile", "*", refused=REFUSED + "; rlopts()")
def quantile(session: Session, line: Line) -> None:
    """Ordered values against the quantiles of a uniform distribution."""
    names, mask, options = _columns(session, line.text, 1)
    x = _values(session, names[0], mask)
    fraction = (np.arange(1, x.size + 1) - 0.5) / x.size
    ends = np.array([0.0, 1.0])
    panel = Panel(layers=[Layer("scatter", fraction, x, style=read_style(options, session))])
    panel.layers.append(Layer("line", ends, np.array([x.min(), x.max()])))
    panel.x.title, panel.y.title = Text("Fraction of the data"), Text(f"Quantiles of {heading(session, names[0])}")
    show_panel(session, panel, options)


@command("qqplot", "*", refused=REFUSED + "; rlopts()")
def qqplot(session: Session, line: Line) -> None:
    """Quantiles of one variable against those of another."""
    names, mask, options = _columns(session, line.text, 2)
    y, x = (_values(session, name, mask) for name in names)
    if x.size != y.size:
        at = (np.arange(1, min(x.size, y.size) + 1) - 0.5) / min(x.size, y.size)
        x, y = (v if v.size == at.size else np.interp(at, (np.arange(1, v.size + 1) - 0.5) / v.size, v) for v in (x, y))
    ends = np.array([float(x.min()), float(x.max())])
    panel = Panel(layers=[Layer("scatter", x, y, style=read_style(options, session)), Layer("line", ends, ends)])
    panel.x.title, panel.y.title = Text(heading(session, names[1])), Text(heading(session, names[0]))
    show_panel(session, panel, options, Graph(title=Text("Quantile–quantile plot")))


@command("dotplot", "*", refused=REFUSED + "; mean, median, bar, boxplot, center, bounded, exact_y, incr()")
def dotplot(session: Session, line: Line) -> None:
    """One dot per observation, stacked sideways in bins, by group or by variable."""
    names, mask, options = _columns(session, line.text, None)
    by = options.take("over", 2)
    bins = int(options.number(session, "ny", 2) or 35)
    if by is not None and len(names) > 1:
        raise StataError(198, "over() may not be used with several variables")
    if by is not None:
        kept = mask & present(session, names[0]) & present(session, by)
        groups = categories(session, by, kept)
        x = session.data.numeric(names[0])[kept]
        columns, labels = [np.sort(x[groups.codes == k]) for k in range(groups.size)], groups.labels
    else:
        columns, labels = [_values(session, name, mask) for name in names], [heading(session, name) for name in names]
    everything = np.concatenate(columns)
    if everything.size == 0:
        raise no_observations()
    low, high = float(everything.min()), float(everything.max())
    width = (high - low) / bins or 1.0
    binned = [np.round((x - low) / width) for x in columns]
    tallest = max(int(np.unique(b, return_counts=True)[1].max()) for b in binned)
    at, heights = [], []
    for k, b in enumerate(binned):
        _, first, counts = np.unique(b, return_index=True, return_counts=True)
        rank = np.arange(b.size) - np.repeat(first, counts)
        at.append(k + 1 + (rank - np.repeat((counts - 1) / 2, counts)) * 0.8 / max(tallest, 1))
        heights.append(low + b * width)
    style = read_style(options, session)
    panel = Panel(layers=[Layer("scatter", np.concatenate(at), np.concatenate(heights), style=style)])
    positions = [float(k + 1) for k in range(len(columns))]
    panel.x.ticks = Ticks(positions, list(labels), grid=False)
    panel.x.low, panel.x.high = 0.4, len(columns) + 0.6
    panel.x.title = Text(heading(session, by) if by is not None else "")
    panel.y.title = Text(heading(session, names[0]) if len(names) == 1 else "")
    show_panel(session, panel, options)


def _ladder_graph(session: Session, line: Line, quantiles: bool) -> None:
    from scipy.special import ndtri

    names, mask, options = _columns(session, line.text, 1)
    x = _values(session, names[0], mask)
    if not x[-1] > x[0]:
        raise StataError(498, f"{names[0]} does not vary")
    children = []
    for _, _, title, values in ladder(x):
        if values is None:
            continue
        if quantiles:
            ordered = np.sort(values)
            theory = ordered.mean() + ordered.std(ddof=1) * ndtri(np.arange(1, x.size + 1) / (x.size + 1.0))
            panel = Panel(layers=[Layer("scatter", theory, ordered), Layer("line", theory, theory)])
            panel.x.ticks.about = 3
        else:
            panel = _histogram(values)
        child = Graph(panels=[panel], title=Text(title, size=10.0))
        child.legend.shown = False
        children.append(child)
    graph = Graph(children=children, columns=3, width=8.0, height=7.0)
    word = "Quantile-normal plots" if quantiles else "Histograms"
    graph.note = Text(f"{heading(session, names[0])}\n{word} by transformation")
    read_graph(options, graph, session)
    for child in children:
        child.scheme = graph.scheme
    finish(session, graph, options)


def _histogram(values: FloatArray) -> Panel:
    n = values.size
    bins = max(int(min(math.sqrt(n), 10 * math.log10(n))), 1)
    counts, edges = np.histogram(values, bins)
    width = float(edges[1] - edges[0])
    density = counts / (n * width)
    bars = Layer("bar", (edges[:-1] + edges[1:]) / 2, density)
    bars.style.bar_width = width
    sd = float(values.std(ddof=1))
    grid = np.linspace(edges[0], edges[-1], 120)
    curve = np.exp(-0.5 * ((grid - values.mean()) / sd) ** 2) / (sd * math.sqrt(2 * math.pi))
    panel = Panel(layers=[bars, Layer("line", grid, curve)])
    panel.x.ticks.about = 3
    return panel


@command("gladder", "*", refused=REFUSED + "; fraction")
def gladder(session: Session, line: Line) -> None:
    """Histograms of nine transformations with the normal density."""
    _ladder_graph(session, line, quantiles=False)


@command("qladder", "*", refused=REFUSED)
def qladder(session: Session, line: Line) -> None:
    """Quantile-normal plots of nine transformations."""
    _ladder_graph(session, line, quantiles=True)
