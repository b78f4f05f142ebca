"""qnorm, pnorm, rvfplot, coefplot, marginsplot: graphs of distributions and of estimates."""

from __future__ import annotations

import numpy as np

from ssd.engine.commands.declare import Line, command
from ssd.engine.commands.describe_selection import heading, value_text
from ssd.engine.commands.graph import REFUSED
from ssd.engine.errors import StataError, no_observations, unsupported
from ssd.engine.graphics.model import Graph, Layer, Panel, Style, Text, Ticks
from ssd.engine.graphics.options import Options, read_axis, read_graph, read_style
from ssd.engine.graphics.twoway import finish
from ssd.engine.lang.quoting import split_comma, strip_quotes
from ssd.engine.lang.syntax import split_line
from ssd.engine.missing import MISSING, FloatArray, is_missing
from ssd.engine.session import Session
from ssd.engine.stats.normality import normal_order_ranks


def _sample(session: Session, text: str) -> tuple[str, FloatArray, Options]:
    parts = split_line(text)
    names = session.expand_varlist(parts.subject)
    if len(names) != 1:
        raise StataError(103 if names else 102, "one variable required")
    mask = np.ones(session.data.n_obs, dtype=np.bool_)
    if parts.condition is not None:
        mask &= session.evaluate_condition(parts.condition)
    x = session.data.numeric(names[0])[mask]
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


def _estimates(session: Session) -> tuple[list[str], FloatArray, FloatArray, FloatArray]:
    """Names, estimates and limits of the last estimation, without base and omitted levels."""
    from scipy.special import ndtri

    from ssd.engine.stats.tails import t

    if "b" not in session.e.matrices:
        raise StataError(301, "last estimates not found")
    names = list(session.e.matrices["b"].cols)
    b = session.e.matrices["b"].values[0]
    se = np.sqrt(np.maximum(np.diag(session.e.matrices["V"].values), 0.0))
    level = float(session.settings.get("level", "95"))
    df = session.e.scalars.get("df_r", MISSING)
    critical = float(t.ppf(0.5 + level / 200, df)) if df < MISSING else float(ndtri(0.5 + level / 200))
    used = se > 0
    kept = [name for name, keep in zip(names, used, strict=True) if keep]
    return kept, b[used], (b - critical * se)[used], (b + critical * se)[used]


def _coefficient_label(session: Session, name: str) -> str:
    bare = name.rpartition(":")[2]
    parts = []
    for piece in bare.split("#"):
        operator, _, variable = piece.rpartition(".")
        if variable not in session.data.variables:
            parts.append(piece)
            continue
        digits = "".join(c for c in operator if c.isdigit())
        parts.append(value_text(session, variable, float(digits)) if digits else heading(session, variable))
    return " × ".join(parts)


@command(
    "coefplot",
    "*",
    refused="several models, subgraphs, keep/drop patterns with equations, rename(), headings(), groups(); " + REFUSED,
)
def coefplot(session: Session, line: Line) -> None:
    """Coefficients of the last estimation with their confidence intervals."""
    import fnmatch

    main, text = split_comma(line.text)
    if main.strip() not in ("", "."):
        raise unsupported("coefplot of stored models")
    options = Options(text)
    drop, keep = options.take("drop", 4), options.take("keep", 4)
    vertical = options.flag("vertical", 4)
    options.flag("horizontal", 4)
    labels_text = options.take("coeflabels", 7)
    eform = options.flag("eform", 5)
    names, b, low, high = _estimates(session)

    def chosen(name: str) -> bool:
        bare = name.rpartition(":")[2]
        dropped = any(fnmatch.fnmatchcase(bare, p) for p in (drop or "").split())
        return not dropped and (keep is None or any(fnmatch.fnmatchcase(bare, p) for p in keep.split()))

    index = [i for i, name in enumerate(names) if chosen(name)]
    if not index:
        raise StataError(111, "coefplot: no coefficients found")
    texts = [_coefficient_label(session, names[i]) for i in index]
    if labels_text is not None:
        import re

        given = dict(re.findall(r'(\S+)\s*=\s*"([^"]*)"', labels_text))
        texts = [strip_quotes(given.get(names[i], shown)) for i, shown in zip(index, texts, strict=True)]
    b, low, high = b[index], low[index], high[index]
    if eform:
        b, low, high = np.exp(b), np.exp(low), np.exp(high)
    at = np.arange(1, len(index) + 1, dtype=np.float64)
    style = read_style(options, session)
    horizontal = not vertical
    panel = Panel(
        layers=[
            Layer("rcap", at, low, high, style=Style(**vars(style)), horizontal=horizontal, keyed=False, color_index=0),
            Layer("scatter", at, b, style=style, horizontal=horizontal, keyed=False, color_index=0),
        ]
    )
    panel.layers[1].style.marker_size = style.marker_size or 5.5
    categories_axis, value_axis = (panel.y, panel.x) if horizontal else (panel.x, panel.y)
    categories_axis.ticks = Ticks(at.tolist(), texts, grid=False)
    categories_axis.low, categories_axis.high = 0.5, len(index) + 0.5
    categories_axis.reverse = horizontal
    value_axis.ticks.grid = True
    graph = Graph(height=max(2.6, 0.42 * len(index) + 1.3) if horizontal else 4.0)
    show_panel(session, panel, options, graph)


@command("marginsplot", "*", refused="several at() variables, bydimension(), recast(), plotdimension(); " + REFUSED)
def marginsplot(session: Session, line: Line) -> None:
    """Margins of the last margins command with their confidence intervals."""
    if session.r.macros.get("cmd") != "margins" or "table" not in session.r.matrices:
        raise StataError(301, "previous command was not margins")
    _, text = split_comma(line.text)
    options = Options(text)
    without_ci = options.flag("noci", 4)
    table = session.r.matrices["table"]
    rows = {name: table.values[i] for i, name in enumerate(table.rows)}
    used = rows["se"] < MISSING if "se" in rows else np.ones(len(table.cols), dtype=np.bool_)
    names = [name for name, keep in zip(table.cols, used, strict=True) if keep]
    b, low, high = rows["b"][used], rows["ll"][used], rows["ul"][used]
    at = np.arange(1, len(names) + 1, dtype=np.float64)
    texts = [_margin_label(session, name) for name in names]
    style = read_style(options, session)
    panel = Panel()
    if not without_ci:
        panel.layers.append(Layer("rcap", at, low, high, style=Style(**vars(style)), keyed=False, color_index=0))
    panel.layers.append(Layer("connected", at, b, style=style, keyed=False, color_index=0))
    panel.x.ticks = Ticks(at.tolist(), texts, grid=False)
    panel.x.low, panel.x.high = 0.7, len(names) + 0.3
    variable = names[0].rpartition(".")[2]
    panel.x.title = Text(heading(session, variable) if variable in session.data.variables else "")
    panel.y.title = Text(session.r.macros.get("predict_label", "") or "Margin")
    graph = Graph(
        title=Text(f"{session.r.macros.get('title', 'Margins')} with {session.r.scalars.get('level', 95.0):g}% CIs")
    )
    show_panel(session, panel, options, graph)


def _margin_label(session: Session, name: str) -> str:
    return _coefficient_label(session, name.replace("bn.", "."))
