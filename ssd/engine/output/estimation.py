"""The layout all estimation commands share: header blocks, coefficient table, r(table)."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from ssd.engine.missing import MISSING, FloatArray
from ssd.engine.output.coefficient_labels import CoefficientLabels, abbreviated, coefficient_status, equation_of
from ssd.engine.output.display import PLAIN, DisplayStyle
from ssd.engine.output.formats import format_value
from ssd.engine.results import Matrix
from ssd.engine.stats.distributions import critical, two_sided

if TYPE_CHECKING:
    from ssd.engine.data.dataset import Dataset
    from ssd.engine.output.log import Log

WIDTH = 78


@dataclass
class CoefficientTable:
    """What the coefficient table shows. Names are those of e(b), `equation:name` where there are several."""

    names: list[str]
    b: FloatArray
    V: FloatArray
    depvar: str = ""
    df: float | None = None
    """Degrees of freedom of t; None for z."""
    level: float = 95.0
    vce_heading: str = ""
    """Word above "std. err.": Robust, Bootstrap, Delta-method, …"""
    coefficient_heading: str = "Coefficient"
    eform: bool = False
    empty: frozenset[str] = frozenset()
    """Names of empty cells, which print "(empty)" instead of "(omitted)"."""
    base_levels: bool = False
    """Show base levels as "(base)"."""
    ancillary_eform: bool = False
    data: Dataset | None = None
    """For value labels of factor levels."""
    hidden_equations: frozenset[str] = frozenset()
    base_equations: frozenset[str] = frozenset()
    """Equations shown as "(base outcome)" only."""
    base_note: str = "base outcome"
    equation_headings: bool = False
    """Name the equation even when there is only one."""
    not_estimable: frozenset[str] = frozenset()
    constrained: frozenset[str] = frozenset()
    """Coefficients that constraints fix at a value."""
    omitted: frozenset[str] = frozenset()
    """Names that print "(omitted)" without saying so themselves."""
    untested: frozenset[str] = frozenset()
    """Names whose statistic and p-value are left blank (cut points)."""
    untransformed: frozenset[str] = frozenset()
    """Equations that stay on the coefficient scale in a table of exponentiated coefficients."""
    no_tests: bool = False
    """Leave out the statistic and p columns (predictive margins without tests)."""
    no_footer: bool = False
    """Do not draw the closing line (the caller adds rows)."""
    upper_heading: str = ""
    """Line above the column headings in place of that of `vce_heading`."""
    betas: FloatArray | None = None
    """Standardised coefficients, shown in place of the interval."""
    style: DisplayStyle = PLAIN
    offset: str = ""
    """Offset, or `ln(exposure)`, of the first equation, whose coefficient is 1."""
    width: int = field(default=12)
    """Of the column of names: at least this when given, as wide as the levels of factors need once printed."""


def result_table(table: CoefficientTable) -> Matrix:
    """r(table): b se t|z pvalue ll ul df crit eform, one column per coefficient."""
    k = len(table.names)
    rows = ["b", "se", "z" if table.df is None else "t", "pvalue", "ll", "ul", "df", "crit", "eform"]
    values = np.full((9, k), MISSING)
    multiplier = critical(table.level, table.df)
    for j, (b, se, t, p, low, high) in enumerate(_statistics(table)):
        transform = _transformed(table, table.names[j])
        values[:6, j] = [
            exponential(b) if transform else b, _known_error(se * exponential(b) if transform else se, t), t, p,
            exponential(low) if transform else low, exponential(high) if transform else high,
        ]  # fmt: skip
        values[8, j] = float(transform)
    values[6, :] = MISSING if table.df is None else table.df
    values[7, :] = multiplier
    values = np.where(np.isfinite(values), values, MISSING)
    return Matrix(values, rows, list(table.names))


def _known_error(se: float, t: float) -> float:
    """A standard error; base levels and omitted coefficients have none."""
    return math.nan if math.isnan(t) else se


def _transformed(table: CoefficientTable, name: str) -> bool:
    if table.untransformed and equation_of(name) in table.untransformed:
        return False
    return table.eform and not (name.startswith("/") and not table.ancillary_eform)


def _statistics(table: CoefficientTable) -> list[tuple[float, float, float, float, float, float]]:
    multiplier = critical(table.level, table.df)
    rows = []
    for b, variance in zip(table.b, np.diag(table.V), strict=True):
        if variance > 0.0 and b < MISSING and variance < MISSING:
            se = math.sqrt(variance)
            t = float(b) / se
            rows.append((float(b), se, t, two_sided(t, table.df), b - multiplier * se, b + multiplier * se))
        else:
            nan = math.nan
            rows.append((float(b), 0.0 if b == 0.0 else nan, nan, nan, nan, nan))
    return rows


# --- coefficient table -------------------------------------------------------------------------


def print_coefficients(log: Log, table: CoefficientTable) -> None:
    """The table from its upper to its lower rule."""
    labels = CoefficientLabels(table)
    table.width = labels.width
    statistics = _statistics(table)
    log.line("-" * (table.width + 2 + _columns(table)))
    print_headings(log, table)
    previous: str | None = None
    equations = [equation_of(name) for name in table.names]
    named = {equation for equation in equations if equation and equation != "/"} - table.hidden_equations
    several = table.equation_headings or len(named) > 1
    start = 0
    for position in range(len(table.names) + 1 if table.names else 0):
        if position < len(table.names) and equations[position] == equations[start]:
            continue
        equation = equations[start]
        if equation in table.base_equations:
            log.line("-" * (table.width + 1) + "+" + "-" * _columns(table))
            shown = abbreviated(re.sub(r"^(\d+)b\.", r"\1.", equation), table.width)
            log.line(f"{shown:<{table.width}} |  ({table.base_note})")
        elif equation not in table.hidden_equations:
            previous = (
                equation if equation == "/" and previous == "/" else _equation_rule(log, table, equation, several)
            )
            _print_equation(log, table, labels, range(start, position), statistics)
            if table.offset and start == 0:
                log.line(_offset_row(table))
        start = position
        if position == len(table.names):
            break
    if not table.no_footer:
        log.line("-" * (table.width + 2 + _columns(table)))


def _offset_row(table: CoefficientTable) -> str:
    kind = "exposure" if table.offset.startswith("ln(") else "offset"
    return f"{abbreviated(table.offset, table.width):>{table.width}} |{'1':>11}  ({kind})"


def _columns(table: CoefficientTable) -> int:
    """Width of everything to the right of the bar."""
    style = table.style
    return style.columns + (25 if table.betas is not None and not (style.intervals or style.legend) else 0)


def print_headings(log: Log, table: CoefficientTable) -> None:
    """The column headings with the name of the outcome."""
    width = table.width
    if table.upper_heading:
        log.line(" " * width + " |" + table.upper_heading[: _columns(table)].rstrip())
    elif table.vce_heading:
        indent = max(18 - len(table.vce_heading) // 2, 1)
        log.line(" " * width + " |" + " " * indent + table.vce_heading)
    letter = "z" if table.df is None else "t"
    heading = table.coefficient_heading.lower() if table.upper_heading else table.coefficient_heading
    first = f" {heading}" if len(heading) == 11 else heading.rjust(11) + " "
    error = "std. err." if table.vce_heading else "Std. err."
    style = table.style
    start = f"{abbreviated(table.depvar, width):>{width}} |{first}  "
    if style.legend:
        log.line(start + "Legend")
        return
    interval = f"[{table.level:g}% conf. interval]".rjust(25) if style.intervals else ""
    interval = "Beta".rjust(25) if table.betas is not None else interval
    middle = " " * 17 if table.no_tests else f"      {letter}    P>|{letter}|"
    middle = middle if style.pvalues else ""
    log.line(start + error + middle + interval)


def _equation_rule(log: Log, table: CoefficientTable, equation: str, several: bool) -> str:
    log.line("-" * (table.width + 1) + "+" + "-" * _columns(table))
    if several and equation and equation != "/":
        log.line(f"{abbreviated(equation, table.width):<{table.width}} |")
    return equation


def _print_equation(
    log: Log,
    table: CoefficientTable,
    labels: CoefficientLabels,
    positions: range,
    statistics: Sequence[tuple[float, float, float, float, float, float]],
) -> None:
    for label, j in _label_lines(table, labels, positions):
        log.line(label if j is None else label + _row_values(table, j, statistics[j]))


def label_lines(table: CoefficientTable, positions: range) -> list[tuple[str, int | None]]:
    """The first column of a table for some coefficients, up to the bar: headings of factors have no position."""
    labels = CoefficientLabels(table)
    table.width = labels.width
    return list(_label_lines(table, labels, positions))


def _label_lines(
    table: CoefficientTable, labels: CoefficientLabels, positions: range
) -> Iterator[tuple[str, int | None]]:
    first = True
    after_block = False
    for group in labels.groups(positions):
        shown = [j for j in group if labels.is_shown(j)]
        if not shown:
            continue
        block = labels.is_block(group, shown)
        if (block or after_block) and not first and not table.style.squished:
            yield " " * table.width + " |", None
        if block:
            headings, rows = labels.block(shown)
            yield from ((heading, None) for heading in headings)
        else:
            rows = [labels.plain(j) for j in shown]
        yield from zip(rows, shown, strict=True)
        first = False
        after_block = block


def _row_values(table: CoefficientTable, j: int, row: tuple[float, float, float, float, float, float]) -> str:
    name = table.names[j]
    style = table.style
    b, se, t, p, low, high = row
    transform = _transformed(table, name)
    if math.isnan(t):
        if name in table.not_estimable:
            return "          .  (not estimable)"
        status = "constrained" if name in table.constrained else coefficient_status(name, table.empty)
        status = "omitted" if name in table.omitted else status
        shown = number(exponential(b) if transform else b, style.coefficient_format).rjust(11)
        if status:
            return f"{shown}  ({status})"
        b, se, low, high = (exponential(b) if transform else b), math.nan, math.nan, math.nan
    elif transform:
        b, se, low, high = exponential(b), se * exponential(b), exponential(low), exponential(high)
    if style.legend:
        return f"{number(b, style.coefficient_format):>11}  {_legend(name)}"
    beta = None if table.betas is None else float(table.betas[j])
    tests = not (table.no_tests or name in table.untested)
    return coefficient_row(b, se, t, p, low, high, tests=tests, style=style, beta=beta)


def _legend(name: str) -> str:
    """How expressions call a coefficient."""
    equation, _, variable = name.rpartition(":")
    owner = equation.lstrip("/")
    if name.startswith("/") and not owner:
        return f"_b[/{variable.lstrip('/')}]"
    bare = "#".join(re.sub(r"^(\d+)(?:bn|b|n|o)\.", r"\1.", piece) for piece in variable.split("#"))
    return f"_b[{owner}:{bare}]" if owner else f"_b[{bare}]"


def coefficient_row(
    b: float, se: float, t: float, p: float, low: float, high: float, *,
    tests: bool = True, style: DisplayStyle = PLAIN, beta: float | None = None,
) -> str:  # fmt: skip
    """The columns to the right of the bar: six, or fewer under `style`; `beta` stands in place of the interval."""
    fmt = style.coefficient_format
    p_text = number(p, style.p_format)
    middle = f"{_statistic(t, style.statistic_format):>9}{p_text:>8}" if tests else " " * 17
    middle = middle if style.pvalues else " "
    interval = f"{number(low, fmt):>13}{number(high, fmt):>12}" if style.intervals else ""
    interval = interval if beta is None else f"{number(beta):>25}"
    return f"{number(b, fmt):>11}{number(se, fmt):>11}{middle}{interval}"


def _statistic(t: float, fmt: str) -> str:
    if math.isnan(t):
        return "."
    text = number(t, fmt)
    return text if len(text) <= 8 else format_value(t, "%8.2e").strip()


def number(value: float, fmt: str = "%9.0g") -> str:
    """A number under a display format without padding; nan and what overflowed print as `.`."""
    return format_value(value if math.isfinite(value) else MISSING, fmt).strip()


def exponential(value: float) -> float:
    """exp(), infinite where it overflows."""
    return math.exp(value) if value < math.log(MISSING) else math.inf


# --- headers ---------------------------------------------------------------------------------


@dataclass(frozen=True)
class Entry:
    """One `label = value` of a header's right-hand column."""

    label: str
    value: str


def f_entry(df1: float, df2: float, value: float) -> list[Entry]:
    """F and its p-value."""
    from ssd.engine.stats.distributions import f_tail

    p = f_tail(value, df1, df2)
    return [
        Entry(f"F({df1:.0f}, {df2:.0f})", fixed(value, 2)),
        Entry("Prob > F", fixed(p, 4)),
    ]


def fixed(value: float, digits: int) -> str:
    """A number with so many decimals; `.` for nan and missing."""
    return "." if not math.isfinite(value) or value >= MISSING else f"{value:.{digits}f}"


def chi2_entry(kind: str, df: int, value: float) -> list[Entry]:
    """`LR chi2(k)` or `Wald chi2(k)` and its p-value."""
    from ssd.engine.stats.distributions import chi2_tail

    p = chi2_tail(value, df) if df > 0 else math.nan
    shown = format_value(value, "%9.2f").strip() if not math.isnan(value) else "."
    return [Entry(f"{kind} chi2({df})", shown), Entry("Prob > chi2", fixed(p, 4))]


def count(value: float) -> str:
    return format_value(value, "%12.0fc").strip()


def print_header(
    log: Log, left: Sequence[str], entries: Sequence[Entry], *, label_width: int = 0, value_width: int = 6
) -> None:
    """Lines with text on the left and `label = value` flush right at column 78.

    An entry without label is a blank, one without value a heading of those that follow.
    """
    labels = max([label_width, *(len(entry.label) for entry in entries)])
    values = max([value_width, *(len(entry.value) for entry in entries)])
    total = max(len(left), len(entries))
    for i in range(total):
        text = left[i] if i < len(left) else ""
        if i < len(entries) and entries[i].label:
            right = f"{entries[i].label:<{labels}} = {entries[i].value:>{values}}"
            if not entries[i].value:
                right = entries[i].label.ljust(len(right))
            gap = WIDTH - len(right)
            log.line((f"{text:<{gap}}{right}" if len(text) < gap else f"{text} {right}").rstrip())
        else:
            log.line(text.rstrip())


def cluster_note(clusters: int, variable: str) -> str:
    """The line above the table of clustered standard errors, flush right."""
    return f"(Std. err. adjusted for {clusters:,} clusters in {variable})"
