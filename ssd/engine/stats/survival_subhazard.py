"""Fine and Gray's proportional subhazards model for right-censored competing risks.

Fine and Gray (1999), sections 2 and 3; [ST] stcrreg, "Methods and formulas". Subjects who failed from a
competing event stay in the risk set with the weight G(s-)/G(t-), G the Kaplan–Meier estimate of censoring.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ssd.engine.errors import StataError
from ssd.engine.missing import FloatArray
from ssd.engine.stats.linear import symmetric_inverse
from ssd.engine.stats.survival_curves import numbers_at_risk, sums_at


class SubhazardData:
    """Times t (n,), causes (1 event, 2 competing, 0 censored), weights, covariates X (n, k)."""

    def __init__(self, t: FloatArray, cause: FloatArray, w: FloatArray, X: FloatArray) -> None:
        self.t, self.cause, self.w, self.X = t, cause, w, X
        self.times: FloatArray = np.unique(t[cause == 1])
        self.failures = sums_at(t, w * (cause == 1), self.times)
        self.censor_times: FloatArray = np.unique(t[cause == 0])
        self.at_risk = numbers_at_risk(np.full(len(t), -np.inf), t, w, self.censor_times)
        self.censored = sums_at(t, w * (cause == 0), self.censor_times)
        # Failures at the time of a censoring leave before it.
        failed = sums_at(t, w * (cause != 0), self.censor_times)
        self.at_risk = self.at_risk - failed
        share = np.divide(self.censored, self.at_risk, out=np.zeros_like(self.censored), where=self.at_risk > 0)
        self.survival = np.concatenate([[1.0], np.cumprod(1.0 - share)])
        self.own = self.before(t)
        """G just before each subject's time."""
        self.competing = cause == 2

    def before(self, at: FloatArray) -> FloatArray:
        """G just before each time."""
        values: FloatArray = self.survival[np.searchsorted(self.censor_times, at, side="left")]
        return values

    def sums(self, values: FloatArray) -> FloatArray:
        """Weighted sums of values (n, k) over the risk set of every failure time: (m, k)."""
        order = np.argsort(self.t, kind="stable")
        running = np.vstack([np.zeros((1, values.shape[1])), np.cumsum(values[order], axis=0)])
        still = running[-1] - running[np.searchsorted(self.t[order], self.times, side="left")]
        scaled = np.where(self.competing, 1.0 / self.own, 0.0)[:, None] * values
        gone = np.vstack([np.zeros((1, values.shape[1])), np.cumsum(scaled[order], axis=0)])
        left = gone[np.searchsorted(self.t[order], self.times, side="left")]
        total: FloatArray = still + self.before(self.times)[:, None] * left
        return total

    def over_times(self, per_time: FloatArray) -> FloatArray:
        """For each subject the sum of per-time values (m, k) over failure times, with its weight at each: (n, k)."""
        zero = np.zeros((1, per_time.shape[1]))
        running = np.vstack([zero, np.cumsum(per_time, axis=0)])
        upto = np.searchsorted(self.times, self.t, side="right")
        total = running[upto]
        weighted = np.vstack([zero, np.cumsum(per_time * self.before(self.times)[:, None], axis=0)])
        later = (weighted[-1] - weighted[upto]) * np.where(self.competing, 1.0 / self.own, 0.0)[:, None]
        result: FloatArray = total + later
        return result


@dataclass(frozen=True)
class SubhazardFit:
    coefficients: FloatArray
    information_inverse: FloatArray
    ll: float
    iterations: list[float]
    scores: FloatArray
    """Unweighted influence of each subject on the score, censoring estimated: (n, k)."""
    baseline: FloatArray
    """Increments of the baseline cumulative subhazard at the failure times."""


def _state(
    data: SubhazardData, b: FloatArray
) -> tuple[float, FloatArray, FloatArray, FloatArray, FloatArray, FloatArray]:
    X, w = data.X, data.w
    r = w * np.exp(X @ b)
    S0 = data.sums(r[:, None])[:, 0]
    S1 = data.sums(X * r[:, None])
    means = S1 / S0[:, None]
    event = data.cause == 1
    d = data.failures
    ll = float((w * event) @ (X @ b) - d @ np.log(S0))
    gradient = X.T @ (w * event) - means.T @ d
    A = data.over_times((d / S0)[:, None])[:, 0]
    information = X.T @ (X * (r * A)[:, None]) - means.T @ (means * d[:, None])
    return ll, gradient, information, r / w, S0, means


def fit(data: SubhazardData, limit: int = 300) -> SubhazardFit:
    """Newton–Raphson from zero. Raises r(430) when there is no maximum."""
    center = data.X.mean(axis=0)
    shifted = SubhazardData(data.t, data.cause, data.w, data.X - center)
    b = np.zeros(data.X.shape[1])
    ll, gradient, information, _, _, _ = _state(shifted, b)
    history = [ll]
    polish = 0
    for _ in range(limit):
        step = symmetric_inverse(information) @ gradient
        decrement = float(gradient @ step)
        polish += decrement < 1e-8
        if decrement < 1e-24 or polish > 3:
            break
        size = 1.0
        while size > 1e-9:
            with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
                found = _state(shifted, b + size * step)
            if np.isfinite(found[0]) and found[0] >= ll - 1e-12 * abs(ll):
                break
            size /= 2.0
        else:
            break
        b = b + size * step
        ll, gradient, information = found[:3]
        if not polish:
            history.append(ll)
    else:
        raise StataError(430, "convergence not achieved")
    _, _, _, risk, S0, means = _state(shifted, b)
    scores = _influence(shifted, risk, S0, means)
    # The baseline refers to covariates at zero.
    baseline = data.failures / S0 * np.exp(-float(center @ b))
    return SubhazardFit(b, symmetric_inverse(information), ll, history, scores, baseline)


def _influence(data: SubhazardData, risk: FloatArray, S0: FloatArray, means: FloatArray) -> FloatArray:
    """eta + psi of Fine and Gray, section 3."""
    hazard = data.failures / S0
    event = data.cause == 1
    expected = data.over_times(np.column_stack([hazard, means * hazard[:, None]]))
    eta = -(data.X * expected[:, :1] - expected[:, 1:]) * risk[:, None]
    eta[event] += data.X[event] - means[np.searchsorted(data.times, data.t[event])]
    if not data.censor_times.size:
        return eta
    wr = np.where(data.competing, data.w * risk / data.own, 0.0)
    order = np.argsort(data.t, kind="stable")
    stacked = np.column_stack([wr, data.X * wr[:, None]])[order]
    running = np.vstack([np.zeros((1, stacked.shape[1])), np.cumsum(stacked, axis=0)])
    P = running[np.searchsorted(data.t[order], data.censor_times, side="right")]
    weighted = hazard * data.before(data.times)
    tail = np.column_stack([weighted, means * weighted[:, None]])
    total = np.vstack([np.zeros((1, tail.shape[1])), np.cumsum(tail, axis=0)])
    Q = total[-1] - total[np.searchsorted(data.times, data.censor_times, side="right")]
    q = P[:, 1:] * Q[:, :1] - P[:, :1] * Q[:, 1:]
    ratio = q / data.at_risk[:, None]
    compensator = np.vstack(
        [np.zeros((1, q.shape[1])), np.cumsum(ratio * (data.censored / data.at_risk)[:, None], axis=0)]
    )
    censored = data.cause == 0
    # A failure at the time of a censoring is no longer at risk of being censored.
    upto = np.where(censored, np.searchsorted(data.censor_times, data.t, side="right"),
                    np.searchsorted(data.censor_times, data.t, side="left"))  # fmt: skip
    psi = -compensator[upto]
    psi[censored] += ratio[np.searchsorted(data.censor_times, data.t[censored])]
    influence: FloatArray = eta + psi
    return influence
