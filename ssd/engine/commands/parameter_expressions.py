"""Expressions with parameters in braces, `{b0=1} + {xb: mpg weight _cons}*x`, as gmm and nl take them."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from ssd.engine.errors import StataError, invalid_syntax, unsupported
from ssd.engine.missing import FloatArray

if TYPE_CHECKING:
    from ssd.engine.session import Session

_PARAMETER = re.compile(r"\{\s*(\w+)\s*(?:(:)\s*([^{}]*)|=\s*([-+.\deE]+))?\s*\}")


@dataclass
class Parameters:
    """Parameters in the order of first mention, and the linear combinations among them."""

    names: list[str] = field(default_factory=list)
    start: list[float] = field(default_factory=list)
    combinations: dict[str, tuple[list[int], list[str]]] = field(default_factory=dict)

    def position(self, name: str, start: float = 0.0) -> int:
        if name not in self.names:
            self.names.append(name)
            self.start.append(start)
        return self.names.index(name)


@dataclass
class Equation:
    """One residual or regression function."""

    name: str
    text: str
    """With every parameter replaced by the name of a scratch variable."""
    used: list[str]
    """Keys of the scratch variables: combination or parameter names."""


def parse_expressions(session: Session, text: str) -> tuple[list[Equation], Parameters]:
    """The expressions in parentheses of `text`, optionally named, and the parameters they mention.

    Raises r(198) for what is no expression or holds no parameter, r(111) for an undefined combination.
    """
    parameters = Parameters()
    equations: list[Equation] = []
    for body in _parenthesised(text):
        name, expression = str(len(equations) + 1), body
        named = re.match(r"\s*([A-Za-z_]\w*)\s*:(?!:)", body)
        if named is not None and not body[: named.end()].count("{"):
            name, expression = named.group(1), body[named.end() :]
        used: list[str] = []

        def replace(match: re.Match[str], used: list[str] = used) -> str:
            key, colon, variables, initial = match.groups()
            if colon and variables.strip():
                words = session.expand_varlist(variables, fv=True, ts=True)
                if any("." in word for word in words):
                    raise unsupported(
                        "factor variables and time-series operators in a linear combination of parameters are"
                    )
                constant = [word for word in words if word == "_cons"]
                words = [word for word in words if word != "_cons"]
                positions = [parameters.position(f"{key}:{word}") for word in words]
                if constant:
                    positions.append(parameters.position(f"{key}:_cons"))
                parameters.combinations[key] = (positions, words)
            elif colon or key in parameters.combinations:
                if key not in parameters.combinations:
                    raise StataError(111, f"linear combination {key} not defined")
            else:
                parameters.position(f"/:{key}", float(initial) if initial else 0.0)
            if key not in used:
                used.append(key)
            return f"__parameter_{key}"

        equations.append(Equation(name, _PARAMETER.sub(replace, expression), used))
    if not equations or not parameters.names:
        raise invalid_syntax("no parameters in the moment expressions")
    return equations, parameters


def _parenthesised(text: str) -> list[str]:
    found: list[str] = []
    depth, start = 0, 0
    for index, char in enumerate(text):
        if char == "(":
            if depth == 0:
                if text[start:index].strip():
                    raise unsupported("evaluator programs are")
                start = index + 1
            depth += 1
        elif char == ")":
            depth -= 1
            if depth == 0:
                found.append(text[start:index])
                start = index + 1
    if depth or text[start:].strip():
        raise unsupported("evaluator programs are") if not found else invalid_syntax()
    return found


class Expressions:
    """Values of the expressions at given parameters and their derivatives, on one sample.

    A context: scratch variables hold the parameters while expressions are evaluated.
    """

    def __init__(self, session: Session, equations: list[Equation], parameters: Parameters) -> None:
        self.session, self.equations, self.parameters = session, equations, parameters
        self.scratch = {key: f"__parameter_{key}" for equation in equations for key in equation.used}
        self.columns = {
            key: np.column_stack([session.data.numeric(word) for word in words])
            for key, (_, words) in parameters.combinations.items()
            if words
        }
        self.rows = np.ones(session.data.n_obs, dtype=np.bool_)

    def __enter__(self) -> Expressions:
        for name in self.scratch.values():
            self.session.data.add(name, np.zeros(self.session.data.n_obs), "double")
        return self

    def __exit__(self, *_: object) -> None:
        self.session.data.drop(list(self.scratch.values()))

    def index(self, key: str, b: FloatArray) -> FloatArray:
        n = self.session.data.n_obs
        if key not in self.parameters.combinations:
            return np.full(n, b[self.parameters.names.index(f"/:{key}")])
        positions, words = self.parameters.combinations[key]
        values = self.columns[key] @ b[positions[: len(words)]] if words else np.zeros(n)
        return values + (b[positions[-1]] if len(positions) > len(words) else 0.0)

    def _evaluate(self, equation: Equation) -> FloatArray:
        return self.session.evaluate_numbers(equation.text)

    def _put(self, key: str, values: FloatArray) -> None:
        self.session.data.replace(self.scratch[key], values, None)

    def residuals(self, b: FloatArray) -> FloatArray:
        """(n of the data, equations), missing where an expression is missing."""
        for key in self.scratch:
            self._put(key, self.index(key, b))
        return np.column_stack([self._evaluate(equation) for equation in self.equations])

    def derivatives(self, b: FloatArray) -> list[FloatArray]:
        """Per equation (n of the sample, parameters), by central differences along each scratch variable."""
        self.residuals(b)
        found = []
        for equation in self.equations:
            D = np.zeros((int(self.rows.sum()), len(b)))
            for key in equation.used:
                at = self.index(key, b)
                step = 6e-6 * (1.0 + np.abs(at))
                self._put(key, at + step)
                up = self._evaluate(equation)[self.rows]
                self._put(key, at - step)
                down = self._evaluate(equation)[self.rows]
                self._put(key, at)
                slope = (up - down) / (2.0 * step[self.rows])
                if key in self.parameters.combinations:
                    positions, words = self.parameters.combinations[key]
                    if words:
                        D[:, positions[: len(words)]] += slope[:, None] * self.columns[key][self.rows]
                    if len(positions) > len(words):
                        D[:, positions[-1]] += slope
                else:
                    D[:, self.parameters.names.index(f"/:{key}")] += slope
            found.append(D)
        return found
