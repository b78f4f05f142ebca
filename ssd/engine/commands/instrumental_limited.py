"""ivprobit and ivtobit: binary and censored outcomes with endogenous regressors."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from ssd.engine.commands.declare import Line, command
from ssd.engine.commands.discrete_scaled import binary_outcome
from ssd.engine.commands.estimation import (
    SessionSource,
    Vce,
    level_of,
    operated_name,
    outcome_and_terms,
    parse_varlist,
    parse_vce,
    replay,
    require_numeric,
    take_sample,
)
from ssd.engine.commands.instrumental import independent_groups, split_equation, wrap_names
from ssd.engine.commands.likelihood_equations import (
    LIKELIHOOD_STORED,
    Block,
    Opening,
    assemble,
    assemble_from,
    fit_blocks,
    joint_wald,
    log_fit,
    refuse_constraints,
    test_line,
    wald_on,
)
from ssd.engine.commands.limited import censoring_limit
from ssd.engine.commands.maximum import ML_OPTIONS, MlResult, finish
from ssd.engine.commands.response_predictions import Prediction, Predictions, censored_predictions, linear_form
from ssd.engine.errors import StataError
from ssd.engine.missing import BoolArray, FloatArray
from ssd.engine.output.estimation import CoefficientTable, Entry, coefficient_row, count
from ssd.engine.stats.binary import Probit
from ssd.engine.stats.censored import Tobit
from ssd.engine.stats.covariance import wald
from ssd.engine.stats.design import Design, build
from ssd.engine.stats.distributions import chi2_tail, critical
from ssd.engine.stats.endogenous import EndogenousProbit, EndogenousTobit, correlation_pairs, minimum_chi_squared
from ssd.engine.stats.jets import exp, normal_probability
from ssd.engine.stats.likelihood import Equation, Maximum, maximize
from ssd.engine.stats.linear import least_squares, with_constant
from ssd.engine.stats.terms import split_words

if TYPE_CHECKING:
    from ssd.engine.session import Session

_GRAMMAR = "[anything(equalok everything)] [if] [in] [fweight iweight pweight] [, MLE TWOstep FIRST "
_STORED = LIKELIHOOD_STORED + " e(endog_ct) e(p_exog) e(chi2_exog) e(method) e(instd) e(insts)"
_REFUSED = "constraints(), vce(bootstrap), vce(jackknife), asis, technique() other than nr"


@dataclass
class _Setup:
    opening: Opening
    main: Block
    """Endogenous regressors, then exogenous ones, then the constant."""
    first: list[Block]
    """One reduced form per endogenous regressor: exogenous regressors, instruments, constant."""
    endogenous: FloatArray
    names: list[str]
    """Of the endogenous regressors."""
    instruments: list[str]
    exogenous: int
    """Exogenous regressors of the main equation without the constant."""

    @property
    def p(self) -> int:
        return len(self.names)

    @property
    def residuals(self) -> FloatArray:
        """Of the reduced forms by least squares: (n, p)."""
        Z = self.first[0].X
        assert Z is not None
        root = np.sqrt(self.opening.w)[:, None]
        fitted = Z @ np.linalg.lstsq(Z * root, self.endogenous * root, rcond=None)[0]
        return np.asarray(self.endogenous - fitted, dtype=np.float64)


def _set_up(session: Session, line: Line) -> _Setup:
    refuse_constraints(line)
    if line.flag("noconstant"):
        raise StataError(198, "option noconstant not allowed")
    if line.flag("mle") and line.flag("twostep"):
        raise StataError(198, "only one of mle or twostep may be specified")
    outer, inside, instruments_text = split_equation(line.anything)
    vce = parse_vce(session, line, ("oim", "robust", "cluster", "opg"), "oim")
    if line.flag("twostep") and (vce.typed or vce.is_robust):
        raise StataError(198, "the two-step estimator allows only the first and level() options")
    source = SessionSource(session)
    outcome, exogenous_terms = outcome_and_terms(session, split_words(outer))
    endogenous_terms = parse_varlist(session, split_words(inside))
    instrument_terms = parse_varlist(session, split_words(instruments_text))
    if not endogenous_terms or not instrument_terms:
        raise StataError(481, "no instrument variables specified" if endogenous_terms else "no endogenous variables")
    if any(len(term) > 1 or term[0].kind == "i" for term in endogenous_terms):
        raise StataError(198, "endogenous variables may not use factor operators")
    for terms in (endogenous_terms, instrument_terms):
        require_numeric(session, terms)
    everything = [(outcome,), *exogenous_terms, *endogenous_terms, *instrument_terms]
    sample = take_sample(session, line, source, everything, vce)
    exogenous = build(exogenous_terms, source, sample.rows)
    endogenous = build(endogenous_terms, source, sample.rows, constant=False)
    instruments = build(instrument_terms, source, sample.rows, constant=False)
    X1, X2, Z = independent_groups(session, source, sample, exogenous, endogenous, instruments, True)
    if X2.shape[1] < len(endogenous.columns):
        raise StataError(498, "may not drop an endogenous regressor")
    if Z.shape[1] < X2.shape[1]:
        raise StataError(481, "equation not identified; must have at least as many instruments not in\n"
                         "the regression as there are instrumented variables")  # fmt: skip
    depvar = operated_name(outcome)
    opening = Opening(session, line, level_of(session, line), vce, source, outcome, depvar, sample, True,
                      exogenous_terms)  # fmt: skip
    main = Block(depvar, Design([*endogenous.columns, *exogenous.columns], True),
                 with_constant(np.column_stack([X2, X1]), True))  # fmt: skip
    reduced = with_constant(np.column_stack([X1, Z]), True)
    columns = [*exogenous.columns, *instruments.columns]
    names = [column.name for column in endogenous.columns]
    assert main.design is not None
    factors, bases = {**exogenous.factors, **instruments.factors}, {**exogenous.bases, **instruments.bases}
    main.design.factors.update(exogenous.factors)
    main.design.bases.update(exogenous.bases)
    first = [Block(name, Design(list(columns), True, factors=factors, bases=bases), reduced) for name in names]
    used = [column.name for column in columns if column.active]
    return _Setup(opening, main, first, X2, names, used, X1.shape[1])


def _covariance_blocks(p: int, with_outcome: bool) -> list[Block]:
    """Ancillary parameters in the order of e(b)."""
    pairs = [Block(f"athrho{i}_{j}") for i, j in correlation_pairs(p)]
    return pairs + [Block(f"lnsigma{i}") for i in range(1 if with_outcome else 2, p + 2)]


def _starting_values(setup: _Setup, slopes: FloatArray, c: FloatArray, ln_sigma: float | None) -> FloatArray:
    """From a fit with the residuals of the reduced forms among the regressors, whose coefficients are c (p,).

    ln_sigma is that of the outcome's error given the residuals; None for probit, whose scale is then reset to 1.
    """
    v = setup.residuals
    w = setup.opening.w
    Z = setup.first[0].X
    assert Z is not None
    root = np.sqrt(w)[:, None]
    first = np.linalg.lstsq(Z * root, setup.endogenous * root, rcond=None)[0]
    S = (v * w[:, None]).T @ v / w.sum()
    sd = np.sqrt(np.diag(S))
    own = 1.0 if ln_sigma is None else math.exp(2.0 * ln_sigma)
    total = math.sqrt(own + float(c @ S @ c))
    with_outcome = np.clip(S @ c / (sd * total), -0.95, 0.95)
    among = S / np.outer(sd, sd)
    correlations = [with_outcome[i - 2] if j == 1 else among[i - 2, j - 2] for i, j in correlation_pairs(setup.p)]
    scales = np.log(sd) if ln_sigma is None else np.append(math.log(total), np.log(sd))
    b = slopes / total if ln_sigma is None else slopes
    return np.concatenate([b, *first.T, np.arctanh(np.clip(correlations, -0.99, 0.99)), scales])


def _with_residuals(setup: _Setup, X: FloatArray, fit: Callable[[FloatArray], Maximum]) -> tuple[Maximum, int]:
    """A fit of the outcome on X and the residuals of the reduced forms."""
    return fit(np.column_stack([X, setup.residuals])), X.shape[1]


@command("ivprobit", _GRAMMAR + ML_OPTIONS + "]", minimum=6, by="recall", stored=_STORED, refused=_REFUSED)
def ivprobit(session: Session, line: Line) -> None:
    """Probit with continuous endogenous regressors: maximum likelihood and Newey's two-step estimator."""
    if not line.anything.strip() and replay(session, line, "ivprobit"):
        return
    setup = _set_up(session, line)
    opening = setup.opening
    y = binary_outcome(opening)
    assert setup.main.X is not None

    def probit(X: FloatArray) -> Maximum:
        return maximize(Probit(y), [Equation(X)], np.zeros(X.shape[1]), opening.w)

    def statistics() -> dict[str, Prediction]:
        label = f"Pr({opening.depvar})"
        return {"pr": Prediction(label, lambda at: normal_probability(at[0])), "xb": linear_form()}

    predictions = Predictions(opening.depvar, "xb", "(option xb assumed; fitted values)", statistics())
    if line.flag("twostep"):
        result = _two_step(setup, probit, None, "Two-step probit with endogenous regressors", "ivprobit", "ivprobit_p")
        _finish_two_step(setup, result, predictions, [])
        return
    second, k = _with_residuals(setup, setup.main.X, probit)
    start = _starting_values(setup, second.coefficients[:k], second.coefficients[k:], None)
    blocks = [setup.main, *setup.first, *_covariance_blocks(setup.p, False)]
    model = EndogenousProbit(y == 1.0, setup.endogenous)
    log_fit(opening, probit(setup.main.X), "Fitting exogenous probit model:")
    fit = fit_blocks(model, blocks, start, opening.w)
    log_fit(opening, fit, "Fitting full model:")
    result = assemble(opening, blocks, fit, "Probit model with endogenous regressors", "ivprobit", "ivprobit_p")
    _finish_ml(setup, result, predictions, with_outcome=False)


@command("ivtobit", _GRAMMAR + "LL LL(string) UL UL(string) " + ML_OPTIONS + "]", by="recall",
         stored=_STORED + " e(N_unc) e(N_lc) e(N_rc) e(llopt) e(ulopt)", refused=_REFUSED)  # fmt: skip
def ivtobit(session: Session, line: Line) -> None:
    """Tobit with continuous endogenous regressors: maximum likelihood and Newey's two-step estimator."""
    if not line.anything.strip() and replay(session, line, "ivtobit"):
        return
    if not {"ll", "ul"} & line.typed:
        raise StataError(198, "must specify a censoring point")
    setup = _set_up(session, line)
    opening = setup.opening
    y = opening.y
    low, low_text = censoring_limit(session, line, "ll", opening.sample.rows, float(y.min()))
    high, high_text = censoring_limit(session, line, "ul", opening.sample.rows, float(y.max()))
    left = np.zeros(len(y), dtype=np.bool_) if low is None else np.asarray(y <= low)
    right = np.zeros(len(y), dtype=np.bool_) if high is None else np.asarray(y >= high)
    y = np.where(left, y if low is None else low, np.where(right, y if high is None else high, y))
    if (left | right).all():
        raise StataError(2000, "no uncensored observations")
    assert setup.main.X is not None

    def tobit(X: FloatArray) -> Maximum:
        ols = least_squares(X, y, opening.w, constant=False)
        scale = 0.5 * math.log(max(ols.rss / float(opening.w.sum()), 1e-12))
        model = Tobit(y, left, right)
        return maximize(model, [Equation(X), Equation(None)], np.append(ols.coefficients, scale), opening.w)

    predictions = censored_predictions(opening.depvar, lambda at: exp(at[-setup.p - 1]))
    header = _censoring_entries(opening, left, right, low_text, high_text)
    if line.flag("twostep"):
        predictions = replace(predictions, simple={"xb": linear_form()}, ranged={})
        result = _two_step(setup, tobit, 1, "Two-step tobit with endogenous regressors", "ivtobit", "ivtobit_p")
        header(result)
        _finish_two_step(setup, result, predictions, [])
        return
    second, k = _with_residuals(setup, setup.main.X, tobit)
    start = _starting_values(setup, second.coefficients[:k], second.coefficients[k:-1], float(second.coefficients[-1]))
    blocks = [setup.main, *setup.first, *_covariance_blocks(setup.p, True)]
    log_fit(opening, tobit(setup.main.X), "Fitting exogenous tobit model:")
    fit = fit_blocks(EndogenousTobit(y, left, right, setup.endogenous), blocks, start, opening.w)
    log_fit(opening, fit, "Fitting full model:")
    result = assemble(opening, blocks, fit, "Tobit model with endogenous regressors", "ivtobit", "ivtobit_p")
    header(result)
    _finish_ml(setup, result, predictions, with_outcome=True)


def _censoring_entries(
    opening: Opening, left: BoolArray, right: BoolArray, low: str, high: str
) -> Callable[[MlResult], None]:
    """Puts the limits and the numbers of censored observations into header and e()."""
    w = opening.w if opening.sample.kind == "fweight" else np.ones(len(left))
    counts = [float(w[flags].sum()) for flags in (~(left | right), left, right)]

    def fill(result: MlResult) -> None:
        labels = ("   Uncensored", "   Left-censored", "   Right-censored")
        result.header_extra = [Entry(label, count(n)) for label, n in zip(labels, counts, strict=True)]
        result.header_extra.append(Entry("", ""))
        result.header_left = ["", f"Limits: Lower = {low or '-inf'}", f"        Upper = {high or '+inf'}"]
        result.scalars.update(N_unc=counts[0], N_lc=counts[1], N_rc=counts[2])
        result.macros.update(llopt=low, ulopt=high)

    return fill


def _finish_ml(setup: _Setup, result: MlResult, predictions: Predictions, *, with_outcome: bool) -> None:
    opening, line = setup.opening, setup.opening.line
    wald_on(result, [opening.depvar])
    pairs = correlation_pairs(setup.p)
    errors = [opening.depvar, *setup.names]
    shown: list[tuple[str, int, bool]] = [
        (f"corr(e.{errors[i - 1]},e.{errors[j - 1]})", result.names.index(f"/:athrho{i}_{j}"), True) for i, j in pairs
    ]
    shown += [
        (f"sd(e.{errors[i - 1]})", result.names.index(f"/:lnsigma{i}"), False)
        for i in range(1 if with_outcome else 2, setup.p + 2)
    ]
    places = [result.names.index(f"/:athrho{i}_{j}") for i, j in pairs if j == 1]
    chi2, df = joint_wald(result, places)
    result.scalars.update(chi2_exog=chi2, p_exog=chi2_tail(chi2, df), endog_ct=float(setup.p), k_dv=float(setup.p + 1))
    _describe(setup, result, "ml")
    result.name_width = min(max([12, *(len(label) - 1 for label, _, _ in shown)]), 32)
    result.hidden_equations = frozenset({"/"} if line.flag("first") else {"/", *setup.names})
    result.no_footer = True
    result.depvar = ""
    result.predictions.update(predictions.entries())

    def footer(table: CoefficientTable) -> None:
        log, z = opening.session.log, critical(table.level, None)
        log.line("-" * (table.width + 1) + "+" + "-" * 64)
        for label, place, correlation in shown:
            at, se = float(result.b[place]), math.sqrt(max(float(result.V[place, place]), 0.0))
            transform: Callable[[float], float] = math.tanh if correlation else math.exp
            value = transform(at)
            slope = 1.0 - value * value if correlation else value
            row = coefficient_row(value, slope * se, 0.0, 0.0, transform(at - z * se), transform(at + z * se),
                                  tests=False)  # fmt: skip
            log.line(f"{label:>{table.width + 1}}|{row}")
        log.line("-" * (table.width + 66))
        log.line(test_line("Wald test of exogeneity (corr = 0)", df, chi2))
        wrap_names(opening.session, "Endogenous:", setup.names)
        wrap_names(opening.session, "Exogenous: ", setup.instruments)

    result.footer = footer
    finish(opening.session, line, result, opening.level)


def _describe(setup: _Setup, result: MlResult, method: str) -> None:
    result.macros.update(
        method=method, instd=" ".join(setup.names), insts=" ".join(setup.instruments),
        depvar=" ".join([setup.opening.depvar, *setup.names]),
    )  # fmt: skip


def _two_step(
    setup: _Setup, fit: Callable[[FloatArray], Maximum], ancillary: int | None, title: str, command_name: str,
    predict: str,
) -> MlResult:  # fmt: skip
    """Newey's minimum chi-squared estimator ([R] ivprobit and [R] ivtobit, Methods and formulas).

    `fit` maximises the outcome's likelihood given regressors; its last `ancillary` coefficients are no slopes.
    """
    opening, p = setup.opening, setup.p
    assert setup.main.X is not None
    reduced = setup.first[0].X
    assert reduced is not None
    v, w = setup.residuals, opening.w
    drop = ancillary or 0
    structural = fit(np.column_stack([setup.main.X, v]))
    k = setup.main.size
    at = slice(k, k + p)
    chi2, df = wald(structural.coefficients[at], structural.covariance[at, at])
    q = setup.exogenous
    # Instruments first, then exogenous regressors and the constant, so that the structural ones are last.
    Z = np.column_stack([reduced[:, q:-1], reduced[:, :q], reduced[:, -1]])
    form = fit(np.column_stack([Z, v]))
    m = Z.shape[1]
    assert len(form.coefficients) == m + p + drop
    lam = form.coefficients[m : m + p]
    combination = setup.endogenous @ (lam - structural.coefficients[:p])
    ols = least_squares(Z, combination, w, constant=False)
    added = ols.inverse * (ols.rss / (opening.sample.n - m))
    root = np.sqrt(w)[:, None]
    first = np.asarray(np.linalg.lstsq(Z * root, setup.endogenous * root, rcond=None)[0], dtype=np.float64)
    found = minimum_chi_squared(form.coefficients[:m], form.covariance[:m, :m], first, added, q + 1)
    opening.vce = Vce("twostep", typed=False)
    result = assemble_from(opening, [setup.main], found.b, found.V, math.nan, title, command_name, predict)
    wald_on(result, [opening.depvar])
    result.scalars.update(chi2_exog=chi2, df_exog=float(df), p_exog=chi2_tail(chi2, df), endog_ct=float(p))
    return result


def _finish_two_step(setup: _Setup, result: MlResult, predictions: Predictions, lines: list[str]) -> None:
    opening = setup.opening
    _describe(setup, result, "twostep")
    result.macros["vce"] = "twostep"
    result.no_likelihood = True
    result.predictions.update(predictions.entries())

    def footer(table: CoefficientTable) -> None:
        log = opening.session.log
        for text in lines:
            log.line(text)
        log.line(test_line("Wald test of exogeneity", int(result.scalars["df_exog"]), result.scalars["chi2_exog"]))
        wrap_names(opening.session, "Endogenous:", setup.names)
        wrap_names(opening.session, "Exogenous: ", setup.instruments)

    result.footer = footer
    finish(opening.session, opening.line, result, opening.level)
