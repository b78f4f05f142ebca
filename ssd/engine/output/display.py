"""What the display options of estimation commands ask of the coefficient table."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

DISPLAY_OPTIONS = (
    "NOCI NOPValues NOOMITted VSQUISH NOEMPTYcells ALLBASElevels NOFVLABel FVWRAP(integer) FVWRAPON(string) "
    "CFORMAT(string) PFORMAT(string) SFORMAT(string) NOLSTRETCH COEFLegend"
)
"""Options every command that declares `BASElevels` takes besides it ([R] Estimation options)."""


@dataclass(frozen=True)
class DisplayStyle:
    """How coefficients are listed; the default is what a command without display options prints."""

    intervals: bool = True
    pvalues: bool = True
    omitted: bool = True
    """Rows of coefficients that collinearity left out."""
    empty: bool = True
    """Rows of cells without observations."""
    squished: bool = False
    """No blank lines around factor variables."""
    every_base: bool = False
    """Base levels of interactions, too."""
    value_labels: bool = True
    stretched: bool = True
    """The column of names as wide as its longest name."""
    wrap: int = 1
    """Lines a value label may take in a column that is not stretched."""
    wrap_on: Literal["word", "width"] = "word"
    legend: bool = False
    """`_b[name]` in place of the statistics."""
    coefficient_format: str = "%9.0g"
    p_format: str = "%5.3f"
    statistic_format: str = "%8.2f"

    @property
    def columns(self) -> int:
        """Width of everything to the right of the bar."""
        if self.legend or (self.intervals and self.pvalues):
            return 64
        if self.intervals:
            return 48
        return 39 if self.pvalues else 22


PLAIN = DisplayStyle()
"""What a command without display options prints."""
