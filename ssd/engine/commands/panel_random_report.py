"""What models with a normal random intercept print below and above their coefficients."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ssd.engine.output.estimation import CoefficientTable, Entry, coefficient_row, number
from ssd.engine.stats.distributions import chi2_tail, critical, two_sided

if TYPE_CHECKING:
    from ssd.engine.commands.maximum import MlResult
    from ssd.engine.commands.panel_quadrature import GroupedData


@dataclass
class Row:
    """A line of the coefficient table below the coefficients."""

    label: str
    value: float
    se: float
    low: float
    high: float
    tests: bool = False


@dataclass
class Variance:
    """The estimated intercept variance with what is derived from it."""

    log_variance: float
    se: float
    """Standard error of ln sigma^2."""

    def interval(self, level: float) -> tuple[float, float]:
        width = critical(level, None) * self.se
        return self.log_variance - width, self.log_variance + width

    @property
    def sigma(self) -> float:
        return math.exp(0.5 * self.log_variance)

    def rho(self, within: float) -> float:
        """Share of the intercept in the latent variance, given that within groups."""
        return self.sigma**2 / (self.sigma**2 + within)

    def log_row(self, level: float) -> Row:
        return Row("/lnsig2u", self.log_variance, self.se, *self.interval(level))

    def sigma_row(self, level: float, label: str = "sigma_u") -> Row:
        low, high = (_exponential(0.5 * end) for end in self.interval(level))
        return Row(label, self.sigma, 0.5 * self.sigma * self.se, low, high)

    def rho_row(self, level: float, within: float) -> Row:
        rho = self.rho(within)
        low, high = (1.0 / (1.0 + within * _exponential(-end)) for end in self.interval(level))
        return Row("rho", rho, rho * (1.0 - rho) * self.se, low, high)

    def variance_row(self, level: float, label: str) -> Row:
        low, high = (_exponential(end) for end in self.interval(level))
        return Row(label, self.sigma**2, self.sigma**2 * self.se, low, high)


def _exponential(value: float) -> float:
    return math.exp(min(value, 700.0))


def print_rows(
    log_line: Callable[[str], None],
    table: CoefficientTable,
    blocks: Sequence[Sequence[Row]],
) -> None:
    """Blocks of rows below the coefficients, each after a rule, and the closing rule."""
    for block in blocks:
        log_line("-" * (table.width + 1) + "+" + "-" * 64)
        for row in block:
            log_line(f"{row.label:>{table.width}} |{_row_text(row)}")
    log_line("-" * (table.width + 66))


def _row_text(row: Row) -> str:
    """The columns of a row; without a standard error only its value."""
    if not row.se > 0.0:
        return f"{number(row.value):>11}          .        .       .            .           ."
    z = row.value / row.se
    return coefficient_row(row.value, row.se, z, two_sided(z, None), row.low, row.high, tests=row.tests)


def chibar_line(text: str, chi2: float, digits: int) -> str:
    """A likelihood-ratio test of a variance that lies on the boundary under the null."""
    p = 0.5 * chi2_tail(chi2, 1) if chi2 > 0 else 1.0
    left = f"{text}: chibar2(01) = {number(chi2, '%8.2f').strip()}"
    return left + f"Prob >= chibar2 = {p:.{digits}f}".rjust(78 - len(left))


def panel_header(data: GroupedData, result: MlResult, distribution: str, points: str = "", method: str = "") -> None:
    """Group statistics and the integration of the xt commands' header."""
    result.header_extra = data.group_entries()
    result.header_left = [
        f"Group variable: {data.group}", "", f"Random effects u_i ~ {distribution}" if distribution else "",
        "", "", "", "",
    ]  # fmt: skip
    if method:
        result.header_extra += [Entry("Integration pts.", points), Entry("", "")]
        result.header_left += [f"Integration method: {method}", ""]
