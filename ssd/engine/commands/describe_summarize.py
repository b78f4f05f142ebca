"""summarize: number, mean, spread and percentiles."""

from __future__ import annotations

import numpy as np

from ssd.engine.commands.declare import Line, command
from ssd.engine.commands.describe_selection import Selection, heading, select
from ssd.engine.missing import MISSING, FloatArray, is_missing
from ssd.engine.output.tables import abbreviate, centre, clip, count, number, right, rule
from ssd.engine.results import ResultSet
from ssd.engine.session import Session
from ssd.engine.stats.moments import Moments, moments, percentiles, skewness_kurtosis

PERCENTS = (1, 5, 10, 25, 50, 75, 90, 95, 99)


@command(
    "summarize",
    "[varlist] [if] [in] [aweight fweight iweight] [, Detail MEANonly Format SEParator(integer 5)]",
    minimum=2,
    by="recall",
    stored="r(N) r(mean) r(skewness) r(min) r(max) r(sum_w) r(p1)-r(p99) r(Var) r(kurtosis) r(sum) r(sd)",
    refused="time-series operators in the varlist; display options of factor variables",
)
def summarize(session: Session, line: Line) -> None:
    """Summary statistics."""
    names = line.varlist or list(session.data.variables)
    chosen = select(session, line)
    detail, quiet = line.flag("detail"), line.flag("meanonly")
    if detail and quiet:
        from ssd.engine.errors import StataError

        raise StataError(198, "options detail and meanonly may not be combined")
    if not quiet and not detail:
        session.log.line()
        _table_head(session, chosen)
    separator = line.options.get("separator")
    every = int(separator) if isinstance(separator, (int, float)) else 5
    result = ResultSet()
    for position, name in enumerate(names):
        x, w = _values(session, name, chosen)
        m = moments(x, w, chosen.kind)
        if detail:
            result = _detail(session, name, x, w, m, chosen)
            continue
        result = ResultSet(scalars=_scalars(m, with_spread=not quiet))
        if not quiet:
            if every > 0 and position > 0 and position % every == 0:
                session.log.line(_rule(chosen))
            fmt = session.data.variables[name].format if line.flag("format") else None
            _table_row(session, name, m, chosen, fmt)
    session.r = result


def _values(session: Session, name: str, chosen: Selection) -> tuple[FloatArray, FloatArray | None]:
    if session.data.variables[name].is_string:
        return np.empty(0), None if chosen.weights is None else np.empty(0)
    x = session.data.numeric(name)
    if not chosen.mask.all():
        x = x[chosen.mask]
    if x.size and x.max() < MISSING:
        return x, chosen.weights
    kept = ~is_missing(x)
    return x[kept], None if chosen.weights is None else chosen.weights[kept]


def _scalars(m: Moments, *, with_spread: bool) -> dict[str, float]:
    if m.n == 0:
        return {"N": 0.0, "sum_w": 0.0, "sum": 0.0}
    spread = {"Var": m.variance, "sd": m.sd} if with_spread else {}
    return {
        "N": m.n,
        "sum_w": m.sum_w,
        "mean": m.mean,
        **spread,
        "min": m.minimum,
        "max": m.maximum,
        "sum": m.total,
    }


def _shows_weight(chosen: Selection) -> bool:
    return chosen.kind in ("aweight", "iweight")


def _rule(chosen: Selection) -> str:
    return rule(13, 65 if _shows_weight(chosen) else 57)


def _table_head(session: Session, chosen: Selection) -> None:
    if _shows_weight(chosen):
        session.log.line("    Variable |     Obs      Weight        Mean   Std. dev.       Min        Max")
    else:
        session.log.line("    Variable |        Obs        Mean    Std. dev.       Min        Max")
    session.log.line(_rule(chosen))


def _table_row(session: Session, name: str, m: Moments, chosen: Selection, fmt: str | None) -> None:
    stub = right(abbreviate(name, 12), 12) + " |"
    n_width = 8 if _shows_weight(chosen) else 11
    if m.n == 0:
        session.log.line(stub + right("0", n_width))
        return
    cells = right(count(m.n if chosen.kind != "iweight" else float(chosen.mask.sum())), n_width)
    if _shows_weight(chosen):
        cells += right(number(m.sum_w, "%10.0g"), 12)
    cells += right(_shown(m.mean, fmt), 12) + right(
        _shown(m.sd, fmt) if m.n > 1 else ".", 11 if _shows_weight(chosen) else 12
    )
    cells += right(_shown(m.minimum, fmt), 11) + right(_shown(m.maximum, fmt), 11)
    session.log.line(stub + cells)


def _shown(value: float, fmt: str | None) -> str:
    return number(value, fmt or "%9.0g")


def _detail(
    session: Session, name: str, x: FloatArray, w: FloatArray | None, m: Moments, chosen: Selection
) -> ResultSet:
    log = session.log
    log.line()
    log.line(centre(clip(heading(session, name), 61), 61))
    log.line(rule(61))
    if m.n == 0:
        log.line("no observations")
        log.line()
        return ResultSet(scalars={"N": 0.0, "sum_w": 0.0, "sum": 0.0})
    p = percentiles(x, np.array(PERCENTS, dtype=np.float64), w)
    skewness, kurtosis = skewness_kurtosis(x, w)
    ordered = np.sort(x)
    smallest = [number(v) for v in ordered[:4]] + [""] * max(0, 4 - ordered.size)
    largest = [""] * max(0, 4 - ordered.size) + [number(v) for v in ordered[-4:]]
    shown_p = dict(zip(PERCENTS, p, strict=True))
    label_wgt = "Sum of wgt."
    right_side = {
        10: ("Obs", count(m.n)),
        25: (label_wgt, count(m.sum_w)),
        50: ("Mean", number(m.mean)),
        -1: ("Std. dev.", number(m.sd)),
        90: ("Variance", number(m.variance)),
        95: ("Skewness", number(skewness)),
        99: ("Kurtosis", number(kurtosis)),
    }
    extremes = dict(zip((1, 5, 10, 25), smallest, strict=True)) | dict(zip((75, 90, 95, 99), largest, strict=True))
    log.line("      Percentiles      Smallest")
    for percent in (1, 5, 10, 25, 0, 50, -1, 75, 90, 95, 99):
        if percent == 0:
            log.line()
            continue
        if percent == -1:
            text = " " * 24 + "Largest"
        else:
            text = f"{percent:2d}%" + right(number(float(shown_p[percent])), 13)
            text += right(extremes[percent], 15) if percent in extremes else " " * 15
        if percent in right_side:
            label, value = right_side[percent]
            text += "       " + label + right(value, 23 - len(label))
        log.line(text.rstrip())
    scalars = {"N": m.n, "sum_w": m.sum_w, "mean": m.mean, "Var": m.variance, "sd": m.sd}
    scalars |= {
        "skewness": skewness,
        "kurtosis": kurtosis,
        "sum": m.total,
        "min": m.minimum,
        "max": m.maximum,
    }
    scalars |= {f"p{percent}": float(value) for percent, value in shown_p.items()}
    if m.variance >= MISSING:
        scalars = {key: value for key, value in scalars.items() if value < MISSING or key == "Var"}
    return ResultSet(scalars=scalars)
