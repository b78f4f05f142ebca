"""margins, expression(): the mean of any function of predictions, with numerical derivatives by the coefficients."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from ssd.engine.commands.estimation import Estimation, SessionSource
from ssd.engine.commands.margins_cells import Cell, Predictor, predictor_of
from ssd.engine.commands.margins_scenario import Scenario, ScenarioColumns
from ssd.engine.data.dataset import Dataset
from ssd.engine.errors import StataError, type_mismatch
from ssd.engine.expr import evaluate_rows
from ssd.engine.lang.quoting import closing
from ssd.engine.missing import MISSING, BoolArray, FloatArray
from ssd.engine.results import Matrix
from ssd.engine.stats.design import Part

if TYPE_CHECKING:
    from ssd.engine.session import Session

_PREDICT = re.compile(r"\bpredict\s*\(")
_STEP = np.finfo(np.float64).eps ** (1.0 / 3.0)


@dataclass
class Expression:
    """`text` with each predict() replaced by a name, and the predictions behind the names."""

    session: Session
    typed: str
    text: str
    predictors: dict[str, Predictor]

    @property
    def first(self) -> Predictor:
        """Whose equations say what the covariates are."""
        predictor = next(iter(self.predictors.values()))
        return replace(predictor, label=self.typed, expression="")

    def cell(self, columns: ScenarioColumns, scenario: Scenario) -> Cell:
        """Weighted mean over the rows and its gradient by central differences."""
        b = self.session.e.matrices["b"].values[0]
        errors = np.sqrt(np.clip(np.diag(self.session.e.matrices["V"].values), 0.0, None))
        gradient = np.zeros(len(b))
        for j in np.flatnonzero(errors > 0.0):
            h = _STEP * max(abs(b[j]), errors[j])
            up, down = b.copy(), b.copy()
            up[j] += h
            down[j] -= h
            gradient[j] = (self._mean(columns, scenario, up) - self._mean(columns, scenario, down)) / (2.0 * h)
        estimable = not any(
            columns.touches_empty(linear.design, scenario) for p in self.predictors.values() for linear in p.equations
        )
        return Cell(self._mean(columns, scenario, b), gradient, estimable)

    def _mean(self, columns: ScenarioColumns, scenario: Scenario, b: FloatArray) -> float:
        session = self.session
        data, stored = session.data, session.e.matrices["b"]
        work = Dataset(n_obs=columns.n)
        for name in data.variables:
            if re.search(rf"\b{re.escape(name)}\b", self.text) and not data.variables[name].is_string:
                part = columns.part(Part(name), scenario)
                work.add(name, np.broadcast_to(np.asarray(part, dtype=np.float64), (columns.n,)).copy(), "double")
        for name, predictor in self.predictors.items():
            work.add(name, _predicted(predictor, columns, scenario, b), "double")
        session.data = work
        session.e.matrices["b"] = Matrix(b.reshape(1, -1), stored.rows, stored.cols)
        try:
            values = evaluate_rows(self.text, session)
        finally:
            session.e.matrices["b"] = stored
            session.data = data
        if values.dtype == object:
            raise type_mismatch()
        known = values < MISSING
        if not known.all():
            raise StataError(498, "could not calculate numerical derivatives -- missing values encountered")
        return float(columns.weights @ values / columns.weights.sum())


def _predicted(predictor: Predictor, columns: ScenarioColumns, scenario: Scenario, b: FloatArray) -> FloatArray:
    etas = []
    for linear, positions in zip(predictor.equations, predictor.positions, strict=True):
        eta = columns.matrix(linear.design, scenario) @ b[positions]
        if linear.offset is not None:
            eta = eta + linear.offset[columns.rows]
        etas.append(eta)
    return np.asarray(predictor.response(np.column_stack(etas))[0], dtype=np.float64)


def parse_expression(
    session: Session, estimation: Estimation, rows: BoolArray, typed: str, source: SessionSource
) -> Expression:
    """Find the predict() calls of an expression. Without any, the covariates are those of the default prediction."""
    text = ""
    predictors: dict[str, Predictor] = {}
    rest = typed
    while (match := _PREDICT.search(rest)) is not None:
        end = closing(rest, match.end() - 1)
        name = f"__predict{len(predictors) + 1}"
        predictors[name] = predictor_of(session, estimation, rows, rest[match.end() : end].strip(), source)
        text += rest[: match.start()] + name
        rest = rest[end + 1 :]
    text += rest
    if not predictors:
        predictors["__predict1"] = predictor_of(session, estimation, rows, "", source)
    return Expression(session, typed.strip(), text, predictors)
