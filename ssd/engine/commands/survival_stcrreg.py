"""stcrreg: competing-risks regression."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import numpy as np

from ssd.engine.commands.declare import Line, command
from ssd.engine.commands.estimation import SessionSource, estimation_of, marked_sample, not_missing, replay
from ssd.engine.commands.maximum import MlResult, finish, likelihood_word, model_test
from ssd.engine.commands.postestimation_predict import linear_prediction
from ssd.engine.commands.survival_margins import hazard_predictor
from ssd.engine.commands.survival_models import (
    SHOW_OPTIONS,
    VCE_OPTIONS,
    ModelSetup,
    count_text,
    design_of,
    model_terms,
    open_model,
    print_iterations,
    refuse_constraints,
    require_failures,
)
from ssd.engine.commands.survival_sample import take_records
from ssd.engine.data.names import check_name
from ssd.engine.data.survival import require_survival
from ssd.engine.errors import StataError, already_defined, unsupported
from ssd.engine.lang.numlist import parse_numlist
from ssd.engine.missing import MISSING, FloatArray, is_missing
from ssd.engine.output.estimation import cluster_note, number
from ssd.engine.output.formats import format_value
from ssd.engine.stats.distributions import chi2_tail
from ssd.engine.stats.survival_subhazard import SubhazardData, SubhazardFit, fit

if TYPE_CHECKING:
    from ssd.engine.session import Session

_STORED = (
    "e(N) e(N_sub) e(N_fail) e(N_compete) e(N_censor) e(df_m) e(ll) e(N_clust) e(chi2) e(p) e(rank) e(risk) e(tmin) "
    "e(tmax) e(cmd) e(cmdline) e(depvar) e(t0) e(crevent) e(compete) e(vce) e(vcetype) e(clustvar) e(chi2type) e(b) "
    "e(V) r(table)"
)
_GRAMMAR = (
    "[varlist(numeric fv ts default=none)] [if] [in] [, COMPete(string) TVC(string) TEXP(string) OFFset(varname) "
    "CONSTraints(numlist) COLlinear noSHR SHR NODISPLAY "
)


@command("stcrreg", _GRAMMAR + VCE_OPTIONS + " " + SHOW_OPTIONS + "]", minimum=5, by="recall", stored=_STORED,
         refused="tvc(), offset(), constraints(), delayed entry and several records per subject")  # fmt: skip
def stcrreg(session: Session, line: Line) -> None:
    """Competing-risks regression by the method of Fine and Gray."""
    if not line.text_option("compete") and replay(session, line, "stcrreg"):
        return
    refuse_constraints(line)
    for name in ("tvc", "offset"):
        if line.text_option(name):
            raise unsupported(f"option {name}() of stcrreg is")
    typed = line.text_option("compete")
    if not typed:
        raise StataError(198, "option compete() required")
    variable, events = _event(session, typed)
    terms = model_terms(session, line.varlist)
    if not terms:
        raise StataError(102, "too few variables specified")
    setup = open_model(session, line, terms, ("robust", "cluster"), "robust", not_missing(session, variable))
    require_failures(setup.records)
    design, X = design_of(setup, terms, constant=False)
    cause = _causes(session, setup, variable, events)
    data = SubhazardData(setup.records.t, cause, setup.records.w, X)
    found = fit(data)
    if not line.flag("nolog"):
        session.log.line()
        print_iterations(session, line, found.iterations, setup.vce)
    names = list(design.names)
    b = design.expand(found.coefficients)
    V = design.expand(setup.covariance(found.information_inverse, found.scores))
    result = MlResult("Competing-risks regression", "stcrreg", "_t", {"": design}, names, b, V, found.ll, None,
                      int(design.active.sum()), setup.sample, setup.vce, "stcrreg_p")  # fmt: skip
    model_test(result, [j for j, flag in enumerate(design.active) if flag], likelihood_ratio=False)
    counts = {
        "N_compete": float(setup.records.w @ (cause == 2)), "N_censor": float(setup.records.w @ (cause == 0)),
    }  # fmt: skip
    result.scalars.update(setup.scalars(), **counts)
    shown = f"{variable} == {events}" if events else f"{variable} != 0 & {variable} < ."
    result.macros.update(cmd2="stcrreg", t0="_t0", crevent=shown, compete=typed.strip())
    result.predictions.update(predict_several=predict_subhazard, predictor=hazard_predictor)
    result.header = lambda: _header(session, setup, result, counts, shown)
    finish(session, line, result, setup.level, None if line.flag("noshr") else "SHR")


def _event(session: Session, typed: str) -> tuple[str, str]:
    """Variable and numbers of compete(). Raises r(198)."""
    name, _, events = typed.partition("==")
    found = session.expand_varlist(name.strip())
    if len(found) != 1:
        raise StataError(198, "option compete() invalid")
    return found[0], re.sub(r"\s+", " ", events.strip())


def _causes(session: Session, setup: ModelSetup, variable: str, events: str) -> FloatArray:
    """1 for the failure event, 2 for a competing event, 0 for censoring."""
    records = setup.records
    if np.any(records.t0 != 0.0) or records.subjects != records.n:
        raise unsupported("stcrreg with delayed entry or several records per subject is")
    values = session.data.numeric(variable)[records.rows]
    competing = np.isin(values, parse_numlist(events, missing=True)) if events else (values != 0) & ~is_missing(values)
    cause = np.where(records.d > 0, 1.0, np.where(competing, 2.0, 0.0))
    if np.any(competing & (records.d > 0)):
        raise StataError(459, "failure event and competing event overlap")
    return cause


def _header(session: Session, setup: ModelSetup, result: MlResult, counts: dict[str, float], competing: str) -> None:
    log = session.log
    settings = setup.settings
    failure = settings.failure_text.replace("==", " == ")
    if settings.failure and not settings.events:
        failure = f"{settings.failure} != 0 & {settings.failure} < ."
    totals = setup.scalars()
    left = ["Competing-risks regression", "", f"Failure event:   {failure}", f"Competing event: {competing}", ""]
    right = [
        ("No. of obs", result.sample.n), ("No. of subjects", totals["N_sub"]), ("No. failed", totals["N_fail"]),
        ("No. competing", counts["N_compete"]), ("No. censored", counts["N_censor"]),
    ]  # fmt: skip
    log.line()
    for text, (label, value) in zip(left, right, strict=True):
        log.line(f"{text:<50}{label:<15} = {count_text(value):>10}")
    log.line()
    p = chi2_tail(result.chi2, result.df_m) if result.df_m else float("nan")
    log.line(f"{'':<50}{f'Wald chi2({result.df_m})':<15} = {format_value(result.chi2, '%9.2f').strip():>10}")
    text = f"{likelihood_word(result.vce)} = {number(result.ll, '%10.0g')}"
    log.line(f"{text:<50}{'Prob > chi2':<15} = {'.' if np.isnan(p) else f'{p:.4f}':>10}")
    log.line()
    if result.vce.kind == "cluster":
        log.line(f"{cluster_note(result.sample.n_clusters, result.vce.cluster):>78}")


_LABELS = {
    "shr": "Relative subhazard", "xb": "Linear prediction", "stdp": "S.E. of the prediction",
    "basecif": "Baseline CIF", "basecshazard": "Baseline cumulative subhazard",
}  # fmt: skip


def refit(session: Session) -> tuple[SubhazardData, SubhazardFit]:
    """The last stcrreg computed again on the data in memory. Raises r(301)."""
    if session.e.macros.get("cmd") != "stcrreg":
        raise StataError(301, "last estimates not found")
    settings = require_survival(session.data)
    records = take_records(session, marked_sample(session), settings)
    variable, events = _event(session, session.e.macros["compete"])
    values = session.data.numeric(variable)[records.rows]
    competing = np.isin(values, parse_numlist(events, missing=True)) if events else (values != 0) & ~is_missing(values)
    cause = np.where(records.d > 0, 1.0, np.where(competing, 2.0, 0.0))
    design = estimation_of(session).designs[""]
    data = SubhazardData(records.t, cause, records.w, design.matrix(SessionSource(session), records.rows))
    return data, fit(data)


def predict_subhazard(session: Session, line: Line) -> bool:
    """All statistics of predict after stcrreg. Raises r(198) for what is unknown."""
    chosen = sorted(name for name, value in line.options.items() if value is True and name != "nooffset")
    if len(chosen) > 1:
        raise StataError(198, "only one statistic may be specified")
    if not chosen:
        session.log.line("(option shr assumed; relative subhazard)")
    name = chosen[0] if chosen else "shr"
    if name not in _LABELS:
        raise StataError(198, f"option {name} not allowed")
    words = line.varlist or line.anything.split()
    if len(words) != 1:
        raise StataError(103, "too many variables specified")
    check_name(words[0])
    if words[0] in session.data.variables:
        raise already_defined(words[0])
    rows = line.sample(session)
    full = np.full(session.data.n_obs, MISSING)
    if name in {"shr", "xb", "stdp"}:
        linear = linear_prediction(session, estimation_of(session), rows)
        defined = linear.defined
        values = linear.stdp(defined) if name == "stdp" else linear.xb(defined)
        full[defined] = np.exp(values) if name == "shr" else values
    else:
        data, found = refit(session)
        total = np.concatenate([[0.0], np.cumsum(found.baseline)])
        sample = marked_sample(session)
        values = total[np.searchsorted(data.times, data.t, side="right")]
        full[np.flatnonzero(sample)] = -np.expm1(-values) if name == "basecif" else values
        full[~rows] = MISSING
    storage = next((kind for kind in line.types if kind), "") or "float"
    session.data.add(words[0], full, storage, label=_LABELS[name])
    missing = int(np.count_nonzero(is_missing(full)))
    if missing:
        session.log.line(f"({missing:,} missing value{'s' if missing != 1 else ''} generated)")
    return True
