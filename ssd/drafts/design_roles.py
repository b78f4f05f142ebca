"""The roles as each design uses them: named in the text, else told by the names and kinds of the columns."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final

import msgspec

from ssd.drafts.roles import Found
from ssd.inputs.models import ColumnProfile, DatasetProfile

_AFTER_NAME: Final = re.compile(r"post|after|^y\d\d$|^d\d\d$|后$|后_?\d*$|时期", re.IGNORECASE)
_TREATED_NAME: Final = re.compile(r"treat|near|policy|处理|实验|试点", re.IGNORECASE)
_COHORT_NAME: Final = re.compile(
    r"first_?treat|eff_?year|treat_?year|adopt|cohort|gvar|首次|试点年份|实施年份|处理年份|政策年份",
    re.IGNORECASE,
)
_EVENT_NAME: Final = re.compile(
    r"died|dead|death|fail|event|cens|status|relapse|default|churn|死亡|复发|失效|违约|流失|退出|事件",
    re.IGNORECASE,
)
_DURATION_NAME: Final = re.compile(r"time|durat|surv|follow|months|days|时间|时长|生存|随访|持续", re.IGNORECASE)
_TIME_NAME: Final = re.compile(
    r"^(?:t|qtr|quarter|month|date|year|time|period|week|day)$|季度|月份|日期|年份", re.IGNORECASE
)
_NUM: Final = r"(-?\d{1,9}(?:\.\d{1,6})?|zero)"
_CUTOFF: Final = (
    re.compile(
        rf"\b(?:cut-?\s?off|threshold|cut-?\s?point)\s?(?:value\s|score\s|point\s)?(?:is\s|of\s|at\s|=|:|,)?\s?(?:at\s)?{_NUM}\b",
        re.IGNORECASE,
    ),
    re.compile(rf"\b{_NUM}\s(?:is|as)\s(?:the\s)?(?:cut-?\s?off|threshold)", re.IGNORECASE),
    re.compile(rf"(?:断点|临界值|阈值|分数线|截断点|门槛值?)(?:值)?(?:设?为|是|在|：|:|=)?\s?{_NUM}"),
    re.compile(rf"{_NUM}分?(?:作?为)(?:断点|临界值|阈值|分数线)"),
)
_LAGS: Final = re.compile(
    r"\b(\d{1,2})\slags?\b|\blags?\s?(?:of\s|=|:|\()?\s?(\d{1,2})\b|滞后(\d{1,2})[期阶]|(\d{1,2})阶滞后"
)
_LAG_WORDS: Final = frozenset({"var", "unit_root", "cointegration", "granger", "time_series", "arima"})
_SEVERAL_SERIES: Final = frozenset({"var", "unit_root", "cointegration", "granger"})


def for_design(design: str, method: str | None, found: Found, text: str, profile: DatasetProfile) -> Found:
    """The roles as the design uses them."""
    match design:
        case "descriptive" | "correlation":
            return _for_description(design, found, profile)
        case "test":
            group = found.group or (found.treatment if method else None)
            return msgspec.structs.replace(found, group=group, treatment=None, controls=(), variables=())
        case "did":
            return _for_event_study(found, profile) if method in _TIMED else _for_did(found, profile)
        case "rdd":
            return _for_rdd(found, text, profile)
        case "matching":
            return _for_matching(found, profile)
        case "survival":
            return _for_survival(method, found, profile)
        case "timeseries":
            return _for_time_series(method, found, text, profile)
    return _for_regression(design, found)


_TIMED: Final = frozenset({"event_study", "staggered_did"})


def _for_regression(design: str, found: Found) -> Found:
    found = msgspec.structs.replace(found, variables=(), post=None)
    if found.treatment is None and found.group not in (None, found.outcome):
        found = msgspec.structs.replace(found, treatment=found.group)
    found = msgspec.structs.replace(found, group=None)
    if design == "panel" and not found.fixed_effects and found.entity:
        found = msgspec.structs.replace(found, fixed_effects=(found.entity, *([found.time] if found.time else [])))
    if design == "panel":
        controls = tuple(name for name in found.controls if name not in found.fixed_effects)
        found = msgspec.structs.replace(found, controls=controls)
    return _clean_controls(found)


def _clean_controls(found: Found) -> Found:
    """Controls without what plays another part."""
    other = {
        found.outcome, found.treatment, *found.instruments, found.running, found.duration, found.event, found.cohort,
        found.exposure, found.weights,
    }  # fmt: skip
    return msgspec.structs.replace(found, controls=tuple(name for name in found.controls if name not in other))


def _for_description(design: str, found: Found, profile: DatasetProfile) -> Found:
    group = found.group if design == "descriptive" else None
    numeric = {c.stata_name for c in profile.columns if _is_number(c) or c.inferred_type == "boolean"}
    listed = found.mentioned if design == "correlation" or not found.variables else found.variables
    names = [name for name in listed if name != group and (design == "descriptive" or name in numeric)]
    return msgspec.structs.replace(
        found, outcome=None, treatment=None, controls=(), group=group, post=None, variables=tuple(names)
    )


def _for_did(found: Found, profile: DatasetProfile) -> Found:
    """Group and period of a difference-in-differences, from words or from the names of 0/1 columns."""
    binary = [c.stata_name for c in profile.columns if c.n_unique == 2 and c.inferred_type != "string"]
    used = {found.outcome, *found.controls}
    pair = [name for term in found.interactions for name in term.split("#")]
    named = [n for n in (*pair, *found.mentioned) if n in binary and n not in used]
    post = found.post if found.post in binary else next((n for n in named if _AFTER_NAME.search(n)), None)
    if post is None:
        post = next((n for n in binary if _AFTER_NAME.search(n) and n not in used), None)
    group = found.group if found.group and found.group != post else None
    if group is None and found.treatment in binary and found.treatment != post:
        group = found.treatment
    if group is None:
        group = next((n for n in named if n != post), None)
    if group is None:
        group = next((n for n in binary if _TREATED_NAME.search(n) and n not in used and n != post), None)
    controls = tuple(n for n in found.controls if n not in (group, post, found.outcome))
    return msgspec.structs.replace(
        found, group=group, post=post, treatment=None, controls=controls, variables=(), interactions=()
    )


def _for_event_study(found: Found, profile: DatasetProfile) -> Found:
    """Time of first treatment, and the panel it belongs to."""
    dated = [c.stata_name for c in profile.columns if c.n_unique > 2 and c.inferred_type in {"integer", "datetime"}]
    named = [name for name in (found.cohort, found.post) if name in dated and name != found.time]
    by_name = [name for name in (*found.mentioned, *dated) if name in dated and _COHORT_NAME.search(name)]
    cohort = next(iter([*named, *by_name]), None)
    treatment = found.treatment or found.group
    found = msgspec.structs.replace(found, cohort=cohort, post=None, group=None, variables=())
    outcome = found.outcome
    if outcome is None or outcome == cohort:
        taken = {cohort, treatment, found.entity, found.time, found.weights, found.cluster, *found.controls}
        outcome = _first_number(found, profile, taken)
    return _clean_controls(
        msgspec.structs.replace(found, outcome=outcome, treatment=treatment if treatment != cohort else None)
    )


def _for_rdd(found: Found, text: str, profile: DatasetProfile) -> Found:
    running, treatment, outcome = found.running, found.treatment or found.group, found.outcome
    if running is None:
        running = _first_number(found, profile, {outcome, *found.controls})
    if outcome == running:
        outcome = None
    if treatment == running:
        treatment = found.group if found.group not in (running, outcome) else None
    if outcome is None:
        outcome = _first_number(found, profile, {running, treatment, *found.controls})
    found = msgspec.structs.replace(
        found, running=running, treatment=treatment, outcome=outcome, group=None, post=None, variables=(),
        cutoff=_cutoff(text),
    )  # fmt: skip
    return _clean_controls(found)


def _for_matching(found: Found, profile: DatasetProfile) -> Found:
    """Treatment is a yes/no variable; what no frame placed is matched on."""
    outcome = found.outcome
    groups = [found.treatment, found.group, *found.controls, *found.mentioned]
    treatment = next((n for n in groups if n and n != outcome and _holds(n, profile, _is_binary)), None)
    if outcome is None or outcome == treatment:
        outcome = _first_number(found, profile, {treatment, *found.controls})
    covariates = found.controls
    if found.treatment not in (None, treatment, outcome):
        covariates = (found.treatment or "", *covariates)
    found = msgspec.structs.replace(
        found, outcome=outcome, treatment=treatment, controls=covariates, group=None, post=None, variables=()
    )
    return _clean_controls(found)


def _for_survival(method: str | None, found: Found, profile: DatasetProfile) -> Found:
    """Time and event from the text, else from the names of columns; curves compare groups, models have regressors."""
    names = (*found.mentioned, *(c.stata_name for c in profile.columns))
    event = found.event if found.event and _holds(found.event, profile, _is_binary) else None
    event = event or next((n for n in names if _holds(n, profile, _is_binary) and _EVENT_NAME.search(n)), None)
    duration = found.duration if found.duration and _holds(found.duration, profile, _is_number) else None
    duration = duration or next(
        (n for n in names if n != event and _holds(n, profile, _is_number) and _DURATION_NAME.search(n)), None
    )
    taken = {event, duration}
    listed = [n for n in (found.treatment, found.group, *found.controls) if n and n not in taken]
    if found.outcome not in (None, *taken):
        listed.append(found.outcome or "")
    listed = list(dict.fromkeys(listed))
    curves = method in {"kaplan_meier", "log_rank"}
    return msgspec.structs.replace(
        found,
        duration=duration,
        event=event,
        outcome=None,
        treatment=None if curves else next(iter(listed), None),
        group=next(iter(listed), None) if curves else None,
        controls=() if curves else tuple(listed[1:]),
        post=None,
        variables=(),
        time=None if found.time in taken else found.time,
    )


def _for_time_series(method: str | None, found: Found, text: str, profile: DatasetProfile) -> Found:
    time = found.time or next(
        (
            name
            for name in (*found.mentioned, *(c.stata_name for c in profile.columns))
            if _TIME_NAME.search(name) or _holds(name, profile, lambda c: c.inferred_type == "datetime")
        ),
        None,
    )
    match = _LAGS.search(text)
    lags = int(next(group for group in match.groups() if group)) if match else None
    series = [n for n in found.variables or found.mentioned if n != time and _holds(n, profile, _is_number)]
    found = msgspec.structs.replace(
        found, time=time, lags=lags if method in _LAG_WORDS else None, group=None, post=None, variables=()
    )
    if method in _SEVERAL_SERIES:
        listed = series if len(series) > 1 else [n for n in found.mentioned if n != time]
        return msgspec.structs.replace(found, outcome=None, treatment=None, controls=(), variables=tuple(listed))
    if found.outcome is None:
        found = msgspec.structs.replace(found, outcome=_first_number(found, profile, {time}))
    treatment = found.treatment if found.treatment not in (time, found.outcome) else None
    return _clean_controls(msgspec.structs.replace(found, treatment=treatment))


def _cutoff(text: str) -> float | None:
    for pattern in _CUTOFF:
        match = pattern.search(text)
        if match:
            return 0.0 if match[1].lower() == "zero" else float(match[1])
    return None


def _first_number(found: Found, profile: DatasetProfile, taken: set[str | None]) -> str | None:
    return next((n for n in found.mentioned if n not in taken and _holds(n, profile, _is_measure)), None)


def _holds(name: str, profile: DatasetProfile, condition: Callable[[ColumnProfile], bool]) -> bool:
    column = profile.column(name)
    return column is not None and condition(column)


def _is_number(column: ColumnProfile) -> bool:
    return column.inferred_type in {"integer", "number"}


def _is_measure(column: ColumnProfile) -> bool:
    return _is_number(column) and column.n_unique > 2


def _is_binary(column: ColumnProfile) -> bool:
    return column.n_unique == 2
