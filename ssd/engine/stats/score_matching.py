"""Nearest neighbours on one score, as the Stata command psmatch2 (Leuven and Sianesi) chooses them.

Of equally near donors the first in the order of the scores is taken; a match must lie strictly within
the caliper. Matching without replacement walks once through the ordered scores, so its result depends on
that order (and is not the assignment of least total distance).
"""

from __future__ import annotations

import numpy as np

from ssd.engine.missing import FloatArray
from ssd.engine.stats.matching import IntArray


def nearest_scores(p: FloatArray, donors: FloatArray, k: int, caliper: float = np.inf) -> IntArray:
    """Positions of the k nearest of the ascending `donors` for each score: (len(p), k), -1 where none is."""
    m = len(donors)
    found = np.full((len(p), k), -1, dtype=np.intp)
    above = np.searchsorted(donors, p, side="left")
    below = np.searchsorted(donors, donors[np.maximum(above - 1, 0)], side="left")
    lower = np.where(above > 0, np.abs(p - donors[below]), np.inf)
    upper = np.where(above < m, np.abs(p - donors[np.minimum(above, m - 1)]), np.inf)
    first = np.where(lower <= upper, below, above)
    alive = np.minimum(lower, upper) < caliper
    found[alive, 0] = first[alive]
    left, right = first - 1, first + 1
    for j in range(1, k):
        lower = np.where(left >= 0, np.abs(p - donors[np.maximum(left, 0)]), np.inf)
        upper = np.where(right < m, np.abs(p - donors[np.minimum(right, m - 1)]), np.inf)
        down = lower <= upper
        alive &= np.minimum(lower, upper) < caliper
        found[alive, j] = np.where(down, left, right)[alive]
        left = np.where(down, left - 1, left)
        right = np.where(down, right, right + 1)
    return found


def tied_scores(p: FloatArray, donors: FloatArray, caliper: float = np.inf) -> tuple[IntArray, IntArray]:
    """Pairs of a score and each of its equally near donors (ascending), in the order of the donors."""
    first = nearest_scores(p, donors, 1, caliper)[:, 0]
    matched = np.flatnonzero(first >= 0)
    start = first[matched]
    distance = np.abs(p[matched] - donors[start])
    # The nearest on the other side is a tie too when it is as far away.
    above = np.searchsorted(donors, p[matched], side="left")
    candidate = np.minimum(above, len(donors) - 1)
    reaches = (above < len(donors)) & (np.abs(p[matched] - donors[candidate]) <= distance)
    last = np.where(reaches, donors[candidate], donors[start])
    stop = np.searchsorted(donors, last, side="right")
    sizes = stop - start
    who = np.repeat(matched, sizes)
    offsets = np.arange(sizes.sum()) - np.repeat(np.cumsum(sizes) - sizes, sizes)
    return who, np.repeat(start, sizes) + offsets


def without_replacement(p: FloatArray, donors: FloatArray, caliper: float = np.inf) -> IntArray:
    """Position of the donor given to each score, in their order, or -1: (len(p),).

    Scores and donors are both ascending (or both descending). Each choice depends on all earlier ones, so
    this is a walk and not a vector operation: upwards from the donor after the last one taken as long as
    the distance does not grow; once the last donor has been reached, downwards over those still free.
    """
    m = len(donors)
    found = np.full(len(p), -1, dtype=np.intp)
    taken = np.zeros(m, dtype=np.bool_)
    step = 1

    def free(j: int) -> int:
        j += step
        while 0 <= j < m and taken[j]:
            j += step
        return j

    at = 0
    for i, score in enumerate(p):
        if not 0 <= at < m:
            break
        j, near = at, abs(score - donors[at])
        while 0 <= j < m - 1:
            j = free(j)
            if not 0 <= j < m:
                break
            before, near = near, abs(score - donors[j])
            if near > before:
                break
            if near < before:
                at = j
        matched = abs(score - donors[at]) < caliper
        if matched:
            taken[at] = True
            found[i] = at
        if at == m - 1 and i < len(p) - 1:
            step = -1
        if matched:
            at = free(at)
    return found
