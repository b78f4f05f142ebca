"""rdplot: means in bins on both sides of a cutoff with polynomial fits."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

import numpy as np

from ssd.engine.commands.declare import Line, command
from ssd.engine.commands.estimation import Estimation, store
from ssd.engine.errors import StataError, no_observations, unsupported
from ssd.engine.lang.numlist import parse_numlist
from ssd.engine.missing import MISSING, BoolArray, FloatArray, is_missing
from ssd.engine.output.discontinuity import pair, side_header
from ssd.engine.output.estimation import CoefficientTable
from ssd.engine.results import Matrix
from ssd.engine.stats.discontinuity import Kernel, Side, weights
from ssd.engine.stats.discontinuity_bins import BinCounts, BinMeans, bin_counts, bin_means, edges, polynomial

if TYPE_CHECKING:
    from ssd.engine.session import Session

_SELECTED = {
    "es": "evenly spaced number of bins using spacings estimators.",
    "espr": "evenly spaced number of bins using polynomial regression.",
    "esmv": "evenly spaced mimicking variance number of bins using spacings estimators.",
    "esmvpr": "evenly spaced mimicking variance number of bins using polynomial regression.",
    "qs": "quantile spaced number of bins using spacings estimators.",
    "qspr": "quantile spaced number of bins using polynomial regression.",
    "qsmv": "quantile spaced mimicking variance quantile spaced using spacings estimators.",
    "qsmvpr": "quantile spaced mimicking variance number of bins using polynomial regression.",
}
_KERNELS: dict[str, Kernel] = {
    "": "uniform", "uni": "uniform", "uniform": "uniform", "tri": "triangular", "triangular": "triangular",
    "epa": "epanechnikov", "epanechnikov": "epanechnikov",
}  # fmt: skip
_GENERATED = ("id", "N", "min_bin", "max_bin", "mean_bin", "mean_x", "mean_y", "se_y", "ci_l", "ci_r", "hat_y")


@dataclass
class _Plot:
    """Both sides with their bins and fits."""

    rows: BoolArray
    cutoff: float
    sides: tuple[Side, Side]
    ends: tuple[float, float]
    widths: tuple[float, float]
    scales: tuple[float, float]
    degree: int
    kernel: Kernel
    select: str
    chosen: list[BinCounts]
    bins: list[int]
    means: list[BinMeans]
    fits: list[FloatArray]
    manual: bool


@command(
    "rdplot",
    "varlist(numeric min=2 max=2) [if] [in] [, C(real 0) P(integer 4) NBins(string) BINSelect(string) SCALE(string) "
    "KERnel(string) H(string) SUPPORT(string) MASSpoints(string) CI(real 0) SHADE GENVARS HIDE "
    "GRAPH_options(string asis) WEIGHTS(varname) COVS(string)]",
    by="recall",
    stored="e(N_l) e(N_r) e(c) e(J_star_l) e(J_star_r) e(coef_l) e(coef_r) e(binselect) e(eq_l) e(eq_r)",
    refused="covs(), weights()",
)
@np.errstate(over="ignore", invalid="ignore", divide="ignore")
def rdplot(session: Session, line: Line) -> None:
    """Means in data-driven bins on both sides of the cutoff with global polynomial fits."""
    for name in ("covs", "weights"):
        if line.options.get(name):
            raise unsupported(f"option {name}() of rdplot is")
    if line.flag("genvars"):
        for name in _GENERATED:
            if f"rdplot_{name}" in session.data.variables:
                raise StataError(110, f"variable rdplot_{name} already defined")
    plot = _prepare(session, line)
    _report(session, line, plot)
    level = float(cast(float, line.options["ci"]))
    if not 0.0 <= level < 100.0:
        raise StataError(198, "ci() must be between 0 and 100")
    if not line.flag("hide"):
        _draw(session, line, plot, level)
    if line.flag("genvars"):
        _generate(session, plot, level or 95.0)


def _prepare(session: Session, line: Line) -> _Plot:
    cutoff = float(cast(float, line.options["c"]))
    degree = int(cast(int, line.options["p"]))
    if not 0 <= degree <= 20:
        raise StataError(411, "p() should be a positive integer")
    kernel = _KERNELS.get((line.text_option("kernel") or "").lower())
    if kernel is None:
        raise StataError(7, "kernel() incorrectly specified")
    rows, sides = _sides(session, line, cutoff)
    select = _selector(session, line, sides)
    support = _two(line, "support", positive=False)
    ends = [float(sides[0].x[0]), float(sides[1].x[-1])]
    if support is not None:
        ends = [min(ends[0], support[0] - cutoff), max(ends[1], support[1] - cutoff)]
    widths = _two(line, "h") or (-ends[0], ends[1])
    scales = _two(line, "scale") or (1.0, 1.0)
    typed = _two(line, "nbins")
    quantiles, regression = select.startswith("qs"), select.endswith("pr")
    n = sum(len(side.x) for side in sides)
    if n < 20:
        raise StataError(2001, "Not enough observations to perform bin calculations")
    chosen = [
        bin_counts(side, abs(end), n, quantiles=quantiles, regression=regression)
        for side, end in zip(sides, ends, strict=True)
    ]
    numbers = typed or tuple(count.mimicking if "mv" in select else count.optimal for count in chosen)
    for side, where in zip(sides, ("below", "above"), strict=True):
        if np.ptp(side.y) == 0.0:
            session.log.line(f"Warning: not enough variability in the outcome variable {where} the threshold")
    # A constant outcome is one bin whatever was typed.
    bins = [
        1 if np.ptp(side.y) == 0.0 else max(int(np.floor(scale * number + 0.5)), 1)
        for side, scale, number in zip(sides, scales, numbers, strict=True)
    ]
    if max(bins) > 1_000_000:
        raise StataError(198, "nbins() too large")
    means = [
        bin_means(side, edges(side, end, count, quantiles=quantiles))
        for side, end, count in zip(sides, ends, bins, strict=True)
    ]
    fits = [polynomial(side, degree, h, kernel) for side, h in zip(sides, widths, strict=True)]
    return _Plot(
        rows, cutoff, sides, (ends[0], ends[1]), widths, scales, degree, kernel, select, chosen, bins,
        means, fits, typed is not None,
    )  # fmt: skip


def _sides(session: Session, line: Line, cutoff: float) -> tuple[BoolArray, tuple[Side, Side]]:
    y, x = (session.data.numeric(name) for name in line.varlist)
    rows = line.sample(session) & ~is_missing(y) & ~is_missing(x)
    if not rows.any():
        raise no_observations()
    y, x = y[rows], x[rows] - cutoff
    below = x < 0.0
    if not x.min() < 0.0 < x.max():
        raise StataError(125, f"c() should be set within the range of {line.varlist[1]}")
    return rows, (Side.of(x[below], y[below]), Side.of(x[~below], y[~below]))


def _selector(session: Session, line: Line, sides: tuple[Side, Side]) -> str:
    select = (line.text_option("binselect") or "esmv").lower()
    if select not in _SELECTED:
        raise StataError(7, "binselect() incorrectly specified")
    mass = (line.text_option("masspoints") or "adjust").lower()
    if mass not in {"adjust", "check", "off"}:
        raise StataError(7, "masspoints() incorrectly specified")
    if mass != "off" and max(1.0 - len(side.distinct) / len(side.x) for side in sides) >= 0.2:
        session.log.line("Mass points detected in the running variable.")
        if mass == "check":
            session.log.line("Try using option masspoints(adjust).")
        elif not select.endswith("pr"):
            return select + "pr"
    return select


def _two(line: Line, name: str, *, positive: bool = True) -> tuple[float, float] | None:
    """One or two numbers of an option, for the left and the right side."""
    typed = line.text_option(name)
    if not typed:
        return None
    values = parse_numlist(typed)
    if len(values) > 2 or (name == "support" and len(values) != 2):
        raise StataError(125, f"{name}() {'takes' if name == 'support' else 'only accepts'} two inputs")
    if not values or (positive and any(value <= 0.0 for value in values)):
        raise StataError(411, f"{name}() must be positive")
    return float(values[0]), float(values[-1])


def _report(session: Session, line: Line, plot: _Plot) -> None:
    log = session.log
    left, right = plot.sides
    kind = "RD plot with manually set number of bins." if plot.manual else _SELECTED[plot.select]
    log.line()
    log.line(f"RD Plot with {kind}")
    log.line()
    inside = [
        int(np.count_nonzero(weights(side.x, h, plot.kernel) > 0.0))
        for side, h in zip(plot.sides, plot.widths, strict=True)
    ]
    side_header(
        log, f"Cutoff c = {plot.cutoff:g}",
        [("Number of obs", f"{len(left.x):d}", f"{len(right.x):d}"),
         ("Eff. Number of obs", f"{inside[0]:d}", f"{inside[1]:d}"),
         ("Order poly. fit (p)", f"{plot.degree:d}", f"{plot.degree:d}"),
         ("BW poly. fit (h)", f"{plot.widths[0]:.3f}", f"{plot.widths[1]:.3f}"),
         ("Number of bins scale", f"{plot.scales[0]:.3f}", f"{plot.scales[1]:.3f}")],
        [("Number of obs", f"{len(left.x) + len(right.x):d}"), ("Kernel", plot.kernel.capitalize())],
        stub=21, column=54, widths=(14, 10),
    )  # fmt: skip
    log.line()
    log.line(f"Outcome: {line.varlist[0]}. Running variable: {line.varlist[1]}.")
    rule, joint = "-" * 45, "-" * 22 + "+" + "-" * 22
    lengths = [mean.high - mean.low for mean in plot.means]
    relative = [count / best.optimal for count, best in zip(plot.bins, plot.chosen, strict=True)]
    rows: list[tuple[str, ...]] = [
        ("Bins selected", *(f"{count:d}" for count in plot.bins)),
        ("Average bin length", *(f"{float(length.mean()):.3f}" for length in lengths)),
        ("Median bin length", *(f"{float(np.median(length)):.3f}" for length in lengths)),
        (),
        ("IMSE-optimal bins", *(f"{count.optimal:.0f}" for count in plot.chosen)),
        ("Mimicking Var. bins", *(f"{count.mimicking:.0f}" for count in plot.chosen)),
        (),
        ("Rel. to IMSE-optimal:", "", ""),
        ("Implied scale", *(f"{scale:.3f}" for scale in relative)),
        ("WIMSE var. weight", *(f"{1.0 / (1.0 + scale**3):.3f}" for scale in relative)),
        ("WIMSE bias weight", *(f"{scale**3 / (1.0 + scale**3):.3f}" for scale in relative)),
    ]
    log.line(rule)
    log.line(" " * 22 + "| Left of c  Right of c")
    log.line(joint)
    for row in rows:
        log.line(pair(row[0], row[1], row[2], stub=21).rstrip() if row else joint)
    log.line(rule)
    log.line()
    table = CoefficientTable([], np.zeros(0), np.zeros((0, 0)), line.varlist[0])
    scalars = {
        "N_l": float(len(left.x)), "N_r": float(len(right.x)), "c": plot.cutoff,
        "J_star_l": float(plot.bins[0]), "J_star_r": float(plot.bins[1]),
    }  # fmt: skip
    names = [f"r{j + 1}" for j in range(plot.degree + 1)]
    matrices = {
        f"coef_{side}": Matrix(fit.reshape(-1, 1).copy(), names, ["c1"])
        for side, fit in zip("lr", plot.fits, strict=True)
    }
    equations = {
        f"eq_{side}": "y = " + " + ".join(f"coef_{side}[{j + 1}, 1]*(x-{plot.cutoff:g})^{j}" for j in range(len(names)))
        for side in "lr"
    }
    macros = {
        "cmd": "rdplot", "depvar": line.varlist[0], "runningvar": line.varlist[1], "binselect": plot.select,
        **equations,
    }  # fmt: skip
    estimation = Estimation({}, table, lambda: None)
    store(session, line, estimation, sample=plot.rows, scalars=scalars, macros=macros, matrices=matrices)


def _draw(session: Session, line: Line, plot: _Plot, level: float) -> None:
    from ssd.engine.commands.graph_diagnostics import show_panel
    from ssd.engine.graphics.model import Graph, Layer, Panel, RefLine, Style, Text
    from ssd.engine.graphics.options import Options as GraphOptions

    panel = Panel()
    grey = ("#A0A0A0", 1.0)
    if level:
        for mean in plot.means:
            half = mean.half_width(level)
            known = np.isfinite(half)
            x, low, high = ((values[known]) for values in (
                mean.middle + plot.cutoff, mean.mean_y - half, mean.mean_y + half))  # fmt: skip
            kind = "rarea" if line.flag("shade") else "rcap"
            panel.layers.append(Layer(kind, x, low, high, keyed=False, style=Style(color=("#D0D0D0", 1.0))))
    points = [np.concatenate(parts) for parts in zip(
        *((mean.middle + plot.cutoff, mean.mean_y) for mean in plot.means), strict=True)]  # fmt: skip
    label = "Sample average within bin"
    panel.layers.append(Layer("scatter", points[0], points[1], label=label, style=Style(color=grey)))
    for k, (fit, width) in enumerate(zip(plot.fits, plot.widths, strict=True)):
        grid = np.linspace(0.0, -width if k == 0 else width, 200)
        values = np.asarray(np.polynomial.polynomial.polyval(grid, fit), dtype=np.float64)
        x = np.asarray(grid + plot.cutoff, dtype=np.float64)
        fitted = f"Polynomial fit of order {plot.degree}"
        black = Style(color=("#000000", 1.0))
        panel.layers.append(Layer("line", x, values, label=fitted, keyed=k == 0, style=black))
    panel.x.lines.append(RefLine(plot.cutoff, Style(color=("#000000", 1.0))))
    graph = Graph()
    graph.legend.shown = True
    typed = line.text_option("graph_options")
    if not typed:
        graph.title = Text("Regression function fit")
    show_panel(session, panel, GraphOptions(typed), graph)


def _generate(session: Session, plot: _Plot, level: float) -> None:
    """The bins' numbers, limits and means as variables."""
    position = np.flatnonzero(plot.rows)
    x = session.data.numeric(session.e.macros["runningvar"])[position] - plot.cutoff
    values = {name: np.full(session.data.n_obs, MISSING) for name in _GENERATED}
    for k, (mean, fit) in enumerate(zip(plot.means, plot.fits, strict=True)):
        # Sides are sorted stably by the running variable: undo it.
        members = position[x < 0.0] if k == 0 else position[x >= 0.0]
        where = np.empty(len(members), dtype=np.intp)
        where[np.argsort(x[x < 0.0] if k == 0 else x[x >= 0.0], kind="stable")] = mean.where
        order = mean.number - plot.bins[0] if k == 0 else mean.number + 1
        half = mean.half_width(level)
        columns = (
            order, mean.n, mean.low + plot.cutoff, mean.high + plot.cutoff, mean.middle + plot.cutoff,
            mean.mean_x + plot.cutoff, mean.mean_y, mean.se_y, mean.mean_y - half, mean.mean_y + half,
        )  # fmt: skip
        for name, column in zip(_GENERATED, columns, strict=False):
            shown = np.asarray(column, dtype=np.float64)[where]
            values[name][members] = np.where(np.isfinite(shown), shown, MISSING)
        values["hat_y"][members] = np.polynomial.polynomial.polyval(
            session.data.numeric(session.e.macros["runningvar"])[members] - plot.cutoff, fit
        )
    for name, column in values.items():
        session.data.add(f"rdplot_{name}", np.asarray(column, dtype=np.float64), "double")
