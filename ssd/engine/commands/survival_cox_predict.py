"""predict after stcox: relative hazards, baseline functions and residuals."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ssd.engine.commands.declare import Line
from ssd.engine.commands.estimation import SessionSource, estimation_of, marked_sample
from ssd.engine.commands.postestimation_predict import linear_prediction
from ssd.engine.commands.survival_sample import group_records, take_records
from ssd.engine.data.names import check_name
from ssd.engine.data.survival import Records, require_survival
from ssd.engine.errors import StataError, already_defined, unsupported
from ssd.engine.missing import MISSING, BoolArray, FloatArray, is_missing
from ssd.engine.stats.design import Design
from ssd.engine.stats.survival_cox import (
    CoxState,
    RiskSets,
    baseline_hazard,
    cox_snell,
    schoenfeld,
    score_residuals,
    state,
    survivor_contributions,
)

if TYPE_CHECKING:
    from ssd.engine.session import Session

_STATISTICS = {
    "hr": "Relative hazard", "xb": "Linear prediction", "stdp": "S.E. of the prediction",
    "basesurv": "Baseline survivor", "basechazard": "Cumulative baseline hazard",
    "basehc": "Baseline hazard contributions", "mgale": "Martingale residual", "csnell": "Cox–Snell residual",
    "deviance": "Deviance residual", "schoenfeld": "Schoenfeld", "scaledsch": "Scaled Schoenfeld",
    "esr": "Efficient score", "scores": "Efficient score", "dfbeta": "DFBETA",
}  # fmt: skip
_MANY = {"schoenfeld", "scaledsch", "esr", "scores", "dfbeta"}


@dataclass(frozen=True)
class CoxFitted:
    """The last Cox model laid out again on the data in memory."""

    records: Records
    sets: RiskSets
    design: Design
    X: FloatArray
    b: FloatArray
    V: FloatArray
    now: CoxState


def refit(session: Session) -> CoxFitted:
    """Risk sets and the state of the likelihood at e(b). Raises r(301), r(198)."""
    if session.e.macros.get("cmd2") != "stcox":
        raise StataError(301, "last estimates not found")
    for option in ("tvc", "shared"):
        if session.e.macros.get(option):
            raise unsupported(f"this statistic after stcox with {option}() is")
    settings = require_survival(session.data)
    records = take_records(session, marked_sample(session), settings)
    estimation = estimation_of(session)
    linear = linear_prediction(session, estimation, records.rows)
    design = linear.design
    X = design.matrix(linear.source, records.rows)
    strata = session.e.macros.get("strata", "").split()
    stratum = group_records(session, records, strata).ids
    sets = RiskSets(records.t0, records.t, records.d, records.w, stratum, efron=session.e.macros["ties"] == "efron")
    b = linear.b[linear.active]
    V = linear.V[np.ix_(linear.active, linear.active)]
    offset = None if linear.offset is None else linear.offset[records.rows]
    return CoxFitted(records, sets, design, X, b, V, state(sets, X, b, offset))


def predict_cox(session: Session, line: Line) -> bool:
    """All statistics of predict after stcox. Always handles the request; raises r(198) for what is unknown."""
    flags = {name for name, value in line.options.items() if value is True and name not in {"nooffset", "partial"}}
    chosen = sorted({"d": "deviance"}.get(name, name) for name in flags)
    if len(chosen) > 1:
        raise StataError(198, "only one statistic may be specified")
    if not chosen:
        session.log.line("(option hr assumed; relative hazard)")
    name = chosen[0] if chosen else "hr"
    if name not in _STATISTICS:
        raise StataError(198, f"option {name} not allowed")
    if session.e.macros.get("tvc"):
        raise unsupported(f"predict, {name} after stcox with tvc() is")
    storage, names = _new_names(session, line, name)
    if name in _MANY:
        _many(session, line, name, storage, names)
        return True
    if len(names) > 1:
        raise StataError(103, "too many variables specified")
    rows = line.sample(session)
    if name in {"hr", "xb", "stdp"}:
        linear = linear_prediction(session, estimation_of(session), rows, offset=not line.flag("nooffset"),
                                   source=SessionSource(session))  # fmt: skip
        defined = linear.defined
        values = linear.stdp(defined) if name == "stdp" else linear.xb(defined)
        full = np.full(session.data.n_obs, MISSING)
        full[defined] = np.exp(values) if name == "hr" else values
    else:
        full = _single(session, refit(session), name, rows)
    _add(session, names[0], full, storage, _STATISTICS[name])
    return True


def _new_names(session: Session, line: Line, statistic: str) -> tuple[str, list[str]]:
    words = line.varlist or line.anything.split()
    typed = next((kind for kind in line.types if kind), "") or "float"
    names: list[str] = []
    for word in words:
        if word.endswith("*"):
            if statistic not in _MANY:
                raise StataError(198, f"{word} invalid name")
            width = len(estimation_of(session).designs[""].names) if "" in estimation_of(session).designs else 1
            names += [f"{word[:-1]}{i + 1}" for i in range(width)]
        else:
            names.append(word)
    for name in names:
        check_name(name)
        if name in session.data.variables:
            raise already_defined(name)
    return typed, names


def _add(session: Session, name: str, full: FloatArray, storage: str, label: str) -> None:
    full = np.where(np.isfinite(full), full, MISSING)
    session.data.add(name, full, storage, label=label)
    missing = int(np.count_nonzero(is_missing(full)))
    if missing:
        session.log.line(f"({missing:,} missing value{'s' if missing != 1 else ''} generated)")


def _single(session: Session, fitted: CoxFitted, name: str, rows: BoolArray) -> FloatArray:
    records, sets, now = fitted.records, fitted.sets, fitted.now
    if name in {"basesurv", "basechazard", "basehc"}:
        values = _baseline(fitted, name)
    else:
        piece = cox_snell(sets, now)
        total = np.bincount(records.subject.astype(np.intp), weights=piece)
        failed = np.bincount(records.subject.astype(np.intp), weights=records.d)
        last = _last_records(records)
        if name == "csnell":
            values = np.where(last, total[records.subject.astype(np.intp)], np.nan)
        else:
            martingale = failed - total
            if name == "mgale":
                spread = martingale
            else:
                with np.errstate(divide="ignore", invalid="ignore"):
                    inner = martingale + np.where(failed > 0, failed * np.log(failed - martingale), 0.0)
                    spread = np.sign(martingale) * np.sqrt(np.maximum(-2.0 * inner, 0.0))
            values = np.where(last, spread[records.subject.astype(np.intp)], np.nan)
    full = np.full(session.data.n_obs, np.nan)
    full[records.rows] = values
    full[~rows] = np.nan
    return full


def _last_records(records: Records) -> BoolArray:
    """Which record is the last of its subject."""
    latest = np.full(int(records.subject.max()) + 1, -np.inf)
    np.maximum.at(latest, records.subject.astype(np.intp), records.t)
    last: BoolArray = records.t == latest[records.subject.astype(np.intp)]
    return last


def _baseline(fitted: CoxFitted, name: str) -> FloatArray:
    """Baseline functions at the exit time of each record; contributions only at failures."""
    sets = fitted.sets
    if name == "basechazard":
        steps = np.cumsum(_within_strata(sets, baseline_hazard(sets, fitted.now)))
        per_time = steps
        start = 0.0
    else:
        alpha = survivor_contributions(sets, fitted.now)
        if name == "basehc":
            own = sets.at >= 0
            values = np.full(len(sets.t), np.nan)
            values[own] = (1.0 - alpha)[sets.at[own]]
            return values
        per_time = np.exp(np.cumsum(_within_strata(sets, np.log(np.maximum(alpha, 1e-300)))))
        start = 1.0
    values = np.full(len(sets.t), start)
    for s, (low, high) in sets.bounds.items():
        own = (sets.stratum == s) & (sets.leave > low)
        values[own] = per_time[np.minimum(sets.leave[own], high) - 1]
    return values


def _within_strata(sets: RiskSets, increments: FloatArray) -> FloatArray:
    """Increments whose running sum starts anew in every stratum."""
    adjusted = increments.copy()
    for low, high in sets.bounds.values():
        if low and high > low:
            adjusted[low] -= adjusted[:low].sum()
    return adjusted


def _many(session: Session, line: Line, name: str, storage: str, names: list[str]) -> None:
    fitted = refit(session)
    columns = residual_columns(fitted, name)
    active = [j for j, flag in enumerate(fitted.design.active) if flag]
    everything = fitted.design.names
    if len(names) == len(everything):
        wanted = names
    elif len(names) == len(active):
        wanted = [""] * len(everything)
        for j, each in zip(active, names, strict=True):
            wanted[j] = each
    else:
        raise StataError(103 if len(names) > len(everything) else 102,
                         f"you must specify {len(everything)} new variables")  # fmt: skip
    rows = line.sample(session)
    for j, each in enumerate(wanted):
        if not each:
            continue
        full = np.full(session.data.n_obs, np.nan)
        if j in active:
            full[fitted.records.rows] = columns[:, active.index(j)]
        full[~rows] = np.nan
        label = f"{_STATISTICS[name]} - {everything[j]}"
        session.data.add(each, np.where(np.isfinite(full), full, MISSING), storage, label=label)


def residual_columns(fitted: CoxFitted, name: str) -> FloatArray:
    """One column per covariate: (n, k)."""
    if name == "schoenfeld":
        return schoenfeld(fitted.sets, fitted.X, fitted.now)
    if name == "scaledsch":
        failures = float((fitted.sets.at >= 0).sum())
        return fitted.b + failures * schoenfeld(fitted.sets, fitted.X, fitted.now) @ fitted.V
    scores = score_residuals(fitted.sets, fitted.X, fitted.now)
    return scores @ fitted.V if name == "dfbeta" else scores


def store_old_style(session: Session, wanted: dict[str, str]) -> None:
    """Variables asked for by options of stcox itself, as before version 11."""
    for statistic, name in wanted.items():
        check_name(name)
        if name in session.data.variables:
            raise already_defined(name)
        everything = np.ones(session.data.n_obs, dtype=np.bool_)
        _add(session, name, _single(session, refit(session), statistic, everything), "float", _STATISTICS[statistic])
