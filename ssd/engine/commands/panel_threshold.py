"""xthreg: fixed-effects panel threshold models (user-written by Q. Wang)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ssd.engine.commands.declare import Line, command
from ssd.engine.commands.estimation import (
    SessionSource,
    operated_name,
    outcome_and_terms,
    parse_varlist,
    require_numeric,
)
from ssd.engine.data.timeseries import require_time
from ssd.engine.errors import StataError, invalid_syntax, no_observations, unsupported
from ssd.engine.missing import MISSING, BoolArray, FloatArray, is_missing
from ssd.engine.results import Matrix
from ssd.engine.stats.design import complete
from ssd.engine.stats.panel_threshold import (
    EffectTest,
    Threshold,
    ThresholdData,
    candidates,
    effect_test,
    estimate,
)
from ssd.engine.stats.terms import Component, Term

if TYPE_CHECKING:
    from ssd.engine.session import Session

_NAMES = (("Th-1",), ("Th-1", "Th-21", "Th-22"), ("Th-1", "Th-21", "Th-22", "Th-3"))
_TESTS = ("Single", "Double", "Triple")


@command(
    "xthreg",
    "[varlist(numeric ts default=none)] [if] [in] , RX(string) QX(string) [THNUM(integer 1) GRID(integer 300) "
    "TRIM(numlist) BS(numlist) THLevel(real 95) GEN(string) NOREG NOBSLOG THGIVEN vce(string) Robust "
    "CLuster(varname) Level(cilevel)]",
    stored="e(thnum) e(grid) e(Thrss) e(Fstat) e(trim) e(bs) e(LR) e(LR21) e(LR22) e(LR3) e(depvar) e(ix) e(rx) "
    "e(qx), and those of xtreg, fe",
    refused="thgiven; unbalanced panels",
)
def xthreg(session: Session, line: Line) -> None:
    """Fixed-effects panel threshold regression with bootstrap tests of the thresholds."""
    if line.flag("thgiven"):
        raise unsupported("xthreg, thgiven is")
    number = int(str(line.options["thnum"]))
    if not 1 <= number <= 3:
        raise StataError(198, "thnum() must be 1, 2 or 3")
    points, level = int(str(line.options["grid"])), float(str(line.options["thlevel"]))
    if points < 2 or not 10.0 <= level <= 99.99:
        raise StataError(198, "grid() or thlevel() out of range")
    trims = _listed(line, "trim", number, 0.01)
    if any(not 0.0 <= share < 0.5 for share in trims):
        raise StataError(198, "trim() must contain shares below 0.5")
    replications = [int(v) for v in _listed(line, "bs", number, 0.0)]
    if any(count < 0 for count in replications):
        raise StataError(198, "bs() must contain nonnegative integers")
    name = line.text_option("gen") or "_cat"
    if line.text_option("gen") and name in session.data.variables:
        raise StataError(110, f"variable {name} already defined")
    outcome, terms = outcome_and_terms(session, line.varlist)
    regime = _variables(session, line.text_option("rx") or "", "rx()")
    threshold = _variables(session, line.text_option("qx") or "", "qx()")
    if len(threshold) != 1:
        raise invalid_syntax("qx() takes one variable")
    rows, data = _data(session, line, outcome, terms, regime, threshold[0])
    found, tests = _fit(session, line, data, number, points, trims, replications, level)
    _print(session, found, tests, replications, level, number)
    values = [found[0].value] if number == 1 else [threshold.value for threshold in found[1:]]
    _finish(session, line, name, rows, outcome, terms, regime, threshold[0], sorted(values))
    _store(session, found, tests, trims, replications, points, number, outcome, regime, threshold[0], terms,
           data.freedom)  # fmt: skip


def _listed(line: Line, option: str, number: int, default: float) -> list[float]:
    values = line.options.get(option)
    if not isinstance(values, list) or not values:
        return [default] * number
    if len(values) != number:
        raise StataError(198, f"{option}() must contain {number} number{'s' if number > 1 else ''}")
    return [float(value) for value in values]


def _variables(session: Session, text: str, what: str) -> list[Term]:
    terms = parse_varlist(session, text.split()) if text.strip() else []
    require_numeric(session, terms)
    if not terms or any(len(term) != 1 or term[0].kind == "i" for term in terms):
        raise invalid_syntax(f"{what} must name variables")
    return terms


def _data(
    session: Session, line: Line, outcome: Component, terms: list[Term], regime: list[Term], threshold: Term
) -> tuple[BoolArray, ThresholdData]:
    settings = require_time(session.data)
    if not settings.panel:
        raise StataError(459, "panel variable not set; use xtset panelvar timevar")
    source = SessionSource(session)
    rows = complete([(outcome,), *terms, *regime, threshold], source, line.sample(session))
    panel = source.get(settings.panel)
    rows &= ~is_missing(panel) & ~is_missing(source.get(settings.time))
    if not rows.any():
        raise no_observations()
    units, sizes = np.unique(panel[rows], return_counts=True)
    times = source.get(settings.time)[rows]
    periods = int(sizes[0])
    if np.any(sizes != periods) or np.any(times.reshape(len(units), periods) != times[:periods]):
        raise StataError(498, "the panel is not strongly balanced")
    if len(units) < 2 or periods < 2:
        raise StataError(2001, "insufficient observations")

    def columns(chosen: list[Term]) -> FloatArray:
        values = [source.get(term[0].variable, term[0].operator)[rows] for term in chosen]
        return np.column_stack(values) if values else np.empty((int(rows.sum()), 0))

    return rows, ThresholdData(
        columns([(outcome,)])[:, 0], columns(terms), columns(regime), columns([threshold])[:, 0], periods
    )


def _fit(
    session: Session, line: Line, data: ThresholdData, number: int, points: int, trims: list[float],
    replications: list[int], level: float,
) -> tuple[list[Threshold], list[EffectTest]]:  # fmt: skip
    """Sequential estimation; the first of two thresholds is estimated again given the second."""
    grids = [candidates(data.q, share, points) for share in trims]
    order = ("1st", "2nd", "3rd")[:number]
    session.log.line(
        "Estimating  the  threshold  parameters:   " + "  ".join(f"{word} ......" for word in order) + "  Done"
    )
    if any(len(grid) < 2 for grid in grids):
        raise StataError(498, "too few distinct values of the threshold variable")
    first = estimate(data, grids[0], [], trims[0], level)
    found = [first]
    tests = [_test(session, line, data, grids[0], [], [first.value], trims[0], replications[0], 1)]
    if number > 1:
        second = estimate(data, grids[1], [first.value], trims[1], level)
        refined = estimate(data, grids[0], [second.value], trims[0], level)
        found += [refined, second]
        pair = [refined.value, second.value]
        tests.append(_test(session, line, data, grids[1], [first.value], pair, trims[1], replications[1], 2))
        if number > 2:
            third = estimate(data, grids[2], pair, trims[2], level)
            found.append(third)
            tests.append(
                _test(session, line, data, grids[2], pair, [*pair, third.value], trims[2], replications[2], 3)
            )  # fmt: skip
    return found, tests


def _test(
    session: Session, line: Line, data: ThresholdData, grid: FloatArray, null: list[float],
    alternative: list[float], trim: float, count: int, which: int,
) -> EffectTest:  # fmt: skip
    draws = np.floor(session.rng.uniform(count * data.panels) * data.panels).astype(np.intp)
    if count and not line.flag("nobslog"):
        session.log.line(f"Boostrap for {('single', 'double', 'triple')[which - 1]} threshold")
        _dots(session, count)
    return effect_test(data, grid, null, alternative, trim, draws.reshape(count, data.panels))


def _dots(session: Session, count: int) -> None:
    log = session.log
    for start in range(0, count, 50):
        shown = min(50, count - start)
        log.line("." * shown + (f" + {start + 50:>4}" if shown == 50 else ""))


def _print(
    session: Session, found: list[Threshold], tests: list[EffectTest], replications: list[int], level: float,
    number: int,
) -> None:  # fmt: skip
    log = session.log
    log.line()
    log.line(f"Threshold estimator (level = {level:g}):")
    log.line("-" * 12 + "+" + "-" * 46)
    log.line(f"{'model':>11} |{'Threshold':>14}{'Lower':>15}{'Upper':>15}")
    log.line("-" * 12 + "+" + "-" * 46)
    for name, each in zip(_NAMES[number - 1], found, strict=True):
        log.line(f"{name:>11} |{each.value:>14.4f}{each.lower:>15.4f}{each.upper:>15.4f}")
    log.line("-" * 12 + "+" + "-" * 46)
    if not any(replications):
        return
    log.line()
    log.line(f"Threshold effect test (bootstrap = {' '.join(map(str, replications))}):")
    log.line("-" * 12 + "+" + "-" * 66)
    log.line(f"{'Threshold':>11} |{'RSS':>10}{'MSE':>10}{'Fstat':>10}{'Prob':>8}{'Crit10':>9}{'Crit5':>9}{'Crit1':>9}")
    log.line("-" * 12 + "+" + "-" * 66)
    for name, test in zip(_TESTS, tests, strict=False):
        numbers = [f"{test.rss:>10.4f}", f"{test.mse:>10.4f}", f"{test.f:>10.2f}"]
        numbers += [f"{test.p:>8.4f}", *(f"{value:>9.4f}" for value in test.critical)]
        log.line(f"{name:>11} |{''.join(numbers)}".replace("nan", "  ."))
    log.line("-" * 12 + "+" + "-" * 66)


def _finish(
    session: Session, line: Line, name: str, rows: BoolArray, outcome: Component, terms: list[Term],
    regime: list[Term], threshold: Term, cuts: list[float],
) -> None:  # fmt: skip
    """Create the category of each observation and fit the model by xtreg, fe."""
    data = session.data
    q = SessionSource(session).get(threshold[0].variable, threshold[0].operator)
    category = np.where(rows, np.searchsorted(np.array(cuts), q, side="left").astype(np.float64), MISSING)
    if name in data.variables:
        data.drop([name])
    data.add(name, category, "byte")
    options = ["fe"]
    options += [f"{option}({line.text_option(option)})" for option in ("vce", "cluster") if line.text_option(option)]
    options += ["robust"] if line.flag("robust") else []
    options += [f"level({line.options['level']})"] if line.options.get("level") else []
    words = " ".join(operated_name(term[0]) for term in [(outcome,), *terms])
    inner = " ".join(operated_name(term[0]) for term in regime)
    text = f"xtreg {words} i.{name}#c.({inner}) if !missing({name}), {' '.join(options)}"
    session.run(text, quiet=line.flag("noreg"))


def _store(
    session: Session, found: list[Threshold], tests: list[EffectTest], trims: list[float], replications: list[int],
    points: int, number: int, outcome: Component, regime: list[Term], threshold: Term, terms: list[Term],
    freedom: int,
) -> None:  # fmt: skip
    e = session.e
    e.scalars |= {"thnum": float(number), "grid": float(points)}
    e.macros |= {
        "depvar": operated_name(outcome), "rx": " ".join(operated_name(term[0]) for term in regime),
        "qx": operated_name(threshold[0]), "ix": " ".join(operated_name(term[0]) for term in terms),
    }  # fmt: skip
    limits = [[t.value, t.rss, t.rss / freedom, t.lower, t.upper] for t in found]
    e.matrices["Thrss"] = Matrix.of(np.array(limits), _NAMES[number - 1], ["Threshold", "RSS", "MSE", "Lower", "Upper"])
    rows = [[t.rss, t.mse, t.f, t.p, *t.critical] for t in tests]
    table = np.where(np.isfinite(rows), rows, MISSING)
    e.matrices["Fstat"] = Matrix.of(
        table, _TESTS[:number], ["RSS", "MSE", "Fstat", "Prob", "Crit10", "Crit5", "Crit1"]
    )  # fmt: skip
    e.matrices["trim"] = Matrix.of(np.array(trims))
    e.matrices["bs"] = Matrix.of(np.array(replications, dtype=np.float64))
    for name, each in zip(("LR", "LR21", "LR22", "LR3"), found, strict=False):
        e.matrices[name] = Matrix.of(each.curve, None, ["LR", "Threshold"])
