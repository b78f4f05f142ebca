"""Cox regression with gamma frailties shared within groups.

For a given variance theta the log frailties are coefficients under a penalty; theta maximises the profile of
the marginal likelihood (Therneau and Grambsch 2000, ch. 9; [ST] stcox, "Methods and formulas").
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ssd.engine.errors import StataError
from ssd.engine.missing import FloatArray
from ssd.engine.stats.survival_cox import RiskSets, state

IndexArray = NDArray[np.intp]


@dataclass(frozen=True)
class FrailtyFit:
    coefficients: FloatArray
    covariance: FloatArray
    """Of the coefficients, given theta."""
    frailties: FloatArray
    """Log frailty of each group."""
    theta: float
    theta_error: float
    ll: float
    """Marginal log likelihood."""


@dataclass
class _Penalised:
    """The penalised likelihood at one theta, started from the last solution."""

    sets: RiskSets
    X: FloatArray
    group: IndexArray
    offset: FloatArray | None
    b: FloatArray
    covariance: FloatArray

    def solve(self, theta: float) -> float:
        """Maximise and return the marginal log likelihood. Raises r(430)."""
        k = self.X.shape[1]
        count = int(self.group.max()) + 1
        wide = np.column_stack([self.X, (self.group[:, None] == np.arange(count)[None, :]).astype(np.float64)])

        def value(b: FloatArray) -> float:
            with np.errstate(over="ignore", invalid="ignore"):
                found = state(self.sets, wide, b, self.offset)
                penalty = float((b[k:] - np.exp(b[k:])).sum()) / theta
            total = found.ll + penalty
            return total if math.isfinite(total) else -math.inf

        b = self.b
        current = value(b)
        for _ in range(200):
            now = state(self.sets, wide, b, self.offset)
            gradient = now.gradient.copy()
            gradient[k:] += (1.0 - np.exp(b[k:])) / theta
            information = now.information.copy()
            information[np.arange(k, k + count), np.arange(k, k + count)] += np.exp(b[k:]) / theta
            step = np.asarray(np.linalg.solve(information, gradient), dtype=np.float64)
            if float(gradient @ step) < 1e-20:
                break
            size = 1.0
            while size > 1e-8 and value(b + size * step) < current - 1e-12 * abs(current):
                size /= 2.0
            if size <= 1e-8:
                break
            b = b + size * step
            current = value(b)
        else:
            raise StataError(430, "convergence not achieved")
        self.b = b
        self.covariance = np.asarray(np.linalg.inv(information)[:k, :k], dtype=np.float64)
        return current + self._correction(theta, count)

    def _correction(self, theta: float, count: int) -> float:
        from scipy.special import gammaln

        d = np.bincount(self.group, weights=self.sets.w * self.sets.d, minlength=count)
        nu = 1.0 / theta
        terms = nu + d - (nu + d) * np.log(nu + d) + nu * math.log(nu) + gammaln(nu + d) - gammaln(nu)
        return float(terms.sum())


def fit_frailty(
    sets: RiskSets, X: FloatArray, group: IndexArray, offset: FloatArray | None, start: FloatArray
) -> FrailtyFit:
    """The model with the variance that is most likely."""
    from scipy.optimize import minimize_scalar

    count = int(group.max()) + 1
    k = X.shape[1]
    begin = np.concatenate([start, np.zeros(count)])
    model = _Penalised(sets, X - X.mean(axis=0), group, offset, begin, np.zeros((k, k)))
    found = minimize_scalar(lambda z: -model.solve(math.exp(z)), bounds=(-12.0, 5.0), method="bounded",
                            options={"xatol": 1e-9})  # fmt: skip
    theta = math.exp(float(found.x))
    h = 0.02 * theta
    ll = model.solve(theta)
    # Two Newton steps on the profile, from differences of fourth order, sharpen what the search has bracketed.
    error = math.nan
    for _ in range(3):
        up, down = model.solve(theta + h), model.solve(theta - h)
        far_up, far_down = model.solve(theta + 2.0 * h), model.solve(theta - 2.0 * h)
        slope = (8.0 * (up - down) - (far_up - far_down)) / (12.0 * h)
        curvature = (16.0 * (up + down) - (far_up + far_down) - 30.0 * ll) / (12.0 * h * h)
        if not curvature < 0.0:
            break
        error = 1.0 / math.sqrt(-curvature)
        theta = min(max(theta - slope / curvature, theta / 2.0), theta * 2.0)
        h = 0.02 * theta
        ll = model.solve(theta)
    return FrailtyFit(model.b[:k].copy(), model.covariance.copy(), model.b[k:].copy(), theta, error, ll)
