"""Principal components and common factors of a correlation or covariance matrix ([MV] pca, [MV] factor)."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from ssd.engine.errors import StataError
from ssd.engine.missing import FloatArray


@dataclass(frozen=True)
class Factors:
    """Loadings L (p, m), uniquenesses (p,), and the eigenvalues reported with them."""

    loadings: FloatArray
    uniqueness: FloatArray
    eigenvalues: FloatArray
    """All of them (p,), or those of the retained factors after maximum likelihood."""
    log_likelihood: float = math.nan
    """Of the model against the saturated one, maximum likelihood only."""
    heywood: bool = False


def ordered_eigen(matrix: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Eigenvalues in falling order and eigenvectors in columns whose elements have a positive sum."""
    values, vectors = np.linalg.eigh((matrix + matrix.T) / 2.0)
    order = np.argsort(-values, kind="stable")
    return values[order], with_positive_sums(vectors[:, order])


def with_positive_sums(columns: FloatArray) -> FloatArray:
    """Columns reflected where their elements sum to less than zero."""
    return np.asarray(columns * np.where(columns.sum(axis=0) < 0.0, -1.0, 1.0))


def squared_multiple_correlations(R: FloatArray) -> FloatArray:
    """Of each variable on all others."""
    try:
        return np.asarray(1.0 - 1.0 / np.diag(np.linalg.inv(R)))
    except np.linalg.LinAlgError:
        raise StataError(506, "correlation matrix is singular") from None


def retained(eigenvalues: FloatArray, least: float, most: int | None) -> int:
    """Number of factors with an eigenvalue of at least `least`, and at most `most`."""
    count = int(np.count_nonzero(eigenvalues >= least))
    return count if most is None else min(count, most)


def _from_eigen(values: FloatArray, vectors: FloatArray, m: int) -> FloatArray:
    return np.asarray(vectors[:, :m] * np.sqrt(np.maximum(values[:m], 0.0)))


def principal_component_factors(R: FloatArray, least: float, most: int | None) -> Factors:
    values, vectors = ordered_eigen(R)
    L = _from_eigen(values, vectors, retained(values, least, most))
    return Factors(L, np.asarray(np.diag(R) - (L**2).sum(axis=1)), values)


def principal_factors(R: FloatArray, least: float, most: int | None) -> Factors:
    """Of the correlation matrix with squared multiple correlations on its diagonal."""
    reduced = R.copy()
    np.fill_diagonal(reduced, squared_multiple_correlations(R))
    values, vectors = ordered_eigen(reduced)
    L = _from_eigen(values, vectors, retained(values, least, most))
    return Factors(L, np.asarray(1.0 - (L**2).sum(axis=1)), values)


def iterated_principal_factors(R: FloatArray, least: float, most: int | None, iterations: int = 50_000) -> Factors:
    """Principal factors of communalities that are estimated again until they stand still."""
    communality = squared_multiple_correlations(R)
    reduced = R.copy()
    np.fill_diagonal(reduced, communality)
    m = retained(ordered_eigen(reduced)[0], least, most)
    values, vectors = ordered_eigen(reduced)
    for _ in range(iterations):
        updated = (_from_eigen(values, vectors, m) ** 2).sum(axis=1)
        moved = float(np.max(np.abs(updated - communality)))
        communality = updated
        np.fill_diagonal(reduced, communality)
        values, vectors = ordered_eigen(reduced)
        if moved < 1e-10:
            break
    L = _from_eigen(values, vectors, m)
    uniqueness = 1.0 - (L**2).sum(axis=1)
    return Factors(L, uniqueness, values, heywood=bool((uniqueness <= 0.0).any()))


def maximum_likelihood_factors(R: FloatArray, n: float, m: int) -> Factors:
    """Maximum likelihood with m factors; the loadings make L' inverse(Psi) L diagonal, as [MV] factor reports them.

    Joreskog (1967): the likelihood concentrated on the uniquenesses, from the eigenvalues of the scaled matrix.
    """
    from scipy.optimize import minimize

    p = R.shape[0]
    if (p - m) ** 2 < p + m:
        raise StataError(459, f"{m} factors are too many for {p} variables with maximum likelihood")

    def pieces(psi: FloatArray) -> tuple[FloatArray, FloatArray]:
        scale = 1.0 / np.sqrt(psi)
        values, vectors = np.linalg.eigh(R * np.outer(scale, scale))
        return values[::-1], vectors[:, ::-1]

    def loadings(psi: FloatArray) -> FloatArray:
        values, vectors = pieces(psi)
        return np.asarray(np.sqrt(psi)[:, None] * vectors[:, :m] * np.sqrt(np.maximum(values[:m] - 1.0, 0.0)))

    def discrepancy(log_psi: FloatArray) -> tuple[float, FloatArray]:
        psi = np.exp(log_psi)
        rest = pieces(psi)[0][m:]
        L = loadings(psi)
        gradient = np.diag(L @ L.T + np.diag(psi) - R) / psi
        return float(np.sum(rest - np.log(rest) - 1.0)), gradient

    start = np.log(np.clip((1.0 - 0.5 * m / p) / np.diag(np.linalg.inv(R)), 1e-4, 1.0))
    bounds = [(math.log(1e-6), 0.0)] * p
    found = minimize(
        discrepancy, start, jac=True, method="L-BFGS-B", bounds=bounds,
        options={"maxiter": 5000, "maxfun": 20000, "ftol": 1e-16, "gtol": 1e-11, "maxcor": 30},
    )  # fmt: skip
    psi = np.exp(_polished(found.x, discrepancy, bounds))
    L = with_positive_sums(loadings(psi))
    values = np.asarray((L**2).sum(axis=0))
    minimum = discrepancy(np.log(psi))[0]
    return Factors(L, psi, values, -0.5 * n * minimum, bool((psi < 1.01e-6).any()))


def _polished(x: FloatArray, discrepancy: object, bounds: list[tuple[float, float]]) -> FloatArray:
    """Newton steps with a differenced Hessian where no bound is active; the quasi-Newton end point otherwise."""
    assert callable(discrepancy)
    low = bounds[0][0]
    if np.any(x <= low + 1e-6) or np.any(x >= -1e-9):
        return x
    for _ in range(5):
        gradient = discrepancy(x)[1]
        steps = np.eye(x.size) * 1e-5
        hessian = np.array([(discrepancy(x + h)[1] - discrepancy(x - h)[1]) / 2e-5 for h in steps])
        try:
            step = np.linalg.solve((hessian + hessian.T) / 2.0, gradient)
        except np.linalg.LinAlgError:
            return x
        if not np.max(np.abs(step)) < 0.01:
            return x
        x = x - step
        if np.max(np.abs(step)) < 1e-10:
            break
    return x


def independence_chi2(R: FloatArray, n: float) -> tuple[float, int]:
    """Bartlett's statistic that the variables are uncorrelated, and its degrees of freedom.

    `n` is the number of observations in [MV] factor, one less in Bartlett's test of sphericity.
    """
    p = R.shape[0]
    sign, log_determinant = np.linalg.slogdet(R)
    if sign <= 0:
        return math.nan, p * (p - 1) // 2
    return float(-(n - (2.0 * p + 5.0) / 6.0) * log_determinant), p * (p - 1) // 2


def sampling_adequacy(R: FloatArray) -> tuple[FloatArray, float]:
    """Kaiser-Meyer-Olkin measure of each variable and of all: squared correlations against partial ones.

    nan where a variable correlates with no other.
    """
    inverse = np.linalg.inv(R)
    scale = np.sqrt(np.diag(inverse))
    partial = inverse / np.outer(scale, scale)
    off = ~np.eye(R.shape[0], dtype=np.bool_)
    squares, partials = np.where(off, R**2, 0.0), np.where(off, partial**2, 0.0)
    with np.errstate(invalid="ignore"):
        each = squares.sum(axis=0) / (squares.sum(axis=0) + partials.sum(axis=0))
        overall = squares.sum() / (squares.sum() + partials.sum())
    return np.asarray(each), float(overall)


def regression_scores(R: FloatArray, L: FloatArray, phi: FloatArray) -> FloatArray:
    """Scoring coefficients of Thomson's regression method, (p, m)."""
    return np.asarray(np.linalg.solve(R, L @ phi))


def bartlett_scores(L: FloatArray, uniqueness: FloatArray) -> FloatArray:
    """Scoring coefficients of Bartlett's weighted least squares, (p, m)."""
    if np.any(uniqueness <= 0.0):
        raise StataError(506, "uniqueness of zero; Bartlett scoring is not possible")
    weighted = L / uniqueness[:, None]
    return np.asarray(weighted @ np.linalg.inv(L.T @ weighted))
