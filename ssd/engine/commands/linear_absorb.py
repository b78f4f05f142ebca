"""reghdfe and ivreghdfe: linear regression with many fixed effects (user-written commands of S. Correia)."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from ssd.engine.commands.absorption import (
    Prepared,
    absorbed_effects,
    absorbed_table,
    clustered_meat,
    nonnegative,
    parse_clusters,
    prepare,
)
from ssd.engine.commands.declare import Line, command
from ssd.engine.commands.estimation import (
    Estimation,
    SessionSource,
    Vce,
    build_regressors,
    level_of,
    operated_name,
    outcome_and_terms,
    replay,
    spread_over_sample,
    store,
    take_sample,
)
from ssd.engine.commands.postestimation_statistics import Statistics
from ssd.engine.errors import StataError, insufficient_observations, unsupported
from ssd.engine.missing import FloatArray
from ssd.engine.output.estimation import CoefficientTable, Entry, count, print_coefficients, print_header
from ssd.engine.stats.covariance import frequency_meat, meat, wald
from ssd.engine.stats.distributions import f_tail
from ssd.engine.stats.linear import least_squares

if TYPE_CHECKING:
    from ssd.engine.commands.postestimation_predict import Request
    from ssd.engine.session import Session


@command(
    "reghdfe",
    "[varlist(numeric fv ts default=none)] [if] [in] [aweight fweight pweight] [, Absorb(string) NOAbsorb vce(string) "
    "Robust CLuster(string) Level(cilevel) KEEPSINgletons noHEader noTABle noFOOTnote noCONStant RESiduals(name) "
    "RESID BASElevels TOLerance(real 1e-8) Verbose(integer 0) SUMMarize NOWARN]",
    by="recall",
    stored="e(N) e(N_full) e(num_singletons) e(N_hdfe) e(tss) e(tss_within) e(rss) e(mss) e(r2) e(r2_a) e(r2_within) "
    "e(r2_a_within) e(ll) e(ll_0) e(rmse) e(F) e(df_m) e(df_r) e(df_a) e(df_a_initial) e(df_a_redundant) e(N_clust) "
    "e(N_clust#) e(rank) e(ic) e(cmd) e(depvar) e(absvars) e(clustvar) e(vce) e(b) e(V) r(table)",
    refused="heterogeneous slopes, savefe, group(), individual(), dofadjustments(), summarize, fast options; "
    "`keepsingletons` is done; e(ll_0) refers to the absorbed model",
)
def reghdfe(session: Session, line: Line) -> None:
    """Linear regression absorbing many fixed effects."""
    if replay(session, line, "reghdfe"):
        return
    if line.flag("summarize"):
        raise unsupported("option summarize is")
    level = level_of(session, line)
    typed = line.text_option("absorb")
    if not typed and not line.flag("noabsorb"):
        raise StataError(198, "option {bf:absorb()} or {bf:noabsorb} required".replace("{bf:", "").replace("}", ""))
    effects = absorbed_effects(session, typed) if typed else []
    vce, clusters = parse_clusters(session, line)
    source = SessionSource(session)
    outcome, terms = outcome_and_terms(session, line.varlist)
    extra = [name for effect in effects for name in effect.variables] + [name for group in clusters for name in group]
    sample = take_sample(session, line, source, [(outcome,), *terms], None, list(dict.fromkeys(extra)))
    n_full = sample.n
    prepared = prepare(session, line, sample, effects, clusters)
    sample = prepared.sample
    log = session.log
    if prepared.dropped:
        log.line(f"(dropped {prepared.dropped:,} singleton observations)")
    constant = not line.flag("noconstant") or not effects
    regressors = build_regressors(session, source, terms, sample, constant=True)
    y = source.get(outcome.variable, outcome.operator)[sample.rows]
    X = prepared.partial(regressors.X)
    ty = prepared.partial(y[:, None])[:, 0]
    if effects:
        log.line(f"(MWFE estimator converged in {prepared.absorber.iterations if prepared.absorber else 1} iterations)")
    _fit(session, line, prepared, regressors.design, regressors.X, X, y, ty, vce, level, operated_name(outcome),
         n_full, constant)  # fmt: skip


def _fit(
    session: Session, line: Line, prepared: Prepared, design: object, raw_X: FloatArray, X: FloatArray, y: FloatArray,
    ty: FloatArray, vce: Vce, level: float, depvar: str, n_full: float, constant: bool,
) -> None:  # fmt: skip
    from ssd.engine.stats.design import Design
    from ssd.engine.stats.panel import own_scales

    assert isinstance(design, Design)
    sample = prepared.sample
    w = sample.w
    weights = np.ones(len(y)) if w is None else w
    total = weights.sum()
    # The absorbed constant comes back as the mean, as xtreg, fe reports it.
    mean_y, mean_x = float(weights @ y) / total, weights @ raw_X / total
    shifted_y, shifted_X = ty + (mean_y if prepared.effects else 0.0), X + (mean_x if prepared.effects else 0.0)
    ls = least_squares(shifted_X, shifted_y, w, scales=own_scales(raw_X, w))
    if not ls.kept.all():
        before = len(design.notes)
        design.omit(ls.kept)
        for note in design.notes[before:]:
            session.log.line(note)
        shifted_X = shifted_X[:, ls.kept]
        ls = least_squares(shifted_X, shifted_y, w)
    n, k = sample.n, ls.rank - 1
    absorbed = prepared.absorbed if prepared.effects else 1
    df_r = n - k - absorbed - int(prepared.any_nested)
    if df_r <= 0:
        raise insufficient_observations()
    full = np.column_stack([shifted_X, np.ones(len(y))])
    scores = full * (ls.residuals * weights)[:, None]
    V, note, df_test = _covariance(prepared, vce, ls.inverse, ls.rss, scores, full, ls.residuals, n, df_r)
    F = math.nan
    if k:
        W, rank = wald(ls.coefficients[:k], V[:k, :k])
        F = W / k if rank == k else math.nan
    tss = float(weights @ (y - mean_y) ** 2)
    centred = ty - float(weights @ ty) / total
    tss_within = float(weights @ centred**2)
    r2, r2_within = 1.0 - ls.rss / tss, 1.0 - ls.rss / tss_within
    # Effects nested in the clusters cost inference nothing, but still count in the fit statistics.
    nested = sum(e.categories for e in prepared.effects if e.in_cluster)
    df_fit = n - k - absorbed - nested
    if df_fit <= 0:
        raise insufficient_observations()
    r2_a = 1.0 - (ls.rss / df_fit) / (tss / (n - 1.0))
    rmse = math.sqrt(ls.rss / df_fit)
    b, V_out, names = ls.coefficients, V, design.names
    if not constant:
        b, V_out = b[:-1], V[:-1, :-1]
        design.constant = False
        names = design.names
    heading = "Robust" if vce.kind in {"robust", "cluster"} else ""
    table = CoefficientTable(
        names, design.expand(b), design.expand(V_out), depvar, df_test, level, heading,
        empty=frozenset(c.name for c in design.columns if c.status == "empty"),
        base_levels=line.flag("baselevels"), data=session.data,
    )  # fmt: skip
    statistics = {"F": F, "r2": r2, "r2_a": r2_a, "r2_within": r2_within, "rmse": rmse}

    def show() -> None:
        if not line.flag("noheader"):
            _header(session, prepared, vce, n, k, df_test, statistics)
        if not line.flag("notable"):
            print_coefficients(session.log, table)
            if note:
                session.log.line(note)
        if prepared.effects and not line.flag("nofootnote"):
            absorbed_table(session, prepared)

    estimation = Estimation(
        {"": design}, table, show, (sample.kind, line.weight.expression if line.weight else ""), {"rmse": rmse}, w
    )
    residuals = np.asarray(ls.residuals, dtype=np.float64)
    estimation.predictions["statistics"] = _predictions(depvar, residuals)
    name = line.text_option("residuals") or ("_reghdfe_resid" if line.flag("resid") else None)
    if name:
        from ssd.engine.missing import MISSING

        values = np.full(session.data.n_obs, MISSING)
        values[sample.rows] = residuals
        if name == "_reghdfe_resid" and name in session.data.variables:
            session.data.drop([name])
        session.data.add(name, values, "double", label="Residuals")
    ll = -0.5 * n * (math.log(2.0 * math.pi) + math.log(ls.rss / n) + 1.0)
    ll_0 = -0.5 * n * (math.log(2.0 * math.pi) + math.log(tss_within / n) + 1.0)
    scalars = {
        "N": n, "N_full": n_full, "num_singletons": float(prepared.dropped), "N_hdfe": float(len(prepared.effects)),
        "tss": tss, "tss_within": tss_within, "rss": ls.rss, "mss": tss - ls.rss, "r2": r2, "r2_a": r2_a,
        "r2_within": r2_within, "r2_a_within": 1.0 - (ls.rss / df_fit) / (tss_within / (df_fit + k)), "ll": ll,
        "ll_0": ll_0,
        "rmse": rmse, "F": F, "df_m": float(k), "df_r": df_test, "rank": float(k + 1),
        "df_a": float(absorbed if prepared.effects else 0),
        "ic": float(prepared.absorber.iterations if prepared.absorber else 1),
        "df_a_initial": float(sum(e.categories for e in prepared.effects)),
        "df_a_redundant": float(sum(e.redundant for e in prepared.effects)),
        "df_a_nested": float(nested),
        "sumweights": sample.sum_of_weights,
    }  # fmt: skip
    macros = {
        "cmd": "reghdfe", "depvar": depvar, "absvars": " ".join(e.label for e in prepared.effects), "model": "ols",
        "title": "HDFE Linear regression", "predict": "reghdfe_p", "vce": vce.kind,
        "vcetype": heading, "clustvar": vce.cluster,
    }  # fmt: skip
    if prepared.clustering is not None:
        scalars["N_clust"] = float(min(prepared.clustering.counts))
        scalars["N_clustervars"] = float(len(prepared.clustering.counts))
        groups = zip(prepared.clustering.names, prepared.clustering.counts, strict=True)
        for index, (label, size) in enumerate(groups, 1):
            scalars[f"N_clust{index}"] = float(size)
            macros[f"clustvar{index}"] = label
    store(session, line, estimation, sample=sample.rows, scalars=scalars, macros=macros)
    show()


def _covariance(
    prepared: Prepared, vce: Vce, inverse: FloatArray, rss: float, scores: FloatArray, full: FloatArray, e: FloatArray,
    n: float, df_r: float,
) -> tuple[FloatArray, str, float]:  # fmt: skip
    """Covariance, a note below the table and the degrees of freedom of the tests."""
    if prepared.clustering is not None:
        smallest = min(prepared.clustering.counts)
        factor = (n - 1.0) / df_r * smallest / (smallest - 1.0)
        V = inverse @ clustered_meat(scores, prepared.clustering) @ inverse * factor
        V, fixed = nonnegative(V)
        note = "Warning: VCV matrix was non-positive semi-definite; adjustment from Cameron, Gelbach & Miller applied."
        return V, note if fixed else "", min(df_r, smallest - 1.0)
    if vce.kind == "robust":
        frequencies = prepared.sample.frequencies
        filling = frequency_meat(full * e[:, None], frequencies) if frequencies is not None else meat(scores)
        return inverse @ filling @ inverse * (n / df_r), "", df_r
    return inverse * (rss / df_r), "", df_r


def _header(
    session: Session, prepared: Prepared, vce: Vce, n: float, k: int, df_r: float, values: dict[str, float]
) -> None:
    log = session.log
    log.line()
    groups = len(prepared.effects)
    left = ["HDFE Linear regression", f"Absorbing {groups} HDFE group{'s' if groups != 1 else ''}"]
    if vce.kind != "unadjusted":
        left.append("Statistics robust to heteroskedasticity")
    p = f_tail(values["F"], k, df_r) if k and not math.isnan(values["F"]) else math.nan
    entries = [
        Entry("Number of obs", count(n)),
        Entry(f"F({k:4d}, {df_r:6.0f})", "." if math.isnan(values["F"]) else f"{values['F']:.2f}"),
        Entry("Prob > F", "." if math.isnan(p) else f"{p:.4f}"),
        Entry("R-squared", f"{values['r2']:.4f}"), Entry("Adj R-squared", f"{values['r2_a']:.4f}"),
        Entry("Within R-sq.", f"{values['r2_within']:.4f}"),
    ]  # fmt: skip
    if prepared.clustering is not None:
        left += [""] * (6 - len(left))
        for label, size in zip(prepared.clustering.names, prepared.clustering.counts, strict=True):
            left.append(f"Number of clusters ({label}) = {size:>10,}")
    entries.append(Entry("Root MSE", f"{values['rmse']:.4f}"))
    print_header(log, left, entries, label_width=15, value_width=10)
    log.line()
    if prepared.clustering is not None:
        from ssd.engine.output.estimation import cluster_note

        counts = prepared.clustering.counts
        log.line(f"{cluster_note(min(counts), ' '.join(prepared.clustering.names)):>78}")


def _predictions(depvar: str, residuals: FloatArray) -> Statistics:
    def spread(request: Request) -> FloatArray:
        values = spread_over_sample(request.session, residuals)
        return values[request.rows]

    return Statistics(
        {
            "residuals": spread, "xbd": lambda r: r.y - spread(r), "d": lambda r: r.y - spread(r) - r.xb,
            "dr": lambda r: r.y - r.xb,
        },
        "xb", "(option xb assumed; fitted values)", depvar, in_sample=frozenset({"residuals", "xbd", "d", "dr"}),
    )  # fmt: skip
