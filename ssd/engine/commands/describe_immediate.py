"""cii and tabi: confidence intervals and two-way tables from numbers typed on the line."""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING

import numpy as np

from ssd.engine.commands.declare import Line, command
from ssd.engine.commands.describe_ci import (
    poisson_interval,
    print_ci_head,
    print_ci_row,
    print_variance,
    proportion_interval,
)
from ssd.engine.commands.describe_selection import confidence_level
from ssd.engine.errors import StataError, invalid_syntax
from ssd.engine.lang.quoting import split_comma
from ssd.engine.missing import MISSING
from ssd.engine.results import ResultSet
from ssd.engine.stats.group_means import t_critical

if TYPE_CHECKING:
    from ssd.engine.session import Session

_METHODS = {
    "exact": "Binomial exact", "wald": "Binomial Wald", "agresti": "Agresti–Coull", "wilson": "Wilson",
    "jeffreys": "Jeffreys",
}  # fmt: skip


@command(
    "cii",
    "anything(everything) [, Level(cilevel) EXAct WAld AGresti WIlson Jeffreys Poisson SD]",
    stored="r(N) r(mean) r(proportion) r(Var) r(sd) r(se) r(lb) r(ub) r(level) r(citype)",
    refused="variances with bonett",
)
def cii(session: Session, line: Line) -> None:
    """Confidence intervals for means, proportions and variances from summary numbers."""
    words = line.anything.split()
    kinds = {"means": 4, "proportions": 4, "variances": 3}
    kind = next((k for k, least in kinds.items() if words and len(words[0]) >= least and k.startswith(words[0])), "")
    if not kind:
        raise invalid_syntax("cii subcommand must be means, proportions, or variances")
    numbers = [session.evaluate_number(word) for word in words[1:]]
    if any(value >= MISSING for value in numbers):
        raise StataError(198, "missing values not allowed")
    level = confidence_level(session, line)
    if kind == "means" and line.flag("poisson"):
        _poisson(session, numbers, level)
    elif kind == "means":
        _mean(session, numbers, level)
    elif kind == "proportions":
        _proportion(session, line, numbers, level)
    else:
        _variance(session, numbers, level, deviation=line.flag("sd"))


def _count(value: float) -> float:
    if value < 1 or value != math.floor(value):
        raise StataError(498, f"{value:g} invalid: number of observations must be a positive integer")
    return value


def _mean(session: Session, numbers: list[float], level: float) -> None:
    if len(numbers) != 3:
        raise invalid_syntax("cii means requires #obs, #mean and #sd")
    n, mean, sd = _count(numbers[0]), numbers[1], numbers[2]
    if sd < 0:
        raise StataError(498, "standard deviation must be nonnegative")
    se = sd / math.sqrt(n)
    half = t_critical(n - 1, level) * se if n > 1 else MISSING
    low, high = (mean - half, mean + half) if n > 1 else (MISSING, MISSING)
    print_ci_head(session, "Mean", level)
    print_ci_row(session, "", n, (mean, se, low, high))
    session.r = ResultSet(
        scalars={"N": n, "mean": mean, "se": se, "lb": low, "ub": high, "level": level}, macros={"citype": "normal"}
    )


def _poisson(session: Session, numbers: list[float], level: float) -> None:
    if len(numbers) != 2:
        raise invalid_syntax("cii means, poisson requires #exposure and #events")
    exposure, events = numbers
    if exposure <= 0 or events < 0 or events != math.floor(events):
        raise StataError(498, "exposure must be positive and events a nonnegative integer")
    low, high = (bound / exposure for bound in poisson_interval(events, level))
    mean, se = events / exposure, math.sqrt(events) / exposure
    print_ci_head(session, "Mean", level, "Poisson exact", exposure=True)
    print_ci_row(session, "", exposure, (mean, se, low, high))
    session.r = ResultSet(
        scalars={"N": exposure, "mean": mean, "se": se, "lb": low, "ub": high, "level": level},
        macros={"citype": "poisson"},
    )


def _proportion(session: Session, line: Line, numbers: list[float], level: float) -> None:
    asked = [kind for kind in _METHODS if line.flag(kind)]
    if len(asked) > 1:
        raise StataError(198, f"only one of {', '.join(asked)} is allowed")
    if len(numbers) != 2:
        raise invalid_syntax("cii proportions requires #obs and #succ")
    n = _count(numbers[0])
    share = 0 < numbers[1] < 1
    if not 0 <= numbers[1] <= n or (not share and numbers[1] != math.floor(numbers[1])):
        raise StataError(498, "number of successes must be between 0 and the number of observations")
    k = float(round(numbers[1] * n)) if share else numbers[1]
    kind = asked[0] if asked else "exact"
    p = k / n
    se = math.sqrt(p * (1 - p) / n)
    low, high = proportion_interval(k, n, level, kind)
    print_ci_head(session, "Proportion", level, _METHODS[kind])
    print_ci_row(session, "", n, (p, se, low, high))
    session.r = ResultSet(
        scalars={"N": n, "proportion": p, "se": se, "lb": low, "ub": high, "level": level}, macros={"citype": kind}
    )


def _variance(session: Session, numbers: list[float], level: float, *, deviation: bool) -> None:
    from ssd.engine.stats.tails import chi2

    if len(numbers) != 2:
        raise invalid_syntax(f"cii variances requires #obs and #{'sd' if deviation else 'variance'}")
    n, given = _count(numbers[0]), numbers[1]
    if n < 2 or given < 0:
        raise StataError(498, "at least two observations and a nonnegative variance required")
    variance = given**2 if deviation else given
    tail = (1 - level / 100) / 2
    limits = [(n - 1) * variance / float(chi2.ppf(share, n - 1)) for share in (1 - tail, tail)]
    low, high = (math.sqrt(value) if deviation else value for value in limits)
    print_variance(session, [("", n, given, low, high)], level, as_sd=deviation)
    scalars = {"N": n, "sd" if deviation else "Var": given, "lb": low, "ub": high, "level": level}
    session.r = ResultSet(scalars=scalars, macros={"citype": "normal"})


@command("tabi", "*", stored="as tabulate of two variables", refused="weights")
def tabi(session: Session, line: Line) -> None:
    """Two-way table of the counts typed: rows are separated by a backslash."""
    main, options = split_comma(line.text)
    words = (options or "").split()
    kept = [word for word in words if not (len(word) >= 7 and "replace".startswith(word))]
    rows = [[_frequency(word) for word in row.split()] for row in re.split(r"\\", main)]
    widths = {len(row) for row in rows}
    if len(widths) != 1 or 0 in widths:
        raise StataError(198, "invalid syntax: every row needs the same number of counts")
    held = session.data
    table = np.array(rows, dtype=np.float64)
    data = type(held)()
    data.n_obs = table.size
    row, col = np.indices(table.shape)
    data.add("row", row.ravel().astype(np.float64) + 1.0, "byte" if table.shape[0] < 100 else "int")
    data.add("col", col.ravel().astype(np.float64) + 1.0, "byte" if table.shape[1] < 100 else "int")
    data.add("pop", table.ravel(), "long")
    session.data = data
    done = False
    try:
        session.run(f"tabulate row col [fweight=pop], {' '.join(kept)}")
        done = True
    finally:
        if not done or len(kept) == len(words):
            session.data = held


def _frequency(word: str) -> float:
    if not re.fullmatch(r"\d+", word):
        raise StataError(198, f"{word} invalid: nonnegative integers expected")
    return float(word)
