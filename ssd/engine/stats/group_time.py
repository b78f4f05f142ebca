"""Group-time average treatment effects with their influence functions.

Callaway and Sant'Anna (2021) for the cells and aggregations; Sant'Anna and Zhao (2020), equations of the
panel estimators, for the influence functions of a cell; the choice of base periods, comparison groups and
weights is that of the Stata command csdid.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np

from ssd.engine.errors import StataError
from ssd.engine.missing import BoolArray, FloatArray
from ssd.engine.stats.linear import independent_columns
from ssd.engine.stats.treatment import fit_index, mean_of

Method = Literal["reg", "dripw"]


@dataclass(frozen=True)
class Panel:
    """One row per unit, one column per period; nan where a unit is not observed."""

    y: FloatArray
    """(N, T)."""
    X: FloatArray
    """Covariates without the constant: (N, T, k)."""
    first: FloatArray
    """First treated period of each unit, 0 for never: (N,)."""
    times: FloatArray
    """The periods, ascending: (T,)."""

    @property
    def groups(self) -> list[float]:
        """First treated periods, ascending."""
        return [float(g) for g in np.unique(self.first) if g > 0.0]


@dataclass(frozen=True)
class Cell:
    """The effect on group `group` between two periods."""

    group: float
    base: float
    time: float
    att: float
    influence: FloatArray
    """(N,), of mean zero over all units; zero for those outside the cell."""
    inside: BoolArray
    """Units compared in the cell: (N,)."""

    @property
    def estimated(self) -> bool:
        return bool(self.inside.any())


def group_time_cells(panel: Panel, method: Method, *, not_yet: bool) -> list[Cell]:
    """All cells, groups first, then periods after the first. A cell without a comparison is not estimated."""
    cells = []
    for group in panel.groups:
        base = 0
        for t in range(1, len(panel.times)):
            cells.append(_cell(panel, method, group, base, t, not_yet=not_yet))
            if panel.times[t] < group:
                base = t
    return cells


def _cell(panel: Panel, method: Method, group: float, base: int, t: int, *, not_yet: bool) -> Cell:
    treated = panel.first == group
    compared = panel.first == 0.0
    if not_yet:
        compared |= (panel.first > group) & (panel.first > panel.times[t])
    change = panel.y[:, t] - panel.y[:, base]
    X = panel.X[:, base, :]
    inside = (treated | compared) & np.isfinite(change) & np.isfinite(X).all(axis=1)
    n = len(change)
    nothing = Cell(group, panel.times[base], panel.times[t], 0.0, np.zeros(n), np.zeros(n, dtype=np.bool_))
    D = treated[inside].astype(np.float64)
    if not 0.0 < D.sum() < len(D):
        return nothing
    Z = X[inside]
    Z = np.column_stack([Z[:, independent_columns(Z)], np.ones(len(D))])
    if np.linalg.matrix_rank(Z[D == 0.0]) < Z.shape[1]:
        return nothing
    try:
        att, own = (regression_did if method == "reg" else doubly_robust_did)(change[inside], D, Z)
    except StataError:  # the propensity score has no maximum: the cell has no estimate, as for any other gap
        return nothing
    influence = np.zeros(n)
    influence[inside] = own * (n / len(own))
    return Cell(group, panel.times[base], panel.times[t], att, influence, inside)


def _outcome_model(change: FloatArray, D: FloatArray, X: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Fitted change under no treatment and the influence of the observations on its coefficients."""
    control = 1.0 - D
    A = (X * control[:, None]).T @ X / len(D)
    beta = np.linalg.solve(A, X.T @ (control * change) / len(D))
    fitted = X @ beta
    rows = X * (control * (change - fitted))[:, None]
    return fitted, np.asarray(np.linalg.solve(A, rows.T).T, dtype=np.float64)


def regression_did(change: FloatArray, D: FloatArray, X: FloatArray) -> tuple[float, FloatArray]:
    """Outcome regression: effect and influence function, (n,). X includes the constant."""
    fitted, of_beta = _outcome_model(change, D, X)
    share = D.mean()
    att = float(D @ (change - fitted) / D.sum())
    M = (D[:, None] * X).mean(axis=0)
    influence = (D * (change - fitted - att) - of_beta @ M) / share
    return att, np.asarray(influence, dtype=np.float64)


def doubly_robust_did(change: FloatArray, D: FloatArray, X: FloatArray) -> tuple[float, FloatArray]:
    """Inverse-probability weighting with outcome regression (dripw): effect and influence function."""
    fitted, of_beta = _outcome_model(change, D, X)
    gamma = fit_index("logit", D, X, np.ones(len(D)))
    p = mean_of("logit", X @ gamma)
    information = (X * (p * (1.0 - p))[:, None]).T @ X / len(D)
    of_gamma = np.linalg.solve(information, (X * (D - p)[:, None]).T).T
    w = p * (1.0 - D) / (1.0 - p)
    left = change - fitted
    treated, control = float(D @ left / D.sum()), float(w @ left / w.sum())
    own = D * (left - treated) - of_beta @ (D[:, None] * X).mean(axis=0)
    other = (
        w * (left - control)
        + of_gamma @ ((w * (left - control))[:, None] * X).mean(axis=0)
        - of_beta @ (w[:, None] * X).mean(axis=0)
    )
    return treated - control, np.asarray(own / D.mean() - other / w.mean(), dtype=np.float64)


@dataclass
class Aggregate:
    """Estimates with their names and covariance."""

    names: list[str]
    b: FloatArray
    V: FloatArray


@dataclass
class GroupTimes:
    """The cells of one estimation with the weights of their groups."""

    cells: list[Cell]
    first: FloatArray
    effects: FloatArray = field(init=False)
    weights: FloatArray = field(init=False)
    """Share of all units that are treated units of the cell."""
    of_effects: FloatArray = field(init=False)
    of_weights: FloatArray = field(init=False)

    def __post_init__(self) -> None:
        member = np.column_stack([cell.inside & (self.first == cell.group) for cell in self.cells]).astype(np.float64)
        member /= member.mean(axis=0).sum()
        self.effects = np.array([cell.att for cell in self.cells])
        self.of_effects = np.column_stack([cell.influence for cell in self.cells])
        self.weights = member.mean(axis=0)
        self.of_weights = member - self.weights

    @property
    def n_units(self) -> int:
        return len(self.first)

    def covariance(self, influence: FloatArray) -> FloatArray:
        """Of estimates with these influence functions, units being independent."""
        return np.asarray(influence.T @ influence / self.n_units**2, dtype=np.float64)

    def chosen(self, condition: Sequence[bool]) -> BoolArray:
        """Estimated cells among those that meet a condition."""
        return np.array([met and cell.estimated for met, cell in zip(condition, self.cells, strict=True)], np.bool_)

    def mean(self, which: BoolArray) -> tuple[float, FloatArray]:
        """Weighted mean of cells and its influence function, the weights being estimated."""
        b, w = self.effects[which], self.weights[which]
        total = w.sum()
        value = float(b @ w / total)
        influence = self.of_effects[:, which] @ (w / total) + self.of_weights[:, which] @ ((b - value) / total)
        return value, np.asarray(influence, dtype=np.float64)

    def simple(self) -> Aggregate:
        value, influence = self.mean(self.chosen([c.time >= c.group for c in self.cells]))
        return Aggregate(["ATT"], np.array([value]), self.covariance(influence[:, None]))

    def by_group(self) -> Aggregate:
        """Effects by group after their mean over groups, whose weights are taken as known."""
        keys = list(dict.fromkeys(cell.group for cell in self.cells))
        masks = [self.chosen([c.group == key and c.time >= key for c in self.cells]) for key in keys]
        labels = [f"G{key:g}" for key in keys]
        names, b, influence = self._several(labels, masks)
        size = np.array([self.weights[mask].mean() for mask in masks if mask.any()])
        return self._with_averages(names, b, influence, {"GAverage": size / size.sum()})

    def by_time(self) -> Aggregate:
        """Effects by calendar period after their plain mean."""
        keys = sorted({cell.time for cell in self.cells})
        masks = [self.chosen([c.time == key and c.time >= c.group for c in self.cells]) for key in keys]
        names, b, influence = self._several([f"T{key:g}" for key in keys], masks)
        return self._with_averages(names, b, influence, {"CAverage": np.full(len(b), 1.0 / len(b))})

    def by_event(self, window: tuple[float, float] | None = None) -> Aggregate:
        """Effects by periods since treatment after the plain means before and from treatment."""
        keys = sorted({cell.time - cell.group for cell in self.cells})
        if window is not None:
            keys = [key for key in keys if window[0] <= key <= window[1]]
        masks = [self.chosen([c.time - c.group == key for c in self.cells]) for key in keys]
        names, b, influence = self._several([f"T{'m' if key < 0 else 'p'}{abs(key):g}" for key in keys], masks)
        after = np.array([name.startswith("Tp") for name in names])
        shares = {"Pre_avg": ~after, "Post_avg": after}
        return self._with_averages(
            names, b, influence, {name: which / max(int(which.sum()), 1) for name, which in shares.items()}
        )

    def _several(self, labels: list[str], masks: list[BoolArray]) -> tuple[list[str], FloatArray, FloatArray]:
        found = [(label, *self.mean(mask)) for label, mask in zip(labels, masks, strict=True) if mask.any()]
        if not found:
            raise StataError(459, "no group-time effect can be aggregated")
        return [f[0] for f in found], np.array([f[1] for f in found]), np.column_stack([f[2] for f in found])

    def _with_averages(
        self, names: list[str], b: FloatArray, influence: FloatArray, averages: dict[str, FloatArray]
    ) -> Aggregate:
        """Averages in front; their covariance with the rest is set to zero, as csdid does."""
        A = np.array(list(averages.values()))
        V = self.covariance(influence)
        k = len(averages)
        full = np.zeros((k + len(b), k + len(b)))
        full[:k, :k] = A @ V @ A.T
        full[k:, k:] = V
        return Aggregate([*averages, *names], np.concatenate([A @ b, b]), full)

    def before(self, window: tuple[float, float] | None = None) -> tuple[FloatArray, FloatArray]:
        """Effects before treatment and their covariance."""
        low, high = window if window is not None else (-np.inf, np.inf)
        which = self.chosen([c.time < c.group and low <= c.time - c.group <= high for c in self.cells])
        return self.effects[which], self.covariance(self.of_effects[:, which])
