"""Plug-in bandwidths of local polynomial regression discontinuity designs.

Optimal in mean squared error (mse*) or in coverage error (cer*) as in Calonico, Cattaneo and Farrell (2020,
Econometrics Journal 23); with covariates, fuzzy designs and clusters as in Calonico, Cattaneo, Farrell and
Titiunik (2019, Review of Economics and Statistics 101). The criteria are invariant to the units of outcome and
running variable, so standardising them changes nothing.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from ssd.engine.errors import StataError
from ssd.engine.missing import FloatArray
from ssd.engine.stats.discontinuity import (
    Combination,
    Options,
    Side,
    covariate_effects,
    gram_inverse,
    meat,
    partial_moments,
    powers,
    residuals,
)

SELECTORS = (
    "mserd", "msetwo", "msesum", "msecomb1", "msecomb2", "cerrd", "certwo", "cersum", "cercomb1", "cercomb2",
)  # fmt: skip
_PILOT = {"triangular": 2.576, "epanechnikov": 2.34, "uniform": 1.843}
"""Constants of the rule-of-thumb pilot bandwidth."""
_PAST = 1.0 + math.sqrt(np.finfo(np.float64).eps)
"""A bandwidth that must reach an observation goes a little beyond it, so that its weight is positive."""

Widths = tuple[float, float, float, float]
"""h left, h right, b left, b right."""


@dataclass(frozen=True)
class Choice:
    """How the bandwidths are searched."""

    regularize: float = 1.0
    """Factor of the regularisation term (scaleregul)."""
    adjust_mass: bool = True
    """Count distinct values of the running variable instead of observations."""
    least_distinct: int = 0
    """Distinct values that the preliminary bandwidths reach on each side (bwcheck)."""
    restrict: bool = True
    """Keep bandwidths within the range of the running variable."""


@dataclass(frozen=True)
class _Pieces:
    variance: float
    bias: float
    penalty: float


class _Search:
    """The stages of the search, with what all of them share."""

    def __init__(self, left: Side, right: Side, options: Options, choice: Choice) -> None:
        self.sides = (left, right)
        self.options = options
        self.choice = choice
        self.limits = (left.reach, right.reach) if choice.restrict else (math.inf, math.inf)
        self.limit = max(self.limits)
        self._variances: dict[tuple[int, int, int], tuple[float, float, FloatArray]] = {}
        self.least = self._least()
        self.pilot = self._pilot()
        p, q = options.p, options.q
        self.regularize = choice.regularize
        whole = (left.reach * _PAST, right.reach * _PAST)
        self.start = [self._pieces(k, q + 1, q + 1, q + 2, whole[k], 0.0) for k in (0, 1)]
        self.stages = ((q, p + 1, q + 1), (p, options.deriv, q))

    def _least(self) -> tuple[float, float]:
        if self.choice.least_distinct <= 0:
            return 0.0, 0.0
        ends = [np.sort(np.abs(side.distinct)) for side in self.sides]
        wanted = self.choice.least_distinct
        return (
            float(ends[0][min(wanted, len(ends[0])) - 1]) * _PAST,
            float(ends[1][min(wanted, len(ends[1])) - 1]) * _PAST,
        )

    def _pilot(self) -> float:
        x = np.concatenate([side.x for side in self.sides])
        quartiles = np.percentile(x, [25, 75], method="averaged_inverted_cdf")
        spread = min(float(x.std(ddof=1)), float(quartiles[1] - quartiles[0]) / 1.349)
        n = sum(len(side.distinct) for side in self.sides) if self.choice.adjust_mass else len(x)
        rule = _PILOT[self.options.kernel] * spread * n ** (-0.2)
        if not rule > 0.0:
            raise _undetermined()
        return float(max(min(rule, self.limit), *self.least))

    def _variance(self, which: int, order: int, derivative: int) -> tuple[float, float, FloatArray]:
        """Variance and bias constant at the pilot bandwidth, and the combination of the columns."""
        key = (which, order, derivative)
        if key not in self._variances:
            self._variances[key] = self._fitted_variance(*key)
        return self._variances[key]

    def _fitted_variance(self, which: int, order: int, derivative: int) -> tuple[float, float, FloatArray]:
        options = self.options
        near, w = self.sides[which].near(self.pilot, options.kernel)
        _enough(near, order)
        R = powers(near.x, order)
        G = gram_inverse(R, w)
        beta = G @ ((R * w[:, None]).T @ near.D)
        how = Combination(covariate_effects(*partial_moments(near, R, w, G, 1 + options.fuzzy)), options.fuzzy)
        s = how.weights()
        if options.fuzzy:
            factor = math.factorial(derivative)
            jump = factor * how.treatment(beta[derivative])
            if jump == 0.0:
                raise _undetermined()
            s = how.weights(factor * how.outcome(beta[derivative]), jump)
        residual = residuals(near, R, w, G, beta, options)
        middle = meat(R * w[:, None], residual, s, near.cluster, order + 1)
        moment = (R * w[:, None]).T @ (near.x / self.pilot) ** (order + 1)
        constant = float(self.pilot**derivative * (G @ moment)[derivative])
        return float((G @ middle @ G)[derivative, derivative]), constant, s

    def _pieces(self, which: int, order: int, derivative: int, order_bias: int, h_bias: float, scale: float) -> _Pieces:
        """Variance, bias and regularisation of one side, as they enter the optimal bandwidth."""
        options = self.options
        variance, constant, s = self._variance(which, order, derivative)
        far, w = self.sides[which].near(h_bias, options.kernel)
        _enough(far, order_bias)
        R = powers(far.x, order_bias)
        G = gram_inverse(R, w)
        beta = G @ ((R * w[:, None]).T @ far.D)
        gap = 2.0 * (order + 1 - derivative)
        penalty = 0.0
        if scale > 0.0:
            residual = residuals(far, R, w, G, beta, options)
            middle = meat(R * w[:, None], residual, s, far.cluster, order_bias + 1)
            penalty = 3.0 * constant**2 * float((G @ middle @ G)[-1, -1])
        width = (2 * derivative + 1) * self.pilot ** (2 * derivative + 1)
        return _Pieces(width * variance, math.sqrt(gap) * constant * float(beta[-1] @ s), scale * gap * penalty)

    def both(self, order: int, derivative: int, order_bias: int, h: float) -> list[_Pieces]:
        return [self._pieces(k, order, derivative, order_bias, h, self.regularize) for k in (0, 1)]

    def common(self, sign: float) -> tuple[float, float]:
        """One bandwidth for both sides, h and b: for the difference (sign -1) or the sum of the fits (+1)."""
        q = self.options.q
        d = _optimum(self.start, sign, q + 1, 0.0)
        d = max(min(d, self.limit), *self.least)
        order, derivative, order_bias = self.stages[0]
        b = min(_optimum(self.both(order, derivative, order_bias, d), sign, order, self.regularize), self.limit)
        order, derivative, order_bias = self.stages[1]
        h = min(_optimum(self.both(order, derivative, order_bias, b), sign, order, self.regularize), self.limit)
        return h, b

    def separate(self, which: int) -> tuple[float, float]:
        """The bandwidths h and b of one side on its own."""
        limit = self.limits[which]
        width = max(
            min(_optimum(self.start[which : which + 1], 1.0, self.options.q + 1, 0.0), limit), self.least[which]
        )
        found = []
        for order, derivative, order_bias in self.stages:
            pieces = self._pieces(which, order, derivative, order_bias, width, self.regularize)
            width = min(_optimum([pieces], 1.0, order, self.regularize), limit)
            found.append(width)
        return found[1], found[0]


def _enough(side: Side, order: int) -> None:
    if len(side.distinct) < order + 1:
        raise _undetermined()


def _undetermined() -> StataError:
    return StataError(
        2001, "Not enough variability to compute the preliminary bandwidth. "
        "Try checking for mass points with option masspoints(check)."
    )  # fmt: skip


def _optimum(pieces: list[_Pieces], sign: float, order: int, scale: float) -> float:
    """The bandwidth that balances variance and squared bias."""
    bias = pieces[-1].bias + (sign * pieces[0].bias if len(pieces) == 2 else 0.0)
    squared = bias**2 + scale * sum(piece.penalty for piece in pieces)
    variance = sum(piece.variance for piece in pieces)
    if not (math.isfinite(variance) and variance > 0.0 and squared > 0.0):
        raise _undetermined()
    return float((variance / squared) ** (1.0 / (2 * order + 3)))


def bandwidths(left: Side, right: Side, options: Options, choice: Choice, selectors: tuple[str, ...]) -> list[Widths]:
    """The bandwidths of each selector named. Raises r(2001) when the data cannot tell."""
    search = _Search(left, right, options, choice)
    kinds = {name[3:] for name in selectors}
    found: dict[str, Widths] = {}
    if kinds & {"rd", "comb1", "comb2"}:
        h, b = search.common(-1.0)
        found["rd"] = (h, h, b, b)
    if kinds & {"sum", "comb1", "comb2"}:
        h, b = search.common(1.0)
        found["sum"] = (h, h, b, b)
    if kinds & {"two", "comb2"}:
        (h_l, b_l), (h_r, b_r) = search.separate(0), search.separate(1)
        found["two"] = (h_l, h_r, b_l, b_r)
    if "comb1" in kinds:
        found["comb1"] = _each(np.min([found["rd"], found["sum"]], axis=0))
    if "comb2" in kinds:
        found["comb2"] = _each(np.median([found["rd"], found["sum"], found["two"]], axis=0))
    n = left.n_clusters + right.n_clusters if options.clustered else len(left.x) + len(right.x)
    p = options.p
    shrink = n ** (-(p / ((3.0 + p) * (3.0 + 2.0 * p))))
    return [
        found[name[3:]] if name.startswith("mse") else _each(np.array(found[name[3:]]) * [shrink, shrink, 1.0, 1.0])
        for name in selectors
    ]


def _each(values: FloatArray) -> Widths:
    return float(values[0]), float(values[1]), float(values[2]), float(values[3])
