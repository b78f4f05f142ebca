"""predict after teffects: effects, potential-outcome means, propensity scores and linear predictions."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ssd.engine.commands.declare import Line
from ssd.engine.errors import StataError
from ssd.engine.missing import FloatArray
from ssd.engine.stats.treatment import mean_of

if TYPE_CHECKING:
    from ssd.engine.commands.causal_teffects import Setup
    from ssd.engine.session import Session

_STATISTICS = ("te", "cmean", "psel", "xb")


def predict_effects(session: Session, line: Line) -> bool:
    """Make the variables of predict after teffects ra, ipw, aipw and ipwra.

    Raises r(198) for statistics the estimator has not.
    """
    from ssd.engine.commands.estimation import estimation_of
    from ssd.engine.commands.postestimation_predict import new_variables, store_prediction

    chosen = [name for name in line.typed if name in line.options and name not in {"equation", "tlevel"}]
    unknown = [name for name in chosen if name not in _STATISTICS]
    if unknown or len(chosen) > 1:
        raise StataError(198, f"option {unknown[0]} not allowed" if unknown else "only one statistic may be specified")
    found = estimation_of(session).predictions["treatment"]
    assert isinstance(found, tuple)
    setup: Setup = found[0]
    weighting = setup.estimator == "ipw"
    statistic = chosen[0] if chosen else ("psel" if weighting else "te")
    if (weighting and statistic != "psel") or (setup.estimator == "ra" and statistic == "psel"):
        raise StataError(198, f"option {'ps' if statistic == 'psel' else statistic} not allowed")
    storage, names = new_variables(session, line)
    levels = _levels(line, setup, statistic, len(names))
    if not chosen:
        session.log.line(
            "(option ps assumed; propensity score)" if weighting else "(option te assumed; treatment effect)"
        )
    rows = line.sample(session)
    values = _predictions(session, setup, statistic)
    for name, level in zip(names, levels, strict=True):
        column, label = _column(setup, statistic, level, values)
        defined = rows & np.isfinite(column)
        store_prediction(session, storage, name, column[defined], defined, label)
    return True


def _levels(line: Line, setup: Setup, statistic: str, count: int) -> list[int]:
    """Treatment levels of the new variables."""
    possible = setup.others if statistic == "te" else setup.levels
    typed = line.text_option("tlevel")
    if typed:
        chosen = [level for level in possible if typed.strip('"') in {str(level), setup.labels.get(level)}]
        if not chosen:
            raise StataError(198, f"tlevel({typed}) is not a level of the treatment variable")
        possible = chosen
    elif count == 1:
        possible = possible[:1]
    if count != len(possible):
        raise StataError(103 if count > len(possible) else 102, f"you must specify 1 or {len(possible)} new variables")
    return possible


def _predictions(session: Session, setup: Setup, statistic: str) -> dict[int, FloatArray]:
    """Conditional means, probabilities or linear predictions of every level over all observations."""
    from ssd.engine.commands.estimation import estimation_of
    from ssd.engine.commands.postestimation_predict import linear_prediction

    estimation = estimation_of(session)
    everyone = np.ones(session.data.n_obs, dtype=np.bool_)

    def index(equation: str) -> FloatArray:
        linear = linear_prediction(session, estimation, everyone, equation)
        values = np.full(session.data.n_obs, np.nan)
        values[linear.defined] = linear.xb(linear.defined)
        return values

    if statistic != "psel":
        link = setup.outcome if statistic != "xb" else "linear"
        return {level: mean_of(link, index(f"OME{level}")) for level in setup.levels}
    if len(setup.levels) == 2:
        p = mean_of(setup.treatment, index(f"TME{setup.others[0]}"))
        return {setup.others[0]: p, setup.control: 1.0 - p}
    odds = {level: np.exp(index(f"TME{level}")) for level in setup.others}
    odds[setup.control] = np.ones(session.data.n_obs)
    total = np.sum(list(odds.values()), axis=0)
    return {level: value / total for level, value in odds.items()}


def _column(setup: Setup, statistic: str, level: int, values: dict[int, FloatArray]) -> tuple[FloatArray, str]:
    tvar, name, base = setup.tvar, setup.name_of(level), setup.name_of(setup.control)
    if statistic == "te":
        return values[level] - values[setup.control], f"treatment effect, {setup.depvar}: {name} vs. {base}"
    if statistic == "cmean":
        return values[level], f"conditional mean, {setup.depvar}, {tvar}={name}"
    if statistic == "psel":
        return values[level], f"propensity score, {tvar}={name}"
    return values[level], f"linear prediction, {setup.depvar}, {tvar}={name}"


def predict_matches(session: Session, line: Line) -> bool:
    """Make the variables of predict after teffects psmatch and nnmatch: te, po and (psmatch) ps.

    Raises r(198) for other statistics and r(459) when observations were added or dropped since.
    """
    from ssd.engine.commands.estimation import build_regressors, estimation_of
    from ssd.engine.commands.postestimation_predict import new_variables, store_prediction
    from ssd.engine.stats.linear import with_constant
    from ssd.engine.stats.treatment import fit_index

    predictions = estimation_of(session).predictions
    found, effects = predictions["treatment"], predictions["matched_effects"]
    assert isinstance(found, tuple) and isinstance(effects, np.ndarray)
    setup: Setup = found[0]
    chosen = [name for name in line.typed if name in line.options and name not in {"equation", "tlevel"}]
    allowed = {"te", "po", "psel"} if setup.estimator == "psmatch" else {"te", "po"}
    unknown = [name for name in chosen if name not in allowed]
    if unknown or len(chosen) > 1:
        raise StataError(198, f"option {unknown[0]} not allowed" if unknown else "only one statistic may be specified")
    if len(setup.sample.rows) != session.data.n_obs:
        raise StataError(459, "the data have changed since estimation")
    statistic = chosen[0] if chosen else "te"
    storage, names = new_variables(session, line)
    levels = _levels(line, setup, statistic, len(names))
    if not chosen:
        session.log.line("(option te assumed; treatment effect)")
    if statistic == "psel":
        X = build_regressors(session, setup.source, setup.treatment_terms, setup.sample).X
        Z = with_constant(X, setup.treatment_constant)
        gamma = fit_index(setup.treatment, setup.treated.astype(np.float64), Z, np.ones(len(Z)))
        p = mean_of(setup.treatment, Z @ gamma)
        values = {setup.control: 1.0 - p, setup.others[0]: p}
    else:
        one = np.where(setup.treated, setup.y, setup.y + effects)
        zero = np.where(setup.treated, setup.y - effects, setup.y)
        values = {setup.control: zero, setup.others[0]: one}
    inside = line.sample(session)[setup.sample.rows]
    for name, level in zip(names, levels, strict=True):
        if statistic == "po":
            column, label = values[level], f"potential outcome, {setup.depvar}, {setup.tvar}={setup.name_of(level)}"
        else:
            column, label = _column(setup, statistic, level, values)
        defined = np.zeros(session.data.n_obs, dtype=np.bool_)
        defined[np.flatnonzero(setup.sample.rows)[inside & np.isfinite(column)]] = True
        store_prediction(session, storage, name, column[inside & np.isfinite(column)], defined, label)
    return True
