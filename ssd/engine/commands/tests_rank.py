"""ranksum, signrank, signtest, kwallis, median, ksmirnov: rank tests."""

from __future__ import annotations

import re

import numpy as np

from ssd.engine.commands.declare import Line, command
from ssd.engine.commands.describe_selection import categories, heading, present, two_groups
from ssd.engine.errors import StataError, invalid_syntax, no_observations, unsupported
from ssd.engine.missing import MISSING, FloatArray, from_nan
from ssd.engine.output.estimation import fixed
from ssd.engine.output.tables import abbreviate, clip, count, display_width, number, right, rule
from ssd.engine.results import ResultSet
from ssd.engine.session import Session
from ssd.engine.stats import crosstab
from ssd.engine.stats.moments import percentiles
from ssd.engine.stats.rank_tests import (
    kruskal_wallis,
    rank_sum,
    signed_rank,
    smirnov_one_sample,
    smirnov_p,
    smirnov_two_sample,
)

EXACT_LIMIT = 200
"""Largest sample for which the exact p-value is printed without being asked for ([R] ranksum)."""


@command(
    "ranksum",
    "varname [if] [in], BY(varname) [PORDER EXACT]",
    by="recall",
    stored="r(N) r(N_1) r(N_2) r(z) r(Var_a) r(group1) r(sum_obs) r(sum_exp) r(p) r(p_exact) r(porder)",
)
def ranksum(session: Session, line: Line) -> None:
    """Wilcoxon rank-sum (Mann-Whitney) test."""
    name, by = line.varlist[0], _by(line)
    kept = line.sample(session) & present(session, name) & present(session, by)
    groups = two_groups(session, by, kept)
    x = session.data.numeric(name)[kept]
    exact = line.flag("exact") or x.size <= EXACT_LIMIT
    test = rank_sum(x[groups.codes == 0], x[groups.codes == 1], exact)
    log = session.log
    log.line()
    log.line("Two-sample Wilcoxon rank-sum (Mann–Whitney) test")
    log.line()
    log.line(f"{right(abbreviate(by, 12), 12)} |      Obs    Rank sum    Expected")
    log.line(rule(13, 33))
    rows = [(clip(groups.labels[0], 12), test.n1, test.sum1, test.expected1)]
    rows.append((clip(groups.labels[1], 12), test.n2, test.sum2, test.expected2))
    for label, n, observed, expected in rows:
        log.line(f"{right(label, 12)} |{count(n):>9}{number(observed):>12}{number(expected):>12}")
    log.line(rule(13, 33))
    total = test.sum1 + test.sum2
    log.line(f"{right('Combined', 12)} |{count(test.n1 + test.n2):>9}{number(total):>12}{number(total):>12}")
    _variance_lines(session, test.variance, [("Adjustment for ties", test.tie_adjustment)])
    subject = [f"{abbreviate(name, 8)}({abbreviate(by, 8)}=={label})" for label in groups.labels]
    log.line(f"H0: {subject[0]} = {subject[1]}")
    _z_lines(session, test.z, test.p, test.p_exact)
    if line.flag("porder"):
        log.line()
        log.line(f"P{{{subject[0]} > {subject[1]}}} = {test.porder:.3f}")
    scalars = {
        "N": float(x.size),
        "N_1": float(test.n1),
        "N_2": float(test.n2),
        "z": test.z,
        "Var_a": test.variance + test.tie_adjustment,
        "group1": float(groups.values[0]) if isinstance(groups.values[0], float) else MISSING,
        "sum_obs": test.sum1,
        "sum_exp": test.expected1,
        "p": test.p,
    }
    if exact:
        scalars["p_exact"] = test.p_exact
    if line.flag("porder"):
        scalars["porder"] = test.porder
    session.r = ResultSet(scalars=scalars)


def _by(line: Line) -> str:
    by = line.text_option("by")
    if not by:
        raise StataError(198, "option by() required")
    return by


def _variance_lines(session: Session, unadjusted: float, adjustments: list[tuple[str, float]]) -> None:
    log = session.log
    log.line()
    log.line(f"Unadjusted variance{unadjusted:12.2f}")
    for label, value in adjustments:
        log.line(f"{label:<19}{_signed(value):>{31 - max(19, len(label))}}")
    log.line(" " * 21 + "-" * 10)
    log.line(f"Adjusted variance  {unadjusted + sum(v for _, v in adjustments):12.2f}")
    log.line()


def _signed(value: float) -> str:
    return f"{-0.0 if value == 0 else value:.2f}" if value != 0 else "0.00"


def _z_lines(session: Session, z: float, p: float, p_exact: float) -> None:
    session.log.line(f"         z = {f'{z:6.3f}' if z < MISSING else '     .'}")
    session.log.line(f"Prob > |z| = {f'{p:.4f}' if p < MISSING else '     .'}")
    if p_exact < MISSING:
        session.log.line(f"Exact prob = {p_exact:.4f}")


def _difference(session: Session, line: Line) -> tuple[FloatArray, str, str]:
    """Left minus right of `x = exp` over complete observations, and the two names."""
    match = re.fullmatch(r"\s*(\w+)\s*={1,2}\s*(.+?)\s*", line.anything)
    if match is None:
        raise invalid_syntax()
    name = session.variable_named(match[1])
    other = session.evaluate_numbers(match[2])
    x = session.data.numeric(name)
    kept = line.sample(session) & present(session, name) & (other < MISSING)
    if not kept.any():
        raise no_observations()
    return x[kept] - other[kept], name, match[2]


@command(
    "signrank",
    "anything(equalok) [if] [in] [, EXACT]",
    by="recall",
    stored="r(N_neg) r(N_pos) r(N_tie) r(sum_pos) r(sum_neg) r(z) r(Var_a) r(p) r(p_exact)",
)
def signrank(session: Session, line: Line) -> None:
    """Wilcoxon matched-pairs signed-rank test."""
    difference, name, other = _difference(session, line)
    exact = line.flag("exact") or difference.size <= EXACT_LIMIT
    test = signed_rank(difference, exact)
    log = session.log
    log.line()
    log.line("Wilcoxon signed-rank test")
    log.line()
    log.line("        Sign |      Obs   Sum ranks    Expected")
    log.line(rule(13, 33))
    rows = [("Positive", test.n_positive, test.sum_positive, test.expected)]
    rows.append(("Negative", test.n_negative, test.sum_negative, test.expected))
    rows.append(("Zero", test.n_zero, test.sum_zero, test.sum_zero))
    for label, n, observed, expected in rows:
        log.line(f"{right(label, 12)} |{count(n):>9}{number(observed):>12}{number(expected):>12}")
    log.line(rule(13, 33))
    total = test.sum_positive + test.sum_negative + test.sum_zero
    log.line(f"{right('All', 12)} |{count(difference.size):>9}{number(total):>12}{number(total):>12}")
    log.line()
    adjusted = test.variance + test.tie_adjustment + test.zero_adjustment
    log.line(f"Unadjusted variance {test.variance:11.2f}")
    log.line(f"Adjustment for ties {_signed(test.tie_adjustment):>11}")
    log.line(f"Adjustment for zeros{_signed(test.zero_adjustment):>11}")
    log.line(" " * 21 + "-" * 10)
    log.line(f"Adjusted variance   {adjusted:11.2f}")
    log.line()
    log.line(f"H0: {name} = {other}")
    _z_lines(session, test.z, test.p, test.p_exact)
    scalars = {
        "N_pos": float(test.n_positive),
        "N_neg": float(test.n_negative),
        "N_tie": float(test.n_zero),
        "sum_pos": test.sum_positive,
        "sum_neg": test.sum_negative,
        "z": test.z,
        "Var_a": adjusted,
        "p": test.p,
    }
    if exact:
        scalars["p_exact"] = test.p_exact
    session.r = ResultSet(scalars=scalars)


@command(
    "signtest",
    "anything(equalok) [if] [in]",
    by="recall",
    stored="r(N_neg) r(N_pos) r(N_tie) r(p_2) r(p_neg) r(p_pos)",
)
def signtest(session: Session, line: Line) -> None:
    """Sign test of matched pairs."""
    from ssd.engine.stats.tails import binom

    difference, name, other = _difference(session, line)
    positive, negative = int((difference > 0).sum()), int((difference < 0).sum())
    zero, n = difference.size - positive - negative, positive + negative
    p_pos, p_neg = float(binom.sf(positive - 1, n, 0.5)), float(binom.sf(negative - 1, n, 0.5))
    larger = max(positive, negative)
    p_two = min(1.0, 2 * float(binom.sf(larger - 1, n, 0.5)))
    log = session.log
    log.line()
    log.line("Sign test")
    log.line()
    log.line("        Sign |    Observed    Expected")
    log.line(rule(13, 24))
    for label, observed, expected in (
        ("Positive", positive, n / 2),
        ("Negative", negative, n / 2),
        ("Zero", zero, zero),
    ):
        log.line(f"{right(label, 12)} |{count(observed):>12}{number(float(expected)):>12}")
    log.line(rule(13, 24))
    log.line(f"{right('All', 12)} |{count(difference.size):>12}{count(difference.size):>12}")
    log.line()
    log.line("One-sided tests:")
    subject = f"median of {name} - {other}"
    for sign, word, k, p in ((">", "positive", positive, p_pos), ("<", "negative", negative, p_neg)):
        log.line(f"  H0: {subject} = 0 vs.")
        log.line(f"  Ha: {subject} {sign} 0")
        log.line(f"      Pr(#{word} >= {k}) =")
        log.line(f"         Binomial(n = {n}, x >= {k}, p = 0.5) = {p:7.4f}")
        log.line()
    log.line("Two-sided test:")
    log.line(f"  H0: {subject} = 0 vs.")
    log.line(f"  Ha: {subject} != 0")
    log.line(f"      Pr(#positive >= {larger} or #negative >= {larger}) =")
    log.line(f"         min(1, 2*Binomial(n = {n}, x >= {larger}, p = 0.5)) = {p_two:7.4f}")
    session.r = ResultSet(
        scalars={
            "N_pos": float(positive),
            "N_neg": float(negative),
            "N_tie": float(zero),
            "p_pos": p_pos,
            "p_neg": p_neg,
            "p_2": p_two,
        }
    )


@command("kwallis", "varname [if] [in], BY(varname)", by="recall", stored="r(df) r(chi2) r(chi2_adj) r(p) r(p_adj)")
def kwallis(session: Session, line: Line) -> None:
    """Kruskal-Wallis equality-of-populations rank test."""
    from ssd.engine.stats.tails import chi2

    name, by = line.varlist[0], _by(line)
    kept = line.sample(session) & present(session, name) & present(session, by)
    if not kept.any():
        raise no_observations()
    groups = categories(session, by, kept)
    if groups.size < 2:
        raise StataError(420, "1 group found, at least 2 required")
    test = kruskal_wallis(session.data.numeric(name)[kept], groups.codes.astype(np.float64), groups.size)
    p, p_adj = float(chi2.sf(test.chi2, test.df)), float(chi2.sf(test.chi2_adjusted, test.df))
    log = session.log
    log.line()
    log.line("Kruskal–Wallis equality-of-populations rank test")
    log.line()
    sums = [f"{s:.2f}" for s in test.rank_sums]
    widths = (
        max(display_width(by), *(display_width(label) for label in groups.labels)),
        max([3, *(len(count(float(n))) for n in test.counts)]),
        max([8, *(len(s) for s in sums)]),
    )
    border = "+" + "-" * (sum(widths) + 8) + "+"
    log.line("  " + border)
    log.line(f"  | {right(by, widths[0])} | {'Obs':>{widths[1]}} | {'Rank sum':>{widths[2]}} |")
    log.line("  |" + "+".join("-" * (w + 2) for w in widths) + "|")
    for label, n, text in zip(groups.labels, test.counts, sums, strict=True):
        log.line(f"  | {right(label, widths[0])} | {count(float(n)):>{widths[1]}} | {text:>{widths[2]}} |")
    log.line("  " + border)
    log.line()
    for title, statistic, tail in (
        (f"chi2({test.df})", test.chi2, p),
        (f"chi2({test.df}) with ties", test.chi2_adjusted, p_adj),
    ):
        log.line(f"  {title} = {statistic:.3f}")
        log.line(f"  {right('Prob', len(title))} = {tail:.4f}")
        if title == f"chi2({test.df})":
            log.line()
    session.r = ResultSet(
        scalars={
            "df": float(test.df),
            "chi2": test.chi2,
            "chi2_adj": test.chi2_adjusted,
            "p": p,
            "p_adj": p_adj,
        }
    )


@command(
    "median",
    "varname [if] [in] [fweight], BY(varname) [EXact MEDianties(string)]",
    by="recall",
    stored="r(N) r(chi2) r(p) r(chi2_cc) r(p_cc) r(groups) r(p_exact)",
    refused="medianties(drop), medianties(split)",
)
def median(session: Session, line: Line) -> None:
    """Nonparametric test that samples have the same median."""
    from ssd.engine.stats.tails import chi2 as chi_squared

    ties = line.text_option("medianties") or "below"
    if ties not in ("below", "above"):
        raise unsupported(f"medianties({ties})")
    name, by = line.varlist[0], _by(line)
    from ssd.engine.commands.describe_selection import select

    chosen = select(session, line, [name, by])
    if not chosen.mask.any():
        raise no_observations()
    groups = categories(session, by, chosen.mask)
    x = session.data.numeric(name)[chosen.mask]
    middle = float(percentiles(x, np.array([50.0]), chosen.weights)[0])
    above = x > middle if ties == "below" else x >= middle
    weights = chosen.frequencies()
    table = np.array(
        [
            [float(weights[(groups.codes == g) & (above == flag)].sum()) for g in range(groups.size)]
            for flag in (False, True)
        ]
    )
    statistic, p = crosstab.pearson(table)
    scalars = {"N": chosen.n, "chi2": statistic, "p": p, "groups": float(groups.size)}
    log = session.log
    log.line()
    log.line("Median test")
    log.line()
    span = 11 * groups.size
    title = heading(session, by)
    log.line("   Greater |")
    log.line("  than the |" + " " * max(0, (span - display_width(title)) // 2) + title)
    log.line("    median |" + "".join(right(clip(label, 9), 10) + " " for label in groups.labels) + "|     Total")
    log.line(rule(11, span, 10))
    for label, row in (("no", table[0]), ("yes", table[1]), ("Total", table.sum(axis=0))):
        if label == "Total":
            log.line(rule(11, span, 10))
        cells = "".join(f"{count(float(v)):>10} " for v in row)
        log.line(f"{right(label, 10)} |{cells}|{count(float(row.sum())):>10} ")
    log.line()
    df = groups.size - 1
    log.line(f"{right(f'Pearson chi2({df})', 25)} = {fixed(statistic, 4):>8}   Pr = {fixed(p, 3)}")
    if line.flag("exact"):
        two_sided, one_sided = crosstab.fisher_exact(table)
        scalars["p_exact"] = two_sided
        log.line(right("Fisher's exact", 25) + f" ={two_sided:22.3f}")
        if one_sided < MISSING:
            log.line(right("1-sided Fisher's exact", 25) + f" ={one_sided:22.3f}")
    if groups.size == 2:
        expected = crosstab.expected_counts(table)
        corrected = float(np.sum(np.maximum(np.abs(table - expected) - 0.5, 0) ** 2 / expected))
        p_cc = float(chi_squared.sf(corrected, 1))
        scalars |= {"chi2_cc": corrected, "p_cc": p_cc}
        log.line()
        log.line("   Continuity corrected:")
        log.line(f"{right('Pearson chi2(1)', 25)} = {fixed(corrected, 4):>8}   Pr = {fixed(p_cc, 3)}")
    session.r = ResultSet(scalars=scalars)


@command(
    "ksmirnov",
    "anything(equalok) [if] [in] [, BY(varname) Exact]",
    by="recall",
    stored="r(D_1) r(p_1) r(D_2) r(p_2) r(D) r(p) r(p_cor) r(p_exact)",
    refused="one-sample exact",
)
def ksmirnov(session: Session, line: Line) -> None:
    """Kolmogorov-Smirnov equality-of-distributions test."""
    log = session.log
    by = line.text_option("by")
    mask = line.sample(session)
    if by:
        name = session.variable_named(line.anything)
        kept = mask & present(session, name) & present(session, by)
        groups = two_groups(session, by, kept)
        x = session.data.numeric(name)[kept]
        first, second = x[groups.codes == 0], x[groups.codes == 1]
        d_plus, d_minus = smirnov_two_sample(first, second)
        n = first.size * second.size / (first.size + second.size)
        labels = groups.labels
        title = "Two-sample Kolmogorov–Smirnov test for equality of distribution functions"
    else:
        match = re.fullmatch(r"\s*(\w+)\s*={1,2}\s*(.+?)\s*", line.anything)
        if match is None:
            raise StataError(198, "option by() required")
        if line.flag("exact"):
            raise unsupported("ksmirnov, exact with one sample")
        name = session.variable_named(match[1])
        theory = session.evaluate_numbers(match[2])
        kept = mask & present(session, name) & (theory < MISSING)
        if not kept.any():
            raise no_observations()
        x = session.data.numeric(name)[kept]
        cdf = np.asarray(theory[kept], dtype=np.float64)
        ordered = np.sort(x)
        upper = np.searchsorted(ordered, x, side="right") / x.size
        lower = np.searchsorted(ordered, x, side="left") / x.size
        d_minus_theory, d_plus_theory = smirnov_one_sample(cdf, upper, lower)
        d_plus, d_minus = -d_plus_theory, -d_minus_theory
        n, labels = float(x.size), [name, "Cumulative"]
        title = "One-sample Kolmogorov–Smirnov test against theoretical distribution"
    if x.size == 0:
        raise no_observations()
    d = max(d_plus, -d_minus)
    p_1, p_2 = float(np.exp(-2 * n * d_plus**2)), float(np.exp(-2 * n * d_minus**2))
    p = smirnov_p(d, n)
    log.line()
    log.line(title)
    if not by:
        log.line(f"           {match[2] if match else ''}")
    log.line()
    log.line(f"{'Smaller group':<20}D     {'p-value':>7}")
    log.line("-" * 39)
    # Row k tests whether group k holds the smaller values.
    for label, value, tail in ((labels[0], d_plus, p_1), (labels[1], d_minus, p_2), ("Combined K-S", d, p)):
        log.line(f"{clip(label, 16):<16}{value:8.4f}{tail:12.3f}")
    scalars = {"D_1": d_plus, "p_1": p_1, "D_2": d_minus, "p_2": p_2, "D": d, "p": p}
    if by and line.flag("exact"):
        from scipy.stats import ks_2samp

        exact = float(from_nan(np.array([ks_2samp(first, second, method="exact").pvalue]))[0])
        scalars["p_exact"] = exact
        log.line(f"{'Exact':<16}{'':8}{exact:12.3f}")
    if np.unique(x).size < x.size:
        log.line()
        log.line(f"Note: Ties exist in {'combined dataset' if by else 'dataset'};")
        log.line(f"      there are {np.unique(x).size} unique values out of {x.size} observations.")
    session.r = ResultSet(scalars=scalars)
