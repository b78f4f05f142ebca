"""Numbers of the cases of rddensity, computed with the authors' Python package (PyPI rddensity 3.0)."""

from __future__ import annotations

import numpy as np


def main() -> None:
    from rddensity import rdbwdensity, rddensity
    from scipy.stats import norm

    i = np.arange(1, 801)
    u = 2 * np.modf(i * 0.6180339887498949)[0] - 1
    x = u + 0.1 * u**2 + 0.05 * u**3
    rounded = np.round(x, 2)
    normal = norm.ppf(np.modf(i * 0.6180339887498949)[0])
    runs = {
        "default": (x, {"useall": True}),
        "each": (x, {"bwselect": "each", "c": 0.2}),
        "diff": (x, {"bwselect": "diff", "kernel": "uniform"}),
        "sum": (x, {"bwselect": "sum", "kernel": "epanechnikov", "p": 3}),
        "plugin": (x, {"vce": "plugin"}),
        "restricted": (x, {"fitselect": "restricted"}),
        "restricted plugin": (x, {"fitselect": "restricted", "vce": "plugin"}),
        "manual": (x, {"h": [0.3, 0.5]}),
        "mass points": (rounded, {}),
        "no adjustment": (rounded, {"massPoints": False}),
        "normal": (normal, {"c": 0.3}),
        "normal each": (normal, {"c": 0.3, "bwselect": "each", "p": 1, "vce": "plugin", "kernel": "epanechnikov"}),
        "normal restricted": (normal, {"c": -0.5, "fitselect": "restricted", "vce": "plugin", "kernel": "uniform"}),
        "normal restricted jackknife": (normal, {"c": 0.7, "fitselect": "restricted", "bwselect": "sum", "p": 3}),
    }
    for name, (running, options) in runs.items():
        f = rddensity(X=running, bino_flag=False, **options)
        kind = "asy" if options.get("vce") == "plugin" else "jk"
        sd = f.sd_asy if kind == "asy" else f.sd_jk
        found = {
            "h_l": f.h["left"], "h_r": f.h["right"], "N_h_l": int(f.n["eff_left"]), "N_h_r": int(f.n["eff_right"]),
            "f_ql": f.hat["left"], "f_qr": f.hat["right"], "se_ql": sd["left"], "se_qr": sd["right"],
            "se_q": sd["diff"], "T_q": f.test[f"t_{kind}"], "pv_q": f.test[f"p_{kind}"],
        }  # fmt: skip
        if options.get("useall"):
            found |= {"T_p": f.test_p["t_jk"], "f_pl": f.hat_p["left"], "se_p": f.sd_jk_p["diff"]}
        shown = (str(v) if isinstance(v, int) else repr(float(v)) for v in found.values())
        print(name + "\n  value = {", ", ".join(f'"e({k})" = {v}' for k, v in zip(found, shown, strict=True)), "}")
    for options in ({}, {"fitselect": "restricted"}):
        print(rdbwdensity(X=x, **options).h.to_string(float_format=lambda v: f"{v:.10g}"))


if __name__ == "__main__":
    main()
