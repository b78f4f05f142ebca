"""Group-time average treatment effects with their influence functions.

Callaway and Sant'Anna (2021) for the cells and aggregations; the two-period estimators are those of
`difference_in_differences`. The choice of base periods, comparison groups and weights is that of the Stata
command csdid.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np

from ssd.engine.errors import StataError
from ssd.engine.missing import BoolArray, FloatArray
from ssd.engine.stats.covariance import IndexArray
from ssd.engine.stats.difference_in_differences import CROSS_SECTIONS, PANEL, Estimate, Method
from ssd.engine.stats.linear import independent_columns


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
    weight: FloatArray | None = None
    """(N,)."""

    @property
    def groups(self) -> list[float]:
        """First treated periods, ascending."""
        return [float(g) for g in np.unique(self.first) if g > 0.0]

    def compare(
        self, method: Method, treated: BoolArray, compared: BoolArray, base: int, t: int
    ) -> tuple[BoolArray, Estimate | None]:
        """Who takes part in a cell, and its effect unless it cannot be estimated."""
        change = self.y[:, t] - self.y[:, base]
        X = self.X[:, base, :]
        inside = (treated | compared) & np.isfinite(change) & np.isfinite(X).all(axis=1)
        D = treated[inside].astype(np.float64)
        if not 0.0 < D.sum() < len(D):
            return inside, None
        Z = _independent(X[inside])
        if not _identified(Z, [D == 0.0]):
            return inside, None
        w = _weights(self.weight, inside)
        return inside, _attempt(lambda: PANEL[method](change[inside], D, Z, w))


@dataclass(frozen=True)
class CrossSections:
    """Repeated cross sections, one row per observation."""

    y: FloatArray
    X: FloatArray
    """Covariates without the constant: (N, k)."""
    first: FloatArray
    """First treated period of the observation's group, 0 for never: (N,)."""
    period: IndexArray
    """Position of the observation's period: (N,)."""
    times: FloatArray
    weight: FloatArray | None = None

    @property
    def groups(self) -> list[float]:
        """First treated periods, ascending."""
        return [float(g) for g in np.unique(self.first) if g > 0.0]

    def compare(
        self, method: Method, treated: BoolArray, compared: BoolArray, base: int, t: int
    ) -> tuple[BoolArray, Estimate | None]:
        """Who takes part in a cell, and its effect unless it cannot be estimated."""
        inside = (treated | compared) & ((self.period == base) | (self.period == t))
        D = treated[inside].astype(np.float64)
        after = (self.period[inside] == t).astype(np.float64)
        parts = [(d == D) & (a == after) for d in (0.0, 1.0) for a in (0.0, 1.0)]
        if not all(part.any() for part in parts):
            return inside, None
        Z = _independent(self.X[inside])
        needed = parts if method in {"dripw", "drimp"} else parts[:2]
        if not _identified(Z, needed):
            return inside, None
        w = _weights(self.weight, inside)
        return inside, _attempt(lambda: CROSS_SECTIONS[method](self.y[inside], D, after, Z, w))


def _independent(X: FloatArray) -> FloatArray:
    """Covariates without collinear ones, and the constant."""
    kept = X[:, independent_columns(X)] if X.shape[1] else X
    return np.column_stack([kept, np.ones(len(X))])


def _identified(Z: FloatArray, parts: Sequence[BoolArray]) -> bool:
    return all(np.linalg.matrix_rank(Z[part]) == Z.shape[1] for part in parts)


def _weights(weight: FloatArray | None, inside: BoolArray) -> FloatArray:
    if weight is None:
        return np.ones(int(np.count_nonzero(inside)))
    w = weight[inside]
    return np.asarray(w / w.mean(), dtype=np.float64)


def _attempt(estimate: Callable[[], Estimate]) -> Estimate | None:
    """None where the propensity score has no maximum: the cell has no estimate, as for any other gap."""
    try:
        with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
            att, influence = estimate()
    except (StataError, np.linalg.LinAlgError):
        return None
    return (att, influence) if np.isfinite(att) and np.all(np.isfinite(influence)) else None


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


def group_time_cells(
    data: Panel | CrossSections, method: Method, *, not_yet: bool, long_gaps: bool = False
) -> list[Cell]:
    """All cells, groups first, then periods. A cell without a comparison is not estimated.

    Effects before treatment compare neighbouring periods, or with `long_gaps` each period with the last one
    before treatment.
    """
    cells = []
    times = data.times
    for group in data.groups:
        earlier = np.flatnonzero(times < group)
        if long_gaps and not len(earlier):
            continue
        last = int(earlier[-1]) if len(earlier) else 0
        base = last if long_gaps else 0
        for t in range(0 if long_gaps else 1, len(times)):
            if long_gaps and t == last:
                continue
            cells.append(_cell(data, method, group, base, t, not_yet=not_yet))
            if not long_gaps and times[t] < group:
                base = t
    return cells


def _cell(data: Panel | CrossSections, method: Method, group: float, base: int, t: int, *, not_yet: bool) -> Cell:
    treated = data.first == group
    compared = data.first == 0.0
    if not_yet:
        compared |= (data.first > group) & (data.first > max(data.times[t], data.times[base]))
    inside, found = data.compare(method, treated, compared, base, t)
    n = len(data.first)
    base_time, time = float(data.times[base]), float(data.times[t])
    if found is None:
        return Cell(group, base_time, time, 0.0, np.zeros(n), np.zeros(n, dtype=np.bool_))
    influence = np.zeros(n)
    influence[inside] = found[1] * (n / len(found[1]))
    return Cell(group, base_time, time, found[0], influence, inside)


def cluster_sums(rows: FloatArray, clusters: IndexArray) -> FloatArray:
    """Sums of the rows of each cluster."""
    sums = np.zeros((int(clusters.max()) + 1, rows.shape[1]))
    np.add.at(sums, clusters, rows)
    return sums


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
    weight: FloatArray | None = None
    clusters: IndexArray | None = None
    """Numbers of the clusters of the units, which are then dependent within clusters only."""
    effects: FloatArray = field(init=False)
    weights: FloatArray = field(init=False)
    """Share of all units that are treated units of the cell."""
    of_effects: FloatArray = field(init=False)
    of_weights: FloatArray = field(init=False)

    def __post_init__(self) -> None:
        member = np.column_stack([cell.inside & (self.first == cell.group) for cell in self.cells]).astype(np.float64)
        if not member.any():
            raise StataError(459, "no group-time effect can be estimated")
        if self.weight is not None:
            member *= self.weight[:, None]
        member /= member.mean(axis=0).sum()
        self.effects = np.array([cell.att for cell in self.cells])
        self.of_effects = np.column_stack([cell.influence for cell in self.cells])
        self.weights = member.mean(axis=0)
        self.of_weights = member - self.weights

    @property
    def n_units(self) -> int:
        return len(self.first)

    def covariance(self, influence: FloatArray) -> FloatArray:
        """Of estimates with these influence functions, units (or clusters) being independent."""
        if self.clusters is not None:
            influence = cluster_sums(influence, self.clusters)
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
