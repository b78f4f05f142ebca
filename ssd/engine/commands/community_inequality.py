"""ineqdeco and ineqdec0 (SSC): inequality indices and their decomposition by group."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ssd.engine.commands.declare import Line, command
from ssd.engine.data.groupstats import Cells, percentile
from ssd.engine.errors import StataError, no_observations, type_mismatch, unsupported
from ssd.engine.missing import MISSING, BoolArray, FloatArray
from ssd.engine.output.counting import counted
from ssd.engine.results import ResultSet
from ssd.engine.stats.inequality import Indices, gini, indices

if TYPE_CHECKING:
    from ssd.engine.session import Session

_AVERSIONS = {0.5: "half", 1.0: "1", 2.0: "2"}
_PARAMETERS = {-1: "m1", 0: "0", 1: "1", 2: "2"}


@command(
    "ineqdeco",
    "varname [if] [in] [aweight fweight pweight iweight] [, BYgroup(varname) Welfare Summarize]",
    stored="r(gini) r(gem1) r(ge0) r(ge1) r(ge2) r(ahalf) r(a1) r(a2) r(mean) r(Var) r(p90p10) …; with bygroup() the "
    "same with _# for the groups, r(within_ge#), r(between_ge#), r(within_a#), r(between_a#)",
    refused="welfare, summarize",
)
def ineqdeco(session: Session, line: Line) -> None:
    """Generalized entropy, Gini and Atkinson indices of positive incomes, decomposed by group."""
    for option in ("welfare", "summarize"):
        if line.flag(option):
            raise unsupported(f"option {option} of ineqdeco is")
    y, rows, w = _incomes(session, line)
    log = session.log
    name = line.varlist[0]
    for test, sign in (((y < 0) & rows, "<"), ((y == 0) & rows, "=")):
        if test.any():
            log.line()
            log.line(f"Warning: {name} has {int(test.sum())} values {sign} 0. Not used in calculations")
    rows = rows & (y > 0)
    if not rows.any():
        raise no_observations()
    whole = indices(y[rows], w[rows])
    results = _summary(y[rows], w[rows], whole.mean)
    results.scalars |= _scalars(whole, "")
    _ratios(session, results)
    log.line()
    log.line("Generalized Entropy indices GE(a), where a = income difference")
    log.line(" sensitivity parameter, and Gini coefficient")
    _table(session, "All obs", ["GE(-1)", "GE(0)", "GE(1)", "GE(2)", "Gini"],
           [("", [*whole.entropy.values(), whole.gini])])  # fmt: skip
    log.line()
    log.line("Atkinson indices, A(e), where e > 0 is the inequality aversion parameter")
    _table(session, "All obs", ["A(0.5)", "A(1)", "A(2)"], [("", [whole.atkinson(e) for e in _AVERSIONS])])
    group = line.text_option("bygroup")
    if group:
        _decompose(session, results, y, w, rows, group, whole)
    session.r = results


def _incomes(session: Session, line: Line) -> tuple[FloatArray, BoolArray, FloatArray]:
    name = line.varlist[0]
    if session.data.variables[name].is_string:
        raise type_mismatch()
    y = session.data.numeric(name)
    weights = line.weights(session)
    rows = line.sample(session) & (y < MISSING)
    if weights is not None:
        rows &= (weights < MISSING) & (weights != 0.0)
    group = line.text_option("bygroup") if "bygroup" in line.options else None
    if group:
        if session.data.variables[group].is_string:
            raise type_mismatch()
        g = session.data.numeric(group)
        rows &= g < MISSING
        if np.any((g[rows] < 0) | (g[rows] > 2**31) | (g[rows] != np.trunc(g[rows]))):
            raise StataError(459, f"{group} contains non-integer or negative values")
    if not rows.any():
        raise no_observations()
    return y, rows, np.ones(len(y)) if weights is None else weights


def _summary(y: FloatArray, w: FloatArray, mean: float) -> ResultSet:
    """Moments and percentiles; the variance is that of summarize with analytic weights."""
    n = len(y)
    with np.errstate(over="ignore"):
        variance = float((w * n / w.sum()) @ (y - mean) ** 2 / (n - 1)) if n > 1 else MISSING
    variance = variance if variance < MISSING else MISSING
    c = Cells(y, np.zeros(n, dtype=np.intp), 1, None if np.all(w == 1.0) else w)
    p = {k: float(percentile(c, float(k))[0]) for k in (5, 10, 25, 50, 75, 90, 95)}
    scalars = {
        "mean": mean, "Var": variance, "sd": variance**0.5 if variance < MISSING else MISSING, "sumw": float(w.sum()),
        "N": float(n), "min": float(y.min()), "max": float(y.max()), **{f"p{k}": v for k, v in p.items()},
    }  # fmt: skip
    for above, below in ((90, 10), (75, 25), (90, 50), (10, 50), (25, 50), (75, 50)):
        scalars[f"p{above}p{below}"] = p[above] / p[below] if p[below] else MISSING
    return ResultSet(scalars=scalars)


def _scalars(found: Indices, ending: str) -> dict[str, float]:
    scalars = {f"gini{ending}": found.gini}
    scalars |= {f"ge{name}{ending}": found.entropy[a] for a, name in _PARAMETERS.items()}
    scalars |= {f"a{name}{ending}": found.atkinson(e) for e, name in _AVERSIONS.items()}
    return scalars


def _ratios(session: Session, results: ResultSet) -> None:
    session.log.line()
    session.log.line("Percentile ratios")
    names = ["p90p10", "p90p50", "p10p50", "p75p25"]
    _table(session, "All obs", ["p90/p10", "p90/p50", "p10/p50", "p75/p25"],
           [("", [results.scalars[name] for name in names])], digits=3)  # fmt: skip


def _table(
    session: Session, stub: str, heads: list[str], rows: list[tuple[str, list[float]]], *, digits: int = 5,
    width: int = 11,
) -> None:  # fmt: skip
    """A table in the layout of tabdisp: one row per group, a column per index."""
    log = session.log
    left = max([9, len(stub), *(len(label) for label, _ in rows)])
    log.line()
    log.line("-" * (left + 1) + "-" * (width * len(heads) + 3))
    log.line(f"{stub:>{left}} |" + "".join(f"{head:>{width}}" for head in heads))
    log.line("-" * (left + 1) + "+" + "-" * (width * len(heads) + 2))
    for label, values in rows:
        # Adding zero turns a rounded -0 into 0.
        texts = ["." if value >= MISSING else f"{round(value, digits) + 0.0:.{digits}f}" for value in values]
        log.line(f"{label:>{left}} |{''.join(f'{text:>{width}}' for text in texts)}")
    log.line("-" * (left + 1) + "-" * (width * len(heads) + 3))


def _decompose(
    session: Session, results: ResultSet, y: FloatArray, w: FloatArray, rows: BoolArray, group: str, whole: Indices
) -> None:
    """Indices of the groups; within- and between-group parts (Jenkins 1999; Blackorby et al. 1981 for Atkinson)."""
    g = session.data.numeric(group)
    levels = np.unique(g[rows]).astype(int).tolist()
    parts = [indices(y[rows & (g == k)], w[rows & (g == k)]) for k in levels]
    labels = session.data.labels_of(group)
    names = [labels.get(k, str(k)) for k in levels]
    share = np.array([part.weight for part in parts]) / whole.weight
    relative = np.array([part.mean for part in parts]) / whole.mean
    log = session.log
    log.line()
    log.line("Subgroup summary statistics, for each subgroup k = 1,...,K:")
    heads = ["Popn. share", "Mean", "Relative mean", "Income share", "log(mean)"]
    rows_shown = [
        (name, [float(s), part.mean, float(r), float(s * r), float(np.log(part.mean))])
        for name, part, s, r in zip(names, parts, share, relative, strict=True)
    ]
    _table(session, group, heads, rows_shown, width=16)
    log.line()
    log.line("Subgroup indices: GE_k(a) and Gini_k")
    entropy = ["GE(-1)", "GE(0)", "GE(1)", "GE(2)"]
    _table(session, group, [*entropy, "Gini"],
           [(name, [*part.entropy.values(), part.gini]) for name, part in zip(names, parts, strict=True)])  # fmt: skip
    # GE(a) within: shares of income to the power a times shares of population to the power 1 - a.
    within = {a: float(sum(share * relative**a * np.array([part.entropy[a] for part in parts]))) for a in _PARAMETERS}
    means = np.array([part.mean for part in parts])
    between = indices(means, share).entropy
    log.line()
    log.line("Within-group inequality, GE_W(a)")
    _table(session, "All obs", entropy, [("", list(within.values()))])
    log.line()
    log.line("Between-group inequality, GE_B(a):")
    _table(session, "All obs", entropy, [("", list(between.values()))])
    aversion = ["A(0.5)", "A(1)", "A(2)"]
    log.line()
    log.line("Subgroup Atkinson indices, A_k(e)")
    by_group = [(name, [part.atkinson(e) for e in _AVERSIONS]) for name, part in zip(names, parts, strict=True)]
    _table(session, group, aversion, by_group)
    inner = {e: float(sum(share * relative * np.array([part.atkinson(e) for part in parts]))) for e in _AVERSIONS}
    outer = {
        e: 1.0 - whole.equivalent[e] / float(sum(share * np.array([part.equivalent[e] for part in parts])))
        for e in _AVERSIONS
    }
    log.line()
    log.line("Within-group inequality, A_W(e)")
    _table(session, "All obs", aversion, [("", list(inner.values()))])
    log.line()
    log.line("Between-group inequality, A_B(e)")
    _table(session, "All obs", aversion, [("", list(outer.values()))])
    for k, part, s, r in zip(levels, parts, share.tolist(), relative.tolist(), strict=True):
        results.scalars |= _scalars(part, f"_{k}")
        results.scalars |= {
            f"mean_{k}": part.mean, f"lgmean_{k}": float(np.log(part.mean)), f"theta_{k}": s * r, f"lambda_{k}": r,
            f"v_{k}": s, f"sumw_{k}": part.weight,
        }  # fmt: skip
    for kind, found in (("within", within), ("between", between)):
        results.scalars |= {f"{kind}_ge{name}": found[a] for a, name in _PARAMETERS.items()}
    for kind, ratios in (("within", inner), ("between", outer)):
        results.scalars |= {f"{kind}_a{name}": ratios[e] for e, name in _AVERSIONS.items()}
    results.macros["levels"] = " ".join(map(str, levels))


@command(
    "ineqdec0",
    "varname [if] [in] [aweight fweight pweight iweight] [, BYgroup(varname) Welfare Summarize]",
    stored="r(gini) r(ge2) r(mean) r(Var) r(p90p10) …",
    refused="bygroup(), welfare, summarize",
)
def ineqdec0(session: Session, line: Line) -> None:
    """Gini and GE(2) of incomes that may be zero or negative."""
    for option in ("welfare", "summarize", "bygroup"):
        if line.options.get(option):
            raise unsupported(f"option {option} of ineqdec0 is")
    y, rows, w = _incomes(session, line)
    for test, sign in (((y < 0) & rows, "<"), ((y == 0) & rows, "=")):
        if test.any():
            session.log.line()
            session.log.line(f"Warning: {line.varlist[0]} has {counted(int(test.sum()), 'value')} {sign} 0."
                             " Used in calculations")  # fmt: skip
    y, w = y[rows], w[rows]
    mean = float(w @ y / w.sum())
    if mean == 0.0:
        raise StataError(498, "mean is zero")
    results = _summary(y, w, mean)
    results.scalars |= {"gini": gini(y, w), "ge2": float(w @ ((y / mean) ** 2 - 1.0) / 2.0 / w.sum())}
    _ratios(session, results)
    session.log.line()
    session.log.line("Generalized Entropy index GE(2), and Gini coefficient")
    _table(session, "All obs", ["GE(2)", "Gini"], [("", [results.scalars["ge2"], results.scalars["gini"]])])
    session.r = results
