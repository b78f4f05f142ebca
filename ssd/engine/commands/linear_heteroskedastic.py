"""hetregress: heteroskedastic linear regression by maximum likelihood."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from ssd.engine.commands.declare import Line, command
from ssd.engine.commands.discrete_binary import refuse_technique
from ssd.engine.commands.estimation import (
    SessionSource,
    build_regressors,
    level_of,
    operated_name,
    outcome_and_terms,
    parse_varlist,
    parse_vce,
    replay,
    require_numeric,
    take_sample,
)
from ssd.engine.commands.linear import gaussian_ll
from ssd.engine.commands.maximum import (
    ML_OPTIONS,
    MlResult,
    finish,
    iteration_log,
    log_heading,
    ml_covariance,
    model_test,
)
from ssd.engine.commands.postestimation_statistics import Statistics
from ssd.engine.errors import unsupported
from ssd.engine.missing import FloatArray
from ssd.engine.output.estimation import CoefficientTable
from ssd.engine.stats.covariance import wald
from ssd.engine.stats.distributions import chi2_tail
from ssd.engine.stats.heteroskedastic import HeteroskedasticNormal
from ssd.engine.stats.likelihood import Equation, maximize
from ssd.engine.stats.linear import least_squares, with_constant
from ssd.engine.stats.terms import split_words

if TYPE_CHECKING:
    from ssd.engine.commands.postestimation_predict import Request
    from ssd.engine.session import Session


@command(
    "hetregress",
    "[varlist(numeric fv ts default=none)] [if] [in] [fweight aweight pweight iweight] [, HET(string) MLE TWOStep "
    "WALDHet LRMODel " + ML_OPTIONS + "]",
    minimum=6,
    by="recall",
    stored="e(N) e(k) e(k_eq) e(df_m) e(ll) e(ll_0) e(ll_c) e(chi2) e(chi2_c) e(p_c) e(df_m_c) e(N_clust) e(rank) "
    "e(cmd) e(depvar) e(method) e(chi2type) e(chi2_ct) e(vce) e(b) e(V) r(table)",
    refused="twostep, constraints(), aweights",
)
def hetregress(session: Session, line: Line) -> None:
    """Linear regression with multiplicative heteroskedasticity."""
    if replay(session, line, "hetregress"):
        return
    refuse_technique(line)
    if line.flag("twostep"):
        raise unsupported("option twostep of hetregress is")
    if line.options.get("constraints"):
        raise unsupported("option constraints() is")
    if line.weight is not None and line.weight.kind == "aweight":
        raise unsupported("hetregress with aweights is")
    level = level_of(session, line)
    vce = parse_vce(session, line, ("oim", "robust", "cluster", "opg"), "oim")
    source = SessionSource(session)
    outcome, terms = outcome_and_terms(session, line.varlist)
    het_terms = parse_varlist(session, split_words(line.text_option("het") or ""))
    require_numeric(session, het_terms)
    sample = take_sample(session, line, source, [(outcome,), *terms, *het_terms], vce)
    constant = not line.flag("noconstant")
    mean = build_regressors(session, source, terms, sample, constant=constant)
    variance = build_regressors(session, source, het_terms, sample)
    y = source.get(outcome.variable, outcome.operator)[sample.rows]
    w = np.ones(len(y)) if sample.raw is None else sample.raw
    ols = least_squares(mean.X, y, w, constant=constant)
    total = float(w.sum())
    residuals = np.maximum(ols.residuals**2, 1e-12 * max(ols.rss / total, 1e-300))
    spread = least_squares(variance.X, np.log(residuals), w)
    # Harvey's two-step estimates: the expectation of ln chi2(1) is -1.2704.
    step = spread.coefficients.copy()
    step[-1] += 1.2704
    X, Z = with_constant(mean.X, constant), with_constant(variance.X)
    start = np.concatenate([ols.coefficients, step])
    fit = maximize(HeteroskedasticNormal(y), [Equation(X), Equation(Z)], start, w)
    log_heading(session, line, "Fitting full model:")
    iteration_log(session, line, fit, vce)
    depvar = operated_name(outcome)
    names = [f"{depvar}:{each}" for each in mean.design.names] + [f"lnsigma2:{each}" for each in variance.design.names]
    active = np.concatenate([mean.design.active, variance.design.active])
    b, V = np.zeros(len(names)), np.zeros((len(names), len(names)))
    b[active] = fit.coefficients
    V[np.ix_(active, active)] = ml_covariance(fit, sample, vce)
    slopes = [j for j, name in enumerate(names) if active[j] and name.startswith(f"{depvar}:") and
              not name.endswith(":_cons")]  # fmt: skip
    shape = [j for j, name in enumerate(names) if active[j] and name.startswith("lnsigma2:") and
             not name.endswith(":_cons")]  # fmt: skip
    result = MlResult(
        "Heteroskedastic linear regression", "hetregress", depvar, {depvar: mean.design, "lnsigma2": variance.design},
        names, b, V, fit.log_likelihood, None, len(slopes), sample, vce, "hetregress_p",
    )  # fmt: skip
    if line.flag("lrmodel"):
        if vce.is_robust:
            raise unsupported("lrmodel with robust standard errors is")
        null = maximize(
            HeteroskedasticNormal(y), [Equation(np.ones((len(y), 1))), Equation(Z)],
            np.concatenate([[float(w @ y) / total], step]), w,
        )  # fmt: skip
        result.ll_0 = null.log_likelihood
    model_test(result, slopes, likelihood_ratio=line.flag("lrmodel"))
    result.pseudo = False
    result.header_left = ["ML estimation"]
    ll_c = gaussian_ll(ols.rss, total)
    lr = 2.0 * (fit.log_likelihood - ll_c)
    is_wald = vce.is_robust or line.flag("waldhet")
    statistic, df = lr, len(shape)
    if is_wald and shape:
        statistic, df = wald(b[shape], V[np.ix_(shape, shape)])
    result.scalars.update(k_eq=2.0, k_aux=0.0, ll_c=ll_c)
    result.macros.update(method="ml", chi2_ct="Wald" if is_wald else "LR", title2="ML estimation")
    if shape:
        result.scalars.update(chi2_c=statistic, df_m_c=float(df), p_c=chi2_tail(statistic, df))

        def footer(table: CoefficientTable) -> None:
            kind = "Wald" if is_wald else "LR"
            text = f"{kind} test of lnsigma2=0: chi2({df}) = {statistic:.2f}"
            session.log.line(f"{text:<58}Prob > chi2 = {chi2_tail(statistic, df):6.4f}")

        result.footer = footer
    result.predictions["statistics"] = Statistics({"sigma": _sigma}, "xb", "(option xb assumed; fitted values)", depvar)
    finish(session, line, result, level)


def _sigma(request: Request) -> FloatArray:
    """Standard deviation of the outcome given the regressors of the variance."""
    from ssd.engine.commands.postestimation_predict import linear_prediction

    linear = linear_prediction(request.session, request.estimation, request.rows, "lnsigma2")
    known = linear.defined[request.rows]
    values = np.full(int(request.rows.sum()), math.nan)
    values[known] = np.exp(0.5 * linear.xb(linear.defined))
    return values
