"""Unit-root and stationarity tests of one series: statistics, critical values, approximate p-values."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np

from ssd.engine.missing import FloatArray
from ssd.engine.stats.arithmetic import quotient, square_root
from ssd.engine.stats.linear import least_squares
from ssd.engine.stats.tails import norm

Case = Literal["none", "constant", "drift", "trend"]

_SIZES: Final = (25.0, 50.0, 100.0, 250.0, 500.0)
# Fuller (1976), Introduction to Statistical Time Series, tables 8.5.1 and 8.5.2: rows 1%, 5%, 10%;
# columns n = 25, 50, 100, 250, 500 and the limit.
_TAU: Final[dict[str, tuple[tuple[float, ...], ...]]] = {
    "none": (
        (-2.66, -2.62, -2.60, -2.58, -2.58, -2.58),
        (-1.95, -1.95, -1.95, -1.95, -1.95, -1.95),
        (-1.60, -1.61, -1.61, -1.62, -1.62, -1.62),
    ),
    "constant": (
        (-3.75, -3.58, -3.51, -3.46, -3.44, -3.43),
        (-3.00, -2.93, -2.89, -2.88, -2.87, -2.86),
        (-2.63, -2.60, -2.58, -2.57, -2.57, -2.57),
    ),
    "trend": (
        (-4.38, -4.15, -4.04, -3.99, -3.98, -3.96),
        (-3.60, -3.50, -3.45, -3.43, -3.42, -3.41),
        (-3.24, -3.18, -3.15, -3.13, -3.13, -3.12),
    ),
}
_RHO: Final[dict[str, tuple[tuple[float, ...], ...]]] = {
    "none": (
        (-11.9, -12.9, -13.3, -13.6, -13.7, -13.8),
        (-7.3, -7.7, -7.9, -8.0, -8.0, -8.1),
        (-5.3, -5.5, -5.6, -5.7, -5.7, -5.7),
    ),
    "constant": (
        (-17.2, -18.9, -19.8, -20.3, -20.5, -20.7),
        (-12.5, -13.3, -13.7, -14.0, -14.0, -14.1),
        (-10.2, -10.7, -11.0, -11.2, -11.2, -11.3),
    ),
    "trend": (
        (-22.5, -25.7, -27.4, -28.4, -28.9, -29.5),
        (-17.9, -19.8, -20.7, -21.3, -21.5, -21.8),
        (-15.6, -16.8, -17.5, -18.0, -18.1, -18.3),
    ),
}
# MacKinnon (1994, JBES 12), tables 3 and 4, one variable: bounds, and polynomials below and above `star`.
_MACKINNON: Final[dict[str, tuple[float, float, float, tuple[float, ...], tuple[float, ...]]]] = {
    "none": (-19.04, -1.04, math.inf, (0.6344, 1.2378, 0.032496), (0.4797, 0.93557, -0.06999, 0.033066)),
    "constant": (-18.83, -1.61, 2.74, (2.1659, 1.4412, 0.038269), (1.7339, 0.93202, -0.12745, -0.010368)),
    "trend": (-16.18, -2.89, 0.70, (3.2512, 1.6047, 0.049588), (2.5261, 0.61654, -0.37956, -0.060285)),
}
# Cheung and Lai (1995, OBES 57), table 1: response surfaces of the DF-GLS test at 5% and 10%.
_CHEUNG_LAI: Final[dict[bool, tuple[tuple[float, ...], ...]]] = {
    False: (
        (-1.948, -17.839, 104.086, 0.802, 5.558, -18.332),
        (-1.624, -19.888, 155.231, 0.709, 5.480, -16.055),
    ),
    True: (
        (-2.838, -20.328, 124.191, 1.267, 10.530, -24.600),
        (-2.550, -20.166, 155.215, 1.133, 9.808, -20.313),
    ),
}
# Elliott, Rothenberg and Stock (1996, Econometrica 64), table I.C: trend, rows 1%, 5%, 10%; n = 50, 100, 200, limit.
_ERS: Final = ((-3.77, -3.58, -3.46, -3.48), (-3.19, -3.03, -2.93, -2.89), (-2.89, -2.74, -2.64, -2.57))


def _interpolated(row: tuple[float, ...], n: float, sizes: tuple[float, ...]) -> float:
    """Linear in n between the tabulated sizes; the limit beyond the last."""
    return row[-1] if n > sizes[-1] else float(np.interp(n, sizes, row[:-1]))


def tau_critical(case: Case, n: float) -> tuple[float, float, float]:
    """Critical values (1%, 5%, 10%) of the Dickey–Fuller t statistic."""
    one, five, ten = (_interpolated(row, n, _SIZES) for row in _TAU[case])
    return one, five, ten


def rho_critical(case: Case, n: float) -> tuple[float, float, float]:
    """Critical values (1%, 5%, 10%) of n(rho - 1)."""
    one, five, ten = (_interpolated(row, n, _SIZES) for row in _RHO[case])
    return one, five, ten


def mackinnon_p(tau: float, case: Case) -> float:
    """Asymptotic p-value of a Dickey–Fuller t statistic."""
    low, star, high, below, above = _MACKINNON[case]
    if tau >= high:
        return 1.0
    if tau <= low:
        return 0.0
    coefficients = below if tau <= star else above
    return float(norm.cdf(sum(c * tau**power for power, c in enumerate(coefficients))))


def dfgls_critical(trend: bool, total: float, n: float, lags: int) -> tuple[float, float, float]:
    """1% from the tables at the `total` size of the series, 5% and 10% from the response surfaces at `n`."""
    one = ers_critical(trend, total)[0]
    five, ten = (
        t0 + t1 / n + t2 / n**2 + f1 * (lags / n) + f2 * (lags / n) ** 2 + f3 * (lags / n) ** 3
        for t0, t1, t2, f1, f2, f3 in _CHEUNG_LAI[trend]
    )
    return one, five, ten


def ers_critical(trend: bool, n: float) -> tuple[float, float, float]:
    """Critical values (1%, 5%, 10%) of Elliott, Rothenberg and Stock."""
    if not trend:
        return tau_critical("none", n)
    one, five, ten = (_interpolated(row, n, (50.0, 100.0, 200.0)) for row in _ERS)
    return one, five, ten


@dataclass(frozen=True)
class PhillipsPerron:
    z_rho: float
    z_t: float
    n: int
    coefficients: FloatArray
    """rho, trend (if any), constant (if any)."""
    covariance: FloatArray


def phillips_perron(y: FloatArray, X: FloatArray, lags: int, *, constant: bool) -> PhillipsPerron:
    """Z(rho) and Z(t) of Phillips and Perron (1988).

    y (n,) is regressed on X (n, k), whose first column is the lagged level; Newey–West long-run variance
    with `lags` autocovariances, all divided by n.
    """
    fit = least_squares(X, y, constant=constant)
    n = len(y)
    u = fit.residuals
    s2 = fit.rss / (n - fit.rank)
    gamma0 = float(u @ u) / n
    long_run = gamma0 + 2.0 * sum((1.0 - j / (lags + 1.0)) * float(u[j:] @ u[:-j]) / n for j in range(1, lags + 1))
    rho = float(fit.coefficients[0])
    se = math.sqrt(s2 * fit.inverse[0, 0])
    ratio = n * quotient(se, math.sqrt(s2))
    z_rho = n * (rho - 1.0) - 0.5 * ratio**2 * (long_run - gamma0)
    z_t = square_root(quotient(gamma0, long_run)) * quotient(rho - 1.0, se)
    z_t -= 0.5 * (long_run - gamma0) * quotient(ratio, square_root(long_run))
    return PhillipsPerron(z_rho, z_t, n, fit.coefficients, fit.inverse * s2)


def gls_detrended(y: FloatArray, trend: bool) -> FloatArray:
    """The series less its mean (and trend) fitted after quasi-differencing at 1 - c/n, c = 7 or 13.5."""
    n = len(y)
    a = 1.0 - (13.5 if trend else 7.0) / n
    D = np.column_stack([np.ones(n), np.arange(1.0, n + 1.0)]) if trend else np.ones((n, 1))

    def quasi(values: FloatArray) -> FloatArray:
        out = values.copy()
        out[1:] -= a * values[:-1]
        return out

    b = np.linalg.lstsq(quasi(D), quasi(y), rcond=None)[0]
    return np.asarray(y - D @ b, dtype=np.float64)


@dataclass(frozen=True)
class DfGlsRow:
    lags: int
    statistic: float
    maic: float
    sic: float
    rmse: float
    last_p: float
    """p-value of the longest lag."""


def df_gls(y: FloatArray, max_lag: int, trend: bool) -> tuple[list[DfGlsRow], int]:
    """DF-GLS for max_lag … 1 lags (0 when max_lag is 0) on one common sample, and its size.

    The modified AIC is that of Ng and Perron (2001), with variances divided by the sample size and the
    squared levels summed from one period before the sample, as Stata prints it.
    """
    from ssd.engine.stats.distributions import student_two_sided

    detrended = gls_detrended(y, trend)
    change = np.diff(detrended)
    level = detrended[:-1]
    n = len(change) - max_lag
    first = max(max_lag - 1, 0)
    squares = float(level[first:] @ level[first:])
    rows = []
    for lags in range(max_lag, 0, -1) if max_lag else [0]:
        X = np.column_stack([level[max_lag:], *(change[max_lag - j : len(change) - j] for j in range(1, lags + 1))])
        fit = least_squares(X, change[max_lag:], constant=False)
        s2 = fit.rss / (n - fit.rank)
        t = fit.coefficients / np.sqrt(s2 * np.diag(fit.inverse))
        variance = fit.rss / n
        tau = float(fit.coefficients[0]) ** 2 * squares / variance
        rows.append(
            DfGlsRow(
                lags,
                float(t[0]),
                math.log(variance) + 2.0 * (tau + lags) / n,
                math.log(variance) + (lags + 1) * math.log(n) / n,
                math.sqrt(variance),
                student_two_sided(float(t[-1]), n - fit.rank),
            )
        )
    return rows, n


def kpss_statistics(y: FloatArray, max_lag: int, trend: bool) -> list[float]:
    """KPSS statistics for 0 … max_lag autocovariances with Bartlett weights (Kwiatkowski et al. 1992)."""
    n = len(y)
    X = np.arange(1.0, n + 1.0)[:, None] if trend else np.empty((n, 0))
    e = least_squares(X, y).residuals
    sums = np.cumsum(e)
    numerator = float(sums @ sums) / n**2
    gammas = [float(e[j:] @ e[: n - j]) / n for j in range(max_lag + 1)]
    return [
        numerator / (gammas[0] + 2.0 * sum((1.0 - j / (m + 1.0)) * gammas[j] for j in range(1, m + 1)))
        for m in range(max_lag + 1)
    ]
