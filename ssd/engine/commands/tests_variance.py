"""sdtest, sdtesti and robvar: tests of standard deviations."""

from __future__ import annotations

import re

from ssd.engine.commands.declare import Line, command
from ssd.engine.commands.describe_selection import (
    Selection,
    categories,
    confidence_level,
    heading,
    present,
    two_groups,
)
from ssd.engine.commands.describe_tabsum import print_summaries
from ssd.engine.commands.tests_ttest import Group, combine_groups, group_of, group_row
from ssd.engine.errors import StataError, invalid_syntax, no_observations
from ssd.engine.output.tables import clip, number, rule
from ssd.engine.output.test_report import LINE, means_head, short, statement
from ssd.engine.results import ResultSet
from ssd.engine.session import Session
from ssd.engine.stats.variance_tests import Tails, robust_variance, variance_against, variance_ratio

STORED = "r(N) r(N_1) r(N_2) r(F) r(chi2) r(df) r(df_1) r(df_2) r(p) r(p_l) r(p_u) r(sd_1) r(sd_2)"


@command("sdtest", "anything [if] [in] [, BY(varname) Level(cilevel)]", by="recall", stored=STORED)
def sdtest(session: Session, line: Line) -> None:
    """Variance-comparison tests."""
    mask = line.sample(session)
    level = confidence_level(session, line)
    by = line.text_option("by")
    if by:
        name = session.variable_named(line.anything)
        kept = mask & present(session, name) & present(session, by)
        groups = two_groups(session, by, kept)
        x = session.data.numeric(name)[kept]
        a, b = (group_of(groups.labels[c], x[groups.codes == c]) for c in (0, 1))
        _ratio(session, a, b, level, "Group")
        return
    match = re.fullmatch(r"\s*(\w+)\s*={1,2}\s*(.+?)\s*", line.anything)
    if match is None:
        raise invalid_syntax()
    first = session.variable_named(match[1])
    x = session.data.numeric(first)[mask & present(session, first)]
    if re.fullmatch(r"[A-Za-z_]\w*", match[2]):
        second = session.variable_named(match[2])
        y = session.data.numeric(second)[mask & present(session, second)]
        _ratio(session, group_of(short(first), x), group_of(short(second), y), level, "Variable")
    else:
        _single(session, group_of(short(first), x), session.evaluate_number(match[2]), match[2], level)


@command("sdtesti", "anything [, Level(cilevel)]", stored=STORED)
def sdtesti(session: Session, line: Line) -> None:
    """Variance tests from summary numbers; a mean may be given as `.`."""
    numbers = [session.evaluate_number(word) for word in line.anything.split()]
    level = confidence_level(session, line)
    if len(numbers) == 4:
        _single(session, Group("x", *numbers[:3]), numbers[3], number(numbers[3]), level)
    elif len(numbers) == 6:
        _ratio(session, Group("x", *numbers[:3]), Group("y", *numbers[3:]), level, "Variable")
    else:
        raise invalid_syntax()


def _single(session: Session, g: Group, null: float, null_text: str, level: float) -> None:
    log = session.log
    test = variance_against(g.n, g.sd, null)
    log.line()
    log.line("One-sample test of variance")
    means_head(log, level, "Variable")
    group_row(log, g, level)
    log.line(LINE)
    statement(
        log,
        f"    sd = sd({g.label})",
        f"H0: sd = {null_text}",
        "c = chi2",
        test.statistic,
        f"Degrees of freedom = {g.n - 1:8.0f}",
    )
    lower_first = test.p_lower <= test.p_upper
    _three(session, f"sd < {null_text}", f"sd != {null_text}", f"sd > {null_text}", "C", "c", test, lower_first)
    session.r = ResultSet(
        scalars={
            "N": g.n,
            "sd": g.sd,
            "chi2": test.statistic,
            "df": g.n - 1,
            "p_l": test.p_lower,
            "p": test.p_two_sided,
            "p_u": test.p_upper,
        }
    )


def _ratio(session: Session, a: Group, b: Group, level: float, stub: str) -> None:
    log = session.log
    test = variance_ratio(a.n, a.sd, b.n, b.sd)
    log.line()
    log.line("Variance ratio test")
    means_head(log, level, stub)
    group_row(log, a, level)
    group_row(log, b, level)
    log.line(rule(9, 68))
    combined = combine_groups(a, b)
    group_row(log, combined, level)
    log.line(LINE)
    df = f"{a.n - 1:.0f}, {b.n - 1:.0f}"
    first = f"    ratio = sd({clip(a.label, 8)}) / sd({clip(b.label, 8)})"
    statement(log, first, "H0: ratio = 1", "f", test.statistic, f"Degrees of freedom = {df:>8}")
    _three(session, "ratio < 1", "ratio != 1", "ratio > 1", "F", "f", test, test.p_lower <= test.p_upper)
    session.r = ResultSet(
        scalars={
            "N_1": a.n,
            "N_2": b.n,
            "sd_1": a.sd,
            "sd_2": b.sd,
            "sd": combined.sd,
            "F": test.statistic,
            "df_1": a.n - 1,
            "df_2": b.n - 1,
            "p_l": test.p_lower,
            "p": test.p_two_sided,
            "p_u": test.p_upper,
        }
    )


def _three(
    session: Session, low: str, two: str, high: str, upper: str, letter: str, test: Tails, lower_first: bool
) -> None:
    sign = "<" if lower_first else ">"
    session.log.line(f"    Ha: {low:<24}Ha: {two:<27}Ha: {high}")
    session.log.line(
        f"  Pr({upper} < {letter}) = {test.p_lower:.4f}         2*Pr({upper} {sign} {letter}) = {test.p_two_sided:.4f}"
        f"           Pr({upper} > {letter}) = {test.p_upper:.4f}"
    )


@command(
    "robvar",
    "varname [if] [in], BY(varname)",
    by="recall",
    stored="r(N) r(w0) r(p_w0) r(w50) r(p_w50) r(w10) r(p_w10) r(df_1) r(df_2)",
)
def robvar(session: Session, line: Line) -> None:
    """Levene's test of equal variances and its robust forms of Brown and Forsythe."""
    name, by = line.varlist[0], line.text_option("by")
    if not by:
        raise StataError(198, "option by() required")
    kept = line.sample(session) & present(session, name) & present(session, by)
    if not kept.any():
        raise no_observations()
    groups = categories(session, by, kept)
    if groups.size < 2:
        raise StataError(420, "1 group found, at least 2 required")
    x = session.data.numeric(name)[kept]
    print_summaries(session, heading(session, name), groups, x, Selection(kept, None, ""), ["mean", "sd", "freq"])
    results, df1, df2 = robust_variance([x[groups.codes == code] for code in range(groups.size)])
    scalars = {"N": float(x.size)}
    log = session.log
    log.line()
    for position, (key, (statistic, p)) in enumerate(results.items()):
        if position:
            log.line()
        log.line(f"{key.upper():<3} = {statistic:10.7f}   df({df1}, {df2})     Pr > F = {p:.8f}")
        scalars |= {key: statistic, f"p_{key}": p}
    session.r = ResultSet(scalars=scalars | {"df_1": float(df1), "df_2": float(df2)})
