"""sts list, sts test, sts generate: nonparametric survivor and hazard functions."""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING

import numpy as np

from ssd.engine.commands.declare import Command, Line, command
from ssd.engine.commands.estimation import level_of
from ssd.engine.commands.survival_graph import draw_curves
from ssd.engine.commands.survival_sample import Grouping, IndexArray, group_records, open_analysis
from ssd.engine.data.names import check_name
from ssd.engine.data.survival import Records, SurvivalSettings
from ssd.engine.errors import StataError, already_defined, unsupported
from ssd.engine.lang.syntax import parse_command
from ssd.engine.missing import MISSING, FloatArray
from ssd.engine.output.formats import format_value
from ssd.engine.output.tables import number
from ssd.engine.results import ResultSet
from ssd.engine.stats.distributions import chi2_tail
from ssd.engine.stats.survival_curves import Curve, curve, equality_test, select, weighting

if TYPE_CHECKING:
    from ssd.engine.session import Session

_LIST = (
    "[if] [in] [, SURvival Failure CUMHaz NA BY(varlist) AT(string) Enter COmpare Level(cilevel) noSHow "
    "STrata(varlist) ADjustfor(string) SAving(string) RISKTable(string) TMIn(real -1) TMAx(real -1)]"
)
_TEST = (
    "varlist [if] [in] [, Logrank Wilcoxon TWare Peto FH(numlist min=2 max=2) COX TRend STrata(varlist) Detail "
    "noTitle noSHow MAT(string)]"
)
_GENERATE = "[anything(everything equalok)] [if] [in] [, BY(varlist) Level(cilevel) STrata(varlist) ADjustfor(string)]"


@command("sts", "*", stored="sts test: r(df) r(chi2) r(p), with trend r(df_tr) r(chi2_tr) r(p_tr)",
         refused="adjustfor(), strata() of list, graph and generate; saving(), risktable() of list; cox, detail, mat() "
                 "of test; hazard of generate is h (the contribution at each time)")  # fmt: skip
def sts(session: Session, line: Line) -> None:
    """Graph, list, test and generate the Kaplan–Meier survivor and Nelson–Aalen cumulative hazard functions."""
    text = line.text.strip()
    found = re.match(r"\w+", text)
    word = found.group() if found else "graph"
    rest = text[len(word) :] if found else text
    if word in {"if", "in"}:
        word, rest = "graph", text
    if "graph".startswith(word):
        draw_curves(session, rest)
    elif "list".startswith(word):
        _list(session, _parsed(session, "sts list", _LIST, rest))
    elif "test".startswith(word):
        _test(session, _parsed(session, "sts test", _TEST, rest))
    elif len(word) >= 3 and "generate".startswith(word):
        _generate(session, _parsed(session, "sts generate", _GENERATE, rest))
    else:
        raise StataError(198, f"unknown subcommand sts {word}")


def _parsed(session: Session, name: str, grammar: str, text: str) -> Line:
    return parse_command(Command(name, len(name), grammar, lambda s, x: None, "no", "", "", ""), text, session)


def _names(line: Line, option: str) -> list[str]:
    value = line.options.get(option)
    return [str(name) for name in value] if isinstance(value, list) else []


# --- list ---


def _list(session: Session, line: Line) -> None:
    for option in ("strata", "adjustfor", "saving", "risktable"):
        if line.options.get(option):
            raise unsupported(f"option {option}() of sts list is")
    kinds = [kind for kind in ("failure", "cumhaz", "na", "survival") if line.flag(kind)]
    if len(kinds) > 1:
        raise StataError(198, f"options {kinds[0]} and {kinds[1]} may not be combined")
    kind = {"na": "cumhaz"}.get(kinds[0], kinds[0]) if kinds else "survival"
    names = _names(line, "by")
    level = level_of(session, line)
    at = line.text_option("at")
    compare = line.flag("compare")
    if compare and not names:
        raise StataError(198, "compare requires by()")
    settings, records = open_analysis(session, line, names)
    groups = group_records(session, records, names)
    curves = [curve(select(records, groups.ids == g)) for g in range(groups.count)]
    log = session.log
    log.line()
    log.line({"survival": "Kaplan–Meier survivor function", "failure": "Kaplan–Meier failure function"}.get(
        kind, "Nelson–Aalen cumulative hazard function"))  # fmt: skip
    if names:
        log.line(f"By variable{'s' if len(names) > 1 else ''}: {' '.join(names)}")
    log.line()
    if compare:
        _compare(session, groups, curves, kind, _points(at or "10", records))
    elif at:
        _at_points(session, groups, curves, kind, _points(at, records), level)
    else:
        _whole(session, line, groups, curves, kind, level, settings, records)


def _estimates(found: Curve, kind: str, level: float) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray]:
    """Function, standard error and limits."""
    if kind == "cumhaz":
        low, high = found.cumulative_limits(level)
        error = np.where(found.cumulative > 0, found.cumulative_error, np.nan)
        return found.cumulative, error, low, high
    low, high = found.survivor_limits(level)
    if kind == "failure":
        return 1.0 - found.survivor, found.error, 1.0 - high, 1.0 - low
    return found.survivor, found.error, low, high


def _fixed(value: float, width: int) -> str:
    return f"{'.':>{width}}" if math.isnan(value) else f"{value:{width}.4f}"


def _points(text: str, records: Records) -> list[float]:
    """Times of at(): a list, or how many to spread over the observed times."""
    from ssd.engine.lang.numlist import parse_numlist

    values = parse_numlist(text, missing=False)
    if len(values) > 1:
        return [float(value) for value in values]
    if not values or values[0] < 1 or values[0] != int(values[0]):
        raise StataError(198, f"at({text}) invalid")
    low, high = float(records.t.min()), float(records.t.max())
    step = (high - low) / max(int(values[0]) - 2, 1)
    step = float(int(step)) if step >= 1 else step
    if step <= 0:
        return [low]
    found = [float(int(low))]
    while found[-1] < high:
        found.append(found[-1] + step)
    return found


def _whole(
    session: Session, line: Line, groups: Grouping, curves: list[Curve], kind: str, level: float,
    settings: SurvivalSettings, records: Records,
) -> None:  # fmt: skip
    log = session.log
    enter = line.flag("enter")
    net = (bool(settings.id) or bool(np.any(records.t0 > 0))) and not enter
    title = {"survival": "Survivor", "failure": " Failure", "cumhaz": "Cumulative"}[kind]
    column = 41 if enter else 34
    first = f"{'':<13}At{'':<11}{'Net' if net else '':<3}"
    first = f"{first:<{column - 1 - (2 if kind == 'cumhaz' else 0)}}{title}"
    log.line(f"{first:<{column + 13}}Std.")
    lost = "lost" if net else "Lost"
    second = f"  Time     risk   Fail   {lost}" + ("  Enter" if enter else "")
    function = "  hazard" if kind == "cumhaz" else "function"
    log.line(
        f"{second:<{column - 1}}{function}     error{' ' * (5 if level == int(level) else 2)}[{level:g}% conf. int.]"
    )
    log.line("-" * (79 if enter else 72))
    tmin, tmax = (float(str(line.options.get(name))) for name in ("tmin", "tmax"))
    for g, found in enumerate(curves):
        if groups.names:
            log.line(groups.titles[g])
        values, error, low, high = _estimates(found, kind, level)
        for i, time in enumerate(found.time):
            gone = found.lost[i] if enter else found.lost[i] - found.entered[i]
            idle = found.d[i] == 0 and gone == 0 and not enter
            if idle or (tmin >= 0 and time < tmin) or (tmax >= 0 and time > tmax):
                continue
            cells = f"{number(float(time), '%6.0g'):>6} {number(found.n[i], '%8.0g'):>8}"
            cells += f" {number(found.d[i], '%6.0g'):>6} {number(gone, '%6.0g'):>6}"
            if enter:
                cells += f" {number(found.entered[i], '%6.0g'):>6}"
            cells += f" {_fixed(values[i], 11)} {_fixed(error[i], 9)} {_fixed(low[i], 10)} {_fixed(high[i], 9)}"
            log.line(cells)
    log.line("-" * (79 if enter else 72))
    if net:
        log.line("Note: Net lost equals the number lost minus the number who entered.")


def _at_points(
    session: Session, groups: Grouping, curves: list[Curve], kind: str, points: list[float], level: float
) -> None:
    log = session.log
    title = {"survival": "Survivor", "failure": " Failure", "cumhaz": "Cumulative"}[kind]
    position = 30 if kind == "cumhaz" else 32
    log.line((" " * 14 + "Beg.").ljust(position - 1) + title.ljust(46 - position) + "Std.")
    function = "  hazard " if kind == "cumhaz" else "function "
    log.line(f"{'    Time     total     Fail':<31}{function}    error     [{level:g}% conf. int.]")
    log.line("-" * 70)
    for g, found in enumerate(curves):
        if groups.names:
            log.line(groups.titles[g])
        values, error, low, high = _estimates(found, kind, level)
        failures = np.cumsum(found.d)
        counted = 0.0
        for point in points:
            i = int(np.searchsorted(found.time, point, side="right")) - 1
            start = f"{number(point, '%8.0g'):>8}  "
            if i < 0:
                cells = (0.0, 0.0, 1.0 if kind == "survival" else 0.0, math.nan, math.nan, math.nan)
            else:
                beyond = point > found.time[-1]
                shown = [math.nan] * 4 if beyond else [values[i], error[i], low[i], high[i]]
                cells = (found.n[i], failures[i] - counted, *map(float, shown))
                counted = float(failures[i])
            log.line(
                start + f"{number(cells[0], '%8.0g'):>8} {number(cells[1], '%8.0g'):>8} {_fixed(cells[2], 11)} "
                f"{_fixed(cells[3], 9)} {_fixed(cells[4], 10)} {_fixed(cells[5], 9)}"
            )
    log.line("-" * 70)
    word = {"survival": "Survivor", "failure": "Failure", "cumhaz": "Cumulative hazard"}[kind]
    log.line(f"Note: {word} function is calculated over full data and evaluated at")
    log.line("      indicated times; it is not calculated from aggregates shown at left.")


def _compare(session: Session, groups: Grouping, curves: list[Curve], kind: str, points: list[float]) -> None:
    log = session.log
    for start in range(0, groups.count, 6):
        block = range(start, min(start + 6, groups.count))
        for position, name in enumerate(groups.names):
            cells = []
            for g in block:
                value = groups.values[g][position]
                text = value if isinstance(value, str) else groups.labels[g].split(", ")[position]
                cells.append(f"{text[:9]:>11}")
            log.line(f"{name:<12}" + "".join(cells))
        log.line("-" * (12 + 11 * len(block)))
        for j, point in enumerate(points):
            cells = []
            for g in block:
                found = curves[g]
                i = int(np.searchsorted(found.time, point, side="right")) - 1
                if i < 0:
                    value = 1.0 if kind == "survival" else 0.0
                elif point > found.time[-1]:
                    value = math.nan
                else:
                    value = float(_estimates(found, kind, 95.0)[0][i])
                cells.append(_fixed(value, 11))
            log.line(f"{'Time' if j == 0 else '':<4}{number(point, '%8.0g'):>8}" + "".join(cells))
        log.line("-" * (12 + 11 * len(block)))


# --- test ---


_TITLES = {
    "logrank": "Log-rank test", "wilcoxon": "Wilcoxon–Breslow–Gehan test", "tware": "Tarone–Ware test",
    "peto": "Peto–Peto–Prentice test", "fh": "Fleming–Harrington test",
}  # fmt: skip


def _test(session: Session, line: Line) -> None:
    if line.flag("cox"):
        raise unsupported("option cox of sts test is")
    for option in ("detail", "mat"):
        if line.options.get(option):
            raise unsupported(f"option {option} of sts test is")
    powers = line.options.get("fh")
    kinds = [kind for kind in ("logrank", "wilcoxon", "tware", "peto") if line.flag(kind)]
    if isinstance(powers, list) and powers:
        kinds.append("fh")
    if len(kinds) > 1:
        raise StataError(198, f"options {kinds[0]} and {kinds[1]} may not be combined")
    kind = kinds[0] if kinds else "logrank"
    p, q = (float(str(value)) for value in powers) if isinstance(powers, list) and powers else (0.0, 0.0)
    strata = _names(line, "strata")
    _, records = open_analysis(session, line, [*line.varlist, *strata])
    groups = group_records(session, records, line.varlist)
    if groups.count < 2:
        raise StataError(198, "only one group defined by varlist")
    stratum: IndexArray = group_records(session, records, strata).ids
    test = equality_test(records, groups.ids, groups.count, stratum, weighting(kind, p, q))
    chi2, df = test.chi2()
    log = session.log
    if not line.flag("notitle"):
        log.line()
        log.line("Stratified equality of survivor functions" if strata else "Equality of survivor functions")
        log.line(_TITLES[kind])
        log.line()
    ranks = kind != "logrank"
    heading = ", ".join(line.varlist)
    width = max(len("Total"), len(heading), *(len(label) for label in groups.labels))
    star = "(*)" if strata else ""
    log.line(f"{'':<{width}} |  Observed       Expected" + ("        Sum of" if ranks else ""))
    log.line(f"{heading:<{width}} |    events         events{star}" + ("         ranks" if ranks else ""))
    rule = "-" * (width + 1) + "+" + "-" * (38 if ranks else 25)
    log.line(rule)
    for g, label in enumerate(groups.labels):
        row = f"{number(test.observed[g], '%10.0g'):>10}     {test.expected[g]:10.2f}"
        row += f"    {number(test.score[g], '%10.0g'):>10}" if ranks else ""
        log.line(f"{label:>{width}} |{row}")
    log.line(rule)
    total = f"{number(float(test.observed.sum()), '%10.0g'):>10}     {test.expected.sum():10.2f}"
    log.line(f"{'Total':>{width}} |{total}" + (f"    {'0':>10}" if ranks else ""))
    if strata:
        log.line()
        log.line(f"(*) sum over calculations within {' '.join(strata)}")
    p_value = chi2_tail(chi2, df)
    results = {"df": float(df), "chi2": chi2, "p": p_value}
    log.line()
    _show_chi2(session, width, df, chi2, p_value)
    if line.flag("trend"):
        results.update(_trend(session, groups, test.trend, width))
    session.r = ResultSet(scalars=results)


def _show_chi2(session: Session, width: int, df: int, chi2: float, p_value: float) -> None:
    text = f"chi2({df}) ="
    session.log.line(f"{text:>{width + 20}}{format_value(chi2, '%7.2f'):>7}")
    session.log.line(f"{'Pr>chi2 =':>{width + 20}}{p_value:7.4f}")


def _trend(session: Session, groups: Grouping, statistic: object, width: int) -> dict[str, float]:
    """Test of a trend in the values of the group variable. Raises r(198) with fewer than three groups."""
    if groups.count < 3:
        raise StataError(198, "trend test requires 3 or more groups")
    scores = [values[0] for values in groups.values]
    if len(groups.names) > 1 or any(isinstance(value, str) for value in scores):
        raise StataError(198, "trend test requires one numeric variable")
    assert callable(statistic)
    chi2 = float(statistic(np.array(scores, dtype=np.float64)))
    p_value = chi2_tail(chi2, 1)
    session.log.line()
    session.log.line("Test for trend of survivor functions")
    session.log.line()
    _show_chi2(session, width, 1, chi2, p_value)
    return {"df_tr": 1.0, "chi2_tr": chi2, "p_tr": p_value}


# --- generate ---

_FUNCTIONS = {
    "s": "Survivor function", "se(s)": "S.E. of survivor function", "h": "Hazard contribution",
    "se(lls)": "S.E. of ln(-ln S(t))", "lb(s)": "Lower bound of S(t)", "ub(s)": "Upper bound of S(t)",
    "na": "Nelson–Aalen cumulative hazard", "se(na)": "S.E. of cumulative hazard", "lb(na)": "Lower bound of H(t)",
    "ub(na)": "Upper bound of H(t)", "n": "Number at risk", "d": "Number of failures",
}  # fmt: skip


def _column(found: Curve, function: str, level: float) -> FloatArray:
    if function in {"lb(s)", "ub(s)"}:
        return found.survivor_limits(level)[0 if function == "lb(s)" else 1]
    if function in {"lb(na)", "ub(na)"}:
        return found.cumulative_limits(level)[0 if function == "lb(na)" else 1]
    with np.errstate(divide="ignore", invalid="ignore"):
        hazard = np.where(found.d > 0, found.d / found.n, np.nan)
    return {
        "s": found.survivor, "se(s)": found.error, "h": hazard, "se(lls)": found.spread, "na": found.cumulative,
        "se(na)": found.cumulative_error, "n": found.n, "d": found.d,
    }[function]  # fmt: skip


def _generate(session: Session, line: Line) -> None:
    for option in ("strata", "adjustfor"):
        if line.options.get(option):
            raise unsupported(f"option {option}() of sts generate is")
    text = re.sub(r"\s*=\s*", "=", line.anything.strip())
    pairs = re.findall(r"(\w+)=((?:se|lb|ub)?\(?\w+\)?)", text)
    if not pairs or "".join(f"{a}={b}" for a, b in pairs) != re.sub(r"\s+", "", text):
        raise StataError(198, "invalid syntax")
    for name, function in pairs:
        check_name(name)
        if name in session.data.variables:
            raise already_defined(name)
        if function not in _FUNCTIONS:
            raise StataError(198, f"{function} is not a function of sts generate")
    names = _names(line, "by")
    level = level_of(session, line)
    _, records = open_analysis_quietly(session, line, names)
    groups = group_records(session, records, names)
    places = np.flatnonzero(records.rows)
    for name, function in pairs:
        full = np.full(session.data.n_obs, MISSING)
        for g in range(groups.count):
            own = groups.ids == g
            part = select(records, own)
            found = curve(part)
            column = _column(found, function, level)[np.searchsorted(found.time, part.t)]
            full[places[own]] = np.where(np.isfinite(column), column, MISSING)
        session.data.add(name, full, "double" if function in {"n", "d"} else "float", label=_FUNCTIONS[function])


def open_analysis_quietly(session: Session, line: Line, names: list[str]) -> tuple[SurvivalSettings, Records]:
    """As `open_analysis`, without the reminder."""
    with session.log.silence():
        return open_analysis(session, line, names)
