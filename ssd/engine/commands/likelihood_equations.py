"""What the models of several equations share: their opening, e(b) from blocks of coefficients, tests, footers."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from ssd.engine.commands.declare import Line
from ssd.engine.commands.discrete_binary import refuse_technique, restrict
from ssd.engine.commands.estimation import (
    Sample,
    SessionSource,
    Vce,
    build_regressors,
    level_of,
    offset_of,
    operated_name,
    outcome_and_terms,
    parse_varlist,
    parse_vce,
    require_numeric,
    take_sample,
)
from ssd.engine.commands.maximum import MlResult, iteration_log, log_heading, ml_covariance
from ssd.engine.errors import StataError, unsupported
from ssd.engine.missing import FloatArray, is_missing
from ssd.engine.output.estimation import CoefficientTable, coefficient_row
from ssd.engine.stats.covariance import wald
from ssd.engine.stats.design import Design
from ssd.engine.stats.distributions import chi2_tail, critical
from ssd.engine.stats.likelihood import Equation, Maximum, Model, maximize
from ssd.engine.stats.linear import with_constant
from ssd.engine.stats.terms import Component, Term, split_words

if TYPE_CHECKING:
    from ssd.engine.session import Session

VARLIST = "[varlist(numeric fv ts default=none)] [if] [in] "
WEIGHTS = "[fweight iweight pweight] "
LIKELIHOOD_STORED = (
    "e(N) e(k) e(k_eq) e(k_aux) e(k_dv) e(df_m) e(ll) e(ll_0) e(chi2) e(p) e(N_clust) e(rank) e(converged) e(cmd) "
    "e(cmdline) e(depvar) e(title) e(vce) e(vcetype) e(predict) e(b) e(V) r(table)"
)
_VCE = ("oim", "robust", "cluster", "opg")


@dataclass(frozen=True)
class Block:
    """One equation of the model; without a design it is an ancillary parameter `/name`."""

    name: str
    design: Design | None = None
    X: FloatArray | None = None
    """Active columns with the constant: (n, k)."""
    offset: FloatArray | None = None

    @property
    def equation(self) -> Equation:
        return Equation(self.X, self.offset)

    @property
    def size(self) -> int:
        return 1 if self.X is None else self.X.shape[1]

    @property
    def names(self) -> list[str]:
        if self.design is None:
            return [f"/:{self.name}"]
        return [f"{self.name}:{each}" for each in self.design.names]

    @property
    def active(self) -> np.ndarray[tuple[int, ...], np.dtype[np.bool_]]:
        return np.ones(1, dtype=np.bool_) if self.design is None else self.design.active


@dataclass
class Opening:
    """Sample, outcome and main equation of one command line."""

    session: Session
    line: Line
    level: float
    vce: Vce
    source: SessionSource
    outcome: Component
    depvar: str
    sample: Sample
    constant: bool
    terms: list[Term]
    offset_name: str = ""
    offset: FloatArray | None = None

    @property
    def y(self) -> FloatArray:
        return self.source.get(self.outcome.variable, self.outcome.operator)[self.sample.rows]

    @property
    def w(self) -> FloatArray:
        return self.sample.likelihood_weights

    def block(self, name: str, terms: Sequence[Term], *, constant: bool, offset: FloatArray | None = None) -> Block:
        """An equation on the sample, collinear columns left out."""
        regressors = build_regressors(self.session, self.source, terms, self.sample, constant=constant)
        return Block(name, regressors.design, with_constant(regressors.X, constant), offset)

    @property
    def main(self) -> Block:
        return self.block(self.depvar, self.terms, constant=self.constant, offset=self.offset)

    def keep(self, chosen: np.ndarray[tuple[int, ...], np.dtype[np.bool_]]) -> None:
        """Reduce the sample to the observations flagged (in sample order)."""
        if self.offset is not None:
            self.offset = self.offset[chosen]
        self.sample = restrict(self.session, self.sample, self.vce, chosen)


def option_terms(session: Session, text: str) -> tuple[list[Term], dict[str, str]]:
    """`varlist [, noconstant offset(varname)]` inside an option's parentheses.

    Raises r(198) for other suboptions.
    """
    from ssd.engine.lang.options import read_options

    body, options = split_at_comma(text)
    found: dict[str, str] = {}
    for item in read_options(options):
        full = next(
            (name for name, least in (("noconstant", 6), ("offset", 3)) if name.startswith(item.word)
             and len(item.word) >= least), None,
        )  # fmt: skip
        if full is None:
            raise StataError(198, f"option {item.named} not allowed")
        found[full] = item.value or ""
    terms = parse_varlist(session, split_words(body))
    require_numeric(session, terms)
    return terms, found


def split_at_comma(text: str) -> tuple[str, str]:
    """The text before and after the first comma outside parentheses."""
    depth = 0
    for position, char in enumerate(text):
        depth += (char == "(") - (char == ")")
        if char == "," and depth == 0:
            return text[:position], text[position + 1 :]
    return text, ""


def refuse_constraints(line: Line) -> None:
    refuse_technique(line)
    if line.options.get("constraints"):
        raise unsupported("option constraints() is")


def open_model(
    session: Session,
    line: Line,
    other_terms: Sequence[Term] = (),
    *,
    vces: Sequence[str] = _VCE,
    default_vce: str = "oim",
    words: Sequence[str] | None = None,
    extra: Sequence[str] = (),
) -> Opening:
    """The complete sample of the outcome, the regressors and `other_terms`."""
    refuse_constraints(line)
    level = level_of(session, line)
    vce = parse_vce(session, line, vces, default_vce)
    source = SessionSource(session)
    outcome, terms = outcome_and_terms(session, line.varlist if words is None else words)
    sample = take_sample(session, line, source, [(outcome,), *terms, *other_terms], vce, extra)
    offset, offset_name = offset_of(session, line, sample.rows)
    if offset is not None:
        sample = restrict(session, sample, vce, ~is_missing(offset[sample.rows]))
        offset = offset[sample.rows]
    return Opening(
        session, line, level, vce, source, outcome, operated_name(outcome), sample, not line.flag("noconstant"), terms,
        offset_name, offset,
    )  # fmt: skip


def fit_blocks(model: Model, blocks: Sequence[Block], start: FloatArray, w: FloatArray) -> Maximum:
    return maximize(model, [block.equation for block in blocks], start, w)


def log_fit(opening: Opening, fit: Maximum, heading: str = "") -> None:
    if heading:
        log_heading(opening.session, opening.line, heading)
    iteration_log(opening.session, opening.line, fit, opening.vce)


def assemble(
    opening: Opening,
    blocks: Sequence[Block],
    fit: Maximum,
    title: str,
    command: str,
    predict: str,
    ll_0: float | None = None,
) -> MlResult:
    """e(b), e(V) and designs of a maximised model, without a model test."""
    V = ml_covariance(fit, opening.sample, opening.vce)
    return assemble_from(opening, blocks, fit.coefficients, V, fit.log_likelihood, title, command, predict, ll_0)


def assemble_from(
    opening: Opening,
    blocks: Sequence[Block],
    coefficients: FloatArray,
    covariance: FloatArray,
    ll: float,
    title: str,
    command: str,
    predict: str,
    ll_0: float | None = None,
) -> MlResult:
    names, b, V = expand_blocks(blocks, coefficients, covariance)
    designs = {block.name: block.design for block in blocks if block.design is not None}
    result = MlResult(
        title, command, opening.depvar, designs, names, b, V, ll, ll_0, 0, opening.sample, opening.vce, predict
    )
    result.pseudo = False
    result.scalars.update(k_eq=float(len(blocks)), k_aux=float(len(blocks) - len(designs)))
    result.macros["offset"] = opening.offset_name
    result.predictions["offset"] = opening.offset_name
    return result


def expand_blocks(
    blocks: Sequence[Block], coefficients: FloatArray, covariance: FloatArray
) -> tuple[list[str], FloatArray, FloatArray]:
    """Names of e(b), and coefficients and covariance with zeros for omitted and base columns."""
    names = [name for block in blocks for name in block.names]
    active = np.concatenate([block.active for block in blocks])
    b, V = np.zeros(len(names)), np.zeros((len(names), len(names)))
    b[active] = coefficients
    V[np.ix_(active, active)] = covariance
    return names, b, V


def slope_places(result: MlResult, equations: Sequence[str]) -> list[int]:
    """Places in e(b) of the estimated coefficients of the named equations, constants left out."""
    places = []
    for equation in equations:
        design = result.designs[equation]
        places += [
            result.names.index(f"{equation}:{name}")
            for name, flag in zip(design.names, design.active, strict=True)
            if flag and name != "_cons"
        ]
    return places


def wald_on(result: MlResult, equations: Sequence[str]) -> None:
    """Model test by Wald's statistic on the slopes of the named equations."""
    places = slope_places(result, equations)
    result.chi2type, result.df_m = "Wald", len(places)
    if places:
        result.chi2, result.df_m = wald(result.b[places], result.V[np.ix_(places, places)])
    else:
        result.chi2 = 0.0


def joint_wald(result: MlResult, places: Sequence[int]) -> tuple[float, int]:
    index = list(places)
    return wald(result.b[index], result.V[np.ix_(index, index)])


@dataclass(frozen=True)
class Transformed:
    """A row under the table: a function of one ancillary parameter with the interval transformed as well."""

    label: str
    place: int
    value: Callable[[float], float]
    slope: Callable[[float], float]
    """Derivative by the parameter."""


def exponential_row(label: str, place: int) -> Transformed:
    return Transformed(label, place, math.exp, math.exp)


def tanh_row(label: str, place: int) -> Transformed:
    return Transformed(label, place, math.tanh, lambda x: 1.0 - math.tanh(x) ** 2)


@dataclass
class Footer:
    """Transformed parameters, delta-method rows and test lines between the table and its last rule."""

    session: Session
    result: MlResult
    rows: list[Transformed] = field(default_factory=list)
    derived: list[tuple[str, float, float]] = field(default_factory=list)
    """Label, value and standard error of rows whose interval is symmetric."""
    lines: list[str] = field(default_factory=list)

    def __call__(self, table: CoefficientTable) -> None:
        log, z = self.session.log, critical(table.level, None)
        if self.rows or self.derived:
            log.line("-" * (table.width + 1) + "+" + "-" * 64)
        for row in self.rows:
            at = float(self.result.b[row.place])
            se = math.sqrt(max(float(self.result.V[row.place, row.place]), 0.0))
            low, high = sorted((_bounded(row.value, at - z * se), _bounded(row.value, at + z * se)))
            cells = coefficient_row(row.value(at), abs(row.slope(at)) * se, 0.0, 0.0, low, high, tests=False)
            log.line(f"{row.label:>{table.width}} |{cells}")
        for label, value, se in self.derived:
            cells = coefficient_row(value, se, 0.0, 0.0, value - z * se, value + z * se, tests=False)
            log.line(f"{label:>{table.width}} |{cells}")
        if self.rows or self.derived:
            log.line("-" * (table.width + 66))
        for text in self.lines:
            log.line(text)

    def attach(self) -> None:
        self.result.no_footer = bool(self.rows or self.derived)
        self.result.footer = self


def _bounded(function: Callable[[float], float], at: float) -> float:
    try:
        return function(at)
    except OverflowError:
        return math.inf


def test_line(text: str, df: int, chi2: float, decimals: int = 2) -> str:
    """`LR test of …: chi2(1) = …     Prob > chi2 = …` across the width of the table."""
    left = f"{text}: chi2({df}) = {chi2:.{decimals}f}"
    return left + f"Prob > chi2 = {chi2_tail(chi2, df):.4f}".rjust(max(78 - len(left), 0))
