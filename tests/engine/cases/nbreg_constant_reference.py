"""NB1 (constant dispersion) estimates by statsmodels, the source of the case `constant_dispersion`.

Run with the folder of the published datasets: python nbreg_constant_reference.py DATA.
"""

import sys
from pathlib import Path

import numpy as np
import pandas as pd
import statsmodels.api as sm

data = pd.read_stata(Path(sys.argv[1]) / "mus_docvis.dta", convert_categoricals=False)
y = data["docvis"].to_numpy(float)
X = sm.add_constant(data[["private", "medicaid", "age", "educyr"]].to_numpy(float), prepend=False)
model = sm.NegativeBinomial(y, X, loglike_method="nb1")
fit = model.fit(method="newton", maxiter=200, disp=False, start_params=model.fit(maxiter=500, disp=False).params)
names = ["private", "medicaid", "age", "educyr", "_cons"]
for name, b, se in zip(names, fit.params, fit.bse, strict=False):
    print(name, repr(float(b)), repr(float(se)))
# In NB1 of statsmodels the variance is mu (1 + alpha), so that alpha is Stata's delta.
print("delta", repr(float(fit.params[-1])), repr(float(fit.bse[-1])))
print("ll", repr(float(fit.llf)), "gradient", float(np.abs(model.score(fit.params)).max()))
