"""estat firststage, overid and endogenous after ivregress ([R] ivregress postestimation)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from ssd.engine.commands.estimation import Vce, estimation_of
from ssd.engine.commands.instrumental import InstrumentalModel, first_stage
from ssd.engine.commands.linear import fit_linear
from ssd.engine.errors import StataError, unsupported
from ssd.engine.missing import FloatArray
from ssd.engine.output.estimation import number
from ssd.engine.results import Matrix, ResultSet
from ssd.engine.stats.arithmetic import quotient
from ssd.engine.stats.covariance import sum_by_group, wald
from ssd.engine.stats.distributions import chi2_tail, f_tail
from ssd.engine.stats.linear import least_squares, symmetric_inverse
from ssd.engine.stats.stock_yogo import critical_values

if TYPE_CHECKING:
    from ssd.engine.session import Session


def _model(session: Session) -> InstrumentalModel:
    model = estimation_of(session).predictions.get("model")
    if session.e.macros.get("cmd") != "ivregress" or not isinstance(model, InstrumentalModel):
        raise StataError(321, "estat subcommand not valid after this command")
    return model


def first_stage_statistics(session: Session, typed: dict[str, str]) -> None:
    """R-squared, partial R-squared and F of the excluded instruments; the minimum eigenvalue statistic."""
    model = _model(session)
    if "all" in typed:
        raise unsupported("option all of estat firststage is")
    w, n = model.sample.w, model.sample.n
    k2 = model.instruments.shape[1]
    rows = []
    log = session.log
    if not model.endogenous_names or not model.instruments.shape[1]:
        raise StataError(198, "the model has no endogenous regressors with instruments")
    for position, name in enumerate(model.endogenous_names):
        fit = first_stage(model, position)
        x = model.endogenous[:, position]
        reduced = least_squares(model.exogenous, x, w, constant=model.constant)
        partial = 1.0 - quotient(fit.rss, reduced.rss)
        start = model.exogenous.shape[1]
        index = slice(start, start + k2)
        W, _ = wald(fit.b[index], fit.V[index, index])
        F = W / k2
        rows.append((name, fit.r2, fit.r2_a, partial, F, f_tail(F, k2, fit.df_r), fit.df_r))
    df_r = rows[0][6]
    robust = model.vce.is_robust
    log.line()
    log.line("  First-stage regression summary statistics")
    width = 74
    log.line("  " + "-" * width)
    label = "Robust" if robust else ""
    log.line(f"               |            Adjusted      Partial   {label:>9}")
    log.line(f"      Variable |   R-sq.       R-sq.        R-sq.{f'F({k2},{df_r:.0f})':>14}   Prob > F")
    log.line("  -------------+" + "-" * (width - 14))
    for name, r2, r2_a, partial, F, p, _ in rows:
        log.line(f"  {name[:12]:>12} |{r2:8.4f}{r2_a:12.4f}{partial:13.4f}{number(F, '%8.0g'):>14}{p:10.4f}")
    log.line("  " + "-" * width)
    results = ResultSet()
    single = np.array([[r[1], r[2], r[3], r[4], float(k2), r[6], r[5]] for r in rows])
    results.matrices["singleresults"] = Matrix(
        single, [r[0] for r in rows], ["r2", "ar2", "pr2", "F", "df", "df_r", "pvalue"]
    )
    if not robust:
        eigenvalue = _minimum_eigenvalue(model)
        results.scalars["mineig"] = eigenvalue
        log.line()
        log.line()
        log.line(f"  Minimum eigenvalue statistic = {number(eigenvalue, '%12.6g'):<12}")
        log.line()
        _critical_values(session, model, k2)
    elif len(rows) == 1:
        log.line()
    results.scalars["N"] = n
    session.r = results


def _minimum_eigenvalue(model: InstrumentalModel) -> float:
    """Cragg and Donald's statistic."""
    w = model.sample.w
    weights = np.ones(len(model.y)) if w is None else w
    full = np.column_stack([model.exogenous, model.instruments])

    def residuals(X: FloatArray) -> FloatArray:
        fits = [least_squares(X, column, w, constant=model.constant).residuals for column in model.endogenous.T]
        return np.column_stack(fits)

    on_x, on_z = residuals(model.exogenous), residuals(full)
    A = on_x.T @ (on_x * weights[:, None])
    B = on_z.T @ (on_z * weights[:, None])
    k = full.shape[1] + int(model.constant)
    S = B / (model.sample.n - k)
    L = np.linalg.inv(np.linalg.cholesky(S))
    return float(np.linalg.eigvalsh(L @ (A - B) @ L.T).min() / model.instruments.shape[1])


def _critical_values(session: Session, model: InstrumentalModel, k2: int) -> None:
    endogenous = model.endogenous.shape[1]
    sizes = [critical_values(table, endogenous, k2) for table in ("size_2sls", "size_liml")]
    bias = critical_values("bias", endogenous, k2)
    if bias is None and None in sizes:
        return
    log = session.log
    log.line(f"  Critical Values                      # of endogenous regressors: {endogenous:4d}")
    log.line(f"  H0: Instruments are weak             # of excluded instruments:  {k2:4d}")
    rule = "  " + "-" * 69
    log.line(rule)
    log.line("                                     |    5%     10%     20%     30%")
    cells = "         (not available)" if bias is None else _critical_row(bias)
    log.line(f"  2SLS relative bias                 |{cells}")
    log.line("  -----------------------------------+---------------------------------")
    log.line("                                     |   10%     15%     20%     25%")
    for name, values in zip(("2SLS", "LIML"), sizes, strict=True):
        cells = "         (not available)" if values is None else _critical_row(values)
        log.line(f"  {name} size of nominal 5% Wald test  |{cells}")
    log.line(rule)


def _critical_row(values: Sequence[float]) -> str:
    first, *rest = values
    return f"{first:7.2f}" + "".join(f"{value:8.2f}" for value in rest)


def overidentification(session: Session, typed: dict[str, str]) -> None:
    """Sargan and Basmann tests; Wooldridge's score test after a robust 2sls; Hansen's J after gmm."""
    model = _model(session)
    extra = model.instruments.shape[1] - model.endogenous.shape[1]
    if extra <= 0:
        raise StataError(498, "no overidentifying restrictions")
    log = session.log
    results = ResultSet(scalars={"df": float(extra)})
    e, n = model.fit.residuals, model.sample.n
    log.line()
    if model.estimator == "gmm":
        J = model.fit.J
        p = chi2_tail(J, extra)
        log.line("  Test of overidentifying restriction:")
        log.line()
        log.line(f"  Hansen's J chi2({extra}) = {number(J)} (p = {p:.4f})")
        results.scalars.update(HansenJ=J, J_df=float(extra), p_HansenJ=p)
        session.r = results
        return
    Z = np.column_stack([model.exogenous, model.instruments])
    w = model.sample.w
    if model.estimator == "2sls" and model.vce.is_robust and "forcenonrobust" not in typed:
        score = _overid_score(model)
        p = chi2_tail(score, extra)
        log.line("  Test of overidentifying restrictions:")
        log.line()
        log.line(f"  Score chi2({extra})          = {number(score, '%8.0g'):>8}  (p = {p:.4f})")
        results.scalars.update(score=score, p_score=p)
        session.r = results
        return
    fit = least_squares(Z, e, w, constant=model.constant)
    weights = np.ones(len(e)) if w is None else w
    ess = float(weights @ e**2) - fit.rss
    total = float(weights @ e**2)
    k = fit.rank
    log.line("  Tests of overidentifying restrictions:")
    log.line()
    if model.estimator == "2sls":
        sargan = n * ess / total
        basmann = ess / (fit.rss / (n - k))
        rows = [("Sargan (score)", sargan, "sargan"), ("Basmann", basmann, "basmann")]
    else:
        kappa = model.fit.kappa
        ar = n * math.log(kappa)
        rows = [("Anderson–Rubin", ar, "ar")]
        basmann = (kappa - 1.0) * (n - k) / extra
        p = f_tail(basmann, extra, n - k)
        results.scalars.update(basmann=basmann, p_basmann=p)
    label = len(f"{rows[0][0]} chi2({extra}) ")
    for name, value, key in rows:
        p = chi2_tail(value, extra)
        log.line(f"  {f'{name} chi2({extra})':<{label}}= {number(value, '%8.0g'):>8}  (p = {p:.4f})")
        results.scalars[key] = value
        results.scalars[f"p_{key}"] = p
    if model.estimator == "liml":
        p = results.scalars["p_basmann"]
        log.line(f"  {f'Basmann F({extra}, {n - k:.0f})':<{label}}= {number(basmann, '%8.0g'):>8}  (p = {p:.4f})")
    session.r = results


def _overid_score(model: InstrumentalModel) -> float:
    """Wooldridge's (1995) robust score test: N minus RSS of 1 on the residualised instruments times e."""
    moments = model.moments()
    w = model.sample.w
    extra = model.instruments.shape[1] - model.endogenous.shape[1]
    base = np.column_stack([model.fit.projected])
    chosen = model.instruments[:, :extra]
    if model.constant:
        base = base[:, :-1]
    residual = np.column_stack(
        [least_squares(base, column, w, constant=model.constant).residuals for column in chosen.T]
    )
    scores = residual * (model.fit.residuals * moments.weights)[:, None]
    if model.sample.clusters is not None:
        sums = sum_by_group(scores, model.sample.clusters, model.sample.n_clusters)
        total = sums.sum(axis=0)
        return float(total @ symmetric_inverse(sums.T @ sums) @ total)
    total = scores.sum(axis=0)
    return float(total @ symmetric_inverse(scores.T @ scores) @ total)


def endogenous(session: Session, varlist: str, typed: dict[str, str]) -> None:
    """Durbin and Wu–Hausman tests, or their robust score and regression forms."""
    model = _model(session)
    if model.estimator != "2sls":
        raise unsupported("estat endogenous after liml or gmm is")
    chosen = list(range(len(model.endogenous_names)))
    if varlist.strip():
        names = session.expand_varlist(varlist)
        chosen = [model.endogenous_names.index(name) for name in names if name in model.endogenous_names]
        if len(chosen) != len(names):
            raise StataError(198, "variables must be endogenous regressors of the model")
    w, n = model.sample.w, model.sample.n
    Z = np.column_stack([model.exogenous, model.instruments])
    v = np.column_stack(
        [least_squares(Z, model.endogenous[:, j], w, constant=model.constant).residuals for j in chosen]
    )
    X = np.column_stack([model.endogenous, model.exogenous])
    m = len(chosen)
    log = session.log
    log.line()
    log.line("  Tests of endogeneity")
    log.line("  H0: Variables are exogenous")
    log.line()
    if model.vce.is_robust and "forcenonrobust" not in typed:
        _robust_endogenous(session, model, X, v)
        return
    if len(chosen) < len(model.endogenous_names):
        raise unsupported("estat endogenous for some of the endogenous regressors is")
    ols = least_squares(X, model.y, w, constant=model.constant)
    augmented = least_squares(np.column_stack([X, v]), model.y, w, constant=model.constant)
    difference = ols.rss - augmented.rss
    durbin = difference / (ols.rss / n)
    df2 = n - ols.rank - m
    F = (difference / m) / ((ols.rss - difference) / df2)
    p1, p2 = chi2_tail(durbin, m), f_tail(F, m, df2)
    log.line(f"  {f'Durbin (score) chi2({m})':<32}= {number(durbin, '%8.0g'):>8}  (p = {p1:.4f})")
    log.line(f"  {f'Wu–Hausman F({m},{df2:.0f})':<32}= {number(F, '%8.0g'):>8}  (p = {p2:.4f})")
    session.r = ResultSet(
        scalars={"durbin": durbin, "p_durbin": p1, "wu": F, "p_wu": p2, "df": float(m), "wudf_r": df2}
    )


def _robust_endogenous(session: Session, model: InstrumentalModel, X: FloatArray, v: FloatArray) -> None:
    w, m = model.sample.w, v.shape[1]
    ols = least_squares(X, model.y, w, constant=model.constant)
    residual = np.column_stack([least_squares(X, column, w, constant=model.constant).residuals for column in v.T])
    weights = np.ones(len(model.y)) if w is None else w
    scores = residual * (ols.residuals * weights)[:, None]
    if model.sample.clusters is not None:
        scores = sum_by_group(scores, model.sample.clusters, model.sample.n_clusters)
    total = scores.sum(axis=0)
    score = float(total @ symmetric_inverse(scores.T @ scores) @ total)
    vce = model.vce if model.vce.kind == "cluster" else Vce("robust")
    fit = fit_linear(model.y, np.column_stack([X, v]), model.sample, vce, constant=model.constant)
    k = X.shape[1]
    W, _ = wald(fit.b[k : k + m], fit.V[k : k + m, k : k + m])
    F, df2 = W / m, fit.df_r
    p1, p2 = chi2_tail(score, m), f_tail(F, m, df2)
    log = session.log
    log.line(f"  {f'Robust score chi2({m})':<32}= {number(score, '%8.0g'):>8}  (p = {p1:.4f})")
    log.line(f"  {f'Robust regression F({m},{df2:.0f})':<32}= {number(F, '%8.0g'):>8}  (p = {p2:.4f})")
    session.r = ResultSet(
        scalars={"r_score": score, "p_r_score": p1, "regF": F, "p_regF": p2, "df": float(m), "regFdf_d": df2}
    )
