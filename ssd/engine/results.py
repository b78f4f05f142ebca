"""r(), e() and s(): what a command leaves behind, and matrices with their names."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from ssd.engine.missing import BoolArray, FloatArray


@dataclass
class Matrix:
    """A Stata matrix: values (rows x columns) and full names (`eq:name`, or `name`) of rows and columns."""

    values: FloatArray
    rows: list[str]
    cols: list[str]

    @classmethod
    def of(cls, values: FloatArray, rows: Sequence[str] | None = None, cols: Sequence[str] | None = None) -> Matrix:
        """From a 2-d array (a 1-d array is a row vector); default names r1… and c1…."""
        array = np.atleast_2d(np.asarray(values, dtype=np.float64))
        n, m = array.shape
        return cls(array, list(rows or [f"r{i + 1}" for i in range(n)]), list(cols or [f"c{j + 1}" for j in range(m)]))


@dataclass
class ResultSet:
    """One of r(), e(), s(). Names are kept in the order they were stored."""

    scalars: dict[str, float] = field(default_factory=dict)
    macros: dict[str, str] = field(default_factory=dict)
    matrices: dict[str, Matrix] = field(default_factory=dict)
    sample: BoolArray | None = None
    """e(sample): one flag per observation of the current data; only for e()."""
    hidden: dict[str, object] = field(default_factory=dict)
    """What postestimation commands need beyond Stata's names (e.g. the parsed design); never listed."""
