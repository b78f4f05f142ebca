"""Models with a normal random intercept per group: what the panel and mixed-effects commands share."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from ssd.engine.commands.declare import Line
from ssd.engine.commands.discrete_binary import drop_perfect, refuse_technique, require_both_outcomes, restrict
from ssd.engine.commands.estimation import (
    Sample,
    SessionSource,
    Vce,
    key_values,
    level_of,
    offset_of,
    operated_name,
    parse_vce,
    take_sample,
)
from ssd.engine.commands.maximum import MlResult, likelihood_word
from ssd.engine.errors import StataError, unsupported
from ssd.engine.missing import FloatArray, is_missing
from ssd.engine.output.estimation import Entry, count, number
from ssd.engine.stats.covariance import IndexArray, group_ids, sandwich, sum_by_group
from ssd.engine.stats.design import Design, build
from ssd.engine.stats.likelihood import Equation, Model
from ssd.engine.stats.linear import independent_columns, with_constant
from ssd.engine.stats.quadrature import METHODS, RandomIntercept, RandomInterceptMaximum, maximize_random_intercept
from ssd.engine.stats.terms import Component, Term

if TYPE_CHECKING:
    from ssd.engine.session import Session


def refuse_features(line: Line) -> None:
    """Refuse what the models with random intercepts do not offer here."""
    refuse_technique(line)
    if line.options.get("constraints"):
        raise unsupported("option constraints() is")
    if line.weight is not None:
        raise unsupported(f"{line.weight.kind}s with {line.command} are")
    if "lrmodel" in line.options and line.flag("lrmodel"):
        raise unsupported("option lrmodel is")


def quadrature(line: Line) -> tuple[str, int]:
    """intmethod() and intpoints(). Raises r(198)."""
    typed = line.text_option("intmethod") or "mvaghermite"
    least = {"mvaghermite": 2, "aghermite": 2, "ghermite": 2}
    method = next((name for name in METHODS if name.startswith(typed) and len(typed) >= least[name]), None)
    if method is None:
        if typed in {"laplace", "pcaghermite", "mcaghermite"}:
            raise unsupported(f"intmethod({typed}) is")
        raise StataError(198, "option intmethod() incorrectly specified")
    points = int(str(line.options.get("intpoints")))
    if not 1 < points <= 195:
        raise StataError(198, "intpoints() must be between 2 and 195 inclusive")
    return method, points


@dataclass
class GroupedData:
    """Sample, regressors and groups of one command line, with the observations sorted by group."""

    session: Session
    line: Line
    group: str
    level: float
    vce: Vce
    sample: Sample
    design: Design
    X: FloatArray
    """Regressors with the constant, sorted: (n, k)."""
    y: FloatArray
    """Outcome, sorted."""
    ids: IndexArray
    """Group of each sorted observation."""
    order: IndexArray
    """Places of the sorted observations in the sample."""
    depvar: str
    offset: FloatArray | None
    offset_name: str
    constant: bool

    @classmethod
    def read(
        cls,
        session: Session,
        line: Line,
        group: str,
        outcome: Component,
        terms: Sequence[Term],
        *,
        binary: bool = False,
        complete_outcome: bool = True,
        constant: bool | None = None,
    ) -> GroupedData:
        """Take the sample, drop collinear columns (and perfect predictors of a binary outcome) and sort."""
        level = level_of(session, line)
        vce = parse_vce(session, line, ("oim", "robust", "cluster"), "oim")
        if vce.kind == "robust":
            vce = Vce("cluster", group, typed=vce.typed)
        source = SessionSource(session)
        needed = [(outcome,), *terms] if complete_outcome else list(terms)
        sample = take_sample(session, line, source, needed, vce, [group])
        offset, offset_name = offset_of(session, line, sample.rows)
        if offset is not None:
            sample = restrict(session, sample, vce, ~is_missing(offset[sample.rows]))
        y_all = source.get(outcome.variable, outcome.operator)
        if constant is None:
            constant = not line.flag("noconstant")
        design = build(terms, source, sample.rows, constant=constant)
        for note in design.notes:
            session.log.line(note)
        design.notes.clear()
        if binary:
            require_both_outcomes(y_all[sample.rows])
            if not ("asis" in line.options and line.flag("asis")):
                sample = drop_perfect(session, design, source, sample, vce, y_all)
                require_both_outcomes(y_all[sample.rows])
        X = design.matrix(source, sample.rows)
        kept = independent_columns(X, None, constant=constant)
        if not kept.all():
            design.omit(kept)
            X = X[:, kept]
        for note in design.notes:
            session.log.line(note)
        ids = group_ids(key_values(session, group)[sample.rows])[0]
        order = np.argsort(ids, kind="stable")
        y = y_all[sample.rows][order]
        full = with_constant(X, constant)[order]
        return cls(
            session, line, group, level, vce, sample, design, np.asfortranarray(full),
            (y != 0.0).astype(np.float64) if binary else y, ids[order], order, operated_name(outcome),
            None if offset is None else offset[sample.rows][order], offset_name, constant,
        )  # fmt: skip

    @property
    def sizes(self) -> FloatArray:
        return np.bincount(self.ids).astype(np.float64)

    @property
    def equation(self) -> Equation:
        return Equation(self.X, self.offset)

    @property
    def slopes(self) -> list[int]:
        """Places of the estimated coefficients but the constant in e(b)."""
        last = len(self.design.names) - 1
        return [j for j, flag in enumerate(self.design.active) if flag and not (self.constant and j == last)]

    def covariance(self, bread: FloatArray, scores: FloatArray) -> FloatArray:
        """oim, or clustered on the groups or on coarser clusters by G/(G-1). `scores` are by group."""
        if not self.vce.is_robust:
            return bread
        G = len(scores)
        if self.vce.cluster != self.group:
            clusters, G = group_ids(key_values(self.session, self.vce.cluster)[self.sample.rows][self.order])
            pairs = np.unique(np.column_stack([self.ids, clusters]), axis=0)
            if len(pairs) != len(scores):
                raise StataError(498, f"panels are not nested within {self.vce.cluster}")
            scores = sum_by_group(scores, pairs[:, 1].astype(np.intp), G)
        if G < 2:
            raise StataError(2001, "insufficient observations")
        return sandwich(bread, scores.T @ scores, G / (G - 1.0))

    def group_entries(self) -> list[Entry]:
        sizes = self.sizes
        return [
            Entry("Number of groups", count(float(len(sizes)))), Entry("", ""), Entry("Obs per group:", ""),
            Entry("             min", f"{sizes.min():,.0f}"), Entry("             avg", f"{sizes.mean():,.1f}"),
            Entry("             max", f"{sizes.max():,.0f}"), Entry("", ""),
        ]  # fmt: skip

    def group_scalars(self) -> dict[str, float]:
        sizes = self.sizes
        return {
            "N_g": float(len(sizes)), "g_min": float(sizes.min()), "g_avg": float(sizes.mean()),
            "g_max": float(sizes.max()),
        }  # fmt: skip


def heading(data: GroupedData, text: str) -> None:
    """A heading of the iteration log, with a blank line around it."""
    if not data.line.flag("nolog"):
        data.session.log.line()
        data.session.log.line(text)
        data.session.log.line()


def log_iterations(data: GroupedData, values: Sequence[float]) -> None:
    """One line per iteration; nothing with nolog. Raises r(430) beyond iterate()."""
    if len(values) - 1 > int(str(data.line.options.get("iterate", 300))):
        raise StataError(430, "convergence not achieved")
    if data.line.flag("nolog"):
        return
    for i, value in enumerate(values):
        data.session.log.line(f"{f'Iteration {i}:':<13} {likelihood_word(data.vce)} = {number(value, '%10.0g'):>10}")


def grid_start(
    data: GroupedData,
    model: Model,
    equations: Sequence[Equation],
    b: FloatArray,
    points: int,
    ll: float,
    symbol: str = "",
) -> float:
    """ln sigma^2 to begin with: the share rho = sigma^2/(1 + sigma^2) is raised while the likelihood rises.

    The search is Stata's: nonadaptive quadrature at the pooled coefficients, shares 0.1 to 0.8, and a
    start one step below the last share tried. With a `symbol` the search is listed in the log.
    """
    plain = RandomIntercept(model, equations, data.ids, points=points, method="ghermite")
    shown = bool(symbol) and not data.line.flag("nolog")
    word = likelihood_word(data.vce)

    def tell(share: float, value: float) -> None:
        if shown:
            data.session.log.line(f"{symbol:<3} = {share:4.1f}     {word} = {number(value, '%10.0g'):>10}")

    tell(0.0, ll)
    last, share = ll, 0.1
    for tenth in range(1, 9):
        share = tenth / 10.0
        value = plain.log_likelihood(np.append(b, math.log(share / (1.0 - share))))
        tell(share, value)
        if value < last:
            break
        last = value
    if shown:
        data.session.log.line()
    share = max(share - 0.1, 0.1)
    return math.log(share / (1.0 - share))


def fit_random_intercept(
    data: GroupedData, model: Model, equations: Sequence[Equation], start: FloatArray
) -> tuple[RandomIntercept, RandomInterceptMaximum]:
    """Maximise from (coefficients, ln sigma^2) with the line's quadrature and show the iterations."""
    method, points = quadrature(data.line)
    likelihood = RandomIntercept(model, equations, data.ids, points=points, method=method)
    fit = maximize_random_intercept(likelihood, start)
    log_iterations(data, fit.iterations)
    if data.vce.is_robust and not data.line.flag("nolog"):
        data.session.log.line()
        data.session.log.line("Calculating robust standard errors:")
    return likelihood, fit


@dataclass
class Assembly:
    """Coefficients in the order of e(b), with those of omitted columns zero."""

    names: list[str]
    b: FloatArray
    V: FloatArray
    jacobian: FloatArray = field(default_factory=lambda: np.zeros(0))


def assemble(
    data: GroupedData, equation: str, extra_names: Sequence[str], theta: FloatArray, V: FloatArray,
    values: FloatArray | None = None, slopes: FloatArray | None = None,
) -> Assembly:  # fmt: skip
    """e(b) and e(V) from the estimated parameters.

    `values` are the ancillary parameters as reported and `slopes` their derivatives by those estimated;
    without them they are reported as estimated.
    """
    extra = len(extra_names)
    reported = theta.copy()
    scale = np.ones(len(theta))
    if values is not None and slopes is not None and extra:
        reported[-extra:] = values
        scale[-extra:] = slopes
    active = np.append(data.design.active, np.ones(extra, dtype=np.bool_))
    total = len(data.design.names) + extra
    b, full = np.zeros(total), np.zeros((total, total))
    b[active] = reported
    full[np.ix_(active, active)] = V * np.outer(scale, scale)
    names = [f"{equation}:{name}" for name in data.design.names] + [f"/:{name}" for name in extra_names]
    return Assembly(names, b, full, scale)


def random_result(
    data: GroupedData, command: str, title: str, assembly: Assembly, ll: float, equation: str | None = None
) -> MlResult:
    """Header, groups and Wald test of a random-effects model."""
    from ssd.engine.commands.maximum import model_test

    design = data.design
    df_m = len(data.slopes)
    result = MlResult(
        title, command, data.depvar, {equation or data.depvar: design}, assembly.names, assembly.b, assembly.V, ll,
        None, df_m, data.sample, data.vce, f"{command}_p",
    )  # fmt: skip
    model_test(result, data.slopes, likelihood_ratio=False)
    result.pseudo = False
    result.no_footer = True
    result.hidden_equations = frozenset({"/"})
    result.scalars.update(data.group_scalars())
    result.macros.update(offset=data.offset_name, ivar=data.group, model="re")
    if (
        data.vce.is_robust
        and data.vce.cluster == data.group
        and data.line.text_option("vce") != f"cluster {data.group}"
    ):
        result.macros["vce"] = "robust"
    result.predictions["offset"] = data.offset_name
    return result
