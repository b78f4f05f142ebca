"""Records cut at failure times: covariates that change with analysis time, and risk sets as groups."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ssd.engine.missing import FloatArray
from ssd.engine.stats.survival_cox import RiskSets

IndexArray = NDArray[np.intp]


@dataclass(frozen=True)
class Pieces:
    """Each record once for every failure time at which it is at risk."""

    record: IndexArray
    place: IndexArray
    """Which failure time of the risk sets."""
    t0: FloatArray
    t: FloatArray
    d: FloatArray


def pieces(sets: RiskSets) -> Pieces:
    """The pieces of all records, by record and time."""
    sizes = sets.leave - sets.enter
    record = np.repeat(np.arange(len(sizes)), sizes).astype(np.intp)
    first = np.repeat(np.cumsum(sizes) - sizes, sizes)
    place = (np.arange(len(record)) - first + sets.enter[record]).astype(np.intp)
    times = sets.times
    # Only the failure time itself matters: the piece starts just after the failure time before it.
    start = np.concatenate([[-np.inf], times[:-1]])
    begin = start[place]
    new_stratum = np.concatenate([[True], np.diff(sets.strata) != 0])
    begin = np.where(new_stratum[place], -np.inf, begin)
    d = (sets.at[record] == place).astype(np.float64)
    return Pieces(record, place, begin, times[place], d)
