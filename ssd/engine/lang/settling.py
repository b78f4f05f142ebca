"""What must hold after every command, however it ended: results are Stata numbers, e(sample) fits the data."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from ssd.engine.missing import MISSING
from ssd.engine.results import ResultSet

if TYPE_CHECKING:
    from ssd.engine.session import Session


def settle(session: Session, r: ResultSet, e: ResultSet) -> None:
    """Make new results storable and forget an e(sample) of other data; `r` and `e` are those before the command."""
    if session.r is not r:
        store_missing(session.r)
    if session.e is not e:
        store_missing(session.e)
    sample = session.e.sample
    if sample is not None and len(sample) != session.data.n_obs:
        session.e.sample = None


def store_missing(results: ResultSet) -> None:
    """Infinities and results of 0/0 become `.`: Stata has no other numbers."""
    for name, value in results.scalars.items():
        if not math.isfinite(value):
            results.scalars[name] = MISSING
    for matrix in results.matrices.values():
        finite = np.isfinite(matrix.values)
        if not finite.all():
            matrix.values = np.where(finite, matrix.values, MISSING)
