"""icc: intraclass correlations of ratings from one-way and two-way analysis-of-variance models."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ssd.engine.commands.declare import Line, command
from ssd.engine.commands.estimation import key_values, not_missing
from ssd.engine.errors import StataError, insufficient_observations, no_observations, unsupported
from ssd.engine.missing import FloatArray, is_missing
from ssd.engine.output.estimation import number
from ssd.engine.output.tables import abbreviate
from ssd.engine.results import ResultSet
from ssd.engine.stats.distributions import f_tail

if TYPE_CHECKING:
    from ssd.engine.session import Session


@dataclass(frozen=True)
class _Squares:
    """Mean squares of targets by raters: n targets, k ratings each."""

    n: int
    k: int
    targets: float
    raters: float
    error: float
    within: float


@dataclass(frozen=True)
class _Correlation:
    """Individual correlation with its limits, and the F test."""

    value: float
    low: float
    high: float
    F: float
    df1: float
    df2: float


@command(
    "icc",
    "varlist(min=2 max=3) [if] [in] [, MIXED CONSistency ABSolute Level(cilevel) TESTVALue(real 0) FORMAT(string)]",
    stored="r(N_target) r(N_rater) r(icc_i) r(icc_i_lb) r(icc_i_ub) r(icc_avg) r(icc_avg_lb) r(icc_avg_ub) r(icc_i_F) "
    "r(icc_i_df1) r(icc_i_df2) r(icc_i_p) r(level) r(model) r(depvar) r(target) r(rater) r(type)",
    refused="testvalue(), format()",
)  # fmt: skip
def icc(session: Session, line: Line) -> None:
    """Intraclass correlations: one-way, two-way random and two-way mixed models."""
    if "testvalue" in line.typed or line.text_option("format"):
        raise unsupported("options testvalue() and format() of icc are")
    names = line.varlist
    two_way = len(names) == 3
    if not two_way and (line.flag("mixed") or line.flag("consistency") or line.flag("absolute")):
        raise StataError(198, "mixed, consistency and absolute require a variable that identifies the raters")
    if line.flag("consistency") and line.flag("absolute"):
        raise StataError(198, "options consistency and absolute may not be combined")
    agreement = two_way and (line.flag("absolute") or not (line.flag("mixed") or line.flag("consistency")))
    table = _ratings(session, line, names)
    squares = _mean_squares(table)
    value = line.options["level"]
    assert isinstance(value, float)
    result = _one_way(squares, value) if not two_way else _two_way(squares, value, agreement=agreement)
    _show(session, line, names, squares, result, value, agreement=agreement)


def _ratings(session: Session, line: Line, names: list[str]) -> FloatArray:
    """Ratings as targets by raters (in data order without raters). Raises r(459) for an incomplete design."""
    if session.data.variables[names[0]].is_string:
        raise StataError(109, f"string variables not allowed in varlist;\n{names[0]} is a string variable")
    ratings = session.data.numeric(names[0])
    rows = line.sample(session) & ~is_missing(ratings)
    for name in names[1:]:
        rows &= not_missing(session, name)
    if not rows.any():
        raise no_observations()
    _, target = np.unique(key_values(session, names[1])[rows], return_inverse=True)
    target = target.reshape(-1)
    counts = np.bincount(target)
    k = int(counts.max())
    if np.any(counts != k):
        if len(names) == 2:
            raise unsupported("icc with unequal numbers of ratings per target is")
        complete = counts == k
        session.log.line(f"({int((~complete).sum())} targets omitted from computation because not rated by all raters)")
        keep = complete[target]
        target = np.unique(target[keep], return_inverse=True)[1].reshape(-1)
        rows[np.flatnonzero(rows)[~keep]] = False
        counts = np.bincount(target)
    n = len(counts)
    if n < 2 or k < 2:
        raise insufficient_observations()
    values = ratings[rows]
    if len(names) == 2:
        order = np.argsort(target, kind="stable")
        return np.asarray(values[order].reshape(n, k))
    labels, rater = np.unique(key_values(session, names[2])[rows], return_inverse=True)
    rater = rater.reshape(-1)
    if len(labels) != k or len(np.unique(target * k + rater)) != len(values):
        raise StataError(459, "each target must be rated exactly once by each rater")
    table = np.zeros((n, k))
    table[target, rater] = values
    return table


def _mean_squares(table: FloatArray) -> _Squares:
    n, k = table.shape
    # The correlations do not depend on the unit of the ratings.
    table = table / max(float(np.abs(table).max()), 1e-300)
    grand = table.mean()
    targets = k * float(((table.mean(axis=1) - grand) ** 2).sum())
    raters = n * float(((table.mean(axis=0) - grand) ** 2).sum())
    total = float(((table - grand) ** 2).sum())
    return _Squares(
        n, k, targets / (n - 1.0), raters / (k - 1.0), (total - targets - raters) / ((n - 1.0) * (k - 1.0)),
        (total - targets) / (n * (k - 1.0)),
    )  # fmt: skip


def _quantile(p: float, df1: float, df2: float) -> float:
    from scipy.special import fdtri

    return float(fdtri(df1, df2, p))


def _ratio(squares: _Squares, error: float, df2: float, level: float) -> _Correlation:
    """(MS_R - e) / (MS_R + (k - 1) e) with the exact limits of the F ratio."""
    if error <= 0.0:
        raise StataError(498, "the ratings of each target do not vary")
    k, df1 = squares.k, squares.n - 1.0
    F = squares.targets / error
    p = 0.5 + level / 200.0
    low, high = F / _quantile(p, df1, df2), F * _quantile(p, df2, df1)
    return _Correlation(
        (F - 1.0) / (F + k - 1.0), (low - 1.0) / (low + k - 1.0), (high - 1.0) / (high + k - 1.0), F, df1, df2
    )


def _one_way(squares: _Squares, level: float) -> _Correlation:
    return _ratio(squares, squares.within, squares.n * (squares.k - 1.0), level)


def _two_way(squares: _Squares, level: float, *, agreement: bool) -> _Correlation:
    """Consistency, or absolute agreement with McGraw and Wong's (1996) limits by Satterthwaite's approximation."""
    n, k = squares.n, squares.k
    R, C, E = squares.targets, squares.raters, squares.error
    plain = _ratio(squares, E, (n - 1.0) * (k - 1.0), level)
    if not agreement:
        return plain
    value = (R - E) / (R + (k - 1.0) * E + k / n * (C - E))
    a = k * value / (n * (1.0 - value))
    b = 1.0 + k * value * (n - 1.0) / (n * (1.0 - value))
    v = (a * C + b * E) ** 2 / ((a * C) ** 2 / (k - 1.0) + (b * E) ** 2 / ((n - 1.0) * (k - 1.0)))
    p = 0.5 + level / 200.0
    lower, upper = _quantile(p, n - 1.0, v), _quantile(p, v, n - 1.0)
    mixed = k * C + (k * n - k - n) * E
    low = n * (R - lower * E) / (lower * mixed + n * R)
    high = n * (upper * R - E) / (mixed + n * upper * R)
    return _Correlation(value, low, high, plain.F, plain.df1, plain.df2)


def _average(value: float, k: int) -> float:
    """Correlation of averages of k ratings (Spearman–Brown)."""
    return k * value / (1.0 + (k - 1.0) * value)


def _show(
    session: Session, line: Line, names: list[str], squares: _Squares, result: _Correlation, level: float, *,
    agreement: bool,
) -> None:  # fmt: skip
    log = session.log
    two_way = len(names) == 3
    model = "One-way random-effects model"
    if two_way:
        model = f"Two-way {'mixed' if line.flag('mixed') else 'random'}-effects model"
    kind = "Absolute agreement" if agreement or not two_way else "Consistency of agreement"
    log.line()
    log.line("Intraclass correlations")
    log.line(model)
    log.line(kind)
    log.line()
    log.line(f"Random effects: {abbreviate(names[1], 12):<17}Number of targets ={squares.n:>10,}")
    if two_way:
        effect = " Fixed effects" if line.flag("mixed") else "Random effects"
        log.line(f"{effect}: {abbreviate(names[2], 12):<17}Number of raters  ={squares.k:>10,}")
    else:
        log.line(" " * 33 + f"Raters per target ={squares.k:>10,}")
    log.line()
    log.line("-" * 62)
    log.line(f"{abbreviate(names[0], 20):>22} |        ICC" + f"[{level:g}% conf. interval]".rjust(27))
    log.line("-" * 23 + "+" + "-" * 38)
    rows = {"Individual": (result.value, result.low, result.high)}
    rows["Average"] = tuple(_average(each, squares.k) for each in rows["Individual"])  # type: ignore[assignment]
    for label, (value, low, high) in rows.items():
        log.line(f"{label:>22} |{number(value):>11}{number(low):>16}{number(high):>12}")
    log.line("-" * 62)
    p = f_tail(result.F, result.df1, result.df2)
    text = f"  ICC=0.00: F({result.df1:.1f}, {result.df2:.1f}) = {result.F:.2f}"
    log.line("F test that")
    log.line(text + f"Prob > F = {p:.3f}".rjust(62 - len(text)))
    log.line()
    log.line("Note: ICCs estimate correlations between individual measurements")
    log.line("      and between average measurements made on the same target.")
    scalars = {
        "N_target": float(squares.n), "N_rater": float(squares.k), "level": level, "icc_i_F": result.F,
        "icc_i_df1": result.df1, "icc_i_df2": result.df2, "icc_i_p": p,
    }  # fmt: skip
    for key, row in (("icc_i", rows["Individual"]), ("icc_avg", rows["Average"])):
        scalars |= {key: row[0], f"{key}_lb": row[1], f"{key}_ub": row[2]}
    macros = {"model": model.lower(), "depvar": names[0], "target": names[1], "type": kind.lower().split()[0]}
    if two_way:
        macros["rater"] = names[2]
    session.r = ResultSet(scalars=scalars, macros=macros)
