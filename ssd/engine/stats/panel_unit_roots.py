"""Panel unit-root tests: Levin–Lin–Chu, Harris–Tzavalis, Im–Pesaran–Shin and Hadri's LM test."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from ssd.engine.errors import StataError
from ssd.engine.missing import FloatArray
from ssd.engine.stats.ivreg2 import kernel_weight
from ssd.engine.stats.linear import least_squares
from ssd.engine.stats.panel_unit_root_tables import (
    LLC,
    LLC_SIZES,
    TBAR,
    TBAR_N,
    TBAR_T,
    TILDE_MEAN,
    TILDE_SIZES,
    TILDE_VARIANCE,
    W_MEAN,
    W_T,
    W_VARIANCE,
)

Deterministic = Literal["none", "constant", "trend"]
Criterion = Literal["aic", "bic", "hqic"]


def _short() -> StataError:
    return StataError(2001, "insufficient number of time periods to compute the test")


def deterministics(n: int, case: Deterministic) -> FloatArray:
    """Constant and trend for n periods: (n, 0), (n, 1) or (n, 2)."""
    columns = {"none": [], "constant": [np.ones(n)], "trend": [np.ones(n), np.arange(1.0, n + 1.0)]}[case]
    return np.column_stack(columns) if columns else np.empty((n, 0))


def residuals(X: FloatArray, y: FloatArray) -> FloatArray:
    """y less its projection on the columns of X, which need not contain a constant."""
    return least_squares(X, y, constant=False).residuals if X.shape[1] else y


@dataclass(frozen=True)
class AdfSample:
    """The pieces of one augmented Dickey–Fuller regression."""

    change: FloatArray
    level: FloatArray
    """Lagged level."""
    others: FloatArray
    """Lagged changes and deterministic terms."""

    @property
    def columns(self) -> FloatArray:
        return np.column_stack([self.level, self.others])


def adf_sample(y: FloatArray, lags: int, case: Deterministic, *, skip: int = 0) -> AdfSample:
    """`skip` drops further periods at the start. Raises r(2001) when too few periods are left."""
    change = np.diff(y)
    first = lags + skip
    n = len(change) - first
    if n <= lags + {"none": 1, "constant": 2, "trend": 3}[case]:
        raise _short()
    lagged = [change[first - j : len(change) - j] for j in range(1, lags + 1)]
    return AdfSample(change[first:], y[first:-1], np.column_stack([*lagged, deterministics(n, case)]))


def choose_lags(y: FloatArray, longest: int, criterion: Criterion, case: Deterministic) -> int:
    """The lag order with the least criterion, all orders fitted to the sample of the longest."""
    best, chosen = math.inf, 0
    for lags in range(longest + 1):
        sample = adf_sample(y, lags, case, skip=longest - lags)
        X, n = sample.columns, len(sample.change)
        e = residuals(X, sample.change)
        rate = {"aic": 2.0, "bic": math.log(n), "hqic": 2.0 * math.log(math.log(n))}[criterion]
        value = n * math.log(float(e @ e) / n) + rate * X.shape[1]
        if value < best:
            best, chosen = value, lags
    return chosen


def long_run_variance(u: FloatArray, kernel: str, lags: int) -> float:
    """Kernel estimate from a series u (n,), autocovariances divided by n; Bartlett and Parzen stop at `lags`."""
    n = len(u)
    last = n - 1 if kernel == "quadratic spectral" else min(lags, n - 1)
    total = float(u @ u) / n
    if kernel == "quadratic spectral" and lags == 0:
        return total
    for j in range(1, last + 1):
        total += 2.0 * kernel_weight(kernel, j / (lags + 1.0)) * float(u[j:] @ u[:-j]) / n
    return total


def llc_lags(periods: int) -> int:
    """Truncation of Levin, Lin and Chu (2002): the integer part of 3.21 T^(1/3)."""
    return int(3.21 * periods ** (1.0 / 3.0) + 1e-9)


@dataclass(frozen=True)
class LevinLinChu:
    delta: float
    se: float
    t: float
    adjusted: float
    ratio: float
    """S_N, the mean ratio of long-run to short-run standard deviations."""
    variance: float
    effective: float
    """T-tilde, the periods left per panel."""
    mu: float
    sigma: float


def levin_lin_chu(
    panels: Sequence[FloatArray], lags: Sequence[int], case: Deterministic, kernel: str, bandwidths: Sequence[int]
) -> LevinLinChu:
    """Levin, Lin and Chu (2002), steps 1 to 3; the adjustments are interpolated linearly at T-tilde."""
    e_all, v_all, ratios = [], [], []
    for y, p, bandwidth in zip(panels, lags, bandwidths, strict=True):
        sample = adf_sample(y, p, case)
        e = residuals(sample.others, sample.change)
        v = residuals(sample.others, sample.level)
        levels = float(v @ v)
        if levels <= 0.0:
            raise StataError(498, "a panel does not vary over time")
        u = e - v * (float(v @ e) / levels)
        s = math.sqrt(float(u @ u) / len(u))
        if s <= 0.0:
            raise StataError(498, "a panel's Dickey–Fuller regression fits perfectly")
        change = np.diff(y)
        long_run = long_run_variance(residuals(deterministics(len(change), case), change), kernel, bandwidth)
        ratios.append(math.sqrt(max(long_run, 0.0)) / s)
        e_all.append(e / s)
        v_all.append(v / s)
    e, v = np.concatenate(e_all), np.concatenate(v_all)
    effective = len(panels[0]) - float(np.mean(lags)) - 1.0
    square = float(v @ v)
    delta = float(v @ e) / square
    u = e - delta * v
    variance = float(u @ u) / (len(panels) * effective)
    se = math.sqrt(variance / square)
    means, deviations = LLC[case]
    mu = float(np.interp(effective, LLC_SIZES, means))
    sigma = float(np.interp(effective, LLC_SIZES, deviations))
    ratio = float(np.mean(ratios))
    t = delta / se
    adjusted = (t - len(panels) * effective * ratio * se * mu / variance) / sigma
    return LevinLinChu(delta, se, t, adjusted, ratio, variance, effective, mu, sigma)


@dataclass(frozen=True)
class HarrisTzavalis:
    rho: float
    mean: float
    variance: float

    @property
    def z(self) -> float:
        return (self.rho - self.mean) / math.sqrt(self.variance)


def harris_tzavalis(Y: FloatArray, case: Deterministic, *, small: bool) -> HarrisTzavalis:
    """Harris and Tzavalis (1999) for a balanced panel Y (N, T); `small` puts T - 1 for T in the moments."""
    n, T = Y.shape[0], float(Y.shape[1]) - small
    if Y.shape[1] < 4 + small:
        raise _short()
    D = deterministics(Y.shape[1] - 1, case)
    x, y = Y[:, :-1].T, Y[:, 1:].T
    if D.shape[1]:
        x = x - D @ np.linalg.lstsq(D, x, rcond=None)[0]
    square = float((x**2).sum())
    if square <= 1e-20 * max(float((Y**2).sum()), 1e-280):
        raise StataError(498, "the series does not vary within panels")
    rho = float((x * y).sum()) / square
    if case == "none":
        return HarrisTzavalis(rho, 1.0, 2.0 / (n * T * (T - 1.0)))
    if case == "constant":
        variance = 3.0 * (17.0 * T**2 - 20.0 * T + 17.0) / (5.0 * (T - 1.0) * (T + 1.0) ** 3)
        return HarrisTzavalis(rho, 1.0 - 3.0 / (T + 1.0), variance / n)
    variance = 15.0 * (193.0 * T**2 - 728.0 * T + 1147.0) / (112.0 * (T + 2.0) ** 3 * (T - 2.0))
    return HarrisTzavalis(rho, 1.0 - 15.0 / (2.0 * (T + 2.0)), variance / n)


def adf_statistic(y: FloatArray, lags: int, case: Deterministic) -> float:
    """t of the lagged level in the augmented Dickey–Fuller regression."""
    sample = adf_sample(y, lags, case)
    X = sample.columns
    fit = least_squares(X, sample.change, constant=False)
    n = len(sample.change)
    if fit.inverse[0, 0] <= 0.0 or fit.rss <= 0.0 or n <= fit.rank:
        raise StataError(498, "a panel does not vary over time")
    return float(fit.coefficients[0]) / math.sqrt(fit.inverse[0, 0] * fit.rss / (n - fit.rank))


def tilde_statistic(y: FloatArray, case: Deterministic) -> float:
    """t-tilde of Im, Pesaran and Shin (2003, eq. 3.4): the error variance is that under the unit root."""
    sample = adf_sample(y, 0, case)
    e, v = residuals(sample.others, sample.change), residuals(sample.others, sample.level)
    return float(v @ e) / math.sqrt(float(e @ e) / (len(e) - 1.0) * float(v @ v))


def least_periods(case: Deterministic) -> int:
    """Periods per panel below which Z-t-tilde-bar has no normal limit."""
    return 7 if case == "trend" else 6


def tilde_moments(case: Deterministic, periods: Sequence[float]) -> tuple[float, float]:
    """Mean over panels of E and Var of t-tilde; nan when a panel has too few periods.

    Table 1 of Im, Pesaran and Shin, linear in T, entered at the number of periods of the series; it is
    entered for models with a trend too, as Stata's printed Z-t-tilde-bar shows.
    """
    if min(periods) < least_periods(case):
        return math.nan, math.nan
    return (
        float(np.interp(periods, TILDE_SIZES, TILDE_MEAN).mean()),
        float(np.interp(periods, TILDE_SIZES, TILDE_VARIANCE).mean()),
    )


def tbar_critical(case: Deterministic, panels: int, periods: int) -> tuple[float, float, float]:
    """Critical values (1%, 5%, 10%) of t-bar at the next larger tabulated N and T, as Stata prints them."""
    i = min(int(np.searchsorted(TBAR_N, panels)), len(TBAR_N) - 1)
    j = min(int(np.searchsorted(TBAR_T, periods)), len(TBAR_T) - 1)
    one, five, ten = (table[i][j] for table in TBAR[case])
    return one, five, ten


def w_moments(case: Deterministic, periods: Sequence[float], lags: Sequence[int]) -> tuple[float, float]:
    """Mean over panels of E and Var of the ADF t statistic (table 3), linear in T; nan outside the table."""
    means, variances = [], []
    for T, p in zip(periods, lags, strict=True):
        if p > 8:
            return math.nan, math.nan
        row, spread = np.array(W_MEAN[case][p]), np.array(W_VARIANCE[case][p])
        known = ~np.isnan(row)
        sizes = np.array(W_T)[known]
        if sizes[0] > T:
            return math.nan, math.nan
        means.append(float(np.interp(T, sizes, row[known])))
        variances.append(float(np.interp(T, sizes, spread[known])))
    return float(np.mean(means)), float(np.mean(variances))


@dataclass(frozen=True)
class Hadri:
    z: float
    mean: float
    variance: float


def hadri(Y: FloatArray, case: Deterministic, *, robust: bool, kernel: str = "", lags: int = 0) -> Hadri:
    """Hadri's (2000) LM test of stationarity for a balanced panel Y (N, T).

    The variance of the errors is common to the panels, one for each with `robust`, or each panel's
    long-run variance with a kernel.
    """
    n, T = Y.shape
    least = 4 if case == "trend" else 3
    if least > T:
        raise _short()
    D = deterministics(T, case)
    E = Y.T - D @ np.linalg.lstsq(D, Y.T, rcond=None)[0]
    sums = (np.cumsum(E, axis=0) ** 2).sum(axis=0) / T**2
    if kernel:
        variances = np.array([long_run_variance(e, kernel, lags) for e in E.T])
    elif robust:
        variances = (E**2).mean(axis=0)
    else:
        variances = np.full(n, float((E**2).mean()))
    if np.any(variances <= 1e-24 * np.maximum((Y**2).mean(axis=1), 1e-270)):
        raise StataError(498, "the variance of a panel's errors is not positive")
    mean, variance = (1.0 / 15.0, 11.0 / 6300.0) if case == "trend" else (1.0 / 6.0, 1.0 / 45.0)
    z = math.sqrt(n) * (float((sums / variances).mean()) - mean) / math.sqrt(variance)
    return Hadri(z, mean, variance)
