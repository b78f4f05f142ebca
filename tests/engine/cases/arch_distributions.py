"""GARCH(1,1) of D.ln_wpi with Student and generalized errors by scipy. Run beside wpi1.dta.

Squares and variances before the sample are the mean squared disturbance, as with arch0(xb).
"""

import numdifftools as nd
import numpy as np
import pandas as pd
from scipy.optimize import minimize
from scipy.stats import gennorm, t

y = np.diff(pd.read_stata("wpi1.dta", convert_dates=False)["ln_wpi"].to_numpy(dtype=np.float32).astype(float))


def terms(p, density):
    mean, a, b, w = p[0], p[1], p[2], p[3]
    e = y - mean
    prior = np.mean(e**2)
    h = np.empty(len(e))
    for i in range(len(e)):
        h[i] = w + a * (e[i - 1] ** 2 if i else prior) + b * (h[i - 1] if i else prior)
    return density(e, h, p[4:])


def student(e, h, extra, df=None):
    nu = np.exp(extra[0]) + 2 if df is None else df
    return t.logpdf(e, nu, scale=np.sqrt(h * (nu - 2) / nu))


def ged(e, h, extra):
    # scipy's gennorm has variance Gamma(3/s)/Gamma(1/s) at scale one
    s = np.exp(extra[0])
    return gennorm.logpdf(e, s, scale=np.sqrt(h) / gennorm.std(s))


def fit(name, density, start):
    scale = np.abs(start)

    def f(q):
        p = q * scale
        if p[1] < 0 or p[2] < 0 or p[3] <= 0:
            return 1e10
        return -float(np.sum(terms(p, density)))

    q = np.ones(len(start))
    for _ in range(6):
        q = minimize(f, q, method="Nelder-Mead", options={"xatol": 1e-11, "fatol": 1e-12, "maxiter": 20000}).x
    scores = nd.Jacobian(lambda q: terms(q * scale, density), step=1e-4, order=4)(q)
    error = np.sqrt(np.diag(np.linalg.inv(scores.T @ scores))) * scale
    print(name, -f(q), (q * scale).tolist(), error.tolist())


fit("t", student, [0.0065, 0.5, 0.4, 2.5e-5, 1.5])
fit("t 5", lambda e, h, x: student(e, h, x, 5.0), [0.0065, 0.5, 0.4, 2.5e-5])
fit("ged", ged, [0.0065, 0.5, 0.4, 2.5e-5, 0.3])
