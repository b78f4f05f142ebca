"""What an expression is evaluated against."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ssd.engine.commands.declare import Groups
from ssd.engine.data.names import find_variable
from ssd.engine.missing import MISSING, BoolArray, FloatArray

if TYPE_CHECKING:
    from ssd.engine.data.dataset import Dataset
    from ssd.engine.data.storage import ObjectArray
    from ssd.engine.session import Session


@dataclass(frozen=True)
class Running:
    """The variable a `replace` is changing: its values so far, seen by later observations."""

    name: str
    values: FloatArray | ObjectArray


@dataclass
class Context:
    """`rows`: the expression is evaluated for observations (generate), not once (display)."""

    session: Session
    groups: Groups | None
    mask: BoolArray | None
    rows: bool
    running: Running | None = None
    block: slice | None = None
    """The rows in work, when an elementwise expression is evaluated piece by piece."""

    @property
    def data(self) -> Dataset:
        return self.session.data

    @property
    def n_obs(self) -> int:
        return self.session.data.n_obs

    def variable(self, word: str) -> str | None:
        """The variable a word names or abbreviates."""
        on = self.session.settings.get("varabbrev", "on") != "off"
        return find_variable(self.data.variables, word, abbreviations=on)

    def position(self) -> FloatArray:
        """`_n`: 1-based, within by-groups."""
        if self.groups is None:
            return np.arange(1.0, self.n_obs + 1.0)
        return np.arange(1.0, self.n_obs + 1.0) - self.groups.starts[self.groups.ids]

    def size(self) -> float | FloatArray:
        """`_N`: the number of observations, of the by-group under by."""
        if self.groups is None:
            return float(self.n_obs)
        return self.groups.sizes[self.groups.ids].astype(np.float64)

    def spread(self, drawn: FloatArray) -> FloatArray:
        """Values computed for the selected observations, in place; `.` elsewhere."""
        if self.mask is None:
            return drawn
        values = np.full(self.n_obs, MISSING)
        values[self.mask] = drawn
        return values

    @property
    def n_drawn(self) -> int:
        """How many observations the expression is evaluated for."""
        return self.n_obs if self.mask is None else int(np.count_nonzero(self.mask))
