"""Regression discontinuity by local polynomials with robust bias-corrected inference.

Calonico, Cattaneo and Titiunik (2014, Econometrica 82) for sharp, fuzzy and kink designs and their variance;
Calonico, Cattaneo, Farrell and Titiunik (2019, Review of Economics and Statistics 101) for covariates.
Bandwidths are chosen in `discontinuity_bandwidth`.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np

from ssd.engine.errors import StataError
from ssd.engine.missing import BoolArray, FloatArray
from ssd.engine.stats.matching import IntArray

Kernel = Literal["triangular", "epanechnikov", "uniform"]
Variance = Literal["nn", "hc0", "hc1", "hc2", "hc3"]
_TIE = math.sqrt(np.finfo(np.float64).eps)
"""Neighbours whose distances differ by less, relatively, are equally near."""


@dataclass(frozen=True)
class Side:
    """Observations on one side of the cutoff, sorted by the centred running variable."""

    x: FloatArray
    D: FloatArray
    """Outcome, then the treatment status of a fuzzy design, then covariates: (n, 1 + dT + dZ)."""
    order: FloatArray
    """How often each value occurs, per observation."""
    rank: FloatArray
    """Position of the observation among its ties, from 1."""
    weight: FloatArray | None = None
    """Weights that multiply the kernel."""
    cluster: IntArray | None = None

    @classmethod
    def of(
        cls, x: FloatArray, D: FloatArray, weight: FloatArray | None = None, cluster: IntArray | None = None
    ) -> Side:
        sort = np.argsort(x, kind="stable")
        x, D = x[sort], D[sort] if D.ndim == 2 else D[sort][:, None]
        _, first, counts = np.unique(x, return_index=True, return_counts=True)
        repeated = np.repeat(counts, counts).astype(np.float64)
        rank = np.arange(len(x)) - np.repeat(first, counts) + 1.0
        w = None if weight is None else weight[sort]
        return cls(x, D, repeated, np.asarray(rank, dtype=np.float64), w, None if cluster is None else cluster[sort])

    @property
    def y(self) -> FloatArray:
        return np.asarray(self.D[:, 0], dtype=np.float64)

    @property
    def distinct(self) -> FloatArray:
        return np.unique(self.x)

    @property
    def reach(self) -> float:
        """Distance of the farthest observation from the cutoff."""
        return float(np.abs(self.x).max())

    @property
    def n_clusters(self) -> int:
        return 0 if self.cluster is None else len(np.unique(self.cluster))

    def kernel(self, h: float, kernel: Kernel) -> FloatArray:
        """Kernel weights at bandwidth h times the observations' own weights."""
        w = weights(self.x, h, kernel)
        return w if self.weight is None else np.asarray(w * self.weight, dtype=np.float64)

    def near(self, h: float, kernel: Kernel) -> tuple[Side, FloatArray]:
        """The observations with positive weight at bandwidth h, and their weights."""
        w = self.kernel(h, kernel)
        return self.where(w > 0.0), w[w > 0.0]

    def where(self, inside: BoolArray) -> Side:
        return Side(
            self.x[inside], self.D[inside], self.order[inside], self.rank[inside],
            None if self.weight is None else self.weight[inside],
            None if self.cluster is None else self.cluster[inside],
        )  # fmt: skip

    def without_treatment(self) -> Side:
        """The sharp design of a fuzzy one: the outcome and the covariates."""
        kept = [0, *range(2, self.D.shape[1])]
        return Side(self.x, self.D[:, kept], self.order, self.rank, self.weight, self.cluster)


def weights(x: FloatArray, h: float, kernel: Kernel) -> FloatArray:
    """Kernel weights K(x/h)/h."""
    u = x / h
    inside = np.abs(u) <= 1.0
    if kernel == "triangular":
        k = 1.0 - np.abs(u)
    elif kernel == "epanechnikov":
        k = 0.75 * (1.0 - u * u)
    else:
        k = np.full(len(u), 0.5)
    return np.asarray(np.where(inside, k, 0.0) / h, dtype=np.float64)


@dataclass(frozen=True)
class Options:
    p: int = 1
    q: int = 2
    deriv: int = 0
    kernel: Kernel = "triangular"
    vce: Variance = "nn"
    matches: int = 3
    fuzzy: bool = False
    clustered: bool = False
    scale: float = 1.0
    """Factor of the reported effect (scalepar)."""


def powers(x: FloatArray, degree: int) -> FloatArray:
    return np.asarray(np.vander(x, degree + 1, increasing=True), dtype=np.float64)


def gram_inverse(R: FloatArray, w: FloatArray) -> FloatArray:
    """Inverse of R' diag(w) R through the triangular factor of the weighted columns. Raises r(506) if singular."""
    triangle: FloatArray = np.asarray(np.linalg.qr(R * np.sqrt(w)[:, None], mode="r"), dtype=np.float64)
    diagonal = np.abs(np.diag(triangle))
    if triangle.shape[0] < triangle.shape[1] or not np.all(diagonal > 1e-13 * np.linalg.norm(triangle, axis=0)):
        raise StataError(
            506, "Invertibility problem: check variability of running variable around cutoff. "
            "Try checking for mass points with option masspoints(check)."
        )  # fmt: skip
    inverse = np.linalg.inv(triangle)
    return np.asarray(inverse @ inverse.T, dtype=np.float64)


def neighbour_residuals(side: Side, matches: int) -> FloatArray:
    """Residuals of all columns from the mean of the nearest neighbours (at least `matches`, ties in full)."""
    n = len(side.x)
    x = side.x
    i = np.arange(n)
    ties = side.order.astype(np.intp)
    right = ties - side.rank.astype(np.intp)
    left = side.rank.astype(np.intp) - 1
    wanted = min(matches, n - 1)
    while (active := left + right < wanted).any():
        before, after = np.maximum(i - left - 1, 0), np.minimum(i + right + 1, n - 1)
        below = np.where(i - left - 1 < 0, np.inf, x - x[before])
        above = np.where(i + right + 1 >= n, np.inf, x[after] - x)
        slack = np.where(np.isinf(below) | np.isinf(above), 0.0, np.maximum(below, above) * _TIE)
        to_left, to_right = active & (below <= above + slack), active & (above <= below + slack)
        left = left + np.where(to_left, ties[before], 0)
        right = right + np.where(to_right, ties[after], 0)
    start, stop = np.maximum(i - left, 0), np.minimum(i + right + 1, n)
    centred = side.D - side.D.mean(axis=0)
    total = np.vstack([np.zeros((1, centred.shape[1])), np.cumsum(centred, axis=0)])
    count = (stop - start - 1.0)[:, None]
    mean = (total[stop] - total[start] - centred) / count
    return np.asarray(np.sqrt(count / (count + 1.0)) * (centred - mean), dtype=np.float64)


def residuals(
    side: Side, R: FloatArray, w: FloatArray, G: FloatArray, beta: FloatArray, options: Options
) -> FloatArray:
    """Residuals of all columns of a local polynomial fit as the variance estimator takes them: (n, m)."""
    if options.vce == "nn":
        return neighbour_residuals(side, options.matches)
    plain = side.D - R @ beta
    n, k = R.shape
    if options.vce == "hc1":
        return np.asarray(plain * math.sqrt(n / (n - k)), dtype=np.float64)
    if options.vce in {"hc2", "hc3"}:
        free = np.maximum(1.0 - np.einsum("ij,jk,ik->i", R, G, R) * w, 1e-8)
        return np.asarray(plain / (np.sqrt(free) if options.vce == "hc2" else free)[:, None], dtype=np.float64)
    return np.asarray(plain, dtype=np.float64)


def meat(
    rows: FloatArray, residual: FloatArray, s: FloatArray, cluster: IntArray | None, parameters: int
) -> FloatArray:
    """Middle of the sandwich for the combination s of the columns; `rows` holds the score without its residual."""
    score = rows * (residual @ s)[:, None]
    if cluster is None:
        return np.asarray(score.T @ score, dtype=np.float64)
    ids, where = np.unique(cluster, return_inverse=True)
    sums = np.zeros((len(ids), rows.shape[1]))
    np.add.at(sums, where, score)
    n, g = len(cluster), len(ids)
    if g < 2 or n <= parameters:
        return np.full((rows.shape[1],) * 2, math.nan)
    return np.asarray(sums.T @ sums * ((n - 1.0) / (n - parameters) * g / (g - 1.0)), dtype=np.float64)


def partial_moments(
    side: Side, R: FloatArray, w: FloatArray, G: FloatArray, first: int
) -> tuple[FloatArray, FloatArray]:
    """Cross products of the covariates among themselves and with the outcomes, the polynomial partialled out."""
    U = (R * w[:, None]).T @ side.D
    moments = (side.D[:, first:] * w[:, None]).T @ side.D - U[:, first:].T @ G @ U
    return np.asarray(moments[:, first:], dtype=np.float64), np.asarray(moments[:, :first], dtype=np.float64)


def covariate_effects(ZZ: FloatArray, ZY: FloatArray) -> FloatArray:
    """Coefficients of the covariates, (dZ, 1 + dT); those that cannot be told apart share the effect."""
    return np.asarray(np.linalg.pinv(ZZ) @ ZY, dtype=np.float64)


@dataclass(frozen=True)
class Combination:
    """How outcome, treatment status and covariates combine into effects."""

    gamma: FloatArray
    fuzzy: bool

    def outcome(self, beta: FloatArray) -> float:
        """Jump of the outcome net of covariates; `beta` holds the jumps of all columns."""
        return float(beta[0] - beta[1 + self.fuzzy :] @ self.gamma[:, 0])

    def treatment(self, beta: FloatArray) -> float:
        return float(beta[1] - beta[2:] @ self.gamma[:, 1])

    def weights(self, tau_y: float = 0.0, tau_t: float = 1.0) -> FloatArray:
        """Derivative of the effect by the jumps of all columns."""
        if not self.fuzzy:
            return np.concatenate([[1.0], -self.gamma[:, 0]])
        a, b = 1.0 / tau_t, tau_y / tau_t**2
        return np.concatenate([[a, -b], -a * self.gamma[:, 0] + b * self.gamma[:, 1]])

    def first_stage(self) -> FloatArray:
        return np.concatenate([[0.0, 1.0], -self.gamma[:, 1]])


@dataclass(frozen=True)
class Effect:
    """An estimate, its bias-corrected version and their variances."""

    conventional: float
    corrected: float
    se: float
    robust_se: float
    sides: tuple[float, float, float, float] = (math.nan,) * 4
    """Conventional left and right, bias-corrected left and right."""


@dataclass(frozen=True)
class Discontinuity:
    effect: Effect
    first_stage: Effect | None
    bias: tuple[float, float]
    n_h: tuple[int, int]
    """Observations with positive weight at h, left and right."""
    n_b: tuple[int, int]
    beta: tuple[FloatArray, FloatArray]
    """Local polynomial of the outcome on each side."""
    V: tuple[FloatArray, FloatArray, FloatArray, FloatArray]
    """Conventional left and right, robust left and right."""
    gamma: FloatArray


@dataclass(frozen=True)
class _Fit:
    near: Side
    beta: FloatArray
    corrected: FloatArray
    G: FloatArray
    rows: FloatArray
    robust_rows: FloatArray
    residual: FloatArray
    robust_residual: FloatArray
    ZZ: FloatArray
    ZY: FloatArray
    n_h: int
    n_b: int

    def variances(self, s: FloatArray, options: Options) -> tuple[FloatArray, FloatArray]:
        """Of the local polynomial: conventional, and of the bias-corrected with the correction's own."""
        plain = meat(self.rows, self.residual, s, self.near.cluster, options.p + 1)
        robust = meat(self.robust_rows, self.robust_residual, s, self.near.cluster, options.q + 1)
        return self.G @ plain @ self.G, self.G @ robust @ self.G


def estimate(
    left: Side, right: Side, h: tuple[float, float], b: tuple[float, float], options: Options
) -> Discontinuity:
    """Local polynomial estimate at given bandwidths left and right of the cutoff.

    Raises r(2001) when too few distinct values lie within a bandwidth, r(506) for a singular design.
    """
    fits = [_side_fit(side, *width, options) for side, width in zip((left, right), zip(h, b, strict=True), strict=True)]
    l, r = fits  # noqa: E741
    gamma = covariate_effects(l.ZZ + r.ZZ, l.ZY + r.ZY)
    how = Combination(gamma, options.fuzzy)
    nu = options.deriv
    factor = math.factorial(nu)
    jumps = [r.beta[nu] - l.beta[nu], r.corrected[nu] - l.corrected[nu]]
    rows = [l.beta[nu], r.beta[nu], l.corrected[nu], r.corrected[nu]]
    scale = factor * options.scale
    y, y_bc = (scale * how.outcome(jump) for jump in jumps)
    y_sides = [scale * how.outcome(row) for row in rows]
    first, s = None, how.weights()
    tau, tau_bc = y, y_bc
    bias = (y_sides[0] - y_sides[2], y_sides[1] - y_sides[3])
    if options.fuzzy:
        t, t_bc = (factor * how.treatment(jump) for jump in jumps)
        if t == 0.0:
            raise StataError(459, "the treatment status does not change at the cutoff")
        t_sides = [factor * how.treatment(row) for row in rows]
        a, d = 1.0 / t, y / t**2
        tau, tau_bc = y / t, y / t - (a * (y - y_bc) - d * (t - t_bc))
        bias = (a * bias[0] - d * (t_sides[0] - t_sides[2]), a * bias[1] - d * (t_sides[1] - t_sides[3]))
        s = how.weights(y, t)
        first = _effect(fits, how.first_stage(), options, factor, t, t_bc, t_sides)[0]
    effect, V = _effect(fits, s, options, scale, tau, tau_bc, y_sides)
    return Discontinuity(
        effect, first, bias, (l.n_h, r.n_h), (l.n_b, r.n_b), (l.beta[:, 0], r.beta[:, 0]), V, gamma
    )  # fmt: skip


def _effect(
    fits: list[_Fit], s: FloatArray, options: Options, scale: float, tau: float, tau_bc: float, sides: list[float]
) -> tuple[Effect, tuple[FloatArray, FloatArray, FloatArray, FloatArray]]:
    (plain_l, robust_l), (plain_r, robust_r) = (fit.variances(s, options) for fit in fits)
    nu = options.deriv
    se = abs(scale) * math.sqrt(float(plain_l[nu, nu] + plain_r[nu, nu]))
    robust = abs(scale) * math.sqrt(float(robust_l[nu, nu] + robust_r[nu, nu]))
    return Effect(tau, tau_bc, se, robust, (sides[0], sides[1], sides[2], sides[3])), (
        plain_l, plain_r, robust_l, robust_r
    )  # fmt: skip


def _side_fit(side: Side, h: float, b: float, options: Options) -> _Fit:
    p, q = options.p, options.q
    w_h_all, w_b_all = side.kernel(h, options.kernel), side.kernel(b, options.kernel)
    for w, order in ((w_h_all, p), (w_b_all, q)):
        if len(np.unique(side.x[w > 0.0])) < order + 1:
            raise StataError(2001, "insufficient observations within the bandwidth")
    inside = (w_h_all > 0.0) if h > b else (w_b_all > 0.0)
    near, w_h, w_b = side.where(inside), w_h_all[inside], w_b_all[inside]
    R_q = powers(near.x, q)
    R_p = R_q[:, : p + 1]
    G_p, G_q = gram_inverse(R_p, w_h), gram_inverse(R_q, w_b)
    RW = R_p * w_h[:, None]
    correction = (G_q @ R_q.T)[p + 1] * w_b
    Q = RW - h ** (p + 1) * np.outer(correction, RW.T @ (near.x / h) ** (p + 1))
    beta_p = G_p @ (RW.T @ near.D)
    beta_q = G_q @ ((R_q * w_b[:, None]).T @ near.D)
    res_h = residuals(near, R_p, w_h, G_p, beta_p, options)
    res_b = res_h if options.vce == "nn" else residuals(near, R_q, w_b, G_q, beta_q, options)
    ZZ, ZY = partial_moments(near, R_p, w_h, G_p, 1 + options.fuzzy)
    return _Fit(
        near, beta_p, G_p @ (Q.T @ near.D), G_p, RW, Q, res_h, res_b, ZZ, ZY,
        int(np.count_nonzero(w_h_all > 0.0)), int(np.count_nonzero(w_b_all > 0.0)),
    )  # fmt: skip


def global_fit(side: Side, degree: int) -> Callable[[FloatArray], FloatArray]:
    """Polynomial of a side fitted by least squares, as a function of the centred running variable."""
    beta = np.linalg.lstsq(powers(side.x, degree), side.y, rcond=None)[0]
    return lambda x: np.asarray(powers(x, degree) @ beta, dtype=np.float64)
