"""binscatter (SSC): means of y within quantile bins of x, after partialling out controls."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ssd.engine.commands.data_quantiles import quantiles
from ssd.engine.commands.declare import Line, command
from ssd.engine.commands.describe_selection import heading, value_text
from ssd.engine.commands.estimation import SessionSource, parse_varlist, require_numeric
from ssd.engine.commands.graph import REFUSED
from ssd.engine.commands.graph_diagnostics import show_panel
from ssd.engine.data.order import group_numbers
from ssd.engine.errors import StataError, no_observations, unsupported
from ssd.engine.graphics.model import Graph, Layer, Panel, Style, Text
from ssd.engine.graphics.options import Options, read_style
from ssd.engine.lang.syntax import Parts, parse_range, split_line
from ssd.engine.missing import MISSING, BoolArray, FloatArray
from ssd.engine.results import ResultSet
from ssd.engine.stats.design import build

if TYPE_CHECKING:
    from ssd.engine.session import Session


@dataclass(frozen=True)
class _Request:
    outcomes: list[str]
    across: str
    rows: BoolArray
    bins: int
    discrete: bool
    fit: str
    """lfit, qfit, connect or none."""
    by: str
    controls: list[str]
    absorb: str
    medians: bool


@command(
    "binscatter",
    "*",
    stored="r(N)",
    refused="rd(), xq(), genxq(), savedata(), reportreg, several y with by(), unique(); " + REFUSED,
)
def binscatter(session: Session, line: Line) -> None:
    """Binned scatterplot: means of y in quantile bins of x, with a fitted line."""
    parts = split_line(line.text)
    options = Options(parts.options)
    request = _request(session, parts, options)
    panel = Panel()
    groups = _groups(session, request)
    style = read_style(options, session)
    series = [(y, label, rows) for y in request.outcomes for label, rows in groups]
    for index, (y, label, rows) in enumerate(series):
        name = label or (heading(session, y) if len(request.outcomes) > 1 else "")
        panel.layers += _layers(session, request, y, rows, name, index, len(series) > 1, style)
    panel.x.title = Text(heading(session, request.across))
    panel.y.title = Text(heading(session, request.outcomes[0]) if len(request.outcomes) == 1 else "")
    graph = Graph()
    graph.legend.shown = len(series) > 1
    show_panel(session, panel, options, graph)
    session.r = ResultSet(scalars={"N": float(request.rows.sum())})


def _request(session: Session, parts: Parts, options: Options) -> _Request:
    for name, least in (("rd", 2), ("xq", 2), ("genxq", 5), ("savedata", 8), ("unique", 6)):
        if options.take(name, least) is not None:
            raise unsupported(f"binscatter, {name}() is")
    names = session.expand_varlist(parts.subject)
    if len(names) < 2:
        raise StataError(102, "too few variables specified")
    data = session.data
    rows = np.ones(data.n_obs, dtype=np.bool_)
    if parts.range:
        low, high = parse_range(parts.range, data.n_obs)
        rows[:] = False
        rows[low:high] = True
    if parts.condition is not None:
        rows &= session.evaluate_condition(parts.condition)
    if parts.weight:
        raise unsupported("binscatter with weights is")
    bins = options.number(session, "nquantiles", 1)
    by, absorb = options.take("by", 2) or "", options.take("absorb", 1) or ""
    controls = (options.take("controls", 8) or "").split()
    fit = (options.take("linetype", 5) or "lfit").strip()
    if fit == "noline":
        fit = "none"
    if fit not in {"lfit", "qfit", "connect", "none"}:
        raise StataError(198, f"linetype() can only be none, connect, lfit, or qfit: {fit}")
    if by and len(names) > 2:
        raise unsupported("binscatter of several y variables with by() is")
    for name in names:
        rows &= data.numeric(name) < MISSING
    extra = [session.variable_named(name) for name in (by, absorb) if name]
    for name in extra:
        column = data.variables[name]
        rows &= (column.values != "") if column.is_string else data.numeric(name) < MISSING
    terms = parse_varlist(session, controls) if controls else []
    require_numeric(session, terms)
    source = SessionSource(session)
    for term in terms:
        for part in term:
            rows &= source.get(part.variable, part.operator) < MISSING
    if not rows.any():
        raise no_observations()
    return _Request(
        names[:-1], names[-1], rows, int(bins) if bins else 20, options.flag("discrete", 4), fit,
        session.variable_named(by) if by else "", controls, session.variable_named(absorb) if absorb else "",
        options.flag("medians", 3),
    )  # fmt: skip


def _groups(session: Session, request: _Request) -> list[tuple[str, BoolArray]]:
    if not request.by:
        return [("", request.rows)]
    column = session.data.variables[request.by]
    found = []
    values = column.values if column.is_string else session.data.numeric(request.by)
    for level in np.unique(values[request.rows].astype(str) if column.is_string else values[request.rows]).tolist():
        label = str(level) if column.is_string else f"{request.by}={value_text(session, request.by, level)}"
        found.append((label, request.rows & (values == level)))
    return found


def _partialled(session: Session, request: _Request, name: str) -> FloatArray:
    """The variable over all rows of the request less what the controls explain, its mean added back."""
    values = session.data.numeric(name).copy()
    rows = request.rows
    y = values[rows]
    if not request.controls and not request.absorb:
        return values
    X = np.ones((int(rows.sum()), 1))
    if request.controls:
        terms = parse_varlist(session, request.controls)
        source = SessionSource(session)
        X = np.column_stack([X, build(terms, source, rows).matrix(source, rows)])
    mean = y.mean()
    if request.absorb:
        ids, count = group_numbers([session.data.keys([request.absorb])[0][rows]])
        size = np.bincount(ids, minlength=count)

        def demeaned(v: FloatArray) -> FloatArray:
            return np.asarray(v - (np.bincount(ids, v, count) / size)[ids], dtype=np.float64)

        y = demeaned(y)
        X = np.column_stack([demeaned(X[:, j]) for j in range(X.shape[1])])
    b, *_ = np.linalg.lstsq(X, y, rcond=None)
    values[rows] = y - X @ b + mean
    return values


def _layers(
    session: Session, request: _Request, name: str, rows: BoolArray, label: str, index: int, keyed: bool, style: Style
) -> list[Layer]:
    x, y = _partialled(session, request, request.across)[rows], _partialled(session, request, name)[rows]
    bx, by = binned(x, y, request.bins, discrete=request.discrete, medians=request.medians)
    shown = [Layer("connected" if request.fit == "connect" else "scatter", bx, by, label=label, keyed=keyed,
                   color_index=index, style=style)]  # fmt: skip
    if request.fit in {"lfit", "qfit"}:
        degree = 1 if request.fit == "lfit" else 2
        if np.unique(x).size <= degree:
            raise StataError(2001, "insufficient observations")
        grid = np.linspace(bx.min(), bx.max(), 2 if degree == 1 else 60)
        centre = x.mean()
        fitted = np.polyval(np.polyfit(x - centre, y, degree), grid - centre)
        # The fitted line takes the second colour, as in the package, unless there are several series.
        shown.append(Layer("line", grid, fitted, keyed=False, color_index=index if keyed else index + 1))
    return shown


def binned(
    x: FloatArray, y: FloatArray, bins: int, *, discrete: bool = False, medians: bool = False
) -> tuple[FloatArray, FloatArray]:
    """Means of x and means (or medians) of y in quantile bins of x; every value is a bin when `discrete`."""
    if discrete:
        points = np.unique(x)
        ids = np.searchsorted(points, x)
    else:
        points = quantiles(x, None, [100.0 * k / bins for k in range(1, bins)], alternative=False)
        ids = np.searchsorted(points, x, side="left")
    used, ids = np.unique(ids, return_inverse=True)
    n = np.bincount(ids, minlength=len(used))
    middle = np.bincount(ids, x, len(used)) / n
    if medians:
        return middle, np.array([float(np.median(y[ids == k])) for k in range(len(used))])
    return middle, np.bincount(ids, y, len(used)) / n


@command("binscatter2", "*", stored="r(N)", refused="what binscatter refuses, and the options binscatter has not")
def binscatter2(session: Session, line: Line) -> None:
    """binscatter."""
    binscatter(session, line)
