"""ci and centile: confidence intervals of means, proportions, variances and centiles."""

from __future__ import annotations

import numpy as np

from ssd.engine.commands.declare import Line, command
from ssd.engine.commands.describe_selection import confidence_level, numeric_varlist, select
from ssd.engine.errors import StataError, invalid_syntax, unsupported
from ssd.engine.missing import MISSING, FloatArray, is_missing
from ssd.engine.output.tables import abbreviate, count, number, right, rule
from ssd.engine.results import ResultSet
from ssd.engine.session import Session
from ssd.engine.stats.group_means import t_critical
from ssd.engine.stats.moments import moments


@command(
    "ci",
    "anything [if] [in] [aweight fweight] [, Level(cilevel) SEParator(integer 5) EXAct WAld AGresti WIlson Jeffreys "
    "Poisson EXPosure(varname) TOTal SD BONett]",
    by="recall",
    stored="r(N) r(mean) r(proportion) r(se) r(lb) r(ub) r(level)",
    refused="total, variances with bonett",
)
def ci(session: Session, line: Line) -> None:
    """Confidence intervals for means, proportions and variances."""
    words = line.anything.split()
    kinds = {"means": 4, "proportions": 4, "variances": 3}
    kind = next((k for k, least in kinds.items() if words and len(words[0]) >= least and k.startswith(words[0])), "")
    if not kind:
        raise invalid_syntax("ci subcommand must be means, proportions, or variances")
    for refused in ("total", "bonett"):
        if line.flag(refused):
            raise unsupported(f"ci, {refused}")
    if (line.flag("poisson") or line.options.get("exposure")) and kind != "means":
        raise StataError(198, f"option {'poisson' if line.flag('poisson') else 'exposure()'} not allowed")
    names = session.expand_varlist(" ".join(words[1:]) or "_all")
    names = [n for n in names if not session.data.variables[n].is_string]
    {"means": _means, "proportions": _proportions, "variances": _variances}[kind](session, line, names)


def _values(session: Session, line: Line, name: str) -> tuple[FloatArray, FloatArray | None, str]:
    chosen = select(session, line, [name])
    return session.data.numeric(name)[chosen.mask], chosen.weights, chosen.kind


def print_ci_head(session: Session, third: str, level: float, above: str = "", *, exposure: bool = False) -> None:
    """Titles of the columns of ci and cii; `above` is the method, over the interval."""
    session.log.line()
    if above:
        session.log.line(right(above, 73))
    interval = right(f"[{level:g}% conf. interval]", 27)
    session.log.line(
        f"    Variable |{right('Exposure' if exposure else 'Obs', 11)}{right(third, 12)}    Std. err.{interval}"
    )
    session.log.line(rule(13, 63))


def print_ci_row(session: Session, name: str, n: float, values: tuple[float, float, float, float]) -> None:
    """One line: observations, estimate, standard error (blank where it is nan) and limits."""
    cells = right(count(n), 11) + right(number(values[0]), 12)
    cells += right("" if np.isnan(values[1]) else number(values[1]), 12)
    cells += right(number(values[2]), 16) + right(number(values[3]), 12)
    session.log.line(f"{right(abbreviate(name, 12), 12)} |{cells}")


def _means(session: Session, line: Line, names: list[str]) -> None:
    level = confidence_level(session, line)
    exposure = line.text_option("exposure")
    if line.flag("poisson") or exposure:
        _poisson_means(session, line, names, exposure, level)
        return
    print_ci_head(session, "Mean", level)
    result = ResultSet()
    for name in names:
        m = moments(*_values(session, line, name))
        if m.n == 0:
            print_ci_row(session, name, 0, (MISSING,) * 4)
            continue
        se = m.sd / float(np.sqrt(m.n)) if m.n > 1 else MISSING
        half = t_critical(m.n - 1, level) * se if se < MISSING else MISSING
        low, high = (m.mean - half, m.mean + half) if se < MISSING else (MISSING, MISSING)
        print_ci_row(session, name, m.n, (m.mean, se, low, high))
        result = ResultSet(
            scalars={"N": m.n, "mean": m.mean, "se": se, "lb": low, "ub": high, "level": level},
            macros={"citype": "normal"},
        )
    session.r = result


def poisson_interval(events: float, level: float) -> tuple[float, float]:
    """Exact limits of a Poisson count ([R] ci: quantiles of the gamma distribution)."""
    from ssd.engine.stats.tails import chi2

    alpha = 1 - level / 100
    low = 0.0 if events == 0 else float(chi2.ppf(alpha / 2, 2 * events)) / 2
    return low, float(chi2.ppf(1 - alpha / 2, 2 * events + 2)) / 2


def _poisson_means(session: Session, line: Line, names: list[str], exposure: str | None, level: float) -> None:
    """Mean rates of counts: events by exposure, or by observation."""
    if exposure:
        session.data.numeric(exposure)  # a string variable stops here, before the headings
    print_ci_head(session, "Mean", level, "Poisson exact", exposure=bool(exposure))
    result = ResultSet()
    for name in names:
        chosen = select(session, line, [name, exposure] if exposure else [name])
        if chosen.kind == "aweight":
            raise StataError(101, "aweights not allowed")
        x = session.data.numeric(name)[chosen.mask]
        if np.any((x < 0) | (x != np.round(x))):
            raise StataError(499, f"{name} must contain nonnegative integers")
        w = np.ones_like(x) if chosen.weights is None else chosen.weights
        base = session.data.numeric(exposure)[chosen.mask] if exposure else np.ones_like(x)
        events, size = float(w @ x), float(w @ base)
        if size <= 0:
            continue
        low, high = (bound / size for bound in poisson_interval(events, level))
        rate, se = events / size, float(np.sqrt(events)) / size
        print_ci_row(session, name, size, (rate, se, low, high))
        result = ResultSet(
            scalars={"N": size, "mean": rate, "se": se, "lb": low, "ub": high, "level": level},
            macros={"citype": "poisson", **({"exposure": exposure} if exposure else {})},
        )
    session.r = result


def proportion_interval(k: float, n: float, level: float, kind: str) -> tuple[float, float]:
    """Binomial confidence limits: exact (Clopper-Pearson), wald, wilson, agresti, jeffreys."""
    from ssd.engine.stats.tails import beta, norm

    alpha, p = 1 - level / 100, k / n
    z = float(norm.ppf(1 - alpha / 2))
    if kind == "wald":
        half = z * float(np.sqrt(p * (1 - p) / n))
        return max(0.0, p - half), min(1.0, p + half)
    if kind == "wilson":
        centre = (k + z * z / 2) / (n + z * z)
        half = z * float(np.sqrt(n)) / (n + z * z) * float(np.sqrt(p * (1 - p) + z * z / (4 * n)))
        return centre - half, centre + half
    if kind == "agresti":
        size = n + z * z
        centre = (k + z * z / 2) / size
        half = z * float(np.sqrt(centre * (1 - centre) / size))
        return max(0.0, centre - half), min(1.0, centre + half)
    shift = 0.5 if kind == "jeffreys" else 0.0
    if kind == "jeffreys":
        bounds = beta.ppf([alpha / 2, 1 - alpha / 2], k + shift, n - k + shift)
        return (0.0 if k == 0 else float(bounds[0])), (1.0 if k == n else float(bounds[1]))
    low = 0.0 if k == 0 else float(beta.ppf(alpha / 2, k, n - k + 1))
    high = 1.0 if k == n else float(beta.ppf(1 - alpha / 2, k + 1, n - k))
    return low, high


def _proportions(session: Session, line: Line, names: list[str]) -> None:
    level = confidence_level(session, line)
    asked = [k for k in ("exact", "wald", "agresti", "wilson", "jeffreys") if line.flag(k)]
    if len(asked) > 1:
        raise StataError(198, f"only one of {', '.join(asked)} is allowed")
    kind = asked[0] if asked else "exact"
    titles = {
        "exact": "Binomial exact",
        "wald": "Binomial Wald",
        "agresti": "Agresti–Coull",
        "wilson": "Wilson",
        "jeffreys": "Jeffreys",
    }
    print_ci_head(session, "Proportion", level, titles[kind])
    result = ResultSet()
    for name in names:
        x, weights, weight_kind = _values(session, line, name)
        if weight_kind == "aweight":
            raise StataError(101, "aweights not allowed")
        if np.any((x != 0) & (x != 1)):
            continue
        w = np.ones_like(x) if weights is None else weights
        n, k = float(w.sum()), float(w @ x)
        if n == 0:
            continue
        p = k / n
        se = float(np.sqrt(p * (1 - p) / n))
        low, high = proportion_interval(k, n, level, kind)
        print_ci_row(session, name, n, (p, se, low, high))
        result = ResultSet(
            scalars={"N": n, "proportion": p, "se": se, "lb": low, "ub": high, "level": level},
            macros={"citype": kind},
        )
    session.r = result


def _variances(session: Session, line: Line, names: list[str]) -> None:
    from ssd.engine.stats.tails import chi2

    level = confidence_level(session, line)
    alpha = 1 - level / 100
    as_sd = line.flag("sd")
    rows: list[tuple[str, float, float, float, float]] = []
    result = ResultSet()
    for name in names:
        m = moments(*_values(session, line, name))
        low = (m.n - 1) * m.variance / float(chi2.ppf(1 - alpha / 2, m.n - 1))
        high = (m.n - 1) * m.variance / float(chi2.ppf(alpha / 2, m.n - 1))
        value = m.variance
        if as_sd:
            value, low, high = (float(np.sqrt(v)) for v in (value, low, high))
        rows.append((name, m.n, value, low, high))
        key = "sd" if as_sd else "Var"
        result = ResultSet(scalars={"N": m.n, key: value, "lb": low, "ub": high, "level": level})
    print_variance(session, rows, level, as_sd=as_sd)
    session.r = result


def print_variance(
    session: Session, rows: list[tuple[str, float, float, float, float]], level: float, *, as_sd: bool
) -> None:
    """The table of variances (or standard deviations) with their limits: name, n, value, lower, upper."""
    session.log.line()
    title = "Std. dev." if as_sd else "Variance"
    session.log.line(f"    Variable |        Obs{right(title, 12)}{right(f'[{level:g}% conf. interval]', 27)}")
    session.log.line(rule(13, 51))
    for name, n, value, low, high in rows:
        cells = right(count(n), 11) + right(number(value), 12) + right(number(low), 16) + right(number(high), 12)
        session.log.line(f"{right(abbreviate(name, 12), 12)} |{cells}")


@command(
    "centile",
    "[varlist] [if] [in] [, Centile(numlist) CCi Normal Meansd Level(cilevel)]",
    by="recall",
    stored="r(N) r(n_cent) r(c_#) r(lb_#) r(ub_#) r(centiles)",
    refused="none",
)
def centile(session: Session, line: Line) -> None:
    """Centiles with confidence intervals."""
    names = numeric_varlist(session, line)
    given = line.options.get("centile")
    wanted = [float(c) for c in given] if isinstance(given, list) else [50.0]
    if any(c < 0 or c > 100 for c in wanted):
        raise StataError(125, "centile() must be between 0 and 100")
    level = confidence_level(session, line)
    log = session.log
    kind = "Normal" if line.flag("normal") else "Obs. Values" if line.flag("cci") else "Binom. interp."
    kind = "Normal, meansd" if line.flag("meansd") else kind
    log.line()
    log.line(" " * 58 + kind)
    interval = right(f"[{level:g}% conf. interval]", 28)
    log.line(f"    Variable |       Obs  Percentile    Centile{interval}")
    log.line(rule(13, 61))
    held_anywhere = False
    scalars: dict[str, float] = {}
    for name in names:
        mask = line.sample(session)
        x = session.data.numeric(name)[mask]
        x = np.sort(x[~is_missing(x)])
        scalars = {"N": float(x.size), "n_cent": float(len(wanted))}
        for position, percent in enumerate(wanted):
            value, low, high, held = _centile(x, percent, level, line)
            held_anywhere = held_anywhere or held
            stub = right(abbreviate(name, 12), 12) if position == 0 else " " * 12
            obs = right(count(float(x.size)), 10) if position == 0 else " " * 10
            cells = obs + right(number(percent), 11) + right(number(value), 12)
            mark = "*" if held else ""
            log.line(f"{stub} |{cells}{right(number(low), 16)}{right(number(high), 12)}{mark}")
            scalars |= {f"c_{position + 1}": value, f"lb_{position + 1}": low, f"ub_{position + 1}": high}
    if held_anywhere:
        log.line()
        log.line("* Lower (upper) confidence limit held at minimum (maximum) of sample")
    session.r = ResultSet(scalars=scalars, macros={"centiles": " ".join(number(c) for c in wanted)})


def _at_rank(x: FloatArray, rank: float) -> float:
    """Value at a fractional rank (1-based), interpolated and bounded by the extremes."""
    if x.size == 0:
        return MISSING
    bounded = min(max(rank, 1.0), float(x.size))
    low = int(np.floor(bounded))
    high = min(low + 1, x.size)
    return float(x[low - 1] + (bounded - low) * (x[high - 1] - x[low - 1]))


def _centile(x: FloatArray, percent: float, level: float, line: Line) -> tuple[float, float, float, bool]:
    """Centile at rank q(n+1) and its limits ([R] centile, Methods and formulas).

    Last, whether a limit lies beyond the sample and was held at its minimum or maximum.
    """
    from ssd.engine.stats.tails import binom, norm

    n, q = x.size, percent / 100
    if n == 0:
        return MISSING, MISSING, MISSING, False
    value = _at_rank(x, q * (n + 1))
    alpha = 1 - level / 100
    if line.flag("meansd") or line.flag("normal"):
        z, zq = float(norm.ppf(1 - alpha / 2)), float(norm.ppf(q))
        mean, sd = float(x.mean()), float(x.std(ddof=1))
        if line.flag("meansd"):
            value = mean + zq * sd
            se = sd * float(np.sqrt(1 / n + zq**2 / (2 * (n - 1))))
        else:
            density = float(norm.pdf((value - mean) / sd)) / sd
            se = float(np.sqrt(q * (1 - q) / n)) / density
        return value, value - z * se, value + z * se, False
    if q in (0.0, 1.0):
        return value, value, value, True
    conservative = line.flag("cci")
    ranks = np.arange(0, n + 1)
    cdf = binom.cdf(ranks, n, q)
    # Lower limit: largest r with P(X <= r-1) <= alpha/2; upper: smallest s with P(X >= s) <= alpha/2.
    below = np.flatnonzero(cdf <= alpha / 2)
    lower = int(below[-1]) + 1 if below.size else 0
    above = np.flatnonzero(1 - cdf <= alpha / 2)
    upper = int(above[0]) + 1 if above.size else n + 1
    if conservative:
        return value, _at_rank(x, max(lower, 1)), _at_rank(x, min(upper, n)), lower < 1 or upper > n
    low_rank, high_rank = float(lower), float(upper)
    if lower < n:
        inside, outside = float(cdf[lower]), float(cdf[lower - 1]) if lower > 0 else 0.0
        low_rank = lower + (alpha / 2 - outside) / (inside - outside)
    if upper > 1:
        inside, outside = 1 - float(cdf[upper - 2]), 1 - float(cdf[upper - 1]) if upper <= n else 0.0
        high_rank = upper - (alpha / 2 - outside) / (inside - outside)
    return value, _at_rank(x, low_rank), _at_rank(x, high_rank), low_rank < 1.0 or high_rank > n
