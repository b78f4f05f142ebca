"""xtsum: overall, between and within variation; xtdescribe: the participation pattern of panels."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from ssd.engine.commands.declare import Line, command
from ssd.engine.commands.panel import panel_variable
from ssd.engine.data.timeseries import time_settings
from ssd.engine.errors import StataError, no_observations
from ssd.engine.missing import MISSING, FloatArray, is_missing
from ssd.engine.output.estimation import number
from ssd.engine.results import ResultSet
from ssd.engine.stats.panel import Panels

if TYPE_CHECKING:
    from ssd.engine.session import Session


@command(
    "xtsum", "[varlist(numeric)] [if] [in] [, I(varname)]",
    stored="r(N) r(n) r(Tbar) r(mean) r(sd) r(min) r(max) r(sd_b) r(min_b) r(max_b) r(sd_w) r(min_w) r(max_w)",
)  # fmt: skip
def xtsum(session: Session, line: Line) -> None:
    """Summarize panel data: overall, between and within standard deviations."""
    ivar = panel_variable(session, line.text_option("i"))
    rows = line.sample(session)
    log = session.log
    log.line()
    log.line("Variable         |      Mean   Std. dev.       Min        Max |    Observations")
    log.line("-----------------+--------------------------------------------+----------------")
    for position, name in enumerate(line.varlist):
        values = session.data.numeric(name)
        ids = session.data.numeric(ivar)
        inside = rows & ~is_missing(values) & ~is_missing(ids)
        if position:
            log.line("                 |                                            |")
        if not inside.any():
            raise no_observations()
        session.r = _variation(session, name, values[inside], Panels.of(ids[inside]))


def _variation(session: Session, name: str, x: FloatArray, panels: Panels) -> ResultSet:
    means = panels.means(x)
    mean = float(x.mean())
    # Rounding of a group mean is not variation.
    deviations = x - means[panels.ids]
    deviations[np.abs(deviations) <= 1e-13 * np.abs(x)] = 0.0
    within = deviations + mean
    n, groups = len(x), panels.count

    def spread(values: FloatArray) -> float:
        return float(values.std(ddof=1)) if len(values) > 1 else math.nan

    parts = {"": x, "_b": means, "_w": within}
    scalars = {"N": float(n), "n": float(groups), "Tbar": n / groups, "mean": mean}
    for suffix, values in parts.items():
        scalars[f"sd{suffix}"] = spread(values)
        scalars[f"min{suffix}"] = float(values.min())
        scalars[f"max{suffix}"] = float(values.max())
    constant_t = panels.sizes.min() == panels.sizes.max()
    counts = {
        "overall": ("N", f"{n:.0f}"), "between": ("n", f"{groups:.0f}"),
        "within": ("T" if constant_t else "T-bar", number(n / groups, "%7.0g")),
    }  # fmt: skip
    for label, suffix in (("overall", ""), ("between", "_b"), ("within", "_w")):
        first = f"{name[:8]:<8} " if label == "overall" else " " * 9
        middle = f"{number(mean):>10}" if label == "overall" else " " * 10
        cells = [number(scalars[f"{key}{suffix}"]) for key in ("sd", "min", "max")]
        symbol, size = counts[label]
        session.log.line(
            f"{first}{label:<8}|{middle}  {cells[0]:>9}  {cells[1]:>9}  {cells[2]:>9} |{symbol:>6} ={size:>8}"
        )
    return ResultSet(scalars={k: v if math.isfinite(v) else MISSING for k, v in scalars.items()})


@command("xtdescribe", "[if] [in] [, Patterns(integer 9) Width(integer 100)]", minimum=5,
         stored="r(N) r(sum) r(min) r(max) r(p5) r(p25) r(p50) r(p75) r(p95)")  # fmt: skip
def xtdescribe(session: Session, line: Line) -> None:
    """Describe the pattern of panel data."""
    settings = time_settings(session.data)
    if settings is None or not settings.panel or not settings.time:
        raise StataError(459, "must specify panelvar and timevar; use xtset")
    ids, time = session.data.numeric(settings.panel), session.data.numeric(settings.time)
    inside = line.sample(session) & ~is_missing(ids) & ~is_missing(time)
    if not inside.any():
        raise no_observations()
    panels = Panels.of(ids[inside])
    periods = np.unique(time[inside])
    names = np.unique(ids[inside])
    log = session.log
    shown = ", ".join(f"{v:.0f}" for v in names[:2])
    span = ", ".join(f"{v:.0f}" for v in periods[:2])
    log.line()
    log.line(f"{settings.panel:>8}:  {shown}, ..., {names[-1]:.0f}".ljust(62) + f"n = {panels.count:>10,}")
    log.line(f"{settings.time:>8}:  {span}, ..., {periods[-1]:.0f}".ljust(62) + f"T = {len(periods):>10,}")
    log.line(f"           Delta({settings.time}) = {settings.delta:g} unit")
    total = round((periods[-1] - periods[0]) / settings.delta) + 1
    log.line(f"           Span({settings.time})  = {total} periods")
    pairs = np.unique(np.column_stack([panels.ids, time[inside]]), axis=0)
    unique = len(pairs) == int(inside.sum())
    log.line(
        f"           ({settings.panel}*{settings.time} "
        f"{'uniquely identifies' if unique else 'does not uniquely identify'} each observation)"
    )
    log.line()
    shares = (0.0, 0.05, 0.25, 0.5, 0.75, 0.95, 1.0)
    ordered = np.sort(panels.sizes)
    quantiles = [_quantile(ordered, share) for share in shares]
    log.line("Distribution of T_i:   min      5%     25%       50%       75%     95%     max")
    log.line(" " * 18 + "".join(f"{q:{w}.0f}" for q, w in zip(quantiles, (8, 8, 8, 10, 10, 8, 8), strict=True)))
    _patterns(session, line, panels, np.rint((time[inside] - periods[0]) / settings.delta).astype(np.intp), total)
    keys = ("min", "p5", "p25", "p50", "p75", "p95", "max")
    session.r = ResultSet(
        scalars={
            "N": float(panels.count),
            "sum": float(inside.sum()),
            **dict(zip(keys, quantiles, strict=True)),
        }
    )


def _quantile(ordered: FloatArray, share: float) -> float:
    """Stata's percentile: the average of two order statistics when n p is whole."""
    n = len(ordered)
    target = n * share
    position = math.floor(target + 1e-9)
    if abs(target - position) < 1e-9 and 0 < position < n:
        return float((ordered[position - 1] + ordered[position]) / 2.0)
    return float(ordered[min(max(math.ceil(target - 1e-9) - 1, 0), n - 1)])


def _patterns(session: Session, line: Line, panels: Panels, periods: np.ndarray[tuple[int, ...], np.dtype[np.intp]],
              total: int) -> None:  # fmt: skip
    limit = line.options.get("patterns")
    width = line.options.get("width")
    if not isinstance(limit, int) or not isinstance(width, int) or total > width:
        return
    present = np.zeros((panels.count, total), dtype=np.bool_)
    present[panels.ids, periods] = True
    rows, counts = np.unique(present, axis=0, return_counts=True)
    order = np.argsort(-counts, kind="stable")
    log = session.log
    log.line()
    log.line(f"     Freq.  Percent    Cum. |  Pattern{'':<{max(total - 7, 0)}}")
    log.line(" " + "-" * 27 + "+" + "-" * (total + 2))
    cumulative = 0.0
    for index in order[:limit]:
        percent = 100.0 * counts[index] / panels.count
        cumulative += percent
        text = "".join("1" if flag else "." for flag in rows[index])
        log.line(f"{counts[index]:10d}{percent:9.2f}{cumulative:8.2f} |  {text}")
    if len(order) > limit:
        rest = int(counts[order[limit:]].sum())
        log.line(f"{rest:10d}{100.0 * rest / panels.count:9.2f}{100.0:8.2f} | (other patterns)")
    log.line(" " + "-" * 27 + "+" + "-" * (total + 2))
    union = "".join("X" if flag else "." for flag in np.atleast_1d(present.any(axis=0)))
    log.line(f"{panels.count:10d}{100.0:9.2f}{'':8} |  {union}")
