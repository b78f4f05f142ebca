"""Everything a running do-file can see and change."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from ssd.engine.commands.declare import Groups, Weight
from ssd.engine.data.dataset import Dataset, ObjectArray
from ssd.engine.missing import BoolArray, FloatArray
from ssd.engine.results import Matrix, ResultSet

if TYPE_CHECKING:
    from ssd.engine.output.log import Log


@dataclass
class Session:
    """State of one engine process. Commands receive it and change it; there is no other global state."""

    folder: Path
    """The working folder. Files are read from anywhere below or named by the caller; written only below."""
    log: Log
    data: Dataset = field(default_factory=Dataset)
    globals: dict[str, str] = field(default_factory=dict)
    locals: list[dict[str, str]] = field(default_factory=lambda: [{}])
    """One dictionary per running do-file or program; the last is current."""
    scalars: dict[str, float | str] = field(default_factory=dict)
    matrices: dict[str, Matrix] = field(default_factory=dict)
    r: ResultSet = field(default_factory=ResultSet)
    e: ResultSet = field(default_factory=ResultSet)
    s: ResultSet = field(default_factory=ResultSet)
    rc: int = 0
    """_rc: what the last `capture` caught."""
    settings: dict[str, str] = field(default_factory=dict)
    """`set` values by full name: linesize, type, level, scheme, …"""

    # --- evaluation (implemented in lang/ and expr/, bound here) ---
    def evaluate(
        self, text: str, *, groups: Groups | None = None, mask: BoolArray | None = None,
    ) -> FloatArray | ObjectArray | float | str:
        """Value of an expression: an array over observations, or a scalar when it names no variable, `_n` or `_N`."""
        raise NotImplementedError

    def evaluate_condition(self, text: str, *, groups: Groups | None = None) -> BoolArray:
        """Observations where the expression is true (nonzero, missing included), shape (n_obs,)."""
        raise NotImplementedError

    def evaluate_number(self, text: str) -> float:
        """A scalar number. Raises r(109) for a string."""
        raise NotImplementedError

    def evaluate_weights(self, weight: Weight) -> FloatArray:
        raise NotImplementedError

    def expand_varlist(self, text: str, *, new: bool = False, fv: bool = False, ts: bool = False) -> list[str]:
        """Names of a varlist with wildcards, ranges (a-b), `_all` and abbreviations. Raises r(111)."""
        raise NotImplementedError

    # --- running other commands ---
    def run(self, text: str, *, quiet: bool = False) -> None:
        """Run one command line (macros already expanded), as if it stood in the do-file."""
        raise NotImplementedError
