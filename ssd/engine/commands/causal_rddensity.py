"""rddensity and rdbwdensity: manipulation tests by the density of the running variable at the cutoff."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

import numpy as np

from ssd.engine.commands.declare import Line, command
from ssd.engine.commands.estimation import Estimation, level_of, store
from ssd.engine.errors import StataError, no_observations
from ssd.engine.lang.numlist import parse_numlist
from ssd.engine.missing import BoolArray, FloatArray, is_missing
from ssd.engine.output.discontinuity import pair, placed, side_header
from ssd.engine.output.estimation import CoefficientTable
from ssd.engine.stats.discontinuity import Kernel
from ssd.engine.stats.discontinuity_density import (
    DensityOptions,
    Jump,
    Running,
    densities,
    density_at,
    density_widths,
)
from ssd.engine.stats.distributions import critical, two_sided

if TYPE_CHECKING:
    from ssd.engine.graphics.model import Layer
    from ssd.engine.session import Session

_KERNELS: dict[str, Kernel] = {
    "": "triangular", "triangular": "triangular", "uniform": "uniform", "epanechnikov": "epanechnikov",
}  # fmt: skip
_PICTURE = "plot_range() plot_n() plot_grid() plot_bwselect() plot_ciuniform, options of the plots' parts, genvars()"


@dataclass
class _Setting:
    options: DensityOptions
    data: Running
    rows: BoolArray
    name: str
    cutoff: float


@command(
    "rddensity",
    "varlist(numeric min=1 max=1) [if] [in] [, C(real 0) P(integer 2) Q(integer 0) FITselect(string) KERnel(string) "
    "VCE(string) noMASSpoints H(string) BWselect(string) noREGularize NLOCalmin(integer -1) NUNIquemin(integer -1) "
    "noBINOmial BINO_N(integer 0) BINO_NSTEP(integer 0) BINO_W(string) BINO_WSTEP(string) BINO_NW(integer 10) "
    "BINO_P(real 0.5) PLot noHISTogram GRAPH_OPT(string asis) LEVel(cilevel) ALL PLOT_RANGE(string)]",
    by="recall",
    stored="e(c) e(p) e(q) e(N_l) e(N_r) e(N_h_l) e(N_h_r) e(h_l) e(h_r) e(f_ql) e(f_qr) e(se_ql) e(se_qr) e(se_q) "
    "e(T_q) e(pv_q) e(f_pl) e(f_pr) e(se_pl) e(se_pr) e(se_p) e(T_p) e(pv_p)",
    refused=_PICTURE,
)
@np.errstate(over="ignore", invalid="ignore", divide="ignore")
def rddensity(session: Session, line: Line) -> None:
    """Manipulation test: continuity of the density of the running variable at the cutoff."""
    level = level_of(session, line)
    setting = _setting(session, line)
    options, data = setting.options, setting.data
    typed = _pair_of(line, "h")
    select = _select(line, options)
    if typed is None:
        session.log.line("Computing data-driven bandwidth selectors.")
        hl, hr = density_widths(data, options).chosen(select, restricted=options.restricted)
    else:
        (hl, hr), select = typed, "manual"
    if options.restricted and hl != hr:
        raise StataError(198, "h() must be the same on both sides with fitselect(restricted)")
    inside = (data.x >= -hl) & (data.x <= hr)
    robust = densities(data, hl, hr, options.q, options, inside)
    plain = densities(data, hl, hr, options.p, options, inside) if line.flag("all") else None
    counts = (int(np.count_nonzero(inside & (data.x < 0.0))), int(np.count_nonzero(inside & (data.x >= 0.0))))
    _report(session, line, setting, select, (hl, hr), counts, robust, plain)
    if not line.flag("nobinomial"):
        _binomial(session, line, data, hl, hr)
    if line.flag("plot"):
        _draw(session, line, setting, (hl, hr), level)


@command(
    "rdbwdensity",
    "varlist(numeric min=1 max=1) [if] [in] [, C(real 0) P(integer 2) FITselect(string) KERnel(string) VCE(string) "
    "noMASSpoints noREGularize NLOCalmin(integer -1) NUNIquemin(integer -1)]",
    by="recall",
    stored="e(c) e(p) e(N_l) e(N_r) e(h_l) e(h_r) e(h_diff) e(h_sum)",
)
@np.errstate(over="ignore", invalid="ignore", divide="ignore")
def rdbwdensity(session: Session, line: Line) -> None:
    """Bandwidths for rddensity."""
    setting = _setting(session, line)
    o, data = setting.options, setting.data
    found = density_widths(data, o)
    log = session.log
    log.line()
    log.line("Bandwidth selection for manipulation testing.")
    log.line()
    nl, nr = data.n_left, len(data.x) - data.n_left
    side_header(
        log, f"Cutoff c = {setting.cutoff:g}",
        [("Number of obs", f"{nl:d}", f"{nr:d}"), ("Order est. (p)", f"{o.p:d}", f"{o.p:d}")],
        [("Number of obs", f"{len(data.x):d}"), ("Model", "restricted" if o.restricted else "unrestricted"),
         ("Kernel", o.kernel), ("VCE method", "plugin" if o.plugin else "jackknife")],
        column=53, widths=(13, 12),
    )  # fmt: skip
    log.line()
    log.line(f"Running variable: {setting.name}.")
    log.line("-" * 42)
    log.line(f"{'Target':>18} |     Bandwidth")
    log.line("-" * 19 + "+" + "-" * 22)
    for label, value in (
        ("left density", found.left), ("right density", found.right),
        ("difference densities", found.difference), ("sum densities", found.total),
    ):  # fmt: skip
        log.line(f"{label[:18]:>18} |{value:14.3f}")
    log.line("-" * 42)
    scalars = {
        "c": setting.cutoff, "p": float(o.p), "N_l": float(nl), "N_r": float(nr), "h_l": found.left,
        "h_r": found.right, "h_diff": found.difference, "h_sum": found.total,
    }  # fmt: skip
    table = CoefficientTable([], np.zeros(0), np.zeros((0, 0)))
    macros = {"cmd": "rdbwdensity", "runningvar": setting.name, "kernel": o.kernel}
    store(session, line, Estimation({}, table, lambda: None), sample=setting.rows, scalars=scalars, macros=macros)


def _setting(session: Session, line: Line) -> _Setting:
    p = int(cast(int, line.options["p"]))
    q = int(cast(int, line.options["q"])) if "q" in line.options else 0
    q = p + 1 if q == 0 else q
    if not 1 <= p <= 7:
        raise StataError(125, "p() must be an integer between 1 and 7")
    if q < p or q > 10:
        raise StataError(125, "p() cannot be larger than q()")
    fit = (line.text_option("fitselect") or "unrestricted").lower()
    kernel = _KERNELS.get((line.text_option("kernel") or "").lower())
    vce = (line.text_option("vce") or "jackknife").lower()
    if fit not in {"unrestricted", "restricted"}:
        raise StataError(198, "fitselect(): incorrectly specified: options(unrestricted, restricted)")
    if kernel is None:
        raise StataError(198, "kernel(): incorrectly specified: options(triangular, uniform, epanechnikov)")
    if vce not in {"jackknife", "plugin"}:
        raise StataError(198, "vce(): incorrectly specified: options(jackknife, plugin)")
    name = line.varlist[0]
    x = session.data.numeric(name)
    rows = line.sample(session) & ~is_missing(x)
    if not rows.any():
        raise no_observations()
    cutoff = float(cast(float, line.options["c"]))
    centred = x[rows] - cutoff
    if not centred.min() < 0.0 <= centred.max():
        raise StataError(125, f"c() should be set within the range of {name}")
    mass = not line.flag("nomasspoints")
    least = [int(cast(int, line.options[key])) for key in ("nlocalmin", "nuniquemin")]
    n_local, n_unique = (20 + p + 1 if value < 0 else value for value in least)
    options = DensityOptions(
        p, q, fit == "restricted", kernel, vce == "plugin", mass, not line.flag("noregularize"), n_local, n_unique
    )
    return _Setting(options, Running.of(centred, mass_points=mass), rows, name, cutoff)


def _select(line: Line, options: DensityOptions) -> str:
    select = (line.text_option("bwselect") or "comb").lower()
    if select not in {"comb", "each", "diff", "sum"}:
        raise StataError(198, "bwselect(): incorrectly specified: options(comb, sum, diff, each)")
    if select == "each" and options.restricted:
        raise StataError(198, "bwselect(each) is not available with fitselect(restricted)")
    return select


def _pair_of(line: Line, name: str) -> tuple[float, float] | None:
    typed = line.text_option(name)
    if not typed:
        return None
    values = parse_numlist(typed)
    if len(values) > 2:
        raise StataError(125, f"{name}() takes at most two inputs.")
    if not values or any(value <= 0.0 for value in values):
        raise StataError(198, f"{name}(): incorrectly specified (should be a positive number)")
    return float(values[0]), float(values[-1])


def _report(
    session: Session,
    line: Line,
    setting: _Setting,
    select: str,
    h: tuple[float, float],
    counts: tuple[int, int],
    robust: Jump,
    plain: Jump | None,
) -> None:
    log, o, data = session.log, setting.options, setting.data
    nl, nr = data.n_left, len(data.x) - data.n_left
    if min(counts) < 20:
        log.line("Bandwidth h may be too small.")
    if data.ties:
        log.line()
        log.line("Point estimates and standard errors have been adjusted for repeated observations.")
        log.line("(Use option nomasspoints to suppress this adjustment.)")
    log.line()
    log.line("RD Manipulation test using local polynomial density estimation.")
    log.line()
    side_header(
        log, f"c = {setting.cutoff:9.3f}",
        [("Number of obs", f"{nl:d}", f"{nr:d}"), ("Eff. Number of obs", f"{counts[0]:d}", f"{counts[1]:d}"),
         ("Order est. (p)", f"{o.p:d}", f"{o.p:d}"), ("Order bias (q)", f"{o.q:d}", f"{o.q:d}"),
         ("BW est. (h)", f"{h[0]:.3f}", f"{h[1]:.3f}")],
        [("Number of obs", f"{nl + nr:d}"), ("Model", "restricted" if o.restricted else "unrestricted"),
         ("BW method", select), ("Kernel", o.kernel), ("VCE method", "plugin" if o.plugin else "jackknife")],
        column=53, widths=(13, 12),
    )  # fmt: skip
    log.line()
    log.line(f"Running variable: {setting.name}.")
    log.line("-" * 42)
    log.line(placed((1, f"{'Method':>18} |"), (23, "    T"), (38, "P>|T|")))
    log.line("-" * 19 + "+" + "-" * 22)
    t, p = _test(robust)
    if plain is not None and o.q > o.p:
        log.line(pair("Conventional", f"{_test(plain)[0]:.4f}", f"{_test(plain)[1]:.4f}"))
    log.line(pair("Robust" if o.q > o.p else "Conventional", f"{t:.4f}", f"{p:.4f}"))
    log.line("-" * 42)
    log.line()
    scalars = {
        "c": setting.cutoff, "p": float(o.p), "q": float(o.q), "N_l": float(nl), "N_r": float(nr),
        "N_h_l": float(counts[0]), "N_h_r": float(counts[1]), "h_l": h[0], "h_r": h[1], **_stored(robust, "q"),
        **(_stored(plain, "p") if plain is not None else {}),
    }  # fmt: skip
    macros = {
        "cmd": "rddensity", "runningvar": setting.name, "kernel": o.kernel, "bwmethod": select,
        "vce": "plugin" if o.plugin else "jackknife",
    }  # fmt: skip
    table = CoefficientTable([], np.zeros(0), np.zeros((0, 0)))
    store(session, line, Estimation({}, table, lambda: None), sample=setting.rows, scalars=scalars, macros=macros)


def _test(jump: Jump) -> tuple[float, float]:
    variance = jump.variances[2]
    t = jump.difference / math.sqrt(variance) if variance > 0.0 else math.nan
    return t, two_sided(t, None)


def _stored(jump: Jump, order: str) -> dict[str, float]:
    t, p = _test(jump)
    left, right, difference, _ = (math.sqrt(v) if v >= 0.0 else math.nan for v in jump.variances)
    return {
        f"f_{order}l": jump.left, f"f_{order}r": jump.right, f"se_{order}l": left, f"se_{order}r": right,
        f"se_{order}": difference, f"T_{order}": t, f"pv_{order}": p,
    }  # fmt: skip


# --- binomial tests ------------------------------------------------------------------------------


def _binomial(session: Session, line: Line, data: Running, hl: float, hr: float) -> None:
    """Tests that a share of the observations in windows around the cutoff lie below it."""
    probability = float(cast(float, line.options["bino_p"]))
    if not 0.0 < probability < 1.0:
        raise StataError(198, "bino_p(): incorrectly specified (should be between 0 and 1)")
    windows = _windows(line, data, hl, hr)
    same = bool(np.all(windows[:, 0] == windows[:, 1]))
    log = session.log
    shown = f"{probability:g}".removeprefix("0")
    log.line(f"P-values of binomial tests. (H0: prob = {shown})")
    log.line("-" * 53)
    label = "Window Length / 2" if same else "Window Length"
    log.line(placed((1, f"{label:>18} |{'<c':>9}"), (33, f"{'>=c':>9}"), (43, "|"), (49, "P>|T|")))
    log.line("-" * 19 + "+" + "-" * 22 + "+" + "-" * 10)
    for left, right in windows:
        below = int(np.count_nonzero((data.x < 0.0) & (data.x >= -left)))
        above = int(np.count_nonzero((data.x >= 0.0) & (data.x <= right)))
        p = _binomial_p(below, below + above, probability)
        width = placed((10, f"{left:9.3f}")) if same else placed((1, f"{left:8.3f}"), (10, f"+{right:8.3f}"))
        log.line(placed((1, width), (20, f"|{below:9d}"), (33, f"{above:9d}"), (43, "|"), (45, f"{p:9.4f}")))
    log.line("-" * 53)


def _binomial_p(k: int, n: int, probability: float) -> float:
    if n == 0:
        return 1.0
    from scipy.stats import binomtest

    return float(binomtest(k, n, probability).pvalue)


def _windows(line: Line, data: Running, hl: float, hr: float) -> FloatArray:
    """Half-widths left and right of each window: (k, 2)."""
    n0, step, number = (int(cast(int, line.options[name])) for name in ("bino_n", "bino_nstep", "bino_nw"))
    for name, value, least in (("bino_n", n0, 0), ("bino_nstep", step, 0), ("bino_nw", number, 1)):
        if value < least:
            raise StataError(198, f"{name}(): incorrectly specified (should be a positive integer)")
    typed, typed_step = _pair_of(line, "bino_w"), _pair_of(line, "bino_wstep")
    distance = np.sort(np.abs(data.x))
    n = len(distance)
    n0 = n0 or 20
    nearest = float(distance[min(n0, n) - 1])
    first = np.array(typed or (nearest, nearest))
    later = np.arange(1, number)
    if typed_step is not None:
        rest = first + later[:, None] * np.array(typed_step)
    elif step > 0:
        if typed is not None:
            n0 = int(np.count_nonzero((data.x < 0.0) & (data.x >= -first[0])))
            n0 += int(np.count_nonzero((data.x >= 0.0) & (data.x <= first[1])))
        reached = distance[np.minimum(n0 + later * step, n) - 1]
        rest = np.column_stack([reached, reached])
    elif first[0] >= hl or first[1] >= hr:
        return first[None, :]
    else:
        h = np.array([hl, hr])
        steps = np.where(first * number > h, (h - first) / max(number - 1, 1), first)
        rest = first + later[:, None] * steps
    return np.vstack([first[None, :], rest])


# --- the picture ---------------------------------------------------------------------------------


def _draw(session: Session, line: Line, setting: _Setting, h: tuple[float, float], level: float) -> None:
    from ssd.engine.commands.graph_diagnostics import show_panel
    from ssd.engine.graphics.model import Graph, Layer, Panel, RefLine, Style, Text
    from ssd.engine.graphics.options import Options as GraphOptions

    x, o, c = setting.data.x, setting.options, setting.cutoff
    typed = line.text_option("plot_range")
    low, high = max(-3.0 * h[0], float(x[0])), min(3.0 * h[1], float(x[-1]))
    if typed:
        values = parse_numlist(typed)
        if len(values) != 2:
            raise StataError(125, "plot_range() takes two inputs.")
        low, high = values[0] - c, values[1] - c
    panel = Panel()
    z = critical(level, None)
    for side, (start, stop), width, color in (
        (x[x < 0.0], (low, 0.0), h[0], "#D62728"), (x[x >= 0.0], (0.0, high), h[1], "#1F77B4"),
    ):  # fmt: skip
        if len(side) < 2:
            continue
        share = len(side) / len(x)
        if not line.flag("nohistogram"):
            panel.layers.append(_histogram(side, start, stop, len(x), c, color))
        grid = np.linspace(start, stop, 10)
        at_p = np.array([density_at(side, share, g, width, o.p, o.kernel)[0] for g in grid])
        at_q = np.array([density_at(side, share, g, width, o.q, o.kernel) for g in grid])
        known = np.isfinite(at_p) & np.isfinite(at_q).all(axis=1)
        band = Style(color=(color, 0.3))
        centre, half = at_q[known, 0], z * at_q[known, 1]
        panel.layers.append(Layer("rarea", grid[known] + c, centre - half, centre + half, style=band, keyed=False))
        panel.layers.append(Layer("line", grid[known] + c, at_p[known], style=Style(color=(color, 1.0)), keyed=False))
    panel.x.lines.append(RefLine(c, Style(color=("#000000", 1.0))))
    options = line.text_option("graph_opt")
    graph = Graph()
    if not options:
        graph.title = Text("Manipulation Testing Plot")
        panel.x.title = Text(setting.name)
    show_panel(session, panel, GraphOptions(options), graph)


def _histogram(side: FloatArray, start: float, stop: float, n: int, cutoff: float, color: str) -> Layer:
    from ssd.engine.graphics.model import Layer, Style

    inside = side[(side >= start) & (side <= stop)]
    bins = max(math.ceil(min(math.sqrt(len(inside)), 10.0 * math.log10(max(len(inside), 1)))), 1)
    counts, limits = np.histogram(inside, bins=bins, range=(start, stop))
    width = (stop - start) / bins
    height = counts / n / width if width > 0.0 else counts * 0.0
    style = Style(color=(color, 0.2), bar_width=width)
    return Layer("bar", (limits[1:] + limits[:-1]) / 2.0 + cutoff, np.asarray(height), style=style, keyed=False)
