"""Estimated means, totals, ratios and proportions with linearized variances ([R] mean, total, ratio, proportion)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from ssd.engine.missing import FloatArray
from ssd.engine.stats.arithmetic import quotient


@dataclass(frozen=True)
class Estimates:
    """`b` has shape (k,), `V` shape (k, k); `scores` holds the linearized variables, shape (n, k)."""

    b: FloatArray
    V: FloatArray
    counts: FloatArray
    """Observations (or sum of weights) behind each estimate."""


def _score_variance(scores: FloatArray, weights: FloatArray, n: float, cluster: FloatArray | None) -> FloatArray:
    """Variance of the sum of weighted scores: n/(n-1) times the centred squares, over clusters if given."""
    if cluster is None:
        total = weights @ scores
        squares = (scores * weights[:, None]).T @ scores - np.outer(total, total) / n
        return np.asarray(squares * n / (n - 1.0))
    _, index = np.unique(cluster, return_inverse=True)
    sums = np.column_stack([np.bincount(index, weights=weights * column) for column in scores.T])
    groups = sums.shape[0]
    centred = sums - sums.mean(axis=0)
    return np.asarray(centred.T @ centred * groups / (groups - 1.0))


def estimate(
    kind: str,
    columns: FloatArray,
    masks: list[FloatArray],
    weights: FloatArray,
    frequency: bool,
    cluster: FloatArray | None = None,
    denominators: FloatArray | None = None,
    variance_of_total: Callable[[FloatArray], FloatArray] | None = None,
) -> Estimates:
    """Estimates of each column within each mask, column by column.

    `kind` is mean, total or ratio; `masks` are 0/1 arrays (all ones without over()). With `frequency`
    weights count observations; otherwise they scale the scores (probability weights). `variance_of_total` takes the
    weighted scores (n, k) to the variance of their total under a survey design.
    """
    n = float(weights.sum()) if frequency else float(columns.shape[0])
    counting = weights if frequency else np.ones_like(weights)
    scale = np.ones_like(weights) if frequency else weights
    b, counts, scores = [], [], []
    for position in range(columns.shape[1]):
        y = columns[:, position]
        for mask in masks:
            w = weights * mask
            size = float(w.sum())
            total = float(w @ y)
            if kind == "total":
                b.append(total)
                scores.append(scale * mask * y)
            elif kind == "mean":
                b.append(total / size)
                scores.append(scale * mask * (y - total / size) / size)
            else:
                assert denominators is not None
                x = denominators[:, position]
                base = float(w @ x)
                ratio = quotient(total, base)
                b.append(ratio)
                scores.append(scale * mask * (y - ratio * x) / (base or np.nan))
            counts.append(float(counting @ mask))
    linearized = np.column_stack(scores)
    if variance_of_total is None:
        variance = _score_variance(linearized, counting, n, cluster)
    else:
        variance = variance_of_total(linearized)
    return Estimates(np.array(b), variance, np.array(counts))


def logit_interval(p: FloatArray, se: FloatArray, critical: float) -> tuple[FloatArray, FloatArray]:
    """Limits of a proportion from the logit scale; the point itself at 0 and 1."""
    inside = (p > 0) & (p < 1)
    safe = np.where(inside, p, 0.5)
    centre, half = np.log(safe / (1 - safe)), critical * se / (safe * (1 - safe))
    low, high = 1 / (1 + np.exp(-(centre - half))), 1 / (1 + np.exp(-(centre + half)))
    return np.where(inside, low, p), np.where(inside, high, p)
