"""The equation of ivreg2 and ivreghdfe: parsing, sample, collinearity, partialling out, moment sampling."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from ssd.engine.commands.absorption import AbsorbedEffect, Prepared, prepare
from ssd.engine.commands.declare import Line
from ssd.engine.commands.estimation import (
    Sample,
    SessionSource,
    key_values,
    operated_name,
    outcome_and_terms,
    parse_varlist,
    require_numeric,
    take_sample,
    weight_note,
)
from ssd.engine.commands.instrumental import independent_groups, split_equation
from ssd.engine.errors import StataError, insufficient_observations, unsupported
from ssd.engine.missing import FloatArray
from ssd.engine.stats.covariance import group_ids
from ssd.engine.stats.design import Column, Design, build
from ssd.engine.stats.ivreg2 import (
    Equation,
    MomentSampling,
    partialled,
)
from ssd.engine.stats.linear import independent_columns, with_constant
from ssd.engine.stats.panel import own_scales
from ssd.engine.stats.terms import split_words

if TYPE_CHECKING:
    from ssd.engine.session import Session


_KERNELS = {"bartlett": 3, "truncated": 3, "parzen": 3, "quadratic spectral": 2, "qs": 2}


@dataclass
class Problem:
    """Data of one equation, partialled where asked, and how its covariance is taken."""

    depvar: str
    y: FloatArray
    endogenous: FloatArray
    exogenous: FloatArray
    instruments: FloatArray
    endogenous_names: list[str]
    exogenous_names: list[str]
    instrument_names: list[str]
    columns: list[Column]
    """Of the coefficients without the constant."""
    constant: bool
    sample: Sample
    sampling: MomentSampling
    absorbed: float = 0.0
    """Coefficients taken by partialled-out variables (their constant included)."""
    partial_names: list[str] = field(default_factory=list)
    cluster_names: list[str] = field(default_factory=list)
    cluster_counts: list[int] = field(default_factory=list)
    time: str = ""
    panel: str = ""
    instrument_columns: list[Column] = field(default_factory=list)
    prepared: Prepared | None = None
    """Absorbed effects of ivreghdfe."""
    n_full: float = 0.0

    @property
    def included(self) -> FloatArray:
        """Included exogenous columns with the constant."""
        return with_constant(self.exogenous, self.constant)

    def equation(self) -> Equation:
        X = np.column_stack([self.endogenous, self.included])
        Z = np.column_stack([self.included, self.instruments])
        return Equation(self.y, X, Z, self.sampling)

    @property
    def clusters(self) -> int:
        """The number that corrects for clusters: the smaller of two."""
        return min(self.cluster_counts) if self.cluster_counts else 0


def read_problem(session: Session, line: Line, effects: list[AbsorbedEffect] | None = None) -> Problem:
    """Parse the equation, take the sample, drop collinear columns, partial out or absorb."""
    body = line.anything
    if "(" in body and "=" in body:
        outer, endogenous_text, instrument_text = split_equation(body)
    else:
        outer, endogenous_text, instrument_text = body, "", ""
    source = SessionSource(session)
    outcome, exogenous_terms = outcome_and_terms(session, split_words(outer))
    endogenous_terms = parse_varlist(session, split_words(endogenous_text))
    instrument_terms = parse_varlist(session, split_words(instrument_text))
    for terms in (endogenous_terms, instrument_terms):
        require_numeric(session, terms)
    clusters = _clusters(session, line)
    everything = [(outcome,), *exogenous_terms, *endogenous_terms, *instrument_terms]
    extra = [name for effect in effects or [] for name in effect.variables]
    sample = take_sample(session, line, source, everything, None, [*clusters, *extra])
    weight_note(session, sample, line)
    prepared = None
    if effects:
        n_full = sample.n
        prepared = prepare(session, line, sample, effects, [[name] for name in clusters])
        sample = prepared.sample
        if prepared.dropped:
            session.log.line(f"(dropped {prepared.dropped:,} singleton observations)")
    constant = not line.flag("noconstant")
    exogenous = build(exogenous_terms, source, sample.rows, constant=constant)
    endogenous = build(endogenous_terms, source, sample.rows, constant=False)
    instruments = build(instrument_terms, source, sample.rows, constant=False)
    X1, X2, Z = independent_groups(session, source, sample, exogenous, endogenous, instruments, constant)
    if Z.shape[1] < X2.shape[1]:
        raise StataError(
            481, "equation not identified; must have at least as many instruments\nnot in the regression as there are\n"
            "instrumented variables"
        )  # fmt: skip
    y = source.get(outcome.variable, outcome.operator)[sample.rows]
    sampling, time, panel = _sampling(session, line, sample, clusters)
    problem = Problem(
        operated_name(outcome), y, X2, X1, Z, _active(endogenous), _active(exogenous), _active(instruments),
        [column for column in (*endogenous.columns, *exogenous.columns) if column.active], constant, sample, sampling,
        cluster_names=clusters, cluster_counts=[int(ids.max()) + 1 for ids in sampling.clusters], time=time,
        panel=panel, instrument_columns=[column for column in instruments.columns if column.active],
    )  # fmt: skip
    if prepared is not None:
        _absorb(session, problem, prepared, n_full)
    elif line.text_option("partial"):
        _partial_out(session, problem, line.text_option("partial") or "")
    return problem


def _absorb(session: Session, problem: Problem, prepared: Prepared, n_full: float) -> None:
    """Take the absorbed effects out of all variables; drop those that nothing is left of."""
    raw = (problem.exogenous, problem.instruments, problem.endogenous)
    w = prepared.sample.w
    scales = [own_scales(X, w) for X in raw]
    X1, Z, X2 = (prepared.partial(X) for X in raw)
    scale1 = np.concatenate([scales[0], scales[1]])
    kept = independent_columns(np.column_stack([X1, Z]), w, constant=False, scales=scale1)
    kept1, kept_z = kept[: X1.shape[1]], kept[X1.shape[1] :]
    scale2 = np.concatenate([scales[0][kept1], scales[2]])
    kept2 = independent_columns(np.column_stack([X1[:, kept1], X2]), w, constant=False, scales=scale2)
    kept2 = kept2[int(kept1.sum()) :]
    names = (problem.exogenous_names, problem.instrument_names, problem.endogenous_names)
    for each, good in zip(names, (kept1, kept_z, kept2), strict=True):
        for name, flag in zip(each, good, strict=True):
            if not flag:
                session.log.line(f"note: {name} omitted because of collinearity with the fixed effects.")
    columns = problem.columns
    problem.columns = [c for c, flag in zip(columns, [*kept2, *kept1], strict=True) if flag]
    excluded = zip(problem.instrument_columns, kept_z, strict=True)
    problem.instrument_columns = [column for column, flag in excluded if flag]
    chosen = [[name for name, flag in zip(each, good, strict=True) if flag]
              for each, good in zip(names, (kept1, kept_z, kept2), strict=True)]  # fmt: skip
    problem.exogenous_names, problem.instrument_names, problem.endogenous_names = chosen
    problem.y = prepared.partial(problem.y[:, None])[:, 0]
    problem.exogenous, problem.instruments, problem.endogenous = X1[:, kept1], Z[:, kept_z], X2[:, kept2]
    if problem.instruments.shape[1] < problem.endogenous.shape[1]:
        raise StataError(481, "equation not identified; too few instruments are left beside the fixed effects")
    problem.constant = False
    problem.absorbed = float(prepared.absorbed + int(prepared.any_nested))
    problem.prepared, problem.n_full = prepared, n_full


def _active(design: Design) -> list[str]:
    return [column.name for column in design.columns if column.active]


def _clusters(session: Session, line: Line) -> list[str]:
    typed = line.options.get("cluster")
    names = [str(name) for name in typed] if isinstance(typed, list) else []
    vce = line.text_option("vce")
    if vce:
        words = vce.split()
        if len(words[0]) >= 2 and "cluster".startswith(words[0]):
            names = session.expand_varlist(" ".join(words[1:]))
        elif not "robust".startswith(words[0]) or len(words) > 1:
            raise StataError(198, f"vcetype {vce} not allowed")
    if len(names) > 2:
        raise StataError(103, "cluster() takes at most two variables")
    return names


def _is_robust(line: Line) -> bool:
    weighted = line.weight is not None and line.weight.kind == "pweight"
    vce = (line.text_option("vce") or "").strip()
    return line.flag("robust") or weighted or (bool(vce) and "robust".startswith(vce))


def _sampling(session: Session, line: Line, sample: Sample, clusters: list[str]) -> tuple[MomentSampling, str, str]:
    """Weights, clusters and lags of the moment covariance; the time and panel variables of a kernel."""
    n = sample.n
    w = np.ones(sample.count) if sample.w is None else sample.w
    ids = []
    for name in clusters:
        numbered, groups = group_ids(key_values(session, name)[sample.rows])
        if groups < 2:
            raise insufficient_observations()
        ids.append(numbered)
    kernel, bandwidth = _kernel(line)
    lags = []
    time = panel = ""
    if kernel:
        from ssd.engine.data.timeseries import lagged, require_time

        if ids:
            raise unsupported("a kernel with clusters is")
        settings = require_time(session.data)
        time, panel = settings.time, settings.panel or ""
        positions = np.full(session.data.n_obs, -1, dtype=np.intp)
        positions[sample.rows] = np.arange(sample.count)
        order = np.arange(session.data.n_obs, dtype=np.float64)
        if bandwidth > session.data.n_obs:
            raise StataError(198, "invalid bandwidth in option bw() - cannot exceed timespan of data")
        last = sample.count - 1 if kernel == "quadratic spectral" else math.floor(bandwidth)
        for lag in range(1, last + 1):
            earlier = lagged(session.data, order, lag)
            before = np.where(earlier < session.data.n_obs, earlier, 0.0).astype(np.intp)
            good = sample.rows & (earlier < session.data.n_obs)
            good &= sample.rows[before]
            if not good.any() and kernel == "quadratic spectral":
                break
            lags.append((positions[good], positions[before[good]]))
    robust = _is_robust(line)
    sampling = MomentSampling(n, w, sample.kind == "fweight", robust, ids, kernel, bandwidth, lags)
    return sampling, time, panel


def _kernel(line: Line) -> tuple[str, float]:
    bandwidth = float(str(line.options["bw"]))
    typed = (line.text_option("kernel") or "").strip().lower()
    if not typed and "bw" not in line.typed:
        return "", 0.0
    if bandwidth <= 0.0:
        raise StataError(198, "invalid bandwidth in option bw() - must be real > 0")
    typed = typed or "bartlett"
    found = next((name for name, least in _KERNELS.items() if name.startswith(typed) and len(typed) >= least), None)
    if found is None:
        raise unsupported(f"kernel({typed}) is")
    kernel = "quadratic spectral" if found == "qs" else found
    if kernel == "bartlett" and bandwidth <= 1.0:
        # One period of bandwidth leaves no lag: the covariance without a kernel.
        return "bartlett", 1.0
    return kernel, bandwidth


def _partial_out(session: Session, problem: Problem, typed: str) -> None:
    """partial(): Frisch–Waugh–Lovell on all variables; the constant goes with any variable."""
    names = [each for word in typed.split() for each in _matching(session, problem, word)]
    chosen = [problem.exogenous_names.index(name) for name in names if name != "_cons"]
    basis = with_constant(problem.exogenous[:, chosen], problem.constant)
    problem.absorbed = float(basis.shape[1])
    problem.partial_names = [*(name for name in names if name != "_cons"), *(["_cons"] if problem.constant else [])]
    kept = [j for j in range(problem.exogenous.shape[1]) if j not in chosen]
    sampling = problem.sampling
    problem.y = partialled(problem.y[:, None], basis, sampling)[:, 0]
    problem.endogenous = partialled(problem.endogenous, basis, sampling)
    problem.instruments = partialled(problem.instruments, basis, sampling)
    problem.exogenous = partialled(problem.exogenous[:, kept], basis, sampling)
    problem.exogenous_names = [problem.exogenous_names[j] for j in kept]
    first = len(problem.endogenous_names)
    problem.columns = problem.columns[:first] + [problem.columns[first + j] for j in kept]
    problem.constant = False


def _matching(session: Session, problem: Problem, word: str) -> list[str]:
    if word == "_cons":
        return ["_cons"]
    if word == "_all":
        return list(problem.exogenous_names)
    if word in problem.exogenous_names:
        return [word]
    variables = {part.variable for term in parse_varlist(session, [word]) for part in term}
    found = [
        column.name
        for column in problem.columns[len(problem.endogenous_names) :]
        if {part.variable for part in column.parts} == variables
    ]
    if not found:
        raise StataError(198, f"{word} is not an included exogenous regressor")
    return found
