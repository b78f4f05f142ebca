"""The table psmatch2 prints: effects on the treated, the untreated and all, with their standard errors."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from ssd.engine.missing import MISSING, FloatArray
from ssd.engine.output.formats import format_value
from ssd.engine.output.tables import abbreviate
from ssd.engine.results import ResultSet
from ssd.engine.stats.linear import least_squares

if TYPE_CHECKING:
    from ssd.engine.commands.causal_psmatch2_matches import Matching, Plan
    from ssd.engine.session import Session

_RULE = "-" * 28 + "{}" + "-" * 59


def print_effects(session: Session, matching: Matching, plan: Plan, outcomes: list[str], results: ResultSet) -> None:
    """Print the table and keep the effects in r()."""
    log = session.log
    log.line(_RULE.format("-"))
    log.line("        Variable     Sample |    Treated     Controls   Difference         S.E.   T-stat")
    log.line(_RULE.format("+"))
    for name in outcomes:
        _print_outcome(session, matching, plan, name, results)
        log.line(_RULE.format("+"))
    if plan.ai:
        log.line("Note: Population S.E." if plan.population else "Note: Sample S.E.")
    elif results.scalars["seatt"] < MISSING:
        log.line("Note: S.E. does not take into account that the propensity score is estimated.")


def _print_outcome(session: Session, matching: Matching, plan: Plan, name: str, results: ResultSet) -> None:
    y = session.data.numeric(name)[matching.rows]
    other = matching.others[name]
    treated = matching.treated
    raw = least_squares(treated.astype(np.float64)[:, None], y)
    error = math.sqrt(raw.rss / (len(y) - 2) / float(((treated - treated.mean()) ** 2).sum())) if len(y) > 2 else 0.0
    means = float(y[treated].mean()), float(y[~treated].mean())
    log = session.log
    log.line(f"{abbreviate(name, 16):>16}  Unmatched |" + _cells(*means, means[0] - means[1], error))
    inside, outside = treated & matching.support, ~treated & matching.support
    m1, m0 = _mean(y[inside]), _mean(other[inside])
    found = {"att": m1 - m0}
    if plan.ate:
        low, high = _mean(y[outside]), _mean(other[outside])
        n1, n0 = int(inside.sum()), int(outside.sum())
        found["atu"] = high - low
        found["ate"] = (found["att"] * n1 + found["atu"] * n0) / (n0 + n1) if n0 + n1 else math.nan
    found.update(_errors(matching, plan, name, y, found))
    log.line(f"{'ATT':>27} |" + _cells(m1, m0, found["att"], found["seatt"]))
    if plan.ate:
        log.line(f"{'ATU':>27} |" + _cells(low, high, found["atu"], found["seatu"]))
        log.line(f"{'ATE':>27} |" + " " * 26 + _cells(found["ate"], found["seate"]))
    for key, value in found.items():
        stored = value if math.isfinite(value) else MISSING
        results.scalars[key] = stored
        results.scalars[f"{key}_{name}"] = stored


def _errors(matching: Matching, plan: Plan, name: str, y: FloatArray, effects: dict[str, float]) -> dict[str, float]:
    """Standard errors: of Abadie and Imbens (2006) with ai(), otherwise with weights and variances held fixed."""
    if plan.ai:
        return _matching_errors(matching, plan, name, y, effects)
    inside = matching.treated & matching.support
    n1 = int(inside.sum())
    weight = np.where(matching.support, matching.use, 0.0)
    used = ~matching.treated & (weight != 0.0)
    spread = math.nan
    if n1 and not (plan.method == "llr" and plan.kernel == "tricube"):
        spread = _variance(y[inside]) / n1 + _variance(y[used]) * float((weight[used] ** 2).sum()) / n1**2
    found = {"seatt": math.sqrt(spread) if spread >= 0.0 else math.nan}
    return {**found, "seatu": math.nan, "seate": math.nan} if plan.ate else found


def _matching_errors(
    matching: Matching, plan: Plan, name: str, y: FloatArray, effects: dict[str, float]
) -> dict[str, float]:
    """Abadie and Imbens (2006), theorem 6 (of the sample) and theorem 7 (of the population)."""
    own, other, on = matching.own[name], matching.others[name], matching.support
    d = matching.treated.astype(np.float64)
    w = np.where(on, matching.use, 0.0)
    local = own if plan.altvariance else plan.ai / (plan.ai + 1.0) * (y - own) ** 2
    gain = np.where(matching.treated, y - other, other - y)

    def error(side: FloatArray, effect: float) -> float:
        """`side` is 1 for the observations the effect is about."""
        count = float(side[on].sum())
        if plan.population:
            again = w * w - w / plan.neighbors
            terms = side * (np.where(side > 0.0, gain, 0.0) - effect) ** 2
            terms = terms + (again + 2.0 * w * side if side.all() else (1.0 - side) * again) * local
        else:
            terms = local * (1.0 + w) ** 2 if side.all() else local * (side - (1.0 - side) * w) ** 2
        total = float(np.nansum(terms[on]))
        return math.sqrt(total) / count if count and total >= 0.0 else math.nan

    found = {"seatt": error(d, effects["att"])}
    if plan.ate:
        found["seatu"] = error(1.0 - d, effects["atu"])
        found["seate"] = error(np.ones_like(d), effects["ate"])
    return found


def _mean(values: FloatArray) -> float:
    known = values[np.isfinite(values)]
    return float(known.mean()) if len(known) else math.nan


def _variance(values: FloatArray) -> float:
    return float(values.var(ddof=1)) if len(values) > 1 else math.nan


def _cells(*values: float) -> str:
    """Numbers in %11.0g and the ratio of the last two in %7.2f."""
    effect, error = values[-2:]
    t = effect / error if error > 0.0 else math.nan
    shown = [format_value(value if math.isfinite(value) else MISSING, "%11.0g").strip().rjust(11) for value in values]
    return "  ".join([*shown, f"{t:7.2f}" if math.isfinite(t) else "      ."])
