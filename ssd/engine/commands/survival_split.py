"""stsplit, stjoin: cut records at analysis times and put them together again."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

from ssd.engine.commands.declare import Line, command
from ssd.engine.commands.estimation import key_values
from ssd.engine.commands.survival_sample import group_records, take_records
from ssd.engine.commands.survival_stset import raw_records
from ssd.engine.data.names import check_name
from ssd.engine.data.survival import SurvivalSettings, at_risk_rows, require_survival
from ssd.engine.errors import StataError, already_defined, unsupported
from ssd.engine.lang.numlist import parse_numlist
from ssd.engine.missing import MISSING, FloatArray
from ssd.engine.results import ResultSet

if TYPE_CHECKING:
    from ssd.engine.session import Session

IndexArray = NDArray[np.intp]


MOST_PIECES: Final = 1_000_000
"""Episodes that every() may cut one span of analysis time into."""


@command("stsplit", "[anything] [if] [, AT(string) EVery(real 0) AFter(string) TRim STrata(varlist) RISKset(name) "
         "noPREServe noSHow]", stored="r(N_episodes)",
         refused="after(varname==numlist), after() of min() or asis(); trim")  # fmt: skip
def stsplit(session: Session, line: Line) -> None:
    """Split time-span records at given analysis times, at regular times, or at the failure times."""
    settings = require_survival(session.data)
    if not settings.id:
        raise StataError(459, "stsplit requires that you have previously stset an ID variable")
    if line.flag("trim"):
        raise unsupported("option trim of stsplit is")
    at = (line.text_option("at") or "").strip()
    every = float(str(line.options.get("every")))
    if bool(at) == bool(every):
        raise StataError(198, "one of at() or every() must be specified")
    failures = bool(at) and "failures".startswith(at)
    names = line.anything.split()
    if failures:
        if names:
            raise StataError(101, "varlist not allowed with at(failures)")
    elif len(names) != 1:
        raise StataError(103 if names else 100, "newvarname required")
    for name in [*names, *([str(line.options["riskset"])] if line.options.get("riskset") else [])]:
        check_name(name)
        if name in session.data.variables:
            raise already_defined(name)
    rows = at_risk_rows(session.data, line.sample(session))
    if failures:
        _at_failures(session, line, settings, rows)
        return
    reference = _reference(session, settings, line.text_option("after") or "")
    last = float((session.data.numeric("_t") - reference)[rows].max()) if rows.any() else 0.0
    points: FloatArray
    if every:
        if every <= 0:
            raise StataError(198, "every() must be greater than 0")
        pieces = np.ceil(last / every)
        if pieces > MOST_PIECES:
            raise StataError(198, "every() is too small for the span of analysis time")
        points = np.arange(1, int(pieces), dtype=np.float64) * every
        points = points if points.size else np.array([every])
    else:
        points = np.unique(np.array(parse_numlist(at, missing=False), dtype=np.float64))
    created, reference = _split_at(session, settings, rows, points, reference)
    _label(session, names[0], points, reference, rows_of(session))
    _report(session, created)


def rows_of(session: Session) -> NDArray[np.bool_]:
    """The observations at risk after a split."""
    return at_risk_rows(session.data, np.ones(session.data.n_obs, dtype=np.bool_))


def _reference(session: Session, settings: SurvivalSettings, text: str) -> FloatArray:
    """The analysis time from which at() and every() count, per record."""
    n = session.data.n_obs
    if not text.strip():
        return np.zeros(n)
    left, equals, right = text.partition("=")
    kind = left.strip() if equals and not right.startswith("=") else "time"
    expression = right if kind != "time" or equals else text
    if kind not in {"time", "t", "_t"} or re.match(r"\s*(min|asis)\s*\(", expression):
        raise unsupported(f"after({text}) is")
    values = session.evaluate_numbers(expression).copy()
    if kind == "_t":
        return values
    origin, scale = origin_and_scale(session, settings)
    return (values - origin) / scale


def origin_and_scale(session: Session, settings: SurvivalSettings) -> tuple[FloatArray, float]:
    """Where analysis time is zero in units of the time variable, per record, and the scale."""
    scale = session.evaluate_number(settings.scale)
    raw = raw_records(session, settings, scale)
    if raw.origin is None:
        return np.zeros(session.data.n_obs), scale
    subject = np.nan_to_num(raw.subject, nan=0.0).astype(np.intp)
    lowest = np.full(int(subject.max(initial=0)) + 1, np.inf)
    known = np.isfinite(raw.origin)
    np.minimum.at(lowest, subject[known], raw.origin[known])
    return lowest[subject], scale


def _split_at(
    session: Session, settings: SurvivalSettings, rows: NDArray[np.bool_], points: FloatArray, reference: FloatArray
) -> tuple[int, FloatArray]:
    """Cut records at reference + points; returns how many were created, and the reference of every record."""
    data = session.data
    t0, t = data.numeric("_t0"), data.numeric("_t")
    low = np.where(rows, t0 - reference, 0.0)
    high = np.where(rows, t - reference, 0.0)
    first = np.searchsorted(points, low, side="right")
    past = np.searchsorted(points, high, side="left")
    extra = np.where(rows, np.maximum(past - first, 0), 0)
    take = np.repeat(np.arange(data.n_obs), extra + 1)
    rank = np.arange(len(take)) - np.repeat(np.cumsum(extra + 1) - (extra + 1), extra + 1)
    cuts = np.append(points, np.inf)
    end = cuts[np.minimum(first[take] + rank, len(points))] + reference[take]
    _cut(session, settings, take, rank, extra, end)
    return int(extra.sum()), reference[take]


def _cut(
    session: Session, settings: SurvivalSettings, take: IndexArray, rank: IndexArray, extra: IndexArray, end: FloatArray
) -> None:
    """Repeat records and give every piece its own times; `end` is where a piece that is not the last ends."""
    data = session.data
    origin, scale = origin_and_scale(session, settings)
    origin = origin[take]
    data.take(take)
    last = rank == extra[take]
    begin = data.numeric("_t0")
    follows = rank > 0
    begin[follows] = end[np.flatnonzero(follows) - 1]
    finish = np.where(last, data.numeric("_t"), end)
    early = ~last
    data.replace("_t0", begin, follows)
    data.replace("_t", finish, early)
    data.replace("_d", np.zeros(data.n_obs), early & (data.numeric("_st") == 1.0))
    data.replace(settings.time, finish * scale + origin, early)
    if settings.failure:
        data.replace(settings.failure, np.full(data.n_obs, MISSING), early)
    if settings.time0:
        data.replace(settings.time0, begin * scale + origin, follows)
    data.sorted_by = []


def _label(session: Session, name: str, points: FloatArray, reference: FloatArray, rows: NDArray[np.bool_]) -> None:
    """The variable that says in which interval a record lies: its left end, or one less than all for before."""
    data = session.data
    since = data.numeric("_t0") - reference
    start = 0.0 if points[0] > 0 else float(points[0]) - 1.0
    values = np.concatenate([[start], points])
    found = values[np.searchsorted(points, since, side="right")]
    data.add(name, np.where(rows, found, MISSING), "float")


def _at_failures(session: Session, line: Line, settings: SurvivalSettings, rows: NDArray[np.bool_]) -> None:
    names = line.options.get("strata")
    strata = [str(name) for name in names] if isinstance(names, list) else []
    records = take_records(session, rows, settings)
    stratum = group_records(session, records, strata).ids
    data = session.data
    log = session.log
    times = 0
    extra = np.zeros(data.n_obs, dtype=np.intp)
    places = np.flatnonzero(records.rows)
    first = np.zeros(data.n_obs, dtype=np.intp)
    points_of: dict[int, FloatArray] = {}
    which = np.full(data.n_obs, -1)
    which[places] = stratum
    offset: dict[int, int] = {}
    for s in np.unique(stratum):
        own = stratum == s
        points = np.unique(records.t[own & (records.d > 0)])
        points_of[int(s)], offset[int(s)] = points, times
        times += len(points)
        low = np.searchsorted(points, records.t0[own], side="right")
        past = np.searchsorted(points, records.t[own], side="left")
        first[places[own]] = low
        extra[places[own]] = np.maximum(past - low, 0)
    take_all: IndexArray = np.repeat(np.arange(data.n_obs), extra + 1).astype(np.intp)
    rank_all: IndexArray = (np.arange(len(take_all)) - np.repeat(np.cumsum(extra + 1) - (extra + 1), extra + 1)).astype(
        np.intp
    )
    end = np.full(len(take_all), np.inf)
    risk = np.full(len(take_all), MISSING)
    for s, points in points_of.items():
        own = which[take_all] == s
        place = first[take_all][own] + rank_all[own]
        end[own] = np.append(points, np.inf)[np.minimum(place, len(points))]
        inside = place < len(points)
        finish = np.where(rank_all[own] == extra[take_all][own], data.numeric("_t")[take_all][own], end[own])
        at = inside & (finish == np.append(points, np.inf)[np.minimum(place, len(points))])
        risk[own] = np.where(at, offset[s] + place + 1.0, MISSING)
    _cut(session, settings, take_all, rank_all, extra, end)
    riskset = line.options.get("riskset")
    if riskset:
        data.add(str(riskset), risk, "long", label="Risk set")
    log.line(f"({times:,} failure time{'' if times == 1 else 's'})")
    _report(session, int(extra.sum()))


def _report(session: Session, created: int) -> None:
    plural = "" if created == 1 else "s"
    session.log.line(f"({created:,} observation{plural} (episode{plural}) created)")
    session.r = ResultSet(scalars={"N_episodes": float(created)})


@command("stjoin", "[, Censored(numlist missingokay)]", stored="r(N_eliminated)")
def stjoin(session: Session, line: Line) -> None:
    """Join records of one subject that follow each other and agree in everything but their times."""
    data = session.data
    settings = require_survival(data)
    if not settings.id:
        raise StataError(459, "stjoin requires that you have previously stset an ID variable")
    typed = line.options.get("censored")
    censored = [float(str(v)) for v in typed] if isinstance(typed, list) and typed else [MISSING, 0.0]
    ids = key_values(session, settings.id)
    numbers = np.unique(ids, return_inverse=True)[1].reshape(-1)
    t0, t = data.numeric("_t0"), data.numeric("_t")
    order = np.lexsort((t, numbers)).astype(np.intp)
    data.take(order)
    numbers, t0, t = numbers[order], t0[order], t[order]
    used = data.numeric("_st") == 1.0
    own = {"_t0", "_t", "_d", "_st", settings.time, settings.failure, settings.time0}
    others = [name for name in data.variables if name not in own]
    same = np.zeros(data.n_obs, dtype=np.bool_)
    if data.n_obs > 1:
        same[1:] = (numbers[1:] == numbers[:-1]) & (t0[1:] == t[:-1]) & used[1:] & used[:-1]
        same[1:] &= data.numeric("_d")[:-1] == 0.0
        if settings.failure:
            same[1:] &= np.isin(data.numeric(settings.failure)[:-1], censored)
        for name in others:
            values = data.variables[name].values
            same[1:] &= np.asarray(values[1:] == values[:-1], dtype=np.bool_)
    start = np.maximum.accumulate(np.where(same, 0, np.arange(data.n_obs)))
    begin = t0[start]
    data.replace("_t0", begin, same)
    if settings.time0:
        data.replace(settings.time0, data.numeric(settings.time0)[start], same)
    keep = np.ones(data.n_obs, dtype=np.bool_)
    keep[:-1] = ~same[1:]
    gone = int(np.count_nonzero(~keep))
    data.keep_observations(keep)
    session.log.line(f"({gone:,} obs. eliminated)" if gone else "(0 obs. eliminated)")
    session.r = ResultSet(scalars={"N_eliminated": float(gone)})
