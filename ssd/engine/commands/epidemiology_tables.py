"""cs, cc, ir, mcc and their immediate forms: tables for epidemiologists."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from ssd.engine.commands.declare import Line, command
from ssd.engine.commands.describe_selection import Categories, categories, confidence_level, heading, select
from ssd.engine.errors import StataError, invalid_syntax, no_observations, unsupported
from ssd.engine.missing import MISSING, FloatArray
from ssd.engine.output import epidemiology as layout
from ssd.engine.output.estimation import fixed
from ssd.engine.results import ResultSet
from ssd.engine.session import Session
from ssd.engine.stats import crosstab, epidemiology
from ssd.engine.stats.epidemiology import Measure
from ssd.engine.stats.tails import chi2

STRATA = "BD TARone POOL ESTandard ISTandard STandard(varname) BINomial(varname) NOCrude NOHom"
REFUSED = "bd, tarone, pool, standard(), estandard, istandard, binomial(), nocrude, nohom"
FRACTIONS = "r(afe) r(lb_afe) r(ub_afe) r(afp)"


@dataclass(frozen=True)
class Counts:
    """What the data give: the whole table, and one per stratum of by()."""

    table: FloatArray
    exposure: str
    case: str
    strata: list[FloatArray]
    groups: Categories | None


def refuse(line: Line) -> None:
    for name in ("bd", "tarone", "pool", "estandard", "istandard", "standard", "binomial", "nocrude", "nohom"):
        if line.options.get(name):
            raise unsupported(f"{line.command}, {name}{'()' if name in ('standard', 'binomial') else ''} is")


def counts_of(session: Session, line: Line, time: str = "") -> Counts:
    """Cases and noncases (or, with `time`, cases and person-time) by exposure, both coded zero and not zero."""
    refuse(line)
    case, exposure = line.varlist[0], line.varlist[1]
    by = line.text_option("by") or ""
    chosen = select(session, line, [case, exposure, *([time] if time else []), *([by] if by else [])])
    if not chosen.mask.any():
        raise no_observations()
    weights = chosen.frequencies()
    ill = session.data.numeric(case)[chosen.mask]
    exposed = session.data.numeric(exposure)[chosen.mask] != 0
    parts = (ill * weights, weights * session.data.numeric(time)[chosen.mask]) if time else None
    if parts is None:
        parts = (weights * (ill != 0), weights * (ill == 0))

    def table(inside: np.ndarray) -> FloatArray:
        sums = [part[inside & group].sum() for part in parts for group in (exposed, ~exposed)]
        return np.array(sums, dtype=np.float64)

    everyone = np.ones(exposed.size, dtype=np.bool_)
    groups = categories(session, by, chosen.mask) if by else None
    strata = [table(groups.codes == k) for k in range(groups.size)] if groups is not None else []
    return Counts(table(everyone), heading(session, exposure), heading(session, case), strata, groups)


def typed(session: Session, line: Line) -> list[float]:
    words = line.anything.replace("\\", " ").split()
    if len(words) != 4:
        raise invalid_syntax()
    numbers = [session.evaluate_number(word) for word in words]
    if any(number < 0 or number >= MISSING for number in numbers):
        raise StataError(498, "negative numbers invalid")
    return numbers


def whole(numbers: list[float]) -> list[float]:
    for number in numbers:
        if number != round(number):
            raise StataError(7, f"'{number:g}' found where integer expected")
    return numbers


def store(session: Session, scalars: dict[str, float]) -> None:
    session.r = ResultSet(scalars={k: v if math.isfinite(v) else MISSING for k, v in scalars.items()})


def limits(name: str, measure: Measure) -> dict[str, float]:
    return {name: measure.value, f"lb_{name}": measure.low, f"ub_{name}": measure.high}


def fractions(
    session: Session, ratio: Measure, population: float, prevented: float, note: str = ""
) -> dict[str, float]:
    """Attributable fractions, or prevented ones when the ratio is below one.

    `population` is the share of the exposed among the cases, `prevented` among everyone (or the controls).
    """
    fraction = epidemiology.attributable(ratio)
    harmful = ratio.value >= 1.0
    word = "Attr." if harmful else "Prev."
    whole = fraction.value * (population if harmful else prevented)
    layout.estimate_row(session.log, f"{word} frac. ex.", fraction, note)
    layout.estimate_row(session.log, f"{word} frac. pop", Measure(whole), limits=False)
    return {**limits("afe" if harmful else "pfe", fraction), "afp" if harmful else "pfp": whole}


def _tests(session: Session, line: Line, cells: list[float]) -> dict[str, float]:
    """Pearson's chi-squared or Fisher's exact test below the estimates."""
    log = session.log
    log.line(layout.CLOSE)
    if line.flag("exact"):
        two, one = crosstab.fisher_exact(np.array(cells).reshape(2, 2))
        log.line(f"{'':33}1-sided Fisher's exact P = {one:.4f}")
        log.line(f"{'':33}2-sided Fisher's exact P = {two:.4f}")
        return {"p1_exact": one, "p_exact": two}
    statistic = epidemiology.chi_squared(*cells)
    if not math.isfinite(statistic):
        log.line(f"{'':31}chi2(1) =        .  Pr>chi2 =      .")
        return {"chi2": statistic, "p": math.nan}
    p = float(chi2.sf(statistic, 1))
    log.line(f"{'':31}chi2(1) = {statistic:8.2f}  Pr>chi2 = {p:.4f}")
    return {"chi2": statistic, "p": p}


def homogeneity(session: Session, found: epidemiology.Combined, head: str, width: int) -> dict[str, float]:
    p = float(chi2.sf(found.homogeneity, found.df)) if found.df > 0 else math.nan
    statistic = f"{found.homogeneity:.3f}" if width == 8 else f"{found.homogeneity:.2f}"
    session.log.line(f"{head}chi2({found.df}) = {statistic:>{width}}  Pr>chi2 = {fixed(p, 4)}")
    return {"chi2_mh": found.homogeneity, "df": float(found.df)}


def _odds_method(line: Line, default: str) -> str:
    typed = [name for name in ("exact", "cornfield", "woolf", "tb") if line.flag(name) and name != "exact"]
    if len(typed) > 1:
        raise StataError(198, f"only one of {' or '.join(typed)} allowed")
    return typed[0] if typed else default


NOTE = {"exact": "(exact)", "cornfield": "(Cornfield)", "woolf": "(Woolf)", "tb": "(tb)"}


# --- cohort studies ----------------------------------------------------------------------------

CS_STORED = f"r(p) r(chi2) r(rd) r(lb_rd) r(ub_rd) r(rr) r(lb_rr) r(ub_rr) r(or) {FRACTIONS} r(p_exact) r(p1_exact)"


@command(
    "cs",
    f"varlist(min=2 max=2 numeric) [if] [in] [fweight] [, BY(varname) OR Woolf TB Exact Level(cilevel) RD {STRATA}]",
    by="recall",
    stored=CS_STORED + " r(crude) r(chi2_mh) r(df)",
    refused=f"{REFUSED}; by() with rd or or",
)
def cs(session: Session, line: Line) -> None:
    """Risks, risk difference and risk ratio of a cohort study."""
    counts = counts_of(session, line)
    if line.flag("rd") or (counts.groups is not None and line.flag("or")):
        raise unsupported("cs, by() with rd or or is")
    if counts.groups is None:
        _cohort(session, line, counts.table.tolist(), counts.exposure)
        return
    level = confidence_level(session, line)
    found = epidemiology.combine_risk_ratios(counts.strata, level)
    crude = epidemiology.risk_ratio(counts.table.tolist(), epidemiology.z_of(level))
    stub = heading(session, counts.groups.name)
    layout.strata_table(session.log, stub, counts.groups.labels, found, crude, "RR", level)
    tests = homogeneity(session, found, "Test of homogeneity (M-H)      ", 8)
    store(session, {**limits("rr", found.combined), **limits("crude", crude), **tests})


@command("csi", "anything [, OR Woolf TB Exact Level(cilevel)]", stored=CS_STORED)
def csi(session: Session, line: Line) -> None:
    """Risks of a cohort study from four counts: exposed and unexposed cases, exposed and unexposed noncases."""
    _cohort(session, line, whole(typed(session, line)), "")


def _cohort(session: Session, line: Line, cells: list[float], exposure: str) -> None:
    a, b, c, d = cells
    n1, n0, total = a + c, b + d, a + b + c + d
    level = confidence_level(session, line)
    z = epidemiology.z_of(level)
    log = session.log
    layout.counts_heading(log, exposure)
    layout.counts_row(log, "Cases", a, b, a + b)
    layout.counts_row(log, "Noncases", c, d, c + d)
    log.line(layout.rule())
    layout.counts_row(log, "Total", n1, n0, total)
    log.line(layout.BLANK)
    if not (n1 and n0):
        raise StataError(2000, "no observations")
    layout.counts_row(log, "Risk", a / n1, b / n0, (a + b) / total)
    layout.estimates_heading(log, level)
    difference = epidemiology.risk_difference(a, b, c, d, z)
    ratio = epidemiology.risk_ratio(cells, z)
    if line.flag("tb"):
        chi = math.sqrt(epidemiology.chi_squared(a, b, c, d))
        ends = sorted((ratio.value ** (1 - z / chi), ratio.value ** (1 + z / chi)))
        ratio = Measure(ratio.value, ends[0], ends[1])
        ends = sorted((difference.value * (1 - z / chi), difference.value * (1 + z / chi)))
        difference = Measure(difference.value, ends[0], ends[1])
    note = "(tb)" if line.flag("tb") else ""
    layout.estimate_row(log, "Risk difference", difference, note)
    layout.estimate_row(log, "Risk ratio", ratio, note)
    scalars = {**limits("rd", difference), **limits("rr", ratio)}
    scalars |= fractions(session, ratio, a / (a + b) if a + b else math.nan, n1 / total, note)
    if line.flag("or"):
        method = _odds_method(line, "cornfield")
        odds = epidemiology.odds_ratio(cells, level, method)
        layout.estimate_row(log, "Odds ratio", odds, NOTE[method])
        scalars |= limits("or", odds)
    store(session, scalars | _tests(session, line, cells))


# --- case-control studies ----------------------------------------------------------------------

CC_STORED = f"r(p) r(chi2) r(or) r(lb_or) r(ub_or) {FRACTIONS} r(p_exact) r(p1_exact)"


@command(
    "cc",
    f"varlist(min=2 max=2 numeric) [if] [in] [fweight] [, BY(varname) Exact Cornfield Woolf TB "
    f"Level(cilevel) {STRATA}]",
    by="recall",
    stored=CC_STORED + " r(crude) r(lb_crude) r(ub_crude) r(chi2_mh) r(chi2_hom) r(df)",
    refused=REFUSED,
)
def cc(session: Session, line: Line) -> None:
    """Odds ratio of a case-control study."""
    counts = counts_of(session, line)
    if counts.groups is None:
        _case_control(session, line, counts.table.tolist(), counts.exposure)
        return
    level, method = confidence_level(session, line), _odds_method(line, "exact")
    found = epidemiology.combine_odds_ratios(counts.strata, level, method)
    crude = epidemiology.odds_ratio(counts.table.tolist(), level, method)
    log = session.log
    stub = heading(session, counts.groups.name)
    layout.strata_table(log, stub, counts.groups.labels, found, crude, "OR", level, (NOTE[method], NOTE[method]))
    tests = homogeneity(session, found, "Test of homogeneity (M-H)      ", 8)
    p = float(chi2.sf(found.statistic, 1)) if math.isfinite(found.statistic) else math.nan
    log.line()
    log.line(f"{'':19}Test that combined odds ratio = 1:")
    log.line(f"{'':32}Mantel-Haenszel chi2(1) = {found.statistic:9.2f}")
    log.line(f"{'':48}Pr>chi2 = {p:9.4f}")
    tests = {"chi2_hom": tests["chi2_mh"], "df": tests["df"], "chi2_mh": found.statistic, "p": p}
    store(session, {**limits("or", found.combined), **limits("crude", crude), **tests})


@command("cci", "anything [, Exact Cornfield Woolf TB Level(cilevel)]", stored=CC_STORED)
def cci(session: Session, line: Line) -> None:
    """Odds ratio from four counts: exposed and unexposed cases, exposed and unexposed controls."""
    _case_control(session, line, whole(typed(session, line)), "")


def _case_control(session: Session, line: Line, cells: list[float], exposure: str) -> None:
    a, b, c, d = cells
    level, method = confidence_level(session, line), _odds_method(line, "exact")
    log = session.log
    if not (a + b and c + d):
        raise StataError(2000, "no observations")
    layout.counts_heading(log, exposure, proportion=True)
    layout.counts_row(log, "Cases", a, b, a + b, a / (a + b))
    layout.counts_row(log, "Controls", c, d, c + d, c / (c + d))
    log.line(layout.rule(24))
    layout.counts_row(log, "Total", a + c, b + d, a + b + c + d, (a + c) / (a + b + c + d))
    layout.estimates_heading(log, level)
    odds = epidemiology.odds_ratio(cells, level, method)
    layout.estimate_row(log, "Odds ratio", odds, NOTE[method])
    scalars = limits("or", odds)
    scalars |= fractions(session, odds, a / (a + b), c / (c + d), NOTE[method])
    store(session, scalars | _tests(session, line, cells))
