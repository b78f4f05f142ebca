"""areg: regression with one absorbed effect."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from ssd.engine.commands.declare import Line, command
from ssd.engine.commands.estimation import (
    Estimation,
    Sample,
    Vce,
    level_of,
    parse_vce,
    replay,
    store,
    vce_macros,
)
from ssd.engine.commands.panel import estimation_sample, within_regressors
from ssd.engine.errors import StataError, insufficient_observations
from ssd.engine.missing import FloatArray
from ssd.engine.output.estimation import (
    CoefficientTable,
    Entry,
    cluster_note,
    count,
    f_entry,
    print_coefficients,
    print_header,
)
from ssd.engine.stats.arithmetic import logarithm, quotient
from ssd.engine.stats.covariance import frequency_meat, meat, sandwich, wald
from ssd.engine.stats.distributions import f_tail
from ssd.engine.stats.linear import LeastSquares, least_squares, with_constant
from ssd.engine.stats.panel import (
    Panels,
    fit_within,
    within,
)

if TYPE_CHECKING:
    from ssd.engine.session import Session


@command(
    "areg",
    "[varlist(numeric fv ts default=none)] [if] [in] [aweight fweight pweight] [, Absorb(varname) vce(string) Robust "
    "CLuster(varname) Level(cilevel) BASElevels noHEader noTABle]",
    by="recall",
    stored="e(N) e(mss) e(rss) e(df_m) e(df_r) e(df_a) e(k_absorb) e(F) e(F_absorb) e(r2) e(r2_a) e(rmse) e(ll) "
    "e(ll_0) e(N_clust) e(absvar) e(b) e(V) r(table)",
    refused="absorb() of several variables, vce(bootstrap), vce(jackknife)",
)
def areg(session: Session, line: Line) -> None:
    """Linear regression with a large dummy-variable set absorbed."""
    if replay(session, line, "areg"):
        return
    absorbed = line.text_option("absorb")
    if not absorbed:
        raise StataError(198, "option absorb() required")
    level = level_of(session, line)
    vce = parse_vce(session, line, ("ols", "robust", "cluster"), "ols")
    source, depvar, y, sample, terms, panels = estimation_sample(session, line, vce, absorbed)
    design, X = within_regressors(session, source, terms, sample, panels)
    w, n, k, groups = sample.w, sample.n, X.shape[1], panels.count
    ls = fit_within(X, y, panels, w)
    df_e = n - groups - k
    if df_e <= 0:
        raise insufficient_observations()
    s2 = ls.rss / df_e
    weights = np.ones(len(y)) if w is None else w
    tss = float(weights @ (y - weights @ y / weights.sum()) ** 2)
    V = _absorbed_covariance(ls, X, panels, sample, vce, n, df_e, s2)
    df_r = float(sample.n_clusters - 1) if vce.kind == "cluster" else df_e
    if vce.is_robust:
        W, rank = wald(ls.coefficients[:k], V[:k, :k])
        F = W / k if k and rank == k else math.nan
    else:
        F = quotient((ls.tss - ls.rss) / k, s2) if k else 0.0
    pooled = least_squares(X, y, w)
    F_absorb = quotient((pooled.rss - ls.rss) / (groups - 1), s2) if groups > 1 else math.nan
    r2 = 1.0 - quotient(ls.rss, tss)
    r2_a = 1.0 - (1.0 - r2) * (n - 1.0) / df_e
    effects = panels.means(y, w) - panels.means(X, w) @ ls.coefficients[:k] - ls.coefficients[k]
    table = CoefficientTable(
        design.names, design.expand(ls.coefficients), design.expand(V), depvar, df_r, level, vce.heading,
        empty=frozenset(c.name for c in design.columns if c.status == "empty"), base_levels=line.flag("baselevels"),
        data=session.data,
    )  # fmt: skip

    def show() -> None:
        log = session.log
        if not line.flag("noheader"):
            log.line()
            entries = [Entry("Number of obs", count(n)), Entry("No. of categories", count(float(groups)))]
            entries += f_entry(k, df_r, F)
            entries += [Entry("R-squared", f"{r2:.4f}"), Entry("Adj R-squared", f"{r2_a:.4f}")]
            entries.append(Entry("Root MSE", f"{math.sqrt(s2):.4f}"))
            left = ["Linear regression, absorbing indicators", f"Absorbed variable: {absorbed}"]
            print_header(log, left, entries, label_width=17, value_width=10)
            log.line()
            if vce.kind == "cluster":
                log.line(f"{cluster_note(sample.n_clusters, vce.cluster):>78}")
        if not line.flag("notable"):
            print_coefficients(log, table)
            if not vce.is_robust:
                text = f"F test of absorbed indicators: F({groups - 1:.0f}, {df_e:.0f}) = {F_absorb:.3f}"
                log.line(text + f"Prob > F = {f_tail(F_absorb, groups - 1, df_e):.3f}".rjust(78 - len(text)))

    estimation = Estimation(
        {"": design}, table, show, (line.weight.kind, line.weight.expression) if line.weight else ("", ""),
        {"kind": "areg", "effects": effects, "ivar": absorbed}, w,
    )  # fmt: skip
    scalars = {
        "N": n, "mss": tss - ls.rss, "rss": ls.rss, "df_m": float(k), "df_r": df_r, "df_a": float(groups - 1),
        "k_absorb": float(groups), "F": F, "F_absorb": F_absorb, "r2": r2, "r2_a": r2_a, "rmse": math.sqrt(s2),
        "tss": tss, "rank": float(k + 1), "p": f_tail(F, k, df_r),
        "ll": -0.5 * n * (math.log(2 * math.pi) + logarithm(ls.rss / n) + 1.0),
        "ll_0": -0.5 * n * (math.log(2 * math.pi) + logarithm(tss / n) + 1.0),
    }  # fmt: skip
    if vce.kind == "cluster":
        scalars["N_clust"] = float(sample.n_clusters)
    macros = {
        "cmd": "areg", "depvar": depvar, "absvar": absorbed, "model": "ols",
        "title": "Linear regression, absorbing indicators",
        "predict": "areg_p", "estat_cmd": "areg_estat", **vce_macros(vce, "ols"),
    }  # fmt: skip
    store(session, line, estimation, sample=sample.rows, scalars=scalars, macros=macros)
    show()


def _absorbed_covariance(
    ls: LeastSquares,
    X: FloatArray,
    panels: Panels,
    sample: Sample,
    vce: Vce,
    n: float,
    df_e: float,
    s2: float,
) -> FloatArray:
    """Robust and clustered corrections count the absorbed indicators."""
    if not vce.is_robust:
        return ls.inverse * s2
    full = with_constant(within(X, panels, sample.w))
    if vce.kind == "cluster":
        scores = full * (ls.residuals if sample.w is None else ls.residuals * sample.w)[:, None]
        G = sample.n_clusters
        return sandwich(ls.inverse, meat(scores, sample.clusters, G), G / (G - 1.0) * (n - 1.0) / df_e)
    if sample.frequencies is not None:
        return sandwich(ls.inverse, frequency_meat(full * ls.residuals[:, None], sample.frequencies), n / df_e)
    scores = full * (ls.residuals if sample.w is None else ls.residuals * sample.w)[:, None]
    return sandwich(ls.inverse, meat(scores), n / df_e)
