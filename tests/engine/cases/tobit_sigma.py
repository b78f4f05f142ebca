"""Where the numbers of tobit.toml come from: the censored likelihood maximised over (b, ln sigma) by scipy."""

import numpy as np
from scipy.optimize import minimize
from scipy.stats import norm

n = np.arange(1, 61)
x = (n * 37 % 23) / 5.0
y = np.maximum(1.5 * x - 4.0 + (n * 29 % 17) / 3.0 - 2.5, 0.0)


def loss(p: np.ndarray, low: float = 0.0) -> float:
    sigma, xb = np.exp(p[2]), p[0] + p[1] * x
    return -float(np.where(y <= low, norm.logcdf((low - xb) / sigma), norm.logpdf((y - xb) / sigma) - p[2]).sum())


def hessian(p: np.ndarray, h: float = 1e-4) -> np.ndarray:
    e = np.eye(3) * h
    return np.array(
        [[(loss(p + a + b) - loss(p + a - b) - loss(p - a + b) + loss(p - a - b)) / (4 * h * h) for b in e] for a in e]
    )


p = minimize(
    loss,
    np.array([0.0, 1.0, 0.5]),
    method="Nelder-Mead",
    options={"xatol": 1e-11, "fatol": 1e-13, "maxiter": 20000},
).x
print("b x", p[1], "cons", p[0], "sigma", np.exp(p[2]))
print("se sigma", np.exp(p[2]) * np.sqrt(np.linalg.inv(hessian(p))[2, 2]), "ll", -loss(p))
