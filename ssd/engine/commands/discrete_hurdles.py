"""churdle, gnbreg and cpoisson: hurdles, counts with a dispersion equation, censored counts."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from ssd.engine.commands.declare import Line, command
from ssd.engine.commands.discrete_count import CountSetup, complete
from ssd.engine.commands.estimation import SessionSource, build_regressors, replay
from ssd.engine.commands.likelihood_equations import (
    LIKELIHOOD_STORED,
    VARLIST,
    WEIGHTS,
    Block,
    Footer,
    Opening,
    assemble,
    expand_blocks,
    exponential_row,
    fit_blocks,
    log_fit,
    open_model,
    option_terms,
    refuse_constraints,
    slope_places,
    wald_on,
)
from ssd.engine.commands.limited import censoring_limit
from ssd.engine.commands.maximum import ML_OPTIONS, MlResult, finish, iteration_log, ml_covariance, model_test
from ssd.engine.commands.response_predictions import Prediction, Predictions, linear_form
from ssd.engine.errors import StataError, unsupported
from ssd.engine.missing import FloatArray
from ssd.engine.output.estimation import Entry, count
from ssd.engine.stats.binary import Probit
from ssd.engine.stats.design import Design
from ssd.engine.stats.design import complete as complete_rows
from ssd.engine.stats.distributions import normal_quantile
from ssd.engine.stats.hurdle import CensoredCount, DispersedCount, Hurdle
from ssd.engine.stats.jets import Jet, exp, mills_ratio, normal_probability, square
from ssd.engine.stats.likelihood import Equation, maximize
from ssd.engine.stats.linear import with_constant
from ssd.engine.stats.terms import Term, split_words

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ssd.engine.session import Session


@command("churdle", "[anything(everything)] [if] [in] " + WEIGHTS + "[, SELect(string) HET(string) LL(string) "
         "UL(string) " + ML_OPTIONS + "]", by="recall", stored=LIKELIHOOD_STORED + " e(r2_p) e(estimator) e(llopt)",
         refused="ul(), het(), het() within select(), constraints(), technique() other than nr")  # fmt: skip
def churdle(session: Session, line: Line) -> None:
    """Cragg's hurdle regression with a lower limit: linear and exponential."""
    if not line.anything.strip() and replay(session, line, "churdle"):
        return
    words = split_words(line.anything)
    model_name = next((name for name, least in (("linear", 3), ("exponential", 3)) if words
                       and name.startswith(words[0]) and len(words[0]) >= least), None)  # fmt: skip
    if model_name is None:
        raise StataError(198, "must specify estimator linear or exponential")
    if line.text_option("ul") or line.text_option("het"):
        raise unsupported("ul() and het() with churdle are")
    typed = line.text_option("select")
    if not typed:
        raise StataError(198, "option select() required")
    if "het(" in typed:
        raise unsupported("het() within select() is")
    if not line.text_option("ll"):
        raise StataError(198, "must specify at least one of ll() or ul()")
    if len(words) < 2:
        raise StataError(100, "varlist required")
    terms, options = option_terms(session, typed)
    if "offset" in options:
        raise unsupported("offset() within select() is")
    opening = open_model(session, line, terms, words=words[1:])
    _fit_hurdle(opening, model_name, terms, constant="noconstant" not in options)


def _fit_hurdle(opening: Opening, model_name: str, terms: list[Term], *, constant: bool) -> None:
    session, line, y, w = opening.session, opening.line, opening.y, opening.w
    limit, text = censoring_limit(session, line, "ll", opening.sample.rows, float(y.min()))
    assert limit is not None
    if np.any(y < limit):
        raise StataError(459, f"{opening.depvar} is less than the lower limit")
    inside = np.asarray(y > limit)
    if inside.all() or not inside.any():
        raise StataError(459, "no observations at the lower limit" if inside.all() else "no observations beyond it")
    exponential = model_name == "exponential"
    main = opening.main
    selection = opening.block("selection_ll", terms, constant=constant)
    blocks = [main, selection, Block("lnsigma", Design([], True), np.ones((len(y), 1)))]
    assert main.X is not None
    target = np.log(np.where(inside, y - limit, 1.0)) if exponential else y
    probit = maximize(Probit(inside.astype(np.float64)), [selection.equation], np.zeros(selection.size), w)
    model = Hurdle(y, limit, inside, exponential)
    beta = np.linalg.lstsq(main.X[inside], target[inside], rcond=None)[0]
    spread = math.log(max(float(np.std(target[inside] - main.X[inside] @ beta)), 1e-6))
    fit = fit_blocks(model, blocks, np.concatenate([beta, probit.coefficients, [spread]]), w)
    log_fit(opening, fit)
    ll_0 = None
    if opening.constant and constant:
        ones = np.ones((len(y), 1))
        share = float(w @ inside / w.sum())
        mean, sd = float(target[inside].mean()), float(np.std(target[inside]))
        start = np.array([mean, normal_quantile(share), math.log(max(sd, 1e-6))])
        null = maximize(model, [Equation(ones), Equation(ones), Equation(None)], start, w)
        ll_0 = null.log_likelihood
    result = assemble(opening, blocks, fit, "Cragg hurdle regression", "churdle", "churdle_p", ll_0)
    result.pseudo = True
    wald_on(result, [opening.depvar, "selection_ll"])
    if ll_0 is not None and not opening.vce.is_robust:
        places = slope_places(result, [opening.depvar, "selection_ll"])
        model_test(result, places, likelihood_ratio=True)
        result.df_m = len(places)
    place = len(result.names) - 1
    result.scalars["sigma"] = math.exp(float(result.b[place]))
    result.macros.update(estimator=model_name, llopt=text)
    Footer(session, result, [exponential_row("/sigma", place)]).attach()
    result.predictions.update(_hurdle_predictions(opening.depvar, exponential, limit).entries())
    finish(session, line, result, opening.level)


def _hurdle_predictions(depvar: str, exponential: bool, limit: FloatArray) -> Predictions:
    """ystar (the conditional mean) and xb; the mean needs one limit for all observations."""
    single = np.unique(limit)

    def mean(at: Sequence[Jet]) -> Jet:
        if len(single) > 1:
            raise unsupported("ystar with limits that vary is")
        low = float(single[0])
        sigma = exp(at[2])
        if exponential:
            beyond = exp(at[0] + square(sigma) * 0.5) + low
        else:
            beyond = at[0] + sigma * mills_ratio((at[0] - low) / sigma)
        share = normal_probability(at[1])
        return share * beyond + (1.0 - share) * low

    note = f"(option ystar assumed; E({depvar}))"
    return Predictions(depvar, "ystar", note, {"ystar": Prediction(f"E({depvar})", mean), "xb": linear_form()})


_COUNTS = VARLIST + WEIGHTS + "[, Exposure(varname) OFFset(varname) IRr "


@command("gnbreg", _COUNTS + "LNAlpha(string) " + ML_OPTIONS + "]", by="recall", stored=LIKELIHOOD_STORED + " e(r2_p)",
         refused="constraints(), technique() other than nr")  # fmt: skip
def gnbreg(session: Session, line: Line) -> None:
    """Generalized negative binomial regression: the dispersion depends on covariates."""
    if replay(session, line, "gnbreg"):
        return
    refuse_constraints(line)
    typed = line.text_option("lnalpha")
    if not typed:
        raise StataError(198, "option lnalpha() required")
    terms, options = option_terms(session, typed)
    if options:
        raise StataError(198, f"option {next(iter(options))} not allowed")
    source = SessionSource(session)
    mask = complete_rows(terms, source, np.ones(session.data.n_obs, dtype=np.bool_))
    setup = CountSetup(session, replace(line, by_mask=mask if line.by_mask is None else line.by_mask & mask))
    dispersion = build_regressors(session, source, terms, setup.sample, constant=True)
    Z = with_constant(dispersion.X, True)
    poisson = setup.fit_poisson()
    full = with_constant(setup.X, setup.constant)
    model = DispersedCount(setup.y)
    same = maximize(
        model, [Equation(full, setup.offset), Equation(None)], np.append(poisson.coefficients, 0.0), setup.w
    )
    start = np.zeros(Z.shape[1])
    start[-1] = same.coefficients[-1]
    null = None
    if setup.constant:
        ones = np.ones((len(setup.y), 1))
        at = np.append(np.array([setup.log_rate]), start)
        null = maximize(model, [Equation(ones, setup.offset), Equation(Z)], at, setup.w)
    fit = maximize(
        model, [Equation(full, setup.offset), Equation(Z)], np.append(same.coefficients[:-1], start), setup.w
    )
    iteration_log(session, line, fit, setup.vce)
    blocks = [Block(setup.depvar, setup.design, full), Block("lnalpha", dispersion.design, Z)]
    names, b, V = expand_blocks(blocks, fit.coefficients, ml_covariance(fit, setup.sample, setup.vce))
    result = MlResult(
        "Generalized negative binomial regression", "gnbreg", setup.depvar,
        {setup.depvar: setup.design, "lnalpha": dispersion.design}, names, b, V, fit.log_likelihood,
        None if null is None else null.log_likelihood, int(setup.design.active.sum()) - int(setup.constant),
        setup.sample, setup.vce, "gnbreg_p",
    )  # fmt: skip
    result.scalars["k_eq"] = 2.0
    result.predictions.update(_count_predictions(setup.depvar, dispersed=True).entries())
    complete(session, line, setup, result, {})


def _count_predictions(depvar: str, *, dispersed: bool) -> Predictions:
    statistics = {
        "n": Prediction("Predicted number of events", lambda at: exp(at[0])), "xb": linear_form(),
    }  # fmt: skip
    if dispersed:
        statistics["alpha"] = Prediction("Predicted alpha", lambda at: exp(at[1]))
        statistics["lnalpha"] = Prediction("Predicted ln(alpha)", lambda at: at[1])
    return Predictions(depvar, "n", "(option n assumed; predicted number of events)", statistics)


@command("cpoisson", _COUNTS + "LL LL(string) UL UL(string) " + ML_OPTIONS + "]", by="recall",
         stored=LIKELIHOOD_STORED + " e(N_lc) e(N_unc) e(N_rc) e(llopt) e(ulopt)",
         refused="constraints(), technique() other than nr")  # fmt: skip
def cpoisson(session: Session, line: Line) -> None:
    """Censored Poisson regression."""
    if replay(session, line, "cpoisson"):
        return
    refuse_constraints(line)
    if not {"ll", "ul"} & line.typed:
        raise StataError(198, "must specify at least one of ll() or ul()")
    setup = CountSetup(session, line)
    y = setup.y
    low, low_text = censoring_limit(session, line, "ll", setup.sample.rows, float(y.min()))
    high, high_text = censoring_limit(session, line, "ul", setup.sample.rows, float(y.max()))
    lower = np.full(len(y), -np.inf) if low is None else low
    upper = np.full(len(y), np.inf) if high is None else high
    left, right = np.asarray(y <= lower), np.asarray(y >= upper)
    if (left | right).all():
        raise StataError(2000, "no uncensored observations")
    poisson = setup.fit_poisson()
    model = CensoredCount(y, lower, upper)
    full = with_constant(setup.X, setup.constant)
    fit = maximize(model, [Equation(full, setup.offset)], poisson.coefficients, setup.w)
    iteration_log(session, line, fit, setup.vce)
    null = None
    if setup.constant:
        ones = np.ones((len(y), 1))
        null = maximize(model, [Equation(ones, setup.offset)], np.array([setup.log_rate]), setup.w)
    design = setup.design
    names = [f"{setup.depvar}:{name}" for name in design.names]
    result = MlResult(
        "Censored Poisson regression", "cpoisson", setup.depvar, {setup.depvar: design}, names,
        design.expand(fit.coefficients), design.expand(ml_covariance(fit, setup.sample, setup.vce)),
        fit.log_likelihood, None if null is None else null.log_likelihood,
        int(design.active.sum()) - int(setup.constant), setup.sample, setup.vce, "cpoisson_p",
    )  # fmt: skip
    w = setup.w if setup.sample.kind == "fweight" else np.ones(len(y))
    counts = [float(w[flags].sum()) for flags in (~(left | right), left, right)]
    labels = ("   Uncensored", "   Left-censored", "   Right-censored")
    result.header_extra = [*(Entry(label, count(n)) for label, n in zip(labels, counts, strict=True)), Entry("", "")]
    result.header_left = ["", f"Limits: Lower = {low_text or '-inf'}", f"        Upper = {high_text or '+inf'}"]
    result.scalars.update(N_unc=counts[0], N_lc=counts[1], N_rc=counts[2])
    result.macros.update(llopt=low_text, ulopt=high_text)
    result.predictions.update(_count_predictions(setup.depvar, dispersed=False).entries())
    complete(session, line, setup, result, {})
