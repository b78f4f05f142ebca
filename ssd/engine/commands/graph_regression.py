"""avplot, avplots, cprplot, acprplot, lvr2plot, rvpplot, dfbeta: diagnostics of a linear regression."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from ssd.engine.commands.declare import Line, command
from ssd.engine.commands.describe_selection import heading, value_text
from ssd.engine.commands.estimation import SessionSource, estimation_of, marked_sample
from ssd.engine.commands.graph import REFUSED
from ssd.engine.commands.graph_diagnostics import show_panel
from ssd.engine.errors import StataError, no_observations, unsupported
from ssd.engine.graphics.model import Graph, Layer, Panel, RefLine, Text
from ssd.engine.graphics.options import Options, read_graph, read_style
from ssd.engine.graphics.smooth import lowess
from ssd.engine.graphics.twoway import finish
from ssd.engine.lang.quoting import split_comma, split_words
from ssd.engine.missing import MISSING, BoolArray, FloatArray
from ssd.engine.output.estimation import number
from ssd.engine.session import Session
from ssd.engine.stats.linear import least_squares


@dataclass(frozen=True)
class Fitted:
    """The last regress on its sample: design columns by name, outcome, residuals and leverages."""

    names: list[str]
    X: FloatArray
    y: FloatArray
    w: FloatArray | None
    constant: bool
    rows: BoolArray
    residuals: FloatArray
    leverage: FloatArray


def fitted_regression(session: Session) -> Fitted:
    """Raises r(301) when the last estimation is not regress or anova."""
    if session.e.macros.get("cmd") not in ("regress", "anova"):
        raise StataError(301, "last estimates not found")
    estimation = estimation_of(session)
    rows = marked_sample(session)
    if not rows.any():
        raise no_observations()
    design = next(iter(estimation.designs.values()))
    X = design.matrix(SessionSource(session), rows)
    y = session.evaluate_numbers(session.e.macros["depvar"])[rows]
    w = estimation.normalised
    fit = least_squares(X, y, w, constant=design.constant)
    names = [column.name for column in design.columns if column.active]
    full = np.column_stack([X, np.ones(len(y))]) if design.constant else X
    root = np.ones(len(y)) if w is None else np.sqrt(w)
    q = np.linalg.qr(full * root[:, None])[0]
    return Fitted(names, X, y, w, design.constant, rows, fit.residuals, np.asarray((q**2).sum(axis=1)))


def _label(session: Session, name: str) -> str:
    return heading(session, name) if name in session.data.variables else name


def _column(session: Session, fitted: Fitted, typed: str) -> int:
    """Position of a regressor of the last model. Raises r(111) otherwise."""
    words = typed.split()
    if len(words) != 1:
        raise StataError(198 if words else 100, "one regressor required" if words else "varname required")
    name = words[0]
    if name not in fitted.names:
        if name in session.data.variables or "." in name:
            raise StataError(398, f"{name} is not in the model")
        name = session.variable_named(name)
        if name not in fitted.names:
            raise StataError(398, f"{name} is not in the model")
    return fitted.names.index(name)


def _markers(session: Session, options: Options, rows: BoolArray) -> list[str] | None:
    """Texts of mlabel() for the observations of the model."""
    name = options.take("mlabel", 4)
    if name is None:
        return None
    variable = session.variable_named(name)
    if session.data.variables[variable].is_string:
        return [str(text) for text in session.data.strings(variable)[rows]]
    return [value_text(session, variable, float(value)) for value in session.data.numeric(variable)[rows]]


def _scatter(session: Session, options: Options, rows: BoolArray, x: FloatArray, y: FloatArray) -> Layer:
    labels = _markers(session, options, rows)
    return Layer("scatter", x, y, style=read_style(options, session), marker_labels=labels, keyed=False)


# --- added-variable plots ----------------------------------------------------------------------


def _added_variable(session: Session, fitted: Fitted, j: int, options: Options) -> tuple[Panel, str]:
    """The panel and the note with coefficient, standard error and t."""
    others = np.delete(fitted.X, j, axis=1)
    y = least_squares(others, fitted.y, fitted.w, constant=fitted.constant).residuals
    x = least_squares(others, fitted.X[:, j], fitted.w, constant=fitted.constant).residuals
    matrices, name = session.e.matrices, fitted.names[j]
    position = matrices["b"].cols.index(name)
    b, variance = float(matrices["b"].values[0, position]), float(matrices["V"].values[position, position])
    se = math.sqrt(variance)
    panel = Panel(layers=[_scatter(session, options, fitted.rows, x, y)])
    ends = np.array([x.min(), x.max()])
    panel.layers.append(Layer("line", ends, b * ends, keyed=False))
    panel.x.title, panel.y.title = Text(f"e( {name} | X )"), Text(f"e( {session.e.macros['depvar']} | X )")
    word = "(robust) se" if session.e.macros.get("vcetype") == "Robust" else "se"
    t = f"{b / se:.2f}" if se > 0 else "."
    return panel, f"coef = {number(b)}, {word} = {number(se)}, t = {t}"


@command("avplot", "*", refused=REFUSED + "; rlopts(), a variable that is not in the model, generate()")
def avplot(session: Session, line: Line) -> None:
    """Added-variable (partial regression) plot of one regressor."""
    main, text = split_comma(line.text)
    fitted = fitted_regression(session)
    options = Options(text)
    options.refuse("rlopts", 4)
    panel, note = _added_variable(session, fitted, _column(session, fitted, main), options)
    show_panel(session, panel, options, Graph(note=Text(note)))


@command("avplots", "*", refused=REFUSED + "; rlopts()")
def avplots(session: Session, line: Line) -> None:
    """Added-variable plots of all regressors in one graph."""
    main, text = split_comma(line.text)
    if main.strip():
        raise StataError(101, "varlist not allowed")
    fitted = fitted_regression(session)
    children = []
    for j in range(len(fitted.names)):
        options = Options(text)
        panel, note = _added_variable(session, fitted, j, options)
        child = Graph(panels=[panel], note=Text(note, size=7.0))
        child.legend.shown = False
        children.append(child)
    if not children:
        raise StataError(398, "the model has no regressors")
    columns = math.ceil(math.sqrt(len(children)))
    graph = Graph(children=children, columns=columns)
    graph.width = max(5.5, 3.2 * columns)
    graph.height = max(4.0, 2.6 * -(-len(children) // columns))
    options = Options(text)
    read_style(options, session)
    options.take("mlabel", 4)
    read_graph(options, graph, session)
    for child in children:
        child.scheme = graph.scheme
    finish(session, graph, options)


# --- component plus residual -------------------------------------------------------------------


@command("cprplot", "*", refused=REFUSED + "; rlopts(), lsopts(), mspline, msopts(), addplot()")
def cprplot(session: Session, line: Line) -> None:
    """Component-plus-residual plot of one regressor."""
    _component_plot(session, line, augmented=False)


@command("acprplot", "*", refused=REFUSED + "; rlopts(), lsopts(), mspline, msopts(), addplot()")
def acprplot(session: Session, line: Line) -> None:
    """Augmented component-plus-residual plot of one regressor."""
    _component_plot(session, line, augmented=True)


def _component_plot(session: Session, line: Line, *, augmented: bool) -> None:
    main, text = split_comma(line.text)
    fitted = fitted_regression(session)
    options = Options(text)
    for name in ("rlopts", "lsopts", "msopts", "mspline", "addplot"):
        options.refuse(name, 4)
    smooth = options.flag("lowess", 3)
    j = _column(session, fitted, main)
    x, name = fitted.X[:, j], fitted.names[j]
    if augmented:
        larger = np.column_stack([fitted.X, x**2])
        fit = least_squares(larger, fitted.y, fitted.w, constant=fitted.constant)
        component = fit.residuals + x * fit.coefficients[j] + x**2 * fit.coefficients[fitted.X.shape[1]]
    else:
        b = session.e.matrices["b"]
        component = fitted.residuals + x * float(b.values[0, b.cols.index(name)])
    line_fit = least_squares(x[:, None], component, fitted.w)
    ends = np.array([x.min(), x.max()])
    slope, level = (
        float(line_fit.coefficients[0]),
        float(np.average(component - line_fit.coefficients[0] * x, weights=fitted.w)),
    )
    panel = Panel(layers=[_scatter(session, options, fitted.rows, x, component)])
    panel.layers.append(Layer("line", ends, level + slope * ends, keyed=False))
    if smooth:
        order = np.argsort(x, kind="stable")
        panel.layers.append(Layer("line", *lowess(x[order], component[order], 0.8, False), keyed=False))
    word = "Augmented component" if augmented else "Component"
    panel.x.title, panel.y.title = Text(_label(session, name)), Text(f"{word} plus residual")
    show_panel(session, panel, options)


# --- leverage and residuals --------------------------------------------------------------------


@command("lvr2plot", "*", refused=REFUSED)
def lvr2plot(session: Session, line: Line) -> None:
    """Leverage against normalized squared residuals."""
    main, text = split_comma(line.text)
    if main.strip():
        raise StataError(101, "varlist not allowed")
    fitted = fitted_regression(session)
    options = Options(text)
    squared = fitted.residuals**2
    if not squared.sum() > 0:
        raise StataError(498, "residuals are all zero")
    x = squared / squared.sum()
    panel = Panel(layers=[_scatter(session, options, fitted.rows, x, fitted.leverage)])
    panel.x.title, panel.y.title = Text("Normalized residual squared"), Text("Leverage")
    panel.x.lines.append(RefLine(float(x.mean())))
    panel.y.lines.append(RefLine(float(fitted.leverage.mean())))
    show_panel(session, panel, options)


@command("rvpplot", "*", refused=REFUSED)
def rvpplot(session: Session, line: Line) -> None:
    """Residuals against one regressor."""
    main, text = split_comma(line.text)
    fitted = fitted_regression(session)
    options = Options(text)
    words = split_words(main)
    if len(words) != 1:
        raise StataError(198 if words else 100, "one variable required")
    if words[0] in fitted.names:
        x, name = fitted.X[:, fitted.names.index(words[0])], words[0]
    else:
        name = session.variable_named(words[0])
        x = session.data.numeric(name)[fitted.rows]
    panel = Panel(layers=[_scatter(session, options, fitted.rows, x, fitted.residuals)])
    panel.x.title, panel.y.title = Text(_label(session, name)), Text("Residuals")
    show_panel(session, panel, options)


@command(
    "dfbeta", "[anything] [, STUB(name)]", minimum=4, stored="variables _dfbeta_1, _dfbeta_2, …",
    refused="after models with weights",
)  # fmt: skip
def dfbeta(session: Session, line: Line) -> None:
    """DFBETA influence of each observation on each coefficient of the last regression."""
    fitted = fitted_regression(session)
    if fitted.w is not None:
        raise unsupported("dfbeta after weighted regression is")
    stub = line.text_option("stub") or "_dfbeta_"
    typed = line.anything.split()
    chosen = [_column(session, fitted, name) for name in typed] if typed else list(range(len(fitted.names)))
    n, k = fitted.X.shape
    free = n - k - int(fitted.constant)
    if free <= 1:
        raise StataError(2001, "insufficient observations")
    h = fitted.leverage
    s2 = float(fitted.residuals @ fitted.residuals) / free
    deleted = (free * s2 - fitted.residuals**2 / (1.0 - h)) / (free - 1)
    student = fitted.residuals / np.sqrt(deleted * (1.0 - h))
    session.log.line()
    session.log.line(f"Generating DFBETA variable{'s' if len(chosen) > 1 else ''} ...")
    session.log.line()
    taken = 0
    for j in chosen:
        others = np.delete(fitted.X, j, axis=1)
        u = least_squares(others, fitted.X[:, j], constant=fitted.constant).residuals
        values = student * u / math.sqrt(float(u @ u)) / np.sqrt(1.0 - h)
        taken = next(
            k for k in range(taken + 1, session.data.n_obs + 10_000) if f"{stub}{k}" not in session.data.variables
        )
        name = f"{stub}{taken}"
        column = np.full(session.data.n_obs, MISSING)
        column[fitted.rows] = np.where(np.isfinite(values), values, MISSING)
        absent = int((column >= MISSING).sum())
        if absent:
            session.log.line(f"({absent:,} missing value{'s' if absent != 1 else ''} generated)")
        session.data.add(name, column, "float", label=f"Dfbeta {fitted.names[j]}")
        session.log.line(f"    {name}: DFBETA {fitted.names[j]}")
