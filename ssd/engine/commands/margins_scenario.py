"""Covariate settings of margins: at(), atmeans, factor levels; and columns under a setting."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from ssd.engine.errors import StataError, invalid_syntax
from ssd.engine.lang.numlist import parse_numlist
from ssd.engine.missing import BoolArray, FloatArray
from ssd.engine.output.estimation import number
from ssd.engine.stats.design import Column, Design, Part, Source

if TYPE_CHECKING:
    from ssd.engine.session import Session


@dataclass
class Scenario:
    """Values some variables are fixed at; the others keep their data."""

    fixed: dict[str, float] = field(default_factory=dict)
    averaged: dict[str, str] = field(default_factory=dict)
    """Variables replaced by a statistic: name to "mean"."""

    def with_levels(self, levels: dict[str, float]) -> Scenario:
        return Scenario({**self.fixed, **levels}, {k: v for k, v in self.averaged.items() if k not in levels})


class ScenarioColumns:
    """Design-matrix columns and their derivatives on selected rows under a scenario."""

    def __init__(
        self, source: Source, rows: BoolArray, weights: FloatArray, relations: list[Relation] | None = None
    ) -> None:
        self.source = source
        self.relations = relations or []
        self.rows = rows
        self.n = int(np.count_nonzero(rows))
        self.weights = weights

    def part(self, part: Part, scenario: Scenario) -> FloatArray | float:
        name = part.variable
        if name in scenario.fixed and not part.operator:
            value = scenario.fixed[name]
            return value if part.level is None else float(value == part.level)
        values = self.source.get(name, part.operator)[self.rows]
        piece = values if part.level is None else (values == part.level).astype(np.float64)
        if name in scenario.averaged:
            return float(self.weights @ piece / self.weights.sum())
        return piece

    def column(self, column: Column, scenario: Scenario) -> FloatArray:
        product: FloatArray | float = 1.0
        for part in column.parts:
            product = product * self.part(part, scenario)
        return np.broadcast_to(np.asarray(product, dtype=np.float64), (self.n,))

    def matrix(self, design: Design, scenario: Scenario) -> FloatArray:
        """All active columns, the constant last: (n, k)."""
        columns = [self.column(column, scenario) for column in design.columns if column.active]
        if design.constant:
            columns.append(np.ones(self.n))
        return np.column_stack(columns) if columns else np.zeros((self.n, 0))

    def derivative(self, design: Design, scenario: Scenario, variable: str, operator: str) -> FloatArray:
        """Derivative of every active column with respect to a continuous variable: (n, k)."""
        columns: list[FloatArray] = []
        for column in design.columns:
            if not column.active:
                continue
            total: FloatArray = np.zeros(self.n)
            for position, part in enumerate(column.parts):
                if part.variable != variable or part.operator != operator or part.level is not None:
                    continue
                product: FloatArray | float = 1.0
                for other, rest in enumerate(column.parts):
                    if other != position:
                        product = product * self.part(rest, scenario)
                total = total + product
            columns.append(total)
        if design.constant:
            columns.append(np.zeros(self.n))
        return np.column_stack(columns) if columns else np.zeros((self.n, 0))

    def touches_empty(self, design: Design, scenario: Scenario) -> bool:
        """Whether the margin cannot be estimated: the scenario puts weight on an empty cell, or breaks the relation
        that made the model leave a column out."""
        if any(
            column.status == "empty" and bool(np.any(self.column(column, scenario) != 0.0)) for column in design.columns
        ):
            return True
        share = self.weights / self.weights.sum()
        for relation in self.relations:
            if relation.design is design:
                wanted = float(share @ self.column(relation.column, scenario))
                got = float(share @ self.matrix(design, scenario) @ relation.weights)
                if abs(wanted - got) > 1e-7 * max(abs(wanted), abs(got), 1.0):
                    return True
        return False


@dataclass(frozen=True)
class Relation:
    """An omitted column as the sum of the active ones (and the constant) it equals in the estimation sample."""

    design: Design
    column: Column
    weights: FloatArray


def relations_of(design: Design, source: Source, sample: BoolArray) -> list[Relation]:
    """Relations of the omitted factor columns; none for columns that other regressors than the design's explain.

    Omitted continuous variables are taken as 0, without a check.
    """
    omitted = [
        column
        for column in design.columns
        if column.status == "omitted" and any(part.level is not None for part in column.parts)
    ]
    if not omitted:
        return []
    X = design.matrix(source, sample)
    if design.constant:
        X = np.column_stack([X, np.ones(len(X))])
    if not X.shape[1]:
        return []
    found = []
    for column in omitted:
        y = column.values(source)[sample]
        weights, *_ = np.linalg.lstsq(X, y, rcond=None)
        if np.abs(y - X @ weights).max(initial=0.0) <= 1e-8 * max(np.abs(y).max(initial=0.0), 1.0):
            found.append(Relation(design, column, np.asarray(weights, dtype=np.float64)))
    return found


_ITEM = re.compile(
    r"\(([^)]*)\)|([^\s=()]+)\s*=\s*(\((?:[^()]|\([^()]*\))*\)|[^\s()]+(?:\([^()]*\)[^\s()]+)?)|([^\s=()]+)"
)
_STATISTICS = {"mean": "mean", "means": "mean", "median": "p50", "min": "min", "max": "max", "zero": "zero"}


def parse_at(session: Session, text: str, design: Design, columns: ScenarioColumns) -> tuple[list[Scenario], list[str]]:
    """Scenarios of one at() in Stata's order (the first variable varies slowest) and its legend lines."""
    fixed: list[tuple[str, list[float]]] = []
    averaged: dict[str, str] = {}
    computed: dict[str, float] = {}
    statistic = ""
    for match in _ITEM.finditer(text):
        keyword, name, values, bare = match.groups()
        if keyword is not None:
            statistic = _STATISTICS.get(keyword.strip(), keyword.strip())
            if statistic not in {"mean", "min", "max", "zero"} and not re.fullmatch(r"p\d+", statistic):
                raise StataError(198, f"invalid at() option; {keyword} not recognised")
        elif name is not None:
            variable = _variable(session, name, design)
            fixed.append((variable, _values(session, values)))
        elif bare is not None:
            if not statistic:
                raise invalid_syntax("invalid at() option")
            for variable in _statistic_variables(session, bare, design):
                if statistic == "mean":
                    averaged[variable] = "mean"
                else:
                    computed[variable] = _statistic(columns, variable, statistic)
    scenarios = [Scenario(dict(computed), dict(averaged))]
    for variable, values_list in fixed:
        scenarios = [
            Scenario({**s.fixed, variable: v}, {k: m for k, m in s.averaged.items() if k != variable})
            for s in scenarios for v in values_list
        ]  # fmt: skip
    return scenarios, []


def _variable(session: Session, name: str, design: Design) -> str:
    bare = name.rpartition(".")[2]
    found = session.variable_named(bare)
    if found not in design.variables:
        raise StataError(322, f"{found} not found in list of covariates")
    return found


def _values(session: Session, text: str) -> list[float]:
    inner = text.strip()
    if inner.startswith("("):
        return parse_numlist(inner[1:-1])
    if inner.startswith("generate"):
        raise invalid_syntax("invalid at() option")
    return parse_numlist(inner)


def _statistic_variables(session: Session, word: str, design: Design) -> list[str]:
    if word in {"_all", "*"}:
        return design.variables
    if word in {"_continuous", "_factor"}:
        factors = set(design.factors)
        return [v for v in design.variables if (v in factors) == (word == "_factor")]
    return [_variable(session, name, design) for name in session.expand_varlist(word.rpartition(".")[2])]


def _statistic(columns: ScenarioColumns, variable: str, statistic: str) -> float:
    values = columns.source.get(variable)[columns.rows]
    if statistic == "zero":
        return 0.0
    if statistic in {"min", "max"}:
        return float(values.min() if statistic == "min" else values.max())
    share = float(statistic[1:]) / 100.0
    order = np.argsort(values, kind="stable")
    cumulative = np.cumsum(columns.weights[order])
    target = share * cumulative[-1]
    position = int(np.searchsorted(cumulative, target * (1 + 1e-12), side="left"))
    at = min(position, len(order) - 1)
    if abs(cumulative[at] - target) <= 1e-9 * cumulative[-1] and at + 1 < len(order):
        return float((values[order[at]] + values[order[at + 1]]) / 2.0)
    if at > 0 and abs(cumulative[at - 1] - target) <= 1e-9 * cumulative[-1]:
        return float((values[order[at - 1]] + values[order[at]]) / 2.0)
    return float(values[order[at]])


def legend(scenarios: list[Scenario], design: Design, columns: ScenarioColumns) -> list[str]:
    """Lines of the _at legend."""
    lines: list[str] = []
    for index, scenario in enumerate(scenarios):
        prefix = "At: " if len(scenarios) == 1 else f"{index + 1}._at: "
        entries: list[tuple[str, str, str]] = []
        for variable in design.variables:
            if variable in scenario.fixed:
                entries.append((variable, number(scenario.fixed[variable]), ""))
            elif variable in scenario.averaged:
                if variable in design.factors:
                    for level in design.factors[variable]:
                        share = columns.part(Part(variable, "", level), scenario)
                        entries.append((f"{level}.{variable}", number(float(np.mean(share))), " (mean)"))
                else:
                    entries.append(
                        (variable, number(float(np.mean(columns.part(Part(variable), scenario)))), " (mean)")
                    )
        width = max((len(name) for name, _, _ in entries), default=0)
        size = max((len(value) for _, value, _ in entries), default=0)
        for position, (name, value, mark) in enumerate(entries):
            lead = prefix if position == 0 else " " * len(prefix)
            lines.append(f"{lead}{name:<{width}} = {value:>{size}}{mark}")
    return lines
