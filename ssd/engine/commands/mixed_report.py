"""How the results of mixed are printed: groups, fixed effects, variance components, the test against a linear model."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ssd.engine.commands.declare import Line
from ssd.engine.commands.estimation import Vce
from ssd.engine.missing import FloatArray
from ssd.engine.output.estimation import (
    CoefficientTable,
    Entry,
    chi2_entry,
    cluster_note,
    count,
    number,
    print_coefficients,
    print_header,
)
from ssd.engine.output.tables import abbreviate
from ssd.engine.stats.distributions import critical

if TYPE_CHECKING:
    from ssd.engine.session import Session

_RULE = "-" * 29 + "+" + "-" * 48


@dataclass
class Group:
    """A grouping variable and the number of observations in each group."""

    variable: str
    sizes: FloatArray
    blocks: list[str] = field(default_factory=list)
    """Titles of the covariance structures."""

    @property
    def count(self) -> int:
        return len(self.sizes)


@dataclass(frozen=True)
class Parameter:
    """A log standard deviation, or the inverse hyperbolic tangent of a correlation."""

    depth: int
    block: int
    name: str
    first: str
    second: str
    title: str
    correlation: bool = False


@dataclass
class MixedReport:
    """Everything that the display of mixed shows."""

    method: str
    depvar: str
    n: float
    groups: Sequence[Group]
    log_likelihood: float
    chi2: float
    df_m: int
    parameters: Sequence[Parameter]
    theta: FloatArray
    V_theta: FloatArray
    chi2_c: float
    df_c: int
    p_c: float
    deviations: bool
    vce: Vce
    iterations: Sequence[float]

    @property
    def likelihood_word(self) -> str:
        pseudo = "pseudo" if self.vce.is_robust else ""
        return "Log restricted-likelihood" if self.method == "REML" else f"Log {pseudo}likelihood"


def show_mixed(session: Session, line: Line, report: MixedReport, table: CoefficientTable) -> None:
    """Header, fixed effects, variance components and the test against the linear model."""
    log = session.log
    if not line.flag("noheader"):
        _header(session, line, report)
    if report.vce.kind == "cluster" and not line.flag("noheader"):
        log.line(f"{cluster_note(report.groups[0].count, report.vce.cluster):>78}")
    if line.flag("notable"):
        return
    if not line.flag("nofetable") and table.names:
        print_coefficients(log, table)
    if not line.flag("noretable"):
        if not line.flag("nofetable") and table.names:
            log.line()
        _variance_table(session, report, table.level, bool(line.flag("nostderr")))
    if report.df_c and not report.vce.is_robust and not line.flag("nolrtest"):
        _linear_test(session, report)


def _header(session: Session, line: Line, report: MixedReport) -> None:
    log = session.log
    title = f"Mixed-effects {report.method} regression"
    test = chi2_entry("Wald", report.df_m, report.chi2)
    ll = f"{report.likelihood_word} = {number(report.log_likelihood, '%10.0g'):>10}"
    groups = report.groups
    log.line()
    if len(groups) == 1 and groups[0].variable:
        sizes = groups[0].sizes
        left = [title, f"Group variable: {groups[0].variable}", "", "", "", "", "", ll]
        labels = ("Number of obs", "Number of groups", "", "             min", "             avg", "             max")
        values = (
            count(report.n), count(float(len(sizes))), "", f"{sizes.min():,.0f}", f"{sizes.mean():,.1f}",
            f"{sizes.max():,.0f}",
        )  # fmt: skip
        entries = [Entry(label, value) for label, value in zip(labels, values, strict=True)] + test
        width = max(len(entry.value) for entry in entries)
        left[2] = " " * (78 - 16 - 3 - width) + "Obs per group:"
        print_header(log, left, entries, label_width=16, value_width=width)
        log.line()
        return
    entries = [Entry("Number of obs", count(report.n)), *test]
    width = max(len(entry.value) for entry in entries)
    label_width = max(len(entry.label) for entry in entries)
    print_header(log, [title], entries[:1], label_width=label_width, value_width=width)
    if groups and not line.flag("nogroup"):
        log.line()
        grouping(session, groups)
    log.line()
    print_header(log, ["", ll], test, label_width=label_width, value_width=width)
    log.line()


def grouping(session: Session, groups: Sequence[Group]) -> None:
    log = session.log
    log.line("        Grouping information")
    log.line("        " + "-" * 61)
    log.line(" " * 24 + "|     No. of       Observations per group")
    log.line("         Group variable |     groups    Minimum    Average    Maximum")
    log.line("        " + "-" * 16 + "+" + "-" * 44)
    for group in groups:
        sizes = group.sizes
        name = abbreviate(group.variable or "_all", 14)
        log.line(f"{name:>23} |{group.count:>11,}{sizes.min():>11,.0f}{sizes.mean():>11,.1f}{sizes.max():>11,.0f}")
    log.line("        " + "-" * 61)


def _variance_table(session: Session, report: MixedReport, level: float, without_errors: bool) -> None:
    log = session.log
    z = critical(level, None)
    log.line("-" * 78)
    if report.vce.heading:
        log.line(" " * 29 + "|" + " " * 15 + report.vce.heading)
    error = "Std. err." if not report.vce.heading else "std. err."
    log.line(f"{'  Random-effects parameters':<29}|   Estimate   {error}" + f"[{level:g}% conf. interval]".rjust(25))
    log.line(_RULE)
    previous: tuple[int, int] | None = None
    for index, parameter in enumerate(report.parameters):
        where = (parameter.depth, parameter.block)
        if where != previous:
            if previous is not None:
                log.line(_RULE)
            variable = report.groups[parameter.depth].variable or "_all"
            log.line(f"{abbreviate(variable, 14)}: {parameter.title}".ljust(29) + "|")
            previous = where
        cells = _covariance_cells(report, index, z) if parameter.correlation else _spread_cells(report, index, z)
        log.line(f"{_label(parameter, report.deviations):>28} |" + _cells(cells, without_errors))
    if report.parameters:
        log.line(_RULE)
    label = "sd(Residual)" if report.deviations else "var(Residual)"
    log.line(f"{label:>28} |" + _cells(_spread_cells(report, len(report.theta) - 1, z), without_errors))
    log.line("-" * 78)


def _label(parameter: Parameter, deviations: bool) -> str:
    names = parameter.first + (f",{parameter.second}" if parameter.second else "")
    if len(names) > 22:
        names = names[:20] + ".."
    if parameter.correlation:
        return f"{'corr' if deviations else 'cov'}({names})"
    shown = parameter.first
    if " " in shown:
        shown = names
    note = "(1)" if parameter.title == "Identity" and " " in parameter.first else ""
    return f"{'sd' if deviations else 'var'}({shown}){note}"


def _cells(cells: tuple[float, float, float, float], without_errors: bool) -> str:
    estimate, se, low, high = cells
    if without_errors:
        return f"{number(estimate):>11}"
    return f"{number(estimate):>11}{number(se):>11}{number(low):>14}{number(high):>12}"


def _spread_cells(report: MixedReport, index: int, z: float) -> tuple[float, float, float, float]:
    """A standard deviation or variance; limits on the log scale."""
    power = 1.0 if report.deviations else 2.0
    se = math.sqrt(max(float(report.V_theta[index, index]), 0.0))
    estimate = math.exp(power * report.theta[index])
    if se == 0.0:
        return estimate, math.nan, math.nan, math.nan
    spread = min(power * z * se, 700.0)
    return estimate, power * se * estimate, estimate * math.exp(-spread), _product(estimate, spread)


def _product(estimate: float, spread: float) -> float:
    logged = math.log(estimate) + spread if estimate > 0.0 else -math.inf
    return math.exp(logged) if logged < 709.0 else math.nan


def _covariance_cells(report: MixedReport, index: int, z: float) -> tuple[float, float, float, float]:
    """A correlation (limits by the inverse hyperbolic tangent) or a covariance (by the delta method)."""
    parameter = report.parameters[index]
    se = math.sqrt(max(float(report.V_theta[index, index]), 0.0))
    rho = math.tanh(report.theta[index])
    if report.deviations:
        limits = (math.tanh(report.theta[index] - z * se), math.tanh(report.theta[index] + z * se))
        return rho, se * (1.0 - rho * rho), *limits
    own = [
        j for j, p in enumerate(report.parameters)
        if (p.depth, p.block) == (parameter.depth, parameter.block) and not p.correlation
    ]  # fmt: skip
    if len(own) > 1:
        ends = parameter.name.split("_")[-2:]
        first, second = (own[int(end) - 1] for end in ends)
    else:
        first = second = own[0]
    covariance = math.exp(report.theta[first] + report.theta[second]) * rho
    gradient = [0.0] * len(report.theta)
    gradient[first] += covariance
    gradient[second] += covariance
    gradient[index] += math.exp(report.theta[first] + report.theta[second]) * (1.0 - rho * rho)
    variance = sum(
        gradient[i] * float(report.V_theta[i, j]) * gradient[j]
        for i in range(len(gradient)) for j in range(len(gradient))
    )  # fmt: skip
    error = math.sqrt(max(variance, 0.0))
    return covariance, error, covariance - z * error, covariance + z * error


def _linear_test(session: Session, report: MixedReport) -> None:
    log = session.log
    if report.df_c == 1:
        first = f"LR test vs. linear model: chibar2(01) = {report.chi2_c:.2f}"
        second = f"Prob >= chibar2 = {report.p_c:.4f}"
    else:
        first = f"LR test vs. linear model: chi2({report.df_c}) = {report.chi2_c:.2f}"
        second = f"Prob > chi2 = {report.p_c:.4f}"
    log.line(first + second.rjust(78 - len(first)))
    if report.df_c > 1:
        log.line()
        log.line("Note: LR test is conservative and provided only for reference.")
