"""Moment covariances, k-class and GMM estimators and identification tests of ivreg2.

Baum, Schaffer and Stillman (2007, Stata Journal 7: 465-506); rank tests of Kleibergen and Paap (2006,
Journal of Econometrics 133: 97-126). Cross-products are averages over the N observations, as there.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import combinations

import numpy as np

from ssd.engine.errors import StataError
from ssd.engine.missing import FloatArray
from ssd.engine.stats.covariance import IndexArray, group_ids, sum_by_group
from ssd.engine.stats.linear import symmetric_inverse

KERNELS = ("bartlett", "parzen", "truncated", "quadratic spectral")


def kernel_weight(kernel: str, x: float) -> float:
    """Weight of a lag at the share x of the bandwidth (Andrews 1991)."""
    if kernel == "truncated":
        return 1.0
    if kernel == "bartlett":
        return max(1.0 - x, 0.0)
    if kernel == "parzen":
        return 1.0 - 6.0 * x**2 + 6.0 * x**3 if x <= 0.5 else 2.0 * max(1.0 - x, 0.0) ** 3
    a = 6.0 * math.pi * x / 5.0
    return 25.0 / (12.0 * math.pi**2 * x**2) * (math.sin(a) / a - math.cos(a))


@dataclass(frozen=True)
class MomentSampling:
    """How the covariance of moments is estimated: weights, clusters, heteroskedasticity, autocorrelation."""

    n: float
    w: FloatArray
    frequencies: bool = False
    robust: bool = False
    clusters: Sequence[IndexArray] = ()
    kernel: str = ""
    bandwidth: float = 0.0
    lags: Sequence[tuple[IndexArray, IndexArray]] = field(default_factory=tuple)
    """Positions (now, before) of the pairs of observations that are 1, 2, … periods apart."""

    def cross(self, A: FloatArray, B: FloatArray) -> FloatArray:
        """A'WB/N."""
        weights = self.w[:, None] if B.ndim == 2 else self.w
        return np.asarray(A.T @ (B * weights) / self.n, dtype=np.float64)

    def covariance(self, E: FloatArray, Z: FloatArray) -> FloatArray:
        """Of the moments z e_j / sqrt(N), j by j: (p L, p L) for E (n, p) and Z (n, L)."""
        if self.clusters:
            return self._clustered(_moments(E, Z) * self.w[:, None])
        if not self.robust:
            S = np.kron(self.cross(E, E), self.cross(Z, Z))
            for lag, (now, before) in enumerate(self.lags, 1):
                weight = kernel_weight(self.kernel, lag / self.bandwidth)
                w = np.sqrt(self.w[now] * self.w[before])[:, None]
                pair = np.kron((E[now] * w).T @ E[before] / self.n, (Z[now] * w).T @ Z[before] / self.n)
                S = S + weight * (pair + pair.T)
            return np.asarray(S, dtype=np.float64)
        rows = _moments(E, Z)
        if self.frequencies:
            return np.asarray(rows.T @ (rows * self.w[:, None]) / self.n, dtype=np.float64)
        rows = rows * self.w[:, None]
        S = rows.T @ rows / self.n
        for lag, (now, before) in enumerate(self.lags, 1):
            weight = kernel_weight(self.kernel, lag / self.bandwidth)
            pair = rows[now].T @ rows[before] / self.n
            S = S + weight * (pair + pair.T)
        return np.asarray((S + S.T) / 2.0, dtype=np.float64)

    def _clustered(self, rows: FloatArray) -> FloatArray:
        """Alternating sum over the sets of cluster variables (Cameron, Gelbach and Miller 2011)."""
        total = np.zeros((rows.shape[1], rows.shape[1]))
        for size in range(1, len(self.clusters) + 1):
            for chosen in combinations(self.clusters, size):
                ids = chosen[0]
                for other in chosen[1:]:
                    ids = group_ids(ids * (int(other.max()) + 1) + other)[0]
                sums = sum_by_group(rows, ids, int(ids.max()) + 1)
                total += (-1.0) ** (size + 1) * (sums.T @ sums)
        return total / self.n


def _moments(E: FloatArray, Z: FloatArray) -> FloatArray:
    return np.hstack([Z * E[:, [j]] for j in range(E.shape[1])])


@dataclass(frozen=True)
class Estimate:
    """Coefficients with the large-sample covariance and what the tests need."""

    b: FloatArray
    V: FloatArray
    residuals: FloatArray
    S: FloatArray
    """Moment covariance behind V."""
    J: float
    """Sargan's or Hansen's statistic."""
    k: float = 1.0
    lam: float = math.nan


@dataclass(frozen=True)
class Equation:
    """y on X with instruments Z; all with the constant, X's leading columns endogenous."""

    y: FloatArray
    X: FloatArray
    Z: FloatArray
    sampling: MomentSampling

    def moments(self) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Z'Z, X'Z and Z'y over N."""
        s = self.sampling
        return s.cross(self.Z, self.Z), s.cross(self.X, self.Z), s.cross(self.Z, self.y)


def weighted_step(equation: Equation, W: FloatArray) -> tuple[FloatArray, FloatArray]:
    """GMM coefficients under the weight matrix W and the inverse of X'Z W Z'X."""
    _, XZ, Zy = equation.moments()
    bread = symmetric_inverse(XZ @ W @ XZ.T)
    b = bread @ (XZ @ W @ Zy)
    e = equation.y - equation.X @ b
    b = b + bread @ (XZ @ W @ equation.sampling.cross(equation.Z, e))
    return b, bread


def objective(equation: Equation, b: FloatArray, W: FloatArray) -> float:
    """N g'Wg."""
    g = equation.sampling.cross(equation.Z, equation.y - equation.X @ b)
    return float(equation.sampling.n * (g @ W @ g))


def two_stage(equation: Equation) -> Estimate:
    """Two-stage least squares; J from the efficient step when the covariance is not homoskedastic."""
    return k_class(equation, 1.0)


def k_class(equation: Equation, k: float, lam: float = math.nan) -> Estimate:
    """The k-class estimator with a sandwich (or homoskedastic) covariance."""
    s = equation.sampling
    ZZ, XZ, Zy = equation.moments()
    inverse = symmetric_inverse(ZZ)
    XX = s.cross(equation.X, equation.X)
    A = k * (XZ @ inverse @ XZ.T) + (1.0 - k) * XX
    bread = symmetric_inverse((A + A.T) / 2.0)
    b = bread @ (k * (XZ @ inverse @ Zy) + (1.0 - k) * s.cross(equation.X, equation.y))
    e = equation.y - equation.X @ b
    correction = k * (XZ @ inverse @ s.cross(equation.Z, e)) + (1.0 - k) * s.cross(equation.X, e)
    b = b + bread @ correction
    e = equation.y - equation.X @ b
    S = s.covariance(e[:, None], equation.Z)
    simple = not (s.robust or s.clusters or s.kernel)
    if simple:
        V = bread * float(s.w @ (e * e)) / s.n / s.n
        J = objective(equation, b, symmetric_inverse(S))
    else:
        half = bread @ XZ @ inverse
        V = half @ S @ half.T / s.n
        W = symmetric_inverse(S)
        J = objective(equation, weighted_step(equation, W)[0], W)
    return Estimate(b, (V + V.T) / 2.0, e, S, J, k, lam)


def two_step(equation: Equation) -> Estimate:
    """Two-step efficient GMM with the weights of the two-stage residuals."""
    S = two_stage(equation).S
    return efficient(equation, S)


def efficient(equation: Equation, S: FloatArray) -> Estimate:
    W = symmetric_inverse(S)
    b, bread = weighted_step(equation, W)
    return Estimate(b, bread / equation.sampling.n, equation.y - equation.X @ b, S, objective(equation, b, W))


def liml_eigenvalue(equation: Equation, endogenous: int, exogenous: FloatArray) -> float:
    """The smallest lambda of the LIML determinantal equation; `exogenous` are the included columns."""
    s = equation.sampling
    Y = np.column_stack([equation.y, equation.X[:, :endogenous]])

    def left_over(basis: FloatArray) -> FloatArray:
        if not basis.shape[1]:
            return s.cross(Y, Y)
        B = s.cross(basis, Y)
        return s.cross(Y, Y) - B.T @ symmetric_inverse(s.cross(basis, basis)) @ B

    with_x, with_z = left_over(exogenous), left_over(equation.Z)
    root = np.linalg.inv(np.linalg.cholesky(with_z))
    return float(np.linalg.eigvalsh(root @ with_x @ root.T).min())


def continuously_updated(equation: Equation) -> Estimate:
    """The CUE of Hansen, Heaton and Yaron (1996). Raises r(430) when no minimum is found."""
    from scipy.optimize import minimize

    start = two_step(equation)
    scale = np.sqrt(np.maximum(np.diag(start.V), 1e-300))

    def criterion(c: FloatArray) -> float:
        b = start.b + scale * c
        e = equation.y - equation.X @ b
        return objective(equation, b, symmetric_inverse(equation.sampling.covariance(e[:, None], equation.Z)))

    c = np.zeros(len(scale))
    for _ in range(3):
        found = minimize(criterion, c, method="BFGS", options={"gtol": 1e-9})
        c = np.asarray(found.x, dtype=np.float64)
    c = _newton(criterion, c)
    if not np.isfinite(c).all():
        raise StataError(430, "convergence not achieved")
    b = start.b + scale * c
    e = equation.y - equation.X @ b
    S = equation.sampling.covariance(e[:, None], equation.Z)
    _, XZ, _ = equation.moments()
    W = symmetric_inverse(S)
    V = symmetric_inverse(XZ @ W @ XZ.T) / equation.sampling.n
    return Estimate(b, V, e, S, objective(equation, b, W))


def _newton(criterion: object, c: FloatArray) -> FloatArray:
    """Newton steps with central differences: BFGS stops at the noise of forward differences."""
    assert callable(criterion)
    k, h = len(c), 1e-3
    unit = np.eye(k) * h
    for _ in range(6):
        centre = criterion(c)
        gradient = np.array([(criterion(c + unit[i]) - criterion(c - unit[i])) / (2.0 * h) for i in range(k)])
        H = np.zeros((k, k))
        for i in range(k):
            H[i, i] = (criterion(c + unit[i]) - 2.0 * centre + criterion(c - unit[i])) / h**2
            for j in range(i):
                H[i, j] = H[j, i] = (
                    criterion(c + unit[i] + unit[j]) - criterion(c + unit[i] - unit[j])
                    - criterion(c - unit[i] + unit[j]) + criterion(c - unit[i] - unit[j])
                ) / (4.0 * h * h)  # fmt: skip
        if np.linalg.eigvalsh(H).min() <= 0.0:
            return c
        step = -np.linalg.solve(H, gradient)
        if criterion(c + step) > centre + 1e-10 * (abs(centre) + 1.0):
            return c
        c = c + step
        if float(np.abs(step).max()) < 1e-9:
            return c
    return c


@dataclass(frozen=True)
class RankTest:
    """Kleibergen–Paap statistics for rank K-1 of the K endogenous regressors on their L instruments."""

    lm: float
    wald: float
    df: int


def partialled(A: FloatArray, basis: FloatArray, sampling: MomentSampling) -> FloatArray:
    """A without its projection on the columns of `basis` (constant included there)."""
    if not basis.shape[1] or not A.shape[1]:
        return A
    inverse = symmetric_inverse(sampling.cross(basis, basis))
    out = A - basis @ (inverse @ sampling.cross(basis, A))
    return np.asarray(out - basis @ (inverse @ sampling.cross(basis, out)), dtype=np.float64)


def canonical_correlations(Y: FloatArray, Z: FloatArray, sampling: MomentSampling) -> FloatArray:
    """Squared canonical correlations, smallest first; Y and Z are residuals on the included exogenous."""
    root = np.linalg.inv(np.linalg.cholesky(sampling.cross(Y, Y)))
    ZY = sampling.cross(Z, Y)
    M = root @ ZY.T @ symmetric_inverse(sampling.cross(Z, Z)) @ ZY @ root.T
    return np.sort(np.linalg.eigvalsh((M + M.T) / 2.0))


def rank_test(Y: FloatArray, Z: FloatArray, sampling: MomentSampling, rank: int) -> RankTest:
    """H0: the coefficients of Z in Y (both partialled) have the given rank."""
    K, L = Y.shape[1], Z.shape[1]
    ZZ, YY, ZY = sampling.cross(Z, Z), sampling.cross(Y, Y), sampling.cross(Z, Y)
    root_z = np.linalg.inv(np.linalg.cholesky(ZZ))
    root_y = np.linalg.inv(np.linalg.cholesky(YY))
    U, _, Vt = np.linalg.svd(root_z @ ZY @ root_y.T)
    A = U[:, rank:].T @ root_z
    B = Vt[rank:] @ root_y
    value = (A @ ZY @ B.T).T.reshape(-1)
    selector = np.kron(B, A)
    residuals = Y - Z @ (symmetric_inverse(ZZ) @ ZY)
    statistics = []
    for E in (Y, residuals):
        V = selector @ sampling.covariance(E, Z) @ selector.T
        statistics.append(float(sampling.n * (value @ symmetric_inverse(V) @ value)))
    return RankTest(statistics[0], statistics[1], (K - rank) * (L - rank))


def difference(larger: Equation, smaller: Sequence[int]) -> tuple[float, float]:
    """J of the equation with all instruments and of the one with the instrument columns `smaller`.

    Both use the moment covariance of the former's residuals, so that their difference is not negative.
    """
    S = two_stage(larger).S
    whole = efficient(larger, S).J
    chosen = list(smaller)
    part = Equation(larger.y, larger.X, larger.Z[:, chosen], larger.sampling)
    return whole, efficient(part, S[np.ix_(chosen, chosen)]).J
