"""Fractional polynomials (Royston and Altman 1994, Applied Statistics 43: 429-467; [R] fp)."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence

import numpy as np

from ssd.engine.missing import FloatArray

POWERS = (-2.0, -1.0, -0.5, 0.0, 0.5, 1.0, 2.0, 3.0)


def candidates(powers: Sequence[float], degree: int) -> list[tuple[float, ...]]:
    """All sets of `degree` powers, repetitions allowed."""
    return list(itertools.combinations_with_replacement(sorted(powers), degree))


def basis(x: FloatArray, powers: Sequence[float]) -> list[FloatArray]:
    """One column per power: x^p, ln x for 0; a repeated power multiplies by ln x once more."""
    columns: list[FloatArray] = []
    log = np.log(x)
    previous: float | None = None
    for power in powers:
        if previous is not None and power == previous:
            columns.append(columns[-1] * log)
        else:
            columns.append(log.copy() if power == 0.0 else np.asarray(x**power, dtype=np.float64))
        previous = power
    return columns


def deviance_f(difference: float, n: float, df1: float, df2: float) -> float:
    """F statistic of a difference in deviance of normal-errors models."""
    return df2 / df1 * (math.exp(difference / n) - 1.0)
