"""Discontinuity of a density at a cutoff by local polynomials of the distribution function.

Cattaneo, Jansson and Ma (2020, Journal of the American Statistical Association 115; 2018, Stata Journal 18) for
the estimator, its jackknife and plug-in variances and the bandwidths.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from ssd.engine.errors import StataError
from ssd.engine.missing import BoolArray, FloatArray
from ssd.engine.stats.discontinuity import Kernel, powers, weights

_BIAS_SCALE = (
    25884.444444494150957, 3430865.4551236177795, 845007948.04262602329, 330631733667.03808594, 187774809656037.3125,
    145729502641999264.0, 146013502974449876992.0,
)  # fmt: skip
_VARIANCE_SCALE = (
    4.8000000000000246914, 548.57142857155463389, 100800.00000020420703, 29558225.458100609481, 12896196859.612621307,
    7890871468221.609375, 6467911284037581.0,
)  # fmt: skip
"""Kernel constants of the pilot bandwidths for orders 1 to 7 (rule of thumb for a normal density)."""


@dataclass(frozen=True)
class DensityOptions:
    p: int = 2
    q: int = 3
    restricted: bool = False
    """Distribution functions share level and higher derivatives across the cutoff."""
    kernel: Kernel = "triangular"
    plugin: bool = False
    """Plug-in instead of jackknife variance."""
    mass_points: bool = True
    regularize: bool = True
    n_local: int = 23
    n_unique: int = 23


@dataclass(frozen=True)
class Running:
    """The centred running variable, ascending, with its empirical distribution function."""

    x: FloatArray
    F: FloatArray
    ties: bool
    """Repeated values are treated as such."""

    @classmethod
    def of(cls, x: FloatArray, *, mass_points: bool) -> Running:
        x = np.sort(x)
        n = len(x)
        F = np.arange(n) / (n - 1.0)
        ties = mass_points and bool(np.any(np.diff(x) == 0.0))
        if ties:
            F = F[np.searchsorted(x, x, side="right") - 1]
        return cls(x, np.asarray(F, dtype=np.float64), ties)

    @property
    def n_left(self) -> int:
        return int(np.searchsorted(self.x, 0.0, side="left"))


@dataclass(frozen=True)
class Jump:
    """Densities left and right with their variances, and the next derivatives for the bias."""

    left: float
    right: float
    V: FloatArray
    """Covariance of the two densities: (2, 2)."""
    higher: tuple[float, float]

    @property
    def difference(self) -> float:
        return self.right - self.left

    @property
    def variances(self) -> tuple[float, float, float, float]:
        """Of the left, the right, their difference and their sum."""
        V = self.V
        both = float(V[0, 0] + V[1, 1])
        return float(V[0, 0]), float(V[1, 1]), both - 2.0 * float(V[0, 1]), both + 2.0 * float(V[0, 1])


def _moment(m: float, kernel: Kernel) -> float:
    """Integral of u^m K(u) over [0, 1]."""
    if kernel == "uniform":
        return 0.5 / (m + 1.0)
    if kernel == "epanechnikov":
        return 0.75 * (1.0 / (m + 1.0) - 1.0 / (m + 3.0))
    return 1.0 / (m + 1.0) - 1.0 / (m + 2.0)


def _moments(p: int, kernel: Kernel) -> FloatArray:
    return np.array([[_moment(i + j, kernel) for j in range(p + 1)] for i in range(p + 1)])


def _moments_above(p: int, kernel: Kernel) -> FloatArray:
    return np.array([_moment(i + p + 1, kernel) for i in range(p + 1)])


def _minimum_moments(p: int, kernel: Kernel) -> FloatArray:
    """Double integral of min(u, v) u^i v^j K(u) K(v) over the unit square; Gauss quadrature is exact here."""
    nodes, mass = np.polynomial.legendre.leggauss(24)
    nodes, mass = (nodes + 1.0) / 2.0, mass / 2.0

    def k(u: FloatArray) -> FloatArray:
        return weights(u, 1.0, kernel)

    v, t = nodes[:, None], nodes[None, :]
    u = v * t
    common = mass[:, None] * mass[None, :] * k(v + 0.0 * t) * k(u) * v * u
    G = np.array([[float((common * u**i * v**j).sum()) for j in range(p + 1)] for i in range(p + 1)])
    return np.asarray(G + G.T, dtype=np.float64)


def _with_left_slope(A: FloatArray) -> FloatArray:
    """Moments of the right side in the restricted model, whose second parameter is the left density."""
    for axis in range(A.ndim):
        A = np.insert(A, 1, 0.0, axis=axis)
    return A


def _mirror(p: int) -> FloatArray:
    """What reflecting the left side does to the parameters of the restricted model."""
    P = np.diag(np.concatenate([[1.0, 0.0, 0.0], (-1.0) ** np.arange(2, p + 1)]))
    P[1, 2] = P[2, 1] = -1.0
    return P


def densities(
    data: Running, hl: float, hr: float, p: int, options: DensityOptions, inside: BoolArray, s: int = 1
) -> Jump:
    """Local polynomial of order p on both sides of zero. Raises r(506) when it is not determined."""
    x, F, n = data.x[inside], data.F[inside], len(data.x)
    left = x < 0.0
    h = np.where(left, hl, hr)
    u = x / h
    W = weights(u, 1.0, options.kernel) / h
    P = powers(u, p)
    if options.restricted:
        R = np.column_stack([P[:, 0], np.where(left, u, 0.0), np.where(left, 0.0, u), P[:, 2:]])
        scales = hl ** np.concatenate([[0.0, 1.0, 1.0], np.arange(2.0, p + 1.0)])
        at, next_at = (1, 2), (s + 1, s + 1)
    else:
        R = np.column_stack([P * left[:, None], P * ~left[:, None]])
        scales = np.concatenate([hl ** np.arange(p + 1.0), hr ** np.arange(p + 1.0)])
        at, next_at = (1, p + 2), (s, p + 1 + s)
    RW = R * W[:, None]
    S = RW.T @ R
    if len(x) < R.shape[1] or np.linalg.cond(S) > 1e14:
        raise StataError(506, "too few observations near the cutoff to estimate the density")
    inverse = np.linalg.inv(S)
    b = inverse @ (RW.T @ F) / scales
    pair = np.array(at)
    if options.plugin:
        V = _plugin(float(b[at[0]]), float(b[at[1]]), n, hl, hr, p, options)
    else:
        tail = np.vstack([np.cumsum(RW[::-1], axis=0)[::-1][1:], np.zeros((1, R.shape[1]))]) / (n - 1.0)
        if data.ties:
            tail = tail[np.searchsorted(x, x, side="left")]
        full = inverse @ (tail.T @ tail) @ inverse / np.outer(scales, scales)
        V = full[np.ix_(pair, pair)]
    return Jump(float(b[at[0]]), float(b[at[1]]), V, (float(b[next_at[0]]), float(b[next_at[1]])))


def _plugin(left: float, right: float, n: int, hl: float, hr: float, p: int, options: DensityOptions) -> FloatArray:
    S, G = _moments(p, options.kernel), _minimum_moments(p, options.kernel)
    if not options.restricted:
        inverse = np.linalg.inv(S)
        v = float((inverse @ G @ inverse)[1, 1])
        return np.diag([left * v / (n * hl), right * v / (n * hr)])
    S, G, P = _with_left_slope(S), _with_left_slope(G), _mirror(p)
    inverse = np.linalg.inv(left * P @ S @ P + right * S)
    V = inverse @ (left**3 * P @ G @ P + right**3 * G) @ inverse
    return np.asarray(V[1:3, 1:3] / (n * hl), dtype=np.float64)


@dataclass(frozen=True)
class DensityWidths:
    """Optimal bandwidths for the left density, the right one, their difference and their sum."""

    left: float
    right: float
    difference: float
    total: float

    def chosen(self, select: str, *, restricted: bool) -> tuple[float, float]:
        """Left and right bandwidth of a selector: each, diff, sum or comb."""
        if select == "each":
            return self.left, self.right
        if select == "diff":
            return self.difference, self.difference
        if select == "sum":
            return self.total, self.total
        if restricted:
            return (min(self.difference, self.total),) * 2
        return (
            float(np.median([self.left, self.difference, self.total])),
            float(np.median([self.right, self.difference, self.total])),
        )


def density_widths(data: Running, options: DensityOptions) -> DensityWidths:
    """Bandwidths that minimise the mean squared error of the densities at the cutoff."""
    x, n, p = data.x, len(data.x), options.p
    mean, sd = float(x.mean()), float(x.std(ddof=1))
    if not sd > 0.0:
        raise StataError(459, "the running variable does not vary")
    z = mean / sd
    phi = math.exp(-0.5 * z * z) / math.sqrt(2.0 * math.pi)

    def rough(order: int) -> float:
        hermite = float(np.polynomial.hermite_e.hermeval(z, [0.0] * order + [1.0]))
        if hermite == 0.0 or phi == 0.0:
            return math.inf
        return 1.0 / (hermite**2 * phi)

    bias_width = ((2 * p + 1) / 4.0 * rough(p + 2) * _BIAS_SCALE[p - 1] / n) ** (1.0 / (2 * p + 5)) * sd
    width = (1.0 / (2 * p) * rough(p) * _VARIANCE_SCALE[p - 1] / n) ** (1.0 / (2 * p + 1)) * sd
    reach = float(np.abs(x).max())
    if options.regularize:
        bias_width, width = min(bias_width, reach), min(width, reach)
        for distinct, wanted in ((False, options.n_local), (True, options.n_unique)):
            if wanted > 0:
                bias_width = max(bias_width, *_least(x, 20 + p + 3, distinct=distinct))
                width = max(width, *_least(x, 20 + p + 1, distinct=distinct))
    elif not (math.isfinite(bias_width) and math.isfinite(width)):
        raise StataError(459, "no pilot bandwidth")
    high = densities(data, bias_width, bias_width, p + 2, options, np.abs(x) <= bias_width, p + 1)
    low = densities(data, width, width, p, options, np.abs(x) <= width)
    variances = n * width * np.array(low.variances)
    biases = _biases(low, high, p, options)
    with np.errstate(divide="ignore", invalid="ignore"):
        found = (variances / (2.0 * p) / biases**2 / n) ** (1.0 / (2 * p + 1))
    # Bandwidths that the data do not determine are zero until the local minimum lifts them.
    found = np.where(np.isfinite(found) & (variances >= 0.0), found, 0.0)
    if options.regularize:
        found = np.minimum(found, [abs(float(x[0])), float(x[-1]), reach, reach])
        for distinct, wanted in ((False, options.n_local), (True, options.n_unique)):
            if wanted > 0:
                ends = _least(x, wanted, distinct=distinct)
                found = np.maximum(found, [*ends, max(ends), max(ends)])
    if not np.all(found > 0.0):
        raise StataError(459, "the bandwidth cannot be determined; specify h()")
    return DensityWidths(float(found[0]), float(found[1]), float(found[2]), float(found[3]))


def _least(x: FloatArray, wanted: int, *, distinct: bool) -> tuple[float, float]:
    """Distances from the cutoff that reach `wanted` observations (or distinct values) on each side."""
    values = np.unique(x) if distinct else x
    left, right = np.sort(-values[values < 0.0]), values[values >= 0.0]
    return float(left[min(wanted, len(left)) - 1]), float(right[min(wanted, len(right)) - 1])


def _biases(low: Jump, high: Jump, p: int, options: DensityOptions) -> FloatArray:
    S, C = _moments(p, options.kernel), _moments_above(p, options.kernel)
    if not options.restricted:
        constant = float(np.linalg.solve(S, C)[1])
        left, right = high.higher[0] * constant * (-1.0) ** p, high.higher[1] * constant
    else:
        S, C, P = _with_left_slope(S), _with_left_slope(C), _mirror(p)
        middle = low.right * S + low.left * P @ S @ P
        shift = np.linalg.solve(middle, high.higher[0] * (low.right * C + (-1.0) ** (p + 1) * low.left * P @ C))
        left, right = float(shift[1]), float(shift[2])
    return np.array([left, right, right - left, right + left])


def density_at(x: FloatArray, share: float, point: float, h: float, order: int, kernel: Kernel) -> tuple[float, float]:
    """Density of one side's observations at a point, times the side's share, and its standard error.

    x is ascending. Both are nan where the bandwidth holds too few observations.
    """
    n = len(x)
    F = (np.searchsorted(x, x, side="right") - 1.0) / (n - 1.0)
    u = (x - point) / h
    W = weights(u, 1.0, kernel) / h
    R = powers(u, order)
    RW = R * W[:, None]
    S = RW.T @ R
    if np.count_nonzero(W) <= order + 1 or np.linalg.cond(S) > 1e12:
        return math.nan, math.nan
    inverse = np.linalg.inv(S)
    estimate = float((inverse @ (RW.T @ F))[1]) / h
    tail = np.cumsum(RW[::-1], axis=0)[::-1] / (n - 1.0)
    tail = tail - tail.mean(axis=0)
    variance = float((inverse @ (tail.T @ tail) @ inverse)[1, 1]) / h**2
    return share * estimate, share * math.sqrt(variance)
