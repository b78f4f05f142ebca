"""Difference and system GMM for dynamic panels (Arellano and Bond 1991; Blundell and Bond 1998; Roodman 2009).

Rows of the transformed equation come first, then those of the level equation, both in order of panel and period.
A panel's rows share one cluster; cells are numbered panel * periods + period.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from ssd.engine.errors import StataError
from ssd.engine.missing import BoolArray, FloatArray
from ssd.engine.stats.covariance import IndexArray, sum_by_group
from ssd.engine.stats.linear import symmetric_inverse


@dataclass(frozen=True)
class Cube:
    """Where each observation stands: panel and period numbers from 0."""

    panel: IndexArray
    period: IndexArray
    n_panels: int
    n_periods: int

    def spread(self, values: FloatArray) -> FloatArray:
        """(n_panels, n_periods) with nan where there is nothing."""
        out = np.full((self.n_panels, self.n_periods), np.nan)
        out[self.panel, self.period] = values
        return out


def shifted(cube: FloatArray, lag: int) -> FloatArray:
    """Values `lag` periods earlier."""
    out = np.full_like(cube, np.nan)
    if lag == 0:
        return cube.copy()
    if lag > 0:
        out[:, lag:] = cube[:, :-lag]
    else:
        out[:, :lag] = cube[:, -lag:]
    return out


def differenced(cube: FloatArray) -> FloatArray:
    """First differences."""
    return cube - shifted(cube, 1)


def forward_deviations(cube: FloatArray, valid: BoolArray) -> FloatArray:
    """Forward orthogonal deviations over the valid cells, each put one period later, as xtabond2 keeps them."""
    filled = np.where(valid, cube, 0.0)
    after: FloatArray = np.cumsum(valid[:, ::-1], axis=1)[:, ::-1].astype(np.float64) - valid
    total = np.cumsum(filled[:, ::-1], axis=1)[:, ::-1] - filled
    usable = valid & (after > 0)
    safe = np.where(after > 0, after, 1)
    deviations = np.where(usable, np.sqrt(safe / (safe + 1.0)) * (filled - total / safe), np.nan)
    return shifted(deviations, 1)


@dataclass
class Instruments:
    """Columns of Z on the rows of both equations, and the group each belongs to."""

    columns: list[FloatArray] = field(default_factory=list)
    groups: list[int] = field(default_factory=list)

    def add(self, column: FloatArray, group: int) -> None:
        """Keep a column unless it is zero everywhere."""
        if np.any(column != 0.0):
            self.columns.append(column)
            self.groups.append(group)


@dataclass
class DynamicModel:
    """The stacked equations. `level` flags the rows of the level equation."""

    y: FloatArray
    X: FloatArray
    Z: FloatArray
    panel: IndexArray
    period: IndexArray
    level: BoolArray
    n_panels: int
    n_periods: int
    orthogonal: bool
    weighting: int
    """1: identity; 2: no covariance between the equations; 3: with it (xtabond2's h())."""
    y_d: FloatArray
    """First differences for the tests of autocorrelation."""
    X_d: FloatArray
    cells_d: IndexArray
    usable_d: BoolArray
    """Cells whose level residual is known, (n_panels * n_periods,)."""

    @property
    def cells(self) -> IndexArray:
        return self.panel * self.n_periods + self.period

    @property
    def n_transformed(self) -> int:
        return int(np.count_nonzero(~self.level))

    def to_errors(self, values: FloatArray, rows: BoolArray) -> FloatArray:
        """M'v for the transformed rows: what each cell's own error is multiplied with, (cells, columns)."""
        out = np.zeros((self.n_panels * self.n_periods, values.shape[1]))
        cells = self.cells[rows]
        if not self.orthogonal:
            out[cells] += values
            out[cells - 1] -= values
            return out
        shape = (self.n_panels, self.n_periods, values.shape[1])
        held = np.zeros((self.n_panels * self.n_periods, values.shape[1]))
        held[cells - 1] = values
        valid = self.usable_d.reshape(self.n_panels, self.n_periods)
        after: FloatArray = np.cumsum(valid[:, ::-1], axis=1)[:, ::-1].astype(np.float64) - valid
        safe = np.where(after > 0, after, 1).astype(np.float64)
        own = held.reshape(shape) * np.sqrt(safe / (safe + 1.0))[:, :, None]
        earlier = np.cumsum(own / safe[:, :, None], axis=1) - own / safe[:, :, None]
        return np.asarray((own - np.where(valid[:, :, None], earlier, 0.0)).reshape(-1, values.shape[1]))

    def weight_factor(self, values: FloatArray) -> list[FloatArray]:
        """Matrices F whose F'F sum to v'Hv for columns v over all rows."""
        transformed = ~self.level
        if self.weighting == 1:
            return [values]
        if self.weighting == 2 or not self.level.any():
            parts = [self.to_errors(values[transformed], transformed)]
            return [*parts, values[self.level]] if self.level.any() else parts
        combined = self.to_errors(values[transformed], transformed)
        combined[self.cells[self.level]] += values[self.level]
        return [combined]

    def by_panel(self, values: FloatArray) -> FloatArray:
        """Sums over the rows of each panel: (n_panels, columns)."""
        return sum_by_group(values, self.panel, self.n_panels)


def generalised_inverse(S: FloatArray) -> tuple[FloatArray, int]:
    """Moore–Penrose inverse and rank of a positive semidefinite matrix. Raises r(504) for one that overflowed."""
    if not np.all(np.isfinite(S)):
        raise StataError(504, "matrix has missing values")
    scale = np.sqrt(np.maximum(np.diag(S), 1e-300))
    values, vectors = np.linalg.eigh(S / np.outer(scale, scale))
    kept = values > 1e-11 * max(float(values.max()), 1e-300)
    if kept.all():
        inverse = (vectors / values) @ vectors.T
        return inverse / np.outer(scale, scale), len(values)
    # The inverse has to be the Moore–Penrose one of S itself, not of the scaled matrix.
    values, vectors = np.linalg.eigh(S)
    kept = values > 1e-13 * max(float(values.max()), 1e-300)
    return np.asarray((vectors[:, kept] / values[kept]) @ vectors[:, kept].T), int(kept.sum())


@dataclass
class Step:
    """One GMM step with weighting matrix A."""

    b: FloatArray
    A: FloatArray
    Q: FloatArray
    """(X'Z A Z'X)^-1."""
    e: FloatArray
    moments: FloatArray
    """Z'e per panel: (n_panels, L)."""


@dataclass
class DynamicFit:
    """Estimates, covariance and the tests that need both steps."""

    one: Step
    two: Step | None
    b: FloatArray
    V: FloatArray
    V_one_robust: FloatArray
    sigma2: float
    """Variance of the idiosyncratic errors from the first step."""
    sargan: float
    hansen: float
    singular: bool
    """The covariance matrix of the moments had to be inverted in the generalised sense."""
    robust: bool
    twostep: bool

    @property
    def step(self) -> Step:
        return self.two if self.twostep and self.two is not None else self.one


def _gmm_step(model: DynamicModel, A: FloatArray) -> Step:
    XZ = model.X.T @ model.Z
    Q = symmetric_inverse(XZ @ A @ XZ.T)
    b = Q @ (XZ @ (A @ (model.Z.T @ model.y)))
    e = model.y - model.X @ b
    return Step(b, A, Q, e, model.by_panel(model.Z * e[:, None]))


def estimate(model: DynamicModel, *, twostep: bool, robust: bool, divisor: float) -> DynamicFit:
    """One- or two-step GMM; two-step robust errors are Windmeijer's (2005).

    `divisor` is that of the variance of the transformed one-step residuals. Raises r(498) when there are fewer
    instruments than parameters.
    """
    if model.Z.shape[1] < model.X.shape[1]:
        raise StataError(498, "equation not identified; fewer instruments than parameters")
    W = np.zeros((model.Z.shape[1],) * 2)
    for F in model.weight_factor(model.Z):
        W += F.T @ F
    A1, _ = generalised_inverse(W)
    one = _gmm_step(model, A1)
    transformed = one.e[~model.level]
    share = 1.0 if model.orthogonal or model.weighting == 1 else 2.0
    sigma2 = float(transformed @ transformed) / (share * divisor)
    if sigma2 <= 0.0:
        raise StataError(498, "the residuals have no variation")
    XZ = model.X.T @ model.Z
    S = one.moments.T @ one.moments
    half = one.Q @ XZ @ A1
    V_robust = half @ S @ half.T
    A2, rank = generalised_inverse(S)
    two = _gmm_step(model, A2)
    g1, g2 = one.moments.sum(axis=0), two.moments.sum(axis=0)
    sargan = float(g1 @ A1 @ g1) / sigma2
    hansen = float(g2 @ A2 @ g2)
    if not twostep:
        V = V_robust if robust else one.Q * sigma2
        return DynamicFit(one, two, one.b, V, V_robust, sigma2, sargan, hansen, rank < len(S), robust, False)
    V = two.Q
    if robust:
        V = _windmeijer(model, one, two, V_robust)
    return DynamicFit(one, two, two.b, V, V_robust, sigma2, sargan, hansen, rank < len(S), robust, True)


def _windmeijer(model: DynamicModel, one: Step, two: Step, V_robust: FloatArray) -> FloatArray:
    """Finite-sample correction of the two-step covariance (Windmeijer 2005, equation 3.2)."""
    XZ = model.X.T @ model.Z
    left = two.Q @ XZ @ two.A
    right = two.A @ two.moments.sum(axis=0)
    k = model.X.shape[1]
    D = np.empty((k, k))
    for j in range(k):
        changed = model.by_panel(model.Z * model.X[:, j][:, None])
        slope = changed.T @ (one.moments @ right) + one.moments.T @ (changed @ right)
        D[:, j] = left @ slope
    V = two.Q + D @ two.Q + two.Q @ D.T + D @ V_robust @ D.T
    return np.asarray((V + V.T) / 2.0, dtype=np.float64)


def autocorrelation_test(model: DynamicModel, fit: DynamicFit, order: int) -> float:
    """z of Arellano and Bond's test of order `order` in first-differenced residuals; nan when it has no terms."""
    step = fit.step
    size = model.n_panels * model.n_periods
    residual = model.y_d - model.X_d @ fit.b
    field_ = np.zeros(size)
    field_[model.cells_d] = residual
    known = np.zeros(size, dtype=np.bool_)
    known[model.cells_d] = True
    lagged = shifted(np.where(known, field_, np.nan).reshape(model.n_panels, -1), order).reshape(-1)
    w = np.where(np.isnan(lagged), 0.0, lagged)[model.cells_d]
    if not np.any(w != 0.0):
        return math.nan
    panel = model.cells_d // model.n_periods
    XZ = model.X.T @ model.Z
    wX = w @ model.X_d
    half = step.Q @ XZ @ step.A
    if fit.twostep or fit.robust:
        products = np.bincount(panel, weights=w * residual, minlength=model.n_panels)
        first = float(products @ products)
        cross = step.moments.T @ products
    else:
        # Under homoskedasticity the errors' covariance is sigma^2 M M'.
        spread = np.zeros((size, 1))
        spread[model.cells_d, 0] += w
        spread[model.cells_d - 1, 0] -= w
        first = fit.sigma2 * float((spread**2).sum())
        errors = model.to_errors(model.Z[~model.level], ~model.level)
        errors[model.cells[model.level]] += model.Z[model.level]
        cross = fit.sigma2 * (errors.T @ spread)[:, 0]
    variance = first - 2.0 * float(wX @ half @ cross) + float(wX @ fit.V @ wX)
    return float(w @ residual) / math.sqrt(variance) if variance > 0.0 else math.nan


def hansen_without(model: DynamicModel, fit: DynamicFit, excluded: BoolArray) -> tuple[float, int] | None:
    """Hansen's J and its degrees of freedom without some instruments; None when the rest does not identify.

    The weighting uses the same covariance of the moments, so that the difference is not negative but for rounding.
    """
    kept = np.flatnonzero(~excluded)
    if len(kept) < model.X.shape[1] or not len(kept):
        return None
    S = fit.one.moments[:, kept].T @ fit.one.moments[:, kept]
    A, rank = generalised_inverse(S)
    XZ = model.X.T @ model.Z[:, kept]
    if np.linalg.matrix_rank(XZ) < model.X.shape[1]:
        return None
    Q = symmetric_inverse(XZ @ A @ XZ.T)
    b = Q @ (XZ @ (A @ (model.Z[:, kept].T @ model.y)))
    g = model.Z[:, kept].T @ (model.y - model.X @ b)
    del rank
    return float(g @ A @ g), len(kept) - model.X.shape[1]


def independent_instruments(Z: FloatArray, groups: Sequence[int]) -> tuple[FloatArray, list[int]]:
    """Z without columns that earlier ones span."""
    from ssd.engine.stats.linear import independent_columns

    kept = independent_columns(Z, constant=False)
    return Z[:, kept], [group for group, keep in zip(groups, kept, strict=True) if keep]
