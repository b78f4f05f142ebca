"""Values that carry their first and second derivatives by a few indices, one row per observation.

A likelihood or a predicted mean written once in these gives exact scores, Hessians and marginal effects
(forward differentiation to second order; Griewank and Walther, Evaluating Derivatives, chapter 13).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ssd.engine.missing import BoolArray, FloatArray
from ssd.engine.stats.distributions import (
    digamma,
    log_gamma,
    log_normal_cumulative,
    normal_cumulative,
    normal_density,
    trigamma,
)

_HALF_LOG_2PI = 0.5 * math.log(2.0 * math.pi)


@dataclass(frozen=True)
class Jet:
    """A value (n,), its gradient (n, E) and its second derivatives (n, E, E)."""

    value: FloatArray
    gradient: FloatArray
    hessian: FloatArray

    __array_ufunc__ = None
    """Makes numpy arrays leave `array * jet` to this class."""

    def chain(self, value: FloatArray, first: FloatArray, second: FloatArray) -> Jet:
        """A function of this jet with the given value and derivatives."""
        g = self.gradient
        return Jet(
            value,
            first[:, None] * g,
            first[:, None, None] * self.hessian + second[:, None, None] * (g[:, :, None] * g[:, None, :]),
        )

    def __add__(self, other: Jet | FloatArray | float) -> Jet:
        if isinstance(other, Jet):
            return Jet(self.value + other.value, self.gradient + other.gradient, self.hessian + other.hessian)
        return Jet(self.value + other, self.gradient, self.hessian)

    __radd__ = __add__

    def __neg__(self) -> Jet:
        return Jet(-self.value, -self.gradient, -self.hessian)

    def __sub__(self, other: Jet | FloatArray | float) -> Jet:
        return self + (-other)

    def __rsub__(self, other: FloatArray | float) -> Jet:
        return -self + other

    def __mul__(self, other: Jet | FloatArray | float) -> Jet:
        if isinstance(other, Jet):
            a, b = self, other
            cross = a.gradient[:, :, None] * b.gradient[:, None, :]
            return Jet(
                a.value * b.value,
                a.value[:, None] * b.gradient + b.value[:, None] * a.gradient,
                a.value[:, None, None] * b.hessian
                + b.value[:, None, None] * a.hessian
                + cross
                + cross.transpose(0, 2, 1),
            )
        factor = np.broadcast_to(np.asarray(other, dtype=np.float64), self.value.shape)
        return Jet(self.value * factor, self.gradient * factor[:, None], self.hessian * factor[:, None, None])

    __rmul__ = __mul__

    def reciprocal(self) -> Jet:
        inverse = 1.0 / self.value
        return self.chain(inverse, -(inverse**2), 2.0 * inverse**3)

    def __truediv__(self, other: Jet | FloatArray | float) -> Jet:
        return self * (other.reciprocal() if isinstance(other, Jet) else 1.0 / np.asarray(other, dtype=np.float64))

    def __rtruediv__(self, other: FloatArray | float) -> Jet:
        return self.reciprocal() * other


def variables(indices: FloatArray, *, derivatives: bool = True) -> list[Jet]:
    """One jet per column of the indices (n, E); without derivatives they cost what plain arrays cost."""
    n, E = indices.shape
    size = E if derivatives else 0
    zeros = np.zeros((n, size, size))
    seeds = []
    for e in range(E):
        gradient = np.zeros((n, size))
        if derivatives:
            gradient[:, e] = 1.0
        seeds.append(Jet(indices[:, e], gradient, zeros))
    return seeds


def exp(x: Jet) -> Jet:
    value = np.exp(np.minimum(x.value, 700.0))
    return x.chain(value, value, value)


def log(x: Jet) -> Jet:
    inverse = 1.0 / x.value
    return x.chain(np.log(x.value), inverse, -(inverse**2))


def square(x: Jet) -> Jet:
    return x.chain(x.value**2, 2.0 * x.value, np.full_like(x.value, 2.0))


def sqrt(x: Jet) -> Jet:
    root = np.sqrt(x.value)
    return x.chain(root, 0.5 / root, -0.25 / (root * x.value))


def tanh(x: Jet) -> Jet:
    value = np.tanh(x.value)
    first = 1.0 - value**2
    return x.chain(value, first, -2.0 * value * first)


def gamma_log(x: Jet) -> Jet:
    """ln Gamma(x)."""
    return x.chain(log_gamma(x.value), digamma(x.value), trigamma(x.value))


def log1p_exp(x: Jet) -> Jet:
    """ln(1 + exp(x))."""
    from ssd.engine.stats.binary import logistic

    p, q = logistic(x.value), logistic(-x.value)
    return x.chain(np.logaddexp(0.0, x.value), p, p * q)


def logistic_cumulative(x: Jet) -> Jet:
    """exp(x) / (1 + exp(x))."""
    from ssd.engine.stats.binary import logistic

    p, q = logistic(x.value), logistic(-x.value)
    return x.chain(p, p * q, p * q * (q - p))


def normal_log_density(x: Jet) -> Jet:
    return square(x) * -0.5 - _HALF_LOG_2PI


def normal_probability(x: Jet) -> Jet:
    """Phi(x)."""
    f = normal_density(x.value)
    return x.chain(normal_cumulative(x.value), f, -x.value * f)


def normal_density_of(x: Jet) -> Jet:
    """phi(x)."""
    f = normal_density(x.value)
    return x.chain(f, -x.value * f, (x.value**2 - 1.0) * f)


def log_normal_probability(x: Jet) -> Jet:
    """ln Phi(x), also far out in the tail."""
    value = log_normal_cumulative(x.value)
    ratio = np.exp(-0.5 * x.value**2 - _HALF_LOG_2PI - value)
    return x.chain(value, ratio, -ratio * (x.value + ratio))


def mills_ratio(x: Jet) -> Jet:
    """phi(x) / Phi(x)."""
    m = np.exp(-0.5 * x.value**2 - _HALF_LOG_2PI - log_normal_cumulative(x.value))
    first = -m * (x.value + m)
    return x.chain(m, first, -first * (x.value + m) - m * (1.0 + first))


def log_expm1(x: Jet) -> Jet:
    """ln(exp(x) - 1) for x > 0."""
    value = x.value + np.log(-np.expm1(-x.value))
    first = -1.0 / np.expm1(-x.value)
    return x.chain(value, first, first * (1.0 - first))


def binormal_probability(h: Jet, k: Jet, r: Jet) -> Jet:
    """Pr(Z1 < h, Z2 < k) of standard normals with correlation r."""
    from ssd.engine.stats.bivariate import bivariate_normal

    a, b, c = h.value, k.value, r.value
    rest = 1.0 - c * c
    root = np.sqrt(rest)
    joint = np.exp(-0.5 * (a * a - 2.0 * c * a * b + b * b) / rest) / (2.0 * math.pi * root)
    by_h = normal_density(a) * normal_cumulative((b - c * a) / root)
    by_k = normal_density(b) * normal_cumulative((a - c * b) / root)
    by_hr = -joint * (a - c * b) / rest
    by_kr = -joint * (b - c * a) / rest
    by_rr = joint * (c / rest + ((1.0 + c * c) * a * b - c * (a * a + b * b)) / rest**2)
    value = np.asarray(bivariate_normal(a, b, c), dtype=np.float64)
    first = [by_h, by_k, joint]
    second = [
        [-a * by_h - c * joint, joint, by_hr],
        [joint, -b * by_k - c * joint, by_kr],
        [by_hr, by_kr, by_rr],
    ]
    return compose([h, k, r], value, first, second)


def compose(
    parts: Sequence[Jet], value: FloatArray, first: Sequence[FloatArray], second: Sequence[Sequence[FloatArray]]
) -> Jet:
    """A function of several jets from its value and partial derivatives."""
    gradient = np.zeros_like(parts[0].gradient)
    hessian = np.zeros_like(parts[0].hessian)
    for i, left in enumerate(parts):
        gradient = gradient + first[i][:, None] * left.gradient
        hessian = hessian + first[i][:, None, None] * left.hessian
        for j, right in enumerate(parts):
            outer = left.gradient[:, :, None] * right.gradient[:, None, :]
            hessian = hessian + second[i][j][:, None, None] * outer
    return Jet(value, gradient, hessian)


def where(condition: BoolArray, yes: Jet | float, no: Jet | float) -> Jet:
    """`yes` where the condition holds, else `no`; at least one of the two is a jet."""
    pattern = yes if isinstance(yes, Jet) else no
    assert isinstance(pattern, Jet)
    a, b = (side if isinstance(side, Jet) else pattern * 0.0 + side for side in (yes, no))
    return Jet(
        np.where(condition, a.value, b.value),
        np.where(condition[:, None], a.gradient, b.gradient),
        np.where(condition[:, None, None], a.hessian, b.hessian),
    )


class JetModel:
    """Base of likelihood models (see stats/likelihood.py) whose terms are written in jets."""

    def terms(self, indices: Sequence[Jet]) -> Jet:
        """Each observation's log likelihood given one jet per index."""
        raise TypeError("a model defines its terms")

    def log_likelihood(self, indices: FloatArray) -> FloatArray:
        return self.terms(variables(indices, derivatives=False)).value

    def derivatives(self, indices: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
        found = self.terms(variables(indices))
        return found.value, found.gradient, found.hessian
