"""Fixed-, between- and random-effects regression (Stata [XT] xtreg, Methods and formulas)."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from ssd.engine.missing import FloatArray
from ssd.engine.stats.covariance import IndexArray
from ssd.engine.stats.linear import LeastSquares, least_squares


@dataclass(frozen=True)
class Panels:
    """Group number of each observation and group sizes."""

    ids: IndexArray
    sizes: FloatArray

    @classmethod
    def of(cls, values: np.ndarray[tuple[int, ...], np.dtype[np.generic]]) -> Panels:
        _, ids, sizes = np.unique(values, return_inverse=True, return_counts=True)
        return cls(ids.astype(np.intp).reshape(-1), sizes.astype(np.float64))

    @property
    def count(self) -> int:
        return len(self.sizes)

    def means(self, values: FloatArray, w: FloatArray | None = None) -> FloatArray:
        """Group means (weighted) of a vector or of columns: (groups,) or (groups, k)."""
        weights = np.ones(len(self.ids)) if w is None else w
        total = np.bincount(self.ids, weights=weights, minlength=self.count)
        if values.ndim == 1:
            return np.asarray(np.bincount(self.ids, weights=values * weights, minlength=self.count) / total)
        columns = [np.bincount(self.ids, weights=column * weights, minlength=self.count) for column in values.T]
        return np.column_stack(columns) / total[:, None] if columns else np.zeros((self.count, 0))


def overall_mean(values: FloatArray, w: FloatArray | None) -> FloatArray:
    return np.asarray(values.mean(axis=0) if w is None else (w @ values) / w.sum(), dtype=np.float64)


def own_scales(X: FloatArray, w: FloatArray | None) -> FloatArray:
    """Lengths of the columns about their overall means: what within variation is judged against."""
    centred = X - overall_mean(X, w)
    squares = np.einsum("ij,ij->j", centred, centred) if w is None else w @ (centred * centred)
    size = np.sqrt(np.einsum("ij,ij->j", X, X) if w is None else w @ (X * X))
    scales = np.sqrt(squares)
    return np.where(scales <= 1e-13 * size, 0.0, scales)


def within(values: FloatArray, panels: Panels, w: FloatArray | None = None) -> FloatArray:
    """Deviations from group means plus the overall mean, as xtreg, fe forms them."""
    return np.asarray(values - panels.means(values, w)[panels.ids] + overall_mean(values, w), dtype=np.float64)


def fit_within(X: FloatArray, y: FloatArray, panels: Panels, w: FloatArray | None = None) -> LeastSquares:
    """Within regression with a constant; columns without within variation are dropped."""
    return least_squares(within(X, panels, w), within(y, panels, w), w, scales=own_scales(X, w))


def squared_correlation(a: FloatArray, b: FloatArray, w: FloatArray | None = None) -> float:
    """Squared (weighted) correlation; nan when either does not vary."""
    if len(a) == 0:
        return math.nan
    da, db = a - overall_mean(a, w), b - overall_mean(b, w)
    weights = np.ones(len(a)) if w is None else w
    va, vb = float(weights @ (da * da)), float(weights @ (db * db))
    if va <= 0.0 or vb <= 0.0:
        return math.nan
    return float((weights @ (da * db)) ** 2 / (va * vb))


@dataclass(frozen=True)
class RSquared:
    within: float
    between: float
    overall: float


def r_squared(
    X: FloatArray, y: FloatArray, slopes: FloatArray, panels: Panels, w: FloatArray | None = None
) -> RSquared:
    """Squared correlations of fitted and observed values within, between and overall."""
    fitted = X @ slopes
    group_w = None
    return RSquared(
        squared_correlation(fitted - panels.means(fitted, w)[panels.ids], y - panels.means(y, w)[panels.ids], w),
        squared_correlation(panels.means(fitted, w), panels.means(y, w), group_w),
        squared_correlation(fitted, y, w),
    )


@dataclass(frozen=True)
class RandomEffects:
    """Swamy–Arora GLS. `X`, `y`, `constant` are the quasi-demeaned data used in the last step."""

    ls: LeastSquares
    sigma_u: float
    sigma_e: float
    theta: FloatArray
    """One per group."""
    X: FloatArray
    """(n, k + 1), the transformed constant last."""
    t_bar: float
    """Harmonic mean of the group sizes."""


def fit_random(X: FloatArray, y: FloatArray, panels: Panels, *, swamy_arora: bool = False) -> RandomEffects:
    """GLS with variance components from the within and between regressions.

    sigma_u^2 = max(0, SSR_b/(G-K) - sigma_e^2/T), T the harmonic mean of the group sizes (Baltagi–Chang
    small-sample form when `swamy_arora`).
    """
    n = len(X)
    fixed = fit_within(X, y, panels)
    df_e = n - panels.count - (fixed.rank - 1)
    sigma_e2 = fixed.rss / df_e if df_e > 0 else math.nan
    between = least_squares(panels.means(X), panels.means(y))
    t_bar = panels.count / float((1.0 / panels.sizes).sum())
    df_b = panels.count - between.rank
    if swamy_arora:
        root = np.sqrt(panels.sizes)
        weighted = least_squares(
            np.column_stack([panels.means(X) * root[:, None], root]), panels.means(y) * root, constant=False
        )
        Z = np.column_stack([panels.means(X), np.ones(panels.count)])
        A = weighted.inverse
        trace = float(np.trace(A @ (Z.T @ (Z * (panels.sizes**2)[:, None]))))
        sigma_u2 = (weighted.rss - (panels.count - weighted.rank) * sigma_e2) / (n - trace)
    else:
        sigma_u2 = between.rss / df_b - sigma_e2 / t_bar if df_b > 0 else math.nan
    sigma_u2 = max(0.0, sigma_u2) if not math.isnan(sigma_u2) else math.nan
    theta = 1.0 - np.sqrt(sigma_e2 / (panels.sizes * sigma_u2 + sigma_e2))
    share = theta[panels.ids]
    Xs = X - panels.means(X)[panels.ids] * share[:, None]
    ys = y - panels.means(y)[panels.ids] * share
    full = np.column_stack([Xs, 1.0 - share])
    ls = least_squares(full, ys, constant=False)
    return RandomEffects(ls, math.sqrt(sigma_u2), math.sqrt(sigma_e2), theta, full, t_bar)


def breusch_pagan(residuals: FloatArray, panels: Panels) -> float:
    """LM statistic of xttest0 for unbalanced panels from pooled OLS residuals (Baltagi and Li 1990)."""
    n = float(len(residuals))
    sums = np.bincount(panels.ids, weights=residuals, minlength=panels.count)
    a1 = 1.0 - float(sums @ sums) / float(residuals @ residuals)
    m1 = float((panels.sizes**2).sum())
    return n * n * a1 * a1 / (2.0 * (m1 - n))
