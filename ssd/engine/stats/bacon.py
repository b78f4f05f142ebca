"""Decomposition of the two-way fixed-effects estimate of a staggered treatment into two-by-two comparisons.

Goodman-Bacon (2021, Journal of Econometrics 225), theorem 1 and equations (10a) to (10g), for a balanced panel.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ssd.engine.errors import StataError
from ssd.engine.missing import FloatArray


@dataclass(frozen=True)
class Comparison:
    """One two-by-two difference in differences and its weight in the two-way estimate."""

    kind: str
    """Early_v_Late, Late_v_Early, Always_v_timing or Never_v_timing."""
    treated: float
    """First treated period of the treated group."""
    control: float
    """That of the comparison group; infinite for never, minus infinite for always treated."""
    beta: float
    weight: float


def first_treated(D: FloatArray, times: FloatArray) -> FloatArray:
    """First treated period of each unit: inf for never, -inf for treated throughout.

    D is (N, T) of zeros and ones. Raises r(459) when a treatment ends.
    """
    if np.any(np.diff(D, axis=1) < 0.0):
        raise StataError(459, "treatment must not end: units may only move from untreated to treated")
    treated = D == 1.0
    first = np.where(treated.any(axis=1), times[np.argmax(treated, axis=1)], np.inf)
    return np.where(treated.all(axis=1), -np.inf, first)


def decompose(y: FloatArray, D: FloatArray, times: FloatArray) -> list[Comparison]:
    """All comparisons of a balanced panel; the weights sum to one. y and D are (N, T).

    Raises r(459) when the treatment does not vary within units and periods.
    """
    first = first_treated(D, times)
    shares = {float(g): float(np.mean(first == g)) for g in np.unique(first)}
    means = {g: y[first == g].mean(axis=0) for g in shares}
    dose = {g: float((times >= g).mean()) for g in shares}
    residual = D - D.mean(axis=1, keepdims=True) - D.mean(axis=0, keepdims=True) + D.mean()
    variance = float((residual**2).mean())
    if not variance > 1e-14:
        raise StataError(459, "the treatment does not vary across units and periods")
    timing = [g for g in shares if np.isfinite(g)]
    found = []

    def change(group: float, inside: FloatArray, after: FloatArray) -> float:
        values = means[group]
        return float(values[(inside * after) > 0.0].mean() - values[(inside * (1.0 - after)) > 0.0].mean())

    for i, k in enumerate(timing):
        for late in timing[i + 1 :]:
            both = shares[k] + shares[late]
            split = shares[k] / both
            common = both**2 * split * (1.0 - split) / variance
            before_late = (times < late).astype(np.float64)
            since_k = (times >= k).astype(np.float64)
            after_k, after_late = (times >= k).astype(np.float64), (times >= late).astype(np.float64)
            gap = dose[k] - dose[late]
            found.append(
                Comparison(
                    "Early_v_Late", k, late, change(k, before_late, after_k) - change(late, before_late, after_k),
                    common * gap * (1.0 - dose[k]),
                )
            )  # fmt: skip
            found.append(
                Comparison(
                    "Late_v_Early", late, k, change(late, since_k, after_late) - change(k, since_k, after_late),
                    common * gap * dose[late],
                )
            )  # fmt: skip
    for outside, kind in ((-np.inf, "Always_v_timing"), (np.inf, "Never_v_timing")):
        if outside not in shares:
            continue
        for k in timing:
            both = shares[k] + shares[outside]
            split = shares[k] / both
            after = (times >= k).astype(np.float64)
            whole = np.ones(len(times))
            found.append(
                Comparison(
                    kind, k, float(outside), change(k, whole, after) - change(float(outside), whole, after),
                    both**2 * split * (1.0 - split) * dose[k] * (1.0 - dose[k]) / variance,
                )
            )  # fmt: skip
    return found
