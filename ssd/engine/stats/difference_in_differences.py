"""Two-period difference in differences: the effect on the treated with its influence function.

Sant'Anna and Zhao (2020, Journal of Econometrics 219) for panels (first differences) and for repeated cross
sections; Abadie (2005, Review of Economic Studies 72) for plain inverse-probability weighting of panels. An influence
function has mean zero over the n observations; the variance of the estimate is its sum of squares over n squared.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import numpy as np

from ssd.engine.errors import StataError
from ssd.engine.missing import FloatArray
from ssd.engine.stats.treatment import fit_index, mean_of

Method = Literal["drimp", "dripw", "reg", "stdipw", "ipw", "sipwra"]
Estimate = tuple[float, FloatArray]

_ITERATIONS = 100
_HALVINGS = 50


def _linear(y: FloatArray, X: FloatArray, v: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Least-squares prediction with weights v for everyone and the observations' influence on its coefficients."""
    A = (X * v[:, None]).T @ X / len(y)
    beta = np.linalg.solve(A, X.T @ (v * y) / len(y))
    fitted = X @ beta
    rows = X * (v * (y - fitted))[:, None]
    return fitted, np.asarray(np.linalg.solve(A, rows.T).T, dtype=np.float64)


def _logit_odds(D: FloatArray, X: FloatArray, w: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Odds of treatment and the influence of the observations on the coefficients of their model."""
    gamma = fit_index("logit", D, X, w)
    p = mean_of("logit", X @ gamma)
    information = (X * (w * p * (1.0 - p))[:, None]).T @ X / len(D)
    of_gamma = np.linalg.solve(information, (X * (w * (D - p))[:, None]).T).T
    return np.exp(X @ gamma), np.asarray(of_gamma, dtype=np.float64)


def tilted_odds(D: FloatArray, X: FloatArray, w: FloatArray) -> FloatArray:
    """Odds of treatment by inverse probability tilting: reweighted controls have the covariates' means of the treated.

    Raises r(430) when the treated cannot be balanced.
    """
    gamma = fit_index("logit", D, X, w)
    target = X.T @ (w * D)
    scale = np.abs(X).T @ w

    def value(g: FloatArray) -> float:
        with np.errstate(over="ignore"):
            return float(target @ g - ((1.0 - D) * w) @ np.exp(X @ g))

    current = value(gamma)
    for _ in range(_ITERATIONS):
        odds = (1.0 - D) * w * np.exp(X @ gamma)
        score = target - X.T @ odds
        if np.all(np.abs(score) <= 1e-11 * scale):
            return np.asarray(np.exp(X @ gamma), dtype=np.float64)
        step = np.linalg.solve((X * odds[:, None]).T @ X, score)
        found = value(gamma + step)
        for _ in range(_HALVINGS):
            if found >= current - 1e-12 * abs(current):
                break
            step = step / 2.0
            found = value(gamma + step)
        else:
            raise StataError(430, "convergence not achieved")
        gamma, current = gamma + step, found
    raise StataError(430, "convergence not achieved")


def _share(v: FloatArray, y: FloatArray) -> tuple[float, FloatArray]:
    """Mean of y with weights v and its influence function for known weights."""
    mean = float(v @ y / v.sum())
    return mean, v * (y - mean) / v.mean()


# --- panels: y is the change of the outcome ------------------------------------------------------


def regression_did(y: FloatArray, D: FloatArray, X: FloatArray, w: FloatArray) -> Estimate:
    """Outcome regression."""
    fitted, of_beta = _linear(y, X, w * (1.0 - D))
    v = w * D
    att, influence = _share(v, y - fitted)
    return att, influence - of_beta @ ((v[:, None] * X).mean(axis=0) / v.mean())


def doubly_robust_did(y: FloatArray, D: FloatArray, X: FloatArray, w: FloatArray) -> Estimate:
    """Inverse-probability weighting with outcome regression (dripw)."""
    fitted, of_beta = _linear(y, X, w * (1.0 - D))
    odds, of_gamma = _logit_odds(D, X, w)
    v, u = w * D, w * odds * (1.0 - D)
    left = y - fitted
    (treated, own), (control, other) = _share(v, left), _share(u, left)
    of_odds = of_gamma @ ((u * (left - control))[:, None] * X).mean(axis=0) / u.mean()
    balance = (v[:, None] * X).mean(axis=0) / v.mean() - (u[:, None] * X).mean(axis=0) / u.mean()
    return treated - control, own - other - of_odds - of_beta @ balance


def improved_did(y: FloatArray, D: FloatArray, X: FloatArray, w: FloatArray) -> Estimate:
    """Improved doubly robust (drimp): tilting and weighted least squares, whose estimation adds no variance."""
    odds = tilted_odds(D, X, w)
    v, u = w * D, w * odds * (1.0 - D)
    fitted, _ = _linear(y, X, u)
    (treated, own), (control, other) = _share(v, y - fitted), _share(u, y - fitted)
    return treated - control, own - other


def standardized_ipw_did(y: FloatArray, D: FloatArray, X: FloatArray, w: FloatArray) -> Estimate:
    """Inverse-probability weighting with weights that sum to one (stdipw)."""
    odds, of_gamma = _logit_odds(D, X, w)
    u = w * odds * (1.0 - D)
    (treated, own), (control, other) = _share(w * D, y), _share(u, y)
    return treated - control, own - other - of_gamma @ ((u * (y - control))[:, None] * X).mean(axis=0) / u.mean()


def abadie_did(y: FloatArray, D: FloatArray, X: FloatArray, w: FloatArray) -> Estimate:
    """Inverse-probability weighting of Abadie (ipw)."""
    odds, of_gamma = _logit_odds(D, X, w)
    v, u = w * D, w * odds * (1.0 - D)
    share = float(v.mean())
    att = float((v - u) @ y) / len(y) / share
    of_odds = of_gamma @ ((u * y)[:, None] * X).mean(axis=0)
    return att, np.asarray(((v - u) * y - v * att - of_odds) / share, dtype=np.float64)


def weighted_regression_did(y: FloatArray, D: FloatArray, X: FloatArray, w: FloatArray) -> Estimate:
    """Regression adjustment by least squares weighted with the odds of treatment (ipwra)."""
    odds, of_gamma = _logit_odds(D, X, w)
    u = w * odds * (1.0 - D)
    fitted, of_beta = _linear(y, X, u)
    A = (X * u[:, None]).T @ X / len(y)
    turn = (X * (u * (y - fitted))[:, None]).T @ X / len(y)
    v = w * D
    att, own = _share(v, y - fitted)
    moment = (v[:, None] * X).mean(axis=0) / v.mean()
    return att, own - of_beta @ moment - of_gamma @ (turn @ np.linalg.solve(A, moment))


PANEL: dict[Method, Callable[[FloatArray, FloatArray, FloatArray, FloatArray], Estimate]] = {
    "reg": regression_did, "dripw": doubly_robust_did, "drimp": improved_did, "stdipw": standardized_ipw_did,
    "ipw": abadie_did, "sipwra": weighted_regression_did,
}  # fmt: skip


# --- repeated cross sections: `after` marks the second period --------------------------------------


def _periods(after: FloatArray) -> tuple[FloatArray, FloatArray]:
    return 1.0 - after, after


def regression_did_rc(y: FloatArray, D: FloatArray, after: FloatArray, X: FloatArray, w: FloatArray) -> Estimate:
    """Outcome regression."""
    treated = [_share(w * D * period, y) for period in _periods(after)]
    fits = [_linear(y, X, w * (1.0 - D) * period) for period in _periods(after)]
    v = w * D
    change, own = _share(v, fits[1][0] - fits[0][0])
    of_beta = (fits[1][1] - fits[0][1]) @ ((v[:, None] * X).mean(axis=0) / v.mean())
    return treated[1][0] - treated[0][0] - change, treated[1][1] - treated[0][1] - own - of_beta


def standardized_ipw_did_rc(y: FloatArray, D: FloatArray, after: FloatArray, X: FloatArray, w: FloatArray) -> Estimate:
    """Inverse-probability weighting with weights that sum to one (stdipw)."""
    odds, of_gamma = _logit_odds(D, X, w)
    att, influence, moment = 0.0, np.zeros(len(y)), np.zeros(X.shape[1])
    for sign, period in zip((-1.0, 1.0), _periods(after), strict=True):
        u = w * odds * (1.0 - D) * period
        (treated, own), (control, other) = _share(w * D * period, y), _share(u, y)
        att += sign * (treated - control)
        influence += sign * (own - other)
        moment += sign * ((u * (y - control))[:, None] * X).mean(axis=0) / u.mean()
    return att, influence - of_gamma @ moment


def doubly_robust_did_rc(y: FloatArray, D: FloatArray, after: FloatArray, X: FloatArray, w: FloatArray) -> Estimate:
    """Locally efficient doubly robust with logit and least squares (dripw)."""
    odds, of_gamma = _logit_odds(D, X, w)
    controls = [_linear(y, X, w * (1.0 - D) * period) for period in _periods(after)]
    return _efficient(y, D, after, X, w, odds, of_gamma, controls)


def improved_did_rc(y: FloatArray, D: FloatArray, after: FloatArray, X: FloatArray, w: FloatArray) -> Estimate:
    """Locally efficient improved doubly robust (drimp): tilting and weighted least squares."""
    odds = tilted_odds(D, X, w)
    controls = [_linear(y, X, w * odds * (1.0 - D) * period) for period in _periods(after)]
    return _efficient(y, D, after, X, w, odds, None, controls)


def _efficient(
    y: FloatArray,
    D: FloatArray,
    after: FloatArray,
    X: FloatArray,
    w: FloatArray,
    odds: FloatArray,
    of_gamma: FloatArray | None,
    controls: list[tuple[FloatArray, FloatArray]],
) -> Estimate:
    """Sant'Anna and Zhao (2020), equation (3.4); without `of_gamma` nuisance estimation is ignored as they show."""
    treated = [_linear(y, X, w * D * period) for period in _periods(after)]
    v = w * D
    att, influence = 0.0, np.zeros(len(y))
    mean_v = (v[:, None] * X).mean(axis=0) / v.mean()
    for sign, period, (fit_c, of_c), (fit_t, of_t) in zip((-1.0, 1.0), _periods(after), controls, treated, strict=True):
        left = y - fit_c
        v_t, u = v * period, w * odds * (1.0 - D) * period
        (one, own), (two, other) = _share(v_t, left), _share(u, left)
        (three, whole), (four, part) = _share(v, fit_t - fit_c), _share(v_t, fit_t - fit_c)
        att += sign * (one - two + three - four)
        influence += sign * (own - other + whole - part)
        if of_gamma is None:
            continue
        mean_t = (v_t[:, None] * X).mean(axis=0) / v_t.mean()
        mean_u = (u[:, None] * X).mean(axis=0) / u.mean()
        influence -= sign * (of_c @ (mean_t - mean_u))
        influence -= sign * (of_gamma @ ((u * (left - two))[:, None] * X).mean(axis=0) / u.mean())
        influence += sign * ((of_t - of_c) @ (mean_v - mean_t))
    return att, influence


CROSS_SECTIONS: dict[
    Method, Callable[[FloatArray, FloatArray, FloatArray, FloatArray, FloatArray], Estimate]
] = {
    "reg": regression_did_rc, "dripw": doubly_robust_did_rc, "drimp": improved_did_rc,
    "stdipw": standardized_ipw_did_rc,
}  # fmt: skip
