"""predict and margins after streg."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ssd.engine.commands.declare import Line
from ssd.engine.commands.estimation import Estimation, SessionSource, estimation_of
from ssd.engine.commands.margins_cells import Predictor, active_positions
from ssd.engine.commands.postestimation_predict import linear_prediction
from ssd.engine.data.names import check_name
from ssd.engine.data.survival import require_survival, subject_numbers
from ssd.engine.errors import StataError, already_defined, unsupported
from ssd.engine.missing import MISSING, BoolArray, FloatArray, is_missing
from ssd.engine.stats.response import exponential, identity
from ssd.engine.stats.survival_parametric import distribution, mean_time, median_time

if TYPE_CHECKING:
    from ssd.engine.session import Session

_LABELS = {
    "median": "Predicted median _t", "mean": "Predicted mean _t", "hazard": "Predicted hazard",
    "hr": "Predicted hazard ratio", "xb": "Linear prediction", "stdp": "S.E. of the prediction",
    "surv": "S(t|t_0)", "csurv": "S(t|earliest t_0)", "csnell": "Partial Cox–Snell residual",
    "ccsnell": "Cox–Snell residual", "mgale": "Partial martingale-like residual",
    "cmgale": "Martingale-like residual", "deviance": "Deviance residual",
}  # fmt: skip


def predict_parametric(session: Session, line: Line) -> bool:
    """All statistics of predict after streg. Raises r(198) for what is unknown."""
    flags = {name for name, value in line.options.items() if value is True and name != "nooffset"}
    modifiers = flags & {"time", "lntime"}
    chosen = sorted({"d": "deviance"}.get(name, name) for name in flags - modifiers)
    if len(chosen) > 1 or len(modifiers) > 1:
        raise StataError(198, "only one statistic may be specified")
    if not chosen:
        session.log.line("(option median time assumed; predicted median survival time)")
    name = chosen[0] if chosen else "median"
    if name not in _LABELS or (modifiers and name not in {"median", "mean"}):
        raise StataError(198, f"option {name} not allowed")
    if session.e.macros.get("frailty") and name not in {"xb", "stdp", "hr"}:
        raise unsupported(f"predict, {name} after streg with frailty() is")
    words = line.varlist or line.anything.split()
    if len(words) != 1:
        raise StataError(103, "too many variables specified")
    check_name(words[0])
    if words[0] in session.data.variables:
        raise already_defined(words[0])
    full = _values(session, line, name, "lntime" in modifiers)
    full = np.where(np.isfinite(full), full, MISSING)
    storage = next((kind for kind in line.types if kind), "") or "float"
    session.data.add(words[0], full, storage, label=_LABELS[name])
    missing = int(np.count_nonzero(is_missing(full)))
    if missing:
        session.log.line(f"({missing:,} missing value{'s' if missing != 1 else ''} generated)")
    return True


def _values(session: Session, line: Line, name: str, log_time: bool) -> FloatArray:
    estimation = estimation_of(session)
    rows = line.sample(session)
    source = SessionSource(session)
    linear = linear_prediction(session, estimation, rows, "_t", offset=not line.flag("nooffset"), source=source)
    defined = linear.defined
    full = np.full(session.data.n_obs, np.nan)
    hazard_metric = session.e.macros["frm2"] == "hazard"
    if name == "stdp":
        full[defined] = linear.stdp(defined)
        return full
    if name in {"xb", "hr"}:
        if name == "hr" and not hazard_metric:
            raise StataError(198, "hazard ratios are not available in the time metric")
        values = linear.xb(defined)
        full[defined] = np.exp(values) if name == "hr" else values
        return full
    kind = distribution(session.e.macros["distribution"], time=not hazard_metric)
    columns = session.e.matrices["b"].cols
    b = session.e.matrices["b"].values[0]
    index: list[FloatArray] = [linear.xb(defined)]
    for each in kind.ancillary:
        if each in estimation.designs:
            extra = linear_prediction(session, estimation, rows, each, offset=False, source=source)
            defined_extra = extra.defined
            if not np.array_equal(defined_extra & defined, defined):
                defined = defined & defined_extra
                index = [linear.xb(defined)]
            index.append(extra.xb(defined))
        else:
            index.append(np.full(int(defined.sum()), b[columns.index(f"/:{each}")]))
    if name in {"median", "mean"}:
        shaped = index
        if kind.name in {"weibull", "ereg"} and not hazard_metric:
            p = np.exp(index[1]) if kind.name == "weibull" else 1.0
            shaped = [-index[0] * p, *index[1:]]
        if name == "mean" and kind.name == "gompertz":
            raise unsupported("predict, mean after a Gompertz model is")
        values = median_time(kind.name, shaped) if name == "median" else mean_time(kind.name, shaped)
        full[defined] = np.log(values) if log_time else values
        return full
    return _at_times(session, name, kind.function, index, defined, full)


def _at_times(
    session: Session, name: str, function: object, index: list[FloatArray], defined: BoolArray, full: FloatArray
) -> FloatArray:
    """Functions of the times of the records."""
    assert callable(function)
    settings = require_survival(session.data)
    t, t0 = session.data.numeric("_t"), session.data.numeric("_t0")
    timed = defined & (session.data.numeric("_st") == 1.0) & ~is_missing(t) & ~is_missing(t0)
    inner = timed[defined]
    chosen = [each[inner] for each in index]
    end, begin = t[timed], t0[timed]
    log_h, H = function(np.log(end), chosen)
    H0 = np.zeros(len(end))
    late = begin > 0
    if late.any():
        H0[late] = function(np.log(begin[late]), [each[late] for each in chosen])[1]
    if name == "hazard":
        full[timed] = np.exp(log_h - np.log(end))
        return full
    piece = H - H0
    d = (session.data.numeric("_d")[timed] == 1.0).astype(np.float64)
    subject = subject_numbers(session.data, settings, timed).astype(np.intp)
    order = np.lexsort((end, subject))
    total, failed = np.empty(len(end)), np.empty(len(end))
    for target, source in ((total, piece), (failed, d)):
        running = np.cumsum(source[order])
        first = np.concatenate([[True], np.diff(subject[order]) != 0])
        before = np.where(first, running - source[order], 0.0)
        target[order] = running - np.maximum.accumulate(before)
    if name in {"surv", "csurv"}:
        full[timed] = np.exp(-(piece if name == "surv" else total))
    elif name in {"csnell", "ccsnell"}:
        full[timed] = piece if name == "csnell" else total
    elif name in {"mgale", "cmgale"}:
        full[timed] = d - piece if name == "mgale" else failed - total
    else:
        m = failed - total
        with np.errstate(divide="ignore", invalid="ignore"):
            spread = m + np.where(failed > 0, failed * np.log(failed - m), 0.0)
        full[timed] = np.sign(m) * np.sqrt(np.maximum(-2.0 * spread, 0.0))
    return full


def parametric_predictor(
    session: Session, estimation: Estimation, rows: BoolArray, text: str, source: SessionSource
) -> Predictor:
    """The linear prediction or the hazard ratio for margins. Raises r(198) for times and hazards."""
    words = text.replace(",", " ").split()
    wanted = next((word for word in words if word != "nooffset"), "")
    if wanted not in {"xb", "hr"}:
        raise unsupported("margins after streg without predict(xb) or predict(hr) is")
    if wanted == "hr" and session.e.macros["frm2"] != "hazard":
        raise StataError(198, "hazard ratios are not available in the time metric")
    linear = linear_prediction(session, estimation, rows, "_t", offset="nooffset" not in words, source=source)
    return Predictor(
        exponential if wanted == "hr" else identity, [linear], [active_positions(session, estimation, 0)],
        "Predicted hazard ratio" if wanted == "hr" else "Linear prediction", f"predict({wanted})",
    )  # fmt: skip
