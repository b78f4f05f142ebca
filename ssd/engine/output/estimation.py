"""The layout all estimation commands share: header blocks, coefficient table, r(table)."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from ssd.engine.missing import MISSING, FloatArray
from ssd.engine.output.display import PLAIN, DisplayStyle
from ssd.engine.output.formats import format_value
from ssd.engine.output.tables import wrap_stub
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
    if table.untransformed and _equation(name) in table.untransformed:
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
    labels = _Labels(table)
    table.width = labels.width
    statistics = _statistics(table)
    log.line("-" * (table.width + 2 + _columns(table)))
    print_headings(log, table)
    previous: str | None = None
    equations = [_equation(name) for name in table.names]
    named = {equation for equation in equations if equation and equation != "/"} - table.hidden_equations
    several = table.equation_headings or len(named) > 1
    start = 0
    for position in range(len(table.names) + 1 if table.names else 0):
        if position < len(table.names) and equations[position] == equations[start]:
            continue
        equation = equations[start]
        if equation in table.base_equations:
            log.line("-" * (table.width + 1) + "+" + "-" * _columns(table))
            shown = _abbreviate(re.sub(r"^(\d+)b\.", r"\1.", equation), table.width)
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
    return f"{_abbreviate(table.offset, table.width):>{table.width}} |{'1':>11}  ({kind})"


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
    start = f"{_abbreviate(table.depvar, width):>{width}} |{first}  "
    if style.legend:
        log.line(start + "Legend")
        return
    interval = f"[{table.level:g}% conf. interval]".rjust(25) if style.intervals else ""
    interval = "Beta".rjust(25) if table.betas is not None else interval
    middle = " " * 17 if table.no_tests else f"      {letter}    P>|{letter}|"
    middle = middle if style.pvalues else ""
    log.line(start + error + middle + interval)


def _equation(name: str) -> str:
    """The equation of a name; `/` for ancillary parameters, which have none of their own (`/mills:lambda` has)."""
    owner = name.rpartition(":")[0]
    return (owner or "/") if name.startswith("/") else owner


def _is_ancillary(name: str) -> bool:
    return _equation(name) == "/"


def _equation_rule(log: Log, table: CoefficientTable, equation: str, several: bool) -> str:
    log.line("-" * (table.width + 1) + "+" + "-" * _columns(table))
    if several and equation and equation != "/":
        log.line(f"{_abbreviate(equation, table.width):<{table.width}} |")
    return equation


def _print_equation(
    log: Log,
    table: CoefficientTable,
    labels: _Labels,
    positions: range,
    statistics: Sequence[tuple[float, float, float, float, float, float]],
) -> None:
    for label, j in _label_lines(table, labels, positions):
        log.line(label if j is None else label + _row_values(table, j, statistics[j]))


def label_lines(table: CoefficientTable, positions: range) -> list[tuple[str, int | None]]:
    """The first column of a table for some coefficients, up to the bar: headings of factors have no position."""
    labels = _Labels(table)
    table.width = labels.width
    return list(_label_lines(table, labels, positions))


def _label_lines(table: CoefficientTable, labels: _Labels, positions: range) -> Iterator[tuple[str, int | None]]:
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


def coefficient_status(name: str, empty: frozenset[str] = frozenset()) -> str:
    """empty, base or omitted, as the name of a coefficient tells; otherwise nothing."""
    if name in empty:
        return "empty"
    pieces = name.rpartition(":")[2].split("#")
    operators = [piece.partition(".")[0] if "." in piece else "" for piece in pieces]
    if any(op[:1].isdigit() and op.endswith("b") for op in operators):
        return "base"
    if any(op == "o" or op.startswith(("o", "co")) or (op[:1].isdigit() and op.endswith("o")) for op in operators):
        return "omitted"
    return ""


class _Labels:
    """Names and factor levels as the first column shows them."""

    def __init__(self, table: CoefficientTable) -> None:
        self.table = table
        self.parts = [self._split(name) for name in table.names]
        self.width = 12
        longest = max(12, table.width)
        for positions in (range(len(table.names)),):
            for group in self.groups(positions):
                shown = [j for j in group if self.is_shown(j)]
                if shown and self.is_block(group, shown):
                    longest = max([longest, *(len(self._levels(j)) + 1 for j in shown)])
        self.width = min(longest, 32) if table.style.stretched else 12

    @staticmethod
    def _split(name: str) -> list[tuple[str, str]]:
        bare = name.rpartition(":")[2]
        pieces = []
        for piece in bare.split("#"):
            operator, dot, variable = piece.partition(".")
            pieces.append((operator, variable) if dot else ("", piece))
        return pieces

    def groups(self, positions: range) -> list[list[int]]:
        """Consecutive coefficients of one term."""
        groups: list[list[int]] = []
        last: object = None
        for j in positions:
            signature = self._signature(j)
            if groups and signature == last and signature[0]:
                groups[-1].append(j)
            else:
                groups.append([j])
            last = signature
        return groups

    def _signature(self, j: int) -> tuple[bool, tuple[str, ...]]:
        if self._is_series(j):
            return True, (_equation(self.table.names[j]), self.parts[j][0][1])
        factor = any(op[:1].isdigit() for op, _ in self.parts[j])
        shown = tuple(variable if op[:1].isdigit() else _plain_operator(op, variable) for op, variable in self.parts[j])
        return factor, (_equation(self.table.names[j]), *shown)

    def is_shown(self, j: int) -> bool:
        style = self.table.style
        status = coefficient_status(self.table.names[j], self.table.empty)
        if status == "base":
            return style.every_base or (self.table.base_levels and len(self.parts[j]) == 1)
        return style.omitted if status == "omitted" else style.empty or status != "empty"

    def _is_series(self, j: int) -> bool:
        """A variable alone, possibly under a time-series operator."""
        operator = self.parts[j][0][0]
        return len(self.parts[j]) == 1 and not operator[:1].isdigit() and not _is_ancillary(self.table.names[j])

    def is_block(self, group: list[int], shown: list[int]) -> bool:
        if self._is_series(group[0]):
            return any(_time_operator(self.parts[j][0][0]) for j in group)
        parts = self.parts[group[0]]
        if len(parts) > 1:
            return True
        if not parts[0][0][:1].isdigit():
            return False
        if len(shown) > 1:
            return True
        return self._level_text(*parts[0]) != self._level(parts[0][0])

    @staticmethod
    def _level(operator: str) -> str:
        return operator.rstrip("bno")

    def _level_text(self, operator: str, variable: str) -> str:
        level = self._level(operator)
        data = self.table.data if self.table.style.value_labels else None
        if data is not None and variable in data.variables:
            labels = data.value_labels.get(data.variables[variable].value_label, {})
            return labels.get(int(level), level)
        return level

    def _levels(self, j: int) -> str:
        factors = [(op, variable) for op, variable in self.parts[j] if op[:1].isdigit()]
        texts = [self._level_text(op, variable) for op, variable in factors]
        labelled = any(text != self._level(op) for text, (op, _) in zip(texts, factors, strict=True))
        return ("#" if labelled else " ").join(texts)

    def plain(self, j: int) -> str:
        name = self.table.names[j].rpartition(":")[2]
        if _is_ancillary(self.table.names[j]):
            name = "/" + name.lstrip("/")
        operator, variable = self.parts[j][0]
        if operator and not name.startswith("/"):
            if operator[:1].isdigit():
                name = f"{self._level(operator)}.{variable}"
            else:
                name = _plain_operator(operator, variable, main=True)
            prefix = name[: len(name) - len(variable)]
            name = prefix + _abbreviate(variable, max(self.width - len(prefix), 5))
        else:
            name = _abbreviate(name, self.width)
        return f"{name:>{self.width}} |"

    def block(self, shown: list[int]) -> tuple[list[str], list[str]]:
        parts = self.parts[shown[0]]
        if self._is_series(shown[0]):
            rows = [f"{_lag_label(self.parts[j][0][0]):>{self.width}} |" for j in shown]
            return [f"{_abbreviate(parts[0][1], self.width):>{self.width}} |"], rows
        words = [
            _abbreviate(variable, self.width) if op[:1].isdigit() else _plain_operator(op, variable)
            for op, variable in parts
        ]
        lines: list[str] = []
        current = words[0]
        for word in words[1:]:
            if len(current) + 1 + len(word) <= self.width:
                current += "#" + word
            else:
                lines.append(current + "#")
                current = word
        factors = any(op[:1].isdigit() for op, _ in parts)
        headings = [f"{line:>{self.width + 1}}|" for line in lines]
        if not factors:
            return headings, [f"{current:>{self.width}} |"]
        headings.append(f"{current:>{self.width}} |")
        rows = ["\n".join(f"{line:>{self.width - 1}}  |" for line in self._level_lines(j)) for j in shown]
        return headings, rows

    def _level_lines(self, j: int) -> list[str]:
        """The levels of one coefficient in at most as many lines as the style allows."""
        room = self.width - 1
        text = self._levels(j)
        style = self.table.style
        if len(text) <= room or style.stretched or style.wrap <= 1:
            return [_abbreviate(text, room)]
        if style.wrap_on == "width":
            pieces = [text[start : start + room] for start in range(0, len(text), room)]
        else:
            pieces = wrap_stub(text, room)
        if len(pieces) > style.wrap:
            last = pieces[style.wrap - 1]
            pieces = [*pieces[: style.wrap - 1], last[: room - 2] + ".."]
        return pieces


def _time_operator(operator: str) -> str:
    """The time-series operator without the marks for omission and continuous parts."""
    return operator.lstrip("co")


def _lag_label(operator: str) -> str:
    """How a row of a block of lags is named: `L1.`, `LD.`, `L2D.`, and `--.` for the variable itself."""
    op = _time_operator(operator)
    if not op:
        return "--."
    return f"{op}1." if len(op) == 1 else f"{op}."


def _plain_operator(operator: str, variable: str, *, main: bool = False) -> str:
    op = operator
    if op.startswith("co"):
        op = "c" + op[2:]
    elif op.startswith("o"):
        op = op[1:]
    if main or not op.startswith("c"):
        op = op.removeprefix("c")
    elif len(op) > 1:
        op = "c" + op[1:]
    return f"{op}.{variable}" if op else variable


def _abbreviate(name: str, width: int) -> str:
    return name if len(name) <= width else name[: width - 2] + "~" + name[-1]


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
