"""Numbers of the cases of rdrobust, computed with the authors' Python package (PyPI rdrobust 2.1.1)."""

from __future__ import annotations

import numpy as np


def data() -> tuple[np.ndarray, np.ndarray]:
    """The outcome and running variable that the do-lines of the cases generate."""
    i = np.arange(1, 801)
    u = 2 * np.modf(i * 0.6180339887498949)[0] - 1
    x = u + 0.1 * u**2 + 0.05 * u**3
    jump = (x >= 0) * (0.7 + 0.4 * x)
    y = 1 + 0.8 * x - 0.5 * x**2 + 1.2 * x**3 + jump + 0.3 * np.sin(i * 1.3) + 0.2 * np.cos(i * 2.9)
    return y, x


def main() -> None:
    from rdrobust import rdrobust

    y, x = data()
    rounded = np.round(x, 1) + 0.05
    runs = {
        "default": (x, {}),
        "cutoff": (x, {"c": 0.2}),
        "uniform": (x, {"kernel": "uniform"}),
        "quadratic": (x, {"p": 2}),
        "bandwidths": (x, {"h": 0.3, "b": 0.5}),
        "mass points": (rounded, {}),
    }
    for name, (running, options) in runs.items():
        found = rdrobust(y=y, x=running, **options)
        numbers = [found.coef.iloc[0, 0], found.se.iloc[0, 0], found.coef.iloc[1, 0], found.se.iloc[2, 0]]
        print(name, *numbers, found.bws.iloc[0, 0], found.bws.iloc[1, 0])


if __name__ == "__main__":
    main()
