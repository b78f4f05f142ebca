"""tobit: regression of a censored outcome."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from ssd.engine.commands.declare import Line, command
from ssd.engine.commands.discrete_binary import refuse_technique, restrict
from ssd.engine.commands.estimation import (
    SessionSource,
    build_regressors,
    level_of,
    offset_of,
    operated_name,
    outcome_and_terms,
    parse_vce,
    replay,
    take_sample,
)
from ssd.engine.commands.maximum import (
    ML_OPTIONS,
    MlResult,
    finish,
    iteration_log,
    likelihood_word,
    log_heading,
    ml_covariance,
    model_test,
)
from ssd.engine.commands.response_predictions import censored_predictions
from ssd.engine.errors import StataError, insufficient_observations, unsupported
from ssd.engine.missing import BoolArray, FloatArray, is_missing
from ssd.engine.output.estimation import CoefficientTable, Entry, coefficient_row, exponential, f_entry, number
from ssd.engine.stats.censored import Tobit
from ssd.engine.stats.distributions import critical, f_tail
from ssd.engine.stats.jets import sqrt
from ssd.engine.stats.likelihood import Equation, maximize
from ssd.engine.stats.linear import least_squares, with_constant

if TYPE_CHECKING:
    from ssd.engine.session import Session


@command(
    "tobit",
    "[varlist(numeric fv ts default=none)] [if] [in] [aweight fweight iweight pweight] [, LL LL(string) UL UL(string) "
    "OFFset(varname) " + ML_OPTIONS + "]",
    minimum=3,
    by="recall",
    stored="e(N) e(N_unc) e(N_lc) e(N_rc) e(df_m) e(df_r) e(ll) e(ll_0) e(chi2) e(F) e(p) e(r2_p) e(llopt) e(ulopt) "
    "e(b) e(V) r(table)",
    refused="constraints()",
)
def tobit(session: Session, line: Line) -> None:
    """Tobit regression with fixed limits."""
    if replay(session, line, "tobit"):
        return
    refuse_technique(line)
    if line.options.get("constraints"):
        raise unsupported("option constraints() is")
    level = level_of(session, line)
    vce = parse_vce(session, line, ("oim", "robust", "cluster", "opg"), "oim")
    source = SessionSource(session)
    outcome, terms = outcome_and_terms(session, line.varlist)
    sample = take_sample(session, line, source, [(outcome,), *terms], vce)
    offset, offset_name = offset_of(session, line, sample.rows)
    if offset is not None:
        sample = restrict(session, sample, vce, ~is_missing(offset[sample.rows]))
        offset = offset[sample.rows]
    constant = not line.flag("noconstant")
    regressors = build_regressors(session, source, terms, sample, constant=constant)
    design, X = regressors.design, regressors.X
    y = source.get(outcome.variable, outcome.operator)[sample.rows]
    low, low_text = censoring_limit(session, line, "ll", sample.rows, float(y.min()))
    high, high_text = censoring_limit(session, line, "ul", sample.rows, float(y.max()))
    left = np.zeros(len(y), dtype=np.bool_) if low is None else np.asarray(y <= low)
    right = np.zeros(len(y), dtype=np.bool_) if high is None else np.asarray(y >= high)
    if (left | right).all():
        raise StataError(2000, "no uncensored observations")
    if len(y) <= X.shape[1] + int(constant):
        raise insufficient_observations()
    censored = np.where(left, y if low is None else low, np.where(right, y if high is None else high, y))
    w = sample.likelihood_weights
    model = Tobit(censored, left, right)
    ols = least_squares(X, y if offset is None else y - offset, w, constant=constant)
    scale = 0.5 * math.log(max(ols.rss / float(w.sum()), 1e-12))
    full = with_constant(X, constant)
    fit = maximize(model, [Equation(full, offset), Equation(None)], np.append(ols.coefficients, scale), w)
    log_heading(session, line, "Refining starting values:")
    if not line.flag("nolog"):
        session.log.line()
        session.log.line(f"Grid node 0:  {likelihood_word(vce)} = {number(fit.iterations[0], '%10.0g'):>10}")
    log_heading(session, line, "Fitting full model:")
    iteration_log(session, line, fit, vce)
    mean = float(w @ y / w.sum())
    null = maximize(
        model, [Equation(np.ones((len(y), 1)), offset), Equation(None)],
        np.array([mean, 0.5 * math.log(max(float(w @ (y - mean) ** 2) / float(w.sum()), 1e-12))]), w,
    )  # fmt: skip
    depvar = operated_name(outcome)
    k = len(design.names)
    active = np.append(design.active, True)
    b = np.zeros(k + 1)
    b[active] = fit.coefficients
    # Stata reports the variance: d sigma^2 / d ln sigma = 2 sigma^2.
    variance = math.exp(2.0 * float(b[k]))
    covariance = ml_covariance(fit, sample, vce)
    jacobian = np.ones(len(covariance))
    jacobian[-1] = 2.0 * variance
    V = np.zeros((k + 1, k + 1))
    V[np.ix_(active, active)] = covariance * np.outer(jacobian, jacobian)
    b[k] = variance
    names = [f"{depvar}:{name}" for name in design.names] + [f"/:var(e.{depvar})"]
    df_m = int(design.active.sum()) - int(constant)
    result = MlResult(
        "Tobit regression", "tobit", depvar, {depvar: design}, names, b, V, fit.log_likelihood, null.log_likelihood,
        df_m, sample, vce, "tobit_p",
    )  # fmt: skip
    slopes = [j for j, flag in enumerate(design.active) if flag and not (constant and j == k - 1)]
    model_test(result, slopes, likelihood_ratio=not vce.is_robust and constant)
    df_r = sample.n - df_m if vce.kind != "cluster" else sample.n_clusters - 1.0
    result.df_t = df_r
    counts = (float(w[~(left | right)].sum()), float(w[left].sum()), float(w[right].sum()))
    result.scalars.update(df_r=df_r, N_unc=counts[0], N_lc=counts[1], N_rc=counts[2], k_aux=1.0, k_eq=2.0)
    if vce.is_robust:
        F = result.chi2 / df_m if df_m else math.nan
        result.scalars.update(F=F, p=f_tail(F, df_m, df_r))
        result.no_model_test = True
    result.macros.update(llopt=low_text, ulopt=high_text, offset=offset_name)
    result.header_extra = [
        Entry("Uncensored", f"{counts[0]:,.0f}"), Entry("Left-censored", f"{counts[1]:,.0f}"),
        Entry("Right-censored", f"{counts[2]:,.0f}"), Entry("", ""),
    ]  # fmt: skip
    if vce.is_robust:
        result.header_extra += f_entry(df_m, df_r, result.scalars["F"])
    result.header_left = ["", f"Limits: Lower = {low_text or '-inf'}", f"        Upper = {high_text or '+inf'}"]
    result.no_footer = True
    label = f"var(e.{depvar})"

    def footer(table: CoefficientTable) -> None:
        log = session.log
        se = math.sqrt(float(V[k, k]))
        width = critical(table.level, df_r) * se / variance
        row = coefficient_row(
            variance, se, 0.0, 0.0, variance * exponential(-width), variance * exponential(width), tests=False
        )
        log.line("-" * (table.width + 1) + "+" + "-" * 64)
        log.line(f"{label:>{table.width}}|{row}" if len(label) > 12 else f"{label:>{table.width}} |{row}")
        log.line("-" * (table.width + 66))

    result.footer = footer
    result.hidden_equations = frozenset({"/"})
    result.predictions["offset"] = offset_name
    result.predictions.update(censored_predictions(depvar, lambda at: sqrt(at[-1])).entries())
    finish(session, line, result, level)
    # Before version 15 the model held sigma itself, which replication code still reads.
    sigma = math.sqrt(variance)
    session.e.hidden["derived"] = {"/sigma": (sigma, math.sqrt(float(V[k, k])) / (2.0 * sigma))}


def censoring_limit(
    session: Session, line: Line, name: str, rows: BoolArray, extreme: float
) -> tuple[FloatArray | None, str]:
    """The limits of the sample's observations, and as the header shows them: a number or a variable's name.

    The bare option means the sample's minimum or maximum.
    """
    n = int(np.count_nonzero(rows))
    typed = line.text_option(name)
    if typed is None:
        return (np.full(n, extreme), f"{extreme:g}") if line.flag(name) else (None, "")
    try:
        value = float(typed)
    except ValueError:
        variable = session.variable_named(typed)
        values = session.data.numeric(variable)[rows]
        if np.any(is_missing(values)):
            raise StataError(459, f"{variable} has missing values in the estimation sample") from None
        return values, variable
    return np.full(n, value), f"{value:g}"
