"""Tests of normality: Shapiro-Wilk, Shapiro-Francia (Royston 1992, 1993), skewness-kurtosis (D'Agostino 1990)."""

from __future__ import annotations

import numpy as np

from ssd.engine.missing import FloatArray
from ssd.engine.stats.correlation import ranks
from ssd.engine.stats.moments import skewness_kurtosis


def _blom_scores(x: FloatArray) -> FloatArray:
    """Approximate normal scores of the sorted values, from average ranks where values tie."""
    from scipy.special import ndtri

    return np.asarray(ndtri((ranks(np.sort(x)) - 0.375) / (x.size + 0.25)))


def shapiro_wilk(x: FloatArray) -> tuple[float, float, float, float]:
    """(W, V, z, p) for 4 <= n <= 5000; normalizing approximation of Royston (1992)."""
    from ssd.engine.stats.tails import norm

    n = x.size
    y = np.sort(x)
    m = _blom_scores(x)
    squares = float(m @ m)
    u = 1.0 / np.sqrt(n)
    a = m / np.sqrt(squares)
    last = a[-1] + np.polyval([-2.706056, 4.434685, -2.071190, -0.147981, 0.221157, 0.0], u)
    if n > 5:
        before = a[-2] + np.polyval([-3.582633, 5.682633, -1.752461, -0.293762, 0.042981, 0.0], u)
        phi = (squares - 2 * m[-1] ** 2 - 2 * m[-2] ** 2) / (1 - 2 * last**2 - 2 * before**2)
        weights = m / np.sqrt(phi)
        weights[[0, 1, -2, -1]] = [-last, -before, before, last]
    else:
        phi = (squares - 2 * m[-1] ** 2) / (1 - 2 * last**2)
        weights = m / np.sqrt(phi)
        weights[[0, -1]] = [-last, last]
    w = _squared_correlation(weights, y)
    if n <= 11:
        g = -2.273 + 0.459 * n
        mu = np.polyval([-0.0006714, 0.025054, -0.39978, 0.5440], n)
        sigma = np.exp(np.polyval([-0.0020322, 0.062767, -0.77857, 1.3822], n))
        z = (-np.log(g - np.log(1.0 - w)) - mu) / sigma
        reference = 1.0 - np.exp(g - np.exp(-mu))
    else:
        log_n = np.log(n)
        mu = np.polyval([0.0038915, -0.083751, -0.31082, -1.5861], log_n)
        sigma = np.exp(np.polyval([0.0030302, -0.082676, -0.4803], log_n))
        z = (np.log(1.0 - w) - mu) / sigma
        reference = 1.0 - np.exp(mu)
    return float(w), float((1.0 - w) / (1.0 - reference)), float(z), float(norm.sf(z))


def _squared_correlation(weights: FloatArray, y: FloatArray) -> float:
    centred_y, centred_w = y - y.mean(), weights - weights.mean()
    return float((centred_w @ centred_y) ** 2 / (centred_w @ centred_w) / (centred_y @ centred_y))


def shapiro_francia(x: FloatArray) -> tuple[float, float, float, float]:
    """(W', V', z, p) for 5 <= n <= 5000; Royston (1993)."""
    from ssd.engine.stats.tails import norm

    n = x.size
    w = _squared_correlation(_blom_scores(x), np.sort(x))
    nu = np.log(n)
    u1, u2 = np.log(nu) - nu, np.log(nu) + 2.0 / nu
    mu, sigma = -1.2725 + 1.0521 * u1, 1.0308 - 0.26758 * u2
    z = (np.log(1.0 - w) - mu) / sigma
    return float(w), float((1.0 - w) / np.exp(mu)), float(z), float(norm.sf(z))


def skewness_kurtosis_test(x: FloatArray, adjust: bool = True) -> dict[str, float]:
    """p_skew, p_kurt, chi2, p_chi2: D'Agostino, Belanger and D'Agostino (1990), Royston's (1991) adjustment."""
    from ssd.engine.stats.tails import chi2, norm

    n = float(x.size)
    skew, kurt = skewness_kurtosis(x)
    y = skew * np.sqrt((n + 1) * (n + 3) / (6 * (n - 2)))
    beta2 = 3 * (n**2 + 27 * n - 70) * (n + 1) * (n + 3) / ((n - 2) * (n + 5) * (n + 7) * (n + 9))
    w2 = -1 + np.sqrt(2 * (beta2 - 1))
    alpha = np.sqrt(2 / (w2 - 1))
    z1 = float(np.arcsinh(y / alpha) / np.sqrt(np.log(np.sqrt(w2))))
    expected = 3 * (n - 1) / (n + 1)
    variance = 24 * n * (n - 2) * (n - 3) / ((n + 1) ** 2 * (n + 3) * (n + 5))
    standard = (kurt - expected) / np.sqrt(variance)
    root_beta1 = 6 * (n**2 - 5 * n + 2) / ((n + 7) * (n + 9)) * np.sqrt(6 * (n + 3) * (n + 5) / (n * (n - 2) * (n - 3)))
    a = 6 + 8 / root_beta1 * (2 / root_beta1 + np.sqrt(1 + 4 / root_beta1**2))
    core = (1 - 2 / a) / (1 + standard * np.sqrt(2 / (a - 4)))
    z2 = float((1 - 2 / (9 * a) - np.cbrt(core)) / np.sqrt(2 / (9 * a)))
    joint = z1**2 + z2**2
    if adjust:
        joint = _royston_adjustment(joint, n)
    return {
        "p_skew": float(2 * norm.sf(abs(z1))),
        "p_kurt": float(2 * norm.sf(abs(z2))),
        "chi2": float(joint),
        "p_chi2": float(chi2.sf(joint, 2)),
    }


def _royston_adjustment(k2: float, n: float) -> float:
    """Royston's (1991) empirical adjustment of K2 ([R] sktest, Methods and formulas)."""
    from scipy.special import ndtri

    from ssd.engine.stats.tails import norm

    zc = float(-ndtri(np.exp(-0.5 * k2)))
    log_n = np.log(n)
    zt = 0.55 * n**0.2 - 0.21
    a1 = (-5 + 3.46 * log_n) * np.exp(-1.37 * log_n)
    b1 = 1 + (0.854 - 0.148 * log_n) * np.exp(-0.55 * log_n)
    b2 = b1 + 2.13 / (1 - 2.37 * log_n)
    a2 = a1 - 2.13 / (1 - 2.37 * log_n) * zt
    if zc < -1:
        z = zc
    elif zc < zt:
        z = a1 + b1 * zc
    else:
        z = a2 + b2 * zc
    return float(-2.0 * np.log(norm.sf(z)))


def normal_order_ranks(x: FloatArray) -> FloatArray:
    """Plotting positions i / (n + 1) with average ranks (used by qnorm and pnorm)."""
    return np.asarray(ranks(x) / (x.size + 1.0))
