"""The distribution of the standardised errors of arch: normal, Student's t or generalized error."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ssd.engine.errors import StataError
from ssd.engine.missing import FloatArray
from ssd.engine.output.estimation import CoefficientTable, number
from ssd.engine.stats.distributions import critical
from ssd.engine.stats.volatility import gaussian_terms, generalized_error_terms, student_terms

if TYPE_CHECKING:
    from ssd.engine.output.log import Log


@dataclass(frozen=True)
class ErrorDistribution:
    """`kind` is gauss, t or ged; `fixed` the degrees of freedom or shape when they are not estimated."""

    kind: str
    fixed: float | None = None

    @property
    def names(self) -> list[str]:
        """Names of the estimated ancillary parameter, if any."""
        if self.kind == "gauss" or self.fixed is not None:
            return []
        return ["/lndfm2" if self.kind == "t" else "/lnshape"]

    @property
    def count(self) -> int:
        return len(self.names)

    @property
    def start(self) -> list[float]:
        """Eight degrees of freedom, or the shape 1.5."""
        return [] if not self.names else [math.log(6.0) if self.kind == "t" else math.log(1.5)]

    @property
    def heading(self) -> str:
        """Line of the header; the normal distribution goes without saying."""
        if self.kind == "gauss":
            return ""
        word = "t" if self.kind == "t" else "GED"
        return f"Distribution: {word}" + (f"({self.fixed:g})" if self.fixed is not None else "")

    def value(self, ancillary: FloatArray) -> float:
        """Degrees of freedom or shape."""
        if self.fixed is not None:
            return self.fixed
        size = math.exp(min(float(ancillary[0]), 50.0))
        return size + 2.0 if self.kind == "t" else size

    def terms(self, e: FloatArray, h: FloatArray, ancillary: FloatArray) -> FloatArray | None:
        """Log likelihood of each disturbance, None outside the parameter space."""
        if self.kind == "gauss":
            return gaussian_terms(e, h)
        if self.kind == "t":
            return student_terms(e, h, self.value(ancillary))
        return generalized_error_terms(e, h, self.value(ancillary))

    @property
    def scalars(self) -> tuple[str, ...]:
        """Where e() holds the degrees of freedom or the shape."""
        return () if self.kind == "gauss" else ("tdf",) if self.kind == "t" else ("shape",)

    def print_footer(self, log: Log, table: CoefficientTable) -> None:
        """The row of degrees of freedom or shape below the table, with its own closing line."""
        width = table.width
        log.line("-" * (width + 1) + "+" + "-" * 64)
        b, se = float(table.b[-1]), math.sqrt(float(table.V[-1, -1]))
        shift = 2.0 if self.kind == "t" else 0.0
        half = critical(table.level, None) * se
        size = _exponential(b)
        label = "df" if self.kind == "t" else "shape"
        low, high = _exponential(b - half) + shift, _exponential(b + half) + shift
        log.line(
            f"{label:>{width}} |{number(size + shift):>11}{number(size * se):>11}{'':17}"
            f"{number(low):>13}{number(high):>12}"
        )
        log.line("-" * (width + 66))


def _exponential(value: float) -> float:
    """exp, nan where it leaves the range of numbers (a flat likelihood has a boundless interval)."""
    return math.exp(value) if value < 700.0 else math.nan


def read_distribution(text: str | None) -> ErrorDistribution:
    """distribution(), with a number after t or ged that fixes its parameter. Raises r(198)."""
    words = (text or "gaussian").lower().split()
    if not words or len(words) > 2:
        raise StataError(198, "option distribution() incorrectly specified")
    name = words[0]
    kind = "gauss" if "gaussian".startswith(name) or "normal".startswith(name) else name
    if kind not in {"gauss", "t", "ged"} or (kind == "gauss" and len(words) == 2):
        raise StataError(198, f"distribution({text}) invalid")
    if len(words) == 1:
        return ErrorDistribution(kind)
    try:
        value = float(words[1])
    except ValueError:
        raise StataError(198, f"distribution({text}) invalid") from None
    if not (2.0 < value < 1e7 if kind == "t" else 0.05 < value < 100.0):
        raise StataError(198, f"distribution({text}) invalid")
    return ErrorDistribution(kind, value)
