"""Tests of the errors of panel regressions: xtserial, xttest2, xttest3, xtcsd, xtoverid."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from ssd.engine.commands.declare import Line, command
from ssd.engine.commands.estimation import (
    SessionSource,
    estimation_of,
    key_values,
    marked_sample,
    outcome_and_terms,
)
from ssd.engine.commands.matrix import list_matrix
from ssd.engine.data.timeseries import TimeSettings, lagged, require_time
from ssd.engine.errors import StataError, insufficient_observations, no_observations, unsupported
from ssd.engine.missing import MISSING, FloatArray, is_missing
from ssd.engine.results import Matrix, ResultSet
from ssd.engine.stats.covariance import group_ids, meat, sandwich, wald
from ssd.engine.stats.design import build
from ssd.engine.stats.distributions import chi2_tail, f_tail, normal_two_sided
from ssd.engine.stats.linear import independent_columns, least_squares
from ssd.engine.stats.panel import Panels, fit_random

if TYPE_CHECKING:
    from ssd.engine.session import Session

_FREES = {
    4: (0.5822, 0.8391, 1.4211), 5: (0.4892, 0.6860, 1.1046), 6: (0.4127, 0.5676, 0.9027),
    7: (0.3583, 0.4923, 0.7678), 8: (0.3169, 0.4325, 0.6605), 9: (0.2828, 0.3826, 0.5811),
    10: (0.2559, 0.3429, 0.5198), 11: (0.2333, 0.3103, 0.4649), 12: (0.2136, 0.2838, 0.4252),
    13: (0.1984, 0.2620, 0.3901), 14: (0.1841, 0.2431, 0.3603), 15: (0.1719, 0.2262, 0.3351),
    16: (0.1612, 0.2116, 0.3125), 17: (0.1521, 0.1996, 0.2928), 18: (0.1438, 0.1888, 0.2763),
    19: (0.1360, 0.1782, 0.2601), 20: (0.1294, 0.1695, 0.2468), 21: (0.1231, 0.1611, 0.2338),
    22: (0.1174, 0.1537, 0.2225), 23: (0.1124, 0.1470, 0.2129), 24: (0.1078, 0.1408, 0.2034),
    25: (0.1035, 0.1350, 0.1947), 26: (0.0996, 0.1297, 0.1870), 27: (0.0958, 0.1248, 0.1794),
    28: (0.0924, 0.1204, 0.1726), 29: (0.0892, 0.1160, 0.1660), 30: (0.0861, 0.1119, 0.1598),
}  # fmt: skip
"""Critical values of Frees' Q distribution at 10, 5 and 1 percent by periods (De Hoyos and Sarafidis 2006)."""


@command("xtserial", "varlist(numeric fv ts) [if] [in] [, Output]", stored="r(F) r(df) r(df_r) r(p)", refused="output")
def xtserial(session: Session, line: Line) -> None:
    """Wooldridge's test for first-order autocorrelation in panel data."""
    if line.flag("output"):
        raise unsupported("option output is")
    settings = _panel_settings(session)
    source = SessionSource(session)
    outcome, terms = outcome_and_terms(session, line.varlist)
    rows = line.sample(session)
    design = build(terms, source, rows, constant=False)
    y = _first_difference(session, source.get(outcome.variable, outcome.operator), rows)
    columns = [_first_difference(session, column.values(source), rows) for column in design.columns if column.active]
    X = np.column_stack(columns) if columns else np.zeros((len(y), 0))
    inside = rows & ~is_missing(y) & ~np.any(is_missing(X), axis=1)
    if not inside.any():
        raise no_observations()
    kept = independent_columns(X[inside], constant=False)
    fit = least_squares(X[inside][:, kept], y[inside], constant=False)
    residual = np.full(session.data.n_obs, MISSING)
    residual[inside] = fit.residuals
    before = lagged(session.data, residual, 1)
    both = inside & ~is_missing(before)
    ids, groups = group_ids(key_values(session, settings.panel)[both])
    if not both.any() or groups < 2:
        raise insufficient_observations()
    z = before[both][:, None]
    second = least_squares(z, residual[both], constant=False)
    V = sandwich(second.inverse, meat(z * second.residuals[:, None], ids, groups), groups / (groups - 1.0))
    F = float((second.coefficients[0] + 0.5) ** 2 / V[0, 0]) if V[0, 0] > 0 else math.nan
    p = f_tail(F, 1, groups - 1)
    log = session.log
    log.line()
    log.line("Wooldridge test for autocorrelation in panel data")
    log.line("H0: no first-order autocorrelation")
    log.line(f"    F({1:3d},{groups - 1:8d}) = {F:10.3f}")
    log.line(f"           Prob > F = {p:11.4f}")
    session.r = ResultSet(scalars={"F": F, "df": 1.0, "df_r": groups - 1.0, "p": p})


def _first_difference(
    session: Session, values: FloatArray, rows: np.ndarray[tuple[int], np.dtype[np.bool_]]
) -> FloatArray:
    inside = np.where(rows, values, MISSING)
    before = lagged(session.data, inside, 1)
    known = ~is_missing(inside) & ~is_missing(before)
    return np.where(known, np.where(known, inside, 0.0) - np.where(known, before, 0.0), MISSING)


def _panel_settings(session: Session) -> TimeSettings:
    settings = require_time(session.data)
    if not settings.panel:
        raise StataError(459, "must specify panelvar and timevar; use xtset")
    return settings


def _residuals(session: Session, allowed: Sequence[tuple[str, str]]) -> tuple[FloatArray, FloatArray, str]:
    """e(it), rows flagged by e(sample) as positions, and the group variable of the last panel regression."""
    command_name, model = session.e.macros.get("cmd", ""), session.e.macros.get("model", "")
    if (command_name, model) not in allowed and (command_name, "") not in allowed:
        raise StataError(301, "last estimates not " + " or ".join(f"{c}{', ' + m if m else ''}" for c, m in allowed))
    estimation = estimation_of(session)
    rows = marked_sample(session)
    source = SessionSource(session)
    design = next(iter(estimation.designs.values()))
    y = session.evaluate_numbers(session.e.macros["depvar"])[rows]
    X = design.matrix(source, rows)
    if design.constant:
        X = np.column_stack([X, np.ones(len(X))])
    e = y - X @ session.e.matrices["b"].values[0][design.active]
    ivar = session.e.macros["ivar"]
    panels = Panels.of(key_values(session, ivar)[rows])
    if command_name == "xtreg" and model == "fe":
        e = e - panels.means(e)[panels.ids]
    elif command_name == "xtreg":
        s2u, s2e = session.e.scalars["sigma_u"] ** 2, session.e.scalars["sigma_e"] ** 2
        shrink = panels.sizes * s2u / (panels.sizes * s2u + s2e)
        e = e - (shrink * panels.means(e))[panels.ids]
    return e, np.flatnonzero(rows).astype(np.float64), ivar


@command("xttest3", "[, ]", stored="r(wald) r(df) r(p)")
def xttest3(session: Session, line: Line) -> None:
    """Modified Wald test for groupwise heteroskedasticity after xtreg, fe and xtgls."""
    e, rows, ivar = _residuals(session, (("xtreg", "fe"), ("xtgls", "")))
    panels = Panels.of(key_values(session, ivar)[rows.astype(np.intp)])
    T = panels.sizes
    s2 = panels.means(e**2)
    spread = panels.means((e**2 - s2[panels.ids]) ** 2)
    overall = float(np.var(e))
    usable = (T > 1) & (spread > 0.0)
    W = float(((s2 - overall)[usable] ** 2 / (spread[usable] / (T[usable] - 1.0))).sum())
    p = chi2_tail(W, panels.count)
    log = session.log
    log.line()
    log.line("Modified Wald test for groupwise heteroskedasticity")
    fe = session.e.macros.get("cmd") == "xtreg"
    log.line("in fixed effect regression model" if fe else "in cross-sectional time-series FGLS regression model")
    log.line()
    log.line("H0: sigma(i)^2 = sigma^2 for all i")
    log.line()
    log.line(f"chi2 ({panels.count})  =".ljust(15) + f"{W:8.2f}")
    log.line("Prob>chi2 = ".ljust(15) + f"{p:8.4f}")
    log.line()
    session.r = ResultSet(scalars={"wald": W, "df": float(panels.count), "p": p})


def _wide(session: Session, e: FloatArray, rows: FloatArray, ivar: str) -> tuple[FloatArray, FloatArray]:
    """Residuals by period and panel (nan where absent), and the panels' values."""
    settings = _panel_settings(session)
    positions = rows.astype(np.intp)
    values, ids = np.unique(key_values(session, ivar)[positions], return_inverse=True)
    _, periods = np.unique(session.data.numeric(settings.time)[positions], return_inverse=True)
    wide = np.full((int(periods.max()) + 1, len(values)), np.nan)
    wide[periods.reshape(-1), ids.reshape(-1)] = e
    return wide, np.asarray(values)


@command("xttest2", "[, ]", stored="r(chi2_bp) r(df_bp) r(n_bp)")
def xttest2(session: Session, line: Line) -> None:
    """Breusch–Pagan LM test of cross-sectional independence after xtreg, fe and xtgls."""
    e, rows, ivar = _residuals(session, (("xtreg", "fe"), ("xtgls", "")))
    wide, names = _wide(session, e, rows, ivar)
    shortest = float(np.isfinite(wide).sum(axis=0).min())
    complete = wide[np.all(np.isfinite(wide), axis=1)]
    log = session.log
    if len(complete) < 2:
        log.line()
        raise StataError(2000, "Error: too few common observations across panel.")
    N = wide.shape[1]
    centred = complete - complete.mean(axis=0)
    cross = centred.T @ centred
    if np.linalg.matrix_rank(cross) < N:
        raise StataError(131, "Correlation matrix of residuals is singular.")
    sd = np.sqrt(np.diag(cross))
    R = cross / np.outer(sd, sd)
    lm = float((np.trace(R @ R.T) - N) * shortest / 2.0)
    df = N * (N - 1) // 2
    p = chi2_tail(lm, df)
    labels = [f"__e{value:.0f}" if isinstance(value, float | np.floating) else f"__e{value}" for value in names]
    log.line(" ")
    log.line("Correlation matrix of residuals:")
    list_matrix(session, "R", Matrix(R, labels, labels), "%9.4f", header=False)
    log.line()
    log.line(f"Breusch-Pagan LM test of independence: chi2({df}) = {lm:9.3f}, Pr = {p:6.4f}")
    log.line(f"Based on {len(complete)} complete observations over panel units")
    session.r = ResultSet(scalars={"chi2_bp": lm, "df_bp": float(df), "n_bp": float(len(complete))})


@command("xtcsd", "[, PESaran FREes FRIedman SHOW ABS]", stored="r(pesaran) r(frees) r(fried)")
def xtcsd(session: Session, line: Line) -> None:
    """Tests of cross-sectional independence after xtreg, fe and re: Pesaran, Frees, Friedman."""
    chosen = [name for name in ("pesaran", "frees", "friedman") if line.flag(name)]
    if len(chosen) > 1:
        raise StataError(198, "Too many method options specified")
    if not chosen:
        raise StataError(198, "Method option not specified")
    e, rows, ivar = _residuals(session, (("xtreg", "fe"), ("xtreg", "re")))
    wide, names = _wide(session, e, rows, ivar)
    N = wide.shape[1]
    if N < 2:
        raise insufficient_observations()
    labels = [f"c{j + 1}" for j in range(N)]
    del names
    R, counts = _pairwise_correlations(wide)
    log = session.log
    if line.flag("show"):
        log.line("Correlation matrix of residuals:")
        list_matrix(session, "R", Matrix(R, labels, labels), "%9.4f", header=False)
    upper = np.triu_indices(N, 1)
    if chosen == ["pesaran"]:
        if counts[upper].min() < 3:
            raise StataError(2001, "Error: The panel is highly unbalanced.\nNot enough common observations across "
                             "panel to perform Pesaran's test.")  # fmt: skip
        value = math.sqrt(2.0 / (N * (N - 1.0))) * float((np.sqrt(counts[upper]) * R[upper]).sum())
        log.line(" ")
        log.line(f"Pesaran's test of cross sectional independence = {value:9.3f}, Pr = {normal_two_sided(value):6.4f}")
        session.r = ResultSet(scalars={"pesaran": value})
    else:
        _rank_test(session, wide, chosen[0])
    if line.flag("abs"):
        log.line(" ")
        log.line(f"Average absolute value of the off-diagonal elements = {np.abs(R[upper]).mean():9.3f}")


def _pairwise_correlations(wide: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Correlations over the periods two panels share, and the number of these: (N, N) each."""
    known = np.isfinite(wide).astype(np.float64)
    x = np.where(known > 0, wide, 0.0)
    n = known.T @ known
    safe = np.maximum(n, 1.0)
    sums = x.T @ known
    squares = (x**2).T @ known
    covariance = x.T @ x - sums * sums.T / safe
    variance = squares - sums**2 / safe
    scale = np.sqrt(np.maximum(variance * variance.T, 0.0))
    return np.where(scale > 0.0, covariance / np.where(scale > 0.0, scale, 1.0), 0.0), n


def _rank_test(session: Session, wide: FloatArray, method: str) -> None:
    """Frees' and Friedman's statistics from Spearman correlations over the periods all panels share."""
    from scipy.stats import rankdata

    complete = wide[np.all(np.isfinite(wide), axis=1)]
    T, N = complete.shape
    shortest = float(np.isfinite(wide).sum(axis=0).min())
    if T < 2:
        raise insufficient_observations()
    ranks = np.asarray(rankdata(complete, axis=0), dtype=np.float64)
    R = _pairwise_correlations(ranks)[0]
    upper = np.triu_indices(N, 1)
    log = session.log
    if method == "friedman":
        value = (shortest - 1.0) * ((N - 1.0) * float(R[upper].mean()) + 1.0)
        log.line(" ")
        log.line(f"Friedman's test of cross sectional independence = {value:9.3f}, Pr = {chi2_tail(value, N - 1):6.4f}")
        session.r = ResultSet(scalars={"fried": value})
        return
    value = N * (float((R[upper] ** 2).mean()) - 1.0 / (shortest - 1.0))
    if T < 4:
        raise StataError(2001, "Error: the distribution of Frees' Q statistic requires T>3")
    log.line(" ")
    if T in _FREES:
        log.line(f"  Frees' test of cross sectional independence = {value:9.3f}")
        log.line("|--------------------------------------------------------|")
        log.line("  Critical values from Frees' Q distribution")
        for alpha, critical in zip(("0.10", "0.05", "0.01"), _FREES[T], strict=True):
            log.line(f"                        alpha = {alpha} :{critical:9.4f}")
    else:
        variance = (32.0 / 25.0) * (T + 2) ** 2 / ((T - 1) ** 3 * (T + 1) ** 2)
        variance += (4.0 / 25.0) * (5 * T + 6) ** 2 * (T - 3) / (T * (T - 1) ** 2 * (T + 1) ** 2)
        z = value / math.sqrt(variance)
        log.line(f"Frees' test of cross sectional independence = {value:9.3f}, Pr = {normal_two_sided(z):6.4f}")
        log.line(" ")
        log.line("Warning: A normal distribution had been used to approximate Frees' Q distribution")
    session.r = ResultSet(scalars={"frees": value})


@command(
    "xtoverid", "[, Robust CLuster(varname) noIsily NOISily]", stored="r(j) r(jdf) r(jp)",
    refused="noisily; use after xtivreg, xtivreg2 and xthtaylor",
)  # fmt: skip
def xtoverid(session: Session, line: Line) -> None:
    """Test of overidentifying restrictions after xtreg, re: fixed against random effects."""
    if line.flag("noisily"):
        raise unsupported("option noisily is")
    if session.e.macros.get("cmd") != "xtreg" or session.e.macros.get("model") != "re":
        raise unsupported("xtoverid after commands other than xtreg, re is")
    estimation = estimation_of(session)
    rows = marked_sample(session)
    design = estimation.designs[""]
    if any(part.level is not None for column in design.columns for part in column.parts):
        raise StataError(198, "factor variables not allowed; make the indicators first")
    source = SessionSource(session)
    y = session.evaluate_numbers(session.e.macros["depvar"])[rows]
    X = design.matrix(source, rows)
    ivar = session.e.macros["ivar"]
    panels = Panels.of(key_values(session, ivar)[rows])
    re = fit_random(X, y, panels)
    share = 1.0 - re.X[:, -1]
    ys = y - panels.means(y)[panels.ids] * share
    deviations = X - panels.means(X)[panels.ids]
    full = np.column_stack([re.X, deviations])
    kept = independent_columns(full, constant=False)
    k = re.X.shape[1]
    added = int(kept[k:].sum())
    if not added:
        raise StataError(481, "no regressor varies within panels")
    fit = least_squares(full[:, kept], ys, constant=False)
    cluster = line.text_option("cluster") or session.e.macros.get("clustvar", "")
    if line.flag("robust") and not cluster:
        cluster = ivar
    index = np.arange(int(kept.sum()) - added, int(kept.sum()))
    if cluster:
        ids, groups = group_ids(key_values(session, session.variable_named(cluster))[rows])
        n, used = float(len(y)), float(kept.sum())
        correction = groups / (groups - 1.0) * (n - 1.0) / (n - used)
        V = sandwich(fit.inverse, meat(full[:, kept] * fit.residuals[:, None], ids, groups), correction)
    else:
        V = fit.inverse * (fit.rss / (len(y) - float(kept.sum())))
    J, df = wald(fit.coefficients[index], V[np.ix_(index, index)])
    p = chi2_tail(J, df)
    log = session.log
    log.line()
    log.line("Test of overidentifying restrictions: fixed vs random effects")
    log.line(f"Cross-section time-series model: xtreg re  {f'robust cluster({cluster})' if cluster else ' '}")
    log.line(f"Sargan-Hansen statistic {J:7.3f}  Chi-sq({df})    P-value = {p:6.4f}")
    session.r = ResultSet(scalars={"j": J, "jdf": float(df), "jp": p})
