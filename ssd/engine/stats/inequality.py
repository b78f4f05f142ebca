"""Inequality indices of a weighted distribution: generalized entropy, Gini, Atkinson."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ssd.engine.missing import FloatArray


@dataclass(frozen=True)
class Indices:
    """Of one group. Formulas: Jenkins (1999), Stata Technical Bulletin 48, sg104."""

    weight: float
    mean: float
    gini: float
    entropy: dict[int, float]
    """GE(a) for a = -1, 0, 1, 2."""
    equivalent: dict[float, float]
    """Equally-distributed-equivalent income for inequality aversion 0.5, 1 and 2."""

    def atkinson(self, aversion: float) -> float:
        return 1.0 - self.equivalent[aversion] / self.mean


def gini(y: FloatArray, w: FloatArray) -> float:
    """Gini coefficient with the small-sample ranks (2 cumulated weight - weight + 1) / (2 total weight)."""
    order = np.argsort(y, kind="stable")
    y, w = y[order], w[order]
    total = w.sum()
    mean = float(w @ y / total)
    rank = (2.0 * np.cumsum(w) - w + 1.0) / (2.0 * total)
    return float((w / total) @ (2.0 / mean * rank * (y - mean)))


def indices(y: FloatArray, w: FloatArray) -> Indices:
    """All indices of positive incomes `y` with weights `w`."""
    share = w / w.sum()
    mean = float(share @ y)
    ratio = y / mean
    entropy = {
        -1: float(share @ (1.0 / ratio - 1.0) / 2.0), 0: float(-share @ np.log(ratio)),
        1: float(share @ (ratio * np.log(ratio))), 2: float(share @ (ratio**2 - 1.0) / 2.0),
    }  # fmt: skip
    equivalent = {
        0.5: float(share @ np.sqrt(y)) ** 2,
        1.0: float(np.exp(share @ np.log(y))),
        2.0: float(1.0 / (share @ (1.0 / y))),
    }
    return Indices(float(w.sum()), mean, gini(y, w), entropy, equivalent)
