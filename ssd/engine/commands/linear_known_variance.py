"""vwls and eivreg: regression with known outcome variances, and with regressors of known reliability."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from ssd.engine.commands.declare import Line, command
from ssd.engine.commands.estimation import (
    Estimation,
    SessionSource,
    build_regressors,
    level_of,
    operated_name,
    outcome_and_terms,
    replay,
    store,
    take_sample,
    weight_note,
)
from ssd.engine.commands.postestimation_statistics import Statistics
from ssd.engine.errors import StataError, insufficient_observations, invalid_syntax
from ssd.engine.missing import FloatArray, is_missing
from ssd.engine.output.estimation import (
    CoefficientTable,
    Entry,
    chi2_entry,
    count,
    f_entry,
    number,
    print_coefficients,
    print_header,
)
from ssd.engine.stats.covariance import wald
from ssd.engine.stats.distributions import chi2_tail, f_tail
from ssd.engine.stats.linear import least_squares, with_constant

if TYPE_CHECKING:
    from ssd.engine.session import Session


@command(
    "vwls",
    "[varlist(numeric fv ts default=none)] [if] [in] [fweight] [, noCONStant SD(varname) Level(cilevel) BASElevels]",
    by="recall",
    stored="e(N) e(df_m) e(chi2) e(df_gf) e(chi2_gf) e(rank) e(cmd) e(depvar) e(b) e(V) r(table)",
)
def vwls(session: Session, line: Line) -> None:
    """Variance-weighted least squares: outcome variances known, or estimated within groups of equal regressors."""
    if replay(session, line, "vwls"):
        return
    level = level_of(session, line)
    source = SessionSource(session)
    outcome, terms = outcome_and_terms(session, line.varlist)
    sd = line.text_option("sd")
    sample = take_sample(session, line, source, [(outcome,), *terms], None, [sd] if sd else [])
    constant = not line.flag("noconstant")
    frequency = np.ones(sample.count) if sample.raw is None else sample.raw
    regressors = build_regressors(session, source, terms, sample, constant=constant)
    y, X = source.get(outcome.variable, outcome.operator)[sample.rows], regressors.X
    rows = sample.rows
    if sd:
        deviation = session.data.numeric(sd)[rows]
        if np.any(deviation <= 0.0):
            raise StataError(459, f"sd() variable {sd} must be positive")
        y_used, X_used, w = y, X, frequency / deviation**2
        groups = sample.n
    else:
        y_used, X_used, w = _group_means(y, X, frequency)
        groups = float(len(y_used))
    ls = least_squares(X_used, y_used, w, constant=constant)
    k = ls.rank - int(constant)
    df = groups - ls.rank
    V = ls.inverse
    W, _ = wald(ls.coefficients[:k], V[:k, :k]) if k else (0.0, 0)
    design, depvar = regressors.design, operated_name(outcome)
    table = CoefficientTable(
        design.names, design.expand(ls.coefficients), design.expand(V), depvar, None, level,
        base_levels=line.flag("baselevels"), data=session.data,
    )  # fmt: skip

    def show() -> None:
        log = session.log
        log.line()
        log.line(f"{'Variance-weighted least-squares regression':<50}{'Number of obs':<15} = {count(sample.n):>10}")
        left = [
            f"Goodness-of-fit chi2({df:.0f})".ljust(21) + f"= {ls.rss:8.2f}",
            f"{'Prob > chi2':<21}= {chi2_tail(ls.rss, int(df)):8.4f}" if df > 0 else f"{'Prob > chi2':<21}= {'.':>8}",
        ]
        entries = chi2_entry("Model", k, W)
        print_header(log, left, entries, label_width=15, value_width=10)
        print_coefficients(log, table)

    estimation = Estimation(
        {"": design}, table, show, (sample.kind, line.weight.expression if line.weight else ""),
        {"statistics": Statistics({}, "xb", "(option xb assumed; fitted values)", depvar)}, sample.w,
    )  # fmt: skip
    scalars = {"N": sample.n, "df_m": float(k), "chi2": W, "df_gf": df, "chi2_gf": ls.rss, "rank": float(ls.rank)}
    macros = {"cmd": "vwls", "depvar": depvar, "predict": "vwls_p", "sd": sd or ""}
    store(session, line, estimation, sample=rows, scalars=scalars, macros=macros)
    show()


def _group_means(y: FloatArray, X: FloatArray, f: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Mean outcome of each combination of the regressors and the inverse variance of that mean."""
    patterns, ids = np.unique(X, axis=0, return_inverse=True)
    ids = ids.reshape(-1)
    size = np.bincount(ids, weights=f)
    mean = np.bincount(ids, weights=f * y) / size
    squares = np.bincount(ids, weights=f * (y - mean[ids]) ** 2)
    variance = np.where(size > 1.0, squares / np.maximum(size - 1.0, 1.0), 0.0)
    good = (variance > 0.0) & np.isfinite(variance)
    if not good.any():
        raise StataError(2000, "no groups with sufficient observations")
    return mean[good], patterns[good], size[good] / variance[good]


@command(
    "eivreg",
    "[varlist(numeric fv default=none)] [if] [in] [aweight fweight] [, Reliab(string) Level(cilevel) BASElevels]",
    by="recall",
    stored="e(N) e(df_m) e(df_r) e(r2) e(F) e(rmse) e(rank) e(cmd) e(depvar) e(rellist) e(b) e(V) r(table)",
    refused="vce() other than the default",
)
def eivreg(session: Session, line: Line) -> None:
    """Errors-in-variables regression: regressors measured with known reliability."""
    if replay(session, line, "eivreg"):
        return
    level = level_of(session, line)
    source = SessionSource(session)
    outcome, terms = outcome_and_terms(session, line.varlist)
    sample = take_sample(session, line, source, [(outcome,), *terms])
    weight_note(session, sample, line)
    regressors = build_regressors(session, source, terms, sample)
    design = regressors.design
    names = [column.name for column in design.columns if column.active]
    reliability = _reliabilities(session, line, names)
    y = source.get(outcome.variable, outcome.operator)[sample.rows]
    w = np.ones(len(y)) if sample.w is None else sample.w
    n = sample.n
    X = with_constant(regressors.X)
    k = X.shape[1]
    if n <= k:
        raise insufficient_observations()
    # Covariance X'X - N diag((1 - r) var(x)) of the true regressors (Fuller 1987; [R] eivreg, Methods).
    mean = w @ regressors.X / w.sum()
    spread = w @ (regressors.X - mean) ** 2 / n
    A = X.T @ (X * w[:, None])
    A[np.arange(k - 1), np.arange(k - 1)] -= n * (1.0 - reliability) * spread
    scale = np.sqrt(np.maximum(np.diag(A), 0.0))
    if np.any(scale == 0.0) or np.linalg.eigvalsh(A / np.outer(scale, scale)).min() <= 1e-12:
        raise StataError(399, "reliability r() too small")
    inverse = np.linalg.inv(A)
    b = inverse @ (X.T @ (w * y))
    rss = float(w @ (y * y) - b @ (A @ b))
    if rss <= 0.0:
        raise StataError(399, "reliability r() too small")
    centred = float(w @ (y - w @ y / w.sum()) ** 2)
    s2 = rss / (n - k)
    V = s2 * inverse @ (X.T @ (X * w[:, None])) @ inverse
    V = np.asarray((V + V.T) / 2.0, dtype=np.float64)
    W, _ = wald(b[:-1], V[: k - 1, : k - 1]) if k > 1 else (math.nan, 0)
    F = W / (k - 1) if k > 1 else math.nan
    r2, rmse = (1.0 - rss / centred if centred > 0.0 else math.nan), math.sqrt(s2)
    depvar = operated_name(outcome)
    table = CoefficientTable(
        design.names, design.expand(b), design.expand(V), depvar, n - k, level,
        base_levels=line.flag("baselevels"), data=session.data,
    )  # fmt: skip
    listed = [(name, value) for name, value in zip(names, reliability, strict=True) if value != 1.0]

    def show() -> None:
        log = session.log
        log.line()
        log.line(f"{'':<20}assumed{'':<17}Errors-in-variables regression")
        left = ["    Variable   reliability", "-" * 28]
        left += [f"{name[:12]:>12}{value:>14.4f}" for name, value in listed]
        left.append(f"{'*':>12}{1.0:>14.4f}")
        entries = [Entry("Number of obs", count(n)), *f_entry(k - 1, n - k, F),
                   Entry("R-squared", "." if math.isnan(r2) else f"{r2:.4f}"),
                   Entry("Root MSE", number(rmse, "%9.0g"))]  # fmt: skip
        print_header(log, left, entries, label_width=15, value_width=10)
        log.line()
        print_coefficients(log, table)

    estimation = Estimation(
        {"": design}, table, show, (sample.kind, line.weight.expression if line.weight else ""),
        {"statistics": Statistics({"residuals": lambda r: r.y - r.xb}, "xb", "(option xb assumed; fitted values)",
                                  depvar)}, sample.w,
    )  # fmt: skip
    scalars = {
        "N": n, "df_m": float(k - 1), "df_r": n - k, "r2": r2, "F": F, "p": f_tail(F, k - 1, n - k), "rmse": rmse,
        "rank": float(k),
    }  # fmt: skip
    macros = {
        "cmd": "eivreg", "depvar": depvar, "predict": "eivreg_p",
        "rellist": " ".join(f"{name} {value:g}" for name, value in listed),
    }  # fmt: skip
    store(session, line, estimation, sample=sample.rows, scalars=scalars, macros=macros)
    show()


def _reliabilities(session: Session, line: Line, names: list[str]) -> FloatArray:
    """reliab(x # z # …) in the order of the regressors, 1 where none is given."""
    found = np.ones(len(names))
    words = (line.text_option("reliab") or "").split()
    if len(words) % 2:
        raise invalid_syntax("option reliab() incorrectly specified")
    for name, typed in zip(words[::2], words[1::2], strict=True):
        full = session.variable_named(name)
        if full not in names:
            raise StataError(198, f"{full} in reliab() is not a regressor")
        value = session.evaluate_number(typed)
        if is_missing(np.array([value]))[0] or not 0.0 < value <= 1.0:
            raise StataError(198, f"reliability for {full} must be greater than 0 and at most 1")
        found[names.index(full)] = value
    return found
