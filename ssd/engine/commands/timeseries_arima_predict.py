"""predict after arima: one-step and dynamic predictions, residuals, mean squared errors."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol

import numpy as np

from ssd.engine.commands.declare import Line
from ssd.engine.data.timeseries import apply_operators, require_time
from ssd.engine.errors import StataError
from ssd.engine.missing import MISSING, BoolArray, FloatArray, is_missing
from ssd.engine.stats.arma import Arma, innovations_with_gaps
from ssd.engine.stats.terms import Component

if TYPE_CHECKING:
    from ssd.engine.session import Session

STATISTICS = ("xb", "y", "residuals", "yresiduals", "mse")
_NOTES = {"xb": "(option xb assumed; predicted values)"}
_LABELS = {
    "xb": "xb prediction", "y": "y prediction", "residuals": "residual", "yresiduals": "y residual", "mse": "MSE",
}  # fmt: skip

Predictor = Callable[["Session", Line, str], tuple[FloatArray, str, str]]
"""From the statistic typed ("" for none): values over all observations, label, and the note to print."""


class Process(Protocol):
    """What the predictions need to know of the orders."""

    @property
    def operator(self) -> str: ...

    @property
    def names(self) -> list[str]: ...

    def arma(self, values: FloatArray) -> Arma: ...


def dynamic_start(session: Session, line: Line) -> float:
    """The time of dynamic(): an expression such as tq(1990q1), or `.` for the end of the sample."""
    text = line.text_option("dynamic")
    if not text:
        return MISSING
    if text.strip() == ".":
        last = session.e.scalars["tmax"]
        return last + require_time(session.data).delta
    return session.evaluate_number(text)


def arima_predictor(equation: str, outcome: Component, typed: Component, orders: Process) -> Predictor:
    """What predict computes after one arima command."""

    def predict(session: Session, line: Line, statistic: str) -> tuple[FloatArray, str, str]:
        name = statistic or "xb"
        if name not in STATISTICS:
            raise StataError(198, f"option {name} not allowed")
        values = _Filtered(session, line, equation, outcome, typed, orders).statistic(name)
        dynamic = line.text_option("dynamic")
        manner = f"dyn({dynamic})" if dynamic else "one-step"
        if line.flag("structural"):
            manner = "structural"
        return values, f"{_LABELS[name]}, {manner}", "" if statistic else _NOTES["xb"]

    return predict


class _Filtered:
    """The filter run over all observations from the start of the estimation sample."""

    def __init__(
        self,
        session: Session,
        line: Line,
        equation: str,
        outcome: Component,
        typed: Component,
        orders: Process,
    ) -> None:
        from ssd.engine.commands.estimation import estimation_of
        from ssd.engine.commands.postestimation_predict import linear_prediction

        self.session = session
        data = session.data
        settings = require_time(data)
        self.typed, self.outcome, self.operator = typed, outcome, orders.operator
        self.time = data.numeric(settings.time)
        linear = linear_prediction(session, estimation_of(session), np.ones(data.n_obs, dtype=np.bool_), equation)
        self.defined = linear.defined & ~is_missing(self.time)
        self.structural = np.full(data.n_obs, MISSING)
        self.structural[self.defined] = linear.xb(self.defined)
        b = session.e.matrices["b"]
        start = b.cols.index(orders.names[0]) if orders.names else len(b.cols) - 1
        self.process = orders.arma(b.values[0, start : start + len(orders.names)])
        self.sigma = float(b.values[0, -1])
        self.y = apply_operators(data, data.numeric(outcome.variable), outcome.operator)
        self.dynamic = dynamic_start(session, line)
        self.only_structural = line.flag("structural")
        self.prediction, self.mse = self._run(settings.delta)

    def _run(self, delta: float) -> tuple[FloatArray, FloatArray]:
        """Predictions and variances; before the sample disturbances count as zero."""
        inside = self.defined & (self.time >= self.session.e.scalars["tmin"])
        prediction = self.structural.copy()
        mse = np.where(self.defined, self.sigma**2, MISSING)
        if self.only_structural or not inside.any():
            return prediction, mse
        positions = np.rint((self.time[inside] - self.time[inside].min()) / delta).astype(np.intp)
        length = int(positions.max()) + 1
        u, known = np.zeros(length), np.zeros(length, dtype=np.bool_)
        usable = ~is_missing(self.y[inside]) & (self.time[inside] < self.dynamic)
        known[positions[usable]] = True
        u[positions[usable]] = (self.y[inside] - self.structural[inside])[usable]
        found = innovations_with_gaps(self.process, u, known)
        if found is None:
            raise StataError(498, "the model is not stationary; predictions are not available")
        predicted = np.where(known, u, 0.0) - found.v
        prediction[inside] += predicted[positions]
        mse[inside] = found.F[positions] * self.sigma**2
        return prediction, mse

    def statistic(self, name: str) -> FloatArray:
        if name == "xb":
            return self.prediction
        if name == "mse":
            return self.mse
        if name == "residuals":
            return _difference(self.y, self.prediction)
        level = self._level()
        if name == "y":
            return level
        original = apply_operators(
            self.session.data, self.session.data.numeric(self.typed.variable), self.typed.operator
        )
        return _difference(original, level)

    def _level(self) -> FloatArray:
        """Predictions of the variable as typed: the prediction plus what differencing took away."""
        data = self.session.data
        original = apply_operators(data, data.numeric(self.typed.variable), self.typed.operator)
        if not self.operator:
            return self.prediction
        if self.dynamic >= MISSING:
            return self._undone(original)
        history = np.where(self.time < self.dynamic, original, MISSING)
        ahead = self.defined & (self.time >= self.dynamic)
        # Each forecast is the history of the next: as many passes as there are periods ahead.
        for _ in range(int(ahead.sum())):
            found = self._undone(history)
            fresh = ahead & is_missing(history) & ~is_missing(found)
            if not fresh.any():
                break
            history = np.where(fresh, found, history)
        one_step = self._undone(original)
        return np.where(ahead, history, one_step)

    def _undone(self, level: FloatArray) -> FloatArray:
        """prediction + (level - operator level), from lags of the level only."""
        data = self.session.data
        weights = np.ones(1)
        for letter, power in _steps(self.operator):
            weights = np.convolve(weights, np.concatenate([[1.0], np.zeros(power - 1), [-1.0]]))
            assert letter in "DS"
        total = np.where(is_missing(self.prediction), 0.0, self.prediction)
        good = ~is_missing(self.prediction)
        for lag, weight in enumerate(weights):
            if lag and weight:
                past = apply_operators(data, level, f"L{lag}")
                good &= ~is_missing(past)
                total = total - weight * np.where(is_missing(past), 0.0, past)
        return np.where(good, total, MISSING)


def _steps(operator: str) -> list[tuple[str, int]]:
    """D2S12 as [(D, 1), (D, 1), (S, 12)]."""
    import re

    steps: list[tuple[str, int]] = []
    for letter, power in re.findall(r"([DS])(\d*)", operator):
        size = int(power) if power else 1
        steps += [("D", 1)] * size if letter == "D" else [("S", size)]
    return steps


def _difference(left: FloatArray, right: FloatArray) -> FloatArray:
    bad: BoolArray = is_missing(left) | is_missing(right)
    return np.where(bad, MISSING, np.where(bad, 0.0, left) - np.where(bad, 0.0, right))
