"""Tukey's ladder of powers ([R] ladder)."""

from __future__ import annotations

import numpy as np

from ssd.engine.missing import FloatArray

RUNGS = (
    ("Cubic", "{}^3", "Cubic"),
    ("Square", "{}^2", "Square"),
    ("Identity", "{}", "Identity"),
    ("Square root", "sqrt({})", "Square root"),
    ("Log", "log({})", "Log"),
    ("1/(Square root)", "1/sqrt({})", "1/Square root"),
    ("Inverse", "1/{}", "Inverse"),
    ("1/Square", "1/({}^2)", "1/Square"),
    ("1/Cubic", "1/({}^3)", "1/Cubic"),
)
"""Name, formula of the variable and title in graphs."""


def ladder(x: FloatArray) -> list[tuple[str, str, str, FloatArray | None]]:
    """Name, formula, graph title and values of each rung; None where a value cannot be transformed."""
    positive, nonzero, nonnegative = bool((x > 0).all()), bool((x != 0).all()), bool((x >= 0).all())
    with np.errstate(all="ignore"):
        values = (
            x**3, x**2, x,
            np.sqrt(x) if nonnegative else None,
            np.log(x) if positive else None,
            1.0 / np.sqrt(x) if positive else None,
            1.0 / x if nonzero else None,
            1.0 / x**2 if nonzero else None,
            1.0 / x**3 if nonzero else None,
        )  # fmt: skip
    return [(*rung, value) for rung, value in zip(RUNGS, values, strict=True)]
