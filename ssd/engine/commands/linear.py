"""regress: linear regression."""

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
    Vce,
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
from ssd.engine.errors import insufficient_observations, no_observations
from ssd.engine.missing import FloatArray
from ssd.engine.output.estimation import (
    CoefficientTable,
    Entry,
    cluster_note,
    count,
    f_entry,
    fixed,
    number,
    print_coefficients,
    print_header,
)
from ssd.engine.stats.covariance import frequency_meat, meat, sandwich, wald
from ssd.engine.stats.linear import LeastSquares, least_squares, leverage, with_constant

if TYPE_CHECKING:
    from ssd.engine.session import Session


@dataclass(frozen=True)
class LinearFit:
    """A regression with its covariance: everything the header of `regress` shows."""

    b: FloatArray
    V: FloatArray
    n: float
    df_m: int
    df_r: float
    F: float
    r2: float
    r2_a: float
    rmse: float
    mss: float
    rss: float
    ll: float
    ll_0: float
    rank: int
    residuals: FloatArray


def covariance(
    vce: Vce, X: FloatArray, ls: LeastSquares, sample: Sample, n: float, rank: int, *, constant: bool = True
) -> FloatArray:
    """Covariance of OLS/WLS coefficients with Stata's finite-sample corrections ([R] regress, Methods).

    X (n, k) without the constant. robust: n/(n-k); cluster: G/(G-1) (n-1)/(n-k); hc2, hc3 by leverage.
    """
    if sample.survey is not None:
        weighted = ls.residuals if sample.w is None else ls.residuals * sample.w
        return sandwich(ls.inverse, sample.survey.meat(with_constant(X, constant) * weighted[:, None], sample.rows))
    if not vce.is_robust:
        return ls.inverse * (ls.rss / (n - rank))
    full = with_constant(X, constant)
    e = ls.residuals
    w, f = sample.w, sample.frequencies
    if vce.kind in {"hc2", "hc3"}:
        h = leverage(full, ls.inverse, None if f is not None else w)
        shrink = np.sqrt(1.0 - h) if vce.kind == "hc2" else 1.0 - h
        scores = full * (e / shrink)[:, None]
        if f is not None:
            return sandwich(ls.inverse, frequency_meat(scores, f))
        return sandwich(ls.inverse, meat(scores if w is None else scores * w[:, None]))
    if vce.kind == "cluster":
        scores = full * (e if w is None else e * w)[:, None]
        groups = sample.n_clusters
        correction = groups / (groups - 1.0) * (n - 1.0) / (n - rank)
        return sandwich(ls.inverse, meat(scores, sample.clusters, groups), correction)
    correction = n / (n - rank)
    if f is not None:
        return sandwich(ls.inverse, frequency_meat(full * e[:, None], f), correction)
    return sandwich(ls.inverse, meat(full * (e if w is None else e * w)[:, None]), correction)


def gaussian_ll(rss: float, n: float) -> float:
    return -0.5 * n * (math.log(2.0 * math.pi) + math.log(rss / n) + 1.0) if rss > 0.0 and n > 0.0 else math.nan


def fit_linear(
    y: FloatArray,
    X: FloatArray,
    sample: Sample,
    vce: Vce,
    *,
    constant: bool = True,
    tss_constant: bool | None = None,
    solved: LeastSquares | None = None,
) -> LinearFit:
    """OLS or WLS of y on X (columns already independent)."""
    centred = constant if tss_constant is None else tss_constant
    ls = solved or least_squares(X, y, sample.w, constant=constant)
    n, rank = sample.n, ls.rank
    if n < rank or n <= 1:
        raise insufficient_observations() if n > 0 else no_observations()
    tss = ls.tss
    if centred != constant:
        w = np.ones(len(y)) if sample.w is None else sample.w
        tss = float(w @ (y - (w @ y / w.sum() if centred else 0.0)) ** 2)
    df_r: float = n - rank
    V = covariance(vce, X, ls, sample, n, rank, constant=constant) if df_r > 0 else np.zeros_like(ls.inverse)
    df_m = rank - int(constant)
    mss = tss - ls.rss
    s2 = ls.rss / df_r if df_r > 0 else math.nan
    k = X.shape[1]
    test_df = float(sample.n_clusters - 1) if vce.kind == "cluster" else df_r
    if df_m == 0:
        F = 0.0 if not vce.is_robust else math.nan
    elif vce.is_robust:
        W, rank_v = wald(ls.coefficients[:k], V[:k, :k])
        F = W / df_m if rank_v == df_m else math.nan
    else:
        F = mss / df_m / s2 if s2 and s2 > 0 else math.nan
    r2 = mss / tss if tss > 0 else math.nan
    denominator = n - (1.0 if centred else 0.0)
    r2_a = 1.0 - (1.0 - r2) * denominator / df_r if df_r > 0 else math.nan
    ll_0 = gaussian_ll(tss, n)
    return LinearFit(
        ls.coefficients, V, n, df_m, test_df, F, r2, r2_a, math.sqrt(s2) if not math.isnan(s2) else math.nan, mss,
        ls.rss,
        gaussian_ll(ls.rss, n), ll_0, rank, ls.residuals,
    )  # fmt: skip


@command(
    "regress",
    "[varlist(numeric fv ts default=none)] [if] [in] [aweight fweight iweight pweight] [, noCONStant HAScons "
    "TSSCONS vce(string) Robust CLuster(varname) Level(cilevel) Beta noHEader noTABle EForm(string) "
    "DEPname(string) BASElevels ]",
    minimum=3,
    by="recall",
    stored="e(N) e(mss) e(df_m) e(rss) e(df_r) e(r2) e(r2_a) e(F) e(rmse) e(ll) e(ll_0) e(N_clust) e(rank) "
    "e(cmd) e(cmdline) e(depvar) e(model) e(vce) e(vcetype) e(clustvar) e(title) e(predict) e(b) e(V) e(beta) "
    "r(table)",
    refused="vce(hc2 clustvar)",
)
def regress(session: Session, line: Line) -> None:
    """Linear regression by (weighted) least squares."""
    if replay(session, line, "regress"):
        return
    level = level_of(session, line)
    vce = parse_vce(session, line, ("ols", "robust", "cluster", "hc2", "hc3"), "ols")
    source = SessionSource(session)
    outcome, terms = outcome_and_terms(session, line.varlist)
    sample = take_sample(session, line, source, [(outcome,), *terms], vce)
    weight_note(session, sample, line)
    constant = not line.flag("noconstant") and not line.flag("hascons")
    regressors = build_regressors(session, source, terms, sample, constant=constant, check=False)
    y = source.get(outcome.variable, outcome.operator)[sample.rows]
    solved = least_squares(regressors.X, y, sample.w, constant=constant)
    if not solved.kept.all():
        before = len(regressors.design.notes)
        regressors.design.omit(solved.kept)
        for note in regressors.design.notes[before:]:
            session.log.line(note)
        regressors.X = regressors.X[:, solved.kept]
        solved = least_squares(regressors.X, y, sample.w, constant=constant)
    centred = constant or line.flag("hascons") or line.flag("tsscons")
    fit = fit_linear(y, regressors.X, sample, vce, constant=constant, tss_constant=centred, solved=solved)
    design = regressors.design
    depvar = operated_name(outcome)
    eform = line.text_option("eform")
    table = CoefficientTable(
        design.names, design.expand(fit.b), design.expand(fit.V), depvar, fit.df_r, level, vce.heading,
        coefficient_heading=eform or "Coefficient", eform=bool(eform),
        empty=frozenset(c.name for c in design.columns if c.status == "empty"),
        base_levels=line.flag("baselevels"), data=session.data,
    )  # fmt: skip

    def show() -> None:
        if not line.flag("noheader"):
            print_linear_header(session, fit, vce, sample)
        if not line.flag("notable"):
            print_coefficients(session.log, table)

    if line.flag("beta"):
        table.betas = design.expand(_betas(regressors.X, y, fit.b, sample.w, solved, constant))
    estimation = Estimation({"": design}, table, show, _weight_text(line), normalised=sample.w)
    estimation.predictions["rmse"] = fit.rmse
    scalars = {
        "N": fit.n, "df_m": float(fit.df_m), "df_r": fit.df_r, "F": fit.F, "r2": fit.r2, "rmse": fit.rmse,
        "mss": fit.mss, "rss": fit.rss, "r2_a": fit.r2_a, "ll": fit.ll, "ll_0": fit.ll_0, "rank": float(fit.rank),
    }  # fmt: skip
    if vce.kind == "cluster":
        scalars["N_clust"] = float(sample.n_clusters)
    macros = {
        "cmd": "regress", "title": "Linear regression", "model": "ols", "depvar": depvar,
        "predict": "regres_p", "estat_cmd": "regress_estat", "marginsok": "XB default", "asbalanced": "",
        **vce_macros(vce, "ols"),
    }  # fmt: skip
    store(session, line, estimation, sample=sample.rows, scalars=scalars, macros=macros)
    show()


def _weight_text(line: Line) -> tuple[str, str]:
    return (line.weight.kind, line.weight.expression) if line.weight is not None else ("", "")


def _betas(
    X: FloatArray, y: FloatArray, b: FloatArray, w: FloatArray | None, solved: LeastSquares, constant: bool
) -> FloatArray:
    """Standardised coefficients b sd(x)/sd(y)."""

    def spread(values: FloatArray) -> float:
        # einsum: threads of a BLAS dot product cost more than they save on one column.
        if w is None:
            apart = values - values.mean()
            return float(np.sqrt(np.einsum("i,i->", apart, apart)))
        apart = values - w @ values / w.sum()
        return float(np.sqrt(np.einsum("i,i,i->", w, apart, apart)))

    k = X.shape[1]
    if constant:
        scale, spreads = float(np.sqrt(solved.tss)), solved.spread
    else:
        scale, spreads = spread(y), np.array([spread(X[:, j]) for j in range(k)])
    betas = b[:k] * spreads / scale if scale > 0 else np.full(k, np.nan)
    return np.append(betas, np.nan) if constant else betas


def print_linear_header(session: Session, fit: LinearFit, vce: Vce, sample: Sample) -> None:
    log = session.log
    log.line()
    if vce.is_robust:
        entries = [Entry("Number of obs", count(fit.n)), *f_entry(fit.df_m, fit.df_r, fit.F)]
        entries += [Entry("R-squared", f"{fit.r2:.4f}"), Entry("Root MSE", number(fit.rmse, "%7.0g"))]
        print_header(log, ["Linear regression"], entries, label_width=17, value_width=10)
        log.line()
        if vce.kind == "cluster":
            log.line(f"{cluster_note(sample.n_clusters, vce.cluster):>78}")
        return
    df_r = fit.n - fit.rank
    total = fit.mss + fit.rss
    entries = [Entry("Number of obs", count(fit.n)), *f_entry(fit.df_m, df_r, fit.F)]
    entries += [Entry("R-squared", fixed(fit.r2, 4)), Entry("Adj R-squared", fixed(fit.r2_a, 4))]
    entries.append(Entry("Root MSE", number(fit.rmse, "%7.0g")))
    right = [f"{entry.label:<15} = {entry.value:>9}" for entry in entries]
    rule = "-" * 13 + "+" + "-" * 34
    rows = [
        "      Source |       SS           df       MS     ",
        rule,
        _anova("Model", fit.mss, fit.df_m),
        _anova("Residual", fit.rss, df_r),
        rule,
        _anova("Total", total, fit.df_m + df_r),
    ]
    log.line(f"{rows[0]} {right[0]}".rstrip())
    for text, entry in zip(rows[1:], right[1:], strict=True):
        log.line(f"{text:<48}   {entry}" if len(text) <= 48 else f"{text} {entry}")
    log.line()


def _anova(name: str, ss: float, df: float) -> str:
    ms = ss / df if df > 0 else math.nan
    return f"{name:>12} | {number(ss, '%11.0g'):>11}{df:>10,.0f} {number(ms, '%11.0g'):>11}"
