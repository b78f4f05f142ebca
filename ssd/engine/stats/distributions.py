"""Tail probabilities and quantiles that inference needs; scipy.special is loaded at first use.

Every function takes and returns plain floats. A missing argument (nan or Stata's `.`) gives nan.
"""

from __future__ import annotations

import math

import numpy as np

from ssd.engine.missing import MISSING, FloatArray


def _usable(*values: float) -> bool:
    return all(math.isfinite(v) and abs(v) < MISSING for v in values)


def normal_two_sided(z: float) -> float:
    """P(|Z| > |z|)."""
    from scipy import special

    return float(2.0 * special.ndtr(-abs(z))) if _usable(z) else math.nan


def student_two_sided(t: float, df: float) -> float:
    """P(|T| > |t|) with `df` degrees of freedom."""
    from scipy import special

    if not _usable(t, df) or df <= 0:
        return math.nan
    return float(special.betainc(df / 2.0, 0.5, df / (df + t * t)))


def chi2_tail(x: float, df: float) -> float:
    from scipy import special

    if not _usable(x, df) or df <= 0:
        return math.nan
    return float(special.chdtrc(df, max(x, 0.0)))


def f_tail(x: float, df1: float, df2: float) -> float:
    from scipy import special

    if not _usable(x, df1, df2) or df1 <= 0 or df2 <= 0:
        return math.nan
    return float(special.fdtrc(df1, df2, max(x, 0.0)))


def normal_quantile(p: float) -> float:
    from scipy import special

    return float(special.ndtri(p))


def student_quantile(p: float, df: float) -> float:
    from scipy import special

    return float(special.stdtrit(df, p)) if _usable(p, df) and df > 0 else math.nan


def critical(level: float, df: float | None) -> float:
    """Half-width multiplier of a two-sided interval of `level` percent; t when `df` is given, else normal."""
    p = 0.5 + level / 200.0
    return normal_quantile(p) if df is None else student_quantile(p, df)


def two_sided(statistic: float, df: float | None) -> float:
    """p-value of |statistic|; t when `df` is given, else normal."""
    return normal_two_sided(statistic) if df is None else student_two_sided(statistic, df)


def normal_density(z: FloatArray) -> FloatArray:
    return np.asarray(np.exp(-0.5 * z * z) / math.sqrt(2.0 * math.pi), dtype=np.float64)


def normal_cumulative(z: FloatArray) -> FloatArray:
    from scipy import special

    return np.asarray(special.ndtr(z), dtype=np.float64)


def log_normal_cumulative(z: FloatArray) -> FloatArray:
    from scipy import special

    return np.asarray(special.log_ndtr(z), dtype=np.float64)


def log_gamma(x: FloatArray) -> FloatArray:
    from scipy import special

    return np.asarray(special.gammaln(x), dtype=np.float64)


def digamma(x: FloatArray) -> FloatArray:
    from scipy import special

    return np.asarray(special.psi(x), dtype=np.float64)


def trigamma(x: FloatArray) -> FloatArray:
    from scipy import special

    return np.asarray(special.polygamma(1, x), dtype=np.float64)
