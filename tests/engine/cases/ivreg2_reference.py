"""Independent numbers of ivreg2.toml: linearmodels on the data the cases build.

Run with the packages linearmodels and statsmodels installed: `python ivreg2_reference.py`.
"""

import numpy as np
import pandas as pd
from linearmodels.iv import IV2SLS, IVGMM, IVGMMCUE, IVLIML

n = 160
t = np.arange(1, n + 1)
x = np.mod(t * 37, 101) / 50 - 1
z1 = np.mod(t * 53, 97) / 48 - 1
z2 = np.mod(t * 71, 89) / 44 - 1
z3 = np.sin(t * 1.3)
u = np.mod(t * 29, 83) / 41 - 1 + 0.5 * np.cos(t / 3)
v = np.mod(t * 61, 79) / 39 - 1
e1 = 0.8 * z1 + 0.5 * z2 + 0.3 * z3 * z1 + 0.6 * u + v
e2 = 0.7 * z3 - 0.4 * z2 + 0.5 * u - v + 0.2 * x
y = 1 + 0.5 * e1 - 0.4 * e2 + 0.3 * x + u * (1 + 0.4 * z1)
g = np.ceil(t / 8).astype(int)
h = np.mod(t, 9)
data = pd.DataFrame({"y": y, "x": x, "c": 1.0, "e1": e1, "e2": e2, "z1": z1, "z2": z2, "z3": z3})
parts = (data.y, data[["x", "c"]], data[["e1"]], data[["z1", "z2", "z3"]])
two = (data.y, data[["x", "c"]], data[["e1", "e2"]], data[["z1", "z2", "z3"]])


def show(name, fit, j=None):
    print(name, {k: (float(fit.params[k]), float(fit.std_errors[k])) for k in fit.params.index}, j or "")


show("liml", IVLIML(*parts).fit(cov_type="unadjusted"))
show("liml robust", IVLIML(*parts).fit(cov_type="robust"))
show("fuller", IVLIML(*parts, fuller=1).fit(cov_type="unadjusted"))
print("kappa", IVLIML(*parts).fit().kappa)
gmm = IVGMM(*parts, weight_type="robust").fit(iter_limit=2, cov_type="robust")
print("gmm2s b", dict(gmm.params), "J", gmm.j_stat.stat)
cue = IVGMMCUE(*parts, weight_type="robust").fit(cov_type="robust", opt_options={"tol": 1e-14})
print("cue b", dict(cue.params), "J", cue.j_stat.stat)
show("hac", IV2SLS(*parts).fit(cov_type="kernel", kernel="bartlett", bandwidth=3))
show("parzen", IV2SLS(*parts).fit(cov_type="kernel", kernel="parzen", bandwidth=4))
show("twoway", IV2SLS(*parts).fit(cov_type="clustered", clusters=pd.DataFrame({"g": g, "h": h})))
show("robust two", IV2SLS(*two).fit(cov_type="robust"))
small = IV2SLS(*two).fit(cov_type="clustered", clusters=pd.DataFrame({"g": g}), debiased=True)
show("cluster small", small)
fit = IV2SLS(*two).fit(cov_type="unadjusted")
print("sargan", fit.sargan.stat, "first", fit.first_stage.diagnostics.to_dict())

# Cragg and Donald's statistic and the Anderson LM statistic from the canonical correlations.
X = data[["x", "c"]].to_numpy()
Z = data[["z1", "z2", "z3"]].to_numpy()
Y = data[["e1", "e2"]].to_numpy()
M = np.eye(n) - X @ np.linalg.inv(X.T @ X) @ X.T
Yp, Zp = M @ Y, M @ Z
P = Zp @ np.linalg.inv(Zp.T @ Zp) @ Zp.T
r2 = np.linalg.eigvals(np.linalg.inv(Yp.T @ Yp) @ (Yp.T @ P @ Yp)).real.min()
print("anderson", n * r2, "cd", r2 / (1 - r2) * (n - 5) / 3)

# Kleibergen and Paap with both regressors: minimum-distance form, minimising over the null direction.
# The LM statistic of rank 1 equals the LIML-like minimum of the robust score along the estimated null
# vector; here with the null vector of the canonical decomposition, as in their equation (9).
Ly, Lz = np.linalg.cholesky(Yp.T @ Yp / n), np.linalg.cholesky(Zp.T @ Zp / n)
T = np.linalg.inv(Lz) @ (Zp.T @ Yp / n) @ np.linalg.inv(Ly).T
U, s, Vt = np.linalg.svd(T)
for name, E in (("lm", Yp), ("wald", Yp - P @ Y)):
    a = np.linalg.inv(Lz).T @ U[:, 1:]
    b = np.linalg.inv(Ly).T @ Vt[1:].T
    lam = (a.T @ (Zp.T @ Yp / n) @ b)[:, 0]
    rows = (Zp @ a) * (E @ b)
    V = rows.T @ rows / n
    print("kp", name, n * lam @ np.linalg.inv(V) @ lam)
