"""teoverlap and tebalance: overlap of propensity scores and balance of covariates after teffects."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ssd.engine.commands.declare import Line, command
from ssd.engine.commands.estimation import Sample, build_regressors, estimation_of, parse_varlist, require_numeric
from ssd.engine.commands.graph import REFUSED
from ssd.engine.commands.graph_diagnostics import show_panel
from ssd.engine.errors import StataError, unsupported
from ssd.engine.graphics.model import Graph, Layer, Panel, Text
from ssd.engine.graphics.options import Options, read_graph
from ssd.engine.graphics.smooth import KERNELS, kernel_density
from ssd.engine.graphics.twoway import finish as finish_graph
from ssd.engine.lang.syntax import split_line
from ssd.engine.missing import MISSING, BoolArray, FloatArray, is_missing
from ssd.engine.output.estimation import number
from ssd.engine.output.tables import abbreviate
from ssd.engine.results import Matrix, ResultSet
from ssd.engine.stats.design import build
from ssd.engine.stats.linear import with_constant
from ssd.engine.stats.moments import moments
from ssd.engine.stats.terms import Term, split_words
from ssd.engine.stats.treatment import TreatmentProblem

if TYPE_CHECKING:
    from ssd.engine.commands.causal_teffects import Setup
    from ssd.engine.session import Session

_POINTS = 200


def _last(session: Session) -> tuple[Setup, TreatmentProblem | None]:
    if session.e.macros.get("cmd") != "teffects":
        raise StataError(301, "last estimates not found")
    found = estimation_of(session).predictions["treatment"]
    assert isinstance(found, tuple)
    return found[0], found[1]


def _propensity(session: Session, setup: Setup, problem: TreatmentProblem | None) -> FloatArray:
    """Probabilities of the levels in the estimation sample: (n, levels). Raises r(321) without a treatment model."""
    if setup.estimator in {"ra", "nnmatch"}:
        raise StataError(321, f"teffects {setup.estimator} has no treatment model")
    if problem is None:
        regressors = build_regressors(session, setup.source, setup.treatment_terms, setup.sample)
        Z = with_constant(regressors.X, setup.treatment_constant)
        problem = TreatmentProblem(
            "ipw", "ate", setup.y, setup.group, np.zeros((len(setup.y), 0)), Z, treatment=setup.treatment,
            control=setup.levels.index(setup.control), level=setup.levels.index(setup.level),
        )  # fmt: skip
    return problem.propensity(problem.fit_treatment())


def overlap(session: Session, text: str) -> None:
    """Densities of the propensity score by treatment level."""
    setup, problem = _last(session)
    parts = split_line(text)
    if parts.subject.strip():
        raise StataError(101, "varlist not allowed")
    options = Options(parts.options)
    typed = (options.take("ptlevel", 3) or "").strip('"')
    kernel = options.take("kernel", 1) or "triangle"
    kernel = next((name for name in KERNELS if name.startswith(kernel)), "")
    if not kernel:
        raise StataError(198, "option kernel() incorrectly specified")
    bandwidth = options.number(session, "bwidth", 2)
    points = int(options.number(session, "n", 1) or _POINTS)
    level = setup.levels[0]
    if typed:
        level = next((each for each in setup.levels if typed in {str(each), setup.labels.get(each)}), -1)
        if level < 0:
            raise StataError(198, f"ptlevel({typed}) is not a level of the treatment variable")
    p = _propensity(session, setup, problem)[:, setup.levels.index(level)]
    results = ResultSet(macros={"kernel": kernel})
    panel = Panel()
    for position, each in enumerate(setup.levels):
        inside = setup.group == position
        grid, density, h = kernel_density(p[inside], _raw(setup.sample, inside), kernel, bandwidth, points)
        panel.layers.append(Layer("line", grid, density, label=f"{setup.tvar}={setup.name_of(each)}"))
        results.scalars[f"bwidth{each}"] = h
        results.scalars[f"n{each}"] = float(points)
    panel.x.title = Text(f"Propensity score, {setup.tvar}={setup.name_of(level)}")
    panel.y.title = Text("Density")
    graph = Graph()
    graph.legend.shown = True
    show_panel(session, panel, options, graph)
    session.r = results


def _raw(sample: Sample, inside: BoolArray) -> FloatArray | None:
    return None if sample.raw is None else sample.raw[inside]


@command("teoverlap", "*", stored="r(kernel) r(bwidth0) r(bwidth1) …", refused=REFUSED + "; at(), noticks, if and in")
def teoverlap(session: Session, line: Line) -> None:
    """Plot of the densities of the propensity score by treatment level after teffects."""
    overlap(session, line.text)


@command(
    "tebalance",
    "*",
    minimum=5,
    stored="r(size) r(table)",
    refused="overid, box; summarize with baseline; treatments with more than two levels; " + REFUSED,
)
def tebalance(session: Session, line: Line) -> None:
    """Balance of covariates after teffects: tebalance summarize and tebalance density."""
    subcommand, _, rest = line.text.strip().partition(" ")
    subcommand, comma, tail = subcommand.partition(",")
    rest = f"{comma}{tail} {rest}".strip()
    setup, problem = _last(session)
    if subcommand and "summarize".startswith(subcommand) and len(subcommand) >= 2:
        run = _summarize
    elif subcommand and "density".startswith(subcommand) and len(subcommand) >= 3:
        run = _density
    elif subcommand in {"overid", "box"}:
        raise unsupported(f"tebalance {subcommand} is")
    else:
        raise StataError(198, f"invalid subcommand {subcommand}" if subcommand else "subcommand required")
    if len(setup.levels) > 2:
        raise unsupported("tebalance with more than two treatment levels is")
    if setup.estimator == "ra":
        raise StataError(321, "tebalance is not allowed after teffects ra")
    run(session, setup, problem, rest)


def _weights(session: Session, setup: Setup, problem: TreatmentProblem | None) -> FloatArray:
    """Weights that make the groups alike: inverse probabilities scaled to sum to n, or numbers of matches."""
    if problem is None:
        matched = estimation_of(session).predictions["matched_weights"]
        assert isinstance(matched, np.ndarray)
        return matched
    p = _propensity(session, setup, problem)
    w = problem.weights * (problem.inverse(p, 0) + problem.inverse(p, 1))
    return np.asarray(w * (problem.weights.sum() / w.sum()), dtype=np.float64)


def _terms(session: Session, setup: Setup, words: list[str]) -> list[Term]:
    if words:
        terms = parse_varlist(session, words)
        require_numeric(session, terms)
        return terms
    return setup.outcome_terms if setup.estimator == "nnmatch" else setup.treatment_terms


def _summarize(session: Session, setup: Setup, problem: TreatmentProblem | None, text: str) -> None:
    parts = split_line(text)
    options = Options(parts.options)
    if options.flag("baseline", 4):
        raise unsupported("option baseline of tebalance summarize is")
    options.finish()
    terms = _terms(session, setup, split_words(parts.subject))
    design = build(terms, setup.source, setup.sample.rows, constant=False)
    title = "Matched" if problem is None else "Weighted"
    raw = np.ones(len(setup.y)) if setup.sample.raw is None else setup.sample.raw
    balanced = _weights(session, setup, problem)
    treated = setup.treated
    names: list[str] = []
    rows: list[list[float]] = []
    for column in design.columns:
        if not column.active:
            continue
        x = column.values(setup.source)[setup.sample.rows]
        if np.any(is_missing(x)):
            raise StataError(416, f"missing values of {column.name} in the estimation sample")
        before, after = (_compare(x, w, treated) for w in (raw, balanced))
        names.append(column.name)
        rows.append([before[0], after[0], before[1], after[1]])
    sizes = np.array([[w.sum(), w[treated].sum(), w[~treated].sum()] for w in (raw, balanced)]).T
    log = session.log
    log.line()
    log.line("  Covariate balance summary")
    log.line()
    log.line(f"{'Raw':>28}{title:>13}")
    rule = "-" * 41
    log.line(rule)
    shown = "{:,.0f}" if problem is None else "{:,.1f}"
    for label, (one, two) in zip(("Number of obs", "Treated obs  ", "Control obs  "), sizes, strict=True):
        log.line(f"  {label} ={one:>11,.0f}{shown.format(two):>14}")
    log.line(rule)
    log.line()
    rule = "-" * 65
    log.line(rule)
    log.line(" " * 16 + "|Standardized differences          Variance ratio")
    log.line(" " * 16 + f"|{'Raw':>11}{title:>12}{'Raw':>14}{title:>11}")
    log.line("-" * 16 + "+" + "-" * 48)
    for name, values in zip(names, rows, strict=True):
        cells = [number(value) for value in values]
        line = f"{cells[0]:>11}{cells[1]:>12}{cells[2]:>14}{cells[3]:>11}"
        log.line(f"{abbreviate(name, 15):>15} |{line}")
    log.line(rule)
    table = np.where(np.isfinite(rows), rows, MISSING) if rows else np.zeros((0, 4))
    heads = [f"std_diff:Raw std_diff:{title}", f"ratio:Raw ratio:{title}"]
    session.r = ResultSet(
        matrices={
            "table": Matrix(table, names, " ".join(heads).split()),
            "size": Matrix(sizes, ["obs", "treated", "control"], ["Raw", title]),
        }
    )


def _compare(x: FloatArray, w: FloatArray, treated: BoolArray) -> tuple[float, float]:
    """Standardized difference of means and ratio of variances, treated to controls."""
    one, zero = (moments(x[side], w[side], "iweight") for side in (treated, ~treated))
    spread = (one.variance + zero.variance) / 2.0
    if not 0.0 < spread < MISSING:
        return np.nan, np.nan
    ratio = one.variance / zero.variance if zero.variance > 0.0 else np.nan
    return (one.mean - zero.mean) / float(np.sqrt(spread)), ratio


def _density(session: Session, setup: Setup, problem: TreatmentProblem | None, text: str) -> None:
    parts = split_line(text)
    options = Options(parts.options)
    names = session.expand_varlist(parts.subject) if parts.subject.strip() else []
    if len(names) > 1:
        raise StataError(103, "too many variables specified")
    if names:
        x, title = session.data.numeric(names[0])[setup.sample.rows], names[0]
        if np.any(is_missing(x)):
            raise StataError(416, f"missing values of {names[0]} in the estimation sample")
    else:
        x, title = _propensity(session, setup, problem)[:, setup.levels.index(setup.others[0])], "Propensity score"
    bandwidth = options.number(session, "bwidth", 2)
    raw = np.ones(len(setup.y)) if setup.sample.raw is None else setup.sample.raw
    panels = []
    for heading, w in (("Raw", raw), ("Matched" if problem is None else "Weighted", _weights(session, setup, problem))):
        panel = Panel(title=heading)
        for level in (setup.control, setup.others[0]):
            inside = (setup.group == setup.levels.index(level)) & (w > 0.0)
            grid, density, _ = kernel_density(x[inside], w[inside], "epanechnikov", bandwidth, _POINTS)
            panel.layers.append(Layer("line", grid, density, label=setup.name_of(level)))
        panel.x.title, panel.y.title = Text(title), Text("Density")
        panels.append(panel)
    graph = Graph(panels=panels, columns=2, title=Text("Balance plot"))
    graph.legend.shown = True
    read_graph(options, graph, session)
    finish_graph(session, graph, options)
