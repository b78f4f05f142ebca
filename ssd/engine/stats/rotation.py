"""Rotation of loadings by gradient projection (Jennrich 2002; Bernaards and Jennrich 2005), and promax."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from ssd.engine.missing import FloatArray
from ssd.engine.stats.factors import with_positive_sums

Criterion = Callable[[FloatArray], tuple[float, FloatArray]]
"""Value to be minimised and its gradient at a loading matrix."""


@dataclass(frozen=True)
class Rotated:
    """Rotated loadings (p, m), the matrix T with L inverse(T') (oblique) or L T (orthogonal), and T'T."""

    loadings: FloatArray
    T: FloatArray
    phi: FloatArray


def crawford_ferguson(kappa: float) -> Criterion:
    """Quartimax at 0, varimax at 1/p, equamax at m/2p, parsimax at (m-1)/(p+m-2), factor parsimony at 1."""

    def criterion(L: FloatArray) -> tuple[float, FloatArray]:
        squares = L**2
        rows = squares.sum(axis=1, keepdims=True) - squares
        columns = squares.sum(axis=0, keepdims=True) - squares
        value = (1.0 - kappa) * np.sum(squares * rows) / 4.0 + kappa * np.sum(squares * columns) / 4.0
        return float(value), (1.0 - kappa) * L * rows + kappa * L * columns

    return criterion


def oblimin(gamma: float) -> Criterion:
    """Quartimin at 0."""

    def criterion(L: FloatArray) -> tuple[float, FloatArray]:
        squares = L**2
        others = squares.sum(axis=1, keepdims=True) - squares
        others = others - gamma * others.mean(axis=0, keepdims=True)
        return float(np.sum(squares * others) / 4.0), L * others

    return criterion


def rotate_orthogonally(A: FloatArray, criterion: Criterion, iterations: int = 5000) -> Rotated:
    T = np.eye(A.shape[1])
    step = 1.0
    L = A @ T
    value, gradient = criterion(L)
    for _ in range(iterations):
        slope = A.T @ gradient
        inner = T.T @ slope
        direction = slope - T @ (inner + inner.T) / 2.0
        size = float(np.linalg.norm(direction))
        if size < 1e-9:
            break
        step *= 2.0
        for _ in range(30):
            u, _, v = np.linalg.svd(T - step * direction)
            candidate = u @ v
            new_value, new_gradient = criterion(A @ candidate)
            if new_value < value - 0.5 * size**2 * step:
                break
            step /= 2.0
        T, value, gradient = candidate, new_value, new_gradient
    return Rotated(A @ T, T, np.eye(A.shape[1]))


def rotate_obliquely(A: FloatArray, criterion: Criterion, iterations: int = 5000) -> Rotated:
    T = np.eye(A.shape[1])
    step = 1.0
    inverse = np.linalg.inv(T)
    L = A @ inverse.T
    value, gradient = criterion(L)
    for _ in range(iterations):
        slope = -(L.T @ gradient @ inverse).T
        direction = slope - T * np.sum(T * slope, axis=0)
        size = float(np.linalg.norm(direction))
        if size < 1e-9:
            break
        step *= 2.0
        for _ in range(30):
            moved = T - step * direction
            candidate = moved / np.sqrt(np.sum(moved**2, axis=0))
            candidate_inverse = np.linalg.inv(candidate)
            candidate_L = A @ candidate_inverse.T
            new_value, new_gradient = criterion(candidate_L)
            if new_value < value - 0.5 * size**2 * step:
                break
            step /= 2.0
        T, inverse, L, value, gradient = candidate, candidate_inverse, candidate_L, new_value, new_gradient
    return Rotated(L, T, T.T @ T)


def promax(A: FloatArray, power: float, kaiser: bool) -> Rotated:
    """Least-squares rotation to the powered varimax solution (Hendrickson and White 1964)."""
    first = orthogonal(A, crawford_ferguson(1.0 / A.shape[0]), kaiser)
    target = np.sign(first.loadings) * np.abs(first.loadings) ** power
    U = np.linalg.lstsq(first.loadings, target, rcond=None)[0]
    scale = np.sqrt(np.diag(np.linalg.inv(U.T @ U)))
    U = U * scale
    whole = first.T @ U
    T = np.linalg.inv(whole).T
    return Rotated(A @ whole, T, T.T @ T)


def orthogonal(A: FloatArray, criterion: Criterion, kaiser: bool) -> Rotated:
    return _with_weights(A, lambda scaled: rotate_orthogonally(scaled, criterion), kaiser)


def oblique(A: FloatArray, criterion: Criterion, kaiser: bool) -> Rotated:
    return _with_weights(A, lambda scaled: rotate_obliquely(scaled, criterion), kaiser)


def _with_weights(A: FloatArray, rotate: Callable[[FloatArray], Rotated], kaiser: bool) -> Rotated:
    """Kaiser's normalisation scales the rows to unit length before rotation and back after it."""
    if not kaiser:
        return rotate(A)
    lengths = np.sqrt((A**2).sum(axis=1, keepdims=True))
    lengths = np.where(lengths > 0.0, lengths, 1.0)
    found = rotate(A / lengths)
    return Rotated(found.loadings * lengths, found.T, found.phi)


def in_order(found: Rotated, variances: FloatArray) -> Rotated:
    """Factors by falling variance, reflected so that their loadings have a positive sum."""
    order = np.argsort(-variances, kind="stable")
    L = found.loadings[:, order]
    signs = np.where(L.sum(axis=0) < 0.0, -1.0, 1.0)
    return Rotated(
        with_positive_sums(L), found.T[:, order] * signs, found.phi[np.ix_(order, order)] * np.outer(signs, signs)
    )
