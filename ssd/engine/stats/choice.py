"""Rankings as sequences of choices: the rank-ordered logit with ties ([R] rologit)."""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass
from typing import Literal

import numpy as np

from ssd.engine.errors import unsupported
from ssd.engine.missing import FloatArray
from ssd.engine.stats.covariance import IndexArray

Ties = Literal["exactm", "breslow", "efron"]


@dataclass(frozen=True)
class _Stage:
    """Alternatives preferred at one rank of one case and those still to be ranked (themselves included)."""

    case: int
    chosen: IndexArray
    remaining: IndexArray


class RankOrdered:
    """Log likelihood and scores by case at coefficients, for maximize_groups.

    Ranks are larger for better alternatives; those equal to `unranked` come after all others and are not chosen.
    """

    def __init__(self, rank: FloatArray, X: FloatArray, ids: IndexArray, ties: Ties, unranked: float | None) -> None:
        self.X, self.ties = X, ties
        self.groups = int(ids.max()) + 1
        self.stages: list[_Stage] = []
        order = np.argsort(ids, kind="stable")
        for case, members in enumerate(np.split(order, np.flatnonzero(np.diff(ids[order])) + 1)):
            values = rank[members]
            ranked = np.unique(values[values != unranked]) if unranked is not None else np.unique(values)
            low = np.full(len(values), -np.inf) if unranked is None else np.where(values == unranked, -np.inf, values)
            shown = values if unranked is None else low
            for value in ranked[::-1]:
                chosen, remaining = members[values == value], members[shown <= value]
                if len(chosen) > 6 and ties == "exactm" and len(chosen) < len(remaining):
                    raise unsupported("ties(exactm) with more than six alternatives of one rank is")
                if len(chosen) < len(remaining) or ties != "exactm":
                    self.stages.append(_Stage(case, chosen, remaining))

    def __call__(self, b: FloatArray) -> tuple[FloatArray, FloatArray]:
        eta = self.X @ b
        ll = np.zeros(self.groups)
        S = np.zeros((self.groups, len(b)))
        for stage in self.stages:
            value, score = _TERMS[self.ties](eta, self.X, stage)
            ll[stage.case] += value
            S[stage.case] += score
        return ll, S


def _mean(eta: FloatArray, X: FloatArray, weights: FloatArray | None = None) -> tuple[float, FloatArray]:
    """ln of the sum of exp(eta) and its gradient."""
    top = float(eta.max())
    e = np.exp(eta - top) * (1.0 if weights is None else weights)
    total = float(e.sum())
    return math.log(total) + top, np.asarray(e @ X / total, dtype=np.float64)


def _breslow(eta: FloatArray, X: FloatArray, stage: _Stage) -> tuple[float, FloatArray]:
    d = len(stage.chosen)
    log_total, mean = _mean(eta[stage.remaining], X[stage.remaining])
    return float(eta[stage.chosen].sum()) - d * log_total, X[stage.chosen].sum(axis=0) - d * mean


def _efron(eta: FloatArray, X: FloatArray, stage: _Stage) -> tuple[float, FloatArray]:
    d = len(stage.chosen)
    value, score = float(eta[stage.chosen].sum()), X[stage.chosen].sum(axis=0)
    tied = np.isin(stage.remaining, stage.chosen)
    for step in range(d):
        log_total, mean = _mean(eta[stage.remaining], X[stage.remaining], np.where(tied, 1.0 - step / d, 1.0))
        value, score = value - log_total, score - mean
    return value, score


def _exact_marginal(eta: FloatArray, X: FloatArray, stage: _Stage) -> tuple[float, FloatArray]:
    """Probability that the tied alternatives come before the others, summed over the orders of the tied ones."""
    others = np.setdiff1d(stage.remaining, stage.chosen)
    values, scores = [], []
    for order in itertools.permutations(stage.chosen):
        left = list(stage.chosen)
        value, score = 0.0, np.zeros(X.shape[1])
        for alternative in order:
            risk = np.concatenate([left, others]).astype(np.intp)
            log_total, mean = _mean(eta[risk], X[risk])
            value += float(eta[alternative]) - log_total
            score += X[alternative] - mean
            left.remove(alternative)
        values.append(value)
        scores.append(score)
    terms = np.array(values)
    top = float(terms.max())
    weights = np.exp(terms - top)
    return top + math.log(float(weights.sum())), weights @ np.array(scores) / float(weights.sum())


_TERMS = {"breslow": _breslow, "efron": _efron, "exactm": _exact_marginal}
