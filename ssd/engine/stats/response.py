"""Mean functions of linear indices with two derivatives, for margins and the delta method."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from ssd.engine.missing import FloatArray
from ssd.engine.stats.binary import logistic
from ssd.engine.stats.distributions import normal_cumulative, normal_density

Response = Callable[[FloatArray], tuple[FloatArray, FloatArray, FloatArray]]
"""Indices (n, E) to the mean (n,), its gradient (n, E) and second derivatives (n, E, E)."""


def _single(m: FloatArray, d1: FloatArray, d2: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
    return m, d1[:, None], d2[:, None, None]


def identity(indices: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
    eta = indices[:, 0]
    return _single(eta, np.ones_like(eta), np.zeros_like(eta))


def exponential(indices: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
    mu = np.exp(indices[:, 0])
    return _single(mu, mu, mu)


def logit_mean(indices: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
    p, q = logistic(indices[:, 0]), logistic(-indices[:, 0])
    return _single(p, p * q, p * q * (q - p))


def probit_mean(indices: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
    eta = indices[:, 0]
    f = normal_density(eta)
    return _single(normal_cumulative(eta), f, -eta * f)


def cloglog_mean(indices: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
    u = np.exp(np.minimum(indices[:, 0], 700.0))
    first = u * np.exp(-u)
    return _single(-np.expm1(-u), first, first * (1.0 - u))


def inverse(indices: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
    eta = indices[:, 0]
    return _single(1.0 / eta, -1.0 / eta**2, 2.0 / eta**3)
