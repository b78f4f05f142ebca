"""Vector error-correction models of lutkepohl2.dta by statsmodels. Run beside the published datasets: python vec.py"""

import numpy as np
import pandas as pd
from statsmodels.tsa.vector_ar.vecm import VECM

data = pd.read_stata("lutkepohl2.dta", convert_dates=False)
y = data[["ln_inv", "ln_inc", "ln_consump"]].to_numpy(dtype=float)
K = 3
for p, r, deterministic in ((2, 1, "co"), (3, 2, "co"), (2, 1, "ci"), (2, 1, "n"), (2, 1, "coli"), (3, 2, "coli")):
    fit = VECM(y, k_ar_diff=p - 1, coint_rank=r, deterministic=deterministic).fit()
    T = len(y) - p
    inside = deterministic in {"ci", "coli"}
    parameters = K * (K * (p - 1) + deterministic.startswith("co")) + r * (2 * K + inside - r)
    # Stata divides by T - d, d the whole part of the parameters per equation; statsmodels by T.
    scale = np.sqrt(T / (T - parameters // K))
    beta = np.vstack([fit.beta, fit.det_coef_coint]) if inside else fit.beta
    error = np.vstack([fit.stderr_beta, fit.stderr_det_coef_coint]) if inside else fit.stderr_beta
    if r == 2 and inside:
        # statsmodels 0.15 reshapes the errors of the free elements in the wrong order.
        error[r:] = error[r:].T
    print(p, r, deterministic, "ll", repr(fit.llf), "det", repr(np.linalg.det(fit.sigma_u * 1.0)))
    print(" alpha", fit.alpha.tolist(), (fit.stderr_alpha * scale).tolist())
    print(" beta", beta.T.tolist(), (error * scale).T.tolist())
    print(" gamma", fit.gamma.tolist())
    print(" gamma se", (fit.stderr_gamma * scale).tolist())
    A = fit.var_rep
    print(" A", A.tolist())
    print(" oirf 4", fit.irf(4).orth_irfs[4].tolist())
    if deterministic == "co":
        constant = fit.det_coef[:, 0]
        a = fit.alpha
        mu = np.linalg.solve(a.T @ a, a.T @ constant)
        print(" mu", mu.tolist(), "gamma", (constant - a @ mu).tolist())
