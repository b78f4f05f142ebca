"""xthtaylor: the Hausman–Taylor estimator for error-components models."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ssd.engine.commands.declare import Line, command
from ssd.engine.commands.estimation import (
    Estimation,
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
from ssd.engine.commands.panel import PanelFit, panel_variable, print_variance_rows
from ssd.engine.commands.postestimation_statistics import Statistics
from ssd.engine.errors import StataError, insufficient_observations, unsupported
from ssd.engine.missing import MISSING, BoolArray, FloatArray
from ssd.engine.output.estimation import (
    CoefficientTable,
    Entry,
    chi2_entry,
    coefficient_row,
    count,
    number,
    print_header,
    print_headings,
)
from ssd.engine.output.tables import abbreviate
from ssd.engine.stats.covariance import wald
from ssd.engine.stats.design import Design
from ssd.engine.stats.distributions import chi2_tail, critical, two_sided
from ssd.engine.stats.panel import Panels, RSquared
from ssd.engine.stats.panel_endogenous import TwoStage, two_stage

if TYPE_CHECKING:
    from ssd.engine.session import Session

_GROUPS = ("TVexogenous", "TVendogenous", "TIexogenous", "TIendogenous")


@dataclass(frozen=True)
class _Estimates:
    fit: TwoStage
    V: FloatArray
    sigma_u: float
    sigma_e: float


@command(
    "xthtaylor",
    "[varlist(numeric ts default=none)] [if] [in] [, ENDog(varlist) CONStant(varlist) VARying(varlist) AMAcurdy SMALL "
    "vce(string) Level(cilevel) I(varname)]",
    by="recall",
    stored="e(N) e(N_g) e(df_m) e(g_min) e(g_avg) e(g_max) e(sigma_u) e(sigma_e) e(rho) e(chi2) e(p) e(rank) e(Tcon) "
    "e(cmd) e(depvar) e(title) e(ivar) e(TVexogenous) e(TVendogenous) e(TIexogenous) e(TIendogenous) e(b) e(V) "
    "r(table)",
    refused="unbalanced panels, amacurdy, small, vce(), constant(), varying(), weights, factor variables",
)
def xthtaylor(session: Session, line: Line) -> None:
    """Hausman–Taylor estimator for error-components models."""
    if replay(session, line, "xthtaylor"):
        return
    for name in ("amacurdy", "small", "vce", "constant", "varying"):
        if line.options.get(name):
            raise unsupported(f"option {name} is")
    typed = line.options.get("endog")
    endogenous = [str(name) for name in typed] if isinstance(typed, list) else []
    if not endogenous:
        raise StataError(198, "option endog() required")
    level = level_of(session, line)
    ivar = panel_variable(session, line.text_option("i"))
    source = SessionSource(session)
    outcome, terms = outcome_and_terms(session, line.varlist)
    sample = take_sample(session, line, source, [(outcome,), *terms], None, [ivar])
    regressors = build_regressors(session, source, terms, sample)
    design, X = regressors.design, regressors.X
    y = source.get(outcome.variable, outcome.operator)[sample.rows]
    panels = Panels.of(key_values(session, ivar)[sample.rows])
    if np.ptp(panels.sizes) > 0.0:
        raise unsupported("xthtaylor with unbalanced panels is")
    names = [column.name for column in design.columns if column.active]
    missing = [name for name in endogenous if name not in names]
    if missing:
        raise StataError(198, f"{missing[0]} in endog() is not among the explanatory variables")
    spread = np.abs(X - panels.means(X)[panels.ids]).max(axis=0) if names else np.zeros(0)
    invariant = spread <= 1e-10 * np.maximum(np.abs(X).max(axis=0), 1e-300) if names else np.zeros(0, np.bool_)
    member = [
        2 * int(fixed) + int(name in endogenous) for name, fixed in zip(names, invariant, strict=True)
    ]  # 0 TVexogenous, 1 TVendogenous, 2 TIexogenous, 3 TIendogenous
    counts = [member.count(group) for group in range(4)]
    if counts[0] < counts[3]:
        raise StataError(498, "not enough instruments: there must be at least as many time-varying exogenous\n"
                         "variables as time-invariant endogenous ones")  # fmt: skip
    if not counts[0] + counts[1]:
        raise StataError(198, "there are no time-varying variables")
    order = np.argsort(np.array(member), kind="stable")
    design.columns = [
        *[[c for c in design.columns if c.active][j] for j in order], *[c for c in design.columns if not c.active],
    ]  # fmt: skip
    member = [member[j] for j in order]
    estimates = _estimate(y, X[:, order], np.array(member), panels)
    _finish(session, line, estimates, design, operated_name(outcome), [names[j] for j in order], member, panels, ivar,
            sample.rows, level)  # fmt: skip


def _estimate(y: FloatArray, X: FloatArray, member: np.ndarray[tuple[int], np.dtype[np.int_]], panels: Panels
              ) -> _Estimates:  # fmt: skip
    """Hausman and Taylor (1981) as in [XT] xthtaylor, Methods and formulas. X in the order of the four groups."""
    N, K, groups = len(y), X.shape[1], panels.count
    varying = X[:, member < 2]
    ones = np.ones((N, 1))

    def deviations(values: FloatArray) -> FloatArray:
        return values - panels.means(values)[panels.ids]

    inner = two_stage(deviations(y), deviations(varying), deviations(varying))
    if groups >= N or N <= K + 1:
        raise insufficient_observations()
    sigma_e2 = inner.rss / (N - groups)
    partial = y - varying @ inner.b
    fixed = np.column_stack([X[:, member >= 2], ones])
    instruments = np.column_stack([X[:, member == 0], X[:, member == 2], ones])
    outer = two_stage(panels.means(partial)[panels.ids], fixed, instruments)
    means = panels.means(partial - fixed @ outer.b)[panels.ids]
    T = float(panels.sizes[0])
    sigma_u2 = max(0.0, float(means @ means) / N - sigma_e2 / T)
    theta = 1.0 - math.sqrt(sigma_e2 / (sigma_e2 + T * sigma_u2)) if sigma_e2 > 0 else 1.0

    def quasi(values: FloatArray) -> FloatArray:
        return values - theta * panels.means(values)[panels.ids]

    Z = np.column_stack([deviations(varying), panels.means(X[:, member == 0])[panels.ids], X[:, member == 2], ones])
    fit = two_stage(quasi(y), quasi(np.column_stack([X, ones])), Z)
    V = fit.inverse * (fit.rss / (N - K - 1.0))
    return _Estimates(fit, V, math.sqrt(sigma_u2), math.sqrt(sigma_e2))


def _finish(
    session: Session, line: Line, estimates: _Estimates, design: Design, depvar: str, names: list[str],
    member: list[int], panels: Panels, ivar: str, rows: BoolArray, level: float,
) -> None:  # fmt: skip
    b, V = design.expand(estimates.fit.b), design.expand(estimates.V)
    k = len(names)
    chi2, rank = wald(estimates.fit.b[:k], estimates.V[:k, :k])
    table = CoefficientTable(design.names, b, V, depvar, None, level, data=session.data)
    n = float(len(panels.ids))
    fit = PanelFit("", n, panels, RSquared(math.nan, math.nan, math.nan), [], "", estimates.sigma_u, estimates.sigma_e)

    def show() -> None:
        _header(session, ivar, panels, n, chi2_entry("Wald", rank, chi2))
        _coefficients(session, table, member, estimates)
        print_variance_rows(session, fit, table.width)
        session.log.line("Note: TV refers to time varying; TI refers to time invariant.")

    sizes = panels.sizes
    scalars = {
        "N": n, "N_g": float(panels.count), "df_m": float(rank), "g_min": float(sizes.min()),
        "g_avg": float(sizes.mean()), "g_max": float(sizes.max()), "Tcon": 1.0, "sigma_u": estimates.sigma_u,
        "sigma_e": estimates.sigma_e, "rho": fit.rho, "chi2": chi2,
        "p": chi2_tail(chi2, rank) if rank else MISSING, "rank": float(k + 1),
    }  # fmt: skip
    macros = {
        "cmd": "xthtaylor", "depvar": depvar, "title": "Hausman-Taylor", "ivar": ivar, "chi2type": "Wald",
        "vce": "conventional", "predict": "xtht_p",
        **{
            group: " ".join(name for name, own in zip(names, member, strict=True) if own == index)
            for index, group in enumerate(_GROUPS)
        },
    }  # fmt: skip
    statistics = Statistics(
        {"ue": lambda request: request.y - request.xb}, "xb", "(option xb assumed; fitted values)", depvar, ivar
    )
    estimation = Estimation({"": design}, table, show, predictions={"statistics": statistics})
    store(session, line, estimation, sample=rows, scalars=scalars, macros=macros)
    show()


def _header(session: Session, ivar: str, panels: Panels, n: float, test: list[Entry]) -> None:
    log = session.log
    sizes = panels.sizes
    log.line()
    entries = [Entry("Number of obs", count(n)), Entry("Number of groups", count(float(panels.count)))]
    left = ["Hausman–Taylor estimation", f"Group variable: {ivar}"]
    print_header(log, left, entries, label_width=17, value_width=10)
    log.line()
    log.line(" " * 48 + "Obs per group:")
    for label, value in (("min", sizes.min()), ("avg", sizes.mean()), ("max", sizes.max())):
        log.line(" " * 62 + f"{label} = {number(float(value), '%9.0gc'):>10}")
    log.line()
    print_header(log, ["Random effects u_i ~ i.i.d."], test, label_width=17, value_width=10)
    log.line()


def _coefficients(session: Session, table: CoefficientTable, member: list[int], estimates: _Estimates) -> None:
    """The table with a heading for each kind of variable."""
    log = session.log
    table.width = 12
    log.line("-" * 78)
    print_headings(log, table)
    log.line("-" * 13 + "+" + "-" * 64)
    b, V = estimates.fit.b, estimates.V
    z = critical(table.level, None)
    names = [name for name, flag in zip(table.names, np.append(np.diag(table.V)[:-1] > 0, True), strict=True) if flag]
    for j, name in enumerate(names):
        if j < len(member) and (j == 0 or member[j] != member[j - 1]):
            log.line(f"{_GROUPS[member[j]]:<12} |")
        if j == len(member):
            log.line(" " * 13 + "|")
        se = math.sqrt(float(V[j, j]))
        t = float(b[j]) / se if se > 0.0 else math.nan
        row = coefficient_row(
            float(b[j]), se, t, two_sided(t, None) if se > 0.0 else math.nan, float(b[j]) - z * se, float(b[j]) + z * se
        )
        log.line(f"{abbreviate(name, 12):>12} |{row}")
