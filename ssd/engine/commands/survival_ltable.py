"""ltable: actuarial life tables."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

import numpy as np

from ssd.engine.commands.declare import Line, command
from ssd.engine.commands.estimation import level_of, not_missing
from ssd.engine.commands.survival_sample import Grouping, group_records
from ssd.engine.data.survival import Records
from ssd.engine.errors import StataError, no_observations, unsupported
from ssd.engine.missing import BoolArray, FloatArray, is_missing
from ssd.engine.output.tables import number
from ssd.engine.stats.distributions import critical
from ssd.engine.stats.survival_curves import select

if TYPE_CHECKING:
    from ssd.engine.session import Session

_MOST_INTERVALS: Final = 100_000


@command("ltable", "varlist(min=1 max=2 numeric) [if] [in] [fweight] [, Survival Failure Hazard BY(varlist) "
         "Intervals(numlist) noAdjust noTABle Test Level(cilevel) Graph OVerlay SAving(string) TVid(varname)]",
         by="recall", refused="hazard, test, graph, overlay, saving(), tvid(), notable, intervals(w)")  # fmt: skip
def ltable(session: Session, line: Line) -> None:
    """Life tables: the survivor or failure function by intervals of time."""
    for name in ("hazard", "test", "graph", "overlay", "notable"):
        if line.flag(name):
            raise unsupported(f"option {name} of ltable is")
    for name in ("saving", "tvid"):
        if line.text_option(name):
            raise unsupported(f"option {name}() of ltable is")
    if line.flag("survival") and line.flag("failure"):
        raise StataError(198, "options survival and failure may not be combined")
    level = level_of(session, line)
    by = line.options.get("by")
    names = [str(name) for name in by] if isinstance(by, list) else []
    data = session.data
    mask = line.sample(session)
    for name in [*line.varlist, *names]:
        mask &= not_missing(session, name)
    weights = line.weights(session)
    if weights is not None:
        mask &= ~is_missing(weights) & (weights > 0)
    if not mask.any():
        raise no_observations()
    time = data.numeric(line.varlist[0])[mask]
    if np.any(time < 0):
        raise StataError(411, f"{line.varlist[0]} must be greater than or equal to zero")
    died = (
        np.ones(len(time)) if len(line.varlist) < 2 else (data.numeric(line.varlist[1])[mask] != 0).astype(np.float64)
    )
    w = np.ones(len(time)) if weights is None else weights[mask]
    records = Records(mask, np.zeros(len(time)), time, died, w, np.arange(len(time), dtype=np.float64))
    groups = group_records(session, records, names)
    edges = _edges(line, time)
    _show(session, line, records, groups, edges, level)


def _edges(line: Line, time: FloatArray) -> FloatArray:
    """Left ends of the intervals, closed by infinity."""
    typed = line.options.get("intervals")
    values = [float(str(v)) for v in typed] if isinstance(typed, list) and typed else [1.0]
    if len(values) == 1:
        if values[0] <= 0:
            raise StataError(198, "intervals() must be positive")
        if float(time.max()) / values[0] > _MOST_INTERVALS:
            raise StataError(198, "intervals() is too small for the span of time")
        return np.arange(0.0, float(time.max()) + 2.0 * values[0], values[0])
    if values != sorted(values):
        raise StataError(124, "invalid numlist has elements out of order")
    start = [] if values[0] == 0 else [0.0]
    return np.array([*start, *values, *([math.inf] if values[-1] <= time.max() else [])])


def _show(session: Session, line: Line, records: Records, groups: Grouping, edges: FloatArray, level: float) -> None:
    log = session.log
    failure = line.flag("failure")
    log.line()
    log.line(f"{'Beg.':>22}{'Cum.' if failure else '':>26}{'Std.':>10}")
    function = " Failure" if failure else "Survival"
    head = f"{'Interval':>11}{'total':>11}{'Deaths':>9}{'Lost':>7}{function:>12}{'error':>9}"
    log.line(f"{head}     [{level:g}% conf. int.]")
    log.line("-" * 79)
    for g in range(groups.count):
        part = select(records, groups.ids == g)
        if groups.names:
            log.line(groups.titles[g])
        _group(session, part, edges, level, failure=failure, adjust=not line.flag("noadjust"))
    log.line("-" * 79)


def _group(session: Session, part: Records, edges: FloatArray, level: float, *, failure: bool, adjust: bool) -> None:
    z = critical(level, None)
    place = np.searchsorted(edges, part.t, side="right") - 1
    count = len(edges)
    d = np.bincount(place, weights=part.w * part.d, minlength=count)
    lost = np.bincount(place, weights=part.w * (1.0 - part.d), minlength=count)
    n = part.w.sum() - np.concatenate([[0.0], np.cumsum(d + lost)[:-1]])
    effective = n - lost / 2.0 if adjust else n
    share = np.divide(d, effective, out=np.zeros_like(d), where=effective > 0)
    survivor = np.cumprod(1.0 - share)
    with np.errstate(divide="ignore", invalid="ignore"):
        terms = np.where(d > 0, share / (effective - d), 0.0)
        spread = np.sqrt(np.cumsum(terms))
        error = survivor * spread
        width = z * spread / np.log(survivor)
        low, high = survivor ** np.exp(-width), survivor ** np.exp(width)
    shown: BoolArray = (d + lost) > 0
    for j in np.flatnonzero(shown):
        end = edges[j + 1] if j + 1 < count else math.inf
        inside = 0.0 < survivor[j] < 1.0
        value = 1.0 - survivor[j] if failure else survivor[j]
        limits = (1.0 - high[j], 1.0 - low[j]) if failure else (low[j], high[j])
        cells = [error[j], *limits] if inside else [0.0 if survivor[j] == 1.0 else math.nan, math.nan, math.nan]
        session.log.line(
            f"{number(float(edges[j])):>5}{'.' if math.isinf(end) else number(float(end)):>6}"
            f"{number(float(n[j]), '%10.0g'):>11}{number(float(d[j])):>9}{number(float(lost[j])):>7}{value:12.4f}"
            + "".join(f"{'.':>{w}}" if math.isnan(c) else f"{c:{w}.4f}"
                      for c, w in zip(cells, (9, 11, 9), strict=True))
        )  # fmt: skip
