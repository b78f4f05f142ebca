"""What is kept after vec, and its predictions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ssd.engine.commands.declare import Line
from ssd.engine.commands.estimation import SessionSource, operated_name
from ssd.engine.commands.timeseries_arima_predict import Predictor
from ssd.engine.commands.timeseries_var import lagged_part
from ssd.engine.data.timeseries import apply_operators, require_time
from ssd.engine.errors import StataError, unsupported
from ssd.engine.missing import MISSING, BoolArray, FloatArray
from ssd.engine.stats.error_correction import ErrorCorrection
from ssd.engine.stats.terms import Component

if TYPE_CHECKING:
    from ssd.engine.session import Session


@dataclass(frozen=True)
class VecResult:
    """A fitted model with what its tables, predictions and diagnostics need."""

    variables: list[Component]
    lags: int
    rows: BoolArray
    start: float
    """Time of the first observation; trends count from 1 there."""
    fit: ErrorCorrection

    @property
    def names(self) -> list[str]:
        return [operated_name(part).replace(".", "_") for part in self.variables]

    @property
    def equations(self) -> list[str]:
        return [f"D_{name}" for name in self.names]

    @property
    def cointegrating(self) -> list[str]:
        return [f"_ce{i + 1}" for i in range(self.fit.rank)]

    @property
    def lag_matrices(self) -> FloatArray:
        return self.fit.lag_matrices(self.lags)


def vec_result(session: Session) -> VecResult:
    """The last vec. Raises r(301)."""
    found = session.e.hidden.get("vec")
    if not isinstance(found, VecResult):
        raise StataError(301, "last vec estimates not found")
    return found


def _position(typed: str, names: list[str]) -> int:
    """Position of an equation given as #1, #2, … or by name. Raises r(111)."""
    index = int(typed[1:]) - 1 if typed.startswith("#") and typed[1:].isdigit() else -1
    if index < 0 and typed in names:
        index = names.index(typed)
    if not 0 <= index < len(names):
        raise StataError(111, f"equation {typed} not found")
    return index


def cointegrating_values(session: Session, result: VecResult, equation: int) -> FloatArray:
    """beta'y with its constant and trend in every period, `.` where a variable is missing."""
    source, fit = SessionSource(session), result.fit
    settings = require_time(session.data)
    times = source.get(settings.time)
    values = [source.get(part.variable, part.operator) for part in result.variables]
    good = np.all([value < MISSING for value in [*values, times]], axis=0)
    # The lagged term of the first period enters with trend 1, so the level of a period has its own trend plus 1.
    trend = (np.where(good, times, 0.0) - result.start) / settings.delta + 2.0
    total = np.full(len(times), fit.mu[equation]) + fit.rho[equation] * trend
    for value, weight in zip(values, fit.beta[: len(values), equation], strict=True):
        total += weight * np.where(good, value, 0.0)
    if fit.trend == "rconstant":
        total += fit.beta[-1, equation]
    elif fit.trend == "rtrend":
        total += fit.beta[-1, equation] * trend
    return np.where(good, total, MISSING)


def fitted_change(session: Session, result: VecResult, equation: int) -> FloatArray:
    """Fitted first difference of one variable in every period where its regressors are known."""
    data, fit = session.data, result.fit
    source = SessionSource(session)
    columns = [apply_operators(data, cointegrating_values(session, result, i), "L") for i in range(fit.rank)]
    for part in result.variables:
        for lag in range(1, result.lags):
            prefix = f"L{lag if lag > 1 else ''}D"
            columns.append(source.get(part.variable, prefix + part.operator))
    settings = require_time(data)
    times = source.get(settings.time)
    if fit.trend == "trend":
        columns.append(np.where(times < MISSING, (times - result.start) / settings.delta + 1.0, MISSING))
    if fit.trend in {"constant", "rtrend", "trend"}:
        columns.append(np.ones(data.n_obs))
    good = np.all([column < MISSING for column in columns], axis=0)
    X = np.column_stack([np.where(good, column, 0.0) for column in columns])
    return np.where(good, X @ fit.coefficients[:, equation], MISSING)


def vec_predictor(result: VecResult) -> Predictor:
    """predict after vec: xb, residuals, levels and the cointegrating equation."""

    def predict(session: Session, line: Line, statistic: str) -> tuple[FloatArray, str, str]:
        name = statistic or "xb"
        typed = (line.text_option("equation") or "#1").strip()
        if name == "stdp":
            raise unsupported("predict, stdp after vec is")
        if name == "ce":
            index = _position(typed, result.cointegrating)
            return cointegrating_values(session, result, index), "Predicted cointegrated equation", ""
        if name not in {"xb", "residuals", "levels"}:
            raise StataError(198, f"option {name} not allowed")
        index = _position(typed, result.equations)
        part = result.variables[index]
        linear = fitted_change(session, result, index)
        source = SessionSource(session)
        if name == "xb":
            return linear, "Fitted values", "" if statistic else "(option xb assumed; fitted values)"
        other = source.get(part.variable, f"D{part.operator}" if name == "residuals" else
                           lagged_part(part, 1).operator)  # fmt: skip
        good = (linear < MISSING) & (other < MISSING)
        known, base = np.where(good, linear, 0.0), np.where(good, other, 0.0)
        if name == "residuals":
            return np.where(good, base - known, MISSING), "Residuals", ""
        return np.where(good, base + known, MISSING), "Fitted values in levels", ""

    return predict
