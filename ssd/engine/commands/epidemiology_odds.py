"""mhodds and tabodds: odds ratios by exposure level, adjusted for confounders by stratification."""

from __future__ import annotations

import math

import numpy as np

from ssd.engine.commands.declare import Line, command
from ssd.engine.commands.describe_selection import Selection, confidence_level, select, value_text
from ssd.engine.commands.estimation import key_values
from ssd.engine.data.order import group_numbers
from ssd.engine.errors import StataError, no_observations, unsupported
from ssd.engine.missing import MISSING, FloatArray
from ssd.engine.output.tables import abbreviate, right
from ssd.engine.results import ResultSet
from ssd.engine.session import Session
from ssd.engine.stats.covariance import group_ids
from ssd.engine.stats.epidemiology import z_of
from ssd.engine.stats.score_odds import OddsRatio, Stratum, compare_two, equal_odds, homogeneity, trend
from ssd.engine.stats.tails import chi2


def _cases(session: Session, chosen: Selection, name: str) -> FloatArray:
    x = session.data.numeric(name)[chosen.mask]
    if x.size == 0:
        raise no_observations()
    if np.any((x != 0) & (x != 1)):
        raise StataError(450, f"{name} is not a 0/1 variable")
    return np.asarray(x, dtype=np.float64)


def _stratum(ill: FloatArray, exposure: FloatArray, weights: FloatArray, levels: FloatArray) -> Stratum:
    at = np.searchsorted(levels, exposure)
    cases = np.bincount(at, weights=weights * ill, minlength=levels.size).astype(np.float64)
    controls = np.bincount(at, weights=weights * (1.0 - ill), minlength=levels.size).astype(np.float64)
    return Stratum(levels, cases, controls)


@command(
    "mhodds",
    "varlist(min=2 numeric) [if] [in] [fweight] [, BY(varlist) BINomial(varname) COMpare(string) Level(cilevel)]",
    by="recall",
    stored="r(or) r(lb_or) r(ub_or) r(chi2) r(p) r(df_hom) r(chi2_hom) r(p_hom)",
    refused="binomial()",
)
def mhodds(session: Session, line: Line) -> None:
    """Ratio of odds between exposure levels, controlling for further variables."""
    if line.options.get("binomial"):
        raise unsupported("mhodds, binomial() is")
    case, exposure, controlled = line.varlist[0], line.varlist[1], line.varlist[2:]
    given = line.options.get("by")
    by = [str(each) for each in given] if isinstance(given, list) else []
    chosen = select(session, line, [case, exposure, *controlled, *by])
    ill = _cases(session, chosen, case)
    x, weights = session.data.numeric(exposure)[chosen.mask], chosen.frequencies()
    levels = np.unique(x)
    compared = _compared(session, line, levels)
    log = session.log
    level = confidence_level(session, line)
    log.line()
    if compared is not None:
        word = "Mantel–Haenszel" if controlled else "Maximum likelihood"
        log.line(f"{word} estimate of the odds ratio")
        tail = f", controlling for {_listed(controlled)}" if controlled else ""
        log.line(f"Comparing {exposure}=={compared[1]:g} vs. {exposure}=={compared[0]:g}{tail}")
    else:
        log.line(f"Score test for trend of odds with {exposure}")
        if controlled:
            log.line(f"controlling for {_listed(controlled)}")
    if by:
        log.line(f"by {' '.join(by)}")
    keep = np.ones(x.size, dtype=np.bool_) if compared is None else np.isin(x, compared)
    used = levels if compared is None else np.array(sorted(compared))
    flip = compared is not None and compared[0] > compared[1]

    def estimate(inside: np.ndarray) -> OddsRatio:
        rows = inside & keep
        ids = _groups(session, controlled, chosen)[rows]
        strata = [
            _stratum(ill[rows][ids == k], x[rows][ids == k], weights[rows][ids == k], used) for k in np.unique(ids)
        ]
        if compared is None:
            return trend(strata, z_of(level))
        if flip:
            strata = [Stratum(s.levels[::-1], s.cases[::-1], s.controls[::-1]) for s in strata]
        return compare_two(strata, z_of(level))

    _heading(session, by, level)
    parts: list[OddsRatio] = []
    if by:
        ids = _groups(session, by, chosen)
        for k in np.unique(ids):
            first = int(np.flatnonzero(ids == k)[0])
            found = estimate(ids == k)
            parts.append(found)
            row = np.flatnonzero(chosen.mask)[first]
            labels = [value_text(session, name, float(session.data.numeric(name)[row])) for name in by]
            _row(session, labels, found)
        log.line("-" * 79)
    if by:
        log.line()
        log.line("Mantel–Haenszel estimate controlling for " + _listed([*controlled, *by]))
        controlled = [*controlled, *by]
        _heading(session, [], level)
    overall = estimate(np.ones(x.size, dtype=np.bool_))
    _row(session, [], overall)
    log.line("    " + "-" * 68)
    p = float(chi2.sf(overall.chi2, 1)) if math.isfinite(overall.chi2) else math.nan
    scalars = {"or": overall.value, "lb_or": overall.low, "ub_or": overall.high, "chi2": overall.chi2, "p": p}
    informative = [part for part in parts if part.v > 0]
    if len(informative) > 1:
        scalars |= _homogeneity(session, informative)
    session.r = ResultSet(scalars={k: v if math.isfinite(v) else MISSING for k, v in scalars.items()})


def _homogeneity(session: Session, parts: list[OddsRatio]) -> dict[str, float]:
    statistic, df = homogeneity(parts)
    p = float(chi2.sf(statistic, df)) if df > 0 else math.nan
    session.log.line()
    session.log.line(f"Test of homogeneity of ORs (approx): chi2({df})   = {statistic:7.2f}")
    session.log.line(f"{'':37}Pr>chi2   = {p:7.4f}")
    return {"chi2_hom": statistic, "df_hom": float(df), "p_hom": p}


def _listed(names: list[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def _compared(session: Session, line: Line, levels: FloatArray) -> tuple[float, float] | None:
    """The denominator and the numerator level; None for a trend over more than two."""
    typed = line.text_option("compare")
    if typed is None:
        return (float(levels[0]), float(levels[1])) if levels.size == 2 else None
    words = typed.replace(",", " ").split()
    if len(words) != 2:
        raise StataError(198, "option compare() incorrectly specified")
    top, bottom = (session.evaluate_number(word) for word in words)
    if top not in levels or bottom not in levels:
        raise StataError(2000, "no observations")
    return bottom, top


def _groups(session: Session, names: list[str], chosen: Selection) -> np.ndarray:
    if not names:
        return np.zeros(int(chosen.mask.sum()), dtype=np.intp)
    return group_numbers([group_ids(key_values(session, name)[chosen.mask])[0] for name in names])[0]


def _heading(session: Session, by: list[str], level: float) -> None:
    log = session.log
    log.line()
    interval = f"[{level:g}% conf. interval]"
    if by:
        log.line("-" * 79)
        names = "".join(f"{abbreviate(name, 8):>9}" for name in by)
        log.line(f"{names} | Odds ratio        chi2(1)         P>chi2     {interval:>22}")
        log.line("-" * (9 * len(by) + 1) + "+" + "-" * (77 - 9 * len(by)))
        return
    log.line("    " + "-" * 68)
    log.line(f"     Odds ratio    chi2(1)         P>chi2        {interval}")
    log.line("    " + "-" * 68)


def _row(session: Session, labels: list[str], found: OddsRatio) -> None:
    p = float(chi2.sf(found.chi2, 1)) if math.isfinite(found.chi2) else math.nan
    cells = f"{_fixed(found.value, 11, 6)}{_fixed(found.chi2, 11, 2)}{_fixed(p, 15, 4)}"
    cells += f"{_fixed(found.low, 16, 5)}{_fixed(found.high, 11, 5)}"
    stub = "".join(f"{abbreviate(label, 8):>9}" for label in labels)
    session.log.line(f"{stub} |{cells}" if labels else f"    {cells}")


def _fixed(value: float, width: int, decimals: int) -> str:
    return f"{value:{width}.{decimals}f}" if math.isfinite(value) else f"{'.':>{width}}"


@command(
    "tabodds",
    "varlist(min=1 max=2 numeric) [if] [in] [fweight] [, Level(cilevel) OR BASE(integer 1) BINomial(varname) "
    "ADJust(varlist) TB Woolf CORnfield GRaph CIPlot]",
    by="recall",
    stored="r(odds) r(lb_odds) r(ub_odds) r(chi2_hom) r(df_hom) r(p_hom) r(chi2_tr) r(p_trend)",
    refused="binomial(), adjust(), tb, woolf, cornfield, graph, ciplot",
)
def tabodds(session: Session, line: Line) -> None:
    """Odds by exposure level with tests of homogeneity and trend."""
    for name in ("binomial", "adjust", "tb", "woolf", "cornfield", "graph", "ciplot"):
        if line.options.get(name):
            raise unsupported(f"tabodds, {name} is")
    case = line.varlist[0]
    chosen = select(session, line, line.varlist)
    ill, weights = _cases(session, chosen, case), chosen.frequencies()
    level = confidence_level(session, line)
    z = z_of(level)
    exposure = line.varlist[1] if len(line.varlist) > 1 else ""
    x = session.data.numeric(exposure)[chosen.mask] if exposure else np.zeros(ill.size)
    stratum = _stratum(ill, x, weights, np.unique(x))
    if not (stratum.cases.sum() > 0 and stratum.controls.sum() > 0):
        raise StataError(2000, "outcome does not vary")
    labels = [value_text(session, exposure, float(v)) for v in stratum.levels] if exposure else [""]
    scalars: dict[str, float] = {}
    if line.flag("or") and exposure:
        _odds_ratios(session, line, stratum, labels, exposure, level)
    else:
        scalars = _odds(session, stratum, labels, exposure, level, z)
    if exposure:
        statistic, df = equal_odds(stratum)
        slope = trend([stratum], z)
        scalars |= {
            "chi2_hom": statistic,
            "df_hom": float(df),
            "p_hom": float(chi2.sf(statistic, df)) if df else math.nan,
        }
        scalars |= {"chi2_tr": slope.chi2, "p_trend": float(chi2.sf(slope.chi2, 1)) if df else math.nan}
        log = session.log
        log.line(f"Test of homogeneity (equal odds): chi2({df})  = {statistic:8.2f}")
        log.line(f"{'':34}Pr>chi2  = {_fixed(scalars['p_hom'], 8, 4)}")
        log.line()
        log.line(f"Score test for trend of odds:     chi2(1)  = {_fixed(slope.chi2, 8, 2)}")
        log.line(f"{'':34}Pr>chi2  = {_fixed(scalars['p_trend'], 8, 4)}")
    session.r = ResultSet(scalars={k: v if math.isfinite(v) else MISSING for k, v in scalars.items()})


def _odds(
    session: Session, stratum: Stratum, labels: list[str], exposure: str, level: float, z: float
) -> dict[str, float]:
    log = session.log
    log.line()
    log.line("-" * 74)
    interval = f"[{level:g}% conf. interval]"
    log.line(f"{right(abbreviate(exposure, 12), 12)} |      Cases     Controls       Odds{interval:>27}")
    log.line("-" * 13 + "+" + "-" * 60)
    last = (math.nan, math.nan, math.nan)
    for label, d, h in zip(labels, stratum.cases, stratum.controls, strict=True):
        odds = float(d / h) if h > 0 else math.nan
        spread = math.exp(z * math.sqrt(1.0 / d + 1.0 / h)) if d > 0 and h > 0 else math.nan
        last = (odds, odds / spread, odds * spread)
        cells = f"{d:11.0f}{h:13.0f}{_fixed(odds, 11, 5)}{_fixed(last[1], 13, 5)}{_fixed(last[2], 10, 5)}"
        log.line(f"{right(abbreviate(label, 12), 12)} |{cells}")
    log.line("-" * 74)
    return {"odds": last[0], "lb_odds": last[1], "ub_odds": last[2]} if not exposure else {}


def _odds_ratios(
    session: Session, line: Line, stratum: Stratum, labels: list[str], exposure: str, level: float
) -> None:
    base = int(str(line.options.get("base") or 1)) - 1
    if not 0 <= base < stratum.levels.size:
        raise StataError(198, "base() out of range")
    log = session.log
    log.line()
    log.line("-" * 75)
    interval = f"[{level:g}% conf. interval]"
    log.line(f"{right(abbreviate(exposure, 12), 12)} | Odds ratio       chi2       P>chi2{interval:>25}")
    log.line("-" * 13 + "+" + "-" * 61)
    for k, label in enumerate(labels):
        stub = right(abbreviate(label, 12), 12)
        if k == base:
            log.line(f"{stub} |{1.0:11.6f}{'.':>11}{'.':>13}{'.':>14}{'.':>12}")
            continue
        pair = [base, k]
        found = compare_two([Stratum(stratum.levels[pair], stratum.cases[pair], stratum.controls[pair])], z_of(level))
        p = float(chi2.sf(found.chi2, 1)) if math.isfinite(found.chi2) else math.nan
        cells = f"{_fixed(found.value, 11, 6)}{_fixed(found.chi2, 11, 2)}{_fixed(p, 13, 4)}"
        log.line(f"{stub} |{cells}{_fixed(found.low, 14, 6)}{_fixed(found.high, 12, 6)}")
    log.line("-" * 75)
