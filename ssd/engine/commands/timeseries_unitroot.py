"""dfuller, pperron, dfgls, kpss: tests for a unit root in one series."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from ssd.engine.commands.declare import Line, command
from ssd.engine.commands.timeseries_sample import Series, forbid_gaps, one_series
from ssd.engine.errors import StataError, insufficient_observations, unsupported
from ssd.engine.missing import FloatArray, is_missing
from ssd.engine.output.estimation import CoefficientTable, number, print_coefficients
from ssd.engine.results import Matrix, ResultSet
from ssd.engine.stats import unit_roots
from ssd.engine.stats.arithmetic import quotient
from ssd.engine.stats.linear import least_squares
from ssd.engine.stats.tails import t as student
from ssd.engine.stats.unit_roots import Case

if TYPE_CHECKING:
    from ssd.engine.session import Session

_HYPOTHESES = {
    "none": "Random walk without drift, a = 0, d = 0",
    "constant": "Random walk without drift, d = 0",
    "drift": "Random walk with drift, d = 0",
    "trend": "Random walk with or without drift",
}


def _case(line: Line) -> Case:
    """The deterministic terms. Raises r(198) for contradicting options."""
    typed = [name for name in ("noconstant", "trend", "drift") if name in line.options and line.flag(name)]
    if len(typed) > 1:
        raise StataError(198, f"{typed[0]} and {typed[1]} may not be specified together")
    cases: dict[str, Case] = {"noconstant": "none", "trend": "trend", "drift": "drift"}
    return cases[typed[0]] if typed else "constant"


def _lags(line: Line, default: int) -> int:
    value = line.options.get("lags")
    if not isinstance(value, int) or (value < 0 and "lags" in line.typed):
        raise StataError(198, "lags() must be a nonnegative integer")
    return default if value < 0 else value


def _lagged_columns(series: Series, lags: int, trend: bool) -> tuple[list[FloatArray], list[str]]:
    """L.y, LD.y … and the trend (0 at the first observation of the sample), over all observations."""
    columns = [series.values("L")]
    names = [f"L.{series.name}"]
    for j in range(1, lags + 1):
        columns.append(series.values(f"L{j if j > 1 else ''}D"))
        names.append(f"L{j if j > 1 else ''}D.{series.name}")
    if trend:
        time = series.source.get(series.settings.time)
        columns.append((time - time[series.rows].min()) / series.settings.delta)
        names.append("_trend")
    return columns, names


def _complete(
    series: Series, columns: list[FloatArray]
) -> tuple[FloatArray, np.ndarray[tuple[int], np.dtype[np.bool_]]]:
    rows = series.rows.copy()
    for column in columns:
        rows &= ~is_missing(column)
    return np.column_stack([column[rows] for column in columns]), rows


def _header(session: Session, title: str, series: Series, entries: list[tuple[str, int]], *, apart: bool) -> None:
    log = session.log
    width = max(len(label) for label, _ in entries)
    right = [f"{label:<{width}} = {value:>3,}" for label, value in entries]
    start = 62 - max(len(text) for text in right)
    left = [title, "", f"Variable: {series.name}", ""] if apart else [title, f"Variable: {series.name}"]
    cells = ["", "", *right] if apart else right
    log.line()
    for text, cell in zip(left, cells, strict=True):
        log.line(f"{text:<{start}}{cell}".rstrip())
    log.line()


def _critical_table(
    session: Session,
    rows: list[tuple[str, float, tuple[float, float, float]]],
    heading: str = "Dickey–Fuller",
) -> None:
    log = session.log
    log.line(" " * (45 - len(heading) // 2) + heading)
    log.line("                   Test      -------- critical value ---------")
    log.line("              statistic           1%           5%          10%")
    log.line("-" * 62)
    for name, value, critical in rows:
        log.line(f" {name:<8}{value:14.3f}" + "".join(f"{c:13.3f}" for c in critical))
    log.line("-" * 62)


def _regression(
    session: Session, names: list[str], depvar: str, b: FloatArray, V: FloatArray, df: float, constant: bool
) -> None:
    full = [*names, "_cons"] if constant else names
    log = session.log
    log.line()
    log.line("Regression table")
    print_coefficients(log, CoefficientTable(full, b, V, depvar, df, float(session.settings.get("level", "95"))))


@command(
    "dfuller",
    "varlist(ts numeric) [if] [in] [, noCONStant TRend DRift REGress LAgs(integer 0)]",
    minimum=4,
    stored="r(N) r(lags) r(Zt) r(p) r(cv_1) r(cv_5) r(cv_10)",
)
def dfuller(session: Session, line: Line) -> None:
    """Augmented Dickey–Fuller test for a unit root."""
    series = one_series(session, line)
    case = _case(line)
    lags = _lags(line, 0)
    columns, names = _lagged_columns(series, lags, case == "trend")
    change = series.values("D")
    X, rows = _complete(series, [*columns, change])
    constant = case != "none"
    fit = least_squares(X[:, :-1], X[:, -1], constant=constant)
    n = int(rows.sum())
    df = n - fit.rank
    if df <= 0:
        raise insufficient_observations()
    V = fit.inverse * (fit.rss / df)
    statistic = quotient(fit.coefficients[0], math.sqrt(V[0, 0]))
    if case == "drift":
        critical = tuple(float(student.ppf(p, df)) for p in (0.01, 0.05, 0.10))
        p = float(student.cdf(statistic, df))
    else:
        critical = unit_roots.tau_critical(case, n)
        p = unit_roots.mackinnon_p(statistic, case)
    title = "Dickey–Fuller test for unit root"
    _header(session, f"Augmented {title}" if lags else title, series,
            [("Number of obs", n), ("Number of lags", lags)], apart=lags > 0)  # fmt: skip
    session.log.line(f"H0: {_HYPOTHESES[case]}")
    session.log.line()
    one, five, ten = critical
    heading = "Z(t) has t-distribution" if case == "drift" else "Dickey–Fuller"
    _critical_table(session, [("Z(t)", statistic, (one, five, ten))], heading)
    if case == "drift":
        session.log.line(f"p-value for Z(t) = {p:.4f}.")
    elif case != "none":
        session.log.line(f"MacKinnon approximate p-value for Z(t) = {p:.4f}.")
    if line.flag("regress"):
        _regression(session, names, f"D.{series.name}", fit.coefficients, V, df, constant)
    scalars = {"lags": float(lags), "N": float(n), "Zt": statistic, "cv_10": ten, "cv_5": five, "cv_1": one}
    if case != "none":
        scalars["p"] = p
    session.r = ResultSet(scalars=scalars)


@command(
    "pperron",
    "varlist(ts numeric) [if] [in] [, noCONStant TRend REGress LAgs(integer -1)]",
    minimum=4,
    stored="r(N) r(lags) r(pval) r(Zt) r(Zrho)",
)
def pperron(session: Session, line: Line) -> None:
    """Phillips–Perron test for a unit root."""
    series = one_series(session, line)
    case = _case(line)
    columns, names = _lagged_columns(series, 0, case == "trend")
    X, rows = _complete(series, columns)
    y = series.values()[rows]
    n = len(y)
    lags = _lags(line, int(4.0 * (n / 100.0) ** (2.0 / 9.0)))
    if n <= X.shape[1] + 1 or lags >= n:
        raise insufficient_observations()
    test = unit_roots.phillips_perron(y, X, lags, constant=case != "none")
    _header(session, "Phillips–Perron test for unit root", series,
            [("Number of obs", n), ("Newey–West lags", lags)], apart=False)  # fmt: skip
    session.log.line(f"H0: {_HYPOTHESES[case]}")
    session.log.line()
    rho_row = ("Z(rho)", test.z_rho, unit_roots.rho_critical(case, n))
    _critical_table(session, [rho_row, ("Z(t)", test.z_t, unit_roots.tau_critical(case, n))])
    p = unit_roots.mackinnon_p(test.z_t, case)
    if case != "none":
        session.log.line(f"MacKinnon approximate p-value for Z(t) = {p:.4f}.")
    if line.flag("regress"):
        df = n - len(test.coefficients)
        _regression(session, names, series.name, test.coefficients, test.covariance, df, case != "none")
    scalars = {"N": float(n), "lags": float(lags), "Zt": test.z_t, "Zrho": test.z_rho}
    if case != "none":
        scalars["pval"] = p
    session.r = ResultSet(scalars=scalars)


@command(
    "dfgls",
    "varlist(ts numeric) [if] [in] [, MAXlag(integer -1) noTRend ERS]",
    stored="r(N) r(maxlag) r(rmse#) r(dft#) r(optlag) r(sclag) r(maiclag) r(results)",
)
def dfgls(session: Session, line: Line) -> None:
    """DF-GLS test for a unit root, with lag selection."""
    series = one_series(session, line)
    forbid_gaps(series)
    y = series.sample
    typed = line.options.get("maxlag")
    schwert = not isinstance(typed, int) or typed < 0
    max_lag = int(12.0 * (len(y) / 100.0) ** 0.25) if schwert else int(str(typed))
    trend = not line.flag("notrend")
    if len(y) - 1 - 2 * max_lag <= 2:
        raise insufficient_observations()
    rows, n = unit_roots.df_gls(y, max_lag, trend)
    log = session.log
    log.line()
    log.line(f"{'DF-GLS test for unit root':<41}Number of obs = {n:>3,}")
    log.line(f"Variable: {series.name}")
    selection = "Lag selection: Schwert criterion" if schwert else "Lag selection: User specified"
    log.line(f"{selection:<41}Maximum lag   = {max_lag:>3}")
    log.line()
    log.line(" " * 27 + "-------- Critical value ---------")
    log.line(f"[lags]   DF-GLS {'tau' if trend else 'mu':<3}           1%           5%          10%")
    log.line("-" * 60)
    for row in rows:
        values = (
            unit_roots.ers_critical(trend, len(y))
            if line.flag("ers")
            else unit_roots.dfgls_critical(trend, len(y), n, row.lags)
        )
        log.line(f"{row.lags:>6}{row.statistic:>12.3f}  " + "".join(f"{v:>13.3f}" for v in values)[1:])
    log.line("-" * 60)
    scalars = {"N": float(n), "maxlag": float(max_lag)}
    if max_lag > 1:
        scalars.update(_selected_lags(session, rows))
    for row in rows:
        scalars[f"rmse{row.lags}"] = row.rmse
        scalars[f"dft{row.lags}"] = row.statistic
    table = np.array([[row.lags, row.maic, row.sic, row.rmse, row.statistic] for row in rows])
    session.r = ResultSet(
        scalars=scalars, matrices={"results": Matrix.of(table, None, ["k", "MAIC", "SIC", "RMSE", "DFGLS"])}
    )


def _selected_lags(session: Session, rows: list[unit_roots.DfGlsRow]) -> dict[str, float]:
    """Ng and Perron's sequential t at 10%, the smallest Schwarz and modified Akaike criteria."""
    log = session.log
    sequential = next((row for row in rows if row.last_p < 0.10), None)
    if sequential is None:
        log.line("Opt lag (Ng–Perron seq t) =  0 [use maxlag(0)]")
    else:
        rmse = number(sequential.rmse, "%9.0g")
        log.line(f"Opt lag (Ng–Perron seq t) = {sequential.lags:>2} with RMSE = {rmse:>9}")
    sic, maic = min(rows, key=lambda r: r.sic), min(rows, key=lambda r: r.maic)
    for name, best, value in (("SIC ", sic, sic.sic), ("MAIC", maic, maic.maic)):
        shown = number(value, "%9.0g")
        log.line(f"Min {name} = {shown:>9} at lag {best.lags:>2} with RMSE = {number(best.rmse, '%9.0g'):>9}")
    optimal = -1.0 if sequential is None else float(sequential.lags)
    return {"optlag": optimal, "sclag": float(sic.lags), "maiclag": float(maic.lags)}


@command(
    "kpss",
    "varlist(ts numeric) [if] [in] [, Maxlag(integer -1) noTrend QS Auto]",
    stored="r(N) r(maxlag) r(kpss#)",
    refused="auto, qs;",
)
def kpss(session: Session, line: Line) -> None:
    """KPSS test for stationarity (as the user-written command prints it)."""
    for name in ("qs", "auto"):
        if line.flag(name):
            raise unsupported(f"kpss, {name} is")
    series = one_series(session, line)
    forbid_gaps(series)
    y = series.sample
    n = len(y)
    trend = not line.flag("notrend")
    typed = line.options.get("maxlag")
    chosen = not isinstance(typed, int) or typed < 0
    time_format = session.data.variables[series.settings.time].format
    frequent = time_format.startswith("%tm") or not time_format.startswith("%t")
    max_lag = int((12 if frequent else 4) * (n / 100.0) ** 0.25) if chosen else int(str(typed))
    if n <= max_lag + 2:
        raise insufficient_observations()
    values = unit_roots.kpss_statistics(y, max_lag, trend)
    log = session.log
    log.line()
    log.line(f"KPSS test for {series.name}")
    log.line()
    log.line(f"Maxlag = {max_lag} chosen by Schwert criterion" if chosen else f"Maxlag = {max_lag}")
    log.line("Autocovariances weighted by Bartlett kernel")
    log.line()
    log.line(f"Critical values for H0: {series.name} is {'trend' if trend else 'level'} stationary")
    log.line()
    critical = ("0.119", "0.146", "0.176", "0.216") if trend else ("0.347", "0.463", "0.574", "0.739")
    log.line(f"10%: {critical[0]}  5% : {critical[1]}  2.5%: {critical[2]}  1% : {critical[3]}")
    log.line()
    log.line("Lag order    Test statistic")
    for lag, value in enumerate(values):
        log.line(f"{lag:>5}{number(value, '%9.3g'):>18}")
    scalars = {"N": float(n), "maxlag": float(max_lag)}
    scalars.update({f"kpss{lag}": value for lag, value in enumerate(values)})
    session.r = ResultSet(scalars=scalars)
