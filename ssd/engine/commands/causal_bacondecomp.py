"""bacondecomp: Goodman-Bacon decomposition of a two-way fixed-effects difference in differences."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ssd.engine.commands.declare import Line, command
from ssd.engine.commands.estimation import Estimation, estimation_of, level_of, store
from ssd.engine.data.timeseries import time_settings
from ssd.engine.errors import StataError, no_observations, unsupported
from ssd.engine.missing import is_missing
from ssd.engine.output.estimation import CoefficientTable, number, print_coefficients
from ssd.engine.results import Matrix
from ssd.engine.stats.bacon import Comparison, decompose, first_treated

if TYPE_CHECKING:
    from ssd.engine.session import Session

_MARKERS = {
    "Timing_groups": "o", "Early_v_Late": "o", "Late_v_Early": "x", "Always_v_timing": "s", "Never_v_timing": "^",
}  # fmt: skip


@command(
    "bacondecomp",
    "varlist(numeric min=2) [if] [in] [, DDEtail DDLine(string) NOGRaph VCE(passthru) Robust CLuster(varname) "
    "Level(cilevel) GRopt(string asis) STUB(string) *]",
    stored="e(b) e(V) e(N) e(sumdd) e(dd) e(wt) e(depvar)",
    refused="control variables, weights, stub(), ddline(), options of the plots' parts",
)
@np.errstate(over="ignore", invalid="ignore", divide="ignore")
def bacondecomp(session: Session, line: Line) -> None:
    """Two-by-two comparisons behind a two-way fixed-effects estimate, with their weights and a picture."""
    if len(line.varlist) > 2:
        raise unsupported("bacondecomp with control variables is")
    for name in ("stub", "ddline"):
        if line.options.get(name):
            raise unsupported(f"option {name}() of bacondecomp is")
    if line.options.get("*"):
        raise StataError(198, f"option {str(line.options['*']).split('(')[0].strip()} not allowed")
    data = session.data
    settings = time_settings(data)
    if settings is None or not settings.panel or not settings.time:
        raise StataError(459, "must specify panelvar and timevar; use xtset")
    panel, when = settings.panel, settings.time
    outcome, treatment = line.varlist
    rows = line.sample(session)
    for name in (outcome, treatment, when):
        rows &= ~is_missing(data.numeric(name))
    rows &= ~is_missing(data.numeric(panel))
    if not rows.any():
        raise no_observations()
    units, unit = np.unique(data.numeric(panel)[rows], return_inverse=True)
    times, period = np.unique(data.numeric(when)[rows], return_inverse=True)
    if len(units) * len(times) != int(rows.sum()):
        raise StataError(459, "bacondecomp requires a strongly balanced panel")
    y, D = (np.empty((len(units), len(times))) for _ in range(2))
    y[unit, period] = data.numeric(outcome)[rows]
    D[unit, period] = data.numeric(treatment)[rows]
    if not np.all((D == 0.0) | (D == 1.0)):
        raise StataError(450, f"{treatment} must be 0 or 1")
    first = first_treated(D, times)
    groups = np.unique(first)
    if len(groups) < 2:
        raise StataError(459, "no variation in treatment timing")
    found = decompose(y, D, times)
    _print_groups(session, len(groups), always=bool(np.isneginf(groups[0])), never=bool(np.isposinf(groups[-1])))
    _regress(session, line, outcome, treatment, when)
    detail = line.flag("ddetail")
    rows_shown = _summary(found, detail=detail)
    table = _two_way(session, line)
    print_coefficients(session.log, table)
    _print_table(session, rows_shown)
    behind = session.e
    sample = behind.sample
    assert sample is not None
    names = [name for name, _, _ in rows_shown]
    sums = np.array([[beta, weight] for _, beta, weight in rows_shown])
    cells = np.array([[c.treated, c.control, c.beta, c.weight] for c in found])
    numbered = [f"r{i + 1}" for i in range(len(found))]
    matrices = {
        "sumdd": Matrix(sums, names, ["Beta", "TotalWeight"]),
        "dd": Matrix(cells[:, 2:3].copy(), numbered, ["dd"]),
        "wt": Matrix(cells[:, 3:4].copy(), numbered, ["wt"]),
    }
    macros = {"cmd": "bacondecomp", "depvar": outcome, "clustvar": behind.macros.get("clustvar", "")}
    estimation = Estimation({}, table, lambda: print_coefficients(session.log, table))
    store(
        session, line, estimation, sample=sample, scalars={"N": behind.scalars["N"]}, macros=macros, matrices=matrices
    )
    if not line.flag("nograph"):
        _draw(session, line, found, float(table.b[0]), detail=detail)


def _print_groups(session: Session, groups: int, *, always: bool, never: bool) -> None:
    session.log.line(f"Computing decomposition across {groups} timing groups")
    if always or never:
        parts = [*(["an always-treated group"] if always else []), *(["a never-treated group"] if never else [])]
        session.log.line("including " + " and ".join(parts))


def _regress(session: Session, line: Line, outcome: str, treatment: str, when: str) -> None:
    """The two-way fixed-effects regression itself; leaves its e()."""
    condition = f" if {line.condition}" if line.condition else ""
    if line.range is not None:
        condition += f" in {line.range[0] + 1}/{line.range[1]}"
    vce = line.text_option("vce") or ""
    if line.text_option("cluster"):
        vce = f"vce(cluster {line.text_option('cluster')})"
    elif line.flag("robust"):
        vce = "vce(robust)"
    session.run(f"xtreg {outcome} {treatment} i.{when}{condition}, fe {vce}", quiet=True)


def _two_way(session: Session, line: Line) -> CoefficientTable:
    fitted = estimation_of(session).table
    return CoefficientTable(
        [fitted.names[0]], fitted.b[:1].copy(), fitted.V[:1, :1].copy(), fitted.depvar, None, level_of(session, line),
        fitted.vce_heading,
    )  # fmt: skip


def _summary(found: list[Comparison], *, detail: bool) -> list[tuple[str, float, float]]:
    """Kind, average estimate and total weight; with `detail` every pair of timing groups on its own."""
    rows: list[tuple[str, float, float]] = []
    timing = [c for c in found if c.kind in {"Early_v_Late", "Late_v_Early"}]
    if detail:
        rows += [(c.kind, c.beta, c.weight) for c in timing]
    elif timing:
        rows.append(("Timing_groups", *_average(timing)))
    for kind in ("Always_v_timing", "Never_v_timing"):
        members = [c for c in found if c.kind == kind]
        if members:
            rows.append((kind, *_average(members)))
    return rows


def _average(members: list[Comparison]) -> tuple[float, float]:
    weight = sum(c.weight for c in members)
    return (sum(c.beta * c.weight for c in members) / weight if weight > 0.0 else 0.0), weight


def _print_table(session: Session, rows: list[tuple[str, float, float]]) -> None:
    log = session.log
    log.line()
    log.line("Bacon Decomposition")
    log.line()
    log.line("+" + "-" * 51 + "+")
    log.line(f"| {'':>20} | {'Beta':>12}  {'TotalWeight':>12} |")
    log.line("|" + "-" * 22 + "+" + "-" * 28 + "|")
    for name, beta, weight in rows:
        log.line(f"| {name:>20} | {number(beta, '%12.0g'):>12}  {number(weight, '%12.0g'):>12} |")
    log.line("+" + "-" * 51 + "+")


def _draw(session: Session, line: Line, found: list[Comparison], overall: float, *, detail: bool) -> None:
    from ssd.engine.commands.graph_diagnostics import show_panel
    from ssd.engine.graphics.model import Graph, Layer, Panel, RefLine, Style, Text
    from ssd.engine.graphics.options import Options

    panel = Panel()
    shown = [c.kind if detail or c.kind.endswith("timing") else "Timing_groups" for c in found]
    for kind in dict.fromkeys(shown):
        members = [c for c, name in zip(found, shown, strict=True) if name == kind]
        x, y = (np.array([getattr(c, key) for c in members]) for key in ("weight", "beta"))
        label = kind.replace("_", " ")
        panel.layers.append(Layer("scatter", x, y, label=label, style=Style(marker=(_MARKERS[kind], False))))
    panel.y.lines.append(RefLine(overall, Style()))
    panel.x.title, panel.y.title = Text("Weight"), Text("2x2 DD Estimate")
    graph = Graph()
    graph.legend.shown = True
    graph.note = Text(f"Overall DD Estimate = {number(overall)}")
    show_panel(session, panel, Options(line.text_option("gropt")), graph)
