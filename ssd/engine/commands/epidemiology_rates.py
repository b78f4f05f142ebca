"""ir, mcc and their immediate forms: incidence rates and matched pairs."""

from __future__ import annotations

import math

from ssd.engine.commands.declare import Line, command
from ssd.engine.commands.describe_selection import confidence_level, heading, select
from ssd.engine.commands.epidemiology_tables import (
    FRACTIONS,
    REFUSED,
    STRATA,
    counts_of,
    fractions,
    homogeneity,
    limits,
    store,
    typed,
    whole,
)
from ssd.engine.errors import StataError, no_observations, unsupported
from ssd.engine.output import epidemiology as layout
from ssd.engine.session import Session
from ssd.engine.stats import epidemiology
from ssd.engine.stats.tails import chi2

IR_STORED = (
    "r(ird) r(lb_ird) r(ub_ird) r(irr) r(lb_irr) r(ub_irr) r(p) r(p_lower) r(p_upper) r(p_twosided) " + FRACTIONS
)


@command(
    "ir",
    f"varlist(min=3 max=3 numeric) [if] [in] [fweight] [, BY(varname) Level(cilevel) TB IRD {STRATA}]",
    by="recall",
    stored=IR_STORED + " r(crude) r(lb_crude) r(ub_crude) r(chi2_mh) r(df)",
    refused=f"tb, ird; {REFUSED}",
)
def ir(session: Session, line: Line) -> None:
    """Incidence rates, their difference and their ratio."""
    for name in ("tb", "ird"):
        if line.flag(name):
            raise unsupported(f"ir, {name} is")
    counts = counts_of(session, line, line.varlist[2])
    if counts.groups is None:
        stubs = (counts.case, heading(session, line.varlist[2]))
        _rates(session, line, counts.table.tolist(), counts.exposure, stubs)
        return
    level = confidence_level(session, line)
    found = epidemiology.combine_rate_ratios(counts.strata, level)
    crude = epidemiology.rate_ratio(counts.table.tolist(), level)
    stub = heading(session, counts.groups.name)
    notes = ("(exact)", "(exact)")
    layout.strata_table(session.log, stub, counts.groups.labels, found, crude, "IRR", level, notes)
    tests = homogeneity(session, found, " Test of homogeneity (M-H)    ", 9)
    store(session, {**limits("irr", found.combined), **limits("crude", crude), **tests})


@command("iri", "anything [, Level(cilevel) TB]", stored=IR_STORED, refused="tb")
def iri(session: Session, line: Line) -> None:
    """Incidence rates from four numbers: exposed and unexposed cases, exposed and unexposed person-time."""
    if line.flag("tb"):
        raise unsupported("iri, tb is")
    cells = typed(session, line)
    whole(cells[:2])
    _rates(session, line, cells, "", ("Cases", "Person-time"))


def _rates(session: Session, line: Line, cells: list[float], exposure: str, stubs: tuple[str, str]) -> None:
    a, b, t1, t0 = cells
    if not (t1 > 0 and t0 > 0):
        raise StataError(498, "person-time must be positive")
    level = confidence_level(session, line)
    log = session.log
    layout.counts_heading(log, exposure)
    layout.counts_row(log, stubs[0], a, b, a + b)
    layout.counts_row(log, stubs[1], t1, t0, t1 + t0)
    log.line(layout.rule())
    log.line(layout.BLANK)
    layout.counts_row(log, "Incidence rate", a / t1, b / t0, (a + b) / (t1 + t0))
    layout.estimates_heading(log, level)
    difference = epidemiology.rate_difference(a, b, t1, t0, epidemiology.z_of(level))
    ratio = epidemiology.rate_ratio(cells, level)
    layout.estimate_row(log, "Inc. rate diff.", difference)
    layout.estimate_row(log, "Inc. rate ratio", ratio, "(exact)")
    scalars = {**limits("ird", difference), **limits("irr", ratio)}
    scalars |= fractions(session, ratio, a / (a + b) if a + b else math.nan, t1 / (t1 + t0), "(exact)")
    log.line(layout.CLOSE)
    lower, upper = epidemiology.rate_midp(a, b, t1, t0)
    two = min(1.0, 2.0 * min(lower, upper))
    log.line()
    log.line("Mid p-values for tests of incidence-rate difference:")
    log.line(f"    Adj Pr(Exposed cases <= {layout.shown(a)}) = {lower:.4f}  (lower one-sided)")
    log.line(f"    Adj Pr(Exposed cases >= {layout.shown(a)}) = {upper:.4f}  (upper one-sided)")
    log.line(f"    {'Two-sided p-value':>{22 + len(layout.shown(a)) + 3}} = {two:.4f}")
    store(session, scalars | {"p": min(lower, upper), "p_lower": lower, "p_upper": upper, "p_twosided": two})


# --- matched pairs -----------------------------------------------------------------------------

MCC_STORED = (
    "r(chi2) r(p) r(p_exact) r(cases) r(controls) r(D_f) r(lb_D_f) r(ub_D_f) r(R_f) r(lb_R_f) r(ub_R_f) "
    "r(RD_f) r(lb_RD_f) r(ub_RD_f) r(or) r(lb_or) r(ub_or)"
)


@command(
    "mcc",
    "varlist(min=2 max=2 numeric) [if] [in] [fweight] [, Level(cilevel) TB]",
    by="recall",
    stored=MCC_STORED,
    refused="tb",
)
def mcc(session: Session, line: Line) -> None:
    """Matched case-control pairs: McNemar's test and the odds ratio."""
    chosen = select(session, line, line.varlist)
    if not chosen.mask.any():
        raise no_observations()
    first, second = (session.data.numeric(name)[chosen.mask] for name in line.varlist)
    weights = chosen.frequencies()
    case, control = first != 0, second != 0
    cells = [float(weights[i & j].sum()) for i in (case, ~case) for j in (control, ~control)]
    _pairs(session, line, cells)


@command("mcci", "anything [, Level(cilevel) TB]", stored=MCC_STORED, refused="tb")
def mcci(session: Session, line: Line) -> None:
    """McNemar's test from the four counts of matched pairs."""
    _pairs(session, line, whole(typed(session, line)))


def _pairs(session: Session, line: Line, cells: list[float]) -> None:
    from scipy.special import bdtr

    if line.flag("tb"):
        raise unsupported(f"{line.command}, tb is")
    a, b, c, d = cells
    n = a + b + c + d
    if not n:
        raise no_observations()
    level = confidence_level(session, line)
    log = session.log
    log.line()
    log.line(f"{'':16} |        Controls        |")
    log.line(f"{'Cases':<16} |   Exposed   Unexposed  |      Total")
    log.line(layout.rule())
    layout.counts_row(log, "Exposed", a, b, a + b)
    layout.counts_row(log, "Unexposed", c, d, c + d)
    log.line(layout.rule())
    layout.counts_row(log, "Total", a + c, b + d, n)
    statistic = (b - c) ** 2 / (b + c) if b + c else math.nan
    p = float(chi2.sf(statistic, 1)) if b + c else math.nan
    exact = 1.0 if b == c else 2.0 * float(bdtr(min(b, c), b + c, 0.5))
    log.line()
    log.line(f"McNemar's chi2(1) = {_fixed(statistic, 9, 2)}    Prob > chi2 ={_fixed(p, 7, 4)}")
    log.line(f"Exact McNemar significance probability       ={exact:7.4f}")
    found = epidemiology.matched_measures(a, b, c, d, level)
    log.line()
    log.line("Proportion with factor")
    log.line(f"{'':8}Cases      {layout.shown((a + b) / n):>9}")
    log.line(f"{'':8}Controls   {layout.shown((a + c) / n):>9}     [{level:g}% conf. interval]")
    log.line(f"{'':19}{'-' * 9}     {'-' * (18 + len(f'{level:g}'))}")
    for stub, name in (
        ("difference", "difference"),
        ("ratio", "ratio"),
        ("rel. diff.", "relative"),
        ("odds ratio", "odds"),
    ):
        if name == "odds":
            log.line()
        measure = found[name]
        note = "   (exact)" if name == "odds" else ""
        ends = f"{layout.shown(measure.low):>9}  {layout.shown(measure.high):>9}"
        log.line(f"{'':8}{stub:<11}{layout.shown(measure.value):>9}     {ends}{note}")
    scalars = {"chi2": statistic, "p": p, "p_exact": exact, "cases": (a + b) / n, "controls": (a + c) / n}
    scalars |= limits("D_f", found["difference"]) | limits("R_f", found["ratio"])
    scalars |= limits("RD_f", found["relative"]) | limits("or", found["odds"])
    store(session, scalars)


def _fixed(value: float, width: int, decimals: int) -> str:
    return f"{value:{width}.{decimals}f}" if math.isfinite(value) else f"{'.':>{width}}"
