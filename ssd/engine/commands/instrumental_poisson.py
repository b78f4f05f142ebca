"""ivpoisson gmm: exponential-mean regression with endogenous regressors."""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING

import numpy as np

from ssd.engine.commands.declare import Line, command
from ssd.engine.commands.discrete_binary import restrict
from ssd.engine.commands.estimation import (
    Estimation,
    SessionSource,
    Vce,
    command_line,
    level_of,
    offset_of,
    operated_name,
    outcome_and_terms,
    parse_varlist,
    parse_vce,
    replay,
    require_numeric,
    store,
    take_sample,
    vce_macros,
)
from ssd.engine.commands.instrumental import independent_groups, split_equation, wrap_names
from ssd.engine.commands.response_predictions import Prediction, Predictions, linear_form
from ssd.engine.errors import StataError, invalid_syntax, unsupported
from ssd.engine.lang.options import TypedOption
from ssd.engine.missing import is_missing
from ssd.engine.output.estimation import (
    CoefficientTable,
    Entry,
    cluster_note,
    count,
    number,
    print_coefficients,
    print_header,
)
from ssd.engine.results import Matrix, ResultSet
from ssd.engine.stats.counts import Poisson
from ssd.engine.stats.design import Design, build
from ssd.engine.stats.distributions import chi2_tail
from ssd.engine.stats.exponential_gmm import ExponentialMoments, Kind, minimise, moment_covariance
from ssd.engine.stats.jets import exp
from ssd.engine.stats.likelihood import Equation, maximize
from ssd.engine.stats.linear import symmetric_inverse, with_constant
from ssd.engine.stats.terms import split_words

if TYPE_CHECKING:
    from ssd.engine.session import Session

_TITLE = "Exponential mean model with endogenous regressors"


@command(
    "ivpoisson",
    "[anything(equalok everything)] [if] [in] [fweight iweight pweight] [, ADDitive MULTiplicative ONEstep TWOstep "
    "Igmm noCONStant Exposure(varname) OFFset(varname) WMATrix(string) vce(string) Robust CLuster(varname) IRr noLOg "
    "Level(cilevel) BASElevels CENTER WINITial(string) noHEader noTABle]",
    by="recall",
    stored="e(N) e(k) e(n_moments) e(Q) e(J) e(J_df) e(N_clust) e(rank) e(converged) e(cmd) e(depvar) e(instd) "
    "e(insts) e(additive) e(multiplicative) e(estimator) e(wmatrix) e(vce) e(b) e(V) e(W) e(S) r(table)",
    refused="cfunction, igmm, center, winitial(), wmatrix(hac), vce(hac), vce(bootstrap), vce(jackknife)",
)
def ivpoisson(session: Session, line: Line) -> None:
    """Exponential conditional-mean model with endogenous regressors, generalized method of moments."""
    if not line.anything.strip() and replay(session, line, "ivpoisson"):
        return
    match = re.match(r"\s*(gmm|cfunction)\s+(.*)$", line.anything, re.DOTALL)
    if match is None:
        raise StataError(198, "must specify estimator gmm or cfunction") if line.anything else invalid_syntax()
    if match.group(1) == "cfunction":
        raise unsupported("ivpoisson cfunction is")
    for option in ("igmm", "center"):
        if line.flag(option):
            raise unsupported(f"option {option} is")
    if line.text_option("winitial"):
        raise unsupported("option winitial() is")
    if line.flag("additive") and line.flag("multiplicative"):
        raise StataError(198, "only one of additive or multiplicative may be specified")
    kind: Kind = "multiplicative" if line.flag("multiplicative") else "additive"
    outer, inside, instruments_text = split_equation(match.group(2))
    level = level_of(session, line)
    vce, wmatrix = _vce(session, line)
    source = SessionSource(session)
    outcome, exogenous_terms = outcome_and_terms(session, split_words(outer))
    endogenous_terms = parse_varlist(session, split_words(inside))
    instrument_terms = parse_varlist(session, split_words(instruments_text))
    for terms in (endogenous_terms, instrument_terms):
        require_numeric(session, terms)
    everything = [(outcome,), *exogenous_terms, *endogenous_terms, *instrument_terms]
    sample = take_sample(session, line, source, everything, Vce(vce.kind, vce.cluster))
    offset_all, offset_name = offset_of(session, line, sample.rows)
    if offset_all is not None:
        sample = restrict(session, sample, vce, ~is_missing(offset_all[sample.rows]))
    constant = not line.flag("noconstant")
    exogenous = build(exogenous_terms, source, sample.rows, constant=constant)
    endogenous = build(endogenous_terms, source, sample.rows, constant=False)
    instruments = build(instrument_terms, source, sample.rows, constant=False)
    X1, X2, Z = independent_groups(session, source, sample, exogenous, endogenous, instruments, constant)
    if Z.shape[1] < X2.shape[1]:
        raise StataError(481, "equation not identified; must have at least as many instruments not in\n"
                         "the regression as there are instrumented variables")  # fmt: skip
    y = source.get(outcome.variable, outcome.operator)[sample.rows]
    if np.any(y < 0.0):
        raise StataError(459, f"{operated_name(outcome)} must be greater than or equal to zero")
    if not np.any(y > 0.0):
        raise StataError(498, f"{operated_name(outcome)} is zero for all observations")
    X = with_constant(np.column_stack([X1, X2]), constant)
    w = np.ones(len(y)) if sample.w is None else sample.w
    offset = np.zeros(len(y)) if offset_all is None else offset_all[sample.rows]
    moments = ExponentialMoments(y, X, with_constant(np.column_stack([X1, Z]), constant), w, offset, kind)
    start = np.zeros(X.shape[1])
    if constant:
        start[-1] = math.log(float(w @ y) / float(w @ np.exp(offset)))
    b = maximize(Poisson(y), [Equation(X, offset)], start, w).coefficients
    W = symmetric_inverse(moments.Z.T @ (moments.Z * w[:, None]) / moments.n)
    log = session.log
    rounds = 1 if line.flag("onestep") else 2
    for step in range(rounds):
        if step:
            W = symmetric_inverse(moments.spread(b, wmatrix, sample.clusters, sample.n_clusters))
        b, history = minimise(moments, W, b)
        if not line.flag("nolog"):
            log.line()
            log.line(f"Step {step + 1}")
            for i, value in enumerate(history):
                log.line(f"{f'Iteration {i}:':<13} GMM criterion Q(b) = {number(value, '%10.0g'):>10}")
    S = moments.spread(b, vce.kind, sample.clusters, sample.n_clusters)
    V = moment_covariance(moments.jacobian(b), W, S, moments.n)
    g = moments.mean(b)
    Q = float(g @ W @ g)
    depvar = operated_name(outcome)
    design = Design([*exogenous.columns, *endogenous.columns], constant)
    design.factors.update(exogenous.factors)
    design.bases.update(exogenous.bases)
    names = [f"{depvar}:{name}" for name in design.names]
    eform = line.flag("irr")
    table = CoefficientTable(
        names, design.expand(b), design.expand(V), depvar, None, level, vce.heading,
        coefficient_heading="IRR" if eform else "Coefficient", eform=eform, base_levels=line.flag("baselevels"),
        data=session.data,
    )  # fmt: skip
    endogenous_names = [column.name for column in endogenous.columns if column.active]
    used = [column.name for column in (*exogenous.columns, *instruments.columns) if column.active]
    k, q = X.shape[1], moments.Z.shape[1]

    def show() -> None:
        if not line.flag("noheader"):
            log.line()
            log.line(_TITLE)
            log.line()
            left = [f"Number of parameters = {k:3d}", f"Number of moments    = {q:3d}",
                    "Initial weight matrix: Unadjusted"]  # fmt: skip
            entries = [Entry("Number of obs", count(sample.n))]
            print_header(log, left, entries, label_width=15, value_width=6)
            if rounds > 1:
                log.line(f"GMM weight matrix:     {wmatrix.capitalize()}")
            log.line()
            if vce.kind == "cluster":
                log.line(f"{cluster_note(sample.n_clusters, vce.cluster):>78}")
        if not line.flag("notable"):
            print_coefficients(log, table)
            if eform and constant:
                log.line("Note: _cons estimates baseline incidence rate.")
            wrap_names(session, "Endogenous:", endogenous_names)
            wrap_names(session, "Exogenous: ", used)

    predictions = Predictions(
        depvar, "n", "(option n assumed; predicted number of events)",
        {"n": Prediction("Predicted number of events", lambda at: exp(at[0])), "xb": linear_form()},
    )  # fmt: skip
    weights = (line.weight.kind, line.weight.expression) if line.weight is not None else ("", "")
    estimation = Estimation(
        {depvar: design}, table, show, weights,
        {"offset": offset_name, "estat": {"overid": _overid}, **predictions.entries()}, sample.w,
    )  # fmt: skip
    scalars = {
        "N": sample.n, "k": float(k), "k_eq": 1.0, "n_moments": float(q), "Q": Q, "J": moments.n * Q,
        "J_df": float(q - k), "rank": float(np.linalg.matrix_rank(V)), "converged": 1.0,
    }  # fmt: skip
    if vce.kind == "cluster":
        scalars["N_clust"] = float(sample.n_clusters)
    macros = {
        "cmd": "ivpoisson", "cmdline": command_line(line), "depvar": depvar, "title": _TITLE, kind: kind,
        "estimator": "gmm", "gmmestimator": "onestep" if rounds == 1 else "twostep", "wmatrix": wmatrix,
        "instd": " ".join(endogenous_names), "insts": " ".join(used), "offset": offset_name,
        "predict": "ivpoisson_p", **vce_macros(vce, "unadjusted"),
    }  # fmt: skip
    size = [f"m{i + 1}" for i in range(q)]
    matrices = {"W": Matrix(W, size, list(size)), "S": Matrix(S, size, list(size))}
    store(session, line, estimation, sample=sample.rows, scalars=scalars, macros=macros, matrices=matrices)
    show()


def _vce(session: Session, line: Line) -> tuple[Vce, str]:
    """vce() and the kind of the weight matrix; each defaults to the other, robust when neither is typed."""
    words = (line.text_option("wmatrix") or "").split()
    wmatrix = ""
    cluster = ""
    if words:
        wmatrix = next((name for name, least in (("unadjusted", 2), ("robust", 1), ("cluster", 2))
                        if name.startswith(words[0]) and len(words[0]) >= least), "")  # fmt: skip
        if not wmatrix or (wmatrix == "cluster") != (len(words) == 2):
            raise unsupported(f"wmatrix({' '.join(words)}) is")
        cluster = session.variable_named(words[1]) if wmatrix == "cluster" else ""
    vce = parse_vce(session, line, ("unadjusted", "robust", "cluster"), wmatrix or "robust")
    if not vce.typed and cluster:
        vce = Vce("cluster", cluster, typed=False)
    if cluster and vce.cluster != cluster:
        raise unsupported("wmatrix(cluster) with another vce() is")
    # The weight matrix does not follow vce(): it stays robust unless wmatrix() says otherwise.
    return vce, wmatrix or ("cluster" if vce.kind == "cluster" else "robust")


def _overid(session: Session, rest: str, options: list[TypedOption]) -> None:
    """Hansen's J of the two-step estimator."""
    if rest.strip() or options:
        raise StataError(198, "estat overid takes no arguments")
    e = session.e.scalars
    if session.e.macros.get("gmmestimator") == "onestep":
        raise StataError(321, "estat overid is not valid after the one-step estimator")
    df = int(e["J_df"])
    if df == 0:
        raise StataError(498, "no overidentifying restrictions")
    p = chi2_tail(e["J"], df)
    session.log.line()
    session.log.line("Test of overidentifying restriction:")
    session.log.line()
    session.log.line(f"Hansen's J chi2({df}) = {number(e['J'], '%8.0g')} (p = {p:.4f})")
    session.r = ResultSet(scalars={"J": e["J"], "J_df": float(df), "J_p": p})
