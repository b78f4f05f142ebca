"""Box–Cox regressions by concentrated likelihood ([R] boxcox, Methods and formulas; Box and Cox 1964)."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from ssd.engine.errors import StataError
from ssd.engine.missing import FloatArray
from ssd.engine.stats.linear import LeastSquares, least_squares

MODELS = ("lhsonly", "rhsonly", "lambda", "theta")


def transform(values: FloatArray, power: float) -> FloatArray:
    """(x^p - 1)/p, the logarithm at p = 0."""
    if abs(power) < 1e-10:
        return np.asarray(np.log(values), dtype=np.float64)
    return np.asarray(np.expm1(power * np.log(values)) / power, dtype=np.float64)


def invert(values: FloatArray, power: float) -> FloatArray:
    """The x whose transform is `values`; nan where there is none."""
    if abs(power) < 1e-10:
        return np.asarray(np.exp(values), dtype=np.float64)
    base = 1.0 + power * values
    return np.asarray(np.where(base > 0.0, np.where(base > 0.0, base, 1.0) ** (1.0 / power), np.nan), dtype=np.float64)


@dataclass(frozen=True)
class BoxCox:
    """Data of one model. `moved` (n, p) regressors are transformed, `fixed` (n, q) are not."""

    model: str
    y: FloatArray
    moved: FloatArray
    fixed: FloatArray
    w: FloatArray | None
    constant: bool

    @property
    def count(self) -> int:
        """Number of transformation parameters."""
        return 2 if self.model == "theta" else 1

    def powers(self, parameters: FloatArray) -> tuple[float, float]:
        """The power of the outcome and that of the regressors."""
        if self.model == "lhsonly":
            return float(parameters[0]), 1.0
        if self.model == "rhsonly":
            return 1.0, float(parameters[0])
        if self.model == "lambda":
            return float(parameters[0]), float(parameters[0])
        return float(parameters[1]), float(parameters[0])

    def regression(self, parameters: FloatArray) -> LeastSquares:
        theta, lam = self.powers(parameters)
        y = self.y if self.model == "rhsonly" else transform(self.y, theta)
        moved = self.moved if self.model == "lhsonly" else np.column_stack(
            [transform(column, lam) for column in self.moved.T] or [np.zeros((len(y), 0))]
        )  # fmt: skip
        return least_squares(np.column_stack([moved, self.fixed]), y, self.w, constant=self.constant)

    def log_likelihood(self, parameters: FloatArray) -> float:
        """Concentrated over the coefficients and the variance."""
        with np.errstate(over="ignore", invalid="ignore"):
            ls = self.regression(parameters)
        total = float(len(self.y) if self.w is None else self.w.sum())
        if not (np.isfinite(ls.rss) and ls.rss > 0.0):
            return -math.inf
        value = -0.5 * total * (math.log(2.0 * math.pi) + 1.0 + math.log(ls.rss / total))
        if self.model == "rhsonly":
            return value
        logs = np.log(self.y)
        jacobian = float(logs.sum() if self.w is None else self.w @ logs)
        return value + (self.powers(parameters)[0] - 1.0) * jacobian


@dataclass(frozen=True)
class BoxCoxFit:
    parameters: FloatArray
    covariance: FloatArray
    """Of the transformation parameters, from the curvature of the concentrated likelihood."""
    log_likelihood: float
    iterations: list[float]


def maximize(f: Callable[[FloatArray], float], count: int) -> BoxCoxFit:
    """Best point of a grid of powers, then Newton steps. Raises r(430) when the likelihood has no maximum."""
    grid = [np.array(point) for point in itertools.product(np.linspace(-2.0, 2.0, 9), repeat=count)]
    at = max(grid, key=f)
    value = f(at)
    if not np.isfinite(value):
        raise StataError(1400, "initial values not feasible")
    history = [f(np.ones(count)), value]
    for _ in range(100):
        gradient, H = _derivatives(f, at)
        curvature = np.linalg.eigvalsh(H)
        if curvature.max() < 0.0:
            step = -np.linalg.solve(H, gradient)
        else:
            step = gradient / max(float(np.abs(curvature).max()), 1e-12)
        size = 1.0
        while size > 1e-12 and not f(at + size * step) >= value - 1e-11 * abs(value):
            size /= 2.0
        at = at + size * step
        new = f(at)
        if abs(new - value) > 1e-8 * abs(value):
            history.append(new)
        settled = float(np.abs(size * step).max()) < 1e-9 * (1.0 + float(np.abs(at).max()))
        value = new
        if settled:
            break
        if float(np.abs(at).max()) > 1e3:
            raise StataError(430, "convergence not achieved")
    else:
        raise StataError(430, "convergence not achieved")
    _, H = _derivatives(f, at)
    if np.linalg.eigvalsh(H).max() >= 0.0:
        raise StataError(430, "convergence not achieved")
    return BoxCoxFit(at, np.asarray(np.linalg.inv(-H), dtype=np.float64), value, history)


def _derivatives(f: Callable[[FloatArray], float], at: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Gradient and second derivatives by central differences, extrapolated once."""
    k = len(at)
    gradient = np.empty(k)
    for i in range(k):
        unit = np.eye(k)[i] * 1e-3
        gradient[i] = (8.0 * (f(at + unit) - f(at - unit)) - (f(at + 2.0 * unit) - f(at - 2.0 * unit))) / 12e-3

    def once(h: float) -> FloatArray:
        H = np.empty((k, k))
        E = np.eye(k) * h
        for i in range(k):
            for j in range(k):
                H[i, j] = (
                    f(at + E[i] + E[j]) - f(at + E[i] - E[j]) - f(at - E[i] + E[j]) + f(at - E[i] - E[j])
                ) / (4.0 * h * h)  # fmt: skip
        return H

    return gradient, np.asarray((4.0 * once(2e-3) - once(4e-3)) / 3.0, dtype=np.float64)
