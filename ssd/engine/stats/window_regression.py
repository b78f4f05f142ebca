"""Least squares in many windows at once, from sums of products."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ssd.engine.missing import FloatArray


@dataclass(frozen=True)
class WindowFit:
    """Results by window; NaN where the window has no more observations than coefficients or X'X is singular."""

    n: FloatArray
    b: FloatArray
    """(windows, k), the constant last."""
    se: FloatArray
    r2: FloatArray
    adjusted: FloatArray
    rmse: FloatArray


def fit_windows(
    y: FloatArray, X: FloatArray, window: NDArray[np.intp], count: int, *, robust: bool = False
) -> WindowFit:
    """Regressions of `y` on `X` and a constant within each window.

    y: (members,), X: (members, k), window: (members,) numbers from 0 to count - 1. Variables are centred within
    the window first, so that little precision is lost. Standard errors are conventional, or HC1 with `robust`.
    """
    # Squares of huge values overflow to windows without result.
    with np.errstate(all="ignore"):
        return _fit(y, X, window, count, robust=robust)


def _fit(y: FloatArray, X: FloatArray, window: NDArray[np.intp], count: int, *, robust: bool) -> WindowFit:
    k = X.shape[1]
    n = np.bincount(window, minlength=count).astype(np.float64)
    mean_y = np.bincount(window, y, count) / n
    mean_x = np.stack([np.bincount(window, X[:, j], count) for j in range(k)], axis=1) / n[:, None] if k else (
            np.zeros((count, 0)))  # fmt: skip
    dy = y - mean_y[window]
    dX = X - mean_x[window]
    S = np.empty((count, k, k))
    s = np.empty((count, k))
    for i in range(k):
        s[:, i] = np.bincount(window, dX[:, i] * dy, count)
        for j in range(i, k):
            S[:, i, j] = S[:, j, i] = np.bincount(window, dX[:, i] * dX[:, j], count)
    usable = (n > k + 1) & _regular(S)
    inverse = np.full_like(S, np.nan)
    if k and usable.any():
        inverse[usable] = np.linalg.inv(S[usable])
    slopes = np.einsum("wij,wj->wi", inverse, s)
    constant = mean_y - np.einsum("wi,wi->w", slopes, mean_x)
    residual = dy - np.einsum("mi,mi->m", dX, slopes[window])
    rss = np.bincount(window, residual**2, count)
    tss = np.bincount(window, dy**2, count)
    with np.errstate(all="ignore"):
        r2 = 1.0 - rss / tss
        df = n - k - 1.0
        adjusted = 1.0 - (1.0 - r2) * (n - 1.0) / df
        sigma2 = rss / df
        if robust:
            variance = _robust(dX, residual, window, count, inverse, mean_x, n)
        else:
            variance = np.concatenate(
                [
                    np.einsum("wii->wi", inverse) * sigma2[:, None],
                    (sigma2 * (1.0 / n + np.einsum("wi,wij,wj->w", mean_x, inverse, mean_x)))[:, None],
                ],
                axis=1,
            )
        se = np.sqrt(variance)
    b = np.concatenate([slopes, constant[:, None]], axis=1)
    blank = ~usable
    for values in (b, se, r2, adjusted, sigma2):
        values[blank] = np.nan
    return WindowFit(n, b, se, r2, adjusted, np.sqrt(sigma2))


def _regular(S: FloatArray) -> NDArray[np.bool_]:
    """Whether X'X can be inverted, judged on the scale of its diagonal."""
    k = S.shape[1]
    if k == 0:
        return np.ones(len(S), dtype=np.bool_)
    scale = np.sqrt(np.einsum("wii->wi", S))
    positive = (scale > 0).all(axis=1)
    safe = np.where(positive[:, None] & np.isfinite(scale), scale, 1.0)
    S = np.where(np.isfinite(S), S, 0.0)
    correlation = S / (safe[:, :, None] * safe[:, None, :])
    smallest = np.linalg.eigvalsh(correlation)[:, 0]
    regular: NDArray[np.bool_] = positive & np.isfinite(scale).all(axis=1) & (smallest > 1e-11)
    return regular


def _robust(
    dX: FloatArray,
    residual: FloatArray,
    window: NDArray[np.intp],
    count: int,
    inverse: FloatArray,
    mean_x: FloatArray,
    n: FloatArray,
) -> FloatArray:
    """HC1 variances of the slopes and the constant (White 1980, times n / (n - k))."""
    k = dX.shape[1]
    # The constant's influence is 1/n less what the slopes move it by.
    influence = np.concatenate([np.einsum("mij,mj->mi", inverse[window], dX), (1.0 / n[window])[:, None]], axis=1)
    influence[:, k] -= np.einsum("mi,mi->m", influence[:, :k], mean_x[window])
    squares = (influence * residual[:, None]) ** 2
    sums = np.stack([np.bincount(window, squares[:, j], count) for j in range(k + 1)], axis=1)
    return np.asarray(sums * (n / (n - k - 1.0))[:, None], dtype=np.float64)
