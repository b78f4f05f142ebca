"""heckman: regression with sample selection, two-step and maximum likelihood."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from ssd.engine.commands.declare import Line, command
from ssd.engine.commands.discrete_binary import refuse_technique
from ssd.engine.commands.estimation import (
    Sample,
    SessionSource,
    Vce,
    build_regressors,
    finish_sample,
    level_of,
    operated_name,
    outcome_and_terms,
    parse_varlist,
    parse_vce,
    replay,
)
from ssd.engine.commands.maximum import ML_OPTIONS, MlResult, finish, iteration_log, ml_covariance, model_test
from ssd.engine.commands.response_predictions import Prediction, Predictions, censored_predictions, linear_form
from ssd.engine.errors import StataError, insufficient_observations, no_observations
from ssd.engine.missing import MISSING, BoolArray, FloatArray, is_missing
from ssd.engine.output.estimation import CoefficientTable, Entry, coefficient_row, count, exponential, number
from ssd.engine.stats.binary import Probit
from ssd.engine.stats.design import Design, complete
from ssd.engine.stats.distributions import chi2_tail, critical
from ssd.engine.stats.jets import Jet, exp, mills_ratio, normal_probability, tanh
from ssd.engine.stats.likelihood import Equation, Maximum, maximize
from ssd.engine.stats.linear import least_squares, with_constant
from ssd.engine.stats.selection import Heckman, mills
from ssd.engine.stats.terms import Component, Term, split_words

if TYPE_CHECKING:
    from ssd.engine.session import Session


@dataclass
class SelectionModel:
    depvar: str
    selection_name: str
    sample: Sample
    selected: BoolArray
    """Of the sample's observations."""
    y: FloatArray
    X: FloatArray
    Z: FloatArray
    outcome_design: Design
    selection_design: Design
    vce: Vce
    constant: bool

    @property
    def weights(self) -> FloatArray:
        return self.sample.likelihood_weights

    @property
    def selection_key(self) -> str:
        return self.selection_name or "select"


def _selection_terms(session: Session, typed: str) -> tuple[Component | None, list[Term], bool]:
    """`depvar_s = varlist, noconstant` of select()."""
    body, _, options = typed.partition(",")
    constant = True
    if options.strip():
        if not ("noconstant".startswith(options.strip()) and len(options.strip()) >= 6):
            raise StataError(198, f"option {options.strip()} not allowed")
        constant = False
    if "=" in body:
        left, _, right = body.partition("=")
        outcome, _rest = outcome_and_terms(session, split_words(left))
        return outcome, parse_varlist(session, split_words(right)), constant
    return None, parse_varlist(session, split_words(body)), constant


def prepare_selection(session: Session, line: Line) -> SelectionModel:
    typed = line.text_option("select")
    if not typed:
        raise StataError(198, "option select() required")
    vce = parse_vce(session, line, ("oim", "robust", "cluster", "opg", "conventional"), "oim")
    source = SessionSource(session)
    outcome, terms = outcome_and_terms(session, line.varlist)
    selector, selection_terms, selection_constant = _selection_terms(session, typed)
    base = line.sample(session)
    rows = complete(selection_terms, source, base)
    y_all = source.get(outcome.variable, outcome.operator)
    if selector is not None:
        flags = source.get(selector.variable, selector.operator)
        rows &= ~is_missing(flags)
        selected = rows & (flags != 0.0)
        selected &= complete([(outcome,), *terms], source, base)
        rows &= selected | (flags == 0.0)
    else:
        selected = rows & complete([(outcome,), *terms], source, base)
        rows &= selected | is_missing(y_all)
    if vce.cluster:
        from ssd.engine.commands.estimation import not_missing

        rows &= not_missing(session, vce.cluster)
    weights = line.weights(session)
    if weights is not None:
        rows &= ~is_missing(weights) & (weights != 0.0)
    selected &= rows
    if not selected.any():
        raise no_observations()
    if np.array_equal(selected, rows):
        raise StataError(498, f"dependent variable never censored because of selection:\n"
                         f"model would simplify to OLS regression of {operated_name(outcome)}")  # fmt: skip
    kind = line.weight.kind if line.weight is not None else ""
    sample = finish_sample(session, rows, None if weights is None else weights[rows], kind, vce)
    inside = finish_sample(session, selected, None if weights is None else weights[selected], kind, None)
    constant = not line.flag("noconstant")
    regressors = build_regressors(session, source, terms, inside, constant=constant)
    selection = build_regressors(session, source, selection_terms, sample, constant=selection_constant)
    flags_in = selected[rows]
    X = np.zeros((len(flags_in), regressors.X.shape[1] + int(constant)))
    X[flags_in] = with_constant(regressors.X, constant)
    y = np.where(flags_in, y_all[rows], 0.0)
    name = "" if selector is None else operated_name(selector)
    return SelectionModel(
        operated_name(outcome), name, sample, flags_in, y, X, with_constant(selection.X, selection_constant),
        regressors.design, selection.design, vce, constant,
    )  # fmt: skip


def selection_probit(model: SelectionModel) -> Maximum:
    s = model.selected.astype(np.float64)
    return maximize(Probit(s), [Equation(model.Z)], np.zeros(model.Z.shape[1]), model.weights)


@command(
    "heckman",
    "[varlist(numeric fv ts default=none)] [if] [in] [fweight iweight pweight aweight] [, SELect(string) TWOstep "
    "MLE NSHazard(name) MIlls(name) " + ML_OPTIONS + "]",
    by="recall",
    stored="e(N) e(N_selected) e(N_nonselected) e(N_cens) e(lambda) e(selambda) e(sigma) e(rho) e(ll) e(ll_c) e(chi2) "
    "e(chi2_c) e(p) e(p_c) e(df_m) e(rank) e(N_clust) e(cmd) e(depvar) e(method) e(title) e(vce) e(b) e(V) r(table)",
    refused="rhosigma, rhotrunc, rholimited, first, offset(), constraints()",
)
def heckman(session: Session, line: Line) -> None:
    """Heckman selection model."""
    if replay(session, line, "heckman"):
        return
    refuse_technique(line)
    if line.options.get("constraints"):
        from ssd.engine.errors import unsupported

        raise unsupported("option constraints() is")
    level = level_of(session, line)
    model = prepare_selection(session, line)
    probit = selection_probit(model)
    hazards = [name for name in map(line.text_option, ("nshazard", "mills")) if name]
    session.data.require_new(hazards)
    if line.flag("twostep"):
        if model.vce.typed and model.vce.kind != "conventional":
            raise StataError(198, f"vcetype {model.vce.kind} not allowed with twostep")
        _two_step(session, line, model, probit, level)
    else:
        _maximum_likelihood(session, line, model, probit, level)
    for name in hazards:
        values = np.full(session.data.n_obs, MISSING)
        values[model.sample.rows] = mills(model.Z @ probit.coefficients)
        session.data.add(name, values, "float", label="Nonselection hazard")


@dataclass(frozen=True)
class _TwoStep:
    b: FloatArray
    """Outcome coefficients with that of the inverse Mills ratio last."""
    V: FloatArray
    rho: float
    sigma: float
    lam: float


def _heckman_two_step(model: SelectionModel, probit: Maximum) -> _TwoStep:
    """Heckman's estimator and its covariance ([R] heckman, Methods and formulas)."""
    s = model.selected
    Z = model.Z[s]
    w = model.weights[s]
    index = Z @ probit.coefficients
    m = mills(index)
    delta = m * (m + index)
    X = np.column_stack([model.X[s], m])
    ls = least_squares(X, model.y[s], w, constant=False)
    n = float(w.sum())
    beta = float(ls.coefficients[-1])
    variance = (ls.rss + beta * beta * float(w @ delta)) / n
    if not variance > 0.0:
        raise insufficient_observations()
    sigma = math.sqrt(variance)
    rho = max(-1.0, min(1.0, beta / sigma))
    D = 1.0 - rho * rho * delta
    XD = X * (w * delta)[:, None]
    F = XD.T @ Z
    Q = rho * rho * (F @ probit.covariance @ F.T)
    inverse = ls.inverse
    V = variance * (inverse @ (X.T @ (X * (w * D)[:, None]) + Q) @ inverse)
    return _TwoStep(ls.coefficients, (V + V.T) / 2.0, rho, sigma, rho * sigma)


def _two_step(session: Session, line: Line, model: SelectionModel, probit: Maximum, level: float) -> None:
    fit = _heckman_two_step(model, probit)
    key = model.selection_key
    names = [f"{model.depvar}:{n}" for n in model.outcome_design.names]
    names += [f"{key}:{n}" for n in model.selection_design.names] + ["/mills:lambda"]
    active = np.concatenate([model.outcome_design.active, model.selection_design.active, [True]])
    kx, kz = model.X.shape[1], model.Z.shape[1]
    compact_b = np.concatenate([fit.b[:kx], probit.coefficients, fit.b[kx:]])
    compact = np.zeros((kx + kz + 1, kx + kz + 1))
    outcome = [*range(kx), kx + kz]
    compact[np.ix_(outcome, outcome)] = fit.V
    selection = list(range(kx, kx + kz))
    compact[np.ix_(selection, selection)] = probit.covariance
    b, V = np.zeros(len(names)), np.zeros((len(names), len(names)))
    b[active] = compact_b
    V[np.ix_(active, active)] = compact
    designs = {model.depvar: model.outcome_design, key: model.selection_design}
    df_m = int(model.outcome_design.active.sum()) - int(model.constant)
    result = MlResult(
        "Heckman selection model -- two-step estimates", "heckman", model.depvar, designs,
        names, b, V, math.nan, None, df_m, model.sample,
        Vce("conventional", typed=False), "heckma_p",
    )  # fmt: skip
    _common(result, model, 3.0)
    result.predictions.update(_predictions(model, fit.sigma).entries())
    result.macros.update(method="two-step", vce="conventional")
    se = math.sqrt(float(V[-1, -1]))
    result.scalars.update(rho=fit.rho, sigma=fit.sigma, selambda=se)
    result.scalars["lambda"] = fit.lam
    result.scalars["ll"] = math.nan
    result.no_footer = True

    def footer(table: CoefficientTable) -> None:
        log = session.log
        log.line("-" * (table.width + 1) + "+" + "-" * 64)
        log.line(f"{'rho':>{table.width}} |{fit.rho:>11.5f}")
        log.line(f"{'sigma':>{table.width}} |{number(fit.sigma, '%10.0g'):>11}")
        log.line("-" * (table.width + 66))

    result.footer = footer
    result.header_left = ["(regression model with sample selection)"]
    result.no_likelihood = True
    finish(session, line, result, level)


def _common(result: MlResult, model: SelectionModel, k_eq: float) -> None:
    slopes = [
        j for j, flag in enumerate(model.outcome_design.active) if flag and model.outcome_design.names[j] != "_cons"
    ]
    model_test(result, slopes, likelihood_ratio=False)
    chosen = model.weights if model.sample.kind == "fweight" else np.ones(len(model.y))
    inside = float(chosen[model.selected].sum())
    outside = model.sample.n - inside
    result.header_extra = [
        Entry("      Selected", count(inside)),
        Entry("      Nonselected", count(outside)),
        Entry("", ""),
    ]
    result.pseudo = False
    result.scalars.update(N_selected=inside, N_nonselected=outside, N_cens=outside, k_eq=k_eq, k_dv=2.0)
    result.macros["depvar"] = f"{model.depvar} {model.selection_name}".strip()
    result.macros["title"] = "Heckman selection model"


def _maximum_likelihood(session: Session, line: Line, model: SelectionModel, probit: Maximum, level: float) -> None:
    first = _heckman_two_step(model, probit)
    rho = max(-0.85, min(0.85, first.rho))
    start = np.concatenate([first.b[:-1], probit.coefficients, [math.atanh(rho), math.log(first.sigma)]])
    equations = [Equation(model.X), Equation(model.Z), Equation(None), Equation(None)]
    fit = maximize(Heckman(model.y, model.selected), equations, start, model.weights, polish=False)
    iteration_log(session, line, fit, model.vce)
    key = model.selection_key
    names = [f"{model.depvar}:{n}" for n in model.outcome_design.names]
    names += [f"{key}:{n}" for n in model.selection_design.names] + ["/:athrho", "/:lnsigma"]
    active = np.concatenate([model.outcome_design.active, model.selection_design.active, [True, True]])
    b, V = np.zeros(len(names)), np.zeros((len(names), len(names)))
    b[active] = fit.coefficients
    V[np.ix_(active, active)] = ml_covariance(fit, model.sample, model.vce)
    designs = {model.depvar: model.outcome_design, key: model.selection_design}
    df_m = int(model.outcome_design.active.sum()) - int(model.constant)
    result = MlResult(
        "Heckman selection model", "heckman", model.depvar, designs, names, b, V, fit.log_likelihood, None, df_m,
        model.sample, model.vce, "heckma_p",
    )  # fmt: skip
    athrho, lnsigma = float(b[-2]), float(b[-1])
    rho, sigma = math.tanh(athrho), math.exp(lnsigma)
    _common(result, model, 4.0)
    w = model.weights
    s = model.selected
    ols = least_squares(model.X[s], model.y[s], w[s], constant=False)
    n = float(w[s].sum())
    ll_c = probit.log_likelihood - 0.5 * n * (math.log(2.0 * math.pi) + math.log(ols.rss / n) + 1.0)
    if model.vce.is_robust:
        chi2_c = athrho**2 / float(V[-2, -2])
        kind = "Wald"
    else:
        chi2_c, kind = 2.0 * (fit.log_likelihood - ll_c), "LR"
    G = np.array([(1.0 - rho * rho) * sigma, rho * sigma])
    se_lambda = math.sqrt(float(G @ V[-2:, -2:] @ G))
    result.scalars.update(rho=rho, sigma=sigma, selambda=se_lambda, chi2_c=chi2_c, p_c=chi2_tail(chi2_c, 1), k_aux=2.0)
    result.scalars["lambda"] = rho * sigma
    if kind == "LR":
        result.scalars["ll_c"] = ll_c
    result.predictions.update(_predictions(model, None).entries())
    result.macros.update(method="ml", chi2_ct=kind)
    result.header_left = ["(regression model with sample selection)"]
    result.no_footer = True

    def footer(table: CoefficientTable) -> None:
        log, z = session.log, critical(table.level, None)
        log.line("-" * (table.width + 1) + "+" + "-" * 64)
        s1, s2 = math.sqrt(float(V[-2, -2])), math.sqrt(float(V[-1, -1]))
        rows = [
            ("rho", rho, (1.0 - rho * rho) * s1, math.tanh(athrho - z * s1), math.tanh(athrho + z * s1)),
            ("sigma", sigma, sigma * s2, exponential(lnsigma - z * s2), exponential(lnsigma + z * s2)),
            ("lambda", rho * sigma, se_lambda, rho * sigma - z * se_lambda, rho * sigma + z * se_lambda),
        ]
        for label, value, se, low, high in rows:
            log.line(f"{label:>{table.width}} |" + coefficient_row(value, se, 0.0, 0.0, low, high, tests=False))
        log.line("-" * (table.width + 66))
        text = f"{kind} test of indep. eqns. (rho = 0): chi2(1) = {chi2_c:.2f}"
        log.line(text + f"Prob > chi2 = {chi2_tail(chi2_c, 1):.4f}".rjust(78 - len(text)))

    result.footer = footer
    finish(session, line, result, level)


def _predictions(model: SelectionModel, sigma: float | None) -> Predictions:
    """xb, xbsel, psel, mills, ycond, yexpected and the censored moments ([R] heckman postestimation).

    `sigma` is the two-step estimate; None when ln sigma and athrho are among the parameters.
    """

    def scale(at: Sequence[Jet]) -> Jet:
        return exp(at[-1]) if sigma is None else at[0] * 0.0 + sigma

    def selection_effect(at: Sequence[Jet]) -> Jet:
        return tanh(at[-2]) * exp(at[-1]) if sigma is None else at[-1]

    def conditional(at: Sequence[Jet]) -> Jet:
        return at[0] + selection_effect(at) * mills_ratio(at[1])

    depvar = model.depvar
    censored = censored_predictions(depvar, scale)
    return replace(
        censored,
        simple={
            "xb": linear_form(), "xbsel": Prediction("Linear prediction of selection", lambda at: at[1]),
            "psel": Prediction(f"Pr({model.selection_key})", lambda at: normal_probability(at[1])),
            "mills": Prediction("Mills' ratio", lambda at: mills_ratio(at[1])),
            "ycond": Prediction(f"E({depvar}|Zg>0)", conditional),
            "yexpected": Prediction(f"E({depvar}*|Pr(sel))", lambda at: normal_probability(at[1]) * conditional(at)),
        },
    )  # fmt: skip
