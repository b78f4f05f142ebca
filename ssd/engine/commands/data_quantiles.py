"""xtile, pctile, _pctile."""

from __future__ import annotations

import numpy as np

from ssd.engine.commands.declare import Line, command
from ssd.engine.data.groupstats import Cells, percentile
from ssd.engine.errors import StataError, invalid_syntax, no_observations
from ssd.engine.expr.values import number
from ssd.engine.missing import MISSING, BoolArray, FloatArray
from ssd.engine.results import ResultSet
from ssd.engine.session import Session


def _sample(session: Session, line: Line, x: FloatArray) -> tuple[BoolArray, FloatArray | None]:
    mask = line.sample(session) & (x < MISSING)
    weights = line.weights(session)
    if weights is not None:
        mask &= (weights < MISSING) & (weights > 0)
    if not mask.any():
        raise no_observations()
    return mask, None if weights is None else weights[mask]


def quantiles(x: FloatArray, weights: FloatArray | None, percents: list[float], *, alternative: bool) -> FloatArray:
    """Percentiles of `x` by Stata's rule, or interpolated ((n + 1) p / 100) with `altdef`."""
    if alternative:
        if weights is not None:
            raise StataError(198, "weights not allowed with altdef")
        ordered = np.sort(x)
        position = (x.size + 1) * np.array(percents) / 100.0
        low = np.clip(np.floor(position).astype(np.intp), 0, x.size)
        share = position - low
        first, second = ordered[np.clip(low - 1, 0, x.size - 1)], ordered[np.clip(low, 0, x.size - 1)]
        values: FloatArray = np.where(low < 1, ordered[0], np.where(low >= x.size, ordered[-1],
                                      (1.0 - share) * first + share * second))  # fmt: skip
        return values
    c = Cells(x, np.zeros(x.size, dtype=np.intp), 1, weights)
    return np.array([percentile(c, p)[0] for p in percents])


def _percents(line: Line, *, allow_list: bool) -> list[float]:
    listed = line.options.get("percentiles")
    if allow_list and isinstance(listed, list) and listed:
        return [float(p) for p in listed]
    n = line.options.get("nquantiles")
    count = n if isinstance(n, int) else 2
    if count < 2 or count > 1001:
        raise StataError(198, "nquantiles() must be between 2 and 1001")
    return [100.0 * k / count for k in range(1, count)]


@command(
    "xtile", "newvarname =exp [if] [in] [aweight fweight pweight] [, Nquantiles(integer 2) Cutpoints(varname) ALTdef]"
)
def xtile(session: Session, line: Line) -> None:
    """Create variable of quantile categories."""
    x = _values(session, line)
    mask, weights = _sample(session, line, x)
    cut_name = line.text_option("cutpoints")
    if cut_name:
        points = session.data.numeric(cut_name)
        points = np.unique(points[points < MISSING])
    else:
        points = quantiles(x[mask], weights, _percents(line, allow_list=False), alternative=line.flag("altdef"))
    category = np.searchsorted(points, x, side="left") + 1.0
    n = line.options.get("nquantiles")
    kind = "byte" if isinstance(n, int) and n <= 100 else "int"
    name = line.varlist[0]
    session.data.add(name, np.where(mask, category, MISSING), line.types[0] if line.types and line.types[0] else kind)
    if not cut_name:
        session.data.variables[name].label = f"{n} quantiles of {line.expression}"[:80]


def _values(session: Session, line: Line) -> FloatArray:
    from ssd.engine.expr import evaluate_rows

    values = number(evaluate_rows(line.expression or "", session))
    assert isinstance(values, np.ndarray)
    return values


@command(
    "pctile",
    "newvarname =exp [if] [in] [aweight fweight pweight] [, Nquantiles(integer 2) GENp(newvarname) ALTdef]",
    stored="r(r1) …",
)
def pctile(session: Session, line: Line) -> None:
    """Create variable of percentiles."""
    x = _values(session, line)
    mask, weights = _sample(session, line, x)
    percents = _percents(line, allow_list=False)
    points = quantiles(x[mask], weights, percents, alternative=line.flag("altdef"))
    n = session.data.n_obs
    if len(percents) > n:
        raise StataError(198, "nquantiles() must be less than or equal to number of observations plus one")
    for name, column in ((line.varlist[0], points), (line.text_option("genp"), np.array(percents))):
        if name:
            values = np.full(n, MISSING)
            values[: len(column)] = column
            session.data.add(name, values)
    session.r = ResultSet(scalars={f"r{i + 1}": float(point) for i, point in enumerate(points.tolist())})


@command(
    "_pctile",
    "varname [if] [in] [aweight fweight pweight] [, Nquantiles(integer 2) Percentiles(numlist) ALTdef]",
    stored="r(r1) …",
)
def pctile_results(session: Session, line: Line) -> None:
    """Percentiles as stored results."""
    if len(line.varlist) != 1:
        raise invalid_syntax()
    x = session.data.numeric(line.varlist[0])
    mask, weights = _sample(session, line, x)
    points = quantiles(x[mask], weights, _percents(line, allow_list=True), alternative=line.flag("altdef"))
    session.r = ResultSet(scalars={f"r{i + 1}": float(point) for i, point in enumerate(points.tolist())})
