"""ivreg2: extended instrumental-variables estimation (user-written, Baum, Schaffer and Stillman)."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from ssd.engine.commands.absorption import absorbed_effects
from ssd.engine.commands.declare import Line, command
from ssd.engine.commands.estimation import (
    Estimation,
    estimation_of,
    level_of,
    replay,
    store,
)
from ssd.engine.commands.instrumental_ivreg2_problem import Problem, read_problem
from ssd.engine.commands.instrumental_ivreg2_report import print_first_heading, print_first_stage, print_report
from ssd.engine.commands.instrumental_ivreg2_tests import (
    first_stages,
    identification,
    orthogonality,
    small_factor,
    weak_instrument_robust,
)
from ssd.engine.commands.postestimation_statistics import Statistics
from ssd.engine.errors import StataError, insufficient_observations, invalid_syntax, unsupported
from ssd.engine.missing import FloatArray
from ssd.engine.output.estimation import CoefficientTable
from ssd.engine.results import Matrix
from ssd.engine.stats.covariance import wald
from ssd.engine.stats.design import Design
from ssd.engine.stats.distributions import chi2_tail, f_tail
from ssd.engine.stats.ivreg2 import (
    Estimate,
    continuously_updated,
    k_class,
    liml_eigenvalue,
    two_stage,
    two_step,
)

if TYPE_CHECKING:
    from ssd.engine.commands.postestimation_predict import Request
    from ssd.engine.session import Session


@command(
    "ivreg2",
    "[anything(equalok everything)] [if] [in] [aweight fweight pweight] [, noCONStant Robust CLuster(varlist) "
    "vce(string) BW(real 0) Kernel(string) LIML KClass(real -1) FULLER(real -1) GMM2s GMM CUE SMall PARTIAL(string) "
    "ENDOGtest(string) ORTHOG(string) REDundant(string) FIRST FFIRST SAVEFIRST SAVEFPrefix(name) NOID NOOUTput "
    "noHEader noFOoter Level(cilevel) "
    "PLUS EForm(string) DEPname(string)]",
    by="recall",
    stored="e(N) e(rss) e(mss) e(yy) e(yyc) e(r2) e(r2_a) e(r2c) e(r2u) e(rmse) e(F) e(Fp) e(Fdf1) e(Fdf2) e(df_m) "
    "e(df_r) e(N_clust) e(N_clust1) e(N_clust2) e(bw) e(j) e(jp) e(jdf) e(sargan) e(sarganp) e(sargandf) e(idstat) "
    "e(idp) e(iddf) e(widstat) e(cdf) e(rkf) e(estat) e(estatp) e(estatdf) e(cstat) e(cstatp) e(cstatdf) e(redstat) "
    "e(redp) e(reddf) e(archi2) e(archi2p) e(arf) e(arfp) e(ardf) e(ardf_r) e(sstat) e(sstatp) e(sstatdf) e(lambda) "
    "e(kclass) e(fuller) e(rankxx) e(rankzz) e(partial_ct) e(model) e(instd) e(insts) e(inexog) e(exexog) e(partial) "
    "e(clist) e(elist) e(redlist) e(clustvar) e(kernel) e(vcetype) e(b) e(V) e(S) e(first) r(table)",
    refused="rf, saverf, bw(auto), kernel() other than bartlett, parzen, truncated, qs, dofminus(), "
    "sdofminus(), b0(), wmatrix(), smatrix(), coviv, nocollin, center, iweights; Sanderson–Windmeijer statistics of "
    "several endogenous regressors with robust covariances; predict after partial()",
)
def ivreg2(session: Session, line: Line) -> None:
    """Instrumental variables with identification, weak-instrument and orthogonality tests (user-written)."""
    if replay(session, line, "ivreg2"):
        return
    if line.flag("plus"):
        raise unsupported("option plus of ivreg2 is")
    for name in ("eform", "depname"):
        if line.text_option(name):
            raise unsupported(f"option {name}() of ivreg2 is")
    level = level_of(session, line)
    problem = read_problem(session, line)
    model, estimate = estimate_model(line, problem)
    _first_stage_regressions(session, line, problem, level, "ivreg2")
    finish(session, line, problem, model, estimate, level, "ivreg2")


@command(
    "ivreghdfe",
    "[anything(equalok everything)] [if] [in] [aweight fweight pweight] [, Absorb(string) Robust CLuster(varlist) "
    "vce(string) BW(real 0) Kernel(string) LIML KClass(real -1) FULLER(real -1) GMM2s GMM CUE SMall "
    "ENDOGtest(string) ORTHOG(string) REDundant(string) FIRST FFIRST SAVEFIRST SAVEFPrefix(name) NOID NOOUTput "
    "noHEader noFOoter Level(cilevel) "
    "KEEPSINgletons PLUS EForm(string) DEPname(string)]",
    by="recall",
    stored="as ivreg2, with e(absvars) e(df_a) e(num_singletons) e(N_full) e(N_hdfe)",
    refused="as ivreg2; absorb() with slopes or saved effects, residuals(), tolerance(), partial(), noconstant",
)
def ivreghdfe(session: Session, line: Line) -> None:
    """Instrumental variables with absorbed fixed effects (user-written; ivreg2 after reghdfe's transformation)."""
    if replay(session, line, "ivreghdfe"):
        return
    if line.flag("plus"):
        raise unsupported("option plus of ivreghdfe is")
    for name in ("eform", "depname"):
        if line.text_option(name):
            raise unsupported(f"option {name}() of ivreghdfe is")
    typed = line.text_option("absorb")
    if not typed:
        raise StataError(198, "option absorb() required")
    level = level_of(session, line)
    problem = read_problem(session, line, absorbed_effects(session, typed))
    model, estimate = estimate_model(line, problem)
    _first_stage_regressions(session, line, problem, level, "ivreghdfe")
    finish(session, line, problem, model, estimate, level, "ivreghdfe")


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
    V = estimate.V * (small_factor(problem, n, K) if small else 1.0)
    e, y = estimate.residuals, problem.y
    rss, yy = float(w @ (e * e)), float(w @ (y * y))
    centre = float(w @ y) / float(w.sum())
    yyc = yy if problem.absorbed else float(w @ (y - centre) ** 2)
    slopes = estimate.b.size - int(problem.constant)
    W, rank = wald(estimate.b[:slopes], V[:slopes, :slopes]) if slopes else (math.nan, 0)
    factor = 1.0 if small else 1.0 / small_factor(problem, n, K)
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
        scalars.update(identification(problem, n, L, simple))
        scalars.update(weak_instrument_robust(problem, n, L))
    tested = orthogonality(session, line, problem, scalars)
    names = [*problem.endogenous_names, *problem.exogenous_names]
    design = Design(list(problem.columns), problem.constant)
    table = CoefficientTable(
        design.names, estimate.b, V, problem.depvar, df_r if small else None, level,
        "Robust" if not simple else "", data=session.data,
    )  # fmt: skip
    first = first_stages(problem, n, L) if problem.endogenous_names else {}

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


def _first_stage_regressions(session: Session, line: Line, problem: Problem, level: float, name: str) -> None:
    """first and savefirst: each endogenous regressor on all exogenous variables, with small-sample statistics."""
    shown, saved = line.flag("first"), line.flag("savefirst")
    if not (shown or saved) or not problem.endogenous_names:
        return
    from ssd.engine.commands.estimates import keep_estimates

    n = problem.sample.n
    statistics = first_stages(problem, n, problem.equation().Z.shape[1] + problem.absorbed)
    if shown:
        print_first_heading(session)
    count_ = len(problem.endogenous_names)
    own_options = {**line.options, "small": True, "nooutput": True, "endogtest": None, "orthog": None,
                   "redundant": None, "ffirst": False}  # fmt: skip
    quiet = Line(**{**line.__dict__, "options": own_options})
    before = session.e
    for j, each in enumerate(problem.endogenous_names):
        stage = replace(
            problem, depvar=each, y=problem.endogenous[:, j], endogenous=problem.endogenous[:, :0],
            exogenous=np.column_stack([problem.exogenous, problem.instruments]),
            instruments=problem.instruments[:, :0], endogenous_names=[],
            exogenous_names=[*problem.exogenous_names, *problem.instrument_names], instrument_names=[],
            columns=[*problem.columns[count_:], *problem.instrument_columns], instrument_columns=[],
        )  # fmt: skip
        finish(session, quiet, stage, "ols", two_stage(stage.equation()), level, name)
        if saved:
            keep_estimates(session, (line.text_option("savefprefix") or f"_{name}_") + each.replace(".", "_")[:20])
        if shown:
            print_first_stage(session, stage, estimation_of(session).table, statistics[each])
    session.e = before


def _statistics(problem: Problem) -> Statistics:
    if not problem.absorbed:
        return Statistics(
            {"residuals": lambda r: r.y - r.xb}, "xb", "(option xb assumed; fitted values)", problem.depvar
        )
    raised = unsupported(f"this prediction after {'partial()' if problem.prepared is None else 'absorb()'} is")

    def refuse(request: Request) -> FloatArray:
        raise raised

    # The linear index of absorbed models leaves out the effects, as that of reghdfe; partialled ones have none.
    refused: dict[str, Callable[[Request], FloatArray]] = {"residuals": refuse}
    if problem.prepared is None:
        refused.update(xb=refuse, stdp=refuse)
    return Statistics(refused, "xb", "(option xb assumed; fitted values)", problem.depvar)
