"""teffects nnmatch and psmatch: matching estimators."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING, cast

import numpy as np

from ssd.engine.commands.causal_predictions import predict_matches
from ssd.engine.commands.declare import Line
from ssd.engine.commands.estimation import estimation_of, parse_varlist
from ssd.engine.data.names import check_name
from ssd.engine.errors import StataError, already_defined, unsupported
from ssd.engine.missing import MISSING, BoolArray, FloatArray
from ssd.engine.output.estimation import Entry
from ssd.engine.stats.distributions import normal_density
from ssd.engine.stats.linear import symmetric_inverse, with_constant
from ssd.engine.stats.matching import Matches, MatchingFit, matching_effect, nearest, whitened
from ssd.engine.stats.terms import split_words
from ssd.engine.stats.treatment import fit_index, mean_of

if TYPE_CHECKING:
    from ssd.engine.commands.causal_teffects import Setup
    from ssd.engine.session import Session


def matching(session: Session, line: Line, setup: Setup) -> None:
    """Match, estimate, print."""
    if setup.sample.kind:
        raise unsupported(f"{setup.sample.kind}s with matching are")
    for name in ("nls", "wnls", "aequations"):
        if line.flag(name):
            raise StataError(198, f"option {name} not allowed")
    neighbours = int(cast(int, line.options["nneighbor"]))
    if neighbours < 1:
        raise StataError(198, "nneighbor() must be at least 1")
    variance_neighbours = _variance_neighbours(line)
    if setup.estimator == "nnmatch":
        fit, left = _nearest_neighbours(session, line, setup, neighbours, variance_neighbours)
    else:
        fit, left = _propensity(session, line, setup, neighbours, variance_neighbours)
    stub = line.text_option("generate")
    if stub:
        _check_stub(session, stub, int(fit.counts.max()))
    _report(session, line, setup, fit, left, neighbours)
    if stub:
        _store_neighbours(session, setup, fit, stub)


def _check_stub(session: Session, stub: str, count: int) -> None:
    for j in range(1, count + 1):
        check_name(f"{stub}{j}")
        if f"{stub}{j}" in session.data.variables:
            raise already_defined(f"{stub}{j}")


def _store_neighbours(session: Session, setup: Setup, fit: MatchingFit, stub: str) -> None:
    """generate(): observation numbers of the matches, as many variables as the most matches of one."""
    matches = fit.matches
    needed = np.isfinite(fit.difference)[matches.who]
    who, with_ = matches.who[needed], matches.with_[needed]
    order = np.lexsort((with_, who))
    who, with_ = who[order], with_[order]
    place = np.arange(len(who)) - np.searchsorted(who, who, side="left")
    observations = np.flatnonzero(setup.sample.rows)
    for j in range(int(place.max()) + 1):
        values = np.full(session.data.n_obs, MISSING)
        here = place == j
        values[observations[who[here]]] = observations[with_[here]] + 1.0
        session.data.add(f"{stub}{j + 1}", values, "long" if session.data.n_obs > 32740 else "int",
                         label=f"nearest neighbor index {j + 1}")  # fmt: skip


def _variance_neighbours(line: Line) -> int:
    typed = line.text_option("vce")
    if typed is None:
        return 2
    found = re.fullmatch(r"r(?:obust)?\s*(?:,\s*nn\((\d+)\))?", typed.strip())
    if found is None:
        raise unsupported(f"vce({typed}) with matching is")
    number = int(found[1] or 2)
    if number < 2:
        raise StataError(198, "vce(robust, nn()) must be at least 2")
    return number


def _report(session: Session, line: Line, setup: Setup, fit: MatchingFit, left: list[str], neighbours: int) -> None:
    from ssd.engine.commands.causal_teffects import finish

    names, blocks = setup.effect_names()
    entries = [
        Entry("Matches: requested", f"{neighbours:d}"),
        Entry("               min", f"{fit.counts.min():.0f}"),
        Entry("               max", f"{fit.counts.max():.0f}"),
    ]
    finish(
        session, line, setup, names[:1], np.array([fit.effect]), np.array([[fit.variance]]), blocks[:1], left, entries,
        "AI robust",
    )  # fmt: skip
    predictions = estimation_of(session).predictions
    predictions["matched_weights"] = fit.use
    predictions["matched_effects"] = fit.difference
    predictions["predict_several"] = predict_matches


def _all_matched(session: Session, line: Line, setup: Setup, matches: Matches, needed: BoolArray) -> None:
    from ssd.engine.commands.causal_teffects import mark_violations

    mark_violations(session, line, setup, needed & (matches.counts == 0))
    lonely = int(np.count_nonzero(needed & (matches.counts == 0)))
    if lonely:
        raise StataError(459, f"no matches for {lonely} observation{'s' * (lonely != 1)}")


def _cross(X: FloatArray, treated: BoolArray, k: int, exact: FloatArray | None = None, caliper: float = 0.0) -> Matches:
    """Matches of every observation in the other group."""
    yes, no = np.flatnonzero(treated), np.flatnonzero(~treated)
    return _joined(
        nearest(X, yes, no, k, exact=exact, caliper=caliper), nearest(X, no, yes, k, exact=exact, caliper=caliper)
    )


def _own(X: FloatArray, treated: BoolArray, k: int, exact: FloatArray | None = None) -> Matches:
    """Neighbours of every observation in its own group."""
    yes, no = np.flatnonzero(treated), np.flatnonzero(~treated)
    return _joined(nearest(X, yes, yes, k, exact=exact), nearest(X, no, no, k, exact=exact))


def _joined(first: Matches, second: Matches) -> Matches:
    return Matches(np.concatenate([first.who, second.who]), np.concatenate([first.with_, second.with_]), first.n)


def _nearest_neighbours(
    session: Session, line: Line, setup: Setup, neighbours: int, variance_neighbours: int
) -> tuple[MatchingFit, list[str]]:
    from ssd.engine.commands.causal_teffects import complete_columns

    if not setup.outcome_terms:
        raise StataError(198, "covariates must be specified for matching")
    metric = (line.text_option("metric") or "mahalanobis").lower()
    metric = next((full for full in ("mahalanobis", "ivariance", "euclidean") if full.startswith(metric[:4])), "")
    if not metric:
        raise unsupported("metric(matrix) is")
    if line.flag("dmvariables"):
        raise unsupported("option dmvariables is")
    X = whitened(complete_columns(session, setup, setup.outcome_terms), metric)
    exact_text, bias_text = line.text_option("ematch"), line.text_option("biasadj")
    exact = None
    if exact_text:
        names = session.expand_varlist(exact_text)
        exact = np.column_stack([session.data.numeric(name)[setup.sample.rows] for name in names])
    bias = None
    if bias_text:
        bias = complete_columns(session, setup, parse_varlist(session, split_words(bias_text)))
    caliper = float(cast(float, line.options["caliper"]))
    matches = _cross(X, setup.treated, neighbours, exact, caliper)
    atet = setup.statistic == "atet"
    needed = setup.treated if atet else np.ones(len(X), dtype=np.bool_)
    _all_matched(session, line, setup, matches, needed)
    same = _own(X, setup.treated, variance_neighbours, exact)
    fit = matching_effect(setup.y, setup.treated, matches, same, atet=atet, bias=bias)
    title = {"mahalanobis": "Mahalanobis", "ivariance": "ivariance", "euclidean": "Euclidean"}[metric]
    return fit, ["Outcome model  : matching", f"Distance metric: {title}"]


def _propensity(
    session: Session, line: Line, setup: Setup, neighbours: int, variance_neighbours: int
) -> tuple[MatchingFit, list[str]]:
    """Matching on the estimated propensity score; the variance accounts for its estimation."""
    from ssd.engine.commands.causal_teffects import complete_columns

    for name in ("biasadj", "ematch", "metric"):
        if line.options.get(name):
            raise StataError(198, f"option {name}() not allowed")
    if setup.statistic == "atet":
        raise unsupported("option atet of teffects psmatch is")
    Z = with_constant(complete_columns(session, setup, setup.treatment_terms), setup.treatment_constant)
    d = setup.treated.astype(np.float64)
    gamma = fit_index(setup.treatment, d, Z, np.ones(len(d)))
    eta = Z @ gamma
    p = mean_of(setup.treatment, eta)
    density = p * (1.0 - p) if setup.treatment == "logit" else normal_density(eta)
    information = (Z * (density**2 / (p * (1.0 - p)))[:, None]).T @ Z
    V = symmetric_inverse(information)
    X = p[:, None]
    matches = _cross(X, setup.treated, neighbours, caliper=float(cast(float, line.options["caliper"])))
    _all_matched(session, line, setup, matches, np.ones(len(p), dtype=np.bool_))
    # Here the observation itself is one of the neighbours; with nnmatch it comes in addition to them.
    same = _own(X, setup.treated, variance_neighbours - 1)
    fit = matching_effect(setup.y, setup.treated, matches, same, atet=False)
    adjustment = _adjustment(setup, Z, p, density, V, variance_neighbours)
    adjusted = replace(fit, variance=fit.variance + adjustment)
    return adjusted, ["Outcome model  : matching", f"Treatment model: {setup.treatment}"]


def _adjustment(
    setup: Setup,
    Z: FloatArray,
    p: FloatArray,
    density: FloatArray,
    V: FloatArray,
    h: int,
) -> float:
    """What the estimation of the propensity score adds to the variance (Abadie and Imbens 2016)."""
    treated, y, n = setup.treated, setup.y, len(p)
    cross = _cross(p[:, None], treated, h)
    own = _own(p[:, None], treated, h - 1)
    itself = np.arange(n, dtype=np.intp)
    with_self = Matches(np.concatenate([own.who, itself]), np.concatenate([own.with_, itself]), n)
    inside = _covariances(Z, y, with_self)
    outside = _covariances(Z, y, cross)
    one = np.where(treated[:, None], inside, outside)
    zero = np.where(treated[:, None], outside, inside)
    c = (density[:, None] * (one / p[:, None] + zero / (1.0 - p)[:, None])).mean(axis=0)
    return -float(c @ V @ c)


def _covariances(Z: FloatArray, y: FloatArray, neighbours: Matches) -> FloatArray:
    """Covariance of each covariate with the outcome over the neighbours of every observation: (n, k)."""
    counts = neighbours.counts
    y_mean = neighbours.mean(y)
    columns = []
    centred = y[neighbours.with_] - y_mean[neighbours.who]
    for j in range(Z.shape[1]):
        products = Z[neighbours.with_, j] * centred
        columns.append(np.bincount(neighbours.who, weights=products, minlength=neighbours.n) / (counts - 1.0))
    return np.column_stack(columns)
