"""sts list, sts test, sts generate: nonparametric survivor and hazard functions."""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING

import numpy as np

from ssd.engine.commands.declare import Command, Line, command
from ssd.engine.commands.estimation import level_of
from ssd.engine.commands.survival_graph import draw_curves
from ssd.engine.commands.survival_sample import Grouping, group_records, open_analysis, option_names
from ssd.engine.commands.survival_sts_generate import generate_functions
from ssd.engine.commands.survival_sts_test import test_equality
from ssd.engine.data.survival import Records, SurvivalSettings
from ssd.engine.errors import StataError, unsupported
from ssd.engine.lang.syntax import parse_command
from ssd.engine.missing import FloatArray
from ssd.engine.output.tables import number
from ssd.engine.stats.survival_curves import Curve, curve, select

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
        test_equality(session, _parsed(session, "sts test", _TEST, rest))
    elif len(word) >= 3 and "generate".startswith(word):
        generate_functions(session, _parsed(session, "sts generate", _GENERATE, rest))
    else:
        raise StataError(198, f"unknown subcommand sts {word}")


def _parsed(session: Session, name: str, grammar: str, text: str) -> Line:
    return parse_command(Command(name, len(name), grammar, lambda s, x: None, "no", "", "", ""), text, session)


def _list(session: Session, line: Line) -> None:
    for option in ("strata", "adjustfor", "saving", "risktable"):
        if line.options.get(option):
            raise unsupported(f"option {option}() of sts list is")
    kinds = [kind for kind in ("failure", "cumhaz", "na", "survival") if line.flag(kind)]
    if len(kinds) > 1:
        raise StataError(198, f"options {kinds[0]} and {kinds[1]} may not be combined")
    kind = {"na": "cumhaz"}.get(kinds[0], kinds[0]) if kinds else "survival"
    names = option_names(line, "by")
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
    # Greenwood's errors do not hold under probability weights, so Stata leaves them out.
    plain = settings.weight_kind == "pweight"
    log.line(first if plain else f"{first:<{column + 13}}Std.")
    lost = "lost" if net else "Lost"
    second = f"  Time     risk   Fail   {lost}" + ("  Enter" if enter else "")
    function = "  hazard" if kind == "cumhaz" else "function"
    limits = "" if plain else f"     error{' ' * (5 if level == int(level) else 2)}[{level:g}% conf. int.]"
    log.line(f"{second:<{column - 1}}{function}{limits}")
    width = column + 7 if plain else column + 38
    log.line("-" * width)
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
            cells += f" {_fixed(values[i], 11)}"
            if not plain:
                cells += f" {_fixed(error[i], 9)} {_fixed(low[i], 10)} {_fixed(high[i], 9)}"
            log.line(cells)
    log.line("-" * width)
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
