"""Where the numbers of margins_contrasts.toml come from: logit by statsmodels, delta method by numpy.

Run from the folder that holds `data/`: python margins_contrasts.py
"""

from __future__ import annotations

import numpy as np
import pandas as pd
import statsmodels.api as sm

frame = pd.read_stata("data/margex.dta", convert_categoricals=False)
frame = frame[["outcome", "sex", "group", "age"]].dropna()


def design(sex: np.ndarray, group: np.ndarray, age: np.ndarray) -> np.ndarray:
    return np.column_stack([np.ones(len(sex)), sex == 1, group == 2, group == 3, age]).astype(float)


sex, group, age = (frame[name].to_numpy(float) for name in ("sex", "group", "age"))
fit = sm.Logit(frame.outcome.to_numpy(float), design(sex, group, age)).fit(disp=False, tol=1e-14, method="newton")
b, V = np.asarray(fit.params), np.asarray(fit.cov_params())


def margin(X: np.ndarray) -> tuple[float, np.ndarray]:
    p = 1 / (1 + np.exp(-X @ b))
    return float(p.mean()), X.T @ (p * (1 - p)) / len(p)


def slope(X: np.ndarray) -> tuple[float, np.ndarray]:
    """Average derivative in age and its gradient."""
    p = 1 / (1 + np.exp(-X @ b))
    d = p * (1 - p)
    gradient = X.T @ (d * (1 - 2 * p) * b[4]) / len(p)
    gradient[4] += d.mean()
    return float((d * b[4]).mean()), gradient


def report(name: str, cells: list[tuple[float, np.ndarray]], L: np.ndarray) -> None:
    J = np.array([gradient for _, gradient in cells])
    m = L @ np.array([value for value, _ in cells])
    S = L @ J @ V @ J.T @ L.T
    print(name, m.tolist(), np.sqrt(np.diag(S)).tolist(), "chi2", float(m @ np.linalg.solve(S, m)))


ones = np.ones(len(frame))
groups = [margin(design(sex, k * ones, age)) for k in (1, 2, 3)]
report("r.group", groups, np.array([[-1.0, 1, 0], [-1, 0, 1]]))
report("pairs", groups, np.array([[-1.0, 1, 0], [-1, 0, 1], [0, -1, 1]])[[0, 2]])
report("g.group", groups, (np.eye(3) - 1 / 3)[:2])
cells = [margin(design(s * ones, group, a * ones)) for a in (20, 40) for s in (0, 1)]
report("r.sex at age", cells, np.array([[-1.0, 1, 0, 0], [0, 0, -1, 1]]))
report("at contrast", [margin(design(sex, group, a * ones)) for a in (20, 40)], np.array([[-1.0, 1]]))
report("slopes by sex", [slope(design(s * ones, group, age)) for s in (0, 1)], np.array([[-1.0, 1]]))
