"""cnsreg: constrained linear regression."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from ssd.engine.commands.constraints import constraints_of
from ssd.engine.commands.declare import Line, command
from ssd.engine.commands.estimation import (
    Estimation,
    SessionSource,
    build_regressors,
    level_of,
    operated_name,
    outcome_and_terms,
    parse_vce,
    replay,
    store,
    take_sample,
    vce_macros,
    weight_note,
)
from ssd.engine.commands.postestimation_statistics import Statistics
from ssd.engine.errors import StataError
from ssd.engine.output.estimation import (
    CoefficientTable,
    Entry,
    cluster_note,
    count,
    f_entry,
    number,
    print_coefficients,
    print_header,
)
from ssd.engine.stats.covariance import frequency_meat, meat, wald
from ssd.engine.stats.distributions import f_tail
from ssd.engine.stats.linear import symmetric_inverse, with_constant

if TYPE_CHECKING:
    from ssd.engine.session import Session


@command(
    "cnsreg",
    "[varlist(numeric fv ts default=none)] [if] [in] [aweight fweight iweight pweight] [, Constraints(numlist) "
    "noCONStant vce(string) Robust CLuster(varname) Level(cilevel) BASElevels]",
    minimum=6,
    by="recall",
    stored="e(N) e(df_m) e(df_r) e(F) e(rmse) e(ll) e(rank) e(p) e(N_clust) e(cmd) e(depvar) e(vce) e(b) e(V) r(table)",
    refused="collinear, mse1, noheader, notable",
)
def cnsreg(session: Session, line: Line) -> None:
    """Constrained linear regression."""
    if replay(session, line, "cnsreg"):
        return
    level = level_of(session, line)
    vce = parse_vce(session, line, ("ols", "robust", "cluster"), "ols")
    source = SessionSource(session)
    outcome, terms = outcome_and_terms(session, line.varlist)
    sample = take_sample(session, line, source, [(outcome,), *terms], vce)
    weight_note(session, sample, line)
    constant = not line.flag("noconstant")
    regressors = build_regressors(session, source, terms, sample, constant=constant)
    design = regressors.design
    restrictions = constraints_of(session, line, design.names, design.active)
    if restrictions is None:
        raise StataError(198, "option constraints() required")
    X = with_constant(regressors.X, constant)
    y = source.get(outcome.variable, outcome.operator)[sample.rows]
    w = np.ones(len(y)) if sample.w is None else sample.w
    T, a = restrictions.pair
    XT = X @ T
    inverse = symmetric_inverse(XT.T @ (XT * w[:, None]))
    free = inverse @ (XT.T @ (w * (y - X @ a)))
    b = T @ free + a
    e = y - X @ b
    n, p = sample.n, T.shape[1]
    rss = float(w @ e**2)
    df_r = n - p
    if df_r <= 0:
        raise StataError(2001, "insufficient observations")
    bread = T @ inverse @ T.T
    if vce.kind == "cluster":
        G = sample.n_clusters
        V = bread @ meat(X * (e * w)[:, None], sample.clusters, G) @ bread * (G / (G - 1.0) * (n - 1.0) / df_r)
        df_r = G - 1.0
    elif vce.kind == "robust":
        own = sample.frequencies
        filling = meat(X * (e * w)[:, None]) if own is None else frequency_meat(X * e[:, None], own)
        V = bread @ filling @ bread * (n / df_r)
    else:
        V = bread * (rss / df_r)
    slopes = slice(0, X.shape[1] - int(constant))
    chi2, df_m = wald(b[slopes], V[slopes, slopes])
    F = chi2 / df_m if df_m else math.nan
    rmse = math.sqrt(rss / (n - p))
    depvar = operated_name(outcome)
    table = CoefficientTable(
        design.names, design.expand(b), design.expand(V), depvar, df_r, level, vce.heading,
        base_levels=line.flag("baselevels"), data=session.data,
        constrained=frozenset(
            name for name, v, on in zip(design.names, np.diag(design.expand(V)), design.active, strict=True)
            if on and v <= 1e-20 * float(np.diag(V).max())
        ),
    )  # fmt: skip

    def show() -> None:
        log = session.log
        log.line()
        entries = [Entry("Number of obs", count(n)), *f_entry(df_m, df_r, F), Entry("Root MSE", number(rmse, "%7.0g"))]
        print_header(log, ["Constrained linear regression"], entries, label_width=17, value_width=10)
        log.line()
        for text in restrictions.lines:
            log.line(text)
        if vce.kind == "cluster":
            log.line(f"{cluster_note(sample.n_clusters, vce.cluster):>78}")
        print_coefficients(log, table)

    weights = (line.weight.kind, line.weight.expression) if line.weight is not None else ("", "")
    estimation = Estimation({"": design}, table, show, weights, {"rmse": rmse}, sample.w)
    estimation.predictions["statistics"] = Statistics(
        {"residuals": lambda r: r.y - r.xb}, "xb", "(option xb assumed; fitted values)", depvar
    )
    scalars = {
        "N": n, "df_m": float(df_m), "df_r": df_r, "F": F, "rmse": rmse, "rank": float(p), "p": f_tail(F, df_m, df_r),
        "ll": -0.5 * n * (math.log(2.0 * math.pi) + math.log(rss / n) + 1.0),
    }  # fmt: skip
    if vce.kind == "cluster":
        scalars["N_clust"] = float(sample.n_clusters)
    macros = {"cmd": "cnsreg", "title": "Constrained linear regression", "depvar": depvar, "predict": "cnsreg_p",
              **vce_macros(vce, "ols")}  # fmt: skip
    store(session, line, estimation, sample=sample.rows, scalars=scalars, macros=macros)
    show()
