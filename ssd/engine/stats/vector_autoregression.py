"""Vector autoregressions by least squares, their residual diagnostics and impulse responses."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from ssd.engine.missing import FloatArray
from ssd.engine.stats.linear import independent_columns, symmetric_inverse


@dataclass(frozen=True)
class VectorFit:
    """Y (T, K) regressed on Z (T, m), the same in every equation."""

    coefficients: FloatArray
    """(m, K); 0 for columns of Z that are collinear with earlier ones."""
    inverse: FloatArray
    """(Z'Z)^-1, zero for dropped columns."""
    residuals: FloatArray
    parameters: int
    """Per equation."""

    @property
    def n(self) -> int:
        return len(self.residuals)

    @property
    def sigma_ml(self) -> FloatArray:
        return np.asarray(self.residuals.T @ self.residuals / self.n, dtype=np.float64)

    @property
    def sigma_dfk(self) -> FloatArray:
        return np.asarray(self.residuals.T @ self.residuals / (self.n - self.parameters), dtype=np.float64)

    @property
    def log_likelihood(self) -> float:
        return gaussian_likelihood(self.sigma_ml, self.n)


def gaussian_likelihood(sigma: FloatArray, n: int) -> float:
    """Concentrated log likelihood at the ML residual covariance matrix."""
    k = len(sigma)
    return -0.5 * n * (float(np.linalg.slogdet(sigma)[1]) + k * math.log(2.0 * math.pi) + k)


def fit_vector(Y: FloatArray, Z: FloatArray) -> VectorFit:
    if Z.shape[1] == 0:
        return VectorFit(np.empty((0, Y.shape[1])), np.empty((0, 0)), Y.copy(), 0)
    kept = independent_columns(Z, constant=False)
    q, r = np.linalg.qr(Z[:, kept])
    b = np.zeros((Z.shape[1], Y.shape[1]))
    b[kept] = np.linalg.solve(r, q.T @ Y)
    half = np.linalg.inv(r)
    inverse = np.zeros((Z.shape[1], Z.shape[1]))
    inverse[np.ix_(kept, kept)] = half @ half.T
    return VectorFit(b, inverse, Y - Z @ b, int(kept.sum()))


@dataclass(frozen=True)
class Criteria:
    """Fit of one lag order: log likelihood and selection criteria (Lütkepohl 2005, 4.3)."""

    ll: float
    fpe: float
    aic: float
    hqic: float
    sbic: float


def criteria(fit: VectorFit, *, lutstats: bool = False, lag_parameters: int = 0) -> Criteria:
    """With `lutstats`, Lütkepohl's versions, which leave out constants and deterministic terms."""
    T, k = fit.n, fit.residuals.shape[1]
    m = fit.parameters
    ll = fit.log_likelihood
    fpe = ((T + m) / (T - m)) ** k * float(np.linalg.det(fit.sigma_ml)) if m < T else math.nan
    if lutstats:
        base, count = float(np.linalg.slogdet(fit.sigma_ml)[1]), lag_parameters
    else:
        base, count = -2.0 * ll / T, m * k
    return Criteria(
        ll, fpe, base + 2.0 * count / T, base + 2.0 * math.log(math.log(T)) * count / T,
        base + math.log(T) * count / T,
    )  # fmt: skip


def companion(A: FloatArray) -> FloatArray:
    """Companion matrix of lag matrices A (p, K, K)."""
    p, k, _ = A.shape
    F = np.zeros((p * k, p * k))
    F[:k] = np.concatenate(list(A), axis=1)
    F[k:, : (p - 1) * k] = np.eye((p - 1) * k)
    return F


def sorted_eigenvalues(F: FloatArray) -> list[complex]:
    """By modulus, largest first; of a conjugate pair the positive imaginary part first."""
    values = [complex(v) for v in np.linalg.eigvals(F)]
    cleaned = [complex(v.real, 0.0 if abs(v.imag) < 1e-10 else v.imag) for v in values]
    return sorted(cleaned, key=lambda v: (-round(abs(v), 10), -v.real if v.imag == 0 else 0.0, -v.imag))


@dataclass(frozen=True)
class Responses:
    """Impulse responses (steps, response, impulse) and variance shares (steps, response, impulse)."""

    irf: FloatArray
    oirf: FloatArray
    cirf: FloatArray
    coirf: FloatArray
    fevd: FloatArray

    def stacked(self) -> FloatArray:
        return np.concatenate([x.ravel() for x in (self.irf, self.oirf, self.cirf, self.coirf, self.fevd)])


def responses(A: FloatArray, P: FloatArray, steps: int) -> Responses:
    """For lag matrices A (p, K, K), a factor P of the residual covariance and 0 … steps periods.

    fevd at step h is the share of the h-step forecast error variance; 0 at step 0 (Lütkepohl 2005, 2.3).
    """
    p, k, _ = A.shape
    irf = np.zeros((steps + 1, k, k))
    irf[0] = np.eye(k)
    for i in range(1, steps + 1):
        irf[i] = sum(irf[i - j] @ A[j - 1] for j in range(1, min(i, p) + 1))
    oirf = irf @ P
    total = np.cumsum(oirf**2, axis=0)
    fevd = np.zeros_like(irf)
    fevd[1:] = total[:-1] / total[:-1].sum(axis=2, keepdims=True)
    return Responses(irf, oirf, np.cumsum(irf, axis=0), np.cumsum(oirf, axis=0), fevd)


def response_errors(
    A: FloatArray, sigma: FloatArray, covariance: FloatArray, n: int, steps: int, order: list[int]
) -> Responses:
    """Asymptotic standard errors by the delta method on the coefficients and the residual covariance.

    `covariance` is of vec by equation of the lag coefficients: entry (equation, lag, variable) in the order
    of A.transpose(1, 0, 2).ravel(); that of vech(sigma) is 2 D+ (sigma x sigma) D+' / n (Lütkepohl 2005, 3.7).
    """
    k = len(sigma)
    lower = np.tril_indices(k)

    def factor(values: FloatArray) -> FloatArray:
        S = np.zeros((k, k))
        S[lower] = values
        return ordered_cholesky(S + np.tril(S, -1).T, order)

    i, j = lower
    spread = (sigma[np.ix_(i, i)] * sigma[np.ix_(j, j)] + sigma[np.ix_(i, j)] * sigma[np.ix_(j, i)]) / n
    # Elements are scaled by the standard deviations so that one relative step suits all of them.
    size = np.sqrt(np.outer(np.diag(sigma), np.diag(sigma)))[lower]
    return _delta_errors(A, covariance, sigma[lower], spread, size, factor, steps)


def structural_errors(
    A: FloatArray, covariance: FloatArray, A0: FloatArray, B: FloatArray, structure: FloatArray, steps: int
) -> Responses:
    """Standard errors of the responses to structural shocks, whose impact is A0^-1 B.

    `structure` is the covariance of (vec A0, vec B), independent of the lag coefficients (Lütkepohl 2005, 9.4).
    """
    k = len(B)
    free = np.flatnonzero(np.diag(structure) > 0.0)
    fixed = np.concatenate([A0.T.ravel(), B.T.ravel()])

    def factor(values: FloatArray) -> FloatArray:
        theta = fixed.copy()
        theta[free] = values
        return np.asarray(np.linalg.solve(theta[: k * k].reshape(k, k).T, theta[k * k :].reshape(k, k).T))

    size = np.maximum(np.abs(fixed[free]), 1e-4)
    return _delta_errors(A, covariance, fixed[free], structure[np.ix_(free, free)], size, factor, steps)


def _delta_errors(
    A: FloatArray,
    covariance: FloatArray,
    impact: FloatArray,
    impact_covariance: FloatArray,
    impact_size: FloatArray,
    factor: Callable[[FloatArray], FloatArray],
    steps: int,
) -> Responses:
    """Central differences by the lag coefficients and the parameters of the impact matrix `factor(impact)`."""
    p, k, _ = A.shape
    m = p * k * k

    def value(theta: FloatArray) -> FloatArray:
        return responses(theta[:m].reshape(k, p, k).transpose(1, 0, 2), factor(theta[m:]), steps).stacked()

    theta = np.concatenate([A.transpose(1, 0, 2).ravel(), impact])
    omega = np.zeros((len(theta), len(theta)))
    omega[:m, :m] = covariance
    omega[m:, m:] = impact_covariance
    size = np.concatenate([np.full(m, 1e-4), 1e-4 * impact_size])
    spread = np.sqrt(np.maximum(np.diag(omega), 0.0))
    h = np.where(spread > 0, np.minimum(1e-3 * spread, size * 10), size)
    jacobian = np.empty((len(value(theta)), len(theta)))
    for c in range(len(theta)):
        shift = np.zeros(len(theta))
        shift[c] = h[c]
        jacobian[:, c] = (value(theta + shift) - value(theta - shift)) / (2.0 * h[c])
    variance = np.einsum("ij,jk,ik->i", jacobian, omega, jacobian)
    parts = np.split(np.sqrt(np.maximum(variance, 0.0)), 5)
    shape = (steps + 1, k, k)
    a, b, c_, d, e = (part.reshape(shape) for part in parts)
    return Responses(a, b, c_, d, e)


def ordered_cholesky(sigma: FloatArray, order: list[int]) -> FloatArray:
    """Lower Cholesky factor under an ordering of the variables, rows and columns in the original order."""
    P = np.zeros_like(sigma)
    P[np.ix_(order, order)] = np.linalg.cholesky(sigma[np.ix_(order, order)])
    return P


def lm_autocorrelation(residuals: FloatArray, Z: FloatArray, lag: int) -> float:
    """LM statistic for residual autocorrelation at one lag, residuals before the sample zero (Johansen 1995, 21)."""
    T, k = residuals.shape
    lagged = np.vstack([np.zeros((min(lag, T), k)), residuals[: T - lag]]) if lag < T else np.zeros((T, k))
    fit = fit_vector(residuals, np.column_stack([Z, lagged]))
    before = float(np.linalg.slogdet(residuals.T @ residuals / T)[1])
    return float((T - fit.parameters - 0.5) * (before - float(np.linalg.slogdet(fit.sigma_ml)[1])))


def normality_moments(residuals: FloatArray, sigma: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Third and fourth moments of the residuals orthogonalised by the Cholesky factor of sigma."""
    centred = residuals - residuals.mean(axis=0)
    w = np.linalg.solve(np.linalg.cholesky(sigma), centred.T)
    return (w**3).mean(axis=1), (w**4).mean(axis=1)


def block_wald(b: FloatArray, V: FloatArray) -> tuple[float, int]:
    W = symmetric_inverse(V)
    return float(b @ W @ b), int(np.count_nonzero(np.diag(W)))
