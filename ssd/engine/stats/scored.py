"""Models that know their scores analytically; second derivatives are central differences of these."""

from __future__ import annotations

import numpy as np

from ssd.engine.missing import FloatArray

_STEP = 1e-5
"""Relative step: truncation and rounding error of a second derivative are both near 1e-10."""


class ScoredModel:
    """Base of likelihood models (see stats/likelihood.py) that define `scores` only."""

    def scores(self, indices: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Log likelihood (n,) and its derivatives by the indices (n, E) at indices (n, E)."""
        raise TypeError("a model defines its scores")

    def log_likelihood(self, indices: FloatArray) -> FloatArray:
        return self.scores(indices)[0]

    def derivatives(self, indices: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
        ll, S = self.scores(indices)
        n, E = indices.shape
        H = np.empty((n, E, E))
        for e in range(E):
            step = _STEP * (1.0 + np.abs(indices[:, e]))
            up, down = indices.copy(), indices.copy()
            up[:, e] += step
            down[:, e] -= step
            width = up[:, e] - down[:, e]
            H[:, :, e] = (self.scores(up)[1] - self.scores(down)[1]) / width[:, None]
        return ll, S, (H + H.transpose(0, 2, 1)) / 2.0
