"""Treatment effects from stacked estimating equations: regression adjustment, weighting, doubly robust.

The equations of the effects, the outcome models and the treatment model are solved one after the other;
the covariance is that of all of them jointly (Wooldridge 2010, section 21.3; Cattaneo 2010; [TE] teffects).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from ssd.engine.missing import FloatArray
from ssd.engine.stats.binary import Logit, Probit, logistic
from ssd.engine.stats.counts import Poisson
from ssd.engine.stats.distributions import normal_cumulative, normal_density
from ssd.engine.stats.likelihood import Equation, Model, maximize
from ssd.engine.stats.ordered import Multinomial

Estimator = Literal["ra", "ipw", "aipw", "ipwra"]
Statistic = Literal["ate", "atet", "pomeans"]
Link = Literal["linear", "logit", "probit", "poisson", "flogit", "fprobit"]
GroupArray = NDArray[np.intp]

_FAMILY: dict[Link, Link] = {"flogit": "logit", "fprobit": "probit"}
"""Fractional outcomes have the mean and the quasi-likelihood of the binary ones."""


def mean_of(link: Link, eta: FloatArray) -> FloatArray:
    """Conditional mean at a linear index."""
    link = _FAMILY.get(link, link)
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
    if _FAMILY.get(link, link) == "probit":
        return (y - mean) * normal_density(eta) / np.maximum(mean * (1.0 - mean), 1e-300)
    return y - mean


def fit_index(link: Link, y: FloatArray, X: FloatArray, w: FloatArray) -> FloatArray:
    """Coefficients that solve X' w score = 0."""
    if link == "linear":
        root = np.sqrt(w)
        return np.asarray(np.linalg.lstsq(X * root[:, None], y * root, rcond=None)[0], dtype=np.float64)
    family = _FAMILY.get(link, link)
    if link in _FAMILY:
        return _fit_fraction(family, y, X, w)
    model: Model = Logit(y) if family == "logit" else Probit(y) if family == "probit" else Poisson(y)
    fit = maximize(model, [Equation(X)], np.zeros(X.shape[1]), w)
    return fit.coefficients


def _fit_fraction(family: Link, y: FloatArray, X: FloatArray, w: FloatArray) -> FloatArray:
    """The likelihood of y successes and 1 - y failures: two weighted binary observations for each."""
    twice = np.vstack([X, X])
    outcome = np.concatenate([np.ones(len(y)), np.zeros(len(y))])
    weights = np.concatenate([w * y, w * (1.0 - y)])
    used = weights > 0.0
    model: Model = Logit(outcome[used]) if family == "logit" else Probit(outcome[used])
    return maximize(model, [Equation(twice[used])], np.zeros(X.shape[1]), weights[used]).coefficients


@dataclass
class TreatmentProblem:
    """A treatment with levels 0, 1, …, its outcome and treatment models (matrices include the constant)."""

    estimator: Estimator
    statistic: Statistic
    y: FloatArray
    group: GroupArray
    """Position of the treatment level of each observation."""
    X: FloatArray
    Z: FloatArray
    outcome: Link = "linear"
    treatment: Link = "logit"
    weighted_outcome: bool = False
    """aipw with wnls: outcome models weighted by (1/p)(1/p - 1)."""
    w: FloatArray | None = None
    frequency: bool = False
    control: int = 0
    """Position of the level the others are compared with."""
    level: int = 1
    """Position of the level the ATET is about."""
    sizes: list[int] = field(default_factory=list)
    """Numbers of parameters: effects, outcome model of each level, treatment model."""

    @property
    def levels(self) -> int:
        return int(self.group.max()) + 1

    @property
    def others(self) -> list[int]:
        """Levels but the control."""
        return [level for level in range(self.levels) if level != self.control]

    @property
    def has_outcome(self) -> bool:
        return self.estimator != "ipw"

    @property
    def has_treatment(self) -> bool:
        return self.estimator != "ra"

    @property
    def weights(self) -> FloatArray:
        return np.ones(len(self.y)) if self.w is None else self.w

    def inverse(self, p: FloatArray, level: int) -> FloatArray:
        """Inverse-probability weight of the observations at a treatment level, zero for the others."""
        numerator = p[:, self.level] if self.statistic == "atet" else 1.0
        return np.asarray(np.where(self.group == level, numerator / p[:, level], 0.0), dtype=np.float64)

    def _outcome_weights(self, p: FloatArray | None, level: int) -> FloatArray:
        inside: FloatArray = (self.group == level).astype(np.float64)
        if self.estimator == "ipwra" and p is not None:
            return self.inverse(p, level)
        if self.weighted_outcome and p is not None:
            own = p[:, level]
            inside = np.asarray(inside / own * (1.0 / own - 1.0), dtype=np.float64)
        return inside

    def propensity(self, gamma: FloatArray) -> FloatArray:
        """Probability of each treatment level: (n, levels)."""
        others = self.others
        p = np.empty((len(self.y), self.levels))
        if len(others) == 1:
            p[:, others[0]] = mean_of(self.treatment, self.Z @ gamma)
            p[:, self.control] = 1.0 - p[:, others[0]]
            return p
        eta = np.zeros((len(self.y), self.levels))
        eta[:, others] = self.Z @ gamma.reshape(len(others), -1).T
        eta -= eta.max(axis=1, keepdims=True)
        p = np.exp(eta)
        return np.asarray(p / p.sum(axis=1, keepdims=True), dtype=np.float64)

    def fit_treatment(self) -> FloatArray:
        """Coefficients of the treatment model, level after level."""
        others = self.others
        if len(others) == 1:
            return fit_index(self.treatment, (self.group == others[0]).astype(np.float64), self.Z, self.weights)
        place = np.full(self.levels, -1, dtype=np.intp)
        place[others] = np.arange(len(others))
        equations = [Equation(self.Z) for _ in others]
        start = np.zeros(self.Z.shape[1] * len(others))
        return maximize(Multinomial(place[self.group]), equations, start, self.weights).coefficients

    def solve(self) -> FloatArray:
        """All parameters in the order of the equations."""
        gamma = np.zeros(0)
        p: FloatArray | None = None
        if self.has_treatment:
            gamma = self.fit_treatment()
            p = self.propensity(gamma)
        betas: list[FloatArray] = []
        if self.has_outcome:
            for level in range(self.levels):
                w = self.weights * self._outcome_weights(p, level)
                used = w > 0.0
                betas.append(fit_index(self.outcome, self.y[used], self.X[used], w[used]))
        means = np.array([self._mean(level, betas, p) for level in range(self.levels)])
        if self.statistic == "pomeans":
            effects = means
        else:
            effects = np.append(means[self.others] - means[self.control], means[self.control])
        self.sizes = [self.levels, *([len(b) for b in betas] or [0] * self.levels), len(gamma)]
        return np.concatenate([effects, *betas, gamma])

    def _mean(self, level: int, betas: list[FloatArray], p: FloatArray | None) -> float:
        values, weights = self._contribution(level, betas, p)
        total = self.weights * weights
        return float(total @ values / total.sum())

    def _contribution(self, level: int, betas: list[FloatArray], p: FloatArray | None) -> tuple[FloatArray, FloatArray]:
        """Values whose weighted mean is the potential-outcome mean, and the weights."""
        ones = np.ones(len(self.y))
        if self.estimator == "ipw":
            assert p is not None
            return self.y, self.inverse(p, level)
        fitted = mean_of(self.outcome, self.X @ betas[level])
        if self.estimator == "aipw":
            assert p is not None
            return fitted + self.inverse(p, level) * (self.y - fitted), ones
        return fitted, (self.group == self.level).astype(np.float64) if self.statistic == "atet" else ones

    def split(self, theta: FloatArray) -> tuple[FloatArray, list[FloatArray], FloatArray]:
        """Effects, coefficients of the outcome models, coefficients of the treatment model."""
        parts = np.split(theta, np.cumsum(self.sizes)[:-1])
        return parts[0], parts[1:-1], parts[-1]

    def moments(self, theta: FloatArray) -> FloatArray:
        """Estimating functions of every observation: (n, parameters)."""
        effects, betas, gamma = self.split(theta)
        p = self.propensity(gamma) if self.has_treatment else None
        order = list(range(self.levels))
        if self.statistic == "pomeans":
            means = effects
        else:
            order = [*self.others, self.control]
            means = np.empty(self.levels)
            means[self.control] = effects[-1]
            means[self.others] = effects[:-1] + effects[-1]
        columns: list[FloatArray] = []
        for level in order:
            values, weights = self._contribution(level, betas, p)
            columns.append((weights * (values - means[level]))[:, None])
        if self.has_outcome:
            for level in range(self.levels):
                factor = score_factor(self.outcome, self.y, self.X @ betas[level])
                columns.append(self.X * (factor * self._outcome_weights(p, level))[:, None])
        if p is not None:
            columns += self._treatment_scores(gamma, p)
        return np.column_stack(columns)

    def _treatment_scores(self, gamma: FloatArray, p: FloatArray) -> list[FloatArray]:
        if len(self.others) == 1:
            chosen = (self.group == self.others[0]).astype(np.float64)
            return [self.Z * score_factor(self.treatment, chosen, self.Z @ gamma)[:, None]]
        return [self.Z * ((self.group == level) - p[:, level])[:, None] for level in self.others]

    def covariance(
        self, theta: FloatArray, cluster_sums: Callable[[FloatArray], FloatArray] | None = None
    ) -> FloatArray:
        """Sandwich of the stacked equations; `cluster_sums` adds rows within clusters."""
        w = self.weights
        A = derivative(lambda value: w @ self.moments(value), theta)
        rows = self.moments(theta) * w[:, None]
        if cluster_sums is not None:
            sums = cluster_sums(rows)
            B = sums.T @ sums
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
