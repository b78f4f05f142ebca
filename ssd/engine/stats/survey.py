"""Linearized variances of stratified cluster samples ([SVY] variance estimation).

With z_hi the total of the weighted scores of unit i in stratum h, n_h units and the sampling rate f_h,
V = D { sum_h (1 - f_h) n_h/(n_h - 1) sum_i (z_hi - z_h)(z_hi - z_h)' } D.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ssd.engine.errors import StataError
from ssd.engine.missing import BoolArray, FloatArray
from ssd.engine.stats.covariance import IndexArray, sum_by_group


@dataclass(frozen=True)
class SurveyDesign:
    """The sampling units of the observations, first stage."""

    rows: BoolArray
    """(N,): observations of the design; those of an estimate are among them."""
    unit: IndexArray
    """(N,): unit of each observation, numbered from 0 within the design; meaningless outside `rows`."""
    stratum: IndexArray
    """(units,): stratum of each unit."""
    rates: FloatArray
    """(strata,): share of the units of a stratum that were drawn; 0 for draws with replacement."""
    weights: FloatArray
    """(N,)."""
    single: str

    @property
    def units(self) -> int:
        return len(self.stratum)

    @property
    def strata(self) -> int:
        return len(self.rates)

    @property
    def df(self) -> int:
        """Design degrees of freedom: units less strata."""
        return self.units - self.strata

    @property
    def unknown(self) -> bool:
        """Whether strata with a single unit leave no variance."""
        return self.single == "missing" and bool(np.any(np.bincount(self.stratum, minlength=self.strata) == 1))

    @property
    def population(self) -> float:
        return float(self.weights[self.rows].sum())

    def meat(self, scores: FloatArray, rows: BoolArray) -> FloatArray:
        """Variance of the total of `scores` (n, k), which are weighted and belong to the observations `rows`.

        Observations of the design outside `rows` have the score 0, as those outside a subpopulation. Zero
        throughout where a stratum has a single unit and nothing was said about such: there is no estimate.
        """
        z = sum_by_group(scores, self.unit[rows], self.units)
        sizes = np.bincount(self.stratum, minlength=self.strata).astype(np.float64)
        alone = sizes == 1
        if self.unknown:
            return np.zeros((scores.shape[1],) * 2)
        means = sum_by_group(z, self.stratum, self.strata) / sizes[:, None]
        if self.single == "centered":
            means[alone] = z.mean(axis=0)
        with np.errstate(divide="ignore"):
            factor = np.where(alone, 1.0, sizes / (sizes - 1.0)) * (1.0 - self.rates)
        apart = z - means[self.stratum]
        total: FloatArray = apart.T @ (apart * factor[self.stratum][:, None])
        if self.single == "scaled" and alone.any():
            total *= self.strata / (self.strata - np.count_nonzero(alone))
        return total


@dataclass(frozen=True)
class SurveySample:
    """What is known of the design before an estimation has chosen its observations."""

    rows: BoolArray
    """(N,): observations with weights and design variables, selected by `if` and `in`."""
    members: BoolArray
    """(N,): those of the subpopulation; all when there is none."""
    unit: IndexArray
    stratum: IndexArray
    """(N,): stratum of each observation."""
    fpc: FloatArray | None
    """(N,)."""
    weights: FloatArray
    single: str

    def design(self, used: BoolArray) -> SurveyDesign:
        """The design when an estimation uses the observations `used`.

        Members of the subpopulation that were not used (missing values) leave the design, the others stay.
        Raises r(461) for a sampling rate that is none.
        """
        rows = self.rows & (used | ~self.members)
        unit_inside = np.unique(self.unit[rows], return_inverse=True)[1]
        first = np.unique(unit_inside, return_index=True)[1]
        strata, stratum = np.unique(self.stratum[rows][first], return_inverse=True)
        unit = np.zeros(len(rows), dtype=np.intp)
        unit[rows] = unit_inside
        rates = np.zeros(len(strata))
        if self.fpc is not None:
            sizes = np.bincount(stratum, minlength=len(strata))
            values = np.zeros(len(strata))
            values[stratum] = self.fpc[rows][first]
            if np.any(values <= 0) or np.any((values > 1) & (values < sizes)):
                raise StataError(461, "fpc must be >= n_h or <= 1 in every stratum")
            rates = np.where(values <= 1, values, sizes / np.where(values > 0, values, 1.0))
        return SurveyDesign(rows, unit, stratum.astype(np.intp), rates, self.weights, self.single)


def adjusted_wald(b: FloatArray, V: FloatArray, df: int) -> tuple[float, int, int]:
    """F statistic that all `b` are zero and its degrees of freedom: (d - k + 1)/(k d) W with k and d - k + 1."""
    from ssd.engine.stats.covariance import wald

    W, k = wald(b, V)
    if k == 0 or df - k + 1 <= 0:
        return np.nan, k, max(df - k + 1, 0)
    return (df - k + 1) / (k * df) * W, k, df - k + 1
