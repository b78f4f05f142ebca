"""ROC curves: points, area by the trapezoidal rule, standard error of DeLong, DeLong and Clarke-Pearson (1988)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ssd.engine.missing import BoolArray, FloatArray


@dataclass(frozen=True)
class Curve:
    false_positive: FloatArray
    """1 - specificity at each cut point, ascending, from 0 to 1."""
    sensitivity: FloatArray
    area: float
    cuts: FloatArray
    """Distinct scores, descending: point i+1 calls positive what is at least cuts[i]."""


def roc_curve(positive: BoolArray, score: FloatArray) -> Curve:
    """Points at every distinct score, shape (cuts + 1,); larger scores point to a positive."""
    order = np.argsort(-score, kind="stable")
    ordered, hits = score[order], positive[order]
    last = np.append(np.flatnonzero(np.diff(ordered)), ordered.size - 1)
    sensitivity = np.concatenate([[0.0], np.cumsum(hits)[last] / hits.sum()])
    false_positive = np.concatenate([[0.0], np.cumsum(~hits)[last] / (~hits).sum()])
    width = np.diff(false_positive)
    area = float(np.sum(width * (sensitivity[1:] + sensitivity[:-1]) / 2.0))
    return Curve(false_positive, sensitivity, area, ordered[last])


def delong_error(positive: BoolArray, score: FloatArray) -> float:
    """Standard error of the area from the placement values of positives and negatives."""
    high, low = np.sort(score[positive]), np.sort(score[~positive])
    above = (np.searchsorted(low, high, "left") + np.searchsorted(low, high, "right")) / (2.0 * low.size)
    below = 1.0 - (np.searchsorted(high, low, "left") + np.searchsorted(high, low, "right")) / (2.0 * high.size)
    return float(np.sqrt(above.var(ddof=1) / high.size + below.var(ddof=1) / low.size))
