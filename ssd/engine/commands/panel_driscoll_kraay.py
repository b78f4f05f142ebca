"""xtscc: panel regression with Driscoll–Kraay standard errors (user-written by D. Hoechle)."""

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
    level_of,
    operated_name,
    outcome_and_terms,
    replay,
    store,
    take_sample,
)
from ssd.engine.commands.panel import within_regressors
from ssd.engine.commands.postestimation_statistics import Statistics
from ssd.engine.data.timeseries import require_time
from ssd.engine.errors import StataError, insufficient_observations, unsupported
from ssd.engine.missing import FloatArray
from ssd.engine.output.estimation import CoefficientTable, print_coefficients
from ssd.engine.stats.covariance import IndexArray, sandwich, sum_by_group, wald
from ssd.engine.stats.design import Design
from ssd.engine.stats.distributions import chi2_tail, f_tail
from ssd.engine.stats.linear import LeastSquares, least_squares, with_constant
from ssd.engine.stats.panel import Panels, fit_random, own_scales, r_squared, within

if TYPE_CHECKING:
    from ssd.engine.session import Session


def default_lags(periods: int) -> int:
    """Newey and West's m(T): the whole part of 4 (T/100)^(2/9)."""
    return int(4.0 * (periods / 100.0) ** (2.0 / 9.0) + 1e-12)


def driscoll_kraay(
    X: FloatArray, residuals: FloatArray, bread: FloatArray, times: IndexArray, periods: int, lags: int
) -> FloatArray:
    """Covariance of the coefficients of X (n, k), without a small-sample factor.

    Scores are summed over the panels of a period; their autocovariances are Bartlett-weighted
    (Driscoll and Kraay 1998; Hoechle 2007, Stata Journal 7: 281-312).
    """
    h = sum_by_group(X * residuals[:, None], times, periods)
    S = h.T @ h
    for lag in range(1, min(lags, periods - 1) + 1):
        cross = h[lag:].T @ h[:-lag]
        S = S + (1.0 - lag / (lags + 1.0)) * (cross + cross.T)
    return sandwich(bread, S, 1.0)


@dataclass(frozen=True)
class _Fit:
    """The regression behind the table: transformed regressors with the constant, and its fit statistic."""

    method: str
    design: Design
    X: FloatArray
    ls: LeastSquares
    scalars: dict[str, float]


@command(
    "xtscc",
    "[varlist(numeric fv ts default=none)] [if] [in] [aweight] [, LAG(integer -1) FE RE POOLed noCONstant ASE "
    "Level(cilevel) BASElevels]",
    by="recall",
    stored="e(N) e(N_g) e(df_m) e(df_r) e(F) e(chi2) e(p) e(r2) e(r2_w) e(r2_o) e(rmse) e(lag) e(sigma_u) e(sigma_e) "
    "e(rho) e(cmd) e(method) e(vcetype) e(groupvar) e(b) e(V) r(table)",
    refused="weights with fe or re",
)
def xtscc(session: Session, line: Line) -> None:
    """Pooled, fixed- and random-effects regression with Driscoll–Kraay standard errors."""
    if replay(session, line, "xtscc"):
        return
    model = _model(line)
    level = level_of(session, line)
    settings = require_time(session.data)
    if not settings.panel:
        raise StataError(459, "panel variable not set; use xtset panelvar timevar")
    source = SessionSource(session)
    outcome, terms = outcome_and_terms(session, line.varlist)
    sample = take_sample(session, line, source, [(outcome,), *terms], None, [settings.panel, settings.time])
    panels = Panels.of(source.get(settings.panel)[sample.rows])
    _, times = np.unique(source.get(settings.time)[sample.rows], return_inverse=True)
    times = times.astype(np.intp).reshape(-1)
    periods = int(times.max()) + 1
    typed = line.options.get("lag")
    lags = default_lags(periods) if "lag" not in line.typed else abs(int(str(typed)))
    y = source.get(outcome.variable, outcome.operator)[sample.rows]
    if model == "pooled":
        constant = not line.flag("noconstant")
        regressors = build_regressors(session, source, terms, sample, constant=constant)
        fit = _pooled(regressors.design, regressors.X, y, sample.w, constant=constant)
    else:
        if sample.w is not None:
            raise unsupported(f"xtscc, {model} with weights is")
        if model == "fe":
            design, X = within_regressors(session, source, list(terms), sample, panels)
            fit = _fixed(design, X, y, panels)
        else:
            regressors = build_regressors(session, source, terms, sample)
            fit = _random(regressors.design, regressors.X, y, panels)
    n, k = sample.n, fit.ls.rank
    if periods < 2 or n <= k:
        raise insufficient_observations()
    weights = np.ones(len(y)) if sample.w is None else sample.w
    V = driscoll_kraay(fit.X, fit.ls.residuals * weights, fit.ls.inverse, times, periods, lags)
    if not line.flag("ase"):
        V = V * periods / (periods - 1.0) * (n - 1.0) / (n - k)
    slopes = len(fit.ls.coefficients) - int(fit.design.constant)
    W, rank = wald(fit.ls.coefficients[:slopes], V[:slopes, :slopes]) if slopes else (0.0, 0)
    depvar = operated_name(outcome)
    table = CoefficientTable(
        fit.design.names, fit.design.expand(fit.ls.coefficients), fit.design.expand(V), depvar,
        None if model == "re" else periods - 1.0, level, "Drisc/Kraay", base_levels=line.flag("baselevels"),
        data=session.data,
    )  # fmt: skip
    scalars = {"N": n, "N_g": float(panels.count), "df_m": float(rank), "lag": float(lags), "rank": float(k)}
    if model == "re":
        scalars |= {"chi2": W, "p": chi2_tail(W, rank) if rank else math.nan}
    else:
        F = W / rank if rank else math.nan
        scalars |= {"F": F, "df_r": periods - 1.0, "p": f_tail(F, rank, periods - 1.0) if rank else math.nan}
    scalars |= fit.scalars

    def show() -> None:
        _header(session, fit, scalars, settings.panel)
        print_coefficients(session.log, table)
        if model == "re":
            for name in ("sigma_u", "sigma_e", "rho"):
                session.log.line(f"{name:>12} |  {scalars[name]:.7g}")

    predicted = Statistics(
        {"residuals": lambda request: request.y - request.xb}, "xb", "(option xb assumed; fitted values)", depvar
    )
    estimation = Estimation({"": fit.design}, table, show, _weights(line), {"statistics": predicted}, sample.w)
    macros = {
        "cmd": "xtscc", "depvar": depvar, "title": "Regression with Driscoll-Kraay standard errors",
        "vcetype": "Drisc/Kraay", "method": fit.method, "groupvar": settings.panel, "predict": "xtscc_p",
    }  # fmt: skip
    store(session, line, estimation, sample=sample.rows, scalars=scalars, macros=macros)
    show()


def _weights(line: Line) -> tuple[str, str]:
    return (line.weight.kind, line.weight.expression) if line.weight is not None else ("", "")


def _model(line: Line) -> str:
    chosen = [name for name in ("fe", "re", "pooled") if line.flag(name)]
    if len(chosen) > 1:
        raise StataError(198, f"options {chosen[0]} and {chosen[1]} may not be combined")
    model = chosen[0] if chosen else "pooled"
    if model != "pooled" and line.flag("noconstant"):
        raise StataError(198, f"option noconstant may not be combined with {model}")
    return model


def _pooled(design: Design, X: FloatArray, y: FloatArray, w: FloatArray | None, *, constant: bool) -> _Fit:
    ls = least_squares(X, y, w, constant=constant)
    n = len(y)
    rmse = math.sqrt(ls.rss / (n - ls.rank)) if n > ls.rank else math.nan
    r2 = 1.0 - ls.rss / ls.tss if ls.tss > 0.0 else math.nan
    return _Fit("Pooled OLS", design, with_constant(X, constant), ls, {"r2": r2, "rmse": rmse})


def _fixed(design: Design, X: FloatArray, y: FloatArray, panels: Panels) -> _Fit:
    Xw, yw = within(X, panels), within(y, panels)
    ls = least_squares(Xw, yw, scales=own_scales(X, None))
    r2 = r_squared(X, y, ls.coefficients[:-1], panels).within
    return _Fit("Fixed-effects regression", design, with_constant(Xw, True), ls, {"r2_w": r2})


def _random(design: Design, X: FloatArray, y: FloatArray, panels: Panels) -> _Fit:
    gls = fit_random(X, y, panels)
    total = gls.sigma_u**2 + gls.sigma_e**2
    scalars = {
        "r2_o": r_squared(X, y, gls.ls.coefficients[:-1], panels).overall, "sigma_u": gls.sigma_u,
        "sigma_e": gls.sigma_e, "rho": gls.sigma_u**2 / total if total > 0.0 else math.nan,
    }  # fmt: skip
    return _Fit("Random-effects GLS regression", design, gls.X, gls.ls, scalars)


def _header(session: Session, fit: _Fit, scalars: dict[str, float], panel: str) -> None:
    log = session.log
    lag, rank = int(scalars["lag"]), int(scalars["df_m"])

    def line(left: str, label: str, value: str) -> None:
        log.line(f"{left:<49}{label:<17} = {value:>9}")

    log.line()
    line("Regression with Driscoll-Kraay standard errors", "Number of obs", f"{scalars['N']:.0f}")
    line(f"Method: {fit.method}", "Number of groups", f"{scalars['N_g']:.0f}")
    if "F" in scalars:
        line(f"Group variable (i): {panel}", f"F({rank:>3},{scalars['df_r']:>6.0f})", f"{scalars['F']:.2f}")
        line(f"maximum lag: {lag}", "Prob > F", f"{scalars['p']:.4f}")
    else:
        line(f"Group variable (i): {panel}", f"Wald chi2({rank})", f"{scalars['chi2']:.2f}")
        line(f"maximum lag: {lag}", "Prob > chi2", f"{scalars['p']:.4f}")
    for name, label in (("r2", "R-squared"), ("r2_w", "within R-squared"), ("r2_o", "overall R-squared"),
                        ("rmse", "Root MSE")):  # fmt: skip
        if name in scalars:
            line("", label, f"{scalars[name]:.4f}")
    log.line()
