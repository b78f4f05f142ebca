"""esize, esizei, ztest, ztesti: effect sizes and tests of means with known standard deviations."""

from __future__ import annotations

import math
import re

from ssd.engine.commands.declare import Line, command
from ssd.engine.commands.describe_selection import confidence_level, present, two_groups
from ssd.engine.commands.tests_ttest import Group, group_of
from ssd.engine.errors import StataError, invalid_syntax, unsupported
from ssd.engine.missing import FloatArray
from ssd.engine.output.tables import count, number, right
from ssd.engine.output.test_report import LINE, hypotheses, means_head, means_row, short, statement
from ssd.engine.results import ResultSet
from ssd.engine.session import Session
from ssd.engine.stats.effect_sizes import EffectSize, mean_comparison
from ssd.engine.stats.tails import norm

EFFECTS = "COHensd HEDgesg GLAssdelta PBCorr ALL UNEqual Welch Level(cilevel)"
ESIZE_STORED = "r(d) r(lb_d) r(ub_d) r(g) r(lb_g) r(ub_g) r(r_pb) r(lb_r_pb) r(ub_r_pb) r(N_1) r(N_2) r(df_t) r(level)"
SHOWN = {"d": "Cohen's d", "g": "Hedges's g", "r_pb": "Point-biserial r"}


@command(
    "esize",
    f"anything [if] [in] [, BY(varname) {EFFECTS}]",
    by="recall",
    stored=ESIZE_STORED,
    refused="glassdelta, all, unequal, welch",
)
def esize(session: Session, line: Line) -> None:
    """Cohen's d, Hedges's g and the point-biserial correlation of two groups."""
    word, _, rest = line.anything.strip().partition(" ")
    mask = line.sample(session)
    if len(word) >= 3 and "twosample".startswith(word):
        by = line.text_option("by")
        if not by:
            raise StataError(198, "option by() required")
        name = session.variable_named(rest)
        kept = mask & present(session, name) & present(session, by)
        groups = two_groups(session, by, kept)
        x = session.data.numeric(name)[kept]
        parts = [group_of(groups.labels[k], x[groups.codes == k]) for k in (0, 1)]
        labelled = bool(session.data.variables[by].value_label)
        labels = [part.label if labelled else f"{by}=={part.label}" for part in parts]
    elif len(word) >= 3 and "unpaired".startswith(word):
        match = re.fullmatch(r"\s*(\w+)\s*={1,2}\s*(\w+)\s*", rest)
        if match is None:
            raise invalid_syntax()
        labels = [session.variable_named(match[k]) for k in (1, 2)]
        parts = [group_of(name, session.data.numeric(name)[mask & present(session, name)]) for name in labels]
    else:
        raise StataError(198, "esize twosample or esize unpaired expected")
    _effects(session, line, parts[0], parts[1], labels)


@command("esizei", f"anything [, {EFFECTS}]", stored=ESIZE_STORED, refused="glassdelta, all, unequal, welch; F tests")
def esizei(session: Session, line: Line) -> None:
    """Effect sizes from #obs1 #mean1 #sd1 #obs2 #mean2 #sd2."""
    numbers = [session.evaluate_number(word) for word in line.anything.split()]
    if len(numbers) == 3:
        raise unsupported("esizei for F tests is")
    if len(numbers) != 6:
        raise invalid_syntax()
    first, second = Group("Group 1", *numbers[:3]), Group("Group 2", *numbers[3:])
    _effects(session, line, first, second, ["Group 1", "Group 2"])


def _effects(session: Session, line: Line, first: Group, second: Group, labels: list[str]) -> None:
    for name in ("glassdelta", "all", "unequal", "welch"):
        if line.flag(name):
            raise unsupported(f"{line.command}, {name} is")
    level = confidence_level(session, line)
    if first.n + second.n < 3 or not (first.sd > 0 or second.sd > 0):
        raise StataError(2001, "insufficient observations")
    found = mean_comparison((first.n, first.mean, first.sd), (second.n, second.mean, second.sd), level)
    typed = [key for key, flag in (("d", "cohensd"), ("g", "hedgesg"), ("r_pb", "pbcorr")) if line.flag(flag)]
    log = session.log
    log.line()
    log.line("Effect size based on mean comparison")
    log.line()
    log.line(f"{'Obs per group:':>45}")
    for label, part in zip(labels, (first, second), strict=True):
        log.line(f"{right(f'{label} = ', 47)}{count(part.n):>10}")
    log.line("-" * 57)
    log.line(f"{'Effect size':>19} |   Estimate{right(f'[{level:g}% conf. interval]', 25)}")
    log.line("-" * 20 + "+" + "-" * 36)
    scalars = {"N_1": first.n, "N_2": second.n, "df_t": first.n + second.n - 2, "level": level}
    for key in typed or ["d", "g"]:
        effect: EffectSize = found[key]
        row = f"{number(effect.value):>11}{number(effect.low):>13}{number(effect.high):>12}"
        log.line(f"{SHOWN[key]:>19} |{row}")
        scalars |= {key: effect.value, f"lb_{key}": effect.low, f"ub_{key}": effect.high}
    log.line("-" * 57)
    session.r = ResultSet(scalars=scalars)


# --- z tests -----------------------------------------------------------------------------------

Z_STORED = "r(N_1) r(N_2) r(mu_1) r(mu_2) r(mu_diff) r(sd_1) r(sd_2) r(se) r(z) r(p_l) r(p) r(p_u) r(lb) r(ub) r(level)"
Z_OPTIONS = "BY(varname) UNPaired SD(real 1) SD1(real -1) SD2(real -1) SDDiff(real -1) CORR(real -2) Level(cilevel)"
Z_REFUSED = "paired tests, sddiff(), corr(), cluster(), rho()"


@command("ztest", f"anything [if] [in] [, {Z_OPTIONS}]", by="recall", stored=Z_STORED, refused=Z_REFUSED)
def ztest(session: Session, line: Line) -> None:
    """z tests of means whose standard deviations are known."""
    if "sddiff" in line.typed or "corr" in line.typed:
        raise unsupported("ztest, paired is")
    level, mask, by = confidence_level(session, line), line.sample(session), line.text_option("by")
    sds = _deviations(line)
    if by:
        name = session.variable_named(line.anything)
        kept = mask & present(session, name) & present(session, by)
        groups = two_groups(session, by, kept)
        x = session.data.numeric(name)[kept]
        parts = [group_of(groups.labels[k], x[groups.codes == k]) for k in (0, 1)]
        _two(session, [Group(p.label, p.n, p.mean, sd) for p, sd in zip(parts, sds, strict=True)], level, "Group")
        return
    match = re.fullmatch(r"\s*(\w+)\s*={1,2}\s*(.+?)\s*", line.anything)
    if match is None:
        raise invalid_syntax()
    first = session.variable_named(match[1])

    def values(name: str) -> FloatArray:
        return session.data.numeric(name)[mask & present(session, name)]

    if re.fullmatch(r"[A-Za-z_]\w*", match[2]):
        if not line.flag("unpaired"):
            raise unsupported("ztest, paired is")
        second = session.variable_named(match[2])
        parts = [group_of(short(name), values(name)) for name in (first, second)]
        _two(session, [Group(p.label, p.n, p.mean, sd) for p, sd in zip(parts, sds, strict=True)], level, "Variable")
        return
    part = group_of(short(first), values(first))
    one = Group(part.label, part.n, part.mean, sds[0])
    _one(session, one, first, session.evaluate_number(match[2]), match[2], level)


@command("ztesti", "anything [, Level(cilevel)]", stored=Z_STORED, refused=Z_REFUSED)
def ztesti(session: Session, line: Line) -> None:
    """z tests from #obs #mean #sd #value, or #obs1 #mean1 #sd1 #obs2 #mean2 #sd2."""
    words = line.anything.split()
    numbers = [session.evaluate_number(word) for word in words]
    level = confidence_level(session, line)
    if len(numbers) == 4:
        _one(session, Group("x", *numbers[:3]), "x", numbers[3], words[3], level)
    elif len(numbers) == 6:
        _two(session, [Group("x", *numbers[:3]), Group("y", *numbers[3:])], level, "Variable")
    else:
        raise invalid_syntax()


def _deviations(line: Line) -> tuple[float, float]:
    common = float(str(line.options.get("sd", 1.0)))
    given = tuple(float(str(line.options[name])) if name in line.typed else common for name in ("sd1", "sd2"))
    if min(given) <= 0:
        raise StataError(198, "standard deviations must be positive")
    return given[0], given[1]


def _tails(z: float) -> dict[str, float]:
    return {
        "z": z,
        "p_l": float(norm.cdf(z)),
        "p": 2.0 * float(norm.sf(abs(z))),
        "p_u": float(norm.sf(z)),
    }


def _row(session: Session, part: Group, critical: float) -> tuple[float, float]:
    if not part.sd > 0 or not part.n > 0:
        raise StataError(198, "standard deviations must be positive")
    low, high = part.mean - critical * part.se, part.mean + critical * part.se
    means_row(session.log, part.label, part.n, part.mean, part.se, part.sd, low, high)
    return low, high


def _critical(level: float) -> float:
    from scipy.special import ndtri

    return float(ndtri(0.5 + level / 200.0))


def _one(session: Session, part: Group, name: str, null: float, null_text: str, level: float) -> None:
    log = session.log
    log.line()
    log.line("One-sample z test")
    means_head(log, level, "Variable")
    low, high = _row(session, part, _critical(level))
    log.line(LINE)
    tests = _tails((part.mean - null) / part.se)
    statement(log, f"    mean = mean({name})", f"H0: mean = {null_text}", "z", tests["z"], "")
    hypotheses(log, "mean", null_text, "z", tests["p_l"], tests["p"], tests["p_u"])
    scalars = {"level": level, **tests, "se": part.se, "sd_1": part.sd, "sd": part.sd, "mu_1": part.mean}
    session.r = ResultSet(scalars=scalars | {"N_1": part.n, "N": part.n, "lb": low, "ub": high})


def _two(session: Session, parts: list[Group], level: float, stub: str) -> None:
    log, critical = session.log, _critical(level)
    log.line()
    log.line("Two-sample z test")
    means_head(log, level, stub)
    for part in parts:
        _row(session, part, critical)
    log.line("-" * 9 + "+" + "-" * 68)
    first, second = parts
    difference = first.mean - second.mean
    se = math.hypot(first.se, second.se)
    low, high = difference - critical * se, difference + critical * se
    means_row(log, "diff", None, difference, se, None, low, high)
    log.line(LINE)
    tests = _tails(difference / se)
    statement(log, f"    diff = mean({first.label}) - mean({second.label})", "H0: diff = 0", "z", tests["z"], "")
    hypotheses(log, "diff", "0", "z", tests["p_l"], tests["p"], tests["p_u"])
    scalars = {"level": level, **tests, "se": se, "sd_1": first.sd, "sd_2": second.sd, "mu_1": first.mean}
    scalars |= {"mu_2": second.mean, "mu_diff": difference, "N_1": first.n, "N_2": second.n, "lb": low, "ub": high}
    session.r = ResultSet(scalars=scalars)
