"""prtest, prtesti: tests of proportions."""

from __future__ import annotations

import re

import numpy as np

from ssd.engine.commands.declare import Line, command
from ssd.engine.commands.describe_selection import confidence_level, present, two_groups
from ssd.engine.errors import StataError, invalid_syntax, no_observations, unsupported
from ssd.engine.missing import MISSING, FloatArray
from ssd.engine.output.tables import abbreviate, clip, count, number, right, rule
from ssd.engine.output.test_report import LINE, hypotheses, statement
from ssd.engine.results import ResultSet
from ssd.engine.session import Session
from ssd.engine.stats.group_means import one_proportion, two_proportions

STORED = "r(N_1) r(N_2) r(P_1) r(P_2) r(P_diff) r(z) r(p) r(p_l) r(p_u) r(level)"


@command(
    "prtest",
    "anything [if] [in] [, BY(varname) Level(cilevel) CLuster(varname) RHO(real -1)]",
    by="recall",
    stored=STORED,
    refused="cluster(), rho()",
)
def prtest(session: Session, line: Line) -> None:
    """One- and two-sample tests of proportions."""
    if line.options.get("cluster"):
        raise unsupported("prtest, cluster()")
    mask = line.sample(session)
    level = confidence_level(session, line)
    by = line.text_option("by")
    if by:
        name = session.variable_named(line.anything)
        kept = mask & present(session, name) & present(session, by)
        groups = two_groups(session, by, kept)
        x = _binary(session, name, kept)
        parts = [x[groups.codes == code] for code in (0, 1)]
        _two(
            session,
            [(groups.labels[i], float(p.size), float(p.mean())) for i, p in enumerate(parts)],
            level,
            "Group",
        )
        return
    match = re.fullmatch(r"\s*(\w+)\s*={1,2}\s*(.+?)\s*", line.anything)
    if match is None:
        raise invalid_syntax()
    first = session.variable_named(match[1])
    if re.fullmatch(r"[A-Za-z_]\w*", match[2]):
        second = session.variable_named(match[2])
        parts = [_binary(session, n, mask & present(session, n)) for n in (first, second)]
        _two(
            session,
            [(n, float(p.size), float(p.mean())) for n, p in zip((first, second), parts, strict=True)],
            level,
            "Variable",
        )
    else:
        x = _binary(session, first, mask & present(session, first))
        _one(session, first, float(x.size), float(x.mean()), session.evaluate_number(match[2]), match[2], level)


@command("prtesti", "anything [, Level(cilevel) COUnt]", stored=STORED)
def prtesti(session: Session, line: Line) -> None:
    """Tests of proportions from counts: #obs #p #value, or #obs1 #p1 #obs2 #p2."""
    numbers = [session.evaluate_number(word) for word in line.anything.split()]
    level = confidence_level(session, line)
    if len(numbers) < 3 or any(not 0.0 < n < MISSING for n in numbers[0 : 2 * (len(numbers) // 2) : 2]):
        raise invalid_syntax()
    if line.flag("count"):
        numbers[1] /= numbers[0]
        if len(numbers) == 4:
            numbers[3] /= numbers[2]
    if any(not 0.0 <= p <= 1.0 for p in numbers[1::2]):
        raise invalid_syntax()
    if len(numbers) == 3:
        _one(session, "x", numbers[0], numbers[1], numbers[2], number(numbers[2]), level)
    elif len(numbers) == 4:
        _two(session, [("x", numbers[0], numbers[1]), ("y", numbers[2], numbers[3])], level, "Variable")
    else:
        raise invalid_syntax()


def _binary(session: Session, name: str, kept: np.ndarray) -> FloatArray:
    x = session.data.numeric(name)[kept]
    if x.size == 0:
        raise no_observations()
    if np.any((x != 0) & (x != 1)):
        raise StataError(450, f"{name} is not a 0/1 variable")
    return np.asarray(x, dtype=np.float64)


def _z_critical(level: float) -> float:
    from scipy.special import ndtri

    return float(ndtri(0.5 + level / 200))


def _head(session: Session, stub: str, level: float, with_z: bool) -> None:
    log = session.log
    log.line(LINE)
    middle = "      z    P>|z|" if with_z else " " * 16
    log.line(f"{right(stub, 12)} |       Mean   Std. err.{middle}{right(f'[{level:g}% conf. interval]', 25)}")
    log.line(rule(13, 64))


def _row(session: Session, name: str, p: float, se: float, critical: float) -> None:
    cells = right(number(p), 11) + right(number(se), 11) + " " * 16
    cells += right(number(p - critical * se), 14) + right(number(p + critical * se), 12)
    session.log.line(f"{right(name, 12)} |{cells}")


def _one(session: Session, name: str, n: float, p: float, null: float, null_text: str, level: float) -> None:
    test = one_proportion(n, p, null)
    log = session.log
    log.line()
    title = "One-sample test of proportion"
    log.line(title + right(f"Number of obs = {count(n):>8}", 78 - len(title)))
    log.line()
    _head(session, "Variable", level, with_z=False)
    critical = _z_critical(level)
    _row(session, abbreviate(name, 12), p, test.se, critical)
    log.line(LINE)
    statement(log, f"    p = proportion({name})", f"H0: p = {null_text}", "z", test.z, "")
    hypotheses(log, "p", null_text, "z", test.p_lower, test.p_two_sided, test.p_upper)
    session.r = ResultSet(
        scalars={
            "N_1": n,
            "N": n,
            "P_1": p,
            "P": p,
            "se": test.se,
            "z": test.z,
            "p_l": test.p_lower,
            "p": test.p_two_sided,
            "p_u": test.p_upper,
            "lb": p - critical * test.se,
            "ub": p + critical * test.se,
            "level": level,
        }
    )


def _two(session: Session, groups: list[tuple[str, float, float]], level: float, stub: str) -> None:
    (name1, n1, p1), (name2, n2, p2) = groups
    test = two_proportions(n1, p1, n2, p2)
    critical = _z_critical(level)
    log = session.log
    log.line()
    title = "Two-sample test of proportions"
    tails = [f"{clip(name, 20)}: Number of obs = {count(n):>8}" for name, n in ((name1, n1), (name2, n2))]
    log.line(title + right(tails[0], 78 - len(title)))
    log.line(right(tails[1], 78))
    _head(session, stub, level, with_z=True)
    se1, se2 = float(np.sqrt(p1 * (1 - p1) / n1)), float(np.sqrt(p2 * (1 - p2) / n2))
    for name, p, se in ((name1, p1, se1), (name2, p2, se2)):
        _row(session, abbreviate(name, 12), p, se, critical)
    log.line(rule(13, 64))
    _row(session, "diff", p1 - p2, test.se, critical)
    log.line(f"{'':12} |{'under H0:':>11}{right(number(test.se_null), 11)}{test.z:9.2f}{test.p_two_sided:8.3f}")
    log.line(LINE)
    statement(
        log,
        f"        diff = prop({clip(name1, 14)}) - prop({clip(name2, 14)})",
        "    H0: diff = 0",
        "z",
        test.z,
        "",
    )
    hypotheses(log, "diff", "0", "z", test.p_lower, test.p_two_sided, test.p_upper)
    session.r = ResultSet(
        scalars={
            "N_1": n1,
            "N_2": n2,
            "P_1": p1,
            "P_2": p2,
            "P_diff": p1 - p2,
            "se_diff": test.se,
            "se_diff0": test.se_null,
            "z": test.z,
            "p_l": test.p_lower,
            "p": test.p_two_sided,
            "p_u": test.p_upper,
            "lb_diff": p1 - p2 - critical * test.se,
            "ub_diff": p1 - p2 + critical * test.se,
            "level": level,
        }
    )
