"""prais: regression with first-order autoregressive errors."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from ssd.engine.commands.declare import Line, command
from ssd.engine.commands.estimation import (
    Estimation,
    SessionSource,
    build_regressors,
    finish_sample,
    level_of,
    operated_name,
    outcome_and_terms,
    parse_vce,
    replay,
    store,
    take_sample,
    vce_macros,
)
from ssd.engine.commands.linear import LinearFit, fit_linear, print_linear_header
from ssd.engine.data.timeseries import require_time
from ssd.engine.errors import StataError, unsupported
from ssd.engine.missing import FloatArray
from ssd.engine.output.estimation import CoefficientTable, fixed, number, print_coefficients
from ssd.engine.stats.arithmetic import quotient
from ssd.engine.stats.linear import least_squares, with_constant

if TYPE_CHECKING:
    from ssd.engine.session import Session


def durbin_watson(e: FloatArray) -> float:
    return float(np.sum(np.diff(e) ** 2) / np.sum(e**2))


def _regress(e: FloatArray, k: int) -> float:
    return float(e[1:] @ e[:-1] / (e[:-1] @ e[:-1]))


def _forward(e: FloatArray, k: int) -> float:
    return float(e[:-1] @ e[1:] / (e[1:] @ e[1:]))


def _correlation(e: FloatArray, k: int) -> float:
    return float(e[1:] @ e[:-1] / (e @ e))


def _watson(e: FloatArray, k: int) -> float:
    return 1.0 - durbin_watson(e) / 2.0


def _theil(e: FloatArray, k: int) -> float:
    return _correlation(e, k) * (len(e) - k) / len(e)


def _nagar(e: FloatArray, k: int) -> float:
    n = len(e)
    return (_watson(e, k) * n**2 + k**2) / (n**2 - k**2)


_RHO: dict[str, tuple[int, Callable[[FloatArray, int], float]]] = {
    "regress": (3, _regress), "freg": (2, _forward), "tscorr": (2, _correlation), "dw": (2, _watson),
    "theil": (2, _theil), "nagar": (3, _nagar),
}  # fmt: skip
"""rhotype() with its shortest abbreviation ([TS] prais, Methods and formulas)."""


@command(
    "prais",
    "[varlist(numeric fv ts default=none)] [if] [in] [, CORc RHOtype(string) TWOstep noCONStant vce(string) Robust "
    "CLuster(varname) Level(cilevel) noDW noLOg ITERate(integer 300) TOLerance(real 1e-6) BASElevels SSEsearch]",
    minimum=4,
    by="recall",
    stored="e(N) e(N_clust) e(mss) e(df_m) e(rss) e(df_r) e(r2) e(r2_a) e(F) e(rmse) e(ll) e(rho) e(dw) e(dw_0) "
    "e(rank) e(tranmeth) e(rhotype) e(method) e(cmd) e(depvar) e(b) e(V) r(table)",
    refused="ssesearch, hascons, savespace, panels, samples with gaps",
)
def prais(session: Session, line: Line) -> None:
    """Prais–Winsten and Cochrane–Orcutt regression."""
    if replay(session, line, "prais"):
        return
    if line.flag("ssesearch"):
        raise unsupported("option ssesearch is")
    level = level_of(session, line)
    vce = parse_vce(session, line, ("ols", "robust", "cluster", "hc2", "hc3"), "ols")
    settings = require_time(session.data)
    if settings.panel:
        raise unsupported("prais with panel data is")
    rho_name, estimate = _rho_type(line)
    source = SessionSource(session)
    outcome, terms = outcome_and_terms(session, line.varlist)
    sample = take_sample(session, line, source, [(outcome,), *terms], vce, [settings.time])
    time = source.get(settings.time)[sample.rows]
    if np.any(np.diff(time) != settings.delta):
        raise unsupported("prais over gaps in the time variable is")
    constant = not line.flag("noconstant")
    regressors = build_regressors(session, source, terms, sample, constant=constant)
    y = source.get(outcome.variable, outcome.operator)[sample.rows]
    X = with_constant(regressors.X, constant)
    k = X.shape[1]
    first = least_squares(regressors.X, y, None, constant=constant)
    corc = line.flag("corc")
    limit = 1 if line.flag("twostep") else int(str(line.options["iterate"]))
    rho, b = 0.0, first.coefficients
    history = [0.0]
    transformed = (y, X)
    for _ in range(limit):
        new = estimate(y - X @ b, k)
        if not np.isfinite(new):
            raise StataError(2001, "insufficient observations")
        transformed = _transform(y, X, new, corc)
        b = least_squares(transformed[1], transformed[0], None, constant=False).coefficients
        history.append(new)
        change, rho = abs(new - rho), new
        if change <= float(str(line.options["tolerance"])):
            break
    if not line.flag("nolog"):
        session.log.line()
        for index, value in enumerate(history):
            session.log.line(f"{f'Iteration {index}:':<13} rho = {fixed(value, 4)}")
    rows = sample.rows.copy()
    if corc:
        rows[np.flatnonzero(rows)[0]] = False
    kept = finish_sample(session, rows, None, "", vce)
    fit = fit_linear(transformed[0], transformed[1], kept, vce, constant=False, tss_constant=constant)
    fit = _with_constant_counted(fit, vce.is_robust, constant)
    _finish(session, line, regressors.design, fit, kept, vce, level, operated_name(outcome), rho, rho_name,
            (durbin_watson(first.residuals), durbin_watson(fit.residuals)), corc)  # fmt: skip


def _rho_type(line: Line) -> tuple[str, Callable[[FloatArray, int], float]]:
    typed = line.text_option("rhotype") or "regress"
    for name, (least, function) in _RHO.items():
        if name.startswith(typed) and len(typed) >= least:
            return name, function
    raise StataError(198, f"rhotype({typed}) is not allowed")


def _transform(y: FloatArray, X: FloatArray, rho: float, corc: bool) -> tuple[FloatArray, FloatArray]:
    ty, tX = y[1:] - rho * y[:-1], X[1:] - rho * X[:-1]
    if corc:
        return ty, tX
    scale = np.sqrt(max(1.0 - rho * rho, 0.0))
    return np.append(scale * y[0], ty), np.vstack([scale * X[:1], tX])


def _with_constant_counted(fit: LinearFit, robust: bool, constant: bool) -> LinearFit:
    """The fit's tests with the transformed constant counted as a constant, as regress, hascons does."""
    from dataclasses import replace

    from ssd.engine.stats.covariance import wald

    if not constant:
        return fit
    df_m = fit.rank - 1
    if robust and df_m:
        W, rank = wald(fit.b[:-1], fit.V[:-1, :-1])
        F = W / df_m if rank == df_m else float("nan")
    else:
        F = quotient(fit.mss / df_m, quotient(fit.rss, fit.n - fit.rank)) if df_m else 0.0
    return replace(fit, df_m=df_m, F=F)


def _finish(
    session: Session, line: Line, design: object, fit: LinearFit, sample: object, vce: object, level: float,
    depvar: str, rho: float, rho_name: str, dw: tuple[float, float], corc: bool,
) -> None:  # fmt: skip
    from ssd.engine.commands.estimation import Sample, Vce
    from ssd.engine.stats.design import Design

    assert isinstance(design, Design)
    assert isinstance(sample, Sample)
    assert isinstance(vce, Vce)
    table = CoefficientTable(
        design.names, design.expand(fit.b), design.expand(fit.V), depvar, fit.df_r, level, vce.heading,
        base_levels=line.flag("baselevels"), data=session.data, no_footer=True,
    )  # fmt: skip
    method = "Cochrane–Orcutt" if corc else "Prais–Winsten"
    kind = "twostep" if line.flag("twostep") else "iterated"
    title = f"{method} AR(1) regression with {'twostep' if kind == 'twostep' else 'iterated'} estimates"

    def show() -> None:
        log = session.log
        log.line()
        log.line(title)
        print_linear_header(session, fit, vce, sample)
        print_coefficients(log, table)
        log.line("-" * (table.width + 1) + "+" + "-" * 64)
        log.line(f"{'rho':>{table.width}} |{number(rho):>11}")
        log.line("-" * (table.width + 66))
        if not line.flag("nodw"):
            log.line(f"Durbin–Watson statistic (original)    = {dw[0]:.6f}")
            log.line(f"Durbin–Watson statistic (transformed) = {dw[1]:.6f}")

    estimation = Estimation({"": design}, table, show, ("", ""), {"rmse": fit.rmse})
    scalars = {
        "N": fit.n, "df_m": float(fit.df_m), "df_r": fit.df_r, "F": fit.F, "r2": fit.r2, "rmse": fit.rmse,
        "mss": fit.mss, "rss": fit.rss, "r2_a": fit.r2_a, "ll": fit.ll, "rank": float(fit.rank), "rho": rho,
        "dw_0": dw[0], "dw": dw[1],
    }  # fmt: skip
    if vce.kind == "cluster":
        scalars["N_clust"] = float(sample.n_clusters)
    macros = {
        "cmd": "prais", "title": f"{method} AR(1) regression", "depvar": depvar, "method": kind, "rhotype": rho_name,
        "tranmeth": "corc" if corc else "prais", "predict": "prais_p", **vce_macros(vce, "ols"),
    }  # fmt: skip
    store(session, line, estimation, sample=sample.rows, scalars=scalars, macros=macros)
    show()
