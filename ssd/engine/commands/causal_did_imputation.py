"""did_imputation: event studies by imputation of untreated outcomes (Borusyak, Jaravel and Spiess)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

import numpy as np

from ssd.engine.commands.declare import Line, command
from ssd.engine.commands.estimation import Estimation, key_values, level_of, not_missing, store
from ssd.engine.data.timeseries import time_settings
from ssd.engine.errors import StataError, no_observations, unsupported
from ssd.engine.missing import MISSING, BoolArray, FloatArray, is_missing
from ssd.engine.output.estimation import CoefficientTable, Entry, count, print_coefficients, print_header
from ssd.engine.results import Matrix
from ssd.engine.stats.covariance import IndexArray, group_ids
from ssd.engine.stats.distributions import f_tail
from ssd.engine.stats.group_time import cluster_sums
from ssd.engine.stats.imputation_did import Imputed, UntreatedModel, average_effects, leads

if TYPE_CHECKING:
    from ssd.engine.session import Session


_LARGEST_VALUE = 1e100
"""Squares of larger values, and their products with each other, leave the range of doubles."""


@dataclass
class _Data:
    """The sample: one row per observation."""

    rows: BoolArray
    y: FloatArray
    event: FloatArray
    """Periods since treatment, nan for never treated."""
    w: FloatArray
    fixed: list[str]
    effects: list[IndexArray]
    controls: FloatArray
    unit: IndexArray
    clusters: IndexArray
    averaged: IndexArray
    cluster_name: str

    @property
    def treated(self) -> BoolArray:
        return np.asarray(self.event >= 0.0, dtype=np.bool_)


@command(
    "did_imputation",
    "varlist(numeric min=4 max=4) [if] [in] [aweight fweight iweight] [, Horizons(numlist >=0) ALLHorizons HBALance "
    "MINN(integer 30) SHIFT(integer 0) AUTOSample SAVEestimates(string) AVGEFFectsby(varlist) FE(string) "
    "Controls(varlist) CLUSter(varname) TOL(real 0.000001) MAXIT(integer 1000) NOSE PREtrends(integer 0) "
    "DELTA(integer 0) Level(cilevel) WTR(string) SUM SAVEWeights SAVEWeights(string) LOADWeights(string) "
    "UNITControls(string) TIMEControls(string) HETBY(string) PROJECT(string) LEAVEOUTself]",
    stored="e(N) e(Nt) e(Nc) e(pre_F) e(pre_p) e(pre_df) e(droplist) e(autosample_drop) e(autosample_trim) e(depvar) "
    "e(cmd) e(b) e(V) r(table)",
    refused="wtr(), sum, saveweights, loadweights(), unitcontrols(), timecontrols(), hetby(), project(), leaveoutself",
)
@np.errstate(over="ignore", invalid="ignore", divide="ignore")
def did_imputation(session: Session, line: Line) -> None:
    """Effects of a staggered treatment by imputing untreated outcomes, with conservative standard errors."""
    for name in ("wtr", "sum", "saveweights", "loadweights", "unitcontrols", "timecontrols", "hetby", "project",
                 "leaveoutself"):  # fmt: skip
        if line.options.get(name):
            raise unsupported(f"option {name} of did_imputation is")
    if line.flag("autosample") and line.flag("hbalance"):
        raise StataError(184, "Autosample cannot be combined with hbalance. Please specify the sample explicitly")
    saved = line.text_option("saveestimates")
    if saved and saved in session.data.variables:
        raise StataError(110, f"variable {saved} already defined")
    data = _read(session, line)
    if not np.all(np.abs(np.column_stack([data.y, data.controls])) < _LARGEST_VALUE):
        raise StataError(459, "the outcome or a control is too large to compute with")
    names, chosen = _targets(line, data)
    model = UntreatedModel(data.effects, data.controls, ~data.treated, data.w)
    dropped, trimmed = _imputable(session, line, data, model, names, chosen)
    targets = np.column_stack([which / max(float(data.w @ which), 1e-300) for which in chosen])
    suppressed = _thin(session, line, data, names, targets, dropped)
    imputed, effect = average_effects(model, data.y, data.w, targets, data.averaged)
    empty = [name in {*dropped, *suppressed} for name in names]
    imputed.b[empty] = 0.0
    imputed.scores[:, empty] = 0.0
    before, pre_df = _pretrends(session, line, data, model)
    used = ~data.treated | np.any(np.column_stack(chosen) > 0.0, axis=1)
    sizes = np.array([float(np.count_nonzero(which)) for which in chosen])
    _report(
        session, line, data, (names, imputed), (before, pre_df), used, sizes,
        {"droplist": " ".join(suppressed), "autosample_drop": " ".join(dropped), "autosample_trim": " ".join(trimmed)},
    )  # fmt: skip
    if saved:
        column = np.full(session.data.n_obs, MISSING)
        place = np.flatnonzero(data.rows)
        column[place[data.treated]] = effect[data.treated]
        session.data.add(saved, column, "double")


def _read(session: Session, line: Line) -> _Data:
    data = session.data
    outcome, unit, time, start = line.varlist
    fixed = [word.replace("#", " ").split() for word in (line.text_option("fe") or f"{unit} {time}").split()]
    if fixed == [["."]]:
        fixed = []
    keys = [[session.expand_varlist(name)[0] for name in group] for group in fixed]
    controls = [str(name) for name in cast(list[str], line.options.get("controls") or [])]
    cluster = line.text_option("cluster") or unit
    averaged = [str(name) for name in cast(list[str], line.options.get("avgeffectsby") or [])] or [start, time]
    rows = line.sample(session)
    for name in (outcome, unit, time, cluster, *controls, *(name for group in keys for name in group)):
        rows &= not_missing(session, name)
    raw = line.weights(session)
    if raw is not None:
        rows &= ~is_missing(raw) & (raw > 0.0)
    if not rows.any():
        raise no_observations()
    first, when = data.numeric(start)[rows], data.numeric(time)[rows]
    delta = _delta(session, line, time)
    shift = int(cast(int, line.options["shift"]))
    event = np.where(is_missing(first), np.nan, (when - first + shift) / delta)
    known = event[np.isfinite(event)]
    if np.any(known != np.floor(known)):
        raise StataError(
            198, "There are non-integer values of the number of periods since treatment. "
            "Please check the time dimension of your data."
        )  # fmt: skip
    if np.all(event >= 0.0):
        raise StataError(459, f"There are no untreated observations, i.e. those with {time}<{start} or mi({start}).")
    if not np.any(event >= 0.0):
        raise StataError(459, f"There are no treated observations, i.e. those with {time}>={start}.")

    def numbered(group: list[str]) -> IndexArray:
        ids = np.zeros(int(rows.sum()), dtype=np.intp)
        for name in group:
            values = key_values(session, name)[rows]
            _, more = np.unique(values, return_inverse=True)
            _, ids = np.unique(ids * (int(more.max()) + 1) + more, return_inverse=True)
        return ids.astype(np.intp)

    w = np.ones(int(rows.sum())) if raw is None else raw[rows] * (rows.sum() / raw[rows].sum())
    X = np.column_stack([data.numeric(name)[rows] for name in controls]) if controls else np.zeros((len(w), 0))
    effects = [numbered(group) for group in keys] or [np.zeros(len(w), dtype=np.intp)]
    return _Data(
        rows, data.numeric(outcome)[rows], event, w, ["#".join(group) for group in keys], effects, X,
        numbered([unit]), group_ids(key_values(session, cluster)[rows])[0], numbered(averaged), cluster,
    )  # fmt: skip


def _delta(session: Session, line: Line, time: str) -> float:
    typed = int(cast(int, line.options["delta"]))
    if typed < 0:
        raise StataError(198, "A problem has occured with determining delta. Please specify it explicitly.")
    if typed:
        return float(typed)
    settings = time_settings(session.data)
    delta = float(settings.delta) if settings is not None and settings.time == time else 1.0
    if delta != 1.0:
        session.log.line(f"Note: setting delta = {delta:g}")
    return delta


def _targets(line: Line, data: _Data) -> tuple[list[str], list[FloatArray]]:
    """Names of the averages and the indicators of the treated observations they are over."""
    typed = line.options.get("horizons")
    horizons = [float(cast(float, value)) for value in typed] if isinstance(typed, list) else []
    if line.flag("allhorizons"):
        if horizons:
            raise StataError(184, "Options horizons and allhorizons cannot be combined")
        horizons = [float(value) for value in np.unique(data.event[data.treated])]
    if not horizons:
        return ["tau"], [data.treated.astype(np.float64)]
    inside = data.treated & np.isin(data.event, horizons)
    if line.flag("hbalance"):
        seen = np.bincount(data.unit, weights=inside.astype(np.float64))
        inside &= seen[data.unit] >= len(set(horizons))
    names = [f"tau{h:.0f}" for h in horizons]
    return names, [(inside & (data.event == h)).astype(np.float64) for h in horizons]


def _imputable(
    session: Session, line: Line, data: _Data, model: UntreatedModel, names: list[str], chosen: list[FloatArray]
) -> tuple[list[str], list[str]]:
    """Take out observations that cannot be imputed, under autosample; coefficients dropped and trimmed by it."""
    missing = data.treated & ~model.determined
    wanted = np.any(np.column_stack(chosen) > 0.0, axis=1)
    lost = int(np.count_nonzero(missing & wanted))
    dropped: list[str] = []
    trimmed: list[str] = []
    if lost and not line.flag("autosample"):
        raise StataError(
            198, f"Could not impute FE for {lost} observations. Use the autosample option if you would like those "
            "observations to be dropped from the sample automatically."
        )  # fmt: skip
    for name, which in zip(names, chosen, strict=True):
        if np.any(which[missing] > 0.0):
            which[missing] = 0.0
            (trimmed if np.any(which > 0.0) else dropped).append(name)
        elif not np.any(which > 0.0):
            dropped.append(name)
    if len(dropped) == len(names):
        raise StataError(459, "treatment effects cannot be imputed for any observation")
    if dropped:
        session.log.line(
            f"Warning: suppressing the following coefficients because FE could not be imputed for any units: "
            f"{' '.join(dropped)}."
        )
    if trimmed:
        session.log.line(
            f"Warning: part of the sample was dropped for the following coefficients because FE could not be imputed: "
            f"{' '.join(trimmed)}."
        )
    return dropped, trimmed


def _thin(
    session: Session, line: Line, data: _Data, names: list[str], targets: FloatArray, dropped: list[str]
) -> list[str]:
    """Coefficients whose effective number of treated observations is below minn()."""
    least = int(cast(int, line.options["minn"]))
    thin = []
    for name, v in zip(names, targets.T, strict=True):
        herfindahl = float(((data.w * v) ** 2).sum())
        if name not in dropped and herfindahl > 0.0 and 1.0 / herfindahl < least - 1e-9:
            thin.append(name)
    if thin:
        session.log.line(
            "WARNING: suppressing the following coefficients from estimation because of insufficient effective sample "
            f"size: {' '.join(thin)}. To report them nevertheless, set the minn option to a smaller number or 0, but "
            "keep in mind that the estimates may be unreliable and their SE may be downward biased."
        )
    return thin


def _pretrends(session: Session, line: Line, data: _Data, model: UntreatedModel) -> tuple[Imputed | None, float]:
    """Coefficients of leads with the correction for degrees of freedom in their scores."""
    number = int(cast(int, line.options["pretrends"]))
    if number < 0:
        raise StataError(198, "pretrends() must not be negative")
    if number == 0:
        return None, 0.0
    untreated = ~data.treated
    dummies = np.column_stack([(untreated & (data.event == -h)).astype(np.float64) for h in range(1, number + 1)])
    before, kept = leads(model, data.y, dummies)
    n, absorbed, controls = _absorbed(data)
    clusters = len(np.unique(data.clusters[untreated]))
    free = n - controls - int(kept.sum()) - absorbed
    if free <= 0 or clusters < 2:
        raise StataError(2001, "insufficient observations for pretrends()")
    before.scores[:] *= np.sqrt((n - 1.0) / free * clusters / (clusters - 1.0))
    return before, float(clusters - 1)


def _absorbed(data: _Data) -> tuple[int, int, int]:
    """Untreated observations that are not singletons, parameters of fixed effects outside clusters, and controls."""
    from ssd.engine.stats.absorb import nested, singletons
    from ssd.engine.stats.linear import independent_columns

    untreated = np.flatnonzero(~data.treated)
    effects = [np.unique(ids[untreated], return_inverse=True)[1].astype(np.intp) for ids in data.effects]
    clusters = np.unique(data.clusters[untreated], return_inverse=True)[1].astype(np.intp)
    kept = singletons(effects)
    effects = [np.unique(ids[kept], return_inverse=True)[1].astype(np.intp) for ids in effects]
    clusters = np.unique(clusters[kept], return_inverse=True)[1].astype(np.intp)
    columns = [np.eye(int(ids.max()) + 1)[ids] for ids in effects if not nested(ids, clusters)]
    inside = any(nested(ids, clusters) for ids in effects)
    rank = int(np.linalg.matrix_rank(np.column_stack(columns))) if columns else 0
    # The constant belongs to the nested effect when there is one.
    rank = max(rank - 1, 0) if inside and columns else rank
    X = data.controls[untreated][kept]
    controls = int(np.count_nonzero(independent_columns(X))) if X.shape[1] else 0
    return int(kept.sum()), rank, controls


def _report(
    session: Session,
    line: Line,
    data: _Data,
    main: tuple[list[str], Imputed],
    leads_found: tuple[Imputed | None, float],
    used: BoolArray,
    sizes: FloatArray,
    macros: dict[str, str],
) -> None:
    names, imputed = main
    before, pre_df = leads_found
    every = [*names, *(f"pre{h + 1}" for h in range(0 if before is None else len(before.b)))]
    b = imputed.b if before is None else np.concatenate([imputed.b, before.b])
    scores = imputed.scores if before is None else np.column_stack([imputed.scores, before.scores])
    sums = cluster_sums(scores, data.clusters)
    V = np.zeros((len(b), len(b))) if line.flag("nose") else sums.T @ sums
    zero = frozenset(name for name, value, v in zip(every, b, np.diag(V), strict=True) if value == 0.0 and v == 0.0)
    table = CoefficientTable(every, b, V, line.varlist[0], None, level_of(session, line), omitted=zero)
    n = float(np.count_nonzero(used))

    def show() -> None:
        session.log.line()
        print_header(session.log, [""], [Entry("Number of obs", count(n))])
        print_coefficients(session.log, table)

    scalars = {"N": n, "Nc": float(np.count_nonzero(~data.treated))}
    if before is not None and not line.flag("nose"):
        part = np.flatnonzero(np.diag(V)[len(names) :] > 0.0) + len(names)
        if len(part):
            wald = float(b[part] @ np.linalg.pinv(V[np.ix_(part, part)], hermitian=True) @ b[part]) / len(part)
            scalars |= {"pre_F": wald, "pre_p": f_tail(wald, float(len(part)), pre_df), "pre_df": pre_df}
    rows = np.zeros(len(data.rows), dtype=np.bool_)
    rows[np.flatnonzero(data.rows)[used]] = True
    store(
        session, line, Estimation({}, table, show), sample=rows, scalars=scalars,
        macros={"cmd": "did_imputation", "depvar": line.varlist[0], "clustvar": data.cluster_name, **macros},
        matrices={"Nt": Matrix(sizes.reshape(1, -1), ["r1"], names)},
    )  # fmt: skip
    show()
