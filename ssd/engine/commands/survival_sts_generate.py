"""sts generate: estimated functions as variables."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import numpy as np

from ssd.engine.commands.declare import Line
from ssd.engine.commands.estimation import level_of
from ssd.engine.commands.survival_sample import group_records, open_analysis, option_names
from ssd.engine.data.names import check_name
from ssd.engine.data.survival import Records, SurvivalSettings
from ssd.engine.errors import StataError, already_defined, unsupported
from ssd.engine.missing import MISSING, FloatArray
from ssd.engine.stats.survival_curves import Curve, curve, select

if TYPE_CHECKING:
    from ssd.engine.session import Session

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


def generate_functions(session: Session, line: Line) -> None:
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
    names = option_names(line, "by")
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
