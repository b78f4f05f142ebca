"""xtmg: mean-group estimators of heterogeneous panels (user-written by M. Eberhardt)."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from ssd.engine.commands.declare import Line, command
from ssd.engine.commands.estimation import (
    Estimation,
    SessionSource,
    level_of,
    operated_name,
    outcome_and_terms,
    replay,
    store,
    take_sample,
)
from ssd.engine.data.names import check_name
from ssd.engine.data.timeseries import require_time
from ssd.engine.errors import StataError, already_defined, unsupported
from ssd.engine.missing import MISSING, FloatArray
from ssd.engine.output.estimation import CoefficientTable, Entry, chi2_entry, print_coefficients, print_header
from ssd.engine.results import Matrix
from ssd.engine.stats.covariance import wald
from ssd.engine.stats.design import Column, Design, Part
from ssd.engine.stats.distributions import chi2_tail
from ssd.engine.stats.mean_group import MeanGroup, mean_group, period_means
from ssd.engine.stats.panel import Panels
from ssd.engine.stats.terms import Component, Term

if TYPE_CHECKING:
    from ssd.engine.session import Session

_TITLES = {
    "mg": "Pesaran & Smith (1995) Mean Group estimator",
    "cce": "Pesaran (2006) Common Correlated Effects Mean Group estimator",
}


@command(
    "xtmg",
    "[varlist(numeric ts default=none)] [if] [in] [, CCE AUGment IMPose TREND ROBUST FULL RES(string) Level(cilevel)]",
    stored="e(N) e(N_g) e(g_min) e(g_avg) e(g_max) e(df_m) e(chi2) e(p) e(sigma) e(cmd) e(title) e(depvar) e(ivar) "
    "e(tvar) e(betas) e(stebetas) e(b) e(V) r(table)",
    refused="augment, impose, robust",
)
def xtmg(session: Session, line: Line) -> None:
    """Mean-group and common correlated effects mean-group regression."""
    if replay(session, line, "xtmg"):
        return
    for option in ("augment", "impose", "robust"):
        if line.flag(option):
            raise unsupported(f"xtmg, {option} is")
    level = level_of(session, line)
    settings = require_time(session.data)
    if not settings.panel:
        raise StataError(459, "panel variable not set; use xtset panelvar timevar")
    name = line.text_option("res")
    if name:
        check_name(name)
        if name in session.data.variables:
            raise already_defined(name)
    source = SessionSource(session)
    outcome, terms = outcome_and_terms(session, line.varlist)
    if not terms:
        raise StataError(102, "too few variables specified")
    if any(len(term) != 1 or term[0].kind == "i" for term in terms):
        raise StataError(101, "factor variables not allowed")
    sample = take_sample(session, line, source, [(outcome,), *terms], None, [settings.panel, settings.time])
    rows = sample.rows
    panels = Panels.of(source.get(settings.panel)[rows])
    if panels.count < 2:
        raise StataError(2001, "insufficient observations: mean-group estimation needs several groups")
    time = source.get(settings.time)[rows]
    y = source.get(outcome.variable, outcome.operator)[rows]
    names, X = _regressors(line, source, outcome, terms, rows, y, time)
    fit = mean_group(X, y, panels.ids, panels.count)
    count = len(terms)
    chi2, df = wald(fit.coefficients[:count], fit.covariance[:count, :count])
    kind = "cce" if line.flag("cce") else "mg"
    depvar = operated_name(outcome)
    design = Design([Column((Part(each),)) for each in names])
    table = CoefficientTable([*names, "_cons"], fit.coefficients, fit.covariance, depvar, None, level)
    sigma = math.sqrt(float(fit.residuals @ fit.residuals) / len(y))
    sizes = panels.sizes

    def show() -> None:
        log = session.log
        log.line()
        log.line(_TITLES[kind])
        log.line()
        log.line(f"All coefficients present represent averages across groups ({settings.panel})")
        log.line("Coefficient averages computed as unweighted means")
        log.line()
        entries = [
            Entry("Number of obs", f"{len(y)}"), Entry("Number of groups", f"{panels.count}"),
            Entry("Obs per group: min", f"{sizes.min():.0f}"), Entry("               avg", f"{sizes.mean():.1f}"),
            Entry("               max", f"{sizes.max():.0f}"), *chi2_entry("Wald", df, chi2),
        ]  # fmt: skip
        left = ["Mean Group type estimation", f"Group variable: {settings.panel}"]
        print_header(log, left, entries, label_width=18, value_width=9)
        log.line()
        print_coefficients(log, table)
        log.line(f"Root Mean Squared Error (sigma): {sigma:.4f}")
        if kind == "cce":
            log.line("Cross-section averaged regressors are marked by the suffix _avg.")
        if line.flag("trend"):
            log.line("Variable trend refers to the group-specific linear trend terms.")
        if line.flag("full"):
            _groups(session, fit, table, source.get(settings.panel)[rows])

    estimation = Estimation({"": design}, table, show)
    scalars = {
        "N": float(len(y)), "N_g": float(panels.count), "g_min": float(sizes.min()), "g_avg": float(sizes.mean()),
        "g_max": float(sizes.max()), "df_m": float(df), "chi2": chi2, "p": chi2_tail(chi2, df) if df else MISSING,
        "sigma": sigma,
    }  # fmt: skip
    macros = {
        "cmd": "xtmg", "title": _TITLES[kind], "depvar": depvar, "ivar": settings.panel, "tvar": settings.time,
        "predict": "xtmg_p",
    }  # fmt: skip
    matrices = {
        "betas": Matrix.of(fit.groups, None, [*names, "_cons"]),
        "stebetas": Matrix.of(fit.errors, None, [*names, "_cons"]),
    }
    if name:
        values = np.full(session.data.n_obs, MISSING)
        values[rows] = fit.residuals
        session.data.add(name, values, "float")
    store(session, line, estimation, sample=rows, scalars=scalars, macros=macros, matrices=matrices)
    show()


def _regressors(
    line: Line, source: SessionSource, outcome: Component, terms: list[Term], rows: np.ndarray, y: FloatArray,
    time: FloatArray,
) -> tuple[list[str], FloatArray]:  # fmt: skip
    """The terms, cross-section averages of outcome and terms (cce), and a trend."""
    names = [operated_name(term[0]) for term in terms]
    columns = np.column_stack([source.get(term[0].variable, term[0].operator)[rows] for term in terms])
    parts = [columns]
    if line.flag("cce"):
        periods = np.unique(time, return_inverse=True)[1].reshape(-1).astype(np.intp)
        parts.append(period_means(np.column_stack([y, columns]), periods, int(periods.max()) + 1))
        names += [f"{each.replace('.', '_')}_avg" for each in [operated_name(outcome), *names]]
    if line.flag("trend"):
        parts.append((time - time.min() + 1.0)[:, None])
        names.append("trend")
    return names, np.column_stack(parts)


def _groups(session: Session, fit: MeanGroup, table: CoefficientTable, panel: FloatArray) -> None:
    """The regressions of the single groups."""
    log = session.log
    for group, value in enumerate(np.unique(panel)):
        log.line()
        log.line(f"Group {value:g}")
        own = CoefficientTable(
            list(table.names), fit.groups[group], np.diag(fit.errors[group] ** 2), table.depvar, None, table.level
        )
        print_coefficients(log, own)
