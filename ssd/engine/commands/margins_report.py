"""What margins is asked for, and what it prints of that: title, settings of at() and over(), labels of effects."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ssd.engine.commands.declare import Line
from ssd.engine.commands.margins_contrasts import (
    Axis,
    take_operators,
)
from ssd.engine.commands.margins_scenario import (
    Scenario,
    legend,
)
from ssd.engine.missing import BoolArray
from ssd.engine.output.estimation import (
    Entry,
    count,
    print_header,
)
from ssd.engine.stats.design import Design

if TYPE_CHECKING:
    from ssd.engine.session import Session
from ssd.engine.commands.margins_cells import (
    MarginsRequest,
    Predictor,
)

HEADINGS = {"dydx": "dy/dx", "eyex": "ey/ex", "dyex": "dy/ex", "eydx": "ey/dx"}


@dataclass
class Plan:
    """Rows of the table: name parts in front (over, at, levels) and how to compute each."""

    scenarios: list[Scenario]
    over: list[tuple[str, BoolArray]]
    over_axes: list[Axis]
    level_terms: list[tuple[list[str], list[dict[str, float]]]]
    """Per term of the margin list its variables and level combinations."""


def all_variables(request: MarginsRequest) -> list[str]:
    return list(dict.fromkeys(v for linear in request.predictor.equations for v in linear.design.variables))


def joined_design(request: MarginsRequest) -> Design:
    """One design that knows the variables of all equations."""
    joined = Design([c for linear in request.predictor.equations for c in linear.design.columns])
    for linear in request.predictor.equations:
        joined.factors.update(linear.design.factors)
        joined.bases.update(linear.design.bases)
    return joined


def is_conditional(request: MarginsRequest, plan: Plan) -> bool:
    """Every covariate is fixed, so that nothing is averaged."""
    levels = {v for variables, _ in plan.level_terms for v in variables}
    return all(
        all(v in s.fixed or v in s.averaged or v in levels for v in all_variables(request)) for s in plan.scenarios
    )


def title_of(request: MarginsRequest, plan: Plan, conditional: bool) -> str:
    if request.effect:
        return "Conditional marginal effects" if conditional else "Average marginal effects"
    return "Adjusted predictions" if conditional else "Predictive margins"


def note_factors(session: Session, request: MarginsRequest, xvars: list[tuple[str, str, bool]]) -> None:
    if any(factor for _, _, factor in xvars):
        heading = HEADINGS[request.effect]
        session.log.line(f"Note: {heading} for factor levels is the discrete change from the base level.")


def print_head(
    session: Session, line: Line, request: MarginsRequest, plan: Plan, title: str, xvars: list[tuple[str, str, bool]]
) -> None:
    """Title, sample, expression and the at() legend."""
    log = session.log
    log.line()
    n = float(np.count_nonzero(request.rows))
    if session.e.macros.get("wtype") == "fweight":
        n = float(request.weights.sum())
    print_header(log, [title], [Entry("Number of obs", count(n))], value_width=1)
    vce = session.e.macros.get("vcetype") or session.e.macros.get("vce", "")
    shown = {"ols": "OLS", "oim": "OIM", "conventional": "Conventional", "unadjusted": "Unadjusted", "eim": "EIM",
             "opg": "OPG"}.get(vce, vce)  # fmt: skip
    log.line(f"Model VCE: {shown}")
    log.line()
    several = len(request.predictors) > 1
    if not several:
        log.line(f"Expression: {_described(request.predictor)}")
    if request.effect:
        heading = HEADINGS[request.effect]
        names = [effect_label(request, variable, operator, factor) for variable, operator, factor in xvars]
        log.line(f"{heading} wrt:  {' '.join(names)}")
        if several:
            log.line()
    if several:
        for number, predictor in enumerate(request.predictors):
            log.line(f"{number + 1}._predict: {_described(predictor)}")
    if plan.over:
        log.line(f"Over:       {' '.join(axis.variable for axis in plan.over_axes)}")
    fixed = any(s.fixed or s.averaged for s in plan.scenarios)
    if fixed and not line.flag("noatlegend"):
        joined = joined_design(request)
        for text in legend(plan.scenarios, joined, request.columns(request.rows)):
            log.line(text)
    log.line()


def _described(predictor: Predictor) -> str:
    return ", ".join(part for part in (predictor.label, predictor.expression) if part)


def settings_of(plan: Plan) -> list[dict[str, float]]:
    """Per at() setting the variables whose values differ between the settings, for graphs."""
    varying = {
        name for scenario in plan.scenarios for name in scenario.fixed
        if any(other.fixed.get(name) != scenario.fixed[name] for other in plan.scenarios)
    }  # fmt: skip
    return [{name: v for name, v in scenario.fixed.items() if name in varying} for scenario in plan.scenarios]


def _listed(line: Line) -> str:
    """The margin list as typed, without contrast operators."""
    return take_operators(line.anything.strip())[0]


def effect_label(request: MarginsRequest, variable: str, operator: str, factor: bool) -> str:
    if not factor:
        return f"{operator}.{variable}" if operator else variable
    levels: list[int] = []
    base: int | None = None
    for linear in request.predictor.equations:
        if variable in linear.design.factors:
            levels, base = linear.design.factors[variable], linear.design.bases.get(variable)
    return " ".join(f"{level}.{variable}" for level in levels if level != base)
