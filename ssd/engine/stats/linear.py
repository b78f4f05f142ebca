"""Weighted least squares with Stata's handling of collinear columns.

The normal equations are formed on centred columns, scaled as if these had unit length, factored in column
order (so that the later of two collinear columns is dropped, as Stata does) and refined once against the
data, which gives the accuracy of an orthogonal factorisation at the price of one product X'X.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ssd.engine.missing import BoolArray, FloatArray
from ssd.engine.stats.arithmetic import quotient

COLLINEAR = 1e-13
"""A column is dropped when less than this share of its variation is left after the earlier columns."""
SPREAD_OUT = 1e-2
"""Columns whose variation about the mean is more than this share of their sum of squares need no centred copy."""
SUSPECT = 1e-5
"""Below this share the cross-product is too inexact to decide; the residual itself is computed."""


@dataclass(frozen=True)
class LeastSquares:
    """A fit of y on the columns of X and, unless `constant` is False, a constant as the last coefficient."""

    coefficients: FloatArray
    """(k + 1,) or (k,); dropped columns hold 0."""
    inverse: FloatArray
    """(X'WX)^-1 on the kept columns, zero elsewhere; same order as `coefficients`."""
    kept: BoolArray
    """(k,): columns of X that are not collinear with earlier ones."""
    residuals: FloatArray
    rank: int
    rss: float
    """Weighted residual sum of squares."""
    tss: float
    """Weighted total sum of squares, about the mean when there is a constant."""
    spread: FloatArray
    """(k,): square root of each column's weighted sum of squares, about the mean when there is a constant."""


@dataclass(frozen=True)
class _Centred:
    """Columns, their cross-product about their means, and the lengths against which collinearity is judged."""

    Z: FloatArray
    """(n, k): the columns up to a constant each. Residuals are kept at mean zero, so the constant does not matter."""
    offsets: FloatArray
    """(k,): what is left to subtract from Z to have the columns about their means."""
    means: FloatArray
    cross: FloatArray
    """Cross-product of the centred columns, (k, k)."""
    lengths: FloatArray
    """(k,); 0 for a column without variation."""


def _centred(X: FloatArray, w: FloatArray | None, constant: bool, lengths: FloatArray | None) -> _Centred:
    k = X.shape[1]
    offsets = means = np.zeros(k)
    Z, cross = X, X.T @ _weighted(X, w)
    if constant and X.shape[0]:
        total = float(X.shape[0] if w is None else w.sum())
        means = X.mean(axis=0) if w is None else (w @ X) / total
        raw = np.diag(cross)
        about_means = cross - total * np.outer(means, means)
        if np.all(np.diag(about_means) > SPREAD_OUT * raw):
            # The subtraction costs two digits at most, a centred copy of the data a third of the whole time.
            cross, offsets = about_means, means
        else:
            Z = X - means
            cross = Z.T @ _weighted(Z, w)
    if lengths is None:
        squares = np.diag(cross)
        # A column that is constant up to rounding has no variation of its own.
        size = np.sqrt(squares + (X.shape[0] if w is None else w.sum()) * means**2)
        own = np.sqrt(squares)
        lengths = np.where(own <= 1e-13 * size, 0.0, own)
    return _Centred(Z, offsets, means, cross, np.where(lengths > 0.0, lengths, 0.0))


def _weighted(Z: FloatArray, w: FloatArray | None) -> FloatArray:
    return Z if w is None else Z * w[:, None]


def _factor(centred: _Centred, w: FloatArray | None) -> tuple[BoolArray, FloatArray]:
    """Columns kept, and the lower Cholesky factor of the kept cross-product of unit-length columns, in their order."""
    usable = centred.lengths > 0.0
    safe = np.where(usable, centred.lengths, 1.0)
    G = centred.cross / np.outer(safe, safe)
    if usable.all():
        try:
            L = np.linalg.cholesky(G)
        except np.linalg.LinAlgError:
            pass
        else:
            if np.all(np.diag(L) ** 2 > SUSPECT):
                return usable, np.asarray(L, dtype=np.float64)
    Z = (centred.Z - centred.offsets) / safe
    return _factor_in_order(Z, _weighted(Z, w), G, usable, w)


def _factor_in_order(
    Z: FloatArray, WZ: FloatArray, G: FloatArray, usable: BoolArray, w: FloatArray | None
) -> tuple[BoolArray, FloatArray]:
    k = Z.shape[1]
    S = G.copy()
    L = np.zeros((k, k))
    kept: list[int] = []
    for j in np.flatnonzero(usable):
        pivot = float(S[j, j])
        if pivot < SUSPECT:
            pivot = _left_over(Z, WZ, L, kept, int(j), w)
            if pivot < COLLINEAR:
                continue
        root = np.sqrt(pivot)
        column = S[j:, j] / root
        column[0] = root
        L[j:, j] = column
        S[j + 1 :, j + 1 :] -= np.outer(column[1:], column[1:])
        kept.append(int(j))
    mask = np.zeros(k, dtype=np.bool_)
    mask[kept] = True
    return mask, L[np.ix_(kept, kept)]


def _left_over(Z: FloatArray, WZ: FloatArray, L: FloatArray, kept: list[int], j: int, w: FloatArray | None) -> float:
    """Squared length of column j after projection on the kept columns, computed from the data."""
    residual = Z[:, j].copy()
    if kept:
        factor = L[np.ix_(kept, kept)]
        basis = Z[:, kept]
        for _ in range(2):
            residual -= basis @ _backward(factor, _forward(factor, WZ[:, kept].T @ residual))
    return float(residual @ (residual if w is None else w * residual))


def _forward(L: FloatArray, b: FloatArray) -> FloatArray:
    return np.asarray(np.linalg.solve(L, b) if L.shape[0] else np.zeros_like(b), dtype=np.float64)


def _backward(L: FloatArray, b: FloatArray) -> FloatArray:
    return np.asarray(np.linalg.solve(L.T, b) if L.shape[0] else np.zeros_like(b), dtype=np.float64)


def independent_columns(
    X: FloatArray, w: FloatArray | None = None, *, constant: bool = True, scales: FloatArray | None = None
) -> BoolArray:
    """Which columns of X (n, k) stay after dropping those collinear with the constant and earlier columns.

    `scales` gives the lengths against which "no variation left" is judged; by default each column's own.
    """
    return _factor(_centred(X, w, constant, scales), w)[0]


def least_squares(
    X: FloatArray,
    y: FloatArray,
    w: FloatArray | None = None,
    *,
    constant: bool = True,
    scales: FloatArray | None = None,
) -> LeastSquares:
    """Minimise sum w (y - X b)^2. X (n, k) without the constant; y (n,); w (n,) or None for equal weights."""
    n, k = X.shape
    centred = _centred(X, w, constant, scales)
    kept, L = _factor(centred, w)
    Z = centred.Z if kept.all() else centred.Z[:, kept]
    scale = centred.lengths[kept]
    y_mean = 0.0
    if constant and n:
        y_mean = float(y.mean() if w is None else w @ y / w.sum())
    target = y - y_mean
    tss = float(target @ (target if w is None else w * target))
    beta = np.zeros(Z.shape[1])
    residual = target
    # Columns have unit length: with all pivots above 0.1 one solution is exact to rounding, else it is refined once.
    solved_well = bool(L.size) and float(np.diag(L).min()) > 0.1
    for _ in range(1 if solved_well else 2):
        weighted = residual if w is None else w * residual
        beta = beta + _backward(L, _forward(L, (Z.T @ weighted) / scale)) / scale
        residual = target - Z @ beta
        if constant and n:
            # Centring leaves rounding in the mean of the residuals.
            residual = residual - (residual.mean() if w is None else w @ residual / w.sum())
    rss = float(residual @ (residual if w is None else w * residual))
    half = _forward(L, np.eye(L.shape[0]))
    slopes = np.zeros(k)
    slopes[kept] = beta
    C = np.zeros((k, k))
    C[np.ix_(kept, kept)] = (half.T @ half) / np.outer(scale, scale)
    rank = int(kept.sum()) + int(constant)
    spread = np.sqrt(np.diag(centred.cross))
    if not constant:
        return LeastSquares(slopes, C, kept, residual, rank, rss, tss, spread)
    m = np.where(kept, centred.means, 0.0)
    total = float(n if w is None else w.sum())
    full = np.zeros((k + 1, k + 1))
    full[:k, :k] = C
    full[:k, k] = full[k, :k] = -C @ m
    full[k, k] = quotient(1.0, total) + float(m @ C @ m)
    coefficients = np.append(slopes, y_mean - float(m @ slopes))
    return LeastSquares(coefficients, full, kept, residual, rank, rss, tss, spread)


def with_constant(X: FloatArray, constant: bool = True) -> FloatArray:
    """X with a column of ones appended."""
    return np.column_stack([X, np.ones(X.shape[0])]) if constant else X


def leverage(X: FloatArray, inverse: FloatArray, w: FloatArray | None = None) -> FloatArray:
    """Diagonal of X (X'WX)^-1 X' (times w): shape (n,). X includes the constant when `inverse` does."""
    h = np.einsum("ij,ij->i", X @ inverse, X)
    return np.asarray(h if w is None else h * w, dtype=np.float64)


def symmetric_inverse(A: FloatArray) -> FloatArray:
    """Generalised inverse that zeroes dependent rows and columns in order, like Stata's invsym()."""
    k = A.shape[0]
    S = (A + A.T) / 2.0
    scale = np.sqrt(np.maximum(np.diag(S), 0.0))
    safe = np.where(scale > 0.0, scale, 1.0)
    G = S / np.outer(safe, safe)
    kept: list[int] = []
    L = np.zeros((k, k))
    for j in range(k):
        pivot = float(G[j, j]) if scale[j] > 0.0 else 0.0
        if pivot < 1e-13:
            continue
        column = G[j:, j] / np.sqrt(pivot)
        L[j:, j] = column
        G[j + 1 :, j + 1 :] -= np.outer(column[1:], column[1:])
        kept.append(j)
    half = _forward(L[np.ix_(kept, kept)], np.eye(len(kept)))
    out = np.zeros((k, k))
    out[np.ix_(kept, kept)] = (half.T @ half) / np.outer(safe[kept], safe[kept])
    return out
