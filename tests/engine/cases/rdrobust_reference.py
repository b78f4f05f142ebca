"""Numbers of the cases of rdrobust, rdbwselect and rdplot.

Computed with the authors' Python package (PyPI rdrobust 2.1.1); `senate` with the data that come with it.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np


def data() -> dict[str, np.ndarray]:
    """The variables that the do-lines of the cases generate."""
    i = np.arange(1, 801)
    u = 2 * np.modf(i * 0.6180339887498949)[0] - 1
    x = u + 0.1 * u**2 + 0.05 * u**3
    jump = (x >= 0) * (0.7 + 0.4 * x)
    y = 1 + 0.8 * x - 0.5 * x**2 + 1.2 * x**3 + jump + 0.3 * np.sin(i * 1.3) + 0.2 * np.cos(i * 2.9)
    return {
        "y": y, "x": x, "z1": np.cos(i) + 0.2 * x, "z2": np.sin(i * 0.7), "cl": i % 40, "w": 1 + i % 3,
        "t": ((x >= 0) != (i % 7 == 0)).astype(float), "one": ((x >= 0) & (i % 7 != 0)).astype(float),
    }  # fmt: skip


def estimates() -> None:
    from rdrobust import rdrobust

    d = data()
    rounded = np.round(d["x"], 1) + 0.05
    Z = np.column_stack([d["z1"], d["z2"]])
    runs = {
        "default": {},
        "cutoff": {"c": 0.2},
        "uniform": {"kernel": "uniform"},
        "quadratic": {"p": 2},
        "bandwidths": {"h": 0.3, "b": 0.5},
        "mass points": {"x": rounded},
        "fuzzy": {"fuzzy": d["t"]},
        "fuzzy_sharpbw": {"fuzzy": d["t"], "sharpbw": True},
        "one_sided": {"fuzzy": d["one"]},
        "covs": {"covs": Z},
        "fuzzy_covs": {"fuzzy": d["t"], "covs": Z, "vce": "hc3", "bwselect": "msecomb2"},
        "kink": {"deriv": 1, "vce": "hc1"},
        "fuzzy_kink": {"fuzzy": d["t"], "deriv": 1, "vce": "hc0", "kernel": "epanechnikov"},
        "hc2": {"vce": "hc2", "bwselect": "certwo"},
        "cluster": {"cluster": d["cl"], "vce": "cr1"},
        "cluster_covs": {"cluster": d["cl"], "vce": "cr1", "covs": Z, "bwselect": "cerrd", "p": 2},
        "weights": {"weights": d["w"]},
        "scale": {"scalepar": 2.5, "scaleregul": 0, "rho": 0.8},
        "two": {"h": [0.2, 0.4], "b": [0.3, 0.5]},
        "bwcheck": {"bwcheck": 60, "masspoints": "off", "c": 0.5},
    }
    for name, options in runs.items():
        call = {"y": d["y"], "x": d["x"], **options}
        found = rdrobust(**call)
        print(name)
        print("  value = {", ", ".join(
            f'"e({key})" = {float(number)!r}' for key, number in {
                "tau_cl": found.coef.iloc[0, 0], "se_tau_cl": found.se.iloc[0, 0],
                "tau_bc": found.coef.iloc[1, 0], "se_tau_rb": found.se.iloc[2, 0],
                "h_l": found.bws.iloc[0, 0], "h_r": found.bws.iloc[0, 1],
                "b_l": found.bws.iloc[1, 0], "b_r": found.bws.iloc[1, 1],
                **({} if found.tau_T is None else {
                    "tau_T_cl": found.tau_T.iloc[0, 0], "tau_T_bc": found.tau_T.iloc[1, 0],
                    "se_tau_T_cl": found.se_T.iloc[0, 0], "se_tau_T_rb": found.se_T.iloc[2, 0],
                }),
            }.items()), "}")  # fmt: skip


def selectors() -> None:
    from rdrobust import rdbwselect

    d = data()
    for name, options in {"all": {}, "all_cluster": {"cluster": d["cl"], "vce": "cr1"}}.items():
        print(name)
        print(rdbwselect(y=d["y"], x=d["x"], all=True, **options).bws.to_string(float_format=lambda v: f"{v:.12g}"))


def plots() -> None:
    from rdrobust import rdplot

    d = data()
    for select in ("es", "espr", "esmv", "esmvpr", "qs", "qspr", "qsmv", "qsmvpr"):
        found = rdplot(y=d["y"], x=d["x"], binselect=select, hide=True)
        print(select, found.J, found.J_IMSE, found.J_MV)
    found = rdplot(y=d["y"], x=d["x"], nbins=[6, 9], binselect="es", p=2, h=[0.5, 0.7], kernel="tri", hide=True)
    print(found.coef, found.vars_bins.to_string())


def senate() -> None:
    import pandas as pd
    import rdrobust

    table = pd.read_csv(Path(rdrobust.__file__).parent / "data" / "rdrobust_RDsenate.csv")
    print(rdrobust.rdrobust(table["vote"], table["margin"]))
    print(rdrobust.rdplot(table["vote"], table["margin"], hide=True))


if __name__ == "__main__":
    estimates()
    selectors()
    plots()
    senate()
