"""From raw times to analysis time: the rules of stset ([ST] stset, "Options" and "Remarks and examples")."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from ssd.engine.missing import MISSING, BoolArray, FloatArray

IntArray = NDArray[np.intp]


@dataclass
class RawRecords:
    """What the variables say, all shape (n,); missing times are nan, bounds that were not given are nan."""

    time: FloatArray
    failed: BoolArray
    subject: FloatArray
    """Number of the subject; nan when the identifier is missing."""
    time0: FloatArray | None = None
    origin: FloatArray | None = None
    """Per record; the subject's is the earliest."""
    enter: FloatArray | None = None
    exit: FloatArray | None = None
    """None: the first failure ends the observation."""
    valid_weight: BoolArray | None = None
    several: bool = False
    """Records belong to subjects (id() was given)."""
    scale: float = 1.0


@dataclass
class AnalysisTimes:
    """_t0, _t, _d over all records; outside `used` they mean nothing."""

    t0: FloatArray
    t: FloatArray
    d: BoolArray
    used: BoolArray
    exclusions: list[tuple[str, int]] = field(default_factory=list)
    """What was left out, in the order it is reported."""


def _earliest(values: FloatArray, subject: IntArray, count: int) -> FloatArray:
    """The smallest known value of each subject, spread to its records; nan where there is none."""
    lowest = np.full(count, np.inf)
    known = np.isfinite(values)
    np.minimum.at(lowest, subject[known], values[known])
    return np.where(np.isfinite(lowest), lowest, np.nan)[subject]


def analysis_times(raw: RawRecords, selected: BoolArray) -> AnalysisTimes:
    """Entry, exit and failure of every record in analysis time, and why records are left out."""
    used = selected.copy()
    found: list[tuple[str, int]] = []

    def leave_out(reason: str, bad: BoolArray) -> None:
        hit = used & bad
        if hit.any():
            found.append((reason, int(hit.sum())))
            used[hit] = False

    leave_out("id", ~np.isfinite(raw.subject))
    leave_out("time", ~np.isfinite(raw.time))
    subject = np.where(np.isfinite(raw.subject), raw.subject, 0.0).astype(np.intp)
    count = int(subject.max()) + 1 if subject.size else 0
    if raw.time0 is not None:
        leave_out("time0", ~np.isfinite(raw.time0))
        leave_out("order", raw.time0 >= raw.time)
    if raw.valid_weight is not None:
        leave_out("weight", ~raw.valid_weight)
    order, previous = _previous_times(raw, subject, used)
    if raw.several:
        same = np.zeros(len(used), dtype=np.bool_)
        same[order] = previous == raw.time[order]
        leave_out("instant", same)
        order, previous = _previous_times(raw, subject, used)
    begin = np.full(len(used), -np.inf)
    if raw.time0 is not None:
        begin = raw.time0.astype(np.float64)
        overlap = np.zeros(len(used), dtype=np.bool_)
        overlap[order] = raw.time0[order] < previous
        leave_out("overlap", overlap & raw.several)
    elif raw.several:
        begin[order] = np.where(np.isfinite(previous), previous, -np.inf)
    inside = np.where(used, 1.0, np.nan)
    origin = np.zeros(len(used))
    if raw.origin is not None:
        origin = _earliest(raw.origin * inside, subject, count)
        leave_out("origin", ~np.isfinite(origin))
    enter = origin
    if raw.enter is not None:
        typed = _earliest(raw.enter * inside, subject, count)
        leave_out("enter", ~np.isfinite(typed))
        enter = np.fmax(origin, typed)
    failure_time = _earliest(np.where(raw.failed & used & (raw.time > enter), raw.time, np.nan), subject, count)
    last = failure_time if raw.exit is None else _earliest(raw.exit * inside, subject, count)
    last = np.where(np.isfinite(last), last, np.inf)
    leave_out("early", raw.time <= enter)
    leave_out("failed" if raw.exit is None else "late", np.fmax(begin, enter) >= last)
    start = np.fmax(begin, enter)
    end = np.minimum(raw.time, last)
    d = raw.failed & (raw.time <= last)
    t0 = np.where(used, (start - origin) / raw.scale, MISSING)
    t = np.where(used, (end - origin) / raw.scale, MISSING)
    return AnalysisTimes(t0, t, d & used, used, found)


def _previous_times(raw: RawRecords, subject: IntArray, used: BoolArray) -> tuple[IntArray, FloatArray]:
    """Positions of the used records by subject and time, and the time of the record before (nan for the first)."""
    places = np.flatnonzero(used)
    order = places[np.lexsort((raw.time[places], subject[places]))]
    previous = np.full(order.size, np.nan)
    if raw.several and order.size > 1:
        linked = subject[order][1:] == subject[order][:-1]
        previous[1:][linked] = raw.time[order][:-1][linked]
    return order, previous
