"""psmatch2: matching on the propensity score, with the variables it leaves in the data."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

import numpy as np

from ssd.engine.commands.declare import Line, command
from ssd.engine.commands.estimation import SessionSource, outcome_and_terms, take_sample
from ssd.engine.errors import StataError, no_observations, unsupported
from ssd.engine.missing import MISSING, BoolArray, FloatArray, is_missing
from ssd.engine.output.formats import format_value
from ssd.engine.results import ResultSet
from ssd.engine.stats.linear import least_squares
from ssd.engine.stats.matching import IntArray, Matches
from ssd.engine.stats.score_matching import nearest_scores, tied_scores, without_replacement

if TYPE_CHECKING:
    from ssd.engine.session import Session

_RULE = "-" * 28 + "{}" + "-" * 59


@command(
    "psmatch2",
    "[varlist(numeric fv)] [if] [in] [, OUTcome(varlist) Pscore(varname) Neighbor(integer 1) CALiper(real 0) "
    "LOGIT ODDS INDEX QUIetly COMmon NOREPLacement DESCending TIES ATE RADIUS KERNEL LLR SPLINE "
    "MAHALanobis(string) Kerneltype(string) BWidth(string) AI(string) POPulation ALTVariance TRIM(string) "
    "WARNings W(string) NKnots(string) PROBIT]",
    stored="r(att) r(seatt) r(att_y) r(seatt_y), with ate also r(atu) r(ate) r(seatu) r(seate); r(depvar) r(exog); "
    "e() of the propensity model",
    refused="radius, kernel, llr, spline, mahalanobis(), ai(), trim(), warnings; ties with several neighbors",
)
def psmatch2(session: Session, line: Line) -> None:
    """Nearest-neighbor matching on the propensity score: effect on the treated, weights and matched outcomes."""
    for name in ("radius", "kernel", "llr", "spline", "mahalanobis", "kerneltype", "bwidth", "ai", "population",
                 "altvariance", "trim", "warnings", "w", "nknots"):  # fmt: skip
        if name in line.typed:
            raise unsupported(f"option {name} of psmatch2 is")
    plan = _Plan.read(line)
    outcomes = cast("list[str]", line.options.get("outcome") or [])
    for name in outcomes:
        if session.data.variables[name].is_string:
            raise StataError(109, "type mismatch")
    _drop_earlier(session, outcomes, plan.neighbors)
    source = SessionSource(session)
    treatment, terms = outcome_and_terms(session, line.varlist)
    pscore = line.text_option("pscore")
    if not terms and not pscore:
        raise StataError(198, "You should either specify a varlist or propensity score")
    if terms and pscore:
        raise StataError(198, "You cannot specify both a varlist AND a propensity score")
    rows = take_sample(session, line, source, [(treatment,), *terms], None, outcomes).rows
    status = source.get(treatment.variable, treatment.operator)
    if not np.all((status[rows] == 0.0) | (status[rows] == 1.0)):
        raise unsupported("a treatment that is not 0 or 1 is")
    rows = _add_score(session, line, rows, outcomes, pscore)
    if not (status[rows] == 1.0).any() or not (status[rows] == 0.0).any():
        raise no_observations()
    matching = _match(plan, rows, status == 1.0, session.data.numeric("_pscore"))
    _add_variables(session, matching, plan, outcomes)
    results = ResultSet()
    if terms:
        results.macros["exog"] = " ".join(line.varlist[1:])
    if outcomes:
        results.macros["depvar"] = " ".join(outcomes)
        _print_effects(session, matching, plan, outcomes, results)
        session.run("tabulate _treated _support")
    session.r = results


@dataclass(frozen=True)
class _Plan:
    """How to match."""

    neighbors: int
    caliper: float
    replacement: bool
    descending: bool
    ties: bool
    common: bool
    ate: bool

    @classmethod
    def read(cls, line: Line) -> _Plan:
        neighbors = int(cast(int, line.options["neighbor"]))
        caliper = float(cast(float, line.options["caliper"]))
        replacement = not line.flag("noreplacement")
        if neighbors < 1:
            raise StataError(198, "neighbor() must be at least 1")
        if caliper < 0.0:
            raise StataError(198, "caliper() must be positive")
        if not replacement and neighbors > 1:
            raise StataError(
                198, "Matching without replacement is only implemented with 1-to-1 propensity score matching"
            )
        if line.flag("descending") and replacement:
            raise StataError(198, "Option descending makes only sense when matching without replacement")
        if line.flag("ties") and (neighbors > 1 or not replacement):
            raise unsupported("ties with several neighbors or without replacement is")
        if line.flag("logit") and line.flag("probit"):
            raise StataError(198, "only one of logit and probit is allowed")
        return cls(
            neighbors, caliper or math.inf, replacement, line.flag("descending"), line.flag("ties"),
            line.flag("common"), line.flag("ate"),
        )  # fmt: skip


def _drop_earlier(session: Session, outcomes: list[str], neighbors: int) -> None:
    """Variables of an earlier run make room, as the command itself does it."""
    names = ["_treated", "_support", "_weight", "_pscore", "_id", "_nn", "_pdif"]
    names += [f"_n{j}" for j in range(1, neighbors + 1)] + [f"_{name}" for name in outcomes]
    present = [name for name in names if name in session.data.variables]
    if present:
        session.data.drop(present)


def _add_score(session: Session, line: Line, rows: BoolArray, outcomes: list[str], pscore: str | None) -> BoolArray:
    """Make _pscore, estimated or copied; returns the observations that have one."""
    data = session.data
    if pscore:
        score = data.numeric(pscore).copy()
    else:
        parts = [f"({line.condition})"] if line.condition else []
        if outcomes:
            parts.append(f"!missing({', '.join(outcomes)})")
        where = f" if {' & '.join(parts)}" if parts else ""
        if line.range is not None:
            where += f" in {line.range[0] + 1}/{line.range[1]}"
        model = "logit" if line.flag("logit") else "probit"
        session.run(f"{model} {' '.join(line.varlist)}{where}, nolog", quiet=line.flag("quietly"))
        sample = session.e.sample
        assert sample is not None
        rows = sample.copy()
        session.run(f"predict double _pscore, {'xb' if line.flag('index') else 'pr'}", quiet=True)
        score = np.where(rows, data.numeric("_pscore"), MISSING)
        data.drop(["_pscore"])
    rows = rows & ~is_missing(score)
    if line.flag("odds"):
        with np.errstate(divide="ignore", invalid="ignore"):
            odds = np.log(score / (1.0 - score))
        score = np.where(np.isfinite(odds) & ~is_missing(score), odds, MISSING)
    data.add("_pscore", score, "double", label="psmatch2: Propensity Score")
    return rows


@dataclass
class _Matching:
    """Observations in the order of the command (controls, then treated, by score) and their matches."""

    order: IntArray
    """Positions in the data of all observations, those of the sample first."""
    n: int
    """Size of the sample."""
    treated: BoolArray
    """(n,), in this order, as all below."""
    score: FloatArray
    support: BoolArray
    matches: Matches
    first: IntArray
    """The neighbors shown in _n1 …: (n, k), -1 for none."""

    @property
    def rows(self) -> IntArray:
        return self.order[: self.n]


def _match(plan: _Plan, rows: BoolArray, treated: BoolArray, score: FloatArray) -> _Matching:
    support = rows.copy()
    if plan.common:
        for side in (True, False) if plan.ate else (True,):
            other = score[rows & (treated != side)]
            support &= (treated != side) | ((score >= other.min()) & (score <= other.max()))
    key = -score if plan.descending else score
    order = np.lexsort((np.arange(len(rows)), key, treated, ~support, ~rows))
    n = int(np.count_nonzero(rows))
    inside = order[:n]
    on, treatment = support[inside], treated[inside]
    found = np.full((n, plan.neighbors), -1, dtype=np.intp)
    pairs: list[tuple[IntArray, IntArray]] = []
    yes, no = np.flatnonzero(on & treatment), np.flatnonzero(on & ~treatment)
    for queries, donors in ((no, yes), (yes, no)) if plan.ate else ((yes, no),):
        if not len(queries) or not len(donors):
            continue
        shown, who, with_ = _choose(plan, key[inside], queries, donors)
        found[queries] = shown
        pairs.append((who, with_))
    who = np.concatenate([pair[0] for pair in pairs]) if pairs else np.zeros(0, dtype=np.intp)
    with_ = np.concatenate([pair[1] for pair in pairs]) if pairs else np.zeros(0, dtype=np.intp)
    needed = treatment | plan.ate
    on = on & ~(needed & (found[:, 0] < 0))
    return _Matching(order, n, treatment, score[inside], on, Matches(who, with_, n), found)


def _choose(plan: _Plan, key: FloatArray, queries: IntArray, donors: IntArray) -> tuple[IntArray, IntArray, IntArray]:
    """Neighbors to show, and all pairs of a query and a match."""
    p, d = key[queries], key[donors]
    if plan.ties:
        who, with_ = tied_scores(p, d, plan.caliper)
        shown = np.full((len(p), 1), -1, dtype=np.intp)
        shown[who[::-1], 0] = donors[with_[::-1]]
        return shown, queries[who], donors[with_]
    if plan.replacement:
        found = nearest_scores(p, d, plan.neighbors, plan.caliper)
    else:
        found = without_replacement(p, d, plan.caliper)[:, None]
    i, j = np.nonzero(found >= 0)
    return np.where(found >= 0, donors[found], -1), queries[i], donors[found[i, j]]


def _add_variables(session: Session, matching: _Matching, plan: _Plan, outcomes: list[str]) -> None:
    data = session.data

    def spread(values: FloatArray, present: BoolArray | None = None) -> FloatArray:
        full = np.full(data.n_obs, MISSING)
        full[matching.rows] = values if present is None else np.where(present, values, MISSING)
        return full

    data.value_labels["_treated"] = {0: "Untreated", 1: "Treated"}
    data.value_labels["_support"] = {0: "Off support", 1: "On support"}
    data.add("_treated", spread(matching.treated.astype(np.float64)), "byte",
             label="psmatch2: Treatment assignment", value_label="_treated")  # fmt: skip
    data.add("_support", spread(matching.support.astype(np.float64)), "byte",
             label="psmatch2: Common support", value_label="_support")  # fmt: skip
    weight = _weights(matching, plan)
    data.add("_weight", spread(weight, weight > 0.0), "double", label="psmatch2: weight of matched controls")
    for name in outcomes:
        other = matching.matches.mean(data.numeric(name)[matching.rows])
        known = matching.support & (matching.matches.counts > 0)
        data.add(f"_{name}", spread(other, known), "double", label=f"psmatch2: value of {name} of match(es)")
    identity = np.empty(data.n_obs)
    identity[matching.order] = np.arange(1, data.n_obs + 1)
    integer = "byte" if data.n_obs <= 100 else "int" if data.n_obs <= 32740 else "long"
    data.add("_id", identity, integer, label="psmatch2: Identifier (ID)")
    for j in range(plan.neighbors):
        neighbor = matching.first[:, j]
        data.add(f"_n{j + 1}", spread(neighbor.astype(np.float64) + 1.0, neighbor >= 0), integer,
                 label=f"psmatch2: ID of nearest neighbor nr. {j + 1}")  # fmt: skip
    data.add("_nn", spread(matching.matches.counts), "float", label="psmatch2: # matched neighbors")
    nearest = matching.first[:, 0]
    gap = np.abs(matching.score - matching.score[np.maximum(nearest, 0)])
    data.add("_pdif", spread(gap, nearest >= 0), "double", label="psmatch2: abs(pscore - pscore[nearest neighbor])")


def _weights(matching: _Matching, plan: _Plan) -> FloatArray:
    """How often each observation serves as a match; 1 for the treated when only they are matched."""
    everyone = np.ones(matching.n, dtype=np.bool_)
    weight = matching.matches.used(everyone)
    if not plan.ate:
        weight = np.where(matching.treated, 1.0, weight)
    return np.asarray(np.where(matching.support, weight, 0.0), dtype=np.float64)


def _print_effects(session: Session, matching: _Matching, plan: _Plan, outcomes: list[str], results: ResultSet) -> None:
    log = session.log
    log.line(_RULE.format("-"))
    log.line("        Variable     Sample |    Treated     Controls   Difference         S.E.   T-stat")
    log.line(_RULE.format("+"))
    weight = _weights(matching, plan)
    for name in outcomes:
        _print_outcome(session, matching, plan, name, weight, results)
        log.line(_RULE.format("+"))
    log.line("Note: S.E. does not take into account that the propensity score is estimated.")


def _print_outcome(
    session: Session, matching: _Matching, plan: _Plan, name: str, weight: FloatArray, results: ResultSet
) -> None:
    y = session.data.numeric(name)[matching.rows]
    other = matching.matches.mean(y)
    treated = matching.treated
    raw = least_squares(treated.astype(np.float64)[:, None], y)
    error = math.sqrt(raw.rss / (len(y) - 2) / float(((treated - treated.mean()) ** 2).sum()))
    means = float(y[treated].mean()), float(y[~treated].mean())
    log = session.log
    label = name if len(name) <= 16 else name[:14] + "~" + name[-1]
    log.line(f"{label:>16}  Unmatched |" + _cells(*means, means[0] - means[1], error))
    inside = treated & matching.support
    n1 = int(np.count_nonzero(inside))
    m1, m0 = _mean(y[inside]), _mean(other[inside])
    att = m1 - m0
    used = ~treated & (weight > 0.0)
    spread = (
        _variance(y[inside]) / n1 + _variance(y[used]) * float((weight[used] ** 2).sum()) / n1**2 if n1 else math.nan
    )
    seatt = math.sqrt(spread) if spread >= 0.0 else math.nan
    found = {"att": att, "seatt": seatt}
    log.line(f"{'ATT':>27} |" + _cells(m1, m0, att, seatt))
    if plan.ate:
        outside = ~treated & matching.support
        n0 = int(np.count_nonzero(outside))
        low, high = _mean(y[outside]), _mean(other[outside])
        atu = high - low
        ate = (att * n1 + atu * n0) / (n0 + n1) if n0 + n1 else math.nan
        log.line(f"{'ATU':>27} |" + _cells(low, high, atu, math.nan))
        log.line(f"{'ATE':>27} |" + " " * 26 + _cells(ate, math.nan, math.nan, math.nan, ate_only=True))
        found.update({"atu": atu, "ate": ate, "seatu": math.nan, "seate": math.nan})
    for key, value in found.items():
        stored = value if math.isfinite(value) else MISSING
        results.scalars[key] = stored
        results.scalars[f"{key}_{name}"] = stored


def _mean(values: FloatArray) -> float:
    return float(values.mean()) if len(values) else math.nan


def _variance(values: FloatArray) -> float:
    return float(values.var(ddof=1)) if len(values) > 1 else math.nan


def _cells(first: float, second: float, difference: float, error: float, *, ate_only: bool = False) -> str:
    """Four numbers in %11.0g and their ratio in %7.2f; `ate_only` shows one number, an error and a ratio."""
    t = difference / error if error > 0.0 else math.nan
    numbers = [first, error] if ate_only else [first, second, difference, error]
    shown = [format_value(value if math.isfinite(value) else MISSING, "%11.0g").strip().rjust(11) for value in numbers]
    return "  ".join([*shown, f"{t:7.2f}" if math.isfinite(t) else "      ."])
