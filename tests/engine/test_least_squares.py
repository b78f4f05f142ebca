"""Least squares against solutions in exact rational arithmetic."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from numpy.typing import NDArray

from ssd.engine.stats.linear import least_squares


def _exact(X: NDArray[np.float64], y: NDArray[np.float64]) -> list[float]:
    """Coefficients of the columns and the constant from the normal equations over the rationals."""
    rows = [[*map(Fraction, row), Fraction(1)] for row in X.tolist()]
    target = [Fraction(value) for value in y.tolist()]
    k = X.shape[1] + 1
    system = [
        [sum((row[i] * row[j] for row in rows), Fraction(0)) for j in range(k)]
        + [sum((row[i] * value for row, value in zip(rows, target, strict=True)), Fraction(0))]
        for i in range(k)
    ]
    for i in range(k):
        pivot = system[i][i]
        system[i] = [entry / pivot for entry in system[i]]
        for other in range(k):
            if other != i:
                factor = system[other][i]
                system[other] = [a - factor * b for a, b in zip(system[other], system[i], strict=True)]
    return [float(row[k]) for row in system]


@pytest.mark.parametrize("offset", [0.0, 3.0, 9.0, 11.0, 100.0, 1e4, 1e6])
def test_nearly_collinear_columns_far_from_zero_keep_their_digits(offset: float) -> None:
    """9 and 11 stand on both sides of the point where columns are centred in a copy."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(60, 4)) + offset
    X[:, 3] = X[:, 2] + 1e-3 * rng.normal(size=60)
    y = X @ np.array([1.0, 2.0, 3.0, 4.0]) + rng.normal(size=60)
    np.testing.assert_allclose(least_squares(X, y).coefficients, _exact(X, y), rtol=2e-11)
