"""Sharp regression discontinuity by local polynomials with robust bias-corrected inference.

Calonico, Cattaneo and Titiunik (2014, Econometrica 82) for the estimator and its variance; the plug-in
bandwidths that minimise the mean squared error as in Calonico, Cattaneo and Farrell (2020).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np

from ssd.engine.missing import FloatArray

Kernel = Literal["triangular", "epanechnikov", "uniform"]
Variance = Literal["nn", "hc0", "hc1"]
_PILOT = {"triangular": 2.576, "epanechnikov": 2.34, "uniform": 1.843}
"""Constants of the rule-of-thumb pilot bandwidth."""
_PAST = 1.0 + math.sqrt(np.finfo(np.float64).eps)
"""A bandwidth that must reach an observation goes a little beyond it, so that its weight is positive."""


@dataclass(frozen=True)
class Side:
    """Observations on one side of the cutoff, sorted by the centred running variable."""

    x: FloatArray
    y: FloatArray
    order: FloatArray
    """How often each value occurs, per observation."""
    rank: FloatArray
    """Position of the observation among its ties, from 1."""

    @classmethod
    def of(cls, x: FloatArray, y: FloatArray) -> Side:
        sort = np.argsort(x, kind="stable")
        x, y = x[sort], y[sort]
        _, first, counts = np.unique(x, return_index=True, return_counts=True)
        repeated = np.repeat(counts, counts).astype(np.float64)
        rank = np.arange(len(x)) - np.repeat(first, counts) + 1.0
        return cls(x, y, repeated, np.asarray(rank, dtype=np.float64))

    @property
    def distinct(self) -> FloatArray:
        return np.unique(self.x)

    def near(self, h: float, kernel: Kernel) -> tuple[Side, FloatArray]:
        """The observations with positive kernel weight, and all weights."""
        w = weights(self.x, h, kernel)
        return self.where(w > 0.0), w

    def where(self, inside: np.ndarray[tuple[int, ...], np.dtype[np.bool_]]) -> Side:
        return Side(self.x[inside], self.y[inside], self.order[inside], self.rank[inside])


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


def _powers(x: FloatArray, degree: int) -> FloatArray:
    return np.asarray(np.vander(x, degree + 1, increasing=True), dtype=np.float64)


def _gram_inverse(R: FloatArray, w: FloatArray) -> FloatArray:
    """Inverse of R' diag(w) R through the triangular factor of the weighted columns."""
    triangle = np.linalg.qr(R * np.sqrt(w)[:, None], mode="r")
    inverse = np.linalg.inv(triangle)
    return np.asarray(inverse @ inverse.T, dtype=np.float64)


def neighbour_residuals(side: Side, matches: int) -> FloatArray:
    """Residuals from the mean of the nearest neighbours (at least `matches` of them, ties in full)."""
    n = len(side.x)
    x, y = side.x, side.y
    i = np.arange(n)
    ties = side.order.astype(np.intp)
    right = ties - side.rank.astype(np.intp)
    left = side.rank.astype(np.intp) - 1
    wanted = min(matches, n - 1)
    while (active := left + right < wanted).any():
        before, after = np.maximum(i - left - 1, 0), np.minimum(i + right + 1, n - 1)
        below = np.where(i - left - 1 < 0, np.inf, x - x[before])
        above = np.where(i + right + 1 >= n, np.inf, x[after] - x)
        to_left, to_right = active & (below <= above), active & (above <= below)
        left = left + np.where(to_left, ties[before], 0)
        right = right + np.where(to_right, ties[after], 0)
    start, stop = np.maximum(i - left, 0), np.minimum(i + right + 1, n)
    total = np.concatenate([[0.0], np.cumsum(y - y.mean())])
    centred = y - y.mean()
    count = stop - start - 1.0
    mean = (total[stop] - total[start] - centred) / count
    return np.asarray(np.sqrt(count / (count + 1.0)) * (centred - mean), dtype=np.float64)


@dataclass(frozen=True)
class Options:
    p: int = 1
    q: int = 2
    kernel: Kernel = "triangular"
    vce: Variance = "nn"
    matches: int = 3
    regularize: float = 1.0
    adjust_mass: bool = True


def _residuals(side: Side, R: FloatArray, beta: FloatArray, options: Options, parameters: int) -> FloatArray:
    if options.vce == "nn":
        return neighbour_residuals(side, options.matches)
    residual = side.y - R @ beta
    n = len(side.y)
    return residual * math.sqrt(n / (n - parameters)) if options.vce == "hc1" else residual


# --- bandwidths --------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Pieces:
    variance: float
    bias: float
    penalty: float
    rate: float


def _pieces(
    side: Side,
    order: int,
    derivative: int,
    order_bias: int,
    h_variance: float,
    h_bias: float,
    scale: float,
    options: Options,
) -> _Pieces:
    """Variance, bias and regularisation of one side, as they enter the optimal bandwidth."""
    near, w_all = side.near(h_variance, options.kernel)
    w = w_all[w_all > 0.0]
    R = _powers(near.x, order)
    G = _gram_inverse(R, w)
    beta = G @ ((R * w[:, None]).T @ near.y)
    residual = _residuals(near, R, beta, options, order + 1)
    meat = (R * (w * residual)[:, None]).T @ (R * (w * residual)[:, None])
    variance = float((G @ meat @ G)[derivative, derivative])
    moment = (R * w[:, None]).T @ (near.x / h_variance) ** (order + 1)
    constant = float(h_variance**derivative * (G @ moment)[derivative])
    far, w_all = side.near(h_bias, options.kernel)
    w = w_all[w_all > 0.0]
    R = _powers(far.x, order_bias)
    G = _gram_inverse(R, w)
    beta = G @ ((R * w[:, None]).T @ far.y)
    penalty = 0.0
    if scale > 0.0:
        residual = _residuals(far, R, beta, options, order_bias + 1)
        meat = (R * (w * residual)[:, None]).T @ (R * (w * residual)[:, None])
        penalty = 3.0 * constant**2 * float((G @ meat @ G)[order + 1, order + 1])
    gap = 2.0 * (order + 1 - derivative)
    return _Pieces(
        (2 * derivative + 1) * h_variance ** (2 * derivative + 1) * variance,
        math.sqrt(gap) * constant * float(beta[order + 1]),
        scale * gap * penalty,
        1.0 / (2 * order + 3),
    )


def bandwidths(left: Side, right: Side, options: Options) -> tuple[float, float]:
    """One common MSE-optimal bandwidth (mserd) for the effect and one for its bias."""
    x = np.concatenate([left.x, right.x])
    quartiles = np.percentile(x, [25, 75], method="averaged_inverted_cdf")
    spread = min(float(x.std(ddof=1)), float(quartiles[1] - quartiles[0]) / 1.349)
    values = (left.distinct, right.distinct)
    n = sum(len(v) for v in values) if options.adjust_mass else len(x)
    limit = max(abs(float(x.min())), abs(float(x.max())))
    shared = min(1.0 - len(left.distinct) / len(left.x), 1.0), min(1.0 - len(right.distinct) / len(right.x), 1.0)
    least = 0.0
    if options.adjust_mass and max(shared) >= 0.2:
        ends = [np.sort(np.abs(v)) for v in values]
        least = max(float(e[min(10, len(e)) - 1]) * _PAST for e in ends)
    pilot = max(min(_PILOT[options.kernel] * spread * n ** (-0.2), limit), least)
    whole = abs(float(left.x[0])) * _PAST, abs(float(right.x[-1])) * _PAST

    def optimal(order: int, derivative: int, order_bias: int, h_bias: tuple[float, float], scale: float) -> float:
        a = _pieces(left, order, derivative, order_bias, pilot, h_bias[0], scale, options)
        b = _pieces(right, order, derivative, order_bias, pilot, h_bias[1], scale, options)
        squared = (b.bias - a.bias) ** 2 + scale * (a.penalty + b.penalty)
        return min(float(((a.variance + b.variance) / squared) ** a.rate), limit)

    p, q = options.p, options.q
    first = max(optimal(q + 1, q + 1, q + 2, whole, 0.0), least)
    bias = optimal(q, p + 1, q + 1, (first, first), options.regularize)
    main = optimal(p, 0, q, (bias, bias), options.regularize)
    return main, bias


# --- the estimate ------------------------------------------------------------------------------


@dataclass(frozen=True)
class SideFit:
    intercept: float
    corrected: float
    variance: float
    robust_variance: float
    n: int
    """Observations within h."""
    n_bias: int
    """Observations within b."""


@dataclass(frozen=True)
class Discontinuity:
    left: SideFit
    right: SideFit
    h: float
    b: float

    @property
    def conventional(self) -> tuple[float, float]:
        """Estimate and conventional standard error."""
        return self.right.intercept - self.left.intercept, math.sqrt(self.left.variance + self.right.variance)

    @property
    def robust(self) -> tuple[float, float]:
        """Bias-corrected estimate and its robust standard error."""
        return (
            self.right.corrected - self.left.corrected,
            math.sqrt(self.left.robust_variance + self.right.robust_variance),
        )


def estimate(left: Side, right: Side, h: float, b: float, options: Options) -> Discontinuity:
    """Local polynomial estimate at given bandwidths."""
    return Discontinuity(_side_fit(left, h, b, options), _side_fit(right, h, b, options), h, b)


def _side_fit(side: Side, h: float, b: float, options: Options) -> SideFit:
    p, q = options.p, options.q
    w_h_all, w_b_all = weights(side.x, h, options.kernel), weights(side.x, b, options.kernel)
    inside = (w_h_all > 0.0) if h > b else (w_b_all > 0.0)
    near, w_h, w_b = side.where(inside), w_h_all[inside], w_b_all[inside]
    R_q = _powers(near.x, q)
    R_p = R_q[:, : p + 1]
    G_p, G_q = _gram_inverse(R_p, w_h), _gram_inverse(R_q, w_b)
    L = (R_p * w_h[:, None]).T @ (near.x / h) ** (p + 1)
    derivative = (G_q @ R_q.T)[p + 1] * w_b
    Q = R_p * w_h[:, None] - h ** (p + 1) * np.outer(derivative, L)
    beta_p = G_p @ ((R_p * w_h[:, None]).T @ near.y)
    beta_q = G_q @ ((R_q * w_b[:, None]).T @ near.y)
    corrected = G_p @ (Q.T @ near.y)
    res_h = _residuals(near, R_p, beta_p, options, p + 1)
    res_b = res_h if options.vce == "nn" else _residuals(near, R_q, beta_q, options, q + 1)
    rows, rows_bc = R_p * (w_h * res_h)[:, None], Q * res_b[:, None]
    return SideFit(
        float(beta_p[0]),
        float(corrected[0]),
        float((G_p @ (rows.T @ rows) @ G_p)[0, 0]),
        float((G_p @ (rows_bc.T @ rows_bc) @ G_p)[0, 0]),
        int(np.count_nonzero(w_h_all > 0.0)),
        int(np.count_nonzero(w_b_all > 0.0)),
    )


def global_fit(side: Side, degree: int) -> Callable[[FloatArray], FloatArray]:
    """Polynomial of a side fitted by least squares, as a function of the centred running variable."""
    beta = np.linalg.lstsq(_powers(side.x, degree), side.y, rcond=None)[0]
    return lambda x: np.asarray(_powers(x, degree) @ beta, dtype=np.float64)
