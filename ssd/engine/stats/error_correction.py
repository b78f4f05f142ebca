"""Vector error-correction models by Johansen's reduced-rank maximum likelihood."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from ssd.engine.errors import StataError
from ssd.engine.missing import FloatArray
from ssd.engine.stats.cointegration import Trend
from ssd.engine.stats.vector_autoregression import gaussian_likelihood


@dataclass(frozen=True)
class ErrorCorrection:
    """Change = alpha (beta' level + mu + rho t) + short-run terms + gamma + tau t + error."""

    rank: int
    trend: Trend
    beta: FloatArray
    """(n1, r): rows are the K variables, then the restricted constant or trend; Johansen's normalisation."""
    beta_variance: FloatArray
    """(r n1, r n1), stacked by cointegrating equation, zero where the normalisation fixes the value."""
    mu: FloatArray
    """(r,): constants of the cointegrating equations that are not free parameters, zero without one."""
    rho: FloatArray
    """(r,): their trends, zero unless the trend is unrestricted."""
    X: FloatArray
    """(T, m): error-correction terms, lagged changes, trend, constant."""
    coefficients: FloatArray
    """(m, K) on X."""
    variance: FloatArray
    """(K m, K m), stacked by equation."""
    residuals: FloatArray
    total: FloatArray
    """(K,): sums of squares of the changes."""
    parameters: int
    """Free parameters of the system."""
    level: FloatArray
    """(T, n1): lagged levels with the restricted term."""

    @property
    def n(self) -> int:
        return len(self.residuals)

    @property
    def omega(self) -> FloatArray:
        """Residual covariance divided by T."""
        return np.asarray(self.residuals.T @ self.residuals / self.n, dtype=np.float64)

    @property
    def alpha(self) -> FloatArray:
        """(K, r)."""
        return np.asarray(self.coefficients[: self.rank].T, dtype=np.float64)

    @property
    def adjustment(self) -> int:
        """Degrees of freedom taken off T: the whole part of the free parameters per equation."""
        return self.parameters // int(self.coefficients.shape[1])

    @property
    def log_likelihood(self) -> float:
        return gaussian_likelihood(self.omega, self.n)

    def lag_matrices(self, lags: int) -> FloatArray:
        """A_1 … A_p of the levels representation: (p, K, K)."""
        k = self.coefficients.shape[1]
        A = np.zeros((lags, k, k))
        A[0] = np.eye(k) + self.alpha @ self.beta[:k].T
        for j in range(1, lags):
            gamma = self.short_run(j, lags)
            A[j - 1] += gamma
            A[j] -= gamma
        return A

    def short_run(self, lag: int, lags: int) -> FloatArray:
        """Gamma of one lagged change; the columns of X hold all lags of the first variable, then the next."""
        k = self.coefficients.shape[1]
        rows = [self.rank + variable * (lags - 1) + lag - 1 for variable in range(k)]
        return np.asarray(self.coefficients[rows].T, dtype=np.float64)


def fit_error_correction(
    change: FloatArray, level: FloatArray, lagged: FloatArray, trend: Trend, time: FloatArray, rank: int
) -> ErrorCorrection:
    """Fit with `rank` cointegrating equations ([TS] vec, Methods and formulas; Johansen 1995, chapter 6).

    change (T, K), lagged levels (T, K), lagged changes (T, K(p - 1)) grouped by variable, time (T,).
    The VCE of alpha and the short-run terms is that of least squares given beta; that of beta is
    {(alpha' Omega^-1 alpha) x (H'S11 H)}^-1 / (T - d), both with d = `adjustment`.
    """
    n, k = change.shape
    one, t = np.ones((n, 1)), time[:, None]
    free = {"none": [], "rconstant": [], "constant": [one], "rtrend": [one], "trend": [t, one]}[trend]
    inside = {"rconstant": [one], "rtrend": [t]}.get(trend, [])
    Z2 = np.column_stack([lagged, *free])
    Z1 = np.column_stack([level, *inside])
    parameters = k * Z2.shape[1] + rank * (k + Z1.shape[1] - rank)
    if n <= parameters // k or n <= rank + Z2.shape[1]:
        raise StataError(2001, "insufficient observations")

    def residual(values: FloatArray) -> FloatArray:
        if not Z2.shape[1]:
            return values
        return np.asarray(values - Z2 @ np.linalg.lstsq(Z2, values, rcond=None)[0], dtype=np.float64)

    R0, R1 = residual(change), residual(Z1)
    S00, S01, S11 = R0.T @ R0 / n, R0.T @ R1 / n, R1.T @ R1 / n
    try:
        L = np.linalg.cholesky(S11)
        half = np.linalg.solve(L, S01.T)
        vectors = np.linalg.eigh(half @ np.linalg.solve(S00, half.T))[1][:, ::-1][:, :rank]
        raw = np.linalg.solve(L.T, vectors)
        beta = raw @ np.linalg.inv(raw[:rank])
        beta[:rank] = np.eye(rank)
    except np.linalg.LinAlgError:
        raise StataError(506, "the variables or their lags are collinear") from None
    X = np.column_stack([Z1 @ beta, Z2])
    coefficients = np.linalg.lstsq(X, change, rcond=None)[0]
    residuals = change - X @ coefficients
    omega = residuals.T @ residuals / n
    alpha = coefficients[:rank].T
    mu, rho = np.zeros(rank), np.zeros(rank)
    terms = Z2.shape[1] - lagged.shape[1]
    if terms:
        inner = np.linalg.solve(alpha.T @ alpha, alpha.T)
        mu = inner @ coefficients[-1]
        coefficients[-1] -= alpha @ mu
        if terms == 2:
            rho = inner @ coefficients[-2]
            coefficients[-2] -= alpha @ rho
        X[:, :rank] += mu + np.outer(time, rho)
    d = parameters // k
    variance = np.kron(omega * n / (n - d), np.linalg.inv(X.T @ X))
    n1 = Z1.shape[1]
    block = np.linalg.inv(np.kron(alpha.T @ np.linalg.solve(omega, alpha), S11[rank:, rank:])) / (n - d)
    spread = np.zeros((rank * n1, rank * n1))
    where = np.concatenate([equation * n1 + np.arange(rank, n1) for equation in range(rank)])
    spread[np.ix_(where, where)] = block
    return ErrorCorrection(
        rank, trend, beta, spread, mu, rho, X, coefficients, np.asarray(variance, dtype=np.float64), residuals,
        (change**2).sum(axis=0), parameters, Z1,
    )  # fmt: skip


def criteria_of(fit: ErrorCorrection) -> tuple[float, float, float]:
    """AIC, HQIC and SBIC per observation."""
    base, T = -2.0 * fit.log_likelihood / fit.n, fit.n
    return tuple(  # type: ignore[return-value]
        base + rate * fit.parameters / T for rate in (2.0, 2.0 * math.log(math.log(T)), math.log(T))
    )
