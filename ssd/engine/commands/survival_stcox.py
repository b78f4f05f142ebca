"""stcox: Cox proportional hazards regression."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ssd.engine.commands.declare import Line, command
from ssd.engine.commands.estimation import replay
from ssd.engine.commands.maximum import MlResult, finish, model_test
from ssd.engine.commands.survival_cox_estat import ESTAT
from ssd.engine.commands.survival_cox_predict import predict_cox, store_old_style
from ssd.engine.commands.survival_models import (
    SHOW_OPTIONS,
    VCE_OPTIONS,
    ModelSetup,
    design_of,
    model_terms,
    open_model,
    print_iterations,
    print_survival_header,
    refuse_constraints,
    require_failures,
    summed_by_record,
)
from ssd.engine.commands.survival_sample import group_records
from ssd.engine.commands.survival_shared import fit_shared
from ssd.engine.errors import StataError, unsupported
from ssd.engine.missing import FloatArray
from ssd.engine.stats.design import Design
from ssd.engine.stats.grouped import Conditional, maximize_groups
from ssd.engine.stats.survival_cox import CoxFit, RiskSets, fit, score_residuals, state
from ssd.engine.stats.survival_pieces import Pieces, pieces

if TYPE_CHECKING:
    from ssd.engine.session import Session

IndexArray = NDArray[np.intp]
_OLD = ("basehc", "basechazard", "basesurv", "mgale", "csnell")
_GRAMMAR = (
    "[varlist(numeric fv ts default=none)] [if] [in] [, ESTimate STrata(varlist) SHared(varname) OFFset(varname) "
    "BREslow EFRon EXACTM EXACTP TVC(varlist numeric) TEXP(string) HR noHR CONSTraints(numlist) COLlinear "
    "BASEHC(name) BASEChazard(name) BASESurv(name) MGale(name) CSNell(name) EFFects(string) "
)
_STORED = (
    "e(N) e(N_sub) e(N_fail) e(df_m) e(r2_p) e(ll) e(ll_0) e(N_clust) e(chi2) e(p) e(risk) e(tmin) e(tmax) e(rank) "
    "e(cmd) e(cmd2) e(cmdline) e(depvar) e(t0) e(ties) e(method) e(strata) e(texp) e(tvc) e(offset) e(vce) e(vcetype) "
    "e(clustvar) e(chi2type) e(b) e(V) r(table)"
)


@command("stcox", _GRAMMAR + VCE_OPTIONS + " " + SHOW_OPTIONS + "]", by="recall", stored=_STORED,
         refused="shared() with robust, tvc() or weights; exactm, constraints(), efron with fweights, robust with "
                 "exactp")  # fmt: skip
def stcox(session: Session, line: Line) -> None:
    """Cox proportional hazards regression."""
    if not line.flag("estimate") and replay(session, line, "cox"):
        return
    refuse_constraints(line)
    if line.flag("exactm"):
        raise unsupported("option exactm of stcox is")
    ties = [name for name in ("breslow", "efron", "exactp") if line.flag(name)]
    if len(ties) > 1:
        raise StataError(198, f"options {ties[0]} and {ties[1]} may not be combined")
    method = ties[0] if ties else "breslow"
    changing = _names(line, "tvc")
    strata = _names(line, "strata")
    terms = model_terms(session, line.varlist)
    changing_terms = model_terms(session, changing)
    shared = line.text_option("shared") or ""
    setup = open_model(session, line, [*terms, *changing_terms], ("oim", "robust", "cluster"), "oim",
                       _complete(session, [*strata, *([shared] if shared else [])]))  # fmt: skip
    require_failures(setup.records)
    if method == "efron" and setup.settings.weight_kind == "fweight":
        raise unsupported("efron with fweights is")
    if method == "exactp" and (setup.vce.is_robust or changing or setup.settings.weight_kind):
        raise unsupported("exactp with robust standard errors, weights or tvc() is")
    design, X = design_of(setup, terms, constant=False)
    stratum = group_records(session, setup.records, strata).ids
    sets = risk_sets(setup, stratum, method)
    if shared:
        if setup.vce.is_robust or changing or method == "exactp" or setup.settings.weight_kind:
            raise unsupported("shared() with robust standard errors, weights, tvc() or exactp is")
        fit_shared(session, line, setup, sets, design, X, shared, strata)
        return
    designs = {"": design}
    if changing:
        designs = {"main": design}
    tvc_design, Z = design_of(setup, changing_terms, constant=False) if changing else (Design([], False), X[:, :0])
    if changing:
        designs["tvc"] = tvc_design
    found, scores, null = _estimate(setup, line, sets, X, Z, method)
    result = _result(setup, line, designs, found, scores, null)
    _describe(setup, line, result, sets, method, strata, changing)
    finish(session, line, result, setup.level, "Haz. ratio" if not line.flag("nohr") else None)
    store_old_style(session, {name: str(line.options[name]) for name in _OLD if line.options.get(name)})


def _names(line: Line, option: str) -> list[str]:
    value = line.options.get(option)
    return [str(name) for name in value] if isinstance(value, list) else []


def _complete(session: Session, names: list[str]) -> NDArray[np.bool_] | None:
    from ssd.engine.commands.estimation import not_missing

    if not names:
        return None
    flags: NDArray[np.bool_] = np.logical_and.reduce([not_missing(session, name) for name in names])
    return flags


def risk_sets(setup: ModelSetup, stratum: IndexArray, method: str) -> RiskSets:
    r = setup.records
    return RiskSets(r.t0, r.t, r.d, r.w, stratum, efron=method == "efron")


def time_multiplier(session: Session, text: str, times: FloatArray) -> FloatArray:
    """texp() at the given analysis times. Raises r(198) when it is not a function of _t alone."""
    if text.strip() == "_t":
        return times
    distinct, back = np.unique(times, return_inverse=True)
    values = []
    for time in distinct:
        value = session.evaluate(re.sub(r"\b_t\b", f"({float(time)!r})", text))
        if isinstance(value, np.ndarray) and value.ndim:
            raise unsupported("texp() with variables other than _t is")
        if isinstance(value, str):
            raise StataError(109, "type mismatch")
        values.append(float(value))
    return np.array(values)[back.reshape(-1)]


def _estimate(
    setup: ModelSetup, line: Line, sets: RiskSets, X: FloatArray, Z: FloatArray, method: str
) -> tuple[CoxFit, FloatArray, float]:
    """The fit, unweighted score residuals per record, and the log likelihood without covariates."""
    if method == "exactp":
        return _exact(setup, sets, X)
    records = setup.records
    if not Z.shape[1]:
        null = state(sets, X[:, :0], np.zeros(0), setup.offset).ll
        found = fit(sets, X, setup.offset)
        return found, score_residuals(sets, X, found.state), null
    cut: Pieces = pieces(sets)
    g = time_multiplier(setup.session, line.text_option("texp") or "_t", cut.t)
    wide = np.column_stack([X[cut.record], Z[cut.record] * g[:, None]])
    offset = None if setup.offset is None else setup.offset[cut.record]
    inner = RiskSets(cut.t0, cut.t, cut.d, records.w[cut.record], sets.strata[cut.place], efron=sets.efron)
    null = state(inner, wide[:, :0], np.zeros(0), offset).ll
    found = fit(inner, wide, offset)
    scores = summed_by_record(score_residuals(inner, wide, found.state), cut.record, records.n)
    return found, scores, null


def _exact(setup: ModelSetup, sets: RiskSets, X: FloatArray) -> tuple[CoxFit, FloatArray, float]:
    """Exact partial likelihood: a conditional logit over the risk set of each failure time."""
    cut = pieces(sets)
    offset = None if setup.offset is None else setup.offset[cut.record]
    order = np.argsort(cut.place, kind="stable")
    y, ids = cut.d[order], cut.place[order]
    wide = X[cut.record][order]
    ordered_offset = None if offset is None else offset[order]
    null = float(Conditional(y, wide[:, :0], ids, offset=ordered_offset)(np.zeros(0))[0].sum())
    best = maximize_groups(Conditional(y, wide, ids, offset=ordered_offset), np.zeros(X.shape[1]))
    now = state(sets, X, best.coefficients, setup.offset)
    found = CoxFit(best.coefficients, best.covariance, best.log_likelihood, best.iterations, now)
    return found, np.zeros((len(X), X.shape[1])), null


def _result(
    setup: ModelSetup, line: Line, designs: dict[str, Design], found: CoxFit, scores: FloatArray, null: float
) -> MlResult:
    active = np.concatenate([design.active for design in designs.values()]).astype(bool)
    names = [f"{eq}:{name}" if eq else name for eq, design in designs.items() for name in design.names]
    b, V = np.zeros(len(names)), np.zeros((len(names), len(names)))
    b[active] = found.coefficients
    V[np.ix_(active, active)] = setup.covariance(found.covariance, scores)
    df_m = int(active.sum())
    result = MlResult("Cox regression", "cox", "_t", designs, names, b, V, found.ll, null, df_m, setup.sample,
                      setup.vce, "stcox_p")  # fmt: skip
    model_test(result, [int(j) for j in np.flatnonzero(active)], likelihood_ratio=not setup.vce.is_robust)
    print_iterations_of(setup, line, found)
    return result


def print_iterations_of(setup: ModelSetup, line: Line, found: CoxFit) -> None:
    if line.flag("nolog"):
        return
    setup.session.log.line()
    print_iterations(setup.session, line, found.iterations, setup.vce)
    print_iterations(setup.session, line, [found.ll], setup.vce, "Refining estimates:")


def _describe(
    setup: ModelSetup, line: Line, result: MlResult, sets: RiskSets, method: str, strata: list[str], changing: list[str]
) -> None:
    """Titles, stored results and what postestimation needs."""
    word = {"breslow": "Breslow method", "efron": "Efron method", "exactp": "exact partial-likelihood method"}[method]
    # A record with a frequency weight stands for tied failures.
    counted = sets.weight if setup.settings.weight_kind == "fweight" else sets.failures
    tied = bool(np.any(counted > 1))
    title = "Stratified Cox regression" if strata else "Cox regression"
    titles = [f"{title} with {f'{word} for ties' if tied else 'no ties'}"]
    if strata:
        titles.append(f"Strata variable{'s' if len(strata) > 1 else ''}: {' '.join(strata)}")
    result.title = titles[0]
    # A single risk set of one record says nothing: its log likelihood is 0, and a pseudo R2 is not defined.
    result.pseudo = result.ll_0 != 0.0
    result.header = lambda: print_survival_header(setup, result, titles)
    result.scalars.update(setup.scalars(), k_eq=float(len(result.designs)))
    texp = (line.text_option("texp") or "_t") if changing else ""
    result.macros.update(
        cmd2="stcox", t0="_t0", ties=method, method=method, strata=" ".join(strata), tvc=" ".join(changing), texp=texp,
        offset=setup.offset_name, estat_cmd="stcox_estat", marginsok="XB HR", marginsdefault="predict(hr)",
        wtype=setup.settings.weight_kind, wexp=f"= {setup.settings.weight}" if setup.settings.weight else "",
    )  # fmt: skip
    result.predictions.update(offset=setup.offset_name, predict_several=predict_cox, estat=ESTAT)
    from ssd.engine.commands.survival_margins import hazard_predictor

    result.predictions["predictor"] = hazard_predictor
    if changing:

        def footer(table: object) -> None:
            setup.session.log.line(f"Note: Variables in tvc equation interacted with {texp}.")

        result.footer = footer
