"""What margins averages: predictions of a model in a scenario and their derivatives by its coefficients."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from ssd.engine.commands.estimation import Estimation, SessionSource
from ssd.engine.commands.margins_scenario import Relation, Scenario, ScenarioColumns
from ssd.engine.commands.postestimation_predict import Linear, linear_prediction
from ssd.engine.commands.postestimation_statistics import Statistics
from ssd.engine.errors import StataError, unsupported
from ssd.engine.missing import BoolArray, FloatArray, is_missing
from ssd.engine.stats.design import Part
from ssd.engine.stats.response import (
    Response,
    cloglog_mean,
    exponential,
    identity,
    logit_mean,
    probit_mean,
)

if TYPE_CHECKING:
    from ssd.engine.session import Session


@dataclass
class Predictor:
    """A prediction as a response of linear indices, with what its title says."""

    response: Response
    equations: list[Linear]
    positions: list[list[int]]
    """Places of each equation's active coefficients in e(b)."""
    label: str
    expression: str = "predict()"


@dataclass
class Cell:
    """One margin: value, gradient in e(b), and what it is called."""

    value: float
    gradient: FloatArray
    estimable: bool = True


@dataclass
class MarginsRequest:
    session: Session
    predictor: Predictor
    p: int
    """Length of e(b)."""
    weights: FloatArray
    """Over all observations; 0 outside the sample."""
    rows: BoolArray
    source: SessionSource
    effect: str = ""
    """dydx, eyex, dyex, eydx or empty for predictive margins."""
    cells: list[Cell] = field(default_factory=list)
    names: list[str] = field(default_factory=list)
    relations: list[Relation] = field(default_factory=list)
    own: Callable[[ScenarioColumns, Scenario], Cell] | None = None
    """How a margin of expression() is computed."""
    predictors: list[Predictor] = field(default_factory=list)
    """All predictions asked for, of the same model; `predictor` is the first, or that of the current margin."""

    def columns(self, rows: BoolArray) -> ScenarioColumns:
        return ScenarioColumns(self.source, rows, self.weights[rows], self.relations)


def averaging_weights(session: Session, estimation: Estimation, rows: BoolArray) -> FloatArray:
    weights = rows.astype(np.float64)
    kind, expression = estimation.weights
    if kind:
        typed = session.evaluate_numbers(expression)
        weights = np.where(rows & ~is_missing(typed), typed, 0.0)
    return weights


_RESPONSES: dict[str, tuple[str, Response, str]] = {
    "logit": ("pr", logit_mean, "Pr({depvar})"),
    "logistic": ("pr", logit_mean, "Pr({depvar})"),
    "probit": ("pr", probit_mean, "Pr({depvar})"),
    "cloglog": ("pr", cloglog_mean, "Pr({depvar})"),
    "poisson": ("n", exponential, "Predicted number of events"),
    "nbreg": ("n", exponential, "Predicted number of events"),
    "tpoisson": ("n", exponential, "Predicted number of events"),
    "tnbreg": ("n", exponential, "Predicted number of events"),
}


def predictor_of(
    session: Session, estimation: Estimation, rows: BoolArray, text: str, source: SessionSource
) -> Predictor:
    """The prediction margins averages: the command's default or what predict() names."""
    command_name = session.e.macros.get("cmd", "")
    custom = estimation.predictions.get("predictor")
    if callable(custom):
        made = custom(session, estimation, rows, text, source)
        assert isinstance(made, Predictor)
        return made
    words = text.replace(",", " ").split()
    offset = "nooffset" not in words
    wanted = next((word for word in words if word != "nooffset"), "")
    own = estimation.predictions.get("statistics")
    if not wanted and command_name not in _RESPONSES and isinstance(own, Statistics) and own.default != "xb":
        # Conditional probabilities have no margins; those of xtlogit, fe are of the linear prediction.
        if command_name == "xtlogit" and own.default == "pc1":
            return predictor_of(session, estimation, rows, f"xb {text}", source)
        raise unsupported(f"margins after {command_name} without predict(xb) is")
    linear = linear_prediction(session, estimation, rows, offset=offset, source=source)
    default, response, label = _RESPONSES.get(command_name, ("xb", identity, "Linear prediction"))
    chosen = wanted or default
    if chosen == "ir" and command_name in {"poisson", "nbreg"}:
        linear.offset = None
        label = "Predicted incidence rate"
    elif chosen == "xb":
        if command_name in _RESPONSES:
            label, response = "Linear prediction", identity
        elif command_name == "xtreg" and session.e.macros.get("model") in {"fe", "re"}:
            label = "Linear prediction"
    elif chosen == "pu0" and command_name in {"clogit", "xtlogit"}:
        label, response = "Pr({depvar}|fixed effect is 0)", logit_mean
    elif chosen != default:
        raise StataError(198, f"prediction statistic {chosen} is not appropriate with margins")
    shown = f"predict({chosen})" if wanted else "predict()"
    return Predictor(
        response, [linear], [active_positions(session, estimation, 0)],
        label.format(depvar=session.e.macros.get("depvar", "")), shown,
    )  # fmt: skip


def active_positions(session: Session, estimation: Estimation, equation: int) -> list[int]:
    """Places of an equation's estimated coefficients in e(b)."""
    name = list(estimation.designs)[equation]
    design = estimation.designs[name]
    prefix = f"{name}:" if name else ""
    columns = session.e.matrices["b"].cols
    return [columns.index(prefix + each) for each, flag in zip(design.names, design.active, strict=True) if flag]


# --- computing ---


def _indices(
    request: MarginsRequest, columns: ScenarioColumns, scenario: Scenario
) -> tuple[FloatArray, list[FloatArray]]:
    matrices, etas = [], []
    for linear in request.predictor.equations:
        X = columns.matrix(linear.design, scenario)
        eta = X @ linear.b[linear.active]
        if linear.offset is not None:
            eta = eta + linear.offset[columns.rows]
        matrices.append(X)
        etas.append(eta)
    return np.column_stack(etas), matrices


def prediction(request: MarginsRequest, columns: ScenarioColumns, scenario: Scenario) -> Cell:
    """Weighted mean of the prediction and its gradient."""
    if request.own is not None:
        return request.own(columns, scenario)
    etas, matrices = _indices(request, columns, scenario)
    m, d1, _ = request.predictor.response(etas)
    share = columns.weights / columns.weights.sum()
    gradient = np.zeros(request.p)
    for e, X in enumerate(matrices):
        gradient[request.predictor.positions[e]] += X.T @ (share * d1[:, e])
    estimable = not any(columns.touches_empty(linear.design, scenario) for linear in request.predictor.equations)
    return Cell(float(share @ m), gradient, estimable)


def derivative(
    request: MarginsRequest, columns: ScenarioColumns, scenario: Scenario, variable: str, operator: str
) -> Cell:
    """Weighted mean of the derivative (or elasticity) with respect to a continuous variable."""
    etas, matrices = _indices(request, columns, scenario)
    m, d1, d2 = request.predictor.response(etas)
    E = etas.shape[1]
    slopes, changes = [], []
    for linear in request.predictor.equations:
        D = columns.derivative(linear.design, scenario, variable, operator)
        changes.append(D)
        slopes.append(D @ linear.b[linear.active])
    g = sum(d1[:, e] * slopes[e] for e in range(E))
    assert isinstance(g, np.ndarray)
    factor = np.ones(columns.n)
    if request.effect in {"eyex", "dyex"}:
        factor = factor * columns.part(Part(variable, operator), scenario)
    relative = request.effect in {"eyex", "eydx"}
    if relative:
        factor = factor / m
    share = columns.weights / columns.weights.sum() * factor
    gradient = np.zeros(request.p)
    for f, X in enumerate(matrices):
        curve = sum(d2[:, e, f] * slopes[e] for e in range(E))
        if relative:
            curve = curve - g * d1[:, f] / m
        gradient[request.predictor.positions[f]] += X.T @ (share * curve) + changes[f].T @ (share * d1[:, f])
    return Cell(float(share @ g), gradient)


def level_change(
    request: MarginsRequest, columns: ScenarioColumns, scenario: Scenario, variable: str, level: int, base: int
) -> Cell:
    """Discrete change of a factor from its base level; of the logarithm of the prediction for eydx and eyex."""
    one = log_prediction if request.effect in {"eyex", "eydx"} else prediction
    high = one(request, columns, scenario.with_levels({variable: level}))
    low = one(request, columns, scenario.with_levels({variable: base}))
    return Cell(high.value - low.value, high.gradient - low.gradient, high.estimable and low.estimable)


def log_prediction(request: MarginsRequest, columns: ScenarioColumns, scenario: Scenario) -> Cell:
    """Weighted mean of the logarithm of the prediction and its gradient. Raises r(498) where it is not positive."""
    etas, matrices = _indices(request, columns, scenario)
    m, d1, _ = request.predictor.response(etas)
    if np.any(m <= 0.0):
        raise StataError(498, "could not calculate the logarithm of a prediction that is not positive")
    share = columns.weights / columns.weights.sum()
    gradient = np.zeros(request.p)
    for e, X in enumerate(matrices):
        gradient[request.predictor.positions[e]] += X.T @ (share * d1[:, e] / m)
    estimable = not any(columns.touches_empty(linear.design, scenario) for linear in request.predictor.equations)
    return Cell(float(share @ np.log(m)), gradient, estimable)
