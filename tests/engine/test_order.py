"""Sort orders of long columns agree with a comparison sort, ties in their order."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from numpy.random import Generator
from numpy.typing import NDArray

from ssd.engine.data.order import RADIX_LENGTH, stable_order
from ssd.engine.missing import MISSING

N = RADIX_LENGTH + 7

COLUMNS: dict[str, Callable[[Generator], NDArray[np.generic]]] = {
    "doubles": lambda rng: rng.normal(size=N),
    "doubles with missing values": lambda rng: np.where(rng.random(N) < 0.2, MISSING, rng.normal(size=N)),
    "huge and tiny doubles": lambda rng: rng.normal(size=N) * 10.0 ** rng.integers(-300, 300, N),
    "both zeros": lambda rng: np.where(rng.random(N) < 0.5, -0.0, 0.0),
    "floats": lambda rng: rng.normal(size=N).astype(np.float32),
    "whole numbers with ties": lambda rng: np.round(rng.normal(size=N) * 50),
    "whole numbers of 33 bits": lambda rng: rng.integers(-(2**32), 2**32, N).astype(np.float64),
    "longs": lambda rng: rng.integers(-(2**31), 2**31 - 1, N).astype(np.int32),
    "ints": lambda rng: rng.integers(-32000, 32000, N).astype(np.int16),
    "one value": lambda rng: np.full(N, 3.5),
    "sorted but for the ends": lambda rng: np.concatenate([[5.5], np.linspace(-9, 9, N - 2), [5.5]]),
}


@pytest.mark.parametrize("name", COLUMNS)
def test_a_long_key_sorts_as_by_comparison(name: str) -> None:
    key = COLUMNS[name](np.random.default_rng(7))
    np.testing.assert_array_equal(stable_order([key]), np.argsort(key, kind="stable"))


def test_the_second_key_breaks_the_ties_of_the_first() -> None:
    rng = np.random.default_rng(8)
    first, second = rng.integers(0, 40, N).astype(np.float64), rng.normal(size=N)
    np.testing.assert_array_equal(stable_order([first, second]), np.lexsort((second, first)))
