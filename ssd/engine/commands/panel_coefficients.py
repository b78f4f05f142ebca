"""xtrc: Swamy's random-coefficients regression for panel data."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from ssd.engine.commands.declare import Line, command
from ssd.engine.commands.estimation import (
    Estimation,
    SessionSource,
    build_regressors,
    key_values,
    level_of,
    operated_name,
    outcome_and_terms,
    replay,
    store,
    take_sample,
)
from ssd.engine.commands.panel import panel_variable
from ssd.engine.commands.postestimation_statistics import Statistics
from ssd.engine.errors import StataError, unsupported
from ssd.engine.missing import MISSING, FloatArray
from ssd.engine.output.estimation import (
    CoefficientTable,
    Entry,
    chi2_entry,
    count,
    number,
    print_coefficients,
    print_header,
)
from ssd.engine.results import Matrix
from ssd.engine.stats.covariance import wald
from ssd.engine.stats.distributions import chi2_tail
from ssd.engine.stats.linear import with_constant
from ssd.engine.stats.panel import Panels

if TYPE_CHECKING:
    from ssd.engine.session import Session


@command(
    "xtrc",
    "[varlist(numeric fv ts default=none)] [if] [in] [, I(varname) noCONStant OFFset(varname) BETAs vce(string) "
    "Level(cilevel)]",
    by="recall",
    stored="e(N) e(N_g) e(df_m) e(chi2) e(chi2_c) e(df_chi2c) e(g_min) e(g_avg) e(g_max) e(cmd) e(depvar) e(ivar) "
    "e(Sigma) e(beta_ps) e(b) e(V) r(table)",
    refused="betas, offset(), vce(bootstrap), vce(jackknife)",
)
def xtrc(session: Session, line: Line) -> None:
    """Swamy's random-coefficients regression."""
    if replay(session, line, "xtrc"):
        return
    for name in ("betas", "offset"):
        if line.options.get(name):
            raise unsupported(f"option {name} is")
    if line.text_option("vce") not in {None, "conventional"}:
        raise unsupported(f"vce({line.text_option('vce')}) is")
    level = level_of(session, line)
    ivar = panel_variable(session, line.text_option("i"))
    source = SessionSource(session)
    outcome, terms = outcome_and_terms(session, line.varlist)
    sample = take_sample(session, line, source, [(outcome,), *terms], None, [ivar])
    constant = not line.flag("noconstant")
    regressors = build_regressors(session, source, terms, sample, constant=constant)
    design, X = regressors.design, with_constant(regressors.X, constant)
    y = source.get(outcome.variable, outcome.operator)[sample.rows]
    panels = Panels.of(key_values(session, ivar)[sample.rows])
    k, m = X.shape[1], panels.count
    if m < 2 or np.any(panels.sizes <= k):
        raise StataError(2001, "insufficient observations; each panel needs more observations than coefficients")
    own, V_own = _panel_regressions(X, y, panels)
    b, V, Sigma = _swamy(own, V_own)
    weights = np.linalg.inv(V_own)
    pooled = np.linalg.solve(weights.sum(axis=0), np.einsum("gij,gj->i", weights, own))
    change = own - pooled
    chi2_c = float(np.einsum("gi,gij,gj->", change, weights, change))
    df_c = k * (m - 1)
    slopes = [j for j in range(k) if not (constant and j == k - 1)]
    chi2, df_m = wald(b[slopes], V[np.ix_(slopes, slopes)]) if slopes else (math.nan, 0)
    depvar = operated_name(outcome)
    table = CoefficientTable(
        design.names, design.expand(b), design.expand(V), depvar, None, level, data=session.data,
        empty=frozenset(c.name for c in design.columns if c.status == "empty"),
    )  # fmt: skip

    def show() -> None:
        _header(session, ivar, sample.n, panels.sizes, chi2_entry("Wald", df_m, chi2))
        print_coefficients(session.log, table)
        p = chi2_tail(chi2_c, df_c)
        text = f"Test of parameter constancy:    chi2({df_c}) = {number(round(chi2_c, 2), '%9.2f')}"
        session.log.line(text + f"Prob > chi2 = {p:.4f}".rjust(max(78 - len(text), 24)))

    names = [name for name, flag in zip(design.names, design.active, strict=True) if flag]
    sizes = panels.sizes
    scalars = {
        "N": sample.n, "N_g": float(m), "df_m": float(df_m), "chi2": chi2,
        "p": chi2_tail(chi2, df_m) if df_m else MISSING, "chi2_c": chi2_c, "df_chi2c": float(df_c),
        "g_min": float(sizes.min()), "g_avg": float(sizes.mean()), "g_max": float(sizes.max()), "rank": float(k),
    }  # fmt: skip
    macros = {
        "cmd": "xtrc", "depvar": depvar, "ivar": ivar, "title": "Random-coefficients regression", "chi2type": "Wald",
        "vce": "conventional", "predict": "xtrc_p",
    }  # fmt: skip
    matrices = {"Sigma": Matrix(Sigma, names, names), "beta_ps": Matrix(own.copy(), [f"r{j + 1}" for j in range(m)],
                                                                         names)}  # fmt: skip
    statistics = Statistics({}, "xb", "(option xb assumed; fitted values)", depvar)
    estimation = Estimation({"": design}, table, show, predictions={"statistics": statistics})
    store(session, line, estimation, sample=sample.rows, scalars=scalars, macros=macros, matrices=matrices)
    show()


def _panel_regressions(X: FloatArray, y: FloatArray, panels: Panels) -> tuple[FloatArray, FloatArray]:
    """Least squares in each panel: coefficients (m, k) and covariances (m, k, k).

    Raises r(506) when a panel does not identify its coefficients.
    """
    k, m = X.shape[1], panels.count
    cross = np.empty((m, k, k))
    product = np.empty((m, k))
    for i in range(k):
        product[:, i] = np.bincount(panels.ids, weights=X[:, i] * y, minlength=m)
        for j in range(i + 1):
            cross[:, i, j] = cross[:, j, i] = np.bincount(panels.ids, weights=X[:, i] * X[:, j], minlength=m)
    scale = np.sqrt(np.einsum("gii->gi", cross))
    if not np.all(np.isfinite(cross)) or np.any(scale <= 0.0):
        raise StataError(506, "a panel does not identify all coefficients")
    unit = cross / (scale[:, :, None] * scale[:, None, :])
    if np.any(np.linalg.eigvalsh(unit)[:, 0] < 1e-12):
        raise StataError(506, "a panel does not identify all coefficients")
    inverse = np.linalg.inv(unit) / (scale[:, :, None] * scale[:, None, :])
    own = np.einsum("gij,gj->gi", inverse, product)
    residual = y - np.einsum("ij,ij->i", X, own[panels.ids])
    s2 = np.bincount(panels.ids, weights=residual**2, minlength=m) / (panels.sizes - k)
    if np.any(s2 <= 0.0):
        raise StataError(506, "the outcome of a panel has no variation left")
    return own, inverse * s2[:, None, None]


def _swamy(own: FloatArray, V_own: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Swamy's (1970) estimator, its covariance and that of the coefficients ([XT] xtrc, Methods and formulas).

    The estimate of Sigma without the second term is used when the unbiased one is not positive definite.
    """
    spread = np.cov(own, rowvar=False, ddof=1).reshape(own.shape[1], own.shape[1])
    Sigma = spread - V_own.mean(axis=0)
    if float(np.linalg.eigvalsh(Sigma)[0]) <= 0.0:
        Sigma = spread
    weights = np.linalg.inv(Sigma + V_own)
    V = np.linalg.inv(weights.sum(axis=0))
    b = V @ np.einsum("gij,gj->i", weights, own)
    return b, (V + V.T) / 2.0, Sigma


def _header(session: Session, ivar: str, n: float, sizes: FloatArray, test: list[Entry]) -> None:
    log = session.log
    log.line()
    entries = [Entry("Number of obs", count(n)), Entry("Number of groups", count(float(len(sizes))))]
    left = ["Random-coefficients regression", f"Group variable: {ivar}"]
    print_header(log, left, entries, label_width=17, value_width=10)
    log.line()
    log.line(" " * 48 + "Obs per group:")
    for label, shown in (
        ("min", f"{sizes.min():,.0f}"), ("avg", f"{sizes.mean():,.1f}"), ("max", f"{sizes.max():,.0f}"),
    ):  # fmt: skip
        log.line(" " * 62 + f"{label} = {shown:>10}")
    log.line()
    print_header(log, [""], test, label_width=17, value_width=10)
    log.line()
