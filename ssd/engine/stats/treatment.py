"""Treatment effects from stacked estimating equations: regression adjustment, weighting, doubly robust.

The equations of the effect, the outcome models and the treatment model are solved one after the other;
the covariance is that of all of them jointly (Wooldridge 2010, section 21.3; Cattaneo 2010; [TE] teffects).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

import numpy as np

from ssd.engine.missing import BoolArray, FloatArray
from ssd.engine.stats.binary import Logit, Probit, logistic
from ssd.engine.stats.counts import Poisson
from ssd.engine.stats.distributions import normal_cumulative, normal_density
from ssd.engine.stats.likelihood import Equation, Model, maximize

Estimator = Literal["ra", "ipw", "aipw", "ipwra"]
Statistic = Literal["ate", "atet", "pomeans"]
Link = Literal["linear", "logit", "probit", "poisson"]


def mean_of(link: Link, eta: FloatArray) -> FloatArray:
    """Conditional mean at a linear index."""
    if link == "linear":
        return eta
    if link == "logit":
        return logistic(eta)
    if link == "probit":
        return normal_cumulative(eta)
    return np.asarray(np.exp(eta), dtype=np.float64)


def score_factor(link: Link, y: FloatArray, eta: FloatArray) -> FloatArray:
    """Derivative of the log (quasi-)likelihood by the index."""
    mean = mean_of(link, eta)
    if link == "probit":
        return (y - mean) * normal_density(eta) / np.maximum(mean * (1.0 - mean), 1e-300)
    return y - mean


def fit_index(link: Link, y: FloatArray, X: FloatArray, w: FloatArray) -> FloatArray:
    """Coefficients that solve X' w score = 0."""
    if link == "linear":
        root = np.sqrt(w)
        return np.asarray(np.linalg.lstsq(X * root[:, None], y * root, rcond=None)[0], dtype=np.float64)
    model: Model = Logit(y) if link == "logit" else Probit(y) if link == "probit" else Poisson(y)
    fit = maximize(model, [Equation(X)], np.zeros(X.shape[1]), w)
    return fit.coefficients


@dataclass
class TreatmentProblem:
    """A binary treatment, its outcome model and its treatment model (matrices include the constant)."""

    estimator: Estimator
    statistic: Statistic
    y: FloatArray
    treated: BoolArray
    X: FloatArray
    Z: FloatArray
    outcome: Link = "linear"
    treatment: Link = "logit"
    weighted_outcome: bool = False
    """aipw with wnls: outcome models weighted by (1/p)(1/p - 1)."""
    w: FloatArray | None = None
    frequency: bool = False
    sizes: list[int] = field(default_factory=list)
    """Numbers of parameters: effects, outcome model of controls, of treated, treatment model."""

    @property
    def has_outcome(self) -> bool:
        return self.estimator != "ipw"

    @property
    def has_treatment(self) -> bool:
        return self.estimator != "ra"

    @property
    def weights(self) -> FloatArray:
        return np.ones(len(self.y)) if self.w is None else self.w

    def _inverse(self, p: FloatArray, level: int) -> FloatArray:
        """Inverse-probability weight of the observations at a treatment level, zero for the others."""
        inside = self.treated == bool(level)
        own = p if level else 1.0 - p
        numerator = p if self.statistic == "atet" else 1.0
        return np.asarray(np.where(inside, numerator / own, 0.0), dtype=np.float64)

    def _outcome_weights(self, p: FloatArray | None, level: int) -> FloatArray:
        inside: FloatArray = (self.treated == bool(level)).astype(np.float64)
        if self.estimator == "ipwra" and p is not None:
            return self._inverse(p, level)
        if self.weighted_outcome and p is not None:
            own = p if level else 1.0 - p
            inside = np.asarray(inside / own * (1.0 / own - 1.0), dtype=np.float64)
        return inside

    def propensity(self, gamma: FloatArray) -> FloatArray:
        """Probability of treatment."""
        return mean_of(self.treatment, self.Z @ gamma)

    def solve(self) -> FloatArray:
        """All parameters in the order of the equations."""
        gamma = np.zeros(0)
        p: FloatArray | None = None
        if self.has_treatment:
            gamma = fit_index(self.treatment, self.treated.astype(np.float64), self.Z, self.weights)
            p = self.propensity(gamma)
        betas: list[FloatArray] = []
        if self.has_outcome:
            for level in (0, 1):
                w = self.weights * self._outcome_weights(p, level)
                used = w > 0.0
                betas.append(fit_index(self.outcome, self.y[used], self.X[used], w[used]))
        means = [self._mean(level, betas, p) for level in (0, 1)]
        effects = means if self.statistic == "pomeans" else [means[1] - means[0], means[0]]
        self.sizes = [2, *([len(b) for b in betas] or [0, 0]), len(gamma)]
        return np.concatenate([np.array(effects), *betas, gamma])

    def _mean(self, level: int, betas: list[FloatArray], p: FloatArray | None) -> float:
        values, weights = self._contribution(level, betas, p)
        total = self.weights * weights
        return float(total @ values / total.sum())

    def _contribution(self, level: int, betas: list[FloatArray], p: FloatArray | None) -> tuple[FloatArray, FloatArray]:
        """Values whose weighted mean is the potential-outcome mean, and the weights."""
        ones = np.ones(len(self.y))
        if self.estimator == "ipw":
            assert p is not None
            return self.y, self._inverse(p, level)
        fitted = mean_of(self.outcome, self.X @ betas[level])
        if self.estimator == "aipw":
            assert p is not None
            return fitted + self._inverse(p, level) * (self.y - fitted), ones
        return fitted, self.treated.astype(np.float64) if self.statistic == "atet" else ones

    def moments(self, theta: FloatArray) -> FloatArray:
        """Estimating functions of every observation: (n, parameters)."""
        effects, beta0, beta1, gamma = np.split(theta, np.cumsum(self.sizes)[:-1])
        betas = [beta0, beta1]
        p = self.propensity(gamma) if self.has_treatment else None
        means = effects if self.statistic == "pomeans" else np.array([effects[1], effects[1] + effects[0]])
        columns: list[FloatArray] = []
        for level in (0, 1):
            values, weights = self._contribution(level, betas, p)
            columns.append((weights * (values - means[level]))[:, None])
        if self.statistic != "pomeans":
            columns.reverse()
        if self.has_outcome:
            for level in (0, 1):
                factor = score_factor(self.outcome, self.y, self.X @ betas[level])
                columns.append(self.X * (factor * self._outcome_weights(p, level))[:, None])
        if self.has_treatment:
            factor = score_factor(self.treatment, self.treated.astype(np.float64), self.Z @ gamma)
            columns.append(self.Z * factor[:, None])
        return np.column_stack(columns)

    def covariance(
        self, theta: FloatArray, cluster_sums: Callable[[FloatArray], FloatArray] | None = None
    ) -> FloatArray:
        """Sandwich of the stacked equations; `cluster_sums` adds rows within clusters."""
        w = self.weights
        A = derivative(lambda value: w @ self.moments(value), theta)
        rows = self.moments(theta) * w[:, None]
        if cluster_sums is not None:
            B = cluster_sums(rows).T @ cluster_sums(rows)
        elif self.frequency:
            B = rows.T @ (rows / w[:, None])
        else:
            B = rows.T @ rows
        inverse = np.linalg.inv(A)
        V = inverse @ B @ inverse.T
        return np.asarray((V + V.T) / 2.0, dtype=np.float64)


def derivative(function: Callable[[FloatArray], FloatArray], at: FloatArray) -> FloatArray:
    """Jacobian by central differences (the functions are smooth; relative error about 1e-9)."""
    columns = []
    for j in range(len(at)):
        h = 1e-5 * max(abs(float(at[j])), 1e-2)
        up, down = at.copy(), at.copy()
        up[j] += h
        down[j] -= h
        columns.append((function(up) - function(down)) / (up[j] - down[j]))
    return np.column_stack(columns)
