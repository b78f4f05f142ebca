"""Sample selection, truncation and interval-coded outcomes ([R] heckman, [R] truncreg, [R] intreg), biprobit."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from ssd.engine.missing import BoolArray, FloatArray
from ssd.engine.stats.distributions import log_normal_cumulative
from ssd.engine.stats.scored import ScoredModel

_HALF_LOG_2PI = 0.5 * math.log(2.0 * math.pi)


def mills(z: FloatArray) -> FloatArray:
    """phi(z) / Phi(z)."""
    return np.asarray(np.exp(-0.5 * z * z - _HALF_LOG_2PI - log_normal_cumulative(z)), dtype=np.float64)


@dataclass(frozen=True)
class Heckman(ScoredModel):
    """Indices: outcome x'b, selection z'g, athrho, ln sigma."""

    y: FloatArray
    """Outcome; any number where not selected."""
    selected: BoolArray

    def scores(self, indices: FloatArray) -> tuple[FloatArray, FloatArray]:
        xb, zg, athrho, log_sigma = indices.T
        sigma, rho = np.exp(log_sigma), np.tanh(athrho)
        s = self.selected
        e = np.where(s, (self.y - xb) / sigma, 0.0)
        root = np.sqrt(1.0 - rho * rho)
        a = (zg + rho * e) / root
        m = mills(a)
        inside = log_normal_cumulative(a) - 0.5 * e * e - _HALF_LOG_2PI - log_sigma
        ll = np.where(s, inside, log_normal_cumulative(-zg))
        d_e = m * rho / root - e
        scores = np.column_stack([
            -d_e / sigma,
            np.where(s, m / root, -mills(-zg)),
            # d a / d athrho = (e + rho zg) / (1 - rho^2)^(3/2) times d rho / d athrho = 1 - rho^2
            m * (e + rho * zg) / root,
            -d_e * e - 1.0,
        ])  # fmt: skip
        for column in (0, 2, 3):
            scores[~s, column] = 0.0
        return ll, scores


@dataclass(frozen=True)
class TruncatedNormal(ScoredModel):
    """Indices: x'b and ln sigma; the outcome is seen only between low and high (infinite where there is no limit)."""

    y: FloatArray
    low: FloatArray
    high: FloatArray

    def scores(self, indices: FloatArray) -> tuple[FloatArray, FloatArray]:
        xb, log_sigma = indices.T
        sigma = np.exp(log_sigma)
        z = (self.y - xb) / sigma
        log_p, d_low, d_high, low, high = interval_probability(self.low, self.high, xb, sigma)
        ll = -0.5 * z * z - _HALF_LOG_2PI - log_sigma - log_p
        # d log P / d xb = (phi(low) - phi(high)) / (sigma P)
        return ll, np.column_stack([(z - (d_low - d_high)) / sigma, z * z - 1.0 - (d_low * low - d_high * high)])


def interval_probability(
    low: FloatArray, high: FloatArray, xb: FloatArray, sigma: FloatArray
) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray, FloatArray]:
    """log P(low < y < high), phi at each standardised limit over P, and the limits (0 where infinite)."""
    a, b = (low - xb) / sigma, (high - xb) / sigma
    # Work in the tail nearer to the interval: log(Phi(b) - Phi(a)) by the larger term.
    flip = a > 0.0
    lower, upper = np.where(flip, -b, a), np.where(flip, -a, b)
    top, bottom = log_normal_cumulative(upper), log_normal_cumulative(lower)
    log_p = top + np.log1p(-np.exp(np.minimum(bottom - top, 0.0)))
    finite_a, finite_b = np.isfinite(a), np.isfinite(b)
    za, zb = np.where(finite_a, a, 0.0), np.where(finite_b, b, 0.0)
    d_low = np.where(finite_a, np.exp(-0.5 * za * za - _HALF_LOG_2PI - log_p), 0.0)
    d_high = np.where(finite_b, np.exp(-0.5 * zb * zb - _HALF_LOG_2PI - log_p), 0.0)
    return np.asarray(log_p), d_low, d_high, za, zb


@dataclass(frozen=True)
class Interval(ScoredModel):
    """Indices: x'b and ln sigma; points where low == high, else an interval, open where infinite."""

    low: FloatArray
    high: FloatArray

    def scores(self, indices: FloatArray) -> tuple[FloatArray, FloatArray]:
        xb, log_sigma = indices.T
        sigma = np.exp(log_sigma)
        point = self.low == self.high
        z = np.where(point, (np.where(point, self.low, 0.0) - xb) / sigma, 0.0)
        low = np.where(point, -np.inf, self.low)
        high = np.where(point, np.inf, self.high)
        log_p, d_low, d_high, a, b = interval_probability(low, high, xb, sigma)
        ll = np.where(point, -0.5 * z * z - _HALF_LOG_2PI - log_sigma, log_p)
        by_xb = np.where(point, z, d_low - d_high) / sigma
        by_scale = np.where(point, z * z - 1.0, d_low * a - d_high * b)
        return ll, np.column_stack([by_xb, by_scale])


@dataclass(frozen=True)
class BivariateProbit(ScoredModel):
    """Indices: two linear indices and athrho; the outcomes are 0/1 ([R] biprobit)."""

    first: BoolArray
    second: BoolArray

    def scores(self, indices: FloatArray) -> tuple[FloatArray, FloatArray]:
        from ssd.engine.stats.bivariate import bivariate_normal

        q1, q2 = np.where(self.first, 1.0, -1.0), np.where(self.second, 1.0, -1.0)
        w1, w2 = q1 * indices[:, 0], q2 * indices[:, 1]
        rho = np.tanh(indices[:, 2])
        r = q1 * q2 * rho
        p = np.maximum(bivariate_normal(w1, w2, r), 1e-300)
        root = np.sqrt(1.0 - r * r)
        density1 = np.exp(-0.5 * w1 * w1 - _HALF_LOG_2PI + log_normal_cumulative((w2 - r * w1) / root))
        density2 = np.exp(-0.5 * w2 * w2 - _HALF_LOG_2PI + log_normal_cumulative((w1 - r * w2) / root))
        joint = np.exp(-0.5 * (w1 * w1 - 2.0 * r * w1 * w2 + w2 * w2) / (root * root)) / (2.0 * math.pi * root)
        return np.log(p), np.column_stack([
            q1 * density1 / p, q2 * density2 / p, q1 * q2 * joint / p * (1.0 - rho * rho),
        ])  # fmt: skip
