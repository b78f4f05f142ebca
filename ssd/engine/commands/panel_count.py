"""xtnbreg and the gamma random-effects estimator of xtpoisson."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from ssd.engine.commands.declare import Line, command
from ssd.engine.commands.discrete_binary import restrict
from ssd.engine.commands.estimation import eform_heading, key_values, outcome_and_terms, replay
from ssd.engine.commands.maximum import ML_OPTIONS, MlResult, finish, iteration_log
from ssd.engine.commands.panel import panel_variable
from ssd.engine.commands.panel_quadrature import (
    GroupedData,
    assemble,
    heading,
    log_iterations,
    random_result,
    refuse_features,
)
from ssd.engine.commands.panel_quadrature_models import STORED, VARLIST
from ssd.engine.commands.panel_random_predictions import random_predictor, random_statistics
from ssd.engine.commands.panel_random_report import Row, chibar_line, panel_header, print_rows
from ssd.engine.errors import StataError, unsupported
from ssd.engine.missing import BoolArray, FloatArray
from ssd.engine.output.estimation import CoefficientTable
from ssd.engine.stats.counts import Poisson
from ssd.engine.stats.covariance import group_ids
from ssd.engine.stats.distributions import critical
from ssd.engine.stats.grouped import GroupMaximum, GroupScores, maximize_groups
from ssd.engine.stats.likelihood import Maximum, maximize
from ssd.engine.stats.panel_counts import (
    BetaNegativeBinomial,
    ConditionalNegativeBinomial,
    ConstantDispersion,
    GammaPoisson,
)

if TYPE_CHECKING:
    from ssd.engine.session import Session

_NAMES = {
    "n": ("fixed", "Predicted number of events"), "nu0": ("fixed", "Predicted number of events (assuming u_i=0)"),
    "iru0": ("rate", "Predicted incidence rate (assuming u_i=0)"), "xb": ("xb", "Linear prediction"),
}  # fmt: skip


def _read(session: Session, line: Line) -> GroupedData:
    refuse_features(line)
    ivar = panel_variable(session, line.text_option("i"))
    outcome, terms = outcome_and_terms(session, line.varlist)
    data = GroupedData.read(session, line, ivar, outcome, terms)
    if np.any(data.y < 0.0):
        raise StataError(459, f"{data.depvar} must be greater than or equal to zero")
    if not data.y.any():
        raise StataError(2000, f"{data.depvar} is zero in every observation")
    return data


def _maximum(model: GroupScores, start: FloatArray) -> GroupMaximum:
    """Steps that leave the admissible region are halved; numpy need not report them.

    Raises r(430) when a parameter runs off, as ln r does for counts that are Poisson within panels.
    """
    with np.errstate(all="ignore"):
        fit = maximize_groups(model, start)
    decrement = float(fit.scores.sum(axis=0) @ fit.covariance @ fit.scores.sum(axis=0))
    if not np.isfinite(fit.log_likelihood) or abs(decrement) > 1e-4:
        raise StataError(430, "convergence not achieved")
    return fit


def _pooled_poisson(data: GroupedData) -> Maximum:
    start = np.zeros(data.X.shape[1])
    exposure = np.ones(len(data.y)) if data.offset is None else np.exp(data.offset)
    if data.constant:
        start[-1] = math.log(float(data.y.sum()) / float(exposure.sum()))
    return maximize(Poisson(data.y), [data.equation], start, np.ones(len(data.y)))


def gamma_poisson(session: Session, line: Line) -> None:
    """Fit, store and show xtpoisson, re."""
    for name in ("intmethod", "intpoints"):
        if name in line.typed:
            raise StataError(198, f"option {name}() is allowed only with option normal")
    data = _read(session, line)
    pooled = _pooled_poisson(data)
    heading(data, "Fitting Poisson model:")
    iteration_log(session, line, pooled, data.vce, spaced=False)
    heading(data, "Fitting full model:")
    model = GammaPoisson(data.y, data.X, data.ids, data.offset)
    fit = _maximum(model, np.append(pooled.coefficients, _start_dispersion(data, pooled)))
    log_iterations(data, fit.iterations)
    if data.vce.is_robust and not line.flag("nolog"):
        session.log.line()
        session.log.line("Calculating robust standard errors:")
    V = data.covariance(fit.covariance, fit.scores)
    assembly = assemble(data, data.depvar, ["lnalpha"], fit.coefficients, V)
    title = "Random-effects Poisson regression"
    result = random_result(data, "xtpoisson", title, assembly, fit.log_likelihood)
    panel_header(data, result, "Gamma")
    chi2_c = max(2.0 * (fit.log_likelihood - pooled.log_likelihood), 0.0)
    alpha = math.exp(float(fit.coefficients[-1]))
    result.scalars.update(alpha=alpha, k_aux=1.0, k_eq=2.0)
    if not data.vce.is_robust:
        result.scalars.update(ll_c=pooled.log_likelihood, chi2_c=chi2_c)
        result.macros["chi2_ct"] = "LR"
    result.macros["distrib"] = "Gamma"
    result.predictions.update(
        statistics=random_statistics("log", "/:lnalpha", _NAMES, data.depvar),
        predictor=random_predictor("log", "/:lnalpha", _NAMES, "n"),
    )
    tail = None if data.vce.is_robust else chibar_line("LR test of alpha=0", chi2_c, 3)
    _add_log_rows(session, data, result, {"lnalpha": "alpha"}, tail)
    finish(session, line, result, data.level, eform_heading("irr") if line.flag("irr") else None)


def _start_dispersion(data: GroupedData, pooled: Maximum) -> float:
    """ln alpha from the overdispersion of the panels' totals."""
    mu = np.exp(data.X @ pooled.coefficients + (0.0 if data.offset is None else data.offset))
    total, expected = np.bincount(data.ids, weights=data.y), np.bincount(data.ids, weights=mu)
    alpha = float(((total - expected) ** 2 - expected).sum() / (expected**2).sum())
    return math.log(min(max(alpha, 1e-2), 20.0))


def _add_log_rows(
    session: Session, data: GroupedData, result: MlResult, parameters: dict[str, str], tail: str | None
) -> None:
    """The ancillary parameters in logs and as themselves, notes and the closing test."""
    k = len(parameters)
    values, errors = result.b[-k:], np.sqrt(np.maximum(np.diag(result.V)[-k:], 0.0))

    def footer(table: CoefficientTable) -> None:
        z = critical(table.level, None)
        logs, plain = [], []
        for (name, shown), value, se in zip(parameters.items(), values, errors, strict=True):
            low, high = float(value - z * se), float(value + z * se)
            logs.append(Row(f"/{name}", float(value), float(se), low, high))
            level = math.exp(min(float(value), 700.0))
            plain.append(Row(shown, level, level * float(se), math.exp(low), math.exp(min(high, 700.0))))
        print_rows(session.log.line, table, [logs, plain])
        _irr_notes(session, data, table, "(conditional on zero random effects)")
        if tail is not None:
            session.log.line(tail)

    result.footer = footer


def _irr_notes(session: Session, data: GroupedData, table: CoefficientTable, condition: str) -> None:
    if not table.eform:
        return
    session.log.line("Note: Estimates are transformed only in the first equation to incidence-rate ratios.")
    if data.constant:
        session.log.line(f"Note: _cons estimates baseline incidence rate {condition}.".replace(" .", "."))


@command(
    "xtnbreg",
    VARLIST + "RE FE PA I(varname) OFFset(varname) Exposure(varname) IRr LRMODEL " + ML_OPTIONS + "]",
    minimum=7,
    by="recall",
    stored=STORED + " e(r) e(s)",
    refused="pa, weights, constraints(), lrmodel, vce(robust), vce(bootstrap)",
)
def xtnbreg(session: Session, line: Line) -> None:
    """Random- and fixed-effects negative binomial for panel data."""
    if replay(session, line, "xtnbreg"):
        return
    chosen = [name for name in ("fe", "re", "pa") if line.flag(name)]
    if len(chosen) > 1:
        raise StataError(198, "choose only one of re, fe, or pa")
    if chosen == ["pa"]:
        raise unsupported("xtnbreg, pa is")
    data = _read(session, line)
    if data.vce.is_robust:
        raise StataError(198, f"vcetype {line.text_option('vce') or 'robust'} not allowed")
    if chosen == ["fe"]:
        if not data.constant:
            raise StataError(198, "option noconstant not allowed with fe")
        _fixed_negative_binomial(session, line, data)
    else:
        _random_negative_binomial(session, line, data)


def _constant_dispersion(data: GroupedData) -> GroupMaximum:
    pooled = _pooled_poisson(data)
    heading(data, "Fitting negative binomial (constant dispersion) model:")
    model = ConstantDispersion(data.y, data.X, np.arange(len(data.y)), data.offset)
    fit = _maximum(model, np.append(pooled.coefficients, 0.0))
    log_iterations(data, fit.iterations)
    return fit


def _random_negative_binomial(session: Session, line: Line, data: GroupedData) -> None:
    pooled = _constant_dispersion(data)
    heading(data, "Fitting full model:")
    b, log_delta = pooled.coefficients[:-1].copy(), float(pooled.coefficients[-1])
    start = np.concatenate([b, [math.log(4.0), math.log(4.0) + log_delta]])
    if data.constant:
        start[len(b) - 1] -= log_delta
    fit = _maximum(BetaNegativeBinomial(data.y, data.X, data.ids, data.offset), start)
    log_iterations(data, fit.iterations)
    assembly = assemble(data, data.depvar, ["ln_r", "ln_s"], fit.coefficients, fit.covariance)
    title = "Random-effects negative binomial regression"
    result = random_result(data, "xtnbreg", title, assembly, fit.log_likelihood)
    panel_header(data, result, "Beta")
    r, s = (math.exp(float(value)) for value in fit.coefficients[-2:])
    chi2_c = max(2.0 * (fit.log_likelihood - pooled.log_likelihood), 0.0)
    result.scalars.update(r=r, s=s, ll_c=pooled.log_likelihood, chi2_c=chi2_c, k_aux=2.0, k_eq=3.0)
    result.macros.update(distrib="Beta", chi2_ct="LR")
    names = {"xb": ("xb", "Linear prediction"), **{k: v for k, v in _NAMES.items() if k in {"nu0", "iru0"}}}
    result.predictions.update(
        statistics=random_statistics("log", "/:ln_r", names, data.depvar),
        predictor=random_predictor("log", "/:ln_r", names, "xb"),
    )
    _add_log_rows(session, data, result, {"ln_r": "r", "ln_s": "s"}, chibar_line("LR test vs. pooled", chi2_c, 3))
    finish(session, line, result, data.level, eform_heading("irr") if line.flag("irr") else None)


def _fixed_negative_binomial(session: Session, line: Line, data: GroupedData) -> None:
    data = _informative(session, data)
    start = _pooled_poisson(data).coefficients.copy()
    fit = _maximum(ConditionalNegativeBinomial(data.y, data.X, data.ids, data.offset), start)
    if not line.flag("nolog"):
        session.log.line()
    log_iterations(data, fit.iterations)
    assembly = assemble(data, data.depvar, [], fit.coefficients, fit.covariance)
    title = "Conditional FE negative binomial regression"
    result = random_result(data, "xtnbreg", title, assembly, fit.log_likelihood)
    result.macros["model"] = "fe"
    panel_header(data, result, "")
    names = {"xb": ("xb", "Linear prediction"), **{k: v for k, v in _NAMES.items() if k in {"nu0", "iru0"}}}
    result.predictions.update(
        statistics=random_statistics("log", "", names, data.depvar),
        predictor=random_predictor("log", "", names, "xb"),
    )
    finish(session, line, result, data.level, eform_heading("irr") if line.flag("irr") else None)


def _informative(session: Session, data: GroupedData) -> GroupedData:
    """The data without groups of one observation or of zeros only, which the conditional likelihood ignores."""
    sizes = data.sizes
    totals = np.bincount(data.ids, weights=data.y)
    single, zero = sizes < 2, (totals == 0) & (sizes > 1)
    for flags, reason in ((single, "only one obs per group"), (zero, "all zero outcomes")):
        if flags.any():
            groups, obs = int(flags.sum()), int(sizes[flags].sum())
            plural = "s" if groups != 1 else ""
            session.log.line(f"note: {groups:,} group{plural} ({obs:,} obs) dropped because of {reason}")
    useless: BoolArray = np.asarray(single | zero, dtype=np.bool_)
    if not useless.any():
        return data
    if useless.all():
        raise StataError(2000, "no observations")
    keep_sorted = ~useless[data.ids]
    keep = np.zeros(len(data.y), dtype=np.bool_)
    keep[data.order[keep_sorted]] = True
    sample = restrict(session, data.sample, data.vce, keep)
    ids = group_ids(key_values(session, data.group)[sample.rows])[0]
    order = np.argsort(ids, kind="stable")
    return GroupedData(
        session, data.line, data.group, data.level, data.vce, sample, data.design,
        np.asfortranarray(data.X[keep_sorted]), data.y[keep_sorted], ids[order], order, data.depvar,
        _part(data.offset, keep_sorted), data.offset_name, data.constant,
    )  # fmt: skip


def _part(values: FloatArray | None, keep: BoolArray) -> FloatArray | None:
    return None if values is None else values[keep]
