"""Stochastic frontiers: normal noise less (or plus) a nonnegative inefficiency ([R] frontier, Methods).

Indices are the frontier, ln sigma_v^2 and ln sigma_u^2. Aigner, Lovell and Schmidt (1977), Meeusen and
van den Broeck (1977); the conditional expectations are those of Jondrow et al. (1982) and Battese and
Coelli (1988).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from ssd.engine.missing import FloatArray
from ssd.engine.stats.distributions import log_normal_cumulative


def _hazard(z: FloatArray) -> FloatArray:
    """phi(z)/Phi(z)."""
    return np.asarray(np.exp(-0.5 * z * z - 0.5 * math.log(2.0 * math.pi) - log_normal_cumulative(z)), dtype=np.float64)


@dataclass(frozen=True)
class HalfNormal:
    y: FloatArray
    sign: float
    """1 for production, -1 for cost frontiers."""

    def log_likelihood(self, indices: FloatArray) -> FloatArray:
        e = self.y - indices[:, 0]
        v, u = np.exp(indices[:, 1]), np.exp(indices[:, 2])
        s2 = v + u
        z = -self.sign * e * np.sqrt(u / v / s2)
        base = 0.5 * math.log(2.0 / math.pi) - 0.5 * np.log(s2) - 0.5 * e * e / s2
        return np.asarray(base + log_normal_cumulative(z), dtype=np.float64)

    def derivatives(self, indices: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
        e = self.y - indices[:, 0]
        v, u = np.exp(indices[:, 1]), np.exp(indices[:, 2])
        s2 = v + u
        share_v, share_u = v / s2, u / s2
        r = -self.sign * np.sqrt(u / v / s2)
        z = e * r
        h = _hazard(z)
        slope = -h * (z + h)
        # z = e r with d ln r = (db - da)/2 - (share_v da + share_u db)/2 in a = ln v, b = ln u.
        ra, rb = -0.5 * (1.0 + share_v), 0.5 * (1.0 - share_u)
        q = e * e / s2
        mixed = share_v * share_u
        first = {"e": -e / s2 + h * r, "a": 0.5 * share_v * (q - 1.0) + h * z * ra,
                 "b": 0.5 * share_u * (q - 1.0) + h * z * rb}  # fmt: skip
        n = len(e)
        S = np.column_stack([-first["e"], first["a"], first["b"]])
        H = np.empty((n, 3, 3))
        H[:, 0, 0] = -1.0 / s2 + slope * r * r
        H[:, 0, 1] = H[:, 1, 0] = -(e * share_v / s2 + (slope * z + h) * r * ra)
        H[:, 0, 2] = H[:, 2, 0] = -(e * share_u / s2 + (slope * z + h) * r * rb)
        # Derivatives of the shares: d share_v/da = mixed, d share_v/db = -mixed, and q falls by its share.
        own = 0.5 * mixed * (q - 1.0 - h * z)
        bend = slope * z * z + h * z
        H[:, 1, 1] = own - 0.5 * share_v**2 * q + bend * ra**2
        H[:, 2, 2] = own - 0.5 * share_u**2 * q + bend * rb**2
        H[:, 1, 2] = H[:, 2, 1] = -own - 0.5 * mixed * q + bend * ra * rb
        return self.log_likelihood(indices), S, H

    def conditional(self, indices: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Location and scale of the inefficiency given the residual (a normal cut off at zero)."""
        e = self.y - indices[:, 0]
        v, u = np.exp(indices[:, 1]), np.exp(indices[:, 2])
        return -self.sign * e * u / (v + u), np.sqrt(u * v / (v + u))


@dataclass(frozen=True)
class Exponential:
    y: FloatArray
    sign: float

    def log_likelihood(self, indices: FloatArray) -> FloatArray:
        e = self.sign * (self.y - indices[:, 0])
        a, b = indices[:, 1], indices[:, 2]
        sv, su = np.exp(0.5 * a), np.exp(0.5 * b)
        z = -e / sv - sv / su
        return np.asarray(-0.5 * b + 0.5 * np.exp(a - b) + e / su + log_normal_cumulative(z), dtype=np.float64)

    def derivatives(self, indices: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
        e = self.sign * (self.y - indices[:, 0])
        a, b = indices[:, 1], indices[:, 2]
        sv, su = np.exp(0.5 * a), np.exp(0.5 * b)
        ratio, t = sv / su, e / sv
        z = -t - ratio
        h = _hazard(z)
        slope = -h * (z + h)
        za, zb = 0.5 * (t - ratio), 0.5 * ratio
        ze = -1.0 / sv
        k = ratio**2
        S = np.column_stack(
            [-self.sign * (1.0 / su + h * ze), 0.5 * k + h * za, -0.5 - 0.5 * k - 0.5 * e / su + h * zb]
        )
        H = np.empty((len(e), 3, 3))
        H[:, 0, 0] = slope * ze**2
        H[:, 0, 1] = H[:, 1, 0] = -self.sign * (slope * za * ze + h * 0.5 / sv)
        H[:, 0, 2] = H[:, 2, 0] = -self.sign * (-0.5 / su + slope * zb * ze)
        H[:, 1, 1] = 0.5 * k + slope * za**2 - 0.25 * h * (t + ratio)
        H[:, 2, 2] = 0.5 * k + 0.25 * e / su + slope * zb**2 - 0.25 * h * ratio
        H[:, 1, 2] = H[:, 2, 1] = -0.5 * k + slope * za * zb + 0.25 * h * ratio
        return self.log_likelihood(indices), S, H

    def conditional(self, indices: FloatArray) -> tuple[FloatArray, FloatArray]:
        e = self.sign * (self.y - indices[:, 0])
        v, su = np.exp(indices[:, 1]), np.exp(0.5 * indices[:, 2])
        return np.asarray(-e - v / su, dtype=np.float64), np.exp(0.5 * indices[:, 1])


def expected_inefficiency(location: FloatArray, scale: FloatArray) -> FloatArray:
    """E(u|e)."""
    return np.asarray(location + scale * _hazard(location / scale), dtype=np.float64)


def modal_inefficiency(location: FloatArray) -> FloatArray:
    """M(u|e)."""
    return np.maximum(location, 0.0)


def technical_efficiency(location: FloatArray, scale: FloatArray, sign: float) -> FloatArray:
    """E(exp(-s u)|e); for cost frontiers the cost efficiency E(exp(u)|e)."""
    ratio = location / scale
    log_ratio = log_normal_cumulative(ratio - sign * scale) - log_normal_cumulative(ratio)
    return np.asarray(np.exp(-sign * location + 0.5 * scale**2 + log_ratio), dtype=np.float64)
