"""stdescribe, stsum, stci, stptime: what survival-time data hold."""

from __future__ import annotations

import math
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from ssd.engine.commands.declare import Line, command
from ssd.engine.commands.estimation import level_of
from ssd.engine.commands.survival_sample import Grouping, group_records, open_analysis
from ssd.engine.data.survival import Records
from ssd.engine.errors import StataError, unsupported
from ssd.engine.missing import MISSING, FloatArray
from ssd.engine.output.tables import number, rule
from ssd.engine.results import ResultSet
from ssd.engine.stats.distributions import critical
from ssd.engine.stats.survival_curves import (
    PercentileInterval,
    curve,
    percentile_interval,
    restricted_mean,
    select,
)

if TYPE_CHECKING:
    from ssd.engine.session import Session


def _shown(value: float, fmt: str = "%9.0g") -> str:
    return number(MISSING if math.isnan(value) else value, fmt)


def _by_subject(records: Records, values: FloatArray, how: str) -> FloatArray:
    """Sum, smallest or largest value of each subject."""
    ids = records.subject.astype(np.intp)
    if how == "sum":
        return np.bincount(ids, weights=values).astype(np.float64)
    start = np.full(int(ids.max()) + 1, np.inf if how == "min" else -np.inf)
    (np.minimum if how == "min" else np.maximum).at(start, ids, values)
    return start


@command("stdescribe", "[if] [in] [, WEIGHT noSHow]", minimum=4, by="recall",
         stored="r(N_sub) r(N_total) r(N_min) r(N_mean) r(N_med) r(N_max) r(t0_min) r(t0_mean) r(t0_med) r(t0_max) "
                "r(t1_min) r(t1_mean) r(t1_med) r(t1_max) r(N_gap) r(gap) r(gap_min) r(gap_mean) r(gap_med) r(gap_max) "
                "r(tr) r(tr_min) r(tr_mean) r(tr_med) r(tr_max) r(N_fail) r(f_min) r(f_mean) r(f_med) r(f_max)",
         refused="weight")  # fmt: skip
def stdescribe(session: Session, line: Line) -> None:
    """Describe survival-time data: records, entry and exit times, gaps and failures per subject."""
    if line.flag("weight"):
        raise unsupported("option weight of stdescribe is")
    _, records = open_analysis(session, line)
    first = _by_subject(records, records.t0, "min")
    last = _by_subject(records, records.t, "max")
    risk = _by_subject(records, records.t - records.t0, "sum")
    gap = last - first - risk
    gap[np.abs(gap) < 1e-9 * np.maximum(last, 1.0)] = 0.0
    with_gap = gap > 0.0
    size = _by_subject(records, np.ones(records.n), "sum")
    failures = _by_subject(records, records.d, "sum")
    log = session.log
    log.line()
    log.line(" " * 35 + "|-------------- Per subject --------------|")
    log.line("Category                   Total        Mean         Min     Median        Max")
    log.line("-" * 78)
    log.line(f"{'Number of subjects':<22}{_shown(float(len(first))):>10}   ")
    scalars: dict[str, float] = {"N_sub": float(len(first))}
    gaps = gap[with_gap]
    rows = (
        ("Number of records", "N", size, float(size.sum()), True), None,
        ("Entry time (first)", "t0", first, None, False), ("Exit time (final)", "t1", last, None, True), None,
        ("Subjects with gap", "N_gap", None, float(with_gap.sum()), False),
        ("Time on gap", "gap", gaps, float(gaps.sum()), False),
        ("Time at risk", "tr", risk, float(risk.sum()), False), None,
        ("Failures", "f", failures, float(failures.sum()), False),
    )  # fmt: skip
    for row in rows:
        if row is None:
            log.line()
            continue
        label, name, values, total, _ = row
        text = f"{label:<22}{'' if total is None else _shown(total):>10}"
        if values is None:
            log.line(text + "   ")
            scalars[name] = float(total or 0.0)
            continue
        statistics = [math.nan] * 4
        if values.size:
            statistics = [float(values.mean()), float(values.min()), float(np.median(values)), float(values.max())]
        text += "".join(f"{_shown(v):>{w}}" for v, w in zip(statistics, (12, 12, 11, 11), strict=True))
        log.line(text)
        for key, value in zip(("mean", "min", "med", "max"), statistics, strict=True):
            scalars[f"{name}_{key}"] = MISSING if math.isnan(value) else value
        if total is not None:
            scalars[{"N": "N_total", "f": "N_fail"}.get(name, name)] = total
    log.line("-" * 78)
    session.r = ResultSet(scalars=scalars)


@command("stsum", "[if] [in] [, BY(varlist) noSHow]", by="recall",
         stored="r(risk) r(ir) r(N_sub) r(p25) r(p50) r(p75)")  # fmt: skip
def stsum(session: Session, line: Line) -> None:
    """Time at risk, incidence rate and quartiles of survival time, overall and by group."""
    names = _by(line)
    _, records = open_analysis(session, line, names)
    groups = group_records(session, records, names)
    width = max([8, *(len(label) for label in groups.labels), len(", ".join(names))])
    log = session.log
    log.line()
    log.line(f"{'':<{width}} |               Incidence     Number of   |------ Survival time -----|")
    log.line(f"{', '.join(names):<{width}} | Time at risk       rate      subjects        25%       50%       75%")
    log.line(rule(width + 1, 69))
    if names:
        for g, label in enumerate(groups.labels):
            _summary_row(session, select(records, groups.ids == g), label, width)
        log.line(rule(width + 1, 69))
    _summary_row(session, records, "Total", width)


def _by(line: Line) -> list[str]:
    names = line.options.get("by")
    return [str(name) for name in names] if isinstance(names, list) else []


def _summary_row(session: Session, records: Records, label: str, width: int) -> None:
    found = curve(records)
    risk = records.time_at_risk
    rate = records.failures / risk if risk > 0 else math.nan
    quartiles = [found.percentile(p) for p in (25.0, 50.0, 75.0)]
    session.log.line(
        f"{label:>{width}} |{_shown(risk):>13}{_shown(rate):>11}{_shown(float(records.subjects)):>14}"
        + "".join(f"{_shown(value):>{w}}" for value, w in zip(quartiles, (11, 10, 10), strict=True))
    )
    scalars = {"risk": risk, "ir": rate, "N_sub": float(records.subjects)}
    scalars.update(zip(("p25", "p50", "p75"), quartiles, strict=True))
    session.r = ResultSet(scalars={k: MISSING if math.isnan(v) else v for k, v in scalars.items()})


@command("stci", "[if] [in] [, BY(varlist) Median Rmean Emean P(real -1) CCorr Level(cilevel) noSHow]", by="recall",
         stored="r(N_sub) r(p#) r(rmean) r(se) r(lb) r(ub)", refused="emean, ccorr, graph")  # fmt: skip
def stci(session: Session, line: Line) -> None:
    """Confidence intervals for means and percentiles of survival time."""
    for name in ("emean", "ccorr"):
        if line.flag(name):
            raise unsupported(f"option {name} of stci is")
    p = float(str(line.options.get("p")))
    mean = line.flag("rmean")
    if (p >= 0) + mean + line.flag("median") > 1:
        raise StataError(198, "only one of median, p(), or rmean may be specified")
    p = 50.0 if p < 0 else p
    if not 0.0 < p < 100.0:
        raise StataError(198, "option p() must be between 0 and 100")
    names = _by(line)
    level = level_of(session, line)
    settings, records = open_analysis(session, line, names)
    if settings.weight_kind == "pweight":
        raise StataError(101, "pweights not allowed")
    groups = group_records(session, records, names)
    log = session.log
    heading = "rmean" if mean else f"{p:g}%"
    log.line()
    first = "Restricted" if mean else ""
    log.line(f"{'':<12} | Number of  {first}".rstrip())
    log.line(
        f"{', '.join(names):<12} |  subjects {('mean' if mean else heading):>11}      Std. err.    "
        f"[{level:g}% conf. interval]"
    )
    log.line(rule(13, 61))
    partial = False
    rows = [(groups.labels[g], select(records, groups.ids == g)) for g in range(groups.count)] if names else []
    for label, part in [*rows, ("Total", records)]:
        if label == "Total" and names:
            log.line(rule(13, 61))
        found, ended = _interval(part, p, mean, level)
        partial |= mean and not ended
        star = "(*)" if mean and not ended else ""
        log.line(
            f"{label[:12]:>12} |{part.subjects:>10} {_shown(found.value):>11}{star:<3}{_shown(found.error):>12}"
            f"{_shown(found.low, '%8.0g'):>13}{_shown(found.high, '%8.0g'):>12}"
        )
        value_name = "rmean" if mean else f"p{p:g}"
        scalars = {"N_sub": float(part.subjects), value_name: found.value, "se": found.error, "lb": found.low,
                   "ub": found.high}  # fmt: skip
        session.r = ResultSet(scalars={k: MISSING if math.isnan(v) else v for k, v in scalars.items()})
    if partial:
        log.line()
        log.line("(*) largest observed analysis time is censored, mean is underestimated")


def _interval(records: Records, p: float, mean: bool, level: float) -> tuple[PercentileInterval, bool]:
    found = curve(records)
    if not mean:
        return percentile_interval(found, p, level), True
    area, error, ended = restricted_mean(found)
    half = critical(level, None) * error
    return PercentileInterval(area, error, area - half, area + half), ended


@command("stptime", "[if] [in] [, BY(varlist max=1) PER(real 1) DD(integer -1) AT(numlist ascending) Level(cilevel) "
         "Title(string) Jackknife SMR(string) Using(string) TRim OUTput(string) noSHow]", by="recall",
         stored="r(ptime) r(failures) r(rate) r(lb) r(ub)", refused="smr(), jackknife, trim, output()")  # fmt: skip
def stptime(session: Session, line: Line) -> None:
    """Person-time and incidence rates, overall, by group, or in intervals of analysis time."""
    for name in ("smr", "using", "output"):
        if line.text_option(name):
            raise unsupported(f"option {name}() of stptime is")
    for name in ("jackknife", "trim"):
        if line.flag(name):
            raise unsupported(f"option {name} of stptime is")
    per = float(str(line.options.get("per")))
    level = level_of(session, line)
    names = _by(line)
    points = line.options.get("at")
    if names and points:
        raise StataError(198, "options at() and by() may not be combined")
    _, records = open_analysis(session, line, names)
    rows: list[tuple[str, float, float]] = []
    if isinstance(points, list) and points:
        rows = _intervals(records, [float(str(v)) for v in points])
    elif names:
        groups: Grouping = group_records(session, records, names)
        for g, label in enumerate(groups.labels):
            part = select(records, groups.ids == g)
            rows.append((label, part.time_at_risk, part.failures))
    title = line.text_option("title") or "Cohort"
    width = max(9, len(title), len(names[0]) if names else 0, *(len(label) for label, _, _ in rows)) if rows else 9
    width = max(width, len(title))
    log = session.log
    log.line()
    log.line(f"{names[0] if names else title:<{width}} | Person-time    Failures        Rate   "
             f"[{level:g}% conf. interval]")  # fmt: skip
    log.line(rule(width + 1, 59))
    for label, time, failures in rows:
        _rate_row(session, label, width, time, failures, per, level, int(str(line.options.get("dd"))))
    if rows:
        log.line(rule(width + 1, 59))
    _rate_row(session, "Total", width, records.time_at_risk, records.failures, per, level,
              int(str(line.options.get("dd"))))  # fmt: skip


def _intervals(records: Records, points: list[float]) -> list[tuple[str, float, float]]:
    """Person-time and failures between consecutive points of analysis time."""
    edges = [0.0, *points] if points[0] > 0.0 else points
    last = float(records.t.max())
    closed = [*edges, math.inf] if edges[-1] < last else edges
    rows = []
    for low, high in pairwise(closed):
        inside = np.clip(np.minimum(records.t, high) - np.maximum(records.t0, low), 0.0, None)
        failed = records.d * ((records.t > low) & (records.t <= high))
        label = f"> {low:g}" if math.isinf(high) else f"({low:g} - {high:g}]"
        rows.append((label, float(records.w @ inside), float(records.w @ failed)))
    return rows


def _rate_row(
    session: Session, label: str, width: int, time: float, failures: float, per: float, level: float, digits: int
) -> None:
    """One line with limits from the quadratic approximation to the log rate."""
    rate = failures / time * per if time > 0 else math.nan
    factor = math.exp(critical(level, None) / math.sqrt(failures)) if failures > 0 else math.nan
    low, high = rate / factor, rate * factor
    fmt = "%9.0g" if digits < 0 else f"%10.{digits}f"
    session.log.line(
        f"{label:>{width}} |{_shown(time):>12}{_shown(failures):>12}{_shown(rate, fmt):>12}"
        f"{_shown(low, fmt):>12}{_shown(high, fmt):>11}"
    )
    scalars = {"ptime": time, "failures": failures, "rate": rate, "lb": low, "ub": high}
    session.r = ResultSet(scalars={k: MISSING if math.isnan(v) else v for k, v in scalars.items()})
