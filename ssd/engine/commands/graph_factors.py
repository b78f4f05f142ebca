"""screeplot, loadingplot, scoreplot: graphs after pca and factor."""

from __future__ import annotations

import numpy as np

from ssd.engine.commands.declare import Line, command
from ssd.engine.commands.describe_selection import value_text
from ssd.engine.commands.factor_model import Solution, last_solution, standardized
from ssd.engine.commands.graph import REFUSED
from ssd.engine.commands.graph_diagnostics import show_panel
from ssd.engine.errors import StataError, unsupported
from ssd.engine.graphics.model import Graph, Layer, Panel, RefLine, Text, Ticks
from ssd.engine.graphics.options import Options, read_style
from ssd.engine.lang.quoting import split_comma
from ssd.engine.missing import MISSING, FloatArray
from ssd.engine.session import Session
from ssd.engine.stats import factors


@command("screeplot", "*", refused=REFUSED + "; ci(), neigen() beyond the number there is")
def screeplot(session: Session, line: Line) -> None:
    """Eigenvalues of the last pca or factor against their number."""
    main, text = split_comma(line.text)
    if main.strip():
        raise StataError(101, "varlist not allowed")
    solution = last_solution(session)
    options = Options(text)
    options.refuse("ci", 2)
    wanted = options.number(session, "neigen", 6)
    mean = options.flag("mean", 4) or options.flag("meanlopts", 5)
    values = solution.eigenvalues[: int(wanted)] if wanted else solution.eigenvalues
    at = np.arange(1, values.size + 1, dtype=np.float64)
    panel = Panel(layers=[Layer("connected", at, values, style=read_style(options, session), keyed=False)])
    panel.x.title = Text("Number")
    panel.y.title = Text("Eigenvalues")
    step = max(1, values.size // 12)
    panel.x.ticks = Ticks([float(v) for v in at[::step]], [f"{v:.0f}" for v in at[::step]], grid=False)
    if mean:
        panel.y.lines.append(RefLine(float(solution.eigenvalues.mean())))
    graph = Graph(title=Text(f"Scree plot of eigenvalues after {session.e.macros['cmd']}"))
    show_panel(session, panel, options, graph)


def _axes(options: Options, session: Session, solution: Solution) -> tuple[FloatArray, bool]:
    """Loadings to show and whether the unrotated ones were asked for."""
    unrotated = options.flag("norotated", 5)
    if solution.loadings.shape[1] < 2:
        raise StataError(498, "at least two components or factors are needed")
    most = options.number(session, "factors", 2) or options.number(session, "components", 3) or 2
    if most != 2:
        raise unsupported("more than two components or factors in one graph are")
    rotated = None if unrotated else solution.rotated
    return solution.loadings if rotated is None else rotated, unrotated


def _titles(panel: Panel, solution: Solution) -> None:
    words = "Component" if solution.prefix == "Comp" else "Factor"
    panel.x.title, panel.y.title = Text(f"{words} 1"), Text(f"{words} 2")


@command("loadingplot", "*", refused=REFUSED + "; factors() or components() other than 2, maxlength(), combined")
def loadingplot(session: Session, line: Line) -> None:
    """Loadings of the variables on the first two components or factors."""
    main, text = split_comma(line.text)
    if main.strip():
        raise StataError(101, "varlist not allowed")
    solution = last_solution(session)
    options = Options(text)
    L, _ = _axes(options, session, solution)
    style = read_style(options, session)
    points = Layer("scatter", L[:, 0], L[:, 1], style=style, marker_labels=list(solution.moments.names), keyed=False)
    panel = Panel(layers=[points])
    _titles(panel, solution)
    word = "Component" if solution.prefix == "Comp" else "Factor"
    graph = Graph(title=Text(f"{word} loadings"))
    if solution.rotated is not None:
        graph.note = Text(f"Rotation: {solution.rotation}")
    panel.x.lines.append(RefLine(0.0))
    panel.y.lines.append(RefLine(0.0))
    show_panel(session, panel, options, graph)


@command("scoreplot", "*", refused=REFUSED + "; factors() or components() other than 2, scoreopt(), combined")
def scoreplot(session: Session, line: Line) -> None:
    """Scores of the observations on the first two components or factors."""
    main, text = split_comma(line.text)
    if main.strip():
        raise StataError(101, "varlist not allowed")
    solution = last_solution(session)
    options = Options(text)
    L, unrotated = _axes(options, session, solution)
    rows = session.e.sample if session.e.sample is not None else np.ones(session.data.n_obs, dtype=np.bool_)
    covariance = solution.moments.covariance
    X = standardized(session, solution, rows, centre=not covariance, scale=not covariance)
    weights = L
    if solution.prefix == "Factor":
        phi = np.eye(L.shape[1]) if unrotated or solution.phi is None else solution.phi
        weights = factors.regression_scores(solution.moments.R, L, phi)
    known = (X < MISSING).all(axis=1)
    scores = X[known] @ weights[:, :2]
    name = options.take("mlabel", 4)
    labels = None
    if name is not None:
        variable = session.variable_named(name)
        inside = np.flatnonzero(rows)[known]
        if session.data.variables[variable].is_string:
            labels = [str(text) for text in session.data.strings(variable)[inside]]
        else:
            labels = [value_text(session, variable, float(v)) for v in session.data.numeric(variable)[inside]]
    style = read_style(options, session)
    layer = Layer("scatter", scores[:, 0], scores[:, 1], style=style, marker_labels=labels, keyed=False)
    panel = Panel(layers=[layer])
    panel.x.title, panel.y.title = (
        Text(f"Scores for {'component' if solution.prefix == 'Comp' else 'factor'} {k}") for k in (1, 2)
    )
    graph = Graph(title=Text(f"Score variables ({'pca' if solution.prefix == 'Comp' else 'factor'})"))
    show_panel(session, panel, options, graph)
