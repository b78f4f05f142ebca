"""Partialling many fixed effects out of columns, and the degrees of freedom they take.

The symmetric Kaczmarz transform of Guimaraes and Portugal (2010), accelerated by conjugate gradients
(Correia 2016); redundant coefficients of a pair of effects are its connected components.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ssd.engine.errors import StataError
from ssd.engine.missing import BoolArray, FloatArray
from ssd.engine.stats.covariance import IndexArray

TOLERANCE = 1e-11
LIMIT = 16_000


class Absorber:
    """Fixed effects of one sample: `ids` (n,) per effect, numbered from 0."""

    def __init__(self, ids: Sequence[IndexArray], w: FloatArray | None) -> None:
        self.ids = list(ids)
        self.w = w
        self.totals = [np.bincount(each, weights=w).astype(np.float64) for each in self.ids]
        self.iterations = 1

    def _demean(self, v: FloatArray, effect: int) -> FloatArray:
        ids = self.ids[effect]
        weighted = v if self.w is None else v * self.w
        means = np.bincount(ids, weights=weighted, minlength=len(self.totals[effect])) / self.totals[effect]
        return np.asarray(v - means[ids], dtype=np.float64)

    def _sweep(self, v: FloatArray) -> FloatArray:
        """Through all effects forwards and back: a symmetric operator."""
        order = [*range(len(self.ids)), *range(len(self.ids) - 2, -1, -1)]
        for effect in order:
            v = self._demean(v, effect)
        return v

    def _dot(self, a: FloatArray, b: FloatArray) -> float:
        return float(a @ b if self.w is None else (a * self.w) @ b)

    def partial(self, v: FloatArray) -> FloatArray:
        """v without its projection on the effects. Raises r(430) when it does not converge."""
        if len(self.ids) == 1:
            return self._demean(v, 0)
        y = v - float(v.mean() if self.w is None else self.w @ v / self.w.sum())
        scale = self._dot(y, y)
        if scale == 0.0:
            return y
        u = np.zeros_like(y)
        r = y - self._sweep(y)
        p = r.copy()
        rr = self._dot(r, r)
        for iteration in range(1, LIMIT + 1):
            if rr <= TOLERANCE**2 * scale:
                self.iterations = max(self.iterations, iteration)
                return np.asarray(self._sweep(y - u), dtype=np.float64)
            q = p - self._sweep(p)
            alpha = rr / self._dot(p, q)
            u = u + alpha * p
            r = r - alpha * q
            new = self._dot(r, r)
            p = r + (new / rr) * p
            rr = new
        raise StataError(430, "convergence not achieved")


def singletons(ids: Sequence[IndexArray]) -> BoolArray:
    """Observations to keep after dropping, again and again, those alone in a group of some effect."""
    keep = np.ones(len(ids[0]), dtype=np.bool_)
    while True:
        before = int(keep.sum())
        for each in ids:
            sizes = np.bincount(each[keep], minlength=int(each.max()) + 1)
            keep &= sizes[each] > 1
        if int(keep.sum()) == before:
            return keep


def connected_components(a: IndexArray, b: IndexArray) -> int:
    """Components of the bipartite graph whose edges are the observations' pairs of groups."""
    from scipy.sparse import coo_matrix
    from scipy.sparse.csgraph import connected_components as components

    n_a, n_b = int(a.max()) + 1, int(b.max()) + 1
    graph = coo_matrix((np.ones(len(a)), (a, n_a + b)), shape=(n_a + n_b, n_a + n_b))
    return int(components(graph, directed=False)[0])


def nested(inner: IndexArray, outer: IndexArray) -> bool:
    """Whether every group of `inner` lies in one group of `outer`."""
    pairs = np.unique(np.column_stack([inner, outer]), axis=0)
    return len(pairs) == len(np.unique(inner))
