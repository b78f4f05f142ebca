"""Likelihood of the tobit model with known limits ([R] tobit)."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from ssd.engine.missing import BoolArray, FloatArray
from ssd.engine.stats.distributions import log_normal_cumulative


@dataclass(frozen=True)
class Tobit:
    """Indices: x'b and ln sigma. `y` holds the limit for censored observations."""

    y: FloatArray
    left: BoolArray
    right: BoolArray

    def log_likelihood(self, indices: FloatArray) -> FloatArray:
        xb, log_sigma = indices[:, 0], indices[:, 1]
        z = (self.y - xb) / np.exp(log_sigma)
        inside = -0.5 * z * z - 0.5 * math.log(2.0 * math.pi) - log_sigma
        tail = log_normal_cumulative(np.where(self.left, z, -z))
        return np.where(self.left | self.right, tail, inside)

    def derivatives(self, indices: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
        xb, log_sigma = indices[:, 0], indices[:, 1]
        sigma = np.exp(log_sigma)
        z = (self.y - xb) / sigma
        sign = np.where(self.left, 1.0, -1.0)
        q = sign * z
        mills = np.exp(-0.5 * q * q - 0.5 * math.log(2.0 * math.pi) - log_normal_cumulative(q))
        # First and second derivative of the log density by z.
        censored = self.left | self.right
        f1 = np.where(censored, sign * mills, -z)
        f2 = np.where(censored, -mills * (q + mills), -1.0)
        S = np.column_stack([-f1 / sigma, -f1 * z - np.where(censored, 0.0, 1.0)])
        H = np.empty((len(z), 2, 2))
        H[:, 0, 0] = f2 / sigma**2
        H[:, 0, 1] = H[:, 1, 0] = (f2 * z + f1) / sigma
        H[:, 1, 1] = f2 * z * z + f1 * z
        return self.log_likelihood(indices), S, H
