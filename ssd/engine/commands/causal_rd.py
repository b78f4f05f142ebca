"""rdrobust and rdplot: sharp regression discontinuity designs."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, cast

import numpy as np

from ssd.engine.commands.declare import Line, command
from ssd.engine.commands.estimation import Estimation, level_of, store
from ssd.engine.errors import StataError, no_observations, unsupported
from ssd.engine.lang.numlist import parse_numlist
from ssd.engine.missing import BoolArray, FloatArray, is_missing
from ssd.engine.output.estimation import CoefficientTable
from ssd.engine.stats.discontinuity import (
    Discontinuity,
    Kernel,
    Options,
    Side,
    Variance,
    bandwidths,
    estimate,
    global_fit,
)
from ssd.engine.stats.distributions import critical, two_sided

if TYPE_CHECKING:
    from ssd.engine.session import Session

_KERNELS: dict[str, Kernel] = {"triangular": "triangular", "epanechnikov": "epanechnikov", "uniform": "uniform"}


@command(
    "rdrobust",
    "varlist(numeric min=2 max=2) [if] [in] [, C(real 0) P(integer 1) Q(integer -1) H(string) B(string) RHO(real -1) "
    "KERnel(string) BWSelect(string) VCE(string) SCALEREGUL(real 1) MASSpoints(string) Level(cilevel) ALL "
    "DERiv(integer 0) FUZzy(string) COVS(string) WEIGHTS(string) SHARPBW NOWARNings]",
    by="recall",
    stored="e(N) e(N_l) e(N_r) e(N_h_l) e(N_h_r) e(N_b_l) e(N_b_r) e(c) e(p) e(q) e(h_l) e(h_r) e(b_l) e(b_r) "
    "e(tau_cl) e(tau_bc) e(se_tau_cl) e(se_tau_rb) e(pv_cl) e(pv_rb) e(ci_l_cl) e(ci_r_cl) e(ci_l_rb) e(ci_r_rb) "
    "e(b) e(V)",
    refused="fuzzy(), covs(), weights(), deriv(), bwselect() other than mserd, vce(hc2|hc3|cluster|nncluster)",
)
def rdrobust(session: Session, line: Line) -> None:
    """Sharp RD by local polynomials with robust bias-corrected confidence intervals."""
    for name in ("fuzzy", "covs", "weights"):
        if line.options.get(name):
            raise unsupported(f"option {name}() of rdrobust is")
    if line.options["deriv"] != 0 or line.flag("sharpbw"):
        raise unsupported("kink designs are" if line.options["deriv"] != 0 else "option sharpbw is")
    select = (line.text_option("bwselect") or "mserd").lower()
    if select != "mserd":
        raise unsupported(f"bwselect({select}) is")
    options = _options(line)
    cutoff = float(cast(float, line.options["c"]))
    rows, left, right = _sides(session, line, cutoff)
    h, b = _chosen(line, left, right, options)
    fit = estimate(left, right, h, b, options)
    _report(
        session, line, fit, rows, (left, right), options, cutoff, "mserd" if not line.text_option("h") else "Manual"
    )


def _options(line: Line) -> Options:
    p = int(cast(int, line.options["p"]))
    q = int(cast(int, line.options["q"]))
    q = p + 1 if q < 0 else q
    if p < 0 or q <= p:
        raise StataError(125, "q() should be higher than p()")
    typed = (line.text_option("kernel") or "triangular").lower()
    kernel = next((full for name, full in _KERNELS.items() if len(typed) >= 3 and name.startswith(typed)), None)
    if kernel is None:
        raise StataError(7, "kernel incorrectly specified")
    vce = (line.text_option("vce") or "nn 3").lower().split()
    if vce[0] not in {"nn", "hc0", "hc1"}:
        raise unsupported(f"vce({' '.join(vce)}) of rdrobust is")
    matches = int(vce[1]) if vce[0] == "nn" and len(vce) > 1 else 3
    mass = (line.text_option("masspoints") or "adjust").lower()
    if mass not in {"adjust", "off"}:
        raise unsupported(f"masspoints({mass}) is")
    regularize = float(cast(float, line.options["scaleregul"]))
    return Options(p, q, kernel, cast(Variance, vce[0]), matches, regularize, mass == "adjust")


def _sides(session: Session, line: Line, cutoff: float) -> tuple[BoolArray, Side, Side]:
    y, x = (session.data.numeric(name) for name in line.varlist)
    rows = line.sample(session) & ~is_missing(y) & ~is_missing(x)
    if not rows.any():
        raise no_observations()
    y, x = y[rows], x[rows] - cutoff
    below = x < 0.0
    if below.all() or not below.any():
        raise StataError(125, "c() should be set within the range of the running variable")
    if min(int(below.sum()), int((~below).sum())) < 10:
        raise StataError(2001, "insufficient observations")
    return rows, Side.of(x[below], y[below]), Side.of(x[~below], y[~below])


def _chosen(line: Line, left: Side, right: Side, options: Options) -> tuple[float, float]:
    """h and b as typed or selected."""
    h, b = _bandwidth(line, "h"), _bandwidth(line, "b")
    rho = float(cast(float, line.options["rho"]))
    if h is not None:
        return h, b if b is not None else h / rho if rho > 0.0 else h
    if b is not None:
        raise StataError(198, "option b() requires option h()")
    h, b = bandwidths(left, right, options)
    return h, h / rho if rho > 0.0 else b


def _bandwidth(line: Line, name: str) -> float | None:
    typed = line.text_option(name)
    if not typed:
        return None
    values = parse_numlist(typed)
    if any(value <= 0.0 for value in values):
        raise StataError(411, f"{name}() must be positive")
    if len(set(values)) > 1:
        raise unsupported(f"different bandwidths in {name}() are")
    return float(values[0])


def _report(
    session: Session,
    line: Line,
    fit: Discontinuity,
    rows: BoolArray,
    sides: tuple[Side, Side],
    options: Options,
    cutoff: float,
    select: str,
) -> None:
    left, right = sides
    outcome, running = line.varlist
    level = level_of(session, line)
    (tau, se), (tau_bc, se_rb) = fit.conventional, fit.robust
    z = critical(level, None)
    mass = max(1.0 - len(side.distinct) / len(side.x) for side in sides) >= 0.2

    def show() -> None:
        log = session.log
        if mass:
            log.line()
            log.line("Mass points detected in the running variable.")
        log.line()
        log.line("Sharp RD estimates using local polynomial regression.")
        log.line()
        cut = f"Cutoff c = {cutoff:g}"
        rows_shown = [
            (f"{cut:>18} | Left of c  Right of c", "Number of obs", f"{len(left.x) + len(right.x):d}"),
            ("-" * 19 + "+" + "-" * 22, "BW type", select),
            (_pair("Number of obs", f"{len(left.x):d}", f"{len(right.x):d}"), "Kernel", options.kernel.capitalize()),
            (_pair("Eff. Number of obs", f"{fit.left.n:d}", f"{fit.right.n:d}"), "VCE method", options.vce.upper()),
        ]
        for text, label, value in rows_shown:
            log.line(f"{text:<42}            {label:<13} = {value:>10}")
        log.line(_pair("Order est. (p)", f"{options.p:d}", f"{options.p:d}"))
        log.line(_pair("Order bias (q)", f"{options.q:d}", f"{options.q:d}"))
        log.line(_pair("BW est. (h)", f"{fit.h:.3f}", f"{fit.h:.3f}"))
        log.line(_pair("BW bias (b)", f"{fit.b:.3f}", f"{fit.b:.3f}"))
        log.line(_pair("rho (h/b)", f"{fit.h / fit.b:.3f}", f"{fit.h / fit.b:.3f}"))
        if mass:
            log.line(_pair("Unique obs", f"{len(left.distinct):d}", f"{len(right.distinct):d}"))
        log.line()
        log.line(f"Outcome: {outcome}. Running variable: {running}.")
        log.line("-" * 80)
        log.line(f"            Method |   Coef.    Std. Err.    z     P>|z|    [{level:g}% Conf. Interval]")
        log.line("-" * 19 + "+" + "-" * 60)
        log.line(_row("Conventional", tau, se, tau, se, z))
        if line.flag("all"):
            log.line(_row("Bias-corrected", tau_bc, se, tau_bc, se, z))
            log.line(_row("Robust", tau_bc, se_rb, tau_bc, se_rb, z))
        else:
            log.line(_row("Robust", None, None, tau_bc, se_rb, z))
        log.line("-" * 80)

    names = ["Conventional", "Bias-corrected", "Robust"]
    b = np.array([tau, tau_bc, tau_bc])
    table = CoefficientTable(names, b, np.diag([se**2, se**2, se_rb**2]), outcome, None, level)
    scalars = {
        "N": float(len(left.x) + len(right.x)), "N_l": float(len(left.x)), "N_r": float(len(right.x)),
        "N_h_l": float(fit.left.n), "N_h_r": float(fit.right.n), "N_b_l": float(fit.left.n_bias),
        "N_b_r": float(fit.right.n_bias), "c": cutoff, "p": float(options.p), "q": float(options.q),
        "h_l": fit.h, "h_r": fit.h, "b_l": fit.b, "b_r": fit.b, "level": level, "tau_cl": tau, "tau_bc": tau_bc,
        "tau_cl_l": fit.left.intercept, "tau_cl_r": fit.right.intercept, "tau_bc_l": fit.left.corrected,
        "tau_bc_r": fit.right.corrected, "se_tau_cl": se, "se_tau_rb": se_rb, "pv_cl": two_sided(tau / se, None),
        "pv_rb": two_sided(tau_bc / se_rb, None), "ci_l_cl": tau - z * se, "ci_r_cl": tau + z * se,
        "ci_l_rb": tau_bc - z * se_rb, "ci_r_rb": tau_bc + z * se_rb,
    }  # fmt: skip
    macros = {
        "cmd": "rdrobust", "depvar": outcome, "runningvar": running, "outcomevar": outcome, "bwselect": select,
        "kernel": options.kernel.capitalize(), "vce_select": options.vce.upper(),
    }  # fmt: skip
    store(session, line, Estimation({}, table, show), sample=rows, scalars=scalars, macros=macros)
    show()


def _pair(label: str, left: str, right: str) -> str:
    return f"{label:>18} |{left:>10}{right:>12}"


def _row(label: str, b: float | None, se: float | None, centre: float, error: float, z: float) -> str:
    first = "     -          -     " if b is None or se is None else f"{_short(b):>8}{_short(se):>11}   "
    p = two_sided(centre / error, None)
    low, high = _short(centre - z * error, 6), _short(centre + z * error, 6)
    return f"{label:>18} |{first}{centre / error:>6.4f}   {p:.3f}{low:>11}{high:>13}"


def _short(value: float, digits: int = 5) -> str:
    """As many decimals as keep `digits` significant ones."""
    before = 1 if value == 0.0 else max(1, math.floor(math.log10(abs(value))) + 1)
    text = f"{value:.{max(digits - before, 0)}f}"
    return text.rstrip("0").rstrip(".") if digits > 5 and "." in text else text


@command(
    "rdplot",
    "varlist(numeric min=2 max=2) [if] [in] [, C(real 0) P(integer 4) NBins(numlist) BINSelect(string) HIDE "
    "GRAPH_options(string asis)]",
    by="recall",
    stored="e(N_l) e(N_r) e(J_star_l) e(J_star_r)",
    refused="data-driven bins (nbins() is required), quantile-spaced bins, ci(), shade, genvars, covs(), h()",
)
def rdplot(session: Session, line: Line) -> None:
    """Means in evenly spaced bins on both sides of the cutoff with global polynomial fits."""
    typed = line.options.get("nbins")
    if not isinstance(typed, list) or not typed:
        raise unsupported("rdplot without nbins() is")
    if line.text_option("binselect") not in {None, "es"}:
        raise unsupported("binselect() other than es is")
    cutoff = float(cast(float, line.options["c"]))
    degree = int(cast(int, line.options["p"]))
    rows, left, right = _sides(session, line, cutoff)
    counts = [int(float(cast(float, typed[0]))), int(float(cast(float, typed[-1])))]
    if min(counts) < 1:
        raise StataError(198, "nbins() must be positive")
    if not line.flag("hide"):
        _draw(session, line, (left, right), counts, cutoff, degree)
    log = session.log
    log.line()
    log.line("RD Plot with evenly spaced number of bins set manually.")
    log.line()
    log.line(f"{f'Cutoff c = {cutoff:g}':>22} | Left of c  Right of c")
    log.line("-" * 23 + "+" + "-" * 22)
    for label, a, b in (
        ("Number of obs", len(left.x), len(right.x)),
        ("Polynomial order", degree, degree),
        ("Bins selected", counts[0], counts[1]),
    ):
        log.line(f"{label:>22} |{a:10d}{b:12d}")
    table = CoefficientTable([], np.zeros(0), np.zeros((0, 0)), line.varlist[0])
    scalars = {
        "N_l": float(len(left.x)),
        "N_r": float(len(right.x)),
        "J_star_l": float(counts[0]),
        "J_star_r": float(counts[1]),
    }
    macros = {"cmd": "rdplot", "depvar": line.varlist[0], "runningvar": line.varlist[1]}
    store(session, line, Estimation({}, table, lambda: None), sample=rows, scalars=scalars, macros=macros)


def bin_means(side: Side, bins: int) -> tuple[FloatArray, FloatArray]:
    """Midpoints of evenly spaced bins that are not empty and the mean outcomes within."""
    low, high = (float(side.x[0]), 0.0) if side.x[0] < 0.0 else (0.0, float(side.x[-1]))
    width = (high - low) / bins
    which = np.clip(((side.x - low) / width).astype(np.intp), 0, bins - 1)
    n = np.bincount(which, minlength=bins)
    total = np.bincount(which, weights=side.y, minlength=bins)
    used = n > 0
    middle = low + width * (np.arange(bins) + 0.5)
    means: FloatArray = np.asarray(total[used] / n[used], dtype=np.float64)
    return np.asarray(middle[used], dtype=np.float64), means


def _draw(session: Session, line: Line, sides: tuple[Side, Side], bins: list[int], cutoff: float, degree: int) -> None:
    from ssd.engine.commands.describe_selection import heading
    from ssd.engine.commands.graph_diagnostics import show_panel
    from ssd.engine.graphics.model import Layer, Panel, Text
    from ssd.engine.graphics.options import Options as GraphOptions

    panel = Panel()
    for side, count in zip(sides, bins, strict=True):
        x, y = bin_means(side, count)
        panel.layers.append(Layer("scatter", x + cutoff, y))
        ends = (float(side.x[0]), 0.0) if side.x[0] < 0.0 else (0.0, float(side.x[-1]))
        grid = np.linspace(*ends, 200)
        panel.layers.append(Layer("line", grid + cutoff, global_fit(side, degree)(grid)))
    panel.x.title, panel.y.title = Text(heading(session, line.varlist[1])), Text(heading(session, line.varlist[0]))
    graph_options = GraphOptions(line.text_option("graph_options"))
    show_panel(session, panel, graph_options)
