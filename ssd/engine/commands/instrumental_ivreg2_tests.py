"""Identification, weak-instrument and orthogonality tests of ivreg2."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from ssd.engine.commands.declare import Line
from ssd.engine.errors import StataError
from ssd.engine.missing import FloatArray
from ssd.engine.stats.covariance import wald
from ssd.engine.stats.distributions import chi2_tail, f_tail
from ssd.engine.stats.ivreg2 import (
    Equation,
    MomentSampling,
    canonical_correlations,
    difference,
    partialled,
    rank_test,
    two_stage,
)
from ssd.engine.stats.linear import symmetric_inverse

if TYPE_CHECKING:
    from ssd.engine.commands.instrumental_ivreg2_problem import Problem
    from ssd.engine.session import Session


def small_factor(problem: Problem, n: float, K: float) -> float:
    """Small-sample factor of the covariance: N/(N-K), with clusters (N-1)/(N-K) G/(G-1)."""
    if problem.clusters:
        G = problem.clusters
        return (n - 1.0) / (n - K) * G / (G - 1.0)
    return n / (n - K)


def _to_f(problem: Problem, chi2: float, n: float, L: float, df: int) -> float:
    """A Wald statistic as F with the first stage's degrees of freedom."""
    if problem.clusters:
        return chi2 / (n - 1.0) * (n - L) * (problem.clusters - 1.0) / problem.clusters / df
    return chi2 / n * (n - L) / df


def _residualised(problem: Problem) -> tuple[FloatArray, FloatArray]:
    """Endogenous regressors and excluded instruments without the included exogenous variables."""
    included, sampling = problem.included, problem.sampling
    return partialled(problem.endogenous, included, sampling), partialled(problem.instruments, included, sampling)


def identification(problem: Problem, n: float, L: float, simple: bool) -> dict[str, float]:
    """Underidentification (LM) and weak identification (Wald F) statistics."""
    Y, Z = _residualised(problem)
    k, size = Y.shape[1], Z.shape[1]
    smallest = float(canonical_correlations(Y, Z, problem.sampling)[0])
    cd = smallest / (1.0 - smallest) * (n - L) / size
    rk = rank_test(Y, Z, problem.sampling, k - 1)
    lm = n * smallest if simple else rk.lm
    found = {"cdf": cd, "idstat": lm, "iddf": float(size - k + 1), "idp": chi2_tail(lm, size - k + 1), "widstat": cd}
    if not simple:
        found["rkf"] = found["widstat"] = _to_f(problem, rk.wald, n, L, size)
    return found


def weak_instrument_robust(problem: Problem, n: float, L: float) -> dict[str, float]:
    """Anderson–Rubin Wald tests and Stock–Wright's S of the endogenous regressors' coefficients being zero."""
    _, Z = _residualised(problem)
    s = problem.sampling
    y = partialled(problem.y[:, None], problem.included, s)
    size = Z.shape[1]
    inverse = symmetric_inverse(s.cross(Z, Z))
    pi = inverse @ s.cross(Z, y)
    e = y - Z @ pi
    V = inverse @ s.covariance(e, Z) @ inverse / n
    chi2, _ = wald(pi[:, 0], V)
    F = _to_f(problem, chi2, n, L, size)
    df_r = problem.clusters - 1.0 if problem.clusters else n - L
    g = s.cross(Z, y)[:, 0]
    S = float(n * (g @ symmetric_inverse(s.covariance(y, Z)) @ g))
    return {
        "archi2": chi2, "archi2p": chi2_tail(chi2, size), "arf": F, "arfp": f_tail(F, size, df_r), "ardf": float(size),
        "ardf_r": df_r, "sstat": S, "sstatp": chi2_tail(S, size), "sstatdf": float(size),
    }  # fmt: skip


def first_stages(problem: Problem, n: float, L: float) -> dict[str, dict[str, float]]:
    """Per endogenous regressor the F of the excluded instruments and partial R-squared."""
    Y, Z = _residualised(problem)
    s, size = problem.sampling, Z.shape[1]
    inverse = symmetric_inverse(s.cross(Z, Z))
    found = {}
    df_r = problem.clusters - 1.0 if problem.clusters else n - L
    k = Y.shape[1]
    for j, name in enumerate(problem.endogenous_names):
        pi = inverse @ s.cross(Z, Y[:, [j]])
        e = Y[:, [j]] - Z @ pi
        V = inverse @ s.covariance(e, Z) @ inverse / n
        chi2, _ = wald(pi[:, 0], V)
        F = _to_f(problem, chi2, n, L, size)
        partial = 1.0 - float(s.cross(e, e)[0, 0] / s.cross(Y[:, [j]], Y[:, [j]])[0, 0])
        sw_chi2, sw_f = _sanderson_windmeijer(problem, Y, Z, j, n, L)
        sw_df = size - k + 1
        found[name] = {
            "rmse": math.sqrt(float(s.cross(e, e)[0, 0]) * n / (n - L)), "pr2": partial, "F": F, "df": float(size),
            "df_r": df_r, "pvalue": f_tail(F, size, df_r), "SWF": sw_f, "SWFdf1": float(sw_df), "SWFdf2": df_r,
            "SWFp": f_tail(sw_f, sw_df, df_r), "SWchi2": sw_chi2, "SWchi2p": chi2_tail(sw_chi2, sw_df),
        }  # fmt: skip
    return found


def _sanderson_windmeijer(
    problem: Problem, Y: FloatArray, Z: FloatArray, j: int, n: float, L: float
) -> tuple[float, float]:
    """Conditional first-stage chi2 and F of Sanderson and Windmeijer (2016).

    With several endogenous regressors they are missing unless the errors are taken as independent and identical.
    """
    s, size, k = problem.sampling, Z.shape[1], Y.shape[1]
    others = np.delete(Y, j, axis=1)
    target = Y[:, j]
    if k > 1:
        target = target - others @ two_stage(Equation(target, others, Z, _homoskedastic(s))).b
    inverse = symmetric_inverse(s.cross(Z, Z))
    pi = inverse @ s.cross(Z, target[:, None])
    e = target[:, None] - Z @ pi
    V = inverse @ s.covariance(e, Z) @ inverse / n
    if k > 1 and (s.robust or s.clusters or s.kernel):
        return math.nan, math.nan
    chi2, _ = wald(pi[:, 0], V)
    return chi2, _to_f(problem, chi2, n, L, size - k + 1)


def _homoskedastic(s: MomentSampling) -> MomentSampling:
    return MomentSampling(s.n, s.w, s.frequencies)


def orthogonality(session: Session, line: Line, problem: Problem, scalars: dict[str, float]) -> dict[str, str]:
    """endog(), orthog() and redundant(): statistics into `scalars`, tested names as macros."""
    tested: dict[str, str] = {}
    equation = problem.equation()
    everything = list(range(equation.Z.shape[1]))
    typed = line.text_option("endogtest")
    if typed:
        names = _listed(session, typed, problem.endogenous_names, "endog", "endogenous regressor")
        chosen = [problem.endogenous_names.index(name) for name in names]
        Z = np.column_stack([equation.Z, problem.endogenous[:, chosen]])
        larger = Equation(equation.y, equation.X, Z, equation.sampling)
        whole, part = difference(larger, everything)
        value = whole - part
        scalars.update(estat=value, estatdf=float(len(chosen)), estatp=chi2_tail(value, len(chosen)))
        tested["elist"] = " ".join(names)
    typed = line.text_option("orthog")
    if typed:
        own = [*problem.exogenous_names, *(["_cons"] if problem.constant else []), *problem.instrument_names]
        names = _listed(session, typed, own, "orthog", "exogenous variable")
        left = [j for j in everything if own[j] not in names]
        if len(left) < equation.X.shape[1]:
            raise StataError(198, "orthog() leaves the equation underidentified")
        whole, part = difference(equation, left)
        value, df = whole - part, len(names)
        rest = len(left) - equation.X.shape[1]
        scalars.update(cstat=value, cstatdf=float(df), cstatp=chi2_tail(value, df), cj=part, cjdf=float(rest),
                       cjp=chi2_tail(part, rest) if rest else math.nan)  # fmt: skip
        tested["clist"] = " ".join(names)
    typed = line.text_option("redundant")
    if typed:
        names = _listed(session, typed, problem.instrument_names, "redundant", "excluded instrument")
        chosen = [problem.instrument_names.index(name) for name in names]
        rest_columns = np.delete(problem.instruments, chosen, axis=1)
        basis = np.column_stack([problem.included, rest_columns])
        Y = partialled(problem.endogenous, basis, problem.sampling)
        Z = partialled(problem.instruments[:, chosen], basis, problem.sampling)
        test = rank_test(Y, Z, problem.sampling, 0)
        scalars.update(redstat=test.lm, reddf=float(test.df), redp=chi2_tail(test.lm, test.df))
        tested["redlist"] = " ".join(names)
    return tested


def _listed(session: Session, typed: str, allowed: list[str], option: str, what: str) -> list[str]:
    names = []
    for word in typed.split():
        found = [word] if word in allowed else session.expand_varlist(word, ts=True)
        for name in found:
            if name not in allowed:
                raise StataError(198, f"{option}(): {name} is not an {what} of the model")
            names.append(name)
    return list(dict.fromkeys(names))
