"""rreg: robust regression."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ssd.engine.commands.declare import Line, command
from ssd.engine.commands.estimation import (
    Estimation,
    SessionSource,
    Vce,
    build_regressors,
    finish_sample,
    level_of,
    marked_sample,
    operated_name,
    outcome_and_terms,
    replay,
    store,
    take_sample,
)
from ssd.engine.commands.linear import fit_linear
from ssd.engine.commands.postestimation_statistics import Statistics
from ssd.engine.data.names import check_name
from ssd.engine.errors import StataError, already_defined, insufficient_observations
from ssd.engine.missing import MISSING, FloatArray
from ssd.engine.output.estimation import (
    CoefficientTable,
    Entry,
    count,
    f_entry,
    number,
    print_coefficients,
    print_header,
)
from ssd.engine.stats.linear import symmetric_inverse
from ssd.engine.stats.robust_regression import RobustFit, outliers, robust_fit

if TYPE_CHECKING:
    from ssd.engine.commands.postestimation_predict import Request
    from ssd.engine.session import Session


@command(
    "rreg",
    "[varlist(numeric fv ts default=none)] [if] [in] [, Tune(real 7) GENwt(name) TOLerance(real 0.01) "
    "ITERate(integer 1000) noLOg Level(cilevel) BASElevels]",
    by="recall",
    stored="e(N) e(mss) e(df_m) e(rss) e(df_r) e(r2) e(r2_a) e(F) e(rmse) e(cmd) e(depvar) e(genwt) e(title) e(model) "
    "e(predict) e(b) e(V) r(table)",
    refused="graph",
)
def rreg(session: Session, line: Line) -> None:
    """Robust regression: Huber and biweight weights, pseudovalue standard errors."""
    if replay(session, line, "rreg"):
        return
    level = level_of(session, line)
    tune, tolerance = _positive(line, "tune"), _positive(line, "tolerance")
    weights_name = line.text_option("genwt")
    if weights_name:
        check_name(weights_name)
        if weights_name in session.data.variables:
            raise already_defined(weights_name)
    source = SessionSource(session)
    outcome, terms = outcome_and_terms(session, line.varlist)
    sample = take_sample(session, line, source, [(outcome,), *terms])
    regressors = build_regressors(session, source, terms, sample)
    y = source.get(outcome.variable, outcome.operator)[sample.rows]
    _require_more(len(y), regressors.X)
    gross = outliers(regressors.X, y)
    if gross.any():
        rows = sample.rows.copy()
        rows[np.flatnonzero(rows)[gross]] = False
        sample = finish_sample(session, rows, None, "", None)
        regressors = build_regressors(session, source, terms, sample)
        y = y[~gross]
        _require_more(len(y), regressors.X)
    fit = robust_fit(regressors.X, y, tune, tolerance, int(str(line.options["iterate"])))
    if not line.flag("nolog"):
        _iterations(session, fit)
    # The pseudovalues differ from the outcome, so the least-squares fit is handed over as solved.
    pseudo = fit.pseudo.residuals + _fitted(regressors.X, fit)
    linear = fit_linear(pseudo, regressors.X, sample, Vce("ols"), solved=fit.pseudo)
    design, depvar = regressors.design, operated_name(outcome)
    table = CoefficientTable(
        design.names, design.expand(linear.b), design.expand(linear.V), depvar, linear.df_r, level,
        empty=frozenset(c.name for c in design.columns if c.status == "empty"),
        base_levels=line.flag("baselevels"), data=session.data,
    )  # fmt: skip

    def show() -> None:
        session.log.line()
        entries = [Entry("Number of obs", count(linear.n)), *f_entry(linear.df_m, linear.df_r, linear.F)]
        print_header(session.log, ["Robust regression"], entries, label_width=15, value_width=10)
        session.log.line()
        print_coefficients(session.log, table)

    estimation = Estimation({"": design}, table, show, ("", ""), {"statistics": _statistics(depvar)})
    scalars = {
        "N": linear.n, "mss": linear.mss, "df_m": float(linear.df_m), "rss": linear.rss, "df_r": linear.df_r,
        "r2": linear.r2, "r2_a": linear.r2_a, "F": linear.F, "rmse": linear.rmse, "rank": float(linear.rank),
    }  # fmt: skip
    macros = {
        "cmd": "rreg", "depvar": depvar, "title": "Robust regression", "model": "ols", "genwt": weights_name or "",
        "predict": "rreg_p", "vce": "ols", "marginsok": "XB default",
    }  # fmt: skip
    store(session, line, estimation, sample=sample.rows, scalars=scalars, macros=macros)
    if weights_name:
        values = np.full(session.data.n_obs, MISSING)
        values[sample.rows] = fit.weights
        session.data.add(weights_name, values, "double", label="Robust Regression Weight")
    show()


def _positive(line: Line, name: str) -> float:
    value = float(str(line.options[name]))
    if value <= 0.0:
        raise StataError(198, f"{name}() must be positive")
    return value


def _require_more(n: int, X: FloatArray) -> None:
    if n <= X.shape[1] + 1:
        raise insufficient_observations()


def _fitted(X: FloatArray, fit: RobustFit) -> FloatArray:
    b = fit.pseudo.coefficients
    return np.asarray(X @ b[:-1] + b[-1], dtype=np.float64)


def _iterations(session: Session, fit: RobustFit) -> None:
    log = session.log
    log.line()
    for index, change in enumerate((*fit.huber, *fit.biweight), 1):
        stage = "Huber" if index <= len(fit.huber) else "Biweight"
        log.line(f"{stage:>8} iteration {index}:  Maximum difference in weights = {number(change, '%10.0g')}")


def _statistics(depvar: str) -> Statistics:
    def leverage_of(request: Request) -> FloatArray:
        X = request.linear.matrix(request.rows)
        sample = marked_sample(request.session)
        inverse = symmetric_inverse(np.asarray((full := request.linear.matrix(sample)).T @ full))
        return np.asarray(np.einsum("ij,ij->i", X @ inverse, X), dtype=np.float64)

    return Statistics(
        {"residuals": lambda r: r.y - r.xb, "leverage": leverage_of}, "xb", "(option xb assumed; fitted values)",
        depvar, in_sample=frozenset({"leverage"}),
    )  # fmt: skip
