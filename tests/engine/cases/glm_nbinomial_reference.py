"""Negative binomial GLM with fixed dispersion by statsmodels, the source of the cases in glm_nbinomial.toml.

Run with the folder of the published datasets: python glm_nbinomial_reference.py DATA.
"""

import sys
from pathlib import Path

import numpy as np
import pandas as pd
import statsmodels.api as sm

data = pd.read_stata(Path(sys.argv[1]) / "mus_docvis.dta", convert_categoricals=False)
y = data["docvis"].to_numpy(float)
X = sm.add_constant(data[["private", "age"]].to_numpy(float), prepend=False)
for k in (1.0, 0.8):
    fit = sm.GLM(y, X, family=sm.families.NegativeBinomial(alpha=k)).fit(tol=1e-14)
    information = -fit.model.hessian(fit.params, observed=True)
    errors = np.sqrt(np.diag(np.linalg.inv(information)))
    print(k, [repr(float(b)) for b in fit.params], [repr(float(se)) for se in errors])
    print("  ll, deviance, Pearson:", repr(fit.llf), repr(fit.deviance), repr(fit.pearson_chi2))
