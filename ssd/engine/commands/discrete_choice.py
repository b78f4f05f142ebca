"""asclogit and cmclogit: McFadden's choice model with alternative- and case-specific variables; cmset."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ssd.engine.commands.declare import Line, command
from ssd.engine.commands.estimation import (
    Estimation,
    Sample,
    SessionSource,
    Vce,
    command_line,
    finish_sample,
    key_values,
    level_of,
    not_missing,
    operated_name,
    outcome_and_terms,
    parse_varlist,
    parse_vce,
    replay,
    require_numeric,
    store,
    vce_macros,
)
from ssd.engine.commands.likelihood_equations import refuse_constraints
from ssd.engine.commands.maximum import ML_OPTIONS, likelihood_word
from ssd.engine.commands.postestimation_predict import Request
from ssd.engine.commands.postestimation_statistics import Statistics
from ssd.engine.errors import StataError, no_observations, unsupported
from ssd.engine.missing import BoolArray, FloatArray, is_missing
from ssd.engine.output.estimation import (
    CoefficientTable,
    Entry,
    chi2_entry,
    cluster_note,
    count,
    number,
    print_coefficients,
    print_header,
)
from ssd.engine.results import Matrix
from ssd.engine.stats.covariance import IndexArray, group_ids, sandwich, sum_by_group, wald
from ssd.engine.stats.design import Design, build, complete
from ssd.engine.stats.distributions import chi2_tail
from ssd.engine.stats.grouped import Conditional, GroupMaximum, maximize_groups
from ssd.engine.stats.linear import independent_columns
from ssd.engine.stats.panel import own_scales
from ssd.engine.stats.terms import Term, split_words

if TYPE_CHECKING:
    from ssd.engine.session import Session

_OPTIONS = (
    "CASEVars(string) BASEalternative(string) noCONStant altwise OFFset(varname) OR " + ML_OPTIONS.replace(
        "noCONStant ", "")
)  # fmt: skip
_STORED = (
    "e(N) e(N_case) e(N_ic) e(N_clust) e(k) e(k_alt) e(k_indvars) e(k_casevars) e(k_eq) e(df_m) e(ll) e(chi2) e(p) "
    "e(alt_min) e(alt_avg) e(alt_max) e(i_base) e(const) e(converged) e(cmd) e(depvar) e(case|caseid) e(altvar) "
    "e(indvars) e(casevars) e(alteqs) e(alt1) … e(title) e(vce) e(b) e(V) r(table)"
)
_REFUSED = "weights, offset(), constraints(), margins and estat mfx afterwards, technique() other than nr"


@command("asclogit", "[varlist(numeric fv ts default=none)] [if] [in] [fweight iweight pweight] [, case(varname) "
         "ALTernatives(varname) " + _OPTIONS + "]", by="recall", stored=_STORED, refused=_REFUSED)  # fmt: skip
def asclogit(session: Session, line: Line) -> None:
    """Alternative-specific conditional logit (McFadden's choice model)."""
    if replay(session, line, "asclogit"):
        return
    case, alternatives = line.text_option("case"), line.text_option("alternatives")
    if not case or not alternatives:
        raise StataError(198, f"option {'case' if not case else 'alternatives'}() required")
    _fit(session, line, session.variable_named(case), session.variable_named(alternatives))


@command("cmclogit", "[varlist(numeric fv ts default=none)] [if] [in] [fweight iweight pweight] [, " + _OPTIONS + "]",
         by="recall", stored=_STORED, refused=_REFUSED + "; panel choice data")  # fmt: skip
def cmclogit(session: Session, line: Line) -> None:
    """Conditional logit (McFadden's) choice model on cmset data."""
    if replay(session, line, "cmclogit"):
        return
    case, alternatives = session.data.chars.get("_cm_caseid", ""), session.data.chars.get("_cm_altvar", "")
    if case not in session.data.variables or alternatives not in session.data.variables:
        raise StataError(459, "data not cmset; use cmset caseidvar altvar")
    _fit(session, line, case, alternatives)


@command("cmset", "[varlist(default=none)] [, clear force noALTernatives]", stored="r(caseid) r(altvar)",
         refused="panel choice data (three variables), noalternatives, force")  # fmt: skip
def cmset(session: Session, line: Line) -> None:
    """Declare the case identifier and the alternatives of choice data."""
    from ssd.engine.results import ResultSet

    data, log = session.data, session.log
    if line.flag("clear"):
        for key in ("_cm_caseid", "_cm_altvar"):
            data.chars.pop(key, None)
        return
    for option in ("force", "noalternatives"):
        if line.flag(option):
            raise unsupported(f"option {option} is")
    if line.varlist:
        if len(line.varlist) == 3:
            raise unsupported("panel choice data is")
        if len(line.varlist) != 2:
            raise StataError(102 if len(line.varlist) < 2 else 103, "specify caseidvar and altvar")
        case, alternatives = line.varlist
        known = not_missing(session, case) & not_missing(session, alternatives)
        pairs = np.column_stack([group_ids(key_values(session, name)[known])[0] for name in (case, alternatives)])
        if len(np.unique(pairs, axis=0)) != len(pairs):
            raise StataError(459, f"at least one choice set has more than one instance of the same alternative\n"
                             f"in {alternatives}")  # fmt: skip
        data.chars.update(_cm_caseid=case, _cm_altvar=alternatives)
    case, alternatives = data.chars.get("_cm_caseid", ""), data.chars.get("_cm_altvar", "")
    if not case:
        raise StataError(459, "data not cmset")
    log.line()
    log.line(f"      Case ID variable: {case}")
    log.line(f" Alternatives variable: {alternatives}")
    session.r = ResultSet(macros={"caseid": case, "altvar": alternatives})


@dataclass
class _Choice:
    """Sample and matrices of a choice model."""

    sample: Sample
    ids: IndexArray
    alternative: IndexArray
    """0-based alternative of each observation."""
    labels: list[str]
    """Equation names of the alternatives."""
    values: list[str]
    base: int
    X: FloatArray
    """Columns in the order of e(b)."""
    y: FloatArray
    specific: Design
    cases: Design | None
    """Of the case-specific equations; None when there are neither variables nor constants."""
    dropped: int


def _fit(session: Session, line: Line, case: str, altvar: str) -> None:
    refuse_constraints(line)
    if line.weight is not None:
        raise unsupported(f"{line.weight.kind}s with {line.command} are")
    if line.text_option("offset"):
        raise unsupported("option offset() is")
    level = level_of(session, line)
    vce = parse_vce(session, line, ("oim", "robust", "cluster"), "oim")
    source = SessionSource(session)
    outcome, terms = outcome_and_terms(session, line.varlist)
    case_terms = parse_varlist(session, split_words(line.text_option("casevars") or ""))
    require_numeric(session, case_terms)
    depvar = operated_name(outcome)
    y_all = source.get(outcome.variable, outcome.operator)
    choice = _prepare(session, line, vce, source, [(outcome,), *terms], terms, case_terms, case, altvar, y_all)
    if choice.X.shape[1] == 0:
        raise StataError(102, "no variables or constants in the model")
    fit = maximize_groups(Conditional(choice.y, choice.X, choice.ids), np.zeros(choice.X.shape[1]))
    if not line.flag("nolog"):
        session.log.line()
        for i, value in enumerate(fit.iterations):
            session.log.line(f"{f'Iteration {i}:':<13} {likelihood_word(vce)} = {number(value, '%10.0g'):>10}")
    _post(session, line, choice, fit, vce, level, depvar, case, altvar, terms, case_terms)


def _prepare(
    session: Session, line: Line, vce: Vce, source: SessionSource, everything: list[Term], terms: list[Term],
    case_terms: list[Term], case: str, altvar: str, y_all: FloatArray,
) -> _Choice:  # fmt: skip
    log = session.log
    wanted = line.sample(session) & not_missing(session, case)
    if vce.cluster:
        wanted &= not_missing(session, vce.cluster)
    rows = complete([*everything, *case_terms], source, wanted) & not_missing(session, altvar)
    if not rows.any():
        raise no_observations()
    keys = group_ids(key_values(session, case))[0]
    if not line.flag("altwise"):
        broken = np.zeros(int(keys.max()) + 1, dtype=np.bool_)
        broken[keys[wanted & ~rows]] = True
        rows &= ~broken[keys]
    if not rows.any():
        raise no_observations()
    ids, groups = group_ids(keys[rows])
    y = (y_all[rows] != 0.0).astype(np.float64)
    sizes, chosen = np.bincount(ids, minlength=groups), np.bincount(ids, weights=y, minlength=groups)
    useless = (chosen == 0) | (chosen == sizes)
    dropped = int(useless.sum())
    if dropped:
        if dropped == groups:
            raise StataError(2000, "outcome does not vary in any case")
        plural = "s" if dropped != 1 else ""
        log.line(
            f"note: {dropped} case{plural} ({int(sizes[useless].sum())} obs) dropped due to no positive outcome or"
        )
        log.line("      all positive outcomes per case.")
        rows[np.flatnonzero(rows)[useless[ids]]] = False
        ids, groups = group_ids(keys[rows])
        y = (y_all[rows] != 0.0).astype(np.float64)
    if np.any(np.bincount(ids, weights=y) > 1):
        log.line("note: multiple positive outcomes within cases encountered.")
    sample = finish_sample(session, rows, None, "", vce)
    alternative, labels, values = _alternatives(session, altvar, rows)
    if len(np.unique(np.column_stack([ids, alternative]), axis=0)) != len(ids):
        raise StataError(459, f"variable {altvar} has replicate levels for one or more cases; this is not allowed")
    if len(labels) < 2:
        raise StataError(459, f"variable {altvar} has only one level")
    counts = np.bincount(alternative, weights=y, minlength=len(labels)).astype(np.float64)
    base = _base(line.text_option("basealternative"), labels, values, counts)
    specific = build(terms, source, rows, constant=False)
    A = specific.matrix(source, rows)
    centred = A - (sum_by_group(A, ids, groups) / np.bincount(ids)[:, None])[ids] if A.shape[1] else A
    kept = independent_columns(centred, None, constant=False, scales=own_scales(A, None))
    specific.omit(kept)
    for note in specific.notes:
        log.line(note)
    A = A[:, kept]
    constant = not line.flag("noconstant")
    cases = build(case_terms, source, rows, constant=constant)
    C = cases.matrix(source, rows)
    kept = independent_columns(C, None, constant=constant)
    cases.omit(kept)
    for note in cases.notes:
        log.line(note)
    C = C[:, kept]
    _require_case_specific(cases, C, ids)
    full = np.column_stack([C, np.ones(len(C))]) if constant else C
    others = [j for j in range(len(labels)) if j != base]
    blocks = [A, *(full * (alternative == j)[:, None] for j in others)]
    X = np.ascontiguousarray(np.column_stack(blocks)) if full.shape[1] else A
    return _Choice(sample, ids, alternative, labels, values, base, X, y, specific,
                   cases if full.shape[1] else None, dropped)  # fmt: skip


def _require_case_specific(cases: Design, C: FloatArray, ids: IndexArray) -> None:
    """Raises r(459) for a variable of casevars() that varies within cases."""
    first = np.zeros((int(ids.max()) + 1, C.shape[1]))
    first[ids[::-1]] = C[::-1]
    varying = np.any(first[ids] != C, axis=0)
    names = [column.name for column in cases.columns if column.active]
    if varying.any():
        raise StataError(459, f"variable {names[int(np.argmax(varying))]} is not case-specific")


def _alternatives(session: Session, altvar: str, rows: BoolArray) -> tuple[IndexArray, list[str], list[str]]:
    """Alternative of each observation, equation names and values as text."""
    levels, index = np.unique(key_values(session, altvar)[rows], return_inverse=True)
    data = session.data
    if data.variables[altvar].is_string:
        values = [str(level) for level in levels]
        return index.reshape(-1).astype(np.intp), [_equation(value) for value in values], values
    if np.any(is_missing(levels.astype(np.float64))):
        raise StataError(459, f"variable {altvar} has missing values")
    texts = data.value_labels.get(data.variables[altvar].value_label, {})
    values = [f"{float(level):g}" for level in levels]
    labels = [_equation(texts.get(int(level), "")) or f"{altvar}_{value}".replace("-", "_") if texts else value
              for level, value in zip(levels, values, strict=True)]  # fmt: skip
    return index.reshape(-1).astype(np.intp), labels, values


def _equation(text: str) -> str:
    return text.replace(" ", "_").replace(".", "_").replace(":", "_")[:32]


def _base(typed: str | None, labels: list[str], values: list[str], chosen: FloatArray) -> int:
    if not typed:
        return int(np.argmax(chosen))
    wanted = typed.strip().strip('"')
    for known in (values, labels):
        if wanted in known:
            return known.index(wanted)
    raise StataError(459, f"basealternative({typed}) is not an alternative")


def _covariance(session: Session, choice: _Choice, fit: GroupMaximum, vce: Vce) -> FloatArray:
    """oim, or by cases (or coarser clusters) with G/(G-1)."""
    if not vce.is_robust:
        return fit.covariance
    scores, G = fit.scores, len(fit.scores)
    if vce.kind == "cluster":
        clusters, G = group_ids(key_values(session, vce.cluster)[choice.sample.rows])
        pairs = np.unique(np.column_stack([choice.ids, clusters]), axis=0)
        if len(pairs) != len(scores):
            raise StataError(459, f"cases are not nested within {vce.cluster}")
        scores = sum_by_group(scores, pairs[:, 1].astype(np.intp), G)
    return sandwich(fit.covariance, scores.T @ scores, G / (G - 1.0))


def _post(
    session: Session, line: Line, choice: _Choice, fit: GroupMaximum, vce: Vce, level: float, depvar: str, case: str,
    altvar: str, terms: list[Term], case_terms: list[Term],
) -> None:  # fmt: skip
    specific, cases = choice.specific, choice.cases
    others = [j for j in range(len(choice.labels)) if j != choice.base]
    designs: dict[str, Design] = {altvar: specific} if specific.columns else {}
    names = [f"{altvar}:{name}" for name in specific.names]
    active = list(specific.active)
    if cases is not None:
        for j in others:
            designs[choice.labels[j]] = cases
            names += [f"{choice.labels[j]}:{name}" for name in cases.names]
            active += list(cases.active)
    flags = np.array(active, dtype=np.bool_)
    b, V = np.zeros(len(names)), np.zeros((len(names), len(names)))
    b[flags] = fit.coefficients
    V[np.ix_(flags, flags)] = _covariance(session, choice, fit, vce)
    slopes = [j for j, name in enumerate(names) if flags[j] and not name.endswith(":_cons")]
    chi2, df_m = wald(b[slopes], V[np.ix_(slopes, slopes)]) if slopes else (0.0, 0)
    table = CoefficientTable(
        names, b, V, depvar, None, level, vce.heading, eform=line.flag("or"),
        coefficient_heading="Odds ratio" if line.flag("or") else "Coefficient", base_levels=line.flag("baselevels"),
        data=session.data, equation_headings=True,
    )  # fmt: skip
    title = "Alternative-specific conditional logit" if line.command == "asclogit" else "Conditional logit choice model"
    sizes = np.bincount(choice.ids)
    n = float(len(choice.ids))
    shown = _display_table(table, choice, altvar)

    def show() -> None:
        log = session.log
        shown.eform, shown.coefficient_heading, shown.level = table.eform, table.coefficient_heading, table.level
        if not line.flag("noheader"):
            log.line()
            entries = [
                Entry("Number of obs", count(n)), Entry("Number of cases", count(float(len(sizes)))), Entry("", ""),
                Entry("Alts per case: min", f"{sizes.min():,d}"), Entry("               avg", f"{sizes.mean():,.1f}"),
                Entry("               max", f"{sizes.max():,d}"), Entry("", ""), *chi2_entry("Wald", df_m, chi2),
            ]  # fmt: skip
            left = [title, f"Case ID variable: {case}", "", f"Alternatives variable: {altvar}", "", "", "", "",
                    f"{likelihood_word(vce)} = {number(fit.log_likelihood, '%10.0g')}"]  # fmt: skip
            print_header(log, left, entries, value_width=10)
            log.line()
            if vce.is_robust:
                clusters, by = (choice.sample.n_clusters, vce.cluster) if vce.cluster else (len(sizes), case)
                log.line(f"{cluster_note(clusters, by):>78}")
        if not line.flag("notable"):
            print_coefficients(log, shown)

    statistics = _statistics(choice, case, altvar, depvar)
    estimation = Estimation(designs, table, show, ("", ""), {"statistics": statistics, "predictor": _no_margins}, None)
    scalars = {
        "N": n, "N_case": float(len(sizes)), "N_ic": float(len(sizes)), "k": float(len(names)),
        "k_alt": float(len(choice.labels)), "k_eq": float(len(designs)), "k_indvars": float(len(specific.names)),
        "k_casevars": float(0 if cases is None else len(cases.columns)), "df_m": float(df_m),
        "ll": fit.log_likelihood, "chi2": chi2, "p": chi2_tail(chi2, df_m) if df_m else math.nan,
        "alt_min": float(sizes.min()), "alt_avg": float(sizes.mean()), "alt_max": float(sizes.max()),
        "i_base": float(choice.base + 1), "const": float(not line.flag("noconstant")), "converged": 1.0,
        "rank": float(np.linalg.matrix_rank(V)), "N_cases_dropped": float(choice.dropped),
    }  # fmt: skip
    if vce.is_robust:
        scalars["N_clust"] = float(choice.sample.n_clusters if vce.cluster else len(sizes))
    key = "case" if line.command == "asclogit" else "caseid"
    macros = {
        "cmd": line.command, "cmdline": command_line(line), "depvar": depvar, key: case, "altvar": altvar,
        "title": title, "indvars": " ".join(specific.names), "chi2type": "Wald", "predict": f"{line.command}_p",
        "casevars": "" if cases is None else " ".join(name for name in cases.names if name != "_cons"),
        "alteqs": " ".join(choice.labels), "marginsnotok": "_ALL",
        **{f"alt{j + 1}": label for j, label in enumerate(choice.labels)}, **vce_macros(vce, "oim"),
    }  # fmt: skip
    values = np.arange(1.0, len(choice.labels) + 1.0)
    matrices = {"altvals": Matrix(values.reshape(1, -1), ["r1"], [f"c{j + 1}" for j in range(len(values))])}
    store(session, line, estimation, sample=choice.sample.rows, scalars=scalars, macros=macros, matrices=matrices)
    show()


def _display_table(table: CoefficientTable, choice: _Choice, altvar: str) -> CoefficientTable:
    """The table as shown: with a line for the base alternative in its place."""
    from dataclasses import replace

    if choice.cases is None:
        return replace(table)
    first = len(choice.specific.names)
    size = len(choice.cases.names)
    at = first + choice.base * size
    base = choice.labels[choice.base]
    names = [*table.names[:at], f"{base}:_base", *table.names[at:]]
    b = np.insert(table.b, at, 0.0)
    V = np.insert(np.insert(table.V, at, 0.0, axis=0), at, 0.0, axis=1)
    return replace(table, names=names, b=b, V=V, base_equations=frozenset({base}), base_note="base alternative")


def _no_margins(*_: object) -> object:
    raise unsupported("margins after a choice model is")


def _statistics(choice: _Choice, case: str, altvar: str, depvar: str) -> Statistics:
    """pr: the probability of each alternative within its case; xb."""

    def utility(request: Request) -> FloatArray:
        session = request.session
        source = SessionSource(session)
        stored = session.e.matrices["b"]
        coefficients = dict(zip(stored.cols, stored.values[0], strict=True))
        n = int(np.count_nonzero(request.rows))
        total = np.zeros(n)
        for equation, design in request.estimation.designs.items():
            X = design.matrix(source, request.rows)
            names = [name for name, flag in zip(design.names, design.active, strict=True) if flag]
            part = np.zeros(n)
            for column, name in zip(X.T, names, strict=False):
                part = part + column * coefficients[f"{equation}:{name}"]
            if design.constant:
                part = part + coefficients[f"{equation}:_cons"]
            if equation != altvar:
                at = choice.values[choice.labels.index(equation)]
                keys = key_values(session, altvar)[request.rows]
                here = keys == (at if keys.dtype.kind == "U" else float(at))
                part = np.where(here, part, 0.0)
            total = total + part
        return total

    def probability(request: Request) -> FloatArray:
        eta = utility(request)
        ids, groups = group_ids(key_values(request.session, case)[request.rows])
        top = np.full(groups, -np.inf)
        np.maximum.at(top, ids, eta)
        e = np.exp(eta - top[ids])
        return np.asarray(e / np.bincount(ids, weights=e, minlength=groups)[ids], dtype=np.float64)

    note = f"(option pr assumed; Pr({altvar}))"
    return Statistics({"pr": probability, "xb": utility}, "pr", note, depvar)
