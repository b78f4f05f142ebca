"""rologit: rank-ordered logit."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from ssd.engine.commands.declare import Line, command
from ssd.engine.commands.discrete_binary import restrict
from ssd.engine.commands.estimation import (
    SessionSource,
    build_regressors,
    key_values,
    level_of,
    operated_name,
    outcome_and_terms,
    parse_vce,
    replay,
    take_sample,
)
from ssd.engine.commands.likelihood_equations import LIKELIHOOD_STORED, VARLIST, refuse_constraints
from ssd.engine.commands.maximum import ML_OPTIONS, MlResult, finish, likelihood_word, model_test
from ssd.engine.commands.postestimation_predict import Request
from ssd.engine.commands.postestimation_statistics import Statistics
from ssd.engine.errors import StataError, unsupported
from ssd.engine.missing import FloatArray
from ssd.engine.output.estimation import Entry, count, number
from ssd.engine.stats.choice import RankOrdered, Ties
from ssd.engine.stats.covariance import group_ids, sandwich, sum_by_group
from ssd.engine.stats.grouped import maximize_groups
from ssd.engine.stats.linear import independent_columns
from ssd.engine.stats.panel import own_scales

if TYPE_CHECKING:
    from ssd.engine.session import Session

_TIES: tuple[tuple[Ties, int], ...] = (("exactm", 1), ("efron", 2), ("breslow", 1))


@command(
    "rologit",
    VARLIST + "[fweight iweight pweight] [, GRoup(varname) OFFset(varname) INComplete(real 0) REVerse TIEs(string) "
    "NOTESTrhs " + ML_OPTIONS + "]",
    by="recall",
    stored=LIKELIHOOD_STORED + " e(ll_0) e(r2_p) e(N_g) e(g_min) e(g_avg) e(g_max) e(code_inc) e(group) e(ties)",
    refused="weights, offset(), ties(none), constraints(), technique() other than nr",
)
def rologit(session: Session, line: Line) -> None:
    """Rank-ordered logit (Plackett–Luce) regression."""
    if replay(session, line, "rologit"):
        return
    refuse_constraints(line)
    if line.weight is not None or line.text_option("offset"):
        raise unsupported("weights and offset() with rologit are")
    typed = line.text_option("group")
    if not typed:
        raise StataError(198, "option group() required")
    group = session.variable_named(typed)
    wanted = line.text_option("ties") or "exactm"
    ties = next((name for name, least in _TIES if name.startswith(wanted) and len(wanted) >= least), None)
    if ties is None:
        if "none".startswith(wanted):
            raise unsupported("ties(none) is")
        raise StataError(198, f"ties({wanted}) not allowed")
    level = level_of(session, line)
    vce = parse_vce(session, line, ("oim", "robust", "cluster"), "oim")
    source = SessionSource(session)
    outcome, terms = outcome_and_terms(session, line.varlist)
    sample = take_sample(session, line, source, [(outcome,), *terms], vce, [group])
    y_all = source.get(outcome.variable, outcome.operator)
    ids, groups = group_ids(key_values(session, group)[sample.rows])
    y = y_all[sample.rows]
    low, high = np.full(groups, np.inf), np.full(groups, -np.inf)
    np.minimum.at(low, ids, y)
    np.maximum.at(high, ids, y)
    useless = low == high
    if useless.any():
        if useless.all():
            raise StataError(2000, "no group has alternatives of different rank")
        lost = int(np.count_nonzero(useless[ids]))
        session.log.line(f"note: {int(useless.sum())} groups ({lost} obs) omitted because all ranks are tied.")
        sample = restrict(session, sample, vce, ~useless[ids])
        ids, groups = group_ids(key_values(session, group)[sample.rows])
        y = y_all[sample.rows]
    regressors = build_regressors(session, source, terms, sample, constant=False)
    design, X = regressors.design, regressors.X
    sizes = np.bincount(ids)
    centred = X - (sum_by_group(X, ids, groups) / sizes[:, None])[ids] if X.shape[1] else X
    kept = independent_columns(centred, None, constant=False, scales=own_scales(X, None))
    if not kept.all():
        active = [column for column in design.columns if column.active]
        for column, keep in zip(active, kept, strict=True):
            if not keep:
                session.log.line(f"note: {column.name} omitted because of no within-group variance.")
        design.omit(kept)
        X = X[:, kept]
    if X.shape[1] == 0:
        raise StataError(102, "no regressors vary within groups")
    code = float(str(line.options.get("incomplete", 0)))
    unranked = code if bool(np.any(y == code)) else None
    rank = np.where(y == unranked, y, -y) if line.flag("reverse") and unranked is not None else y
    if line.flag("reverse") and unranked is None:
        rank = -y
    model = RankOrdered(rank, X, ids, ties, unranked)
    fit = maximize_groups(model, np.zeros(X.shape[1]))
    null = float(model(np.zeros(X.shape[1]))[0].sum())
    if not line.flag("nolog"):
        session.log.line()
        for i, value in enumerate(fit.iterations):
            session.log.line(f"{f'Iteration {i}:':<13} {likelihood_word(vce)} = {number(value, '%10.0g'):>10}")
    V = fit.covariance
    if vce.is_robust:
        scores, G = fit.scores, groups
        if vce.kind == "cluster":
            clusters, G = group_ids(key_values(session, vce.cluster)[sample.rows])
            pairs = np.unique(np.column_stack([ids, clusters]), axis=0)
            if len(pairs) != groups:
                raise StataError(459, f"groups are not nested within {vce.cluster}")
            scores = sum_by_group(scores, pairs[:, 1].astype(np.intp), G)
        V = sandwich(V, scores.T @ scores, G / (G - 1.0))
    depvar = operated_name(outcome)
    names = [f"{depvar}:{name}" for name in design.names]
    result = MlResult("Rank-ordered logistic regression", "rologit", depvar, {depvar: design}, names,
                      design.expand(fit.coefficients), design.expand(V), fit.log_likelihood, null, X.shape[1],
                      sample, vce, "rologit_p")  # fmt: skip
    slopes = [j for j, flag in enumerate(design.active) if flag]
    model_test(result, slopes, likelihood_ratio=not vce.is_robust)
    result.pseudo = False
    largest = np.bincount(np.unique(np.column_stack([ids, y]), axis=0)[:, 0].astype(np.intp))
    tied = bool(np.any(largest < sizes))
    shown = f"Ties handled via the {ties} method" if tied else "No ties in data"
    result.header_left = [f"Group variable: {group}", "", shown]
    result.header_extra = [
        Entry("Number of groups", count(float(groups))), Entry("", ""), Entry("Obs per group:", ""),
        Entry("              min", f"{sizes.min():,d}"), Entry("              avg", f"{sizes.mean():.2f}"),
        Entry("              max", f"{sizes.max():,d}"), Entry("", ""),
    ]  # fmt: skip
    result.scalars.update(
        N_g=float(groups), g_min=float(sizes.min()), g_avg=float(sizes.mean()), g_max=float(sizes.max()),
        code_inc=code, r2_p=1.0 - fit.log_likelihood / null if null else math.nan,
    )  # fmt: skip
    result.macros.update(group=group, ties=ties)

    def first(request: Request) -> FloatArray:
        """Probability that an alternative is ranked first."""
        eta = request.xb
        at, number_of = group_ids(key_values(session, group)[request.rows])
        top = np.full(number_of, -np.inf)
        np.maximum.at(top, at, eta)
        e = np.exp(eta - top[at])
        return np.asarray(e / np.bincount(at, weights=e, minlength=number_of)[at], dtype=np.float64)

    note = "(option pr assumed; conditional probability that alternative is ranked first)"
    result.predictions["statistics"] = Statistics({"pr": first}, "pr", note, depvar)
    finish(session, line, result, level)
