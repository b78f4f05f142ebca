"""Plans and matches of psmatch2: who is compared with whom, and how much each comparison counts."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, cast

import numpy as np

from ssd.engine.commands.declare import Line
from ssd.engine.commands.estimation import (
    SessionSource,
    build_regressors,
    finish_sample,
)
from ssd.engine.errors import StataError, unsupported
from ssd.engine.graphics.smooth import KERNELS, default_bandwidth
from ssd.engine.missing import BoolArray, FloatArray
from ssd.engine.stats.kernel_matching import (
    Smoothed,
    local_line,
    nearest_in_line,
    nearest_rows,
    smoothed_matches,
    squared_distances,
)
from ssd.engine.stats.linear import symmetric_inverse
from ssd.engine.stats.matching import IntArray, Matches
from ssd.engine.stats.moments import percentiles
from ssd.engine.stats.score_matching import nearest_scores, tied_scores, without_replacement
from ssd.engine.stats.terms import Term

if TYPE_CHECKING:
    from ssd.engine.session import Session

_KERNELS = ("normal", "epan", "biweight", "uniform", "tricube")


@dataclass(frozen=True)
class Plan:
    """How to match."""

    method: str
    """neighbor, kernel or llr."""
    mahalanobis: bool
    kernel: str
    bandwidth: float
    neighbors: int
    caliper: float
    replacement: bool
    descending: bool
    ties: bool
    common: bool
    trim: float
    ate: bool
    ai: int
    population: bool
    altvariance: bool

    @classmethod
    def read(cls, line: Line) -> Plan:
        neighbors, ai = (int(cast(int, line.options[name])) for name in ("neighbor", "ai"))
        caliper, trim = (float(cast(float, line.options[name])) for name in ("caliper", "trim"))
        replacement, mahalanobis = not line.flag("noreplacement"), bool(line.text_option("mahalanobis"))
        if neighbors < 1:
            raise StataError(198, "neighbor() must be at least 1")
        if caliper < 0.0:
            raise StataError(198, "caliper() must be positive")
        if not 0.0 <= trim <= 100.0:
            raise StataError(198, "Trim level out of range")
        if line.flag("llr") and line.flag("kernel"):
            raise StataError(198, "You cannot do kernel and llr matching at the same time")
        if line.flag("radius") and caliper == 0.0:
            raise StataError(198, "Radius matching requires a caliper")
        method = "kernel" if line.flag("kernel") or line.flag("radius") else "llr" if line.flag("llr") else "neighbor"
        if not replacement and (neighbors > 1 or method != "neighbor" or mahalanobis):
            raise StataError(
                198, "Matching without replacement is only implemented with 1-to-1 propensity score matching"
            )
        if line.flag("descending") and replacement:
            raise StataError(198, "Option descending makes only sense when matching without replacement")
        if line.flag("ties") and (not replacement or mahalanobis):
            raise unsupported("ties without replacement or with mahalanobis() is")
        if line.flag("logit") and line.flag("probit"):
            raise StataError(198, "only one of logit and probit is allowed")
        if line.text_option("w") and not mahalanobis:
            raise StataError(198, "option w() requires mahalanobis()")
        if ai < 0:
            raise StataError(198, "ai() must be positive")
        if ai and method != "neighbor":
            raise StataError(198, "Option -ai- only allowed when doing nearest neighbor matching")
        if ai and (caliper > 0.0 or line.flag("ties") or not replacement):
            raise unsupported("ai() with caliper(), ties or noreplacement is")
        if not ai and (line.flag("population") or line.flag("altvariance")):
            raise StataError(198, "options population and altvariance require ai()")
        kernel, bandwidth = _kernel(line, caliper)
        return cls(
            method, mahalanobis, kernel, bandwidth, neighbors, caliper or math.inf, replacement,
            line.flag("descending"), line.flag("ties"), line.flag("common"), trim, line.flag("ate"), ai,
            line.flag("population"), line.flag("altvariance"),
        )  # fmt: skip

    @property
    def smooths_outcome(self) -> bool:
        """Local linear matching with the default kernel: neighbors of a smoothed outcome."""
        return self.method == "llr" and self.kernel == "epan" and not self.mahalanobis

    @property
    def by_neighbors(self) -> bool:
        return self.method == "neighbor" or self.smooths_outcome


def _kernel(line: Line, caliper: float) -> tuple[str, float]:
    kernel = line.text_option("kerneltype") or "epan"
    if kernel not in _KERNELS:
        raise StataError(198, f"Kerneltype {kernel} not recognized")
    if line.flag("radius"):
        return "uniform", caliper
    typed = line.text_option("bwidth")
    try:
        bandwidth = float(typed) if typed else 0.06
    except ValueError:
        raise StataError(198, "option bwidth() incorrectly specified") from None
    if not bandwidth > 0.0:
        raise StataError(198, "option bwidth() incorrectly specified")
    return kernel, bandwidth


@dataclass
class Matching:
    """Observations in the order of the command (controls, then treated, by score) and their matches."""

    order: IntArray
    """Positions in the data of all observations, those of the sample first."""
    n: int
    """Size of the sample."""
    treated: BoolArray
    """(n,), in this order, as all below."""
    score: FloatArray | None
    support: BoolArray
    matches: Matches | None = None
    first: IntArray | None = None
    """The neighbors shown in _n1 …: (n, k), -1 for none."""
    use: FloatArray = field(default_factory=lambda: np.zeros(0))
    """Sum of weights with which each observation serves as a match."""
    others: dict[str, FloatArray] = field(default_factory=dict)
    """Matched outcomes, nan where there are none."""
    own: dict[str, FloatArray] = field(default_factory=dict)
    """Mean outcome of the nearest of the same side; with altvariance the variance with them."""
    smooth: dict[str, FloatArray] = field(default_factory=dict)
    X: FloatArray | None = None
    """Covariates of mahalanobis() in units that make the distance Euclidean: (n, k)."""

    @property
    def rows(self) -> IntArray:
        return self.order[: self.n]


def prepare(plan: Plan, rows: BoolArray, treated: BoolArray, score: FloatArray | None) -> Matching:
    """Common support and the order of the observations."""
    support = rows.copy()
    if score is not None and (plan.common or plan.trim < 100.0):
        for side in (True, False) if plan.ate else (True,):
            other = score[rows & (treated != side)]
            if plan.trim < 100.0:
                support &= ~_too_thin(score, other, rows & (treated == side), plan.trim)
            else:
                support &= (treated != side) | ((score >= other.min()) & (score <= other.max()))
    sorts = score is not None and not plan.mahalanobis and plan.by_neighbors
    key = np.zeros(len(rows)) if score is None or not sorts else -score if plan.descending else score
    order = np.lexsort((np.arange(len(rows)), key, treated, ~support, ~rows))
    n = int(np.count_nonzero(rows))
    inside = order[:n]
    return Matching(order, n, treated[inside], None if score is None else score[inside], support[inside])


def _too_thin(score: FloatArray, other: FloatArray, side: BoolArray, level: float) -> BoolArray:
    """Observations of a side where the density of the other side's scores is zero or below its level-th percentile."""
    h = default_bandwidth(other)
    at = score[side]
    density = np.array([float(KERNELS["epanechnikov"]((point - other) / h).sum()) for point in at]) / (h * len(other))
    drop = density == 0.0
    if level > 0.0:
        drop |= density < float(percentiles(density, np.array([level]))[0])
    thin = np.zeros(len(score), dtype=np.bool_)
    thin[np.flatnonzero(side)[drop]] = True
    return thin


def covariate_metric(
    session: Session, line: Line, source: SessionSource, terms: list[Term], matching: Matching
) -> FloatArray:
    """The columns of mahalanobis() divided by a root of the pooled within-side covariance, or by that of w()."""
    from ssd.engine.commands.matrix_expression import stored

    chosen = np.zeros(session.data.n_obs, dtype=np.bool_)
    chosen[matching.rows] = True
    found = build_regressors(session, source, terms, finish_sample(session, chosen, None, "", None))
    if not found.X.shape[1]:
        raise StataError(498, "no variable of mahalanobis() varies")
    X = np.empty((session.data.n_obs, found.X.shape[1]))
    X[chosen] = found.X
    X = X[matching.rows]
    given = line.text_option("w")
    if given:
        W = stored(session, given).values
        if W.shape != (X.shape[1], X.shape[1]):
            raise StataError(503, "conformability error")
    else:
        parts = [X[matching.treated == side] for side in (False, True)]
        crossed = sum((part - part.mean(axis=0)).T @ (part - part.mean(axis=0)) for part in parts)
        W = symmetric_inverse(np.asarray(crossed) / max(int(matching.support.sum()) - 2, 1))
    values, vectors = np.linalg.eigh((W + W.T) / 2.0)
    if values.min() < -1e-10 * max(float(values.max()), 1e-300):
        raise StataError(506, "matrix not positive definite")
    return np.asarray(X @ (vectors * np.sqrt(np.maximum(values, 0.0))), dtype=np.float64)


def find_matches(session: Session, plan: Plan, matching: Matching, outcomes: list[str]) -> None:
    """Fill in neighbors, weights and matched outcomes."""
    Y = {name: session.data.numeric(name)[matching.rows] for name in outcomes}
    if plan.smooths_outcome:
        matching.smooth = {name: _smoothed(plan, matching, y) for name, y in Y.items()}
        Y = matching.smooth
    if plan.by_neighbors:
        _match_neighbors(plan, matching, Y)
        if plan.ai:
            matching.own = {name: _own(plan, matching, y) for name, y in Y.items()}
    else:
        _match_smoothly(plan, matching, Y)


def _smoothed(plan: Plan, matching: Matching, y: FloatArray) -> FloatArray:
    """Local linear regression of the outcome on the score within each side, at the scores of that side."""
    assert matching.score is not None
    smooth = np.full(matching.n, np.nan)
    for side in (False, True) if plan.ate else (False,):
        inside = matching.support & (matching.treated == side)
        at = matching.score if side is False else matching.score[inside]
        values = local_line(matching.score[inside], y[inside], at, KERNELS["epanechnikov"], plan.bandwidth)
        if side is False:
            smooth = values
        else:
            smooth[inside] = values
    return smooth


def _sides(matching: Matching) -> tuple[IntArray, IntArray]:
    return np.flatnonzero(matching.support & matching.treated), np.flatnonzero(matching.support & ~matching.treated)


def _match_neighbors(plan: Plan, matching: Matching, Y: dict[str, FloatArray]) -> None:
    n = matching.n
    found = np.full((n, plan.neighbors), -1, dtype=np.intp)
    pairs: list[tuple[IntArray, IntArray]] = []
    yes, no = _sides(matching)
    for queries, donors in ((no, yes), (yes, no)) if plan.ate else ((yes, no),):
        if not len(queries) or not len(donors):
            continue
        shown, who, with_ = _choose(plan, matching, queries, donors)
        found[queries, : shown.shape[1]] = shown
        pairs.append((who, with_))
    empty = np.zeros(0, dtype=np.intp)
    who = np.concatenate([pair[0] for pair in pairs]) if pairs else empty
    with_ = np.concatenate([pair[1] for pair in pairs]) if pairs else empty
    matches = Matches(who, with_, n)
    needed = matching.treated | plan.ate
    matching.support = matching.support & ~(needed & (found[:, 0] < 0))
    matching.matches, matching.first = matches, found
    if plan.mahalanobis:
        # Each match counts 1/k even where a caliper leaves fewer than k.
        matching.use = np.asarray(np.bincount(with_, minlength=n) / plan.neighbors, dtype=np.float64)
    else:
        matching.use = matches.used(np.ones(n, dtype=np.bool_))
    matching.others = {name: matches.mean(y) for name, y in Y.items()}


def _choose(plan: Plan, matching: Matching, queries: IntArray, donors: IntArray) -> tuple[IntArray, IntArray, IntArray]:
    """Neighbors to show, and all pairs of a query and a match."""
    if matching.X is not None:
        found = nearest_rows(matching.X[queries], matching.X[donors], plan.neighbors, plan.caliper)
    else:
        assert matching.score is not None
        key = -matching.score if plan.descending else matching.score
        p, d = key[queries], key[donors]
        if plan.ties:
            return _tied(plan, p, d, queries, donors)
        if plan.replacement:
            found = nearest_scores(p, d, plan.neighbors, plan.caliper)
        else:
            found = without_replacement(p, d, plan.caliper)[:, None]
    i, j = np.nonzero(found >= 0)
    return np.where(found >= 0, donors[found], -1), queries[i], donors[found[i, j]]


def _tied(
    plan: Plan, p: FloatArray, d: FloatArray, queries: IntArray, donors: IntArray
) -> tuple[IntArray, IntArray, IntArray]:
    """All donors as near as the nearest, then the further neighbors around the first of them.

    The further neighbors are counted whether or not they are among the ties already, as the command does.
    """
    who, with_ = tied_scores(p, d, plan.caliper)
    found = nearest_scores(p, d, plan.neighbors, plan.caliper)[:, 1:]
    i, j = np.nonzero(found >= 0)
    who, with_ = np.concatenate([who, i]), np.concatenate([with_, found[i, j]])
    order = np.argsort(who, kind="stable")
    who, with_ = who[order], with_[order]
    place = np.arange(len(who)) - np.searchsorted(who, who, side="left")
    kept = place < plan.neighbors
    shown = np.full((len(p), plan.neighbors), -1, dtype=np.intp)
    shown[who[kept], place[kept]] = donors[with_[kept]]
    return shown, queries[who], donors[with_]


def _own(plan: Plan, matching: Matching, y: FloatArray) -> FloatArray:
    """Mean of the ai() nearest of the same side; with altvariance the variance of them and the observation."""
    values = np.full(matching.n, np.nan)
    for side in _sides(matching):
        if len(side) < 2:
            continue
        if matching.X is not None:
            found = nearest_rows(matching.X[side], matching.X[side], plan.ai, itself=True)
        else:
            assert matching.score is not None
            found = nearest_in_line(matching.score[side], plan.ai)
        i, j = np.nonzero(found >= 0)
        near = Matches(i, found[i, j], len(side))
        own = y[side]
        mean = near.mean(own)
        if plan.altvariance:
            count = near.counts
            mean = (count * mean + own) / (count + 1.0)
            squares = np.bincount(i, weights=(own[found[i, j]] - mean[i]) ** 2, minlength=len(side))
            values[side] = (squares + (own - mean) ** 2) / count
        else:
            values[side] = mean
    return values


def _match_smoothly(plan: Plan, matching: Matching, Y: dict[str, FloatArray]) -> None:
    """Kernel and local linear matching."""
    names = list(Y)
    values = np.column_stack([Y[name] for name in names]) if names else np.zeros((matching.n, 1))
    fitted = np.full(values.shape, np.nan)
    use = np.zeros(matching.n)
    for side in (False, True) if plan.ate else (True,):
        queries = np.flatnonzero(matching.support & (matching.treated == side))
        donors = np.flatnonzero(matching.support & (matching.treated != side))
        found = _smooth_side(plan, matching, queries, donors, values[donors])
        fitted[queries] = found.fitted
        use[donors] += found.use
        matching.support[queries[~found.matched]] = False
    matching.use = use
    matching.others = {name: fitted[:, j] for j, name in enumerate(names)}


def _smooth_side(plan: Plan, matching: Matching, queries: IntArray, donors: IntArray, y: FloatArray) -> Smoothed:
    def distances(part: slice) -> FloatArray:
        if matching.X is not None:
            return squared_distances(matching.X[queries[part]], matching.X[donors])
        assert matching.score is not None
        return np.asarray(matching.score[donors][None, :] - matching.score[queries[part]][:, None])

    return smoothed_matches(distances, len(queries), y, plan.kernel, plan.bandwidth, line=plan.method == "llr")


def share_scores(matching: Matching, plan: Plan) -> bool:
    """Whether donors on the common support share a score."""
    assert matching.score is not None
    for side in (False, True) if plan.ate else (False,):
        scores = matching.score[matching.support & (matching.treated == side)]
        if len(np.unique(scores)) < len(scores):
            return True
    return False
