"""Normal regression with a log-linear variance (Harvey 1976; [R] hetregress, Methods and formulas)."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from ssd.engine.missing import FloatArray


@dataclass(frozen=True)
class HeteroskedasticNormal:
    """Indices are the mean and the log variance."""

    y: FloatArray

    def log_likelihood(self, indices: FloatArray) -> FloatArray:
        e, z = self.y - indices[:, 0], indices[:, 1]
        with np.errstate(over="ignore"):
            return np.asarray(-0.5 * (math.log(2.0 * math.pi) + z + e * e * np.exp(-z)), dtype=np.float64)

    def derivatives(self, indices: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
        e, precision = self.y - indices[:, 0], np.exp(-indices[:, 1])
        square = e * e * precision
        S = np.column_stack([e * precision, 0.5 * (square - 1.0)])
        H = np.empty((len(e), 2, 2))
        H[:, 0, 0] = -precision
        H[:, 0, 1] = H[:, 1, 0] = -e * precision
        H[:, 1, 1] = -0.5 * square
        return self.log_likelihood(indices), S, H
