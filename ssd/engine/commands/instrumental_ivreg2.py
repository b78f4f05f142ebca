"""ivreg2: extended instrumental-variables estimation (user-written, Baum, Schaffer and Stillman)."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from ssd.engine.commands.declare import Line, command
from ssd.engine.commands.estimation import (
    Estimation,
    Sample,
    SessionSource,
    key_values,
    level_of,
    operated_name,
    outcome_and_terms,
    parse_varlist,
    replay,
    require_numeric,
    store,
    take_sample,
    weight_note,
)
from ssd.engine.commands.instrumental import independent_groups, split_equation
from ssd.engine.commands.instrumental_ivreg2_report import print_report
from ssd.engine.commands.linear_absorb import AbsorbedEffect, Prepared, absorbed_effects, prepare
from ssd.engine.commands.postestimation_statistics import Statistics
from ssd.engine.errors import StataError, insufficient_observations, invalid_syntax, unsupported
from ssd.engine.missing import FloatArray
from ssd.engine.output.estimation import CoefficientTable
from ssd.engine.results import Matrix
from ssd.engine.stats.covariance import group_ids, wald
from ssd.engine.stats.design import Column, Design, build
from ssd.engine.stats.distributions import chi2_tail, f_tail
from ssd.engine.stats.ivreg2 import (
    Equation,
    Estimate,
    MomentSampling,
    canonical_correlations,
    continuously_updated,
    difference,
    k_class,
    liml_eigenvalue,
    partialled,
    rank_test,
    two_stage,
    two_step,
)
from ssd.engine.stats.linear import independent_columns, symmetric_inverse, with_constant
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


@command(
    "ivreg2",
    "[anything(equalok everything)] [if] [in] [aweight fweight pweight] [, noCONStant Robust CLuster(varlist) "
    "vce(string) BW(real 0) Kernel(string) LIML KClass(real -1) FULLER(real -1) GMM2s GMM CUE SMall PARTIAL(string) "
    "ENDOGtest(string) ORTHOG(string) REDundant(string) FIRST FFIRST NOID NOOUTput noHEader noFOoter Level(cilevel) "
    "PLUS EForm(string) DEPname(string)]",
    by="recall",
    stored="e(N) e(rss) e(mss) e(yy) e(yyc) e(r2) e(r2_a) e(r2c) e(r2u) e(rmse) e(F) e(Fp) e(Fdf1) e(Fdf2) e(df_m) "
    "e(df_r) e(N_clust) e(N_clust1) e(N_clust2) e(bw) e(j) e(jp) e(jdf) e(sargan) e(sarganp) e(sargandf) e(idstat) "
    "e(idp) e(iddf) e(widstat) e(cdf) e(rkf) e(estat) e(estatp) e(estatdf) e(cstat) e(cstatp) e(cstatdf) e(redstat) "
    "e(redp) e(reddf) e(archi2) e(archi2p) e(arf) e(arfp) e(ardf) e(ardf_r) e(sstat) e(sstatp) e(sstatdf) e(lambda) "
    "e(kclass) e(fuller) e(rankxx) e(rankzz) e(partial_ct) e(model) e(instd) e(insts) e(inexog) e(exexog) e(partial) "
    "e(clist) e(elist) e(redlist) e(clustvar) e(kernel) e(vcetype) e(b) e(V) e(S) e(first) r(table)",
    refused="first, savefirst, saverf, bw(auto), kernel() other than bartlett, parzen, truncated, qs, dofminus(), "
    "sdofminus(), b0(), wmatrix(), smatrix(), coviv, nocollin, center, iweights; Sanderson–Windmeijer statistics of "
    "several endogenous regressors with robust covariances; predict after partial()",
)
def ivreg2(session: Session, line: Line) -> None:
    """Instrumental variables with identification, weak-instrument and orthogonality tests (user-written)."""
    if replay(session, line, "ivreg2"):
        return
    for name in ("first", "plus"):
        if line.flag(name):
            raise unsupported(f"option {name} of ivreg2 is")
    for name in ("eform", "depname"):
        if line.text_option(name):
            raise unsupported(f"option {name}() of ivreg2 is")
    level = level_of(session, line)
    problem = read_problem(session, line)
    model, estimate = estimate_model(line, problem)
    finish(session, line, problem, model, estimate, level, "ivreg2")


@command(
    "ivreghdfe",
    "[anything(equalok everything)] [if] [in] [aweight fweight pweight] [, Absorb(string) Robust CLuster(varlist) "
    "vce(string) BW(real 0) Kernel(string) LIML KClass(real -1) FULLER(real -1) GMM2s GMM CUE SMall "
    "ENDOGtest(string) ORTHOG(string) REDundant(string) FIRST FFIRST NOID NOOUTput noHEader noFOoter Level(cilevel) "
    "KEEPSINgletons PLUS EForm(string) DEPname(string)]",
    by="recall",
    stored="as ivreg2, with e(absvars) e(df_a) e(num_singletons) e(N_full) e(N_hdfe)",
    refused="as ivreg2; absorb() with slopes or saved effects, residuals(), tolerance(), partial(), noconstant",
)
def ivreghdfe(session: Session, line: Line) -> None:
    """Instrumental variables with absorbed fixed effects (user-written; ivreg2 after reghdfe's transformation)."""
    if replay(session, line, "ivreghdfe"):
        return
    for name in ("first", "plus"):
        if line.flag(name):
            raise unsupported(f"option {name} of ivreghdfe is")
    for name in ("eform", "depname"):
        if line.text_option(name):
            raise unsupported(f"option {name}() of ivreghdfe is")
    typed = line.text_option("absorb")
    if not typed:
        raise StataError(198, "option absorb() required")
    level = level_of(session, line)
    problem = read_problem(session, line, absorbed_effects(session, typed))
    model, estimate = estimate_model(line, problem)
    finish(session, line, problem, model, estimate, level, "ivreghdfe")


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
        panel=panel,
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


def estimate_model(line: Line, problem: Problem) -> tuple[str, Estimate]:
    """The estimator the options ask for and its name as in e(model)."""
    chosen = [name for name in ("liml", "gmm2s", "gmm", "cue") if line.flag(name)]
    kvalue, fuller = float(str(line.options["kclass"])), float(str(line.options["fuller"]))
    if len(chosen) > 1 or (kvalue >= 0.0 and chosen) or (fuller >= 0.0 and chosen not in ([], ["liml"])):
        raise invalid_syntax("incompatible options: liml, kclass(), fuller(), gmm2s and cue exclude each other")
    equation = problem.equation()
    if problem.sample.n <= equation.X.shape[1] + problem.absorbed:
        raise insufficient_observations()
    if chosen in (["gmm2s"], ["gmm"]):
        return "gmm2s", two_step(equation)
    if chosen == ["cue"]:
        return "cue", continuously_updated(equation)
    if not problem.endogenous_names:
        return "ols", two_stage(equation)
    if chosen == ["liml"] or fuller >= 0.0:
        lam = liml_eigenvalue(equation, len(problem.endogenous_names), problem.included)
        k = lam
        if fuller >= 0.0:
            k = lam - fuller / (problem.sample.n - equation.Z.shape[1] - problem.absorbed)
        return "liml", k_class(equation, k, lam)
    if kvalue >= 0.0:
        return "kclass", k_class(equation, kvalue)
    return "iv", two_stage(equation)


def finish(
    session: Session, line: Line, problem: Problem, model: str, estimate: Estimate, level: float, name: str
) -> None:
    """Store e() and print the report."""
    small = line.flag("small") or name != "ivreg2"
    n, sampling = problem.sample.n, problem.sampling
    K = estimate.b.size + problem.absorbed
    L = problem.equation().Z.shape[1] + problem.absorbed
    w = sampling.w
    df_r = problem.clusters - 1.0 if problem.clusters else n - K
    V = estimate.V * (_small_factor(problem, n, K) if small else 1.0)
    e, y = estimate.residuals, problem.y
    rss, yy = float(w @ (e * e)), float(w @ (y * y))
    centre = float(w @ y) / float(w.sum())
    yyc = yy if problem.absorbed else float(w @ (y - centre) ** 2)
    slopes = estimate.b.size - int(problem.constant)
    W, rank = wald(estimate.b[:slopes], V[:slopes, :slopes]) if slopes else (math.nan, 0)
    factor = 1.0 if small else 1.0 / _small_factor(problem, n, K)
    F = W * factor / slopes if slopes and rank == slopes else math.nan
    centred = problem.constant or bool(problem.absorbed)
    scalars: dict[str, float] = {
        "N": n, "yy": yy, "yyc": yyc, "rss": rss, "mss": (yyc if centred else yy) - rss, "df_m": float(slopes),
        "r2u": 1.0 - rss / yy if yy > 0.0 else math.nan, "r2c": 1.0 - rss / yyc if yyc > 0.0 else math.nan,
        "rmse": math.sqrt(rss / (n - K if small else n)), "F": F, "Fp": f_tail(F, slopes, df_r), "Fdf1": float(slopes),
        "Fdf2": df_r, "rankxx": float(K), "rankzz": float(L), "partial_ct": float(len(problem.partial_names)),
        "inexog_ct": float(problem.exogenous.shape[1]), "exexog_ct": float(problem.instruments.shape[1]),
        "endog_ct": float(problem.endogenous.shape[1]), "cons": float(problem.constant),
    }  # fmt: skip
    scalars["r2"] = scalars["r2c"] if centred else scalars["r2u"]
    base = n - 1.0 if centred else n
    scalars["r2_a"] = 1.0 - (1.0 - scalars["r2"]) * base / (n - K)
    if small:
        scalars["df_r"] = df_r
    if problem.clusters:
        scalars["N_clust"] = float(problem.clusters)
        for index, size in enumerate(problem.cluster_counts, 1):
            if len(problem.cluster_counts) > 1:
                scalars[f"N_clust{index}"] = float(size)
    if sampling.kernel:
        scalars["bw"] = sampling.bandwidth
    if problem.prepared is not None:
        scalars.update(
            df_a=float(problem.prepared.absorbed), num_singletons=float(problem.prepared.dropped),
            N_full=problem.n_full, N_hdfe=float(len(problem.prepared.effects)),
        )  # fmt: skip
    if model in {"liml", "kclass"}:
        scalars["kclass"] = estimate.k
        if model == "liml":
            scalars["lambda"] = estimate.lam
            scalars["arubin"] = n * math.log(estimate.lam) if estimate.lam > 0.0 else math.nan
    overidentified = L - K
    simple = not (sampling.robust or sampling.clusters or sampling.kernel)
    scalars.update(j=estimate.J if overidentified else 0.0, jdf=overidentified)
    if overidentified:
        scalars["jp"] = chi2_tail(estimate.J, overidentified)
    if simple:
        scalars.update(sargan=scalars["j"], sargandf=overidentified)
        if overidentified:
            scalars["sarganp"] = scalars["jp"]
    if problem.endogenous_names and not line.flag("noid"):
        scalars.update(_identification(problem, n, L, simple))
        scalars.update(_weak_robust(problem, n, L))
    tested = _orthogonality(session, line, problem, scalars)
    names = [*problem.endogenous_names, *problem.exogenous_names]
    design = Design(list(problem.columns), problem.constant)
    table = CoefficientTable(
        design.names, estimate.b, V, problem.depvar, df_r if small else None, level,
        "Robust" if not simple else "", data=session.data,
    )  # fmt: skip
    first = _first_stages(problem, n, L) if problem.endogenous_names else {}

    def show() -> None:
        if not line.flag("nooutput"):
            print_report(session, line, problem, model, scalars, table, tested, first)

    estimation = Estimation(
        {"": design}, table, show, (line.weight.kind, line.weight.expression) if line.weight else ("", ""),
        {"statistics": _statistics(problem)}, problem.sample.w,
    )  # fmt: skip
    macros = {
        "cmd": name, "depvar": problem.depvar, "model": model, "instd": " ".join(problem.endogenous_names),
        "insts": " ".join([*problem.exogenous_names, *problem.instrument_names]),
        "inexog": " ".join(problem.exogenous_names), "exexog": " ".join(problem.instrument_names),
        "partial": " ".join(problem.partial_names), "clustvar": " ".join(problem.cluster_names),
        "vcetype": "" if simple else "Robust", "kernel": sampling.kernel, "tvar": problem.time, "ivar": problem.panel,
        "absvars": "" if problem.prepared is None else " ".join(e.label for e in problem.prepared.effects),
        "small": "small" if small else "", "predict": "ivreg2_p", "title": "IV (2SLS) estimation", **tested,
        **{f"clustvar{i}": each for i, each in enumerate(problem.cluster_names, 1) if len(problem.cluster_names) > 1},
    }  # fmt: skip
    labels = design.names
    instruments = [*problem.exogenous_names, *(["_cons"] if problem.constant else []), *problem.instrument_names]
    matrices = {"S": Matrix(estimate.S, instruments, list(instruments))}
    if first:
        rows = list(next(iter(first.values())))
        values = np.array([[first[each][row] for each in first] for row in rows])
        matrices["first"] = Matrix(values, rows, list(first))
    assert len(labels) == len(names) + int(problem.constant)
    store(session, line, estimation, sample=problem.sample.rows, scalars=scalars, macros=macros, matrices=matrices)
    show()


def _small_factor(problem: Problem, n: float, K: float) -> float:
    """Small-sample factor of the covariance: N/(N-K), with clusters (N-1)/(N-K) G/(G-1)."""
    if problem.clusters:
        G = problem.clusters
        return (n - 1.0) / (n - K) * G / (G - 1.0)
    return n / (n - K)


def _to_f(problem: Problem, chi2: float, n: float, L: float, df: int) -> float:
    """A Wald statistic as F with the first stage's degrees of freedom."""
    if problem.clusters:
        return chi2 / (n - 1.0) * (n - L) * (problem.clusters - 1.0) / problem.clusters / df
    return chi2 / n * (n - L) / df


def _residualised(problem: Problem) -> tuple[FloatArray, FloatArray]:
    """Endogenous regressors and excluded instruments without the included exogenous variables."""
    included, sampling = problem.included, problem.sampling
    return partialled(problem.endogenous, included, sampling), partialled(problem.instruments, included, sampling)


def _identification(problem: Problem, n: float, L: float, simple: bool) -> dict[str, float]:
    """Underidentification (LM) and weak identification (Wald F) statistics."""
    Y, Z = _residualised(problem)
    k, size = Y.shape[1], Z.shape[1]
    smallest = float(canonical_correlations(Y, Z, problem.sampling)[0])
    cd = smallest / (1.0 - smallest) * (n - L) / size
    rk = rank_test(Y, Z, problem.sampling, k - 1)
    lm = n * smallest if simple else rk.lm
    found = {"cdf": cd, "idstat": lm, "iddf": float(size - k + 1), "idp": chi2_tail(lm, size - k + 1), "widstat": cd}
    if not simple:
        found["rkf"] = found["widstat"] = _to_f(problem, rk.wald, n, L, size)
    return found


def _weak_robust(problem: Problem, n: float, L: float) -> dict[str, float]:
    """Anderson–Rubin Wald tests and Stock–Wright's S of the endogenous regressors' coefficients being zero."""
    _, Z = _residualised(problem)
    s = problem.sampling
    y = partialled(problem.y[:, None], problem.included, s)
    size = Z.shape[1]
    inverse = symmetric_inverse(s.cross(Z, Z))
    pi = inverse @ s.cross(Z, y)
    e = y - Z @ pi
    V = inverse @ s.covariance(e, Z) @ inverse / n
    chi2, _ = wald(pi[:, 0], V)
    F = _to_f(problem, chi2, n, L, size)
    df_r = problem.clusters - 1.0 if problem.clusters else n - L
    g = s.cross(Z, y)[:, 0]
    S = float(n * (g @ symmetric_inverse(s.covariance(y, Z)) @ g))
    return {
        "archi2": chi2, "archi2p": chi2_tail(chi2, size), "arf": F, "arfp": f_tail(F, size, df_r), "ardf": float(size),
        "ardf_r": df_r, "sstat": S, "sstatp": chi2_tail(S, size), "sstatdf": float(size),
    }  # fmt: skip


def _first_stages(problem: Problem, n: float, L: float) -> dict[str, dict[str, float]]:
    """Per endogenous regressor the F of the excluded instruments and partial R-squared."""
    Y, Z = _residualised(problem)
    s, size = problem.sampling, Z.shape[1]
    inverse = symmetric_inverse(s.cross(Z, Z))
    found = {}
    df_r = problem.clusters - 1.0 if problem.clusters else n - L
    k = Y.shape[1]
    for j, name in enumerate(problem.endogenous_names):
        pi = inverse @ s.cross(Z, Y[:, [j]])
        e = Y[:, [j]] - Z @ pi
        V = inverse @ s.covariance(e, Z) @ inverse / n
        chi2, _ = wald(pi[:, 0], V)
        F = _to_f(problem, chi2, n, L, size)
        partial = 1.0 - float(s.cross(e, e)[0, 0] / s.cross(Y[:, [j]], Y[:, [j]])[0, 0])
        sw_chi2, sw_f = _sanderson_windmeijer(problem, Y, Z, j, n, L)
        sw_df = size - k + 1
        found[name] = {
            "rmse": math.sqrt(float(s.cross(e, e)[0, 0]) * n / (n - L)), "pr2": partial, "F": F, "df": float(size),
            "df_r": df_r, "pvalue": f_tail(F, size, df_r), "SWF": sw_f, "SWFdf1": float(sw_df), "SWFdf2": df_r,
            "SWFp": f_tail(sw_f, sw_df, df_r), "SWchi2": sw_chi2, "SWchi2p": chi2_tail(sw_chi2, sw_df),
        }  # fmt: skip
    return found


def _sanderson_windmeijer(
    problem: Problem, Y: FloatArray, Z: FloatArray, j: int, n: float, L: float
) -> tuple[float, float]:
    """Conditional first-stage chi2 and F of Sanderson and Windmeijer (2016).

    With several endogenous regressors they are missing unless the errors are taken as independent and identical.
    """
    s, size, k = problem.sampling, Z.shape[1], Y.shape[1]
    others = np.delete(Y, j, axis=1)
    target = Y[:, j]
    if k > 1:
        target = target - others @ two_stage(Equation(target, others, Z, _homoskedastic(s))).b
    inverse = symmetric_inverse(s.cross(Z, Z))
    pi = inverse @ s.cross(Z, target[:, None])
    e = target[:, None] - Z @ pi
    V = inverse @ s.covariance(e, Z) @ inverse / n
    if k > 1 and (s.robust or s.clusters or s.kernel):
        return math.nan, math.nan
    chi2, _ = wald(pi[:, 0], V)
    return chi2, _to_f(problem, chi2, n, L, size - k + 1)


def _homoskedastic(s: MomentSampling) -> MomentSampling:
    return MomentSampling(s.n, s.w, s.frequencies)


def _orthogonality(session: Session, line: Line, problem: Problem, scalars: dict[str, float]) -> dict[str, str]:
    """endog(), orthog() and redundant(): statistics into `scalars`, tested names as macros."""
    tested: dict[str, str] = {}
    equation = problem.equation()
    everything = list(range(equation.Z.shape[1]))
    typed = line.text_option("endogtest")
    if typed:
        names = _listed(session, typed, problem.endogenous_names, "endog", "endogenous regressor")
        chosen = [problem.endogenous_names.index(name) for name in names]
        Z = np.column_stack([equation.Z, problem.endogenous[:, chosen]])
        larger = Equation(equation.y, equation.X, Z, equation.sampling)
        whole, part = difference(larger, everything)
        value = whole - part
        scalars.update(estat=value, estatdf=float(len(chosen)), estatp=chi2_tail(value, len(chosen)))
        tested["elist"] = " ".join(names)
    typed = line.text_option("orthog")
    if typed:
        own = [*problem.exogenous_names, *(["_cons"] if problem.constant else []), *problem.instrument_names]
        names = _listed(session, typed, own, "orthog", "exogenous variable")
        left = [j for j in everything if own[j] not in names]
        if len(left) < equation.X.shape[1]:
            raise StataError(198, "orthog() leaves the equation underidentified")
        whole, part = difference(equation, left)
        value, df = whole - part, len(names)
        rest = len(left) - equation.X.shape[1]
        scalars.update(cstat=value, cstatdf=float(df), cstatp=chi2_tail(value, df), cj=part, cjdf=float(rest),
                       cjp=chi2_tail(part, rest) if rest else math.nan)  # fmt: skip
        tested["clist"] = " ".join(names)
    typed = line.text_option("redundant")
    if typed:
        names = _listed(session, typed, problem.instrument_names, "redundant", "excluded instrument")
        chosen = [problem.instrument_names.index(name) for name in names]
        rest_columns = np.delete(problem.instruments, chosen, axis=1)
        basis = np.column_stack([problem.included, rest_columns])
        Y = partialled(problem.endogenous, basis, problem.sampling)
        Z = partialled(problem.instruments[:, chosen], basis, problem.sampling)
        test = rank_test(Y, Z, problem.sampling, 0)
        scalars.update(redstat=test.lm, reddf=float(test.df), redp=chi2_tail(test.lm, test.df))
        tested["redlist"] = " ".join(names)
    return tested


def _listed(session: Session, typed: str, allowed: list[str], option: str, what: str) -> list[str]:
    names = []
    for word in typed.split():
        found = [word] if word in allowed else session.expand_varlist(word, ts=True)
        for name in found:
            if name not in allowed:
                raise StataError(198, f"{option}(): {name} is not an {what} of the model")
            names.append(name)
    return list(dict.fromkeys(names))


def _statistics(problem: Problem) -> Statistics:
    if problem.absorbed:
        raised = unsupported("predict after partial() or absorb() is")

        def refuse(request: object) -> FloatArray:
            raise raised

        return Statistics({"xb": refuse, "residuals": refuse, "stdp": refuse}, "xb", "", problem.depvar)
    return Statistics({"residuals": lambda r: r.y - r.xb}, "xb", "(option xb assumed; fitted values)", problem.depvar)
