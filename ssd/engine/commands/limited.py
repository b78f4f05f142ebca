"""tobit: regression of a censored outcome."""

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
    parse_vce,
    replay,
    take_sample,
)
from ssd.engine.commands.maximum import ML_OPTIONS, MlResult, finish, iteration_log, ml_covariance, model_test
from ssd.engine.commands.postestimation_statistics import Statistics
from ssd.engine.errors import unsupported
from ssd.engine.output.estimation import CoefficientTable, Entry, coefficient_row
from ssd.engine.stats.censored import Tobit
from ssd.engine.stats.distributions import critical, f_tail
from ssd.engine.stats.likelihood import Equation, maximize
from ssd.engine.stats.linear import least_squares, with_constant

if TYPE_CHECKING:
    from ssd.engine.session import Session


@command(
    "tobit",
    "[varlist(numeric fv ts default=none)] [if] [in] [aweight fweight iweight pweight] [, LL LL(string) UL UL(string) "
    + ML_OPTIONS
    + "]",
    minimum=3,
    by="recall",
    stored="e(N) e(N_unc) e(N_lc) e(N_rc) e(df_m) e(df_r) e(ll) e(ll_0) e(chi2) e(F) e(p) e(r2_p) e(llopt) e(ulopt) "
    "e(b) e(V) r(table)",
    refused="ll(varname), ul(varname), constraints(), offset()",
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
    constant = not line.flag("noconstant")
    regressors = build_regressors(session, source, terms, sample, constant=constant)
    design, X = regressors.design, regressors.X
    y = source.get(outcome.variable, outcome.operator)[sample.rows]
    low, high = _limit(line, "ll", float(y.min())), _limit(line, "ul", float(y.max()))
    left = y <= low if low is not None else np.zeros(len(y), dtype=np.bool_)
    right = y >= high if high is not None else np.zeros(len(y), dtype=np.bool_)
    censored = np.where(left, low if low is not None else y, np.where(right, high if high is not None else y, y))
    w = np.ones(len(y)) if sample.w is None else sample.w
    model = Tobit(censored, left, right)
    ols = least_squares(X, y, w, constant=constant)
    scale = math.log(math.sqrt(ols.rss / w.sum()))
    full = with_constant(X, constant)
    fit = maximize(model, [Equation(full), Equation(None)], np.append(ols.coefficients, scale), w)
    iteration_log(session, line, fit, vce)
    mean = float(w @ y / w.sum())
    null = maximize(
        model, [Equation(np.ones((len(y), 1))), Equation(None)],
        np.array([mean, math.log(math.sqrt(float(w @ (y - mean) ** 2) / w.sum()))]), w,
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
    result.macros.update(llopt="" if low is None else f"{low:g}", ulopt="" if high is None else f"{high:g}")
    result.header_extra = [
        Entry("Uncensored", f"{counts[0]:,.0f}"), Entry("Left-censored", f"{counts[1]:,.0f}"),
        Entry("Right-censored", f"{counts[2]:,.0f}"), Entry("", ""),
    ]  # fmt: skip
    result.header_left = ["", "Limits: Lower = " + ("-inf" if low is None else f"{low:g}"),
                          "        Upper = " + ("+inf" if high is None else f"{high:g}")]  # fmt: skip
    result.no_footer = True
    label = f"var(e.{depvar})"

    def footer(table: CoefficientTable) -> None:
        log = session.log
        se = math.sqrt(float(V[k, k]))
        width = critical(table.level, df_r) * se / variance
        row = coefficient_row(
            variance, se, 0.0, 0.0, variance * math.exp(-width), variance * math.exp(width), tests=False
        )
        log.line("-" * (table.width + 1) + "+" + "-" * 64)
        log.line(f"{label:>{table.width}}|{row}" if len(label) > 12 else f"{label:>{table.width}} |{row}")
        log.line("-" * (table.width + 66))

    result.footer = footer
    result.hidden_equations = frozenset({"/"})
    result.predictions["statistics"] = Statistics({}, "xb", "(option xb assumed; fitted values)", depvar)
    finish(session, line, result, level)
    # Before version 15 the model held sigma itself, which replication code still reads.
    sigma = math.sqrt(variance)
    session.e.hidden["derived"] = {"/sigma": (sigma, math.sqrt(float(V[k, k])) / (2.0 * sigma))}


def _limit(line: Line, name: str, extreme: float) -> float | None:
    """The typed limit; the bare option means the sample's minimum or maximum."""
    typed = line.text_option(name)
    if typed is None:
        return extreme if line.flag(name) else None
    try:
        return float(typed)
    except ValueError:
        raise unsupported(f"{name}(varname) is") from None
