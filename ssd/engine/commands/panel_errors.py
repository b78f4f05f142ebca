"""xtpcse and xtgls: linear panel models with panel-wise error structures."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ssd.engine.commands.declare import Line, command
from ssd.engine.commands.estimation import (
    Estimation,
    Sample,
    SessionSource,
    build_regressors,
    key_values,
    level_of,
    operated_name,
    outcome_and_terms,
    replay,
    store,
    take_sample,
)
from ssd.engine.commands.postestimation_statistics import Statistics
from ssd.engine.data.timeseries import TimeSettings, require_time
from ssd.engine.errors import StataError, insufficient_observations, unsupported
from ssd.engine.missing import FloatArray
from ssd.engine.output.estimation import (
    CoefficientTable,
    Entry,
    chi2_entry,
    count,
    number,
    print_coefficients,
    print_header,
)
from ssd.engine.results import Matrix
from ssd.engine.stats.covariance import IndexArray, group_ids, wald
from ssd.engine.stats.design import Design
from ssd.engine.stats.distributions import chi2_tail
from ssd.engine.stats.linear import least_squares, with_constant
from ssd.engine.stats.panel_errors import (
    Structure,
    corrected_covariance,
    error_covariance,
    lag_correlations,
    quasi_differences,
    whiten,
)

if TYPE_CHECKING:
    from ssd.engine.session import Session

_AUTOCORRELATION = {
    "independent": "no autocorrelation", "ar1": "common AR(1)", "psar1": "panel-specific AR(1)",
}  # fmt: skip


@dataclass(frozen=True)
class _Problem:
    """The sample in order of panel and time, and the structure asked for."""

    settings: TimeSettings
    depvar: str
    design: Design
    sample: Sample
    y: FloatArray
    X: FloatArray
    """With the constant."""
    ids: IndexArray
    structure: Structure
    correlation: str
    constant: bool
    level: float

    @property
    def sizes(self) -> IndexArray:
        return np.bincount(self.ids)

    @property
    def balanced(self) -> bool:
        return bool(np.all(self.sizes == self.sizes[0]))


@dataclass(frozen=True)
class _Fit:
    b: FloatArray
    V: FloatArray
    sigma: FloatArray
    rho: FloatArray | None
    r2: float = math.nan


@command(
    "xtpcse",
    "[varlist(numeric fv ts default=none)] [if] [in] [, Correlation(string) RHOtype(string) HETonly Independent "
    "Level(cilevel) noCONStant NMK NP1 CASEwise PAIRwise DETail BASElevels]",
    by="recall",
    stored="e(N) e(N_g) e(n_cf) e(n_cv) e(n_cr) e(df) e(df_m) e(chi2) e(p) e(r2) e(rho) e(g_min) e(g_avg) e(g_max) "
    "e(rank) e(panels) e(corr) e(ivar) e(tvar) e(b) e(V) e(Sigma) e(rhomat) r(table)",
    refused="weights, nmk, np1, casewise, pairwise, detail, rhotype() other than regress, unbalanced correlated "
    "panels, corr() with unbalanced panels or gaps",
)
def xtpcse(session: Session, line: Line) -> None:
    """Linear regression with panel-corrected standard errors."""
    if replay(session, line, "xtpcse"):
        return
    _refuse(line, "nmk", "np1", "casewise", "pairwise", "detail")
    if line.flag("hetonly") and line.flag("independent"):
        raise StataError(198, "options hetonly and independent may not be combined")
    structure: Structure = "correlated"
    if line.flag("hetonly"):
        structure = "heteroskedastic"
    elif line.flag("independent"):
        structure = "iid"
    problem = _problem(session, line, structure, line.text_option("correlation"))
    y, X, rho = _without_autocorrelation(problem)
    ls = least_squares(X, y, constant=False)
    sigma = error_covariance(ls.residuals, problem.ids, structure)
    V = corrected_covariance(X, ls.inverse, problem.ids, sigma, structure)
    centred = y - y.mean() if problem.constant else y
    _finish(session, line, problem, _Fit(ls.coefficients, V, sigma, rho, 1.0 - ls.rss / float(centred @ centred)))


@command(
    "xtgls",
    "[varlist(numeric fv ts default=none)] [if] [in] [, Panels(string) Corr(string) RHOtype(string) IGLS FORCE NMK "
    "Level(cilevel) noCONStant BASElevels]",
    by="recall",
    stored="e(N) e(N_g) e(n_cf) e(n_cv) e(n_cr) e(df) e(df_m) e(chi2) e(p) e(rho) e(g_min) e(g_avg) e(g_max) "
    "e(rank) e(panels) e(corr) e(ivar) e(tvar) e(coefftype) e(b) e(V) e(Sigma) e(rhomat) r(table)",
    refused="weights, igls, force, nmk, rhotype() other than regress, unbalanced correlated panels, corr() with "
    "unbalanced panels or gaps, more correlated panels than periods, e(ll)",
)
def xtgls(session: Session, line: Line) -> None:
    """Two-step feasible generalised least squares for panel data."""
    if replay(session, line, "xtgls"):
        return
    _refuse(line, "igls", "force", "nmk")
    structure = _panels_option(line.text_option("panels") or "iid")
    problem = _problem(session, line, structure, line.text_option("corr"))
    y, X, rho = _without_autocorrelation(problem)
    first = least_squares(X, y, constant=False)
    sigma = error_covariance(first.residuals, problem.ids, structure)
    if structure == "correlated" and len(sigma) > problem.sizes[0]:
        raise unsupported("xtgls, panels(correlated) with more panels than periods is")
    try:
        white = whiten(np.column_stack([X, y]), problem.ids, sigma, structure)
    except np.linalg.LinAlgError as error:
        raise StataError(506, "covariance of the panels' errors is not positive definite") from error
    second = least_squares(white[:, :-1], white[:, -1], constant=False)
    _finish(session, line, problem, _Fit(second.coefficients, second.inverse, sigma, rho))


def _refuse(line: Line, *names: str) -> None:
    for name in names:
        if line.flag(name):
            raise unsupported(f"option {name} is")
    if (line.text_option("rhotype") or "regress") != "regress":
        raise unsupported(f"option rhotype({line.text_option('rhotype')}) is")


def _panels_option(typed: str) -> Structure:
    if typed in {"iid", "independent"}:
        return "iid"
    if typed and "heteroskedastic".startswith(typed):
        return "heteroskedastic"
    if typed and "correlated".startswith(typed):
        return "correlated"
    raise StataError(198, f"panels({typed}) invalid")


def _correlation_option(typed: str | None) -> str:
    if typed is None:
        return "independent"
    for name, least in (("independent", 1), ("ar1", 1), ("psar1", 1)):
        if len(typed) >= least and name.startswith(typed):
            return name
    raise StataError(198, f"corr({typed}) invalid")


def _problem(session: Session, line: Line, structure: Structure, correlation: str | None) -> _Problem:
    kind = _correlation_option(correlation)
    level = level_of(session, line)
    settings = require_time(session.data)
    if not settings.panel:
        raise StataError(459, "must specify panelvar; use xtset")
    source = SessionSource(session)
    outcome, terms = outcome_and_terms(session, line.varlist)
    sample = take_sample(session, line, source, [(outcome,), *terms], None, [settings.panel, settings.time])
    constant = not line.flag("noconstant")
    regressors = build_regressors(session, source, terms, sample, constant=constant)
    ids, _ = group_ids(key_values(session, settings.panel)[sample.rows])
    time = source.get(settings.time)[sample.rows]
    order = np.lexsort((time, ids))
    ids, time = ids[order], time[order]
    y = source.get(outcome.variable, outcome.operator)[sample.rows][order]
    X = with_constant(regressors.X, constant)[order]
    problem = _Problem(
        settings, operated_name(outcome), regressors.design, sample, y, X, ids, structure, kind, constant, level
    )
    if len(y) <= X.shape[1]:
        raise insufficient_observations()
    _require_layout(problem, time)
    return problem


def _require_layout(problem: _Problem, time: FloatArray) -> None:
    """Raises what is refused: unequal periods of correlated panels, gaps or unequal lengths with AR(1) errors."""
    if problem.structure == "correlated":
        cells = time.reshape(len(problem.sizes), -1) if problem.balanced else None
        if cells is None or np.any(cells != cells[0]):
            raise unsupported("correlated panels that are not observed over the same periods are")
    if problem.correlation != "independent":
        follows = problem.ids[1:] == problem.ids[:-1]
        if not problem.balanced or np.any(np.diff(time)[follows] != problem.settings.delta):
            raise unsupported("autocorrelation with unbalanced panels or gaps in time is")
        if problem.sizes[0] < 2:
            raise insufficient_observations()


def _without_autocorrelation(problem: _Problem) -> tuple[FloatArray, FloatArray, FloatArray | None]:
    """Outcome and regressors with AR(1) errors transformed away, and the rho of each panel."""
    if problem.correlation == "independent":
        return problem.y, problem.X, None
    rho = lag_correlations(least_squares(problem.X, problem.y, constant=False).residuals, problem.ids)
    if problem.correlation == "ar1":
        rho = np.full(len(rho), rho.mean())
    moved = quasi_differences(np.column_stack([problem.X, problem.y]), rho, problem.ids)
    return moved[:, -1], np.asfortranarray(moved[:, :-1]), rho


def _finish(session: Session, line: Line, problem: _Problem, fit: _Fit) -> None:
    corrected = line.command == "xtpcse"
    slopes = problem.X.shape[1] - int(problem.constant)
    chi2, df = wald(fit.b[:slopes], fit.V[:slopes, :slopes]) if slopes else (math.nan, 0)
    p = chi2_tail(chi2, df) if df else math.nan
    panels, sizes = len(problem.sizes), problem.sizes
    covariances = {"iid": 1, "heteroskedastic": panels, "correlated": panels * (panels + 1) // 2}[problem.structure]
    rhos = {"independent": 0, "ar1": 1, "psar1": panels}[problem.correlation]
    heading = {"iid": "", "heteroskedastic": "Het-corrected", "correlated": "Panel-corrected"}[problem.structure]
    with_rho = corrected and problem.correlation == "ar1"
    design = problem.design
    table = CoefficientTable(
        design.names, design.expand(fit.b), design.expand(fit.V), problem.depvar, None, problem.level,
        heading if corrected else "", base_levels=line.flag("baselevels"), data=session.data, no_footer=with_rho,
    )  # fmt: skip
    tests = chi2_entry("Wald", df, chi2)
    counts = [
        ("Estimated covariances", covariances), ("Estimated autocorrelations", rhos),
        ("Estimated coefficients", len(fit.b)),
    ]  # fmt: skip
    left = [f"{label:<26} = {value:>9,}" for label, value in counts]

    def show() -> None:
        session.log.line()
        if corrected:
            _corrected_header(session, problem, left, [Entry("R-squared", f"{fit.r2:.4f}"), *tests])
        else:
            _gls_header(session, problem, fit, left, tests)
        session.log.line()
        print_coefficients(session.log, table)
        if with_rho and fit.rho is not None:
            session.log.line("-" * (table.width + 1) + "+" + "-" * 64)
            session.log.line(f"{'rho':>{table.width}} |{number(float(fit.rho[0])):>11}")
            session.log.line("-" * (table.width + 66))

    scalars = {
        "N": problem.sample.n, "N_g": float(panels), "n_cf": float(len(fit.b)), "n_cv": float(covariances),
        "n_cr": float(rhos), "df": problem.sample.n - len(fit.b), "df_m": float(df), "chi2": chi2, "p": p,
        "g_min": float(sizes.min()), "g_avg": float(sizes.mean()), "g_max": float(sizes.max()),
        "rank": float(len(fit.b)),
    }  # fmt: skip
    if corrected:
        scalars["r2"] = fit.r2
    if fit.rho is not None and problem.correlation == "ar1":
        scalars["rho"] = float(fit.rho[0])
    macros = {
        "cmd": line.command, "depvar": problem.depvar, "panels": problem.structure, "corr": _corr_text(problem),
        "ivar": problem.settings.panel, "tvar": problem.settings.time, "vcetype": heading if corrected else "",
        "coefftype": "" if corrected else "Generalized least squares", "chi2type": "Wald",
        "predict": f"{line.command}_p",
    }  # fmt: skip
    statistics = Statistics({}, "xb", "(option xb assumed; fitted values)", problem.depvar)
    estimation = Estimation({"": design}, table, show, predictions={"statistics": statistics})
    store(session, line, estimation, sample=problem.sample.rows, scalars=scalars, macros=macros,
          matrices=_matrices(fit))  # fmt: skip
    show()


def _corr_text(problem: _Problem) -> str:
    return _AUTOCORRELATION[problem.correlation]


def _matrices(fit: _Fit) -> dict[str, Matrix]:
    names = [f"_ee{i + 1}" for i in range(len(fit.sigma))]
    out = {"Sigma": Matrix(fit.sigma, names, list(names))}
    if fit.rho is not None:
        out["rhomat"] = Matrix(fit.rho.reshape(1, -1).copy(), ["r1"], list(names))
    return out


def _corrected_header(session: Session, problem: _Problem, left: list[str], entries: list[Entry]) -> None:
    method = "Linear regression" if problem.correlation == "independent" else "Prais–Winsten regression"
    errors = {
        "iid": "independent panels corrected standard errors",
        "heteroskedastic": "heteroskedastic panels corrected standard errors",
        "correlated": "correlated panels corrected standard errors (PCSEs)",
    }[problem.structure]
    panels = {"iid": "independent"}.get(problem.structure, problem.structure)
    balance = "balanced" if problem.balanced else "unbalanced"
    sizes = problem.sizes
    session.log.line(f"{method}, {errors}")
    session.log.line()
    texts = [
        f"Group variable:   {problem.settings.panel}", f"Time variable:    {problem.settings.time}",
        f"Panels:           {panels} ({balance})", f"Autocorrelation:  {_corr_text(problem)}",
    ]  # fmt: skip
    right = [
        f"Number of obs     = {count(problem.sample.n):>10}", f"Number of groups  = {count(len(sizes)):>10}",
        "Obs per group:", f"              min = {count(sizes.min()):>10}",
        f"              avg = {number(float(sizes.mean())):>10}", f"              max = {count(sizes.max()):>10}",
    ]  # fmt: skip
    for i, text in enumerate(right):
        session.log.line(f"{texts[i] if i < len(texts) else '':<48}{text}")
    print_header(session.log, left, entries, label_width=17, value_width=10)


def _gls_header(session: Session, problem: _Problem, fit: _Fit, left: list[str], tests: list[Entry]) -> None:
    sizes = problem.sizes
    panels = {"iid": "homoskedastic", "correlated": "heteroskedastic with cross-sectional correlation"}
    correlation = _corr_text(problem)
    if problem.correlation == "ar1" and fit.rho is not None:
        correlation = f"common AR(1) coefficient for all panels  ({fit.rho[0]:.4f})"
    log = session.log
    log.line("Cross-sectional time-series FGLS regression")
    log.line()
    log.line("Coefficients:  generalized least squares")
    log.line(f"Panels:        {panels.get(problem.structure, problem.structure)}")
    log.line(f"Correlation:   {correlation}")
    log.line()
    entries = [Entry("Number of obs", count(problem.sample.n)), Entry("Number of groups", count(len(sizes)))]
    if problem.balanced:
        entries.append(Entry("Time periods", count(sizes[0])))
        print_header(log, left, [*entries, *tests], label_width=17, value_width=10)
        return
    print_header(log, left[:2], entries, label_width=17, value_width=10)
    log.line(f"{left[2]:<48}Obs per group:")
    spread = [
        Entry("              min", count(sizes.min())), Entry("              avg", number(float(sizes.mean()))),
        Entry("              max", count(sizes.max())),
    ]  # fmt: skip
    print_header(log, [], [*spread, *tests], label_width=17, value_width=10)
