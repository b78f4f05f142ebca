"""Parametric survival distributions and their likelihood with entry times and frailty.

Formulas: [ST] streg, "Methods and formulas" (the log likelihood is that of ln t: failures add ln t).
Indices are, in order, the linear prediction, the ancillary parameters, and ln theta of the frailty.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ssd.engine.missing import FloatArray

Values = NDArray[Any]
"""Real, or complex where a derivative is taken by a complex step."""
Function = Callable[[FloatArray, list[Values]], tuple[Values, Values]]
"""ln t and indices to (ln of t h(t), cumulative hazard)."""

_SMALL = 1e-30


def _safe_exp(values: Values) -> Values:
    limited = np.clip(values.real, -745.0, 700.0)
    result: Values = np.exp(limited + 1j * values.imag) if np.iscomplexobj(values) else np.exp(limited)
    return result


def exponential(ln_t: FloatArray, index: list[Values]) -> tuple[Values, Values]:
    return index[0] + ln_t, _safe_exp(index[0] + ln_t)


def exponential_time(ln_t: FloatArray, index: list[Values]) -> tuple[Values, Values]:
    return ln_t - index[0], _safe_exp(ln_t - index[0])


def weibull(ln_t: FloatArray, index: list[Values]) -> tuple[Values, Values]:
    log_h = index[0] + _safe_exp(index[1]) * ln_t
    return log_h + index[1], _safe_exp(log_h)


def weibull_time(ln_t: FloatArray, index: list[Values]) -> tuple[Values, Values]:
    log_h = _safe_exp(index[1]) * (ln_t - index[0])
    return log_h + index[1], _safe_exp(log_h)


def gompertz(ln_t: FloatArray, index: list[Values]) -> tuple[Values, Values]:
    t, gamma = np.exp(ln_t), index[1]
    product = gamma * t
    small = np.abs(product.real) < 1e-5
    divisor = np.where(small, 1.0, gamma)
    grown = np.where(small, t * (1.0 + product / 2.0 + product * product / 6.0), (_safe_exp(product) - 1.0) / divisor)
    return index[0] + product + ln_t, _safe_exp(index[0]) * grown


def loglogistic(ln_t: FloatArray, index: list[Values]) -> tuple[Values, Values]:
    z = (ln_t - index[0]) * _safe_exp(-index[1])
    positive = z.real > 0
    tail = np.log(1.0 + _safe_exp(np.where(positive, -z, z)))
    H = np.where(positive, z + tail, tail)
    return z - index[1] - H, H


def lognormal(ln_t: FloatArray, index: list[Values]) -> tuple[Values, Values]:
    from scipy.special import log_ndtr

    z = (ln_t - index[0]) * _safe_exp(-index[1])
    H = -log_ndtr(-z)
    return -0.5 * z * z - 0.5 * np.log(2.0 * np.pi) - index[1] + H, H


def generalized_gamma(ln_t: FloatArray, index: list[Values]) -> tuple[Values, Values]:
    """Real arguments only; index[2] is kappa."""
    from scipy.special import gammainc, gammaincc, gammaln

    kappa = np.where(np.abs(index[2]) < 1e-6, 1e-6, index[2])
    size = np.abs(kappa)
    gamma = 1.0 / size**2
    z = np.sign(kappa) * (ln_t - index[0]) * np.exp(-index[1])
    w = np.minimum(size * z, 700.0)
    u = gamma * np.exp(w)
    large = gamma > 1e4
    stirling = np.where(
        large,
        -0.5 * np.log(2.0 * np.pi) - 1.0 / (12.0 * gamma),
        gamma * np.log(gamma) - gamma - gammaln(gamma) - 0.5 * np.log(gamma),
    )
    log_density = -index[1] + stirling - gamma * (np.expm1(w) - w)
    survivor = np.where(kappa > 0, gammaincc(gamma, u), gammainc(gamma, u))
    H = -np.log(np.maximum(survivor, 1e-300))
    return log_density + H, H


@dataclass(frozen=True)
class Distribution:
    name: str
    """As e(cmd) calls it."""
    title: str
    function: Function
    ancillary: tuple[str, ...]
    """Names of the ancillary parameters as in e(b)."""
    hazard_metric: bool
    analytic: bool = True
    """Complex steps give its derivatives."""


def distribution(name: str, *, time: bool) -> Distribution:
    """A distribution in the proportional-hazards or, with `time`, the accelerated-failure-time metric."""
    metric = "AFT" if time else "PH"
    if name == "exponential":
        function = exponential_time if time else exponential
        return Distribution("ereg", f"Exponential {metric} regression", function, (), not time)
    if name == "weibull":
        function = weibull_time if time else weibull
        return Distribution("weibull", f"Weibull {metric} regression", function, ("ln_p",), not time)
    if name == "gompertz":
        return Distribution("gompertz", "Gompertz PH regression", gompertz, ("gamma",), True)
    if name == "lognormal":
        return Distribution("lnormal", "Lognormal AFT regression", lognormal, ("lnsigma",), False)
    if name == "loglogistic":
        return Distribution("llogistic", "Loglogistic AFT regression", loglogistic, ("lngamma",), False)
    return Distribution("gamma", "Generalized gamma AFT regression", generalized_gamma, ("lnsigma", "kappa"), False,
                        analytic=False)  # fmt: skip


@dataclass(frozen=True)
class Parametric:
    """The likelihood of records (t0, t] with failures d, for `likelihood.maximize`."""

    kind: Distribution
    t0: FloatArray
    t: FloatArray
    d: FloatArray
    frailty: str = ""
    """gamma, invgaussian, or empty."""

    def _terms(self, index: list[Values]) -> Values:
        """Log likelihood of each record: (n,)."""
        log_h, H = self.kind.function(np.log(self.t), index)
        late = self.t0 > 0.0
        H0: Values = np.zeros_like(H)
        if late.any():
            H0[late] = self.kind.function(np.log(self.t0[late]), [each[late] for each in index])[1]
        if not self.frailty:
            plain: Values = self.d * log_h - H + H0
            return plain
        theta = _safe_exp(index[-1])
        if self.frailty == "gamma":
            grown = np.log(1.0 + theta * H)
            mixed: Values = self.d * (log_h - grown) - (grown - np.log(1.0 + theta * H0)) / theta
            return mixed
        root, root0 = np.sqrt(1.0 + 2.0 * theta * H), np.sqrt(1.0 + 2.0 * theta * H0)
        inverse: Values = self.d * (log_h - np.log(root)) - (root - root0) / theta
        return inverse

    def log_likelihood(self, indices: FloatArray) -> FloatArray:
        with np.errstate(all="ignore"):
            terms: FloatArray = np.asarray(self._terms(list(indices.T)), dtype=np.float64)
        return terms

    def _width(self, indices: FloatArray, e: int) -> float:
        """Step of the differences: small against the scale on which the likelihood changes with an index."""
        if not self.kind.analytic:
            return 5e-3 * float(np.exp(np.median(indices[:, 1]))) if e == 0 else 5e-3
        if self.kind.name == "gompertz" and e == 1:
            return min(3e-5, 3e-3 / float(self.t.max()))
        return 3e-5

    def gradient(self, indices: FloatArray) -> FloatArray:
        """First derivatives by the indices: (n, E); by complex steps, or central differences of fourth order."""
        n, many = indices.shape
        S = np.empty((n, many))
        for e in range(many):
            if self.kind.analytic:
                shifted = [c + (1j * _SMALL if j == e else 0j) for j, c in enumerate(indices.T)]
                S[:, e] = np.asarray(self._terms(shifted)).imag / _SMALL
            else:
                S[:, e] = _central(self.log_likelihood, indices, e, self._width(indices, e) / 5.0)
        return S

    def derivatives(self, indices: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
        n, many = indices.shape
        H = np.empty((n, many, many))
        with np.errstate(all="ignore"):
            for e in range(many):
                H[:, :, e] = _central(self.gradient, indices, e, self._width(indices, e))
            H = (H + H.transpose(0, 2, 1)) / 2.0
            return self.log_likelihood(indices), self.gradient(indices), H


def _moved(indices: FloatArray, e: int, by: float) -> FloatArray:
    moved = indices.copy()
    moved[:, e] += by
    return moved


def _central(function: Callable[[FloatArray], FloatArray], indices: FloatArray, e: int, h: float) -> FloatArray:
    """Derivative by index e as a central difference of fourth order."""
    near = function(_moved(indices, e, h)) - function(_moved(indices, e, -h))
    far = function(_moved(indices, e, 2.0 * h)) - function(_moved(indices, e, -2.0 * h))
    return (8.0 * near - far) / (12.0 * h)


def median_time(name: str, index: list[FloatArray]) -> FloatArray:
    """Median survival time of each record; `name` is that of `Distribution`, PH indices for hazard metrics."""
    from scipy.special import gammaincinv

    if name in {"lnormal", "llogistic"}:
        log_time = index[0]
    elif name == "gompertz":
        with np.errstate(divide="ignore", invalid="ignore"):
            curved = np.log(np.log1p(index[1] * np.log(2.0) * np.exp(-index[0])) / index[1])
        log_time = np.where(np.abs(index[1]) < 1e-12, np.log(np.log(2.0)) - index[0], curved)
    elif name == "gamma":
        gamma = 1.0 / index[2] ** 2
        z = np.log(gammaincinv(gamma, 0.5) / gamma) / np.abs(index[2])
        log_time = index[0] + np.sign(index[2]) * z * np.exp(index[1])
    else:
        p = np.exp(index[1]) if name == "weibull" else np.ones_like(index[0])
        log_time = (np.log(np.log(2.0)) - index[0]) / p
    return np.asarray(np.exp(log_time), dtype=np.float64)


def mean_time(name: str, index: list[FloatArray]) -> FloatArray:
    """Mean survival time; nan where it does not exist. Not for Gompertz."""
    from scipy.special import gammaln

    if name == "lnormal":
        log_time = index[0] + np.exp(2.0 * index[1]) / 2.0
    elif name == "llogistic":
        g = np.exp(index[1])
        with np.errstate(invalid="ignore", divide="ignore"):
            log_time = np.where(g < 1.0, index[0] + np.log(np.pi * g / np.sin(np.pi * g)), np.nan)
    elif name == "gamma":
        k, sigma = index[2], np.exp(index[1])
        gamma = 1.0 / k**2
        shift = gamma + sigma / k
        with np.errstate(invalid="ignore"):
            found = index[0] + sigma / k * np.log(k * k) + gammaln(shift) - gammaln(gamma)
        log_time = np.where(shift > 0, found, np.nan)
    else:
        p = np.exp(index[1]) if name == "weibull" else np.ones_like(index[0])
        log_time = -index[0] / p + gammaln(1.0 + 1.0 / p)
    return np.asarray(np.exp(log_time), dtype=np.float64)
