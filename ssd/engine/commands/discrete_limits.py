"""truncreg, intreg and biprobit."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from ssd.engine.commands.declare import Line, command
from ssd.engine.commands.discrete_binary import fit_binary, refuse_technique, restrict
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
from ssd.engine.commands.response_predictions import bivariate_predictions, censored_predictions
from ssd.engine.errors import StataError, unsupported
from ssd.engine.missing import FloatArray, is_missing
from ssd.engine.output.estimation import CoefficientTable, Entry, coefficient_row, count, exponential, number
from ssd.engine.stats.distributions import chi2_tail, critical
from ssd.engine.stats.jets import exp
from ssd.engine.stats.likelihood import Equation, maximize
from ssd.engine.stats.linear import least_squares, with_constant
from ssd.engine.stats.selection import BivariateProbit, Interval, TruncatedNormal

if TYPE_CHECKING:
    from ssd.engine.session import Session

_GRAMMAR = "[varlist(numeric fv ts default=none)] [if] [in] [fweight aweight pweight iweight] [, "
_STORED = (
    "e(N) e(N_bf) e(N_unc) e(N_lc) e(N_rc) e(N_int) e(k) e(df_m) e(sigma) e(ll) e(ll_0) e(chi2) e(p) e(rho) e(chi2_c) "
    "e(N_clust) e(cmd) e(depvar) e(vce) e(b) e(V) r(table)"
)


def _refuse(line: Line) -> None:
    refuse_technique(line)
    if line.options.get("constraints"):
        raise unsupported("option constraints() is")


def _limit(session: Session, line: Line, name: str, infinite: float) -> FloatArray:
    """Values of ll() or ul(): a number or a variable; missing means no limit."""
    typed = line.text_option(name)
    if not typed:
        return np.full(session.data.n_obs, infinite)
    values = session.evaluate_numbers(typed)
    return np.where(is_missing(values), infinite, values)


def _sigma_rows(session: Session, b: FloatArray, V: FloatArray) -> Callable[[CoefficientTable], None]:
    """The line of sigma below the table of a model in ln sigma."""

    def footer(table: CoefficientTable) -> None:
        log = session.log
        lnsigma, se = float(b[-1]), math.sqrt(float(V[-1, -1]))
        width, sigma = critical(table.level, None) * se, math.exp(lnsigma)
        log.line("-" * (table.width + 1) + "+" + "-" * 64)
        row = coefficient_row(
            sigma, sigma * se, 0.0, 0.0, exponential(lnsigma - width), exponential(lnsigma + width), tests=False
        )
        log.line(f"{'sigma':>{table.width}} |{row}")
        log.line("-" * (table.width + 66))

    return footer


@command("truncreg", _GRAMMAR + "LL(string) UL(string) " + ML_OPTIONS + "]", minimum=5, by="recall", stored=_STORED,
         refused="offset(), constraints(), noskip")  # fmt: skip
def truncreg(session: Session, line: Line) -> None:
    """Truncated regression."""
    if replay(session, line, "truncreg"):
        return
    _refuse(line)
    level = level_of(session, line)
    vce = parse_vce(session, line, ("oim", "robust", "cluster", "opg"), "oim")
    source = SessionSource(session)
    outcome, terms = outcome_and_terms(session, line.varlist)
    sample = take_sample(session, line, source, [(outcome,), *terms], vce)
    before = sample.n
    low, high = _limit(session, line, "ll", -np.inf), _limit(session, line, "ul", np.inf)
    y_all = source.get(outcome.variable, outcome.operator)
    inside = (y_all > low) & (y_all < high)
    sample = restrict(session, sample, vce, inside[sample.rows])
    truncated = before - sample.n
    session.log.line(f"({truncated:,.0f} obs truncated)")
    constant = not line.flag("noconstant")
    regressors = build_regressors(session, source, terms, sample, constant=constant)
    design = regressors.design
    y = y_all[sample.rows]
    w = sample.likelihood_weights
    X = with_constant(regressors.X, constant)
    ols = least_squares(regressors.X, y, w, constant=constant)
    start = np.append(ols.coefficients, 0.5 * math.log(max(ols.rss, 1e-300) / float(w.sum())))
    model = TruncatedNormal(y, low[sample.rows], high[sample.rows])
    fit = maximize(model, [Equation(X), Equation(None)], start, w)
    log_heading(session, line, "Fitting full model:")
    iteration_log(session, line, fit, vce)
    depvar = operated_name(outcome)
    k = len(design.names)
    active = np.append(design.active, True)
    sigma = math.exp(float(fit.coefficients[-1]))
    jacobian = np.ones(len(fit.coefficients))
    jacobian[-1] = sigma
    b, V = np.zeros(k + 1), np.zeros((k + 1, k + 1))
    b[active] = fit.coefficients
    b[k] = sigma
    V[np.ix_(active, active)] = ml_covariance(fit, sample, vce) * np.outer(jacobian, jacobian)
    df_m = int(design.active.sum()) - int(constant)
    result = MlResult(
        "Truncated regression", "truncreg", depvar, {depvar: design},
        [f"{depvar}:{name}" for name in design.names] + ["/:sigma"], b, V, fit.log_likelihood, None, df_m, sample, vce,
        "truncr_p",
    )  # fmt: skip
    slopes = [j for j, flag in enumerate(design.active) if flag and design.names[j] != "_cons"]
    model_test(result, slopes, likelihood_ratio=False)
    result.pseudo = False
    result.scalars.update(sigma=sigma, N_bf=before, k_aux=1.0)
    shown = {name: line.text_option(name) for name in ("ll", "ul")}
    result.header_left = [
        f"Limit: Lower = {shown['ll'] or '-inf':>10}",
        f"       Upper = {shown['ul'] or '+inf':>10}",
    ]
    result.predictions.update(censored_predictions(depvar, lambda at: at[-1]).entries())
    finish(session, line, result, level)


@command("intreg", _GRAMMAR + ML_OPTIONS + "]", minimum=6, by="recall", stored=_STORED,
         refused="het(), offset(), constraints()")  # fmt: skip
def intreg(session: Session, line: Line) -> None:
    """Interval regression."""
    if replay(session, line, "intreg"):
        return
    _refuse(line)
    if len(line.varlist) < 2:
        raise StataError(102, "too few variables specified")
    level = level_of(session, line)
    vce = parse_vce(session, line, ("oim", "robust", "cluster", "opg"), "oim")
    source = SessionSource(session)
    lower, terms = outcome_and_terms(session, [line.varlist[0], *line.varlist[2:]])
    upper, _ = outcome_and_terms(session, [line.varlist[1]])
    first = source.get(lower.variable, lower.operator)
    second = source.get(upper.variable, upper.operator)
    known = ~(is_missing(first) & is_missing(second))
    masked = Line(**{**line.__dict__, "by_mask": known if line.by_mask is None else known & line.by_mask})
    sample = take_sample(session, masked, source, terms, vce)
    low = np.where(is_missing(first), -np.inf, first)[sample.rows]
    high = np.where(is_missing(second), np.inf, second)[sample.rows]
    if np.any(low > high):
        raise StataError(498, f"{line.varlist[0]} must be less than or equal to {line.varlist[1]}")
    constant = not line.flag("noconstant")
    regressors = build_regressors(session, source, terms, sample, constant=constant)
    design = regressors.design
    X = with_constant(regressors.X, constant)
    w = sample.likelihood_weights
    middle = np.where(np.isfinite(low) & np.isfinite(high), (low + high) / 2.0, np.where(np.isfinite(low), low, high))
    ols = least_squares(regressors.X, middle, w, constant=constant)
    start = np.append(ols.coefficients, math.log(math.sqrt(max(ols.rss / float(w.sum()), 1e-12))))
    model = Interval(low, high)
    null = None
    if constant:
        mean = float(w @ middle / w.sum())
        at = np.array([mean, math.log(math.sqrt(max(float(w @ (middle - mean) ** 2 / w.sum()), 1e-12)))])
        null = maximize(model, [Equation(np.ones((len(low), 1))), Equation(None)], at, w)
    fit = maximize(model, [Equation(X), Equation(None)], start, w)
    if null is not None:
        log_heading(session, line, "Fitting constant-only model:")
        iteration_log(session, line, null, vce)
        log_heading(session, line, "Fitting full model:")
    iteration_log(session, line, fit, vce)
    names = [f"model:{name}" for name in design.names] + ["/:lnsigma"]
    active = np.append(design.active, True)
    b, V = np.zeros(len(names)), np.zeros((len(names), len(names)))
    b[active] = fit.coefficients
    V[np.ix_(active, active)] = ml_covariance(fit, sample, vce)
    df_m = int(design.active.sum()) - int(constant)
    result = MlResult(
        "Interval regression", "intreg", "", {"model": design}, names, b, V, fit.log_likelihood,
        None if null is None else null.log_likelihood, df_m, sample, vce, "intreg_p",
    )  # fmt: skip
    slopes = [j for j, flag in enumerate(design.active) if flag and design.names[j] != "_cons"]
    model_test(result, slopes, likelihood_ratio=not vce.is_robust and constant)
    result.pseudo = False
    point, left, right = low == high, np.isinf(low), np.isinf(high)
    counts = {"N_unc": point, "N_lc": left, "N_rc": right, "N_int": ~(point | left | right)}
    result.scalars.update({name: float(w[flags].sum()) for name, flags in counts.items()})
    result.scalars.update(sigma=math.exp(float(b[-1])), k_aux=1.0)
    labels = ("Uncensored", "Left-censored", "Right-censored", "Interval-cens.")
    result.header_extra = [
        Entry(f"{label:>17}", count(result.scalars[name])) for label, name in zip(labels, counts, strict=True)
    ] + [Entry("", "")]
    result.macros["depvar"] = f"{line.varlist[0]} {line.varlist[1]}"
    result.no_footer = True
    result.footer = _sigma_rows(session, b, V)
    result.predictions.update(censored_predictions(line.varlist[0], lambda at: exp(at[-1])).entries())
    finish(session, line, result, level)


@command("biprobit", "[anything(everything)] [if] [in] [fweight pweight iweight] [, " + ML_OPTIONS + "]", by="recall",
         stored=_STORED, refused="partial, offset1(), offset2(), constraints()")  # fmt: skip
def biprobit(session: Session, line: Line) -> None:
    """Bivariate probit regression."""
    if not line.text.split(",")[0].strip() and replay(session, line, "biprobit"):
        return
    _refuse(line)
    level = level_of(session, line)
    vce = parse_vce(session, line, ("oim", "robust", "cluster", "opg"), "oim")
    source = SessionSource(session)
    one, two, title = _pair(session, line.anything)
    sample = take_sample(session, line, source, [(one[0],), (two[0],), *one[1], *two[1]], vce)
    designs, Xs, outcomes = {}, [], []
    constant = not line.flag("noconstant")
    for outcome, terms in (one, two):
        regressors = build_regressors(session, source, terms, sample, constant=constant)
        designs[operated_name(outcome)] = regressors.design
        Xs.append(regressors.X)
        outcomes.append((source.get(outcome.variable, outcome.operator)[sample.rows] != 0.0).astype(np.float64))
    if len(designs) < 2:
        raise StataError(198, "the two equations must have different dependent variables")
    w = sample.likelihood_weights
    singles = [fit_binary("probit", X, y, sample, None, constant) for X, y in zip(Xs, outcomes, strict=True)]
    model = BivariateProbit(outcomes[0] == 1.0, outcomes[1] == 1.0)
    equations = [*(Equation(with_constant(X, constant)) for X in Xs), Equation(None)]
    start = np.concatenate([*(single.coefficients for single in singles), [0.0]])
    fit = maximize(model, equations, start, w)
    for number_of, single in enumerate(singles):
        log_heading(session, line, f"Fitting comparison equation {number_of + 1}:")
        iteration_log(session, line, single, vce)
    ll_c = sum(single.log_likelihood for single in singles)
    if not line.flag("nolog"):
        session.log.line()
        session.log.line(f"Comparison:   {likelihood_word(vce)} = {number(ll_c, '%10.0g'):>10}")
    log_heading(session, line, "Fitting full model:")
    iteration_log(session, line, fit, vce)
    names = [f"{eq}:{name}" for eq, design in designs.items() for name in design.names] + ["/:athrho"]
    active = np.concatenate([*(design.active for design in designs.values()), [True]])
    b, V = np.zeros(len(names)), np.zeros((len(names), len(names)))
    b[active] = fit.coefficients
    V[np.ix_(active, active)] = ml_covariance(fit, sample, vce)
    slopes = [j for j, name in enumerate(names) if active[j] and not name.endswith(":_cons") and name != "/:athrho"]
    depvars = list(designs)
    result = MlResult(title, "biprobit", depvars[0], designs, names, b, V, fit.log_likelihood, None, len(slopes),
                      sample, vce, "biprob_p")  # fmt: skip
    model_test(result, slopes, likelihood_ratio=False)
    result.pseudo = False
    athrho, se = float(b[-1]), math.sqrt(float(V[-1, -1]))
    rho = math.tanh(athrho)
    kind = "Wald" if vce.is_robust else "LR"
    chi2_c = (athrho / se) ** 2 if vce.is_robust else 2.0 * (fit.log_likelihood - ll_c)
    result.scalars.update(rho=rho, chi2_c=chi2_c, p_c=chi2_tail(chi2_c, 1), k_aux=1.0, k_eq=3.0, k_dv=2.0)
    if not vce.is_robust:
        result.scalars["ll_c"] = ll_c
    result.macros.update(depvar=" ".join(depvars), chi2_ct=kind)
    result.no_footer = True

    def footer(table: CoefficientTable) -> None:
        log, z = session.log, critical(table.level, None)
        log.line("-" * (table.width + 1) + "+" + "-" * 64)
        row = coefficient_row(rho, (1.0 - rho * rho) * se, 0.0, 0.0, math.tanh(athrho - z * se),
                              math.tanh(athrho + z * se), tests=False)  # fmt: skip
        log.line(f"{'rho':>{table.width}} |{row}")
        log.line("-" * (table.width + 66))
        text = f"{kind} test of rho=0: chi2(1) = {number(chi2_c, '%8.0g')}"
        log.line(text + f"Prob > chi2 = {chi2_tail(chi2_c, 1):.4f}".rjust(78 - len(text)))

    result.footer = footer
    result.predictions.update(bivariate_predictions(depvars[0], depvars[1]).entries())
    finish(session, line, result, level)


def _pair(session: Session, text: str) -> tuple[tuple, tuple, str]:  # type: ignore[type-arg]
    """The two equations of `y1 y2 x…` or `(y1 x…) (y2 z…)`."""
    import re

    from ssd.engine.stats.terms import split_words

    found = re.findall(r"\(([^()]*)\)", text)
    if not found:
        words = split_words(text)
        if len(words) < 2:
            raise StataError(102, "too few variables specified")
        first, terms = outcome_and_terms(session, [words[0], *words[2:]])
        second, _ = outcome_and_terms(session, [words[1]])
        return (first, terms), (second, terms), "Bivariate probit regression"
    if len(found) != 2:
        raise StataError(198, "two equations required")
    pairs = [outcome_and_terms(session, split_words(body.replace("=", " ").rpartition(":")[2])) for body in found]
    return pairs[0], pairs[1], "Seemingly unrelated bivariate probit"
