"""stset, streset, st: declare data to be survival-time data."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from ssd.engine.commands.declare import Line, Weight, command
from ssd.engine.commands.estimation import key_values, not_missing
from ssd.engine.data.survival import (
    VARIABLES,
    SurvivalSettings,
    require_survival,
    store_survival_settings,
)
from ssd.engine.errors import StataError, unsupported
from ssd.engine.lang.numlist import parse_numlist
from ssd.engine.missing import MISSING, BoolArray, FloatArray, is_missing, to_nan
from ssd.engine.output.survival import exclusion_text, show_settings
from ssd.engine.output.tables import number
from ssd.engine.results import ResultSet
from ssd.engine.stats.survival_records import AnalysisTimes, RawRecords, analysis_times

if TYPE_CHECKING:
    from ssd.engine.session import Session

_OPTIONS = (
    "Failure(string) ID(varname) Origin(string) ENter(string) EXit(string) SCale(string) TIME0(varname) IF(string) "
    "EVER(string) NEVER(string) AFTER(string) BEFORE(string) noSHow SHow"
)


@command("stset", f"[varlist(default=none max=2)] [if] [in] [fweight pweight iweight] [, {_OPTIONS} CLEAR REPLACE]",
         stored="the variables _st _d _t _t0 and characteristics of the data",
         refused="after(), before(), weights that vary within a subject")  # fmt: skip
def stset(session: Session, line: Line) -> None:
    """Declare data to be survival-time data."""
    if line.flag("clear"):
        store_survival_settings(session.data, None)
        session.data.drop([name for name in VARIABLES if name in session.data.variables])
        return
    if not line.varlist:
        if not line.text.strip():
            _describe(session, require_survival(session.data))
            return
        raise StataError(100, "varlist required")
    _declare(session, _settings(session, line))


@command("streset", f"[if] [in] [fweight pweight iweight] [, {_OPTIONS}]", stored="as stset",
         refused="past, future; after(), before()")  # fmt: skip
def streset(session: Session, line: Line) -> None:
    """Change how survival-time data are declared, keeping what is not mentioned."""
    _declare(session, _settings(session, line, require_survival(session.data)))


@command("st", "")
def st(session: Session, line: Line) -> None:
    """Show how the survival-time data are declared."""
    settings = require_survival(session.data)
    words = ["stset", settings.time]
    shown = {
        "id": settings.id, "failure": settings.failure_text if settings.failure else "", "time0": settings.time0,
        "origin": settings.origin, "scale": "" if settings.scale == "1" else settings.scale,
        "enter": settings.enter, "exit": settings.exit, "if": settings.if_option,
    }  # fmt: skip
    options = " ".join(f"{name}({value})" for name, value in shown.items() if value)
    session.log.line(f"-> {' '.join(words)}{', ' if options else ''}{options}")
    _describe(session, settings)


def _settings(session: Session, line: Line, base: SurvivalSettings | None = None) -> SurvivalSettings:
    """The declaration typed, on top of an earlier one for streset."""
    if line.text_option("after") or line.text_option("before"):
        raise unsupported("option after() or before() of stset is")
    settings = base
    if settings is None:
        for name in line.varlist:
            if session.data.variables[name].is_string:
                raise StataError(109, f"string variables not allowed in varlist;\n{name} is a string variable")
        settings = SurvivalSettings(line.varlist[0])
        if len(line.varlist) == 2:
            settings = replace(settings, failure=line.varlist[1])
    failure = line.text_option("failure")
    if failure:
        # Stata takes a single equal sign here as well.
        name, _, events = re.sub(r"={1,2}", "==", failure).partition("==")
        variable = session.expand_varlist(name.strip())
        if len(variable) != 1:
            raise StataError(198, "option failure() invalid")
        settings = replace(settings, failure=variable[0], events=re.sub(r"\s+", " ", events.strip()))
    changes = {}
    for option, name in (("id", "id"), ("time0", "time0"), ("origin", "origin"), ("enter", "enter"), ("exit", "exit"),
                         ("scale", "scale"), ("if", "if_option"), ("ever", "ever"), ("never", "never")):  # fmt: skip
        value = line.text_option(option)
        if value:
            changes[name] = re.sub(r"\s+", " ", value.strip())
    if line.condition is not None:
        changes["condition"] = line.condition
    elif line.range is not None:
        changes["condition"] = f"inrange(_n, {line.range[0] + 1}, {line.range[1]})"
    if line.weight is not None:
        changes.update(weight_kind=line.weight.kind, weight=line.weight.expression)
    if "noshow" in line.typed or "show" in line.typed:
        changes["show"] = "noshow" if line.flag("noshow") else ""
    return replace(settings, **changes)


def _declare(session: Session, settings: SurvivalSettings) -> None:
    data = session.data
    scale = _scale(session, settings.scale)
    selected = np.ones(data.n_obs, dtype=np.bool_)
    if settings.condition:
        selected &= session.evaluate_condition(settings.condition)
    outset = int(np.count_nonzero(~selected))
    if data.n_obs == 0 or not selected.any():
        raise StataError(2000, "no observations")
    raw = raw_records(session, settings, scale)
    asked = selected.copy()
    for text, rule in ((settings.if_option, "if"), (settings.ever, "ever"), (settings.never, "never")):
        if text:
            asked &= _subject_condition(session, text, raw.subject, rule)
    times = analysis_times(raw, asked)
    requested = int(np.count_nonzero(selected & ~asked))
    if requested:
        times.exclusions.insert(0, ("if", requested))
    _write(session, times)
    store_survival_settings(data, settings)
    data.changed = True
    _report(session, settings, times, raw, outset)


def _scale(session: Session, text: str) -> float:
    """The positive number meant by scale(). Raises r(198)."""
    try:
        value = session.evaluate(text)
    except StataError:
        raise StataError(198, f"scale({text}) invalid") from None
    if isinstance(value, str) or (isinstance(value, np.ndarray) and value.ndim) or not 0.0 < float(value) < MISSING:
        raise StataError(198, f"scale({text}) invalid")
    return float(value)


def raw_records(session: Session, settings: SurvivalSettings, scale: float) -> RawRecords:
    data = session.data
    time = to_nan(data.numeric(settings.time))
    failed = np.ones(data.n_obs, dtype=np.bool_)
    if settings.failure:
        values = data.numeric(settings.failure)
        if settings.events:
            failed = np.isin(values, parse_numlist(settings.events, missing=True))
        else:
            failed = (values != 0.0) & ~is_missing(values)
    subject = np.arange(data.n_obs, dtype=np.float64)
    if settings.id:
        keys = key_values(session, settings.id)
        known = not_missing(session, settings.id)
        subject = np.full(data.n_obs, np.nan)
        subject[known] = np.unique(keys[known], return_inverse=True)[1].reshape(-1)
    weights: BoolArray | None = None
    if settings.weight_kind:
        typed = session.evaluate_weights(_weight(settings))
        weights = ~is_missing(typed) & (typed != 0.0)
        if settings.id and _varies(typed, subject):
            raise StataError(459, f"weight must be constant within {settings.id}")
    raw = RawRecords(time, failed, subject, valid_weight=weights, several=bool(settings.id), scale=scale)
    if settings.time0:
        raw.time0 = to_nan(data.numeric(settings.time0))
    for name in ("origin", "enter", "exit"):
        text = getattr(settings, name)
        if text and text != "failure":
            setattr(raw, name, _moment(session, settings, text, name, raw))
    return raw


def _varies(values: FloatArray, subject: FloatArray) -> bool:
    """Whether some subject has records with different values."""
    known = np.isfinite(subject)
    ids = subject[known].astype(np.intp)
    if not ids.size:
        return False
    low, high = np.full(ids.max() + 1, np.inf), np.full(ids.max() + 1, -np.inf)
    np.minimum.at(low, ids, values[known])
    np.maximum.at(high, ids, values[known])
    return bool(np.any(high > low))


def _weight(settings: SurvivalSettings) -> Weight:
    kind = settings.weight_kind
    assert kind in ("fweight", "pweight", "iweight", "aweight")
    return Weight(kind, settings.weight)  # type: ignore[arg-type]


def _moment(session: Session, settings: SurvivalSettings, text: str, option: str, raw: RawRecords) -> FloatArray:
    """Times meant by `time exp`, `varname==numlist`, both, or `min`. Raises r(198) for anything else."""
    if text == "min":
        return raw.time if raw.time0 is None else raw.time0
    event, _, expression = re.sub(r"^time\b", "\0time", text).partition("\0time")
    if not expression:
        event, _, expression = text.partition(" time ")
    if not event.strip() and not expression.strip():
        raise StataError(198, f"{option}({text}) invalid")
    found: list[FloatArray] = []
    event = event.strip()
    ends_at_failure = False
    if option == "exit" and event.startswith("failure"):
        ends_at_failure, event = True, event.removeprefix("failure").strip()
    if ends_at_failure:
        found.append(np.where(raw.failed, raw.time, np.nan))
    if event:
        name, equals, numbers = event.partition("==")
        if not equals:
            raise StataError(
                198, f"{option}({text}) invalid; type {option}(time {event}) or {option}({event}==numlist)"
            )
        values = session.data.numeric(session.variable_named(name.strip()))
        hit = np.isin(values, parse_numlist(numbers, missing=True))
        found.append(np.where(hit, raw.time, np.nan))
    if expression.strip():
        typed = session.evaluate_numbers(expression.strip())
        found.append(to_nan(np.broadcast_to(typed, raw.time.shape).copy()))
    joined = found[0]
    for other in found[1:]:
        joined = np.fmin(joined, other) if option == "exit" else np.fmax(joined, other)
    return joined


def _subject_condition(session: Session, text: str, subject: FloatArray, rule: str) -> BoolArray:
    """if() by record; ever() and never() by subject."""
    true = session.evaluate_condition(text)
    if rule == "if":
        return true
    whole = np.isin(subject, np.unique(subject[true]))
    return whole if rule == "ever" else ~whole


def _write(session: Session, times: AnalysisTimes) -> None:
    data = session.data
    data.drop([name for name in VARIABLES if name in data.variables])
    data.add("_st", times.used.astype(np.float64), "byte", label="1 if record is to be used; 0 otherwise")
    d = np.where(times.used, times.d.astype(np.float64), MISSING)
    data.add("_d", d, "byte", label="1 if failure; 0 if censored")
    for name, values, label in (
        ("_t", times.t, "Analysis time when record ends"),
        ("_t0", times.t0, "Analysis time when record begins"),
    ):
        data.add(name, values, _storage(values), format="%10.0g", label=label)


def _storage(values: FloatArray) -> str:
    """The smallest type that holds the times exactly."""
    known = values[~is_missing(values)]
    if known.size and np.all(known == np.trunc(known)) and np.abs(known).max() <= 2147483620:
        largest = float(np.abs(known).max())
        return "byte" if largest <= 100 else ("int" if largest <= 32740 else "long")
    return "double"


def _report(session: Session, settings: SurvivalSettings, times: AnalysisTimes, raw: RawRecords, outset: int) -> None:
    log = session.log
    _describe(session, settings)
    total = session.data.n_obs
    rule = "-" * 74
    log.line()
    log.line(rule)
    log.line(f"{_count(total)}  total observations")
    if outset:
        log.line(f"{_count(outset)}  ignored at outset because of if exp")
    for reason, many in times.exclusions:
        log.line(exclusion_text(reason, many, settings))
    if not times.exclusions and not outset:
        log.line(f"{_count(0)}  exclusions")
    log.line(rule)
    used = times.used
    remaining = int(used.sum())
    if remaining == 0:
        log.line(f"{_count(0)}  observations remaining")
        return
    log.line(f"{_count(remaining)}  observations remaining, representing")
    w = np.ones(total)
    if settings.weight_kind:
        w = session.evaluate_weights(_weight(settings))
    failures = float((w * times.d)[used].sum())
    kind = "single-record/single-failure data"
    if settings.id:
        log.line(f"{_count(np.unique(raw.subject[used]).size)}  subjects")
        per_subject = np.bincount(raw.subject[used].astype(np.intp), weights=times.d[used].astype(np.float64))
        several = bool(per_subject.size and per_subject.max() > 1)
        kind = f"{'multiple' if several else 'single'}-failure-per-subject data"
    log.line(f"{_count(failures)}  failure{'' if failures == 1 else 's'} in {kind}")
    risk = float((w * (times.t - times.t0))[used].sum())
    log.line(f"{_count(risk)}  total analysis time at risk and under observation")
    for label, value in (
        ("At risk from t", 0.0),
        ("Earliest observed entry t", float(times.t0[used].min())),
        ("Last observed exit t", float(times.t[used].max())),
    ):
        log.line(f"{label:>62} ={number(value):>10}")
    session.r = ResultSet()


def _count(value: float) -> str:
    return f"{number(float(value), '%11.0gc'):>11}"


def _describe(session: Session, settings: SurvivalSettings) -> None:
    show_settings(session.log, settings)
