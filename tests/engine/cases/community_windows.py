"""Regressions in windows, computed with numpy from the published datasets, for community_data.toml.

Run from the folder that holds `data/`: python community_windows.py
"""

from __future__ import annotations

import numpy as np
import pandas as pd


def fit(frame: pd.DataFrame, y: str, names: list[str]) -> dict[str, float]:
    """OLS with a constant: coefficients, standard errors, adjusted R-squared."""
    complete = frame[[y, *names]].dropna()
    X = np.column_stack([complete[names].to_numpy(float), np.ones(len(complete))])
    target = complete[y].to_numpy(float)
    b, *_ = np.linalg.lstsq(X, target, rcond=None)
    residual = target - X @ b
    df = len(target) - X.shape[1]
    se = np.sqrt(np.diag(np.linalg.inv(X.T @ X)) * (residual @ residual) / df)
    tss = ((target - target.mean()) ** 2).sum()
    found = {"n": float(len(target)), "adj": 1 - (residual @ residual / df) / (tss / (len(target) - 1))}
    for name, value, error in zip([*names, "cons"], b, se, strict=True):
        found[f"b_{name}"], found[f"se_{name}"] = float(value), float(error)
    return found


def main() -> None:
    auto = pd.read_stata("data/auto.dta", convert_categoricals=False)
    near = auto[(auto.rep78 - auto.rep78[0]).abs() <= 1]
    print(fit(near, "price", ["mpg", "weight"]), np.corrcoef(near.price, near.mpg)[0, 1])
    grunfeld = pd.read_stata("data/grunfeld.dta", convert_dates=False)
    window = grunfeld[(grunfeld.company == 1) & grunfeld.year.between(1937, 1946)]
    print(fit(window, "invest", ["mvalue"]))


if __name__ == "__main__":
    main()
