"""swilk, sfrancia, sktest: tests of normality."""

from __future__ import annotations

import numpy as np

from ssd.engine.commands.declare import Line, command
from ssd.engine.commands.describe_selection import numeric_varlist, present
from ssd.engine.errors import StataError, unsupported
from ssd.engine.output.tables import abbreviate, count, right, rule
from ssd.engine.results import ResultSet
from ssd.engine.session import Session
from ssd.engine.stats.normality import shapiro_francia, shapiro_wilk, skewness_kurtosis_test


def _samples(session: Session, line: Line, least: int) -> list[tuple[str, np.ndarray]]:
    found = []
    for name in numeric_varlist(session, line):
        mask = line.sample(session) & present(session, name)
        x = session.data.numeric(name)[mask]
        if x.size < least:
            raise StataError(2001, "insufficient observations")
        found.append((name, x))
    return found


@command(
    "swilk",
    "[varlist(numeric)] [if] [in] [, Generate(newvarname) LNnormal NOTIES]",
    by="recall",
    stored="r(N) r(W) r(V) r(z) r(p)",
    refused="generate(), lnnormal, noties",
)
def swilk(session: Session, line: Line) -> None:
    """Shapiro-Wilk W test for normality."""
    if line.options.get("generate") or line.flag("lnnormal") or line.flag("noties"):
        raise unsupported("swilk with generate(), lnnormal or noties")
    _report(session, line, "Shapiro–Wilk W test for normal data", "W", 4)


@command(
    "sfrancia",
    "[varlist(numeric)] [if] [in] [, Boxcox NOTIES]",
    by="recall",
    stored="r(N) r(W) r(V) r(z) r(p)",
    refused="boxcox, noties",
)
def sfrancia(session: Session, line: Line) -> None:
    """Shapiro-Francia W' test for normality."""
    if line.flag("boxcox") or line.flag("noties"):
        raise unsupported("sfrancia with boxcox or noties")
    _report(session, line, "Shapiro–Francia W' test for normal data", "W'", 5)


def _report(session: Session, line: Line, title: str, letter: str, least: int) -> None:
    log = session.log
    log.line()
    log.line(" " * (19 if letter == "W" else 18) + title)
    log.line()
    if letter == "W":
        log.line("    Variable |        Obs       W           V         z       Prob>z")
        log.line(rule(13, 54))
    else:
        log.line("    Variable |       Obs       W'          V'        z       Prob>z")
        log.line(rule(13, 53))
    test = shapiro_wilk if letter == "W" else shapiro_francia
    large = False
    for name, x in _samples(session, line, least):
        w, v, z, p = test(x)
        large |= x.size > 2000
        stub = right(abbreviate(name, 12), 12)
        log.line(f"{stub} |{count(x.size):>{11 if letter == 'W' else 10}}{w:11.5f}{v:11.3f}{z:10.3f}{p:11.5f}")
        session.r = ResultSet(scalars={"N": float(x.size), "W": w, "V": v, "z": z, "p": p})
    if large and letter == "W":
        log.line()
        log.line("Note: The normal approximation to the sampling distribution of W'")
        log.line("      is valid for 4<=n<=2000.")


@command(
    "sktest",
    "varlist(numeric) [if] [in] [, NOAdjust]",
    by="recall",
    stored="r(N) r(p_skew) r(p_kurt) r(chi2) r(p_chi2)",
    refused="weights",
)
def sktest(session: Session, line: Line) -> None:
    """Skewness and kurtosis tests for normality."""
    log = session.log
    adjust = not line.flag("noadjust")
    log.line()
    log.line("Skewness and kurtosis tests for normality")
    log.line(" " * 57 + "----- Joint test -----")
    heading = "Adj chi2(2)" if adjust else "    chi2(2)"
    log.line(f"    Variable |       Obs   Pr(skewness)   Pr(kurtosis)   {heading}  Prob>chi2")
    log.line(rule(13, 65))
    for name, x in _samples(session, line, 8):
        test = skewness_kurtosis_test(x, adjust)
        chi2 = f"{test['chi2']:.2f}" if np.isfinite(test["chi2"]) else "."
        log.line(
            f"{right(abbreviate(name, 12), 12)} |{count(x.size):>10}{test['p_skew']:15.4f}{test['p_kurt']:15.4f}"
            f"{chi2:>14}{test['p_chi2']:11.4f}"
        )
        session.r = ResultSet(scalars={"N": float(x.size), **test})
