"""estat after regress on time series: dwatson, durbinalt, bgodfrey, archlm."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ssd.engine.commands.estimation import SessionSource, estimation_of, marked_sample
from ssd.engine.data.timeseries import lagged, require_time
from ssd.engine.errors import StataError
from ssd.engine.lang.numlist import parse_numlist
from ssd.engine.missing import BoolArray, FloatArray, is_missing
from ssd.engine.output.estimation import number
from ssd.engine.results import Matrix, ResultSet
from ssd.engine.stats.arithmetic import quotient
from ssd.engine.stats.distributions import chi2_tail, f_tail
from ssd.engine.stats.linear import LeastSquares, least_squares

if TYPE_CHECKING:
    from ssd.engine.session import Session


@dataclass(frozen=True)
class _Series:
    """The residuals of a regression in their places in the data."""

    session: Session
    X: FloatArray
    """(n, k), without the constant."""
    constant: bool
    residuals: FloatArray
    """(N,) over all observations, missing outside the sample."""
    rows: BoolArray

    def lags(self, values: FloatArray, count: int) -> FloatArray:
        """Values 1 … count periods earlier, on the sample: (n, count)."""
        return np.column_stack([lagged(self.session.data, values, j)[self.rows] for j in range(1, count + 1)])


@dataclass(frozen=True)
class _Outcome:
    """A statistic with its degrees of freedom; `df_r` is None for a chi-squared statistic."""

    value: float
    df: int
    df_r: int | None

    @property
    def p(self) -> float:
        return chi2_tail(self.value, self.df) if self.df_r is None else f_tail(self.value, self.df, self.df_r)


def _series(session: Session, name: str, *, force: bool = True) -> _Series:
    if session.e.macros.get("cmd") != "regress":
        raise StataError(321, f"estat {name} not valid after {session.e.macros.get('cmd') or 'this command'}")
    if not force and session.e.macros.get("vcetype"):
        raise StataError(498, f"estat {name} requires the force option after regress with robust standard errors")
    if session.e.macros.get("wtype"):
        raise StataError(404, "weights not allowed")
    settings = require_time(session.data)
    rows = marked_sample(session)
    if settings.panel and np.unique(session.data.numeric(settings.panel)[rows]).size > 1:
        raise StataError(459, "sample may not include multiple panels")
    design = next(iter(estimation_of(session).designs.values()))
    X = design.matrix(SessionSource(session), rows)
    y = session.evaluate_numbers(session.e.macros["depvar"])[rows]
    residuals = np.full(session.data.n_obs, np.inf)
    residuals[rows] = least_squares(X, y, constant=design.constant).residuals
    return _Series(session, X, design.constant, residuals, rows)


def durbin_watson(session: Session) -> None:
    """Durbin–Watson d statistic (Durbin and Watson 1950), differences over gaps left out."""
    series = _series(session, "dwatson")
    e = series.residuals[series.rows]
    before = series.lags(series.residuals, 1)[:, 0]
    known = ~is_missing(before)
    d = float(np.sum((e[known] - before[known]) ** 2) / (e @ e))
    k = int(session.e.scalars["rank"])
    log = session.log
    log.line()
    gaps = len(e) - int(known.sum()) - 1
    if gaps:
        log.line(f"Number of gaps in sample = {gaps}")
        log.line()
    log.line(f"Durbin–Watson d-statistic({k:3d},{len(e):6d}) = {number(d, '%9.0g'):>9}")
    session.r = ResultSet(scalars={"dw": d, "N": float(len(e)), "N_gaps": float(gaps), "k": float(k)})


def durbin_alternative(session: Session, typed: dict[str, str]) -> None:
    """Durbin's (1970) alternative test: residuals on the regressors and their own lags, these tested jointly.

    Lags before the sample count as zero unless nomiss0 is typed. Raises r(198) for lags that are too long.
    """
    series = _series(session, "durbinalt", force="force" in typed)

    def outcome(lag: int) -> _Outcome:
        fit, X, e = _with_lags(series, lag, typed)
        k = series.X.shape[1]
        at = np.arange(k, k + lag)
        if "robust" in typed:
            full = np.column_stack([X, np.ones(len(e))]) if series.constant else X
            scores = full * fit.residuals[:, None]
            V = fit.inverse @ (scores.T @ scores) @ fit.inverse * (len(e) / (len(e) - fit.rank))
        else:
            V = fit.inverse * fit.rss / (len(e) - fit.rank)
        b = fit.coefficients[at]
        F = float(b @ np.linalg.solve(V[np.ix_(at, at)], b)) / lag
        return _Outcome(F, lag, len(e) - fit.rank) if "small" in typed else _Outcome(F * lag, lag, None)

    _report(
        session, series, typed, "Durbin's alternative test for autocorrelation", outcome, "H0: no serial correlation"
    )


def breusch_godfrey(session: Session, typed: dict[str, str]) -> None:
    """Breusch–Godfrey LM test: N times R-squared of the residuals on the regressors and their own lags.

    Lags before the sample count as zero unless nomiss0 is typed. Raises r(198) for lags that are too long.
    """
    series = _series(session, "bgodfrey", force="force" in typed)

    def outcome(lag: int) -> _Outcome:
        fit, _, e = _with_lags(series, lag, typed)
        explained = 1.0 - quotient(fit.rss, float(e @ e))
        if "small" not in typed:
            return _Outcome(len(e) * explained, lag, None)
        df_r = len(e) - fit.rank
        return _Outcome(quotient(explained, 1.0 - explained) * df_r / lag, lag, df_r)

    _report(session, series, typed, "Breusch–Godfrey LM test for autocorrelation", outcome, "H0: no serial correlation")


def arch_lm(session: Session, typed: dict[str, str]) -> None:
    """Engle's (1982) LM test: the number of observations used times R-squared of e² on its own lags."""
    series = _series(session, "archlm", force="force" in typed)
    squared = np.where(np.isfinite(series.residuals), series.residuals**2, np.inf)

    def outcome(lag: int) -> _Outcome:
        Z = series.lags(squared, lag)
        known = ~np.any(is_missing(Z), axis=1)
        fit = least_squares(Z[known], squared[series.rows][known])
        return _Outcome(int(known.sum()) * (1.0 - quotient(fit.rss, fit.tss)), lag, None)

    title = "LM test for autoregressive conditional heteroskedasticity (ARCH)"
    _report(session, series, typed, title, outcome, "H0: no ARCH effects      vs.  H1: ARCH(p) disturbance", 9)


def _with_lags(series: _Series, lag: int, typed: dict[str, str]) -> tuple[LeastSquares, FloatArray, FloatArray]:
    """The regression of the residuals on the regressors and `lag` lagged residuals, its matrix and its outcome."""
    lags = series.lags(series.residuals, lag)
    e = series.residuals[series.rows]
    X = np.column_stack([series.X, lags])
    known = ~np.any(is_missing(lags), axis=1)
    if "nomiss0" in typed:
        X, e = X[known], e[known]
    else:
        X[is_missing(X)] = 0.0
    return least_squares(X, e, constant=series.constant), X, e


def _report(
    session: Session,
    series: _Series,
    typed: dict[str, str],
    title: str,
    outcome: Callable[[int], _Outcome],
    hypothesis: str,
    indent: int = 24,
) -> None:
    lags = [int(v) for v in parse_numlist(typed["lags"])] if typed.get("lags") else [1]
    n = int(series.rows.sum())
    for lag in lags:
        if lag < 1 or lag >= n - series.X.shape[1] - 2:
            raise StataError(198, f"lags({lag}) is too large for the number of observations in the sample")
    outcomes = [outcome(lag) for lag in lags]
    log = session.log
    small = "small" in typed
    name = "F   " if small else "chi2"
    log.line()
    log.line(title)
    log.line("-" * 75)
    log.line(f"    lags(p)  |          {name}               df                 Prob > {name}".rstrip())
    log.line("-" * 13 + "+" + "-" * 61)
    for lag, each in zip(lags, outcomes, strict=True):
        if each.df_r is None:
            log.line(f"{lag:8d}     |{each.value:14.3f}{lag:17d}{each.p:24.4f}")
        else:
            log.line(f"{lag:8d}     |{each.value:14.3f}             ({lag:3d},{each.df_r:6d} ){each.p:19.4f}")
    log.line("-" * 75)
    log.line(" " * indent + hypothesis)
    columns = [str(lag) for lag in lags]
    rows = {"F" if small else "chi2": [each.value for each in outcomes], "df": [float(each.df) for each in outcomes],
            "p": [each.p for each in outcomes]}  # fmt: skip
    if small:
        rows["df_r"] = [float(each.df_r or 0) for each in outcomes]
    session.r = ResultSet(
        scalars={"N": float(n), "k": float(session.e.scalars["rank"])},
        macros={"lags": " ".join(columns)},
        matrices={key: Matrix(np.array([values]), ["r1"], columns) for key, values in rows.items()},
    )
