"""ologit, oprobit, mlogit: ordered and unordered categories."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Literal

import numpy as np

from ssd.engine.commands.category_predictions import (
    category_predictor,
    category_statistics,
    every_outcome,
    outcome_title,
)
from ssd.engine.commands.declare import Line, command
from ssd.engine.commands.discrete_binary import refuse_technique, restrict
from ssd.engine.commands.estimation import (
    SessionSource,
    build_regressors,
    eform_heading,
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
from ssd.engine.output.estimation import CoefficientTable
from ssd.engine.results import Matrix
from ssd.engine.stats.distributions import normal_quantile
from ssd.engine.stats.likelihood import Equation, maximize
from ssd.engine.stats.linear import with_constant
from ssd.engine.stats.ordered import Multinomial, Ordered

if TYPE_CHECKING:
    from ssd.engine.session import Session

_GRAMMAR = "[varlist(numeric fv ts default=none)] [if] [in] [fweight iweight pweight] [, "
_STORED = (
    "e(N) e(k) e(k_cat) e(k_eq) e(df_m) e(r2_p) e(ll) e(ll_0) e(chi2) e(p) e(N_clust) e(cmd) e(depvar) e(cat) e(b) "
    "e(V) r(table)"
)


@command("ologit", _GRAMMAR + "OFFset(varname) OR " + ML_OPTIONS + "]", minimum=4, by="recall", stored=_STORED,
         refused="constraints()")  # fmt: skip
def ologit(session: Session, line: Line) -> None:
    """Ordered logistic regression."""
    _ordered(session, line, "ologit", "Ordered logistic regression", "logit")


@command("oprobit", _GRAMMAR + "OFFset(varname) " + ML_OPTIONS + "]", minimum=4, by="recall", stored=_STORED,
         refused="constraints()")  # fmt: skip
def oprobit(session: Session, line: Line) -> None:
    """Ordered probit regression."""
    _ordered(session, line, "oprobit", "Ordered probit regression", "probit")


def _refuse(line: Line) -> None:
    refuse_technique(line)
    if line.options.get("constraints"):
        raise unsupported("option constraints() is")


def _ordered(session: Session, line: Line, name: str, title: str, link: Literal["logit", "probit"]) -> None:
    if replay(session, line, name):
        return
    _refuse(line)
    level = level_of(session, line)
    vce = parse_vce(session, line, ("oim", "robust", "cluster", "opg"), "oim")
    source = SessionSource(session)
    outcome, terms = outcome_and_terms(session, line.varlist)
    sample = take_sample(session, line, source, [(outcome,), *terms], vce)
    offset_all, offset_name = offset_of(session, line, sample.rows)
    offset = None
    if offset_all is not None:
        sample = restrict(session, sample, vce, ~is_missing(offset_all[sample.rows]))
        offset = offset_all[sample.rows]
    regressors = build_regressors(session, source, terms, sample)
    design, X = regressors.design, regressors.X
    design.constant = False
    values = source.get(outcome.variable, outcome.operator)[sample.rows]
    categories, index = np.unique(values, return_inverse=True)
    J = len(categories)
    if J < 2:
        raise StataError(148, f"{outcome.variable} has only one category")
    w = sample.likelihood_weights
    shares = np.cumsum(np.bincount(index.reshape(-1), weights=w))[:-1] / w.sum()
    cuts = np.array([math.log(s / (1 - s)) if link == "logit" else normal_quantile(float(s)) for s in shares])
    model = Ordered(index.reshape(-1).astype(np.intp), J, link)
    equations = [Equation(X, offset), *(Equation(None) for _ in range(J - 1))]
    fit = maximize(model, equations, np.append(np.zeros(X.shape[1]), cuts), w)
    counts = np.bincount(index.reshape(-1), weights=w)
    ll_0 = float(counts @ np.log(counts / counts.sum()))
    if X.shape[1] == 0:
        ll_0 = fit.log_likelihood
    elif offset is not None:
        ll_0 = maximize(model, [Equation(X[:, :0], offset), *equations[1:]], cuts, w).log_likelihood
    iteration_log(session, line, fit, vce)
    depvar = operated_name(outcome)
    k = len(design.names)
    active = np.append(design.active, np.ones(J - 1, dtype=np.bool_))
    b = np.zeros(k + J - 1)
    b[active] = fit.coefficients
    V = np.zeros((len(b), len(b)))
    V[np.ix_(active, active)] = ml_covariance(fit, sample, vce)
    names = [f"{depvar}:{each}" for each in design.names] + [f"/:cut{j + 1}" for j in range(J - 1)]
    result = MlResult(
        title, name, depvar, {depvar: design}, names, b, V, fit.log_likelihood, ll_0, int(design.active.sum()), sample,
        vce, f"{name}_p",
    )  # fmt: skip
    result.predictions.update(
        statistics=category_statistics(depvar),
        predictor=category_predictor(),
        offset=offset_name,
        every_prediction=every_outcome,
        outcome_title=outcome_title,
    )
    result.macros["offset"] = offset_name
    slopes = [j for j, flag in enumerate(design.active) if flag]
    model_test(result, slopes, likelihood_ratio=not vce.is_robust)
    result.untested = frozenset(names[k:])
    result.scalars.update(k_cat=float(J), k_aux=float(J - 1), k_eq=float(J))
    result.matrices["cat"] = Matrix(categories.reshape(1, -1), ["r1"], [f"c{j + 1}" for j in range(J)])
    heading = eform_heading("or") if "or" in line.options and line.flag("or") else None
    if heading:
        result.footer = lambda table: _odds_note(session, table)
    finish(session, line, result, level, heading)


def _odds_note(session: Session, table: CoefficientTable) -> None:
    if table.eform:
        session.log.line("Note: Estimates are transformed only in the first equation to odds ratios.")


@command(
    "mlogit", _GRAMMAR + "Baseoutcome(string) RRr " + ML_OPTIONS + "]", minimum=4, by="recall",
    stored=_STORED + " e(baseout) e(ibaseout) e(k_out) e(out)", refused="constraints()",
)  # fmt: skip
def mlogit(session: Session, line: Line) -> None:
    """Multinomial (polytomous) logistic regression."""
    if replay(session, line, "mlogit"):
        return
    _refuse(line)
    level = level_of(session, line)
    vce = parse_vce(session, line, ("oim", "robust", "cluster", "opg"), "oim")
    source = SessionSource(session)
    outcome, terms = outcome_and_terms(session, line.varlist)
    sample = take_sample(session, line, source, [(outcome,), *terms], vce)
    constant = not line.flag("noconstant")
    regressors = build_regressors(session, source, terms, sample, constant=constant)
    design, X = regressors.design, with_constant(regressors.X, constant)
    values = source.get(outcome.variable, outcome.operator)[sample.rows]
    categories, index = np.unique(values, return_inverse=True)
    index = index.reshape(-1)
    if len(categories) < 2:
        raise StataError(148, f"{outcome.variable} has only one category")
    w = sample.likelihood_weights
    counts = np.bincount(index, weights=w)
    base = _base_outcome(line.text_option("baseoutcome"), categories, counts.astype(np.float64))
    others = [j for j in range(len(categories)) if j != base]
    position = np.full(len(categories), -1)
    position[others] = np.arange(len(others))
    model = Multinomial(position[index].astype(np.intp))
    k = X.shape[1]
    start = np.zeros(k * len(others))
    if constant:
        start[k - 1 :: k] = np.log(counts[others] / counts[base])
    fit = maximize(model, [Equation(X) for _ in others], start, w)
    iteration_log(session, line, fit, vce)
    labels = [_equation_name(session, outcome.variable, float(categories[j])) for j in range(len(categories))]
    V_small = ml_covariance(fit, sample, vce)
    _post_multinomial(session, line, design, fit.coefficients, V_small, fit.log_likelihood,
                      float(counts @ np.log(counts / counts.sum())), labels, base, categories, sample, vce,
                      operated_name(outcome), level, constant)  # fmt: skip


def _base_outcome(typed: str | None, categories: FloatArray, counts: FloatArray) -> int:
    """Position of the base outcome: the one typed, else the most frequent."""
    if typed is None:
        return int(np.argmax(counts))
    hits = np.flatnonzero(categories == float(typed))
    if len(hits) == 0:
        raise StataError(111, f"baseoutcome({typed}) not found")
    return int(hits[0])


def _equation_name(session: Session, variable: str, value: float) -> str:
    data = session.data
    labels = data.value_labels.get(data.variables[variable].value_label, {})
    text = labels.get(int(value)) if value == int(value) else None
    return text.replace(" ", "_").replace(".", "_").replace(":", "_")[:32] if text else f"{value:g}"


def _post_multinomial(
    session: Session, line: Line, design: object, coefficients: FloatArray, V_small: FloatArray, ll: float, ll_0: float,
    labels: list[str], base: int, categories: FloatArray, sample: object, vce: object, depvar: str, level: float,
    constant: bool,
) -> None:  # fmt: skip
    from ssd.engine.commands.estimation import Sample, Vce
    from ssd.engine.stats.design import Design

    assert isinstance(design, Design)
    assert isinstance(sample, Sample)
    assert isinstance(vce, Vce)
    size = len(design.names)
    J = len(labels)
    active = np.concatenate([np.zeros(size, dtype=np.bool_) if j == base else design.active for j in range(J)])
    b = np.zeros(size * J)
    b[active] = coefficients
    V = np.zeros((len(b), len(b)))
    V[np.ix_(active, active)] = V_small
    names = [f"{label}:{name}" for label in labels for name in design.names]
    per_equation = int(design.active.sum()) - int(constant)
    result = MlResult(
        "Multinomial logistic regression", "mlogit", depvar, dict.fromkeys(labels, design), names, b, V, ll,
        ll_0 if constant else None, per_equation * (J - 1), sample, vce, "mlogit_p",
    )  # fmt: skip
    result.predictions.update(
        statistics=category_statistics(depvar),
        predictor=category_predictor(),
        every_prediction=every_outcome,
        outcome_title=outcome_title,
    )
    slopes = [
        j * size + i for j in range(J) if j != base for i, flag in enumerate(design.active)
        if flag and not (constant and i == size - 1)
    ]  # fmt: skip
    model_test(result, slopes, likelihood_ratio=not vce.is_robust and constant)
    result.scalars.update(k_out=float(J), baseout=float(categories[base]), ibaseout=float(base + 1), k_eq=float(J))
    result.macros["baselab"] = labels[base]
    result.macros["eqnames"] = " ".join(labels)
    result.matrices["out"] = Matrix(categories.reshape(1, -1), ["r1"], [f"c{j + 1}" for j in range(J)])
    result.base_equations = frozenset({labels[base]})
    heading = eform_heading("rrr") if line.flag("rrr") else None
    finish(session, line, result, level, heading)
