"""reghdfe and ivreghdfe: linear regression with many fixed effects (user-written commands of S. Correia)."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING

import numpy as np

from ssd.engine.commands.declare import Line, command
from ssd.engine.commands.estimation import (
    Estimation,
    Sample,
    SessionSource,
    Vce,
    build_regressors,
    finish_sample,
    key_values,
    level_of,
    operated_name,
    outcome_and_terms,
    replay,
    store,
    take_sample,
)
from ssd.engine.commands.postestimation_statistics import Statistics
from ssd.engine.errors import StataError, insufficient_observations, unsupported
from ssd.engine.missing import BoolArray, FloatArray
from ssd.engine.output.estimation import CoefficientTable, Entry, count, print_coefficients, print_header
from ssd.engine.stats.absorb import Absorber, connected_components, nested, singletons
from ssd.engine.stats.covariance import IndexArray, frequency_meat, group_ids, meat, wald
from ssd.engine.stats.distributions import f_tail
from ssd.engine.stats.linear import least_squares

if TYPE_CHECKING:
    from ssd.engine.commands.postestimation_predict import Request
    from ssd.engine.session import Session


@dataclass
class AbsorbedEffect:
    """One absorbed effect: how it is typed and the count of its coefficients."""

    label: str
    variables: list[str]
    categories: int = 0
    redundant: int = 0
    inexact: bool = False
    in_cluster: bool = False


def absorbed_effects(session: Session, typed: str) -> list[AbsorbedEffect]:
    """absorb(): `id year`, `i.id`, `id#year`. Raises r(198) for slopes and saved effects."""
    effects: list[AbsorbedEffect] = []
    body, _, options = typed.partition(",")
    if options.strip():
        raise unsupported(f"absorb(…, {options.strip()}) is")
    for word in body.split():
        if "=" in word:
            raise unsupported("saving fixed effects (absorb(name=…)) is")
        if "c." in word or "##" in word:
            raise unsupported(f"absorb({word}): heterogeneous slopes are")
        names = [name for part in word.split("#") for name in session.expand_varlist(re.sub(r"^i\.", "", part))]
        if "#" in word:
            effects.append(AbsorbedEffect("#".join(names), names))
        else:
            effects += [AbsorbedEffect(name, [name]) for name in names]
    return effects


@dataclass(frozen=True)
class Clustering:
    """Cluster variables (or interactions) and their group numbers on the sample."""

    names: list[str]
    ids: list[IndexArray]
    counts: list[int]


def parse_clusters(session: Session, line: Line) -> tuple[Vce, list[list[str]]]:
    """vce() of the user-written commands: unadjusted, robust, cluster with several variables."""
    typed = line.text_option("vce")
    clusters = line.text_option("cluster")
    if typed is None and clusters:
        typed = f"cluster {clusters}"
    if typed is None:
        weighted = line.weight is not None and line.weight.kind == "pweight"
        return Vce("robust" if line.flag("robust") or weighted else "unadjusted", typed=line.flag("robust")), []
    words = typed.replace(",", " , ").split()
    if "," in words:
        raise unsupported(f"vce({typed}) is")
    kind = words[0]
    if (len(kind) >= 2 and "unadjusted".startswith(kind)) or kind in {"ols"}:
        return Vce("unadjusted"), []
    if "robust".startswith(kind):
        return Vce("robust"), []
    if len(kind) >= 2 and "cluster".startswith(kind) and len(words) > 1:
        groups = [[n for part in word.split("#") for n in session.expand_varlist(part.removeprefix("i."))]
                  for word in words[1:]]  # fmt: skip
        return Vce("cluster", " ".join("#".join(group) for group in groups)), groups
    raise StataError(198, f"vcetype {kind} not allowed")


def group_numbers_of(session: Session, names: list[str], rows: BoolArray) -> IndexArray:
    ids = group_ids(key_values(session, names[0])[rows])[0]
    for name in names[1:]:
        own, size = group_ids(key_values(session, name)[rows])
        ids = group_ids(ids * size + own)[0]
    return ids


def clustered_meat(scores: FloatArray, clustering: Clustering) -> FloatArray:
    """Sum over nonempty sets of cluster variables with alternating sign (Cameron, Gelbach and Miller 2011)."""
    total = np.zeros((scores.shape[1], scores.shape[1]))
    for size in range(1, len(clustering.ids) + 1):
        for chosen in combinations(range(len(clustering.ids)), size):
            ids = clustering.ids[chosen[0]]
            for index in chosen[1:]:
                ids = group_ids(ids * clustering.counts[index] + clustering.ids[index])[0]
            total += (-1.0) ** (size + 1) * meat(scores, ids, int(ids.max()) + 1)
    return total


def nonnegative(V: FloatArray) -> tuple[FloatArray, bool]:
    """V with negative eigenvalues set to zero, and whether there were any."""
    values, vectors = np.linalg.eigh((V + V.T) / 2.0)
    if values.min() >= -1e-14 * max(abs(values).max(), 1e-300):
        return V, False
    return np.asarray((vectors * np.maximum(values, 0.0)) @ vectors.T, dtype=np.float64), True


@dataclass
class Prepared:
    """Sample and partialled-out columns."""

    sample: Sample
    effects: list[AbsorbedEffect]
    absorber: Absorber | None
    clustering: Clustering | None
    dropped: int

    def partial(self, X: FloatArray) -> FloatArray:
        if self.absorber is None:
            return X
        return np.column_stack([self.absorber.partial(column) for column in X.T]) if X.shape[1] else X

    @property
    def absorbed(self) -> int:
        """Coefficients taken by the effects, redundant ones not counted."""
        return sum(effect.categories - effect.redundant for effect in self.effects)

    @property
    def any_nested(self) -> bool:
        return any(effect.in_cluster for effect in self.effects)


def prepare(
    session: Session, line: Line, sample: Sample, effects: list[AbsorbedEffect], clusters: list[list[str]]
) -> Prepared:
    """Drop singletons, number groups and count redundant coefficients."""
    dropped = 0
    rows = sample.rows
    ids = [group_numbers_of(session, effect.variables, rows) for effect in effects]
    if effects and not line.flag("keepsingletons"):
        keep = singletons(ids)
        if sample.kind == "fweight":
            keep[:] = True
        dropped = int((~keep).sum())
        if dropped:
            rows = rows.copy()
            rows[np.flatnonzero(rows)[~keep]] = False
            if not rows.any():
                raise insufficient_observations()
            raw = None if sample.raw is None else sample.raw[keep]
            sample = finish_sample(session, rows, raw, sample.kind, None)
            ids = [group_ids(each[keep])[0] for each in ids]
    clustering = None
    if clusters:
        numbered = [group_numbers_of(session, names, rows) for names in clusters]
        clustering = Clustering(["#".join(names) for names in clusters], numbered, [int(i.max()) + 1 for i in numbered])
    absorber = None
    if effects:
        absorber = Absorber(ids, sample.w)
        _count_redundant(effects, ids, clustering)
    return Prepared(sample, effects, absorber, clustering, dropped)


def _count_redundant(effects: list[AbsorbedEffect], ids: list[IndexArray], clustering: Clustering | None) -> None:
    counted: list[int] = []
    for index, effect in enumerate(effects):
        effect.categories = int(ids[index].max()) + 1
        if clustering is not None and any(nested(ids[index], cluster) for cluster in clustering.ids):
            effect.in_cluster = True
            effect.redundant = effect.categories
            continue
        if counted:
            effect.redundant = max(connected_components(ids[index], ids[other]) for other in counted)
            effect.inexact = len(counted) > 1
        elif any(other.in_cluster for other in effects[:index]):
            # The constant is already spanned by the effect nested in a cluster.
            effect.redundant = 1
        counted.append(index)


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
    r2_a = 1.0 - (ls.rss / df_r) / (tss / (n - 1.0))
    rmse = math.sqrt(ls.rss / df_r)
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
            _absorbed_table(session, prepared)

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
        "r2_within": r2_within, "r2_a_within": 1.0 - (ls.rss / df_r) / (tss_within / (df_r + k)), "ll": ll,
        "ll_0": ll_0,
        "rmse": rmse, "F": F, "df_m": float(k), "df_r": df_test, "rank": float(k + 1),
        "df_a": float(absorbed if prepared.effects else 0),
        "ic": float(prepared.absorber.iterations if prepared.absorber else 1),
        "df_a_initial": float(sum(e.categories for e in prepared.effects)),
        "df_a_redundant": float(sum(e.redundant for e in prepared.effects)),
        "df_a_nested": float(sum(e.categories for e in prepared.effects if e.in_cluster)),
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


def _absorbed_table(session: Session, prepared: Prepared) -> None:
    log = session.log
    log.line()
    log.line("Absorbed degrees of freedom:")
    log.line("-" * 53 + "+")
    log.line(" Absorbed FE | Categories  - Redundant  = Num. Coefs |")
    log.line("-" * 13 + "+" + "-" * 39 + "|")
    for effect in prepared.effects:
        mark = "*" if effect.in_cluster else "?" if effect.inexact else " "
        label = effect.label if len(effect.label) <= 12 else effect.label[:10] + "~" + effect.label[-1]
        coefficients = effect.categories - effect.redundant
        log.line(f"{label:>12} |{effect.categories:>10}{effect.redundant:>12}{coefficients:>12}    {mark}|")
    log.line("-" * 53 + "+")
    if any(effect.inexact for effect in prepared.effects):
        log.line("? = number of redundant parameters may be higher")
    if prepared.any_nested:
        log.line("* = FE nested within cluster; treated as redundant for DoF computation")


def _predictions(depvar: str, residuals: FloatArray) -> Statistics:
    def spread(request: Request) -> FloatArray:
        from ssd.engine.missing import MISSING

        sample = request.session.e.sample
        assert sample is not None
        values = np.full(len(sample), MISSING)
        values[sample] = residuals
        return values[request.rows]

    return Statistics(
        {
            "residuals": spread, "xbd": lambda r: r.y - spread(r), "d": lambda r: r.y - spread(r) - r.xb,
            "dr": lambda r: r.y - r.xb,
        },
        "xb", "(option xb assumed; fitted values)", depvar, in_sample=frozenset({"residuals", "xbd", "d", "dr"}),
    )  # fmt: skip
