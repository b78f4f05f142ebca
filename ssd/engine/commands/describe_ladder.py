"""ladder and cumul: powers of a variable, and its cumulative distribution."""

from __future__ import annotations

import numpy as np

from ssd.engine.commands.declare import Line, command
from ssd.engine.commands.describe_selection import select
from ssd.engine.commands.estimation import key_values
from ssd.engine.data.order import group_numbers
from ssd.engine.errors import StataError, unsupported
from ssd.engine.missing import MISSING
from ssd.engine.results import ResultSet
from ssd.engine.session import Session
from ssd.engine.stats.covariance import group_ids
from ssd.engine.stats.normality import skewness_kurtosis_test
from ssd.engine.stats.transform_ladder import ladder as rungs

STORED = (
    "r(N) r(cube) r(P_cube) r(square) r(P_square) r(ident) r(P_ident) r(sqrt) r(P_sqrt) r(log) r(P_log) "
    "r(invsqrt) r(P_invsqrt) r(inv) r(P_inv) r(invsq) r(P_invsq) r(invcube) r(P_invcube)"
)
NAMES = ("cube", "square", "ident", "sqrt", "log", "invsqrt", "inv", "invsq", "invcube")


@command(
    "ladder",
    "varname(numeric) [if] [in] [, Generate(newvarname) NOAdjust]",
    by="recall",
    stored=STORED,
    refused="generate()",
)
def ladder(session: Session, line: Line) -> None:
    """Tests of normality of nine powers of a variable."""
    if line.options.get("generate"):
        raise unsupported("ladder, generate() is")
    name = line.varlist[0]
    x = session.data.numeric(name)[select(session, line, [name]).mask]
    if x.size < 8:
        raise StataError(2001, "insufficient observations")
    if not x.max() > x.min():
        raise StataError(498, f"{name} does not vary")
    log = session.log
    log.line()
    log.line("Transformation         Formula               chi2(2)      Prob > chi2")
    log.line("-" * 69)
    scalars: dict[str, float] = {}
    for key, (word, formula, _, values) in zip(NAMES, rungs(x), strict=True):
        shown = formula.format(name)
        if values is None or not np.isfinite(values).all():
            log.line(f"{word:<23}{shown:<20}{'.':>8}{'.':>13}")
            continue
        test = skewness_kurtosis_test(values, not line.flag("noadjust"))
        log.line(f"{word:<23}{shown:<19}{test['chi2']:9.2f}{test['p_chi2']:13.3f}")
        scalars |= {key: test["chi2"], f"P_{key}": test["p_chi2"]}
    session.r = ResultSet(scalars=scalars | {"N": float(x.size)})


@command(
    "cumul",
    "varname(numeric) [if] [in] [fweight aweight], Generate(newvarname) [BY(varlist) EQual Freq]",
    stored="the new variable",
)
def cumul(session: Session, line: Line) -> None:
    """The empirical cumulative distribution as a new variable."""
    name = line.varlist[0]
    by = line.options.get("by")
    groups = [str(each) for each in by] if isinstance(by, list) else []
    chosen = select(session, line, [name])
    new = line.options.get("generate")
    target = str(new[0] if isinstance(new, list) else new)
    x, weights = session.data.numeric(name)[chosen.mask], chosen.frequencies()
    keys = [group_ids(key_values(session, each)[chosen.mask])[0] for each in groups]
    ids = group_numbers(keys)[0] if keys else np.zeros(x.size, dtype=np.intp)
    values = np.empty(x.size)
    order = np.lexsort((x, ids))
    ordered, running = ids[order], np.cumsum(weights[order])
    first = np.searchsorted(ordered, ordered, side="left")
    last = np.searchsorted(ordered, ordered, side="right") - 1
    before = running[first] - weights[order][first]
    total = running[last] - before
    cumulative = running - before
    if line.flag("equal") and x.size:
        ends = np.append(np.flatnonzero((np.diff(x[order]) != 0) | (np.diff(ordered) != 0)), x.size - 1)
        cumulative = cumulative[ends[np.searchsorted(ends, np.arange(x.size))]]
    values[order] = cumulative if line.flag("freq") else cumulative / total
    column = np.full(session.data.n_obs, MISSING)
    column[chosen.mask] = values
    session.data.add(target, column, "float", label=f"ECDF of {name}")
