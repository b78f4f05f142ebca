"""Tails and quantiles of the usual distributions through scipy.special.

Importing scipy.stats takes longer than most commands run (about a second on one core), scipy.special does
not; the names and argument orders are those of scipy.stats, so a reader finds what is expected.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike

# Results are numpy scalars or arrays, as the arguments are.
Value = Any


class norm:  # noqa: N801
    """Standard normal."""

    @staticmethod
    def cdf(z: ArrayLike) -> Value:
        from scipy.special import ndtr

        return ndtr(z)

    @staticmethod
    def sf(z: ArrayLike) -> Value:
        from scipy.special import ndtr

        return ndtr(np.negative(z))

    @staticmethod
    def ppf(p: ArrayLike) -> Value:
        from scipy.special import ndtri

        return ndtri(p)

    @staticmethod
    def pdf(z: ArrayLike) -> Value:
        return np.exp(-0.5 * np.square(z)) / np.sqrt(2 * np.pi)


class t:  # noqa: N801
    """Student's t."""

    @staticmethod
    def cdf(x: ArrayLike, df: float) -> Value:
        from scipy.special import stdtr

        return stdtr(df, x)

    @staticmethod
    def sf(x: ArrayLike, df: float) -> Value:
        from scipy.special import stdtr

        return stdtr(df, np.negative(x))

    @staticmethod
    def ppf(p: ArrayLike, df: float) -> Value:
        from scipy.special import stdtrit

        return stdtrit(df, p)


class f:  # noqa: N801
    """Fisher's F."""

    @staticmethod
    def cdf(x: ArrayLike, df1: float, df2: float) -> Value:
        from scipy.special import fdtr

        return fdtr(df1, df2, x)

    @staticmethod
    def sf(x: ArrayLike, df1: float, df2: float) -> Value:
        from scipy.special import fdtrc

        return fdtrc(df1, df2, x)


class chi2:  # noqa: N801
    """Chi-squared."""

    @staticmethod
    def cdf(x: ArrayLike, df: float) -> Value:
        from scipy.special import chdtr

        return chdtr(df, x)

    @staticmethod
    def sf(x: ArrayLike, df: float) -> Value:
        from scipy.special import chdtrc

        return chdtrc(df, x)

    @staticmethod
    def ppf(p: ArrayLike, df: float) -> Value:
        from scipy.special import gammaincinv

        return 2.0 * gammaincinv(df / 2.0, p)


class beta:  # noqa: N801
    """Beta."""

    @staticmethod
    def ppf(p: ArrayLike, a: float, b: float) -> Value:
        from scipy.special import betaincinv

        return betaincinv(a, b, p)


class binom:  # noqa: N801
    """Binomial."""

    @staticmethod
    def cdf(k: ArrayLike, n: int, p: float) -> Value:
        from scipy.special import bdtr

        return np.where(np.less(k, 0), 0.0, bdtr(np.maximum(k, 0), n, p))

    @staticmethod
    def sf(k: ArrayLike, n: int, p: float) -> Value:
        from scipy.special import bdtrc

        return np.where(np.less(k, 0), 1.0, bdtrc(np.maximum(k, 0), n, p))


class hypergeom:  # noqa: N801
    """Hypergeometric: k marked among `drawn`, of `total` with `marked`."""

    @staticmethod
    def pmf(k: ArrayLike, total: int, marked: int, drawn: int) -> Value:
        from scipy.special import gammaln

        def choose(n: ArrayLike, r: ArrayLike) -> Value:
            return gammaln(np.add(n, 1)) - gammaln(np.add(r, 1)) - gammaln(np.subtract(n, r) + 1)

        rest = np.subtract(drawn, k)
        return np.exp(choose(marked, k) + choose(total - marked, rest) - choose(total, drawn))


class nct:  # noqa: N801
    """Noncentral t."""

    @staticmethod
    def cdf(x: float, df: float, nc: float) -> Value:
        from scipy.special import nctdtr

        return nctdtr(df, nc, x)

    @staticmethod
    def sf(x: float, df: float, nc: float) -> Value:
        from scipy.special import nctdtr

        return 1.0 - nctdtr(df, nc, x)


def rankdata(x: ArrayLike) -> Value:
    """Average ranks, 1-based."""
    _, inverse, counts = np.unique(x, return_inverse=True, return_counts=True)
    last = np.cumsum(counts)
    return (last - (counts - 1) / 2.0)[inverse]
