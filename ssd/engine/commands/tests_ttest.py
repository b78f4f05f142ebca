"""ttest, ttesti: t tests on means."""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np

from ssd.engine.commands.declare import Line, command
from ssd.engine.commands.describe_selection import confidence_level, present, two_groups
from ssd.engine.errors import StataError, invalid_syntax, no_observations
from ssd.engine.missing import MISSING, FloatArray
from ssd.engine.output.log import Log
from ssd.engine.output.tables import clip, number, rule
from ssd.engine.output.test_report import LINE, df_text, hypotheses, means_head, means_row, short, statement
from ssd.engine.results import ResultSet
from ssd.engine.session import Session
from ssd.engine.stats.group_means import TTest, one_sample, t_critical, two_samples
from ssd.engine.stats.moments import moments

STORED = (
    "r(N_1) r(N_2) r(mu_1) r(mu_2) r(df_t) r(t) r(p) r(p_l) r(p_u) r(se) r(sd_1) r(sd_2) r(sd) r(level) r(lb) r(ub)"
)


@dataclass(frozen=True)
class Group:
    """Size, mean and standard deviation of one sample."""

    label: str
    n: float
    mean: float
    sd: float

    @property
    def se(self) -> float:
        return self.sd / float(np.sqrt(self.n)) if self.sd < MISSING else MISSING


@command(
    "ttest",
    "anything [if] [in] [, BY(varname) UNEqual Welch UNPaired Level(cilevel) REVerse]",
    by="recall",
    stored=STORED,
    refused="none",
)
def ttest(session: Session, line: Line) -> None:
    """One-sample, two-sample and paired t tests."""
    level = confidence_level(session, line)
    unequal = line.flag("unequal") or line.flag("welch")
    by = line.text_option("by")
    mask = line.sample(session)
    if by:
        name = session.variable_named(line.anything)
        _by_groups(session, line, name, by, mask, level, unequal)
        return
    match = re.fullmatch(r"\s*(\S+?)\s*={1,2}\s*(.+?)\s*", line.anything)
    if match is None:
        raise (
            StataError(100, "by() option required") if re.fullmatch(r"\s*\w+\s*", line.anything) else invalid_syntax()
        )
    first = session.variable_named(match[1])
    second = _variable(session, match[2])
    if second is None:
        x = _complete(session, [first], mask)[0]
        report_one(session, group_of(short(first), x), first, session.evaluate_number(match[2]), match[2], level)
    elif line.flag("unpaired"):
        x, y = (
            session.data.numeric(first)[mask & present(session, first)],
            session.data.numeric(second)[mask & present(session, second)],
        )
        report_two(
            session,
            group_of(short(first), x),
            group_of(short(second), y),
            level,
            unequal,
            line.flag("welch"),
            np.concatenate([x, y]),
        )
    else:
        _paired(session, first, second, mask, level)


def _variable(session: Session, text: str) -> str | None:
    """The variable a right-hand side names, or None when it is a number."""
    try:
        session.evaluate_number(text) if not re.fullmatch(r"[A-Za-z_]\w*", text) else None
    except StataError:
        return session.variable_named(text)
    return session.variable_named(text) if re.fullmatch(r"[A-Za-z_]\w*", text) else None


def _complete(session: Session, names: list[str], mask: np.ndarray) -> list[FloatArray]:
    kept = mask.copy()
    for name in names:
        kept &= present(session, name)
    if not kept.any():
        raise no_observations()
    return [session.data.numeric(name)[kept] for name in names]


def group_of(label: str, x: FloatArray) -> Group:
    """Size, mean and deviation of complete values. Raises r(2000) when there are none."""
    if x.size == 0:
        raise no_observations()
    m = moments(x)
    return Group(label, m.n, m.mean, m.sd)


def _by_groups(session: Session, line: Line, name: str, by: str, mask: np.ndarray, level: float, unequal: bool) -> None:
    kept = mask & present(session, name) & present(session, by)
    groups = two_groups(session, by, kept)
    x = session.data.numeric(name)[kept]
    order = (1, 0) if line.flag("reverse") else (0, 1)
    parts = [group_of(groups.labels[code], x[groups.codes == code]) for code in order]
    report_two(session, parts[0], parts[1], level, unequal, line.flag("welch"), x)


def _interval(mean: float, se: float, df: float, level: float) -> tuple[float, float]:
    if se >= MISSING or df <= 0:
        return MISSING, MISSING
    half = t_critical(df, level) * se
    return mean - half, mean + half


def group_row(log: Log, g: Group, level: float) -> tuple[float, float]:
    """Print one group; returns its confidence limits."""
    low, high = _interval(g.mean, g.se, g.n - 1, level)
    means_row(log, g.label, g.n, g.mean, g.se, g.sd, low, high)
    return low, high


def _scalars(test: TTest, level: float) -> dict[str, float]:
    return {
        "t": test.t,
        "df_t": test.df,
        "p_l": test.p_lower,
        "p": test.p_two_sided,
        "p_u": test.p_upper,
        "se": test.se,
        "level": level,
    }


def report_one(session: Session, g: Group, name: str, null: float, null_text: str, level: float) -> None:
    """One-sample test: print and store."""
    if g.n < 2:
        raise StataError(2001, "insufficient observations")
    test = one_sample(g.n, g.mean, g.sd, null)
    log = session.log
    log.line()
    log.line("One-sample t test")
    means_head(log, level, "Variable")
    low, high = group_row(log, g, level)
    log.line(LINE)
    shown = number(null) if not re.fullmatch(r"[-+]?\d+(\.\d+)?", null_text) else null_text
    statement(
        log,
        f"    mean = mean({name})",
        f"H0: mean = {shown}",
        "t",
        test.t,
        df_text("Degrees of freedom", test.df),
    )
    hypotheses(log, "mean", shown, "t", test.p_lower, test.p_two_sided, test.p_upper)
    session.r = ResultSet(
        scalars={
            "N_1": g.n,
            "mu_1": g.mean,
            "sd_1": g.sd,
            **_scalars(test, level),
            "lb": low,
            "ub": high,
        }
    )


def report_two(
    session: Session,
    a: Group,
    b: Group,
    level: float,
    unequal: bool,
    welch: bool,
    together: FloatArray | None,
) -> None:
    """Two-sample test: print and store. `together` gives the combined row, computed from the groups if None."""
    if a.n + b.n < 3:
        raise StataError(2001, "insufficient observations")
    test = two_samples(a.n, a.mean, a.sd, b.n, b.mean, b.sd, unequal=unequal, welch=welch)
    log = session.log
    log.line()
    log.line(f"Two-sample t test with {'unequal' if unequal else 'equal'} variances")
    means_head(log, level)
    group_row(log, a, level)
    group_row(log, b, level)
    log.line(rule(9, 68))
    combined = group_of("Combined", together) if together is not None else combine_groups(a, b)
    group_row(log, combined, level)
    log.line(rule(9, 68))
    low, high = _interval(test.difference, test.se, test.df, level)
    means_row(log, "diff", None, test.difference, test.se, None, low, high)
    log.line(LINE)
    words = "Degrees of freedom"
    if unequal:
        words = "Welch's degrees of freedom" if welch else "Satterthwaite's degrees of freedom"
    tail = f"{words} = {test.df:8.4f}" if unequal else df_text(words, test.df)
    first = f"    diff = mean({clip(a.label, 8)}) - mean({clip(b.label, 8)})"
    statement(log, first, "H0: diff = 0", "t", test.t, tail)
    hypotheses(log, "diff", "0", "t", test.p_lower, test.p_two_sided, test.p_upper)
    session.r = ResultSet(
        scalars={
            "N_1": a.n,
            "N_2": b.n,
            "mu_1": a.mean,
            "mu_2": b.mean,
            "sd_1": a.sd,
            "sd_2": b.sd,
            "sd": combined.sd,
            **_scalars(test, level),
            "lb": low,
            "ub": high,
        }
    )


def combine_groups(a: Group, b: Group) -> Group:
    """The two groups as one sample."""
    n = a.n + b.n
    mean = (a.n * a.mean + b.n * b.mean) / n
    squares = (a.n - 1) * a.sd**2 + (b.n - 1) * b.sd**2 + a.n * (a.mean - mean) ** 2 + b.n * (b.mean - mean) ** 2
    return Group("Combined", n, mean, float(np.sqrt(squares / (n - 1))))


def _paired(session: Session, first: str, second: str, mask: np.ndarray, level: float) -> None:
    x, y = _complete(session, [first, second], mask)
    if x.size < 2:
        raise StataError(2001, "insufficient observations")
    a, b, d = group_of(short(first), x), group_of(short(second), y), group_of("diff", x - y)
    test = one_sample(d.n, d.mean, d.sd, 0.0)
    log = session.log
    log.line()
    log.line("Paired t test")
    means_head(log, level, "Variable")
    group_row(log, a, level)
    group_row(log, b, level)
    log.line(rule(9, 68))
    low, high = group_row(log, d, level)
    log.line(LINE)
    statement(
        log,
        f"     mean(diff) = mean({short(first)} - {short(second)})",
        " H0: mean(diff) = 0",
        "t",
        test.t,
        df_text("Degrees of freedom", test.df),
    )
    hypotheses(log, "mean(diff)", "0", "t", test.p_lower, test.p_two_sided, test.p_upper)
    session.r = ResultSet(
        scalars={
            "N_1": a.n,
            "N_2": b.n,
            "mu_1": a.mean,
            "mu_2": b.mean,
            "sd_1": a.sd,
            "sd_2": b.sd,
            **_scalars(test, level),
            "lb": low,
            "ub": high,
        }
    )


@command("ttesti", "anything [, UNEqual Welch Level(cilevel) Xname(string) Yname(string)]", stored=STORED)
def ttesti(session: Session, line: Line) -> None:
    """t tests from summary numbers: #obs #mean #sd #value, or two triples."""
    numbers = [session.evaluate_number(word) for word in line.anything.split()]
    level = confidence_level(session, line)
    x, y = line.text_option("xname") or "x", line.text_option("yname") or "y"
    if len(numbers) == 4:
        n, mean, sd, null = numbers
        report_one(session, Group(x, n, mean, sd), x, null, number(null), level)
    elif len(numbers) == 6:
        a, b = Group(x, *numbers[:3]), Group(y, *numbers[3:])
        report_two(session, a, b, level, line.flag("unequal") or line.flag("welch"), line.flag("welch"), None)
    else:
        raise invalid_syntax()
