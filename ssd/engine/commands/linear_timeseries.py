"""newey: regression with Newey–West standard errors."""

from __future__ import annotations

import math
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
from ssd.engine.data.timeseries import require_time
from ssd.engine.errors import StataError, insufficient_observations
from ssd.engine.missing import FloatArray
from ssd.engine.output.estimation import (
    CoefficientTable,
    Entry,
    count,
    f_entry,
    print_coefficients,
    print_header,
)
from ssd.engine.stats.covariance import sandwich, wald
from ssd.engine.stats.distributions import f_tail
from ssd.engine.stats.linear import least_squares, with_constant

if TYPE_CHECKING:
    from ssd.engine.session import Session


def newey_meat(scores: FloatArray, panels: FloatArray, lags: int) -> FloatArray:
    """Bartlett-weighted sum of autocovariances of scores within panels, lags by position in time order."""
    total = scores.T @ scores
    for lag in range(1, lags + 1):
        same = panels[lag:] == panels[:-lag]
        left, right = scores[lag:][same], scores[:-lag][same]
        cross = left.T @ right
        total = total + (1.0 - lag / (lags + 1.0)) * (cross + cross.T)
    return total


@command(
    "newey",
    "[varlist(numeric fv ts default=none)] [if] [in] [aweight] [, LAG(integer -1) noCONStant Level(cilevel) FORCE "
    "BASElevels]",
    by="recall",
    stored="e(N) e(df_m) e(df_r) e(F) e(lag) e(rank) e(cmd) e(vcetype) e(b) e(V) r(table)",
)
def newey(session: Session, line: Line) -> None:
    """Linear regression with Newey–West (HAC) standard errors."""
    if replay(session, line, "newey"):
        return
    lags = line.options.get("lag")
    if not isinstance(lags, int) or lags < 0:
        raise StataError(198, "option lag() required")
    level = level_of(session, line)
    settings = require_time(session.data)
    source = SessionSource(session)
    outcome, terms = outcome_and_terms(session, line.varlist)
    extra = [settings.time, *([settings.panel] if settings.panel else [])]
    sample = take_sample(session, line, source, [(outcome,), *terms], None, extra)
    constant = not line.flag("noconstant")
    regressors = build_regressors(session, source, terms, sample, constant=constant)
    design, X = regressors.design, regressors.X
    y = source.get(outcome.variable, outcome.operator)[sample.rows]
    time = source.get(settings.time)[sample.rows]
    panel = source.get(settings.panel)[sample.rows] if settings.panel else np.zeros(len(y))
    gaps = np.diff(time)[panel[1:] == panel[:-1]]
    if lags and np.any(gaps != settings.delta) and not line.flag("force"):
        raise StataError(198, f"{settings.time} is not regularly spaced")
    ls = least_squares(X, y, sample.w, constant=constant)
    n, k = sample.n, ls.rank
    if n <= k:
        raise insufficient_observations()
    weights = np.ones(len(y)) if sample.w is None else sample.w
    scores = with_constant(X, constant) * (ls.residuals * weights)[:, None]
    V = sandwich(ls.inverse, newey_meat(scores, panel, lags), n / (n - k))
    df_m = k - int(constant)
    df_r = n - k
    W, rank = wald(ls.coefficients[:df_m], V[:df_m, :df_m]) if df_m else (0.0, 0)
    F = W / df_m if df_m and rank == df_m else math.nan
    depvar = operated_name(outcome)
    table = CoefficientTable(
        design.names, design.expand(ls.coefficients), design.expand(V), depvar, df_r, level, "Newey–West",
        base_levels=line.flag("baselevels"), data=session.data,
    )  # fmt: skip

    def show() -> None:
        log = session.log
        log.line()
        entries = [Entry("Number of obs", count(n)), *f_entry(df_m, df_r, F)]
        left = ["Regression with Newey–West standard errors", f"Maximum lag = {lags}"]
        print_header(log, left, entries, label_width=17, value_width=10)
        log.line()
        print_coefficients(log, table)

    estimation = Estimation({"": design}, table, show, ("", ""), {}, sample.w)
    scalars = {"N": n, "df_m": float(df_m), "df_r": df_r, "F": F, "lag": float(lags), "rank": float(k),
               "p": f_tail(F, df_m, df_r)}  # fmt: skip
    macros = {"cmd": "newey", "depvar": depvar, "title": "Regression with Newey–West standard errors",
              "vcetype": "Newey–West", "predict": "newey_p"}  # fmt: skip
    store(session, line, estimation, sample=sample.rows, scalars=scalars, macros=macros)
    show()
