"""poisson and nbreg."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from ssd.engine.commands.constraints import Constraints, constraints_of
from ssd.engine.commands.declare import Line, command
from ssd.engine.commands.discrete_binary import refuse_technique, restrict
from ssd.engine.commands.estimation import (
    Sample,
    SessionSource,
    Vce,
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
    log_heading,
    ml_covariance,
    model_test,
)
from ssd.engine.errors import StataError, unsupported
from ssd.engine.missing import FloatArray, is_missing
from ssd.engine.output.estimation import CoefficientTable, coefficient_row, exponential, number
from ssd.engine.stats.counts import ConstantNegativeBinomial, NegativeBinomial, Poisson
from ssd.engine.stats.design import Design
from ssd.engine.stats.distributions import chi2_tail, critical
from ssd.engine.stats.likelihood import Equation, Maximum, maximize
from ssd.engine.stats.linear import least_squares, with_constant

if TYPE_CHECKING:
    from ssd.engine.session import Session

_GRAMMAR = (
    "[varlist(numeric fv ts default=none)] [if] [in] [fweight iweight pweight] [, Exposure(varname) OFFset(varname) "
    "IRr " + ML_OPTIONS
)
_STORED = (
    "e(N) e(k) e(k_eq) e(k_eq_model) e(k_dv) e(df_m) e(r2_p) e(ll) e(ll_0) e(N_clust) e(chi2) e(p) e(rank) e(ic) "
    "e(rc) e(converged) e(cmd) e(cmdline) e(depvar) e(title) e(offset) e(chi2type) e(vce) e(vcetype) e(predict) "
    "e(b) e(V) r(table)"
)


class CountSetup:
    """Sample, design and matrices of a count model."""

    def __init__(self, session: Session, line: Line) -> None:
        refuse_technique(line)
        self.level = level_of(session, line)
        self.vce: Vce = parse_vce(session, line, ("oim", "robust", "cluster", "opg"), "oim")
        source = SessionSource(session)
        outcome, terms = outcome_and_terms(session, line.varlist)
        self.depvar = operated_name(outcome)
        sample = take_sample(session, line, source, [(outcome,), *terms], self.vce)
        offset, self.offset_name = offset_of(session, line, sample.rows)
        if offset is not None:
            sample = restrict(session, sample, self.vce, ~is_missing(offset[sample.rows]))
        self.sample: Sample = sample
        self.constant = not line.flag("noconstant")
        regressors = build_regressors(session, source, terms, sample, constant=self.constant)
        self.design: Design = regressors.design
        self.X = regressors.X
        self.y: FloatArray = source.get(outcome.variable, outcome.operator)[sample.rows]
        if np.any(self.y < 0.0):
            raise StataError(459, f"{self.depvar} must be greater than or equal to zero")
        self.offset = None if offset is None else offset[sample.rows]
        self.w = sample.likelihood_weights

    @property
    def log_rate(self) -> float:
        exposure = np.ones(len(self.y)) if self.offset is None else np.exp(self.offset)
        return math.log(max(float(self.w @ self.y), 1e-300) / float(self.w @ exposure))

    def null_poisson(self) -> float:
        eta = np.full(len(self.y), self.log_rate) + (0.0 if self.offset is None else self.offset)
        return float(self.w @ Poisson(self.y).log_likelihood(eta[:, None]))

    def _starting_values(self, full: FloatArray) -> FloatArray:
        """Two steps of iteratively reweighted least squares from (y + mean)/2, or the constant-only solution if better.

        Stata's published logs begin as close to the maximum as that, not at the constant-only model.
        """
        plain = np.zeros(full.shape[1])
        if self.constant:
            plain[-1] = self.log_rate
        offset = np.zeros(len(self.y)) if self.offset is None else self.offset
        mean = float(self.w @ self.y) / float(self.w.sum())
        if not mean > 0.0:
            return plain
        mu = (self.y + mean) / 2.0
        for _ in range(2):
            working = np.log(mu) - offset + (self.y - mu) / mu
            b = least_squares(full, working, self.w * mu, constant=False).coefficients
            mu = np.exp(np.clip(full @ b + offset, -50.0, 50.0))
        model = Poisson(self.y)
        reached = [float(self.w @ model.log_likelihood((full @ each + offset)[:, None])) for each in (plain, b)]
        return b if np.isfinite(reached[1]) and not reached[0] > reached[1] else plain

    def fit_poisson(self, restrictions: Constraints | None = None) -> Maximum:
        full = with_constant(self.X, self.constant)
        start = self._starting_values(full)
        pair = None if restrictions is None else restrictions.pair
        return maximize(Poisson(self.y), [Equation(full, self.offset)], start, self.w, constraint=pair)


@command("poisson", _GRAMMAR + "]", by="recall", stored=_STORED, refused="technique() other than nr")
def poisson(session: Session, line: Line) -> None:
    """Poisson regression."""
    if replay(session, line, "poisson"):
        return
    setup = CountSetup(session, line)
    design = setup.design
    names = [f"{setup.depvar}:{name}" for name in design.names]
    restrictions = constraints_of(session, line, names, design.active)
    fit = setup.fit_poisson(restrictions)
    iteration_log(session, line, fit, setup.vce)
    result = MlResult(
        "Poisson regression", "poisson", setup.depvar, {setup.depvar: design}, names, design.expand(fit.coefficients),
        design.expand(ml_covariance(fit, setup.sample, setup.vce)), fit.log_likelihood,
        setup.null_poisson() if setup.constant else None, int(design.active.sum()) - int(setup.constant), setup.sample,
        setup.vce, "poisso_p",
    )  # fmt: skip
    result.constraint_lines = [] if restrictions is None else restrictions.lines
    complete(session, line, setup, result, {"kind": "poisson"})


def complete(session: Session, line: Line, setup: CountSetup, result: MlResult, predictions: dict[str, object]) -> None:
    design = setup.design
    last = len(design.names) - 1
    slopes = [j for j, flag in enumerate(design.active) if flag and not (setup.constant and j == last)]
    model_test(result, slopes, likelihood_ratio=not (setup.vce.is_robust or result.constraint_lines) and setup.constant)
    result.macros["offset"] = setup.offset_name
    result.predictions.update(offset=setup.offset_name, **predictions)
    own_footer = result.footer

    def footer(table: CoefficientTable) -> None:
        if own_footer is not None:
            own_footer(table)
        else:
            print_rate_notes(session, table, setup.constant)

    result.footer = footer
    finish(session, line, result, setup.level, "IRR" if line.flag("irr") else None)


def print_rate_notes(session: Session, table: CoefficientTable, constant: bool) -> None:
    """What a table of incidence-rate ratios says of its other equations and its constant."""
    if not table.eform:
        return
    if len({name.rpartition(":")[0] for name in table.names}) > 1:
        session.log.line("Note: Estimates are transformed only in the first equation to incidence-rate ratios.")
    if constant:
        session.log.line("Note: _cons estimates baseline incidence rate.")


@command(
    "nbreg",
    _GRAMMAR + " Dispersion(string) NOLRtest]",
    by="recall",
    stored=_STORED + " e(alpha) e(delta) e(ll_c) e(chi2_c) e(chi2_ct) e(dispers)",
    refused="constraints()",
)
def nbreg(session: Session, line: Line) -> None:
    """Negative binomial regression, the dispersion a function of the mean or constant."""
    if replay(session, line, "nbreg"):
        return
    typed = line.text_option("dispersion") or "mean"
    dispersion = next((word for word in ("mean", "constant") if word.startswith(typed)), None)
    if dispersion is None:
        raise StataError(198, f"dispersion({typed}) invalid")
    if line.options.get("constraints"):
        raise unsupported("option constraints() is")
    setup = CountSetup(session, line)
    start = setup.fit_poisson()
    log_heading(session, line, "Fitting Poisson model:")
    iteration_log(session, line, start, setup.vce)
    model = NegativeBinomial(setup.y) if dispersion == "mean" else ConstantNegativeBinomial(setup.y)
    null: Maximum | None = None
    if setup.constant:
        ones = np.ones((len(setup.y), 1))
        first = np.array(
            [setup.log_rate, _start_dispersion(setup, np.exp(setup.log_rate + _offset(setup)), dispersion)]
        )
        null = maximize(model, [Equation(ones, setup.offset), Equation(None)], first, setup.w)
        log_heading(session, line, "Fitting constant-only model:")
        iteration_log(session, line, null, setup.vce)
    full = with_constant(setup.X, setup.constant)
    mu = np.exp(full @ start.coefficients + _offset(setup))
    at = np.append(start.coefficients, _start_dispersion(setup, mu, dispersion))
    fit = maximize(model, [Equation(full, setup.offset), Equation(None)], at, setup.w)
    log_heading(session, line, "Fitting full model:")
    iteration_log(session, line, fit, setup.vce)
    _post_nbreg(session, line, setup, start, null, fit, dispersion)


def _offset(setup: CountSetup) -> FloatArray:
    return np.zeros(len(setup.y)) if setup.offset is None else setup.offset


def _start_dispersion(setup: CountSetup, mu: FloatArray, dispersion: str) -> float:
    """ln alpha or ln delta by the method of moments."""
    w = setup.w
    if dispersion == "constant":
        delta = float(w @ ((setup.y - mu) ** 2 / mu - 1.0)) / float(w.sum())
        return math.log(min(max(delta, 1e-2), 1e4))
    alpha = float(w @ ((setup.y - mu) ** 2 - setup.y)) / float(w @ mu**2)
    return math.log(min(max(alpha, 1e-2), 50.0))


def _post_nbreg(
    session: Session, line: Line, setup: CountSetup, start: Maximum, null: Maximum | None, fit: Maximum,
    dispersion: str,
) -> None:  # fmt: skip
    parameter = "alpha" if dispersion == "mean" else "delta"
    design = setup.design
    k = len(design.names)
    active = np.append(design.active, True)
    b = np.zeros(k + 1)
    b[active] = fit.coefficients
    V = np.zeros((k + 1, k + 1))
    V[np.ix_(active, active)] = ml_covariance(fit, setup.sample, setup.vce)
    names = [f"{setup.depvar}:{name}" for name in design.names] + [f"/:ln{parameter}"]
    value = math.exp(float(b[k]))
    chi2_c = max(2.0 * (fit.log_likelihood - start.log_likelihood), 0.0)
    result = MlResult(
        "Negative binomial regression", "nbreg", setup.depvar, {setup.depvar: design}, names, b, V, fit.log_likelihood,
        None if null is None else null.log_likelihood, int(design.active.sum()) - int(setup.constant), setup.sample,
        setup.vce, "nbreg_p",
    )  # fmt: skip
    result.header_left = ["", f"Dispersion: {dispersion}"]
    result.untested = frozenset({f"/:ln{parameter}"})
    result.no_footer = True
    result.scalars.update(k_eq=2.0, k_aux=1.0)
    result.scalars[parameter] = value
    if not setup.vce.is_robust:
        result.scalars.update(ll_c=start.log_likelihood, chi2_c=chi2_c)
        result.macros["chi2_ct"] = "LR"
    result.macros["dispers"] = dispersion
    se = math.sqrt(float(V[k, k]))

    def footer(table: CoefficientTable) -> None:
        log = session.log
        multiplier = critical(table.level, None)
        log.line("-" * (table.width + 1) + "+" + "-" * 64)
        low, high = exponential(float(b[k]) - multiplier * se), exponential(float(b[k]) + multiplier * se)
        log.line(f"{parameter:>{table.width}} |" + coefficient_row(value, value * se, 0.0, 0.0, low, high, tests=False))
        log.line("-" * (table.width + 66))
        print_rate_notes(session, table, setup.constant)
        if not setup.vce.is_robust and not line.flag("nolrtest"):
            p = 0.5 * chi2_tail(chi2_c, 1) if chi2_c > 0 else 1.0
            text = f"LR test of {parameter}=0: chibar2(01) = {number(chi2_c, '%8.2f')}"
            log.line(text + f"Prob >= chibar2 = {p:.3f}".rjust(78 - len(text)))

    result.footer = footer
    complete(session, line, setup, result, {"kind": "nbreg"})
