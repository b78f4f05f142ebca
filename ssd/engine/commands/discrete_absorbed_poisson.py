"""ppmlhdfe: Poisson pseudo-maximum likelihood with absorbed effects (user-written, Correia et al.)."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from ssd.engine.commands.absorption import (
    Prepared,
    absorbed_effects,
    absorbed_table,
    clustered_meat,
    group_numbers_of,
    nonnegative,
    parse_clusters,
    prepare,
)
from ssd.engine.commands.declare import Line, command
from ssd.engine.commands.estimation import (
    Estimation,
    Sample,
    SessionSource,
    Vce,
    build_regressors,
    finish_sample,
    level_of,
    offset_of,
    operated_name,
    outcome_and_terms,
    replay,
    store,
    take_sample,
)
from ssd.engine.commands.postestimation_statistics import Statistics
from ssd.engine.data.names import check_name
from ssd.engine.errors import StataError, already_defined, no_observations, unsupported
from ssd.engine.missing import MISSING, BoolArray, FloatArray, is_missing
from ssd.engine.output.estimation import (
    CoefficientTable,
    Entry,
    cluster_note,
    count,
    number,
    print_coefficients,
    print_header,
)
from ssd.engine.stats.absorbed_poisson import (
    AbsorbedPoisson,
    fit_absorbed,
    separated_by_effects,
    separated_by_rectifier,
)
from ssd.engine.stats.arithmetic import quotient
from ssd.engine.stats.covariance import frequency_meat, meat, wald
from ssd.engine.stats.distributions import chi2_tail, log_gamma
from ssd.engine.stats.linear import independent_columns
from ssd.engine.stats.panel import own_scales

if TYPE_CHECKING:
    from ssd.engine.commands.postestimation_predict import Request
    from ssd.engine.session import Session


@command(
    "ppmlhdfe",
    "[varlist(numeric fv ts default=none)] [if] [in] [fweight pweight] [, Absorb(string) NOAbsorb vce(string) Robust "
    "CLuster(string) Exposure(varname) OFFset(varname) IRr EForm D D2(name) SEParation(string) KEEPSINgletons noLOg "
    "Level(cilevel) noHEader noTABle noFOOtnote BASElevels]",
    by="recall",
    stored="e(N) e(N_full) e(num_singletons) e(num_separated) e(N_hdfe) e(ll) e(ll_0) e(r2_p) e(deviance) e(chi2) e(p) "
    "e(df_m) e(df_a) e(df) e(rank) e(ic) e(ic2) e(N_clust) e(N_clust#) e(cmd) e(depvar) e(absvars) e(clustvar) e(vce) "
    "e(offset) e(d) e(b) e(V) r(table)",
    refused="group(), individual(), heterogeneous slopes, saved effects, separation(simplex), dofadjustments(), "
    "tolerance(), guess(), zvar(), tagsep()",
)
def ppmlhdfe(session: Session, line: Line) -> None:
    """Poisson pseudo-maximum likelihood absorbing many fixed effects."""
    if replay(session, line, "ppmlhdfe"):
        return
    level = level_of(session, line)
    typed = line.text_option("absorb")
    effects = absorbed_effects(session, typed) if typed and not line.flag("noabsorb") else []
    vce, clusters = parse_clusters(session, line)
    if vce.kind == "unadjusted" and line.text_option("vce") is None:
        vce = Vce("robust", typed=False)
    saved = _name_of_effects(session, line)
    checks = _separation(line)
    source = SessionSource(session)
    outcome, terms = outcome_and_terms(session, line.varlist)
    depvar = operated_name(outcome)
    extra = [name for effect in effects for name in effect.variables] + [name for group in clusters for name in group]
    sample = take_sample(session, line, source, [(outcome,), *terms], None, list(dict.fromkeys(extra)))
    offset_all, offset_name = offset_of(session, line, sample.rows)
    if offset_all is not None:
        sample = _restricted(session, sample, ~is_missing(offset_all[sample.rows]))
    y_all = source.get(outcome.variable, outcome.operator)
    if np.any(y_all[sample.rows] < 0.0):
        raise StataError(459, f"{depvar} must be greater than or equal to zero")
    n_full = sample.n
    log = session.log
    separated = 0
    prepared = prepare(session, line, sample, effects, clusters)
    sample = prepared.sample
    singletons = prepared.dropped
    if singletons:
        log.line(f"(dropped {singletons:,} observations that are either singletons or separated by a fixed effect)")
    while "fe" in checks and effects:
        ids = [group_numbers_of(session, effect.variables, sample.rows) for effect in effects]
        out = separated_by_effects(y_all[sample.rows], ids)
        if not out.any():
            break
        separated += int(out.sum())
        log.line(f"(dropped {int(out.sum()):,} observations that are separated by a fixed effect)")
        prepared = prepare(session, line, _restricted(session, sample, ~out), effects, clusters)
        singletons += prepared.dropped
        sample = prepared.sample
    regressors = build_regressors(session, source, terms, sample)
    y = y_all[sample.rows]
    if not y.any():
        raise StataError(2000, "no observations with a positive outcome")
    if "relu" in checks:
        out = separated_by_rectifier(y, regressors.X, _ids(session, prepared))
        if out.any():
            separated += int(out.sum())
            log.line(f"(ReLU method dropped {int(out.sum()):,} separated observations)")
            prepared = prepare(session, line, _restricted(session, sample, ~out), effects, clusters)
            sample = prepared.sample
            regressors = build_regressors(session, source, terms, sample)
            y = y_all[sample.rows]
    ids = _ids(session, prepared)
    w = np.ones(len(y)) if sample.raw is None else sample.raw
    X, design = regressors.X, regressors.design
    start = np.column_stack([prepared.partial(X)]) if effects else X
    kept = independent_columns(start, w, constant=not effects, scales=own_scales(X, w) if effects else None)
    if not kept.all():
        before = len(design.notes)
        design.omit(kept)
        for note in design.notes[before:]:
            log.line(note)
        X = X[:, kept]
    offset = np.zeros(len(y)) if offset_all is None else offset_all[sample.rows]
    fit = fit_absorbed(y, X, ids, w, offset)
    if not line.flag("nolog"):
        _iterations(session, fit)
    V, note = _covariance(prepared, vce, fit, y, w)
    k = X.shape[1]
    W, _ = wald(fit.solved.coefficients[:k], V[:k, :k]) if k else (math.nan, 0)
    ll = float(w @ (y * fit.eta - fit.mu - log_gamma(y + 1.0)))
    ll_0 = _null_likelihood(y, w, offset)
    absorbed = float(prepared.absorbed if effects else 0)
    scalars = {
        "N": sample.n, "N_full": n_full, "num_singletons": float(singletons), "num_separated": float(separated),
        "N_hdfe": float(len(effects)), "ll": ll, "ll_0": ll_0, "r2_p": 1.0 - quotient(ll, ll_0),
        "deviance": fit.deviances[-1], "chi2": W, "p": chi2_tail(W, k) if k else math.nan, "df_m": float(k),
        "df_a": absorbed, "df": sample.n - k - (absorbed if effects else 1.0), "rank": float(k + 1),
        "ic": float(len(fit.deviances)), "ic2": float(fit.inner), "converged": 1.0,
    }  # fmt: skip
    macros = {
        "cmd": "ppmlhdfe", "depvar": depvar, "absvars": " ".join(e.label for e in effects), "offset": offset_name,
        "title": "HDFE PPML regression", "predict": "ppmlhdfe_p", "vce": vce.kind, "chi2type": "Wald",
        "vcetype": "Robust" if vce.kind in {"robust", "cluster"} else "", "clustvar": vce.cluster, "d": saved,
        "separation": " ".join(checks),
    }  # fmt: skip
    if prepared.clustering is not None:
        scalars["N_clust"] = float(min(prepared.clustering.counts))
        pairs = zip(prepared.clustering.names, prepared.clustering.counts, strict=True)
        for index, (label, size) in enumerate(pairs, 1):
            scalars[f"N_clust{index}"] = float(size)
            macros[f"clustvar{index}"] = label
    eform = "IRR" if line.flag("irr") else "exp(b)" if line.flag("eform") else ""
    table = CoefficientTable(
        design.names, design.expand(fit.solved.coefficients), design.expand(V), depvar, None, level,
        macros["vcetype"], coefficient_heading=eform or "Coefficient", eform=bool(eform),
        empty=frozenset(c.name for c in design.columns if c.status == "empty"),
        base_levels=line.flag("baselevels"), data=session.data,
    )  # fmt: skip

    def show() -> None:
        if not line.flag("noheader"):
            _header(session, prepared, vce, scalars)
        if not line.flag("notable"):
            print_coefficients(log, table)
            if note:
                log.line(note)
        if effects and not line.flag("nofootnote"):
            absorbed_table(session, prepared)

    estimation = Estimation(
        {"": design}, table, show, (sample.kind, line.weight.expression if line.weight else ""),
        {"offset": offset_name, "statistics": _statistics(depvar, fit, sample.rows)}, sample.w,
    )  # fmt: skip
    store(session, line, estimation, sample=sample.rows, scalars=scalars, macros=macros)
    if saved:
        b = fit.solved.coefficients
        sum_of_effects = fit.eta - offset - X @ b[:k] - b[k]
        _keep(session, saved, sample.rows, sum_of_effects)
    show()


def _name_of_effects(session: Session, line: Line) -> str:
    """The variable that d or d(name) puts the sum of the effects in."""
    typed = line.text_option("d2")
    if typed:
        check_name(typed)
        if typed in session.data.variables:
            raise already_defined(typed)
        return typed
    return "_ppmlhdfe_d" if line.flag("d") else ""


def _keep(session: Session, name: str, rows: BoolArray, values: FloatArray) -> None:
    if name in session.data.variables:
        session.data.drop([name])
    full = np.full(session.data.n_obs, MISSING)
    full[rows] = values
    session.data.add(name, full, "double", label="Sum of fixed effects")


def _separation(line: Line) -> list[str]:
    typed = line.text_option("separation")
    if typed is None:
        return ["fe", "relu"]
    words = typed.split()
    if words == ["none"]:
        return []
    if words == ["all"]:
        return ["fe", "relu"]
    for word in words:
        if word in {"simplex", "mu"}:
            raise unsupported(f"separation({word}) is")
        if word not in {"fe", "relu", "ir"}:
            raise StataError(198, f"invalid separation() option: {word}")
    return ["relu" if word == "ir" else word for word in words]


def _restricted(session: Session, sample: Sample, keep: BoolArray) -> Sample:
    rows = sample.rows.copy()
    rows[np.flatnonzero(rows)[~keep]] = False
    if not rows.any():
        raise no_observations()
    return finish_sample(session, rows, None if sample.raw is None else sample.raw[keep], sample.kind, None)


def _ids(session: Session, prepared: Prepared) -> list[np.ndarray[tuple[int, ...], np.dtype[np.intp]]]:
    return [group_numbers_of(session, effect.variables, prepared.sample.rows) for effect in prepared.effects]


def _null_likelihood(y: FloatArray, w: FloatArray, offset: FloatArray) -> float:
    """Log likelihood with a constant (and the offset) only."""
    exposure = np.exp(offset)
    mu = exposure * float(w @ y) / float(w @ exposure)
    return float(w @ (y * np.log(mu) - mu - log_gamma(y + 1.0)))


def _covariance(
    prepared: Prepared, vce: Vce, fit: AbsorbedPoisson, y: FloatArray, w: FloatArray
) -> tuple[FloatArray, str]:
    """Sandwich with n/(n-1) or G/(G-1), as poisson; the inverse information for vce(unadjusted)."""
    inverse = fit.solved.inverse
    full = np.column_stack([fit.X, np.ones(len(y))])
    residual = y - fit.mu
    if prepared.clustering is not None:
        smallest = min(prepared.clustering.counts)
        filling = clustered_meat(full * (residual * w)[:, None], prepared.clustering)
        V, fixed = nonnegative(inverse @ filling @ inverse * (smallest / (smallest - 1.0)))
        text = "Warning: VCV matrix was non-positive semi-definite; adjustment from Cameron, Gelbach & Miller applied."
        return V, text if fixed else ""
    if vce.kind != "robust":
        return inverse, ""
    n = prepared.sample.n
    if prepared.sample.kind == "fweight":
        filling = frequency_meat(full * residual[:, None], w)
    else:
        filling = meat(full * (residual * w)[:, None])
    return inverse @ filling @ inverse * (n / (n - 1.0)), ""


def _iterations(session: Session, fit: AbsorbedPoisson) -> None:
    log = session.log
    rows = zip(fit.deviances, fit.changes, fit.lowest, strict=True)
    for index, (value, change, low) in enumerate(rows, 1):
        shown = f"{change:.2e}" if math.isfinite(change) else "."
        log.line(f"Iteration {index}:{'':<3}deviance = {value:.4e}  eps = {shown:<9} min(eta) = {low:>6.2f}")
    log.line("-" * 60)
    log.line(f"Converged in {len(fit.deviances)} iterations and {fit.inner} HDFE sub-iterations (tol = 1.0e-08)")


def _header(session: Session, prepared: Prepared, vce: Vce, values: dict[str, float]) -> None:
    log = session.log
    log.line()
    groups = len(prepared.effects)
    left = ["HDFE PPML regression", f"Absorbing {groups} HDFE group{'s' if groups != 1 else ''}"]
    left.append("Statistics robust to heteroskedasticity" if vce.kind != "unadjusted" else "")
    word = "Log pseudolikelihood" if vce.kind != "unadjusted" else "Log likelihood"
    left += [f"Deviance             = {number(values['deviance'], '%12.0g'):>12}",
             f"{word:<20} = {number(values['ll'], '%12.0g'):>12}"]  # fmt: skip
    df = int(values["df_m"])
    chi2 = "." if math.isnan(values["chi2"]) else number(values["chi2"], "%9.2f")
    entries = [
        Entry("No. of obs", count(values["N"])), Entry("Residual df", count(values["df"])),
        Entry(f"Wald chi2({df})", chi2),
        Entry("Prob > chi2", "." if math.isnan(values["p"]) else f"{values['p']:.4f}"),
        Entry("Pseudo R2", f"{values['r2_p']:.4f}"),
    ]  # fmt: skip
    print_header(log, left, entries, label_width=15, value_width=10)
    log.line()
    if prepared.clustering is not None:
        for label, size in zip(prepared.clustering.names, prepared.clustering.counts, strict=True):
            log.line(f"Number of clusters ({label}) = {size:>10,}")
        names = " ".join(prepared.clustering.names)
        log.line(f"{cluster_note(min(prepared.clustering.counts), names):>78}")


def _statistics(depvar: str, fit: AbsorbedPoisson, rows: BoolArray) -> Statistics:
    def spread(values: FloatArray, request: Request) -> FloatArray:
        full = np.full(len(rows), MISSING)
        full[rows] = values
        return full[request.rows]

    return Statistics(
        {
            "mu": lambda r: spread(fit.mu, r), "n": lambda r: spread(fit.mu, r), "eta": lambda r: spread(fit.eta, r),
            "xbd": lambda r: spread(fit.eta, r), "response": lambda r: r.y - spread(fit.mu, r),
            "d": lambda r: spread(fit.eta, r) - r.xb,
        },
        "mu", "(option mu assumed; predicted mean of depvar)", depvar,
        in_sample=frozenset({"mu", "n", "eta", "xbd", "response", "d"}),
    )  # fmt: skip
