"""The exact Gaussian likelihood of an ARMA process and its one-step predictions.

z_t = y_t for t <= m = max(p, q) and phi(B) y_t afterwards has a banded covariance matrix (Ansley 1979,
Biometrika 66); its Cholesky factor gives the same innovations and variances as the Kalman filter started
from the stationary distribution. Missing values are handled with the full covariance matrix.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from ssd.engine.missing import BoolArray, FloatArray


@dataclass(frozen=True)
class Arma:
    """phi(B) u_t = theta(B) e_t; `ar` are phi_1 … phi_p (signs as in u_t = phi_1 u_{t-1} + …), `ma` theta_1 …"""

    ar: FloatArray
    ma: FloatArray

    @property
    def order(self) -> int:
        return max(len(self.ar), len(self.ma))

    @property
    def stationary(self) -> bool:
        return not len(self.ar) or bool(np.all(np.abs(_inverse_roots(self.ar)) < 1.0 - 1e-9))

    @property
    def inverse_roots(self) -> tuple[np.ndarray[tuple[int], np.dtype[np.complex128]], ...]:
        """Inverse roots of the AR polynomial and of the MA polynomial."""
        return _inverse_roots(self.ar), _inverse_roots(-self.ma)


def _inverse_roots(coefficients: FloatArray) -> np.ndarray[tuple[int], np.dtype[np.complex128]]:
    k = len(coefficients)
    companion = np.eye(k, k=-1)
    if k:
        companion[0] = coefficients
    return np.asarray(np.linalg.eigvals(companion), dtype=np.complex128) if k else np.empty(0, dtype=np.complex128)


def psi_weights(model: Arma, count: int) -> FloatArray:
    """psi_0 … psi_{count-1} of the infinite moving average."""
    from scipy.signal import lfilter

    impulse = np.zeros(count)
    impulse[0] = 1.0
    return np.asarray(lfilter(np.append(1.0, model.ma), np.append(1.0, -model.ar), impulse), dtype=np.float64)


def autocovariances(model: Arma, count: int) -> FloatArray:
    """gamma_0 … gamma_{count-1} for unit innovation variance (Brockwell and Davis 1991, 3.3)."""
    from scipy.signal import lfilter, lfiltic

    p, q = len(model.ar), len(model.ma)
    theta = np.append(1.0, model.ma)
    psi = psi_weights(model, q + 1)
    right = np.array([float(theta[k:] @ psi[: q + 1 - k]) if k <= q else 0.0 for k in range(max(p, q) + 1)])
    size = max(p, q) + 1
    A = np.zeros((size, size))
    for k in range(size):
        A[k, k] += 1.0
        for j, phi in enumerate(model.ar, start=1):
            A[k, abs(k - j)] -= phi
    first = np.linalg.solve(A, right)
    if count <= size or p == 0:
        return np.concatenate([first, np.zeros(max(count - size, 0))])[:count]
    state = lfiltic([1.0], np.append(1.0, -model.ar), first[::-1][:p])
    rest, _ = lfilter([1.0], np.append(1.0, -model.ar), np.zeros(count - size), zi=state)
    return np.concatenate([first, rest])


def _banded_factor(model: Arma, n: int) -> FloatArray | None:
    """Lower Cholesky factor of cov(z) in banded storage (row d holds the d-th subdiagonal); None if not definite."""
    from scipy.linalg import LinAlgError, cholesky_banded

    p, q, m = len(model.ar), len(model.ma), model.order
    gamma = autocovariances(model, m + 1)
    width = min(m, n - 1)
    theta = np.append(1.0, model.ma)
    moving = np.array([float(theta[d:] @ theta[: q + 1 - d]) if d <= q else 0.0 for d in range(m + 1)])
    # cov(u_s, theta(B) e_t) for t - s = d >= 0 is sum_{j >= d} theta_j psi_{j-d}.
    psi = psi_weights(model, q + 1)
    cross = np.array([float(theta[d:] @ psi[: q + 1 - d]) if d <= q else 0.0 for d in range(m + 1)])
    band = np.zeros((width + 1, n))
    for d in range(width + 1):
        band[d, : n - d] = moving[d]
        early = min(m, n)
        band[d, : max(min(early, n - d), 0)] = cross[d]
        band[d, : max(min(early - d, n - d), 0)] = gamma[d]
    if p == 0:
        for d in range(width + 1):
            band[d, : n - d] = moving[d]
    try:
        return np.asarray(cholesky_banded(band, lower=True, check_finite=False), dtype=np.float64)
    except LinAlgError:
        return None


@dataclass(frozen=True)
class Innovations:
    """One-step prediction errors v and their variances F (unit innovation variance); nan where missing."""

    v: FloatArray
    F: FloatArray


def innovations(model: Arma, u: FloatArray) -> Innovations | None:
    """Of a complete series u (n,); None when the model is not stationary."""
    from scipy.linalg import solve_banded
    from scipy.signal import lfilter

    if not model.stationary:
        return None
    n, m = len(u), model.order
    if m == 0:
        return Innovations(u.copy(), np.ones(n))
    factor = _banded_factor(model, n)
    if factor is None:
        return None
    z = np.asarray(lfilter(np.append(1.0, -model.ar), [1.0], u), dtype=np.float64)
    z[: min(m, n)] = u[:m]
    e = solve_banded((factor.shape[0] - 1, 0), factor, z, check_finite=False)
    return Innovations(e * factor[0], factor[0] ** 2)


def innovations_with_gaps(model: Arma, u: FloatArray, known: BoolArray) -> Innovations | None:
    """Of a series with missing values, from the covariance matrix of the known ones; v, F for all times.

    At a missing time v is minus the prediction and F its variance.
    """
    if known.all():
        return innovations(model, u)
    if not model.stationary:
        return None
    n = len(u)
    if known[: int(known.sum())].all() and model.order:
        return _forecasts(model, u, int(known.sum()))
    gamma = autocovariances(model, n)
    Gamma = gamma[np.abs(np.subtract.outer(np.arange(n), np.arange(n)))]
    try:
        factor = np.linalg.cholesky(Gamma[np.ix_(known, known)])
    except np.linalg.LinAlgError:
        return None
    from scipy.linalg import solve_triangular

    e = solve_triangular(factor, u[known], lower=True, check_finite=False)
    v, F = np.zeros(n), np.zeros(n)
    v[known] = e * np.diag(factor)
    F[known] = np.diag(factor) ** 2
    weights = solve_triangular(factor, Gamma[np.ix_(known, ~known)], lower=True, check_finite=False)
    order = np.flatnonzero(known)
    for column, t in enumerate(np.flatnonzero(~known)):
        before = int(np.searchsorted(order, t))
        w = weights[:before, column]
        v[t] = -float(w @ e[:before])
        F[t] = gamma[0] - float(w @ w)
    return Innovations(v, F)


def _forecasts(model: Arma, u: FloatArray, known: int) -> Innovations | None:
    """Innovations of the first `known` values and forecasts of the rest from the last of them."""
    from scipy.linalg import solve_triangular
    from scipy.signal import lfilter

    start = innovations(model, u[:known])
    factor = _banded_factor(model, len(u))
    if start is None or factor is None:
        return None
    n, width = len(u), factor.shape[0] - 1
    e = np.zeros(n)
    e[:known] = start.v / factor[0, :known]
    z = np.zeros(n)
    for d in range(width + 1):
        z[d:] += factor[d, : n - d] * e[: n - d]
    polynomial = np.append(1.0, -model.ar)
    history = np.where(np.arange(n) < known, u, 0.0)
    early = np.arange(n) < model.order
    z[known:] += np.where(early[known:], lfilter(polynomial, [1.0], z)[known:] - z[known:], 0.0)
    past = lfilter(polynomial, [1.0], history)[known:] * (np.arange(known, n) < known + len(model.ar))
    forecast = lfilter([1.0], polynomial, z[known:] - past)
    ahead = n - known
    block = np.zeros((ahead, ahead))
    for d in range(min(width, ahead - 1) + 1):
        block[np.arange(d, ahead), np.arange(ahead - d)] = factor[d, known : n - d]
    A = np.eye(ahead)
    for j, phi in enumerate(model.ar, start=1):
        A -= phi * np.eye(ahead, k=-j)
    weights = solve_triangular(A, block, lower=True, check_finite=False)
    return Innovations(np.append(start.v, -forecast), np.append(start.F, (weights**2).sum(axis=1)))


def likelihood_terms(found: Innovations, sigma: float, known: BoolArray) -> FloatArray:
    """Log likelihood of each known observation."""
    v, F = found.v[known], found.F[known] * sigma**2
    return np.asarray(-0.5 * (math.log(2.0 * math.pi) + np.log(F) + v**2 / F), dtype=np.float64)


def multiplied(lags: list[list[int]], values: list[FloatArray], seasons: list[int], sign: float) -> FloatArray:
    """Coefficients 1 … of the product of lag polynomials 1 + sign sum c_j B^(j s), without the leading 1.

    With sign -1 the result has the signs of an autoregression (u_t = c_1 u_{t-1} + …).
    """
    product = np.ones(1)
    for orders, coefficients, season in zip(lags, values, seasons, strict=True):
        if not orders:
            continue
        factor = np.zeros(max(orders) * season + 1)
        factor[0] = 1.0
        factor[np.array(orders) * season] = sign * coefficients
        product = np.convolve(product, factor)
    return sign * product[1:]


def starting_values(u: FloatArray, ar: list[int], ma: list[int]) -> tuple[FloatArray, FloatArray]:
    """Hannan–Rissanen: residuals of a long autoregression stand for the innovations in a regression."""
    n = len(u)
    if not ar and not ma:
        return np.empty(0), np.empty(0)
    long = min(max(max(ar + ma) + 4, int(10 * math.log10(n))), n // 3)
    innovations_ = np.zeros(n)
    if ma and long >= 1:
        X = np.column_stack([u[long - j : n - j] for j in range(1, long + 1)])
        b = np.linalg.lstsq(X, u[long:], rcond=None)[0]
        innovations_[long:] = u[long:] - X @ b
    first = max([long if ma else 0, *ar]) + (max(ma) if ma else 0)
    columns = [u[first - j : n - j] for j in ar] + [innovations_[first - j : n - j] for j in ma]
    if first >= n - len(columns) - 1:
        return np.zeros(len(ar)), np.zeros(len(ma))
    b = np.linalg.lstsq(np.column_stack(columns), u[first:], rcond=None)[0]
    return np.asarray(b[: len(ar)], dtype=np.float64), np.asarray(b[len(ar) :], dtype=np.float64)
