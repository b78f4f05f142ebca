"""Likelihoods with one normal random intercept per group, integrated by Gauss–Hermite quadrature.

The conditional likelihood is any model of linear indices; the random intercept sigma*v, v standard normal,
enters the first of them. Adaptive rules place the nodes at each group's posterior mean and standard
deviation (mean–variance, [XT] xtlogit, Methods and formulas; Naylor and Smith 1982) or at its mode and
curvature (Liu and Pierce 1994). Scores are posterior means of the scores of outcome and intercept jointly,
and the Hessian follows from their posterior covariance (Louis 1982). What is held fixed in differentiating
is, as in Stata, the node itself: adaptive nodes are values of the intercept, so that ln sigma^2 acts through
its density; those of the nonadaptive rule are values of v, so that it acts through the index. The two agree
where the rule has converged.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from ssd.engine.errors import StataError
from ssd.engine.missing import FloatArray
from ssd.engine.stats.covariance import IndexArray
from ssd.engine.stats.likelihood import Equation, Model, direction, hessian, indices, score_rows
from ssd.engine.stats.linear import symmetric_inverse

METHODS = ("mvaghermite", "aghermite", "ghermite")


@dataclass(frozen=True)
class RandomInterceptMaximum:
    """Where the integrated likelihood is largest. Coefficients: those of the equations, then ln sigma^2."""

    coefficients: FloatArray
    covariance: FloatArray
    log_likelihood: float
    scores: FloatArray
    """(G, p), one row per group."""
    iterations: list[float] = field(default_factory=list)


class RandomIntercept:
    """The integrated log likelihood of grouped observations.

    `ids` (n,) are group numbers in nondecreasing order; the model and the equations hold the
    observations in that order.
    """

    def __init__(
        self, model: Model, equations: Sequence[Equation], ids: IndexArray, *, points: int = 12,
        method: str = "mvaghermite",
    ) -> None:  # fmt: skip
        self.model, self.equations, self.ids, self.method = model, list(equations), ids, method
        self.n = len(ids)
        self.groups = int(ids[-1]) + 1
        self._starts = np.searchsorted(ids, np.arange(self.groups))
        self.nodes, weights = np.polynomial.hermite_e.hermegauss(points)
        with np.errstate(divide="ignore"):
            self._log_weights = np.log(weights / weights.sum())
        self.centre = np.zeros(self.groups)
        self.spread = np.ones(self.groups)
        self._placed = False

    def _by_group(self, values: FloatArray) -> FloatArray:
        return np.asarray(np.add.reduceat(values, self._starts, axis=0), dtype=np.float64)

    def _indices(self, theta: FloatArray) -> tuple[FloatArray, float]:
        sigma = float(np.exp(0.5 * min(max(theta[-1], -60.0), 60.0)))
        return indices(theta[:-1], self.equations, self.n), sigma

    def _shifted(self, base: FloatArray, sigma: float, v: FloatArray) -> FloatArray:
        moved = base.copy()
        moved[:, 0] += sigma * v[self.ids]
        return moved

    def _joint(self, base: FloatArray, sigma: float) -> FloatArray:
        """Log of weight times integrand at each node: (G, Q)."""
        columns = []
        for a, log_weight in zip(self.nodes, self._log_weights, strict=True):
            v = self.centre + self.spread * a
            with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
                ll = self._by_group(self.model.log_likelihood(self._shifted(base, sigma, v)))
            columns.append(ll + log_weight + np.log(self.spread) + 0.5 * (a * a - v * v))
        joint = np.column_stack(columns)
        return np.where(np.isnan(joint), -np.inf, joint)

    def _mode(self, base: FloatArray, sigma: float) -> None:
        """Centre and spread at the posterior mode and curvature, by damped Newton steps."""
        v = self.centre.copy()
        curvature = np.ones(self.groups)
        for _ in range(50):
            _, S, H = self.model.derivatives(self._shifted(base, sigma, v))
            gradient = sigma * self._by_group(S[:, 0]) - v
            curvature = np.maximum(1.0 - sigma**2 * self._by_group(H[:, 0, 0]), 1e-8)
            step = gradient / curvature
            if not np.isfinite(step).all():
                raise StataError(1400, "initial values not feasible")
            v = v + np.clip(step, -3.0, 3.0)
            if np.abs(step).max() < 1e-9:
                break
        self.centre, self.spread = v, 1.0 / np.sqrt(curvature)

    def _place(self, base: FloatArray, sigma: float) -> FloatArray:
        """Move the nodes for these parameters and return the joint terms there."""
        if self.method == "ghermite":
            return self._joint(base, sigma)
        if self.method == "aghermite" or not self._placed:
            self._mode(base, sigma)
            self._placed = True
            if self.method == "aghermite":
                return self._joint(base, sigma)
        last = np.full(self.groups, np.nan)
        for _ in range(200):
            joint = self._joint(base, sigma)
            top = joint.max(axis=1)
            share = np.exp(joint - top[:, None])
            total = share.sum(axis=1)
            current = top + np.log(total)
            if np.all(np.abs(current - last) <= 1e-11 * (1.0 + np.abs(current))):
                return joint
            last = current
            share /= total[:, None]
            v = self.centre[:, None] + self.spread[:, None] * self.nodes
            centre = (share * v).sum(axis=1)
            variance = (share * (v - centre[:, None]) ** 2).sum(axis=1)
            # One node holding all the mass tells nothing about the spread.
            self.spread = np.sqrt(np.maximum(variance, 0.04 * self.spread**2))
            self.centre = centre
        return self._joint(base, sigma)

    def log_likelihood(self, theta: FloatArray) -> float:
        """The sum over groups, or -inf where the parameters are not admissible."""
        base, sigma = self._indices(theta)
        centre, spread = self.centre, self.spread
        try:
            with np.errstate(all="ignore"):
                joint = self._place(base, sigma)
        except StataError:
            self.centre, self.spread = centre, spread
            return -np.inf
        top = joint.max(axis=1)
        if not np.isfinite(top).all():
            self.centre, self.spread = centre, spread
            return -np.inf
        return float((top + np.log(np.exp(joint - top[:, None]).sum(axis=1))).sum())

    def held(self, theta: FloatArray, placed: FloatArray) -> float:
        """The sum over groups with the nodes as they were placed for the parameters `placed`.

        This is what the derivatives at `placed` belong to: adaptive nodes stay at the same intercepts sigma*v.
        """
        base, sigma = self._indices(theta)
        centre, spread = self.centre, self.spread
        if self.method != "ghermite":
            scale = float(np.exp(0.5 * (placed[-1] - theta[-1])))
            self.centre, self.spread = centre * scale, spread * scale
        try:
            with np.errstate(all="ignore"):
                joint = self._joint(base, sigma)
        finally:
            self.centre, self.spread = centre, spread
        top = joint.max(axis=1)
        if not np.isfinite(top).all():
            return -np.inf
        return float((top + np.log(np.exp(joint - top[:, None]).sum(axis=1))).sum())

    def derivatives(self, theta: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Log likelihood (G,), scores (G, p) and Hessian (p, p) at (coefficients, ln sigma^2)."""
        base, sigma = self._indices(theta)
        joint = self._place(base, sigma)
        top = joint.max(axis=1)
        share = np.exp(joint - top[:, None])
        total = share.sum(axis=1)
        share /= total[:, None]
        E, p = base.shape[1], len(theta)
        scores = np.zeros((self.groups, p))
        outer = np.zeros((p, p))
        curve = np.zeros((self.n, E + 1, E + 1))
        density = 0.0
        for q, a in enumerate(self.nodes):
            v = self.centre + self.spread * a
            _, S, H = self.model.derivatives(self._shifted(base, sigma, v))
            weight = share[self.ids, q]
            curve[:, :E, :E] += weight[:, None, None] * H
            if self.method == "ghermite":
                slope = 0.5 * sigma * v[self.ids]
                variance_score = self._by_group(S[:, 0] * slope)
                curve[:, :E, E] += (weight * slope)[:, None] * H[:, :, 0]
                curve[:, E, E] += weight * (H[:, 0, 0] * slope**2 + 0.5 * slope * S[:, 0])
            else:
                variance_score = 0.5 * (v * v - 1.0)
                density -= 0.5 * float(share[:, q] @ (v * v))
            rows = np.column_stack([self._by_group(score_rows(self.equations, S)), variance_score])
            scores += share[:, [q]] * rows
            outer += rows.T @ (rows * share[:, [q]])
        curve[:, E, :E] = curve[:, :E, E]
        second = hessian([*self.equations, Equation(None)], curve, np.ones(self.n)) + outer - scores.T @ scores
        second[-1, -1] += density
        return top + np.log(total), scores, second

    def posterior(self, theta: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Posterior mean and standard deviation of the random intercept sigma*v of each group."""
        base, sigma = self._indices(theta)
        joint = self._place(base, sigma)
        share = np.exp(joint - joint.max(axis=1)[:, None])
        share /= share.sum(axis=1)[:, None]
        v = self.centre[:, None] + self.spread[:, None] * self.nodes
        mean = (share * v).sum(axis=1)
        variance = (share * (v - mean[:, None]) ** 2).sum(axis=1)
        return sigma * mean, sigma * np.sqrt(variance)


def maximize_random_intercept(
    likelihood: RandomIntercept, start: FloatArray, *, limit: int = 300, tolerance: float = 1e-14
) -> RandomInterceptMaximum:
    """Newton–Raphson with step halving. Raises r(430) when no maximum is found, r(1400) for a bad start."""
    with np.errstate(all="ignore"):
        return _newton(likelihood, start, limit, tolerance)


def _newton(likelihood: RandomIntercept, start: FloatArray, limit: int, tolerance: float) -> RandomInterceptMaximum:
    theta = start.copy()
    history: list[float] = []
    for _ in range(limit):
        ll, scores, second = likelihood.derivatives(theta)
        value = float(ll.sum())
        if not np.isfinite(value):
            raise StataError(1400, "initial values not feasible")
        gradient = scores.sum(axis=0)
        step, definite = direction(-second, gradient)
        decrement = float(gradient @ step)
        settled = bool(history) and abs(value - history[-1]) <= 1e-7 * abs(value)
        if not settled:
            history.append(value)
        # Where the variance vanishes the likelihood is flat and the Hessian need not be definite.
        elif decrement < (tolerance if definite else 1e-7):
            break
        moved = _moved(likelihood, theta, step, value)
        if moved is None:
            if decrement < 1e-5:
                break
            raise StataError(430, "convergence not achieved")
        theta = moved
    else:
        if decrement > 1e-5:
            raise StataError(430, "convergence not achieved")
    ll, scores, second = likelihood.derivatives(theta)
    if value != history[-1]:
        history.append(float(ll.sum()))
    return RandomInterceptMaximum(theta, symmetric_inverse(-second), float(ll.sum()), scores, history)


def _moved(likelihood: RandomIntercept, theta: FloatArray, step: FloatArray, value: float) -> FloatArray | None:
    """The longest halved step that does not lower the likelihood on the present nodes.

    The nodes move between steps, not within one: the derivatives take them as given, and with few points the
    likelihood on moving nodes need not rise along its own derivatives.
    """
    size = 1.0
    # ln sigma^2 runs off to minus infinity when there is no variance between groups.
    step = step * min(1.0, 3.0 / max(abs(float(step[-1])), 1e-300))
    while size > 1e-9:
        candidate = theta + size * step
        if likelihood.held(candidate, theta) >= value - 1e-12 * abs(value):
            return candidate
        size /= 2.0
    return None
