"""psmatch2: matching on the propensity score or on covariates, with the variables it leaves in the data."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import numpy as np

from ssd.engine.commands.causal_psmatch2_matches import (
    Matching,
    Plan,
    covariate_metric,
    find_matches,
    prepare,
    share_scores,
)
from ssd.engine.commands.causal_psmatch2_report import print_effects
from ssd.engine.commands.declare import Line, command
from ssd.engine.commands.estimation import (
    SessionSource,
    outcome_and_terms,
    parse_varlist,
    require_numeric,
    take_sample,
)
from ssd.engine.errors import StataError, no_observations, unsupported
from ssd.engine.missing import MISSING, BoolArray, FloatArray, is_missing
from ssd.engine.results import ResultSet
from ssd.engine.stats.terms import split_words

if TYPE_CHECKING:
    from ssd.engine.session import Session

_SCORE = "__ssd_pscore"


@command(
    "psmatch2",
    "[varlist(numeric fv)] [if] [in] [, OUTcome(varlist) Pscore(varname) Neighbor(integer 1) CALiper(real 0) "
    "LOGIT ODDS INDEX QUIetly COMmon NOREPlacement DESCending TIES ATE RADIUS KERNEL LLR SPLINE "
    "MAHALanobis(string) Kerneltype(string) BWidth(string) AI(integer 0) POPulation ALTVariance TRIM(real 100) "
    "WARNings W(string) NKnots(string) PROBIT]",
    stored="r(att) r(seatt) r(att_y) r(seatt_y), with ate also r(atu) r(ate) r(seatu) r(seate); r(depvar) r(exog); "
    "e() of the propensity model",
    refused="spline; ties without replacement or with mahalanobis(); ai() with caliper(), "
    "ties or noreplacement; of equally distant matches by mahalanobis() the first in the data is taken",
)
def psmatch2(session: Session, line: Line) -> None:
    """Matching on the propensity score or covariates: effect on the treated, weights and matched outcomes."""
    for name in ("spline", "nknots"):
        if name in line.typed:
            raise unsupported(f"option {name} of psmatch2 is")
    plan = Plan.read(line)
    outcomes = cast("list[str]", line.options.get("outcome") or [])
    for name in outcomes:
        if session.data.variables[name].is_string:
            raise StataError(109, "type mismatch")
    pscore = line.text_option("pscore")
    source = SessionSource(session)
    treatment, terms = outcome_and_terms(session, line.varlist)
    metric = parse_varlist(session, split_words(line.text_option("mahalanobis") or ""))
    require_numeric(session, metric)
    if not terms and not pscore and not metric:
        raise StataError(198, "You should either specify a varlist or propensity score")
    if terms and pscore:
        raise StataError(198, "You cannot specify both a varlist AND a propensity score")
    if (plan.common or plan.trim < 100.0) and not terms and not pscore:
        raise StataError(198, "With option 'common' a propensity score is needed. Provide one")
    rows = take_sample(session, line, source, [(treatment,), *terms, *metric], None, outcomes).rows
    status = source.get(treatment.variable, treatment.operator)
    if not np.all((status[rows] == 0.0) | (status[rows] == 1.0)):
        raise unsupported("a treatment that is not 0 or 1 is")
    score = None
    if terms or pscore:
        rows, score = _score(session, line, rows, outcomes, pscore)
    if not (status[rows] == 1.0).any() or not (status[rows] == 0.0).any():
        raise no_observations()
    matching = prepare(plan, rows, status == 1.0, score)
    if metric:
        matching.X = covariate_metric(session, line, source, metric, matching)
    find_matches(session, plan, matching, outcomes)
    _drop_earlier(session, outcomes, plan.neighbors)
    if score is not None:
        session.data.add("_pscore", score, "double", label="psmatch2: Propensity Score")
    _add_variables(session, matching, plan, outcomes)
    if line.flag("warnings") and plan.method == "neighbor" and not plan.mahalanobis and share_scores(matching, plan):
        session.log.line("There are observations with identical propensity score values.")
        session.log.line("The sort order of the data could affect your results.")
        session.log.line("Make sure that the sort order is random before calling psmatch2.")
    results = ResultSet()
    if terms:
        results.macros["exog"] = " ".join(line.varlist[1:])
    if outcomes:
        results.macros["depvar"] = " ".join(outcomes)
        print_effects(session, matching, plan, outcomes, results)
        session.run("tabulate _treated _support")
    session.r = results


def _drop_earlier(session: Session, outcomes: list[str], neighbors: int) -> None:
    """Variables of an earlier run make room, as the command itself does it."""
    names = ["_treated", "_support", "_weight", "_pscore", "_id", "_nn", "_pdif"]
    names += [f"_n{j}" for j in range(1, neighbors + 1)]
    names += [f"{prefix}{name}" for name in outcomes for prefix in ("_", "_s_", "_self_")]
    present = [name for name in names if name in session.data.variables]
    if present:
        session.data.drop(present)


def _score(
    session: Session, line: Line, rows: BoolArray, outcomes: list[str], pscore: str | None
) -> tuple[BoolArray, FloatArray]:
    """The observations that have a propensity score, estimated or given, and the score."""
    data = session.data
    if pscore:
        score = data.numeric(pscore).copy()
    else:
        parts = [f"({line.condition})"] if line.condition else []
        metric = session.expand_varlist(line.text_option("mahalanobis") or "", fv=True) if line.text_option(
            "mahalanobis") else []  # fmt: skip
        needed = [*outcomes, *(name for name in metric if name in data.variables)]
        if needed:
            parts.append(f"!missing({', '.join(needed)})")
        where = f" if {' & '.join(parts)}" if parts else ""
        if line.range is not None:
            where += f" in {line.range[0] + 1}/{line.range[1]}"
        model = "logit" if line.flag("logit") else "probit"
        session.run(f"{model} {' '.join(line.varlist)}{where}, nolog", quiet=line.flag("quietly"))
        sample = session.e.sample
        assert sample is not None
        rows = rows & sample
        session.run(f"predict double {_SCORE}, {'xb' if line.flag('index') else 'pr'}", quiet=True)
        score = np.where(rows, data.numeric(_SCORE), MISSING)
        data.drop([_SCORE])
    rows = rows & ~is_missing(score)
    if line.flag("odds"):
        with np.errstate(divide="ignore", invalid="ignore"):
            odds = np.log(score / (1.0 - score))
        score = np.where(np.isfinite(odds) & ~is_missing(score), odds, MISSING)
    return rows, score


def _add_variables(session: Session, matching: Matching, plan: Plan, outcomes: list[str]) -> None:
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
    for name, smooth in matching.smooth.items():
        data.add(f"_s_{name}", spread(smooth, np.isfinite(smooth)), "double",
                 label="psmatch2: smoothed outcome variable")  # fmt: skip
    weight = weights(matching, ate=plan.ate)
    data.add("_weight", spread(weight, weight != 0.0), "double", label="psmatch2: weight of matched controls")
    data.variables["_weight"].chars["Type"] = "aweight"
    for name in outcomes:
        other = matching.others[name]
        data.add(f"_{name}", spread(other, matching.support & np.isfinite(other)), "double",
                 label=f"psmatch2: value of {name} of match(es)")  # fmt: skip
    if matching.first is None or matching.matches is None:
        return
    identity = np.empty(data.n_obs)
    identity[matching.order] = np.arange(1, data.n_obs + 1)
    integer = "byte" if data.n_obs <= 100 else "int" if data.n_obs <= 32740 else "long"
    data.add("_id", identity, integer, label="psmatch2: Identifier (ID)")
    for j in range(plan.neighbors):
        neighbor = matching.first[:, j]
        data.add(f"_n{j + 1}", spread(neighbor.astype(np.float64) + 1.0, neighbor >= 0), integer,
                 label=f"psmatch2: ID of nearest neighbor nr. {j + 1}")  # fmt: skip
    data.add("_nn", spread(matching.matches.counts), "float", label="psmatch2: # matched neighbors")
    for name, own in matching.own.items():
        data.add(f"_self_{name}", spread(own, matching.support & np.isfinite(own)), "double",
                 label=f"psmatch2: matched value of {name} (T-T & C-C)")  # fmt: skip
    if matching.score is not None and not plan.mahalanobis:
        nearest = matching.first[:, 0]
        gap = np.abs(matching.score - matching.score[np.maximum(nearest, 0)])
        data.add("_pdif", spread(gap, nearest >= 0), "double",
                 label="psmatch2: abs(pscore - pscore[nearest neighbor])")  # fmt: skip


def weights(matching: Matching, *, ate: bool) -> FloatArray:
    """How much each observation serves as a match; 1 for the treated when only they are matched."""
    weight = matching.use if ate else np.where(matching.treated, 1.0, matching.use)
    return np.asarray(np.where(matching.support, weight, 0.0), dtype=np.float64)
