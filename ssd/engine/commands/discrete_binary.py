"""logit, logistic, probit, cloglog."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from ssd.engine.commands.constraints import Constraints, constraints_of
from ssd.engine.commands.declare import Line, command
from ssd.engine.commands.estimation import (
    Sample,
    SessionSource,
    Vce,
    eform_heading,
    finish_sample,
    level_of,
    offset_of,
    operated_name,
    outcome_and_terms,
    parse_vce,
    replay,
    take_sample,
)
from ssd.engine.commands.maximum import ML_OPTIONS, MlResult, finish, iteration_log, ml_covariance, model_test
from ssd.engine.errors import StataError, unsupported
from ssd.engine.missing import FloatArray, is_missing
from ssd.engine.output.estimation import CoefficientTable, number
from ssd.engine.stats.binary import Cloglog, Logit, PerfectPrediction, Probit, perfect_predictors
from ssd.engine.stats.design import Design, build
from ssd.engine.stats.likelihood import Equation, Maximum, Model, maximize
from ssd.engine.stats.linear import independent_columns, with_constant

if TYPE_CHECKING:
    from ssd.engine.session import Session

_GRAMMAR = (
    "[varlist(numeric fv ts default=none)] [if] [in] [fweight iweight pweight] [, OFFset(varname) OR ASIS " + ML_OPTIONS
)
_STORED = (
    "e(N) e(N_cds) e(N_cdf) e(k) e(k_eq) e(k_eq_model) e(k_dv) e(df_m) e(r2_p) e(ll) e(ll_0) e(N_clust) e(chi2) "
    "e(p) e(rank) e(ic) e(rc) e(converged) e(cmd) e(cmdline) e(depvar) e(title) e(offset) e(chi2type) e(vce) "
    "e(vcetype) e(predict) e(b) e(V) r(table)"
)
_REFUSED = "technique() other than nr"


@command("logit", _GRAMMAR + "]", by="recall", stored=_STORED, refused=_REFUSED)
def logit(session: Session, line: Line) -> None:
    """Logistic regression, coefficients."""
    _binary(session, line, "logit", "Logistic regression", "Odds ratio" if line.flag("or") else None)


@command("logistic", _GRAMMAR + " COEF]", by="recall", stored=_STORED, refused=_REFUSED)
def logistic(session: Session, line: Line) -> None:
    """Logistic regression, odds ratios."""
    # The iteration log is shown on request only.
    line.options["nolog"] = not line.flag("log")
    _binary(session, line, "logistic", "Logistic regression", None if line.flag("coef") else eform_heading("or"))


@command("probit", _GRAMMAR + "]", minimum=4, by="recall", stored=_STORED, refused=_REFUSED)
def probit(session: Session, line: Line) -> None:
    """Probit regression."""
    if line.flag("or"):
        raise StataError(198, "option or not allowed")
    _binary(session, line, "probit", "Probit regression", None)


@command("cloglog", _GRAMMAR + " EForm]", by="recall", stored=_STORED, refused=_REFUSED)
def cloglog(session: Session, line: Line) -> None:
    """Complementary log-log regression."""
    if line.flag("or"):
        raise StataError(198, "option or not allowed")
    _binary(session, line, "cloglog", "Complementary log-log regression", "exp(b)" if line.flag("eform") else None)


def _binary(session: Session, line: Line, name: str, title: str, eform: str | None) -> None:
    if replay(session, line, name):
        return
    refuse_technique(line)
    level = level_of(session, line)
    vce = parse_vce(session, line, ("oim", "robust", "cluster", "opg"), "oim")
    source = SessionSource(session)
    outcome, terms = outcome_and_terms(session, line.varlist)
    offset, offset_name = offset_of(session, line)
    sample = take_sample(session, line, source, [(outcome,), *terms], vce)
    if offset is not None:
        sample = restrict(session, sample, vce, ~is_missing(offset[sample.rows]))
    y_all = source.get(outcome.variable, outcome.operator)
    require_both_outcomes(y_all[sample.rows])
    constant = not line.flag("noconstant")
    design = build(terms, source, sample.rows, constant=constant)
    for note in design.notes:
        session.log.line(note)
    design.notes.clear()
    if not line.flag("asis") and name != "cloglog":
        sample = drop_perfect(session, design, source, sample, vce, y_all)
        require_both_outcomes(y_all[sample.rows])
    X = design.matrix(source, sample.rows)
    kept = independent_columns(X, sample.w, constant=constant)
    if not kept.all():
        design.omit(kept)
        X = X[:, kept]
    for note in design.notes:
        session.log.line(note)
    y = (y_all[sample.rows] != 0.0).astype(np.float64)
    off = None if offset is None else offset[sample.rows]
    depvar = operated_name(outcome)
    restrictions = constraints_of(session, line, [f"{depvar}:{each}" for each in design.names], design.active)
    fit = fit_binary(name, X, y, sample, off, constant, restrictions)
    iteration_log(session, line, fit, vce)
    V = ml_covariance(fit, sample, vce)
    ll_0 = constant_only(name, y, sample, off) if constant else None
    _post(session, line, name, title, eform, level, design, fit, V, ll_0, sample, vce, depvar,
          offset_name, constant, restrictions)  # fmt: skip


def require_both_outcomes(outcome: FloatArray) -> None:
    if np.unique(outcome != 0.0).size < 2:
        raise StataError(
            2000,
            "outcome does not vary; remember:\n"
            "                                  0 = negative outcome,\n"
            "        all other nonmissing values = positive outcome",
        )


def _post(
    session: Session, line: Line, name: str, title: str, eform: str | None, level: float, design: Design,
    fit: Maximum, V: FloatArray, ll_0: float | None, sample: Sample, vce: Vce, depvar: str, offset_name: str,
    constant: bool, restrictions: Constraints | None,
) -> None:  # fmt: skip
    equation = depvar
    names = [f"{equation}:{column}" for column in design.names]
    b, covariance = design.expand(fit.coefficients), design.expand(V)
    df_m = int(design.active.sum()) - int(constant)
    result = MlResult(
        title, name, depvar, {equation: design}, names, b, covariance, fit.log_likelihood, ll_0, df_m, sample, vce,
        "logit_p" if name == "logit" else f"{name}_p" if name != "logistic" else "logistic_p",
    )  # fmt: skip
    slopes = [j for j, flag in enumerate(design.active) if flag and not (constant and j == len(names) - 1)]
    model_test(result, slopes, likelihood_ratio=not vce.is_robust and constant and restrictions is None)
    result.constraint_lines = [] if restrictions is None else restrictions.lines
    result.macros["offset"] = offset_name
    result.predictions.update(kind=name, offset=offset_name)
    result.scalars.update(N_cds=0.0, N_cdf=0.0)
    if name in {"logit", "logistic"}:
        result.footer = lambda table: _odds_note(session, table, constant)
    finish(session, line, result, level, eform)


def _odds_note(session: Session, table: CoefficientTable, constant: bool) -> None:
    if table.eform and constant:
        session.log.line("Note: _cons estimates baseline odds.")


def refuse_technique(line: Line) -> None:
    technique = line.text_option("technique")
    if technique and technique.strip() != "nr":
        raise unsupported(f"technique({technique}) is")


def restrict(
    session: Session, sample: Sample, vce: Vce, keep: np.ndarray[tuple[int, ...], np.dtype[np.bool_]]
) -> Sample:
    """The sample reduced to the observations flagged in `keep` (in sample order)."""
    if keep.all():
        return sample
    rows = sample.rows.copy()
    rows[np.flatnonzero(rows)[~keep]] = False
    if not rows.any():
        raise StataError(2000, "no observations")
    return finish_sample(session, rows, None if sample.raw is None else sample.raw[keep], sample.kind, vce)


def drop_perfect(
    session: Session, design: Design, source: SessionSource, sample: Sample, vce: Vce, y_all: FloatArray
) -> Sample:
    """Leave out variables that predict the outcome perfectly and the observations they decide."""
    X = design.matrix(source, sample.rows)
    y = (y_all[sample.rows] != 0.0).astype(np.float64)
    found = perfect_predictors(X, y)
    if not found:
        return sample
    active = [index for index, column in enumerate(design.columns) if column.active]
    kept = np.ones(X.shape[1], dtype=np.bool_)
    drop = np.zeros(len(y), dtype=np.bool_)
    for item in found:
        name = design.columns[active[item.column]].name
        _note_perfect(session, name, item)
        kept[item.column] = False
        drop |= item.drop
    notes = list(design.notes)
    design.omit(kept)
    design.notes = notes
    for position, index in enumerate(active):
        column = design.columns[index]
        # A level without observations left is an empty cell, anything else an omitted variable.
        if not kept[position] and any(part.level is not None for part in column.parts):
            design.columns[index] = replace(column, status="empty")
    return restrict(session, sample, vce, ~drop)


def _note_perfect(session: Session, name: str, item: PerfectPrediction) -> None:
    """Say what a regressor predicts. Raises r(2000) when it leaves nothing to be explained."""
    value = number(item.value)
    if item.outcome == -1:
        raise StataError(2000, f"outcome = {name} {item.relation} {value} predicts data perfectly")
    log = session.log
    if item.relation == "!=":
        log.line(f"note: {name} != {value} predicts {'success' if item.outcome == 1 else 'failure'} perfectly;")
    else:
        log.line(f"note: outcome = {name} {item.relation} {value} predicts data perfectly except for")
        log.line(f"      {name} == {value} subsample;")
    log.line(f"      {name} omitted and {int(item.drop.sum())} obs not used.")


_MODELS: dict[str, Callable[[FloatArray], Model]] = {
    "logit": Logit,
    "logistic": Logit,
    "probit": Probit,
    "cloglog": Cloglog,
}


def fit_binary(
    name: str,
    X: FloatArray,
    y: FloatArray,
    sample: Sample,
    offset: FloatArray | None,
    constant: bool,
    restrictions: Constraints | None = None,
) -> Maximum:
    """Maximise from the constant-only solution."""
    full = with_constant(X, constant)
    start = np.zeros(full.shape[1])
    w = sample.likelihood_weights
    assert w is not None
    if constant and offset is None:
        start[-1] = _constant_solution(name, float(w @ y / w.sum()))
    pair = None if restrictions is None else restrictions.pair
    return maximize(_MODELS[name](y), [Equation(full, offset)], start, w, constraint=pair)


def _constant_solution(name: str, share: float) -> float:
    from ssd.engine.stats.distributions import normal_quantile

    if name == "probit":
        return normal_quantile(share)
    if name == "cloglog":
        return math.log(-math.log1p(-share))
    return math.log(share / (1.0 - share))


def constant_only(name: str, y: FloatArray, sample: Sample, offset: FloatArray | None) -> float:
    """Log likelihood of the model with a constant only."""
    w = sample.likelihood_weights
    if offset is None:
        share = float(w @ y / w.sum())
        return float(w.sum() * (share * math.log(share) + (1.0 - share) * math.log1p(-share)))
    ones = np.ones((len(y), 1))
    return maximize(_MODELS[name](y), [Equation(ones, offset)], np.zeros(1), w).log_likelihood
