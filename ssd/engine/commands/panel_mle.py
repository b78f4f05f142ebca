"""xtreg, mle: the random-effects model with Gaussian effects by maximum likelihood."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from ssd.engine.commands.declare import Line
from ssd.engine.commands.estimation import (
    Estimation,
    SessionSource,
    Vce,
    build_regressors,
    key_values,
    level_of,
    operated_name,
    outcome_and_terms,
    store,
    take_sample,
    vce_macros,
)
from ssd.engine.errors import StataError, insufficient_observations, unsupported
from ssd.engine.missing import MISSING, FloatArray
from ssd.engine.output.estimation import (
    CoefficientTable,
    Entry,
    chi2_entry,
    cluster_note,
    count,
    number,
    print_coefficients,
    print_header,
)
from ssd.engine.stats.covariance import wald
from ssd.engine.stats.distributions import chi2_tail, critical
from ssd.engine.stats.linear import with_constant
from ssd.engine.stats.mixed import Effects, Level, MixedFit, MixedModel, fit_mixed, joint_covariance
from ssd.engine.stats.panel import Panels

if TYPE_CHECKING:
    from ssd.engine.session import Session


def random_effects_ml(session: Session, line: Line, vce: Vce, ivar: str) -> None:
    """xtreg, mle: estimates, header, table with /sigma_u, /sigma_e and rho, LR test of sigma_u = 0."""
    level = level_of(session, line)
    source = SessionSource(session)
    outcome, terms = outcome_and_terms(session, line.varlist)
    depvar = operated_name(outcome)
    sample = take_sample(session, line, source, [(outcome,), *terms], vce, [ivar])
    if vce.is_robust and vce.cluster != ivar:
        raise unsupported("vce(cluster) on another variable than the panels with mle is")
    constant = not line.flag("noconstant")
    regressors = build_regressors(session, source, terms, sample, constant=constant)
    design, X = regressors.design, with_constant(regressors.X, constant)
    y = source.get(outcome.variable, outcome.operator)[sample.rows]
    panels = Panels.of(key_values(session, ivar)[sample.rows])
    if len(y) <= X.shape[1] or panels.count == len(y):
        raise insufficient_observations()
    random = [Level(panels.ids, [Effects(np.ones((len(y), 1)), "identity")])]
    model = MixedModel(y, X, random)
    slopes = [j for j, flag in enumerate(design.active) if flag and design.names[j] != "_cons"]
    null: MixedFit | None = None
    if constant and slopes and not vce.is_robust:
        null = fit_mixed(MixedModel(y, np.ones((len(y), 1)), random))
    fit = fit_mixed(model)
    _log(session, line, null, fit, vce)
    k = model.k
    V_log = joint_covariance(model, fit, robust=vce.is_robust)
    # /sigma_u and /sigma_e are the parameters; the search ran over their logarithms.
    J = np.diag(np.concatenate([np.ones(k), np.exp(fit.theta)]))
    V_active = J @ V_log @ J
    places = np.concatenate([np.flatnonzero(design.active), len(design.names) + np.arange(2)])
    names = [*(f"{depvar}:{name}" for name in design.names), "/sigma_u", "/sigma_e"]
    b, V = np.zeros(len(names)), np.zeros((len(names), len(names)))
    b[places] = np.concatenate([fit.b, np.exp(fit.theta)])
    V[np.ix_(places, places)] = V_active
    df_m = len(slopes)
    if null is not None:
        chi2, kind = 2.0 * (fit.log_likelihood - null.log_likelihood), "LR"
    else:
        kind = "Wald"
        chi2 = wald(b[slopes], V[np.ix_(slopes, slopes)])[0] if slopes else math.nan if vce.is_robust else 0.0
    pooled = fit_mixed(MixedModel(y, X, [])).log_likelihood
    chi2_c = max(0.0, 2.0 * (fit.log_likelihood - pooled))
    sizes = panels.sizes
    table = CoefficientTable(
        names, b, V, depvar, None, level, vce.heading,
        empty=frozenset(f"{depvar}:{c.name}" for c in design.columns if c.status == "empty"),
        base_levels=line.flag("baselevels"), data=session.data, hidden_equations=frozenset("/"), no_footer=True,
    )  # fmt: skip

    def show() -> None:
        if not line.flag("noheader"):
            _header(session, ivar, sample.n, sizes, chi2_entry(kind, df_m, chi2), fit.log_likelihood, vce)
        if not line.flag("notable"):
            print_coefficients(session.log, table)
            _ancillary(session, table, fit, V_log[k:, k:], None if vce.is_robust else chi2_c)

    p_c = 0.5 * chi2_tail(chi2_c, 1) if chi2_c > 0.0 else 1.0
    sigma_u, sigma_e = np.exp(fit.theta)
    scalars = {
        "N": sample.n, "N_g": float(panels.count), "df_m": float(df_m), "ll": fit.log_likelihood, "chi2": chi2,
        "p": chi2_tail(chi2, df_m) if df_m else MISSING, "sigma_u": float(sigma_u), "sigma_e": float(sigma_e),
        "rho": float(sigma_u**2 / (sigma_u**2 + sigma_e**2)), "g_min": float(sizes.min()),
        "g_max": float(sizes.max()), "g_avg": float(sizes.mean()), "rank": float(k + 2), "converged": 1.0,
        "ll_c": pooled, "chi2_c": chi2_c, "p_c": p_c, "k": float(len(names)), "k_aux": 2.0,
    }  # fmt: skip
    if null is not None:
        scalars["ll_0"] = null.log_likelihood
    if vce.is_robust:
        scalars["N_clust"] = float(sample.n_clusters)
    macros = {
        "cmd": "xtreg", "cmd2": "xtreg_ml", "depvar": depvar, "model": "ml", "ivar": ivar, "distrib": "Gaussian",
        "title": "Random-effects ML regression", "chi2type": kind, "chi2_ct": "LR", "predict": "xtreg_ml_p",
        "estat_cmd": "xtreg_estat", **vce_macros(vce, "oim"),
    }  # fmt: skip
    estimation = Estimation({depvar: design}, table, show, ("", ""), {"kind": "xtreg_ml", "ivar": ivar})
    store(session, line, estimation, sample=sample.rows, scalars=scalars, macros=macros)
    show()


def refuse_for_mle(line: Line) -> None:
    """Options of xtreg that the likelihood model does not know. Raises r(198)."""
    for name in ("sa", "theta"):
        if line.flag(name):
            raise StataError(198, f"option {name} not allowed")


def _log(session: Session, line: Line, null: MixedFit | None, fit: MixedFit, vce: Vce) -> None:
    if line.flag("nolog"):
        return
    log = session.log
    word = "Log pseudolikelihood" if vce.is_robust else "Log likelihood"
    runs = [("Fitting constant-only model:", null), ("Fitting full model:", fit)] if null else [("", fit)]
    for title, run in runs:
        log.line()
        if title:
            log.line(title)
            log.line()
        for i, value in enumerate(run.iterations if run else []):
            log.line(f"{f'Iteration {i}:':<13} {word} = {number(value, '%10.0g'):>10}")


def _header(session: Session, ivar: str, n: float, sizes: FloatArray, test: list[Entry], ll: float, vce: Vce) -> None:
    log = session.log
    word = "Log pseudolikelihood" if vce.is_robust else "Log likelihood"
    entries = [
        Entry("Number of obs", count(n)), Entry("Number of groups", count(float(len(sizes)))), Entry("", ""),
        Entry("", ""), Entry("             min", f"{sizes.min():,.0f}"),
        Entry("             avg", f"{sizes.mean():,.1f}"), Entry("             max", f"{sizes.max():,.0f}"),
        Entry("", ""), *test,
    ]  # fmt: skip
    width = max(len(entry.value) for entry in entries)
    left = ["Random-effects ML regression", f"Group variable: {ivar}", "", "", "", "", "", "", "",
            f"{word} = {number(ll, '%10.0g'):>10}"]  # fmt: skip
    left[3] = f"{'Random effects u_i ~ Gaussian':<{78 - 19 - width}}Obs per group:"
    log.line()
    print_header(log, left, entries, label_width=16, value_width=width)
    log.line()
    if vce.is_robust:
        log.line(f"{cluster_note(len(sizes), ivar):>78}")


def _ancillary(session: Session, table: CoefficientTable, fit: MixedFit, V: FloatArray, chi2_c: float | None) -> None:
    """Rows of the standard deviations and rho with their limits, and the LR test of sigma_u = 0."""
    log = session.log
    z = critical(table.level, None)
    width = table.width
    log.line("-" * (width + 1) + "+" + "-" * 64)
    for j, name in enumerate(("/sigma_u", "/sigma_e")):
        value, se = math.exp(fit.theta[j]), math.sqrt(max(float(V[j, j]), 0.0))
        _row(session, width, name, value, value * se, value * _exp(-z * se), value * _exp(z * se))
    log_odds = 2.0 * float(fit.theta[0] - fit.theta[1])
    rho = float(1.0 / (1.0 + np.exp(min(-log_odds, 700.0))))
    gradient = np.array([2.0, -2.0])
    error = math.sqrt(max(float(gradient @ V @ gradient), 0.0))
    low, high = _rho_limits(rho, z * rho * (1.0 - rho) * error)
    _row(session, width, "rho", rho, rho * (1.0 - rho) * error, low, high)
    log.line("-" * (width + 66))
    if chi2_c is None:
        return
    p = 0.5 * chi2_tail(chi2_c, 1) if chi2_c > 0.0 else 1.0
    text = f"LR test of sigma_u=0: chibar2(01) = {number(round(chi2_c, 2), '%9.2f')}"
    log.line(text + f"Prob >= chibar2 = {p:.3f}".rjust(width + 66 - len(text)))


def _rho_limits(rho: float, half: float) -> tuple[float, float]:
    """Limits of rho, symmetric on the scale of the normal quantile as Stata's are; nan at the boundary."""
    from scipy.special import ndtr, ndtri

    middle = float(ndtri(rho))
    if not abs(middle) < 30.0:
        return math.nan, math.nan
    width = half * math.sqrt(2.0 * math.pi) * math.exp(0.5 * middle**2)
    return float(ndtr(middle - width)), float(ndtr(middle + width))


def _exp(exponent: float) -> float:
    """exp, missing where it is too large for a number."""
    return math.exp(exponent) if exponent < 700.0 else math.nan


def _row(session: Session, width: int, name: str, value: float, se: float, low: float, high: float) -> None:
    session.log.line(
        f"{name:>{width}} |{number(value):>11}{number(se):>11}" + " " * 17 + f"{number(low):>13}{number(high):>12}"
    )
